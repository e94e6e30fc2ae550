/* SPDX-License-Identifier: Apache-2.0 */
/* execve: the new image is built completely beside the old one; then the sibling threads go, the
 * task becomes the leader, and the images are exchanged. Nothing has changed before that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "loader/loader.h"
#include "task/internal.h"
#include "task/timers.h"
#include "trace/strace.h"
#include "vfs/inode.h"
#include "vfs/mount.h"

/* Credentials after executing @exe: capabilities(7), "Transformation of capabilities during
 * execve". *secure: the program must not trust its environment (AT_SECURE). */
static int new_cred(struct task *t, struct file *exe, const struct cred **ret, bool *secure)
{
	const struct cred *old = t->cred;
	struct cred *c = cred_dup(old);
	bool set_id = false;
	struct kstat st;

	if (!c)
		return -ENOMEM;
	c->keep_caps = false;
	c->securebits &= ~(uint32_t)SECBIT_KEEP_CAPS;
	if (exe->inode && inode_getattr(exe->inode, &st) == 0 && !old->no_new_privs &&
	    !(exe->path.mnt && mount_has(exe->path.mnt, MNT_NOSUID))) {
		if (st.mode & S_ISUID) {
			set_id |= st.uid != c->euid;
			c->euid = st.uid;
		}
		if ((st.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
			set_id |= st.gid != c->egid;
			c->egid = st.gid;
		}
	}
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;

	/* No file capabilities: those of root come from the uids alone. */
	uint64_t file_permitted = 0;
	bool file_effective = false;

	if (set_id)
		c->cap_ambient = 0;
	if (!(c->securebits & SECBIT_NOROOT)) {
		if (c->euid == 0 || c->uid == 0)
			file_permitted = c->cap_bounding | c->cap_inheritable;
		file_effective = c->euid == 0;
	}
	c->cap_permitted = file_permitted | c->cap_ambient;
	c->cap_effective = file_effective ? c->cap_permitted : c->cap_ambient;

	*secure = c->uid != c->euid || c->gid != c->egid ||
		  (c->uid != 0 && (file_effective || (c->cap_permitted & ~c->cap_ambient)));
	*ret = c;
	return 0;
}

/* Ends the other threads of the group and waits until they are gone. */
static int kill_siblings(struct task *t)
{
	struct tgroup *g = t->group;
	struct sighand *sh = g->sighand;
	struct kernel *k = t->kernel;
	struct task *i;
	int r = 0;

	mutex_lock(&sh->mu);
	if (g->group_exiting || g->exec_task) {
		mutex_unlock(&sh->mu);
		return -EAGAIN; /* the caller is being killed itself */
	}
	g->exec_task = t;
	sh->stop_signo = 0;
	sh->stop_left = 0;
	list_for_each_entry(i, &g->tasks, group_link)
	{
		i->stop_pending = false;
		if (i == t)
			continue;
		i->killed = true;
		signal_wake_task(i);
	}
	mutex_unlock(&sh->mu);

	for (;;) {
		task_wait_begin(t);
		rwlock_rdlock(&k->tasks);
		bool alone = g->n_tasks == 1;

		rwlock_unlock(&k->tasks);
		if (alone)
			break;
		r = task_wait_killable(t, WAIT_FOREVER);
		if (r < 0)
			break;
	}
	mutex_lock(&sh->mu);
	g->exec_task = NULL;
	mutex_unlock(&sh->mu);
	return r < 0 ? -EINTR : 0;
}

/* The last thread takes the number of the process, and the old leader's zombie goes. */
static void become_leader(struct task *t)
{
	struct tgroup *g = t->group;
	struct kernel *k = t->kernel;
	struct task *old;

	rwlock_wrlock(&k->tasks);
	old = g->leader;
	if (old != t) {
		pid_bind_task(k, t->tid, NULL);
		pid_bind_task(k, g->pid, t); /* takes over the table's reference of t */
		t->tid = g->pid;
		g->leader = t;
	} else {
		old = NULL;
	}
	g->exit_signal = SIGCHLD;
	g->did_exec = true;
	rwlock_unlock(&k->tasks);
	task_put(old);
}

/* Handlers become the default, ignored signals stay ignored. */
static int reset_signals(struct task *t)
{
	struct sighand *sh = t->group->sighand;
	struct sigactions *fresh, *old;
	int r = sigactions_new(&fresh, sh->actions);

	if (r < 0)
		return r;
	for (int sig = 1; sig <= NSIG_GUEST; sig++) {
		uint64_t handler = fresh->a[sig].handler;

		fresh->a[sig] = (struct ksigaction){
			.handler = handler == SIG_IGN_GUEST ? SIG_IGN_GUEST : SIG_DFL_GUEST,
		};
	}
	mutex_lock(&sh->mu);
	old = sh->actions;
	sh->actions = fresh;
	mutex_unlock(&sh->mu);
	sigactions_put(old);
	t->altstack.sp = 0;
	t->altstack.size = 0;
	t->altstack.flags = 2; /* SS_DISABLE */
	t->restart_fn = NULL;
	return 0;
}

static void leave_old_mm(struct task *t, struct mm *new_mm)
{
	struct mm *old = t->mm;

	if (old) {
		futex_exit_robust(t);
		if (t->clear_child_tid) {
			uint32_t zero = 0;

			if (copy_out(t, t->clear_child_tid, &zero, sizeof(zero)) == 0)
				(void)futex_wake(t, t->clear_child_tid, true, 1, ~0u);
		}
	}
	t->clear_child_tid = 0;
	t->robust_list = 0;
	task_drop_plat(t);
	mutex_lock(&t->mu);
	t->mm = new_mm;
	mutex_unlock(&t->mu);
	task_vfork_release(t);
	if (old)
		mm_unref(old);
}

static void install_cred(struct task *t, const struct cred *c, bool secure)
{
	const struct cred *old = t->cred;

	if (secure || c->euid != old->euid || c->egid != old->egid) {
		atomic_store(&t->group->dumpable, 0);
		atomic_store(&t->pdeath_signal, 0);
	} else {
		atomic_store(&t->group->dumpable, 1);
	}
	mutex_lock(&t->mu);
	t->cred = c;
	mutex_unlock(&t->mu);
	cred_put(old);
}

static void set_entry(struct task *t, const struct loader_result *res)
{
	t->regs = (struct guest_regs){
		.rip = res->entry,
		.rsp = res->sp,
		.eflags = 0x202,
		.cs = 0x33,
		.ss = 0x2b,
		.orig_rax = (uint64_t)-1,
	};
	t->regs_full = true;
	task_set_comm(t, res->comm);
}

/* exec in a table shared with others (CLONE_FILES) takes a copy of its own first. */
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

static int load(struct task *t, struct loader_image *img, struct mm **ret_mm,
		const struct cred **ret_cred, bool *secure, struct loader_result *res)
{
	struct mm *mm;
	int r = new_cred(t, loader_exe(img), ret_cred, secure);

	if (r < 0)
		return r;

	const struct cred *c = *ret_cred;
	struct loader_ids ids = {
		.uid = c->uid, .euid = c->euid, .gid = c->gid, .egid = c->egid, .secure = *secure};

	r = mm_new(&mm);
	if (r == 0) {
		r = loader_map(img, mm, t, &ids, res);
		if (r == 0) {
			*ret_mm = mm;
			return 0;
		}
		mm_unref(mm);
	}
	cred_put(TAKE(*ret_cred));
	return r;
}

int task_exec(struct task *t, struct file *file, const char *path, const struct exec_args *args)
{
	struct loader_image *img;
	struct loader_result res;
	const struct cred *cred = NULL;
	struct mm *mm = NULL;
	bool secure = false;
	int r = loader_open(&img, t, file, path, args);

	if (r < 0)
		return r;
	r = load(t, img, &mm, &cred, &secure, &res);
	loader_free(img);
	if (r < 0)
		return r;
	r = kill_siblings(t);
	if (r == 0)
		r = unshare_files(t);
	if (r == 0)
		r = reset_signals(t);
	if (r < 0) {
		mm_unref(mm);
		cred_put(cred);
		return r;
	}
	become_leader(t);
	timers_exec(t->group);
	leave_old_mm(t, mm);
	install_cred(t, cred, secure);
	fdtable_close_on_exec(t->files, t);
	set_entry(t, &res);
	return 0;
}
