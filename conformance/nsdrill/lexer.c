/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of the packetdrill language. */
#include "nsdrill/lexer.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int diag_set(struct diag *d, struct loc at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
	d->at = at;
	return -EINVAL;
}

static struct loc here(const struct lexer *lx, const char *pos)
{
	return (struct loc){lx->line, (int)(pos - lx->line_start) + 1};
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Moves over @len bytes and counts the lines in them. */
static void advance(struct lexer *lx, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (lx->pos[i] == '\n') {
			lx->line++;
			lx->line_start = lx->pos + i + 1;
		}
	}
	lx->pos += len;
}

static bool starts_with(const struct lexer *lx, const char *what)
{
	size_t len = strlen(what);

	return (size_t)(lx->end - lx->pos) >= len && memcmp(lx->pos, what, len) == 0;
}

/* Blanks and comments. */
static int skip_space(struct lexer *lx)
{
	while (lx->pos < lx->end) {
		if (isspace((unsigned char)*lx->pos)) {
			advance(lx, 1);
		} else if (starts_with(lx, "//")) {
			const char *nl = memchr(lx->pos, '\n', (size_t)(lx->end - lx->pos));

			advance(lx, (size_t)((nl ? nl + 1 : lx->end) - lx->pos));
		} else if (starts_with(lx, "/*")) {
			const char *close =
				memmem(lx->pos + 2, (size_t)(lx->end - lx->pos - 2), "*/", 2);

			if (!close)
				return diag_set(lx->diag, here(lx, lx->pos),
						"comment is not closed");
			advance(lx, (size_t)(close + 2 - lx->pos));
		} else {
			break;
		}
	}
	return 0;
}

/* Length of a dotted quad at @p, or 0. */
static size_t match_ipv4(const char *p, const char *end)
{
	const char *start = p;

	for (int i = 0; i < 4; i++) {
		const char *digits = p;

		while (p < end && isdigit((unsigned char)*p))
			p++;
		if (p == digits)
			return 0;
		if (i < 3) {
			if (p == end || *p != '.')
				return 0;
			p++;
		}
	}
	return (size_t)(p - start);
}

/* Length of an IPv6 address at @p, or 0. It must have "::" or all eight groups, since 1:2 is also
 * the beginning of a sequence range. */
static size_t match_ipv6(const char *p, const char *end)
{
	const char *start = p;
	int groups = 0;
	bool gap = false;

	while (p < end) {
		size_t quad = match_ipv4(p, end);
		const char *digits = p;

		if (quad && gap) {
			p += quad;
			return (size_t)(p - start);
		}
		while (p < end && isxdigit((unsigned char)*p) && p - digits < 4)
			p++;
		if (p < end && is_word_char(*p))
			return 0;
		groups += p > digits;
		if (p + 1 < end && p[0] == ':' && p[1] == ':' && !gap) {
			gap = true;
			p += 2;
			if (p == end || !isxdigit((unsigned char)*p))
				break;
		} else if (p + 1 < end && p > digits && p[0] == ':' &&
			   isxdigit((unsigned char)p[1]) && groups < 8) {
			p++;
		} else {
			break;
		}
	}
	return gap || groups == 8 ? (size_t)(p - start) : 0;
}

/* Length of a number with a point at @p, or 0. */
static size_t match_float(const char *p, const char *end)
{
	const char *start = p;

	if (p < end && *p == '-')
		p++;
	while (p < end && isdigit((unsigned char)*p))
		p++;
	if (p == end || *p != '.')
		return 0;
	p++;

	const char *frac = p;

	while (p < end && isdigit((unsigned char)*p))
		p++;
	return p == frac ? 0 : (size_t)(p - start);
}

static size_t match_int(const char *p, const char *end)
{
	const char *start = p;

	if (p < end && *p == '-')
		p++;

	const char *digits = p;

	while (p < end && isdigit((unsigned char)*p))
		p++;
	return p == digits ? 0 : (size_t)(p - start);
}

static int take(struct lexer *lx, struct token *tok, enum token_kind kind, size_t len)
{
	tok->kind = kind;
	tok->text = arena_strndup(lx->arena, lx->pos, len);
	tok->len = len;
	advance(lx, len);
	return 0;
}

static int take_number(struct lexer *lx, struct token *tok, enum token_kind kind, size_t len)
{
	struct loc at = tok->at;
	char *end;

	take(lx, tok, kind, len);
	errno = 0;
	if (kind == TOK_FLOAT)
		tok->real = strtod(tok->text, &end);
	else
		tok->num = strtoll(tok->text, &end, kind == TOK_HEX ? 16 : 10);
	if (errno == ERANGE && kind == TOK_HEX) { /* 64-bit masks are written in hex */
		errno = 0;
		tok->num = (int64_t)strtoull(tok->text, &end, 16);
	}
	if (errno)
		return diag_set(lx->diag, at, "number %s is out of range", tok->text);
	return 0;
}

/* A text between two quote characters; a backslash protects the next character. */
static int take_quoted(struct lexer *lx, struct token *tok, char quote, enum token_kind kind)
{
	const char *p = lx->pos + 1;

	while (p < lx->end && *p != quote)
		p += *p == '\\' && p + 1 < lx->end ? 2 : 1;
	if (p >= lx->end)
		return diag_set(lx->diag, tok->at, "%c is not closed", quote);
	tok->kind = kind;
	tok->len = (size_t)(p - lx->pos - 1);
	tok->text = arena_strndup(lx->arena, lx->pos + 1, tok->len);
	advance(lx, tok->len + 2);
	return 0;
}

static int take_code(struct lexer *lx, struct token *tok)
{
	const char *from = lx->pos + 2;
	const char *close = memmem(from, (size_t)(lx->end - from), "}%", 2);

	if (!close)
		return diag_set(lx->diag, tok->at, "%%{ is not closed");

	const char *to = close;

	/* Python cares for blanks at the start of a line. */
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	tok->kind = TOK_CODE;
	tok->len = (size_t)(to - from);
	tok->text = arena_strndup(lx->arena, from, tok->len);
	advance(lx, (size_t)(close + 2 - lx->pos));
	return 0;
}

/* A word that --define gave a value becomes that value. */
static int take_word(struct lexer *lx, struct token *tok, size_t len)
{
	take(lx, tok, TOK_WORD, len);
	if (starts_with(lx, "#") && strcmp(tok->text, "sequence") == 0)
		advance(lx, 1); /* GRE's "sequence#" */

	const char *value = lx->defines ? defines_get(lx->defines, tok->text) : NULL;

	if (!value)
		return 0;

	size_t vlen = strlen(value);

	if (vlen >= 2 && (value[0] == '"' || value[0] == '`') && value[vlen - 1] == value[0]) {
		tok->kind = value[0] == '"' ? TOK_STRING : TOK_BACKQUOTE;
		tok->text = arena_strndup(lx->arena, value + 1, vlen - 2);
		tok->len = vlen - 2;
		return 0;
	}

	char *end;

	tok->text = arena_strndup(lx->arena, value, vlen);
	tok->len = vlen;
	errno = 0;
	tok->num = strtoll(value, &end, 0);
	if (*value && *end == '\0' && !errno)
		tok->kind = TOK_INT;
	return 0;
}

static int take_char(struct lexer *lx, struct token *tok)
{
	tok->kind = TOK_CHAR;
	tok->num = (unsigned char)*lx->pos;
	tok->text = arena_strndup(lx->arena, lx->pos, 1);
	tok->len = 1;
	advance(lx, 1);
	return 0;
}

int lexer_next(struct lexer *lx, struct token *tok)
{
	int r = skip_space(lx);

	if (r < 0)
		return r;

	const char *p = lx->pos, *end = lx->end;

	*tok = (struct token){.at = here(lx, p)};
	if (p == end) {
		tok->text = "";
		return 0;
	}
	if (*p == '"')
		return take_quoted(lx, tok, '"', TOK_STRING);
	if (*p == '`')
		return take_quoted(lx, tok, '`', TOK_BACKQUOTE);
	if (starts_with(lx, "%{"))
		return take_code(lx, tok);
	if (starts_with(lx, "..."))
		return take(lx, tok, TOK_ELLIPSIS, 3);
	if (starts_with(lx, "--") && p + 2 < end && is_word_char(p[2])) {
		size_t len = 2;

		while (p + len < end && is_word_char(p[len]))
			len++;
		take(lx, tok, TOK_OPTION, len);
		tok->text += 2;
		tok->len -= 2;
		return 0;
	}

	size_t ipv4 = match_ipv4(p, end), ipv6 = match_ipv6(p, end);
	size_t real = match_float(p, end), integer = match_int(p, end), word = 0;

	while (p + word < end && is_word_char(p[word]))
		word++;
	if (ipv6 > ipv4 && ipv6 > word)
		return take(lx, tok, TOK_IPV6, ipv6);
	if (ipv4 > real && ipv4 > word)
		return take(lx, tok, TOK_IPV4, ipv4);
	if (real > word && real > integer)
		return take_number(lx, tok, TOK_FLOAT, real);
	if (integer && integer >= word)
		return take_number(lx, tok, TOK_INT, integer);
	if (word > 2 && p[0] == '0' && p[1] == 'x' &&
	    strspn(p + 2, "0123456789abcdefABCDEF") >= word - 2)
		return take_number(lx, tok, TOK_HEX, word);
	if (word)
		return take_word(lx, tok, word);
	return take_char(lx, tok);
}

const char *token_text(const struct token *tok, char buf[64])
{
	if (tok->kind == TOK_END)
		return "the end of the script";
	snprintf(buf, 64, "%.*s", tok->len > 40 ? 40 : (int)tok->len, tok->text);
	return buf;
}

const char *defines_get(const struct defines *d, const char *name)
{
	for (size_t i = d->count; i-- > 0;) {
		if (strcmp(d->list[i].name, name) == 0)
			return d->list[i].value;
	}
	return NULL;
}

int defines_set(struct defines *d, const char *name, const char *value)
{
	if (d->count == sizeof(d->list) / sizeof(d->list[0]))
		return -ENOSPC;
	d->list[d->count++] = (struct define){name, value};
	return 0;
}
