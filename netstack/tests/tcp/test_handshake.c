/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.5, 3.10.7.2, 3.10.7.3: opening a connection. */
#include "peer_test.h"

Test(tcp_handshake, passive_open_completes_on_the_third_segment)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN, .mss = 1460));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 1, .wnd = 64240, .mss = 1460));
	cr_assert_eq(peer_accept(peer), -EAGAIN);
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_state(peer), EST);
	NOTHING();
	peer_free(peer);
}

Test(tcp_handshake, options_are_answered_only_if_offered)
{
	struct peer *peer = plain_peer();
	struct peer_seg got;
	net_time at;

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN, .mss = 1460));
	cr_assert(peer_peek(peer, 0, &at, &got));
	cr_assert(!got.wscale && !got.sack_ok && !got.ts);
	peer_skip(peer);
	peer_rx_from(peer, MS(0), 41000,
		     SEG(SYN, .mss = 1460, .wscale = 3, .sack_ok = true, .ts = true, .tsval = 7));
	cr_assert(peer_peek(peer, 0, &at, &got));
	cr_assert(got.wscale && got.sack_ok && got.ts);
	cr_assert_eq(got.tsecr, 7);
	peer_free(peer);
}

/* Linux offers 45 segments of 1448 bytes where 44 of 1460 would be whole without timestamps. */
Test(tcp_handshake, the_first_window_holds_whole_segments_with_timestamps)
{
	struct peer *peer = plain_peer();
	struct peer_seg got;
	net_time at;

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN, .mss = 1460, .ts = true, .tsval = 7));
	cr_assert(peer_peek(peer, 0, &at, &got));
	cr_assert_eq(got.wnd, 65160);
	peer_free(peer);
}

/* RFC 9293 3.10.7.3, RFC 7323, RFC 2018: what an active open offers. */
Test(tcp_handshake, active_open_offers_all_options)
{
	struct peer *peer = plain_peer();
	struct peer_seg got;
	net_time at;

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	cr_assert(peer_peek(peer, 0, &at, &got));
	cr_assert_eq(got.flags, TCP_FLAG_SYN);
	cr_assert_eq(got.mss, 1460);
	cr_assert(got.wscale && got.sack_ok && got.ts);
	peer_skip(peer);
	cr_assert_eq(peer_state(peer), SYN_SENT);
	cr_assert_eq(peer_connect(peer), -EALREADY);
	RX(MS(20), SEG(SYN_ACK, .seq = 0, .ack = 1, .mss = 1460));
	EXPECT(MS(20), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_state(peer), EST);
	cr_assert(peer_poll(peer) & EPOLLOUT);
	cr_assert_eq(peer_connect(peer), 0, "the success of an asynchronous connect");
	cr_assert_eq(peer_connect(peer), -EISCONN);
	peer_free(peer);
}

/* RFC 9293 3.10.7.3 first: an unacceptable ACK draws a reset and the connection goes on. */
Test(tcp_handshake, a_syn_ack_of_something_else_is_reset)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	EXPECT(MS(0), SEG(SYN, .seq = 0));
	RX(MS(5), SEG(SYN_ACK, .seq = 0, .ack = 77));
	EXPECT(MS(5), SEG(RST, .seq = 77));
	cr_assert_eq(peer_state(peer), SYN_SENT);
	peer_free(peer);
}

Test(tcp_handshake, a_reset_refuses_the_connection)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	EXPECT(MS(0), SEG(SYN, .seq = 0));
	RX(MS(5), SEG(RST, .seq = 0));
	cr_assert_eq(peer_state(peer), SYN_SENT, "without ACK it proves nothing");
	RX(MS(6), SEG(RST_ACK, .seq = 0, .ack = 1));
	cr_assert_eq(peer_state(peer), CLOSED);
	cr_assert(peer_poll(peer) & EPOLLERR);
	cr_assert(peer_poll(peer) & EPOLLHUP);
	cr_assert_eq(peer_error(peer), ECONNREFUSED);
	cr_assert_eq(peer_error(peer), 0, "read once");
	NOTHING();
	peer_free(peer);
}

/* tcp_syn_linear_timeouts = 4, tcp_syn_retries = 6 */
Test(tcp_handshake, a_silent_peer_times_out_after_131_seconds)
{
	struct peer *peer = plain_peer();
	static const int at[] = {0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67};

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		EXPECT(SEC(at[i]), SEG(SYN, .seq = 0));
	peer_run(peer, SEC(131) - 1);
	cr_assert_eq(peer_state(peer), SYN_SENT);
	peer_run(peer, SEC(131));
	cr_assert_eq(peer_state(peer), CLOSED);
	cr_assert_eq(peer_error(peer), ETIMEDOUT);
	NOTHING();
	peer_free(peer);
}

Test(tcp_handshake, syncnt_limits_the_retries)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(net_sock_open(peer->stack, &peer->sock, AF_INET, SOCK_STREAM, 0), 0);
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_SYNCNT, 1), 0);
	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	peer_run(peer, SEC(60));
	cr_assert_eq(peer_pending(peer), 1 + 4 + 1);
	cr_assert_eq(peer_error(peer), ETIMEDOUT);
	peer_free(peer);
}

/* RFC 9293 3.5, figure 8 */
Test(tcp_handshake, simultaneous_open_establishes)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	EXPECT(MS(0), SEG(SYN, .seq = 0));
	RX(MS(5), SEG(SYN, .seq = 0, .mss = 1460));
	EXPECT(MS(5), SEG(SYN_ACK, .seq = 0, .ack = 1));
	cr_assert_eq(peer_state(peer), SYN_RCVD);
	RX(MS(10), SEG(SYN_ACK, .seq = 0, .ack = 1, .mss = 1460));
	cr_assert_eq(peer_state(peer), EST);
	cr_assert(peer_poll(peer) & EPOLLOUT);
	peer_free(peer);
}

/* tcp_synack_retries = 5 */
Test(tcp_handshake, a_half_open_connection_is_forgotten_after_63_seconds)
{
	struct peer *peer = plain_peer();
	static const int at[] = {0, 1, 3, 7, 15, 31};
	struct net_sock_info info[4];

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN, .mss = 1460));
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		EXPECT(SEC(at[i]), SEG(SYN_ACK, .seq = 0, .ack = 1));
	cr_assert_eq(net_info_socks(peer->stack, IPPROTO_TCP, info, 4), 2);
	peer_run(peer, SEC(63));
	cr_assert_eq(net_info_socks(peer->stack, IPPROTO_TCP, info, 4), 1);
	NOTHING();
	peer_free(peer);
}

Test(tcp_handshake, a_repeated_syn_is_answered_again)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN, .mss = 1460));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 1));
	RX(MS(600), SEG(SYN, .mss = 1460));
	EXPECT(MS(600), SEG(SYN_ACK, .seq = 0, .ack = 1));
	peer_free(peer);
}

/* RFC 9293 3.10.7.4 fifth, SYN-RECEIVED */
Test(tcp_handshake, a_wrong_ack_of_our_syn_is_reset)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN, .mss = 1460));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 1));
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 500));
	EXPECT(MS(1), SEG(RST, .seq = 500));
	RX(MS(2), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	peer_free(peer);
}

Test(tcp_handshake, data_on_the_third_segment_is_delivered)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN, .mss = 1460));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 1));
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 101));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_read(peer, 1000, 0), 100);
	peer_free(peer);
}

/* RFC 9293 3.10.7.4 second, SYN-RECEIVED of a passive open: back to LISTEN. */
Test(tcp_handshake, a_reset_ends_a_half_open_connection_silently)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN, .mss = 1460));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 1));
	RX(MS(1), SEG(RST, .seq = 1));
	RX(MS(2), SEG(ACK, .seq = 1, .ack = 1));
	EXPECT(MS(2), SEG(RST, .seq = 1));
	cr_assert_eq(peer_accept(peer), -EAGAIN);
	peer_free(peer);
}

Test(tcp_handshake, the_same_over_the_other_family)
{
	struct peer_config cfg = {.family = AF_INET6, .sack = true, .ts = true, .mss = 1440};
	struct peer *peer = peer_new(&cfg);

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 1000));
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 1001));
	cr_assert_eq(peer_read(peer, 2000, 0), 1000);
	cr_assert_eq(peer_write(peer, 500, 0), 500);
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 1001, .len = 500));
	peer_free(peer);
}
