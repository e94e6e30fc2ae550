/* SPDX-License-Identifier: Apache-2.0 */
/* The composition root: one value that holds every layer of a stack. Only stack/ sees it whole. */
#pragma once

#include "core/core.h"
#include "ip/ip.h"
#include "link/link.h"
#include "netstack/info.h"
#include "netstack/pkt.h"
#include "netstack/route.h"
#include "netstack/socket.h"
#include "netstack/stack.h"
#include "sock/socks.h"
#include "util/assert.h"

struct net_stack {
	struct net_core core;
	struct links links;
	struct ip ip;
	struct socks socks;
	struct nf *nf; /* NULL until rules are loaded */
	bool busy; /* a call is under way: debug builds refuse another */
};

/* Brackets every public call: one owner at a time, never nested. */
static inline void stack_enter(struct net_stack *stack)
{
	ASSERT(!stack->busy);
	stack->busy = true;
}

static inline void stack_leave(struct net_stack *stack)
{
	stack->busy = false;
}

/* The clock never goes back. */
static inline void stack_now(struct net_stack *stack, net_time now)
{
	if (now > stack->core.now)
		stack->core.now = now;
}
