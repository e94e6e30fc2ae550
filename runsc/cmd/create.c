/* SPDX-License-Identifier: Apache-2.0 */
/* create and run: the same options; run goes on to start and wait. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/log.h"
#include "cmd/attach.h"
#include "cmd/cmd.h"
#include "container/lifecycle.h"

struct create_options {
	const char *bundle, *config, *console_socket, *pid_file, *preserve_fds;
	bool detach, keep;
};

#define CREATE_OPTIONS                                                                             \
	{"bundle",	'b',                                                                       \
	 OPTION_STRING, offsetof(struct create_options, bundle),                                   \
	 "DIR",		"the bundle's directory (.)"},                                             \
		{"config",	'f',                                                               \
		 OPTION_STRING, offsetof(struct create_options, config),                           \
		 "FILE",	"another config.json"},                                            \
		{"console-socket", 0,                                                              \
		 OPTION_STRING,	   offsetof(struct create_options, console_socket),                \
		 "PATH",	   "receives the terminal's descriptor"},                          \
		{"pid-file",	0,                                                                 \
		 OPTION_STRING, offsetof(struct create_options, pid_file),                         \
		 "FILE",	"gets the number of the sandbox process"},                         \
		{"preserve-fds",                                                                   \
		 0,                                                                                \
		 OPTION_STRING,                                                                    \
		 offsetof(struct create_options, preserve_fds),                                    \
		 "N",                                                                              \
		 "pass descriptors 3 to 3+N-1 (and $LISTEN_FDS) on"},                              \
		{.name = "no-pivot", .kind = OPTION_IGNORED_FLAG},                                 \
		{.name = "no-new-keyring", .kind = OPTION_IGNORED_FLAG},                           \
		{.name = "pidfd-socket", .kind = OPTION_IGNORED_STRING},                           \
	{                                                                                          \
		.name = "user-log", .kind = OPTION_IGNORED_STRING                                  \
	}

static const struct option_def create_options[] = {CREATE_OPTIONS, {0}};

static const struct option_def run_options[] = {
	CREATE_OPTIONS,
	{"detach", 'd', OPTION_FLAG, offsetof(struct create_options, detach), NULL,
	 "do not wait for the container to end"},
	{"keep", 0, OPTION_FLAG, offsetof(struct create_options, keep), NULL,
	 "do not delete the container when it has ended"},
	{.name = "no-subreaper", .kind = OPTION_IGNORED_FLAG},
	{0},
};

static int parse_count(const char *text, unsigned *ret, struct cause *cause)
{
	char *end;
	unsigned long v;

	if (!text)
		return 0;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (end == text || *end || errno || v > 1024 || text[0] == '-')
		return cause_set(cause, -EINVAL,
				 "--preserve-fds: \"%s\" is not a number of descriptors", text);
	*ret = (unsigned)v;
	return 0;
}

static int prepare(struct cmd_call *call, struct create_args *args, char bundle[PATH_MAX],
		   struct oci_spec *spec)
{
	const struct create_options *o = call->values;
	char path[PATH_MAX];
	int r;

	if (!container_id_valid(call->args[0]))
		return cause_set(call->cause, -EINVAL, "invalid container ID format");
	if (!realpath(o->bundle ? o->bundle : ".", bundle))
		return cause_errno(call->cause, -errno, "--bundle: %s",
				   o->bundle ? o->bundle : ".");
	if (o->config)
		snprintf(path, sizeof(path), "%s", o->config);
	else if ((size_t)snprintf(path, sizeof(path), "%s/config.json", bundle) >= sizeof(path))
		return cause_errno(call->cause, -ENAMETOOLONG, "--bundle: %s", bundle);
	*args = (struct create_args){
		.id = call->args[0],
		.bundle = bundle,
		.spec = spec,
		.console_socket = o->console_socket,
		.pid_file = o->pid_file,
		.overlay_root = call->g->overlay_root,
		.overlay_binds = call->g->overlay_binds,
	};
	r = parse_count(o->preserve_fds, &args->preserve_fds, call->cause);
	if (r < 0)
		return r;
	r = oci_spec_load(spec, path, call->cause);
	if (r < 0)
		return r;
	r = oci_spec_validate(spec, call->cause);
	if (r < 0)
		oci_spec_fini(spec);
	return r;
}

static int create_run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	struct create_args args;
	struct oci_spec spec;
	char bundle[PATH_MAX];
	int r = prepare(call, &args, bundle, &spec);

	if (r < 0)
		return r;
	r = container_create(call->g, &args, &c, call->cause);
	oci_spec_fini(&spec);
	return r;
}

/* Attached: signals go to the container, its status is ours. */
static int run_attached(struct container *c, bool keep)
{
	struct cause ignored;
	int status;

	container_unlock(c);
	status = attach_wait(c);
	container_refresh(c);
	/* Somebody else may have deleted it already. */
	if (!keep && container_lock(c, &ignored) >= 0)
		(void)container_destroy(c, &ignored);
	return status;
}

static int run_run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	const struct create_options *o = call->values;
	struct create_args args;
	struct oci_spec spec;
	char bundle[PATH_MAX];
	int r = prepare(call, &args, bundle, &spec);

	if (r < 0)
		return r;
	args.attached = !o->detach;
	args.own_terminal = !o->detach;
	if (args.attached)
		attach_begin();
	r = container_create(call->g, &args, &c, call->cause);
	if (r >= 0) {
		r = container_start(c, call->cause);
		if (r < 0) {
			struct cause ignored;

			(void)container_destroy(c, &ignored);
		}
	}
	oci_spec_fini(&spec);
	if (r < 0 || o->detach)
		return r;
	return run_attached(c, o->keep);
}

const struct cmd cmd_create = {
	.name = "create",
	.usage = "CONTAINER",
	.help = "create a container from a bundle",
	.run = create_run,
	.options = create_options,
	.values_size = sizeof(struct create_options),
	.min_args = 1,
	.max_args = 1,
};

const struct cmd cmd_run = {
	.name = "run",
	.usage = "CONTAINER",
	.help = "create a container, start it and wait for its end",
	.run = run_run,
	.options = run_options,
	.values_size = sizeof(struct create_options),
	.min_args = 1,
	.max_args = 1,
};
