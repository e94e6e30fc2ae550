/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inherited.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <dirent.h>

#define MAX_TRACKED 4096

static unsigned char open_at_start[MAX_TRACKED / 8];

static void fill_stdio(void)
{
	int fd;

	/* A closed 0, 1 or 2 would be handed out again for something else. */
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd < 3);
	if (fd >= 3)
		close(fd);
}

void inherited_init(void)
{
	DIR *dir;

	fill_stdio();
	dir = opendir("/proc/self/fd");
	for (struct dirent *d; dir && (d = readdir(dir));) {
		int fd = atoi(d->d_name);

		if (d->d_name[0] != '.' && fd != dirfd(dir) && fd < MAX_TRACKED)
			open_at_start[fd / 8] |= (unsigned char)(1u << fd % 8);
	}
	if (dir)
		closedir(dir);
}

bool inherited_fd(int fd)
{
	return fd >= 0 && fd < MAX_TRACKED && (open_at_start[fd / 8] >> fd % 8 & 1);
}
