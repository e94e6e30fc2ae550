/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/sweep.h"

struct list_options {
	bool quiet;
	const char *format;
};

static const struct option_def options[] = {
	{"quiet", 'q', OPTION_FLAG, offsetof(struct list_options, quiet), NULL, "ids only"},
	{"format", 'f', OPTION_STRING, offsetof(struct list_options, format), "table|json",
	 "how to print it"},
	{0},
};

static int add_json(struct container *c, void *arg)
{
	json_array_append_new(arg, container_state_json(c));
	return 0;
}

static int print_id(struct container *c, void *arg)
{
	(void)arg;
	puts(c->id);
	return 0;
}

struct widths {
	int id, bundle, created;
	bool print;
};

static int print_row(struct container *c, void *arg)
{
	struct widths *w = arg;
	int id = (int)strlen(c->id), bundle = c->bundle ? (int)strlen(c->bundle) : 0;
	int created = c->created ? (int)strlen(c->created) : 0;

	if (!w->print) {
		w->id = MAX(w->id, id);
		w->bundle = MAX(w->bundle, bundle);
		w->created = MAX(w->created, created);
		return 0;
	}
	printf("%-*s %-11d %-11s %-*s %-*s %s\n", w->id, c->id,
	       c->status == CONTAINER_STOPPED ? 0 : (int)c->sandbox.pid,
	       container_status_name(c->status), w->bundle, c->bundle ? c->bundle : "", w->created,
	       c->created ? c->created : "", c->owner ? c->owner : "");
	return 0;
}

static int run(struct cmd_call *call)
{
	const struct list_options *o = call->values;
	struct widths w = {11, 11, 11, false};
	json_t *array;
	int r;

	sweep(call->g->root);
	if (o->quiet)
		return container_each(call->g->root, print_id, NULL, call->cause);
	if (o->format && !strcmp(o->format, "json")) {
		array = json_array();
		r = container_each(call->g->root, add_json, array, call->cause);
		if (r >= 0 && !json_array_size(array))
			puts("null");
		else if (r >= 0 && json_dumpf(array, stdout, JSON_COMPACT) == 0)
			putchar('\n');
		json_decref(array);
		return r;
	}
	if (o->format && strcmp(o->format, "table") && strcmp(o->format, "text"))
		return cause_set(call->cause, -EINVAL, "invalid format option \"%s\"", o->format);
	r = container_each(call->g->root, print_row, &w, call->cause);
	printf("%-*s %-11s %-11s %-*s %-*s %s\n", w.id, "ID", "PID", "STATUS", w.bundle, "BUNDLE",
	       w.created, "CREATED", "OWNER");
	w.print = true;
	return r < 0 ? r : container_each(call->g->root, print_row, &w, call->cause);
}

const struct cmd cmd_list = {
	.name = "list",
	.usage = "",
	.help = "list the containers below --root",
	.run = run,
	.options = options,
	.values_size = sizeof(struct list_options),
	.max_args = 0,
};
