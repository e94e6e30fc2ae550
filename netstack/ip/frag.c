/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting packets into fragments (RFC 791 3.2, RFC 8200 4.5). Payload is referenced, not copied. */
#include <errno.h>
#include <string.h>

#include "ip/ip.h"

/* Sends the piece [off, off + len) of the data behind @hdr_len bytes of header. */
static struct pkt *piece(struct pkt *whole, uint32_t hdr_len, uint32_t off, uint32_t len)
{
	return pkt_slice(whole, hdr_len + off, len);
}

static void charge_last(struct pkt *last, struct pkt *whole)
{
	last->charge = whole->charge;
	last->charged = whole->charged;
	whole->charge = NULL;
}

static int fail(struct ip *ip, struct pkt *whole, bool v6, enum drop why, int err)
{
	if (v6)
		MIB_INC(ip->core, Ip6_FragFails);
	else
		MIB_INC(ip->core, Ip_FragFails);
	core_drop(ip->core, whole, why);
	return err;
}

/* Header of a fragment: the first keeps all options, others those with the copy bit. */
static int emit4(struct pkt *frag, const struct ip4_hdr *hdr, const uint8_t *opts, uint32_t off,
		 bool more)
{
	uint8_t kept[40];
	size_t opts_len = hdr->hdr_len - IP4_HDR_LEN;
	struct ip4_hdr h = *hdr;
	struct wr out;

	if (off && opts_len)
		opts_len = ip4_copy_opts(kept, opts, opts_len);
	else
		memcpy(kept, opts, opts_len);
	h.hdr_len = (uint8_t)(IP4_HDR_LEN + opts_len);
	h.total_len = (uint16_t)(h.hdr_len + frag->len);
	h.flags = more || (hdr->flags & IP4_MF) ? IP4_MF : 0;
	h.frag_off = (uint16_t)(hdr->frag_off + off);

	uint8_t *at = pkt_push(frag, h.hdr_len);

	if (!at)
		return -ENOBUFS;
	wr_init(&out, at, h.hdr_len);
	ip4_emit(&out, &h, opts_len ? kept : NULL);
	return 0;
}

int ip4_fragment(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint32_t mtu)
{
	struct ip4_hdr hdr;
	struct rd in;

	if (!pkt_csum_finish(pkt))
		return fail(ip, pkt, false, DROP_LINK_OFFLOAD, -EMSGSIZE);
	(void)pkt_pullup(pkt, MIN(pkt->len, (uint32_t)IP4_HDR_MAX));
	pkt_rd(pkt, &in);
	if (ip4_parse(&hdr, &in) != DROP_NONE || mtu < hdr.hdr_len + 8u)
		return fail(ip, pkt, false, DROP_IP_TOO_BIG, -EMSGSIZE);

	uint8_t opts[40];
	uint32_t data = pkt->len - hdr.hdr_len;
	uint32_t step = (mtu - hdr.hdr_len) & ~7u;
	int r = 0;

	memcpy(opts, pkt_data(pkt) + IP4_HDR_LEN, hdr.hdr_len - IP4_HDR_LEN);
	for (uint32_t off = 0; off < data && r == 0; off += step) {
		uint32_t len = MIN(step, data - off);
		bool more = off + len < data;
		struct pkt *frag = piece(pkt, hdr.hdr_len, off, len);

		if (!frag)
			return fail(ip, pkt, false, DROP_NO_MEMORY, -ENOBUFS);
		r = emit4(frag, &hdr, opts, off, more);
		if (r < 0) {
			pkt_free(frag);
			return fail(ip, pkt, false, DROP_NO_MEMORY, r);
		}
		if (!more)
			charge_last(frag, pkt);
		MIB_INC(ip->core, Ip_FragCreates);
		r = ip_xmit(ip, path, frag);
	}
	if (r < 0)
		return fail(ip, pkt, false, DROP_LINK_TX_FULL, r);
	MIB_INC(ip->core, Ip_FragOKs);
	pkt_free(pkt);
	return 0;
}

/* The headers before the fragment header: IPv6 and a hop-by-hop header, if any. */
static uint32_t unfragmentable(struct pkt *pkt, struct ip6_hdr_v *hdr, uint8_t *next,
			       uint32_t *next_at)
{
	struct rd in;

	(void)pkt_pullup(pkt, MIN(pkt->len, 256u));
	pkt_rd(pkt, &in);
	if (ip6_parse(hdr, &in) != DROP_NONE)
		return 0;
	*next = hdr->next;
	*next_at = 6;
	if (hdr->next != IP6_EXT_HOPOPTS)
		return IP6_HDR_LEN;

	uint8_t nh = rd_u8(&in);
	uint32_t len = (rd_u8(&in) + 1u) * 8;

	if (rd_failed(&in) || IP6_HDR_LEN + len > pkt->lin_len)
		return 0;
	*next = nh;
	*next_at = IP6_HDR_LEN;
	return IP6_HDR_LEN + len;
}

static int emit6(struct pkt *frag, struct pkt *whole, uint32_t keep, uint32_t next_at,
		 const struct ip6_frag *f)
{
	uint32_t payload = keep - IP6_HDR_LEN + IP6_FRAG_LEN + frag->len;
	uint8_t *at = pkt_push(frag, keep + IP6_FRAG_LEN);
	struct wr out;

	if (!at)
		return -ENOBUFS;
	wr_init(&out, at, keep + IP6_FRAG_LEN);
	wr_bytes(&out, pkt_data(whole), keep);
	ip6_emit_frag(&out, f);
	wire_put8(at + next_at, IP6_EXT_FRAGMENT);
	wire_put16(at + 4, (uint16_t)payload);
	return 0;
}

int ip6_fragment(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint32_t mtu)
{
	struct ip6_hdr_v hdr;
	uint8_t next = 0;
	uint32_t next_at = 0, keep;
	int r = 0;

	if (!pkt_csum_finish(pkt))
		return fail(ip, pkt, true, DROP_LINK_OFFLOAD, -EMSGSIZE);
	keep = unfragmentable(pkt, &hdr, &next, &next_at);
	if (!keep || mtu < keep + IP6_FRAG_LEN + 8)
		return fail(ip, pkt, true, DROP_IP_TOO_BIG, -EMSGSIZE);

	uint32_t data = pkt->len - keep;
	uint32_t step = (mtu - keep - IP6_FRAG_LEN) & ~7u;
	uint32_t id = ip_path_next_id(ip, path);

	for (uint32_t off = 0; off < data && r == 0; off += step) {
		uint32_t len = MIN(step, data - off);
		struct ip6_frag f = {next, (uint16_t)off, off + len < data, id};
		struct pkt *frag = piece(pkt, keep, off, len);

		if (!frag || emit6(frag, pkt, keep, next_at, &f) < 0) {
			pkt_free(frag);
			return fail(ip, pkt, true, DROP_NO_MEMORY, -ENOBUFS);
		}
		if (!f.more)
			charge_last(frag, pkt);
		MIB_INC(ip->core, Ip6_FragCreates);
		r = ip_xmit(ip, path, frag);
	}
	if (r < 0)
		return fail(ip, pkt, true, DROP_LINK_TX_FULL, r);
	MIB_INC(ip->core, Ip6_FragOKs);
	pkt_free(pkt);
	return 0;
}
