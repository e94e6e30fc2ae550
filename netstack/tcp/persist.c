/* SPDX-License-Identifier: Apache-2.0 */
/* Zero-window probing policy.
 *
 * Implements RFC 9293 3.8.6.1 (MUST-35..37, SHLD-29, SHLD-30).
 * Pure: reads no clock, allocates nothing.
 */
#include "tcp/persist.h"

#include "tcp/rto.h"
#include "tcp/rtt.h"

net_dur persist_delay(net_dur rto, unsigned int backoff)
{
	net_dur base = rto < RTT_RTO_MIN ? RTT_RTO_MIN : rto;

	return rto_backoff(base, backoff);
}

bool persist_expired(unsigned int unanswered, bool orphan, net_time since, net_time now,
		     net_dur user_timeout)
{
	if (user_timeout && now - since >= user_timeout && unanswered > 0)
		return true;
	return unanswered >= (orphan ? RTO_ORPHAN_RETRIES : RTO_RETRIES2);
}
