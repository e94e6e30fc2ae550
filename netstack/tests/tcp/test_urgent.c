/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.8.5, RFC 6093: urgent data. */
#include "peer_test.h"

Test(tcp_urgent, is_sent_with_the_pointer_behind_the_last_byte)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 10, MSG_OOB), 10);
	EXPECT(MS(0), SEG(URG_ACK, .seq = 1, .ack = 1, .len = 10, .urg = 10));
	peer_free(peer);
}

Test(tcp_urgent, the_byte_is_read_out_of_band)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(URG_ACK, .seq = 1, .ack = 1, .len = 10, .urg = 5));
	cr_assert(peer_poll(peer) & EPOLLPRI);
	cr_assert_eq(peer_read(peer, 100, 0), 4, "up to the mark");
	cr_assert_eq(net_sock_count(peer->stack, peer->sock, NET_COUNT_ATMARK), 1);
	cr_assert_eq(peer_read(peer, 1, MSG_OOB), 1);
	cr_assert_eq(peer_read(peer, 1, MSG_OOB), -EINVAL);
	cr_assert_eq(peer_read(peer, 100, 0), 5, "the byte itself is not in the stream");
	peer_free(peer);
}

Test(tcp_urgent, inline_the_byte_stays_in_the_stream)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, SO_OOBINLINE, 1), 0);
	RX(MS(10), SEG(URG_ACK, .seq = 1, .ack = 1, .len = 10, .urg = 5));
	cr_assert_eq(peer_read(peer, 1, MSG_OOB), -EINVAL);
	cr_assert_eq(peer_read(peer, 100, 0), 4);
	cr_assert_eq(net_sock_count(peer->stack, peer->sock, NET_COUNT_ATMARK), 1);
	cr_assert_eq(peer_read(peer, 100, 0), 6);
	peer_free(peer);
}

Test(tcp_urgent, a_pointer_ahead_of_the_data_announces_it)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(10), SEG(URG_ACK, .seq = 1, .ack = 1, .len = 10, .urg = 20));
	cr_assert_eq(peer_read(peer, 1, MSG_OOB), -EAGAIN);
	RX(MS(11), SEG(ACK, .seq = 11, .ack = 1, .len = 10));
	cr_assert_eq(peer_read(peer, 1, MSG_OOB), 1);
	peer_free(peer);
}
