/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/defaults.h"

#include "util/cleanup.h"

static json_t *strings(const char *const *list)
{
	json_t *array = json_array();

	for (; list && *list; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

static json_t *mount(const char *destination, const char *type, const char *source,
		     const char *const *options)
{
	json_t *m = json_pack("{s:s, s:s, s:s}", "destination", destination, "type", type, "source",
			      source);

	if (options)
		json_object_set_new(m, "options", strings(options));
	return m;
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static json_t *default_mounts(void)
{
	json_t *m = json_array();

	json_array_append_new(m, mount("/proc", "proc", "proc", NULL));
	json_array_append_new(m, mount("/dev", "tmpfs", "tmpfs",
				       LIST("nosuid", "strictatime", "mode=755", "size=65536k")));
	json_array_append_new(m, mount("/dev/pts", "devpts", "devpts",
				       LIST("nosuid", "noexec", "newinstance", "ptmxmode=0666",
					    "mode=0620", "gid=5")));
	json_array_append_new(m,
			      mount("/dev/shm", "tmpfs", "shm",
				    LIST("nosuid", "noexec", "nodev", "mode=1777", "size=65536k")));
	json_array_append_new(
		m, mount("/dev/mqueue", "mqueue", "mqueue", LIST("nosuid", "noexec", "nodev")));
	json_array_append_new(
		m, mount("/sys", "sysfs", "sysfs", LIST("nosuid", "noexec", "nodev", "ro")));
	json_array_append_new(m, mount("/sys/fs/cgroup", "cgroup", "cgroup",
				       LIST("nosuid", "noexec", "nodev", "relatime", "ro")));
	return m;
}

static json_t *default_process(const char *const *args)
{
	static const char *const caps[] = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE",
					   NULL};
	json_t *p = json_pack("{s:b, s:{s:i, s:i}}", "terminal", args == NULL, "user", "uid", 0,
			      "gid", 0);

	json_object_set_new(p, "args", strings(args ? args : LIST("sh")));
	json_object_set_new(
		p, "env",
		strings(LIST("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			     "TERM=xterm")));
	json_object_set_new(p, "cwd", json_string("/"));
	json_object_set_new(p, "capabilities",
			    json_pack("{s:o, s:o, s:o, s:o}", "bounding", strings(caps),
				      "effective", strings(caps), "permitted", strings(caps),
				      "ambient", strings(caps)));
	json_object_set_new(p, "rlimits",
			    json_pack("[{s:s, s:i, s:i}]", "type", "RLIMIT_NOFILE", "hard", 1024,
				      "soft", 1024));
	json_object_set_new(p, "noNewPrivileges", json_true());
	return p;
}

json_t *oci_default_config(const char *const *args)
{
	json_t *o = json_object(), *linux_o;

	json_object_set_new(o, "ociVersion", json_string("1.0.2-dev"));
	json_object_set_new(o, "process", default_process(args));
	json_object_set_new(o, "root", json_pack("{s:s, s:b}", "path", "rootfs", "readonly", 1));
	json_object_set_new(o, "hostname", json_string("runsc"));
	json_object_set_new(o, "mounts", default_mounts());
	linux_o = json_pack("{s:{s:[{s:b, s:s}]}, s:[{s:s},{s:s},{s:s},{s:s},{s:s}]}", "resources",
			    "devices", "allow", 0, "access", "rwm", "namespaces", "type", "pid",
			    "type", "network", "type", "ipc", "type", "uts", "type", "mount");
	json_object_set_new(
		linux_o, "maskedPaths",
		strings(LIST("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
			     "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
			     "/proc/sched_debug", "/sys/firmware", "/proc/scsi")));
	json_object_set_new(linux_o, "readonlyPaths",
			    strings(LIST("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
					 "/proc/sysrq-trigger")));
	json_object_set_new(o, "linux", linux_o);
	return o;
}
