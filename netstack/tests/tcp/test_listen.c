/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.10.7.2, RFC 4987: the queues of a listener. */
#include "peer_test.h"

static struct peer *small_backlog(int backlog)
{
	struct peer_config cfg = {.backlog = backlog};
	struct peer *peer = peer_new(&cfg);

	cr_assert_eq(peer_listen(peer), 0);
	return peer;
}

/* Opens from @port; true if an ACK completed it. */
static void open_from(struct peer *peer, net_time at, uint16_t port)
{
	struct peer_seg got;
	net_time when;

	peer_rx_from(peer, at, port, SEG(SYN, .mss = 1460));
	if (!peer_peek(peer, 0, &when, &got))
		return;
	peer_skip(peer);
	peer_rx_from(peer, at, port, SEG(ACK, .seq = 1, .ack = 1));
}

Test(tcp_listen, a_full_accept_queue_drops_new_syns)
{
	struct peer *peer = small_backlog(1);

	open_from(peer, MS(1), 40001);
	open_from(peer, MS(2), 40002);
	peer_skip(peer);
	peer_rx_from(peer, MS(3), 40003, SEG(SYN, .mss = 1460));
	NOTHING();
	cr_assert_eq(drops(peer, DROP_TCP_BACKLOG_FULL), 1);
	cr_assert_eq(peer_accept(peer), 0);
	peer_rx_from(peer, MS(4), 40003, SEG(SYN, .mss = 1460));
	EXPECT(MS(4), SEG(SYN_ACK, .seq = 0, .ack = 1));
	peer_free(peer);
}

/* RFC 4987 3.6: nothing is kept for the second SYN, and its ACK still opens the connection. */
Test(tcp_listen, a_full_syn_queue_answers_with_cookies)
{
	struct peer *peer = small_backlog(1);
	struct net_sock_info info[8];

	peer_rx_from(peer, MS(1), 40001, SEG(SYN, .mss = 1460));
	peer_skip(peer);
	peer_rx_from(peer, MS(2), 40002, SEG(SYN, .mss = 1460));
	EXPECT(MS(2), SEG(SYN_ACK, .seq = 0, .ack = 1));
	cr_assert_eq(net_info_socks(peer->stack, IPPROTO_TCP, info, 8), 2);
	peer_rx_from(peer, MS(10), 40002, SEG(ACK, .seq = 1, .ack = 1, .len = 10));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_read(peer, 100, 0), 10);
	peer_free(peer);
}

Test(tcp_listen, a_cookie_remembers_options_in_the_timestamp)
{
	struct peer *peer = small_backlog(1);
	struct peer_seg got;
	net_time at;
	uint8_t info[8];
	socklen_t len = sizeof(info);

	peer_rx_from(peer, MS(1), 40001, SEG(SYN, .mss = 1460));
	peer_skip(peer);
	peer_rx_from(
		peer, MS(2), 40002,
		SEG(SYN, .mss = 1460, .wscale = 1 + 7, .sack_ok = true, .ts = true, .tsval = 100));
	cr_assert(peer_peek(peer, 0, &at, &got));
	cr_assert(got.wscale && got.sack_ok && got.ts);
	peer_skip(peer);
	peer_rx_from(peer, MS(10), 40002,
		     SEG(ACK, .seq = 1, .ack = 1, .ts = true, .tsval = 110, .tsecr = got.tsval));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, info, &len),
		     0);
	cr_assert_eq(info[5] & 7, 7, "timestamps, SACK, window scaling");
	cr_assert_eq(info[6] & 15, 7);
	peer_free(peer);
}

Test(tcp_listen, a_forged_cookie_is_reset)
{
	struct peer *peer = small_backlog(1);

	peer_rx_from(peer, MS(1), 40001, SEG(SYN, .mss = 1460));
	peer_rx_from(peer, MS(2), 40002, SEG(SYN, .mss = 1460));
	peer_skip(peer);
	peer_rx_from(peer, MS(10), 40002, SEG(ACK, .seq = 1, .ack = 12345));
	EXPECT(MS(10), SEG(RST, .seq = 12345));
	cr_assert_eq(drops(peer, DROP_TCP_BAD_COOKIE), 1);
	peer_free(peer);
}

Test(tcp_listen, closing_the_listener_resets_who_waits)
{
	struct peer *peer = small_backlog(4);

	open_from(peer, MS(1), 40001);
	peer_skip(peer);
	cr_assert_eq(net_sock_close(peer->stack, peer->listener), 0);
	EXPECT(MS(1), SEG(RST_ACK, .seq = 1, .ack = 1));
	peer_rx_from(peer, MS(2), 40002, SEG(SYN, .mss = 1460));
	EXPECT(MS(2), SEG(RST_ACK, .seq = 0, .ack = 1, .any_seq = true));
	peer_free(peer);
}

Test(tcp_listen, defer_accept_waits_for_data)
{
	struct peer *peer = small_backlog(4);
	int secs = 3;

	cr_assert_eq(net_sock_setopt(peer->stack, peer->listener, IPPROTO_TCP, TCP_DEFER_ACCEPT,
				     &secs, sizeof(secs), 0),
		     0);
	open_from(peer, MS(1), 40000);
	cr_assert_eq(peer_accept(peer), -EAGAIN);
	RX(MS(5), SEG(ACK, .seq = 1, .ack = 1, .len = 10));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_read(peer, 100, 0), 10);
	peer_free(peer);
}

Test(tcp_listen, poll_and_info_show_the_queue)
{
	struct peer *peer = small_backlog(4);
	uint32_t info[8];
	socklen_t len = sizeof(info);

	cr_assert_eq(net_sock_poll(peer->stack, peer->listener), 0);
	open_from(peer, MS(1), 40001);
	cr_assert_eq(net_sock_poll(peer->stack, peer->listener), EPOLLIN | EPOLLRDNORM);
	cr_assert_eq(
		net_sock_getopt(peer->stack, peer->listener, IPPROTO_TCP, TCP_INFO, info, &len), 0);
	cr_assert_eq(info[6], 1);
	cr_assert_eq(info[7], 4);
	peer_free(peer);
}

Test(tcp_listen, a_syn_flood_is_bounded)
{
	struct peer *peer = small_backlog(64);
	struct net_memory_info before, after;
	struct net_sock_info info[4];

	net_info_memory(peer->stack, &before);
	for (uint16_t i = 0; i < 5000; i++) {
		peer_rx_from(peer, MS(1), (uint16_t)(1024 + i), SEG(SYN, .mss = 1460));
		peer_skip(peer);
	}
	net_info_memory(peer->stack, &after);
	cr_assert_eq(net_info_socks(peer->stack, IPPROTO_TCP, info, 4), 65);
	peer_free(peer);
}

Test(tcp_listen, accepted_sockets_inherit_options)
{
	struct peer *peer = small_backlog(4);
	int one = 1;

	cr_assert_eq(net_sock_setopt(peer->stack, peer->listener, IPPROTO_TCP, TCP_NODELAY, &one,
				     sizeof(one), 0),
		     0);
	open_from(peer, MS(1), 40000);
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_getopt(peer, IPPROTO_TCP, TCP_NODELAY), 1);
	peer_free(peer);
}
