/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.10.7.4 seventh, 3.8.6; RFC 5681 4.2; RFC 2018: receiving and acknowledging data. */
#include "peer_test.h"

Test(tcp_data, a_new_connection_acknowledges_at_once)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	for (uint32_t i = 0; i < 4; i++) {
		RX(MS(10 + i), SEG(ACK, .seq = 1 + i * 100, .ack = 1, .len = 100));
		EXPECT(MS(10 + i), SEG(ACK, .seq = 1, .ack = 101 + i * 100));
	}
	peer_free(peer);
}

/* RFC 9293 3.8.6.3 (MUST-40: within 500 ms) */
Test(tcp_data, an_interactive_connection_delays_the_ack_by_40_ms)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	leave_quickack(peer);
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	leave_quickack(peer);
	peer_skip(peer);
	RX(MS(20), SEG(ACK, .seq = 101, .ack = 1, .len = 100));
	NOTHING();
	EXPECT(MS(60), SEG(ACK, .seq = 1, .ack = 201));
	peer_free(peer);
}

Test(tcp_data, a_reply_carries_the_ack)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	peer_skip(peer);
	leave_quickack(peer);
	RX(MS(20), SEG(ACK, .seq = 101, .ack = 1, .len = 100));
	cr_assert_eq(peer_write(peer, 50, 0), 50);
	EXPECT(MS(20), SEG(ACK, .seq = 1, .ack = 201, .len = 50));
	RX(MS(21), SEG(ACK, .seq = 201, .ack = 51));
	peer_run(peer, MS(500));
	NOTHING();
	peer_free(peer);
}

/* RFC 5681 4.2: at least every second full-sized segment. */
Test(tcp_data, two_full_segments_are_acknowledged_at_once)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 1460));
	peer_skip(peer);
	cr_assert_eq(peer_read(peer, 5000, 0), 1460);
	leave_quickack(peer);
	RX(MS(20), SEG(ACK, .seq = 1461, .ack = 1, .len = 1460));
	NOTHING();
	cr_assert_eq(peer_read(peer, 5000, 0), 1460);
	RX(MS(21), SEG(ACK, .seq = 2921, .ack = 1, .len = 1460));
	EXPECT(MS(21), SEG(ACK, .seq = 1, .ack = 4381));
	peer_free(peer);
}

/* RFC 5681 4.2, RFC 2018 4 */
Test(tcp_data, out_of_order_segments_are_sacked_at_once)
{
	struct peer *peer = sack_peer();

	ESTABLISH();
	RX(MS(10), SEG(ACK, .seq = 1001, .ack = 1, .len = 1000));
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 1, .nsack = 1, .sack = {{1001, 2001}}));
	RX(MS(11), SEG(ACK, .seq = 3001, .ack = 1, .len = 1000));
	EXPECT(MS(11),
	       SEG(ACK, .seq = 1, .ack = 1, .nsack = 2, .sack = {{3001, 4001}, {1001, 2001}}));
	RX(MS(12), SEG(ACK, .seq = 2001, .ack = 1, .len = 1000));
	EXPECT(MS(12), SEG(ACK, .seq = 1, .ack = 1, .nsack = 1, .sack = {{1001, 4001}}));
	RX(MS(13), SEG(ACK, .seq = 1, .ack = 1, .len = 1000));
	EXPECT(MS(13), SEG(ACK, .seq = 1, .ack = 4001, .no_sack = true));
	cr_assert_eq(peer_read(peer, 10000, 0), 4000);
	peer_free(peer);
}

Test(tcp_data, without_sack_a_hole_draws_plain_duplicate_acks)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	for (uint32_t i = 1; i < 4; i++) {
		RX(MS(10 + i), SEG(ACK, .seq = 1 + 1000 * i, .ack = 1, .len = 1000));
		EXPECT(MS(10 + i), SEG(ACK, .seq = 1, .ack = 1, .no_sack = true));
	}
	peer_free(peer);
}

/* RFC 2883 4.1 */
Test(tcp_data, a_duplicate_is_reported_by_dsack)
{
	struct peer *peer = sack_peer();

	ESTABLISH();
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 1000));
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 1001));
	RX(MS(11), SEG(ACK, .seq = 1, .ack = 1, .len = 1000));
	EXPECT(MS(11), SEG(ACK, .seq = 1, .ack = 1001, .nsack = 1, .sack = {{1, 1001}}));
	peer_free(peer);
}

/* RFC 2883 4.2 */
Test(tcp_data, a_duplicate_inside_the_queue_is_reported_before_its_block)
{
	struct peer *peer = sack_peer();

	ESTABLISH();
	RX(MS(10), SEG(ACK, .seq = 1001, .ack = 1, .len = 1000));
	peer_skip(peer);
	RX(MS(11), SEG(ACK, .seq = 1001, .ack = 1, .len = 1000));
	EXPECT(MS(11),
	       SEG(ACK, .seq = 1, .ack = 1, .nsack = 2, .sack = {{1001, 2001}, {1001, 2001}}));
	peer_free(peer);
}

Test(tcp_data, overlapping_segments_deliver_each_byte_once)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(ACK, .seq = 501, .ack = 1, .len = 1000));
	RX(MS(11), SEG(ACK, .seq = 301, .ack = 1, .len = 400));
	RX(MS(12), SEG(ACK, .seq = 1, .ack = 1, .len = 400));
	peer_skip(peer);
	cr_assert_eq(peer_read(peer, 10000, 0), 1500);
	peer_free(peer);
}

Test(tcp_data, a_super_segment_is_acknowledged_once)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 14600, .gso = 1460));
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 14601));
	NOTHING();
	cr_assert_eq(peer_read(peer, 20000, 0), 14600);
	peer_free(peer);
}

/* RFC 9293 3.8.6: the window closes, and opens again when the user reads. */
Test(tcp_data, reading_reopens_a_closed_window)
{
	struct peer *peer = plain_peer();
	uint32_t seq = 1;
	struct peer_seg got = {0};
	net_time at;

	ESTABLISH();
	for (int i = 0; i < 100; i++) {
		RX(MS(10 + i), SEG(ACK, .seq = seq, .ack = 1, .len = 1000));
		if (peer_peek(peer, 0, &at, &got) && got.ack == seq + 1000)
			seq += 1000;
		peer_skip(peer);
		if (!got.wnd)
			break;
	}
	cr_assert_eq(got.wnd, 0);
	cr_assert_geq(seq, 60000);
	RX(MS(500), SEG(ACK, .seq = seq, .ack = 1, .len = 1));
	EXPECT(MS(500), SEG(ACK, .seq = 1, .ack = seq, .wnd_zero = true));
	cr_assert_eq(peer_read(peer, 100, 0), 100);
	NOTHING();
	cr_assert_gt(peer_read(peer, 60000, 0), 50000);
	cr_assert(peer_peek(peer, 0, &at, &got));
	cr_assert_gt(got.wnd, 30000);
	peer_free(peer);
}

Test(tcp_data, fin_out_of_order_waits_for_the_data)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(FIN_ACK, .seq = 101, .ack = 1));
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_state(peer), EST);
	RX(MS(11), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	EXPECT(MS(11), SEG(ACK, .seq = 1, .ack = 102));
	cr_assert_eq(peer_state(peer), CLOSE_WAIT);
	cr_assert_eq(peer_read(peer, 1000, 0), 100);
	cr_assert_eq(peer_read(peer, 1000, 0), 0);
	peer_free(peer);
}

Test(tcp_data, peek_leaves_the_data_and_trunc_discards_it)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 300));
	cr_assert_eq(peer_read(peer, 100, MSG_PEEK), 100);
	cr_assert_eq(peer_read(peer, 200, MSG_TRUNC), 200);
	cr_assert_eq(net_sock_count(peer->stack, peer->sock, NET_COUNT_INQ), 100);
	cr_assert_eq(peer_read(peer, 1000, 0), 100);
	peer_free(peer);
}

Test(tcp_data, low_water_mark_holds_readiness_back)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, SO_RCVLOWAT, 200), 0);
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	cr_assert_not(peer_poll(peer) & EPOLLIN);
	RX(MS(11), SEG(ACK, .seq = 101, .ack = 1, .len = 100));
	cr_assert(peer_poll(peer) & EPOLLIN);
	peer_free(peer);
}

Test(tcp_data, a_peer_that_sends_bytes_cannot_make_us_keep_a_buffer_for_each)
{
	struct peer *peer = plain_peer();
	struct net_memory_info before, after;

	ESTABLISH();
	net_info_memory(peer->stack, &before);
	for (uint32_t i = 0; i < 3000; i++)
		RX(MS(10), SEG(ACK, .seq = 1 + i, .ack = 1, .len = 1));
	net_info_memory(peer->stack, &after);
	cr_assert_lt(after.pkt_bytes - before.pkt_bytes, 100000);
	cr_assert_eq(peer_read(peer, 10000, 0), 3000);
	peer_free(peer);
}
