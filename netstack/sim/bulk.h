/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of known bytes from one stack to another, checked as it is read. */
#pragma once

#include "sim/sim.h"

struct bulk {
	/* Set by the caller. */
	struct sim *sim;
	int from, to; /* stacks */
	int link;     /* whose second end is @to, or whose first end if @reverse */
	bool reverse;
	int family;
	uint16_t port;
	uint64_t total;
	size_t chunk; /* bytes per call; 0: 65536 */
	/* The course of things. */
	uint64_t sent, received;
	bool corrupt; /* a byte was not what was sent */
	int error;    /* errno of a socket */
	bool eof;     /* the end was seen, and nothing is missing */
	net_sock_id listener, tx, rx;
	uint8_t *pattern, *buf;
};

/* Listens, connects and takes the events of the simulation. 0 or errno. */
int bulk_start(struct bulk *bulk);
/* Runs until all bytes arrived and the end was seen, or @limit. True if all is well. */
bool bulk_run(struct bulk *bulk, net_time limit);
void bulk_stop(struct bulk *bulk);
