/* SPDX-License-Identifier: Apache-2.0 */
/* config.json of the OCI runtime specification 1.2, read into structures.
 *
 * Reading checks types and ranges (spec.c), validating checks meaning (validate.c); both name the
 * place as a JSON pointer. Unknown members are ignored, as the specification asks. Strings and
 * arrays belong to the document: they live until oci_spec_fini().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "oci/json.h"

struct oci_rlimit {
	int resource;
	uint64_t soft, hard;
};

struct oci_caps {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct oci_process {
	bool terminal;
	uint16_t rows, cols;
	uint32_t uid, gid;
	uint32_t umask; /* UINT32_MAX: not given */
	uint32_t *gids;
	size_t n_gids;
	const char *const *args;
	size_t n_args;
	const char *const *env;
	size_t n_env;
	const char *cwd;
	bool has_caps;
	struct oci_caps caps;
	struct oci_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privs;
	bool has_oom_score_adj;
	int oom_score_adj;
	const char *apparmor, *selinux;
};

enum oci_mount_kind {
	OCI_MOUNT_BIND,
	OCI_MOUNT_TMPFS,
	OCI_MOUNT_PROC,
	OCI_MOUNT_SYSFS,
	OCI_MOUNT_DEV, /* tmpfs or devtmpfs on /dev */
	OCI_MOUNT_DEVPTS,
	OCI_MOUNT_MQUEUE,
	OCI_MOUNT_CGROUP,
	OCI_MOUNT_UNKNOWN, /* warned about and left out */
};

struct oci_mount {
	const char *destination, *type, *source;
	const char *const *options;
	size_t n_options;
	/* From the options. */
	enum oci_mount_kind kind;
	unsigned long flags;	   /* MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_NOATIME ... */
	unsigned long propagation; /* MS_PRIVATE ... | MS_REC, 0: not given */
	bool recursive;		   /* rbind */
	bool copy_up;		   /* tmpcopyup */
	const char *data;	   /* the rest, comma separated */
};

enum oci_hook_kind {
	OCI_HOOK_PRESTART,
	OCI_HOOK_CREATE_RUNTIME,
	OCI_HOOK_CREATE_CONTAINER,
	OCI_HOOK_START_CONTAINER,
	OCI_HOOK_POSTSTART,
	OCI_HOOK_POSTSTOP,
	OCI_N_HOOKS,
};

struct oci_hook {
	const char *path;
	const char *const *args; /* NULL: just the path */
	const char *const *env;	 /* NULL: the runtime's own, as runc and crun do */
	int timeout_s;		 /* 0: none */
};

struct oci_hook_list {
	struct oci_hook *items;
	size_t n;
};

enum oci_namespace {
	OCI_NS_PID,
	OCI_NS_NETWORK,
	OCI_NS_MOUNT,
	OCI_NS_IPC,
	OCI_NS_UTS,
	OCI_NS_USER,
	OCI_NS_CGROUP,
	OCI_NS_TIME,
	OCI_N_NAMESPACES,
};

struct oci_namespace_config {
	bool present;
	const char *path; /* NULL: a new one */
};

struct oci_device {
	const char *path;
	char type; /* c b p u */
	int64_t major, minor;
	uint32_t mode, uid, gid;
};

/* -1: not given (cpu_quota: 0, since -1 takes the limit away). */
struct oci_resources {
	int64_t memory_limit, memory_reservation, memory_swap;
	int64_t cpu_shares, cpu_quota, cpu_period;
	const char *cpuset_cpus, *cpuset_mems;
	int64_t pids_limit;
	bool has_pids;
	bool oom_disabled;
	json_t *unified; /* object of strings, or NULL */
};

struct oci_id_map {
	uint32_t container, host, size;
};

struct oci_spec {
	struct json_doc doc;
	const char *version;
	bool has_process;
	struct oci_process process;
	bool has_root;
	const char *root_path;
	bool root_readonly;
	const char *hostname, *domainname;
	struct oci_mount *mounts;
	size_t n_mounts;
	struct oci_hook_list hooks[OCI_N_HOOKS];
	json_t *annotations; /* object of strings, or NULL */
	/* linux */
	struct oci_namespace_config namespaces[OCI_N_NAMESPACES];
	struct oci_id_map *uid_maps, *gid_maps;
	size_t n_uid_maps, n_gid_maps;
	struct oci_device *devices;
	size_t n_devices;
	const char *cgroups_path;
	struct oci_resources resources;
	const char *const *sysctls; /* "key=value", NULL-terminated; NULL: none */
	const char *const *masked_paths;
	const char *const *readonly_paths;
	const char *rootfs_propagation;
	const char *mount_label;
	bool has_seccomp;
	bool has_intel_rdt;
};

int oci_spec_load(struct oci_spec *spec, const char *path, struct cause *cause);
int oci_spec_parse(struct oci_spec *spec, const void *data, size_t len, struct cause *cause);
void oci_spec_fini(struct oci_spec *spec);

/* What a container needs to be created: the specification's rules that types cannot say. */
int oci_spec_validate(struct oci_spec *spec, struct cause *cause);

/* The process object, of config.json and of exec --process. */
int oci_process_read(const struct json_at *at, struct oci_process *ret);
/* The rules for a process that is going to run. */
int oci_process_validate(const struct json_at *at, const struct oci_process *p);

int oci_mounts_read(const struct json_at *root, struct oci_spec *spec);
/* Reads a resources object (of config.json, or update --resources). */
int oci_resources_read(const struct json_at *at, struct oci_resources *ret);
void oci_resources_init(struct oci_resources *r);

const char *oci_hook_name(enum oci_hook_kind kind);
