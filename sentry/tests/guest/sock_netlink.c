/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink as a program sees it without changing anything: sockets, options, errors, dumps that end. */
#include "guest.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static int ask(int fd, uint16_t type, uint16_t flags, const void *body, size_t len)
{
	struct {
		struct nlmsghdr h;
		uint8_t body[64];
	} m = { .h = { .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len), .nlmsg_type = type,
		       .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags), .nlmsg_seq = 7 } };

	memcpy(m.body, body, len);
	return send(fd, &m, m.h.nlmsg_len, 0) < 0 ? -errno : 0;
}

/* The code of the first error message, or 1 if the answer is something else. */
static int error_of(int fd)
{
	uint8_t buf[8192];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);
	struct nlmsghdr *h = (struct nlmsghdr *)buf;

	if (n < (ssize_t)sizeof(*h))
		return -1000;
	if (h->nlmsg_seq != 7)
		return -1001;
	return h->nlmsg_type == NLMSG_ERROR ? ((struct nlmsgerr *)NLMSG_DATA(h))->error : 1;
}

static void sockets(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_pid = 12345 }, b;
	socklen_t len = sizeof(b);
	uint32_t groups[4] = { 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), other, on = 1;

	printf("stream %d\n", socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE) < 0 ? errno : 0);
	printf("protocol 31 %d\n", socket(AF_NETLINK, SOCK_RAW, 31) < 0 ? errno : 0);
	printf("bind %d\n", bind(fd, (struct sockaddr *)&a, sizeof(a)));
	on = getsockname(fd, (struct sockaddr *)&b, &len);
	printf("getsockname %d %d %u\n", on, (int)len, b.nl_pid);
	other = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	printf("same port %d\n", bind(other, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0);
	on = RTNLGRP_IPV6_ROUTE;
	printf("join %d\n", setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &on, sizeof(on)));
	len = sizeof(groups);
	on = getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &len);
	printf("list %d %08x\n", on, groups[0]);
	on = 1000;
	printf("join 1000 %d\n",
	       setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &on, sizeof(on)) < 0 ? errno : 0);
	printf("unknown option %d\n", setsockopt(fd, SOL_NETLINK, 99, &on, sizeof(on)) < 0 ? errno : 0);
	printf("empty %d\n", recv(fd, groups, sizeof(groups), MSG_DONTWAIT) < 0 ? errno : 0);
	close(fd);
	close(other);
}

static void errors(void)
{
	struct ifinfomsg ifi = { .ifi_index = 77777 };
	struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_prefixlen = 33, .ifa_index = 1 };
	struct rtmsg rtm = { .rtm_family = AF_INET, .rtm_dst_len = 33 };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	ask(fd, RTM_GETLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	printf("no link %d\n", error_of(fd));
	ask(fd, RTM_GETLINK, NLM_F_ACK, &ifi, 4);
	printf("short %d\n", error_of(fd));
	ask(fd, 900, NLM_F_ACK, &ifi, sizeof(ifi));
	printf("no such type %d\n", error_of(fd));
	ask(fd, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, &ifa, sizeof(ifa));
	printf("bad prefix %d\n", error_of(fd));
	ask(fd, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, &rtm, sizeof(rtm));
	printf("bad route %d\n", error_of(fd));
	ask(fd, NLMSG_NOOP, NLM_F_ACK, &ifi, 0);
	printf("noop %d\n", error_of(fd));
	close(fd);
}

/* The loopback is there, and the dump ends with NLMSG_DONE of the same sequence number. */
static void dump(void)
{
	struct ifinfomsg ifi = { 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), lo = 0, done = 0, multi = 1;
	uint8_t buf[16384];

	ask(fd, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	while (!done) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		struct nlmsghdr *h = (struct nlmsghdr *)buf;

		if (n <= 0)
			break;
		for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			struct ifinfomsg *i = NLMSG_DATA(h);

			multi &= (h->nlmsg_flags & NLM_F_MULTI) != 0;
			done |= h->nlmsg_type == NLMSG_DONE;
			lo |= h->nlmsg_type == RTM_NEWLINK && i->ifi_index == 1 && (i->ifi_flags & IFF_LOOPBACK);
		}
	}
	printf("dump: lo %d done %d multi %d\n", lo, done, multi);
	close(fd);
}

int main(void)
{
	sockets();
	errors();
	dump();
	return 0;
}
