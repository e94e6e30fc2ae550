/* SPDX-License-Identifier: Apache-2.0 */
/* What the layer above IP registers: the way up is this table, filled at construction. */
#pragma once

#include <stdint.h>

#include "netstack/drop.h"
#include "netstack/types.h"

struct ip;
struct pkt;

/* An ICMP error about a packet that we sent, addresses as seen by the sending socket. */
struct ip_error {
	struct net_addr local;	  /* source of the packet that failed: ours */
	struct net_addr remote;	  /* its destination */
	struct net_addr offender; /* who reports */
	net_link_id link;	  /* that the report came in on */
	uint8_t proto;
	uint8_t type, code; /* ICMP, or ICMPv6 if v6 */
	bool v6;
	bool hard;		/* ends a connection attempt (RFC 1122 4.2.3.9) */
	int err;		/* positive errno: ECONNREFUSED, EHOSTUNREACH, EMSGSIZE ... */
	uint32_t mtu;		 /* EMSGSIZE: what the reporter says: see ip_learn_mtu(); else 0 */
	const uint8_t *payload; /* the start of the transport header that came back */
	uint32_t payload_len;	/* at least 8 */
	struct pkt *pkt;	/* view: the transport header that came back (borrowed) */
};

struct ip_proto {
	void *ctx;
	/* One packet, view at the transport header, pkt->ip filled in. Takes @pkt. The transport
	 * checksum is to be checked unless pkt->offload.flags is non-zero. Whatever is discarded
	 * goes to core_drop(). */
	void (*input)(void *ctx, struct pkt *pkt);
	/* An ICMP error about a packet that we sent. May be NULL. */
	void (*error)(void *ctx, const struct ip_error *err);
};

/* The transport finds that it sent the packet (a socket of that tuple; for TCP, data in flight): the
 * path MTU of the report is believed. Forged reports do not get this far (RFC 5927). */
void ip_learn_mtu(struct ip *ip, const struct ip_error *err);

/* @proto must be free or already this one's. */
void ip_set_proto(struct ip *ip, uint8_t proto, const struct ip_proto *ops);

/* Answers @pkt (as it came to .input, view at or after the transport header) with an ICMP port
 * unreachable, within the rate limits. Borrows @pkt; its view is not changed. */
void ip_send_port_unreachable(struct ip *ip, struct pkt *pkt);
