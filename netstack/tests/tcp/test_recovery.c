/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5681 3.2, RFC 6582, RFC 6675, RFC 6937, RFC 4015, RFC 5682: the state machine alone. */
#include <criterion/criterion.h>

#include "tcp/recovery.h"

static struct sack_pool pool;
static struct tcp_snd snd;
static net_dur wait_reo;

static void setup(void)
{
	memset(&snd, 0, sizeof(snd));
	sack_pool_init(&pool);
	board_init(&snd.board, &pool);
	recovery_init(&snd.rec);
	rack_init(&snd.rack);
	rtt_init(&snd.rtt);
	rtt_sample(&snd.rtt, NET_MS(100), SEQ(0), SEQ(1));
	rtt_min_sample(&snd.rtt, NET_MS(100), 0);
	cc_init(&snd.cc, &cc_reno);
	snd.mss = 1000;
	snd.board.sack_ok = true;
}

static void teardown(void)
{
	board_fini(&snd.board);
	sack_pool_fini(&pool);
}

static void send_segs(uint32_t n, net_time now)
{
	for (uint32_t i = 0; i < n; i++) {
		struct seq end = seq_add(snd.nxt, 1000);

		cr_assert_eq(board_sent(&snd.board, snd.nxt, end, 1000, 0, now, false), 0);
		snd.nxt = end;
	}
}

/* An acknowledgement with at most one SACK block. */
static enum rexmit ack(uint32_t una, uint32_t from, uint32_t to, net_time now)
{
	struct ack_info info;
	struct sack_block block = {SEQ(from), SEQ(to)};
	enum rexmit act;

	ack_info_init(&info, now);
	info.prior_flight = board_in_flight(&snd.board);
	if (seq_gt(SEQ(una), snd.una)) {
		info.una_advanced = true;
		snd.una = SEQ(una);
		board_ack(&snd.board, &snd.rack, snd.una, snd.rec.high, NET_MS(100), &info);
	}
	if (to)
		board_sack(&snd.board, &snd.rack, &block, 1, snd.una, snd.nxt, snd.rec.high, 65535,
			   NET_MS(100), &info);
	act = recovery_ack(&snd, &info, false, false, &wait_reo);
	recovery_cwnd(&snd, &info, 0);
	return act;
}

static void retransmit_first(net_time now)
{
	struct sack_range *first = board_first(&snd.board);

	recovery_retransmitted(&snd, first, now);
	board_retransmitted(&snd.board, first, now);
}

TestSuite(tcp_recovery, .init = setup, .fini = teardown);

Test(tcp_recovery, three_sacked_segments_start_fast_recovery)
{
	send_segs(10, NET_MS(1000));
	cr_assert_eq(ack(0, 1000, 2000, NET_MS(1100)), REXMIT_NONE);
	cr_assert_eq(snd.rec.state, CA_DISORDER);
	ack(0, 1000, 3000, NET_MS(1100));
	cr_assert_eq(ack(0, 1000, 4000, NET_MS(1100)), REXMIT_LOST);
	cr_assert_eq(snd.rec.state, CA_RECOVERY);
	cr_assert_eq(snd.board.lost_segs, 1);
	cr_assert_eq(snd.cc.ssthresh, 5);
}

Test(tcp_recovery, the_window_shrinks_in_proportion_and_ends_at_ssthresh)
{
	send_segs(10, NET_MS(1000));
	ack(0, 1000, 2000, NET_MS(1100));
	ack(0, 1000, 3000, NET_MS(1100));
	ack(0, 1000, 4000, NET_MS(1100));
	retransmit_first(NET_MS(1100));
	for (uint32_t i = 5; i <= 10; i++)
		ack(0, 1000, i * 1000, NET_MS(1100) + i);
	cr_assert_leq(snd.cc.cwnd, 6);
	ack(10000, 0, 0, NET_MS(1200));
	cr_assert_eq(snd.rec.state, CA_OPEN);
	cr_assert_eq(snd.cc.cwnd, 5);
}

/* RFC 6582 3.2 */
Test(tcp_recovery, a_partial_ack_retransmits_the_next_hole_without_sack)
{
	snd.board.sack_ok = false;
	send_segs(10, NET_MS(1000));
	for (int i = 0; i < 3; i++)
		ack(0, 0, 0, NET_MS(1100));
	cr_assert_eq(snd.rec.state, CA_RECOVERY);
	cr_assert_eq(snd.board.lost_segs, 1);
	retransmit_first(NET_MS(1100));
	cr_assert_eq(ack(2000, 0, 0, NET_MS(1200)), REXMIT_LOST);
	cr_assert_eq(snd.rec.state, CA_RECOVERY);
	cr_assert_eq(snd.board.lost_segs, 1);
	cr_assert_eq(board_first(&snd.board)->start.v, 2000);
}

/* RFC 5681 3.1 */
Test(tcp_recovery, a_timeout_leaves_one_segment_and_halves_ssthresh)
{
	send_segs(10, NET_MS(1000));
	recovery_timeout(&snd, NET_MS(1400));
	cr_assert_eq(snd.rec.state, CA_LOSS);
	cr_assert_eq(snd.cc.cwnd, 1);
	cr_assert_eq(snd.cc.ssthresh, 5);
	cr_assert_eq(snd.board.lost_segs, 10);
}

/* RFC 5681 (4): ssthresh is not reduced again for the same data. */
Test(tcp_recovery, a_second_timeout_does_not_reduce_ssthresh_again)
{
	send_segs(10, NET_MS(1000));
	recovery_timeout(&snd, NET_MS(1400));
	snd.rec.timeouts++;
	retransmit_first(NET_MS(1400));
	recovery_timeout(&snd, NET_MS(2200));
	cr_assert_eq(snd.cc.ssthresh, 5);
}

/* RFC 5682 2.1 with RFC 4015: the ACK of data that was never retransmitted proves the timeout
 * wrong. */
Test(tcp_recovery, a_spurious_timeout_is_undone)
{
	send_segs(10, NET_MS(1000));
	recovery_timeout(&snd, NET_MS(1400));
	snd.rec.timeouts++;
	retransmit_first(NET_MS(1400));
	ack(5000, 0, 0, NET_MS(1410));
	cr_assert_eq(snd.rec.state, CA_OPEN);
	cr_assert_geq(snd.cc.cwnd, 10);
	cr_assert_eq(snd.board.lost_segs, 0);
}

/* RFC 3708, RFC 4015 */
Test(tcp_recovery, a_duplicate_report_of_every_retransmission_undoes_the_reduction)
{
	struct ack_info info;
	struct sack_block dup = {SEQ(0), SEQ(1000)};

	send_segs(10, NET_MS(1000));
	ack(0, 1000, 2000, NET_MS(1100));
	ack(0, 1000, 3000, NET_MS(1100));
	ack(0, 1000, 4000, NET_MS(1100));
	retransmit_first(NET_MS(1100));
	ack(4000, 0, 0, NET_MS(1101));
	ack_info_init(&info, NET_MS(1200));
	board_sack(&snd.board, &snd.rack, &dup, 1, snd.una, snd.nxt, snd.rec.high, 65535,
		   NET_MS(100), &info);
	recovery_ack(&snd, &info, false, false, &wait_reo);
	cr_assert_geq(snd.cc.cwnd, 10);
	cr_assert_geq(snd.cc.ssthresh, 10);
}

/* RFC 2018 8 */
Test(tcp_recovery, a_peer_that_reneges_makes_us_forget_its_sacks)
{
	send_segs(10, NET_MS(1000));
	ack(0, 2000, 3000, NET_MS(1100));
	ack(2000, 0, 0, NET_MS(1110));
	cr_assert_eq(snd.board.sacked_segs, 0);
	cr_assert_eq(snd.rec.state, CA_LOSS);
}

/* RFC 8985 7.4 */
Test(tcp_recovery, a_loss_that_a_probe_repaired_costs_a_reduction)
{
	send_segs(10, NET_MS(1000));
	recovery_tlp_sent(&snd, true);
	send_segs(1, NET_MS(1250));
	ack(11000, 0, 0, NET_MS(1300));
	cr_assert_eq(snd.cc.cwnd, 5);
	cr_assert_not(snd.rec.tlp_pending);
}
