/* SPDX-License-Identifier: Apache-2.0 */
/* The wire of a simulation. Private to sim/. */
#pragma once

#include "netstack/pkt.h"
#include "sim/sim.h"
#include "util/heap.h"

/* A frame under way. */
struct sim_frame {
	struct heap_node node; /* key: arrival */
	struct sim_frame *next_free;
	int link, to;
	uint32_t len, cap;
	struct net_offload offload;
	uint8_t data[];
};

/* A generator of its own (splitmix64), so that links do not disturb each other's draws. */
struct sim_rand {
	uint64_t state;
};

static inline uint64_t sim_rand_u64(struct sim_rand *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline bool sim_rand_hit(struct sim_rand *r, uint32_t ppm)
{
	return ppm && sim_rand_u64(r) % 1000000 < ppm;
}

struct sim_dir {
	net_time busy_until; /* of the transmitter, with a rate */
};

struct sim_link {
	struct sim_link_config cfg;
	int stack[2];
	net_link_id id[2];
	struct sim_dir dir[2];
	struct sim_rand rand;
	struct sim_stats stats;
};

/* What happens to one frame: 0, 1 or 2 copies with their arrival times. */
struct sim_fate {
	int copies;
	net_time at[2];
	int64_t corrupt_bit; /* -1: none */
};

void sim_link_fate(struct sim_link *link, int from, uint32_t len, bool offloaded, net_time now,
		   struct sim_fate *ret);

/* trace.c */
void sim_trace_frame(FILE *to, net_time now, const char *where, const uint8_t *data, uint32_t len,
		     bool ether, const struct net_offload *offload);
uint64_t sim_hash_bytes(uint64_t hash, const void *data, size_t len);
