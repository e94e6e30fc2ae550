/* SPDX-License-Identifier: Apache-2.0 */
/* One heap of deadlines for the whole stack.
 *
 * Moving a timer to a later instant is O(1): the heap keeps the old key and puts the node back when
 * it surfaces early. A timer fires at most once per arming, from net_stack_poll().
 */
#pragma once

#include "netstack/types.h"
#include "util/heap.h"

struct timer {
	struct heap_node node;
	net_time at;
	void (*fire)(struct timer *timer); /* container_of() gives the object; core->now the time */
};

struct timers {
	struct heap heap;
};

static inline void timer_init(struct timer *t, void (*fire)(struct timer *timer))
{
	*t = (struct timer){.at = NET_TIME_NEVER, .fire = fire};
}

static inline bool timer_armed(const struct timer *t)
{
	return t->node.queued;
}

void timer_arm(struct timers *ts, struct timer *t, net_time at);
void timer_cancel(struct timers *ts, struct timer *t);
/* Earliest instant at which something may be due, or NET_TIME_NEVER. May be early, never late. */
net_time timers_deadline(const struct timers *ts);
/* Takes one timer that is due at @now out of the heap, or NULL. */
struct timer *timers_pop_due(struct timers *ts, net_time now);
