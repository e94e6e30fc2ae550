/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8985. */
#include <criterion/criterion.h>

#include "tcp/rack.h"

static struct sack_pool pool;
static struct sack_board board;
static struct rack rack;
static struct rtt rtt;
static struct ack_info info;

static void setup(void)
{
	sack_pool_init(&pool);
	board_init(&board, &pool);
	board.sack_ok = true;
	rack_init(&rack);
	rtt_init(&rtt);
	rtt_sample(&rtt, NET_MS(40), SEQ(0), SEQ(1));
	rtt_min_sample(&rtt, NET_MS(40), 0);
	for (uint32_t i = 0; i < 5; i++)
		cr_assert_eq(board_sent(&board, SEQ(i * 1000), SEQ((i + 1) * 1000), 1000, 0,
					NET_MS(i), false),
			     0);
}

static void teardown(void)
{
	board_fini(&board);
	sack_pool_fini(&pool);
}

static void sack_segment(uint32_t i, net_time now)
{
	struct sack_block b = {SEQ(i * 1000), SEQ((i + 1) * 1000)};

	ack_info_init(&info, now);
	board_sack(&board, &rack, &b, 1, SEQ(0), SEQ(5000), SEQ(0), 65535, NET_MS(40), &info);
}

TestSuite(tcp_rack, .init = setup, .fini = teardown);

/* RFC 8985 6.2 step 5: sent before something that was delivered, and older than RTT plus reo_wnd.
 */
Test(tcp_rack, a_segment_is_not_lost_within_the_reordering_window)
{
	net_dur wait;

	sack_segment(3, NET_MS(43));
	wait = rack_detect(&rack, &board, &rtt, false, NET_MS(43), &info);
	cr_assert_eq(info.lost_segs, 0);
	/* The youngest that may still be late: sent at 2 ms, RTT 40 ms, window min_rtt / 4. */
	cr_assert_eq(wait, NET_MS(2 + 40 + 10 - 43));
}

Test(tcp_rack, a_segment_is_lost_after_the_reordering_window)
{
	sack_segment(3, NET_MS(43));
	cr_assert_eq(rack_detect(&rack, &board, &rtt, false, NET_MS(52), &info), 0);
	cr_assert_eq(info.lost_segs, 3);
	cr_assert_eq(board.lost_segs, 3, "0, 1 and 2, but not 4, which was sent later");
}

Test(tcp_rack, three_sacked_segments_close_the_window)
{
	sack_segment(1, NET_MS(43));
	sack_segment(2, NET_MS(44));
	sack_segment(3, NET_MS(45));
	rack_detect(&rack, &board, &rtt, false, NET_MS(45), &info);
	cr_assert_eq(board.lost_segs, 1);
}

Test(tcp_rack, a_lost_retransmission_is_found_again)
{
	sack_segment(3, NET_MS(43));
	rack_detect(&rack, &board, &rtt, false, NET_MS(52), &info);
	board_retransmitted(&board, board_first(&board), NET_MS(53));
	sack_segment(4, NET_MS(95));
	ack_info_init(&info, NET_MS(95));
	rack_detect(&rack, &board, &rtt, true, NET_MS(95), &info);
	cr_assert_not(info.lost_retrans, "segment 4 was sent before the retransmission");
	cr_assert_eq(board_sent(&board, SEQ(5000), SEQ(6000), 1000, 0, NET_MS(96), false), 0);
	struct sack_block b = {SEQ(5000), SEQ(6000)};

	ack_info_init(&info, NET_MS(140));
	board_sack(&board, &rack, &b, 1, SEQ(0), SEQ(6000), SEQ(0), 65535, NET_MS(40), &info);
	rack_detect(&rack, &board, &rtt, true, NET_MS(140), &info);
	cr_assert(info.lost_retrans);
}

/* RFC 8985 6.2 step 4 */
Test(tcp_rack, duplicate_reports_widen_the_window_and_it_falls_back_after_16_recoveries)
{
	board.reord_seen = true;
	rack_update_reo(&rack, true, SEQ(0), SEQ(5000));
	cr_assert_eq(rack_reo_wnd(&rack, &board, &rtt, false), NET_MS(20));
	rack_update_reo(&rack, true, SEQ(0), SEQ(5000));
	cr_assert_eq(rack_reo_wnd(&rack, &board, &rtt, false), NET_MS(20), "once per round trip");
	rack.reo_persist = 0;
	rack_update_reo(&rack, false, SEQ(5000), SEQ(6000));
	cr_assert_eq(rack_reo_wnd(&rack, &board, &rtt, false), NET_MS(10));
}

/* RFC 8985 7.2 */
Test(tcp_rack, probe_timeout_is_two_srtt_and_more_for_a_single_segment)
{
	cr_assert_eq(rack_pto(&rtt, 5), NET_MS(82));
	cr_assert_eq(rack_pto(&rtt, 1), NET_MS(280));
}
