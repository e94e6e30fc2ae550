/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of config.md and config-linux.md that types and ranges cannot say. */
#include <string.h>
#include <sys/mount.h>

#include "cli/log.h"
#include "oci/spec.h"

struct place {
	struct json_at doc, linux_at;
};

static int validate_version(const struct place *p, const struct oci_spec *spec)
{
	if (strncmp(spec->version, "1.", 2))
		return json_fail_key(&p->doc, "ociVersion", "\"%s\" is not supported, only 1.x is",
				     spec->version);
	return 0;
}

static int validate_names(const struct place *p, const struct oci_spec *spec)
{
	bool uts = spec->namespaces[OCI_NS_UTS].present;

	if (spec->hostname && strlen(spec->hostname) > 64)
		return json_fail_key(&p->doc, "hostname", "is longer than 64 bytes");
	if (spec->domainname && strlen(spec->domainname) > 64)
		return json_fail_key(&p->doc, "domainname", "is longer than 64 bytes");
	if (spec->hostname && spec->hostname[0] && !uts)
		return json_fail_key(&p->doc, "hostname",
				     "cannot be set without a private UTS namespace");
	if (spec->domainname && spec->domainname[0] && !uts)
		return json_fail_key(&p->doc, "domainname",
				     "cannot be set without a private UTS namespace");
	return 0;
}

static int validate_sysctls(const struct place *p, const struct oci_spec *spec)
{
	static const char *const prefixes[] = {"net.",		 "kernel.shm", "kernel.msg",
					       "kernel.sem",	 "fs.mqueue.", "kernel.domainname",
					       "kernel.hostname"};

	for (size_t i = 0; spec->sysctls && spec->sysctls[i]; i++) {
		const char *text = spec->sysctls[i];
		char key[128] = {0};
		bool known = false;

		/* Both separators are in use: net/ipv4/ip_forward. */
		strncpy(key, text, sizeof(key) - 1);
		key[strcspn(key, "=")] = 0;
		for (char *c = key; *c; c++)
			*c = *c == '/' ? '.' : *c;
		for (size_t j = 0; j < ARRAY_LEN(prefixes); j++)
			known |= !strncmp(key, prefixes[j], strlen(prefixes[j]));
		struct json_at map = {p->doc.doc, NULL, &p->linux_at, "sysctl", 0};

		if (!known)
			return json_fail_key(&map, key, "is not in a separate kernel namespace");
		if (!strncmp(key, "net.", 4) && !spec->namespaces[OCI_NS_NETWORK].present)
			return json_fail_key(&map, key, "needs a network namespace of its own");
		if ((!strncmp(key, "kernel.shm", 10) || !strncmp(key, "kernel.msg", 10) ||
		     !strncmp(key, "kernel.sem", 10) || !strncmp(key, "fs.mqueue.", 10)) &&
		    !spec->namespaces[OCI_NS_IPC].present)
			return json_fail_key(&map, key, "needs an IPC namespace of its own");
	}
	return 0;
}

static int validate_propagation(const struct place *p, const struct oci_spec *spec)
{
	static const char *const words[] = {"",	       "private",    "rprivate",
					    "slave",   "rslave",     "shared",
					    "rshared", "unbindable", "runbindable"};

	for (size_t i = 0; spec->rootfs_propagation && i < ARRAY_LEN(words); i++) {
		if (!strcmp(spec->rootfs_propagation, words[i]))
			return 0;
	}
	if (spec->rootfs_propagation)
		return json_fail_key(&p->linux_at, "rootfsPropagation", "unknown value \"%s\"",
				     spec->rootfs_propagation);
	return 0;
}

static int validate_mappings(const struct place *p, const struct oci_spec *spec)
{
	bool user = spec->namespaces[OCI_NS_USER].present;

	if (spec->n_uid_maps && !user)
		return json_fail_key(&p->linux_at, "uidMappings", "needs a user namespace");
	if (spec->n_gid_maps && !user)
		return json_fail_key(&p->linux_at, "gidMappings", "needs a user namespace");
	return 0;
}

static bool has_dot_dot(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")); at += 2) {
		bool starts = at == path || at[-1] == '/';

		if (starts && (at[2] == '/' || !at[2]))
			return true;
	}
	return false;
}

static void warn_ignored(const struct oci_spec *spec)
{
	if (spec->has_seccomp)
		log_debug("linux.seccomp is ignored: every system call is served by the sandbox");
	if (spec->has_intel_rdt)
		log_debug("linux.intelRdt is ignored");
	if (spec->mount_label && spec->mount_label[0])
		log_debug("linux.mountLabel is ignored");
	for (size_t i = 0; i < spec->n_mounts; i++) {
		if (spec->mounts[i].kind == OCI_MOUNT_UNKNOWN)
			log_warn("config.json: /mounts/%zu/type: \"%s\" is not known, the mount of "
				 "%s "
				 "is left out",
				 i, spec->mounts[i].type, spec->mounts[i].destination);
		if (spec->mounts[i].propagation & MS_SHARED)
			log_debug("mount of %s: shared propagation does not reach the host",
				  spec->mounts[i].destination);
	}
}

int oci_spec_validate(struct oci_spec *spec, struct cause *cause)
{
	struct place p = {.doc = {.doc = &spec->doc, .v = spec->doc.root}};
	struct json_at process = {&spec->doc, json_object_get(spec->doc.root, "process"), &p.doc,
				  "process", 0};
	int r;

	p.linux_at = (struct json_at){&spec->doc, NULL, &p.doc, "linux", 0};
	spec->doc.cause = cause;
	r = validate_version(&p, spec);
	if (r < 0)
		return r;
	if (!spec->has_root)
		return json_fail_key(&p.doc, "root", "is required");
	if (!spec->has_process)
		return json_fail_key(&p.doc, "process", "is required");
	r = oci_process_validate(&process, &spec->process);
	if (r < 0)
		return r;
	if ((r = validate_names(&p, spec)) < 0 || (r = validate_sysctls(&p, spec)) < 0 ||
	    (r = validate_propagation(&p, spec)) < 0 || (r = validate_mappings(&p, spec)) < 0)
		return r;
	if (spec->cgroups_path && has_dot_dot(spec->cgroups_path))
		return json_fail_key(&p.linux_at, "cgroupsPath", "must not contain ..");
	warn_ignored(spec);
	return 0;
}
