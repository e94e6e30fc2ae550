/* SPDX-License-Identifier: Apache-2.0 */
/* What the conversations have in common. A test has a local `peer`. */
#pragma once

#include <criterion/criterion.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "netstack/info.h"
#include "sim/peer.h"

#define EXPECT(at, seg) cr_assert(peer_expect(peer, at, seg), "%s", peer->why)
#define NOTHING() cr_assert(peer_nothing(peer), "%s", peer->why)
#define ESTABLISH() cr_assert(peer_establish(peer), "%s", peer->why)
#define ESTABLISH_ACTIVE() cr_assert(peer_establish_active(peer), "%s", peer->why)
#define RX(at, seg) peer_rx(peer, at, seg)

enum {
	EST = 1,
	SYN_SENT,
	SYN_RCVD,
	FIN_WAIT_1,
	FIN_WAIT_2,
	TIME_WAIT,
	CLOSED,
	CLOSE_WAIT,
	LAST_ACK,
	LISTENING,
	CLOSING,
};

static inline uint64_t drops(struct peer *peer, enum drop why)
{
	uint64_t all[DROP_COUNT];

	net_info_drops(peer->stack, all);
	return all[why];
}

static inline struct peer *plain_peer(void)
{
	struct peer *peer = peer_new(NULL);

	cr_assert_not_null(peer);
	return peer;
}

static inline struct peer *sack_peer(void)
{
	struct peer_config cfg = {.sack = true};
	struct peer *peer = peer_new(&cfg);

	cr_assert_not_null(peer);
	return peer;
}

/* Uses up the quick ACKs of a new connection, so that delayed ones follow. */
static inline void leave_quickack(struct peer *peer)
{
	int r = peer_setopt(peer, IPPROTO_TCP, TCP_QUICKACK, 0);

	cr_assert_eq(r, 0);
}
