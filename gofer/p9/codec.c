/* SPDX-License-Identifier: Apache-2.0 */
/* Encoder and decoder of every message, generated from p9_messages.def.
 *
 * The frame comes from a hostile peer: all reading goes through a bounded cursor, and a message is
 * good only if it ends exactly where its size field says (9P2000.L; intro(5) of Plan 9).
 */
#include "gofer/p9.h"

#include <errno.h>
#include <string.h>

#include "util/bytes.h"
#include "util/cleanup.h"

static void put_str(struct wr *out, const struct p9_str *str)
{
	wr_le16(out, str->len);
	wr_bytes(out, str->data, str->len);
}

static void get_str(struct p9_str *ret, struct rd *in)
{
	ret->len = rd_le16(in);
	ret->data = (const char *)rd_bytes(in, ret->len);
	if (!ret->data)
		ret->len = 0;
	else if (memchr(ret->data, '\0', ret->len))
		rd_fail(in);
}

static void get_name(struct p9_str *ret, struct rd *in)
{
	get_str(ret, in);
	if (ret->len && memchr(ret->data, '/', ret->len))
		rd_fail(in);
}

static void put_qid(struct wr *out, const struct p9_qid *qid)
{
	wr_u8(out, qid->type);
	wr_le32(out, qid->version);
	wr_le64(out, qid->path);
}

static void get_qid(struct p9_qid *ret, struct rd *in)
{
	ret->type = rd_u8(in);
	ret->version = rd_le32(in);
	ret->path = rd_le64(in);
}

/* The fields of struct p9_attr after its qid, in wire order. */
#define ATTR_FIELDS(U32, U64)                                                                      \
	U32(mode) U32(uid) U32(gid) U32(blksize) U64(nlink) U64(dev) U64(ino) U64(rdev) U64(size)  \
	U64(blocks) U64(atime_sec) U64(mtime_sec) U64(ctime_sec) U64(btime_sec) U32(atime_nsec)    \
	U32(mtime_nsec) U32(ctime_nsec) U32(btime_nsec) U32(flags)

static void put_attr(struct wr *out, const struct p9_attr *attr)
{
	put_qid(out, &attr->qid);
#define PUT32(f) wr_le32(out, attr->f);
#define PUT64(f) wr_le64(out, attr->f);
	ATTR_FIELDS(PUT32, PUT64)
#undef PUT32
#undef PUT64
}

static void get_attr(struct p9_attr *ret, struct rd *in)
{
	get_qid(&ret->qid, in);
#define GET32(f) ret->f = rd_le32(in);
#define GET64(f) ret->f = rd_le64(in);
	ATTR_FIELDS(GET32, GET64)
#undef GET32
#undef GET64
}

static void put_data(struct wr *out, const struct p9_data *data)
{
	wr_le32(out, data->len);

	uint8_t *to = wr_reserve(out, data->len);

	if (to && data->len && to != data->data)
		memcpy(to, data->data, data->len);
}

static void get_data(struct p9_data *ret, struct rd *in)
{
	ret->len = rd_le32(in);
	ret->data = rd_bytes(in, ret->len);
	if (!ret->data)
		ret->len = 0;
}

/* put_##list and get_##list: count[2], then that many elements; more than max is a failure. */
#define LIST_CODEC(list, max, PUT, GET)                                                            \
	static void put_##list(struct wr *out, const struct p9_##list *l)                          \
	{                                                                                          \
		wr_le16(out, l->n);                                                                \
		if (l->n > (max)) {                                                                \
			out->failed = true;                                                        \
			out->end = out->p;                                                         \
		}                                                                                  \
		for (uint16_t i = 0; i < l->n && !wr_failed(out); i++)                             \
			PUT(out, &l->v[i]);                                                        \
	}                                                                                          \
                                                                                                   \
	static void get_##list(struct p9_##list *l, struct rd *in)                                 \
	{                                                                                          \
		l->n = rd_le16(in);                                                                \
		if (l->n > (max)) {                                                                \
			rd_fail(in);                                                               \
			l->n = 0;                                                                  \
		}                                                                                  \
		for (uint16_t i = 0; i < l->n; i++)                                                \
			GET(&l->v[i], in);                                                         \
	}

static void put_fid(struct wr *out, const uint32_t *fid)
{
	wr_le32(out, *fid);
}

static void get_fid(uint32_t *ret, struct rd *in)
{
	*ret = rd_le32(in);
}

LIST_CODEC(names, P9_MAX_WALK, put_str, get_name)
LIST_CODEC(qids, P9_MAX_WALK, put_qid, get_qid)
LIST_CODEC(attrs, P9_MAX_WALK, put_attr, get_attr)
LIST_CODEC(fids, P9_MAX_CLUNK, put_fid, get_fid)

#define P9_U8(f) wr_u8(out, m->f);
#define P9_U16(f) wr_le16(out, m->f);
#define P9_U32(f) wr_le32(out, m->f);
#define P9_U64(f) wr_le64(out, m->f);
#define P9_STR(f) put_str(out, &m->f);
#define P9_NAME(f) put_str(out, &m->f);
#define P9_QID(f) put_qid(out, &m->f);
#define P9_ATTR(f) put_attr(out, &m->f);
#define P9_DATA(f) put_data(out, &m->f);
#define P9_NAMES(f) put_names(out, &m->f);
#define P9_QIDS(f) put_qids(out, &m->f);
#define P9_ATTRS(f) put_attrs(out, &m->f);
#define P9_FIDS(f) put_fids(out, &m->f);
#define P9_MSG(ENUM, name, type, fields)                                                           \
	static void put_##name(UNUSED struct wr *out, UNUSED const struct p9_##name *m)            \
	{                                                                                          \
		fields                                                                             \
	}
#include "gofer/p9_messages.def"

#define P9_U8(f) m->f = rd_u8(in);
#define P9_U16(f) m->f = rd_le16(in);
#define P9_U32(f) m->f = rd_le32(in);
#define P9_U64(f) m->f = rd_le64(in);
#define P9_STR(f) get_str(&m->f, in);
#define P9_NAME(f) get_name(&m->f, in);
#define P9_QID(f) get_qid(&m->f, in);
#define P9_ATTR(f) get_attr(&m->f, in);
#define P9_DATA(f) get_data(&m->f, in);
#define P9_NAMES(f) get_names(&m->f, in);
#define P9_QIDS(f) get_qids(&m->f, in);
#define P9_ATTRS(f) get_attrs(&m->f, in);
#define P9_FIDS(f) get_fids(&m->f, in);
#define P9_MSG(ENUM, name, type, fields)                                                           \
	static void get_##name(UNUSED struct p9_##name *m, UNUSED struct rd *in)                   \
	{                                                                                          \
		fields                                                                             \
	}
#include "gofer/p9_messages.def"

int p9_encode(struct wr *out, const struct p9_msg *msg)
{
	uint8_t *size = wr_reserve(out, sizeof(uint32_t));

	wr_u8(out, msg->type);
	wr_le16(out, msg->tag);
	switch (msg->type) {
#define P9_MSG(ENUM, name, type, fields)                                                           \
	case P9_##ENUM:                                                                            \
		put_##name(out, &msg->name);                                                       \
		break;
#include "gofer/p9_messages.def"
	default:
		return -EINVAL;
	}
	if (wr_failed(out))
		return -EMSGSIZE;

	int len = (int)(out->p - size);

	memcpy(size, &(uint32_t){(uint32_t)len}, sizeof(uint32_t)); /* x86: little-endian */
	return len;
}

int p9_decode(struct p9_msg *ret, struct rd *in)
{
	size_t len = rd_left(in);
	uint32_t size = rd_le32(in);

	ret->type = rd_u8(in);
	ret->tag = rd_le16(in);
	if (rd_failed(in) || size != len)
		return -EBADMSG;
	switch (ret->type) {
#define P9_MSG(ENUM, name, type, fields)                                                           \
	case P9_##ENUM:                                                                            \
		get_##name(&ret->name, in);                                                        \
		break;
#include "gofer/p9_messages.def"
	default:
		return -EBADMSG;
	}
	return rd_failed(in) || rd_left(in) ? -EBADMSG : 0;
}

int p9_dirent_put(struct wr *out, const struct p9_dirent *ent)
{
	if (wr_left(out) < 13U + 8U + 1U + 2U + ent->name.len)
		return -EMSGSIZE;
	put_qid(out, &ent->qid);
	wr_le64(out, ent->offset);
	wr_u8(out, ent->type);
	put_str(out, &ent->name);
	return wr_failed(out) ? -EMSGSIZE : 0;
}

int p9_dirent_get(struct p9_dirent *ret, struct rd *in)
{
	if (!rd_failed(in) && !rd_left(in))
		return 0;
	get_qid(&ret->qid, in);
	ret->offset = rd_le64(in);
	ret->type = rd_u8(in);
	get_name(&ret->name, in);
	return rd_failed(in) ? -EBADMSG : 1;
}

int p9_direntattr_put(struct wr *out, const struct p9_direntattr *ent)
{
	if (wr_left(out) < P9_ATTR_LEN + 8U + 2U + ent->name.len)
		return -EMSGSIZE;
	put_attr(out, &ent->attr);
	wr_le64(out, ent->offset);
	put_str(out, &ent->name);
	return wr_failed(out) ? -EMSGSIZE : 0;
}

int p9_direntattr_get(struct p9_direntattr *ret, struct rd *in)
{
	if (!rd_failed(in) && !rd_left(in))
		return 0;
	get_attr(&ret->attr, in);
	ret->offset = rd_le64(in);
	get_name(&ret->name, in);
	return rd_failed(in) ? -EBADMSG : 1;
}

struct p9_str p9_str(const char *cstr)
{
	size_t len = strnlen(cstr, UINT16_MAX);

	return (struct p9_str){.data = cstr, .len = (uint16_t)len};
}

bool p9_str_eq(struct p9_str str, const char *cstr)
{
	size_t len = strlen(cstr);

	return str.len == len && (!len || memcmp(str.data, cstr, len) == 0);
}
