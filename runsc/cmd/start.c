/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"
#include "container/lifecycle.h"

static const struct option_def options[] = {{0}};

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	int r = container_open(&c, call->g->root, call->args[0], true, call->cause);

	return r < 0 ? r : container_start(c, call->cause);
}

const struct cmd cmd_start = {
	.name = "start",
	.usage = "CONTAINER",
	.help = "run the program of a created container",
	.run = run,
	.options = options,
	.min_args = 1,
	.max_args = 1,
};
