/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/cmd.h"

static const struct option_def options[] = {{0}};

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	int r = container_open(&c, call->g->root, call->args[0], false, call->cause);
	json_t *o;

	if (r < 0)
		return r;
	o = container_state_json(c);
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
	return 0;
}

const struct cmd cmd_state = {
	.name = "state",
	.usage = "CONTAINER",
	.help = "print the state of a container as JSON",
	.run = run,
	.options = options,
	.min_args = 1,
	.max_args = 1,
};
