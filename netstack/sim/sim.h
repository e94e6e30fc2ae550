/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time: stacks, links between them, and a loop that jumps from one instant to the next.
 *
 * Everything that is random comes from the seed: the same seed and the same calls give the same
 * frames at the same instants, which sim_hash() shows. A failed test prints the seed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <netstack/link.h>
#include <netstack/route.h>
#include <netstack/socket.h>
#include <netstack/stack.h>
#include <netstack/types.h>

#include "util/cleanup.h"

struct sim;

/* What a link does to frames. Probabilities are per million. */
struct sim_link_config {
	enum net_link_kind kind; /* NET_LINK_IP unless said otherwise */
	uint32_t mtu;		 /* 0: 1500 */
	uint32_t offloads;	 /* enum net_link_offload, both ends */
	net_dur delay;
	uint64_t rate_bps; /* 0: infinite */
	uint32_t queue;	   /* frames that may wait for the rate; 0: 1000 */
	uint32_t loss_ppm, dup_ppm, corrupt_ppm;
	uint32_t reorder_ppm; /* of frames that are held back by reorder_delay */
	net_dur reorder_delay;
	net_dur jitter; /* added at random; may reorder too */
};

struct sim_stats {
	uint64_t frames, bytes, lost, duplicated, corrupted, reordered, overflowed;
};

/* NULL: no memory. */
struct sim *sim_new(uint64_t seed);
struct sim *sim_free(struct sim *sim);
DEFINE_CLEANUP(struct sim *, sim_free)

uint64_t sim_seed(const struct sim *sim);
net_time sim_now(const struct sim *sim);

/* Adds a stack; @cfg NULL: defaults. Its seed is derived from the simulation's. Returns its index
 * or a negative errno. */
int sim_add_stack(struct sim *sim, const struct net_config *cfg);
struct net_stack *sim_stack(struct sim *sim, int index);

/* Connects two stacks. The first gets 10.0.N.1 and fd00:N::1, the second .2 and ::2, N being the
 * link's index + 1. Returns the link's index or a negative errno. */
int sim_connect(struct sim *sim, int a, int b, const struct sim_link_config *cfg);
/* Changes what a link does from now on (not mtu, kind, offloads). */
void sim_link_set(struct sim *sim, int link, const struct sim_link_config *cfg);
void sim_link_stats(const struct sim *sim, int link, struct sim_stats *ret);
/* The address of end @end (0 or 1) of @link in @family, as a sockaddr with @port. Returns its
 * length. */
socklen_t sim_addr(const struct sim *sim, int link, int end, int family, uint16_t port,
		   struct sockaddr_storage *ret);

/* Called for each event of a stack. */
typedef void sim_event_fn(void *ctx, struct sim *sim, int stack, const struct net_event *event);
void sim_on_event(struct sim *sim, sim_event_fn *fn, void *ctx);

/* Lets everything happen that is due now, without moving the clock. */
void sim_settle(struct sim *sim);
/* Moves to the next instant at which something happens and lets it happen. False: nothing ever
 * will. */
bool sim_step(struct sim *sim, net_time limit);
/* Runs until @until; the clock is there afterwards. */
void sim_run_until(struct sim *sim, net_time until);
void sim_run_for(struct sim *sim, net_dur len);
/* Runs until @done(ctx) or @limit. Returns what @done said last. */
bool sim_run_while(struct sim *sim, bool (*more)(void *ctx), void *ctx, net_time limit);

/* Prints each frame as it is sent (NULL: stop). */
void sim_trace(struct sim *sim, FILE *to);
/* Hash of all frames so far: instants, links, directions, bytes. */
uint64_t sim_hash(const struct sim *sim);
