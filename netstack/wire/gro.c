/* SPDX-License-Identifier: Apache-2.0 */
/* Receive merging: what must be equal in the headers of two segments, and the headers of the whole. */
#include <string.h>
#include <sys/socket.h>

#include "wire/checksum.h"
#include "wire/tcp.h"
#include "wire/wire.h"

#define TCP_FLAGS_MERGE (TCP_FLAG_ACK | TCP_FLAG_PSH)

static bool parse_ip4(struct wire_gro *g, const uint8_t *ip, size_t len, uint8_t *proto, uint32_t *total)
{
	uint16_t frag;

	if (len < IP4_HDR_LEN || ip[0] != 0x45)
		return false;
	*total = load_be16(ip + 2);
	g->ip_id = load_be16(ip + 4);
	frag = load_be16(ip + 6);
	g->df = frag & IP4_DF;
	*proto = ip[9];
	g->l4 = ETH_HDR_LEN + IP4_HDR_LEN;
	return !(frag & (uint16_t)~IP4_DF) && ip4_sum_ok(ip, IP4_HDR_LEN);
}

static bool parse_ip6(struct wire_gro *g, const uint8_t *ip, size_t len, uint8_t *proto, uint32_t *total)
{
	if (len < IP6_HDR_LEN || ip[0] >> 4 != 6)
		return false;
	*total = IP6_HDR_LEN + (uint32_t)load_be16(ip + 4);
	*proto = ip[6];
	g->v6 = true;
	g->l4 = ETH_HDR_LEN + IP6_HDR_LEN;
	return true;
}

bool wire_gro_parse(struct wire_gro *ret, const uint8_t *frame, size_t len)
{
	struct wire_gro g = {0};
	uint8_t proto;
	uint32_t total;
	size_t hdr = UDP_HDR_LEN;
	const uint8_t *l4;

	if (len < ETH_HDR_LEN)
		return false;
	switch (load_be16(frame + 12)) {
	case ETH_TYPE_IP4:
		if (!parse_ip4(&g, frame + ETH_HDR_LEN, len - ETH_HDR_LEN, &proto, &total))
			return false;
		break;
	case ETH_TYPE_IP6:
		if (!parse_ip6(&g, frame + ETH_HDR_LEN, len - ETH_HDR_LEN, &proto, &total))
			return false;
		break;
	default:
		return false;
	}
	l4 = frame + g.l4;
	if (proto == 6) {
		if (len < g.l4 + 20u)
			return false;
		hdr = (size_t)(l4[12] >> 4) * 4;
		g.flags = l4[13];
		g.seq = load_be32(l4 + 4);
		if (hdr < 20 || !(g.flags & TCP_FLAG_ACK) || (g.flags & ~TCP_FLAGS_MERGE))
			return false;
	} else if (proto == 17) {
		g.udp = true;
		if (len < (size_t)g.l4 + UDP_HDR_LEN || !load_be16(l4 + 6))
			return false;
	} else {
		return false;
	}
	g.payload = (uint16_t)(g.l4 + hdr);
	g.total = ETH_HDR_LEN + total;
	if (g.payload > len || g.total < (uint32_t)g.payload)
		return false;
	g.data = g.total - g.payload;
	if (g.udp && load_be16(l4 + 4) != (uint32_t)UDP_HDR_LEN + g.data)
		return false;
	*ret = g;
	return true;
}

/* IPv4 id, length and checksum, TCP sequence and PSH, and the checksums may differ. */
static bool same_ip(const uint8_t *a, const uint8_t *b, bool v6)
{
	if (v6)
		return !memcmp(a, b, 4) && !memcmp(a + 6, b + 6, 34);
	return !memcmp(a, b, 2) && !memcmp(a + 6, b + 6, 4) && !memcmp(a + 12, b + 12, 8);
}

bool wire_gro_same(const uint8_t *a, const struct wire_gro *ga, const uint8_t *b,
		   const struct wire_gro *gb)
{
	const uint8_t *ta = a + ga->l4, *tb = b + gb->l4;

	if (ga->v6 != gb->v6 || ga->udp != gb->udp || ga->payload != gb->payload ||
	    memcmp(a, b, ETH_HDR_LEN) || !same_ip(a + ETH_HDR_LEN, b + ETH_HDR_LEN, ga->v6) ||
	    memcmp(ta, tb, 4))
		return false;
	if (ga->udp)
		return true;
	/* Acknowledgement, header length, window, urgent pointer, options. */
	return !memcmp(ta + 8, tb + 8, 5) && !memcmp(ta + 14, tb + 14, 2) &&
	       !memcmp(ta + 18, tb + 18, (size_t)(ga->payload - ga->l4) - 18);
}

void wire_gro_finish(uint8_t *frame, const struct wire_gro *g, uint32_t data, uint8_t flags)
{
	uint8_t *ip = frame + ETH_HDR_LEN, *l4 = frame + g->l4;
	uint32_t l4_len = (uint32_t)(g->payload - g->l4) + data;
	size_t n = g->v6 ? 16 : 4;
	struct net_addr src = {.family = g->v6 ? AF_INET6 : AF_INET}, dst = src;

	if (g->v6) {
		store_be16(ip + 4, (uint16_t)l4_len);
	} else {
		store_be16(ip + 2, (uint16_t)(IP4_HDR_LEN + l4_len));
		store_be16(ip + 10, 0);
		store_be16(ip + 10, csum_fold(csum_add(0, ip, IP4_HDR_LEN)));
	}
	if (g->udp)
		store_be16(l4 + 4, (uint16_t)l4_len);
	else
		l4[13] = flags;
	memcpy(src.bytes, ip + (g->v6 ? 8 : 12), n);
	memcpy(dst.bytes, ip + (g->v6 ? 24 : 16), n);
	store_be16(l4 + (g->udp ? UDP_CSUM_OFFSET : TCP_CSUM_OFFSET),
		   csum_partial(csum_pseudo(&src, &dst, g->udp ? 17 : 6, l4_len)));
}
