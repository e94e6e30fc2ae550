/* SPDX-License-Identifier: Apache-2.0 */
/* UDP: the protocol's context and its sockets. */
#pragma once

#include "sock/dgram.h"

struct udp {
	struct socks *socks;
};

struct udp_sock {
	struct dgram dg; /* first */
	bool cork;	 /* UDP_CORK */
	bool gro;	 /* UDP_GRO */
	bool no_check6_tx, no_check6_rx;
	uint16_t segment;   /* UDP_SEGMENT */
	struct pkt *corked; /* MSG_MORE, UDP_CORK: what was sent so far */
	struct dgram_tx cork_tx;
};

int udp_init(struct udp **ret, struct socks *socks);
struct udp *udp_free(struct udp *udp);
