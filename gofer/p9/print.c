/* SPDX-License-Identifier: Apache-2.0 */
/* One line of text per message, generated from p9_messages.def: for logs and failing tests. */
#include "gofer/p9.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

/* Text under construction: always terminated, silently cut at the end. */
struct text {
	char *buf;
	size_t size;
	size_t len;
};

PRINTF_LIKE(2, 3) static void text_add(struct text *text, const char *fmt, ...)
{
	va_list args;

	if (text->len + 1 >= text->size)
		return;
	va_start(args, fmt);

	int n = vsnprintf(text->buf + text->len, text->size - text->len, fmt, args);

	va_end(args);
	if (n > 0)
		text->len = MIN(text->len + (size_t)n, text->size - 1);
}

static void text_str(struct text *text, const struct p9_str *str)
{
	text_add(text, "\"");
	for (uint16_t i = 0; i < str->len; i++) {
		char c = str->data[i];

		text_add(text, "%c", c >= ' ' && c < 0x7f ? c : '?');
	}
	text_add(text, "\"");
}

static void text_qid(struct text *text, const struct p9_qid *qid)
{
	text_add(text, "(%02x %" PRIu32 " %" PRIx64 ")", qid->type, qid->version, qid->path);
}

static void text_attr(struct text *text, const struct p9_attr *attr)
{
	text_add(text,
		 "{ino=%" PRIu64 " mode=0%o uid=%" PRIu32 " gid=%" PRIu32 " nlink=%" PRIu64
		 " size=%" PRIu64 " rdev=%" PRIx64 "}",
		 attr->ino, attr->mode, attr->uid, attr->gid, attr->nlink, attr->size, attr->rdev);
}

#define TEXT_LIST(list, ELEM)                                                                      \
	static void text_##list(struct text *text, const struct p9_##list *l)                      \
	{                                                                                          \
		text_add(text, "[");                                                               \
		for (uint16_t i = 0; i < l->n; i++) {                                              \
			if (i)                                                                     \
				text_add(text, " ");                                               \
			ELEM(text, &l->v[i]);                                                      \
		}                                                                                  \
		text_add(text, "]");                                                               \
	}

static void text_fid(struct text *text, const uint32_t *fid)
{
	text_add(text, "%" PRIu32, *fid);
}

TEXT_LIST(names, text_str)
TEXT_LIST(qids, text_qid)
TEXT_LIST(attrs, text_attr)
TEXT_LIST(fids, text_fid)

#define P9_U8(f) text_add(text, " " #f "=%u", m->f);
#define P9_U16(f) text_add(text, " " #f "=%u", m->f);
#define P9_U32(f) text_add(text, " " #f "=%" PRIu32, m->f);
#define P9_U64(f) text_add(text, " " #f "=%" PRIu64, m->f);
#define FIELD(f, fn)                                                                               \
	text_add(text, " " #f "=");                                                                \
	fn(text, &m->f);
#define P9_STR(f) FIELD(f, text_str)
#define P9_NAME(f) FIELD(f, text_str)
#define P9_QID(f) FIELD(f, text_qid)
#define P9_ATTR(f) FIELD(f, text_attr)
#define P9_DATA(f) text_add(text, " " #f "=<%" PRIu32 " bytes>", m->f.len);
#define P9_NAMES(f) FIELD(f, text_names)
#define P9_QIDS(f) FIELD(f, text_qids)
#define P9_ATTRS(f) FIELD(f, text_attrs)
#define P9_FIDS(f) FIELD(f, text_fids)
#define P9_MSG(ENUM, name, type, fields)                                                           \
	static void text_##name(UNUSED struct text *text, UNUSED const struct p9_##name *m)        \
	{                                                                                          \
		fields                                                                             \
	}
#include "gofer/p9_messages.def"

const char *p9_type_name(uint8_t type)
{
	switch (type) {
#define P9_MSG(ENUM, name, type, fields)                                                           \
	case P9_##ENUM:                                                                            \
		return #name;
#include "gofer/p9_messages.def"
	default:
		return NULL;
	}
}

size_t p9_print(char *buf, size_t size, const struct p9_msg *msg)
{
	struct text text = {.buf = buf, .size = size};

	if (!size)
		return 0;
	buf[0] = '\0';
	switch (msg->type) {
#define P9_MSG(ENUM, name, type, fields)                                                           \
	case P9_##ENUM:                                                                            \
		text_add(&text, #name " tag=%u", msg->tag);                                        \
		text_##name(&text, &msg->name);                                                    \
		break;
#include "gofer/p9_messages.def"
	default:
		text_add(&text, "unknown type %u", msg->type);
	}
	return text.len;
}
