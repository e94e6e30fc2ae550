/* SPDX-License-Identifier: Apache-2.0 */
/* Host calls on donated descriptors. */
#include "host/file.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/rule.h"

HOST_SYSCALL(preadv);
HOST_SYSCALL(pwritev);
HOST_SYSCALL(pwritev2);
HOST_SYSCALL(readv);
HOST_SYSCALL(writev);
HOST_SYSCALL(lseek);
HOST_SYSCALL(fstat);
HOST_SYSCALL(newfstatat, HOST_EQ(3, AT_EMPTY_PATH)); /* what glibc's fstat(3) does */
HOST_SYSCALL(ftruncate);
HOST_SYSCALL(fsync);
HOST_SYSCALL(fdatasync);
HOST_SYSCALL(fcntl, HOST_INT(1, F_GETFL));
HOST_SYSCALL(close);
HOST_SYSCALL(ioctl, HOST_INT(1, TCGETS));
HOST_SYSCALL(ioctl, HOST_INT(1, TCSETS));
HOST_SYSCALL(ioctl, HOST_INT(1, TCSETSW));
HOST_SYSCALL(ioctl, HOST_INT(1, TCSETSF));
HOST_SYSCALL(ioctl, HOST_INT(1, TIOCGWINSZ));
HOST_SYSCALL(ioctl, HOST_INT(1, TIOCSWINSZ));
HOST_SYSCALL(ioctl, HOST_INT(1, FIONREAD));
HOST_SYSCALL(ioctl, HOST_INT(1, TCFLSH));
HOST_SYSCALL(ioctl, HOST_INT(1, TCSBRK));
HOST_SYSCALL(ioctl, HOST_INT(1, TCXONC));
HOST_SYSCALL(poll);
HOST_SYSCALL(epoll_create1);
HOST_SYSCALL(epoll_ctl);
HOST_SYSCALL(epoll_wait);
HOST_SYSCALL(sendmsg);
HOST_SYSCALL(recvmsg);
HOST_SYSCALL(signalfd4);
HOST_SYSCALL(read);

#define RETRY(call)                                                                                \
	({                                                                                         \
		__typeof__(call) retry_r_;                                                         \
		do {                                                                               \
			retry_r_ = (call);                                                         \
		} while (retry_r_ < 0 && errno == EINTR);                                          \
		retry_r_ < 0 ? -errno : retry_r_;                                                  \
	})

ssize_t host_preadv(int fd, const struct iovec *iov, int n, int64_t off)
{
	return RETRY(preadv(fd, iov, n, off));
}

ssize_t host_pwritev(int fd, const struct iovec *iov, int n, int64_t off)
{
	return RETRY(pwritev(fd, iov, n, off));
}

ssize_t host_readv(int fd, const struct iovec *iov, int n)
{
	return RETRY(readv(fd, iov, n));
}

ssize_t host_writev(int fd, const struct iovec *iov, int n)
{
	return RETRY(writev(fd, iov, n));
}

/* For a kernel that cannot RWF_NOWAIT on it: POLLOUT promises room for PIPE_BUF bytes. */
static ssize_t write_small(int fd, const struct iovec *iov)
{
	struct iovec one = *iov;

	if (!(host_poll_now(fd, POLLOUT) & (POLLOUT | POLLERR | POLLHUP)))
		return -EAGAIN;
	if (one.iov_len > 4096)
		one.iov_len = 4096;
	return host_writev(fd, &one, 1);
}

ssize_t host_writev_nowait(int fd, const struct iovec *iov, int n, bool is_socket)
{
	if (is_socket) {
		struct msghdr mh = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };

		return RETRY(sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL));
	}

	ssize_t r = RETRY(pwritev2(fd, iov, n, -1, RWF_NOWAIT));

	return r == -EOPNOTSUPP || r == -EINVAL ? write_small(fd, iov) : r;
}

int64_t host_lseek(int fd, int64_t off, int whence)
{
	return RETRY(lseek(fd, off, whence));
}

int host_fstat(int fd, struct stat *st)
{
	return RETRY(fstat(fd, st));
}

int host_ftruncate(int fd, int64_t len)
{
	return RETRY(ftruncate(fd, len));
}

int host_fallocate(int fd, int mode, int64_t off, int64_t len)
{
	return RETRY(fallocate(fd, mode, off, len));
}

int host_fsync(int fd, bool datasync)
{
	return datasync ? RETRY(fdatasync(fd)) : RETRY(fsync(fd));
}

int host_file_flags(int fd)
{
	return RETRY(fcntl(fd, F_GETFL));
}

int host_tty_ioctl(int fd, unsigned long cmd, void *arg)
{
	return RETRY(ioctl(fd, cmd, arg));
}

int host_poll_now(int fd, int events)
{
	struct pollfd p = { .fd = fd, .events = (short)events };
	int r = RETRY(poll(&p, 1, 0));

	return r <= 0 ? 0 : p.revents;
}

int host_epoll_new(void)
{
	return RETRY(epoll_create1(EPOLL_CLOEXEC));
}

int host_epoll_add(int ep, int fd, uint64_t data)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
				  .data.u64 = data };

	return RETRY(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
}

int host_epoll_del(int ep, int fd)
{
	return RETRY(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
}

int host_epoll_wait(int ep, struct epoll_event *events, int max)
{
	return RETRY(epoll_wait(ep, events, max, -1));
}

ssize_t host_send(int sock, const struct iovec *iov, int n)
{
	struct msghdr mh = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };

	return RETRY(sendmsg(sock, &mh, MSG_NOSIGNAL));
}

ssize_t host_recv(int sock, void *buf, size_t len, int *fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(4 * sizeof(int))];
	} ctl;
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl.buf,
			     .msg_controllen = sizeof(ctl.buf) };
	ssize_t r = RETRY(recvmsg(sock, &mh, MSG_CMSG_CLOEXEC));

	if (r < 0)
		return r;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t off = 0; off + sizeof(int) <= c->cmsg_len - CMSG_LEN(0);
		     off += sizeof(int)) {
			int got;

			memcpy(&got, CMSG_DATA(c) + off, sizeof(int));
			if (*fd < 0)
				*fd = got;
			else
				host_close(got);
		}
	}
	return r;
}

void host_block_tty_signals(void)
{
	static const int signals[] = { SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int host_signalfd(const int *signals, int n)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < n; i++)
		sigaddset(&set, signals[i]);
	return RETRY(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int host_signalfd_read(int fd)
{
	struct signalfd_siginfo si;
	ssize_t n = RETRY(read(fd, &si, sizeof(si)));

	return n == (ssize_t)sizeof(si) ? (int)si.ssi_signo : 0;
}
