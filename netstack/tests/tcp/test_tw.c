/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.10.7.4 TIME-WAIT, RFC 6191: what is left of a connection. */
#include "peer_test.h"

/* An established connection, closed by us first; time is then @at. */
static void to_time_wait(struct peer *peer, net_time at)
{
	cr_assert_eq(peer_close(peer), 0);
	peer_skip(peer);
	RX(at, SEG(FIN_ACK, .seq = 1, .ack = 2));
	EXPECT(at, SEG(ACK, .seq = 2, .ack = 2));
}

Test(tcp_tw, a_repeated_fin_is_acknowledged_again)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	to_time_wait(peer, MS(10));
	RX(SEC(1), SEG(FIN_ACK, .seq = 1, .ack = 2));
	EXPECT(SEC(1), SEG(ACK, .seq = 2, .ack = 2));
	peer_free(peer);
}

/* RFC 1122 4.2.2.13 */
Test(tcp_tw, a_new_syn_reopens_towards_the_listener)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	to_time_wait(peer, MS(10));
	RX(SEC(1), SEG(SYN, .seq = 1000, .mss = 1460));
	EXPECT(SEC(1), SEG(SYN_ACK, .seq = 0, .ack = 1001));
	RX(SEC(2), SEG(ACK, .seq = 1001, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	peer_free(peer);
}

Test(tcp_tw, an_old_segment_draws_an_ack_within_the_rate_limit)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	to_time_wait(peer, MS(10));
	RX(SEC(1), SEG(ACK, .seq = 0, .ack = 2, .len = 1));
	EXPECT(SEC(1), SEG(ACK, .seq = 2, .ack = 2));
	RX(SEC(1), SEG(ACK, .seq = 0, .ack = 2, .len = 1));
	NOTHING();
	peer_free(peer);
}

Test(tcp_tw, waits_for_one_minute)
{
	struct peer *peer = plain_peer();
	struct net_memory_info mem;

	ESTABLISH();
	to_time_wait(peer, MS(10));
	net_info_memory(peer->stack, &mem);
	cr_assert_eq(mem.tcp_timewait, 1);
	peer_run(peer, SEC(59));
	net_info_memory(peer->stack, &mem);
	cr_assert_eq(mem.tcp_timewait, 1);
	peer_run(peer, SEC(61));
	net_info_memory(peer->stack, &mem);
	cr_assert_eq(mem.tcp_timewait, 0);
	peer_free(peer);
}
