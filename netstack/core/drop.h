/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of discards, and the last few discarded packets for captures. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "netstack/info.h"

#define DROP_RING 64

struct drops {
	uint64_t count[DROP_COUNT];
	bool watch;
	unsigned head, used;
	struct net_drop_info *ring; /* DROP_RING entries, made when watching starts */
};

struct pkt;
void drops_note(struct drops *d, enum drop why, const struct pkt *pkt, net_time now);
bool drops_next(struct drops *d, struct net_drop_info *ret);
void drops_watch(struct drops *d, bool on);
void drops_fini(struct drops *d);
