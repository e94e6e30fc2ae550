/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgview.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "sandbox/cgroup.h"

struct list_of_files {
	char **items;
	size_t n;
	bool failed;
};

static void __attribute__((format(printf, 2, 3))) add(struct list_of_files *l, const char *fmt, ...)
{
	char **more = realloc(l->items, (l->n + 1) * sizeof(*more));
	va_list ap;

	if (!more) {
		l->failed = true;
		return;
	}
	l->items = more;
	va_start(ap, fmt);
	if (vasprintf(&l->items[l->n], fmt, ap) < 0)
		l->failed = true;
	else
		l->n++;
	va_end(ap);
}

/* Version 1 has no "max": the largest number of whole pages stands for it. */
static void add_v1_limit(struct list_of_files *l, const char *file, int64_t v)
{
	const int64_t most = INT64_MAX & ~INT64_C(4095);

	add(l, "memory/%s=%" PRId64, file, v < 0 || v > most ? most : v);
}

static void memory_v1(struct list_of_files *l, const struct oci_resources *r, bool all)
{
	if (all || r->memory_limit > 0)
		add_v1_limit(l, "memory.limit_in_bytes", r->memory_limit > 0 ? r->memory_limit : -1);
	if (all || r->memory_reservation > 0)
		add_v1_limit(l, "memory.soft_limit_in_bytes",
			     r->memory_reservation > 0 ? r->memory_reservation : -1);
	if (all || r->memory_swap > 0)
		add_v1_limit(l, "memory.memsw.limit_in_bytes", r->memory_swap > 0 ? r->memory_swap : -1);
	if (!all)
		return;
	add(l, "memory/memory.usage_in_bytes=0");
	add(l, "memory/memory.stat=");
	add(l, "memory/memory.failcnt=0");
	add(l, "memory/memory.swappiness=60");
	add(l, "memory/memory.use_hierarchy=1");
	add(l, "memory/memory.oom_control=oom_kill_disable %d;under_oom 0;oom_kill 0", r->oom_disabled);
}

static void cpu_v1(struct list_of_files *l, const struct oci_resources *r, bool all)
{
	if (all || r->cpu_shares > 0)
		add(l, "cpu/cpu.shares=%" PRId64, r->cpu_shares > 0 ? r->cpu_shares : 1024);
	if (all || r->cpu_quota != 0)
		add(l, "cpu/cpu.cfs_quota_us=%" PRId64, r->cpu_quota > 0 ? r->cpu_quota : -1);
	if (all || r->cpu_period > 0)
		add(l, "cpu/cpu.cfs_period_us=%" PRId64, r->cpu_period > 0 ? r->cpu_period : 100000);
	if (!all)
		return;
	add(l, "cpu/cpu.stat=");
	add(l, "cpuacct/cpuacct.usage=");
	add(l, "cpuacct/cpuacct.stat=");
}

static void cpuset(struct list_of_files *l, const struct oci_resources *r, bool all, const char *dir,
		   const char *suffix)
{
	int n = get_nprocs();

	if (r->cpuset_cpus && r->cpuset_cpus[0])
		add(l, "%scpuset.cpus%s=%.100s", dir, suffix, r->cpuset_cpus);
	else if (all && n > 1)
		add(l, "%scpuset.cpus%s=0-%d", dir, suffix, n - 1);
	else if (all)
		add(l, "%scpuset.cpus%s=0", dir, suffix);
	if (all || (r->cpuset_mems && r->cpuset_mems[0]))
		add(l, "%scpuset.mems%s=%.100s", dir, suffix,
		    r->cpuset_mems && r->cpuset_mems[0] ? r->cpuset_mems : "0");
}

static void add_pids(struct list_of_files *l, const struct oci_resources *r, bool all, const char *dir)
{
	if (r->has_pids && r->pids_limit > 0)
		add(l, "%spids.max=%" PRId64, dir, r->pids_limit);
	else if (all || r->has_pids)
		add(l, "%spids.max=max", dir);
	if (all)
		add(l, "%spids.current=", dir);
}

static void version_1(struct list_of_files *l, const struct oci_resources *r, bool all)
{
	cpu_v1(l, r, all);
	cpuset(l, r, all, "cpuset/", "");
	memory_v1(l, r, all);
	add_pids(l, r, all, "pids/");
	if (!all)
		return;
	add(l, "devices/devices.list=a *:* rwm");
	add(l, "freezer/freezer.state=THAWED");
	for (const char *const *name = cgroup_v1_controllers; *name; name++) {
		add(l, "%s/cgroup.procs=", *name);
		add(l, "%s/tasks=", *name);
	}
}

static void add_v2_limit(struct list_of_files *l, const char *file, int64_t v, bool all)
{
	if (v > 0)
		add(l, "%s=%" PRId64, file, v);
	else if (all)
		add(l, "%s=max", file);
}

static void version_2(struct list_of_files *l, const struct oci_resources *r, bool all)
{
	int64_t period = r->cpu_period > 0 ? r->cpu_period : 100000;
	int64_t swap = r->memory_swap > 0 && r->memory_limit > 0 ? r->memory_swap - r->memory_limit : 0;
	const char *key;
	json_t *v;

	add_v2_limit(l, "memory.max", r->memory_limit, all);
	add_v2_limit(l, "memory.swap.max", swap, all);
	if (all || r->memory_reservation > 0)
		add(l, "memory.low=%" PRId64, r->memory_reservation > 0 ? r->memory_reservation : 0);
	if (all || r->cpu_shares > 0)
		add(l, "cpu.weight=%" PRId64, r->cpu_shares > 0 ? cgroup_weight(r->cpu_shares) : 100);
	if (r->cpu_quota > 0)
		add(l, "cpu.max=%" PRId64 " %" PRId64, r->cpu_quota, period);
	else if (all)
		add(l, "cpu.max=max %" PRId64, period);
	cpuset(l, r, all, "", "");
	cpuset(l, r, all, "", ".effective");
	add_pids(l, r, all, "");
	if (all) {
		static const char *const rest[] = {
			"memory.high=max", "memory.min=0",	"memory.current=",     "memory.stat=",
			"cpu.stat=",	   "cgroup.procs=",	"cgroup.controllers=cpuset cpu memory pids",
			"cgroup.type=domain", "cgroup.events=populated 1;frozen 0",
			"cgroup.subtree_control="};

		for (size_t i = 0; i < ARRAY_LEN(rest); i++)
			add(l, "%s", rest[i]);
	}
	json_object_foreach(r->unified, key, v)
	{
		if (!strchr(key, '/') && !strchr(key, '=') && json_is_string(v))
			add(l, "%.60s=%.120s", key, json_string_value(v));
	}
}

int cgview_files(const struct oci_resources *r, bool all, char ***ret, size_t *n)
{
	struct list_of_files l = {0};

	if (cgroup_host_is_v2())
		version_2(&l, r, all);
	else
		version_1(&l, r, all);
	if (l.failed) {
		cgview_free(l.items, l.n);
		return -ENOMEM;
	}
	*ret = l.items;
	*n = l.n;
	return 0;
}

void cgview_free(char **files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(files[i]);
	free(files);
}
