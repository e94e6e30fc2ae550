/* SPDX-License-Identifier: Apache-2.0 */
/* The search for a path MTU without ICMP.
 *
 * Implements RFC 4821 7.3 (a binary search between what passes and what may) and 7.7 (a black hole)
 * with Linux's parameters; out.c makes the probes, ack.c tells their fate. Pure.
 */
#include "tcp/mtup.h"

void mtup_start(struct mtup *mtup, uint32_t low, uint32_t high, net_time now)
{
	*mtup = (struct mtup){.on = true, .low = low < high ? low : high, .high = high, .since = now};
}

uint32_t mtup_next(const struct mtup *mtup, uint32_t threshold)
{
	if (!mtup->on || mtup->probe || mtup->high <= mtup->low ||
	    mtup->high - mtup->low < threshold)
		return 0;
	return (mtup->high + mtup->low) / 2;
}

void mtup_passed(struct mtup *mtup, net_time now)
{
	mtup->low = mtup->probe;
	mtup->probe = 0;
	mtup->since = now;
}

void mtup_failed(struct mtup *mtup)
{
	mtup->high = mtup->probe - 1;
	mtup->probe = 0;
}

void mtup_blackhole(struct mtup *mtup, uint32_t hdrs, uint32_t base_mss, uint32_t floor_mss)
{
	uint32_t mss = mtup->low > hdrs ? (mtup->low - hdrs) / 2 : floor_mss;

	mss = mss < base_mss ? mss : base_mss;
	mss = mss > floor_mss ? mss : floor_mss;
	mtup->low = mss + hdrs;
	mtup->probe = 0;
}
