/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of the packetdrill language. The longest match wins, as in the language's own scanner. */
#pragma once

#include "nsdrill/script.h"

enum token_kind {
	TOK_END,
	TOK_INT,   /* num; text as written */
	TOK_HEX,   /* num */
	TOK_FLOAT, /* real; text as written */
	TOK_WORD,
	TOK_STRING,    /* text without quotes, escapes as written */
	TOK_BACKQUOTE, /* text without quotes */
	TOK_CODE,      /* text between %{ and }% without blanks at the ends */
	TOK_IPV4,
	TOK_IPV6,
	TOK_ELLIPSIS,
	TOK_OPTION, /* text without the dashes */
	TOK_CHAR,   /* num is the character */
};

struct token {
	enum token_kind kind;
	struct loc at;
	int64_t num;
	double real;
	const char *text;
	size_t len;
};

struct lexer {
	const char *start, *pos, *end;
	const char *line_start;
	int line;
	struct arena *arena;
	const struct defines *defines; /* words are looked up here first */
	struct diag *diag;
};

/* 0, or -EINVAL with the diagnosis filled (a quote that is not closed, a number out of range). */
int lexer_next(struct lexer *lx, struct token *ret);
/* What a token is called in a message. */
const char *token_text(const struct token *tok, char buf[64]);
