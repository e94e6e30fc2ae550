/* SPDX-License-Identifier: Apache-2.0 */
/* pause and resume. */
#include <errno.h>

#include "cmd/cmd.h"
#include "container/control.h"
#include "sandbox/cgroup.h"

static const struct option_def options[] = {{0}};

static int change(struct cmd_call *call, bool pause)
{
	CLEANUP(container_closep) struct container *c = NULL;
	struct control_call ctl = {.req.op = pause ? CONTROL_PAUSE : CONTROL_RESUME,
				   .timeout_ms = 10000};
	enum container_status from = pause ? CONTAINER_RUNNING : CONTAINER_PAUSED;
	int r = container_open(&c, call->g->root, call->args[0], true, call->cause);

	if (r < 0)
		return r;
	if (c->status != from)
		return cause_set(call->cause, -EINVAL, "container not %s: it is %s",
				 container_status_name(from), container_status_name(c->status));
	/* What the control group has frozen cannot answer: thaw first. */
	if (!pause)
		(void)cgroup_freeze(c->cgroups, false);
	r = control_once(c, &ctl, NULL, NULL, call->cause);
	if (r == -EOPNOTSUPP && pause)
		r = cgroup_freeze(c->cgroups, true);
	else if (r == -EOPNOTSUPP)
		r = 0;
	if (r < 0)
		return r;
	c->status = pause ? CONTAINER_PAUSED : CONTAINER_RUNNING;
	return container_save(c, call->cause);
}

static int pause_run(struct cmd_call *call)
{
	return change(call, true);
}

static int resume_run(struct cmd_call *call)
{
	return change(call, false);
}

const struct cmd cmd_pause = {
	.name = "pause",
	.usage = "CONTAINER",
	.help = "stop every process of a container where it is",
	.run = pause_run,
	.options = options,
	.min_args = 1,
	.max_args = 1,
};

const struct cmd cmd_resume = {
	.name = "resume",
	.usage = "CONTAINER",
	.help = "let a paused container go on",
	.run = resume_run,
	.options = options,
	.min_args = 1,
	.max_args = 1,
};
