/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"
#include "container/lifecycle.h"

static const struct option_def options[] = {{0}};

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	int r = container_open(&c, call->g->root, call->args[0], true, call->cause);

	if (r < 0)
		return r;
	bool was_created = c->status == CONTAINER_CREATED;

	r = container_start(c, call->cause);
	/* A poststart hook that failed: the container is stopped already, and goes (lifecycle, step 12). */
	if (r < 0 && was_created && c->status == CONTAINER_RUNNING) {
		struct cause ignored;

		(void)container_destroy(c, &ignored);
	}
	return r;
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
