/* SPDX-License-Identifier: Apache-2.0 */
/* The scoreboard: RFC 2018, RFC 2883, RFC 6675. */
#include <criterion/criterion.h>

#include "tcp/rack.h"
#include "tcp/sack.h"

static struct sack_pool pool;
static struct sack_board board;
static struct rack rack;
static struct ack_info info;

static void setup(void)
{
	sack_pool_init(&pool);
	board_init(&board, &pool);
	board.sack_ok = true;
	rack_init(&rack);
	ack_info_init(&info, NET_MS(100));
}

static void teardown(void)
{
	board_fini(&board);
	sack_pool_fini(&pool);
}

/* Ten segments of 1000 bytes, one per millisecond. */
static void send_ten(void)
{
	for (uint32_t i = 0; i < 10; i++)
		cr_assert_eq(board_sent(&board, SEQ(i * 1000), SEQ((i + 1) * 1000), 1000, 0,
					NET_MS(i), false),
			     0);
}

static void sack(uint32_t una, const struct sack_block *blocks, unsigned int n)
{
	ack_info_init(&info, NET_MS(100));
	board_sack(&board, &rack, blocks, n, SEQ(una), SEQ(10000), SEQ(0), 65535, 0, &info);
}

TestSuite(tcp_sack, .init = setup, .fini = teardown);

Test(tcp_sack, a_cumulative_ack_drops_whole_ranges)
{
	send_ten();
	board_ack(&board, &rack, SEQ(3000), SEQ(0), 0, &info);
	cr_assert_eq(info.acked_segs, 3);
	cr_assert_eq(board.out_segs, 7);
	cr_assert_eq(info.first_sent, NET_MS(0));
	cr_assert_eq(info.last_sent, NET_MS(2));
}

Test(tcp_sack, a_partial_ack_of_a_super_segment_counts_whole_segments)
{
	cr_assert_eq(board_sent(&board, SEQ(0), SEQ(10000), 1000, 0, 0, false), 0);
	cr_assert_eq(board.out_segs, 10);
	board_ack(&board, &rack, SEQ(3500), SEQ(0), 0, &info);
	cr_assert_eq(info.acked_segs, 3);
	cr_assert_eq(board.out_segs, 7);
	cr_assert_eq(board_first(&board)->start.v, 3500);
}

Test(tcp_sack, a_block_marks_what_it_covers)
{
	struct sack_block b[] = {{SEQ(4000), SEQ(6000)}};

	send_ten();
	sack(0, b, 1);
	cr_assert_eq(info.sacked_segs, 2);
	cr_assert_eq(board.sacked_segs, 2);
	cr_assert_eq(board_in_flight(&board), 8);
	sack(0, b, 1);
	cr_assert_eq(info.sacked_segs, 0, "the same block is no news");
}

Test(tcp_sack, a_block_inside_a_super_segment_splits_it)
{
	struct sack_block b[] = {{SEQ(4000), SEQ(6000)}};

	cr_assert_eq(board_sent(&board, SEQ(0), SEQ(10000), 1000, 0, 0, false), 0);
	sack(0, b, 1);
	cr_assert_eq(board.sacked_segs, 2);
	cr_assert_eq(board.ranges_cnt, 3);
	cr_assert_eq(board.out_segs, 10);
}

Test(tcp_sack, a_block_that_is_not_aligned_marks_only_whole_segments)
{
	struct sack_block b[] = {{SEQ(4100), SEQ(6900)}};

	cr_assert_eq(board_sent(&board, SEQ(0), SEQ(10000), 1000, 0, 0, false), 0);
	sack(0, b, 1);
	cr_assert_eq(board.sacked_segs, 1);
}

Test(tcp_sack, blocks_outside_of_the_flight_are_ignored)
{
	struct sack_block b[] = {{SEQ(9000), SEQ(20000)}, {SEQ(6000), SEQ(5000)}};

	send_ten();
	sack(0, b, 2);
	cr_assert_eq(board.sacked_segs, 0);
}

/* RFC 2883 4.1 */
Test(tcp_sack, a_block_below_the_cumulative_ack_is_a_duplicate_report)
{
	struct sack_block b[] = {{SEQ(1000), SEQ(2000)}};

	send_ten();
	board_ack(&board, &rack, SEQ(4000), SEQ(0), 0, &info);
	sack(4000, b, 1);
	cr_assert(info.dsack);
	cr_assert_eq(info.dsack_segs, 1);
	cr_assert_eq(board.sacked_segs, 0);
}

/* RFC 2883 4.2 */
Test(tcp_sack, a_block_inside_the_second_block_is_a_duplicate_report)
{
	struct sack_block b[] = {{SEQ(5000), SEQ(6000)}, {SEQ(4000), SEQ(7000)}};

	send_ten();
	sack(0, b, 2);
	cr_assert(info.dsack);
	cr_assert_eq(board.sacked_segs, 3);
}

Test(tcp_sack, a_late_original_reveals_reordering)
{
	struct sack_block high[] = {{SEQ(8000), SEQ(9000)}};
	struct sack_block low[] = {{SEQ(2000), SEQ(3000)}, {SEQ(8000), SEQ(9000)}};

	send_ten();
	sack(0, high, 1);
	cr_assert_not(board.reord_seen);
	sack(0, low, 2);
	cr_assert(board.reord_seen);
	cr_assert_eq(board.reordering, 7);
}

Test(tcp_sack, a_timeout_marks_everything_lost_but_what_was_sacked)
{
	struct sack_block b[] = {{SEQ(4000), SEQ(6000)}};

	send_ten();
	sack(0, b, 1);
	board_mark_all_lost(&board, false);
	cr_assert_eq(board.lost_segs, 8);
	cr_assert_eq(board_in_flight(&board), 0);
	board_retransmitted(&board, board_first(&board), NET_MS(200));
	cr_assert_eq(board_in_flight(&board), 1);
}

/* Karn's algorithm */
Test(tcp_sack, an_ack_of_retransmitted_data_is_flagged_as_ambiguous)
{
	send_ten();
	board_mark_lost(&board, board_first(&board));
	board_retransmitted(&board, board_first(&board), NET_MS(50));
	board_ack(&board, &rack, SEQ(1000), SEQ(0), 0, &info);
	cr_assert(info.retrans_acked);
	cr_assert_eq(info.first_sent, -1);
	cr_assert_eq(board.retrans_segs, 0);
	cr_assert_eq(board.lost_segs, 0);
}

Test(tcp_sack, duplicate_acks_count_as_departed_segments_without_sack)
{
	board.sack_ok = false;
	send_ten();
	for (int i = 0; i < 3; i++)
		board_reno_dupack(&board, 1);
	cr_assert_eq(board_in_flight(&board), 7);
	for (int i = 0; i < 30; i++)
		board_reno_dupack(&board, 1);
	cr_assert_eq(board_in_flight(&board), 1, "never more than what is out");
}

Test(tcp_sack, the_pool_gives_ranges_back)
{
	send_ten();
	board_ack(&board, &rack, SEQ(10000), SEQ(0), 0, &info);
	cr_assert_eq(pool.spare, 10);
	send_ten();
	cr_assert_eq(pool.spare, 0);
}
