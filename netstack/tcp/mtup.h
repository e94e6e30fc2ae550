/* SPDX-License-Identifier: Apache-2.0 */
/* Packetization layer path MTU discovery (RFC 4821): the search. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netstack/types.h>

/* Sizes are of whole IP packets. */
struct mtup {
	bool on;
	uint32_t low, high; /* known to pass; not known to fail */
	uint32_t probe;	    /* on the way; 0: none */
	net_time since;	    /* the search began, or ended */
};

void mtup_start(struct mtup *mtup, uint32_t low, uint32_t high, net_time now);

/* The next size to try, or 0 if the search is over (@threshold: close enough). */
uint32_t mtup_next(const struct mtup *mtup, uint32_t threshold);

/* The probe arrived; or only it did not. */
void mtup_passed(struct mtup *mtup, net_time now);
void mtup_failed(struct mtup *mtup);

/* Nothing passes: half of what did, within [@floor, @base]. */
void mtup_blackhole(struct mtup *mtup, uint32_t hdrs, uint32_t base_mss, uint32_t floor_mss);
