/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6298, RFC 5681, RFC 6582, RFC 6675, RFC 8985 on the wire. */
#include "peer_test.h"

/* RFC 6298 5.5 */
Test(tcp_loss, retransmission_backs_off_exponentially)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	EXPECT(MS(200), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	EXPECT(MS(600), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	EXPECT(MS(1400), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	EXPECT(MS(3000), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	RX(MS(3010), SEG(ACK, .seq = 1, .ack = 101));
	peer_run(peer, SEC(10));
	NOTHING();
	peer_free(peer);
}

/* RFC 5681 3.2 without SACK */
Test(tcp_loss, three_duplicate_acks_retransmit)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 14600, 0), 14600);
	cr_assert_eq(peer_pending(peer), 10);
	peer_skip(peer);
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1));
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1));
	NOTHING();
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1));
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 1460));
	NOTHING();
	/* RFC 6582 3.2: a partial ACK retransmits the next hole. */
	RX(MS(20), SEG(ACK, .seq = 1, .ack = 1 + 1460));
	EXPECT(MS(20), SEG(ACK, .seq = 1461, .ack = 1, .len = 1460));
	RX(MS(30), SEG(ACK, .seq = 1, .ack = 14601));
	peer_run(peer, SEC(5));
	NOTHING();
	peer_free(peer);
}

Test(tcp_loss, sacked_segments_are_not_retransmitted)
{
	struct peer *peer = sack_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 14600, 0), 14600);
	peer_skip(peer);
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .nsack = 1, .sack = {{1461, 2921}}));
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .nsack = 1, .sack = {{1461, 4381}}));
	NOTHING();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .nsack = 2, .sack = {{7301, 8761}, {1461, 4381}}));
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 1460));
	peer_run(peer, MS(2));
	RX(MS(2), SEG(ACK, .seq = 1, .ack = 1, .nsack = 2, .sack = {{7301, 10221}, {1461, 4381}}));
	EXPECT(MS(2), SEG(ACK, .seq = 4381, .ack = 1, .len = 1460));
	peer_free(peer);
}

/* RFC 8985 7: a probe after two round trips, well before the RTO. */
Test(tcp_loss, a_tail_loss_is_probed)
{
	struct peer *peer = sack_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 1000, 0), 1000);
	peer_skip(peer);
	RX(MS(50), SEG(ACK, .seq = 1, .ack = 1001));
	cr_assert_eq(peer_write(peer, 2920, 0), 2920);
	peer_skip(peer);
	/* Two SRTT of 6.25 ms (the first sample was 0, the second 50) and 2 ms. */
	peer_run(peer, MS(50) + NET_US(14500));
	EXPECT(MS(50) + NET_US(14500), SEG(ACK, .seq = 2461, .ack = 1, .len = 1460));
	peer_free(peer);
}

/* RFC 6298 5.4 to 5.6: after the timeout slow start from one segment. */
Test(tcp_loss, a_timeout_restarts_from_one_segment)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 14600, 0), 14600);
	peer_skip(peer);
	EXPECT(MS(200), SEG(ACK, .seq = 1, .ack = 1, .len = 1460));
	NOTHING();
	RX(MS(210), SEG(ACK, .seq = 1, .ack = 1461));
	EXPECT(MS(210), SEG(ACK, .seq = 1461, .ack = 1, .len = 1460));
	EXPECT(MS(210), SEG(ACK, .seq = 2921, .ack = 1, .len = 1460));
	NOTHING();
	peer_free(peer);
}

/* RFC 9293 3.8.3 (MUST-20): tcp_retries2 = 15 are 924.6 s from the first retransmission. */
Test(tcp_loss, a_dead_peer_times_out)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	peer_run(peer, SEC(900));
	cr_assert_eq(peer_state(peer), EST);
	peer_run(peer, SEC(1050));
	cr_assert_eq(peer_state(peer), CLOSED);
	cr_assert_eq(peer_error(peer), ETIMEDOUT);
	cr_assert_eq(peer_pending(peer), 17);
	peer_free(peer);
}

/* RFC 5482 */
Test(tcp_loss, user_timeout_ends_earlier)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_USER_TIMEOUT, 3000), 0);
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	peer_run(peer, MS(3100));
	cr_assert_eq(peer_state(peer), EST);
	peer_run(peer, MS(3200));
	cr_assert_eq(peer_state(peer), CLOSED);
	cr_assert_eq(peer_error(peer), ETIMEDOUT);
	peer_free(peer);
}

/* RFC 3522, RFC 4015: the echo is of the original, so nothing was lost. */
Test(tcp_loss, a_spurious_timeout_is_undone_by_timestamps)
{
	struct peer_config cfg = {.ts = true, .sack = true};
	struct peer *peer = peer_new(&cfg);
	uint32_t tsval, cwnd[40];
	socklen_t len = sizeof(cwnd);

	ESTABLISH();
	peer_run(peer, MS(5));
	cr_assert_eq(peer_write(peer, 14480, 0), 14480);
	tsval = peer->last_tsval;
	peer_run(peer, MS(400));
	peer_skip(peer);
	RX(MS(400), SEG(ACK, .seq = 1, .ack = 1449, .ts = true, .tsval = 5400, .tsecr = tsval));
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, cwnd, &len),
		     0);
	cr_assert_geq(cwnd[20], 10, "%u", cwnd[20]);
	peer_free(peer);
}

/* RFC 6298 5 rule 3, Karn: no sample of what was sent twice. */
Test(tcp_loss, an_ack_of_a_retransmission_gives_no_sample)
{
	struct peer *peer = plain_peer();
	uint32_t info[40], rtt;
	socklen_t len = sizeof(info);

	ESTABLISH();
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, info, &len),
		     0);
	rtt = info[17];
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	peer_run(peer, MS(700));
	RX(MS(700), SEG(ACK, .seq = 1, .ack = 101));
	len = sizeof(info);
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, info, &len),
		     0);
	cr_assert_eq(info[17], rtt);
	peer_free(peer);
}
