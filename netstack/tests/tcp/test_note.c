/* SPDX-License-Identifier: Apache-2.0 */
/* SO_TIMESTAMPING of what is sent, MSG_ZEROCOPY: what the error queue says of a write. */
#include "peer_test.h"

#include <linux/net_tstamp.h>

#define ZEROCOPY 60
#define ORIGIN_STAMP 4
#define ORIGIN_ZC 5

/* Takes one entry. 0 or errno. */
static int take(struct peer *peer, struct net_ctl *ret, int *ret_flags)
{
	struct iovec iov = {.iov_len = 0};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	ssize_t r = net_sock_recv(peer->stack, peer->sock, &msg, MSG_ERRQUEUE);

	*ret = msg.ctl;
	*ret_flags = msg.flags;
	return (int)r;
}

static void expect_stamp(struct peer *peer, net_time at, uint32_t what, uint32_t id)
{
	struct net_ctl ctl;
	int flags;

	cr_assert_eq(take(peer, &ctl, &flags), 0);
	cr_assert_eq(ctl.error.origin, ORIGIN_STAMP);
	cr_assert_eq(ctl.error.err, ENOMSG);
	cr_assert_eq(ctl.error.info, what);
	cr_assert_eq(ctl.error.data, id, "id %u", ctl.error.data);
	cr_assert(ctl.has & NET_CTL_STAMPING);
	cr_assert_eq(ctl.stamping, peer->start + at);
	cr_assert(flags & MSG_TRUNC, "with the data, which did not fit");
}

Test(tcp_note, a_write_is_stamped_when_sent_and_when_acknowledged)
{
	struct peer *peer = plain_peer();
	struct net_ctl ctl;
	int flags;

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, SO_TIMESTAMPING,
				 SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE |
					 SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE |
					 SOF_TIMESTAMPING_OPT_ID),
		     0);
	peer_run(peer, MS(1));
	cr_assert_eq(peer_write(peer, 2000, MSG_EOR), 2000);
	cr_assert_eq(peer_write(peer, 1460, 0), 1460);
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 2001));
	RX(MS(20), SEG(ACK, .seq = 1, .ack = 3461));
	expect_stamp(peer, MS(1), 1, 1999);
	expect_stamp(peer, MS(1), 0, 1999);
	expect_stamp(peer, MS(1), 1, 3459);
	expect_stamp(peer, MS(1), 0, 3459);
	expect_stamp(peer, MS(10), 2, 1999);
	expect_stamp(peer, MS(20), 2, 3459);
	cr_assert_eq(take(peer, &ctl, &flags), -EAGAIN);
	cr_assert_eq(peer_error(peer), 0, "a stamp is no error");
	peer_free(peer);
}

Test(tcp_note, zerocopy_completions_are_joined)
{
	struct peer *peer = plain_peer();
	struct net_ctl ctl;
	int flags;

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, ZEROCOPY, 1), 0);
	for (uint32_t i = 1; i <= 3; i++) {
		cr_assert_eq(peer_write(peer, 1000, MSG_ZEROCOPY), 1000);
		RX(MS(i), SEG(ACK, .seq = 1, .ack = 1 + 1000 * i));
	}
	cr_assert(peer_poll(peer) & EPOLLERR);
	cr_assert_eq(take(peer, &ctl, &flags), 0);
	cr_assert_eq(ctl.error.origin, ORIGIN_ZC);
	cr_assert_eq(ctl.error.err, 0);
	cr_assert_eq(ctl.error.code, 1, "it was copied");
	cr_assert(ctl.error.info == 0 && ctl.error.data == 2);
	cr_assert_eq(flags & MSG_TRUNC, 0);
	cr_assert_eq(take(peer, &ctl, &flags), -EAGAIN);
	peer_free(peer);
}

Test(tcp_note, a_reset_completes_what_was_written)
{
	struct peer *peer = plain_peer();
	struct net_ctl ctl;
	int flags;

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, ZEROCOPY, 1), 0);
	cr_assert_eq(peer_write(peer, 1000, MSG_ZEROCOPY), 1000);
	cr_assert_eq(take(peer, &ctl, &flags), -EAGAIN);
	RX(MS(1), SEG(RST_ACK, .seq = 1, .ack = 1));
	cr_assert_eq(take(peer, &ctl, &flags), 0);
	cr_assert_eq(ctl.error.origin, ORIGIN_ZC);
	peer_free(peer);
}

Test(tcp_note, zerocopy_is_ignored_unless_it_was_turned_on)
{
	struct peer *peer = plain_peer();
	struct net_ctl ctl;
	int flags;

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 1000, MSG_ZEROCOPY), 1000);
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1001));
	cr_assert_eq(take(peer, &ctl, &flags), -EAGAIN);
	peer_free(peer);
}
