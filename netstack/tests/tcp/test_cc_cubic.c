/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9438. */
#include <criterion/criterion.h>

#include "tcp/cc.h"

static struct cc cubic(uint32_t cwnd)
{
	struct cc cc;

	cc_init(&cc, &cc_cubic);
	cc.cwnd = cwnd;
	cc.ssthresh = cwnd;
	cc.limited = true;
	return cc;
}

/* One round trip of @cwnd acknowledgements at @now. */
static void round_trip(struct cc *cc, net_time now, net_dur rtt)
{
	uint32_t n = cc->cwnd;

	for (uint32_t i = 0; i < n; i++) {
		struct cc_ack a = {.now = now + rtt * i / n, .acked_segs = 1, .rtt = rtt};

		cc->ops->rtt(cc, &a);
		cc->ops->grow(cc, &a);
	}
}

/* RFC 9438 4.6 */
Test(tcp_cc_cubic, loss_reduces_to_seven_tenths)
{
	struct cc cc = cubic(1000);

	cr_assert_eq(cc.ops->ssthresh(&cc, 0), 700);
	cr_assert_eq(cc.u.cubic.last_max_cwnd, 1000);
}

/* RFC 9438 4.7 */
Test(tcp_cc_cubic, fast_convergence_aims_lower_after_a_second_loss)
{
	struct cc cc = cubic(1000);

	cc.ops->ssthresh(&cc, 0);
	cc.cwnd = 900;
	cc.ops->ssthresh(&cc, 0);
	cr_assert_lt(cc.u.cubic.last_max_cwnd, 900);
	cr_assert_gt(cc.u.cubic.last_max_cwnd, 700);
}

/* RFC 9438 4.2: W_cubic(K) = W_max with K = cbrt(W_max * (1 - beta) / C), about 9.1 s for 1000. */
Test(tcp_cc_cubic, returns_to_the_old_maximum_after_k_seconds)
{
	struct cc cc = cubic(1000);
	net_time now = NET_SEC(10);
	uint32_t early;

	cc.cwnd = cc.ssthresh = cc.ops->ssthresh(&cc, now);
	while (now < NET_SEC(14)) {
		round_trip(&cc, now, NET_MS(100));
		now += NET_MS(100);
	}
	early = cc.cwnd;
	cr_assert_gt(early, 850, "%u: fast at first", early);
	while (now < NET_SEC(19)) {
		round_trip(&cc, now, NET_MS(100));
		now += NET_MS(100);
	}
	cr_assert(cc.cwnd > 960 && cc.cwnd < 1060, "%u: a plateau around the old maximum", cc.cwnd);
	while (now < NET_SEC(30)) {
		round_trip(&cc, now, NET_MS(100));
		now += NET_MS(100);
	}
	cr_assert_gt(cc.cwnd, 1300, "%u: then beyond it", cc.cwnd);
}

/* RFC 9438 4.3 */
Test(tcp_cc_cubic, is_not_slower_than_reno_on_a_short_path)
{
	struct cc cc = cubic(20);
	net_time now = NET_SEC(10);

	cc.cwnd = cc.ssthresh = cc.ops->ssthresh(&cc, now);
	for (int i = 0; i < 100; i++) {
		round_trip(&cc, now, NET_MS(2));
		now += NET_MS(2);
	}
	/* alpha = 3 (1 - beta) / (1 + beta) = 0.53 segments per round trip. */
	cr_assert_geq(cc.cwnd, 14 + 40, "%u", cc.cwnd);
}

Test(tcp_cc_cubic, a_rising_delay_ends_slow_start)
{
	struct cc cc = cubic(32);
	struct cc_ack a = {.acked_segs = 1, .rtt = NET_MS(20)};

	cc.ssthresh = CC_SSTHRESH_INFINITE;
	for (uint32_t i = 0; i < 60; i++) {
		a.now = NET_SEC(1) + NET_MS(20) * i;
		a.una = SEQ(i * 100);
		a.nxt = SEQ(i * 100 + 1000);
		a.rtt = i < 20 ? NET_MS(20) : NET_MS(40);
		cc.ops->rtt(&cc, &a);
	}
	cr_assert_lt(cc.ssthresh, CC_SSTHRESH_INFINITE);
}
