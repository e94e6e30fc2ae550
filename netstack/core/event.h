/* SPDX-License-Identifier: Apache-2.0 */
/* Readiness, coalesced per source and popped by the driver. */
#pragma once

#include <stdint.h>

#include "util/list.h"

struct event_src {
	struct list link;
	uint32_t woke; /* EPOLL* bits since the last pop */
};

struct events {
	struct list queue;
};

static inline void events_init(struct events *es)
{
	list_init(&es->queue);
}

static inline void event_post(struct events *es, struct event_src *src, uint32_t woke)
{
	src->woke |= woke;
	if (!list_linked(&src->link))
		list_push_back(&es->queue, &src->link);
}

static inline void event_cancel(struct event_src *src)
{
	list_remove(&src->link);
	src->woke = 0;
}
