/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5681, RFC 6928, RFC 2861: what every algorithm shares, and Reno. */
#include <criterion/criterion.h>

#include "tcp/cc.h"

static struct cc reno(uint32_t cwnd, uint32_t ssthresh)
{
	struct cc cc;

	cc_init(&cc, &cc_reno);
	cc.cwnd = cwnd;
	cc.ssthresh = ssthresh;
	cc.limited = true;
	return cc;
}

static void ack(struct cc *cc, uint32_t n)
{
	struct cc_ack a = {.acked_segs = n, .rtt = -1};

	cc->ops->grow(cc, &a);
}

Test(tcp_cc, starts_with_ten_segments_and_cubic_is_the_default)
{
	struct cc cc;

	cc_init(&cc, cc_nth(0));
	cr_assert_eq(cc.cwnd, 10);
	cr_assert_str_eq(cc.ops->name, "cubic");
	cr_assert_eq(cc_find("reno", 4), &cc_reno);
	cr_assert_null(cc_find("vegas", 5));
}

Test(tcp_cc_reno, slow_start_adds_one_segment_per_acknowledged_one)
{
	struct cc cc = reno(10, 100);

	ack(&cc, 2);
	cr_assert_eq(cc.cwnd, 12);
}

Test(tcp_cc_reno, slow_start_ends_exactly_at_ssthresh)
{
	struct cc cc = reno(10, 12);

	ack(&cc, 5);
	cr_assert_eq(cc.cwnd, 12);
}

Test(tcp_cc_reno, avoidance_adds_one_segment_per_window)
{
	struct cc cc = reno(10, 10);

	for (int i = 0; i < 9; i++)
		ack(&cc, 1);
	cr_assert_eq(cc.cwnd, 10);
	ack(&cc, 1);
	cr_assert_eq(cc.cwnd, 11);
}

Test(tcp_cc_reno, a_window_that_is_not_used_does_not_grow)
{
	struct cc cc = reno(10, 10);

	cc.limited = false;
	for (int i = 0; i < 30; i++)
		ack(&cc, 1);
	cr_assert_eq(cc.cwnd, 10);
}

Test(tcp_cc_reno, loss_halves_but_not_below_two)
{
	struct cc cc = reno(20, 100);

	cr_assert_eq(cc.ops->ssthresh(&cc, 0), 10);
	cc.cwnd = 3;
	cr_assert_eq(cc.ops->ssthresh(&cc, 0), 2);
}

Test(tcp_cc, idle_time_halves_the_window_once_per_timeout)
{
	struct cc cc = reno(64, 1000);

	cc_restart_after_idle(&cc, NET_MS(450), NET_MS(200), 10);
	cr_assert_eq(cc.cwnd, 16);
	cc.cwnd = 64;
	cc_restart_after_idle(&cc, NET_SEC(100), NET_MS(200), 10);
	cr_assert_eq(cc.cwnd, 10);
}

Test(tcp_cc, switching_keeps_the_window)
{
	struct cc cc = reno(33, 20);

	cc_switch(&cc, &cc_cubic);
	cr_assert_eq(cc.cwnd, 33);
	cr_assert_eq(cc.ops, &cc_cubic);
}
