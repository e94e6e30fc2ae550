/* SPDX-License-Identifier: Apache-2.0 */
/* unix(7): the three types, names, descriptors and credentials, and wrong use. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *err(long r)
{
	static char buf[4][32];
	static int at;
	char *b = buf[at++ & 3];

	if (r < 0)
		snprintf(b, 32, "%s", strerrorname_np(errno));
	else
		snprintf(b, 32, "%ld", r);
	return b;
}

static unsigned polled(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };

	poll(&p, 1, 0);
	return (unsigned)p.revents;
}

static socklen_t name(struct sockaddr_un *a, const char *path)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path, path);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

static int send_fds(int s, const int *fds, int n, const char *data, size_t len)
{
	char control[CMSG_SPACE(sizeof(int) * 8)] = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)n);
	return (int)sendmsg(s, &m, 0);
}

static int recv_fds(int s, int *fds, char *data, size_t len, size_t room, int flags)
{
	char control[256] = { 0 };
	struct iovec iov = { data, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = room };
	int n = (int)recvmsg(s, &m, flags), got = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_type != SCM_RIGHTS)
			continue;
		got = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), (size_t)got * sizeof(int));
	}
	printf("recvmsg %s fds %d flags %x\n", err(n), got, (unsigned)m.msg_flags);
	return got;
}

static void streams(void)
{
	char buf[64];
	int s[2], n;

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	printf("idle %x\n", polled(s[0]));
	write(s[0], "one", 3);
	write(s[0], "two", 3);
	ioctl(s[1], FIONREAD, &n);
	printf("FIONREAD %d poll %x\n", n, polled(s[1]));
	printf("peek %s", err(recv(s[1], buf, sizeof(buf), MSG_PEEK)));
	printf(" read %s", err(read(s[1], buf, 4)));
	printf(" %.4s rest %s\n", buf, err(read(s[1], buf, 64)));
	printf("dontwait %s\n", err(recv(s[1], buf, 1, MSG_DONTWAIT)));
	printf("shutdown %s\n", err(shutdown(s[0], SHUT_WR)));
	printf("after: %x %x", polled(s[0]), polled(s[1]));
	printf(" read %s write %s\n", err(read(s[1], buf, 1)), err(send(s[0], "x", 1, MSG_NOSIGNAL)));
	printf("other way %s\n", err(write(s[1], "back", 4)));
	close(s[1]);
	printf("closed: %x read %s", polled(s[0]), err(read(s[0], buf, 64)));
	printf(" then %s\n", err(read(s[0], buf, 64)));
	close(s[0]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	write(s[0], "unread", 6);
	close(s[1]);
	printf("reset: read %s", err(read(s[0], buf, 1)));
	printf(" write %s\n", err(send(s[0], "x", 1, MSG_NOSIGNAL)));
	close(s[0]);
	printf("OOB type %s proto %s\n", err(socketpair(AF_UNIX, 7, 0, s)), err(socketpair(AF_UNIX, SOCK_STREAM, 9, s)));
}

static void packets(void)
{
	char buf[64];
	int s[2];

	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
	write(s[0], "hello", 5);
	write(s[0], "world!", 6);
	printf("seq %s", err(read(s[1], buf, 3)));
	printf(" %.3s next %s\n", buf, err(recv(s[1], buf, 3, MSG_TRUNC)));
	close(s[0]);
	printf("seq eof %s\n", err(read(s[1], buf, 3)));
	close(s[1]);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	printf("dgram empty %s\n", err(write(s[0], "", 0)));
	write(s[0], "abc", 3);
	printf("dgram %s %s\n", err(read(s[1], buf, 64)), err(read(s[1], buf, 64)));
	close(s[0]);
	printf("peer gone %s\n", err(write(s[1], "x", 1)));
	close(s[1]);
}

static void named(void)
{
	struct sockaddr_un a, b;
	socklen_t len = name(&a, "/tmp/unix.test"), blen = sizeof(b);
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), x;
	struct ucred cred;
	struct stat st;

	unlink(a.sun_path);
	printf("nobody %s\n", err(connect(c, (void *)&a, len)));
	printf("listen unbound %s\n", err(listen(l, 1)));
	printf("bind %s\n", err(bind(l, (void *)&a, len)));
	printf("bind again %s\n", err(bind(l, (void *)&a, len)));
	stat(a.sun_path, &st);
	printf("is socket %d open %s\n", S_ISSOCK(st.st_mode), err(open(a.sun_path, O_RDWR)));
	printf("not listening %s\n", err(connect(c, (void *)&a, len)));
	printf("listen %s\n", err(listen(l, 1)));
	printf("connect %s\n", err(connect(c, (void *)&a, len)));
	printf("listener %x\n", polled(l));
	x = accept(l, (void *)&b, &blen);
	printf("accept %d name len %u\n", x >= 0, blen);
	blen = sizeof(cred);
	getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cred, &blen);
	printf("peercred %d %d\n", cred.pid == getpid(), cred.uid == getuid());
	blen = sizeof(b);
	getpeername(c, (void *)&b, &blen);
	printf("peer %s\n", b.sun_path);
	printf("connect twice %s\n", err(connect(c, (void *)&a, len)));
	printf("wrong type %s\n", err(connect(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&a, len)));
	fcntl(l, F_SETFL, O_NONBLOCK);
	printf("accept none %s\n", err(accept(l, NULL, NULL)));
	int q[4], full = 0;

	for (int i = 0; i < 4; i++) {
		q[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(q[i], (void *)&a, len) < 0) {
			full = 1;
			printf("backlog after %d: %s\n", i, strerrorname_np(errno));
			break;
		}
	}
	printf("full %d\n", full);
	close(l);
	printf("gone %s\n", err(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, len)));
	unlink(a.sun_path);
	close(c);
	close(x);
}

static void abstract(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX }, b;
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 6, blen = sizeof(b);
	int d = socket(AF_UNIX, SOCK_DGRAM, 0), e = socket(AF_UNIX, SOCK_DGRAM, 0);
	char buf[16];

	memcpy(a.sun_path, "\0abstr", 6);
	printf("bind %s", err(bind(d, (void *)&a, len)));
	printf(" taken %s\n", err(bind(e, (void *)&a, len)));
	printf("auto %s", err(bind(e, (void *)&a, sizeof(sa_family_t))));
	getsockname(e, (void *)&b, &blen);
	printf(" len %u zero %d\n", blen, b.sun_path[0]);
	printf("sendto %s\n", err(sendto(e, "ping", 4, 0, (void *)&a, len)));
	blen = sizeof(b);
	printf("recvfrom %s", err(recvfrom(d, buf, 16, 0, (void *)&b, &blen)));
	printf(" from len %u\n", blen);
	printf("reply %s", err(sendto(d, "pong", 4, 0, (void *)&b, blen)));
	printf(" got %s\n", err(recv(e, buf, 16, 0)));
	printf("connect %s send %s\n", err(connect(e, (void *)&a, len)), err(send(e, "x", 1, 0)));
	printf("no dest %s\n", err(send(d, "x", 1, 0)));
	printf("listen dgram %s\n", err(listen(d, 1)));
	close(d);
	close(e);
}

static void rights(void)
{
	int s[2], p[2], fds[8], n;
	char buf[64];

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	pipe(p);
	printf("send %s\n", err(send_fds(s[0], p, 2, "data", 4)));
	close(p[0]);
	close(p[1]);
	n = recv_fds(s[1], fds, buf, 64, CMSG_SPACE(8), 0);
	if (n == 2) {
		write(fds[1], "through", 7);
		printf("pipe lives %s\n", err(read(fds[0], buf, 64)));
		close(fds[0]);
		close(fds[1]);
	}
	int bad[1] = { 99 };

	printf("bad fd %s\n", err(send_fds(s[0], bad, 1, "x", 1)));
	int many[3] = { 0, 1, 2 };

	send_fds(s[0], many, 3, "cut", 3);
	n = recv_fds(s[1], fds, buf, 64, CMSG_LEN(4), MSG_CMSG_CLOEXEC);
	if (n > 0)
		printf("cloexec %d\n", fcntl(fds[0], F_GETFD));
	send_fds(s[0], many, 1, "none", 4);
	recv_fds(s[1], fds, buf, 64, 0, 0);
	write(s[0], "ab", 2);
	send_fds(s[0], many, 1, "cd", 2);
	write(s[0], "ef", 2);
	recv_fds(s[1], fds, buf, 64, 64, 0);
	recv_fds(s[1], fds, buf, 64, 64, 0);
	close(s[0]);
	close(s[1]);
}

static void creds(void)
{
	char control[CMSG_SPACE(sizeof(struct ucred))], buf[8];
	struct iovec iov = { buf, 8 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int s[2], on = 1;

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	write(s[0], "x", 1);
	printf("recvmsg %s", err(recvmsg(s[1], &m, 0)));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct ucred *u = c ? (void *)CMSG_DATA(c) : NULL;

	printf(" type %d pid %d uid %d\n", c ? c->cmsg_type : 0, u && u->pid == getpid(), u && u->uid == getuid());
	close(s[0]);
	close(s[1]);
}

static void bulk(void)
{
	static char big[300000];
	size_t total = 0;
	int s[2], st;
	ssize_t n;

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	if (fork() == 0) {
		close(s[1]);
		for (int i = 0; i < 20; i++) {
			if (write(s[0], big, sizeof(big)) != sizeof(big))
				_exit(1);
		}
		_exit(0);
	}
	close(s[0]);
	while ((n = read(s[1], big, sizeof(big))) > 0)
		total += (size_t)n;
	wait(&st);
	printf("bulk %zu status %d\n", total, st);
	close(s[1]);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s);
	total = 0;
	while ((n = write(s[0], big, 1000)) > 0)
		total += (size_t)n;
	printf("full: %s some %d poll %x\n", err(n), total > 50000, polled(s[0]));
	while (read(s[1], big, sizeof(big)) > 0)
		;
	printf("drained: poll %x\n", polled(s[0]));
	struct timeval tv = { 0, 50000 };
	fcntl(s[1], F_SETFL, 0);
	setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	printf("rcvtimeo %s %s\n", err(read(s[1], big, 1)), err(recv(s[1], big, 1, 0)));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	streams();
	packets();
	named();
	abstract();
	rights();
	creds();
	bulk();
	return 0;
}
