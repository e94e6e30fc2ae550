/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.8.4 and 3.8.6.1: keep-alive and window probes. */
#include "peer_test.h"

static void keepalive(struct peer *peer, int idle, int intvl, int cnt)
{
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_KEEPIDLE, idle), 0);
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_KEEPINTVL, intvl), 0);
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_KEEPCNT, cnt), 0);
	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
}

/* MUST-24..28 */
Test(tcp_keepalive, is_off_by_default)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	peer_run(peer, SEC(3 * 7200));
	NOTHING();
	peer_free(peer);
}

Test(tcp_keepalive, an_idle_peer_is_probed_one_below_the_window)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	keepalive(peer, 10, 2, 3);
	EXPECT(SEC(10), SEG(ACK, .seq = 0, .ack = 1));
	RX(SEC(10), SEG(ACK, .seq = 1, .ack = 1));
	EXPECT(SEC(20), SEG(ACK, .seq = 0, .ack = 1));
	peer_free(peer);
}

Test(tcp_keepalive, a_dead_peer_is_given_up_with_a_reset)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	keepalive(peer, 10, 2, 3);
	EXPECT(SEC(10), SEG(ACK, .seq = 0, .ack = 1));
	EXPECT(SEC(12), SEG(ACK, .seq = 0, .ack = 1));
	EXPECT(SEC(14), SEG(ACK, .seq = 0, .ack = 1));
	EXPECT(SEC(16), SEG(RST_ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_state(peer), CLOSED);
	cr_assert_eq(peer_error(peer), ETIMEDOUT);
	peer_free(peer);
}

Test(tcp_keepalive, answers_the_peers_probe)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(SEC(5), SEG(ACK, .seq = 0, .ack = 1));
	EXPECT(SEC(5), SEG(ACK, .seq = 1, .ack = 1));
	peer_free(peer);
}

/* MUST-36, SHLD-29, SHLD-30 */
Test(tcp_persist, a_closed_window_is_probed_with_backoff_and_reopens)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 1000, 0), 1000);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 1000));
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1001, .wnd_zero = true));
	cr_assert_eq(peer_write(peer, 1000, 0), 1000);
	NOTHING();
	EXPECT(MS(210) + NET_US(1250), SEG(ACK, .seq = 1000, .ack = 1));
	RX(MS(212), SEG(ACK, .seq = 1, .ack = 1001, .wnd_zero = true));
	peer_run(peer, MS(614));
	cr_assert_eq(peer_pending(peer), 1, "twice the interval");
	peer_skip(peer);
	RX(MS(620), SEG(ACK, .seq = 1, .ack = 1001));
	EXPECT(MS(620), SEG(ACK, .seq = 1001, .ack = 1, .len = 1000));
	peer_free(peer);
}

/* MUST-37: as long as the peer answers. */
Test(tcp_persist, a_peer_that_answers_may_keep_the_window_shut_for_ever)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .wnd_zero = true));
	cr_assert_eq(peer_write(peer, 1000, 0), 1000);
	for (int i = 0; i < 40; i++) {
		while (!peer_pending(peer))
			peer_run(peer, peer->now - peer->start + SEC(1));
		peer_skip(peer);
		RX(peer->now - peer->start + MS(1), SEG(ACK, .seq = 1, .ack = 1, .wnd_zero = true));
	}
	cr_assert_eq(peer_state(peer), EST);
	cr_assert_gt(peer->now - peer->start, SEC(3000));
	peer_free(peer);
}

Test(tcp_persist, a_silent_peer_is_given_up)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .wnd_zero = true));
	cr_assert_eq(peer_write(peer, 1000, 0), 1000);
	peer_run(peer, SEC(3000));
	cr_assert_eq(peer_state(peer), CLOSED);
	cr_assert_eq(peer_error(peer), ETIMEDOUT);
	peer_free(peer);
}

/* A window of a few bytes is used only when the override timer says so. */
Test(tcp_persist, a_small_window_is_filled_by_the_probe)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 10, 0), 10);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 10));
	RX(MS(0), SEG(ACK, .seq = 1, .ack = 11, .wnd = 100));
	cr_assert_eq(peer_write(peer, 1000, 0), 1000);
	NOTHING();
	EXPECT(MS(200), SEG(ACK, .seq = 11, .ack = 1, .len = 100));
	peer_free(peer);
}
