/* SPDX-License-Identifier: Apache-2.0 */
/* Every field of config.json wrong, and the line that is said about it. */
#include <criterion/criterion.h>

#include <errno.h>
#include <sys/mount.h>

#include "oci/defaults.h"
#include "oci/spec.h"

static struct cause cause;

/* The default document with one member (dotted path; numbers index arrays) replaced by @json. */
static json_t *changed(const char *path, const char *json)
{
	const char *const args[] = {"sh", NULL};
	json_t *root = oci_default_config(args), *at = root;
	json_t *value = json ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;
	char buf[128], *key, *save, *next;

	cr_assert(!json || value, "%s", json);
	strcpy(buf, path);
	for (key = strtok_r(buf, ".", &save); key; key = next) {
		next = strtok_r(NULL, ".", &save);
		if (json_is_array(at)) {
			if (next)
				at = json_array_get(at, (size_t)atoi(key));
			else
				json_array_set_new(at, (size_t)atoi(key), value);
			continue;
		}
		if (!next) {
			if (value)
				json_object_set_new(at, key, value);
			else
				json_object_del(at, key);
			break;
		}
		if (!json_object_get(at, key))
			json_object_set_new(at, key, json_object());
		at = json_object_get(at, key);
	}
	return root;
}

static int load(const char *path, const char *json, struct oci_spec *spec)
{
	json_t *root = changed(path, json);
	char *text = json_dumps(root, 0);
	int r;

	json_decref(root);
	r = oci_spec_parse(spec, text, strlen(text), &cause);
	if (r >= 0) {
		r = oci_spec_validate(spec, &cause);
		if (r < 0)
			oci_spec_fini(spec);
	}
	free(text);
	return r;
}

static void refused(const char *path, const char *json, const char *want)
{
	struct oci_spec spec;

	cause.text[0] = 0;
	cr_expect_eq(load(path, json, &spec), -EINVAL, "%s = %s was taken", path, json);
	cr_expect_str_eq(cause.text, want);
}

static void taken(const char *path, const char *json, struct oci_spec *spec)
{
	cr_assert_eq(load(path, json, spec), 0, "%s = %s: %s", path, json, cause.text);
}

Test(spec, the_document_we_write_is_read)
{
	struct oci_spec spec;

	taken("hostname", "\"h\"", &spec);
	cr_assert_eq(spec.n_mounts, 7u);
	cr_assert_eq(spec.mounts[1].kind, OCI_MOUNT_DEV);
	cr_assert_eq(spec.mounts[1].flags, (unsigned long)(MS_NOSUID | MS_STRICTATIME));
	cr_assert_str_eq(spec.mounts[1].data, "mode=755,size=65536k");
	cr_assert(spec.namespaces[OCI_NS_NETWORK].present);
	cr_assert_eq(spec.process.caps.bounding, 1ull << 29 | 1ull << 5 | 1ull << 10);
	cr_assert_eq(spec.process.rlimits[0].hard, 1024u);
	oci_spec_fini(&spec);
}

Test(spec, not_a_document)
{
	struct oci_spec spec;

	cr_assert_eq(oci_spec_parse(&spec, "[]", 2, &cause), -EINVAL);
	cr_assert_str_eq(cause.text, "config.json: expected an object, found an array");
	cr_assert_eq(oci_spec_parse(&spec, "{\"a\":", 5, &cause), -EINVAL);
	cr_assert(strstr(cause.text, "config.json: line 1 column 5: "));
	cr_assert_eq(oci_spec_load(&spec, "/nonexistent/config.json", &cause), -ENOENT);
	cr_assert_str_eq(cause.text, "/nonexistent/config.json: No such file or directory");
}

Test(spec, top_level_members)
{
	refused("ociVersion", NULL, "config.json: /ociVersion: is required");
	refused("ociVersion", "1", "config.json: /ociVersion: expected a string, found a number");
	refused("ociVersion", "\"2.0\"",
		"config.json: /ociVersion: \"2.0\" is not supported, only 1.x is");
	refused("root", NULL, "config.json: /root: is required");
	refused("root", "\"x\"", "config.json: /root: expected an object, found a string");
	refused("root.path", NULL, "config.json: /root/path: is required");
	refused("root.path", "\"\"", "config.json: /root/path: must not be empty");
	refused("root.readonly", "1",
		"config.json: /root/readonly: expected a boolean, found a number");
	refused("hostname", "[]", "config.json: /hostname: expected a string, found an array");
	refused("domainname", "true",
		"config.json: /domainname: expected a string, found a boolean");
	refused("hostname",
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
		"config.json: /hostname: is longer than 64 bytes");
	refused("process", NULL, "config.json: /process: is required");
	refused("process", "[]", "config.json: /process: expected an object, found an array");
	refused("annotations", "{\"a/b\":1}", "config.json: /annotations/a~1b: expected a string");
}

Test(spec, process_members)
{
	refused("process.args", NULL, "config.json: /process/args: must name a program to run");
	refused("process.args", "[]", "config.json: /process/args: must name a program to run");
	refused("process.args", "[\"\"]",
		"config.json: /process/args: the program's name must not be empty");
	refused("process.args", "[\"a\",5]",
		"config.json: /process/args/1: expected a string, found a number");
	refused("process.args", "\"sh\"",
		"config.json: /process/args: expected an array, found a string");
	refused("process.env", "[\"A\"]", "config.json: /process/env: \"A\" is not NAME=value");
	refused("process.env", "{}",
		"config.json: /process/env: expected an array, found an object");
	refused("process.cwd", NULL, "config.json: /process/cwd: is required");
	refused("process.cwd", "\"\"", "config.json: /process/cwd: must not be empty");
	refused("process.cwd", "\"tmp\"",
		"config.json: /process/cwd: \"tmp\" is not an absolute path");
	refused("process.terminal", "\"yes\"",
		"config.json: /process/terminal: expected a boolean, found a string");
	refused("process.consoleSize", "{\"height\":70000}",
		"config.json: /process/consoleSize/height: 70000 is out of range (0 to 65535)");
	refused("process.user.uid", "-1",
		"config.json: /process/user/uid: -1 is out of range (0 to 4294967295)");
	refused("process.user.gid", "4294967296",
		"config.json: /process/user/gid: 4294967296 is out of range (0 to 4294967295)");
	refused("process.user.uid", "1.5", "config.json: /process/user/uid: expected an integer");
	refused("process.user.umask", "4096",
		"config.json: /process/user/umask: 4096 is not a file mode mask");
	refused("process.user.additionalGids", "[1,\"x\"]",
		"config.json: /process/user/additionalGids/1: expected a group id");
	refused("process.noNewPrivileges", "0",
		"config.json: /process/noNewPrivileges: expected a boolean, found a number");
	refused("process.oomScoreAdj", "1001",
		"config.json: /process/oomScoreAdj: 1001 is out of range (-1000 to 1000)");
	refused("process.apparmorProfile", "1",
		"config.json: /process/apparmorProfile: expected a string, found a number");
	refused("process.selinuxLabel", "1",
		"config.json: /process/selinuxLabel: expected a string, found a number");
}

Test(spec, capabilities_and_limits)
{
	refused("process.capabilities", "[]",
		"config.json: /process/capabilities: expected an object, found an array");
	refused("process.capabilities.bounding", "\"CAP_KILL\"",
		"config.json: /process/capabilities/bounding: expected an array, found a string");
	refused("process.capabilities.ambient", "[1]",
		"config.json: /process/capabilities/ambient/0: expected a string, found a number");
	refused("process.rlimits", "[{\"type\":\"RLIMIT_FOO\",\"soft\":1,\"hard\":1}]",
		"config.json: /process/rlimits/0/type: unknown limit \"RLIMIT_FOO\"");
	refused("process.rlimits", "[{\"soft\":1,\"hard\":1}]",
		"config.json: /process/rlimits/0/type: is required");
	refused("process.rlimits", "[{\"type\":\"RLIMIT_CPU\",\"hard\":1}]",
		"config.json: /process/rlimits/0/soft: is required");
	refused("process.rlimits", "[{\"type\":\"RLIMIT_CPU\",\"soft\":\"1\",\"hard\":1}]",
		"config.json: /process/rlimits/0/soft: expected a number");
	refused("process.rlimits", "[{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":1}]",
		"config.json: /process/rlimits: element 0: the soft limit is above the hard one");
	refused("process.rlimits",
		"[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1},{\"type\":\"RLIMIT_CPU\","
		"\"soft\":1,"
		"\"hard\":1}]",
		"config.json: /process/rlimits/1/type: RLIMIT_CPU is given twice");
}

Test(spec, an_unknown_capability_is_no_error)
{
	struct oci_spec spec;

	taken("process.capabilities.bounding", "[\"CAP_FUTURE\",\"CAP_KILL\"]", &spec);
	cr_assert_eq(spec.process.caps.bounding, 1ull << 5);
	oci_spec_fini(&spec);
}

Test(spec, mounts)
{
	refused("mounts", "{}", "config.json: /mounts: expected an array, found an object");
	refused("mounts.2", "1", "config.json: /mounts/2: expected an object, found a number");
	refused("mounts.2.destination", NULL, "config.json: /mounts/2/destination: is required");
	refused("mounts.2.destination", "\"x\"",
		"config.json: /mounts/2/destination: \"x\" is not an absolute path");
	refused("mounts.2.type", "7",
		"config.json: /mounts/2/type: expected a string, found a number");
	refused("mounts.2.type", NULL, "config.json: /mounts/2/type: is required");
	refused("mounts.2.source", "7",
		"config.json: /mounts/2/source: expected a string, found a number");
	refused("mounts.2", "{\"destination\":\"/a\",\"type\":\"bind\"}",
		"config.json: /mounts/2/source: is required for a bind mount");
	refused("mounts.2.options", "[false]",
		"config.json: /mounts/2/options/0: expected a string, found a boolean");
}

Test(spec, mount_options_become_flags)
{
	struct oci_spec spec;

	taken("mounts.2",
	      "{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"rbind\",\"ro\",\"nosuid\","
	      "\"suid\",\"nodev\",\"rslave\"]}",
	      &spec);
	cr_assert_eq(spec.mounts[2].kind, OCI_MOUNT_BIND);
	cr_assert(spec.mounts[2].recursive);
	cr_assert_eq(spec.mounts[2].flags, (unsigned long)(MS_RDONLY | MS_NODEV));
	cr_assert_eq(spec.mounts[2].propagation, (unsigned long)(MS_SLAVE | MS_REC));
	oci_spec_fini(&spec);
}

Test(spec, hooks)
{
	refused("hooks", "[]", "config.json: /hooks: expected an object, found an array");
	refused("hooks.prestart", "{}",
		"config.json: /hooks/prestart: expected an array, found an object");
	refused("hooks.poststop", "[{}]", "config.json: /hooks/poststop/0/path: is required");
	refused("hooks.createRuntime", "[{\"path\":\"x\"}]",
		"config.json: /hooks/createRuntime/0/path: \"x\" is not an absolute path");
	refused("hooks.poststart", "[{\"path\":\"/x\",\"timeout\":0}]",
		"config.json: /hooks/poststart/0/timeout: 0 is out of range (1 to 2147483647)");
	refused("hooks.startContainer", "[{\"path\":\"/x\",\"args\":[1]}]",
		"config.json: /hooks/startContainer/0/args/0: expected a string, found a number");
	refused("hooks.createContainer", "[{\"path\":\"/x\",\"env\":1}]",
		"config.json: /hooks/createContainer/0/env: expected an array, found a number");
}

Test(spec, namespaces_and_maps)
{
	refused("linux", "[]", "config.json: /linux: expected an object, found an array");
	refused("linux.namespaces", "{}",
		"config.json: /linux/namespaces: expected an array, found an object");
	refused("linux.namespaces.1.type", "\"foo\"",
		"config.json: /linux/namespaces/1/type: unknown namespace \"foo\"");
	refused("linux.namespaces.1.type", "\"pid\"",
		"config.json: /linux/namespaces/1/type: namespace \"pid\" is given twice");
	refused("linux.namespaces.1.type", NULL,
		"config.json: /linux/namespaces/1/type: is required");
	refused("linux.namespaces.1.path", "\"x\"",
		"config.json: /linux/namespaces/1/path: \"x\" is not an absolute path");
	refused("linux.uidMappings", "[{\"containerID\":0,\"hostID\":0,\"size\":0}]",
		"config.json: /linux/uidMappings/0/size: must be above 0");
	refused("linux.uidMappings", "[{\"containerID\":0,\"hostID\":0,\"size\":1}]",
		"config.json: /linux/uidMappings: needs a user namespace");
	refused("linux.gidMappings", "[{\"containerID\":-1}]",
		"config.json: /linux/gidMappings/0/containerID: -1 is out of range (0 to "
		"4294967295)");
	refused("linux.namespaces", "[{\"type\":\"pid\"}]",
		"config.json: /hostname: cannot be set without a private UTS namespace");
}

Test(spec, devices)
{
	refused("linux.devices", "[{\"type\":\"c\"}]",
		"config.json: /linux/devices/0/path: is required");
	refused("linux.devices", "[{\"path\":\"/dev/x\",\"type\":\"z\"}]",
		"config.json: /linux/devices/0/type: \"z\" is not one of c, b, u, p");
	refused("linux.devices", "[{\"path\":\"/dev/x\",\"type\":\"c\",\"minor\":1}]",
		"config.json: /linux/devices/0/major: is required");
	refused("linux.devices",
		"[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":1,\"fileMode\":-1}]",
		"config.json: /linux/devices/0/fileMode: -1 is out of range (0 to 65535)");
}

Test(spec, resources)
{
	refused("linux.resources", "[]",
		"config.json: /linux/resources: expected an object, found an array");
	refused("linux.resources.memory", "1",
		"config.json: /linux/resources/memory: expected an object, found a number");
	refused("linux.resources.memory.limit", "-2",
		"config.json: /linux/resources/memory/limit: -2 is out of range (-1 to "
		"9223372036854775807)");
	refused("linux.resources.cpu.quota", "\"x\"",
		"config.json: /linux/resources/cpu/quota: expected a number, found a string");
	refused("linux.resources.cpu.cpus", "0",
		"config.json: /linux/resources/cpu/cpus: expected a string, found a number");
	refused("linux.resources.pids.limit", "true",
		"config.json: /linux/resources/pids/limit: expected a number, found a boolean");
	refused("linux.resources.unified", "{\"cpu.max\":1}",
		"config.json: /linux/resources/unified/cpu.max: expected a string");
}

Test(spec, the_rest_of_linux)
{
	refused("linux.cgroupsPath", "1",
		"config.json: /linux/cgroupsPath: expected a string, found a number");
	refused("linux.cgroupsPath", "\"/a/../b\"",
		"config.json: /linux/cgroupsPath: must not contain ..");
	refused("linux.sysctl", "{\"net.core.somaxconn\":1}",
		"config.json: /linux/sysctl/net.core.somaxconn: expected a string");
	refused("linux.sysctl", "{\"vm.swappiness\":\"1\"}",
		"config.json: /linux/sysctl/vm.swappiness: is not in a separate kernel namespace");
	refused("linux.maskedPaths", "[\"proc\"]",
		"config.json: /linux/maskedPaths/0: \"proc\" is not an absolute path");
	refused("linux.readonlyPaths", "[1]",
		"config.json: /linux/readonlyPaths/0: expected a string, found a number");
	refused("linux.rootfsPropagation", "\"both\"",
		"config.json: /linux/rootfsPropagation: unknown value \"both\"");
	refused("linux.seccomp", "[]",
		"config.json: /linux/seccomp: expected an object, found an array");
	refused("linux.mountLabel", "1",
		"config.json: /linux/mountLabel: expected a string, found a number");
}

Test(spec, sysctls_become_lines)
{
	struct oci_spec spec;

	taken("linux.sysctl", "{\"net.core.somaxconn\":\"256\"}", &spec);
	cr_assert_str_eq(spec.sysctls[0], "net.core.somaxconn=256");
	cr_assert_null(spec.sysctls[1]);
	oci_spec_fini(&spec);
}

Test(spec, unknown_members_are_ignored)
{
	struct oci_spec spec;

	taken("future", "{\"x\":[1]}", &spec);
	oci_spec_fini(&spec);
}
