/* SPDX-License-Identifier: Apache-2.0 */
/* Relative numbers of conversations, and ports that stand for others. */
#include "flow.h"

#include <stdlib.h>
#include <string.h>

void flows_fini(struct flows *flows)
{
	struct flow *flow;
	struct flow_id *id;
	struct flow_alias *alias;

	while ((flow = flows->list)) {
		flows->list = flow->next;
		free(flow);
	}
	while ((id = flows->ids)) {
		flows->ids = id->next;
		free(id);
	}
	while ((alias = flows->aliases)) {
		flows->aliases = alias->next;
		free(alias);
	}
}

static bool is_end(const struct flow *flow, unsigned end, const uint8_t *addr, uint16_t port)
{
	return flow->port[end] == port && !memcmp(flow->addr[end], addr, flow->addr_len);
}

struct flow *flow_find(const struct flows *flows, unsigned addr_len, const uint8_t *src,
		       const uint8_t *dst, uint16_t sport, uint16_t dport, unsigned *from)
{
	for (struct flow *flow = flows->list; flow; flow = flow->next) {
		if (flow->addr_len != addr_len)
			continue;
		for (unsigned end = 0; end < 2; end++) {
			if (is_end(flow, end, src, sport) && is_end(flow, !end, dst, dport)) {
				*from = end;
				return flow;
			}
		}
	}
	return NULL;
}

struct flow *flow_get(struct flows *flows, unsigned addr_len, const uint8_t *src,
		      const uint8_t *dst, uint16_t sport, uint16_t dport, unsigned *from)
{
	struct flow *flow = flow_find(flows, addr_len, src, dst, sport, dport, from);

	if (flow)
		return flow;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return NULL;
	flow->addr_len = (uint8_t)addr_len;
	memcpy(flow->addr[0], src, addr_len);
	memcpy(flow->addr[1], dst, addr_len);
	flow->port[0] = sport;
	flow->port[1] = dport;
	flow->next = flows->list;
	flows->list = flow;
	*from = 0;
	return flow;
}

void flow_note(struct flow *flow, unsigned from, const struct flow_seg *seg)
{
	struct flow_dir *self = &flow->dir[from], *other = &flow->dir[!from];

	/* Another SYN on the same ports is another connection. */
	if (seg->syn && self->known && self->isn != seg->seq) {
		memset(self, 0, sizeof(*self));
		if (!seg->has_ack)
			memset(other, 0, sizeof(*other));
	}
	if (!self->known) {
		self->known = true;
		self->isn = seg->seq;
	}
	if (!self->seen || (int32_t)(seg->seq + seg->len - self->nxt) > 0)
		self->nxt = seg->seq + seg->len;
	self->seen = true;
	/* The first thing that is acknowledged is a SYN. */
	if (seg->has_ack && !other->known) {
		other->known = true;
		other->isn = seg->ack - 1;
	}
	if (seg->has_ts) {
		if (!self->has_ts) {
			self->has_ts = true;
			self->ts0 = seg->ts_val;
		}
		self->ts_last = seg->ts_val;
		if (seg->ts_ecr && !other->has_ts) {
			other->has_ts = true;
			other->ts0 = other->ts_last = seg->ts_ecr;
		}
	}
}

unsigned flow_id(struct flows *flows, unsigned addr_len, const uint8_t *src, uint32_t id)
{
	struct flow_id *entry;
	unsigned ordinal = flows->nids;

	for (entry = flows->ids; entry; entry = entry->next, ordinal--)
		if (entry->id == id && !memcmp(entry->src, src, addr_len))
			return ordinal;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return 0;
	entry->id = id;
	memcpy(entry->src, src, addr_len);
	entry->next = flows->ids;
	flows->ids = entry;
	return ++flows->nids;
}

void flow_alias_add(struct flows *flows, uint8_t proto, uint16_t captured, uint16_t own)
{
	struct flow_alias *alias = calloc(1, sizeof(*alias));

	if (!alias)
		return;
	alias->proto = proto;
	alias->captured = captured;
	alias->own = own;
	alias->next = flows->aliases;
	flows->aliases = alias;
}

uint16_t flow_port_own(const struct flows *flows, uint8_t proto, uint16_t captured)
{
	for (const struct flow_alias *a = flows->aliases; a; a = a->next)
		if (a->proto == proto && a->captured == captured)
			return a->own;
	return captured;
}

uint16_t flow_port_captured(const struct flows *flows, uint8_t proto, uint16_t own)
{
	for (const struct flow_alias *a = flows->aliases; a; a = a->next)
		if (a->proto == proto && a->own == own)
			return a->captured;
	return own;
}
