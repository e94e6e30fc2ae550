/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded cursors over bytes, with sticky failure.
 *
 * struct rd reads, struct wr writes. A step past the end fails the cursor: it then yields zeros (or
 * writes nothing) for ever, so a parser reads a whole header and asks once with rd_failed().
 * be = network order, le = little endian. Nothing here allocates or keeps a pointer but the buffer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rd {
	const uint8_t *p;
	const uint8_t *end;
	bool failed;
};

struct wr {
	uint8_t *start;
	uint8_t *p;
	uint8_t *end;
	bool failed;
};

static inline void rd_init(struct rd *r, const void *data, size_t len)
{
	r->p = (const uint8_t *)data;
	r->end = len ? r->p + len : r->p;
	r->failed = false;
}

static inline bool rd_failed(const struct rd *r)
{
	return r->failed;
}

static inline size_t rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->p);
}

static inline void rd_fail(struct rd *r)
{
	r->failed = true;
	r->p = r->end;
}

/* The next @len bytes in place, or NULL (and failed). */
static inline const uint8_t *rd_bytes(struct rd *r, size_t len)
{
	if (rd_left(r) < len) {
		rd_fail(r);
		return NULL;
	}

	const uint8_t *at = r->p;

	if (len)
		r->p += len;
	return at;
}

static inline void rd_skip(struct rd *r, size_t len)
{
	(void)rd_bytes(r, len);
}

/* Copies @len bytes to @to; zeros on failure. */
static inline void rd_copy(struct rd *r, void *to, size_t len)
{
	const uint8_t *from = rd_bytes(r, len);

	if (!len)
		return;
	if (from)
		memcpy(to, from, len);
	else
		memset(to, 0, len);
}

/* A cursor over the next @len bytes; @r moves past them. Failed if they are not there. */
static inline struct rd rd_sub(struct rd *r, size_t len)
{
	struct rd sub;
	const uint8_t *at = rd_bytes(r, len);

	rd_init(&sub, at, at ? len : 0);
	sub.failed = !at && r->failed;
	return sub;
}

static inline uint8_t rd_u8(struct rd *r)
{
	const uint8_t *b = rd_bytes(r, 1);

	return b ? b[0] : 0;
}

static inline uint16_t load_be16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t load_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline uint64_t load_be64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static inline uint16_t load_le16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t load_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store_be16(void *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void store_be32(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void store_be64(void *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

#define RD_DEFINE_(name, type, load)                                                               \
	static inline type rd_##name(struct rd *r)                                                 \
	{                                                                                          \
		const uint8_t *b = rd_bytes(r, sizeof(type));                                      \
                                                                                                   \
		return b ? load(b) : 0;                                                            \
	}

RD_DEFINE_(be16, uint16_t, load_be16)
RD_DEFINE_(be32, uint32_t, load_be32)
RD_DEFINE_(be64, uint64_t, load_be64)
RD_DEFINE_(le16, uint16_t, load_le16)
RD_DEFINE_(le32, uint32_t, load_le32)
RD_DEFINE_(le64, uint64_t, load_le64)

static inline void wr_init(struct wr *w, void *data, size_t len)
{
	w->start = w->p = (uint8_t *)data;
	w->end = len ? w->p + len : w->p;
	w->failed = false;
}

static inline bool wr_failed(const struct wr *w)
{
	return w->failed;
}

static inline size_t wr_left(const struct wr *w)
{
	return (size_t)(w->end - w->p);
}

static inline size_t wr_len(const struct wr *w)
{
	return (size_t)(w->p - w->start);
}

/* Room for @len bytes in place, or NULL (and failed). */
static inline uint8_t *wr_reserve(struct wr *w, size_t len)
{
	if (w->failed || wr_left(w) < len) {
		w->failed = true;
		w->end = w->p;
		return NULL;
	}

	uint8_t *at = w->p;

	if (len)
		w->p += len;
	return at;
}

static inline void wr_bytes(struct wr *w, const void *from, size_t len)
{
	uint8_t *to = wr_reserve(w, len);

	if (to && len)
		memcpy(to, from, len);
}

static inline void wr_zero(struct wr *w, size_t len)
{
	uint8_t *to = wr_reserve(w, len);

	if (to && len)
		memset(to, 0, len);
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
	wr_bytes(w, &v, 1);
}

static inline void wr_be16(struct wr *w, uint16_t v)
{
	v = __builtin_bswap16(v);
	wr_bytes(w, &v, sizeof(v));
}

static inline void wr_be32(struct wr *w, uint32_t v)
{
	v = __builtin_bswap32(v);
	wr_bytes(w, &v, sizeof(v));
}

static inline void wr_be64(struct wr *w, uint64_t v)
{
	v = __builtin_bswap64(v);
	wr_bytes(w, &v, sizeof(v));
}

static inline void wr_le16(struct wr *w, uint16_t v)
{
	wr_bytes(w, &v, sizeof(v));
}

static inline void wr_le32(struct wr *w, uint32_t v)
{
	wr_bytes(w, &v, sizeof(v));
}

static inline void wr_le64(struct wr *w, uint64_t v)
{
	wr_bytes(w, &v, sizeof(v));
}
