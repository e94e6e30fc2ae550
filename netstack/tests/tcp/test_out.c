/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.7.1, 3.7.4, 3.8.6.2.1: segmentation, Nagle, and the sender's side of silly windows. */
#include "peer_test.h"

Test(tcp_out, data_goes_out_in_segments_of_the_peers_mss)
{
	struct peer_config cfg = {.mss = 1000};
	struct peer *peer = peer_new(&cfg);

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 3500, 0), 3500);
	for (uint32_t i = 0; i < 3; i++)
		EXPECT(MS(0), SEG(ACK, .seq = 1 + 1000 * i, .ack = 1, .len = 1000));
	EXPECT(MS(0), SEG(ACK, .seq = 3001, .ack = 1, .len = 500, .push = true));
	peer_free(peer);
}

/* MUST-15 */
Test(tcp_out, without_an_mss_option_segments_have_536_bytes)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN));
	peer_skip(peer);
	RX(MS(0), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_write(peer, 1072, 0), 1072);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 536));
	EXPECT(MS(0), SEG(ACK, .seq = 537, .ack = 1, .len = 536));
	peer_free(peer);
}

/* MUST-16 with RFC 7323: the timestamp takes 12 bytes of each segment. */
Test(tcp_out, options_take_their_room_from_the_payload)
{
	struct peer_config cfg = {.ts = true};
	struct peer *peer = peer_new(&cfg);

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 2000, 0), 2000);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 1448));
	EXPECT(MS(0), SEG(ACK, .seq = 1449, .ack = 1, .len = 552));
	peer_free(peer);
}

Test(tcp_out, a_link_with_offload_gets_a_super_segment)
{
	struct peer_config cfg = {.offloads = NET_LINK_CSUM | NET_LINK_TSO4 | NET_LINK_TSO6};
	struct peer *peer = peer_new(&cfg);
	struct peer_seg got;
	net_time at;

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 14600, 0), 14600);
	cr_assert(peer_peek(peer, 0, &at, &got));
	/* Half of the window, so that two are on the way. */
	cr_assert_eq(got.len, 7300);
	cr_assert_eq(got.gso, 1460);
	cr_assert(got.flags & TCP_FLAG_PSH);
	cr_assert_eq(peer_pending(peer), 2);
	peer_free(peer);
}

/* RFC 6928 */
Test(tcp_out, ten_segments_start_and_each_ack_adds)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, SO_SNDBUF, 200000), 0);
	cr_assert_eq(peer_write(peer, 100000, 0), 100000);
	cr_assert_eq(peer_pending(peer), 10);
	peer_skip(peer);
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1 + 2 * 1460));
	cr_assert_eq(peer_pending(peer), 4);
	peer_free(peer);
}

/* RFC 9293 3.7.4 (SHLD-7) */
Test(tcp_out, nagle_holds_a_small_segment_while_one_is_out)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 10, 0), 10);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 10));
	cr_assert_eq(peer_write(peer, 20, 0), 20);
	cr_assert_eq(peer_write(peer, 30, 0), 30);
	NOTHING();
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 11));
	EXPECT(MS(10), SEG(ACK, .seq = 11, .ack = 1, .len = 50));
	peer_free(peer);
}

Test(tcp_out, nagle_lets_full_segments_pass_and_keeps_the_rest)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 10, 0), 10);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 10));
	cr_assert_eq(peer_write(peer, 1500, 0), 1500);
	EXPECT(MS(0), SEG(ACK, .seq = 11, .ack = 1, .len = 1460));
	NOTHING();
	peer_free(peer);
}

/* MUST-17 */
Test(tcp_out, nodelay_sends_at_once)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_NODELAY, 1), 0);
	for (uint32_t i = 0; i < 3; i++) {
		cr_assert_eq(peer_write(peer, 10, 0), 10);
		EXPECT(MS(0), SEG(ACK, .seq = 1 + 10 * i, .ack = 1, .len = 10));
	}
	peer_free(peer);
}

Test(tcp_out, setting_nodelay_pushes_what_waits)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 10, 0), 10);
	cr_assert_eq(peer_write(peer, 20, 0), 20);
	peer_skip(peer);
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_NODELAY, 1), 0);
	EXPECT(MS(0), SEG(ACK, .seq = 11, .ack = 1, .len = 20));
	peer_free(peer);
}

Test(tcp_out, cork_holds_small_segments_for_200_ms)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_CORK, 1), 0);
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	NOTHING();
	EXPECT(MS(200), SEG(ACK, .seq = 1, .ack = 1, .len = 200));
	peer_free(peer);
}

Test(tcp_out, pulling_the_cork_sends)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_CORK, 1), 0);
	cr_assert_eq(peer_write(peer, 2000, 0), 2000);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 1460));
	NOTHING();
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_CORK, 0), 0);
	EXPECT(MS(0), SEG(ACK, .seq = 1461, .ack = 1, .len = 540));
	peer_free(peer);
}

Test(tcp_out, msg_more_waits_for_the_rest)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 100, MSG_MORE), 100);
	NOTHING();
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 200));
	peer_free(peer);
}

/* RFC 9293 3.8.6.2.1 */
Test(tcp_out, no_silly_segment_into_a_small_window)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 5000, 0), 5000);
	peer_skip(peer);
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 5001, .wnd = 100));
	cr_assert_eq(peer_write(peer, 5000, 0), 5000);
	NOTHING();
	RX(MS(20), SEG(ACK, .seq = 1, .ack = 5001, .wnd = 3000));
	EXPECT(MS(20), SEG(ACK, .seq = 5001, .ack = 1, .len = 1460));
	EXPECT(MS(20), SEG(ACK, .seq = 6461, .ack = 1, .len = 1460));
	NOTHING();
	peer_free(peer);
}

Test(tcp_out, the_scaled_window_limits_what_is_sent)
{
	struct peer_config cfg = {.wscale = 1 + 2, .wnd = 1000};
	struct peer *peer = peer_new(&cfg);

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 10000, 0), 10000);
	/* 1000 << 2 */
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 1460));
	EXPECT(MS(0), SEG(ACK, .seq = 1461, .ack = 1, .len = 1460));
	NOTHING();
	peer_free(peer);
}

Test(tcp_out, a_full_send_buffer_is_eagain_and_an_ack_makes_it_writable)
{
	struct peer *peer = plain_peer();
	ssize_t n;

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, SO_SNDBUF, 10000), 0);
	while ((n = peer_write(peer, 1000, 0)) > 0)
		;
	cr_assert_eq(n, -EAGAIN);
	cr_assert_not(peer_poll(peer) & EPOLLOUT);
	peer->woke = 0;
	for (int i = 1; i < 10; i++) {
		struct peer_seg got = {0};
		net_time at;

		for (size_t k = 0; peer_peek(peer, k, &at, &got); k++)
			;
		peer_skip(peer);
		if (got.len)
			RX(MS(i), SEG(ACK, .seq = 1, .ack = got.seq + got.len));
	}
	cr_assert(peer_poll(peer) & EPOLLOUT);
	cr_assert(peer->woke & EPOLLOUT);
	peer_free(peer);
}

/* RFC 5681 4.1 */
Test(tcp_out, the_window_shrinks_while_idle)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, SO_SNDBUF, 400000), 0);
	cr_assert_eq(peer_write(peer, 14600, 0), 14600);
	peer_skip(peer);
	for (uint32_t i = 1; i <= 10; i++)
		RX(MS(1), SEG(ACK, .seq = 1, .ack = 1 + i * 1460));
	cr_assert_eq(peer_write(peer, 29200, 0), 29200);
	cr_assert_eq(peer_pending(peer), 20);
	peer_skip(peer);
	RX(MS(20), SEG(ACK, .seq = 1, .ack = 1 + 30 * 1460));
	peer_run(peer, SEC(30));
	cr_assert_eq(peer_write(peer, 60000, 0), 60000);
	cr_assert_eq(peer_pending(peer), 10);
	peer_free(peer);
}

/* SO_MAX_PACING_RATE: 146000 bytes per second are 100 segments, one each 10 ms, after the first ten
 * segments of the connection. */
Test(tcp_out, a_pacing_rate_spreads_the_segments)
{
	struct peer *peer = plain_peer();
	struct peer_seg got;
	net_time at;

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, SO_MAX_PACING_RATE, 146000), 0);
	cr_assert_eq(peer_write(peer, 14600, 0), 14600);
	cr_assert_eq(peer_pending(peer), 10);
	peer_skip(peer);
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 14601));
	cr_assert_eq(peer_write(peer, 14600, 0), 14600);
	peer_run(peer, MS(200));
	cr_assert_eq(peer_pending(peer), 10);
	for (size_t i = 0; i < 10; i++) {
		cr_assert(peer_peek(peer, i, &at, &got));
		cr_assert(at / MS(1) >= 20 * (i / 2), "segment %zu at %lld", i, (long long)at);
		cr_assert(at / MS(1) <= 120 + 20 * (i / 2), "segment %zu at %lld", i, (long long)at);
	}
	peer_free(peer);
}

/* MSG_EOR: a record and what follows it do not share a segment. */
Test(tcp_out, a_segment_does_not_go_on_behind_a_record)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 1460, 0), 1460);
	cr_assert_eq(peer_write(peer, 400, MSG_EOR), 400);
	cr_assert_eq(peer_write(peer, 300, MSG_EOR), 300);
	cr_assert_eq(peer_write(peer, 1460, 0), 1460);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 1460));
	EXPECT(MS(0), SEG(ACK, .seq = 1461, .ack = 1, .len = 400));
	EXPECT(MS(0), SEG(ACK, .seq = 1861, .ack = 1, .len = 300));
	EXPECT(MS(0), SEG(ACK, .seq = 2161, .ack = 1, .len = 1460));
	NOTHING();
	peer_free(peer);
}
