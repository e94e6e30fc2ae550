/* SPDX-License-Identifier: Apache-2.0 */
/* Host calls on descriptors: see io.h. */
#include "host/io.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "host/rule.h"

HOST_SYSCALL(read);
HOST_SYSCALL(write);
HOST_SYSCALL(close);
HOST_SYSCALL(ppoll);
HOST_SYSCALL(accept4);
HOST_SYSCALL(recvmsg);
HOST_SYSCALL(sendmsg);
/* tap/io and its captures run in this process (tap/README.md). */
HOST_SYSCALL(recvmmsg);
HOST_SYSCALL(sendmmsg);
HOST_SYSCALL(readv);
HOST_SYSCALL(writev);
/* clock_gettime is answered by the vDSO; the call is made when the host's clock source has none. */
HOST_SYSCALL(clock_gettime);

int host_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void host_event_signal(int fd)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, which signals as well. */
	(void)!write(fd, &one, sizeof(one));
}

void host_event_clear(int fd)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
}

int host_poll(struct pollfd *fds, nfds_t n, int64_t deadline)
{
	struct timespec now, left = { 0 };
	int r;

	if (deadline != INT64_MAX) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		int64_t ns = deadline - ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec);

		if (ns > 0) {
			left.tv_sec = ns / 1000000000;
			left.tv_nsec = ns % 1000000000;
		}
	}
	r = ppoll(fds, n, deadline == INT64_MAX ? NULL : &left, NULL);
	if (r >= 0)
		return r;
	for (nfds_t i = 0; i < n; i++)
		fds[i].revents = 0;
	return errno == EINTR ? 0 : -errno;
}

ssize_t host_write(int fd, const void *buf, size_t len)
{
	ssize_t r;

	do {
		r = write(fd, buf, len);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

void host_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

int host_accept(int fd)
{
	int r = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return r < 0 ? -errno : r;
}

ssize_t host_recvmsg(int fd, struct msghdr *m)
{
	ssize_t r;

	do {
		r = recvmsg(fd, m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

ssize_t host_sendmsg(int fd, const struct msghdr *m)
{
	ssize_t r;

	do {
		r = sendmsg(fd, m, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}
