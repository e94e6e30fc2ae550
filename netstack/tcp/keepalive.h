/* SPDX-License-Identifier: Apache-2.0 */
/* Keep-alive policy (RFC 9293 3.8.4). Pure. */
#pragma once

#include <netstack/types.h>

#define KEEPALIVE_IDLE_DEFAULT ((net_dur)7200 * 1000 * 1000 * 1000)
#define KEEPALIVE_INTVL_DEFAULT ((net_dur)75 * 1000 * 1000 * 1000)
#define KEEPALIVE_CNT_DEFAULT 9u

struct keepalive_config {
	net_dur idle;
	net_dur intvl;
	unsigned int cnt;
	net_dur user_timeout; /* RFC 5482; 0: cnt decides */
};

enum keepalive_step {
	KEEPALIVE_WAIT,	 /* look again after *ret_delay */
	KEEPALIVE_PROBE, /* send a probe, look again after *ret_delay */
	KEEPALIVE_DEAD,	 /* the peer is gone */
};

/* What to do when the timer fires: @idle since the peer was last heard, @probes unanswered so far.
 * Data in flight means that retransmission watches the peer; the caller then only waits. */
enum keepalive_step keepalive_step(const struct keepalive_config *cfg, net_dur idle,
				   unsigned int probes, net_dur *ret_delay);
