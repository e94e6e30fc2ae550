/* SPDX-License-Identifier: Apache-2.0 */
/* What a wire does to frames: delay, rate, loss, reordering, duplication, corruption. Pure but for
 * the generator. */
#include "sim/link.h"

#define WIRE_OVERHEAD 38u /* preamble, Ethernet header, FCS, gap */

/* When the last bit has left, or -1 if the queue in front of the transmitter is full. */
static net_time transmit(struct sim_link *link, int from, uint32_t len, net_time now)
{
	struct sim_dir *dir = &link->dir[from];
	uint32_t queue = link->cfg.queue ? link->cfg.queue : 1000;
	net_dur serial;

	if (!link->cfg.rate_bps)
		return now;
	serial =
		(net_dur)((uint64_t)(len + WIRE_OVERHEAD) * 8 * 1000000000ull / link->cfg.rate_bps);
	if (dir->busy_until < now)
		dir->busy_until = now;
	if (serial && (dir->busy_until - now) / serial >= queue)
		return -1;
	dir->busy_until += serial;
	return dir->busy_until;
}

void sim_link_fate(struct sim_link *link, int from, uint32_t len, bool offloaded, net_time now,
		   struct sim_fate *ret)
{
	const struct sim_link_config *cfg = &link->cfg;
	net_time out = transmit(link, from, len, now);
	net_time at;

	link->stats.frames++;
	link->stats.bytes += len;
	ret->copies = 0;
	ret->corrupt_bit = -1;
	if (out < 0) {
		link->stats.overflowed++;
		return;
	}
	if (sim_rand_hit(&link->rand, cfg->loss_ppm)) {
		link->stats.lost++;
		return;
	}
	at = out + cfg->delay;
	if (cfg->jitter)
		at += (net_dur)(sim_rand_u64(&link->rand) % (uint64_t)cfg->jitter);
	if (sim_rand_hit(&link->rand, cfg->reorder_ppm)) {
		link->stats.reordered++;
		at += cfg->reorder_delay;
	}
	ret->at[ret->copies++] = at;
	if (sim_rand_hit(&link->rand, cfg->dup_ppm)) {
		link->stats.duplicated++;
		ret->at[ret->copies++] = at + 1000;
	}
	/* A device that computes checksums would not see this: leave its frames alone. */
	if (!offloaded && sim_rand_hit(&link->rand, cfg->corrupt_ppm)) {
		link->stats.corrupted++;
		ret->corrupt_bit = (int64_t)(sim_rand_u64(&link->rand) % ((uint64_t)len * 8));
	}
}
