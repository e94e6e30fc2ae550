/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive pairing heap, smallest int64 key first.
 *
 * Insert O(1), removal and pop O(log n) amortised, no allocation and no recursion. Nodes with equal
 * keys leave in an order that depends only on the sequence of calls, so runs are repeatable.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

struct heap_node {
	struct heap_node *child; /* first child */
	struct heap_node *next;	 /* next sibling */
	struct heap_node *prev;	 /* previous sibling, or parent for a first child */
	int64_t key;
	bool queued;
};

struct heap {
	struct heap_node *root;
};

static inline bool heap_queued(const struct heap_node *n)
{
	return n->queued;
}

static inline struct heap_node *heap_min(const struct heap *h)
{
	return h->root;
}

static inline struct heap_node *heap_meld_(struct heap_node *a, struct heap_node *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->key < a->key) {
		struct heap_node *t = a;

		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	return a;
}

static inline void heap_insert(struct heap *h, struct heap_node *n, int64_t key)
{
	n->child = n->next = n->prev = NULL;
	n->key = key;
	n->queued = true;
	h->root = heap_meld_(h->root, n);
	h->root->next = h->root->prev = NULL;
}

/* Two-pass merge of a sibling list, iteratively. */
static inline struct heap_node *heap_merge_pairs_(struct heap_node *first)
{
	struct heap_node *pairs = NULL;

	while (first) {
		struct heap_node *a = first;
		struct heap_node *b = a->next;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = heap_meld_(a, b);
		a->next = pairs;
		pairs = a;
	}

	struct heap_node *root = NULL;

	while (pairs) {
		struct heap_node *next = pairs->next;

		pairs->next = pairs->prev = NULL;
		root = heap_meld_(root, pairs);
		pairs = next;
	}
	return root;
}

/* Removes @n; harmless if it is not queued. */
static inline void heap_remove(struct heap *h, struct heap_node *n)
{
	if (!n->queued)
		return;

	struct heap_node *sub = heap_merge_pairs_(n->child);

	if (n == h->root) {
		h->root = sub;
	} else {
		if (n->prev->child == n)
			n->prev->child = n->next;
		else
			n->prev->next = n->next;
		if (n->next)
			n->next->prev = n->prev;
		h->root = heap_meld_(h->root, sub);
	}
	if (h->root)
		h->root->next = h->root->prev = NULL;
	n->child = n->next = n->prev = NULL;
	n->queued = false;
}

#define heap_entry(node, type, member) container_of(node, type, member)
