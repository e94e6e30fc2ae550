/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader of a conversation remembers, so that numbers are told relative to its beginning:
 * initial sequence numbers, first timestamps, identifications of fragments.
 *
 * Two such memories make the map between a capture and a replay: the n-th byte is the n-th byte,
 * whatever number it had.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow_dir {
	bool known; /* isn is */
	bool seen;  /* a segment of this direction was seen: not only deduced from the other's acks
		     */
	uint32_t isn;
	uint32_t nxt; /* highest sequence number seen, plus one; if @seen */
	bool has_ts;
	uint32_t ts0, ts_last;
};

/* End 0 is who was seen first. */
struct flow {
	uint8_t addr[2][16];
	uint16_t port[2];
	uint8_t addr_len; /* 4 or 16 */
	struct flow_dir dir[2];
	struct flow *next;
};

struct flow_id {
	uint32_t id;
	uint8_t src[16];
	struct flow_id *next;
};

/* A port of the stack that stands for one of the capture. */
struct flow_alias {
	uint8_t proto;
	uint16_t captured, own;
	struct flow_alias *next;
};

struct flows {
	struct flow *list;
	struct flow_id *ids;
	struct flow_alias *aliases;
	unsigned nids;
};

void flows_fini(struct flows *flows);
/* Finds or makes. *@from is which end @src is. NULL: no memory. */
struct flow *flow_get(struct flows *flows, unsigned addr_len, const uint8_t *src,
		      const uint8_t *dst, uint16_t sport, uint16_t dport, unsigned *from);
/* Only finds. */
struct flow *flow_find(const struct flows *flows, unsigned addr_len, const uint8_t *src,
		       const uint8_t *dst, uint16_t sport, uint16_t dport, unsigned *from);

struct flow_seg {
	uint32_t seq, ack, len; /* len with SYN and FIN */
	bool syn, has_ack, rst;
	bool has_ts;
	uint32_t ts_val, ts_ecr;
};

/* Takes note of a segment from end @from. */
void flow_note(struct flow *flow, unsigned from, const struct flow_seg *seg);

/* The ordinal of a fragment's identification, from 1. */
unsigned flow_id(struct flows *flows, unsigned addr_len, const uint8_t *src, uint32_t id);

void flow_alias_add(struct flows *flows, uint8_t proto, uint16_t captured, uint16_t own);
uint16_t flow_port_own(const struct flows *flows, uint8_t proto, uint16_t captured);
uint16_t flow_port_captured(const struct flows *flows, uint8_t proto, uint16_t own);
