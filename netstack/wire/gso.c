/* SPDX-License-Identifier: Apache-2.0 */
/* Header edits for software segmentation, and finding the transport header in a frame. */
#include "wire/wire.h"

#include <sys/socket.h>

#include "wire/checksum.h"
#include "wire/tcp.h"

static void load_addrs(const uint8_t *ip, bool v6, struct net_addr *src, struct net_addr *dst)
{
	size_t n = v6 ? 16 : 4;

	*src = (struct net_addr){.family = v6 ? AF_INET6 : AF_INET};
	*dst = *src;
	memcpy(src->bytes, ip + (v6 ? 8 : 12), n);
	memcpy(dst->bytes, ip + (v6 ? 24 : 16), n);
}

static void fix_tcp(uint8_t *tcp, uint32_t index, uint32_t off, bool last)
{
	uint16_t word = load_be16(tcp + 12);

	store_be32(tcp + 4, load_be32(tcp + 4) + off);
	if (!last)
		word &= (uint16_t) ~(TCP_FLAG_FIN | TCP_FLAG_PSH);
	if (index)
		word &= (uint16_t)~TCP_FLAG_CWR;
	store_be16(tcp + 12, word);
}

void wire_gso_fix(uint8_t *hdr, const struct wire_gso *g, uint32_t index, uint32_t off,
		  uint32_t len, bool last)
{
	uint8_t *ip = hdr + g->l3;
	uint8_t *l4 = hdr + g->l4;
	uint32_t l4_len = (uint32_t)(g->payload - g->l4) + len;
	struct net_addr src, dst;

	if (g->v6) {
		store_be16(ip + 4, (uint16_t)(l4_len + (g->l4 - g->l3) - IP6_HDR_LEN));
	} else {
		store_be16(ip + 2, (uint16_t)(l4_len + (g->l4 - g->l3)));
		store_be16(ip + 4, (uint16_t)(load_be16(ip + 4) + index));
		store_be16(ip + 10, 0);
		store_be16(ip + 10, csum_fold(csum_add(0, ip, (ip[0] & 15) * 4u)));
	}
	if (g->udp)
		store_be16(l4 + 4, (uint16_t)l4_len);
	else
		fix_tcp(l4, index, off, last);
	load_addrs(ip, g->v6, &src, &dst);
	store_be16(l4 + (g->udp ? UDP_CSUM_OFFSET : TCP_CSUM_OFFSET),
		   csum_partial(csum_pseudo(&src, &dst, g->udp ? 17 : 6, l4_len)));
}

/* Skips extension headers that can stand before a transport. Returns the transport's number. */
static int skip_ext(struct rd *in, uint8_t next)
{
	for (int i = 0; i < IP6_EXT_MAX; i++) {
		if (next != IP6_EXT_HOPOPTS && next != IP6_EXT_DSTOPTS && next != IP6_EXT_ROUTING)
			return next;
		next = rd_u8(in);
		rd_skip(in, (rd_u8(in) + 1u) * 8 - 2);
		if (rd_failed(in))
			return -1;
	}
	return -1;
}

bool wire_find_l4(struct wire_gso *ret, const uint8_t *frame, size_t len, size_t l3, bool v6)
{
	struct rd in;
	int proto;

	rd_init(&in, frame, len);
	rd_skip(&in, l3);
	if (v6) {
		struct ip6_hdr_v ip;

		if (ip6_parse(&ip, &in) != DROP_NONE)
			return false;
		proto = skip_ext(&in, ip.next);
	} else {
		struct ip4_hdr ip;

		if (ip4_parse(&ip, &in) != DROP_NONE || ip.frag_off || (ip.flags & IP4_MF))
			return false;
		rd_skip(&in, ip.hdr_len - IP4_HDR_LEN);
		proto = ip.proto;
	}
	if (rd_failed(&in) || (proto != 6 && proto != 17))
		return false;

	size_t l4 = (size_t)(in.p - frame);
	size_t hdr = UDP_HDR_LEN;

	if (proto == 6) {
		struct tcp_hdr tcp;

		if (tcp_parse(&tcp, &in) != DROP_NONE)
			return false;
		hdr = tcp.hdr_len;
	} else if (rd_left(&in) < UDP_HDR_LEN) {
		return false;
	}
	*ret = (struct wire_gso){.v6 = v6,
				 .udp = proto == 17,
				 .l3 = (uint16_t)l3,
				 .l4 = (uint16_t)l4,
				 .payload = (uint16_t)(l4 + hdr)};
	return true;
}
