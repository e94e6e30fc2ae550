/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.10.7.4 TIME-WAIT, RFC 6191, RFC 1337. */
#include <criterion/criterion.h>

#include "tcp/timewait.h"

static struct timewait tw(void)
{
	struct timewait t = {.rcv_nxt = SEQ(1000), .snd_nxt = SEQ(5000), .rcv_wnd = 1000};

	return t;
}

Test(tcp_timewait_policy, a_retransmitted_fin_is_acknowledged_and_restarts_the_wait)
{
	struct timewait t = tw();
	struct timewait_seg seg = {.seq = SEQ(999), .end = SEQ(1000), .ack = true, .fin = true};
	struct seq isn;

	cr_assert_eq(timewait_segment(&t, &seg, NET_SEC(5), &isn), TIMEWAIT_ACK_ONLY);
	seg.seq = SEQ(1000);
	seg.end = SEQ(1001);
	cr_assert_eq(timewait_segment(&t, &seg, NET_SEC(5), &isn), TIMEWAIT_ACK);
	cr_assert_eq(t.since, NET_SEC(5));
}

/* RFC 1122 4.2.2.13 */
Test(tcp_timewait_policy, a_syn_beyond_the_window_reopens)
{
	struct timewait t = tw();
	struct timewait_seg seg = {.seq = SEQ(1001), .end = SEQ(1002), .syn = true};
	struct seq isn;

	cr_assert_eq(timewait_segment(&t, &seg, NET_SEC(5), &isn), TIMEWAIT_REOPEN);
	cr_assert(seq_gt(isn, SEQ(5000 + 65535)));
}

/* RFC 6191 */
Test(tcp_timewait_policy, an_old_syn_reopens_only_with_a_newer_timestamp)
{
	struct timewait t = tw();
	struct timewait_seg seg = {.seq = SEQ(10), .end = SEQ(11), .syn = true};
	struct seq isn;

	cr_assert_eq(timewait_segment(&t, &seg, NET_SEC(5), &isn), TIMEWAIT_ACK_ONLY);
	paws_seed(&t.paws, 100, 0);
	seg.has_ts = true;
	seg.tsval = 101;
	cr_assert_eq(timewait_segment(&t, &seg, NET_SEC(5), &isn), TIMEWAIT_REOPEN);
}

Test(tcp_timewait_policy, an_exact_reset_kills_and_another_does_not)
{
	struct timewait t = tw();
	struct timewait_seg seg = {.seq = SEQ(1000), .end = SEQ(1000), .rst = true};
	struct seq isn;

	cr_assert_eq(timewait_segment(&t, &seg, 0, &isn), TIMEWAIT_KILL);
	seg.seq = seg.end = SEQ(1001);
	cr_assert_eq(timewait_segment(&t, &seg, 0, &isn), TIMEWAIT_DROP);
}

Test(tcp_timewait_policy, connect_may_reuse_only_with_timestamps_and_after_a_second)
{
	struct timewait t = tw();

	cr_assert_not(timewait_reusable(&t, NET_SEC(30), NET_SEC(1)));
	paws_seed(&t.paws, 100, 0);
	cr_assert_not(timewait_reusable(&t, NET_MS(999), NET_SEC(1)));
	cr_assert(timewait_reusable(&t, NET_SEC(1), NET_SEC(1)));
}
