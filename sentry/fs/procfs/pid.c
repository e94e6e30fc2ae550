/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID and /proc/PID/task/TID (proc(5)).
 *
 * An inode here remembers a number, not a task: each use looks the task up again, so nothing keeps a
 * dead process alive and a stale name fails with ESRCH. pi->arg is the tid; directories of a process
 * and of a thread differ only in having task/.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "boot/kernel.h"
#include "fs/cgroupfs/cgroupfs.h"
#include "fs/procfs/procfs.h"
#include "net/netns.h"
#include "task/task.h"
#include "tty/tty.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/mount.h"
#include "vfs/namespace.h"

#define USER_HZ_NS 10000000

static struct task *task_of(struct pseudo_inode *pi)
{
	return task_find(kernel_get(), (int32_t)pi->arg);
}

static bool pid_alive(struct pseudo_inode *pi)
{
	struct task *o = task_of(pi);

	if (!o)
		return false;
	task_put(o);
	return true;
}

static void pid_owner(struct pseudo_inode *pi, uint32_t *uid, uint32_t *gid)
{
	struct task *o = task_of(pi);

	if (!o)
		return;
	const struct cred *c = task_get_cred(o);

	*uid = c->euid;
	*gid = c->egid;
	cred_put(c);
	task_put(o);
}

/* ptrace_may_access(2)'s rule, as far as it exists here: same user, or CAP_SYS_PTRACE. */
static bool may_access(struct task *t, struct task *o)
{
	const struct cred *c;
	bool ok;

	if (!t || t->group == o->group || task_has_cap(t, 19 /* CAP_SYS_PTRACE */))
		return true;
	c = task_get_cred(o);
	ok = t->cred->fsuid == c->euid && t->cred->fsuid == c->suid && t->cred->fsuid == c->uid &&
	     t->cred->fsgid == c->egid && t->cred->fsgid == c->sgid && t->cred->fsgid == c->gid;
	cred_put(c);
	return ok;
}

/* --- text files ---------------------------------------------------------------------------------- */

static void show_comm_escaped(struct seq *s, const char *comm)
{
	for (; *comm; comm++) {
		if (*comm == '\n' || *comm == '\\')
			seq_printf(s, "\\%s", *comm == '\n' ? "n" : "\\");
		else
			seq_putc(s, *comm);
	}
}

static const char *state_name(char c)
{
	switch (c) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "X (dead)";
	}
}

static unsigned count_threads(struct tgroup *g)
{
	struct kernel *k = kernel_get();

	rwlock_rdlock(&k->tasks);
	unsigned n = g->n_tasks;
	rwlock_unlock(&k->tasks);
	return n ? n : 1;
}

static int do_stat(struct task *o, struct seq *s)
{
	struct tgroup *g = o->group;
	struct mm *mm = task_get_mm(o);
	struct mm_usage u = { 0 };
	struct mm_layout l = { 0 };
	struct signal_sets sig;
	int64_t utime, stime;
	uint32_t tty = 0;
	int32_t fg = -1;
	char comm[16];

	if (mm) {
		mm_usage(mm, &u);
		l = *mm_layout(mm);
		mm_unref(mm);
	}
	task_get_comm(o, comm);
	signal_get_sets(o, &sig);
	tgroup_cpu_split(g, &utime, &stime);
	rwlock_rdlock(&o->kernel->tasks);
	if (g->pgrp)
		tty_of_session(g->pgrp->session, &tty, &fg);
	rwlock_unlock(&o->kernel->tasks);
	seq_printf(s, "%d (%s) %c %d %d %d %u %d 0 ", o->tid, comm, task_state_char(o), tgroup_ppid(g),
		   tgroup_pgid(g), tgroup_sid(g), tty, fg);
	seq_printf(s, "%llu 0 0 0 %lld %lld %lld %lld ", (unsigned long long)atomic_load(&o->minflt),
		   (long long)(utime / USER_HZ_NS), (long long)(stime / USER_HZ_NS),
		   (long long)(g->children_usage.utime_ns / USER_HZ_NS),
		   (long long)(g->children_usage.stime_ns / USER_HZ_NS));
	seq_printf(s, "%d %d %u 0 %lld %llu %llu %llu ", 20 + atomic_load(&o->nice),
		   atomic_load(&o->nice), count_threads(g),
		   (long long)((g->start_time_ns - kernel_get()->boot_mono_ns) / USER_HZ_NS),
		   (unsigned long long)u.size, (unsigned long long)(u.rss / PAGE_SIZE),
		   (unsigned long long)RLIM_INFINITY);
	seq_printf(s, "%llu %llu %llu 0 0 ", (unsigned long long)l.start_code,
		   (unsigned long long)l.end_code, (unsigned long long)l.start_stack);
	seq_printf(s, "%llu %llu %llu %llu 0 0 0 %d 0 0 0 0 0 0 0 ",
		   (unsigned long long)(sig.pending & INT32_MAX),
		   (unsigned long long)(sig.blocked & INT32_MAX),
		   (unsigned long long)(sig.ignored & INT32_MAX),
		   (unsigned long long)(sig.caught & INT32_MAX), g->exit_signal);
	seq_printf(s, "%llu %llu %llu %llu %llu %llu %llu 0\n", (unsigned long long)l.start_data,
		   (unsigned long long)l.end_data, (unsigned long long)l.start_brk,
		   (unsigned long long)l.arg_start, (unsigned long long)l.arg_end,
		   (unsigned long long)l.env_start, (unsigned long long)l.env_end);
	return 0;
}

static void status_memory(struct seq *s, struct mm *mm)
{
	struct mm_usage u;

	mm_usage(mm, &u);
	seq_printf(s, "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t%8llu kB\nVmPin:\t       0 kB\n",
		   (unsigned long long)u.size / 1024, (unsigned long long)u.size / 1024,
		   (unsigned long long)u.locked / 1024);
	seq_printf(s, "VmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\nRssAnon:\t%8llu kB\nRssFile:\t%8llu kB\n"
		      "RssShmem:\t       0 kB\n",
		   (unsigned long long)u.rss / 1024, (unsigned long long)u.rss / 1024,
		   (unsigned long long)(u.rss > u.shared ? u.rss - u.shared : 0) / 1024,
		   (unsigned long long)u.shared / 1024);
	seq_printf(s, "VmData:\t%8llu kB\nVmStk:\t%8llu kB\nVmExe:\t%8llu kB\nVmLib:\t       0 kB\n"
		      "VmPTE:\t      64 kB\nVmSwap:\t       0 kB\n",
		   (unsigned long long)u.data / 1024, (unsigned long long)u.stack / 1024,
		   (unsigned long long)u.text / 1024);
}

static int do_status(struct task *o, struct seq *s)
{
	const struct cred *c = task_get_cred(o);
	struct fs_ctx *fs = task_get_fs(o);
	struct mm *mm = task_get_mm(o);
	struct signal_sets sig;
	char comm[16];

	task_get_comm(o, comm);
	signal_get_sets(o, &sig);
	seq_printf(s, "Name:\t");
	show_comm_escaped(s, comm);
	seq_printf(s, "\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		   fs ? fs->umask : 0, state_name(task_state_char(o)), o->group->pid, o->tid,
		   tgroup_ppid(o->group));
	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t64\nGroups:\t", c->uid,
		   c->euid, c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
	for (uint32_t i = 0; i < c->n_groups; i++)
		seq_printf(s, "%u ", c->groups[i]);
	seq_printf(s, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", o->group->pid, o->tid,
		   tgroup_pgid(o->group), tgroup_sid(o->group));
	if (mm)
		status_memory(s, mm);
	seq_printf(s, "CoreDumping:\t0\nTHP_enabled:\t1\nThreads:\t%u\nSigQ:\t%u/%llu\n",
		   count_threads(o->group), sig.queued,
		   (unsigned long long)task_rlimit(o, RLIMIT_SIGPENDING));
	seq_printf(s, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
		   (unsigned long long)sig.pending, (unsigned long long)sig.shared,
		   (unsigned long long)sig.blocked, (unsigned long long)sig.ignored,
		   (unsigned long long)sig.caught);
	seq_printf(s, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016llx\n",
		   (unsigned long long)c->cap_inheritable, (unsigned long long)c->cap_permitted,
		   (unsigned long long)c->cap_effective, (unsigned long long)c->cap_bounding,
		   (unsigned long long)c->cap_ambient);
	seq_printf(s, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\nSpeculation_Store_Bypass:\tvulnerable\n",
		   c->no_new_privs);

	uint32_t n = kernel_get()->n_cpus;

	seq_printf(s, "Cpus_allowed:\t%x\nCpus_allowed_list:\t0-%u\nMems_allowed:\t1\nMems_allowed_list:\t0\n",
		   n >= 32 ? UINT32_MAX : (1U << n) - 1, n - 1);
	seq_printf(s, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t0\n",
		   (unsigned long long)atomic_load(&o->nvcsw));
	if (mm)
		mm_unref(mm);
	if (fs)
		fs_ctx_unref(fs);
	cred_put(c);
	return 0;
}

static int do_statm(struct task *o, struct seq *s)
{
	struct mm *mm = task_get_mm(o);
	struct mm_usage u = { 0 };

	if (mm) {
		mm_usage(mm, &u);
		mm_unref(mm);
	}
	seq_printf(s, "%llu %llu %llu %llu 0 %llu 0\n", (unsigned long long)(u.size / PAGE_SIZE),
		   (unsigned long long)(u.rss / PAGE_SIZE), (unsigned long long)(u.shared / PAGE_SIZE),
		   (unsigned long long)(u.text / PAGE_SIZE),
		   (unsigned long long)((u.data + u.stack) / PAGE_SIZE));
	return 0;
}

static int show_range(struct task *o, struct seq *s, uint64_t start, uint64_t end)
{
	struct mm *mm = task_get_mm(o);
	char buf[4096];

	if (!mm)
		return 0;
	for (uint64_t at = start; at < end;) {
		size_t n = mm_copy_in_some(mm, buf, at, MIN(end - at, (uint64_t)sizeof(buf)));

		if (n == 0)
			break;
		seq_write(s, buf, n);
		at += n;
	}
	mm_unref(mm);
	return 0;
}

static int do_cmdline(struct task *o, struct seq *s)
{
	struct mm *mm = task_get_mm(o);

	if (!mm)
		return 0;

	struct mm_layout l = *mm_layout(mm);
	char last = 0;

	mm_unref(mm);
	/* A program that overwrote its arguments (setproctitle) and ran into the environment. */
	if (l.arg_end > l.arg_start && (mm = task_get_mm(o)) != NULL) {
		(void)mm_copy_in(mm, &last, l.arg_end - 1, 1);
		mm_unref(mm);
	}
	if (last == 0)
		return show_range(o, s, l.arg_start, l.arg_end);
	show_range(o, s, l.arg_start, l.env_end);

	size_t len = strnlen(s->buf ? s->buf : "", s->len);

	if (len < s->len)
		s->len = len + 1;
	return 0;
}

static int do_environ(struct task *o, struct seq *s)
{
	struct mm *mm = task_get_mm(o);

	if (!mm)
		return 0;

	struct mm_layout l = *mm_layout(mm);

	mm_unref(mm);
	return show_range(o, s, l.env_start, l.env_end);
}

static int do_auxv(struct task *o, struct seq *s)
{
	struct mm *mm = task_get_mm(o);

	if (!mm)
		return 0;
	seq_write(s, mm_layout(mm)->auxv, mm_layout(mm)->n_auxv * sizeof(uint64_t));
	mm_unref(mm);
	return 0;
}

/* The areas are copied under the address space's lock and printed after it: names of files take locks
 * that stand above it. */
struct maps_ctx {
	struct seq *s;
	struct path root;
	bool smaps;
	char *path;
	struct mm_area *areas; /* files are referenced; names are constants */
	size_t n, room;
	bool failed;
};

static void collect_area(void *arg, const struct mm_area *a)
{
	struct maps_ctx *ctx = arg;

	if (ctx->n == ctx->room) {
		size_t room = ctx->room ? ctx->room * 2 : 64;
		struct mm_area *more = realloc(ctx->areas, room * sizeof(*more));

		if (!more) {
			ctx->failed = true;
			return;
		}
		ctx->areas = more;
		ctx->room = room;
	}
	ctx->areas[ctx->n] = *a;
	if (a->file)
		file_get(a->file);
	ctx->n++;
}

static void map_line(struct maps_ctx *ctx, const struct mm_area *a)
{
	struct kstat st = { 0 };
	size_t start = ctx->s->len;
	const char *name = a->name ? a->name : "";

	if (a->file && a->file->inode) {
		st.ino = a->file->inode->ino;
		st.dev = a->file->inode->sb->dev;
		if (a->file->path.dentry &&
		    path_to_str(&a->file->path, &ctx->root, ctx->path, PATH_MAX, true) > 0)
			name = ctx->path;
	} else if (a->file && a->file->ops->name && a->file->ops->name(a->file, ctx->path, PATH_MAX) > 0) {
		name = ctx->path;
	}
	seq_printf(ctx->s, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
		   (unsigned long long)a->start, (unsigned long long)a->end,
		   a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-',
		   a->prot & PROT_EXEC ? 'x' : '-', a->flags & MAP_SHARED ? 's' : 'p',
		   (unsigned long long)a->off, major(st.dev), minor(st.dev),
		   (unsigned long long)st.ino);
	if (*name) {
		while (ctx->s->len - start < 73)
			seq_putc(ctx->s, ' ');
		seq_printf(ctx->s, "%s", name);
	}
	seq_putc(ctx->s, '\n');
	if (!ctx->smaps)
		return;

	unsigned long long kb = (a->end - a->start) / 1024;

	seq_printf(ctx->s, "Size:           %8llu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n"
		   "Rss:            %8llu kB\nPss:            %8llu kB\nShared_Clean:          0 kB\n"
		   "Shared_Dirty:          0 kB\nPrivate_Clean:         0 kB\nPrivate_Dirty:  %8llu kB\n",
		   kb, kb, kb, a->flags & MAP_SHARED ? 0ULL : kb);
	seq_printf(ctx->s, "Referenced:     %8llu kB\nAnonymous:      %8llu kB\nLazyFree:              0 kB\n"
		   "AnonHugePages:         0 kB\nShmemPmdMapped:        0 kB\nFilePmdMapped:         0 kB\n"
		   "Shared_Hugetlb:        0 kB\nPrivate_Hugetlb:       0 kB\nSwap:                  0 kB\n"
		   "SwapPss:               0 kB\nLocked:                0 kB\nVmFlags: %s%s%s\n",
		   kb, a->file ? 0ULL : kb, a->prot & PROT_READ ? "rd " : "",
		   a->prot & PROT_WRITE ? "wr " : "", a->prot & PROT_EXEC ? "ex " : "");
}

static int maps(struct pseudo_inode *pi, struct task *t, struct seq *s, bool smaps)
{
	struct task *o = task_of(pi);
	struct maps_ctx ctx = { .s = s, .smaps = smaps };
	struct mm *mm;
	int r = 0;

	if (!o)
		return -ESRCH;
	if (!may_access(t, o)) {
		task_put(o);
		return -EACCES;
	}
	mm = task_get_mm(o);
	ctx.path = malloc(PATH_MAX);
	if (mm && ctx.path) {
		ctx.root = path_dup(&kernel_get()->root);
		mm_for_each(mm, collect_area, &ctx);
		for (size_t i = 0; i < ctx.n; i++) {
			map_line(&ctx, &ctx.areas[i]);
			if (ctx.areas[i].file)
				file_put(ctx.areas[i].file);
		}
		free(ctx.areas);
		r = ctx.failed ? -ENOMEM : 0;
		path_put(&ctx.root);
	} else if (mm) {
		r = -ENOMEM;
	}
	free(ctx.path);
	if (mm)
		mm_unref(mm);
	task_put(o);
	return r;
}

static int show_maps(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	return maps(pi, t, s, false);
}

static int show_smaps(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	return maps(pi, t, s, true);
}

static int do_comm(struct task *o, struct seq *s)
{
	char comm[16];

	task_get_comm(o, comm);
	seq_printf(s, "%s\n", comm);
	return 0;
}

static ssize_t store_comm(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len)
{
	struct task *o = task_of(pi);
	char comm[16] = "";

	if (!o)
		return -ESRCH;
	if (o->group != t->group) {
		task_put(o);
		return -EINVAL;
	}
	memcpy(comm, buf, MIN(len, sizeof(comm) - 1));
	comm[strcspn(comm, "\n")] = '\0';
	task_set_comm(o, comm);
	task_put(o);
	return (ssize_t)len;
}

static int do_limits(struct task *o, struct seq *s)
{
	static const struct {
		int resource;
		const char *name, *unit;
	} rows[] = {
		{ RLIMIT_CPU, "Max cpu time", "seconds" },
		{ RLIMIT_FSIZE, "Max file size", "bytes" },
		{ RLIMIT_DATA, "Max data size", "bytes" },
		{ RLIMIT_STACK, "Max stack size", "bytes" },
		{ RLIMIT_CORE, "Max core file size", "bytes" },
		{ RLIMIT_RSS, "Max resident set", "bytes" },
		{ RLIMIT_NPROC, "Max processes", "processes" },
		{ RLIMIT_NOFILE, "Max open files", "files" },
		{ RLIMIT_MEMLOCK, "Max locked memory", "bytes" },
		{ RLIMIT_AS, "Max address space", "bytes" },
		{ RLIMIT_LOCKS, "Max file locks", "locks" },
		{ RLIMIT_SIGPENDING, "Max pending signals", "signals" },
		{ RLIMIT_MSGQUEUE, "Max msgqueue size", "bytes" },
		{ RLIMIT_NICE, "Max nice priority", "" },
		{ RLIMIT_RTPRIO, "Max realtime priority", "" },
		{ RLIMIT_RTTIME, "Max realtime timeout", "us" },
	};

	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char soft[32] = "unlimited", hard[32] = "unlimited";

		mutex_lock(&o->group->limits_mu);
		struct rlimit l = o->group->limits[rows[i].resource];
		mutex_unlock(&o->group->limits_mu);
		if (l.rlim_cur != RLIM_INFINITY)
			snprintf(soft, sizeof(soft), "%llu", (unsigned long long)l.rlim_cur);
		if (l.rlim_max != RLIM_INFINITY)
			snprintf(hard, sizeof(hard), "%llu", (unsigned long long)l.rlim_max);
		seq_printf(s, "%-25s %-20s %-20s %-10s\n", rows[i].name, soft, hard, rows[i].unit);
	}
	return 0;
}

static int show_mounts_of(struct task *o, struct seq *s, bool mountinfo)
{
	struct fs_ctx *fs = task_get_fs(o);
	char *text = NULL;
	size_t len = 0;
	struct path root;
	int r;

	if (!fs)
		return -EINVAL;
	mutex_lock(&fs->mu);
	root = path_dup(&fs->root);
	mutex_unlock(&fs->mu);
	r = mount_show(kernel_get()->mounts, &root, mountinfo, &text, &len);
	if (r == 0)
		seq_write(s, text, len);
	free(text);
	path_put(&root);
	fs_ctx_unref(fs);
	return r;
}

static int do_mounts(struct task *o, struct seq *s)
{
	return show_mounts_of(o, s, false);
}

static int do_mountinfo(struct task *o, struct seq *s)
{
	return show_mounts_of(o, s, true);
}

static int do_cgroup(struct task *o, struct seq *s)
{
	const char *name;

	(void)o;
	for (size_t i = 0; (name = cgroup_view_controller(i)); i++)
		seq_printf(s, "%zu:%s:/\n", i + 1, name);
	if (cgroup_view_is_v2())
		seq_printf(s, "0::/\n");
	return 0;
}

static int do_io(struct task *o, struct seq *s)
{
	(void)o;
	seq_printf(s, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\n"
		      "cancelled_write_bytes: 0\n");
	return 0;
}

static int do_oom_score(struct task *o, struct seq *s)
{
	(void)o;
	seq_printf(s, "0\n");
	return 0;
}

static int do_oom_score_adj(struct task *o, struct seq *s)
{
	seq_printf(s, "%d\n", atomic_load(&o->group->oom_score_adj));
	return 0;
}

static ssize_t store_oom_score_adj(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len)
{
	struct task *o = task_of(pi);
	char text[16] = "";
	char *end;
	long v;

	if (!o)
		return -ESRCH;
	memcpy(text, buf, MIN(len, sizeof(text) - 1));
	v = strtol(text, &end, 10);
	if (end == text || v < -1000 || v > 1000) {
		task_put(o);
		return -EINVAL;
	}
	if (v < atomic_load(&o->group->oom_score_adj) && !task_has_cap(t, 24 /* CAP_SYS_RESOURCE */)) {
		task_put(o);
		return -EACCES;
	}
	atomic_store(&o->group->oom_score_adj, (int)v);
	task_put(o);
	return (ssize_t)len;
}

static int do_id_map(struct task *o, struct seq *s)
{
	(void)o;
	seq_printf(s, "         0          0 4294967295\n");
	return 0;
}

static int do_setgroups(struct task *o, struct seq *s)
{
	(void)o;
	seq_printf(s, "allow\n");
	return 0;
}

static int do_personality(struct task *o, struct seq *s)
{
	seq_printf(s, "%08x\n", o->personality);
	return 0;
}

static int do_loginuid(struct task *o, struct seq *s)
{
	(void)o;
	seq_printf(s, "4294967295");
	return 0;
}

static int do_wchan(struct task *o, struct seq *s)
{
	(void)o;
	seq_printf(s, "0");
	return 0;
}

/* Each file: find the task, check access when it tells of memory, print. */
#define TASK_FILE(name, private)                                                                   \
	static int show_##name(struct pseudo_inode *pi, struct task *t, struct seq *s)             \
	{                                                                                          \
		struct task *o = task_of(pi);                                                      \
		int r;                                                                             \
                                                                                                   \
		if (!o)                                                                            \
			return -ESRCH;                                                             \
		r = (private) && !may_access(t, o) ? -EACCES : do_##name(o, s);                    \
		task_put(o);                                                                       \
		return r;                                                                          \
	}                                                                                          \
	static const struct pseudo_ops name##_ops = { .show = show_##name, .alive = pid_alive,     \
						      .owner = pid_owner }

TASK_FILE(stat, false);
TASK_FILE(status, false);
TASK_FILE(statm, false);
TASK_FILE(cmdline, false);
TASK_FILE(environ, true);
TASK_FILE(auxv, true);
TASK_FILE(limits, false);
TASK_FILE(mounts, false);
TASK_FILE(mountinfo, false);
TASK_FILE(cgroup, false);
TASK_FILE(io, true);
TASK_FILE(oom_score, false);
TASK_FILE(id_map, false);
TASK_FILE(setgroups, false);
TASK_FILE(personality, true);
TASK_FILE(loginuid, false);
TASK_FILE(wchan, false);

static int show_comm(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct task *o = task_of(pi);

	(void)t;
	if (!o)
		return -ESRCH;
	do_comm(o, s);
	task_put(o);
	return 0;
}

static int show_oom_score_adj(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct task *o = task_of(pi);

	(void)t;
	if (!o)
		return -ESRCH;
	do_oom_score_adj(o, s);
	task_put(o);
	return 0;
}

static const struct pseudo_ops maps_ops = { .show = show_maps, .alive = pid_alive, .owner = pid_owner };
static const struct pseudo_ops smaps_ops = { .show = show_smaps, .alive = pid_alive, .owner = pid_owner };
static const struct pseudo_ops comm_ops = { .show = show_comm, .store = store_comm, .alive = pid_alive,
					    .owner = pid_owner };
static const struct pseudo_ops oom_adj_ops = { .show = show_oom_score_adj,
					       .store = store_oom_score_adj, .alive = pid_alive,
					       .owner = pid_owner };

/* --- links ------------------------------------------------------------------------------------------ */

static int place_of(struct pseudo_inode *pi, struct task *t, struct path *ret, bool root)
{
	struct task *o = task_of(pi);
	struct fs_ctx *fs;

	if (!o)
		return -ENOENT;
	if (!may_access(t, o)) {
		task_put(o);
		return -EACCES;
	}
	fs = task_get_fs(o);
	task_put(o);
	if (!fs)
		return -ENOENT;
	mutex_lock(&fs->mu);
	*ret = path_dup(root ? &fs->root : &fs->cwd);
	mutex_unlock(&fs->mu);
	fs_ctx_unref(fs);
	return 0;
}

static ssize_t path_text(struct path *place, struct task *t, char *buf, size_t size)
{
	char *full = malloc(PATH_MAX);
	struct path root = path_dup(&kernel_get()->root);
	ssize_t n = -ENOMEM;

	if (t) {
		path_put(&root);
		mutex_lock(&t->fs->mu);
		root = path_dup(&t->fs->root);
		mutex_unlock(&t->fs->mu);
	}
	if (full) {
		n = path_to_str(place, &root, full, PATH_MAX, true);
		if (n > 0) {
			n = MIN(n, (ssize_t)size);
			memcpy(buf, full, (size_t)n);
		}
	}
	free(full);
	path_put(&root);
	path_put(place);
	return n;
}

#define PLACE_LINK(name, is_root)                                                                  \
	static ssize_t name##_readlink(struct pseudo_inode *pi, struct task *t, char *buf,         \
				       size_t size)                                                \
	{                                                                                          \
		struct path place;                                                                 \
		int r = place_of(pi, t, &place, is_root);                                          \
                                                                                                   \
		return r < 0 ? r : path_text(&place, t, buf, size);                                \
	}                                                                                          \
	static int name##_follow(struct pseudo_inode *pi, struct task *t, struct path *ret,        \
				 struct file **file)                                               \
	{                                                                                          \
		(void)file;                                                                        \
		return place_of(pi, t, ret, is_root);                                              \
	}                                                                                          \
	static const struct pseudo_ops name##_ops = { .readlink = name##_readlink,                 \
						      .follow = name##_follow, .alive = pid_alive, \
						      .owner = pid_owner }
PLACE_LINK(cwd, false);
PLACE_LINK(root, true);

static int exe_place(struct pseudo_inode *pi, struct task *t, struct path *ret)
{
	struct task *o = task_of(pi);
	struct mm *mm;
	int r = -ENOENT;

	if (!o)
		return -ENOENT;
	if (!may_access(t, o)) {
		task_put(o);
		return -EACCES;
	}
	mm = task_get_mm(o);
	task_put(o);
	if (!mm)
		return -ENOENT;
	struct file *f = mm_exe_file(mm);

	if (f && f->path.dentry) {
		*ret = path_dup(&f->path);
		r = 0;
	}
	mm_unref(mm);
	return r;
}

static ssize_t exe_readlink(struct pseudo_inode *pi, struct task *t, char *buf, size_t size)
{
	struct path place;
	int r = exe_place(pi, t, &place);

	return r < 0 ? r : path_text(&place, t, buf, size);
}

static int exe_follow(struct pseudo_inode *pi, struct task *t, struct path *ret, struct file **file)
{
	(void)file;
	return exe_place(pi, t, ret);
}

static const struct pseudo_ops exe_ops = { .readlink = exe_readlink, .follow = exe_follow,
					   .alive = pid_alive, .owner = pid_owner };

/* --- fd and fdinfo ------------------------------------------------------------------------------------ */

#define FD_SHIFT 32 /* arg: tid, and the descriptor above it */

static int32_t arg_fd(const struct pseudo_inode *pi)
{
	return (int32_t)(pi->arg >> FD_SHIFT);
}

static struct task *fd_task(struct pseudo_inode *pi)
{
	return task_find(kernel_get(), (int32_t)(pi->arg & UINT32_MAX));
}

/* The open file, with a reference. */
static struct file *fd_file(struct pseudo_inode *pi)
{
	struct task *o = fd_task(pi);
	struct fdtable *files;
	struct file *f = NULL;

	if (!o)
		return NULL;
	files = task_get_files(o);
	task_put(o);
	if (!files)
		return NULL;
	if (fdtable_next(files, arg_fd(pi), &f) != arg_fd(pi)) {
		file_put(f);
		f = NULL;
	}
	fdtable_unref(files, NULL);
	return f;
}

static bool fd_alive(struct pseudo_inode *pi)
{
	struct file *f = fd_file(pi);

	if (!f)
		return false;
	file_put(f);
	return true;
}

static void fd_owner(struct pseudo_inode *pi, uint32_t *uid, uint32_t *gid)
{
	struct task *o = fd_task(pi);

	if (!o)
		return;
	const struct cred *c = task_get_cred(o);

	*uid = c->euid;
	*gid = c->egid;
	cred_put(c);
	task_put(o);
}

static ssize_t fd_readlink(struct pseudo_inode *pi, struct task *t, char *buf, size_t size)
{
	struct file *f = fd_file(pi);
	char text[128];
	ssize_t n;

	if (!f)
		return -ENOENT;
	if (f->path.dentry) {
		struct path place = path_dup(&f->path);

		n = path_text(&place, t, buf, size);
	} else {
		n = f->ops->name ? f->ops->name(f, text, sizeof(text))
				 : snprintf(text, sizeof(text), "anon_inode:%s", f->ops->kind);
		n = MIN(n, (ssize_t)MIN(size, sizeof(text) - 1));
		memcpy(buf, text, (size_t)n);
	}
	file_put(f);
	return n;
}

static int fd_follow(struct pseudo_inode *pi, struct task *t, struct path *ret, struct file **file)
{
	struct file *f = fd_file(pi);

	(void)t;
	if (!f)
		return -ENOENT;
	if (f->path.dentry) {
		*ret = path_dup(&f->path);
		file_put(f);
	} else {
		*file = f;
	}
	return 0;
}

static const struct pseudo_ops fd_link_ops = { .readlink = fd_readlink, .follow = fd_follow,
					       .alive = fd_alive, .owner = fd_owner };

static int show_fdinfo(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	struct file *f = fd_file(pi);
	char text[4096];

	(void)t;
	if (!f)
		return -ENOENT;
	seq_printf(s, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t%d\n", (long long)f->pos,
		   atomic_load(&f->flags), f->path.mnt ? f->path.mnt->id : 15);
	if (f->inode)
		seq_printf(s, "ino:\t%llu\n", (unsigned long long)f->inode->ino);
	if (f->ops->fdinfo) {
		int n = f->ops->fdinfo(f, text, sizeof(text));

		if (n > 0)
			seq_write(s, text, MIN((size_t)n, sizeof(text) - 1));
	}
	file_put(f);
	return 0;
}

static const struct pseudo_ops fdinfo_file_ops = { .show = show_fdinfo, .alive = fd_alive,
						   .owner = fd_owner };

static int parse_number(const struct fname *name, int32_t *ret)
{
	int64_t v = 0;

	if (name->len == 0 || name->len > 10 || (name->len > 1 && name->s[0] == '0'))
		return -ENOENT;
	for (size_t i = 0; i < name->len; i++) {
		if (name->s[i] < '0' || name->s[i] > '9')
			return -ENOENT;
		v = v * 10 + (name->s[i] - '0');
	}
	if (v > INT32_MAX)
		return -ENOENT;
	*ret = (int32_t)v;
	return 0;
}

static int fd_lookup_common(struct pseudo_inode *dir, struct task *t, const struct fname *name, bool info,
			    struct inode **ret)
{
	struct pseudo_inode *pi;
	struct task *o = task_of(dir);
	uint32_t mode = info ? 0100400 : 0120700;
	int32_t fd;
	int r = parse_number(name, &fd);

	if (!o)
		return -ENOENT;
	if (r == 0 && !may_access(t, o))
		r = -EACCES;
	task_put(o);
	if (r < 0)
		return r;
	r = pseudo_inode_new(dir->inode.sb, mode, info ? &fdinfo_file_ops : &fd_link_ops, NULL,
			     dir->arg | (uint64_t)(uint32_t)fd << FD_SHIFT, &pi);
	if (r < 0)
		return r;
	if (!fd_alive(pi)) {
		inode_put(&pi->inode);
		return -ENOENT;
	}
	*ret = &pi->inode;
	return 0;
}

static int fd_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
		     struct inode **ret)
{
	return fd_lookup_common(dir, t, name, false, ret);
}

static int fdinfo_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
			 struct inode **ret)
{
	return fd_lookup_common(dir, t, name, true, ret);
}

static int fd_readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	struct task *o = task_of(dir);
	struct fdtable *files;
	int fd;

	if (!o)
		return 0;
	if (!may_access(t, o)) {
		task_put(o);
		return -EACCES;
	}
	files = task_get_files(o);
	task_put(o);
	if (!files)
		return 0;
	for (fd = fdtable_next(files, (int)(*pos - 2), NULL); fd >= 0;
	     fd = fdtable_next(files, fd + 1, NULL)) {
		char name[16];
		int n = snprintf(name, sizeof(name), "%d", fd);

		if (!sink->emit(sink, name, (size_t)n, (uint64_t)fd + 1000, 10 /* DT_LNK */, fd + 3))
			break;
		*pos = fd + 3;
	}
	fdtable_unref(files, NULL);
	return 0;
}

static const struct pseudo_ops fd_dir_ops = { .lookup = fd_lookup, .readdir = fd_readdir,
					      .alive = pid_alive, .owner = pid_owner };
static const struct pseudo_ops fdinfo_dir_ops = { .lookup = fdinfo_lookup, .readdir = fd_readdir,
						  .alive = pid_alive, .owner = pid_owner };

/* --- ns ------------------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	uint32_t number;
} namespaces[] = {
	{ "cgroup", 4026531835U }, { "ipc", 4026531839U }, { "mnt", 4026531841U },
	{ "net", 4026531840U },	   { "pid", 4026531836U }, { "pid_for_children", 4026531836U },
	{ "user", 4026531837U },   { "uts", 4026531838U },
};

static ssize_t ns_readlink(struct pseudo_inode *pi, struct task *t, char *buf, size_t size)
{
	size_t i = (size_t)(uintptr_t)pi->data;
	char text[48];
	const char *kind = strcmp(namespaces[i].name, "pid_for_children") == 0 ? "pid"
									       : namespaces[i].name;
	int n = snprintf(text, sizeof(text), "%s:[%u]", kind, namespaces[i].number);

	(void)t;
	memcpy(buf, text, MIN((size_t)n, size));
	return MIN((ssize_t)n, (ssize_t)size);
}

static const struct pseudo_ops ns_link_ops = { .readlink = ns_readlink, .alive = pid_alive,
					       .owner = pid_owner };

static int ns_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
		     struct inode **ret)
{
	struct pseudo_inode *pi;

	(void)t;
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
		if (strlen(namespaces[i].name) != name->len ||
		    memcmp(namespaces[i].name, name->s, name->len) != 0)
			continue;

		int r = pseudo_inode_new(dir->inode.sb, 0120777, &ns_link_ops, (void *)(uintptr_t)i,
					 dir->arg, &pi);

		if (r == 0)
			*ret = &pi->inode;
		return r;
	}
	return -ENOENT;
}

static int ns_readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	(void)dir;
	(void)t;
	for (int64_t i = *pos - 2; i < (int64_t)ARRAY_LEN(namespaces); i++) {
		if (!sink->emit(sink, namespaces[i].name, strlen(namespaces[i].name),
				namespaces[i].number, 10, i + 3))
			break;
		*pos = i + 3;
	}
	return 0;
}

static const struct pseudo_ops ns_dir_ops = { .lookup = ns_lookup, .readdir = ns_readdir,
					      .alive = pid_alive, .owner = pid_owner };

/* --- the directory of a process --------------------------------------------------------------------------- */

static const struct pseudo_ops task_dir_ops;

struct pid_entry {
	const char *name;
	uint32_t mode;
	const struct pseudo_ops *ops;
	bool process_only; /* not in task/TID */
};

static const struct pid_entry entries[] = {
	{ "auxv", 0100400, &auxv_ops },	      { "cgroup", 0100444, &cgroup_ops },
	{ "cmdline", 0100444, &cmdline_ops }, { "comm", 0100644, &comm_ops },
	{ "cwd", 0120777, &cwd_ops },	      { "environ", 0100400, &environ_ops },
	{ "exe", 0120777, &exe_ops },	      { "fd", 0040500, &fd_dir_ops },
	{ "fdinfo", 0040555, &fdinfo_dir_ops }, { "gid_map", 0100644, &id_map_ops },
	{ "io", 0100400, &io_ops },	      { "limits", 0100444, &limits_ops },
	{ "loginuid", 0100644, &loginuid_ops }, { "maps", 0100444, &maps_ops },
	{ "mountinfo", 0100444, &mountinfo_ops }, { "mounts", 0100444, &mounts_ops },
	{ "net", 0040555, NULL },	      { "ns", 0040511, &ns_dir_ops },
	{ "oom_score", 0100444, &oom_score_ops }, { "oom_score_adj", 0100644, &oom_adj_ops },
	{ "personality", 0100400, &personality_ops }, { "root", 0120777, &root_ops },
	{ "setgroups", 0100644, &setgroups_ops }, { "smaps", 0100444, &smaps_ops },
	{ "stat", 0100444, &stat_ops },	      { "statm", 0100444, &statm_ops },
	{ "status", 0100444, &status_ops },   { "task", 0040555, &task_dir_ops, true },
	{ "uid_map", 0100644, &id_map_ops },  { "wchan", 0100444, &wchan_ops },
};

/* data: non-NULL in the directory of a thread. */
static int pid_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
		      struct inode **ret)
{
	struct pseudo_inode *pi;

	(void)t;
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		const struct pid_entry *e = &entries[i];

		if (strlen(e->name) != name->len || memcmp(e->name, name->s, name->len) != 0 ||
		    (e->process_only && dir->data))
			continue;
		if (!e->ops) {
			pi = proc_net_of(dir->inode.sb);
			if (!pi)
				return -ENOENT;
			*ret = inode_get(&pi->inode);
			return 0;
		}

		int r = pseudo_inode_new(dir->inode.sb, e->mode, e->ops, NULL, dir->arg, &pi);

		if (r == 0)
			*ret = &pi->inode;
		return r;
	}
	return -ENOENT;
}

static int pid_readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	(void)t;
	for (int64_t i = *pos - 2; i < (int64_t)ARRAY_LEN(entries); i++) {
		const struct pid_entry *e = &entries[i];

		if (!(e->process_only && dir->data) &&
		    !sink->emit(sink, e->name, strlen(e->name), dir->arg * 100 + (uint64_t)i + 1,
				(uint8_t)(e->mode >> 12), i + 3))
			break;
		*pos = i + 3;
	}
	return 0;
}

static const struct pseudo_ops pid_dir_ops = { .lookup = pid_lookup, .readdir = pid_readdir,
					       .alive = pid_alive, .owner = pid_owner };

static int tid_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
		      struct inode **ret)
{
	struct pseudo_inode *pi;
	struct task *o;
	int32_t tid;
	int r = parse_number(name, &tid);

	(void)t;
	if (r < 0)
		return r;
	o = task_find(kernel_get(), tid);
	if (!o)
		return -ENOENT;
	bool ours = o->group->pid == (int32_t)dir->arg;

	task_put(o);
	if (!ours)
		return -ENOENT;
	r = pseudo_inode_new(dir->inode.sb, 0040555, &pid_dir_ops, (void *)1, (uint64_t)tid, &pi);
	if (r == 0)
		*ret = &pi->inode;
	return r;
}

static int compare_i32(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a;
	int32_t y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorted numbers >= @from: threads of @group, or all processes when it is 0. *ret is malloc'ed. */
static size_t collect(int32_t group, int64_t from, int32_t **ret)
{
	struct kernel *k = kernel_get();
	struct tgroup *g;
	size_t n = 0, cap = 0;

	*ret = NULL;
	rwlock_rdlock(&k->tasks);
	list_for_each_entry(g, &k->groups, kernel_link) {
		struct task *o;

		if (group && g->pid != group)
			continue;
		list_for_each_entry(o, &g->tasks, group_link) {
			int32_t nr = group ? o->tid : g->pid;

			if (nr < from)
				continue;
			if (n == cap) {
				int32_t *more = realloc(*ret, (cap = cap * 2 + 64) * sizeof(int32_t));

				if (!more)
					goto out;
				*ret = more;
			}
			(*ret)[n++] = nr;
			if (!group)
				break;
		}
	}
out:
	rwlock_unlock(&k->tasks);
	if (n > 0)
		qsort(*ret, n, sizeof(int32_t), compare_i32);
	return n;
}

static int emit_numbers(int32_t group, struct dir_sink *sink, int64_t *pos)
{
	int32_t *list;
	size_t n = collect(group, *pos - 2, &list);

	for (size_t i = 0; i < n; i++) {
		char name[16];
		int len = snprintf(name, sizeof(name), "%d", list[i]);

		if (!sink->emit(sink, name, (size_t)len, (uint64_t)list[i] * 100, 4 /* DT_DIR */,
				(int64_t)list[i] + 3))
			break;
		*pos = (int64_t)list[i] + 3;
	}
	free(list);
	return 0;
}

static int tid_readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	(void)t;
	return emit_numbers((int32_t)dir->arg, sink, pos);
}

static const struct pseudo_ops task_dir_ops = { .lookup = tid_lookup, .readdir = tid_readdir,
						.alive = pid_alive, .owner = pid_owner };

static int root_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
		       struct inode **ret)
{
	struct pseudo_inode *pi;
	struct task *o;
	int32_t pid;
	int r = parse_number(name, &pid);

	(void)t;
	if (r < 0)
		return r;
	o = task_find(kernel_get(), pid);
	if (!o)
		return -ENOENT;
	task_put(o);
	r = pseudo_inode_new(dir->inode.sb, 0040555, &pid_dir_ops, NULL, (uint64_t)pid, &pi);
	if (r == 0)
		*ret = &pi->inode;
	return r;
}

static int root_readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	(void)dir;
	(void)t;
	return emit_numbers(0, sink, pos);
}

const struct pseudo_ops proc_root_ops = { .lookup = root_lookup, .readdir = root_readdir };
