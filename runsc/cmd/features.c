/* SPDX-License-Identifier: Apache-2.0 */
/* features.md of the runtime specification: what this runtime knows. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "oci/names.h"

static const struct option_def options[] = {{0}};

static json_t *strings(const char *const *list, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(list[i]));
	return array;
}

static json_t *capabilities(void)
{
	json_t *array = json_array();

	for (unsigned i = 0; i <= CAP_LAST; i++)
		json_array_append_new(array, json_string(cap_name(i)));
	return array;
}

static int run(struct cmd_call *call)
{
	static const char *const hooks[] = {"prestart",	      "createRuntime", "createContainer",
					    "startContainer", "poststart",     "poststop"};
	static const char *const mount_options[] = {
		"async",	 "atime",      "bind",	      "defaults",
		"dev",		 "diratime",   "dirsync",     "exec",
		"iversion",	 "lazytime",   "loud",	      "mand",
		"noatime",	 "nodev",      "nodiratime",  "noexec",
		"noiversion",	 "nolazytime", "nomand",      "norelatime",
		"nostrictatime", "nosuid",     "private",     "ratime",
		"rbind",	 "rdev",       "rdiratime",   "relatime",
		"remount",	 "rexec",      "rnoatime",    "rnodev",
		"rnodiratime",	 "rnoexec",    "rnorelatime", "rnostrictatime",
		"rnosuid",	 "ro",	       "rprivate",    "rrelatime",
		"rro",		 "rrw",	       "rshared",     "rslave",
		"rstrictatime",	 "rsuid",      "runbindable", "rw",
		"shared",	 "silent",     "slave",	      "strictatime",
		"suid",		 "sync",       "tmpcopyup",   "unbindable"};
	static const char *const namespaces[] = {"cgroup", "ipc",  "mount", "network",
						 "pid",	   "user", "uts"};
	json_t *o = json_pack("{s:s, s:s, s:o, s:o}", "ociVersionMin", "1.0.0", "ociVersionMax",
			      "1.2.0", "hooks", strings(hooks, ARRAY_LEN(hooks)), "mountOptions",
			      strings(mount_options, ARRAY_LEN(mount_options)));
	json_t *linux_o = json_pack(
		"{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:{s:b}, s:{s:b}, s:{s:b}, s:{s:b}}",
		"namespaces", strings(namespaces, ARRAY_LEN(namespaces)), "capabilities",
		capabilities(), "cgroup", "v1", 1, "v2", 1, "systemd", 1, "systemdUser", 0, "rdma",
		0, "seccomp", "enabled", 0, "apparmor", "enabled", 0, "selinux", "enabled", 0,
		"intelRdt", "enabled", 0);

	(void)call;
	json_object_set_new(o, "linux", linux_o);
	json_object_set_new(o, "annotations",
			    json_pack("{s:s}", "netsentry.version", RUNSC_VERSION));
	json_dumpf(o, stdout, JSON_INDENT(4));
	putchar('\n');
	json_decref(o);
	return 0;
}

const struct cmd cmd_features = {
	.name = "features",
	.usage = "",
	.help = "print what this runtime supports as JSON",
	.run = run,
	.options = options,
	.max_args = 0,
};
