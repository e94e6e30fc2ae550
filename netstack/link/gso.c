/* SPDX-License-Identifier: Apache-2.0 */
/* Software segmentation at the edge of a link: one super-segment is cut piece by piece, as the
 * driver takes frames. Payload is referenced, headers are copied and fixed (wire/gso.c).
 */
#include "link/link.h"

#include <string.h>

#define HDR_MAX 256

bool gso_start(struct link *link, struct gso_cut *cut, struct pkt *pkt)
{
	struct net_core *core = link->links->core;
	struct wire_gso *g = &cut->info;
	uint16_t type;
	size_t l3;

	*cut = (struct gso_cut){0};
	pkt_pullup(pkt, MIN((size_t)pkt->len, (size_t)HDR_MAX));
	l3 = ether_l3(link, pkt, &type);
	if (!pkt->offload.gso_size ||
	    !wire_find_l4(g, pkt_data(pkt), pkt->lin_len, l3, type == ETH_TYPE_IP6) ||
	    g->payload > HDR_MAX || g->payload >= pkt->len) {
		link->stats.tx_errors++;
		core_drop(core, pkt, DROP_LINK_OFFLOAD);
		return false;
	}
	cut->whole = pkt;
	return true;
}

struct pkt *gso_next(struct link *link, struct gso_cut *cut)
{
	struct pkt *whole = cut->whole;

	if (!whole)
		return NULL;

	const struct wire_gso *g = &cut->info;
	uint32_t data = whole->len - g->payload;
	uint32_t len = MIN((uint32_t)whole->offload.gso_size, data - cut->off);
	bool last = cut->off + len == data;
	struct pkt *pkt = pkt_slice(whole, g->payload + cut->off, len);
	uint8_t *hdr = pkt ? pkt_push(pkt, g->payload) : NULL;

	if (!hdr) { /* the rest is lost; the transport recovers */
		pkt_free(pkt);
		cut->whole = NULL;
		link->stats.tx_dropped++;
		core_drop(link->links->core, whole, DROP_NO_MEMORY);
		return NULL;
	}
	memcpy(hdr, pkt_data(whole), g->payload);
	wire_gso_fix(hdr, g, cut->index, cut->off, len, last);
	pkt->offload = (struct net_offload){
		.flags = NET_OFFLOAD_NEEDS_CSUM,
		.csum_start = g->l4,
		.csum_offset = g->udp ? UDP_CSUM_OFFSET : 16,
	};
	pkt->at = PKT_AT_FRAME;
	cut->off += len;
	cut->index++;
	if (last) {
		/* The charge follows the last piece, so that the sender sees the whole leave. */
		pkt->charge = whole->charge;
		pkt->charged = whole->charged;
		whole->charge = NULL;
		cut->whole = pkt_free(whole);
	}
	return pkt;
}
