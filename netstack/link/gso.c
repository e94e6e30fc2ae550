/* SPDX-License-Identifier: Apache-2.0 */
/* Software segmentation at the edge of a link: one super-segment is cut piece by piece, as the
 * driver takes frames. Payload is referenced, headers are copied and fixed (wire/gso.c).
 */
#include "link/link.h"

#include <string.h>

#define HDR_MAX 256

bool gso_start(struct link *link, struct pkt *pkt)
{
	struct net_core *core = link->links->core;
	size_t l3 = link->kind == NET_LINK_ETHER ? ETH_HDR_LEN : 0;
	struct wire_gso *g = &link->gso_info;
	uint8_t version = 0;

	pkt_read(pkt, l3, &version, 1);
	pkt_pullup(pkt, MIN((size_t)pkt->len, (size_t)HDR_MAX));
	if (!pkt->offload.gso_size ||
	    !wire_find_l4(g, pkt_data(pkt), pkt->lin_len, l3, version >> 4 == 6) ||
	    g->payload > HDR_MAX || g->payload >= pkt->len) {
		link->stats.tx_errors++;
		core_drop(core, pkt, DROP_LINK_OFFLOAD);
		return false;
	}
	link->gso = pkt;
	link->gso_off = 0;
	link->gso_index = 0;
	return true;
}

struct pkt *gso_next(struct link *link)
{
	struct pkt *whole = link->gso;

	if (!whole)
		return NULL;

	const struct wire_gso *g = &link->gso_info;
	uint32_t data = whole->len - g->payload;
	uint32_t len = MIN((uint32_t)whole->offload.gso_size, data - link->gso_off);
	bool last = link->gso_off + len == data;
	struct pkt *pkt = pkt_slice(whole, g->payload + link->gso_off, len);
	uint8_t *hdr = pkt ? pkt_push(pkt, g->payload) : NULL;

	if (!hdr) { /* the rest is lost; the transport recovers */
		pkt_free(pkt);
		link->gso = NULL;
		link->stats.tx_dropped++;
		core_drop(link->links->core, whole, DROP_NO_MEMORY);
		return NULL;
	}
	memcpy(hdr, pkt_data(whole), g->payload);
	wire_gso_fix(hdr, g, link->gso_index, link->gso_off, len, last);
	pkt->offload = (struct net_offload){
		.flags = NET_OFFLOAD_NEEDS_CSUM,
		.csum_start = g->l4,
		.csum_offset = g->udp ? UDP_CSUM_OFFSET : 16,
	};
	link->gso_off += len;
	link->gso_index++;
	if (last) {
		/* The charge follows the last piece, so that the sender sees the whole leave. */
		pkt->charge = whole->charge;
		pkt->charged = whole->charged;
		whole->charge = NULL;
		link->gso = pkt_free(whole);
	}
	return pkt;
}
