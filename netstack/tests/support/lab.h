/* SPDX-License-Identifier: Apache-2.0 */
/* A laboratory: one stack with one Ethernet link, whose peer is the test. Frames go in as bytes
 *built from header structs, come out as lines of text (wire_print). Time moves when the test says
 *so.
 *
 *	link: eth0, 02:00:00:00:00:01, 10.0.0.1/24, fd00::1/64; the peer is 02:..:02, 10.0.0.2,
 *fd00::2. default routes over 10.0.0.254 and fd00::fe.
 */
#pragma once

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "netstack/info.h"
#include "netstack/link.h"
#include "netstack/pkt.h"
#include "netstack/route.h"
#include "netstack/socket.h"
#include "netstack/stack.h"
#include "wire/checksum.h"
#include "wire/tcp.h"
#include "wire/wire.h"

struct lab {
	struct net_stack *stack;
	net_link_id link;
	net_time now;
	uint8_t frame[70000]; /* the last frame taken */
	size_t frame_len;
	struct net_offload offload;
	char text[512];
};

static const uint8_t lab_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};

static inline struct net_addr ip(const char *text)
{
	struct net_addr a = {0};

	if (inet_pton(AF_INET, text, a.v4) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, text, a.v6) == 1)
		a.family = AF_INET6;
	else
		cr_assert_fail("bad address %s", text);
	return a;
}

/* A sockaddr of either family in static-free form. */
struct name {
	struct sockaddr_storage ss;
	socklen_t len;
};

static inline struct name name(const char *text, uint16_t port)
{
	struct net_addr a = ip(text);
	struct name n = {0};

	if (a.family == AF_INET) {
		struct sockaddr_in *sin = (struct sockaddr_in *)&n.ss;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, a.v4, 4);
		n.len = sizeof(*sin);
	} else {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&n.ss;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
		memcpy(&sin6->sin6_addr, a.v6, 16);
		n.len = sizeof(*sin6);
	}
	return n;
}

#define SA(n) ((struct sockaddr *)&(n).ss)

static inline void lab_addr(struct lab *lab, const char *text, uint8_t prefix_len)
{
	struct net_ifaddr a = {.link = lab->link, .addr = ip(text), .prefix_len = prefix_len};

	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
}

static inline void lab_route(struct lab *lab, const char *dst, uint8_t prefix_len, const char *via)
{
	struct net_route r = {.dst = ip(dst), .prefix_len = prefix_len, .gateway = ip(via)};

	cr_assert_eq(net_route_add(lab->stack, &r), 0);
}

static inline void lab_neigh(struct lab *lab, const char *addr, const uint8_t mac[6])
{
	struct net_neigh n = {.link = lab->link, .addr = ip(addr), .state = NET_NEIGH_PERMANENT};

	memcpy(n.mac, mac, 6);
	cr_assert_eq(net_neigh_set(lab->stack, &n), 0);
}

/* Takes the next frame; false if there is none. */
static inline bool lab_tx(struct lab *lab)
{
	struct pkt *pkt;

	net_stack_poll(lab->stack, lab->now);
	pkt = net_link_take_output(lab->stack, lab->link);
	if (!pkt)
		return false;
	lab->frame_len = net_pkt_read(pkt, 0, lab->frame, sizeof(lab->frame));
	net_pkt_get_offload(pkt, &lab->offload);
	net_pkt_free(pkt);
	wire_print(lab->text, sizeof(lab->text), lab->frame, lab->frame_len, 0);
	return true;
}

static inline void lab_quiet(struct lab *lab)
{
	bool any = lab_tx(lab);

	cr_assert(!any, "unexpected frame: %s", lab->text);
}

static inline void lab_expect(struct lab *lab, const char *text)
{
	cr_assert(lab_tx(lab), "nothing was sent, expected: %s", text);
	cr_assert_str_eq(lab->text, text);
}

/* Throws away what is queued. */
static inline void lab_flush(struct lab *lab)
{
	while (lab_tx(lab))
		;
}

static inline struct lab *lab_new_cfg(const struct net_config *given, uint32_t offloads)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct net_config cfg;
	struct net_link_config lc = {.kind = NET_LINK_ETHER, .name = "eth0", .mtu = 1500};

	if (given)
		cfg = *given;
	else
		net_config_init(&cfg);
	lab->now = cfg.now;
	cr_assert_eq(net_stack_new(&lab->stack, &cfg), 0);
	memcpy(lc.mac, lab_mac, 6);
	lc.offloads = offloads;
	cr_assert_eq(net_link_attach(lab->stack, &lab->link, &lc), 0);
	lab_addr(lab, "10.0.0.1", 24);
	lab_addr(lab, "fd00::1", 64);
	lab_route(lab, "0.0.0.0", 0, "10.0.0.254");
	lab_route(lab, "::", 0, "fd00::fe");
	lab_flush(lab);
	lab->now += NET_SEC(3); /* the second report of the joined groups */
	lab_flush(lab);
	cr_assert_eq(net_stack_deadline(lab->stack), NET_TIME_NEVER);
	return lab;
}

static inline struct lab *lab_new(void)
{
	return lab_new_cfg(NULL, 0);
}

/* With neighbours known, so that no ARP or ND is in the way. */
static inline struct lab *lab_new_known(void)
{
	struct lab *lab = lab_new();

	lab_neigh(lab, "10.0.0.2", peer_mac);
	lab_neigh(lab, "10.0.0.254", peer_mac);
	lab_neigh(lab, "fd00::2", peer_mac);
	lab_neigh(lab, "fd00::fe", peer_mac);
	return lab;
}

static inline void lab_free(struct lab *lab)
{
	struct net_memory_info mem;

	lab_flush(lab);
	net_info_memory(lab->stack, &mem);
	net_stack_free(lab->stack);
	free(lab);
}

static inline void lab_at(struct lab *lab, net_time now)
{
	lab->now = now;
	net_stack_poll(lab->stack, now);
}

static inline void lab_after(struct lab *lab, net_dur d)
{
	lab_at(lab, lab->now + d);
}

static inline void lab_rx_off(struct lab *lab, const void *frame, size_t len,
			      const struct net_offload *offload)
{
	struct pkt *pkt = net_pkt_new(lab->stack, len ? len : 1);

	cr_assert_not_null(pkt);
	cr_assert_eq(net_pkt_fill(pkt, frame, len), 0);
	if (offload)
		net_pkt_set_offload(pkt, offload);
	cr_assert_eq(net_link_input(lab->stack, lab->link, lab->now, pkt), 0);
}

static inline void lab_rx(struct lab *lab, const void *frame, size_t len)
{
	lab_rx_off(lab, frame, len, NULL);
}

static inline uint64_t lab_drops(struct lab *lab, enum drop why)
{
	uint64_t d[DROP_COUNT];

	net_info_drops(lab->stack, d);
	return d[why];
}

static inline uint64_t lab_mib(struct lab *lab, enum net_mib which)
{
	uint64_t m[NET_MIB_COUNT];

	net_info_mib(lab->stack, m);
	return m[which];
}

/* Frame construction: each function appends one header or body to a growing frame. */
struct frame {
	uint8_t b[70000];
	struct wr w;
	size_t ip_at, l4_at;
	bool v6;
	struct net_addr src, dst;
	uint8_t proto;
};

static inline void f_start(struct frame *f, const uint8_t dst[6], const uint8_t src[6],
			   uint16_t type)
{
	struct eth_hdr eth = {.type = type};

	memcpy(eth.dst, dst, 6);
	memcpy(eth.src, src, 6);
	wr_init(&f->w, f->b, sizeof(f->b));
	eth_emit(&f->w, &eth);
	f->ip_at = 14;
}

struct ipopt {
	uint8_t ttl, tos;
	uint16_t id, flags, frag_off;
};

static inline void f_ip(struct frame *f, const char *src, const char *dst, uint8_t proto,
			struct ipopt o)
{
	f->src = ip(src);
	f->dst = ip(dst);
	f->v6 = f->src.family == AF_INET6;
	f->proto = proto;
	f_start(f, lab_mac, peer_mac, f->v6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4);
	if (f->v6) {
		struct ip6_hdr_v h = {.tclass = o.tos,
				      .next = proto,
				      .hop_limit = o.ttl ? o.ttl : 64,
				      .src = f->src,
				      .dst = f->dst};

		ip6_emit(&f->w, &h);
	} else {
		struct ip4_hdr h = {.hdr_len = 20,
				    .tos = o.tos,
				    .total_len = 20,
				    .id = o.id,
				    .flags = o.flags,
				    .frag_off = o.frag_off,
				    .ttl = o.ttl ? o.ttl : 64,
				    .proto = proto,
				    .src = f->src,
				    .dst = f->dst};

		ip4_emit(&f->w, &h, NULL);
	}
	f->l4_at = wr_len(&f->w);
}

static inline void f_bytes(struct frame *f, const void *data, size_t len)
{
	wr_bytes(&f->w, data, len);
}

static inline void f_text(struct frame *f, const char *text)
{
	f_bytes(f, text, strlen(text));
}

static inline void f_udp(struct frame *f, uint16_t sport, uint16_t dport, size_t data_len)
{
	udp_emit(&f->w, &(struct udp_hdr){sport, dport, (uint16_t)(8 + data_len), 0});
}

static inline void f_icmp(struct frame *f, uint8_t type, uint8_t code, uint32_t rest)
{
	icmp_emit(&f->w, &(struct icmp_hdr){.type = type, .code = code, .rest = rest});
}

/* Fixes lengths and checksums. */
static inline size_t f_done(struct frame *f)
{
	size_t len = wr_len(&f->w);
	uint8_t *ipb = f->b + f->ip_at, *l4 = f->b + f->l4_at;
	size_t l4_len = len - f->l4_at;
	size_t at = f->proto == 17		      ? 6
		    : f->proto == 6		      ? 16
		    : f->proto == 1 || f->proto == 58 ? 2
						      : 0;

	if (f->v6) {
		store_be16(ipb + 4, (uint16_t)(len - f->ip_at - 40));
	} else {
		store_be16(ipb + 2, (uint16_t)(len - f->ip_at));
		store_be16(ipb + 10, 0);
		store_be16(ipb + 10, csum_fold(csum_add(0, ipb, (ipb[0] & 15) * 4u)));
	}
	if (at && l4_len >= at + 2) {
		uint64_t sum = 0;

		if (f->proto != 1)
			sum = csum_pseudo(&f->src, &f->dst, f->proto, (uint32_t)l4_len);
		store_be16(l4 + at, 0);
		store_be16(l4 + at, csum_fold(csum_add(sum, l4, l4_len)));
	}
	return len;
}

static inline void lab_send(struct lab *lab, struct frame *f)
{
	size_t len = f_done(f);

	lab_rx(lab, f->b, len);
}

/* A whole UDP datagram to the stack. */
static inline void lab_udp(struct lab *lab, const char *src, uint16_t sport, const char *dst,
			   uint16_t dport, const char *text)
{
	static struct frame f;

	f_ip(&f, src, dst, 17, (struct ipopt){0});
	f_udp(&f, sport, dport, strlen(text));
	f_text(&f, text);
	lab_send(lab, &f);
}

/* Sockets. */
static inline net_sock_id open_sock(struct net_stack *stack, int family, int type, int proto)
{
	net_sock_id id;

	cr_assert_eq(net_sock_open(stack, &id, family, type, proto), 0);
	return id;
}

static inline ssize_t send_to(struct net_stack *stack, net_sock_id id, const void *data, size_t len,
			      const struct name *to, int flags)
{
	struct iovec iov = {(void *)data, len};
	struct net_msg msg = {.name = to ? (struct sockaddr *)&to->ss : NULL,
			      .name_len = to ? to->len : 0,
			      .iov = &iov,
			      .iov_len = 1};

	return net_sock_send(stack, id, &msg, flags);
}

static inline ssize_t recv_from(struct net_stack *stack, net_sock_id id, void *data, size_t len,
				struct name *from, int flags)
{
	struct iovec iov = {data, len};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	ssize_t r;

	if (from) {
		msg.name = (struct sockaddr *)&from->ss;
		msg.name_len = sizeof(from->ss);
	}
	r = net_sock_recv(stack, id, &msg, flags);
	if (from)
		from->len = msg.name_len;
	return r;
}
