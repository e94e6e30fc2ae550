/* SPDX-License-Identifier: Apache-2.0 */
/* Keep-alive policy.
 *
 * Implements RFC 9293 3.8.4 (MUST-24..29, SHLD-12) with Linux's three knobs.
 * Pure: reads no clock, allocates nothing.
 */
#include "tcp/keepalive.h"

enum keepalive_step keepalive_step(const struct keepalive_config *cfg, net_dur idle,
				   unsigned int probes, net_dur *ret_delay)
{
	if (idle < cfg->idle) {
		*ret_delay = cfg->idle - idle;
		return KEEPALIVE_WAIT;
	}
	/* A user timeout replaces the count of probes, but at least one probe must have failed. */
	if (cfg->user_timeout ? idle >= cfg->user_timeout && probes > 0 : probes >= cfg->cnt)
		return KEEPALIVE_DEAD;
	*ret_delay = cfg->intvl;
	return KEEPALIVE_PROBE;
}
