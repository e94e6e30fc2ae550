/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3168. */
#include "peer_test.h"

#define ECE TCP_FLAG_ECE
#define CWR TCP_FLAG_CWR

static void ask(struct net_config *cfg)
{
	cfg->tunables.tcp_ecn = 1;
}

/* An established connection with ECN, opened by the peer. */
static struct peer *ecn_peer(void)
{
	struct peer_config cfg = {.sack = true};
	struct peer *peer = peer_new(&cfg);

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN | ECE | CWR, .mss = 1460, .sack_ok = true));
	EXPECT(MS(0), SEG(SYN_ACK | ECE, .seq = 0, .ack = 1));
	RX(MS(0), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	return peer;
}

/* RFC 3168 6.1.1 */
Test(tcp_ecn, is_accepted_when_the_peer_asks)
{
	struct peer *peer = ecn_peer();

	cr_assert_eq(peer_write(peer, 100, 0), 100);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 100, .ecn = 2));
	peer_free(peer);
}

Test(tcp_ecn, is_not_asked_for_by_default)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	EXPECT(MS(0), SEG(SYN, .seq = 0));
	peer_free(peer);
}

Test(tcp_ecn, is_asked_for_once_if_configured)
{
	struct peer_config cfg = {.tune = ask};
	struct peer *peer = peer_new(&cfg);

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	EXPECT(MS(0), SEG(SYN | ECE | CWR, .seq = 0));
	EXPECT(SEC(1), SEG(SYN, .seq = 0));
	peer_free(peer);
}

/* RFC 3168 6.1.3: ECE on every ACK until CWR. */
Test(tcp_ecn, a_mark_is_echoed_until_the_sender_reduced)
{
	struct peer *peer = ecn_peer();

	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 100, .ecn = 3));
	EXPECT(MS(1), SEG(ACK | ECE, .seq = 1, .ack = 101));
	RX(MS(2), SEG(ACK, .seq = 101, .ack = 1, .len = 100, .ecn = 2));
	EXPECT(MS(2), SEG(ACK | ECE, .seq = 1, .ack = 201));
	RX(MS(3), SEG(ACK | CWR, .seq = 201, .ack = 1, .len = 100, .ecn = 2));
	EXPECT(MS(3), SEG(ACK, .seq = 1, .ack = 301));
	peer_free(peer);
}

/* RFC 3168 6.1.2 */
Test(tcp_ecn, an_echo_reduces_the_window_once_and_is_answered_with_cwr)
{
	struct peer *peer = ecn_peer();
	struct peer_seg got;
	net_time at;

	cr_assert_eq(peer_setopt(peer, SOL_SOCKET, SO_SNDBUF, 200000), 0);
	cr_assert_eq(peer_write(peer, 100000, 0), 100000);
	peer_skip(peer);
	for (uint32_t i = 1; i <= 10; i++)
		RX(MS(1), SEG(ACK | ECE, .seq = 1, .ack = 1 + i * 1460));
	cr_assert(peer_peek(peer, 0, &at, &got));
	cr_assert(got.flags & CWR);
	cr_assert_eq(peer_pending(peer), 7, "%zu", peer_pending(peer));
	peer_free(peer);
}

/* RFC 3168 6.1.5 */
Test(tcp_ecn, a_retransmission_is_not_ect)
{
	struct peer *peer = ecn_peer();
	struct peer_seg got;
	net_time at;

	cr_assert_eq(peer_write(peer, 100, 0), 100);
	peer_skip(peer);
	peer_run(peer, SEC(1));
	cr_assert(peer_peek(peer, 0, &at, &got));
	cr_assert_eq(got.len, 100);
	cr_assert_eq(got.ecn, 0);
	peer_free(peer);
}

#define AE TCP_FLAG_AE

static void accurate(struct net_config *cfg)
{
	cfg->tunables.tcp_ecn = 3;
}

static struct peer *accurate_peer(void)
{
	struct peer_config cfg = {.sack = true, .tune = accurate};
	struct peer *peer = peer_new(&cfg);

	cr_assert_not_null(peer);
	return peer;
}

/* RFC 9768 3.1.1, 3.1.2: the SYN|ACK says how the SYN arrived, the ACK how the SYN|ACK did. */
Test(tcp_ecn, accurate_feedback_is_negotiated_by_the_peer)
{
	struct peer *peer = accurate_peer();

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN | AE | ECE | CWR, .mss = 1460, .sack_ok = true, .ecn = 2));
	EXPECT(MS(0), SEG(SYN_ACK | AE, .seq = 0, .ack = 1));
	RX(MS(0), SEG(ACK | CWR, .seq = 1, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	EXPECT(MS(0), SEG(ACK | AE | ECE, .seq = 1, .ack = 1, .len = 100, .ecn = 2));
	peer_free(peer);
}

Test(tcp_ecn, accurate_feedback_is_asked_for)
{
	struct peer *peer = accurate_peer();

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	EXPECT(MS(0), SEG(SYN | AE | ECE | CWR, .seq = 0));
	RX(MS(1), SEG(SYN_ACK | CWR, .seq = 0, .ack = 1, .mss = 1460, .ecn = 3));
	EXPECT(MS(1), SEG(ACK | AE | CWR, .seq = 1, .ack = 1));
	peer_free(peer);
}

/* A server of RFC 3168 answers with ECE alone: then that is what is spoken. */
Test(tcp_ecn, accurate_feedback_falls_back_to_the_classic_kind)
{
	struct peer *peer = accurate_peer();

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	EXPECT(MS(0), SEG(SYN | AE | ECE | CWR, .seq = 0));
	RX(MS(1), SEG(SYN_ACK | ECE, .seq = 0, .ack = 1, .mss = 1460));
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 100, .ecn = 2));
	peer_free(peer);
}

/* RFC 9768 3.2.2: each mark moves the counter of three bits, which starts at five. */
Test(tcp_ecn, accurate_feedback_counts_every_mark)
{
	struct peer *peer = accurate_peer();

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN | AE | ECE | CWR, .mss = 1460, .sack_ok = true));
	EXPECT(MS(0), SEG(SYN_ACK | CWR, .seq = 0, .ack = 1));
	RX(MS(0), SEG(ACK | CWR, .seq = 1, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	RX(MS(1), SEG(ACK | AE | ECE, .seq = 1, .ack = 1, .len = 100, .ecn = 3));
	EXPECT(MS(1), SEG(ACK | AE | CWR, .seq = 1, .ack = 101));
	RX(MS(2), SEG(ACK | AE | ECE, .seq = 101, .ack = 1, .len = 100, .ecn = 3));
	EXPECT(MS(2), SEG(ACK | AE | CWR | ECE, .seq = 1, .ack = 201));
	RX(MS(3), SEG(ACK | AE | ECE, .seq = 201, .ack = 1, .len = 100, .ecn = 3));
	EXPECT(MS(3), SEG(ACK, .seq = 1, .ack = 301));
	peer_free(peer);
}

Test(tcp_ecn, a_count_that_grew_reduces_the_window_once)
{
	struct peer *peer = accurate_peer();
	uint32_t info[26];
	socklen_t len = sizeof(info);

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN | AE | ECE | CWR, .mss = 1460, .sack_ok = true));
	peer_skip(peer);
	RX(MS(0), SEG(ACK | CWR, .seq = 1, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_write(peer, 14600, 0), 14600);
	RX(MS(1), SEG(ACK | AE | CWR, .seq = 1, .ack = 2921));
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, info, &len), 0);
	cr_assert_eq(((uint8_t *)info)[1], 2, "CWR");
	cr_assert_eq(info[19], 7, "ssthresh %u", info[19]);
	RX(MS(2), SEG(ACK | AE | CWR, .seq = 1, .ack = 14601));
	len = sizeof(info);
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, info, &len), 0);
	cr_assert_eq(info[19], 7);
	peer_free(peer);
}
