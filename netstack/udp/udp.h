/* SPDX-License-Identifier: Apache-2.0 */
/* UDP and UDP-Lite (RFC 3828): the protocols' context and their sockets. */
#pragma once

#include "sock/dgram.h"

/* UDP_ENCAP (<linux/udp.h>). */
enum { ENCAP_ESP = 2, ENCAP_L2TP = 3 };

struct udp {
	struct socks *socks;
};

struct udp_sock {
	struct dgram dg; /* first */
	bool cork;	 /* UDP_CORK */
	bool gro;	 /* UDP_GRO */
	bool no_check6_tx, no_check6_rx;
	uint8_t encap;		/* UDP_ENCAP: 0, or what Linux numbers 2 (ESP) and 3 (L2TP) */
	uint16_t send_coverage; /* UDP-Lite: bytes under the checksum; 0 = all */
	uint16_t recv_coverage; /* the least that is taken ... */
	bool recv_partial;	/* ... if it was ever set; 0 then means all */
	uint16_t segment;   /* UDP_SEGMENT */
	struct pkt *corked; /* MSG_MORE, UDP_CORK: what was sent so far */
	struct dgram_tx cork_tx;
};

static inline bool udp_is_lite(const struct sock *sk)
{
	return sk->protocol == IPPROTO_UDPLITE;
}

int udp_init(struct udp **ret, struct socks *socks);
struct udp *udp_free(struct udp *udp);
