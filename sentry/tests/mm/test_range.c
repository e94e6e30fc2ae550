/* SPDX-License-Identifier: Apache-2.0 */
/* mm/range: order, balance and gap search against a naive model. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "mm/range.h"

#define SLOTS 512

static struct range slot[SLOTS];
static bool used[SLOTS];

static bool naive_high(uint64_t lo, uint64_t hi, uint64_t len, uint64_t align, uint64_t *ret)
{
	for (uint64_t at = (hi - len) & ~(align - 1); at >= lo && at < hi; at -= align) {
		bool ok = true;

		for (uint64_t i = at; i < at + len; i++)
			ok &= i < SLOTS ? !used[i] : true;
		if (ok) {
			*ret = at;
			return true;
		}
		if (at < align)
			break;
	}
	return false;
}

static bool naive_low(uint64_t lo, uint64_t hi, uint64_t len, uint64_t align, uint64_t *ret)
{
	for (uint64_t at = (lo + align - 1) & ~(align - 1); at + len <= hi; at += align) {
		bool ok = true;

		for (uint64_t i = at; i < at + len; i++)
			ok &= !used[i];
		if (ok) {
			*ret = at;
			return true;
		}
	}
	return false;
}

Test(mm_range, gap_search_agrees_with_a_naive_one)
{
	struct ranges set = {0};

	srand(1);
	for (int round = 0; round < 20000; round++) {
		int i = rand() % SLOTS;

		if (used[i]) {
			range_remove(&set, &slot[i]);
		} else {
			slot[i].start = (uint64_t)i;
			slot[i].end = (uint64_t)i + 1;
			range_insert(&set, &slot[i]);
		}
		used[i] = !used[i];

		uint64_t lo = (uint64_t)(rand() % SLOTS),
			 hi = lo + 1 + (uint64_t)(rand() % (SLOTS - (int)lo));
		uint64_t len = 1 + (uint64_t)(rand() % 6), align = 1UL << (rand() % 3), a = 0,
			 b = 0;

		if (len > hi - lo)
			continue;
		cr_assert_eq(range_gap_high(&set, lo, hi, len, align, &a),
			     naive_high(lo, hi, len, align, &b));
		cr_assert_eq(a, b);
		a = b = 0;
		cr_assert_eq(range_gap_low(&set, lo, hi, len, align, &a),
			     naive_low(lo, hi, len, align, &b));
		cr_assert_eq(a, b);
	}
}

Test(mm_range, walks_in_order_and_finds_the_next_one_above)
{
	struct ranges set = {0};
	static struct range r[100];
	uint64_t at = 0;

	for (int i = 0; i < 100; i++) {
		int k = (i * 37) % 100;

		r[k].start = (uint64_t)k * 10;
		r[k].end = (uint64_t)k * 10 + 5;
		range_insert(&set, &r[k]);
	}
	for (struct range *p = range_first(&set); p; p = range_next(p), at += 10)
		cr_assert_eq(p->start, at);
	cr_assert_eq(at, 1000);
	cr_assert_eq(range_find(&set, 42)->start, 40);
	cr_assert_eq(range_find(&set, 45)->start, 50);
	cr_assert_null(range_find(&set, 996));
	cr_assert_leq(set.root->height, 9);
}
