/* SPDX-License-Identifier: Apache-2.0 */
/* Packets into bytes. Written apart from netstack's own encoder, so that an error there shows. */
#include <errno.h>
#include <string.h>

#include "nsdrill/checksum.h"
#include "nsdrill/packet.h"

#define IP4_LEN 20
#define IP6_LEN 40
#define TCP_LEN 20
#define UDP_LEN 8
#define ICMP_LEN 8
#define FRAG6_LEN 8
#define NEXT_HEADER_FRAGMENT 44

/* What ICMP errors quote of the transport header; RFC 792. */
#define QUOTED_LEN 8

struct out {
	uint8_t *buf;
	size_t len;
};

static uint8_t *out_take(struct out *o, size_t len)
{
	if (len > PACKET_BYTES_MAX - o->len)
		return NULL;

	uint8_t *ret = o->buf + o->len;

	o->len += len;
	return memset(ret, 0, len);
}

static int wire_protocol(const struct packet *p, int family)
{
	return p->protocol == IPPROTO_ICMP && family == AF_INET6 ? IPPROTO_ICMPV6 : p->protocol;
}

static void put_ip4(uint8_t *h, const struct ip_info *ip, size_t total, int protocol,
		    const uint8_t src[16], const uint8_t dst[16])
{
	h[0] = 0x45;
	h[1] = ip->tos;
	put16(h + 2, (uint32_t)total);
	if (ip->is_frag) {
		put16(h + 4, ip->frag_id);
		put16(h + 6, (uint32_t)(ip->frag_off / 8) | (ip->frag_more ? 0x2000 : 0));
	}
	h[8] = ip->ttl ? ip->ttl : 255;
	h[9] = (uint8_t)protocol;
	memcpy(h + 12, src, 4);
	memcpy(h + 16, dst, 4);
	put16(h + 10, checksum_fold(checksum_add(0, h, IP4_LEN)));
}

static void put_ip6(uint8_t *h, const struct ip_info *ip, size_t payload, int protocol,
		    const uint8_t src[16], const uint8_t dst[16])
{
	put32(h, 6u << 28 | (uint32_t)ip->tos << 20 | (ip->flow_label & 0xfffff));
	put16(h + 4, (uint32_t)payload);
	h[6] = (uint8_t)protocol;
	h[7] = ip->ttl ? ip->ttl : 255;
	memcpy(h + 8, src, 16);
	memcpy(h + 24, dst, 16);
}

static void put_tcp(uint8_t *h, const struct packet *p, uint16_t sport, uint16_t dport)
{
	size_t hdr = TCP_LEN + p->options_len;

	put16(h, sport);
	put16(h + 2, dport);
	put32(h + 4, p->seq);
	put32(h + 8, p->ack);
	h[12] = (uint8_t)((hdr / 4) << 4 | (p->flags & FLAG_AE ? 1 : 0));
	h[13] = (uint8_t)p->flags;
	put16(h + 14, p->window < 0 ? 0 : (uint32_t)p->window);
	put16(h + 18, p->urgent);
	memcpy(h + TCP_LEN, p->options, p->options_len);
}

/* The packet that an ICMP error says it is about: ours, so from dst to src. Returns its length. */
static int put_quoted(struct out *o, const struct packet *p, const struct packet_path *path)
{
	size_t ip_len = path->family == AF_INET ? IP4_LEN : IP6_LEN;
	uint8_t *h = out_take(o, ip_len + QUOTED_LEN);
	struct ip_info ip = {.ttl = 0};

	if (!h)
		return -EMSGSIZE;

	size_t l4 = p->echoed_protocol == IPPROTO_TCP ? TCP_LEN : UDP_LEN;
	size_t payload = l4 + p->echoed_len;

	if (path->family == AF_INET)
		put_ip4(h, &ip, ip_len + payload, p->echoed_protocol, path->dst, path->src);
	else
		put_ip6(h, &ip, payload, p->echoed_protocol, path->dst, path->src);
	h += ip_len;
	put16(h, path->dport);
	put16(h + 2, path->sport);
	if (p->echoed_protocol == IPPROTO_TCP)
		put32(h + 4, p->echoed_seq);
	else
		put16(h + 4, (uint32_t)(UDP_LEN + p->echoed_len));
	return 0;
}

static bool icmp_is_echo(int family, uint8_t type)
{
	return family == AF_INET ? type == 8 || type == 0 : type == 128 || type == 129;
}

static int put_icmp(struct out *o, const struct packet *p, const struct packet_path *path)
{
	uint8_t *h = out_take(o, ICMP_LEN);

	if (!h)
		return -EMSGSIZE;
	h[0] = p->icmp_type;
	h[1] = p->icmp_code;
	if (icmp_is_echo(path->family, p->icmp_type)) {
		put16(h + 4, p->icmp_id);
	} else if (p->icmp_mtu >= 0) {
		if (path->family == AF_INET)
			put16(h + 6, (uint32_t)p->icmp_mtu); /* RFC 1191 */
		else
			put32(h + 4, (uint32_t)p->icmp_mtu); /* RFC 4443 3.2 */
	}
	if (p->echoed_implied && icmp_is_echo(path->family, p->icmp_type))
		return 0;
	if (p->echoed_protocol == IPPROTO_TCP || p->echoed_protocol == IPPROTO_UDP)
		return put_quoted(o, p, path);
	/* [raw (n)]: n bytes from the ICMP header on. */
	if (p->echoed_protocol == IPPROTO_RAW) {
		if (p->echoed_len > ICMP_LEN && !out_take(o, p->echoed_len - ICMP_LEN))
			return -EMSGSIZE;
		return 0;
	}
	return out_take(o, p->payload_len) ? 0 : -EMSGSIZE;
}

static int put_transport(struct out *o, const struct packet *p, const struct packet_path *path)
{
	uint16_t sport = p->sport ? p->sport : path->sport;
	uint16_t dport = p->dport ? p->dport : path->dport;
	size_t hdr = p->protocol == IPPROTO_TCP ? (size_t)TCP_LEN + p->options_len : UDP_LEN;

	if (p->protocol == IPPROTO_ICMP)
		return put_icmp(o, p, path);

	uint8_t *h = out_take(o, hdr + p->payload_len);

	if (!h)
		return -EMSGSIZE;
	if (p->protocol == IPPROTO_TCP) {
		put_tcp(h, p, sport, dport);
	} else {
		put16(h, sport);
		put16(h + 2, dport);
		put16(h + 4, (uint32_t)(UDP_LEN + p->payload_len));
	}
	return 0;
}

static void set_checksum(const struct packet *p, const struct packet_path *path, uint8_t *l4,
			 size_t len)
{
	int protocol = wire_protocol(p, path->family);
	size_t at = protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2;
	uint64_t sum = 0;

	if (protocol != IPPROTO_ICMP)
		sum = checksum_pseudo(path->family, path->src, path->dst, protocol, len);

	uint16_t value = checksum_fold(checksum_add(sum, l4, len));

	if (protocol == IPPROTO_UDP && value == 0)
		value = 0xffff; /* RFC 768: zero means none */
	put16(l4 + at, value);
}

/* GRE: RFC 2784, with key and sequence number of RFC 2890. */
static int put_gre(struct out *o, const struct encap *e, bool inner_is_mpls, int inner_family)
{
	size_t len = 4;

	len += e->gre_flags & 0x8000 ? 4 : 0;
	len += e->gre_flags & 0x2000 ? 4 : 0;
	len += e->gre_flags & 0x1000 ? 4 : 0;

	uint8_t *h = out_take(o, len);

	if (!h)
		return -EMSGSIZE;
	put16(h, e->gre_flags);
	put16(h + 2, inner_is_mpls ? 0x8847 : inner_family == AF_INET ? 0x0800 : 0x86dd);
	h += 4;
	if (e->gre_flags & 0x8000) {
		put16(h, e->gre_sum);
		put16(h + 2, e->gre_off);
		h += 4;
	}
	if (e->gre_flags & 0x2000) {
		put32(h, e->gre_key);
		h += 4;
	}
	if (e->gre_flags & 0x1000)
		put32(h, e->gre_seq);
	return 0;
}

/* The protocol number that says what is inside outer header @i. */
static int inner_protocol(const struct packet *p, int i, int family)
{
	if (i + 1 == p->nencap)
		return family == AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6;
	switch (p->encap[i + 1].kind) {
	case ENCAP_IPV4:
		return IPPROTO_IPIP;
	case ENCAP_IPV6:
		return IPPROTO_IPV6;
	case ENCAP_GRE:
		return IPPROTO_GRE;
	case ENCAP_MPLS:
		return 137; /* RFC 4023 */
	}
	return 0;
}

/* Writes outer headers @i and up, whose lengths cover @inner bytes behind them. */
static int put_encap(struct out *o, const struct packet *p, const struct packet_path *path,
		     size_t inner)
{
	size_t start[PACKET_ENCAP_MAX];
	int r = 0;

	for (int i = 0; i < p->nencap && !r; i++) {
		const struct encap *e = &p->encap[i];
		bool mpls = i + 1 < p->nencap && e[1].kind == ENCAP_MPLS;

		start[i] = o->len;
		switch (e->kind) {
		case ENCAP_IPV4:
			r = out_take(o, IP4_LEN) ? 0 : -EMSGSIZE;
			break;
		case ENCAP_IPV6:
			r = out_take(o, IP6_LEN) ? 0 : -EMSGSIZE;
			break;
		case ENCAP_GRE:
			r = put_gre(o, e, mpls, path->family);
			break;
		case ENCAP_MPLS:
			for (int j = 0; j < e->nmpls && !r; j++) {
				uint8_t *h = out_take(o, 4);

				if (h)
					put32(h, e->mpls[j]);
				else
					r = -EMSGSIZE;
			}
			break;
		}
	}
	if (r < 0)
		return r;

	size_t end = o->len + inner;

	for (int i = 0; i < p->nencap; i++) {
		const struct encap *e = &p->encap[i];
		uint8_t *h = o->buf + start[i];
		int protocol = inner_protocol(p, i, path->family);

		if (e->kind == ENCAP_IPV4)
			put_ip4(h, &e->ip, end - start[i], protocol, e->src, e->dst);
		else if (e->kind == ENCAP_IPV6)
			put_ip6(h, &e->ip, end - start[i] - IP6_LEN, protocol, e->src, e->dst);
	}
	return 0;
}

/* The innermost IP header with what follows; @l4 is the whole transport packet. */
static int put_ip(struct out *o, const struct packet *p, const struct packet_path *path,
		  const uint8_t *l4, size_t l4_len)
{
	const struct ip_info *ip = &p->ip;
	bool v4 = path->family == AF_INET;
	size_t from = ip->is_frag ? ip->frag_off : 0;
	size_t len = ip->is_frag ? ip->frag_size : l4_len;
	size_t hdr = v4 ? IP4_LEN : IP6_LEN + (ip->is_frag ? (size_t)FRAG6_LEN : 0);
	int protocol = wire_protocol(p, path->family);

	if (from > l4_len || len > l4_len - from)
		return -EINVAL;

	uint8_t *h = out_take(o, hdr + len);

	if (!h)
		return -EMSGSIZE;
	if (v4) {
		put_ip4(h, ip, hdr + len, protocol, path->src, path->dst);
	} else {
		int next = ip->is_frag ? NEXT_HEADER_FRAGMENT : protocol;

		put_ip6(h, ip, hdr - IP6_LEN + len, next, path->src, path->dst);
		if (ip->is_frag) { /* RFC 8200 4.5 */
			h[IP6_LEN] = (uint8_t)protocol;
			put16(h + IP6_LEN + 2, (uint32_t)(ip->frag_off & ~7) | ip->frag_more);
			put32(h + IP6_LEN + 4, ip->frag_id);
		}
	}
	memcpy(h + hdr, l4 + from, len);
	return 0;
}

int packet_encode(const struct packet *p, const struct packet_path *path, uint8_t *buf)
{
	static uint8_t l4[PACKET_BYTES_MAX];
	struct out transport = {.buf = l4}, o = {.buf = buf};
	bool v4 = path->family == AF_INET;
	int r = put_transport(&transport, p, path);

	if (r < 0)
		return r;
	set_checksum(p, path, l4, transport.len);

	size_t inner = (v4 ? IP4_LEN : IP6_LEN + (p->ip.is_frag ? (size_t)FRAG6_LEN : 0)) +
		       (p->ip.is_frag ? p->ip.frag_size : transport.len);

	r = put_encap(&o, p, path, inner);
	if (r < 0)
		return r;
	r = put_ip(&o, p, path, l4, transport.len);
	return r < 0 ? r : (int)o.len;
}
