/* SPDX-License-Identifier: Apache-2.0 */
/* The deadline heap. */
#include "core/timer.h"

void timer_arm(struct timers *ts, struct timer *t, net_time at)
{
	t->at = at;
	if (t->node.queued) {
		if (at >= t->node.key)
			return;
		heap_remove(&ts->heap, &t->node);
	}
	heap_insert(&ts->heap, &t->node, at);
}

void timer_cancel(struct timers *ts, struct timer *t)
{
	heap_remove(&ts->heap, &t->node);
	t->at = NET_TIME_NEVER;
}

net_time timers_deadline(const struct timers *ts)
{
	const struct heap_node *min = heap_min(&ts->heap);

	return min ? min->key : NET_TIME_NEVER;
}

struct timer *timers_pop_due(struct timers *ts, net_time now)
{
	for (;;) {
		struct heap_node *min = heap_min(&ts->heap);

		if (!min || min->key > now)
			return NULL;

		struct timer *t = container_of(min, struct timer, node);

		heap_remove(&ts->heap, &t->node);
		if (t->at > now) { /* moved to later since it was queued */
			heap_insert(&ts->heap, &t->node, t->at);
			continue;
		}
		return t;
	}
}
