/* SPDX-License-Identifier: Apache-2.0 */
/* PACKET_FANOUT: a group of sockets gets each packet once. */
#include <errno.h>
#include <stdlib.h>

#include "packet/packet.h"
#include "wire/wire.h"

static struct packet *packet_ctx(struct packet_sock *ps)
{
	return ps->dg.sk.socks->packet;
}

static struct fanout *find(struct packet *p, uint16_t id)
{
	struct fanout *f;

	list_for_each_entry(f, &p->fanouts, all)
	{
		if (f->id == id)
			return f;
	}
	return NULL;
}

int fanout_join(struct packet_sock *ps, uint32_t arg)
{
	struct packet *p = packet_ctx(ps);
	uint8_t mode = arg >> 16 & 0xff;
	uint16_t flags = (uint16_t)(arg >> 24 << 8), id = (uint16_t)arg;
	struct fanout *f;

	if (mode > PACKET_FANOUT_QM || (flags & ~(PACKET_FANOUT_FLAG_DEFRAG |
						  PACKET_FANOUT_FLAG_ROLLOVER |
						  PACKET_FANOUT_FLAG_UNIQUEID)))
		return -EINVAL;
	if (mode == PACKET_FANOUT_ROLLOVER && (flags & PACKET_FANOUT_FLAG_ROLLOVER))
		return -EINVAL;
	if (ps->fanout)
		return -EALREADY;
	if (!ps->proto) /* Linux: only sockets that receive */
		return -EINVAL;
	if (flags & PACKET_FANOUT_FLAG_UNIQUEID) {
		if (id)
			return -EINVAL;
		for (id = 1; id && find(p, id); id++)
			;
		flags &= (uint16_t)~PACKET_FANOUT_FLAG_UNIQUEID;
	}
	f = find(p, id);
	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f)
			return -ENOMEM;
		f->id = id;
		f->mode = mode;
		f->flags = flags;
		f->link = ps->link;
		f->proto = ps->proto;
		list_push_back(&p->fanouts, &f->all);
	} else if (f->mode != mode || f->flags != flags || f->link != ps->link ||
		   f->proto != ps->proto) {
		return -EINVAL;
	}
	if (f->n == FANOUT_MAX)
		return -ENOSPC;
	f->socks[f->n++] = ps;
	ps->fanout = f;
	return 0;
}

void fanout_leave(struct packet_sock *ps)
{
	struct fanout *f = ps->fanout;

	if (!f)
		return;
	ps->fanout = NULL;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->socks[i] == ps) {
			f->socks[i] = f->socks[--f->n];
			break;
		}
	}
	if (f->n)
		return;
	list_remove(&f->all);
	free(f);
}

/* Both directions of a flow get the same number. */
static uint32_t flow_hash(const struct pkt *pkt, uint32_t l3)
{
	uint8_t b[44];
	size_t n = pkt_read(pkt, l3, b, sizeof(b));
	uint64_t h = 0;
	size_t at, len;

	if (n < 20)
		return 0;
	at = b[0] >> 4 == 4 ? 12 : 8;
	len = b[0] >> 4 == 4 ? 4 : 16;
	if (b[0] >> 4 != 4 && (b[0] >> 4 != 6 || n < 40))
		return 0;
	h = hash_bytes(b + at, len) ^ hash_bytes(b + at + len, len);

	size_t l4 = b[0] >> 4 == 4 ? (b[0] & 15u) * 4 : 40;

	if (l4 + 4 <= n)
		h ^= hash_u64(wire_get16(b + l4) ^ (uint64_t)wire_get16(b + l4 + 2));
	return (uint32_t)(h ^ h >> 32);
}

static bool has_room(const struct packet_sock *ps)
{
	return ps->dg.rx_bytes < (uint32_t)ps->dg.sk.opt.rcvbuf / 4 * 3;
}

struct packet_sock *fanout_choose(struct fanout *f, const struct pkt *pkt, uint32_t l3)
{
	uint32_t i;

	switch (f->mode) {
	case PACKET_FANOUT_LB:
		i = f->next++ % f->n;
		break;
	case PACKET_FANOUT_RND:
		i = rng_below(&f->socks[0]->dg.sk.core->rng, f->n);
		break;
	case PACKET_FANOUT_ROLLOVER:
	case PACKET_FANOUT_CPU: /* the stack runs on one processor at a time */
	case PACKET_FANOUT_QM:
		i = 0;
		break;
	default:
		i = flow_hash(pkt, l3) % f->n;
		break;
	}
	if (f->mode == PACKET_FANOUT_ROLLOVER || (f->flags & PACKET_FANOUT_FLAG_ROLLOVER)) {
		for (uint32_t k = 0; k < f->n; k++) {
			struct packet_sock *ps = f->socks[(i + k) % f->n];

			if (has_room(ps))
				return ps;
		}
	}
	return f->socks[i];
}
