/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "oci/defaults.h"

struct spec_options {
	const char *bundle, *cwd, *netns;
	bool rootless;
};

static const struct option_def options[] = {
	{"bundle", 'b', OPTION_STRING, offsetof(struct spec_options, bundle), "DIR",
	 "where config.json is written (.)"},
	{"cwd", 0, OPTION_STRING, offsetof(struct spec_options, cwd), "DIR", "process.cwd (/)"},
	{"netns", 0, OPTION_STRING, offsetof(struct spec_options, netns), "PATH",
	 "path of the network namespace"},
	{"rootless", 0, OPTION_FLAG, offsetof(struct spec_options, rootless), NULL,
	 "for a user other than root"},
	{0},
};

/* A user namespace with the caller as root, and no control groups. */
static void make_rootless(json_t *config)
{
	json_t *linux_o = json_object_get(config, "linux");
	json_t *namespaces = json_object_get(linux_o, "namespaces");

	for (size_t i = json_array_size(namespaces); i-- > 0;) {
		const char *type =
			json_string_value(json_object_get(json_array_get(namespaces, i), "type"));

		if (type && type[0] == 'n')
			json_array_remove(namespaces, i);
	}
	json_array_append_new(namespaces, json_pack("{s:s}", "type", "user"));
	json_object_set_new(linux_o, "uidMappings",
			    json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID",
				      (json_int_t)geteuid(), "size", 1));
	json_object_set_new(linux_o, "gidMappings",
			    json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID",
				      (json_int_t)getegid(), "size", 1));
	json_object_del(linux_o, "resources");
}

static void set_netns(json_t *config, const char *path)
{
	json_t *namespaces = json_object_get(json_object_get(config, "linux"), "namespaces");
	size_t i;
	json_t *ns;

	json_array_foreach(namespaces, i, ns)
	{
		const char *type = json_string_value(json_object_get(ns, "type"));

		if (type && type[0] == 'n')
			json_object_set_new(ns, "path", json_string(path));
	}
}

static int run(struct cmd_call *call)
{
	const struct spec_options *o = call->values;
	char path[PATH_MAX];
	json_t *config;
	FILE *f;
	int fd, r;

	snprintf(path, sizeof(path), "%s/config.json", o->bundle ? o->bundle : ".");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return cause_set(call->cause, -EEXIST, "File %s exists. Remove it first",
				 o->bundle ? path : "config.json");
	if (fd < 0)
		return cause_errno(call->cause, -errno, "%s", path);
	config = oci_default_config(call->n_args ? (const char *const *)call->args : NULL);
	if (o->cwd)
		json_object_set_new(json_object_get(config, "process"), "cwd", json_string(o->cwd));
	if (o->netns)
		set_netns(config, o->netns);
	if (o->rootless)
		make_rootless(config);
	f = fdopen(fd, "w");
	r = f && json_dumpf(config, f, JSON_INDENT(4)) == 0 && fputc('\n', f) != EOF ? 0 : -EIO;
	if (!f)
		close(fd);
	else if (fclose(f) != 0)
		r = -errno;
	json_decref(config);
	return r < 0 ? cause_errno(call->cause, r, "%s", path) : 0;
}

const struct cmd cmd_spec = {
	.name = "spec",
	.usage = "[-- COMMAND [ARGS...]]",
	.help = "write a config.json to start from",
	.run = run,
	.options = options,
	.values_size = sizeof(struct spec_options),
	.order = OPTIONS_BEFORE_FIRST,
	.max_args = SIZE_MAX,
};
