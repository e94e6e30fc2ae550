/* SPDX-License-Identifier: Apache-2.0 */
/* Ordered sets of disjoint [start, end) ranges: a height-balanced tree that also knows the largest
 * gap of each subtree, so that "where is there room for n bytes" is a descent. Areas, backing runs
 * and the memfile's segments are such sets. Embedded nodes; nothing allocates. The caller locks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	struct range *parent, *left, *right;
	int height;
	uint64_t start, end;
	uint64_t min, max; /* extent of the subtree */
	uint64_t gap;	   /* largest hole between neighbours of the subtree */
};

struct ranges {
	struct range *root;
};

/* @r->start and @r->end are set and overlap nothing in @set. */
void range_insert(struct ranges *set, struct range *r);
void range_remove(struct ranges *set, struct range *r);
/* After @r's bounds were changed without passing a neighbour. */
void range_changed(struct range *r);

/* The range that holds @at, else the next one above; NULL when there is none. */
struct range *range_find(const struct ranges *set, uint64_t at);
struct range *range_first(const struct ranges *set);
struct range *range_next(const struct range *r);
struct range *range_prev(const struct range *r);

/* Room for @len bytes within [lo, hi), start aligned to @align: the highest or the lowest such
 * place. False when there is none. */
bool range_gap_high(const struct ranges *set, uint64_t lo, uint64_t hi, uint64_t len,
		    uint64_t align, uint64_t *ret);
bool range_gap_low(const struct ranges *set, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align,
		   uint64_t *ret);
