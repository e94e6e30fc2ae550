/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "container/control.h"
#include "sandbox/cgroup.h"

struct ps_options {
	const char *format;
};

static const struct option_def options[] = {
	{"format", 'f', OPTION_STRING, offsetof(struct ps_options, format), "table|json",
	 "table: the container's processes; json: their numbers on the host"},
	{0},
};

/* Engines look the numbers up in the host's own process list. */
static int print_host_pids(struct container *c)
{
	json_t *array = json_array();
	pid_t *pids;
	size_t n = cgroup_pids(c->cgroups, &pids);

	for (size_t i = 0; i < n; i++) {
		if (pids[i] != c->gofer.pid)
			json_array_append_new(array, json_integer(pids[i]));
	}
	if (!json_array_size(array))
		json_array_append_new(array, json_integer(c->sandbox.pid));
	json_dumpf(array, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(array);
	free(pids);
	return 0;
}

/* "pid ppid uid state cpu_ms args" */
static void print_process(const char *line)
{
	int pid, ppid, at = 0;
	unsigned uid;
	char state[16];
	unsigned long long ms;

	if (sscanf(line, "%d %d %u %15s %llu %n", &pid, &ppid, &uid, state, &ms, &at) < 5)
		return;
	printf("%-8u %7d %7d %-5s %02llu:%02llu:%02llu %s\n", uid, pid, ppid, state, ms / 3600000,
	       ms / 60000 % 60, ms / 1000 % 60, line + at);
}

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	const struct ps_options *o = call->values;
	struct control_call ctl = {.req.op = CONTROL_PS, .timeout_ms = 5000};
	char *text = NULL, *save;
	int r = container_open(&c, call->g->root, call->args[0], false, call->cause);

	if (r < 0)
		return r;
	if (c->status == CONTAINER_STOPPED)
		return cause_set(call->cause, -ESRCH, "container not running");
	if (o->format && !strcmp(o->format, "json"))
		return print_host_pids(c);
	if (o->format && strcmp(o->format, "table"))
		return cause_set(call->cause, -EINVAL, "invalid format option \"%s\"", o->format);
	r = control_once(c, &ctl, NULL, &text, call->cause);
	if (r < 0)
		return r;
	printf("%-8s %7s %7s %-5s %8s %s\n", "UID", "PID", "PPID", "STAT", "TIME", "CMD");
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		print_process(line);
	free(text);
	return 0;
}

const struct cmd cmd_ps = {
	.name = "ps",
	.usage = "CONTAINER [ps options]",
	.help = "list the processes of a container",
	.run = run,
	.options = options,
	.values_size = sizeof(struct ps_options),
	.order = OPTIONS_BEFORE_FIRST,
	.min_args = 1,
	.max_args = SIZE_MAX,
};
