/* SPDX-License-Identifier: Apache-2.0 */
/* clone(2), execve(2), wait4(2) and the numbers of processes: decoding and the checks that need
 * only the arguments. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "sys/table.h"
#include "task/internal.h"
#include "tty/tty.h"
#include "vfs/walk.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/proc.def"
#undef SYSCALL

#define CSIGNAL_MASK 0xffu

/* --- birth --- */

long sys_clone(struct task *t, const struct sysargs *a)
{
	uint64_t flags = (uint32_t)a->a[0];
	struct clone_args_k args = {
		.flags = flags & ~(uint64_t)CSIGNAL_MASK,
		.pidfd = a->a[2],
		.parent_tid = a->a[2],
		.child_tid = a->a[3],
		.exit_signal = (int)(flags & CSIGNAL_MASK),
		.stack = a->a[1],
		.tls = a->a[4],
	};

	if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	return task_clone(t, &args);
}

long sys_fork(struct task *t, const struct sysargs *a)
{
	struct clone_args_k args = {.exit_signal = SIGCHLD};

	(void)a;
	return task_clone(t, &args);
}

long sys_vfork(struct task *t, const struct sysargs *a)
{
	struct clone_args_k args = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};

	(void)a;
	return task_clone(t, &args);
}

/* Copies a structure that may be longer than we know: what we do not know must be zero. */
static int copy_struct_in(struct task *t, void *dst, size_t size, uint64_t src, size_t usize)
{
	memset(dst, 0, size);
	if (copy_in(t, dst, src, MIN(size, usize)) < 0)
		return -EFAULT;
	for (size_t off = size; off < usize; off++) {
		uint8_t byte;

		if (copy_in(t, &byte, src + off, 1) < 0)
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	return 0;
}

long sys_clone3(struct task *t, const struct sysargs *a)
{
	struct clone_args u;
	size_t usize = a->a[1];
	int r;

	if (usize > 4096)
		return -E2BIG;
	if (usize < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	r = copy_struct_in(t, &u, sizeof(u), a->a[0], usize);
	if (r < 0)
		return r;
	if (u.flags & ~(UINT64_C(0xffffffff) | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP))
		return -EINVAL;
	if (u.flags & (CLONE_DETACHED | (CSIGNAL_MASK & ~(uint64_t)CLONE_NEWTIME)))
		return -EINVAL;
	if ((u.flags & CLONE_SIGHAND) && (u.flags & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((u.flags & (CLONE_THREAD | CLONE_PARENT)) && u.exit_signal)
		return -EINVAL;
	if (u.exit_signal > NSIG_GUEST)
		return -EINVAL;
	if ((u.stack == 0) != (u.stack_size == 0))
		return -EINVAL;
	if (u.set_tid_size > 32 || (u.set_tid == 0) != (u.set_tid_size == 0))
		return -EINVAL;
	if (u.set_tid_size)
		return task_has_cap(t, CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
	if (u.flags & CLONE_INTO_CGROUP)
		return -EBADF;

	struct clone_args_k args = {
		.flags = u.flags,
		.pidfd = u.pidfd,
		.child_tid = u.child_tid,
		.parent_tid = u.parent_tid,
		.exit_signal = (int)u.exit_signal,
		.stack = u.stack,
		.stack_size = u.stack_size,
		.tls = u.tls,
	};

	return task_clone(t, &args);
}

#define NS_FLAGS                                                                                   \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

static int unshare_fs(struct task *t)
{
	struct fs_ctx *own, *old = t->fs;
	int r = fs_ctx_copy(&own, old);

	if (r < 0)
		return r;
	mutex_lock(&t->mu);
	t->fs = own;
	mutex_unlock(&t->mu);
	fs_ctx_unref(old);
	return 0;
}

static int unshare_files(struct task *t)
{
	struct fdtable *own, *old = t->files;

	if (!fdtable_shared(old))
		return 0;

	int r = fdtable_copy(&own, old);

	if (r < 0)
		return r;
	mutex_lock(&t->mu);
	t->files = own;
	mutex_unlock(&t->mu);
	fdtable_unref(old, t);
	return 0;
}

long sys_unshare(struct task *t, const struct sysargs *a)
{
	uint64_t flags = a->a[0];
	int r = 0;

	if (flags & ~(uint64_t)(CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES |
				CLONE_SYSVSEM | NS_FLAGS))
		return -EINVAL;
	if (flags & NS_FLAGS)
		return task_has_cap(t, CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
	if (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) {
		rwlock_rdlock(&t->kernel->tasks);
		bool alone = t->group->n_tasks == 1;

		rwlock_unlock(&t->kernel->tasks);
		if (!alone)
			return -EINVAL;
	}
	if (flags & CLONE_FS)
		r = unshare_fs(t);
	if (r == 0 && (flags & CLONE_FILES))
		r = unshare_files(t);
	return r;
}

long sys_setns(struct task *t, const struct sysargs *a)
{
	struct file *f = fd_get(t, (int)a->a[0]);

	if (!f)
		return -EBADF;
	fd_put(t, f);
	return -EINVAL; /* no descriptor refers to a namespace that could be entered */
}

long sys_ptrace(struct task *t, const struct sysargs *a)
{
	(void)t;
	(void)a;
	return -EPERM;
}

/* --- image --- */

#define ARG_STRLEN_MAX (128 * 1024)

struct strv {
	char *buf;
	size_t len, cap;
	size_t *off;
	size_t n, n_cap;
	const char **ptrs;
};

static void strv_fini(struct strv *v)
{
	free(v->buf);
	free(v->off);
	free(v->ptrs);
}

static int strv_add(struct strv *v, struct task *t, uint64_t addr, size_t *budget)
{
	if (v->n == v->n_cap) {
		size_t cap = v->n_cap ? v->n_cap * 2 : 32;
		size_t *off = realloc(v->off, cap * sizeof(*off));

		if (!off)
			return -ENOMEM;
		v->off = off;
		v->n_cap = cap;
	}
	for (size_t room = 256;; room *= 4) {
		if (room > ARG_STRLEN_MAX)
			room = ARG_STRLEN_MAX;
		if (v->cap - v->len < room) {
			size_t cap = MAX(v->cap * 2, v->len + room);
			char *buf = realloc(v->buf, cap);

			if (!buf)
				return -ENOMEM;
			v->buf = buf;
			v->cap = cap;
		}

		ssize_t n = mm_copy_str(t->mm, v->buf + v->len, addr, room);

		if (n >= 0) {
			if ((size_t)n + 1 + 8 > *budget)
				return -E2BIG;
			*budget -= (size_t)n + 1 + 8;
			v->off[v->n++] = v->len;
			v->len += (size_t)n + 1;
			return 0;
		}
		if (n != -ENAMETOOLONG)
			return (int)n;
		if (room == ARG_STRLEN_MAX)
			return -E2BIG;
	}
}

/* Reads a NULL-terminated array of strings. */
static int strv_read(struct strv *v, struct task *t, uint64_t uv, size_t *budget, bool argv)
{
	int r;

	for (uint64_t i = 0; uv; i++) {
		uint64_t p;

		if (copy_in(t, &p, uv + i * 8, sizeof(p)) < 0)
			return -EFAULT;
		if (!p)
			break;
		r = strv_add(v, t, p, budget);
		if (r < 0)
			return r;
	}
	v->ptrs = calloc(v->n + 2, sizeof(*v->ptrs));
	if (!v->ptrs)
		return -ENOMEM;
	for (size_t i = 0; i < v->n; i++)
		v->ptrs[i] = v->buf + v->off[i];
	/* A program always has an argv[0], as in Linux since 5.18. */
	if (argv && v->n == 0)
		v->ptrs[0] = "";
	return 0;
}

static long do_exec(struct task *t, int dfd, uint64_t upath, uint64_t uargv, uint64_t uenvp,
		    int flags)
{
	uint64_t stack = task_rlimit(t, RLIMIT_STACK) / 4;
	size_t budget = MIN(MAX(stack, (uint64_t)ARG_STRLEN_MAX), UINT64_C(6) << 20);
	struct strv argv = {0}, envp = {0};
	char *path = malloc(PATH_LEN_MAX);
	struct file *file = NULL;
	long r;

	if (!path)
		return -ENOMEM;
	r = getname(t, upath, path, (flags & AT_EMPTY_PATH) != 0);
	if (r >= 0)
		r = vfs_open_exec(t, dfd, path, flags, &file);
	if (r >= 0)
		r = strv_read(&argv, t, uargv, &budget, true);
	if (r >= 0)
		r = strv_read(&envp, t, uenvp, &budget, false);
	if (r >= 0) {
		struct exec_args args = {argv.ptrs, envp.ptrs};

		/* What a script's interpreter gets to open (execveat(2)). */
		if (path[0] == '\0')
			snprintf(path, PATH_LEN_MAX, "/dev/fd/%d", dfd);
		r = task_exec(t, file, path, &args);
	}
	if (file)
		file_put(file);
	strv_fini(&argv);
	strv_fini(&envp);
	free(path);
	return r;
}

long sys_execve(struct task *t, const struct sysargs *a)
{
	return do_exec(t, AT_FDCWD, a->a[0], a->a[1], a->a[2], 0);
}

long sys_execveat(struct task *t, const struct sysargs *a)
{
	int flags = (int)a->a[4];

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return do_exec(t, (int)a->a[0], a->a[1], a->a[2], a->a[3], flags);
}

/* --- end --- */

long sys_exit(struct task *t, const struct sysargs *a)
{
	t->must_exit = true;
	t->exit_status = (int)(a->a[0] & 0xff) << 8;
	return 0;
}

long sys_exit_group(struct task *t, const struct sysargs *a)
{
	task_exit_group(t, (int)(a->a[0] & 0xff) << 8);
	return 0;
}

/* --- waiting --- */

static void usage_to_guest(struct rusage *ret, const struct cpu_usage *u)
{
	*ret = (struct rusage){
		.ru_utime = {u->utime_ns / NS_PER_SEC, u->utime_ns % NS_PER_SEC / 1000},
		.ru_stime = {u->stime_ns / NS_PER_SEC, u->stime_ns % NS_PER_SEC / 1000},
		.ru_maxrss = (long)u->maxrss_kb,
		.ru_minflt = (long)u->minflt,
		.ru_majflt = (long)u->majflt,
		.ru_nvcsw = (long)u->nvcsw,
		.ru_nivcsw = (long)u->nivcsw,
	};
}

static int put_usage(struct task *t, uint64_t addr, const struct cpu_usage *u)
{
	struct rusage ru;

	if (!addr)
		return 0;
	usage_to_guest(&ru, u);
	return copy_out(t, addr, &ru, sizeof(ru));
}

long sys_wait4(struct task *t, const struct sysargs *a)
{
	int32_t pid = (int32_t)a->a[0];
	int options = (int)a->a[2];
	struct wait_opts opts = {.idtype = P_PID, .id = pid, .options = options | WEXITED};
	struct wait_result res;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | (int)__WCLONE | __WALL))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid == -1) {
		opts.idtype = P_ALL;
	} else if (pid <= 0) {
		opts.idtype = P_PGID;
		opts.id = -pid;
	}

	int r = task_wait_child(t, &opts, &res);

	if (r <= 0)
		return r;
	if (a->a[1] && copy_out(t, a->a[1], &res.status, sizeof(res.status)) < 0)
		return -EFAULT;
	if (put_usage(t, a->a[3], &res.usage) < 0)
		return -EFAULT;
	return res.pid;
}

/* Turns the id of waitid(2) into what the scan understands. */
static int waitid_target(struct task *t, struct wait_opts *opts, bool *nonblock)
{
	*nonblock = false;
	switch ((idtype_t)opts->idtype) {
	case P_ALL:
		return 0;
	case P_PID:
		return opts->id > 0 ? 0 : -EINVAL;
	case P_PGID:
		return opts->id >= 0 ? 0 : -EINVAL;
	case P_PIDFD: {
		struct file *f = opts->id < 0 ? NULL : fd_get(t, opts->id);

		if (opts->id < 0)
			return -EINVAL;
		if (!f)
			return -EBADF;

		struct tgroup *g = pidfd_group(f);

		*nonblock = file_nonblock(f);
		fd_put(t, f);
		if (!g)
			return -EBADF;
		opts->idtype = P_PID;
		opts->id = g->pid;
		tgroup_put(g);
		return 0;
	}
	}
	return -EINVAL;
}

long sys_waitid(struct task *t, const struct sysargs *a)
{
	int options = (int)a->a[3];
	struct wait_opts opts = {.idtype = (int)a->a[0], .id = (int32_t)a->a[1]};
	struct wait_result res;
	bool nonblock;
	int r;

	if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			(int)__WCLONE | __WALL))
		return -EINVAL;
	if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	r = waitid_target(t, &opts, &nonblock);
	if (r < 0)
		return r;
	opts.options = options | (nonblock ? WNOHANG : 0);
	r = task_wait_child(t, &opts, &res);
	if (r < 0)
		return r;
	if (r == 0 && nonblock && !(options & WNOHANG))
		return -EAGAIN;
	if (r > 0 && put_usage(t, a->a[4], &res.usage) < 0)
		return -EFAULT;
	if (!a->a[2])
		return 0;

	int32_t head[3] = {r > 0 ? SIGCHLD : 0, 0, res.code};
	int32_t rest[3] = {res.pid, (int32_t)res.uid, res.sig_status};

	if (copy_out(t, a->a[2], head, sizeof(head)) < 0 ||
	    copy_out(t, a->a[2] + 16, rest, sizeof(rest)) < 0)
		return -EFAULT;
	return 0;
}

/* --- numbers --- */

long sys_getpid(struct task *t, const struct sysargs *a)
{
	(void)a;
	return t->group->pid;
}

long sys_gettid(struct task *t, const struct sysargs *a)
{
	(void)a;
	return t->tid;
}

long sys_getppid(struct task *t, const struct sysargs *a)
{
	(void)a;
	return tgroup_ppid(t->group);
}

long sys_getpgrp(struct task *t, const struct sysargs *a)
{
	(void)a;
	return tgroup_pgid(t->group);
}

/* The group of @pid (0: the caller's), under the tasks lock. */
static struct tgroup *group_of(struct task *t, int32_t pid)
{
	struct task *other;

	if (pid == 0)
		return t->group;
	other = pid_task(t->kernel, pid);
	return other ? other->group : NULL;
}

long sys_getpgid(struct task *t, const struct sysargs *a)
{
	rwlock_rdlock(&t->kernel->tasks);
	struct tgroup *g = group_of(t, (int32_t)a->a[0]);
	long r = g && g->pgrp ? g->pgrp->pgid : -ESRCH;

	rwlock_unlock(&t->kernel->tasks);
	return r;
}

long sys_getsid(struct task *t, const struct sysargs *a)
{
	rwlock_rdlock(&t->kernel->tasks);
	struct tgroup *g = group_of(t, (int32_t)a->a[0]);
	long r = g && g->pgrp ? g->pgrp->session->sid : -ESRCH;

	rwlock_unlock(&t->kernel->tasks);
	return r;
}

static int setpgid_locked(struct task *t, int32_t pid, int32_t pgid)
{
	struct tgroup *self = t->group, *g = pid_group(t->kernel, pid);

	if (!g || !g->pgrp)
		return -ESRCH;
	if (g != self) {
		if (g->parent != self)
			return -ESRCH;
		if (g->pgrp->session != self->pgrp->session)
			return -EPERM;
		if (g->did_exec)
			return -EACCES;
	}
	if (g->pgrp->session->sid == g->pid)
		return -EPERM;
	if (pgid != pid) {
		struct pgroup *p = pid_pgroup(t->kernel, pgid);

		if (!p || p->session != self->pgrp->session)
			return -EPERM;
	}

	int r = pgroup_join(t->kernel, g, pgid, g->pgrp->session);

	if (r == 0)
		tgroup_publish_ids(g);
	return r;
}

long sys_setpgid(struct task *t, const struct sysargs *a)
{
	int32_t pid = (int32_t)a->a[0], pgid = (int32_t)a->a[1];

	if (!pid)
		pid = t->group->pid;
	if (!pgid)
		pgid = pid;
	if (pgid < 0)
		return -EINVAL;
	rwlock_wrlock(&t->kernel->tasks);
	int r = setpgid_locked(t, pid, pgid);

	rwlock_unlock(&t->kernel->tasks);
	return r;
}

long sys_setsid(struct task *t, const struct sysargs *a)
{
	struct kernel *k = t->kernel;
	struct tgroup *g = t->group;
	struct session *s;
	int r;

	(void)a;
	rwlock_wrlock(&k->tasks);
	if (pid_pgroup(k, g->pid)) {
		rwlock_unlock(&k->tasks);
		return -EPERM;
	}
	r = session_new(k, g->pid, &s);
	if (r == 0) {
		r = pgroup_join(k, g, g->pid, s);
		session_put(s);
		tgroup_publish_ids(g);
	}
	rwlock_unlock(&k->tasks);
	return r < 0 ? r : g->pid;
}

long sys_set_tid_address(struct task *t, const struct sysargs *a)
{
	t->clear_child_tid = a->a[0];
	return t->tid;
}

long sys_set_robust_list(struct task *t, const struct sysargs *a)
{
	if (a->a[1] != ROBUST_HEAD_SIZE)
		return -EINVAL;
	t->robust_list = a->a[0];
	return 0;
}

long sys_get_robust_list(struct task *t, const struct sysargs *a)
{
	int32_t pid = (int32_t)a->a[0];
	struct task *other = pid ? task_find(t->kernel, pid) : task_get(t);
	uint64_t len = ROBUST_HEAD_SIZE, head;

	if (!other)
		return -ESRCH;

	bool allowed = other == t || task_may_inspect(t, other);

	head = __atomic_load_n(&other->robust_list, __ATOMIC_RELAXED);
	task_put(other);
	if (!allowed)
		return -EPERM;
	if (copy_out(t, a->a[2], &len, sizeof(len)) < 0 ||
	    copy_out(t, a->a[1], &head, sizeof(head)) < 0)
		return -EFAULT;
	return 0;
}

long sys_vhangup(struct task *t, const struct sysargs *a)
{
	(void)a;
	if (!task_has_cap(t, CAP_SYS_TTY_CONFIG))
		return -EPERM;
	tty_vhangup(t);
	return 0;
}

/* --- pidfds --- */

long sys_pidfd_open(struct task *t, const struct sysargs *a)
{
	int32_t pid = (int32_t)a->a[0];
	uint32_t flags = (uint32_t)a->a[1];

	if (flags & ~(uint32_t)O_NONBLOCK)
		return -EINVAL;
	if (pid <= 0)
		return -EINVAL;

	struct tgroup *g = tgroup_find(t->kernel, pid);

	if (!g) {
		/* A thread that leads no group is there, but not for this call. */
		struct task *other = task_find(t->kernel, pid);

		task_put(other);
		return other ? -EINVAL : -ESRCH;
	}

	int fd = pidfd_new(t, g, flags);

	tgroup_put(g);
	return fd;
}

static int pidfd_arg(struct task *t, int fd, struct tgroup **ret)
{
	struct file *f = fd_get(t, fd);

	if (!f)
		return -EBADF;
	*ret = pidfd_group(f);
	fd_put(t, f);
	return *ret ? 0 : -EBADF;
}

/* The leader of a group that is not reaped yet, with a reference. */
static struct task *live_leader(struct kernel *k, struct tgroup *g)
{
	rwlock_rdlock(&k->tasks);
	struct task *leader = pid_group(k, g->pid) == g ? task_get(g->leader) : NULL;

	rwlock_unlock(&k->tasks);
	return leader;
}

static int read_info(struct task *t, uint64_t addr, int signo, bool self, struct ksiginfo *info)
{
	uint8_t raw[SIGINFO_SIZE];

	if (copy_in(t, raw, addr, sizeof(raw)) < 0)
		return -EFAULT;
	siginfo_decode(info, raw);
	if (info->signo != signo)
		return -EINVAL;
	if (!self && (info->code >= 0 || info->code == SI_TKILL_))
		return -EPERM;
	return 0;
}

long sys_pidfd_send_signal(struct task *t, const struct sysargs *a)
{
	int signo = (int)a->a[1];
	struct tgroup *g;
	int r;

	if (a->a[3])
		return -EINVAL;
	r = pidfd_arg(t, (int)a->a[0], &g);
	if (r < 0)
		return r;

	struct task *leader = live_leader(t->kernel, g);
	struct ksiginfo info = {
		.signo = signo, .code = SI_USER_, .pid = t->group->pid, .uid = t->cred->uid};

	if (!leader)
		r = -ESRCH;
	if (r == 0 && a->a[2])
		r = read_info(t, a->a[2], signo, g == t->group, &info);
	if (r == 0 && (signo < 0 || signo > NSIG_GUEST))
		r = -EINVAL;
	if (r == 0 && !task_may_signal(t, leader, signo))
		r = -EPERM;
	if (r == 0 && signo)
		r = signal_send_group(g, &info);
	task_put(leader);
	tgroup_put(g);
	return r;
}

long sys_pidfd_getfd(struct task *t, const struct sysargs *a)
{
	struct tgroup *g;
	struct file *f = NULL;
	int fd = (int)a->a[1], r;

	if (a->a[2])
		return -EINVAL;
	r = pidfd_arg(t, (int)a->a[0], &g);
	if (r < 0)
		return r;

	struct task *leader = live_leader(t->kernel, g);

	tgroup_put(g);
	if (!leader)
		return -ESRCH;
	if (!task_may_inspect(t, leader)) {
		task_put(leader);
		return -EPERM;
	}

	struct fdtable *files = task_get_files(leader);

	task_put(leader);
	if (!files)
		return -ESRCH;
	if (fd < 0 || fdtable_next(files, fd, &f) != fd) {
		if (f)
			file_put(f);
		fdtable_unref(files, t);
		return -EBADF;
	}
	fdtable_unref(files, t);
	r = fd_install(t, f, 0, true);
	if (r < 0)
		file_put(f);
	return r;
}
