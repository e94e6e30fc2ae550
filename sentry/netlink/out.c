/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink messages on their way out: see netlink.h. */
#include <stdlib.h>
#include <string.h>

#include "netlink/internal.h"

/* Linux fills datagrams of a dump to a page less its overhead until it has seen a larger read; C
 * libraries count on it. */
#define DATAGRAM 3712
#define MAX_BUILT (8u << 20)

static uint8_t *room(struct nl_out *o, size_t n)
{
	size_t padded = NLMSG_ALIGN(n);

	if (o->failed)
		return NULL;
	if (o->len + padded > o->cap) {
		size_t cap = MAX(o->cap * 2, o->len + padded + 1024);
		uint8_t *buf = cap > MAX_BUILT ? NULL : realloc(o->buf, cap);

		if (!buf) {
			o->failed = true;
			return NULL;
		}
		o->buf = buf;
		o->cap = cap;
	}

	uint8_t *at = o->buf + o->len;

	memset(at + n, 0, padded - n);
	o->len += padded;
	return at;
}

void nl_begin(struct nl_out *o, uint16_t type, uint16_t flags, uint32_t seq, uint32_t port,
	      const void *fixed, size_t len)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = seq,
			      .nlmsg_pid = port };

	o->start = o->len;
	nl_raw(o, &h, sizeof(h));
	nl_raw(o, fixed, len);
}

void nl_raw(struct nl_out *o, const void *data, size_t len)
{
	uint8_t *at = room(o, len);

	if (at && len)
		memcpy(at, data, len);
}

void nl_put(struct nl_out *o, uint16_t type, const void *data, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };
	uint8_t *at;

	if (len > UINT16_MAX - NLA_HDRLEN) {
		o->failed = true;
		return;
	}
	at = room(o, NLA_HDRLEN + len);
	if (!at)
		return;
	memcpy(at, &a, sizeof(a));
	if (len)
		memcpy(at + NLA_HDRLEN, data, len);
}

void nl_put_u8(struct nl_out *o, uint16_t type, uint8_t v)
{
	nl_put(o, type, &v, sizeof(v));
}

void nl_put_u16(struct nl_out *o, uint16_t type, uint16_t v)
{
	nl_put(o, type, &v, sizeof(v));
}

void nl_put_u32(struct nl_out *o, uint16_t type, uint32_t v)
{
	nl_put(o, type, &v, sizeof(v));
}

void nl_put_u64(struct nl_out *o, uint16_t type, uint64_t v)
{
	nl_put(o, type, &v, sizeof(v));
}

void nl_put_be16(struct nl_out *o, uint16_t type, uint16_t v)
{
	nl_put_u16(o, type, __builtin_bswap16(v));
}

void nl_put_be32(struct nl_out *o, uint16_t type, uint32_t v)
{
	nl_put_u32(o, type, __builtin_bswap32(v));
}

void nl_put_be64(struct nl_out *o, uint16_t type, uint64_t v)
{
	nl_put_u64(o, type, __builtin_bswap64(v));
}

void nl_put_str(struct nl_out *o, uint16_t type, const char *s)
{
	nl_put(o, type, s, strlen(s) + 1);
}

size_t nl_nest(struct nl_out *o, uint16_t type)
{
	return nl_nest_plain(o, (uint16_t)(type | NLA_F_NESTED));
}

size_t nl_nest_plain(struct nl_out *o, uint16_t type)
{
	size_t at = o->len;

	nl_put(o, type, NULL, 0);
	return at;
}

void nl_nest_end(struct nl_out *o, size_t at)
{
	size_t n = o->len - at;
	uint16_t len = (uint16_t)n;

	if (o->failed)
		return;
	if (n > UINT16_MAX) {
		o->failed = true;
		return;
	}
	memcpy(o->buf + at, &len, sizeof(len)); /* nla_len is first */
}

void nl_nest_cancel(struct nl_out *o, size_t at)
{
	if (!o->failed)
		o->len = at;
}

void nl_end(struct nl_out *o)
{
	uint32_t len = (uint32_t)(o->len - o->start);

	if (o->failed)
		return;
	memcpy(o->buf + o->start, &len, sizeof(len)); /* nlmsg_len is first */
	if (!o->to || o->len <= DATAGRAM || o->start == 0)
		return;

	/* The datagram was full before this message: it goes, the message begins the next one. */
	size_t next = o->len - o->start;

	nl_queue(o->to, o->buf, o->start, 0, 0, true);
	memmove(o->buf, o->buf + o->start, next);
	o->len = next;
	o->start = 0;
}

void nl_flush(struct nl_out *o)
{
	if (o->to && o->len > 0 && !o->failed)
		nl_queue(o->to, o->buf, o->len, 0, 0, true);
	o->len = 0;
	o->start = 0;
}

void nl_out_fini(struct nl_out *o)
{
	free(o->buf);
	*o = (struct nl_out){ 0 };
}
