/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sequence numbers as a type.
 *
 * A struct, so that `a < b` and `a - b` do not compile: comparison is modulo 2^32 (RFC 9293 3.4)
 * and must go through the functions below. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct seq {
	uint32_t v;
};

#define SEQ(n) ((struct seq){(n)})

static inline struct seq seq_add(struct seq a, uint32_t n)
{
	return SEQ(a.v + n);
}

static inline struct seq seq_sub(struct seq a, uint32_t n)
{
	return SEQ(a.v - n);
}

/* The signed distance from @b to @a; meaningful within half the sequence space. */
static inline int32_t seq_diff(struct seq a, struct seq b)
{
	return (int32_t)(a.v - b.v);
}

/* The length of [@from, @to). The caller knows that @from <= @to. */
static inline uint32_t seq_len(struct seq from, struct seq to)
{
	return to.v - from.v;
}

static inline bool seq_eq(struct seq a, struct seq b)
{
	return a.v == b.v;
}

static inline bool seq_lt(struct seq a, struct seq b)
{
	return seq_diff(a, b) < 0;
}

static inline bool seq_le(struct seq a, struct seq b)
{
	return seq_diff(a, b) <= 0;
}

static inline bool seq_gt(struct seq a, struct seq b)
{
	return seq_diff(a, b) > 0;
}

static inline bool seq_ge(struct seq a, struct seq b)
{
	return seq_diff(a, b) >= 0;
}

/* @lo <= @s <= @hi, modulo 2^32; right for ranges of any length. */
static inline bool seq_within(struct seq s, struct seq lo, struct seq hi)
{
	return hi.v - lo.v >= s.v - lo.v;
}

static inline struct seq seq_max(struct seq a, struct seq b)
{
	return seq_gt(a, b) ? a : b;
}

static inline struct seq seq_min(struct seq a, struct seq b)
{
	return seq_lt(a, b) ? a : b;
}
