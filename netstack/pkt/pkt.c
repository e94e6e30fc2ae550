/* SPDX-License-Identifier: Apache-2.0 */
/* The view of a packet: pushing and pulling headers, fragments, copies, clones, slices.
 *
 * Invariant: len == lin_len + sum of frag[].len; every frag has len > 0; off + lin_len <= cap.
 * What is shared (a block with more than one reference) is not written.
 */
#include "pkt/pkt.h"

#include <errno.h>
#include <string.h>

#include "pkt/iov.h"
#include "util/assert.h"
#include "util/bytes.h"
#include "wire/checksum.h"

static bool lin_shared(const struct pkt *pkt)
{
	return pkt->block && pkt->block->refs > 1;
}

static void shift_offload(struct pkt *pkt, int32_t n)
{
	struct net_offload *o = &pkt->offload;

	if (o->flags & NET_OFFLOAD_NEEDS_CSUM)
		o->csum_start = (uint16_t)(o->csum_start + n);
	if (o->hdr_len)
		o->hdr_len = (uint16_t)(o->hdr_len + n);
}

/* Moves the linear part into the fragment list and leaves an empty one of the descriptor's own. */
static bool lin_to_frag(struct pkt *pkt)
{
	if (pkt->lin_len) {
		if (pkt->nfrags == PKT_FRAGS)
			return false;
		memmove(pkt->frag + 1, pkt->frag, pkt->nfrags * sizeof(pkt->frag[0]));
		pkt->frag[0] = (struct pkt_frag){pkt->block, pkt->off, pkt->lin_len};
		pkt->nfrags++;
	} else {
		pkt_block_unref(pkt->block);
	}
	pkt->block = NULL;
	pkt->base = pkt->inl;
	pkt->cap = PKT_INLINE;
	pkt->off = PKT_HEADROOM;
	pkt->l3_off = PKT_HEADROOM;
	pkt->lin_len = 0;
	return true;
}

uint8_t *pkt_push(struct pkt *pkt, size_t n)
{
	if (pkt->block && (pkt->off < n || lin_shared(pkt)) && !lin_to_frag(pkt))
		return NULL;
	if (pkt->off < n || pkt->len + n > UINT32_MAX / 2)
		return NULL;
	pkt->off -= (uint32_t)n;
	pkt->lin_len += (uint32_t)n;
	pkt->len += (uint32_t)n;
	shift_offload(pkt, (int32_t)n);
	return pkt_data(pkt);
}

static void pull_frags(struct pkt *pkt, size_t n)
{
	unsigned gone = 0;

	while (n) {
		struct pkt_frag *f = &pkt->frag[gone];

		if (f->len > n) {
			f->off += (uint32_t)n;
			f->len -= (uint32_t)n;
			break;
		}
		n -= f->len;
		pkt_block_unref(f->block);
		gone++;
	}
	pkt->nfrags = (uint16_t)(pkt->nfrags - gone);
	memmove(pkt->frag, pkt->frag + gone, pkt->nfrags * sizeof(pkt->frag[0]));
}

void pkt_pull(struct pkt *pkt, size_t n)
{
	REQUIRE(n <= pkt->len);

	uint32_t lin = (uint32_t)MIN(n, (size_t)pkt->lin_len);

	pkt->off += lin;
	pkt->lin_len -= lin;
	pkt->len -= (uint32_t)n;
	if (n > lin)
		pull_frags(pkt, n - lin);
	shift_offload(pkt, -(int32_t)n);
}

void pkt_trim(struct pkt *pkt, size_t len)
{
	REQUIRE(len <= pkt->len);

	size_t left = len;
	unsigned keep = 0;

	pkt->lin_len = (uint32_t)MIN(left, (size_t)pkt->lin_len);
	left -= pkt->lin_len;
	for (; keep < pkt->nfrags && left; keep++) {
		struct pkt_frag *f = &pkt->frag[keep];

		f->len = (uint32_t)MIN(left, (size_t)f->len);
		left -= f->len;
	}
	for (unsigned i = keep; i < pkt->nfrags; i++)
		pkt_block_unref(pkt->frag[i].block);
	pkt->nfrags = (uint16_t)keep;
	pkt->len = (uint32_t)len;
}

bool pkt_make_writable(struct pkt *pkt)
{
	if (!lin_shared(pkt))
		return true;
	if (pkt->lin_len > PKT_INLINE - PKT_HEADROOM)
		return false;
	memcpy(pkt->inl + PKT_HEADROOM, pkt_data(pkt), pkt->lin_len);
	pkt_block_unref(pkt->block);
	pkt->block = NULL;
	pkt->base = pkt->inl;
	pkt->cap = PKT_INLINE;
	pkt->off = PKT_HEADROOM;
	pkt->l3_off = PKT_HEADROOM;
	return true;
}

bool pkt_pullup(struct pkt *pkt, size_t n)
{
	if (n <= pkt->lin_len)
		return true;
	if (n > pkt->len)
		return false;
	if (lin_shared(pkt) && !pkt_make_writable(pkt))
		return false;
	if (!pkt->lin_len && !pkt->block)
		pkt->off = MIN(pkt->off, (uint32_t)PKT_HEADROOM);

	uint32_t need = (uint32_t)n - pkt->lin_len;

	if (pkt->off + n > pkt->cap) {
		/* Behind headers that were pulled there may be room in front. */
		if (n > pkt->cap)
			return false;
		memmove(pkt->base, pkt_data(pkt), pkt->lin_len);
		pkt->off = 0;
		pkt->l3_off = 0;
	}
	pkt_read(pkt, pkt->lin_len, pkt_data(pkt) + pkt->lin_len, need);
	pull_frags(pkt, need);
	pkt->lin_len += need;
	return true;
}

uint8_t *pkt_put(struct pkt *pkt, size_t n)
{
	if (pkt->nfrags || lin_shared(pkt) || pkt->off + pkt->lin_len + n > pkt->cap)
		return NULL;

	uint8_t *at = pkt_data(pkt) + pkt->lin_len;

	pkt->lin_len += (uint32_t)n;
	pkt->len += (uint32_t)n;
	return at;
}

bool pkt_append(struct pkt *pkt, struct pkt_block *block, uint32_t off, uint32_t len)
{
	REQUIRE(off <= block->cap && len <= block->cap - off);
	if (!len)
		return true;
	if (pkt->nfrags) {
		struct pkt_frag *last = &pkt->frag[pkt->nfrags - 1];

		if (last->block == block && last->off + last->len == off) {
			last->len += len;
			pkt->len += len;
			return true;
		}
	}
	if (pkt->nfrags == PKT_FRAGS)
		return false;
	pkt->frag[pkt->nfrags++] = (struct pkt_frag){pkt_block_ref(block), off, len};
	pkt->len += len;
	return true;
}

bool pkt_append_copy(struct pkt *pkt, const void *data, size_t len)
{
	const uint8_t *from = data;

	while (len) {
		struct pkt_block *b = pkt_block_new(pkt->pool, MIN(len, (size_t)PKT_BLOCK_LARGE));

		if (!b)
			return false;

		uint32_t n = (uint32_t)MIN(len, (size_t)b->cap);
		bool ok;

		memcpy(b->data, from, n);
		ok = pkt_append(pkt, b, 0, n);
		pkt_block_unref(b);
		if (!ok)
			return false;
		from += n;
		len -= n;
	}
	return true;
}

bool pkt_join(struct pkt *to, struct pkt *from)
{
	if (to->nfrags + from->nfrags + (from->lin_len > 0) > PKT_FRAGS)
		return false;
	if (from->lin_len) {
		bool ok = from->block ? pkt_append(to, from->block, from->off, from->lin_len)
				      : pkt_append_copy(to, pkt_data(from), from->lin_len);

		if (!ok)
			return false;
	}
	for (unsigned i = 0; i < from->nfrags; i++) {
		struct pkt_frag *f = &from->frag[i];

		REQUIRE(pkt_append(to, f->block, f->off, f->len));
	}
	pkt_free(from);
	return true;
}

struct pkt *pkt_clone(struct pkt *pkt)
{
	struct pkt *copy = pkt_new(pkt->pool, 0);

	if (!copy)
		return NULL;
	copy->len = pkt->len;
	copy->lin_len = pkt->lin_len;
	copy->off = pkt->off;
	copy->cap = pkt->cap;
	copy->l3_off = pkt->l3_off;
	copy->offload = pkt->offload;
	copy->rx_time = pkt->rx_time;
	copy->ethertype = pkt->ethertype;
	copy->at = pkt->at;
	copy->prio = pkt->prio;
	copy->mark = pkt->mark;
	copy->ip = pkt->ip;
	memcpy(copy->cb, pkt->cb, sizeof(copy->cb));
	if (pkt->block) {
		copy->block = pkt_block_ref(pkt->block);
		copy->base = pkt->base;
	} else {
		uint32_t from = MIN(pkt->l3_off, pkt->off);

		memcpy(copy->inl + from, pkt->inl + from, pkt->off + pkt->lin_len - from);
	}
	copy->nfrags = pkt->nfrags;
	for (unsigned i = 0; i < pkt->nfrags; i++) {
		copy->frag[i] = pkt->frag[i];
		pkt_block_ref(copy->frag[i].block);
	}
	return copy;
}

/* Calls for each area of [off, off + len) of the view. */
struct area {
	const uint8_t *p;
	size_t len;
	struct pkt_block *block; /* NULL: the descriptor's own */
};

/* The area at @off, at most @len bytes of it. */
static struct area area_at(const struct pkt *pkt, size_t off, size_t len)
{
	if (off < pkt->lin_len)
		return (struct area){pkt->base + pkt->off + off, MIN(len, pkt->lin_len - off),
				     pkt->block};
	off -= pkt->lin_len;
	for (unsigned i = 0; i < pkt->nfrags; i++) {
		const struct pkt_frag *f = &pkt->frag[i];

		if (off < f->len)
			return (struct area){f->block->data + f->off + off, MIN(len, f->len - off),
					     f->block};
		off -= f->len;
	}
	return (struct area){0};
}

size_t pkt_read(const struct pkt *pkt, size_t off, void *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct area a = area_at(pkt, off + done, len - done);

		if (!a.len)
			break;
		memcpy((uint8_t *)to + done, a.p, a.len);
		done += a.len;
	}
	return done;
}

size_t pkt_to_iov(const struct pkt *pkt, size_t off, size_t len, struct iov *it)
{
	size_t done = 0;

	while (done < len) {
		struct area a = area_at(pkt, off + done, len - done);
		size_t n;

		if (!a.len)
			break;
		n = iov_scatter(it, a.p, a.len);
		done += n;
		if (n < a.len)
			break;
	}
	return done;
}

void pkt_write_linear(struct pkt *pkt, size_t off, const void *from, size_t len)
{
	REQUIRE(off <= pkt->lin_len && len <= pkt->lin_len - off && !lin_shared(pkt));
	memcpy(pkt_data(pkt) + off, from, len);
}

uint64_t pkt_csum(const struct pkt *pkt, size_t off, size_t len)
{
	uint64_t sum = 0;
	size_t done = 0;

	while (done < len) {
		struct area a = area_at(pkt, off + done, len - done);

		if (!a.len)
			break;
		if (done & 1)
			sum = csum_join(sum, csum_swap(csum_add(0, a.p, a.len)));
		else
			sum = csum_add(sum, a.p, a.len);
		done += a.len;
	}
	return sum;
}

void pkt_rd(struct pkt *pkt, struct rd *ret)
{
	rd_init(ret, pkt_data(pkt), pkt->lin_len);
}

struct pkt *pkt_slice(struct pkt *pkt, size_t off, size_t len)
{
	struct pkt *copy = pkt_new(pkt->pool, PKT_HEADROOM);
	size_t done = 0;

	if (!copy)
		return NULL;
	while (done < len) {
		struct area a = area_at(pkt, off + done, len - done);
		bool ok;

		if (!a.len)
			return pkt_free(copy);
		if (a.block)
			ok = pkt_append(copy, a.block, (uint32_t)(a.p - a.block->data),
					(uint32_t)a.len);
		else
			ok = pkt_append_copy(copy, a.p, a.len);
		if (!ok)
			return pkt_free(copy);
		done += a.len;
	}
	copy->rx_time = pkt->rx_time;
	copy->prio = pkt->prio;
	copy->mark = pkt->mark;
	return copy;
}

bool pkt_csum_finish(struct pkt *pkt)
{
	struct net_offload *o = &pkt->offload;

	if (!(o->flags & NET_OFFLOAD_NEEDS_CSUM))
		return true;

	uint32_t field = (uint32_t)o->csum_start + o->csum_offset;

	if (o->csum_start > pkt->len || field + 2 > pkt->lin_len || !pkt_make_writable(pkt))
		return false;

	uint16_t sum = csum_fold(pkt_csum(pkt, o->csum_start, pkt->len - o->csum_start));

	/* RFC 768: a computed zero is sent as all ones. For TCP both mean the same. */
	if (!sum)
		sum = 0xffff;
	store_be16(pkt_data(pkt) + field, sum);
	o->flags &= (uint8_t)~NET_OFFLOAD_NEEDS_CSUM;
	return true;
}
