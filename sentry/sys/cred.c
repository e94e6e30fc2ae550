/* SPDX-License-Identifier: Apache-2.0 */
/* setuid(2) and its kin, capset(2), prctl(2). The rules are those of credentials(7) and
 * capabilities(7). Credentials are immutable: a change makes new ones and publishes them. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "sys/table.h"
#include "task/internal.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/cred.def"
#undef SYSCALL

#define ID_KEEP UINT32_MAX
#define CAP_BIT(cap) (UINT64_C(1) << (cap))
/* What follows fsuid: setfsuid(2) and capabilities(7), "Effect of user ID changes". */
#define CAPS_FS                                                                                    \
	(CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_DAC_READ_SEARCH) |           \
	 CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_LINUX_IMMUTABLE) |                \
	 CAP_BIT(CAP_MAC_OVERRIDE) | CAP_BIT(CAP_MKNOD))

/* Publishes @c; takes it. */
static int commit(struct task *t, struct cred *c)
{
	const struct cred *old = t->cred;
	struct user_acct *user = NULL;

	if (c->uid != old->uid) {
		user = user_get(c->uid);
		if (!user) {
			cred_put(c);
			return -EAGAIN;
		}
	}
	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
	    c->fsgid != old->fsgid || (c->cap_permitted & ~old->cap_permitted)) {
		atomic_store(&t->group->dumpable, 0);
		atomic_store(&t->pdeath_signal, 0);
	}
	mutex_lock(&t->mu);
	t->cred = c;
	mutex_unlock(&t->mu);
	if (user) {
		struct user_acct *before = t->user;

		mutex_lock(&t->group->sighand->mu);
		t->user = user;
		mutex_unlock(&t->group->sighand->mu);
		atomic_fetch_add(&user->n_tasks, 1);
		atomic_fetch_sub(&before->n_tasks, 1);
		user_put(before);
	}
	cred_put(old);
	rwlock_rdlock(&t->kernel->tasks);
	task_publish_ids(t);
	rwlock_unlock(&t->kernel->tasks);
	return 0;
}

/* capabilities(7): what a change of uids does to the capabilities. */
static void fix_caps(struct cred *c, const struct cred *old)
{
	bool had_root = old->uid == 0 || old->euid == 0 || old->suid == 0;
	bool has_root = c->uid == 0 || c->euid == 0 || c->suid == 0;

	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (had_root && !has_root) {
		if (!c->keep_caps) {
			c->cap_permitted = 0;
			c->cap_effective = 0;
		}
		c->cap_ambient = 0;
	}
	if (old->euid == 0 && c->euid != 0)
		c->cap_effective = 0;
	if (old->euid != 0 && c->euid == 0)
		c->cap_effective = c->cap_permitted;
}

/* --- reading --- */

long sys_getuid(struct task *t, const struct sysargs *a)
{
	(void)a;
	return t->cred->uid;
}

long sys_geteuid(struct task *t, const struct sysargs *a)
{
	(void)a;
	return t->cred->euid;
}

long sys_getgid(struct task *t, const struct sysargs *a)
{
	(void)a;
	return t->cred->gid;
}

long sys_getegid(struct task *t, const struct sysargs *a)
{
	(void)a;
	return t->cred->egid;
}

static long put3(struct task *t, const struct sysargs *a, uint32_t x, uint32_t y, uint32_t z)
{
	if (copy_out(t, a->a[0], &x, 4) < 0 || copy_out(t, a->a[1], &y, 4) < 0 ||
	    copy_out(t, a->a[2], &z, 4) < 0)
		return -EFAULT;
	return 0;
}

long sys_getresuid(struct task *t, const struct sysargs *a)
{
	return put3(t, a, t->cred->uid, t->cred->euid, t->cred->suid);
}

long sys_getresgid(struct task *t, const struct sysargs *a)
{
	return put3(t, a, t->cred->gid, t->cred->egid, t->cred->sgid);
}

/* --- users --- */

long sys_setuid(struct task *t, const struct sysargs *a)
{
	uint32_t uid = (uint32_t)a->a[0];
	const struct cred *old = t->cred;
	struct cred *c;

	if (uid == ID_KEEP)
		return -EINVAL;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (cred_has_cap(old, CAP_SETUID)) {
		c->uid = c->suid = uid;
	} else if (uid != old->uid && uid != old->suid) {
		cred_put(c);
		return -EPERM;
	}
	c->euid = c->fsuid = uid;
	fix_caps(c, old);
	return commit(t, c);
}

static bool among_uids(const struct cred *c, uint32_t id, bool saved)
{
	return id == c->uid || id == c->euid || (saved && id == c->suid);
}

long sys_setreuid(struct task *t, const struct sysargs *a)
{
	uint32_t ruid = (uint32_t)a->a[0], euid = (uint32_t)a->a[1];
	const struct cred *old = t->cred;
	bool may = cred_has_cap(old, CAP_SETUID);
	struct cred *c;

	if (!may && ((ruid != ID_KEEP && !among_uids(old, ruid, false)) ||
		     (euid != ID_KEEP && !among_uids(old, euid, true))))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (ruid != ID_KEEP)
		c->uid = ruid;
	if (euid != ID_KEEP)
		c->euid = euid;
	if (ruid != ID_KEEP || (euid != ID_KEEP && euid != old->uid))
		c->suid = c->euid;
	c->fsuid = c->euid;
	fix_caps(c, old);
	return commit(t, c);
}

long sys_setresuid(struct task *t, const struct sysargs *a)
{
	uint32_t ruid = (uint32_t)a->a[0], euid = (uint32_t)a->a[1], suid = (uint32_t)a->a[2];
	const struct cred *old = t->cred;
	struct cred *c;

	if (!cred_has_cap(old, CAP_SETUID) && ((ruid != ID_KEEP && !among_uids(old, ruid, true)) ||
					       (euid != ID_KEEP && !among_uids(old, euid, true)) ||
					       (suid != ID_KEEP && !among_uids(old, suid, true))))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (ruid != ID_KEEP)
		c->uid = ruid;
	if (euid != ID_KEEP)
		c->euid = euid;
	if (suid != ID_KEEP)
		c->suid = suid;
	c->fsuid = c->euid;
	fix_caps(c, old);
	return commit(t, c);
}

long sys_setfsuid(struct task *t, const struct sysargs *a)
{
	uint32_t id = (uint32_t)a->a[0];
	const struct cred *old = t->cred;
	uint32_t before = old->fsuid;
	struct cred *c;

	if (id == ID_KEEP || id == before ||
	    !(among_uids(old, id, true) || cred_has_cap(old, CAP_SETUID)))
		return before;
	c = cred_dup(old);
	if (!c)
		return before;
	c->fsuid = id;
	if (!(c->securebits & SECBIT_NO_SETUID_FIXUP)) {
		if (before == 0 && id != 0)
			c->cap_effective &= ~CAPS_FS;
		if (before != 0 && id == 0)
			c->cap_effective |= CAPS_FS & c->cap_permitted;
	}
	(void)commit(t, c);
	return before;
}

/* --- groups --- */

static bool among_gids(const struct cred *c, uint32_t id, bool saved)
{
	return id == c->gid || id == c->egid || (saved && id == c->sgid);
}

long sys_setgid(struct task *t, const struct sysargs *a)
{
	uint32_t gid = (uint32_t)a->a[0];
	const struct cred *old = t->cred;
	struct cred *c;

	if (gid == ID_KEEP)
		return -EINVAL;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (cred_has_cap(old, CAP_SETGID)) {
		c->gid = c->sgid = gid;
	} else if (gid != old->gid && gid != old->sgid) {
		cred_put(c);
		return -EPERM;
	}
	c->egid = c->fsgid = gid;
	return commit(t, c);
}

long sys_setregid(struct task *t, const struct sysargs *a)
{
	uint32_t rgid = (uint32_t)a->a[0], egid = (uint32_t)a->a[1];
	const struct cred *old = t->cred;
	bool may = cred_has_cap(old, CAP_SETGID);
	struct cred *c;

	if (!may && ((rgid != ID_KEEP && !among_gids(old, rgid, false)) ||
		     (egid != ID_KEEP && !among_gids(old, egid, true))))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (rgid != ID_KEEP)
		c->gid = rgid;
	if (egid != ID_KEEP)
		c->egid = egid;
	if (rgid != ID_KEEP || (egid != ID_KEEP && egid != old->gid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	return commit(t, c);
}

long sys_setresgid(struct task *t, const struct sysargs *a)
{
	uint32_t rgid = (uint32_t)a->a[0], egid = (uint32_t)a->a[1], sgid = (uint32_t)a->a[2];
	const struct cred *old = t->cred;
	struct cred *c;

	if (!cred_has_cap(old, CAP_SETGID) && ((rgid != ID_KEEP && !among_gids(old, rgid, true)) ||
					       (egid != ID_KEEP && !among_gids(old, egid, true)) ||
					       (sgid != ID_KEEP && !among_gids(old, sgid, true))))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (rgid != ID_KEEP)
		c->gid = rgid;
	if (egid != ID_KEEP)
		c->egid = egid;
	if (sgid != ID_KEEP)
		c->sgid = sgid;
	c->fsgid = c->egid;
	return commit(t, c);
}

long sys_setfsgid(struct task *t, const struct sysargs *a)
{
	uint32_t id = (uint32_t)a->a[0];
	const struct cred *old = t->cred;
	uint32_t before = old->fsgid;
	struct cred *c;

	if (id == ID_KEEP || id == before ||
	    !(among_gids(old, id, true) || cred_has_cap(old, CAP_SETGID)))
		return before;
	c = cred_dup(old);
	if (!c)
		return before;
	c->fsgid = id;
	(void)commit(t, c);
	return before;
}

long sys_getgroups(struct task *t, const struct sysargs *a)
{
	int32_t size = (int32_t)a->a[0];
	uint32_t n = t->cred->n_groups;

	if (size < 0)
		return -EINVAL;
	if (size) {
		if (n > (uint32_t)size)
			return -EINVAL;
		if (n && copy_out(t, a->a[1], t->cred->groups, n * sizeof(uint32_t)) < 0)
			return -EFAULT;
	}
	return n;
}

static int by_gid(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

long sys_setgroups(struct task *t, const struct sysargs *a)
{
	uint32_t n = (uint32_t)a->a[0], *groups = NULL;
	struct cred *c;

	if (!task_has_cap(t, CAP_SETGID))
		return -EPERM;
	if (n > 65536)
		return -EINVAL;
	if (n) {
		groups = malloc(n * sizeof(*groups));
		if (!groups)
			return -ENOMEM;
		if (copy_in(t, groups, a->a[1], n * sizeof(*groups)) < 0) {
			free(groups);
			return -EFAULT;
		}
		qsort(groups, n, sizeof(*groups), by_gid);
	}
	c = cred_dup(t->cred);
	if (!c) {
		free(groups);
		return -ENOMEM;
	}
	free(c->groups);
	c->groups = groups;
	c->n_groups = n;
	return commit(t, c);
}

/* --- capabilities --- */

struct cap_header {
	uint32_t version;
	int32_t pid;
};

struct cap_data {
	uint32_t effective, permitted, inheritable;
};

/* Number of cap_data structures, or an errno. */
static int cap_header_read(struct task *t, uint64_t addr, struct cap_header *h)
{
	uint32_t newest = _LINUX_CAPABILITY_VERSION_3;

	if (copy_in(t, h, addr, sizeof(*h)) < 0)
		return -EFAULT;
	switch (h->version) {
	case _LINUX_CAPABILITY_VERSION_1:
		return 1;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		return 2;
	default:
		return copy_out(t, addr, &newest, sizeof(newest)) < 0 ? -EFAULT : -EINVAL;
	}
}

long sys_capget(struct task *t, const struct sysargs *a)
{
	struct cap_header h;
	struct cap_data data[2];
	struct task *other;
	int n = cap_header_read(t, a->a[0], &h);

	if (n < 0)
		return n == -EINVAL && !a->a[1] ? 0 : n;
	if (h.pid < 0)
		return -EINVAL;
	other = h.pid ? task_find(t->kernel, h.pid) : task_get(t);
	if (!other)
		return -ESRCH;

	const struct cred *c = task_get_cred(other);

	task_put(other);
	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(c->cap_effective >> (32 * i));
		data[i].permitted = (uint32_t)(c->cap_permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(c->cap_inheritable >> (32 * i));
	}
	cred_put(c);
	return a->a[1] ? copy_out(t, a->a[1], data, (size_t)n * sizeof(*data)) : 0;
}

long sys_capset(struct task *t, const struct sysargs *a)
{
	const struct cred *old = t->cred;
	uint64_t eff = 0, perm = 0, inh = 0;
	struct cap_data data[2] = {0};
	struct cap_header h;
	struct cred *c;
	int n = cap_header_read(t, a->a[0], &h);

	if (n < 0)
		return n;
	if (h.pid != 0 && h.pid != t->tid)
		return -EPERM;
	if (copy_in(t, data, a->a[1], (size_t)n * sizeof(*data)) < 0)
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		eff |= (uint64_t)data[i].effective << (32 * i);
		perm |= (uint64_t)data[i].permitted << (32 * i);
		inh |= (uint64_t)data[i].inheritable << (32 * i);
	}
	eff &= CAP_BIT(CAP_LAST_CAP + 1) - 1;
	perm &= CAP_BIT(CAP_LAST_CAP + 1) - 1;
	inh &= CAP_BIT(CAP_LAST_CAP + 1) - 1;
	if (!cred_has_cap(old, CAP_SETPCAP) && (inh & ~(old->cap_inheritable | old->cap_permitted)))
		return -EPERM;
	if ((inh & ~(old->cap_inheritable | old->cap_bounding)) || (perm & ~old->cap_permitted) ||
	    (eff & ~perm))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	c->cap_effective = eff;
	c->cap_permitted = perm;
	c->cap_inheritable = inh;
	c->cap_ambient &= perm & inh;
	return commit(t, c);
}

/* --- prctl --- */

static long change_cred(struct task *t, void (*fn)(struct cred *c, uint64_t arg), uint64_t arg)
{
	struct cred *c = cred_dup(t->cred);

	if (!c)
		return -ENOMEM;
	fn(c, arg);
	return commit(t, c);
}

static void do_keep_caps(struct cred *c, uint64_t on)
{
	c->keep_caps = on != 0;
	c->securebits =
		on ? c->securebits | SECBIT_KEEP_CAPS : c->securebits & ~(uint32_t)SECBIT_KEEP_CAPS;
}

static void do_no_new_privs(struct cred *c, uint64_t arg)
{
	(void)arg;
	c->no_new_privs = true;
}

static void do_bset_drop(struct cred *c, uint64_t cap)
{
	c->cap_bounding &= ~CAP_BIT(cap);
}

static void do_securebits(struct cred *c, uint64_t bits)
{
	c->securebits = (uint32_t)bits;
	c->keep_caps = (bits & SECBIT_KEEP_CAPS) != 0;
}

static void do_ambient_raise(struct cred *c, uint64_t cap)
{
	c->cap_ambient |= CAP_BIT(cap);
}

static void do_ambient_lower(struct cred *c, uint64_t cap)
{
	c->cap_ambient &= ~CAP_BIT(cap);
}

static void do_ambient_clear(struct cred *c, uint64_t arg)
{
	(void)arg;
	c->cap_ambient = 0;
}

static long set_securebits(struct task *t, uint64_t bits)
{
	uint32_t old = t->cred->securebits;

	if (bits & ~(uint64_t)(SECURE_ALL_BITS | SECURE_ALL_LOCKS))
		return -EPERM;
	/* Locked bits do not change, locks do not go away. */
	if ((((old & SECURE_ALL_LOCKS) >> 1) & (old ^ (uint32_t)bits)) ||
	    (old & SECURE_ALL_LOCKS & ~(uint32_t)bits) || !task_has_cap(t, CAP_SETPCAP))
		return -EPERM;
	return change_cred(t, do_securebits, bits);
}

static long ambient(struct task *t, const struct sysargs *a)
{
	const struct cred *c = t->cred;
	uint64_t cap = a->a[2];

	if (a->a[1] == PR_CAP_AMBIENT_CLEAR_ALL)
		return a->a[2] | a->a[3] | a->a[4] ? -EINVAL : change_cred(t, do_ambient_clear, 0);
	if ((a->a[3] | a->a[4]) || cap > CAP_LAST_CAP)
		return -EINVAL;
	switch (a->a[1]) {
	case PR_CAP_AMBIENT_IS_SET:
		return (c->cap_ambient >> cap) & 1;
	case PR_CAP_AMBIENT_RAISE:
		if (!(c->cap_permitted & c->cap_inheritable & CAP_BIT(cap)) ||
		    (c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
			return -EPERM;
		return change_cred(t, do_ambient_raise, cap);
	case PR_CAP_AMBIENT_LOWER:
		return change_cred(t, do_ambient_lower, cap);
	default:
		return -EINVAL;
	}
}

static long set_name(struct task *t, uint64_t addr)
{
	char name[16] = {0};
	ssize_t n = mm_copy_str(t->mm, name, addr, sizeof(name));

	if (n < 0 && n != -ENAMETOOLONG)
		return n;
	if (n == -ENAMETOOLONG && copy_in(t, name, addr, sizeof(name) - 1) < 0)
		return -EFAULT;
	name[15] = '\0';
	task_set_comm(t, name);
	return 0;
}

static long get_name(struct task *t, uint64_t addr)
{
	char name[16];

	task_get_comm(t, name);
	return copy_out(t, addr, name, sizeof(name));
}

static long put_int(struct task *t, uint64_t addr, int32_t v)
{
	return copy_out(t, addr, &v, sizeof(v));
}

/* PR_SET_VMA: names for anonymous memory; accepted, and checked like Linux does. */
static long set_vma(struct task *t, const struct sysargs *a)
{
	char name[80];
	ssize_t n;

	if (a->a[1] != 0 /* PR_SET_VMA_ANON_NAME */ || (a->a[2] & 4095))
		return -EINVAL;
	if (!a->a[4])
		return 0;
	n = mm_copy_str(t->mm, name, a->a[4], sizeof(name));
	if (n < 0)
		return n == -EFAULT ? -EFAULT : -EINVAL;
	for (ssize_t i = 0; i < n; i++) {
		if (name[i] < 0x20 || name[i] == 0x7f || strchr("[]\\$`", name[i]))
			return -EINVAL;
	}
	return 0;
}

static long prctl_cred(struct task *t, const struct sysargs *a)
{
	const struct cred *c = t->cred;

	switch ((int)a->a[0]) {
	case PR_GET_KEEPCAPS:
		return c->keep_caps;
	case PR_SET_KEEPCAPS:
		if (a->a[1] > 1)
			return -EINVAL;
		if (c->securebits & SECBIT_KEEP_CAPS_LOCKED)
			return -EPERM;
		return change_cred(t, do_keep_caps, a->a[1]);
	case PR_CAPBSET_READ:
		return a->a[1] > CAP_LAST_CAP ? -EINVAL : (long)((c->cap_bounding >> a->a[1]) & 1);
	case PR_CAPBSET_DROP:
		if (!cred_has_cap(c, CAP_SETPCAP))
			return -EPERM;
		return a->a[1] > CAP_LAST_CAP ? -EINVAL : change_cred(t, do_bset_drop, a->a[1]);
	case PR_GET_SECUREBITS:
		return c->securebits;
	case PR_SET_SECUREBITS:
		return set_securebits(t, a->a[1]);
	case PR_SET_NO_NEW_PRIVS:
		if (a->a[1] != 1 || a->a[2] || a->a[3] || a->a[4])
			return -EINVAL;
		return change_cred(t, do_no_new_privs, 0);
	case PR_GET_NO_NEW_PRIVS:
		return a->a[1] | a->a[2] | a->a[3] | a->a[4] ? -EINVAL : c->no_new_privs;
	case PR_CAP_AMBIENT:
		return ambient(t, a);
	default:
		return -EINVAL;
	}
}

static long set_pdeathsig(struct task *t, uint64_t signo)
{
	if (signo > NSIG_GUEST)
		return -EINVAL;
	atomic_store(&t->pdeath_signal, (int)signo);
	return 0;
}

static long set_subreaper(struct task *t, bool on)
{
	rwlock_wrlock(&t->kernel->tasks);
	t->group->child_subreaper = on;
	rwlock_unlock(&t->kernel->tasks);
	return 0;
}

long sys_prctl(struct task *t, const struct sysargs *a)
{
	struct tgroup *g = t->group;
	bool rest = (a->a[2] | a->a[3] | a->a[4]) != 0;

	switch ((int)a->a[0]) {
	case PR_SET_PDEATHSIG:
		return set_pdeathsig(t, a->a[1]);
	case PR_GET_PDEATHSIG:
		return put_int(t, a->a[1], atomic_load(&t->pdeath_signal));
	case PR_GET_DUMPABLE:
		return atomic_load(&g->dumpable);
	case PR_SET_DUMPABLE:
		if (a->a[1] > 1)
			return -EINVAL;
		atomic_store(&g->dumpable, (int)a->a[1]);
		return 0;
	case PR_SET_NAME:
		return set_name(t, a->a[1]);
	case PR_GET_NAME:
		return get_name(t, a->a[1]);
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_SET_TIMING:
		return a->a[1] == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_GET_SECCOMP:
		return 0;
	case PR_GET_TSC:
		return put_int(t, a->a[1], PR_TSC_ENABLE);
	case PR_SET_TSC:
		return a->a[1] == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_SET_TIMERSLACK:
		t->timer_slack_ns = (int64_t)a->a[1] > 0 ? a->a[1] : 50000;
		return 0;
	case PR_GET_TIMERSLACK:
		return (long)t->timer_slack_ns;
	case PR_TASK_PERF_EVENTS_DISABLE:
	case PR_TASK_PERF_EVENTS_ENABLE:
		return 0;
	case PR_MCE_KILL_GET:
		return a->a[1] || rest ? -EINVAL : PR_MCE_KILL_DEFAULT;
	case PR_SET_MM:
		return task_has_cap(t, CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;
	case PR_SET_CHILD_SUBREAPER:
		return set_subreaper(t, a->a[1] != 0);
	case PR_GET_CHILD_SUBREAPER:
		return put_int(t, a->a[1], g->child_subreaper);
	case PR_GET_TID_ADDRESS:
		return copy_out(t, a->a[1], &t->clear_child_tid, sizeof(t->clear_child_tid));
	case PR_SET_THP_DISABLE:
		if (rest)
			return -EINVAL;
		atomic_store(&g->thp_disabled, a->a[1] != 0);
		return 0;
	case PR_GET_THP_DISABLE:
		return a->a[1] || rest ? -EINVAL : atomic_load(&g->thp_disabled);
	case PR_SET_VMA:
		return set_vma(t, a);
	case PR_SET_PTRACER:
		return 0;
	default:
		return prctl_cred(t, a);
	}
}

/* --- arch_prctl --- */

#define ARCH_SET_GS_ 0x1001
#define ARCH_SET_FS_ 0x1002
#define ARCH_GET_FS_ 0x1003
#define ARCH_GET_GS_ 0x1004
#define ARCH_GET_CPUID_ 0x1011
#define ARCH_SET_CPUID_ 0x1012

long sys_arch_prctl(struct task *t, const struct sysargs *a)
{
	uint64_t addr = a->a[1];

	switch ((int)a->a[0]) {
	case ARCH_SET_FS_:
	case ARCH_SET_GS_:
		if (addr >= UINT64_C(0x7ffffffff000))
			return -EPERM;
		if ((int)a->a[0] == ARCH_SET_FS_)
			t->regs.fs_base = addr;
		else
			t->regs.gs_base = addr;
		t->regs_full = true;
		return 0;
	case ARCH_GET_FS_:
		return copy_out(t, addr, &t->regs.fs_base, sizeof(t->regs.fs_base));
	case ARCH_GET_GS_:
		return copy_out(t, addr, &t->regs.gs_base, sizeof(t->regs.gs_base));
	case ARCH_GET_CPUID_:
		return 1;
	case ARCH_SET_CPUID_:
		return -ENODEV;
	default:
		return -EINVAL;
	}
}

/* Filters inside the sandbox are refused the way a kernel without them does. */
long sys_seccomp(struct task *t, const struct sysargs *a)
{
	(void)t;
	(void)a;
	return -EINVAL;
}
