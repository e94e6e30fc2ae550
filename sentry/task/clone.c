/* SPDX-License-Identifier: Apache-2.0 */
/* Making tasks: clone(2) in all its forms, and the first process of a container or an exec.
 *
 * A new task is built completely before it is visible: numbers and lists are the last step, under
 * the tasks lock, and then its thread starts.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <linux/capability.h>
#include <linux/sched.h>

#include "fs/cgroupfs/cgroupfs.h"
#include "sentry/boot.h"
#include "task/internal.h"
#include "task/timers.h"

#define NAMESPACE_FLAGS                                                                            \
	((uint64_t)CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |      \
	 CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME)

static int check_flags(struct task *t, const struct clone_args_k *args)
{
	uint64_t f = args->flags;

	if ((f & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS) ||
	    (f & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS))
		return -EINVAL;
	if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
		return -EINVAL;
	if ((f & CLONE_PARENT) && t->group == t->kernel->init)
		return -EINVAL;
	if ((f & CLONE_THREAD) && (f & (CLONE_NEWUSER | CLONE_NEWPID | CLONE_PIDFD)))
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & CLONE_DETACHED))
		return -EINVAL;
	/* Namespaces inside the sandbox do not exist: as a kernel built without them. */
	if (f & NAMESPACE_FLAGS)
		return task_has_cap(t, CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
	if (args->exit_signal < 0 || args->exit_signal > NSIG_GUEST)
		return -EINVAL;
	return 0;
}

static int check_nproc(struct task *t)
{
	/* The container's own limit holds for everybody (cgroups(7), pids.max). */
	int64_t most = cgroup_view_pids_max();

	if (most != INT64_MAX && users_n_tasks() >= most)
		return -EAGAIN;

	uint64_t limit = task_rlimit(t, RLIMIT_NPROC);

	if (atomic_load(&t->user->n_tasks) >= limit && t->cred->uid != 0 &&
	    !task_has_cap(t, CAP_SYS_RESOURCE) && !task_has_cap(t, CAP_SYS_ADMIN))
		return -EAGAIN;
	return 0;
}

/* Frees a task that was never visible. */
static void abandon(struct task *c)
{
	if (!c)
		return;
	if (c->plat)
		plat_thread_free(TAKE(c->plat));
	if (c->mm)
		mm_unref(TAKE(c->mm));
	if (c->files)
		fdtable_unref(TAKE(c->files), c);
	if (c->fs)
		fs_ctx_unref(TAKE(c->fs));
	if (c->user)
		atomic_fetch_sub(&c->user->n_tasks, 1);
	task_put(c);
}

static int share_or_copy(struct task *t, struct task *c, uint64_t flags)
{
	int r;

	if (flags & CLONE_FILES)
		c->files = fdtable_ref(t->files);
	else if ((r = fdtable_copy(&c->files, t->files)) < 0)
		return r;

	if (flags & CLONE_FS) {
		ref_get(&t->fs->ref);
		c->fs = t->fs;
	} else if ((r = fs_ctx_copy(&c->fs, t->fs)) < 0) {
		return r;
	}

	if (flags & CLONE_VM) {
		mm_ref(t->mm);
		c->mm = t->mm;
	} else if ((r = mm_fork(&c->mm, t->mm, t->regs.rsp)) < 0) {
		return r;
	}
	return 0;
}

static void inherit(struct task *t, struct task *c, const struct clone_args_k *args)
{
	c->cred = cred_get(t->cred);
	c->net = t->net;
	c->user = user_ref(t->user);
	atomic_fetch_add(&c->user->n_tasks, 1);
	c->regs = t->regs;
	c->regs.rax = 0;
	c->regs.orig_rax = (uint64_t)-1;
	if (args->stack)
		c->regs.rsp = args->stack + args->stack_size;
	if (args->flags & CLONE_SETTLS)
		c->regs.fs_base = args->tls;
	/* A temporary mask is the parent's call's business. */
	c->sigmask = t->restore_sigmask ? t->saved_sigmask : t->sigmask;
	if (!(args->flags & CLONE_VM) || (args->flags & CLONE_VFORK))
		c->altstack = t->altstack;
	memcpy(c->comm, t->comm, sizeof(c->comm));
	memcpy(c->cpu_mask, t->cpu_mask, sizeof(c->cpu_mask));
	if (!atomic_load(&t->sched_reset_on_fork)) {
		atomic_store(&c->sched_policy, atomic_load(&t->sched_policy));
		atomic_store(&c->sched_priority, atomic_load(&t->sched_priority));
		atomic_store(&c->nice, atomic_load(&t->nice));
	}
	atomic_store(&c->ioprio, atomic_load(&t->ioprio));
	c->personality = t->personality;
	c->timer_slack_ns = t->timer_slack_ns;
}

static struct tgroup *new_group(struct task *t, const struct clone_args_k *args)
{
	struct tgroup *g = t->group, *n;

	n = tgroup_new(t->kernel, args->flags & CLONE_SIGHAND ? g->sighand->actions : NULL);
	if (!n)
		return NULL;
	if (!(args->flags & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND))) {
		mutex_lock(&g->sighand->actions->mu);
		memcpy(n->sighand->actions->a, g->sighand->actions->a,
		       sizeof(n->sighand->actions->a));
		mutex_unlock(&g->sighand->actions->mu);
	} else if (args->flags & CLONE_CLEAR_SIGHAND) {
		mutex_lock(&g->sighand->actions->mu);
		for (int sig = 1; sig <= NSIG_GUEST; sig++) {
			if (g->sighand->actions->a[sig].handler == SIG_IGN_GUEST)
				n->sighand->actions->a[sig].handler = SIG_IGN_GUEST;
		}
		mutex_unlock(&g->sighand->actions->mu);
	}
	mutex_lock(&g->limits_mu);
	memcpy(n->limits, g->limits, sizeof(n->limits));
	mutex_unlock(&g->limits_mu);
	atomic_store(&n->dumpable, atomic_load(&g->dumpable));
	atomic_store(&n->oom_score_adj, atomic_load(&g->oom_score_adj));
	atomic_store(&n->thp_disabled, atomic_load(&g->thp_disabled));
	n->exit_signal = args->exit_signal;
	timers_cpu_limit(n);
	return n;
}

/* Makes a new task of an existing group visible. */
static int link_thread(struct task *c)
{
	struct kernel *k = c->kernel;
	struct tgroup *g = c->group;
	struct sighand *sh = g->sighand;

	rwlock_wrlock(&k->tasks);

	int tid = pid_alloc(k);

	if (tid < 0) {
		rwlock_unlock(&k->tasks);
		return tid;
	}
	mutex_lock(&sh->mu);
	if (g->group_exiting || g->exec_task) {
		mutex_unlock(&sh->mu);
		pid_release(k, tid);
		rwlock_unlock(&k->tasks);
		return -ERESTARTNOINTR; /* the caller is about to be killed */
	}
	c->tid = tid;
	list_push_back(&g->tasks, &c->group_link);
	g->n_tasks++;
	if (sh->stop_signo && !sh->stopped) {
		c->stop_pending = true;
		sh->stop_left++;
	}
	signal_recalc(c);
	mutex_unlock(&sh->mu);
	pid_bind_task(k, tid, task_get(c));
	task_publish_ids(c);
	rwlock_unlock(&k->tasks);
	return 0;
}

/* Makes a new process visible as a child of @parent, in the process group of @like. */
static int link_group(struct task *c, struct tgroup *parent, struct tgroup *like)
{
	struct kernel *k = c->kernel;
	struct tgroup *g = c->group;
	int r;

	rwlock_wrlock(&k->tasks);

	int pid = pid_alloc(k);

	if (pid < 0) {
		rwlock_unlock(&k->tasks);
		return pid;
	}
	c->tid = pid;
	g->pid = pid;
	g->leader = c;
	g->n_tasks = 1;
	list_push_back(&g->tasks, &c->group_link);
	pid_bind_task(k, pid, task_get(c));
	if (like) {
		r = pgroup_join(k, g, like->pgrp->pgid, like->pgrp->session);
	} else {
		struct session *s;

		r = session_new(k, pid, &s);
		if (r == 0) {
			r = pgroup_join(k, g, pid, s);
			session_put(s);
		}
	}
	if (r < 0) {
		pid_bind_task(k, pid, NULL);
		list_remove(&c->group_link);
		rwlock_unlock(&k->tasks);
		task_put(c);
		return r;
	}
	pid_bind_group(k, pid, tgroup_get(g));
	list_push_back(&k->groups, &g->kernel_link);
	g->parent = parent;
	if (parent)
		list_push_back(&parent->children, &g->sibling_link);
	task_publish_ids(c);
	rwlock_unlock(&k->tasks);
	return 0;
}

/* Undoes link_thread() or link_group() of a task whose thread did not start. */
static void unlink_task(struct task *c)
{
	struct kernel *k = c->kernel;
	struct tgroup *g = c->group;

	rwlock_wrlock(&k->tasks);
	mutex_lock(&g->sighand->mu);
	list_remove(&c->group_link);
	g->n_tasks--;
	c->exiting = true;
	mutex_unlock(&g->sighand->mu);
	if (c == g->leader) {
		list_remove(&g->sibling_link);
		list_remove(&g->kernel_link);
		pgroup_leave(k, g);
		pid_bind_group(k, g->pid, NULL);
		tgroup_put(g);
	}
	pid_bind_task(k, c->tid, NULL);
	task_put(c);
	rwlock_unlock(&k->tasks);
}

void task_abandon(struct task *t)
{
	struct kernel *k = t->kernel;

	if (k->init == t->group) {
		tgroup_put(k->init);
		k->init = NULL;
	}
	unlink_task(t);
	abandon(t);
}

void task_vfork_release(struct task *t)
{
	mutex_lock(&t->mu);
	struct task *parent = TAKE(t->vfork_waiter);

	mutex_unlock(&t->mu);
	if (!parent)
		return;
	atomic_store(&t->vfork_done, true);
	task_wake(parent);
	task_put(parent);
}

/* Sleeps until @c has left this address space. Only a kill interrupts that. */
static void vfork_wait(struct task *t, struct task *c)
{
	for (;;) {
		task_wait_begin(t);
		if (atomic_load(&c->vfork_done))
			return;
		if (task_wait_killable(t, WAIT_FOREVER) < 0)
			break;
	}
	mutex_lock(&c->mu);
	struct task *self = TAKE(c->vfork_waiter);

	mutex_unlock(&c->mu);
	task_put(self);
}

static int build(struct task *t, const struct clone_args_k *args, struct task **ret)
{
	struct tgroup *g = args->flags & CLONE_THREAD ? tgroup_get(t->group) : new_group(t, args);
	struct plat_space *space;
	int r;

	if (!g)
		return -ENOMEM;

	struct task *c = task_new(t->kernel, g);

	tgroup_put(g); /* the task holds it now */
	if (!c)
		return -ENOMEM;
	inherit(t, c, args);
	r = share_or_copy(t, c, args->flags);
	if (r == 0)
		r = mm_space(c->mm, &space);
	if (r == 0)
		r = plat_thread_new(&c->plat, space, t->plat);
	if (r < 0) {
		abandon(c);
		return r;
	}
	if (args->flags & CLONE_CHILD_CLEARTID)
		c->clear_child_tid = args->child_tid;
	*ret = c;
	return 0;
}

static int make_visible(struct task *t, struct task *c, const struct clone_args_k *args)
{
	if (args->flags & CLONE_THREAD)
		return link_thread(c);

	/* The parent pointer is read under the tasks lock by link_group's caller chain: a group's
	 * parent changes only when that parent exits, and then reparenting sees the new child too,
	 * because it is linked before. CLONE_PARENT races with that: look under the lock. */
	if (!(args->flags & CLONE_PARENT))
		return link_group(c, t->group, t->group);

	int r = link_group(c, NULL, t->group);

	if (r == 0) {
		struct kernel *k = t->kernel;

		rwlock_wrlock(&k->tasks);
		c->group->parent = t->group->parent;
		c->group->exit_signal = t->group->exit_signal;
		if (c->group->parent)
			list_push_back(&c->group->parent->children, &c->group->sibling_link);
		task_publish_ids(c);
		rwlock_unlock(&k->tasks);
	}
	return r;
}

long task_clone(struct task *t, const struct clone_args_k *args)
{
	struct task *c = NULL;
	int pidfd = -1;
	int r = check_flags(t, args);

	if (r == 0)
		r = check_nproc(t);
	if (r == 0)
		r = build(t, args, &c);
	if (r < 0)
		return r;
	if (args->flags & CLONE_PIDFD) {
		pidfd = pidfd_new(t, c->group, 0);
		r = pidfd < 0 ? pidfd : copy_out(t, args->pidfd, &pidfd, sizeof(pidfd));
	}
	if (r == 0)
		r = make_visible(t, c, args);
	if (r < 0) {
		if (pidfd >= 0)
			fd_close(t, pidfd);
		abandon(c);
		return r;
	}

	int32_t tid = c->tid;
	bool vfork = (args->flags & CLONE_VFORK) != 0;

	if (args->flags & CLONE_PARENT_SETTID)
		(void)copy_out(t, args->parent_tid, &tid, sizeof(tid));
	if (args->flags & CLONE_CHILD_SETTID)
		(void)copy_out(c, args->child_tid, &tid, sizeof(tid));
	if (vfork) {
		c->vfork_waiter = task_get(t);
		task_get(c);
	}
	atomic_fetch_add_explicit(&t->kernel->forks, 1, memory_order_relaxed);
	r = task_start(c);
	if (r < 0) {
		unlink_task(c);
		if (vfork) {
			task_put(TAKE(c->vfork_waiter));
			task_put(c);
		}
		if (pidfd >= 0)
			fd_close(t, pidfd);
		abandon(c);
		return r;
	}
	if (vfork) {
		vfork_wait(t, c);
		task_put(c);
	}
	task_put(c); /* the builder's reference */
	return tid;
}

int task_new_init(struct task **ret, struct kernel *k, const struct task_config *cfg)
{
	int r = pids_init(k);
	struct tgroup *g = r == 0 ? tgroup_new(k, NULL) : NULL;
	struct task *t = g ? task_new(k, g) : NULL;

	tgroup_put(g);
	if (!t) {
		fdtable_unref(cfg->files, NULL);
		fs_ctx_unref(cfg->fs);
		cred_put(cfg->cred);
		return r < 0 ? r : -ENOMEM;
	}
	t->files = cfg->files;
	t->fs = cfg->fs;
	t->cred = cfg->cred;
	t->net = cfg->net;
	t->user = user_get(cfg->cred->uid);
	if (!t->user) {
		abandon(t);
		return -ENOMEM;
	}
	atomic_fetch_add(&t->user->n_tasks, 1);
	memcpy(g->limits, cfg->limits, sizeof(g->limits));
	g->container_exec = cfg->container_exec;
	atomic_store(&g->oom_score_adj, cfg->oom_score_adj);
	r = link_group(t, cfg->parent, cfg->parent && !cfg->new_session ? cfg->parent : NULL);
	if (r < 0) {
		abandon(t);
		return r;
	}
	if (!cfg->container_exec && !k->init) {
		k->init = tgroup_get(g);
		g->sighand->unkillable = !k->cfg || !k->cfg->init_ordinary;
	}
	*ret = t;
	return 0;
}
