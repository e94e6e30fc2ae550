/* SPDX-License-Identifier: Apache-2.0 */
/* The send buffer: bytes not yet acknowledged, in reference-counted blocks.
 *
 * Packets, first transmissions and retransmissions alike, refer to the blocks; user data is copied
 * once, in. Chunks are in a ring ordered by sequence number and are found by binary search.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pkt/iov.h"
#include "pkt/pkt.h"
#include "tcp/seq.h"
#include "util/cleanup.h"

struct sendbuf_chunk {
	struct pkt_block *block;
	uint32_t off; /* first byte in the block */
	uint32_t len;
	struct seq seq;
	bool eor; /* MSG_EOR: no segment goes on behind it */
};

struct sendbuf {
	struct pkt_pool *pool;
	struct sendbuf_chunk *ring;
	uint32_t cap; /* power of two, or 0 */
	uint32_t head;
	uint32_t count;
	uint32_t bytes;
	uint32_t eors;	  /* chunks that end a record */
	struct seq start; /* of the first byte */
};

void sendbuf_init(struct sendbuf *sb, struct pkt_pool *pool, struct seq start);
void sendbuf_fini(struct sendbuf *sb);

/* Drops all bytes; the next one will be @start. */
void sendbuf_reset(struct sendbuf *sb, struct seq start);

/* The sequence number after the last byte. */
static inline struct seq sendbuf_end(const struct sendbuf *sb)
{
	return seq_add(sb->start, sb->bytes);
}

/* Copies up to @len bytes of user data in. Returns how many, or -ENOMEM if not one fitted. */
MUST_CHECK ssize_t sendbuf_append(struct sendbuf *sb, struct iov *from, size_t len);

/* Ends a record behind what is in the buffer. */
void sendbuf_end_record(struct sendbuf *sb);

/* The end of the record that @seq lies in, or of the buffer. */
struct seq sendbuf_record_end(const struct sendbuf *sb, struct seq seq);

/* Drops everything below @seq. */
void sendbuf_ack(struct sendbuf *sb, struct seq seq);

/* Appends references to [@seq, @seq + @len) to @pkt. Returns how many bytes fitted (the number of
 * fragments of a packet is limited). */
uint32_t sendbuf_ref(const struct sendbuf *sb, struct pkt *pkt, struct seq seq, uint32_t len);
