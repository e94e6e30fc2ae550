/* SPDX-License-Identifier: Apache-2.0 */
/* Retransmission timeout policy: backoff and when to give up. Pure. */
#pragma once

#include <stdbool.h>

#include <netstack/types.h>

#define RTO_SYN_RETRIES 6    /* tcp_syn_retries */
#define RTO_SYNACK_RETRIES 5 /* tcp_synack_retries */
#define RTO_RETRIES1 3	     /* tcp_retries1: tell the path that it may be dead */
#define RTO_RETRIES2 15	     /* tcp_retries2: give up */
#define RTO_ORPHAN_RETRIES 8 /* tcp_orphan_retries 0 means 8 */

/* The timeout for the @backoff-th retry of a base @rto (RFC 6298 5.5): doubled each time, bounded.
 */
net_dur rto_backoff(net_dur rto, unsigned int backoff);

/* How long @retries retransmissions with exponential backoff from @base take. tcp_retries2 is a
 * time: 15 means the 924.6 s that 15 doublings of 200 ms (bounded by 120 s) take, whatever the real
 * RTO is. */
net_dur rto_retries_time(net_dur base, unsigned int retries);

/* True if an established connection has retransmitted for too long (RFC 9293 3.8.3, R2).
 * @since: when the oldest unanswered transmission was made. @user_timeout: RFC 5482, 0 = none. */
bool rto_expired(net_time since, net_time now, unsigned int retries, net_dur user_timeout);

/* The delay before SYN number @n+1 (@n SYNs were retransmitted already); the first @linear keep the
 * initial timeout. */
net_dur rto_syn_delay(net_dur rto, unsigned int n, unsigned int linear);
