/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs: frames in, frames out, due timers and dirty work in a fixed order, events out. */
#include <errno.h>

#include "stack/stack_priv.h"

int net_link_input(struct net_stack *stack, net_link_id id, net_time now, struct pkt *pkt)
{
	struct link *link = link_find(&stack->links, id);

	stack_now(stack, now);
	if (!link || link->kind == NET_LINK_LOOPBACK || link->type != NET_LINK_PORT) {
		pkt_free(pkt);
		return -EBADF;
	}
	stack_enter(stack);
	link_input(link, pkt);
	stack_leave(stack);
	return 0;
}

int net_link_input_batch(struct net_stack *stack, net_link_id id, net_time now,
			 struct pkt *const *pkts, size_t n)
{
	struct link *link = link_find(&stack->links, id);

	stack_now(stack, now);
	if (!link || link->kind == NET_LINK_LOOPBACK || link->type != NET_LINK_PORT) {
		for (size_t i = 0; i < n; i++)
			pkt_free(pkts[i]);
		return -EBADF;
	}
	stack_enter(stack);
	gro_input(link, pkts, n);
	stack_leave(stack);
	return 0;
}

struct pkt *net_link_take_output(struct net_stack *stack, net_link_id id)
{
	struct link *link = link_find(&stack->links, id);
	struct pkt *pkt;

	if (!link || link->kind == NET_LINK_LOOPBACK || link->type != NET_LINK_PORT)
		return NULL;
	stack_enter(stack);
	pkt = link_take_output(link);
	stack_leave(stack);
	return pkt;
}

size_t net_link_output_len(const struct net_stack *stack, net_link_id id)
{
	struct link *link = link_find(&stack->links, id);

	return link && link_ready(link) ? MAX(link_queued(link), (size_t)1) : 0;
}

net_link_id net_link_next_output(struct net_stack *stack)
{
	struct link *link = list_first_entry(&stack->links.ready, struct link, ready);

	if (!link)
		return 0;
	list_remove(&link->ready);
	list_push_back(&stack->links.ready, &link->ready);
	return link->id;
}

void net_stack_poll(struct net_stack *stack, net_time now)
{
	struct net_core *core = &stack->core;
	uint32_t budget = core->lim.poll_budget;
	struct timer *timer;
	struct work *work;

	stack_now(stack, now);
	stack_enter(stack);
	socks_drain_released(&stack->socks);
	while (budget && (timer = timers_pop_due(&core->timers, core->now))) {
		timer->fire(timer);
		budget--;
	}
	while (budget && (work = list_pop_entry(&core->works.queue, struct work, link))) {
		work->run(work);
		budget--;
		socks_drain_released(&stack->socks);
	}
	stack_leave(stack);
}

net_time net_stack_deadline(const struct net_stack *stack)
{
	const struct net_core *core = &stack->core;

	if (works_pending(&core->works) || !list_empty(&core->pool.released))
		return core->now;
	return timers_deadline(&core->timers);
}

bool net_stack_next_event(struct net_stack *stack, struct net_event *ret)
{
	struct events *events = &stack->core.events;
	struct event_src *src;
	struct sock *sk;

	if (!list_empty(&stack->core.pool.released)) {
		stack_enter(stack);
		socks_drain_released(&stack->socks);
		stack_leave(stack);
	}
	src = list_pop_entry(&events->queue, struct event_src, link);
	if (!src)
		return false;
	sk = container_of(src, struct sock, event);
	*ret = (struct net_event){
		.sock = sk->id,
		.cookie = sk->cookie,
		.ready = sk->ops->poll(sk),
		.woke = src->woke,
	};
	src->woke = 0;
	return true;
}

/* Copies one frame to the other stack's memory. NULL: none there. */
static struct pkt *carry_one(struct pkt *pkt, struct net_stack *to)
{
	struct pkt *copy = pkt_new_rx(&to->core.pool, MAX((size_t)pkt->len, (size_t)1));
	struct iovec iov[NET_PKT_IOV_MAX];
	size_t off = 0;
	int n;

	if (!copy)
		return NULL;
	n = net_pkt_areas(copy, iov, NET_PKT_IOV_MAX);
	for (int i = 0; i < n; i++)
		off += pkt_read(pkt, off, iov[i].iov_base, iov[i].iov_len);
	if (net_pkt_set_len(copy, off) < 0)
		return pkt_free(copy);
	copy->offload = pkt->offload;
	return copy;
}

size_t net_link_carry(struct net_stack *from, net_link_id link, struct net_stack *to,
		      net_link_id to_link, net_time now, size_t max)
{
	size_t n = 0;
	struct pkt *pkt;

	for (; n < max && (pkt = net_link_take_output(from, link)); n++) {
		struct pkt *copy = carry_one(pkt, to);

		pkt_free(pkt);
		if (copy)
			(void)net_link_input(to, to_link, now, copy);
	}
	return n;
}

struct pkt *net_pkt_new(struct net_stack *stack, size_t capacity)
{
	return pkt_new_rx(&stack->core.pool, capacity);
}
