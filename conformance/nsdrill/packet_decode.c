/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes into packets; trusts nothing. */
#include <errno.h>
#include <string.h>

#include "nsdrill/checksum.h"
#include "nsdrill/packet.h"

#define NEXT_HEADER_HOP 0
#define NEXT_HEADER_ROUTING 43
#define NEXT_HEADER_FRAGMENT 44
#define NEXT_HEADER_DEST 60
#define NEXT_HEADER_MPLS 137

struct in {
	const uint8_t *p;
	size_t left;
};

static bool bad(struct packet *ret, const char *why)
{
	if (!ret->malformed)
		ret->malformed = why;
	return false;
}

static bool all_zero(const uint8_t *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* The last header seen goes to the list of outer headers when one more IP header follows. */
static void push_outer(struct packet *ret)
{
	if (ret->nencap == PACKET_ENCAP_MAX) {
		bad(ret, "too many headers");
		return;
	}

	struct encap *e = &ret->encap[ret->nencap++];

	e->kind = ret->family == AF_INET ? ENCAP_IPV4 : ENCAP_IPV6;
	e->ip = ret->ip;
	memcpy(e->src, ret->src, 16);
	memcpy(e->dst, ret->dst, 16);
	ret->ip = (struct ip_info){0};
}

static bool decode_ip4(struct in *in, struct packet *ret, int *protocol)
{
	if (in->left < 20)
		return bad(ret, "IPv4 header is cut short");

	const uint8_t *h = in->p;
	size_t hdr = (size_t)(h[0] & 15) * 4, total = get16(h + 2);

	if (hdr < 20 || hdr > total || total > in->left)
		return bad(ret, "IPv4 lengths do not fit");
	if (checksum_fold(checksum_add(0, h, hdr)) != 0)
		bad(ret, "wrong IPv4 header checksum");
	ret->family = AF_INET;
	ret->ip_len = (uint16_t)total;
	ret->ip.tos_check = TOS_BYTE;
	ret->ip.tos = h[1];
	ret->ip.ttl = h[8];
	ret->ip4_df = h[6] & 0x40;

	uint16_t frag = get16(h + 6);

	if (frag & 0x3fff) {
		ret->ip.is_frag = true;
		ret->ip.frag_more = frag & 0x2000;
		ret->ip.frag_off = (uint16_t)((frag & 0x1fff) * 8);
		ret->ip.frag_size = (uint16_t)(total - hdr);
		ret->ip.frag_id = get16(h + 4);
	}
	*protocol = h[9];
	memset(ret->src, 0, 16);
	memset(ret->dst, 0, 16);
	memcpy(ret->src, h + 12, 4);
	memcpy(ret->dst, h + 16, 4);
	in->p += hdr;
	in->left = total - hdr;
	return true;
}

static bool decode_ip6(struct in *in, struct packet *ret, int *protocol)
{
	if (in->left < 40)
		return bad(ret, "IPv6 header is cut short");

	const uint8_t *h = in->p;
	size_t payload = get16(h + 4);
	uint8_t next = h[6];

	if (payload > in->left - 40)
		return bad(ret, "IPv6 payload length does not fit");
	ret->family = AF_INET6;
	ret->ip_len = (uint16_t)(payload + 40);
	ret->ip.tos_check = TOS_BYTE;
	ret->ip.tos = (uint8_t)(get16(h) >> 4);
	ret->ip.flow_label = get32(h) & 0xfffff;
	ret->ip.ttl = h[7];
	memcpy(ret->src, h + 8, 16);
	memcpy(ret->dst, h + 24, 16);
	in->p += 40;
	in->left = payload;
	while (next == NEXT_HEADER_HOP || next == NEXT_HEADER_ROUTING || next == NEXT_HEADER_DEST ||
	       next == NEXT_HEADER_FRAGMENT) {
		size_t len = in->left < 8		    ? 8
			     : next == NEXT_HEADER_FRAGMENT ? 8
							    : ((size_t)in->p[1] + 1) * 8;

		if (in->left < len)
			return bad(ret, "IPv6 extension header is cut short");
		if (next == NEXT_HEADER_FRAGMENT) {
			ret->ip.is_frag = true;
			ret->ip.frag_off = get16(in->p + 2) & 0xfff8;
			ret->ip.frag_more = in->p[3] & 1;
			ret->ip.frag_id = get32(in->p + 4);
			ret->ip.frag_size = (uint16_t)(in->left - 8);
		}
		next = in->p[0];
		in->p += len;
		in->left -= len;
	}
	*protocol = next;
	return true;
}

static void decode_payload(struct in *in, struct packet *ret)
{
	ret->payload_len = (uint32_t)in->left;
	ret->payload_is_zero = all_zero(in->p, in->left);
}

static void check_transport(const struct in *in, struct packet *ret, int protocol, const char *what)
{
	uint64_t sum = checksum_pseudo(ret->family, ret->src, ret->dst, protocol, in->left);

	if (!ret->ip.is_frag && checksum_fold(checksum_add(sum, in->p, in->left)) != 0)
		bad(ret, what);
}

static void decode_tcp(struct in *in, struct packet *ret)
{
	const uint8_t *h = in->p;
	size_t hdr = in->left < 20 ? 0 : (size_t)(h[12] >> 4) * 4;

	if (hdr < 20 || hdr > in->left) {
		bad(ret, "TCP header is cut short");
		return;
	}
	check_transport(in, ret, IPPROTO_TCP, "wrong TCP checksum");
	ret->sport = get16(h);
	ret->dport = get16(h + 2);
	ret->seq = get32(h + 4);
	ret->ack = get32(h + 8);
	ret->flags = (uint16_t)(h[13] | (h[12] & 1) << 8);
	ret->reserved = (h[12] >> 1) & 7;
	ret->window = get16(h + 14);
	ret->urgent = get16(h + 18);
	ret->options_len = (uint8_t)(hdr - 20);
	memcpy(ret->options, h + 20, ret->options_len);
	in->p += hdr;
	in->left -= hdr;
	decode_payload(in, ret);
}

static void decode_udp(struct in *in, struct packet *ret)
{
	if (in->left < 8) {
		bad(ret, "UDP header is cut short");
		return;
	}
	if (get16(in->p + 6) != 0)
		check_transport(in, ret, IPPROTO_UDP, "wrong UDP checksum");
	else if (ret->family == AF_INET6)
		bad(ret, "no UDP checksum over IPv6");
	if (!ret->ip.is_frag && get16(in->p + 4) != in->left)
		bad(ret, "UDP length does not fit");
	ret->sport = get16(in->p);
	ret->dport = get16(in->p + 2);
	in->p += 8;
	in->left -= 8;
	decode_payload(in, ret);
}

/* What an ICMP error quotes; a cut quotation is nothing to complain about. */
static void decode_quoted(struct in *in, struct packet *ret)
{
	size_t hdr = in->left && in->p[0] >> 4 == 4 ? (size_t)(in->p[0] & 15) * 4 : 40;

	if (in->left < hdr + 8 || hdr < 20)
		return;

	const uint8_t *l4 = in->p + hdr;
	size_t len =
		hdr == 40 && in->p[0] >> 4 == 6 ? get16(in->p + 4) : (size_t)get16(in->p + 2) - hdr;

	ret->echoed_protocol = in->p[0] >> 4 == 4 ? in->p[9] : in->p[6];
	if (ret->echoed_protocol == IPPROTO_TCP) {
		ret->echoed_seq = get32(l4 + 4);
		ret->echoed_len =
			(uint16_t)(len - (in->left > hdr + 12 ? (size_t)(l4[12] >> 4) * 4 : 20));
	} else if (ret->echoed_protocol == IPPROTO_UDP) {
		ret->echoed_len = (uint16_t)(get16(l4 + 4) - 8);
	}
}

static bool icmp_is_error(int family, uint8_t type)
{
	if (family == AF_INET6)
		return type < 128;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static void decode_icmp(struct in *in, struct packet *ret)
{
	const uint8_t *h = in->p;

	if (in->left < 8) {
		bad(ret, "ICMP header is cut short");
		return;
	}
	if (ret->family == AF_INET6)
		check_transport(in, ret, IPPROTO_ICMPV6, "wrong ICMPv6 checksum");
	else if (!ret->ip.is_frag && checksum_fold(checksum_add(0, h, in->left)) != 0)
		bad(ret, "wrong ICMP checksum");
	ret->icmp_type = h[0];
	ret->icmp_code = h[1];
	ret->icmp_mtu = ret->family == AF_INET ? get16(h + 6) : (int32_t)get32(h + 4);
	ret->icmp_id = get16(h + 4);
	in->p += 8;
	in->left -= 8;
	if (icmp_is_error(ret->family, ret->icmp_type))
		decode_quoted(in, ret);
	decode_payload(in, ret);
}

static bool decode_gre(struct in *in, struct packet *ret, int *protocol)
{
	struct encap *e = &ret->encap[ret->nencap];
	size_t need = 4;

	if (in->left < 4 || ret->nencap == PACKET_ENCAP_MAX)
		return bad(ret, "GRE header is cut short");
	*e = (struct encap){.kind = ENCAP_GRE, .gre_flags = get16(in->p)};
	need += e->gre_flags & 0x8000 ? 4 : 0;
	need += e->gre_flags & 0x2000 ? 4 : 0;
	need += e->gre_flags & 0x1000 ? 4 : 0;
	if (in->left < need)
		return bad(ret, "GRE header is cut short");

	const uint8_t *h = in->p + 4;
	uint16_t type = get16(in->p + 2);

	if (e->gre_flags & 0x8000) {
		e->gre_sum = get16(h);
		e->gre_off = get16(h + 2);
		h += 4;
	}
	if (e->gre_flags & 0x2000) {
		e->gre_key = get32(h);
		h += 4;
	}
	if (e->gre_flags & 0x1000)
		e->gre_seq = get32(h);
	ret->nencap++;
	in->p += need;
	in->left -= need;
	*protocol = type == 0x0800   ? IPPROTO_IPIP
		    : type == 0x86dd ? IPPROTO_IPV6
				     : NEXT_HEADER_MPLS;
	return true;
}

static bool decode_mpls(struct in *in, struct packet *ret, int *protocol)
{
	struct encap *e = &ret->encap[ret->nencap];

	if (ret->nencap == PACKET_ENCAP_MAX)
		return bad(ret, "too many headers");
	*e = (struct encap){.kind = ENCAP_MPLS};
	do {
		if (in->left < 4 || e->nmpls == PACKET_MPLS_MAX)
			return bad(ret, "MPLS label stack is cut short");
		e->mpls[e->nmpls++] = get32(in->p);
		in->p += 4;
		in->left -= 4;
	} while (!(e->mpls[e->nmpls - 1] & 0x100));
	ret->nencap++;
	*protocol = in->left && in->p[0] >> 4 == 6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	return true;
}

int packet_decode(const uint8_t *buf, size_t len, struct packet *ret)
{
	struct in in = {buf, len};
	int protocol = len && buf[0] >> 4 == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	bool first = true;

	*ret = (struct packet){.outbound = true, .window = -1, .icmp_mtu = -1};
	if (len == 0 || (buf[0] >> 4 != 4 && buf[0] >> 4 != 6))
		return -EPROTONOSUPPORT;
	for (;;) {
		bool ok = true;

		if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6) {
			if (!first && ret->ip.tos_check == TOS_BYTE)
				push_outer(ret);
			ok = protocol == IPPROTO_IPIP ? decode_ip4(&in, ret, &protocol)
						      : decode_ip6(&in, ret, &protocol);
			first = false;
		} else if (protocol == IPPROTO_GRE) {
			push_outer(ret);
			ok = decode_gre(&in, ret, &protocol);
		} else if (protocol == NEXT_HEADER_MPLS) {
			if (ret->ip.tos_check == TOS_BYTE)
				push_outer(ret);
			ok = decode_mpls(&in, ret, &protocol);
		} else {
			break;
		}
		if (!ok)
			return 0;
	}
	ret->protocol = protocol == IPPROTO_ICMPV6 ? IPPROTO_ICMP : protocol;
	if (ret->ip.is_frag && ret->ip.frag_off > 0)
		decode_payload(&in, ret);
	else if (protocol == IPPROTO_TCP)
		decode_tcp(&in, ret);
	else if (protocol == IPPROTO_UDP)
		decode_udp(&in, ret);
	else if (ret->protocol == IPPROTO_ICMP)
		decode_icmp(&in, ret);
	else
		decode_payload(&in, ret);
	return 0;
}
