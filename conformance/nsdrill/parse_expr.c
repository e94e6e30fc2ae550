/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of system calls. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nsdrill/parse_priv.h"

static struct expr *expr_new(struct parser *ps, enum expr_kind kind)
{
	struct expr *e = arena_alloc(ps->arena, sizeof(*e));

	e->kind = kind;
	e->at = ps->tok.at;
	e->text = "";
	return e;
}

static void expr_push(struct parser *ps, struct expr ***items, size_t *count, struct expr *e)
{
	if ((*count & (*count - 1)) == 0) { /* room for a power of two */
		struct expr **more = arena_alloc(ps->arena, (*count ? *count * 2 : 1) * sizeof(e));

		if (*count)
			memcpy(more, *items, *count * sizeof(e));
		*items = more;
	}
	(*items)[(*count)++] = e;
}

const struct expr *expr_field(const struct expr *e, const char *name)
{
	for (size_t i = 0; e->kind == EXPR_STRUCT && i < e->count; i++) {
		if (strcmp(e->items[i]->text, name) == 0)
			return e->items[i]->items[0];
	}
	return NULL;
}

/* C's escapes. */
static size_t unescape(const char *from, size_t len, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (from[i] != '\\' || i + 1 == len) {
			to[n++] = from[i];
			continue;
		}
		switch (from[++i]) {
		case 'n':
			to[n++] = '\n';
			break;
		case 't':
			to[n++] = '\t';
			break;
		case 'r':
			to[n++] = '\r';
			break;
		case '0':
			to[n++] = '\0';
			break;
		case 'x': {
			char hex[3] = {0};

			for (int j = 0;
			     j < 2 && i + 1 < len &&
			     strchr("0123456789abcdefABCDEF", from[i + 1]) && from[i + 1];
			     j++)
				hex[j] = from[++i];
			to[n++] = (char)strtol(hex, NULL, 16);
			break;
		}
		default:
			to[n++] = from[i];
		}
	}
	return n;
}

static int parse_string(struct parser *ps, struct expr **ret)
{
	struct expr *e = expr_new(ps, EXPR_STRING);
	int r = 0;

	while (r == 0 && ps->tok.kind == TOK_STRING) { /* neighbours are one, as in C */
		char *more = arena_alloc(ps->arena, e->len + ps->tok.len + 1);

		memcpy(more, e->text, e->len);
		e->len += unescape(ps->tok.text, ps->tok.len, more + e->len);
		e->text = more;
		r = parser_advance(ps);
	}
	if (r == 0 && ps->tok.kind == TOK_ELLIPSIS) /* "abc"... */
		r = parser_advance(ps);
	*ret = e;
	return r;
}

int parse_expr_list(struct parser *ps, char close, struct expr ***ret, size_t *count)
{
	int r = 0;

	*ret = NULL;
	*count = 0;
	if (parser_is_char(ps, close))
		return parser_advance(ps);
	while (r == 0) {
		struct expr *e;

		r = parse_expr(ps, &e);
		if (r < 0)
			return r;
		expr_push(ps, ret, count, e);
		if (parser_is_char(ps, close))
			return parser_advance(ps);
		r = parser_char(ps, ',');
	}
	return r;
}

/* A word, a call of a macro, or name=value (which stands for a field in braces). */
static int parse_word(struct parser *ps, struct expr **ret)
{
	struct expr *e = expr_new(ps, EXPR_WORD);

	e->text = ps->tok.text;
	e->len = ps->tok.len;

	int r = parser_advance(ps);

	if (r == 0 && parser_is_char(ps, '(')) {
		r = parser_advance(ps);
		e->kind = EXPR_CALL;
		if (r == 0)
			r = parse_expr_list(ps, ')', &e->items, &e->count);
	}
	if (r == 0 && parser_is_char(ps, '=')) {
		struct expr **items = arena_alloc(ps->arena, 2 * sizeof(*items));

		if (e->kind == EXPR_CALL && e->count > 0)
			items[1] = e->items[0];
		r = parser_advance(ps);
		if (r == 0)
			r = parse_expr(ps, &items[0]);
		e->kind = EXPR_FIELD;
		e->items = items;
		e->count = items[1] ? 2 : 1;
	}
	*ret = e;
	return r;
}

static int parse_braces(struct parser *ps, struct expr **ret)
{
	struct expr *e = expr_new(ps, EXPR_GROUP);
	int r = parser_advance(ps);

	if (r == 0)
		r = parse_expr_list(ps, '}', &e->items, &e->count);
	if (r < 0)
		return r;

	size_t fields = 0;

	for (size_t i = 0; i < e->count; i++)
		fields += e->items[i]->kind == EXPR_FIELD;
	if (fields && fields == e->count)
		e->kind = EXPR_STRUCT;
	*ret = e;
	return 0;
}

static int parse_primary(struct parser *ps, struct expr **ret)
{
	struct expr *e;

	switch (ps->tok.kind) {
	case TOK_ELLIPSIS:
		*ret = expr_new(ps, EXPR_ELLIPSIS);
		return parser_advance(ps);
	case TOK_INT:
	case TOK_HEX:
		e = expr_new(ps, EXPR_INT);
		e->num = ps->tok.num;
		*ret = e;
		return parser_advance(ps);
	case TOK_STRING:
		return parse_string(ps, ret);
	case TOK_WORD:
		return parse_word(ps, ret);
	default:
		break;
	}
	if (parser_is_char(ps, '{'))
		return parse_braces(ps, ret);
	if (!parser_is_char(ps, '['))
		return parser_unexpected(ps, "an expression");
	e = expr_new(ps, EXPR_LIST);
	*ret = e;

	int r = parser_advance(ps);

	return r < 0 ? r : parse_expr_list(ps, ']', &e->items, &e->count);
}

int parse_expr(struct parser *ps, struct expr **ret)
{
	struct expr *left = NULL;

	if (ps->depth >= EXPR_DEPTH_MAX)
		return diag_set(ps->lx.diag, ps->tok.at, "expression is nested too deeply");
	ps->depth++;

	int r = parse_primary(ps, &left);

	if (r == 0 && parser_is_char(ps, '|')) {
		struct expr *both = expr_new(ps, EXPR_OR);

		both->items = arena_alloc(ps->arena, 2 * sizeof(*both->items));
		both->count = 2;
		both->items[0] = left;
		r = parser_advance(ps);
		if (r == 0)
			r = parse_expr(ps, &both->items[1]);
		left = both;
	}
	ps->depth--;
	*ret = left;
	return r;
}
