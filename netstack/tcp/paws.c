/* SPDX-License-Identifier: Apache-2.0 */
/* Protection against wrapped sequence numbers by timestamps.
 *
 * Implements RFC 7323 4.3 (which stamp to echo) and 5 (PAWS).
 * Pure: reads no clock, allocates nothing.
 */
#include "tcp/paws.h"

#define SECOND ((net_dur)1000 * 1000 * 1000)
#define PAWS_OUTDATED (24 * 24 * 3600 * SECOND) /* RFC 7323 5.5 */
#define PAWS_MSL (60 * SECOND)

static bool ts_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

bool paws_reject(const struct paws *paws, uint32_t tsval, bool rst, net_time now)
{
	if (!paws->has_recent || !ts_lt(tsval, paws->recent))
		return false;
	if (now - paws->recent_at >= PAWS_OUTDATED)
		return false;
	/* A rebooted peer's clock restarts; its RST must get through once old duplicates are gone.
	 */
	if (rst && now - paws->recent_at >= PAWS_MSL)
		return false;
	return true;
}

void paws_seed(struct paws *paws, uint32_t tsval, net_time now)
{
	paws->has_recent = true;
	paws->recent = tsval;
	paws->recent_at = now;
}

void paws_update(struct paws *paws, uint32_t tsval, struct seq seq, struct seq last_ack_sent,
		 net_time now)
{
	if (seq_gt(seq, last_ack_sent))
		return;
	if (paws->has_recent && ts_lt(tsval, paws->recent) && now - paws->recent_at < PAWS_OUTDATED)
		return;
	paws_seed(paws, tsval, now);
}

bool paws_newer(const struct paws *paws, uint32_t tsval)
{
	return paws->has_recent && ts_lt(paws->recent, tsval);
}
