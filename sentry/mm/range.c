/* SPDX-License-Identifier: Apache-2.0 */
/* Height-balanced (AVL) tree of disjoint ranges, augmented with each subtree's extent and largest
 * gap. The augmentation depends on the subtree alone, so every update is a walk to the root.
 */
#include "mm/range.h"

#include <assert.h>

static int height(const struct range *r)
{
	return r ? r->height : 0;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void update(struct range *r)
{
	uint64_t gap = 0;
	int hl = height(r->left), hr = height(r->right);

	r->height = 1 + (hl > hr ? hl : hr);
	r->min = r->start;
	r->max = r->end;
	if (r->left) {
		r->min = r->left->min;
		gap = max_u64(r->left->gap, r->start - r->left->max);
	}
	if (r->right) {
		r->max = r->right->max;
		gap = max_u64(gap, max_u64(r->right->gap, r->right->min - r->end));
	}
	r->gap = gap;
}

static void replace_child(struct ranges *set, struct range *parent, struct range *old,
			  struct range *new)
{
	if (!parent)
		set->root = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
	if (new)
		new->parent = parent;
}

static struct range *rotate_left(struct ranges *set, struct range *r)
{
	struct range *up = r->right;

	replace_child(set, r->parent, r, up);
	r->right = up->left;
	if (r->right)
		r->right->parent = r;
	up->left = r;
	r->parent = up;
	update(r);
	update(up);
	return up;
}

static struct range *rotate_right(struct ranges *set, struct range *r)
{
	struct range *up = r->left;

	replace_child(set, r->parent, r, up);
	r->left = up->right;
	if (r->left)
		r->left->parent = r;
	up->right = r;
	r->parent = up;
	update(r);
	update(up);
	return up;
}

/* Restores balance and augmentation from @r up to the root. */
static void rebalance(struct ranges *set, struct range *r)
{
	for (; r; r = r->parent) {
		int lean = height(r->left) - height(r->right);

		if (lean > 1) {
			if (height(r->left->left) < height(r->left->right))
				rotate_left(set, r->left);
			r = rotate_right(set, r);
		} else if (lean < -1) {
			if (height(r->right->right) < height(r->right->left))
				rotate_right(set, r->right);
			r = rotate_left(set, r);
		} else {
			update(r);
		}
	}
}

void range_insert(struct ranges *set, struct range *r)
{
	struct range **link = &set->root, *parent = NULL;

	assert(r->start < r->end);
	while (*link) {
		parent = *link;
		assert(r->end <= parent->start || r->start >= parent->end);
		link = r->start < parent->start ? &parent->left : &parent->right;
	}
	r->left = r->right = NULL;
	r->parent = parent;
	*link = r;
	rebalance(set, r);
}

void range_remove(struct ranges *set, struct range *r)
{
	struct range *from;

	if (!r->left || !r->right) {
		from = r->parent;
		replace_child(set, r->parent, r, r->left ? r->left : r->right);
	} else {
		struct range *next = r->right;

		while (next->left)
			next = next->left;
		from = next->parent == r ? next : next->parent;
		replace_child(set, next->parent, next, next->right);
		next->left = r->left;
		next->left->parent = next;
		next->right = r->right;
		if (next->right)
			next->right->parent = next;
		replace_child(set, r->parent, r, next);
	}
	r->parent = r->left = r->right = NULL;
	rebalance(set, from);
}

void range_changed(struct range *r)
{
	for (; r; r = r->parent)
		update(r);
}

struct range *range_find(const struct ranges *set, uint64_t at)
{
	struct range *r = set->root, *best = NULL;

	while (r) {
		if (at >= r->end) {
			r = r->right;
		} else {
			best = r;
			if (at >= r->start)
				break;
			r = r->left;
		}
	}
	return best;
}

struct range *range_first(const struct ranges *set)
{
	struct range *r = set->root;

	while (r && r->left)
		r = r->left;
	return r;
}

struct range *range_next(const struct range *r)
{
	if (r->right) {
		r = r->right;
		while (r->left)
			r = r->left;
		return (struct range *)r;
	}
	while (r->parent && r->parent->right == r)
		r = r->parent;
	return r->parent;
}

struct range *range_prev(const struct range *r)
{
	if (r->left) {
		r = r->left;
		while (r->right)
			r = r->right;
		return (struct range *)r;
	}
	while (r->parent && r->parent->left == r)
		r = r->parent;
	return r->parent;
}

struct want {
	uint64_t lo, hi, len, align;
};

/* The place at the upper (@high) or lower end of the hole [a, b), clipped to what is wanted. */
static bool fits(const struct want *w, uint64_t a, uint64_t b, bool high, uint64_t *ret)
{
	a = max_u64(a, w->lo);
	if (b > w->hi)
		b = w->hi;
	if (a >= b || b - a < w->len)
		return false;
	if (high) {
		uint64_t at = (b - w->len) & ~(w->align - 1);

		if (at < a)
			return false;
		*ret = at;
		return true;
	}

	uint64_t at = (a + w->align - 1) & ~(w->align - 1);

	if (at < a || at > b - w->len)
		return false;
	*ret = at;
	return true;
}

/* Whether the subtree @r, in the hole [a, b) between its outer neighbours, can hold a place. */
static bool promising(const struct want *w, const struct range *r, uint64_t a, uint64_t b)
{
	if (b <= w->lo || a >= w->hi)
		return false;
	if (!r)
		return b - a >= w->len;
	return r->gap >= w->len || r->min - a >= w->len || b - r->max >= w->len;
}

/* The recursion is as deep as the tree is high. */
static bool gap_high(const struct want *w, const struct range *r, uint64_t a, uint64_t b,
		     uint64_t *ret)
{
	if (!promising(w, r, a, b))
		return false;
	if (!r)
		return fits(w, a, b, true, ret);
	return gap_high(w, r->right, r->end, b, ret) || gap_high(w, r->left, a, r->start, ret);
}

static bool gap_low(const struct want *w, const struct range *r, uint64_t a, uint64_t b,
		    uint64_t *ret)
{
	if (!promising(w, r, a, b))
		return false;
	if (!r)
		return fits(w, a, b, false, ret);
	return gap_low(w, r->left, a, r->start, ret) || gap_low(w, r->right, r->end, b, ret);
}

bool range_gap_high(const struct ranges *set, uint64_t lo, uint64_t hi, uint64_t len,
		    uint64_t align, uint64_t *ret)
{
	struct want w = {.lo = lo, .hi = hi, .len = len, .align = align};

	return gap_high(&w, set->root, 0, UINT64_MAX, ret);
}

bool range_gap_low(const struct ranges *set, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align,
		   uint64_t *ret)
{
	struct want w = {.lo = lo, .hi = hi, .len = len, .align = align};

	return gap_low(&w, set->root, 0, UINT64_MAX, ret);
}
