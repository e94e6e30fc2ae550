/* SPDX-License-Identifier: Apache-2.0 */
/* Command line options from a table. Takes GNU style (--name value, --name=value, -n value) and the
 * single-dash long names of Go programs (-name, -name=value), which engines and guides use for
 * runtimes of this kind. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/cause.h"

enum option_kind {
	OPTION_FLAG,	     /* value: bool; accepts =true and =false */
	OPTION_STRING,	     /* value: const char * */
	OPTION_LIST,	     /* value: struct string_list, repeatable */
	OPTION_IGNORED_FLAG, /* accepted for compatibility, does nothing here */
	OPTION_IGNORED_STRING,
};

struct string_list {
	const char **items;
	size_t n;
};

struct option_def {
	const char *name; /* without dashes; NULL ends a table */
	char letter;	  /* 0: none */
	enum option_kind kind;
	size_t offset;	  /* of the value in the command's structure */
	const char *arg;  /* name of the value in the usage text */
	const char *help; /* NULL: not shown */
};

enum option_order {
	OPTIONS_ANYWHERE,     /* options may follow operands */
	OPTIONS_BEFORE_FIRST, /* the first operand ends the options */
};

/* Parses argv[1..]; what is not an option is moved to operands (borrowed, NULL-terminated array to
 * be freed). Returns 0 or -EINVAL with the cause. */
int options_parse(const struct option_def *table, enum option_order order, int argc, char **argv,
		  void *values, char ***ret_operands, size_t *ret_n, struct cause *cause);

/* Two columns of help text on @to (a FILE). */
void options_print(const struct option_def *table, void *to);
