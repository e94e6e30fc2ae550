/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4821: the path MTU without ICMP. */
#include "peer_test.h"
#include "tcp/mtup.h"

Test(mtup, searches_by_halves_until_close_enough)
{
	struct mtup mtup;
	int probes = 0;

	mtup_start(&mtup, 552, 1500, 0);
	while ((mtup.probe = mtup_next(&mtup, 8))) {
		probes++;
		if (mtup.probe <= 1400)
			mtup_passed(&mtup, 0);
		else
			mtup_failed(&mtup);
	}
	cr_assert(mtup.low <= 1400 && mtup.low > 1392, "%u", mtup.low);
	cr_assert_leq(probes, 8);
}

Test(mtup, a_black_hole_halves_down_to_the_floor)
{
	struct mtup mtup;

	mtup_start(&mtup, 1064, 1500, 0);
	mtup_blackhole(&mtup, 40, 1024, 48);
	cr_assert_eq(mtup.low, 552);
	for (int i = 0; i < 10; i++)
		mtup_blackhole(&mtup, 40, 1024, 48);
	cr_assert_eq(mtup.low, 88);
}

static uint32_t cwnd(struct peer *peer)
{
	uint32_t info[26];
	socklen_t len = sizeof(info);

	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, info, &len), 0);
	return info[20];
}

static void probing(struct net_config *cfg)
{
	cfg->tunables.tcp_mtu_probing = 2;
	cfg->tunables.tcp_base_mss = 512;
	cfg->tunables.tcp_init_cwnd = 12;
}

static struct peer *probing_peer(void)
{
	struct peer_config cfg = {.sack = true, .tune = probing};
	struct peer *peer = peer_new(&cfg);

	cr_assert_not_null(peer);
	ESTABLISH();
	return peer;
}

Test(mtup, a_probe_that_is_acknowledged_makes_segments_larger)
{
	struct peer *peer = probing_peer();

	cr_assert_eq(peer_write(peer, 4058, 0), 4058);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 986));
	EXPECT(MS(0), SEG(ACK, .seq = 987, .ack = 1, .len = 512));
	peer_skip(peer);
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 4059));
	cr_assert_eq(peer_write(peer, 986, 0), 986);
	EXPECT(MS(1), SEG(ACK, .seq = 4059, .ack = 1, .len = 986));
	peer_free(peer);
}

Test(mtup, a_probe_that_is_lost_goes_again_in_pieces_and_the_window_stays)
{
	struct peer *peer = probing_peer();

	cr_assert_eq(peer_write(peer, 4058, 0), 4058);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 1, .len = 986));
	peer_skip(peer);
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .nsack = 1, .sack = {{987, 1499}}));
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .nsack = 1, .sack = {{987, 2011}}));
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .nsack = 1, .sack = {{987, 2523}}));
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 512));
	EXPECT(MS(1), SEG(ACK, .seq = 513, .ack = 1, .len = 474));
	cr_assert_geq(cwnd(peer), 12);
	peer_free(peer);
}
