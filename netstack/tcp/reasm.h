/* SPDX-License-Identifier: Apache-2.0 */
/* The out-of-order queue, and the SACK blocks that describe it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pkt/pkt.h"
#include "tcp/sack.h"
#include "tcp/seq.h"
#include "util/list.h"

/* What the receive side keeps in pkt->cb. */
struct tcp_cb {
	struct seq seq; /* of the first byte of the view */
	struct seq end; /* after the last byte and FIN */
	bool fin;
	uint32_t truesize;
};

static inline struct tcp_cb *tcp_cb(struct pkt *pkt)
{
	_Static_assert(sizeof(struct tcp_cb) <= sizeof(pkt->cb), "tcp_cb does not fit pkt->cb");
	return (struct tcp_cb *)(void *)pkt->cb64;
}

struct reasm {
	struct list queue; /* of struct pkt, by sequence number, without overlap */
	struct pkt *hint;  /* the last one inserted: the next is likely to be near it */
	uint32_t count;
	uint32_t mem; /* truesize */
	unsigned int nrecent;
	struct sack_block recent[SACK_BLOCKS_MAX]; /* most recently changed first (RFC 2018 4) */
	bool has_dsack;
	struct sack_block dsack; /* reported once, first (RFC 2883) */
};

enum reasm_result {
	REASM_QUEUED,
	REASM_DUPLICATE, /* every byte was there; the packet is still the caller's */
};

void reasm_init(struct reasm *reasm);
void reasm_purge(struct reasm *reasm);

static inline bool reasm_empty(const struct reasm *reasm)
{
	return list_empty(&reasm->queue);
}

/* Queues @pkt (tcp_cb() filled), which begins beyond RCV.NXT. Takes it if the result is
 * REASM_QUEUED. Bytes that were there already win over the new ones. */
enum reasm_result reasm_insert(struct reasm *reasm, struct pkt *pkt);

/* Takes the next packet that continues at @nxt, its old bytes cut off, or NULL. */
struct pkt *reasm_pop(struct reasm *reasm, struct seq nxt);

/* Frees packets from the far end until at most @mem bytes are used. Returns whether it freed any.
 */
bool reasm_prune(struct reasm *reasm, uint32_t mem);

/* Notes a duplicate [@start, @end) for the next acknowledgement. */
void reasm_set_dsack(struct reasm *reasm, struct seq start, struct seq end);

/* Writes at most @max blocks for an acknowledgement of @nxt; a DSACK comes first and is used up. */
unsigned int reasm_blocks(struct reasm *reasm, struct seq nxt, struct sack_block *ret,
			  unsigned int max);
