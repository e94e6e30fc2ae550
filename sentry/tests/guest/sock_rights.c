/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors passed over unix sockets in several control messages of one call (unix(7)). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char control[8192];

/* Sends one byte with @messages control messages of @each descriptors; the last one is @last. */
static int send_rights(int s, int messages, int each, int fd, int last)
{
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *c = (void *)control;

	memset(control, 0, sizeof(control));
	for (int i = 0; i < messages; i++) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(each * sizeof(int));
		for (int k = 0; k < each; k++)
			((int *)CMSG_DATA(c))[k] = i == messages - 1 && k == each - 1 ? last : fd;
		m.msg_controllen += CMSG_SPACE(each * sizeof(int));
		c = (void *)(control + m.msg_controllen);
	}
	return sendmsg(s, &m, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void receive(int s)
{
	char b[4];
	struct iovec iov = { b, sizeof(b) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t r = recvmsg(s, &m, MSG_DONTWAIT);
	int valid = 0;

	printf("  received %d flags %#x\n", r < 0 ? -errno : (int)r, m.msg_flags);
	for (struct cmsghdr *c = r < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		for (int i = 0; i < n; i++)
			valid += close(((int *)CMSG_DATA(c))[i]) == 0;
		printf("  type %d with %d descriptors, %d valid\n", c->cmsg_type, n, valid);
	}
}

int main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	static const int cases[][2] = { { 1, 1 }, { 2, 1 }, { 3, 2 }, { 2, 100 }, { 1, 253 },
					{ 1, 254 }, { 2, 127 }, { 11, 23 } };
	int fd = open("/dev/null", O_RDONLY);

	for (int t = 0; t < 3; t++) {
		int sv[2];

		socketpair(AF_UNIX, types[t], 0, sv);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			printf("type %d, %d messages of %d: %d\n", types[t], cases[i][0],
			       cases[i][1], send_rights(sv[0], cases[i][0], cases[i][1], fd, fd));
			receive(sv[1]);
		}
		printf("bad descriptor in the second: %d\n", send_rights(sv[0], 2, 1, fd, 999));
		receive(sv[1]);
		close(sv[0]);
		close(sv[1]);
	}
	printf("next descriptor %d\n", dup(fd));
	return 0;
}
