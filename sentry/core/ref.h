/* SPDX-License-Identifier: Apache-2.0 */
/* Reference counts. Overflow and resurrection abort: both are our bugs. */
#pragma once

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct ref {
	_Atomic uint32_t n;
};

static inline void ref_init(struct ref *r)
{
	atomic_init(&r->n, 1);
}

static inline void ref_get(struct ref *r)
{
	uint32_t old = atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);

	if (old == 0 || old == UINT32_MAX)
		abort();
}

/* For look-ups that race with the last put: false when the object is already dying. */
static inline bool ref_get_unless_zero(struct ref *r)
{
	uint32_t n = atomic_load_explicit(&r->n, memory_order_relaxed);

	do {
		if (n == 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&r->n, &n, n + 1, memory_order_acquire,
							memory_order_relaxed));
	return true;
}

/* True when that was the last one: the caller frees the object. */
static inline bool ref_put(struct ref *r)
{
	uint32_t old = atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel);

	if (old == 0)
		abort();
	return old == 1;
}
