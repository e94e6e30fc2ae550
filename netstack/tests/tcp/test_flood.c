/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4987: a flood of SYNs, and those who were there before. */
#include "peer_test.h"

#define CONNS 1000u
#define SYNS 1000000u
#define FIRST_PORT 2000u

static net_sock_id conn[CONNS];

static void many(struct net_config *cfg)
{
	cfg->tunables.somaxconn = 4096;
	cfg->tunables.tcp_invalid_ratelimit_ms = 0;
}

/* One of the established connections sends and gets an answer. */
static void converse(struct peer *peer, unsigned int i, uint32_t round)
{
	net_time at = peer->now - peer->start;
	uint8_t byte;
	struct iovec iov = {&byte, 1};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};

	peer_rx_from(peer, at, (uint16_t)(FIRST_PORT + i),
		     SEG(ACK, .seq = 1 + round, .ack = 1, .len = 1));
	peer_skip(peer);
	cr_assert_eq(net_sock_recv(peer->stack, conn[i], &msg, 0), 1, "connection %u", i);
}

Test(tcp_flood, a_million_syns_harm_no_established_connection)
{
	struct peer_config cfg = {.sack = true, .backlog = 1024, .tune = many};
	struct peer *peer = peer_new(&cfg);
	struct net_memory_info before, after;
	uint32_t iss[CONNS];

	cr_assert_eq(peer_listen(peer), 0);
	for (unsigned int i = 0; i < CONNS; i++) {
		uint16_t port = (uint16_t)(FIRST_PORT + i);

		peer_rx_from(peer, MS(0), port, SEG(SYN, .mss = 1460));
		peer_skip(peer);
		iss[i] = peer->stack_iss;
		peer_rx_from(peer, MS(0), port, SEG(ACK, .seq = 1, .ack = 1));
		cr_assert_eq(peer_accept(peer), 0);
		conn[i] = peer->sock;
	}
	net_info_memory(peer->stack, &before);
	for (uint32_t n = 0; n < SYNS; n++) {
		/* Any port but theirs, any sequence number. */
		uint16_t port = (uint16_t)(FIRST_PORT + CONNS + n % 60000);

		peer_rx_from(peer, peer->now - peer->start + 1000, port,
			     SEG(SYN, .seq = n * 7919, .mss = 1460));
		if (n % 1000 == 0) {
			peer->stack_iss = iss[n / 1000 % CONNS];
			converse(peer, n / 1000 % CONNS, n / 1000 / CONNS);
		}
		if (n % 256 == 0)
			peer_skip(peer);
	}
	net_info_memory(peer->stack, &after);
	cr_assert_lt(after.pkt_bytes, before.pkt_bytes + (4u << 20), "%llu bytes of packets",
		     (unsigned long long)after.pkt_bytes);
	for (unsigned int i = 0; i < CONNS; i++)
		cr_assert(!(net_sock_poll(peer->stack, conn[i]) & (EPOLLERR | EPOLLHUP)));
	peer_free(peer);
}
