/* SPDX-License-Identifier: Apache-2.0 */
/* Changes are kept in order until they are taken. When the ring is full the newest are lost, so that what
 * a watcher sees is a true beginning; the next one that fits tells how many. */
#include "core/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct net_change *change_new(struct changes *c, enum net_change_kind kind, bool gone)
{
	struct net_change *slot;

	if (!c->watch)
		return NULL;
	if (c->used == CHANGE_RING) {
		c->lost++;
		return NULL;
	}
	slot = &c->ring[(c->head + c->used++) % CHANGE_RING];
	memset(slot, 0, sizeof(*slot));
	slot->kind = kind;
	slot->gone = gone;
	slot->lost = c->lost;
	c->lost = 0;
	return slot;
}

int changes_watch(struct changes *c, bool on)
{
	if (on && !c->ring) {
		c->ring = calloc(CHANGE_RING, sizeof(*c->ring));
		if (!c->ring)
			return -ENOMEM;
	}
	c->watch = on;
	if (!on) {
		c->used = 0;
		c->lost = 0;
	}
	return 0;
}

bool changes_next(struct changes *c, struct net_change *ret)
{
	if (!c->used)
		return false;
	*ret = c->ring[c->head];
	c->head = (c->head + 1) % CHANGE_RING;
	c->used--;
	return true;
}

void changes_fini(struct changes *c)
{
	free(c->ring);
	c->ring = NULL;
	c->watch = false;
}
