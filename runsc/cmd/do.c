/* SPDX-License-Identifier: Apache-2.0 */
/* "runsc do CMD": a sandbox over the host's files, read-only below a memory overlay, with a network
 * link to the host of its own. Nothing is left when it ends; what a killed one leaves is swept by
 * the next. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli/log.h"
#include "cmd/attach.h"
#include "cmd/cmd.h"
#include "cmd/sweep.h"
#include "container/lifecycle.h"
#include "oci/defaults.h"

struct do_options {
	const char *root, *cwd, *name, *hostname, *memory;
	struct string_list env, volumes;
	bool print_ip, verbose, quiet, clear_env;
};

#define OPT(name_, letter_, kind_, field, arg_, help_)                                             \
	{                                                                                          \
		name_, letter_, kind_, offsetof(struct do_options, field), arg_, help_             \
	}

static const struct option_def options[] = {
	OPT("root", 0, OPTION_STRING, root, "DIR", "the files it sees (/)"),
	OPT("cwd", 0, OPTION_STRING, cwd, "DIR", "where it starts (the current directory)"),
	OPT("env", 'e', OPTION_LIST, env, "NAME=VALUE", "add to its environment"),
	OPT("clear-env", 0, OPTION_FLAG, clear_env, NULL, "do not pass our environment on"),
	OPT("volume", 0, OPTION_LIST, volumes, "SRC[:DST]", "a directory that it may write to"),
	OPT("hostname", 0, OPTION_STRING, hostname, "NAME", "its host name (runsc)"),
	OPT("name", 0, OPTION_STRING, name, "ID", "its container id (runsc-do-RANDOM)"),
	OPT("memory", 'm', OPTION_STRING, memory, "BYTES", "memory limit"),
	OPT("print-ip", 0, OPTION_FLAG, print_ip, NULL,
	    "print the sandbox's address on stderr first"),
	OPT("verbose", 'v', OPTION_FLAG, verbose, NULL, "the same"),
	{.name = "quiet", .letter = 'q', .kind = OPTION_IGNORED_FLAG},
	{.name = "force-overlay", .kind = OPTION_IGNORED_FLAG},
	{.name = "ip", .kind = OPTION_IGNORED_STRING},
	{0},
};

extern char **environ;

static void append(json_t *array, const char *text)
{
	json_t *v = json_string(text);

	/* Only UTF-8 fits the document; a variable that is not cannot be passed. */
	if (v)
		json_array_append_new(array, v);
}

static json_t *environment(const struct do_options *o)
{
	json_t *env = json_array();

	for (char **e = environ; !o->clear_env && e && *e; e++) {
		if (strchr(*e, '=') && **e != '=')
			append(env, *e);
	}
	for (size_t i = 0; i < o->env.n; i++)
		append(env, o->env.items[i]);
	return env;
}

/* Everything a root process has, inside the sandbox. */
static json_t *all_caps(void)
{
	static const char *const names[] = {
		"CHOWN",	 "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",	"FSETID",
		"KILL",		 "SETGID",	 "SETUID",	    "SETPCAP",	"NET_BIND_SERVICE",
		"NET_BROADCAST", "NET_ADMIN",	 "NET_RAW",	    "IPC_LOCK", "IPC_OWNER",
		"SYS_CHROOT",	 "SYS_PTRACE",	 "SYS_ADMIN",	    "SYS_NICE", "SYS_RESOURCE",
		"MKNOD",	 "AUDIT_WRITE",	 "SETFCAP"};
	json_t *sets = json_object(), *list = json_array();
	char name[64];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(name, sizeof(name), "CAP_%s", names[i]);
		json_array_append_new(list, json_string(name));
	}
	json_object_set(sets, "bounding", list);
	json_object_set(sets, "effective", list);
	json_object_set(sets, "permitted", list);
	json_decref(list);
	return sets;
}

static json_t *mounts(const struct do_options *o)
{
	json_t *list = json_pack(
		"[{s:s, s:s, s:s}, {s:s, s:s, s:s}, {s:s, s:s, s:s, s:[s,s,s,s]}, {s:s, s:s, s:s, s:[s]},"
		" {s:s, s:s, s:s, s:[s]}]",
		"destination", "/proc", "type", "proc", "source", "proc", "destination", "/dev",
		"type", "tmpfs", "source", "tmpfs", "destination", "/dev/pts", "type", "devpts",
		"source", "devpts", "options", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5",
		"destination", "/dev/shm", "type", "tmpfs", "source", "shm",
		"options", "mode=1777", "destination", "/sys", "type", "sysfs", "source", "sysfs",
		"options", "ro");

	for (size_t i = 0; i < o->volumes.n; i++) {
		const char *text = o->volumes.items[i], *colon = strchr(text, ':');
		json_t *source = json_stringn(text, colon ? (size_t)(colon - text) : strlen(text));

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:[s]}", "destination",
						      colon ? colon + 1 : text, "type", "bind",
						      "source", source, "options", "rbind"));
	}
	return list;
}

static json_t *build_config(struct cmd_call *call, const char *cwd)
{
	const struct do_options *o = call->values;
	json_t *c = oci_default_config((const char *const *)call->args);
	json_t *p = json_object_get(c, "process"), *linux_o = json_object_get(c, "linux");
	bool tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);

	json_object_set_new(p, "terminal", json_boolean(tty));
	json_object_set_new(p, "cwd", json_string(cwd));
	json_object_set_new(p, "env", environment(o));
	json_object_set_new(p, "capabilities", all_caps());
	json_object_set_new(p, "noNewPrivileges", json_false());
	json_object_set_new(p, "rlimits",
			    json_pack("[{s:s, s:i, s:i}]", "type", "RLIMIT_NOFILE", "soft", 1048576,
				      "hard", 1048576));
	json_object_set_new(
		c, "root", json_pack("{s:s, s:b}", "path", o->root ? o->root : "/", "readonly", 0));
	json_object_set_new(c, "hostname", json_string(o->hostname ? o->hostname : "runsc"));
	json_object_set_new(c, "mounts", mounts(o));
	json_object_set_new(c, "annotations", json_pack("{s:s}", SWEEP_ANNOTATION, "1"));
	json_object_del(linux_o, "maskedPaths");
	json_object_del(linux_o, "readonlyPaths");
	if (o->memory)
		json_object_set_new(linux_o, "resources",
				    json_pack("{s:{s:I}}", "memory", "limit",
					      (json_int_t)strtoll(o->memory, NULL, 10)));
	return c;
}

static int load_config(struct cmd_call *call, struct oci_spec *spec, const char *cwd)
{
	json_t *config = build_config(call, cwd);
	char *text = json_dumps(config, JSON_COMPACT);
	int r;

	json_decref(config);
	if (!text)
		return cause_set(call->cause, -EINVAL, "arguments: not UTF-8");
	r = oci_spec_parse(spec, text, strlen(text), call->cause);
	free(text);
	if (r < 0)
		return r;
	r = oci_spec_validate(spec, call->cause);
	if (r < 0)
		oci_spec_fini(spec);
	return r;
}

static int wait_and_delete(struct container *c)
{
	struct cause cause;
	int status;

	container_unlock(c);
	status = attach_wait(c);
	container_refresh(c);
	if (container_lock(c, &cause) >= 0 && container_destroy(c, &cause) < 0)
		log_warn("%s", cause.text);
	return status;
}

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	const struct do_options *o = call->values;
	char id[64], cwd[PATH_MAX];
	struct oci_spec spec;
	uint32_t rnd = 0;
	int r;

	if (geteuid() != 0)
		return cause_set(call->cause, -EPERM, "\"do\" needs root");
	if (!getcwd(cwd, sizeof(cwd)))
		snprintf(cwd, sizeof(cwd), "/");
	sweep(call->g->root);
	(void)!getrandom(&rnd, sizeof(rnd), 0);
	snprintf(id, sizeof(id), "runsc-do-%08x", rnd);
	r = load_config(call, &spec, o->cwd ? o->cwd : o->root ? "/" : cwd);
	if (r < 0)
		return r;

	struct create_args args = {.id = o->name ? o->name : id,
				   .bundle = cwd,
				   .spec = &spec,
				   .attached = true,
				   .own_terminal = true,
				   .ordinary_init = true,
				   .private_net = true,
				   .overlay_root = true};

	attach_begin();
	r = container_create(call->g, &args, &c, call->cause);
	if (r >= 0) {
		if ((o->print_ip || o->verbose) && c->address)
			fprintf(stderr, "runsc: address %s\n", c->address);
		r = container_start(c, call->cause);
		if (r < 0) {
			struct cause ignored;

			(void)container_destroy(c, &ignored);
		}
	}
	oci_spec_fini(&spec);
	return r < 0 ? r : wait_and_delete(c);
}

const struct cmd cmd_do = {
	.name = "do",
	.usage = "COMMAND [ARGS...]",
	.help = "run a command of the host in a sandbox over the host's files",
	.run = run,
	.options = options,
	.values_size = sizeof(struct do_options),
	.order = OPTIONS_BEFORE_FIRST,
	.min_args = 1,
	.max_args = SIZE_MAX,
};
