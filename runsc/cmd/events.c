/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics in runc's form: one line, from the control group and the sandbox. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/cmd.h"
#include "container/control.h"
#include "sandbox/cgroup.h"

struct events_options {
	bool stats;
	const char *interval;
};

static const struct option_def options[] = {
	{"stats", 0, OPTION_FLAG, offsetof(struct events_options, stats), NULL,
	 "print the statistics once and end"},
	{"interval", 0, OPTION_STRING, offsetof(struct events_options, interval), "TIME",
	 "between two lines (5s)"},
	{0},
};

static json_int_t number(const json_t *dirs, const char *v1, const char *v2)
{
	char buf[64];

	if (cgroup_read(dirs, v1, buf, sizeof(buf)) || cgroup_read(dirs, v2, buf, sizeof(buf)))
		return strtoll(buf, NULL, 10);
	return 0;
}

static json_int_t cpu_ns(const json_t *dirs)
{
	char buf[1024];
	const char *at;

	if (cgroup_read(dirs, "cpuacct.usage", buf, sizeof(buf)))
		return strtoll(buf, NULL, 10);
	if (cgroup_read(dirs, "cpu.stat", buf, sizeof(buf)) && (at = strstr(buf, "usage_usec ")))
		return strtoll(at + 11, NULL, 10) * 1000;
	return 0;
}

static json_t *sandbox_stats(struct container *c)
{
	struct control_call ctl = {.req.op = CONTROL_STATS, .timeout_ms = 5000};
	struct cause ignored;
	json_t *o = json_object();
	char *text = NULL, *save, name[128];
	long long v;

	if (control_once(c, &ctl, NULL, &text, &ignored) < 0)
		return o;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%127s %lld", name, &v) == 2)
			json_object_set_new(o, name, json_integer(v));
	}
	free(text);
	return o;
}

static void print_stats(struct container *c)
{
	const json_t *g = c->cgroups;
	json_t *o = json_pack(
		"{s:s, s:s, s:{s:{s:{s:I}}, s:{s:{s:I, s:I, s:I, s:I}}, s:{s:I, s:I}, s:{}, s:{}, "
		"s:o}}",
		"type", "stats", "id", c->id, "data", "cpu", "usage", "total", cpu_ns(g), "memory",
		"usage", "limit", number(g, "memory.limit_in_bytes", "memory.max"), "usage",
		number(g, "memory.usage_in_bytes", "memory.current"), "max",
		number(g, "memory.max_usage_in_bytes", "memory.peak"), "failcnt",
		number(g, "memory.failcnt", "memory.failcnt"), "pids", "current",
		number(g, "pids.current", "pids.current"), "limit",
		number(g, "pids.max", "pids.max"), "blkio", "hugetlb", "sandbox", sandbox_stats(c));

	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(o);
}

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	const struct events_options *o = call->values;
	double seconds = o->interval ? strtod(o->interval, NULL) : 5;
	int r = container_open(&c, call->g->root, call->args[0], false, call->cause);

	if (r < 0)
		return r;
	if (c->status == CONTAINER_STOPPED)
		return cause_set(call->cause, -ESRCH, "container not running");
	if (seconds <= 0)
		return cause_set(call->cause, -EINVAL, "--interval: \"%s\" is not a time",
				 o->interval);
	if (o->interval && strstr(o->interval, "ms"))
		seconds /= 1000;
	for (;;) {
		print_stats(c);
		if (o->stats || proc_wait(&c->sandbox, (int)(seconds * 1000)))
			return 0;
	}
}

const struct cmd cmd_events = {
	.name = "events",
	.usage = "CONTAINER",
	.help = "print statistics of a container",
	.run = run,
	.options = options,
	.values_size = sizeof(struct events_options),
	.min_args = 1,
	.max_args = 1,
};
