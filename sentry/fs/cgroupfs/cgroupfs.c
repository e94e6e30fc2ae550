/* SPDX-License-Identifier: Apache-2.0 */
/* See cgroupfs.h. The table of files is small and changes rarely: one lock, linear searches. */
#include "fs/cgroupfs/cgroupfs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "mm/memfile.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/fstype.h"
#include "vfs/pseudo.h"

#define CGROUP_MAGIC 0x27e0ebU
#define CGROUP2_MAGIC 0x63677270U
#define MAX_FILES 128
#define MAX_CONTROLLERS 16

struct view_file {
	char name[64]; /* "memory/memory.limit_in_bytes", "memory.max" */
	char value[128];
};

static struct {
	struct mutex mu;
	struct view_file files[MAX_FILES];
	size_t n_files;
	char controllers[MAX_CONTROLLERS][16];
	size_t n_controllers;
} view = { .mu = { PTHREAD_MUTEX_INITIALIZER, RANK_LEAF } };

static _Atomic int64_t pids_max = INT64_MAX;

static void note_controller(const char *name, size_t len)
{
	if (len >= sizeof(view.controllers[0]))
		return;
	for (size_t i = 0; i < view.n_controllers; i++) {
		if (strlen(view.controllers[i]) == len && memcmp(view.controllers[i], name, len) == 0)
			return;
	}
	if (view.n_controllers < MAX_CONTROLLERS)
		memcpy(view.controllers[view.n_controllers++], name, len);
}

static int set_one(const char *text)
{
	const char *eq = strchr(text, '=');
	size_t len = eq ? (size_t)(eq - text) : 0;
	struct view_file *f = NULL;

	if (len == 0 || len >= sizeof(f->name) || strlen(eq + 1) >= sizeof(f->value))
		return -EINVAL;
	for (size_t i = 0; i < view.n_files && !f; i++) {
		if (strlen(view.files[i].name) == len && memcmp(view.files[i].name, text, len) == 0)
			f = &view.files[i];
	}
	if (!f) {
		const char *slash = memchr(text, '/', len);

		if (view.n_files == MAX_FILES)
			return -ENOSPC;
		f = &view.files[view.n_files++];
		memcpy(f->name, text, len);
		f->name[len] = 0;
		if (slash)
			note_controller(text, (size_t)(slash - text));
	}
	strncpy(f->value, eq + 1, sizeof(f->value) - 1);
	if (strcmp(f->name, "pids.max") == 0 || strcmp(f->name, "pids/pids.max") == 0) {
		char *end;
		long long v = strtoll(f->value, &end, 10);

		atomic_store(&pids_max, end > f->value && *end == 0 && v >= 0 ? v : INT64_MAX);
	}
	return 0;
}

int64_t cgroup_view_pids_max(void)
{
	return atomic_load(&pids_max);
}

int cgroup_view_set(const char *const *files, size_t n)
{
	int r = 0;

	mutex_lock(&view.mu);
	for (size_t i = 0; i < n && r == 0; i++)
		r = set_one(files[i]);
	mutex_unlock(&view.mu);
	return r;
}

bool cgroup_view_is_v2(void)
{
	return view.n_controllers == 0;
}

const char *cgroup_view_controller(size_t i)
{
	return i < view.n_controllers ? view.controllers[i] : NULL;
}

/* --- usage ------------------------------------------------------------------------------------------- */

static void for_each_group(void (*fn)(struct tgroup *g, void *arg), void *arg)
{
	struct tgroup *groups[1024];
	size_t n = tgroups_get(kernel_get(), groups, ARRAY_LEN(groups));

	for (size_t i = 0; i < n; i++) {
		fn(groups[i], arg);
		tgroup_put(groups[i]);
	}
}

static void add_cpu(struct tgroup *g, void *arg)
{
	int64_t *sum = arg, user, system;

	tgroup_cpu_split(g, &user, &system);
	sum[0] += user;
	sum[1] += system;
}

static void print_pid(struct tgroup *g, void *arg)
{
	seq_printf(arg, "%d\n", g->pid);
}

static void count_threads(struct tgroup *g, void *arg)
{
	*(uint32_t *)arg += g->n_tasks;
}

static void show_cpu_stat(struct seq *s)
{
	int64_t sum[2] = { 0, 0 };

	for_each_group(add_cpu, sum);
	if (!cgroup_view_is_v2()) {
		seq_printf(s, "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n");
		return;
	}
	seq_printf(s, "usage_usec %" PRId64 "\nuser_usec %" PRId64 "\nsystem_usec %" PRId64 "\n"
		      "nr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
		   (sum[0] + sum[1]) / 1000, sum[0] / 1000, sum[1] / 1000);
}

static void show_cpuacct(struct seq *s)
{
	int64_t sum[2] = { 0, 0 };

	for_each_group(add_cpu, sum);
	seq_printf(s, "%" PRId64 "\n", sum[0] + sum[1]);
}

static void show_cpuacct_stat(struct seq *s)
{
	int64_t sum[2] = { 0, 0 };

	for_each_group(add_cpu, sum);
	seq_printf(s, "user %" PRId64 "\nsystem %" PRId64 "\n", sum[0] / 10000000, sum[1] / 10000000);
}

static void show_memory(struct seq *s)
{
	seq_printf(s, "%" PRIu64 "\n", memfile_used_bytes());
}

static void show_memory_stat(struct seq *s)
{
	uint64_t used = memfile_used_bytes();

	if (cgroup_view_is_v2())
		seq_printf(s, "anon %" PRIu64 "\nfile 0\nkernel 0\nshmem 0\nfile_mapped 0\n", used);
	else
		seq_printf(s, "cache 0\nrss %" PRIu64 "\nmapped_file 0\ninactive_file 0\n"
			      "total_cache 0\ntotal_rss %" PRIu64 "\ntotal_inactive_file 0\n", used, used);
}

static void show_pids(struct seq *s)
{
	uint32_t n = 0;

	for_each_group(count_threads, &n);
	seq_printf(s, "%u\n", n);
}

static void show_procs(struct seq *s)
{
	for_each_group(print_pid, s);
}

static const struct live {
	const char *name; /* the last component */
	void (*show)(struct seq *s);
} live[] = {
	{ "memory.usage_in_bytes", show_memory }, { "memory.current", show_memory },
	{ "memory.stat", show_memory_stat },	  { "pids.current", show_pids },
	{ "cpu.stat", show_cpu_stat },		  { "cpuacct.usage", show_cpuacct },
	{ "cpuacct.stat", show_cpuacct_stat },	  { "cgroup.procs", show_procs },
	{ "tasks", show_procs },
};

static int show_file(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	const struct view_file *f = &view.files[pi->arg];
	const char *slash = strrchr(f->name, '/'), *base = slash ? slash + 1 : f->name;
	char value[sizeof(f->value)];

	(void)t;
	for (size_t i = 0; i < ARRAY_LEN(live); i++) {
		if (strcmp(base, live[i].name) == 0) {
			live[i].show(s);
			return 0;
		}
	}
	mutex_lock(&view.mu);
	memcpy(value, f->value, sizeof(value));
	mutex_unlock(&view.mu);
	/* Several lines are given with ';' between them. */
	for (char *c = value; *c; c++)
		*c = *c == ';' ? '\n' : *c;
	seq_printf(s, "%s\n", value);
	return 0;
}

static const struct pseudo_ops file_ops_view = { .show = show_file };

int cgroupfs_new(struct super **ret)
{
	bool v2 = cgroup_view_is_v2();
	struct super *sb;
	int r = pseudo_super_new(&sb, v2 ? "cgroup2" : "cgroup", v2 ? CGROUP2_MAGIC : CGROUP_MAGIC, NULL);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < view.n_files; i++) {
		const char *name = view.files[i].name, *slash = strchr(name, '/');
		struct pseudo_inode *dir = pseudo_root(sb);

		if (slash) {
			char controller[16] = { 0 };
			struct pseudo_inode *sub;

			if ((size_t)(slash - name) >= sizeof(controller))
				continue;
			memcpy(controller, name, (size_t)(slash - name));
			sub = pseudo_child(dir, controller);
			if (!sub)
				r = pseudo_mkdir(dir, controller, 0555, &sub);
			dir = sub;
			name = slash + 1;
		}
		if (r == 0)
			r = pseudo_add(dir, name, 0100444, &file_ops_view, NULL, i, NULL);
	}
	if (r < 0) {
		super_put(sb);
		return r;
	}
	*ret = sb;
	return 0;
}
