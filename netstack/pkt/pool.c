/* SPDX-License-Identifier: Apache-2.0 */
/* Packet memory: free lists of descriptors and blocks under one limit.
 *
 * Invariant: used counts every descriptor and block that is handed out, idle every one on a free
 * list. In steady state no call reaches the heap; `allocs` counts those that do.
 */
#include "pkt/pkt.h"

#include <stdlib.h>
#include <string.h>

#include "util/assert.h"

static uint64_t block_size(uint32_t cap)
{
	return sizeof(struct pkt_block) + cap;
}

void pkt_pool_init(struct pkt_pool *pool, uint64_t limit, uint64_t idle_limit)
{
	*pool = (struct pkt_pool){.limit = limit, .idle_limit = idle_limit};
	list_init(&pool->released);
}

static void free_blocks(struct pkt_block *b)
{
	while (b) {
		struct pkt_block *next = b->next_free;

		free(b);
		b = next;
	}
}

void pkt_pool_fini(struct pkt_pool *pool)
{
	struct pkt *p = pool->free_pkts;

	while (p) {
		struct pkt *next = p->cb_ptr[0];

		free(p);
		p = next;
	}
	free_blocks(pool->free_small);
	free_blocks(pool->free_large);
	pool->free_pkts = NULL;
	pool->free_small = pool->free_large = NULL;
}

bool pkt_pool_pressure(const struct pkt_pool *pool)
{
	return pool->used > pool->limit / 4 * 3;
}

struct pkt_block *pkt_block_new(struct pkt_pool *pool, size_t at_least)
{
	uint32_t cap = at_least <= PKT_BLOCK_SMALL ? PKT_BLOCK_SMALL : PKT_BLOCK_LARGE;
	struct pkt_block **list = cap == PKT_BLOCK_SMALL ? &pool->free_small : &pool->free_large;
	struct pkt_block *b = *list;

	if (at_least > PKT_BLOCK_LARGE || pool->used + block_size(cap) > pool->limit)
		return NULL;
	if (b) {
		*list = b->next_free;
		pool->idle -= block_size(cap);
	} else {
		b = malloc(block_size(cap));
		if (!b)
			return NULL;
		pool->allocs++;
		b->cap = cap;
		b->pool = pool;
	}
	b->refs = 1;
	b->next_free = NULL;
	pool->used += block_size(cap);
	return b;
}

struct pkt_block *pkt_block_unref(struct pkt_block *block)
{
	if (!block)
		return NULL;
	ASSERT(block->refs > 0);
	if (--block->refs)
		return NULL;

	struct pkt_pool *pool = block->pool;
	uint64_t size = block_size(block->cap);

	pool->used -= size;
	if (pool->idle + size > pool->idle_limit) {
		free(block);
		return NULL;
	}

	struct pkt_block **list =
		block->cap == PKT_BLOCK_SMALL ? &pool->free_small : &pool->free_large;

	block->next_free = *list;
	*list = block;
	pool->idle += size;
	return NULL;
}

/* A descriptor, everything before inl[] zeroed but the fragment array. */
static struct pkt *pkt_alloc(struct pkt_pool *pool)
{
	struct pkt *pkt = pool->free_pkts;

	if (pool->used + sizeof(*pkt) > pool->limit)
		return NULL;
	if (pkt) {
		pool->free_pkts = pkt->cb_ptr[0];
		pool->idle -= sizeof(*pkt);
	} else {
		pkt = malloc(sizeof(*pkt));
		if (!pkt)
			return NULL;
		pool->allocs++;
	}
	memset(pkt, 0, offsetof(struct pkt, frag));
	pkt->pool = pool;
	pkt->base = pkt->inl;
	pkt->cap = PKT_INLINE;
	pool->used += sizeof(*pkt);
	return pkt;
}

struct pkt *pkt_new(struct pkt_pool *pool, size_t headroom)
{
	struct pkt *pkt = pkt_alloc(pool);

	if (!pkt)
		return NULL;
	REQUIRE(headroom <= PKT_INLINE);
	pkt->off = (uint32_t)headroom;
	return pkt;
}

void pkt_uncharge(struct pkt *pkt)
{
	struct pkt_charge *charge = pkt->charge;

	if (!charge)
		return;
	ASSERT(charge->used >= pkt->charged);
	bool tell = charge->used > charge->notify_above;

	charge->used -= pkt->charged;
	pkt->charge = NULL;
	pkt->charged = 0;
	if (tell && !list_linked(&charge->released))
		list_push_back(&pkt->pool->released, &charge->released);
}

struct pkt *pkt_free(struct pkt *pkt)
{
	if (!pkt)
		return NULL;

	struct pkt_pool *pool = pkt->pool;

	ASSERT(!list_linked(&pkt->link));
	pkt_uncharge(pkt);
	pkt_forget_ct(pkt);
	for (unsigned i = 0; i < pkt->nfrags; i++)
		pkt_block_unref(pkt->frag[i].block);
	pkt_block_unref(pkt->block);
	pool->used -= sizeof(*pkt);
	if (pool->idle + sizeof(*pkt) > pool->idle_limit) {
		free(pkt);
		return NULL;
	}
	pkt->cb_ptr[0] = pool->free_pkts;
	pool->free_pkts = pkt;
	pool->idle += sizeof(*pkt);
	return NULL;
}

void pkt_freep(struct pkt **pkt)
{
	pkt_free(*pkt);
}

struct pkt *pkt_new_rx(struct pkt_pool *pool, size_t capacity)
{
	struct pkt *pkt = pkt_alloc(pool);
	size_t left = capacity;

	if (!pkt)
		return NULL;
	pkt->block = pkt_block_new(pool, PKT_BLOCK_SMALL);
	if (!pkt->block)
		return pkt_free(pkt);
	pkt->base = pkt->block->data;
	pkt->cap = pkt->block->cap;
	pkt->off = PKT_RX_HEADROOM;
	pkt->lin_len = (uint32_t)MIN(left, (size_t)(pkt->cap - pkt->off));
	left -= pkt->lin_len;
	while (left) {
		struct pkt_block *b;

		if (pkt->nfrags == PKT_FRAGS)
			return pkt_free(pkt);
		b = pkt_block_new(pool, MIN(left, (size_t)PKT_BLOCK_LARGE));
		if (!b)
			return pkt_free(pkt);

		uint32_t n = (uint32_t)MIN(left, (size_t)b->cap);

		pkt->frag[pkt->nfrags++] = (struct pkt_frag){b, 0, n};
		left -= n;
	}
	pkt->len = (uint32_t)capacity;
	return pkt;
}

void pkt_set_charge(struct pkt *pkt, struct pkt_charge *charge)
{
	pkt_uncharge(pkt);
	pkt->charge = charge;
	pkt->charged = pkt_truesize(pkt);
	charge->used += pkt->charged;
}

uint32_t pkt_truesize(const struct pkt *pkt)
{
	uint64_t size = sizeof(*pkt);

	if (pkt->block)
		size += pkt->block->refs == 1 ? block_size(pkt->block->cap) : pkt->lin_len;
	for (unsigned i = 0; i < pkt->nfrags; i++) {
		const struct pkt_frag *f = &pkt->frag[i];

		size += f->block->refs == 1 ? block_size(f->block->cap) : f->len;
	}
	return (uint32_t)size;
}
