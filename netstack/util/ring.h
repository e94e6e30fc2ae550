/* SPDX-License-Identifier: Apache-2.0 */
/* A byte ring over memory of a power-of-two size that the owner provides.
 *
 * Positions run freely and wrap by masking, so full and empty differ without a spare byte. Single
 * owner; not for memory shared with somebody hostile (there, copy the indices once and check them).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/assert.h"

struct ring {
	uint8_t *data;
	size_t size; /* power of two */
	size_t head; /* next byte to read */
	size_t tail; /* next byte to write */
};

static inline void ring_init(struct ring *r, void *data, size_t size)
{
	REQUIRE(size && !(size & (size - 1)));
	r->data = (uint8_t *)data;
	r->size = size;
	r->head = r->tail = 0;
}

static inline size_t ring_used(const struct ring *r)
{
	return r->tail - r->head;
}

static inline size_t ring_free(const struct ring *r)
{
	return r->size - ring_used(r);
}

/* Contiguous room to write into, at most @len bytes of it; commit with ring_commit(). */
static inline uint8_t *ring_write_span(struct ring *r, size_t *len)
{
	size_t at = r->tail & (r->size - 1);
	size_t room = r->size - at;

	if (room > ring_free(r))
		room = ring_free(r);
	if (*len > room)
		*len = room;
	return r->data + at;
}

static inline void ring_commit(struct ring *r, size_t len)
{
	REQUIRE(len <= ring_free(r));
	r->tail += len;
}

/* Contiguous bytes @off past the head, at most @len of them. */
static inline const uint8_t *ring_read_span(const struct ring *r, size_t off, size_t *len)
{
	size_t used = ring_used(r);

	if (off > used)
		off = used;

	size_t at = (r->head + off) & (r->size - 1);
	size_t room = r->size - at;

	if (room > used - off)
		room = used - off;
	if (*len > room)
		*len = room;
	return r->data + at;
}

static inline void ring_consume(struct ring *r, size_t len)
{
	REQUIRE(len <= ring_used(r));
	r->head += len;
}

/* Copies in what fits. Returns the number of bytes. */
static inline size_t ring_write(struct ring *r, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = len - done;
		uint8_t *to = ring_write_span(r, &n);

		if (!n)
			break;
		memcpy(to, (const uint8_t *)data + done, n);
		ring_commit(r, n);
		done += n;
	}
	return done;
}

/* Copies out what is there, without consuming. Returns the number of bytes. */
static inline size_t ring_peek(const struct ring *r, size_t off, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = len - done;
		const uint8_t *from = ring_read_span(r, off + done, &n);

		if (!n)
			break;
		memcpy((uint8_t *)data + done, from, n);
		done += n;
	}
	return done;
}

static inline size_t ring_read(struct ring *r, void *data, size_t len)
{
	size_t n = ring_peek(r, 0, data, len);

	ring_consume(r, n);
	return n;
}
