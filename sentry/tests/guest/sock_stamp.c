/* SPDX-License-Identifier: Apache-2.0 */
/* Time stamps of sockets, both ways, and completions of MSG_ZEROCOPY: what the error queue says. */
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "guest.h"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif

static bool recent(const struct timespec *ts)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ts->tv_sec <= now.tv_sec && now.tv_sec - ts->tv_sec < 10;
}

static void show(int fd, int flags)
{
	char buf[64], control[512];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &msg, flags | MSG_DONTWAIT);

	if (n < 0) {
		printf("recvmsg: %s\n", strerrorname_np(errno));
		return;
	}
	printf("%zd bytes, flags %#x:", n, msg.msg_flags);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		struct sock_extended_err ee;
		struct timespec ts[3] = {0};

		printf(" [%d %d len %zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
		if (c->cmsg_level == SOL_SOCKET) {
			memcpy(ts, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
			printf(" recent %d", recent(ts));
		} else {
			memcpy(&ee, CMSG_DATA(c), sizeof(ee));
			printf(" errno %u origin %u type %u code %u info %u data %u", ee.ee_errno,
			       ee.ee_origin, ee.ee_type, ee.ee_code, ee.ee_info, ee.ee_data);
		}
		printf("]");
	}
	printf("\n");
}

static void pair(int s[2])
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s[0] = socket(AF_INET, SOCK_DGRAM, 0);
	s[1] = socket(AF_INET, SOCK_DGRAM, 0);
	bind(s[1], (struct sockaddr *)&sin, sizeof(sin));
	getsockname(s[1], (struct sockaddr *)&sin, &len);
	connect(s[0], (struct sockaddr *)&sin, sizeof(sin));
}

static void set(int fd, int name, int v)
{
	if (setsockopt(fd, SOL_SOCKET, name, &v, sizeof(v)) < 0)
		printf("option %d: %s\n", name, strerrorname_np(errno));
}

/* Linux turns stamping on and off from a worker, some time after the option: a socket that keeps wanting
 * stamps, and has got one, holds it on for the rest of the program. */
static void hold_stamping_on(void)
{
	int s[2];

	pair(s);
	set(s[1], SO_TIMESTAMPING, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
	for (int i = 0; i < 2000; i++) {
		char buf[8], control[256];
		struct iovec iov = {buf, sizeof(buf)};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				     .msg_controllen = sizeof(control)};

		send(s[0], "x", 1, 0);
		if (recvmsg(s[1], &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
			return;
		usleep(1000);
	}
	printf("no packet was ever stamped\n");
}

int main(void)
{
	struct pollfd p;
	int s[2];

	hold_stamping_on();
	pair(s);
	printf("-- receiving\n");
	set(s[1], SO_TIMESTAMP, 1);
	send(s[0], "hello", 5, 0);
	show(s[1], 0);
	set(s[1], SO_TIMESTAMPNS, 1);
	set(s[1], SO_TIMESTAMPING, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
	send(s[0], "hello", 5, 0);
	show(s[1], MSG_PEEK);
	show(s[1], 0);
	set(s[1], SO_TIMESTAMPNS, 0);
	set(s[1], 65 /* SO_TIMESTAMPING_NEW */, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
	send(s[0], "hello", 5, 0);
	show(s[1], 0);

	printf("-- sending\n");
	set(s[0], SO_TIMESTAMPING,
	    SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
		    SOF_TIMESTAMPING_OPT_TSONLY);
	show(s[0], MSG_ERRQUEUE);
	send(s[0], "hello", 5, 0);
	send(s[0], "hello", 5, 0);
	p = (struct pollfd){s[0], 0};
	SHOW(poll(&p, 1, 1000));
	printf("revents %#x\n", p.revents);
	show(s[0], MSG_ERRQUEUE);
	show(s[0], MSG_ERRQUEUE);
	show(s[0], MSG_ERRQUEUE);
	SHOW(send(s[0], "hello", 5, 0));

	printf("-- zero copy\n");
	close(s[0]);
	close(s[1]);
	pair(s);
	set(s[0], SO_ZEROCOPY, 1);
	for (int i = 0; i < 3; i++)
		SHOW(send(s[0], "hello", 5, MSG_ZEROCOPY));
	for (int i = 0; i < 3; i++)
		recv(s[1], (char[8]){0}, 8, 0);
	show(s[0], MSG_ERRQUEUE);
	show(s[0], MSG_ERRQUEUE);
	return 0;
}
