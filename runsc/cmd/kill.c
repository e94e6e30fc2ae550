/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "container/control.h"
#include "container/lifecycle.h"
#include "oci/names.h"

struct kill_options {
	bool all;
	const char *pid, *pgid;
};

static const struct option_def options[] = {
	{"all", 'a', OPTION_FLAG, offsetof(struct kill_options, all), NULL,
	 "send it to every process of the container"},
	{"pid", 0, OPTION_STRING, offsetof(struct kill_options, pid), "PID",
	 "send it to one process, by its number in the container"},
	{"pgid", 0, OPTION_STRING, offsetof(struct kill_options, pgid), "PGID",
	 "send it to one process group"},
	{.name = "regex", .letter = 'r', .kind = OPTION_IGNORED_FLAG},
	{0},
};

static int kill_one(struct cmd_call *call, struct container *c, const char *pid, bool group,
		    int signo)
{
	struct control_call ctl = {
		.req = {.op = CONTROL_SIGNAL,
			.u.signal = {.pid = atoi(pid), .signo = signo, .group = group}},
		.timeout_ms = 10000,
	};

	if (ctl.req.u.signal.pid <= 0)
		return cause_set(call->cause, -EINVAL, "\"%s\" is not a process number", pid);
	return control_once(c, &ctl, NULL, NULL, call->cause);
}

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	const struct kill_options *o = call->values;
	const char *name = call->n_args > 1 ? call->args[1] : "TERM";
	int signo = strcmp(name, "0") ? signal_from_name(name) : 0; /* 0 asks whether it runs */
	int r;

	if (signo < 0)
		return cause_set(call->cause, -EINVAL, "unknown signal \"%s\"", name);
	r = container_open(&c, call->g->root, call->args[0], true, call->cause);
	if (r < 0)
		return r;
	if (o->pid || o->pgid)
		return kill_one(call, c, o->pid ? o->pid : o->pgid, o->pgid != NULL, signo);
	/* "kill --all" of a container that has ended is how engines clean up: nothing to do. */
	if (o->all && c->status == CONTAINER_STOPPED)
		return 0;
	return container_kill(c, signo, o->all, call->cause);
}

const struct cmd cmd_kill = {
	.name = "kill",
	.usage = "CONTAINER [SIGNAL]",
	.help = "send a signal (TERM) to the container's init process",
	.run = run,
	.options = options,
	.values_size = sizeof(struct kill_options),
	.min_args = 1,
	.max_args = 2,
};
