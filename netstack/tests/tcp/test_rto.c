/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6298 5 and RFC 9293 3.8.3: backoff and giving up. */
#include <criterion/criterion.h>

#include "tcp/rto.h"

Test(tcp_rto, backoff_doubles_up_to_120_seconds)
{
	cr_assert_eq(rto_backoff(NET_MS(200), 0), NET_MS(200));
	cr_assert_eq(rto_backoff(NET_MS(200), 3), NET_MS(1600));
	cr_assert_eq(rto_backoff(NET_MS(200), 40), NET_SEC(120));
}

/* tcp_retries2 = 15 is documented as a hypothetical timeout of 924.6 s. */
Test(tcp_rto, fifteen_retries_are_924_point_6_seconds)
{
	cr_assert_eq(rto_retries_time(NET_MS(200), RTO_RETRIES2), NET_MS(924600));
}

Test(tcp_rto, user_timeout_replaces_the_number_of_retries)
{
	cr_assert_not(rto_expired(0, NET_SEC(29), RTO_RETRIES2, NET_SEC(30)));
	cr_assert(rto_expired(0, NET_SEC(30), RTO_RETRIES2, NET_SEC(30)));
	cr_assert_not(rto_expired(0, NET_SEC(924), RTO_RETRIES2, 0));
	cr_assert(rto_expired(0, NET_SEC(925), RTO_RETRIES2, 0));
}

/* Four linear timeouts, then exponential: the last of ten retransmissions is made after 67 s. */
Test(tcp_rto, syn_retries_are_linear_then_exponential)
{
	net_dur at = 0;

	for (unsigned int n = 0; n < RTO_SYN_RETRIES + 4; n++)
		at += rto_syn_delay(NET_SEC(1), n, 4);
	cr_assert_eq(at, NET_SEC(67));
	cr_assert_eq(rto_syn_delay(NET_SEC(1), 10, 4), NET_SEC(64));
}
