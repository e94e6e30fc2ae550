/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.10.7.4 first and fifth, RFC 7323 5: which segments are acceptable. */
#include "peer_test.h"

/* MUST-3 */
Test(tcp_in, a_wrong_checksum_is_dropped)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 10, .bad_sum = true));
	NOTHING();
	cr_assert_eq(drops(peer, DROP_TCP_CHECKSUM), 1);
	peer_free(peer);
}

Test(tcp_in, a_segment_without_ack_is_dropped)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(1), SEG(NONE, .seq = 1, .len = 10));
	NOTHING();
	cr_assert_eq(drops(peer, DROP_TCP_FLAGS), 1);
	peer_free(peer);
}

Test(tcp_in, old_data_is_acknowledged_again)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 101));
	RX(MS(2), SEG(ACK, .seq = 1, .ack = 1, .len = 100));
	EXPECT(MS(2), SEG(ACK, .seq = 1, .ack = 101));
	cr_assert_eq(peer_read(peer, 1000, 0), 100);
	peer_free(peer);
}

Test(tcp_in, data_beyond_the_window_draws_an_ack)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 70000, .ack = 1, .len = 100));
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(drops(peer, DROP_TCP_OUT_OF_WINDOW), 1);
	peer_free(peer);
}

/* Silently while data may flow, with an ACK once we have closed: as Linux. Its timestamp counts for
 * nothing. */
Test(tcp_in, a_segment_that_acknowledges_unsent_data_is_dropped)
{
	struct peer_config cfg = {.ts = true};
	struct peer *peer = peer_new(&cfg);

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1000, .len = 10, .ts = true, .tsval = 900000000));
	NOTHING();
	cr_assert_eq(peer_read(peer, 10, 0), -EAGAIN);
	cr_assert_eq(drops(peer, DROP_TCP_FUTURE_ACK), 1);
	RX(MS(2), SEG(ACK, .seq = 1, .ack = 1, .len = 10));
	EXPECT(MS(2), SEG(ACK, .seq = 1, .ack = 11));
	cr_assert_eq(net_sock_shutdown(peer->stack, peer->sock, SHUT_WR), 0);
	EXPECT(MS(2), SEG(FIN_ACK, .seq = 1, .ack = 11));
	RX(MS(3), SEG(ACK, .seq = 11, .ack = 1000));
	EXPECT(MS(3), SEG(ACK, .seq = 2, .ack = 11));
	peer_free(peer);
}

/* RFC 5961 5.2: older than the largest window ever offered. */
Test(tcp_in, an_ack_from_long_ago_is_challenged)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = (uint32_t)-70000, .len = 10));
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(drops(peer, DROP_TCP_OLD_ACK), 1);
	peer_free(peer);
}

/* RFC 7323 5.3 R1 */
Test(tcp_in, paws_rejects_an_older_timestamp_and_acknowledges)
{
	struct peer_config cfg = {.ts = true};
	struct peer *peer = peer_new(&cfg);

	ESTABLISH();
	RX(SEC(1), SEG(ACK, .seq = 1, .ack = 1, .len = 10));
	EXPECT(SEC(1), SEG(ACK, .seq = 1, .ack = 11));
	RX(SEC(2), SEG(ACK, .seq = 11, .ack = 1, .len = 10, .ts = true, .tsval = 10));
	EXPECT(SEC(2), SEG(ACK, .seq = 1, .ack = 11));
	cr_assert_eq(drops(peer, DROP_TCP_PAWS), 1);
	RX(SEC(3), SEG(ACK, .seq = 11, .ack = 1, .len = 10));
	EXPECT(SEC(3), SEG(ACK, .seq = 1, .ack = 21));
	peer_free(peer);
}

/* RFC 7323 5.2: a RST is not subject to PAWS. */
Test(tcp_in, a_reset_with_an_old_timestamp_is_accepted)
{
	struct peer_config cfg = {.ts = true};
	struct peer *peer = peer_new(&cfg);

	ESTABLISH();
	RX(SEC(1), SEG(RST, .seq = 1, .ts = true, .tsval = 10));
	cr_assert_eq(peer_state(peer), CLOSED);
	peer_free(peer);
}

/* RFC 7323 4.3 */
Test(tcp_in, the_echo_is_of_the_segment_that_advanced_the_window)
{
	struct peer_config cfg = {.ts = true, .sack = true};
	struct peer *peer = peer_new(&cfg);

	ESTABLISH();
	RX(MS(100), SEG(ACK, .seq = 1, .ack = 1, .len = 10, .ts = true, .tsval = 6000));
	EXPECT(MS(100), SEG(ACK, .seq = 1, .ack = 11, .ts = true, .tsecr = 6000));
	RX(MS(101), SEG(ACK, .seq = 21, .ack = 1, .len = 10, .ts = true, .tsval = 6001));
	EXPECT(MS(101), SEG(ACK, .seq = 1, .ack = 11, .ts = true, .tsecr = 6000));
	RX(MS(102), SEG(ACK, .seq = 11, .ack = 1, .len = 10, .ts = true, .tsval = 6002));
	EXPECT(MS(102), SEG(ACK, .seq = 1, .ack = 31, .ts = true, .tsecr = 6002));
	peer_free(peer);
}

/* MUST-57 */
Test(tcp_in, the_stack_survives_every_combination_of_flags)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	for (uint16_t flags = 0; flags < 64; flags++) {
		struct peer_seg seg = {.flags = flags & (uint16_t)~TCP_FLAG_RST,
				       .seq = 1,
				       .ack = 1,
				       .len = flags & 1 ? 0 : 7,
				       .urg = flags};

		RX(MS(1000 + 600 * flags), &seg);
	}
	peer_skip(peer);
	peer_free(peer);
}
