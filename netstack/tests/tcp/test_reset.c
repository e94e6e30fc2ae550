/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.10.7.4 second and fourth, RFC 5961: resets, SYNs and challenge ACKs. */
#include "peer_test.h"

Test(tcp_rst, exactly_at_rcv_nxt_ends_the_connection)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(RST, .seq = 1));
	NOTHING();
	cr_assert_eq(peer_state(peer), CLOSED);
	cr_assert_eq(peer_poll(peer) & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR),
		     EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	cr_assert_eq(peer_read(peer, 1, 0), -ECONNRESET);
	cr_assert_eq(peer_read(peer, 1, 0), 0, "the error was read");
	peer_free(peer);
}

/* RFC 5961 3.2 */
Test(tcp_rst, in_window_but_not_exact_draws_a_challenge_ack)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(RST, .seq = 2));
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 1));
	NOTHING();
	cr_assert_eq(peer_state(peer), EST);
	peer_free(peer);
}

Test(tcp_rst, outside_of_the_window_is_ignored)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(RST, .seq = 1 + 70000));
	RX(MS(10), SEG(RST, .seq = 0));
	NOTHING();
	cr_assert_eq(peer_state(peer), EST);
	cr_assert_eq(drops(peer, DROP_TCP_BAD_RESET), 2);
	peer_free(peer);
}

/* RFC 5961 7 */
Test(tcp_rst, challenge_acks_are_limited_to_one_in_500_ms)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	for (int i = 0; i < 10; i++)
		RX(MS(10 + i), SEG(RST, .seq = 2));
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 1));
	peer_run(peer, MS(400));
	NOTHING();
	RX(MS(511), SEG(RST, .seq = 2));
	EXPECT(MS(511), SEG(ACK, .seq = 1, .ack = 1));
	peer_free(peer);
}

/* RFC 5961 4.2 */
Test(tcp_rst, a_syn_on_an_established_connection_draws_a_challenge_ack)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(SYN, .seq = 1));
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_state(peer), EST);
	cr_assert_eq(drops(peer, DROP_TCP_BAD_SYN), 1);
	peer_free(peer);
}

Test(tcp_rst, in_close_wait_is_a_broken_pipe)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(1), SEG(FIN_ACK, .seq = 1, .ack = 1));
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 2));
	RX(MS(2), SEG(RST, .seq = 2));
	cr_assert_eq(peer_error(peer), EPIPE);
	peer_free(peer);
}

Test(tcp_rst, data_that_arrived_before_can_still_be_read)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 50));
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 51));
	RX(MS(2), SEG(RST, .seq = 51));
	cr_assert_eq(peer_read(peer, 100, 0), 50);
	cr_assert_eq(peer_read(peer, 100, 0), -ECONNRESET);
	peer_free(peer);
}

/* RFC 9293 3.10.7.1 */
Test(tcp_rst, answers_a_segment_for_nobody)
{
	struct peer *peer = plain_peer();

	RX(MS(1), SEG(SYN, .seq = 0));
	EXPECT(MS(1), SEG(RST_ACK, .seq = 0, .ack = 1, .any_seq = true));
	RX(MS(2), SEG(ACK, .seq = 5, .ack = 1234));
	EXPECT(MS(2), SEG(RST, .seq = 1234));
	RX(MS(3), SEG(RST, .seq = 5));
	NOTHING();
	cr_assert_eq(drops(peer, DROP_TCP_NO_SOCKET), 3);
	peer_free(peer);
}

Test(tcp_rst, a_child_that_was_reset_is_still_accepted_with_its_error)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN, .mss = 1460));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 1));
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1));
	RX(MS(2), SEG(RST, .seq = 1));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_read(peer, 1, 0), -ECONNRESET);
	peer_free(peer);
}
