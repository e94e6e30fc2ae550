/* SPDX-License-Identifier: Apache-2.0 */
/* Retransmission timeout policy: backoff and when to give up.
 *
 * Implements RFC 6298 5.5-5.7 and RFC 9293 3.8.3 (MUST-20..23) with Linux's defaults.
 * Pure: reads no clock, allocates nothing.
 */
#include "tcp/rto.h"

#include "tcp/rtt.h"

net_dur rto_backoff(net_dur rto, unsigned int backoff)
{
	while (backoff-- > 0 && rto < RTT_RTO_MAX)
		rto *= 2;
	return rto > RTT_RTO_MAX ? RTT_RTO_MAX : rto;
}

net_dur rto_retries_time(net_dur base, unsigned int retries)
{
	net_dur sum = 0;

	for (unsigned int i = 0; i <= retries; i++)
		sum += rto_backoff(base, i);
	return sum;
}

bool rto_expired(net_time since, net_time now, unsigned int retries, net_dur user_timeout)
{
	net_dur limit = user_timeout ? user_timeout : rto_retries_time(RTT_RTO_MIN, retries);

	return now - since >= limit;
}

net_dur rto_syn_delay(net_dur rto, unsigned int n, unsigned int linear)
{
	return n <= linear ? rto : rto_backoff(rto, n - linear);
}
