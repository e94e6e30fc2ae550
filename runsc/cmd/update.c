/* SPDX-License-Identifier: Apache-2.0 */
/* New limits for the control group of a running container. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "container/control.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgview.h"

struct update_options {
	const char *resources, *memory, *reservation, *swap, *shares, *quota, *period, *cpus, *mems,
		*pids;
};

#define STRING(name_, letter_, field, help_)                                                       \
	{                                                                                          \
		name_, letter_, OPTION_STRING, offsetof(struct update_options, field), "N", help_  \
	}

static const struct option_def options[] = {
	{"resources", 'r', OPTION_STRING, offsetof(struct update_options, resources), "FILE|-",
	 "a resources object of config.json"},
	STRING("memory", 0, memory, "bytes"),
	STRING("memory-reservation", 0, reservation, "bytes"),
	STRING("memory-swap", 0, swap, "bytes"),
	STRING("cpu-share", 0, shares, "weight"),
	STRING("cpu-quota", 0, quota, "microseconds per period"),
	STRING("cpu-period", 0, period, "microseconds"),
	STRING("cpuset-cpus", 0, cpus, "list"),
	STRING("cpuset-mems", 0, mems, "list"),
	STRING("pids-limit", 0, pids, "processes"),
	{.name = "blkio-weight", .kind = OPTION_IGNORED_STRING},
	{.name = "kernel-memory", .kind = OPTION_IGNORED_STRING},
	{.name = "kernel-memory-tcp", .kind = OPTION_IGNORED_STRING},
	{.name = "cpu-rt-period", .kind = OPTION_IGNORED_STRING},
	{.name = "cpu-rt-runtime", .kind = OPTION_IGNORED_STRING},
	{0},
};

static int number(const char *name, const char *text, int64_t *ret, struct cause *cause)
{
	char *end;
	long long v;

	if (!text)
		return 0;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (end == text || *end || errno)
		return cause_set(cause, -EINVAL, "--%s: \"%s\" is not a number", name, text);
	*ret = v;
	return 0;
}

static int read_flags(const struct update_options *o, struct oci_resources *res,
		      struct cause *cause)
{
	int r;

	if ((r = number("memory", o->memory, &res->memory_limit, cause)) < 0 ||
	    (r = number("memory-reservation", o->reservation, &res->memory_reservation, cause)) <
		    0 ||
	    (r = number("memory-swap", o->swap, &res->memory_swap, cause)) < 0 ||
	    (r = number("cpu-share", o->shares, &res->cpu_shares, cause)) < 0 ||
	    (r = number("cpu-quota", o->quota, &res->cpu_quota, cause)) < 0 ||
	    (r = number("cpu-period", o->period, &res->cpu_period, cause)) < 0 ||
	    (r = number("pids-limit", o->pids, &res->pids_limit, cause)) < 0)
		return r;
	res->has_pids = res->has_pids || o->pids;
	if (o->cpus)
		res->cpuset_cpus = o->cpus;
	if (o->mems)
		res->cpuset_mems = o->mems;
	return 0;
}

/* What the container sees of its own limits. */
static int update_view(const struct container *c, const struct oci_resources *res, struct cause *cause)
{
	struct control_call call = {.req = {.op = CONTROL_UPDATE}, .timeout_ms = 10000};
	char **files, *payload;
	size_t n, len = 0;
	int r = cgview_files(res, false, &files, &n);

	if (r < 0)
		return cause_errno(cause, r, "update");
	for (size_t i = 0; i < n; i++)
		len += strlen(files[i]) + 1;
	payload = malloc(len + 1);
	if (payload) {
		char *at = payload;

		for (size_t i = 0; i < n; i++)
			at = stpcpy(at, files[i]) + 1;
		call.payload = payload;
		call.payload_len = len;
		r = n ? control_once(c, &call, NULL, NULL, cause) : 0;
	}
	free(payload);
	cgview_free(files, n);
	return payload ? r : cause_errno(cause, -ENOMEM, "update");
}

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	const struct update_options *o = call->values;
	struct json_doc doc = {0};
	struct oci_resources res;
	int r = container_open(&c, call->g->root, call->args[0], true, call->cause);

	if (r < 0)
		return r;
	if (c->status == CONTAINER_STOPPED)
		return cause_set(call->cause, -ESRCH, "container not running");
	oci_resources_init(&res);
	if (o->resources) {
		struct json_at at = {.doc = &doc};

		r = json_doc_load(&doc, "resources",
				  strcmp(o->resources, "-") ? o->resources : "/dev/stdin",
				  call->cause);
		at.v = doc.root;
		if (r >= 0)
			r = oci_resources_read(&at, &res);
	}
	if (r >= 0)
		r = read_flags(o, &res, call->cause);
	if (r >= 0) {
		r = cgroup_apply(c->cgroups, &res, call->cause);
		if (r >= 0)
			r = update_view(c, &res, call->cause);
	}
	json_doc_fini(&doc);
	return r < 0 ? r : 0;
}

const struct cmd cmd_update = {
	.name = "update",
	.usage = "CONTAINER",
	.help = "change the limits of a container",
	.run = run,
	.options = options,
	.values_size = sizeof(struct update_options),
	.min_args = 1,
	.max_args = 1,
};
