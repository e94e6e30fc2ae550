/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/sweep.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "container/lifecycle.h"

static int sweep_one(struct container *c, void *arg)
{
	struct cause ignored;
	int fd;

	(void)arg;
	if (c->status != CONTAINER_STOPPED || !json_object_get(c->annotations, SWEEP_ANNOTATION))
		return 0;
	fd = openat(c->dir_fd, "lock", O_RDWR | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)container_destroy(c, &ignored);
	if (fd >= 0)
		close(fd);
	return 0;
}

void sweep(const char *root)
{
	struct cause ignored;

	(void)container_each(root, sweep_one, NULL, &ignored);
}
