/* SPDX-License-Identifier: Apache-2.0 */
/* Software receive offload: segments of one flow that arrived together become one super-segment. Nothing
 * is kept beyond the batch. A segment is merged only when its checksum is good and it continues the flow
 * exactly; whatever else goes up as it is, after what it must not overtake.
 */
#include <string.h>

#include "link/link.h"
#include "wire/checksum.h"

#define FLOWS 16
#define LEN_MAX 65000 /* of the whole; IP has 65535 */

struct held {
	struct pkt *pkt;
	struct wire_gro g;
	uint32_t seg;  /* bytes of each but the last segment */
	uint32_t data; /* bytes so far */
	uint32_t count;
	uint8_t flags;
};

struct gro {
	struct link *link;
	struct held held[FLOWS];
	unsigned n;
};

static void flush(struct gro *gro, unsigned i)
{
	struct held *h = &gro->held[i];
	struct pkt *pkt = h->pkt;

	if (h->count > 1) {
		wire_gro_finish(pkt_data(pkt), &h->g, h->data, h->flags);
		pkt->offload = (struct net_offload){
			.flags = NET_OFFLOAD_NEEDS_CSUM | NET_OFFLOAD_DATA_VALID,
			.gso_type = h->g.udp  ? NET_GSO_UDP_L4
				    : h->g.v6 ? NET_GSO_TCP6
					      : NET_GSO_TCP4,
			.gso_size = (uint16_t)h->seg,
			.csum_start = h->g.l4,
			.csum_offset = h->g.udp ? UDP_CSUM_OFFSET : 16,
		};
	}
	/* In order of arrival: the others move up. */
	gro->n--;
	memmove(h, h + 1, (gro->n - i) * sizeof(*h));
	link_input(gro->link, pkt);
}

static void flush_all(struct gro *gro)
{
	while (gro->n)
		flush(gro, 0);
}

/* Good: by the device, or by looking. */
static bool sum_ok(struct pkt *pkt, const struct wire_gro *g)
{
	const uint8_t *ip = pkt_data(pkt) + ETH_HDR_LEN;
	size_t n = g->v6 ? 16 : 4;
	struct net_addr src = {.family = g->v6 ? 10 : 2}, dst = src;
	uint64_t sum;

	if (pkt->offload.flags)
		return true;
	memcpy(src.bytes, ip + (g->v6 ? 8 : 12), n);
	memcpy(dst.bytes, ip + (g->v6 ? 24 : 16), n);
	sum = csum_pseudo(&src, &dst, g->udp ? 17 : 6, g->total - g->l4);
	if (csum_fold(csum_join(sum, pkt_csum(pkt, g->l4, g->total - g->l4))))
		return false;
	pkt->offload.flags = NET_OFFLOAD_DATA_VALID;
	return true;
}

static bool mergeable(struct gro *gro, struct pkt *pkt, struct wire_gro *g)
{
	if (pkt->offload.gso_type || !pkt_pullup(pkt, MIN(pkt->len, 94u)) ||
	    !wire_gro_parse(g, pkt_data(pkt), pkt->lin_len) || !g->data || g->total > pkt->len)
		return false;
	if (g->udp && !gro->link->links->udp_gro)
		return false;
	return sum_ok(pkt, g) && pkt_make_writable(pkt);
}

static bool continues(const struct held *h, const struct wire_gro *g)
{
	if (h->data % h->seg || g->data > h->seg || h->data + g->data + h->g.payload > LEN_MAX)
		return false;
	if (!g->v6 && !g->df && g->ip_id != (uint16_t)(h->g.ip_id + h->count))
		return false;
	return g->udp || g->seq == h->g.seq + h->data;
}

static void hold(struct gro *gro, struct pkt *pkt, const struct wire_gro *g)
{
	if (gro->n == FLOWS)
		flush(gro, 0);
	pkt_trim(pkt, g->total);
	gro->held[gro->n++] = (struct held){.pkt = pkt,
					    .g = *g,
					    .seg = g->data,
					    .data = g->data,
					    .count = 1,
					    .flags = g->flags};
}

/* Appends the payload of @pkt. False: no room; nothing was done. */
static bool append(struct held *h, struct pkt *pkt, const struct wire_gro *g)
{
	struct pkt *data = pkt_slice(pkt, g->payload, g->data);

	if (!data)
		return false;
	if (!pkt_join(h->pkt, data)) {
		pkt_free(data);
		return false;
	}
	pkt_free(pkt);
	h->data += g->data;
	h->flags |= g->flags;
	h->count++;
	return true;
}

static void one(struct gro *gro, struct pkt *pkt)
{
	struct wire_gro g;

	if (!mergeable(gro, pkt, &g)) {
		flush_all(gro);
		link_input(gro->link, pkt);
		return;
	}
	for (unsigned i = 0; i < gro->n; i++) {
		struct held *h = &gro->held[i];

		if (!wire_gro_same(pkt_data(h->pkt), &h->g, pkt_data(pkt), &g)) {
			/* The same flow with other headers: what is held goes first. */
			if (h->g.v6 == g.v6 && h->g.udp == g.udp &&
			    !memcmp(pkt_data(h->pkt) + h->g.l4, pkt_data(pkt) + g.l4, 4)) {
				flush(gro, i);
				break;
			}
			continue;
		}
		if (!continues(h, &g) || !append(h, pkt, &g)) {
			flush(gro, i);
			break;
		}
		if (g.data < h->seg || (g.flags & 8 /* PSH */))
			flush(gro, i);
		return;
	}
	if (g.flags & 8) {
		link_input(gro->link, pkt);
		return;
	}
	hold(gro, pkt, &g);
}

void gro_input(struct link *link, struct pkt *const *pkts, size_t n)
{
	struct gro gro;

	if (link->kind != NET_LINK_ETHER || !link->up || n < 2) {
		for (size_t i = 0; i < n; i++)
			link_input(link, pkts[i]);
		return;
	}
	gro.link = link;
	gro.n = 0;
	for (size_t i = 0; i < n; i++)
		one(&gro, pkts[i]);
	flush_all(&gro);
}
