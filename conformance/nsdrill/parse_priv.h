/* SPDX-License-Identifier: Apache-2.0 */
/* The parser's parts: recursive descent with one token of look-ahead. */
#pragma once

#include "nsdrill/lexer.h"

/* Nesting that a script may use; a deeper one is refused, not a stack overflow. */
#define EXPR_DEPTH_MAX 32

struct parser {
	struct lexer lx;
	struct token tok; /* the next one */
	struct script *script;
	struct arena *arena;
	int depth;
};

int parser_advance(struct parser *ps);
/* Says what was expected instead of the next token. Returns -EINVAL. */
int parser_unexpected(struct parser *ps, const char *expected);
bool parser_is_char(const struct parser *ps, char c);
bool parser_is_word(const struct parser *ps, const char *word);
/* Takes the character or word, or fails. */
int parser_char(struct parser *ps, char c);
int parser_word(struct parser *ps, const char *word);
/* Takes a number within the bounds (decimal or hex). */
int parser_number(struct parser *ps, int64_t min, int64_t max, const char *what, int64_t *ret);

int parse_expr(struct parser *ps, struct expr **ret);
/* Up to @close, which is taken; @open was taken. */
int parse_expr_list(struct parser *ps, char close, struct expr ***ret, size_t *count);
/* From '<' or '>' on. */
int parse_packet(struct parser *ps, struct packet **ret);
int parse_tcp(struct parser *ps, struct packet *p);
/* 1: parsed "[udp (n)]" ... */
int parse_seq(struct parser *ps, uint32_t *seq, uint32_t *len);
