/* SPDX-License-Identifier: Apache-2.0 */
/* One line of text per frame, for traces and test failures. Malformed input prints what was read.
 */
#include "wire/wire.h"

#include <sys/socket.h>

#include "wire/tcp.h"

/* A bounded string under construction. */
struct text {
	char *to;
	size_t size;
	size_t len;
};

static void put_char(struct text *t, char c)
{
	if (t->len + 1 < t->size)
		t->to[t->len++] = c;
}

static void put(struct text *t, const char *s)
{
	while (*s)
		put_char(t, *s++);
}

static void put_num(struct text *t, uint64_t v, unsigned base)
{
	char buf[20];
	int n = 0;

	do {
		buf[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n)
		put_char(t, buf[--n]);
}

static void put_field(struct text *t, const char *name, uint64_t v)
{
	put_char(t, ' ');
	put(t, name);
	put_char(t, ' ');
	put_num(t, v, 10);
}

static void put_mac(struct text *t, const uint8_t mac[6])
{
	for (int i = 0; i < 6; i++) {
		if (i)
			put_char(t, ':');
		put_char(t, "0123456789abcdef"[mac[i] >> 4]);
		put_char(t, "0123456789abcdef"[mac[i] & 15]);
	}
}

/* RFC 5952: the first longest run of at least two zero groups is written as "::". */
static void put_addr6(struct text *t, const uint8_t v6[16])
{
	int best = -1, best_len = 1;

	for (int i = 0; i < 8; i++) {
		int j = i;

		while (j < 8 && !v6[2 * j] && !v6[2 * j + 1])
			j++;
		if (j - i > best_len) {
			best = i;
			best_len = j - i;
		}
		if (j > i)
			i = j;
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			put(t, "::");
			i += best_len - 1;
			continue;
		}
		if (i && i != best + best_len)
			put_char(t, ':');
		put_num(t, (uint64_t)v6[2 * i] << 8 | v6[2 * i + 1], 16);
	}
}

static void put_addr(struct text *t, const struct net_addr *a)
{
	if (a->family == AF_INET6) {
		put_addr6(t, a->v6);
		return;
	}
	for (int i = 0; i < 4; i++) {
		if (i)
			put_char(t, '.');
		put_num(t, a->v4[i], 10);
	}
}

static void put_flags(struct text *t, unsigned flags)
{
	static const char names[] = "FSRP.UEW";

	for (unsigned i = 0; i < 8; i++)
		if (flags & 1u << i)
			put_char(t, names[i]);
	if (!(flags & 0xff))
		put(t, "none");
}

static void put_tcp_opts(struct text *t, const struct tcp_opts *o)
{
	if (o->has & TCP_HAS_MSS)
		put_field(t, "mss", o->mss);
	if (o->has & TCP_HAS_WSCALE)
		put_field(t, "wscale", o->wscale);
	if (o->has & TCP_HAS_SACK_OK)
		put(t, " sackOK");
	if (o->has & TCP_HAS_TS) {
		put_field(t, "ts val", o->ts_val);
		put_field(t, "ecr", o->ts_ecr);
	}
	for (unsigned i = 0; i < o->sack_count; i++) {
		put_field(t, "sack", o->sack[i].start);
		put_char(t, '-');
		put_num(t, o->sack[i].end, 10);
	}
}

static void print_tcp(struct text *t, struct rd *in, size_t l4_len)
{
	struct tcp_hdr h;
	struct tcp_opts o;

	if (tcp_parse(&h, in) != DROP_NONE) {
		put(t, " tcp [malformed]");
		return;
	}

	struct rd opts = rd_sub(in, h.hdr_len - TCP_HDR_LEN);
	enum drop bad = tcp_parse_opts(&o, &opts);

	put(t, " tcp ");
	put_num(t, h.sport, 10);
	put(t, " > ");
	put_num(t, h.dport, 10);
	put_char(t, ' ');
	put_flags(t, h.flags);
	put_field(t, "seq", h.seq);
	if (h.flags & TCP_FLAG_ACK)
		put_field(t, "ack", h.ack);
	put_field(t, "win", h.wnd);
	if (h.flags & TCP_FLAG_URG)
		put_field(t, "urg", h.urg);
	put_tcp_opts(t, &o);
	if (bad != DROP_NONE)
		put(t, " [bad options]");
	put_field(t, "len", l4_len > h.hdr_len ? l4_len - h.hdr_len : 0);
}

static void print_l4(struct text *t, uint8_t proto, struct rd *in, size_t l4_len)
{
	struct udp_hdr u;
	struct icmp_hdr i;

	switch (proto) {
	case 6:
		print_tcp(t, in, l4_len);
		break;
	case 17:
		if (udp_parse(&u, in, 65535) != DROP_NONE) {
			put(t, " udp [malformed]");
			break;
		}
		put_field(t, "udp", u.sport);
		put_field(t, ">", u.dport);
		put_field(t, "len", u.len);
		break;
	case 1:
	case 58:
		if (icmp_parse(&i, in) != DROP_NONE) {
			put(t, " icmp [malformed]");
			break;
		}
		put_field(t, proto == 1 ? "icmp type" : "icmp6 type", i.type);
		put_field(t, "code", i.code);
		put(t, " rest 0x");
		put_num(t, i.rest, 16);
		put_field(t, "len", l4_len);
		break;
	default:
		put_field(t, "proto", proto);
		put_field(t, "len", l4_len);
		break;
	}
}

static void print_ip4(struct text *t, struct rd *in)
{
	struct ip4_hdr ip;

	if (ip4_parse(&ip, in) != DROP_NONE) {
		put(t, "IP [malformed]");
		return;
	}
	put(t, "IP ");
	put_addr(t, &ip.src);
	put(t, " > ");
	put_addr(t, &ip.dst);
	if (ip.tos)
		put_field(t, "tos", ip.tos);
	put_field(t, "ttl", ip.ttl);
	rd_skip(in, ip.hdr_len - IP4_HDR_LEN);
	if (ip.frag_off || (ip.flags & IP4_MF)) {
		put_field(t, "id", ip.id);
		put_field(t, "frag", ip.frag_off);
		put(t, ip.flags & IP4_MF ? "+" : "");
	}
	if (!ip.frag_off)
		print_l4(t, ip.proto, in, ip.total_len - ip.hdr_len);
}

static void print_ip6(struct text *t, struct rd *in)
{
	struct ip6_hdr_v ip;

	if (ip6_parse(&ip, in) != DROP_NONE) {
		put(t, "IP6 [malformed]");
		return;
	}
	put(t, "IP6 ");
	put_addr(t, &ip.src);
	put(t, " > ");
	put_addr(t, &ip.dst);
	if (ip.tclass)
		put_field(t, "class", ip.tclass);
	put_field(t, "hlim", ip.hop_limit);
	if (ip.next == IP6_EXT_FRAGMENT) {
		struct ip6_frag f;

		if (ip6_parse_frag(&f, in) != DROP_NONE)
			return;
		put_field(t, "id", f.id);
		put_field(t, "frag", f.off);
		put(t, f.more ? "+" : "");
		if (!f.off)
			print_l4(t, f.next, in, ip.payload_len - 8u);
		return;
	}
	print_l4(t, ip.next, in, ip.payload_len);
}

static void print_arp(struct text *t, struct rd *in)
{
	struct arp_pkt a;

	if (arp_parse(&a, in) != DROP_NONE) {
		put(t, "ARP [malformed]");
		return;
	}
	if (a.op == ARP_REQUEST) {
		put(t, "ARP who-has ");
		put_addr(t, &a.tpa);
		put(t, " tell ");
		put_addr(t, &a.spa);
	} else {
		put(t, "ARP ");
		put_addr(t, &a.spa);
		put(t, " is-at ");
		put_mac(t, a.sha);
	}
}

size_t wire_print(char *to, size_t size, const uint8_t *frame, size_t len, uint16_t ethertype)
{
	struct text t = {to, size, 0};
	struct eth_hdr eth;
	struct rd in;

	if (!size)
		return 0;
	rd_init(&in, frame, len);
	if (!ethertype) {
		if (eth_parse(&eth, &in) != DROP_NONE) {
			put(&t, "[truncated]");
			to[t.len] = 0;
			return t.len;
		}
		ethertype = eth.type;
	}
	if (ethertype == ETH_TYPE_IP4)
		print_ip4(&t, &in);
	else if (ethertype == ETH_TYPE_IP6)
		print_ip6(&t, &in);
	else if (ethertype == ETH_TYPE_ARP)
		print_arp(&t, &in);
	else
		put(&t, "type 0x"), put_num(&t, ethertype, 16);
	to[t.len] = 0;
	return t.len;
}

size_t wire_print_addr(char *to, size_t size, const struct net_addr *addr)
{
	struct text t = {to, size, 0};

	if (!size)
		return 0;
	put_addr(&t, addr);
	to[t.len] = 0;
	return t.len;
}
