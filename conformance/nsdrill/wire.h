/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as the script sees them, and the mapping of their packets between the script's numbers
 * and live ones. */
#pragma once

#include "nsdrill/config.h"

#define TS_MAP_MAX 512

enum conn_state {
	CONN_NEW,
	CONN_LISTENING,
	CONN_CONNECTING, /* connect() was called, its SYN not yet seen */
	CONN_SYN_SENT,
	CONN_SYN_ACKED,
	CONN_SYN_RECEIVED, /* a script's SYN was or will be injected */
	CONN_SYNACK_SENT,
	CONN_ESTABLISHED,
};

/* A socket, or a half-open connection that will be one. */
struct conn {
	struct conn *next;
	enum conn_state state;
	int protocol, type;
	int script_fd; /* -1: not accepted yet */
	uint16_t local_port, remote_port;
	/* In a SYN the script writes initial sequence numbers; in all other packets, numbers that
	 * count from them. */
	uint32_t script_isn, live_isn; /* of our side */
	uint32_t remote_isn;	       /* of the peer; the same in both */
	bool has_ts;
	uint32_t first_script_ts, first_live_ts;
	struct {
		uint32_t script, live;
	} ts[TS_MAP_MAX];
	size_t nts;
	uint32_t script_flow, live_flow;
};

/* From script to live numbers, in place. -EINVAL: @why. */
int conn_map_inbound(const struct conn *c, const struct config *cfg, struct packet *p, char *why,
		     size_t size);
/* From live to script numbers, in place; learns timestamps from the pair. */
void conn_map_outbound(struct conn *c, const struct packet *want, struct packet *got);
/* The numbers alone. */
void conn_map_numbers(const struct conn *c, struct packet *got);
/* Whether a live packet from the stack is of this connection. */
bool conn_owns(const struct conn *c, const struct config *cfg, const struct packet *got);
/* Flow labels are named by the script, not given. */
bool conn_flow_ok(struct conn *c, const struct packet *want, const struct packet *got, char *why,
		  size_t size);
void conn_path(const struct conn *c, const struct config *cfg, bool inbound,
	       struct packet_path *ret);
