/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive chained hash table.
 *
 * The object embeds a struct hnode that keeps its full 64-bit hash, so growing needs no callback.
 * The table only grows; it grows at load 1 and keeps working (with longer chains) if memory for a
 * larger array is refused. Callers hash with a keyed function where keys come from outside.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "util/cleanup.h"

struct hnode {
	struct hnode *next;
	struct hnode **pprev; /* NULL: not in a table */
	uint64_t hash;
};

struct hash {
	struct hnode **slots;
	size_t mask; /* slots - 1 */
	size_t count;
};

/* Makes a table of 2^@bits slots. Returns 0 or -ENOMEM (-12, so that no errno header is needed). */
static inline MUST_CHECK int hash_init(struct hash *h, unsigned bits)
{
	h->slots = (struct hnode **)calloc((size_t)1 << bits, sizeof(*h->slots));
	if (!h->slots)
		return -12;
	h->mask = ((size_t)1 << bits) - 1;
	h->count = 0;
	return 0;
}

/* Frees the array; the objects are their owner's business. */
static inline void hash_fini(struct hash *h)
{
	free(h->slots);
	h->slots = NULL;
	h->count = 0;
}

static inline bool hash_linked(const struct hnode *n)
{
	return n->pprev != NULL;
}

static inline void hash_link_(struct hnode **slot, struct hnode *n)
{
	n->next = *slot;
	if (n->next)
		n->next->pprev = &n->next;
	n->pprev = slot;
	*slot = n;
}

static inline void hash_grow_(struct hash *h)
{
	size_t mask = h->mask * 2 + 1;
	struct hnode **slots = (struct hnode **)calloc(mask + 1, sizeof(*slots));

	if (!slots)
		return;
	for (size_t i = 0; i <= h->mask; i++) {
		struct hnode *next;

		for (struct hnode *n = h->slots[i]; n; n = next) {
			next = n->next;
			hash_link_(&slots[n->hash & mask], n);
		}
	}
	free(h->slots);
	h->slots = slots;
	h->mask = mask;
}

/* Inserts @n, which must not be in a table. Duplicates are the caller's concern. */
static inline void hash_insert(struct hash *h, struct hnode *n, uint64_t hash)
{
	if (h->count > h->mask)
		hash_grow_(h);
	n->hash = hash;
	hash_link_(&h->slots[hash & h->mask], n);
	h->count++;
}

/* Removes @n; harmless if it is in no table. */
static inline void hash_remove(struct hash *h, struct hnode *n)
{
	if (!n->pprev)
		return;
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
	n->next = NULL;
	n->pprev = NULL;
	h->count--;
}

/* First node with @hash, and the next one after @n: walk them and compare keys. */
static inline struct hnode *hash_match_(struct hnode *n, uint64_t hash)
{
	while (n && n->hash != hash)
		n = n->next;
	return n;
}

static inline struct hnode *hash_first(const struct hash *h, uint64_t hash)
{
	return hash_match_(h->slots[hash & h->mask], hash);
}

static inline struct hnode *hash_next(const struct hnode *n)
{
	return hash_match_(n->next, n->hash);
}

#define hash_entry(node, type, member) container_of(node, type, member)

#define hash_for_each_match(node, h, hashval)                                                      \
	for (struct hnode *node = hash_first(h, hashval); node; node = hash_next(node))

/* Every node, safe against removal of the current one. `break` leaves only the inner loop. */
#define hash_for_each_safe(node, h)                                                                \
	for (size_t node##_i_ = 0; (h)->slots && node##_i_ <= (h)->mask; node##_i_++)              \
		for (struct hnode *node = (h)->slots[node##_i_],                                   \
				  *node##_next_ = node ? node->next : NULL;                        \
		     node; node = node##_next_, node##_next_ = node ? node->next : NULL)

/* Mixes an integer (the finaliser of a well-known 64-bit mixer); for keys that no peer chooses. */
static inline uint64_t hash_u64(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdull;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ull;
	x ^= x >> 33;
	return x;
}

/* FNV-1a over bytes; for keys that no peer chooses. */
static inline uint64_t hash_bytes(const void *data, size_t len)
{
	const uint8_t *p = (const uint8_t *)data;
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return hash_u64(h);
}
