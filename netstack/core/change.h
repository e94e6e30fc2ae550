/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of changes (netstack/change.h). */
#pragma once

#include "netstack/change.h"

#define CHANGE_RING 512

struct changes {
	bool watch;
	unsigned head, used;
	uint32_t lost;
	struct net_change *ring; /* CHANGE_RING entries, made when watching starts */
};

/* A slot to fill, or NULL: nobody watches, or the ring is full. */
struct net_change *change_new(struct changes *c, enum net_change_kind kind, bool gone);
int changes_watch(struct changes *c, bool on);
bool changes_next(struct changes *c, struct net_change *ret);
void changes_fini(struct changes *c);
