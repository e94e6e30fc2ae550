/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>

#include "cmd/cmd.h"
#include "container/lifecycle.h"

struct delete_options {
	bool force;
};

static const struct option_def options[] = {
	{"force", 'f', OPTION_FLAG, offsetof(struct delete_options, force), NULL,
	 "kill the container first if it runs; a missing one is no error"},
	{.name = "regex", .letter = 'r', .kind = OPTION_IGNORED_FLAG},
	{0},
};

static int delete_one(struct cmd_call *call, const char *id, bool force)
{
	CLEANUP(container_closep) struct container *c = NULL;
	int r = container_open(&c, call->g->root, id, true, call->cause);

	if (r == -ENOENT && force)
		return 0;
	if (r < 0)
		return r;
	/* One whose program has just ended is about to be stopped. */
	if (!force && c->status == CONTAINER_RUNNING && proc_wait(&c->sandbox, 50))
		container_refresh(c);
	/* A created container has run nothing yet: it goes without force, as with runc. */
	if (!force && (c->status == CONTAINER_RUNNING || c->status == CONTAINER_PAUSED))
		return cause_set(call->cause, -EBUSY,
				 "cannot delete container %s that is not stopped: %s", c->id,
				 container_status_name(c->status));
	return container_destroy(c, call->cause);
}

static int run(struct cmd_call *call)
{
	const struct delete_options *o = call->values;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < call->n_args; i++)
		r = delete_one(call, call->args[i], o->force);
	return r;
}

const struct cmd cmd_delete = {
	.name = "delete",
	.usage = "CONTAINER...",
	.help = "remove what a container has left",
	.run = run,
	.options = options,
	.values_size = sizeof(struct delete_options),
	.min_args = 1,
	.max_args = SIZE_MAX,
};
