/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts: options, commands, events. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nsdrill/parse_priv.h"

/* Longest time that a script may name, so that sums never overflow. */
#define TIME_MAX_S 1e6

int parser_advance(struct parser *ps)
{
	return lexer_next(&ps->lx, &ps->tok);
}

int parser_unexpected(struct parser *ps, const char *expected)
{
	char buf[64];

	return diag_set(ps->lx.diag, ps->tok.at, "expected %s instead of %s", expected,
			token_text(&ps->tok, buf));
}

bool parser_is_char(const struct parser *ps, char c)
{
	return ps->tok.kind == TOK_CHAR && ps->tok.num == c;
}

bool parser_is_word(const struct parser *ps, const char *word)
{
	return ps->tok.kind == TOK_WORD && strcmp(ps->tok.text, word) == 0;
}

int parser_char(struct parser *ps, char c)
{
	char what[4] = {'\'', c, '\'', 0};

	return parser_is_char(ps, c) ? parser_advance(ps) : parser_unexpected(ps, what);
}

int parser_word(struct parser *ps, const char *word)
{
	return parser_is_word(ps, word) ? parser_advance(ps) : parser_unexpected(ps, word);
}

int parser_number(struct parser *ps, int64_t min, int64_t max, const char *what, int64_t *ret)
{
	if (ps->tok.kind != TOK_INT && ps->tok.kind != TOK_HEX)
		return parser_unexpected(ps, what);
	if (ps->tok.num < min || ps->tok.num > max)
		return diag_set(ps->lx.diag, ps->tok.at, "%s %s is out of range", what,
				ps->tok.text);
	*ret = ps->tok.num;
	return parser_advance(ps);
}

/* --name or --name=value; a value may itself be WORD=value, as --define wants it. */
static int parse_option(struct parser *ps, struct option ***tail)
{
	struct option *opt = arena_alloc(ps->arena, sizeof(*opt));

	opt->name = ps->tok.text;
	opt->at = ps->tok.at;

	int r = parser_advance(ps);

	if (r < 0)
		return r;
	if (parser_is_char(ps, '=')) {
		r = parser_advance(ps);
		if (r < 0)
			return r;
		if (ps->tok.kind == TOK_CHAR || ps->tok.kind == TOK_END)
			return parser_unexpected(ps, "a value");
		opt->value = ps->tok.text;
		r = parser_advance(ps);
		if (r < 0)
			return r;
		if (parser_is_char(ps, '=')) {
			r = parser_advance(ps);
			if (r < 0)
				return r;

			const char *quote = ps->tok.kind == TOK_STRING	    ? "\""
					    : ps->tok.kind == TOK_BACKQUOTE ? "`"
									    : "";

			opt->value = arena_printf(ps->arena, "%s=%s%s%s", opt->value, quote,
						  ps->tok.text, quote);
			r = parser_advance(ps);
		} else if (parser_is_char(ps, '/')) { /* a prefix: 192.0.2.0/24 */
			r = parser_advance(ps);
			if (r < 0)
				return r;
			opt->value = arena_printf(ps->arena, "%s/%s", opt->value, ps->tok.text);
			r = parser_advance(ps);
		}
	}
	**tail = opt;
	*tail = &opt->next;
	return r;
}

static int parse_time(struct parser *ps, int64_t *ret)
{
	double s;

	if (ps->tok.kind == TOK_FLOAT)
		s = ps->tok.real;
	else if (ps->tok.kind == TOK_INT)
		s = (double)ps->tok.num;
	else
		return parser_unexpected(ps, "a time");
	if (!(s >= 0 && s <= TIME_MAX_S))
		return diag_set(ps->lx.diag, ps->tok.at, "time %s is out of range", ps->tok.text);
	*ret = (int64_t)(s * 1e6 + 0.5);
	return parser_advance(ps);
}

static int parse_event_time(struct parser *ps, struct event *ev)
{
	bool relative = parser_is_char(ps, '+');
	int r;

	if (parser_is_char(ps, '*')) {
		ev->time = TIME_ANY;
		return parser_advance(ps);
	}
	if (relative && (r = parser_advance(ps)) < 0)
		return r;
	ev->time = relative ? TIME_RELATIVE : TIME_ABSOLUTE;
	r = parse_time(ps, &ev->us);
	if (r < 0 || !parser_is_char(ps, '~'))
		return r;
	ev->time = relative ? TIME_RELATIVE_RANGE : TIME_ABSOLUTE_RANGE;
	r = parser_advance(ps);
	if (r == 0 && relative)
		r = parser_char(ps, '+');
	if (r == 0)
		r = parse_time(ps, &ev->us_end);
	if (r == 0 && ev->us_end < ev->us)
		return diag_set(ps->lx.diag, ev->at, "time range is backwards");
	return r;
}

/* The words after a result explain it to people; they end with the bracket. */
static int skip_note(struct parser *ps)
{
	int r = parser_char(ps, '(');

	while (r == 0 && !parser_is_char(ps, ')')) {
		if (ps->tok.kind == TOK_END)
			return parser_unexpected(ps, "')'");
		r = parser_advance(ps);
	}
	return r < 0 ? r : parser_char(ps, ')');
}

static int parse_call(struct parser *ps, struct event *ev)
{
	struct call *call = &ev->call;
	int r = 0;

	ev->kind = EVENT_CALL;
	call->end_us = CALL_NOT_BLOCKING;
	if (ps->tok.kind == TOK_ELLIPSIS) {
		r = parser_advance(ps);
		if (r == 0)
			r = parse_time(ps, &call->end_us);
		if (r < 0)
			return r;
	}
	ev->at = ps->tok.at;
	if (ps->tok.kind != TOK_WORD)
		return parser_unexpected(ps, "a packet, a system call, a command or code");
	call->name = ps->tok.text;
	r = parser_advance(ps);
	if (r == 0)
		r = parser_char(ps, '(');
	if (r == 0)
		r = parse_expr_list(ps, ')', &call->args, &call->nargs);
	if (r == 0)
		r = parser_char(ps, '=');
	if (r == 0)
		r = parse_expr(ps, &call->result);
	if (r == 0 && ps->tok.kind == TOK_WORD) {
		call->error = ps->tok.text;
		r = parser_advance(ps);
	}
	if (r == 0 && parser_is_char(ps, '('))
		r = skip_note(ps);
	return r;
}

static int parse_action(struct parser *ps, struct event *ev)
{
	switch (ps->tok.kind) {
	case TOK_CODE:
		ev->kind = EVENT_CODE;
		ev->text = ps->tok.text;
		return parser_advance(ps);
	case TOK_BACKQUOTE:
		ev->kind = EVENT_COMMAND;
		ev->text = ps->tok.text;
		return parser_advance(ps);
	default:
		break;
	}
	if (parser_is_char(ps, '<') || parser_is_char(ps, '>')) {
		ev->kind = EVENT_PACKET;
		return parse_packet(ps, &ev->packet);
	}
	return parse_call(ps, ev);
}

static int parse_event(struct parser *ps, struct event ***tail)
{
	struct event *ev = arena_alloc(ps->arena, sizeof(*ev));
	struct loc at = ps->tok.at;

	ev->at = at;

	int r = parse_event_time(ps, ev);

	if (r < 0)
		return r;
	ev->at = ps->tok.at;
	r = parse_action(ps, ev);
	if (r < 0)
		return r;

	bool expects = ev->kind == EVENT_PACKET && ev->packet->outbound;

	if (ev->time != TIME_ABSOLUTE && ev->time != TIME_RELATIVE && !expects)
		return diag_set(ps->lx.diag, at, "only an outbound packet can have %s as its time",
				ev->time == TIME_ANY ? "*" : "a range");
	**tail = ev;
	*tail = &ev->next;
	ps->script->nevents++;
	return 0;
}

static int parse_script(struct parser *ps, struct defines *defines, script_options_fn *options_seen,
			void *ctx)
{
	struct script *script = ps->script;
	struct option **options = &script->options;
	struct event **events = &script->events;
	int r = parser_advance(ps);

	while (r == 0 && ps->tok.kind == TOK_OPTION)
		r = parse_option(ps, &options);
	if (r == 0 && options_seen) {
		struct lexer mark = ps->lx;

		r = options_seen(ctx, script, defines, ps->lx.diag);
		/* The token already read may be a word that the options define. */
		if (r == 0 && ps->tok.kind == TOK_WORD) {
			mark.pos -= strlen(ps->tok.text);
			ps->lx = mark;
			r = parser_advance(ps);
		}
	}
	if (r == 0 && ps->tok.kind == TOK_BACKQUOTE) {
		script->init = ps->tok.text;
		script->init_at = ps->tok.at;
		r = parser_advance(ps);
	}
	while (r == 0 && ps->tok.kind != TOK_END && ps->tok.kind != TOK_BACKQUOTE)
		r = parse_event(ps, &events);
	if (r == 0 && ps->tok.kind == TOK_BACKQUOTE) {
		script->cleanup = ps->tok.text;
		r = parser_advance(ps);
		if (r == 0 && ps->tok.kind != TOK_END)
			return parser_unexpected(ps,
						 "the end of the script after the last command");
	}
	if (r == 0 && !script->events)
		return diag_set(ps->lx.diag, ps->tok.at, "the script has no events");
	return r;
}

int script_parse(struct script **ret, const char *path, const char *text, size_t len,
		 struct defines *defines, script_options_fn *options_seen, void *ctx,
		 struct diag *diag)
{
	struct arena arena = {0};
	struct script *script = arena_alloc(&arena, sizeof(*script));

	script->arena = arena;
	script->path = arena_strndup(&script->arena, path, strlen(path));

	char *copy = arena_strndup(&script->arena, text, len);
	struct parser ps = {
		.lx = {copy, copy, copy + len, copy, 1, &script->arena, defines, diag},
		.script = script,
		.arena = &script->arena,
	};
	int r = parse_script(&ps, defines, options_seen, ctx);

	if (r < 0) {
		script_free(script);
		return r;
	}
	*ret = script;
	return 0;
}

struct script *script_free(struct script *script)
{
	if (script) {
		struct arena arena = script->arena; /* the script lies in it */

		arena_fini(&arena);
	}
	return NULL;
}
