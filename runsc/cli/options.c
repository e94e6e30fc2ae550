/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option_def *find_long(const struct option_def *table, const char *name,
					  size_t len)
{
	for (; table->name; table++) {
		if (strlen(table->name) == len && !memcmp(table->name, name, len))
			return table;
	}
	return NULL;
}

static const struct option_def *find_letter(const struct option_def *table, char letter)
{
	for (; table->name; table++) {
		if (table->letter == letter)
			return table;
	}
	return NULL;
}

static bool is_flag(const struct option_def *def)
{
	return def->kind == OPTION_FLAG || def->kind == OPTION_IGNORED_FLAG;
}

static int parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True", "yes"};
	static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False", "no"};

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (!strcmp(text, yes[i])) {
			*ret = true;
			return 0;
		}
		if (!strcmp(text, no[i])) {
			*ret = false;
			return 0;
		}
	}
	return -EINVAL;
}

static int store(const struct option_def *def, const char *value, void *values, struct cause *cause)
{
	void *at = (char *)values + def->offset;
	struct string_list *list = at;
	const char **items;
	bool on = true;

	switch (def->kind) {
	case OPTION_FLAG:
	case OPTION_IGNORED_FLAG:
		if (value && parse_bool(value, &on) < 0)
			return cause_set(cause, -EINVAL, "--%s: \"%s\" is not true or false",
					 def->name, value);
		if (def->kind == OPTION_FLAG)
			*(bool *)at = on;
		return 0;
	case OPTION_STRING:
		*(const char **)at = value;
		return 0;
	case OPTION_LIST:
		items = realloc(list->items, (list->n + 1) * sizeof(*items));
		if (!items)
			return cause_errno(cause, -ENOMEM, "--%s", def->name);
		items[list->n++] = value;
		list->items = items;
		return 0;
	case OPTION_IGNORED_STRING:
		return 0;
	}
	return 0;
}

struct scan {
	const struct option_def *table;
	int argc;
	char **argv;
	int at;
	void *values;
	struct cause *cause;
};

/* --name, --name=value, -name, -name=value, -n, -nVALUE */
static int parse_one(struct scan *s, const char *arg)
{
	bool two_dashes = arg[1] == '-';
	const char *name = arg + (two_dashes ? 2 : 1);
	const char *eq = strchr(name, '=');
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	const struct option_def *def = find_long(s->table, name, len);
	const char *value = eq ? eq + 1 : NULL;

	if (!def && !two_dashes && name[0] && (def = find_letter(s->table, name[0]))) {
		value = name[1] == '=' ? name + 2 : name[1] ? name + 1 : NULL;
		if (is_flag(def) && value && name[1] != '=') {
			/* -qa: a cluster of flags */
			for (const char *p = name; *p; p++) {
				def = find_letter(s->table, *p);
				if (!def || !is_flag(def))
					return cause_set(s->cause, -EINVAL,
							 "flag provided but not defined: %s", arg);
				(void)store(def, NULL, s->values, s->cause);
			}
			return 0;
		}
	}
	if (!def)
		return cause_set(s->cause, -EINVAL, "flag provided but not defined: -%.*s",
				 (int)len, name);
	if (!is_flag(def) && !value) {
		if (s->at + 1 >= s->argc)
			return cause_set(s->cause, -EINVAL, "flag needs an argument: -%s",
					 def->name);
		value = s->argv[++s->at];
	}
	return store(def, value, s->values, s->cause);
}

int options_parse(const struct option_def *table, enum option_order order, int argc, char **argv,
		  void *values, char ***ret_operands, size_t *ret_n, struct cause *cause)
{
	char **operands = calloc((size_t)argc + 1, sizeof(*operands));
	struct scan s = {table, argc, argv, 1, values, cause};
	bool options = true;
	size_t n = 0;

	if (!operands)
		return cause_errno(cause, -ENOMEM, "arguments");
	for (; s.at < argc; s.at++) {
		char *arg = argv[s.at];

		if (options && !strcmp(arg, "--")) {
			options = false;
		} else if (options && arg[0] == '-' && arg[1]) {
			int r = parse_one(&s, arg);

			if (r < 0) {
				free(operands);
				return r;
			}
		} else {
			operands[n++] = arg;
			if (order == OPTIONS_BEFORE_FIRST)
				options = false;
		}
	}
	*ret_operands = operands;
	*ret_n = n;
	return 0;
}

void options_print(const struct option_def *table, void *to)
{
	for (; table->name; table++) {
		char left[64];

		if (!table->help)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s%s%c", table->name, table->arg ? " " : "",
			 table->arg ? table->arg : "", table->letter ? ", -" : "",
			 table->letter ? table->letter : ' ');
		fprintf(to, "   %-30s %s\n", left, table->help);
	}
}
