/* SPDX-License-Identifier: Apache-2.0 */
/* The out-of-order queue.
 *
 * Implements the receiver's half of RFC 2018 (SACK generation, most recent block first) and RFC
 * 2883 (DSACK). Invariant: the queue is ordered and without overlap; `recent` holds disjoint unions
 * of its packets. The peer chooses sequence numbers: insertion starts at the end, where data
 * normally arrives, and the caller bounds memory with reasm_prune().
 */
#include "tcp/reasm.h"

#include <string.h>

void reasm_init(struct reasm *reasm)
{
	memset(reasm, 0, sizeof(*reasm));
	list_init(&reasm->queue);
}

static struct pkt *first_pkt(const struct reasm *reasm)
{
	return list_first_entry(&reasm->queue, struct pkt, link);
}

static void unlink_pkt(struct reasm *reasm, struct pkt *pkt)
{
	if (reasm->hint == pkt)
		reasm->hint = NULL;
	list_remove(&pkt->link);
	reasm->count--;
	reasm->mem -= tcp_cb(pkt)->truesize;
}

void reasm_purge(struct reasm *reasm)
{
	struct pkt *pkt;

	if (!reasm->queue.next)
		return;
	while ((pkt = first_pkt(reasm))) {
		unlink_pkt(reasm, pkt);
		pkt_free(pkt);
	}
	reasm->nrecent = 0;
	reasm->has_dsack = false;
}

/* RFC 2018 4: the block with the newest segment first; blocks that touch become one. */
static void note_block(struct reasm *reasm, struct seq start, struct seq end)
{
	struct sack_block block = {start, end};
	struct sack_block kept[SACK_BLOCKS_MAX];
	unsigned int n = 0;

	for (unsigned int i = 0; i < reasm->nrecent; i++) {
		const struct sack_block *old = &reasm->recent[i];

		if (seq_le(old->start, block.end) && seq_ge(old->end, block.start)) {
			block.start = seq_min(block.start, old->start);
			block.end = seq_max(block.end, old->end);
		} else {
			kept[n++] = *old;
		}
	}
	/* Widening by one block may make it touch another that was looked at before. */
	for (unsigned int i = 0; i < n;) {
		if (seq_le(kept[i].start, block.end) && seq_ge(kept[i].end, block.start)) {
			block.start = seq_min(block.start, kept[i].start);
			block.end = seq_max(block.end, kept[i].end);
			memmove(&kept[i], &kept[i + 1], (n - i - 1) * sizeof(kept[0]));
			n--;
			i = 0;
		} else {
			i++;
		}
	}
	if (n > SACK_BLOCKS_MAX - 1)
		n = SACK_BLOCKS_MAX - 1;
	reasm->recent[0] = block;
	memcpy(&reasm->recent[1], kept, n * sizeof(kept[0]));
	reasm->nrecent = n + 1;
}

void reasm_set_dsack(struct reasm *reasm, struct seq start, struct seq end)
{
	if (reasm->has_dsack && seq_le(start, reasm->dsack.end) &&
	    seq_ge(end, reasm->dsack.start)) {
		reasm->dsack.start = seq_min(start, reasm->dsack.start);
		reasm->dsack.end = seq_max(end, reasm->dsack.end);
		return;
	}
	reasm->has_dsack = true;
	reasm->dsack = (struct sack_block){start, end};
}

static void cut_front(struct pkt *pkt, struct seq to)
{
	struct tcp_cb *cb = tcp_cb(pkt);
	uint32_t n = seq_len(cb->seq, to);

	pkt_pull(pkt, MIN(n, pkt->len));
	cb->seq = to;
}

static void cut_back(struct pkt *pkt, struct seq to)
{
	struct tcp_cb *cb = tcp_cb(pkt);

	pkt_trim(pkt, MIN(seq_len(cb->seq, to), pkt->len));
	cb->end = to;
	cb->fin = false;
}

/* The last packet that begins at or before @seq, or the head of the list: looked for at the end,
 * where data normally arrives, then around the last insertion. */
static struct list *find_place(const struct reasm *reasm, struct seq seq)
{
	const struct list *head = &reasm->queue;
	struct list *at = reasm->queue.prev;

	if (at == head || seq_le(tcp_cb(list_entry(at, struct pkt, link))->seq, seq))
		return at;
	if (reasm->hint)
		at = &reasm->hint->link;
	while (at->next != head && seq_le(tcp_cb(list_entry(at->next, struct pkt, link))->seq, seq))
		at = at->next;
	while (at != head && seq_gt(tcp_cb(list_entry(at, struct pkt, link))->seq, seq))
		at = at->prev;
	return at;
}

enum reasm_result reasm_insert(struct reasm *reasm, struct pkt *pkt)
{
	struct tcp_cb *cb = tcp_cb(pkt);
	struct seq start = cb->seq, end = cb->end;
	struct list *at = find_place(reasm, cb->seq);

	if (at != &reasm->queue) {
		struct tcp_cb *before = tcp_cb(list_entry(at, struct pkt, link));

		if (seq_ge(before->end, cb->end)) {
			reasm_set_dsack(reasm, start, end);
			note_block(reasm, before->seq, before->end);
			return REASM_DUPLICATE;
		}
		if (seq_gt(before->end, cb->seq)) {
			reasm_set_dsack(reasm, cb->seq, before->end);
			cut_front(pkt, before->end);
		}
	}
	while (at->next != &reasm->queue) {
		struct pkt *after = list_entry(at->next, struct pkt, link);
		struct tcp_cb *next = tcp_cb(after);

		if (seq_le(cb->end, next->seq))
			break;
		if (seq_lt(cb->end, next->end)) {
			reasm_set_dsack(reasm, next->seq, cb->end);
			cut_back(pkt, next->seq);
			break;
		}
		/* Ours covers it whole: keep the larger buffer. */
		reasm_set_dsack(reasm, next->seq, next->end);
		unlink_pkt(reasm, after);
		pkt_free(after);
	}
	list_insert_after(at, &pkt->link);
	reasm->hint = pkt;
	reasm->count++;
	reasm->mem += cb->truesize;
	note_block(reasm, start, end);
	return REASM_QUEUED;
}

static void drop_acked_blocks(struct reasm *reasm, struct seq nxt)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < reasm->nrecent; i++) {
		if (seq_gt(reasm->recent[i].end, nxt))
			reasm->recent[n++] = reasm->recent[i];
	}
	reasm->nrecent = n;
}

struct pkt *reasm_pop(struct reasm *reasm, struct seq nxt)
{
	struct pkt *pkt;

	while ((pkt = first_pkt(reasm)) && seq_le(tcp_cb(pkt)->seq, nxt)) {
		unlink_pkt(reasm, pkt);
		if (seq_gt(tcp_cb(pkt)->end, nxt)) {
			if (seq_lt(tcp_cb(pkt)->seq, nxt)) {
				reasm_set_dsack(reasm, tcp_cb(pkt)->seq, nxt);
				cut_front(pkt, nxt);
			}
			return pkt;
		}
		reasm_set_dsack(reasm, tcp_cb(pkt)->seq, tcp_cb(pkt)->end);
		pkt_free(pkt);
	}
	return NULL;
}

bool reasm_prune(struct reasm *reasm, uint32_t mem)
{
	bool any = false;

	while (reasm->mem > mem && !reasm_empty(reasm)) {
		struct pkt *last = list_last_entry(&reasm->queue, struct pkt, link);

		unlink_pkt(reasm, last);
		pkt_free(last);
		any = true;
	}
	/* RFC 2018 8: the receiver reneged, the blocks are no longer true. */
	if (any)
		reasm->nrecent = 0;
	return any;
}

unsigned int reasm_blocks(struct reasm *reasm, struct seq nxt, struct sack_block *ret,
			  unsigned int max)
{
	unsigned int n = 0;

	drop_acked_blocks(reasm, nxt);
	if (reasm->has_dsack && max) {
		ret[n++] = reasm->dsack;
		reasm->has_dsack = false;
	}
	for (unsigned int i = 0; i < reasm->nrecent && n < max; i++)
		ret[n++] = reasm->recent[i];
	return n;
}
