/* SPDX-License-Identifier: Apache-2.0 */
/* The send buffer.
 *
 * Invariants: the chunks are contiguous in sequence space, none is empty, their lengths sum to
 * bytes. Bytes of a block that some packet refers to are never written again; new data only goes
 * behind them.
 */
#include "tcp/sendbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/assert.h"

#define RING_MIN 8u
#define SMALL_WRITE 1024u

static struct sendbuf_chunk *chunk_at(const struct sendbuf *sb, uint32_t i)
{
	return &sb->ring[(sb->head + i) & (sb->cap - 1)];
}

void sendbuf_init(struct sendbuf *sb, struct pkt_pool *pool, struct seq start)
{
	*sb = (struct sendbuf){.pool = pool, .start = start};
}

void sendbuf_reset(struct sendbuf *sb, struct seq start)
{
	for (uint32_t i = 0; i < sb->count; i++)
		pkt_block_unref(chunk_at(sb, i)->block);
	sb->count = sb->bytes = sb->eors = 0;
	sb->start = start;
}

void sendbuf_fini(struct sendbuf *sb)
{
	sendbuf_reset(sb, sb->start);
	free(sb->ring);
	sb->ring = NULL;
	sb->cap = 0;
}

static bool ring_grow(struct sendbuf *sb)
{
	uint32_t cap = sb->cap ? 2 * sb->cap : RING_MIN;
	struct sendbuf_chunk *ring = malloc(cap * sizeof(*ring));

	if (!ring)
		return false;
	for (uint32_t i = 0; i < sb->count; i++)
		ring[i] = *chunk_at(sb, i);
	free(sb->ring);
	sb->ring = ring;
	sb->cap = cap;
	sb->head = 0;
	return true;
}

/* A new chunk that goes on in the block of the last one. */
static struct sendbuf_chunk *same_block_chunk(struct sendbuf *sb)
{
	struct sendbuf_chunk *chunk, last;

	if (sb->count == sb->cap && !ring_grow(sb))
		return NULL;
	last = *chunk_at(sb, sb->count - 1);
	chunk = chunk_at(sb, sb->count++);
	*chunk = (struct sendbuf_chunk){.block = pkt_block_ref(last.block),
					.off = last.off + last.len,
					.seq = sendbuf_end(sb)};
	return chunk;
}

/* A chunk with room at its end, or NULL. */
static struct sendbuf_chunk *writable_chunk(struct sendbuf *sb, size_t len)
{
	struct sendbuf_chunk *chunk;
	struct pkt_block *block;

	if (sb->count) {
		chunk = chunk_at(sb, sb->count - 1);
		if (chunk->off + chunk->len < chunk->block->cap) {
			if (!chunk->eor)
				return chunk;
			return same_block_chunk(sb);
		}
	}
	if (sb->count == sb->cap && !ring_grow(sb))
		return NULL;
	block = pkt_block_new(sb->pool,
			      len <= SMALL_WRITE && !sb->count ? PKT_BLOCK_SMALL : PKT_BLOCK_LARGE);
	if (!block)
		return NULL;
	chunk = chunk_at(sb, sb->count++);
	*chunk = (struct sendbuf_chunk){.block = block, .seq = sendbuf_end(sb)};
	return chunk;
}

ssize_t sendbuf_append(struct sendbuf *sb, struct iov *from, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct sendbuf_chunk *chunk = writable_chunk(sb, len - done);
		size_t at, n;

		if (!chunk)
			break;
		at = chunk->off + chunk->len;
		n = MIN(len - done, (size_t)chunk->block->cap - at);
		n = iov_gather(from, chunk->block->data + at, n);
		chunk->len += (uint32_t)n;
		sb->bytes += (uint32_t)n;
		done += n;
		if (!n) {
			if (!chunk->len) {
				pkt_block_unref(chunk->block);
				sb->count--;
			}
			break;
		}
	}
	return done || !len ? (ssize_t)done : -ENOMEM;
}

void sendbuf_ack(struct sendbuf *sb, struct seq seq)
{
	uint32_t n;

	if (seq_le(seq, sb->start))
		return;
	n = MIN(seq_len(sb->start, seq), sb->bytes);
	sb->bytes -= n;
	sb->start = seq_add(sb->start, n);
	while (n) {
		struct sendbuf_chunk *chunk = chunk_at(sb, 0);

		if (n < chunk->len) {
			chunk->off += n;
			chunk->len -= n;
			chunk->seq = seq_add(chunk->seq, n);
			return;
		}
		n -= chunk->len;
		sb->eors -= chunk->eor;
		/* The last block stays while packets may still refer to it only by their own
		 * references. */
		pkt_block_unref(chunk->block);
		sb->head = (sb->head + 1) & (sb->cap - 1);
		sb->count--;
	}
}

/* The index of the chunk that holds @seq, which is in the buffer. */
static uint32_t chunk_find(const struct sendbuf *sb, struct seq seq)
{
	uint32_t lo = 0, hi = sb->count - 1;

	while (lo < hi) {
		uint32_t mid = (lo + hi + 1) / 2;

		if (seq_le(chunk_at(sb, mid)->seq, seq))
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

void sendbuf_end_record(struct sendbuf *sb)
{
	struct sendbuf_chunk *last = sb->count ? chunk_at(sb, sb->count - 1) : NULL;

	if (!last || last->eor)
		return;
	last->eor = true;
	sb->eors++;
}

struct seq sendbuf_record_end(const struct sendbuf *sb, struct seq seq)
{
	if (sb->eors && sb->count) {
		for (uint32_t i = chunk_find(sb, seq); i < sb->count; i++) {
			const struct sendbuf_chunk *chunk = chunk_at(sb, i);
			struct seq end = seq_add(chunk->seq, chunk->len);

			if (chunk->eor && seq_gt(end, seq))
				return end;
		}
	}
	return sendbuf_end(sb);
}

uint32_t sendbuf_ref(const struct sendbuf *sb, struct pkt *pkt, struct seq seq, uint32_t len)
{
	uint32_t done = 0;

	if (!len || !sb->count)
		return 0;
	ASSERT(seq_ge(seq, sb->start) && seq_le(seq_add(seq, len), sendbuf_end(sb)));
	for (uint32_t i = chunk_find(sb, seq); done < len && i < sb->count; i++) {
		const struct sendbuf_chunk *chunk = chunk_at(sb, i);
		uint32_t skip = seq_len(chunk->seq, seq_add(seq, done));
		uint32_t n = MIN(len - done, chunk->len - skip);

		if (!pkt_append(pkt, chunk->block, chunk->off + skip, n))
			break;
		done += n;
	}
	return done;
}
