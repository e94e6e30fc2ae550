/* SPDX-License-Identifier: Apache-2.0 */
/* Raw IP sockets and "ping" datagram sockets. */
#pragma once

#include "sock/dgram.h"

struct raw {
	struct socks *socks;
	struct list all; /* struct raw_sock */
};

struct raw_sock {
	struct dgram dg; /* first */
	struct list all;
	uint32_t icmp4_filter;	  /* ICMP_FILTER: a set bit blocks the type */
	uint32_t icmp6_filter[8]; /* ICMP6_FILTER: a set bit blocks the type */
	int32_t checksum_off;	  /* IPV6_CHECKSUM; -1 = none */
};

int raw_init(struct raw **ret, struct socks *socks);
struct raw *raw_free(struct raw *raw);

/* ping.c */
bool ping_input(void *ctx, struct pkt *pkt);
void ping_error(void *ctx, const struct ip_error *err);
