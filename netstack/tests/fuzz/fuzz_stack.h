/* SPDX-License-Identifier: Apache-2.0 */
/* A stack with a link, addresses and sockets, for the fuzzers. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netstack/info.h"
#include "netstack/link.h"
#include "netstack/pkt.h"
#include "netstack/route.h"
#include "netstack/socket.h"
#include "netstack/stack.h"
#include "wire/checksum.h"
#include "wire/wire.h"

#define FUZZ_SOCKS 6

struct fuzz {
	struct net_stack *stack;
	net_link_id link;
	net_time now;
	net_sock_id sock[FUZZ_SOCKS + 16];
	unsigned nsocks;
};

static const uint8_t fuzz_mac[6] = {2, 0, 0, 0, 0, 1};

static inline void must(int r)
{
	if (r < 0)
		abort();
}

static inline void fuzz_sock(struct fuzz *f, int family, int type, int proto, uint16_t port)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	net_sock_id id;
	int one = 1;

	must(net_sock_open(f->stack, &id, family, type, proto));
	net_sock_setopt(f->stack, id, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one), 0);
	net_sock_setopt(f->stack, id, IPPROTO_IP, IP_RECVERR, &one, sizeof(one), 0);
	net_sock_setopt(f->stack, id, IPPROTO_IP, IP_RECVOPTS, &one, sizeof(one), 0);
	net_sock_setopt(f->stack, id, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one), 0);
	net_sock_setopt(f->stack, id, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one), 0);
	net_sock_setopt(f->stack, id, IPPROTO_IPV6, IPV6_RECVERR, &one, sizeof(one), 0);
	if (port)
		(void)(family == AF_INET
			       ? net_sock_bind(f->stack, id, (struct sockaddr *)&sin, sizeof(sin))
			       : net_sock_bind(f->stack, id, (struct sockaddr *)&sin6,
					       sizeof(sin6)));
	if (type == SOCK_STREAM)
		must(net_sock_listen(f->stack, id, 4));
	f->sock[f->nsocks++] = id;
}

static inline void fuzz_init(struct fuzz *f)
{
	struct net_link_config lc = {
		.kind = NET_LINK_ETHER, .name = "eth0", .mtu = 1500, .autoconf = true};
	struct net_ifaddr v4 = {.prefix_len = 24}, v6 = {.prefix_len = 64};
	struct net_config cfg;

	memset(f, 0, sizeof(*f));
	net_config_init(&cfg);
	cfg.limits.pkt_bytes = 8 << 20;
	cfg.limits.reasm_bytes = 256 << 10;
	cfg.limits.neighbours = 16;
	must(net_stack_new(&f->stack, &cfg));
	memcpy(lc.mac, fuzz_mac, 6);
	must(net_link_attach(f->stack, &f->link, &lc));
	v4.link = v6.link = f->link;
	v4.addr.family = AF_INET;
	memcpy(v4.addr.v4, (uint8_t[]){10, 0, 0, 1}, 4);
	v6.addr.family = AF_INET6;
	v6.addr.v6[0] = 0xfd;
	v6.addr.v6[15] = 1;
	must(net_addr_add(f->stack, &v4));
	must(net_addr_add(f->stack, &v6));
	fuzz_sock(f, AF_INET6, SOCK_STREAM, 0, 80);
	fuzz_sock(f, AF_INET6, SOCK_DGRAM, 0, 53);
	fuzz_sock(f, AF_INET, SOCK_DGRAM, IPPROTO_ICMP, 7);
	fuzz_sock(f, AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, 7);
	fuzz_sock(f, AF_INET, SOCK_RAW, IPPROTO_ICMP, 0);
	fuzz_sock(f, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, 0);
}

/* Reads what came, accepts connections, drains events and output. */
static inline void fuzz_drain(struct fuzz *f)
{
	struct net_event ev;
	struct pkt *pkt;
	uint8_t buf[512];

	net_stack_poll(f->stack, f->now);
	while ((pkt = net_link_take_output(f->stack, f->link)))
		net_pkt_free(pkt);
	while (net_stack_next_event(f->stack, &ev)) {
		struct sockaddr_storage ss;
		struct iovec iov = {buf, sizeof(buf)};
		struct net_msg msg = {.name = (struct sockaddr *)&ss,
				      .name_len = sizeof(ss),
				      .iov = &iov,
				      .iov_len = 1};
		socklen_t len = sizeof(ss);
		net_sock_id child;

		(void)net_sock_recv(f->stack, ev.sock, &msg, MSG_ERRQUEUE);
		msg.name_len = sizeof(ss);
		(void)net_sock_recv(f->stack, ev.sock, &msg, 0);
		if (f->nsocks < FUZZ_SOCKS + 16 &&
		    net_sock_accept(f->stack, ev.sock, &child, (struct sockaddr *)&ss, &len) == 0)
			f->sock[f->nsocks++] = child;
	}
}

static inline void fuzz_fini(struct fuzz *f)
{
	for (unsigned i = 0; i < f->nsocks; i++)
		net_sock_close(f->stack, f->sock[i]);
	fuzz_drain(f);
	net_stack_free(f->stack);
}
