/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "container/control.h"

struct wait_options {
	const char *pid;
};

static const struct option_def options[] = {
	{"pid", 0, OPTION_STRING, offsetof(struct wait_options, pid), "PID",
	 "wait for one process, by its number in the container"},
	{.name = "rootpid", .kind = OPTION_IGNORED_STRING},
	{0},
};

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	const struct wait_options *o = call->values;
	struct control_call ctl = {.req = {.op = CONTROL_WAIT, .u.pid = o->pid ? atoi(o->pid) : 1}};
	struct control_reply reply;
	int r = container_open(&c, call->g->root, call->args[0], false, call->cause);

	if (r >= 0)
		r = control_once(c, &ctl, &reply, NULL, call->cause);
	if (r < 0)
		return r;
	printf("{\"id\":\"%s\",\"exitStatus\":%d}\n", c->id, reply.value);
	return 0;
}

const struct cmd cmd_wait = {
	.name = "wait",
	.usage = "CONTAINER",
	.help = "wait for a container's end and print its exit status",
	.run = run,
	.options = options,
	.values_size = sizeof(struct wait_options),
	.min_args = 1,
	.max_args = 1,
};
