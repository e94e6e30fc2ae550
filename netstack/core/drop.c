/* SPDX-License-Identifier: Apache-2.0 */
/* Discards: names, counters, and the ring of the last ones. */
#include "core/drop.h"

#include <stdlib.h>
#include <string.h>

#include "pkt/pkt.h"

static const char *const names[DROP_COUNT] = {
#define DROP_NAME_(name, text) #name,
	DROP_LIST(DROP_NAME_)
#undef DROP_NAME_
};

static const char *const texts[DROP_COUNT] = {
#define DROP_TEXT_(name, text) text,
	DROP_LIST(DROP_TEXT_)
#undef DROP_TEXT_
};

const char *net_drop_name(enum drop why)
{
	return (unsigned)why < DROP_COUNT ? names[why] : "?";
}

const char *net_drop_text(enum drop why)
{
	return (unsigned)why < DROP_COUNT ? texts[why] : "?";
}

/* Snapshots the frame, or the packet from its network header on with the type of that. False: there is
 * nothing that a capture could show (a payload that never got a header). */
static bool snapshot(struct net_drop_info *d, const struct pkt *pkt)
{
	uint32_t back = 0;

	if (pkt->at == PKT_AT_PAYLOAD)
		return false;
	if (pkt->at == PKT_AT_NET) {
		d->ethertype = pkt->ethertype;
		if (pkt->l3_off && pkt->l3_off <= pkt->off)
			back = pkt->off - pkt->l3_off;
	}
	d->len = pkt->len + back;

	size_t n = MIN((size_t)back, sizeof(d->snap));

	memcpy(d->snap, pkt->base + pkt->off - back, n);
	n += pkt_read(pkt, 0, d->snap + n, sizeof(d->snap) - n);
	d->snap_len = (uint16_t)n;
	return n > 0;
}

void drops_note(struct drops *d, enum drop why, const struct pkt *pkt, net_time now)
{
	d->count[why]++;
	if (!d->watch || !pkt || why == DROP_NONE)
		return;
	if (d->used == DROP_RING) { /* the oldest goes */
		d->head = (d->head + 1) % DROP_RING;
		d->used--;
	}

	struct net_drop_info *slot = &d->ring[(d->head + d->used) % DROP_RING];

	*slot = (struct net_drop_info){.when = now, .why = why, .link = pkt->ip.link};
	d->used += snapshot(slot, pkt);
}

bool drops_next(struct drops *d, struct net_drop_info *ret)
{
	if (!d->used)
		return false;
	*ret = d->ring[d->head];
	d->head = (d->head + 1) % DROP_RING;
	d->used--;
	return true;
}

void drops_watch(struct drops *d, bool on)
{
	if (on && !d->ring)
		d->ring = calloc(DROP_RING, sizeof(*d->ring));
	d->watch = on && d->ring;
	if (!on)
		d->used = 0;
}

void drops_fini(struct drops *d)
{
	free(d->ring);
	d->ring = NULL;
}
