/* SPDX-License-Identifier: Apache-2.0 */
/* TCP_REPAIR: a connection is taken out of one socket and put into another. */
#include "peer_test.h"

#include <string.h>

#define REPAIR_WINDOW 29
#define REPAIR_ON 1
#define REPAIR_OFF_SILENT -1
#define RECV_QUEUE 1
#define SEND_QUEUE 2

static int set(struct peer *peer, int name, int val)
{
	return net_sock_setopt(peer->stack, peer->sock, IPPROTO_TCP, name, &val, sizeof(val),
			       NET_CAP_ADMIN);
}

Test(tcp_repair, is_for_the_privileged)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_REPAIR, 1), -EPERM);
	cr_assert_eq(set(peer, TCP_REPAIR, 7), -EINVAL);
	cr_assert_eq(set(peer, TCP_REPAIR_QUEUE, RECV_QUEUE), -EPERM, "not in repair");
	cr_assert_eq(set(peer, TCP_REPAIR, REPAIR_ON), 0);
	cr_assert_eq(set(peer, TCP_REPAIR_QUEUE, 3), -EINVAL);
	cr_assert_eq(set(peer, TCP_QUEUE_SEQ, 1), -EPERM, "only before connect()");
	peer_free(peer);
}

Test(tcp_repair, the_queues_can_be_looked_at_and_closing_is_silent)
{
	struct peer *peer = plain_peer();
	uint32_t seq;

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	cr_assert_eq(peer_write(peer, 300, 0), 300);
	peer_skip(peer);
	cr_assert_eq(set(peer, TCP_REPAIR, REPAIR_ON), 0);
	cr_assert_eq(peer_read(peer, 100, 0), -EPERM);
	cr_assert_eq(peer_read(peer, 100, MSG_PEEK), -EINVAL, "no queue chosen");
	cr_assert_eq(set(peer, TCP_REPAIR_QUEUE, SEND_QUEUE), 0);
	cr_assert_eq(peer_read(peer, 1000, MSG_PEEK), 300);
	seq = (uint32_t)peer_getopt(peer, IPPROTO_TCP, TCP_QUEUE_SEQ);
	cr_assert_eq(seq, peer->stack_iss + 301);
	cr_assert_eq(set(peer, TCP_REPAIR_QUEUE, RECV_QUEUE), 0);
	cr_assert_eq(peer_read(peer, 1000, MSG_PEEK), 100);
	cr_assert_eq((uint32_t)peer_getopt(peer, IPPROTO_TCP, TCP_QUEUE_SEQ), peer->iss + 101);
	peer_close(peer);
	peer->sock = 0;
	peer_run(peer, SEC(5));
	NOTHING();
	peer_free(peer);
}

/* The other half: no handshake, and the conversation goes on where it was. */
Test(tcp_repair, a_connection_is_put_back_without_a_handshake)
{
	struct peer *peer = plain_peer();
	struct {
		uint32_t snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup;
	} win = {0, 65535, 65535, 60000, 0};

	ESTABLISH();
	peer_run(peer, MS(1));
	cr_assert_eq(set(peer, TCP_REPAIR, REPAIR_ON), 0);
	peer_close(peer);
	cr_assert_eq(net_sock_open(peer->stack, &peer->sock, AF_INET, SOCK_STREAM, 0), 0);
	cr_assert_eq(set(peer, TCP_REPAIR, REPAIR_ON), 0);
	cr_assert_eq(set(peer, TCP_REPAIR_QUEUE, SEND_QUEUE), 0);
	cr_assert_eq(set(peer, TCP_QUEUE_SEQ, (int)(peer->stack_iss + 1)), 0);
	cr_assert_eq(set(peer, TCP_REPAIR_QUEUE, RECV_QUEUE), 0);
	cr_assert_eq(set(peer, TCP_QUEUE_SEQ, (int)(peer->iss + 1)), 0);
	cr_assert_eq(peer_connect(peer), 0);
	NOTHING();
	cr_assert_eq(peer_state(peer), EST);
	cr_assert_eq(peer_write(peer, 50, 0), 50, "into the receive queue");
	cr_assert_eq(set(peer, TCP_REPAIR_QUEUE, SEND_QUEUE), 0);
	cr_assert_eq(peer_write(peer, 70, 0), 70, "sent before, not acknowledged");
	win.snd_wl1 = win.rcv_wup = peer->iss + 51;
	cr_assert_eq(net_sock_setopt(peer->stack, peer->sock, IPPROTO_TCP, REPAIR_WINDOW, &win,
				     sizeof(win), NET_CAP_ADMIN),
		     0);
	cr_assert_eq(set(peer, TCP_REPAIR, REPAIR_OFF_SILENT), 0);
	NOTHING();
	cr_assert_eq(peer_read(peer, 100, 0), 50);
	cr_assert_eq(peer_write(peer, 10, 0), 10);
	peer_skip(peer);
	cr_assert_eq(peer_state(peer), EST);
	peer_free(peer);
}
