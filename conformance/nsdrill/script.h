/* SPDX-License-Identifier: Apache-2.0 */
/* The packetdrill language, parsed: options, commands, and events in the order of the file.
 *
 * A script owns an arena; everything that its nodes point to lives there and dies with it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nsdrill/arena.h"
#include "nsdrill/packet.h"
#include "util/cleanup.h"

/* Where something was written, both from 1. */
struct loc {
	int line, col;
};

/* A failure with its place. @at.line 0: not of one place. */
struct diag {
	struct loc at;
	char text[2048];
};

/* Writes the message; returns -EINVAL, so that callers can return it. */
int diag_set(struct diag *d, struct loc at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

enum expr_kind {
	EXPR_INT,      /* num */
	EXPR_WORD,     /* text: a symbol */
	EXPR_STRING,   /* text, len: escapes resolved */
	EXPR_ELLIPSIS, /* ... */
	EXPR_LIST,     /* [ items ] */
	EXPR_GROUP,    /* { items }: positional */
	EXPR_STRUCT,   /* { name=value, ... }: items are EXPR_FIELD */
	EXPR_FIELD,    /* text(arg)=value: items[0] is the value, items[1] the argument if any */
	EXPR_CALL,     /* text(items): htons, inet_addr, inet6_addr */
	EXPR_OR,       /* items[0] | items[1] */
};

struct expr {
	enum expr_kind kind;
	struct loc at;
	int64_t num;
	const char *text;
	size_t len;
	struct expr **items;
	size_t count;
};

/* The value of a field of an EXPR_STRUCT, or NULL. */
const struct expr *expr_field(const struct expr *e, const char *name);

enum time_kind { TIME_ABSOLUTE, TIME_RELATIVE, TIME_ANY, TIME_ABSOLUTE_RANGE, TIME_RELATIVE_RANGE };

enum event_kind { EVENT_PACKET, EVENT_CALL, EVENT_COMMAND, EVENT_CODE };

#define CALL_NOT_BLOCKING (-1)

struct call {
	const char *name;
	struct expr **args;
	size_t nargs;
	struct expr *result;
	const char *error; /* the errno's name, or NULL */
	int64_t end_us;	   /* when a blocking call returns, or CALL_NOT_BLOCKING */
};

struct event {
	enum event_kind kind;
	struct loc at;
	enum time_kind time;
	int64_t us, us_end; /* as written; us_end only of a range */
	struct packet *packet;
	struct call call;
	const char *text; /* command or code */
	struct event *next;
};

struct option {
	const char *name, *value; /* value NULL: none */
	struct loc at;
	struct option *next;
};

struct script {
	struct arena arena;
	const char *path;
	struct option *options;
	const char *init, *cleanup; /* commands, or NULL */
	struct loc init_at;
	struct event *events;
	size_t nevents;
};

/* name=value of --define. The value of a string keeps its quotes, as in the script. */
struct define {
	const char *name, *value;
};

/* Reads a script from memory. @options_seen is called (if not NULL) once the options are read and
 * before anything else is, so that it can change @defines. 0, or -EINVAL with @diag filled. */
struct defines {
	struct define list[64];
	size_t count;
};
typedef int script_options_fn(void *ctx, struct script *script, struct defines *defines,
			      struct diag *diag);
MUST_CHECK int script_parse(struct script **ret, const char *path, const char *text, size_t len,
			    struct defines *defines, script_options_fn *options_seen, void *ctx,
			    struct diag *diag);
struct script *script_free(struct script *script);
DEFINE_CLEANUP(struct script *, script_free)

/* NULL if there is none; -ENOSPC, if the table is full. */
const char *defines_get(const struct defines *d, const char *name);
int defines_set(struct defines *d, const char *name, const char *value);
