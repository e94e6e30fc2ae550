/* SPDX-License-Identifier: Apache-2.0 */
/* Host processes, held by number and start time. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container/container.h"

bool proc_identify(pid_t pid, struct proc_id *ret)
{
	char path[64], buf[1024], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return false;
	buf[n] = 0;
	/* The name may hold anything; the fields begin after the last parenthesis. */
	p = strrchr(buf, ')');
	if (!p || !p[1] || p[2] == 'Z' || p[2] == 'X')
		return false;
	p += 2;
	/* Field 3 is the state, field 22 the start time. */
	for (int field = 3; field < 22 && p; field++)
		p = strchr(p + 1, ' ');
	if (!p)
		return false;
	ret->pid = pid;
	ret->start = strtoull(p, NULL, 10);
	return true;
}

bool proc_alive(const struct proc_id *id)
{
	struct proc_id now;

	return id->pid > 0 && proc_identify(id->pid, &now) && now.start == id->start;
}

int proc_open(const struct proc_id *id)
{
	int fd;

	if (id->pid <= 0)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
	if (fd < 0)
		return -errno;
	/* Checked after opening: the number cannot be reused while the fd names the process. */
	if (!proc_alive(id)) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}

bool proc_wait(const struct proc_id *id, int timeout_ms)
{
	int fd = proc_open(id);
	struct pollfd p = {fd, POLLIN, 0};
	int r;

	if (fd < 0)
		return true;
	do {
		r = poll(&p, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	close(fd);
	return r > 0;
}

int proc_signal(const struct proc_id *id, int signo)
{
	int fd = proc_open(id);
	int r;

	if (fd < 0)
		return fd;
	r = syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0) < 0 ? -errno : 0;
	close(fd);
	return r;
}
