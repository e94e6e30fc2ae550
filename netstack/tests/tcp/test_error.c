/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.9.2.2, RFC 5927, RFC 1191, RFC 8201: ICMP errors. */
#include "peer_test.h"

Test(tcp_error, a_port_unreachable_refuses_a_connection_attempt)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	peer_icmp(peer, MS(10), PEER_ICMP_PORT_UNREACH, 0, 0);
	cr_assert_eq(peer_state(peer), CLOSED);
	cr_assert_eq(peer_error(peer), ECONNREFUSED);
	peer_free(peer);
}

Test(tcp_error, a_host_unreachable_ends_a_connection_attempt)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	peer_icmp(peer, MS(10), PEER_ICMP_HOST_UNREACH, 0, 0);
	cr_assert_eq(peer_state(peer), CLOSED);
	cr_assert_eq(peer_error(peer), EHOSTUNREACH);
	peer_free(peer);
}

/* MUST-56: a soft error does not end a connection, but explains the timeout. */
Test(tcp_error, a_host_unreachable_is_soft_once_established)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	peer_icmp(peer, MS(10), PEER_ICMP_HOST_UNREACH, 1, 0);
	cr_assert_eq(peer_state(peer), EST);
	cr_assert_eq(peer_error(peer), 0);
	peer_run(peer, SEC(1100));
	cr_assert_eq(peer_error(peer), EHOSTUNREACH);
	peer_free(peer);
}

/* RFC 5927 4.1 */
Test(tcp_error, an_error_about_something_not_in_flight_is_ignored)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	peer_icmp(peer, MS(10), PEER_ICMP_PORT_UNREACH, 5000, 0);
	cr_assert_eq(peer_state(peer), SYN_SENT);
	peer_free(peer);
}

Test(tcp_error, a_smaller_path_mtu_resegments_at_once)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 1460, 0), 1460);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 1460));
	peer_icmp(peer, MS(10), PEER_ICMP_TOO_BIG, 1, 1000);
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 960));
	EXPECT(MS(10), SEG(ACK, .seq = 961, .ack = 1, .len = 500));
	peer_free(peer);
}

Test(tcp_error, a_smaller_path_mtu_over_the_other_family)
{
	struct peer_config cfg = {.family = AF_INET6, .mss = 1440};
	struct peer *peer = peer_new(&cfg);

	ESTABLISH();
	cr_assert_eq(peer_write(peer, 1440, 0), 1440);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 1440));
	peer_icmp(peer, MS(10), PEER_ICMP_TOO_BIG, 1, 1280);
	EXPECT(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 1220));
	peer_free(peer);
}
