/* SPDX-License-Identifier: Apache-2.0 */
/* The dirty queue: objects that have something to do, each at most once in it, first come first
 * served. net_stack_poll() runs them; marking work never runs it. */
#pragma once

#include "util/list.h"

struct work {
	struct list link;
	void (*run)(struct work *work);
};

struct works {
	struct list queue;
};

static inline void works_init(struct works *ws)
{
	list_init(&ws->queue);
}

static inline void work_init(struct work *w, void (*run)(struct work *work))
{
	list_init(&w->link);
	w->run = run;
}

static inline void work_mark(struct works *ws, struct work *w)
{
	if (!list_linked(&w->link))
		list_push_back(&ws->queue, &w->link);
}

static inline void work_cancel(struct work *w)
{
	list_remove(&w->link);
}

static inline bool works_pending(const struct works *ws)
{
	return !list_empty(&ws->queue);
}
