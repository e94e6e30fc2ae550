/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.6: closing, by either side and by both. */
#include "peer_test.h"

Test(tcp_close, active_close_ends_in_time_wait)
{
	struct peer *peer = plain_peer();
	struct net_memory_info mem;

	ESTABLISH();
	cr_assert_eq(peer_close(peer), 0);
	EXPECT(MS(0), SEG(FIN_ACK, .seq = 1, .ack = 1));
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 2));
	RX(MS(20), SEG(FIN_ACK, .seq = 1, .ack = 2));
	EXPECT(MS(20), SEG(ACK, .seq = 2, .ack = 2));
	net_info_memory(peer->stack, &mem);
	cr_assert_eq(mem.tcp_timewait, 1);
	cr_assert_eq(mem.tcp_orphans, 0);
	peer_run(peer, SEC(61));
	net_info_memory(peer->stack, &mem);
	cr_assert_eq(mem.tcp_timewait, 0);
	NOTHING();
	peer_free(peer);
}

Test(tcp_close, passive_close_shows_end_of_stream_and_ends_with_the_last_ack)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(FIN_ACK, .seq = 1, .ack = 1));
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 2));
	cr_assert_eq(peer_state(peer), CLOSE_WAIT);
	cr_assert_eq(peer_poll(peer), EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLOUT | EPOLLWRNORM);
	cr_assert_eq(peer_read(peer, 100, 0), 0);
	cr_assert_eq(peer_write(peer, 10, 0), 10, "the other half is still open");
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 2, .len = 10));
	cr_assert_eq(peer_close(peer), 0);
	EXPECT(MS(10), SEG(FIN_ACK, .seq = 11, .ack = 2));
	RX(MS(20), SEG(ACK, .seq = 2, .ack = 12));
	RX(MS(30), SEG(ACK, .seq = 2, .ack = 12));
	EXPECT(MS(30), SEG(RST, .seq = 12));
	peer_free(peer);
}

/* RFC 9293 3.6, figure 13 */
Test(tcp_close, simultaneous_close_goes_through_closing)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(net_sock_shutdown(peer->stack, peer->sock, SHUT_WR), 0);
	EXPECT(MS(0), SEG(FIN_ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_state(peer), FIN_WAIT_1);
	RX(MS(5), SEG(FIN_ACK, .seq = 1, .ack = 1));
	EXPECT(MS(5), SEG(ACK, .seq = 2, .ack = 2));
	cr_assert_eq(peer_state(peer), CLOSING);
	RX(MS(6), SEG(ACK, .seq = 2, .ack = 2));
	cr_assert_eq(peer_state(peer), CLOSED);
	peer_free(peer);
}

Test(tcp_close, half_close_still_receives)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(net_sock_shutdown(peer->stack, peer->sock, SHUT_WR), 0);
	EXPECT(MS(0), SEG(FIN_ACK, .seq = 1, .ack = 1));
	RX(MS(5), SEG(ACK, .seq = 1, .ack = 2));
	cr_assert_eq(peer_state(peer), FIN_WAIT_2);
	cr_assert_eq(peer_write(peer, 1, 0), -EPIPE);
	RX(MS(6), SEG(ACK, .seq = 1, .ack = 2, .len = 100));
	EXPECT(MS(6), SEG(ACK, .seq = 2, .ack = 101));
	cr_assert_eq(peer_read(peer, 1000, 0), 100);
	cr_assert_eq(peer_read(peer, 1000, 0), -EAGAIN);
	RX(SEC(200), SEG(FIN_ACK, .seq = 101, .ack = 2));
	EXPECT(SEC(200), SEG(ACK, .seq = 2, .ack = 102));
	cr_assert_eq(peer_read(peer, 1000, 0), 0);
	peer_free(peer);
}

Test(tcp_close, fin_follows_the_last_data_in_one_segment)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 100, MSG_MORE), 100);
	NOTHING();
	cr_assert_eq(peer_close(peer), 0);
	EXPECT(MS(0), SEG(FIN_ACK, .seq = 1, .ack = 1, .len = 100));
	peer_free(peer);
}

Test(tcp_close, an_unacknowledged_fin_is_retransmitted_with_its_data)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 100, MSG_MORE), 100);
	cr_assert_eq(peer_close(peer), 0);
	EXPECT(MS(0), SEG(FIN_ACK, .seq = 1, .ack = 1, .len = 100));
	EXPECT(MS(200), SEG(FIN_ACK, .seq = 1, .ack = 1, .len = 100));
	EXPECT(MS(600), SEG(FIN_ACK, .seq = 1, .ack = 1, .len = 100));
	peer_free(peer);
}

/* RFC 9293 3.6.1, RFC 2525 2.17 */
Test(tcp_close, close_with_unread_data_resets)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 10));
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 11));
	cr_assert_eq(peer_close(peer), 0);
	EXPECT(MS(1), SEG(RST_ACK, .seq = 1, .ack = 11));
	NOTHING();
	peer_free(peer);
}

Test(tcp_close, linger_zero_resets)
{
	struct peer *peer = plain_peer();
	struct linger linger = {1, 0};

	ESTABLISH();
	cr_assert_eq(net_sock_setopt(peer->stack, peer->sock, SOL_SOCKET, SO_LINGER, &linger,
				     sizeof(linger), 0),
		     0);
	cr_assert_eq(peer_close(peer), 0);
	EXPECT(MS(0), SEG(RST_ACK, .seq = 1, .ack = 1));
	peer_free(peer);
}

Test(tcp_close, linger_reports_data_that_is_still_out)
{
	struct peer *peer = plain_peer();
	struct linger linger = {1, 5};

	ESTABLISH();
	cr_assert_eq(net_sock_setopt(peer->stack, peer->sock, SOL_SOCKET, SO_LINGER, &linger,
				     sizeof(linger), 0),
		     0);
	cr_assert_not(net_sock_lingering(peer->stack, peer->sock));
	cr_assert_eq(peer_write(peer, 10, 0), 10);
	cr_assert(net_sock_lingering(peer->stack, peer->sock));
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 11));
	cr_assert_not(net_sock_lingering(peer->stack, peer->sock));
	peer_free(peer);
}

Test(tcp_close, data_for_a_closed_reader_is_answered_with_a_reset)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_close(peer), 0);
	EXPECT(MS(0), SEG(FIN_ACK, .seq = 1, .ack = 1));
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 2));
	RX(MS(2), SEG(ACK, .seq = 1, .ack = 2, .len = 10));
	EXPECT(MS(2), SEG(RST, .seq = 2));
	peer_free(peer);
}

/* tcp_fin_timeout = 60 */
Test(tcp_close, an_orphan_in_fin_wait_2_is_forgotten_after_60_seconds)
{
	struct peer *peer = plain_peer();
	struct net_memory_info mem;

	ESTABLISH();
	cr_assert_eq(peer_close(peer), 0);
	EXPECT(MS(0), SEG(FIN_ACK, .seq = 1, .ack = 1));
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 2));
	peer_run(peer, SEC(59));
	net_info_memory(peer->stack, &mem);
	cr_assert_eq(mem.tcp_orphans, 1);
	peer_run(peer, SEC(61));
	net_info_memory(peer->stack, &mem);
	cr_assert_eq(mem.tcp_orphans, 0);
	NOTHING();
	peer_free(peer);
}

Test(tcp_close, shutdown_of_a_socket_that_is_not_connected_fails)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(net_sock_open(peer->stack, &peer->sock, AF_INET, SOCK_STREAM, 0), 0);
	cr_assert_eq(net_sock_shutdown(peer->stack, peer->sock, SHUT_RDWR), -ENOTCONN);
	cr_assert_eq(peer_poll(peer), EPOLLHUP | EPOLLOUT | EPOLLWRNORM);
	cr_assert_eq(peer_read(peer, 1, 0), -ENOTCONN);
	cr_assert_eq(peer_write(peer, 1, 0), -EPIPE);
	peer_free(peer);
}

Test(tcp_close, connect_to_no_family_dissolves)
{
	struct peer *peer = plain_peer();
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	ESTABLISH_ACTIVE();
	cr_assert_eq(net_sock_connect(peer->stack, peer->sock, &none, sizeof(none)), 0);
	EXPECT(MS(0), SEG(RST_ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_state(peer), CLOSED);
	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	EXPECT(MS(0), SEG(SYN, .seq = 0));
	peer_free(peer);
}
