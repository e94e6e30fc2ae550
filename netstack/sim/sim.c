/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual-time loop over stacks and links.
 *
 * One instant is worked off completely (arrivals, timers, output, events) before the clock jumps to
 * the next: the earliest of the frames under way and the stacks' deadlines.
 */
#include "sim/sim.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "sim/link.h"
#include "util/assert.h"

#define STACKS_MAX 8
#define LINKS_MAX 8
#define SETTLE_MAX 1000000

struct sim {
	uint64_t seed;
	net_time now;
	struct net_stack *stack[STACKS_MAX];
	int nstacks;
	struct sim_link link[LINKS_MAX];
	int nlinks;
	struct heap frames; /* key: arrival << KEY_BITS, then order of sending */
	uint32_t sent_now;  /* frames put on wires in this instant */
	struct sim_frame *free_small, *free_large;
	struct sim_rand rand;
	sim_event_fn *event_fn;
	void *event_ctx;
	FILE *trace;
	uint64_t hash;
};

/* A heap does not keep the order of equal keys; a wire does. */
#define KEY_BITS 16

#define FRAME_SMALL 2048u
#define FRAME_LARGE 65600u

struct sim *sim_new(uint64_t seed)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (!sim)
		return NULL;
	sim->seed = seed;
	sim->now = 1000000000; /* not 0: that is "never" in some fields */
	sim->rand.state = seed;
	return sim;
}

static struct sim_frame *frame_new(struct sim *sim, uint32_t len)
{
	struct sim_frame **list = len <= FRAME_SMALL ? &sim->free_small : &sim->free_large;
	uint32_t cap = len <= FRAME_SMALL ? FRAME_SMALL : FRAME_LARGE;
	struct sim_frame *frame = *list;

	if (frame) {
		*list = frame->next_free;
	} else {
		frame = malloc(sizeof(*frame) + cap);
		if (!frame)
			return NULL;
		frame->cap = cap;
	}
	memset(&frame->node, 0, sizeof(frame->node));
	frame->len = len;
	return frame;
}

static void frame_free(struct sim *sim, struct sim_frame *frame)
{
	struct sim_frame **list = frame->cap == FRAME_SMALL ? &sim->free_small : &sim->free_large;

	frame->next_free = *list;
	*list = frame;
}

static void free_list(struct sim_frame *frame)
{
	while (frame) {
		struct sim_frame *next = frame->next_free;

		free(frame);
		frame = next;
	}
}

struct sim *sim_free(struct sim *sim)
{
	struct heap_node *node;

	if (!sim)
		return NULL;
	while ((node = heap_min(&sim->frames))) {
		heap_remove(&sim->frames, node);
		frame_free(sim, heap_entry(node, struct sim_frame, node));
	}
	free_list(sim->free_small);
	free_list(sim->free_large);
	for (int i = 0; i < sim->nstacks; i++)
		net_stack_free(sim->stack[i]);
	free(sim);
	return NULL;
}

uint64_t sim_seed(const struct sim *sim)
{
	return sim->seed;
}

net_time sim_now(const struct sim *sim)
{
	return sim->now;
}

int sim_add_stack(struct sim *sim, const struct net_config *cfg)
{
	struct net_config own;
	int r;

	if (sim->nstacks == STACKS_MAX)
		return -ENOSPC;
	if (cfg)
		own = *cfg;
	else
		net_config_init(&own);
	for (int i = 0; i < 4; i++) {
		uint64_t v = sim_rand_u64(&sim->rand);

		memcpy(own.seed + 8 * i, &v, 8);
	}
	own.now = sim->now;
	r = net_stack_new(&sim->stack[sim->nstacks], &own);
	if (r < 0)
		return r;
	return sim->nstacks++;
}

struct net_stack *sim_stack(struct sim *sim, int index)
{
	REQUIRE(index >= 0 && index < sim->nstacks);
	return sim->stack[index];
}

static struct net_addr end_addr(int link, int end, int family)
{
	struct net_addr addr = {.family = (uint16_t)family};

	if (family == AF_INET) {
		addr.bytes[0] = 10;
		addr.bytes[2] = (uint8_t)(link + 1);
		addr.bytes[3] = (uint8_t)(end + 1);
	} else {
		addr.bytes[0] = 0xfd;
		addr.bytes[3] = (uint8_t)(link + 1);
		addr.bytes[15] = (uint8_t)(end + 1);
	}
	return addr;
}

static int attach_end(struct sim *sim, struct sim_link *link, int index, int end)
{
	struct net_stack *stack = sim->stack[link->stack[end]];
	struct net_link_config cfg = {
		.kind = link->cfg.kind,
		.mac = {2, 0, 0, 0, (uint8_t)(index + 1), (uint8_t)(end + 1)},
		.mtu = link->cfg.mtu,
		.offloads = link->cfg.offloads,
	};
	static const int families[] = {AF_INET, AF_INET6};
	int r;

	snprintf(cfg.name, sizeof(cfg.name), "sim%d", index);
	r = net_link_attach(stack, &link->id[end], &cfg);
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		struct net_ifaddr addr = {
			.link = link->id[end],
			.addr = end_addr(index, end, families[i]),
			.prefix_len = families[i] == AF_INET ? 24 : 64,
		};

		if (families[i] == AF_INET6 && link->cfg.mtu < 1280)
			continue;
		r = net_addr_add(stack, &addr);
		if (r < 0)
			return r;
	}
	return 0;
}

int sim_connect(struct sim *sim, int a, int b, const struct sim_link_config *cfg)
{
	struct sim_link *link;
	int r;

	if (sim->nlinks == LINKS_MAX)
		return -ENOSPC;
	link = &sim->link[sim->nlinks];
	*link = (struct sim_link){.cfg = *cfg, .stack = {a, b}};
	if (!link->cfg.mtu)
		link->cfg.mtu = 1500;
	if (link->cfg.kind == NET_LINK_LOOPBACK)
		link->cfg.kind = NET_LINK_IP;
	link->rand.state = sim_rand_u64(&sim->rand);
	for (int end = 0; end < 2; end++) {
		r = attach_end(sim, link, sim->nlinks, end);
		if (r < 0)
			return r;
	}
	return sim->nlinks++;
}

void sim_link_set(struct sim *sim, int index, const struct sim_link_config *cfg)
{
	struct sim_link *link = &sim->link[index];
	struct sim_link_config old = link->cfg;

	link->cfg = *cfg;
	link->cfg.mtu = old.mtu;
	link->cfg.kind = old.kind;
	link->cfg.offloads = old.offloads;
}

void sim_link_stats(const struct sim *sim, int link, struct sim_stats *ret)
{
	*ret = sim->link[link].stats;
}

socklen_t sim_addr(const struct sim *sim, int link, int end, int family, uint16_t port,
		   struct sockaddr_storage *ret)
{
	struct net_addr addr = end_addr(link, end, family);

	(void)sim;
	memset(ret, 0, sizeof(*ret));
	if (family == AF_INET) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ret;

		sin->sin_family = AF_INET;
		sin->sin_port = __builtin_bswap16(port);
		memcpy(&sin->sin_addr, addr.bytes, 4);
		return sizeof(*sin);
	}

	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = __builtin_bswap16(port);
	memcpy(&sin6->sin6_addr, addr.bytes, 16);
	return sizeof(*sin6);
}

void sim_on_event(struct sim *sim, sim_event_fn *fn, void *ctx)
{
	sim->event_fn = fn;
	sim->event_ctx = ctx;
}

void sim_trace(struct sim *sim, FILE *to)
{
	sim->trace = to;
}

uint64_t sim_hash(const struct sim *sim)
{
	return sim->hash;
}

static void record(struct sim *sim, int index, int from, const struct sim_frame *frame)
{
	const struct sim_link *link = &sim->link[index];
	int64_t head[3] = {sim->now, index * 2 + from, frame->len};
	char where[48];

	sim->hash = sim_hash_bytes(sim->hash, head, sizeof(head));
	sim->hash = sim_hash_bytes(sim->hash, frame->data, frame->len);
	if (!sim->trace)
		return;
	snprintf(where, sizeof(where), "%d>%d", link->stack[from], link->stack[!from]);
	sim_trace_frame(sim->trace, sim->now, where, frame->data, frame->len,
			link->cfg.kind == NET_LINK_ETHER, &frame->offload);
}

static void put_on_wire(struct sim *sim, struct sim_frame *frame, net_time at)
{
	int64_t order = MIN(sim->sent_now, (1u << KEY_BITS) - 1);

	sim->sent_now++;
	heap_insert(&sim->frames, &frame->node, (int64_t)((uint64_t)at << KEY_BITS) + order);
}

static net_time arrival(const struct heap_node *node)
{
	return node->key >> KEY_BITS;
}

static void send_copy(struct sim *sim, const struct sim_frame *frame, net_time at)
{
	struct sim_frame *copy = frame_new(sim, frame->len);

	if (!copy)
		return;
	copy->link = frame->link;
	copy->to = frame->to;
	copy->offload = frame->offload;
	memcpy(copy->data, frame->data, frame->len);
	put_on_wire(sim, copy, at);
}

/* Takes one frame from a stack and puts it on the wire. */
static void carry(struct sim *sim, int index, int from, struct pkt *pkt)
{
	struct sim_link *link = &sim->link[index];
	uint32_t len = (uint32_t)net_pkt_len(pkt);
	struct sim_frame *frame = frame_new(sim, len);
	struct sim_fate fate;

	if (!frame) {
		net_pkt_free(pkt);
		return;
	}
	net_pkt_read(pkt, 0, frame->data, len);
	net_pkt_get_offload(pkt, &frame->offload);
	net_pkt_free(pkt);
	frame->link = index;
	frame->to = !from;
	record(sim, index, from, frame);
	sim_link_fate(link, from, len, frame->offload.flags || frame->offload.gso_type, sim->now,
		      &fate);
	for (int i = 1; i < fate.copies; i++)
		send_copy(sim, frame, fate.at[i]);
	if (!fate.copies) {
		frame_free(sim, frame);
		return;
	}
	if (fate.corrupt_bit >= 0)
		frame->data[fate.corrupt_bit / 8] ^= (uint8_t)(1 << (fate.corrupt_bit & 7));
	put_on_wire(sim, frame, fate.at[0]);
}

static bool collect_output(struct sim *sim)
{
	bool any = false;

	for (int i = 0; i < sim->nlinks; i++) {
		struct sim_link *link = &sim->link[i];

		for (int end = 0; end < 2; end++) {
			struct net_stack *stack = sim->stack[link->stack[end]];
			struct pkt *pkt;

			while ((pkt = net_link_take_output(stack, link->id[end]))) {
				carry(sim, i, end, pkt);
				any = true;
			}
		}
	}
	return any;
}

static bool deliver_due(struct sim *sim)
{
	struct heap_node *node;
	bool any = false;

	while ((node = heap_min(&sim->frames)) && arrival(node) <= sim->now) {
		struct sim_frame *frame = heap_entry(node, struct sim_frame, node);
		struct sim_link *link = &sim->link[frame->link];
		struct net_stack *stack = sim->stack[link->stack[frame->to]];
		struct pkt *pkt = net_pkt_new(stack, frame->len);

		heap_remove(&sim->frames, node);
		any = true;
		if (pkt) {
			if (net_pkt_fill(pkt, frame->data, frame->len) < 0) {
				net_pkt_free(pkt);
			} else {
				net_pkt_set_offload(pkt, &frame->offload);
				(void)net_link_input(stack, link->id[frame->to], sim->now, pkt);
			}
		}
		frame_free(sim, frame);
	}
	return any;
}

static bool handle_events(struct sim *sim)
{
	struct net_event event;
	bool any = false;

	for (int i = 0; i < sim->nstacks; i++) {
		while (net_stack_next_event(sim->stack[i], &event)) {
			any = true;
			if (sim->event_fn)
				sim->event_fn(sim->event_ctx, sim, i, &event);
		}
	}
	return any;
}

void sim_settle(struct sim *sim)
{
	bool more = true;

	for (int round = 0; more && round < SETTLE_MAX; round++) {
		more = deliver_due(sim);
		for (int i = 0; i < sim->nstacks; i++) {
			net_stack_clock(sim->stack[i], sim->now);
			if (net_stack_deadline(sim->stack[i]) <= sim->now) {
				net_stack_poll(sim->stack[i], sim->now);
				more = true;
			}
		}
		if (collect_output(sim))
			more = true;
		if (handle_events(sim))
			more = true;
	}
}

static net_time next_instant(const struct sim *sim)
{
	struct heap_node *node = heap_min(&sim->frames);
	net_time next = node ? arrival(node) : NET_TIME_NEVER;

	for (int i = 0; i < sim->nstacks; i++) {
		net_time deadline = net_stack_deadline(sim->stack[i]);

		if (deadline < next)
			next = deadline;
	}
	return next;
}

static void set_now(struct sim *sim, net_time now)
{
	if (now <= sim->now)
		return;
	sim->now = now;
	sim->sent_now = 0;
}

bool sim_step(struct sim *sim, net_time limit)
{
	net_time next;

	sim_settle(sim);
	next = next_instant(sim);
	if (next > limit || next == NET_TIME_NEVER)
		return false;
	set_now(sim, next);
	sim_settle(sim);
	return true;
}

void sim_run_until(struct sim *sim, net_time until)
{
	while (sim_step(sim, until))
		;
	set_now(sim, until);
	sim_settle(sim);
}

void sim_run_for(struct sim *sim, net_dur len)
{
	sim_run_until(sim, sim->now + len);
}

bool sim_run_while(struct sim *sim, bool (*more)(void *ctx), void *ctx, net_time limit)
{
	sim_settle(sim);
	while (more(ctx)) {
		if (!sim_step(sim, limit))
			return more(ctx);
	}
	return false;
}
