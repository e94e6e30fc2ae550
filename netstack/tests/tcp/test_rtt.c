/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6298: round-trip time estimation. */
#include <criterion/criterion.h>

#include "tcp/rtt.h"

/* RFC 6298 2.1 */
Test(tcp_rtt, rto_is_one_second_before_the_first_sample)
{
	struct rtt rtt;

	rtt_init(&rtt);
	cr_assert_eq(rtt.rto, NET_SEC(1));
	cr_assert_eq(rtt_min(&rtt), -1);
}

/* RFC 6298 2.2, with the floor on the variance term. */
Test(tcp_rtt, first_sample_sets_srtt_and_half_of_it_as_deviation)
{
	struct rtt rtt;

	rtt_init(&rtt);
	rtt_sample(&rtt, NET_MS(400), SEQ(1), SEQ(2));
	cr_assert_eq(rtt.srtt, NET_MS(400));
	cr_assert_eq(rtt.rttvar, NET_MS(200));
	cr_assert_eq(rtt.rto, NET_MS(1200));
}

Test(tcp_rtt, a_short_path_still_waits_200_ms_more_than_srtt)
{
	struct rtt rtt;

	rtt_init(&rtt);
	rtt_sample(&rtt, NET_MS(10), SEQ(1), SEQ(2));
	cr_assert_eq(rtt.rto, NET_MS(210));
}

/* RFC 6298 2.3 */
Test(tcp_rtt, later_samples_are_smoothed_by_an_eighth)
{
	struct rtt rtt;

	rtt_init(&rtt);
	rtt_sample(&rtt, NET_MS(80), SEQ(1), SEQ(2));
	rtt_sample(&rtt, NET_MS(160), SEQ(1), SEQ(2));
	cr_assert_eq(rtt.srtt, NET_MS(90));
}

Test(tcp_rtt, variance_rises_at_once_and_falls_once_per_round)
{
	struct rtt rtt;
	net_dur peak;

	rtt_init(&rtt);
	rtt_sample(&rtt, NET_MS(400), SEQ(10), SEQ(20));
	peak = rtt.rttvar;
	rtt_sample(&rtt, NET_MS(400), SEQ(12), SEQ(20));
	cr_assert_eq(rtt.rttvar, peak, "still in the round");
	rtt_sample(&rtt, NET_MS(400), SEQ(21), SEQ(30));
	rtt_sample(&rtt, NET_MS(400), SEQ(31), SEQ(40));
	cr_assert_lt(rtt.rttvar, peak);
}

Test(tcp_rtt, rto_is_bounded_by_120_seconds)
{
	struct rtt rtt;

	rtt_init(&rtt);
	rtt_sample(&rtt, NET_SEC(500), SEQ(1), SEQ(2));
	cr_assert_eq(rtt.rto, RTT_RTO_MAX);
}

Test(tcp_rtt, minimum_is_forgotten_after_five_minutes)
{
	struct rtt rtt;

	rtt_init(&rtt);
	rtt_min_sample(&rtt, NET_MS(10), NET_SEC(1));
	for (int i = 2; i < 250; i++)
		rtt_min_sample(&rtt, NET_MS(50), NET_SEC(i));
	cr_assert_eq(rtt_min(&rtt), NET_MS(10));
	for (int i = 250; i < 310; i++)
		rtt_min_sample(&rtt, NET_MS(50), NET_SEC(i));
	cr_assert_eq(rtt_min(&rtt), NET_MS(50));
}
