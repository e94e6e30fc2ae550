/* SPDX-License-Identifier: Apache-2.0 */
/* A packet under inspection: where its headers are, reading and rewriting them. */
#include <netinet/in.h>

#include "nf/nf.h"
#include "wire/checksum.h"
#include "wire/wire.h"

#define LINEAR 128 /* headers that are looked at */

static bool parse4(struct nf_pkt *p)
{
	struct ip4_hdr hdr;
	struct rd in;

	pkt_rd(p->pkt, &in);
	if (ip4_parse(&hdr, &in) != DROP_NONE)
		return false;
	p->proto = hdr.proto;
	p->th_off = hdr.hdr_len;
	p->frag_off = hdr.frag_off;
	p->has_th = hdr.frag_off == 0;
	return true;
}

static bool parse6(struct nf_pkt *p)
{
	uint8_t next;
	uint16_t off = IP6_HDR_LEN;

	if (!nf_pkt_load(p, 6, &next, 1))
		return false;
	p->has_th = true;
	for (int n = 0; n < IP6_EXT_MAX; n++) {
		uint8_t ext[4];

		if (next != IP6_EXT_HOPOPTS && next != IP6_EXT_DSTOPTS && next != IP6_EXT_ROUTING &&
		    next != IP6_EXT_FRAGMENT)
			break;
		if (!nf_pkt_load(p, off, ext, sizeof(ext)))
			return false;
		if (next == IP6_EXT_FRAGMENT) {
			p->frag_off = (uint16_t)(wire_get16(ext + 2) & ~7u);
			p->has_th = p->frag_off == 0;
			off = (uint16_t)(off + 8);
			next = ext[0];
			if (!p->has_th)
				break;
			continue;
		}
		next = ext[0];
		off = (uint16_t)(off + 8 * (ext[1] + 1));
	}
	p->proto = next;
	p->th_off = off;
	if (next == IP6_EXT_NONE)
		p->has_th = false;
	return true;
}

bool nf_pkt_parse(struct nf_pkt *p)
{
	uint8_t first;

	if (!pkt_pullup(p->pkt, MIN(p->pkt->len, (uint32_t)LINEAR)) || !nf_pkt_load(p, 0, &first, 1))
		return false;
	p->family = first >> 4 == 4 ? AF_INET : AF_INET6;
	return p->family == AF_INET ? parse4(p) : parse6(p);
}

static struct net_addr addr_at(const struct nf_pkt *p, size_t off4, size_t off6)
{
	struct net_addr a = { .family = p->family };

	if (p->family == AF_INET)
		(void)nf_pkt_load(p, off4, a.v4, 4);
	else
		(void)nf_pkt_load(p, off6, a.v6, 16);
	return a;
}

struct net_addr nf_pkt_src(const struct nf_pkt *p)
{
	return addr_at(p, 12, 8);
}

struct net_addr nf_pkt_dst(const struct nf_pkt *p)
{
	return addr_at(p, 16, 24);
}

bool nf_pkt_load(const struct nf_pkt *p, size_t off, void *to, size_t len)
{
	if (off > p->pkt->len || len > p->pkt->len - off)
		return false;
	return pkt_read(p->pkt, off, to, len) == len;
}

bool nf_pkt_store(struct nf_pkt *p, size_t off, const void *from, size_t len)
{
	struct pkt *pkt = p->pkt;

	if (off > pkt->len || len > pkt->len - off || !pkt_pullup(pkt, off + len) ||
	    !pkt_make_writable(pkt))
		return false;
	pkt_write_linear(pkt, off, from, len);
	return true;
}

/* Where the transport's checksum is; 0: it has none that we keep. */
static size_t csum_at(const struct nf_pkt *p)
{
	switch (p->proto) {
	case IPPROTO_TCP:
		return p->th_off + 16u;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return p->th_off + 6u;
	case IPPROTO_ICMPV6:
		return p->th_off + 2u;
	case IPPROTO_ICMP:
		return p->family == AF_INET ? p->th_off + 2u : 0;
	default:
		return 0;
	}
}

/* One word of the sum changed. A checksum still to be finished holds the plain sum of the pseudo-header:
 * words of the transport itself are not in it yet. */
static bool fix_transport(struct nf_pkt *p, uint16_t from, uint16_t to, bool pseudo)
{
	size_t at = csum_at(p);
	bool partial = p->pkt->offload.flags & NET_OFFLOAD_NEEDS_CSUM;
	uint8_t field[2];
	uint16_t sum;

	if (!at || !p->has_th || (pseudo && p->proto == IPPROTO_ICMP) || (partial && !pseudo))
		return true;
	if (!nf_pkt_load(p, at, field, 2))
		return true;
	sum = wire_get16(field);
	if (p->proto == IPPROTO_UDP && !partial && sum == 0)
		return true; /* RFC 768: no checksum */
	sum = partial ? (uint16_t)~csum_update16((uint16_t)~sum, from, to) : csum_update16(sum, from, to);
	if (p->proto == IPPROTO_UDP && !partial && sum == 0)
		sum = 0xffff;
	wire_put16(field, sum);
	return nf_pkt_store(p, at, field, 2);
}

bool nf_pkt_mangle(struct nf_pkt *p, size_t off, const void *from, size_t len, bool pseudo)
{
	const uint8_t *bytes = from;
	bool in_ip4 = p->family == AF_INET && off + len <= p->th_off;
	bool in_th = off >= p->th_off;

	for (size_t i = 0; i + 1 < len; i += 2) {
		uint8_t old[2], sum[2];

		if (!nf_pkt_load(p, off + i, old, 2))
			return false;
		if (memcmp(old, bytes + i, 2) == 0)
			continue;

		uint16_t was = wire_get16(old), is = wire_get16(bytes + i);

		if (!nf_pkt_store(p, off + i, bytes + i, 2))
			return false;
		if (in_ip4 && nf_pkt_load(p, 10, sum, 2)) {
			wire_put16(sum, csum_update16(wire_get16(sum), was, is));
			if (!nf_pkt_store(p, 10, sum, 2))
				return false;
		}
		if ((in_th || pseudo) && !fix_transport(p, was, is, pseudo))
			return false;
	}
	return true;
}
