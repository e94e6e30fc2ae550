/* SPDX-License-Identifier: Apache-2.0 */
/* From the numbers of a capture to those of a replay. */
#include "map.h"

#include <string.h>

#include "util/bytes.h"
#include "view.h"

/* Both ends of the map for one TCP conversation: index @to is the played end's direction. */
struct pair {
	const struct flow *captured, *own;
	unsigned cto, oto;
};

/* Adjusts the checksum at @sum for bytes that start @odd bytes into a word. */
static void sum_adjust(uint8_t *sum, const uint8_t *before, const uint8_t *after, size_t len,
		       bool odd)
{
	uint32_t v = (uint16_t)~load_be16(sum);

	for (size_t i = 0; i < len; i++) {
		unsigned shift = (i + odd) % 2 ? 0 : 8;

		v += (uint16_t) ~(uint16_t)(before[i] << shift);
		v += (uint32_t)after[i] << shift;
		v = (v & 0xffff) + (v >> 16);
	}
	v = (v & 0xffff) + (v >> 16);
	store_be16(sum, (uint16_t)~v);
}

/* Changes @len bytes at @at and the checksum at @sum_at (0: none) that covers them from @base on.
 */
static void change(uint8_t *b, size_t at, const void *to, size_t len, size_t sum_at, size_t base)
{
	uint8_t before[4];

	if (!memcmp(b + at, to, len))
		return;
	memcpy(before, b + at, len);
	memcpy(b + at, to, len);
	if (sum_at)
		sum_adjust(b + sum_at, before, b + at, len, (at - base) & 1);
}

static void change16(uint8_t *b, size_t at, uint16_t to, size_t sum_at, size_t base)
{
	uint8_t bytes[2];

	store_be16(bytes, to);
	change(b, at, bytes, 2, sum_at, base);
}

static void change32(uint8_t *b, size_t at, uint32_t to, size_t sum_at, size_t base)
{
	uint8_t bytes[4];

	store_be32(bytes, to);
	change(b, at, bytes, 4, sum_at, base);
}

/* @toward: the frame goes to the played end; else it is quoted and came from there. */
static bool find_pair(struct pair *ret, const uint8_t *b, const struct view *v, bool toward,
		      const struct flows *captured, const struct flows *own)
{
	unsigned from;

	ret->captured = flow_find(captured, (unsigned)v->addr_len, b + v->src, b + v->dst, v->sport,
				  v->dport, &from);
	ret->cto = toward ? !from : from;
	ret->own = flow_find(own, (unsigned)v->addr_len, b + v->src, b + v->dst, v->sport, v->dport,
			     &from);
	ret->oto = toward ? !from : from;
	return ret->captured && ret->own && ret->captured->dir[ret->cto].known &&
	       ret->own->dir[ret->oto].known && ret->own->dir[ret->oto].seen;
}

static uint32_t seq_offset(const struct pair *p)
{
	return p->own->dir[p->oto].isn - p->captured->dir[p->cto].isn;
}

static void map_ts_ecr(uint8_t *b, size_t at, const struct view *v, const struct pair *p)
{
	const struct flow_dir *c = &p->captured->dir[p->cto], *o = &p->own->dir[p->oto];
	uint32_t to;

	if (!c->has_ts || !o->has_ts)
		return;
	to = load_be32(b + at) - c->ts0 + o->ts0;
	/* Rounding must not make an echo of what was never sent. */
	if ((int32_t)(to - o->ts_last) > 0)
		to = o->ts_last;
	change32(b, at, to, v->l4 + 16, v->l4);
}

static void map_options(uint8_t *b, size_t have, const struct view *v, const struct pair *p)
{
	size_t at = v->l4 + 20, end = MIN(v->payload, have);

	while (at < end && b[at]) {
		size_t len = b[at] == 1 ? 1 : at + 1 < end ? b[at + 1] : 0;

		if (!len || at + len > end || (b[at] != 1 && len < 2))
			return;
		if (b[at] == 5 && (len - 2) % 8 == 0)
			for (size_t i = at + 2; i + 4 <= at + len; i += 4)
				change32(b, i, load_be32(b + i) + seq_offset(p), v->l4 + 16, v->l4);
		if (b[at] == 8 && len == 10 && (v->flags & VIEW_ACK) && load_be32(b + at + 6))
			map_ts_ecr(b, at + 6, v, p);
		at += len;
	}
}

static void map_tcp(struct frame *frame, const struct view *v, const struct flows *captured,
		    const struct flows *own)
{
	uint8_t *b = frame->bytes;
	struct pair p;

	if (find_pair(&p, b, v, true, captured, own)) {
		if (v->flags & VIEW_ACK)
			change32(b, v->l4 + 8, v->ack + seq_offset(&p), v->l4 + 16, v->l4);
		map_options(b, frame->have, v, &p);
	}
	change16(b, v->l4 + 2, flow_port_own(own, 6, v->dport), v->l4 + 16, v->l4);
}

static void map_quoted(struct frame *frame, const struct view *outer, const struct flows *captured,
		       const struct flows *own)
{
	uint8_t *b = frame->bytes;
	size_t sum = outer->l4 + 2, base = outer->l4;
	struct view v;
	struct pair p;

	view_ip(&v, b, frame->have, outer->l4 + 8);
	/* Eight bytes of the transport header are enough for us. */
	if (!v.l4 || (v.proto != 6 && v.proto != 17) || v.l4 + 8 > frame->have)
		return;
	v.sport = load_be16(b + v.l4);
	v.dport = load_be16(b + v.l4 + 2);
	if (v.proto == 6 && find_pair(&p, b, &v, false, captured, own))
		change32(b, v.l4 + 4, load_be32(b + v.l4 + 4) + seq_offset(&p), sum, base);
	change16(b, v.l4, flow_port_own(own, v.proto, v.sport), sum, base);
}

void map_frame(struct frame *frame, enum frame_kind kind, const struct flows *captured,
	       const struct flows *own)
{
	uint8_t *b = frame->bytes;
	struct view v;

	view_frame(&v, frame, kind);
	if (v.tcp) {
		map_tcp(frame, &v, captured, own);
	} else if (v.ports && v.proto == 17) {
		bool summed = load_be16(b + v.l4 + 6);

		change16(b, v.l4 + 2, flow_port_own(own, 17, v.dport), summed ? v.l4 + 6 : 0, v.l4);
	} else if (v.l4 && v.l4 + 8 <= frame->have &&
		   ((v.proto == 1 && (b[v.l4] == 3 || b[v.l4] == 4 || b[v.l4] == 5 ||
				      b[v.l4] == 11 || b[v.l4] == 12)) ||
		    (v.proto == 58 && b[v.l4] < 128))) {
		map_quoted(frame, &v, captured, own);
	}
}

bool map_ahead(const struct frame *frame, enum frame_kind kind, const struct flows *captured,
	       const struct flows *own)
{
	const struct flow_dir *c, *o;
	struct pair p;
	struct view v;
	unsigned from;

	view_frame(&v, frame, kind);
	if (!v.tcp || !(v.flags & VIEW_ACK))
		return false;
	p.captured = flow_find(captured, (unsigned)v.addr_len, frame->bytes + v.src,
			       frame->bytes + v.dst, v.sport, v.dport, &from);
	if (!p.captured)
		return false;
	c = &p.captured->dir[!from];
	/* An acknowledgement of what even the captured end had not sent is meant so. */
	if (!c->seen || (int32_t)(v.ack - c->nxt) > 0)
		return false;
	if (!find_pair(&p, frame->bytes, &v, true, captured, own))
		return true;
	o = &p.own->dir[p.oto];
	return (int32_t)(v.ack + seq_offset(&p) - o->nxt) > 0;
}
