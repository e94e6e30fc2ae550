/* SPDX-License-Identifier: Apache-2.0 */
/* Memory calls: argument decoding for mm/.
 */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "boot/kernel.h"
#include "host/extent.h"
#include "mm/mm.h"
#include "sys/table.h"
#include "task/internal.h"
#include "task/task.h"
#include "vfs/fdtable.h"
#include "vfs/file.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/mem.def"
#undef SYSCALL

static struct mm_limits limits(struct task *t)
{
	struct mm_limits lim;

	mutex_lock(&t->group->limits_mu);
	lim.as = t->group->limits[RLIMIT_AS].rlim_cur;
	lim.data = t->group->limits[RLIMIT_DATA].rlim_cur;
	lim.stack = t->group->limits[RLIMIT_STACK].rlim_cur;
	lim.memlock = t->group->limits[RLIMIT_MEMLOCK].rlim_cur;
	mutex_unlock(&t->group->limits_mu);
	if (task_has_cap(t, CAP_IPC_LOCK))
		lim.memlock = RLIM_INFINITY;
	return lim;
}

static bool may_lock(struct task *t, const struct mm_limits *lim)
{
	return lim->memlock != 0 || task_has_cap(t, CAP_IPC_LOCK);
}

long sys_mmap(struct task *t, const struct sysargs *a)
{
	struct mm_limits lim = limits(t);
	int flags = (int)a->a[3];
	struct file *file = NULL;
	uint64_t ret;
	int r;

	if (a->a[5] & ~PAGE_MASK)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		file = fd_get(t, (int)a->a[4]);
		if (!file)
			return -EBADF;
	}
	if ((flags & MAP_LOCKED) && !may_lock(t, &lim))
		r = -EPERM;
	else
		r = mm_mmap_task(t->mm, t, a->a[0], a->a[1], (int)a->a[2], flags, file, a->a[5],
				 &lim, &ret);
	if (file)
		fd_put(t, file);
	return r < 0 ? r : (long)ret;
}

long sys_munmap(struct task *t, const struct sysargs *a)
{
	return mm_munmap(t->mm, a->a[0], a->a[1]);
}

long sys_mprotect(struct task *t, const struct sysargs *a)
{
	return mm_mprotect(t->mm, a->a[0], a->a[1], (int)a->a[2]);
}

long sys_brk(struct task *t, const struct sysargs *a)
{
	struct mm_limits lim = limits(t);

	return (long)mm_brk(t->mm, a->a[0], &lim);
}

long sys_mremap(struct task *t, const struct sysargs *a)
{
	struct mm_limits lim = limits(t);
	uint64_t ret;
	int r;

	r = mm_mremap(t->mm, a->a[0], a->a[1], a->a[2], (int)a->a[3], a->a[4], &lim, &ret);
	return r < 0 ? r : (long)ret;
}

long sys_msync(struct task *t, const struct sysargs *a)
{
	return mm_msync(t->mm, t, a->a[0], a->a[1], (int)a->a[2]);
}

long sys_mincore(struct task *t, const struct sysargs *a)
{
	return mm_mincore(t->mm, a->a[0], a->a[1], a->a[2]);
}

long sys_madvise(struct task *t, const struct sysargs *a)
{
	return mm_madvise(t->mm, a->a[0], a->a[1], (int)a->a[2]);
}

long sys_mlock(struct task *t, const struct sysargs *a)
{
	struct mm_limits lim = limits(t);

	if (!may_lock(t, &lim))
		return -EPERM;
	return mm_mlock(t->mm, a->a[0], a->a[1], true, &lim);
}

long sys_mlock2(struct task *t, const struct sysargs *a)
{
	return a->a[2] & ~UINT64_C(1) ? -EINVAL : sys_mlock(t, a);
}

long sys_munlock(struct task *t, const struct sysargs *a)
{
	return mm_mlock(t->mm, a->a[0], a->a[1], false, NULL);
}

long sys_mlockall(struct task *t, const struct sysargs *a)
{
	struct mm_limits lim = limits(t);
	uint64_t flags = a->a[0];

	if (!flags || (flags & ~(uint64_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) ||
	    flags == MCL_ONFAULT)
		return -EINVAL;
	if (!may_lock(t, &lim))
		return -EPERM;
	return mm_mlockall(t->mm, (flags & MCL_CURRENT) != 0, (flags & MCL_FUTURE) != 0, &lim);
}

long sys_munlockall(struct task *t, const struct sysargs *a)
{
	(void)a;
	return mm_mlockall(t->mm, false, false, NULL);
}

long sys_mseal(struct task *t, const struct sysargs *a)
{
	return a->a[2] ? -EINVAL : mm_mseal(t->mm, a->a[0], a->a[1]);
}

/* ---- memory policies: one node, so every valid policy is already in force -----------------------
 */

#define MODE_FLAGS (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING)
#define MPOL_LOCAL_ 4
#define MPOL_LAST 6

/* Checks mode and node mask as set_mempolicy(2) documents; only node 0 exists. */
static int check_policy(struct task *t, int mode, uint64_t nodes, uint64_t maxnode)
{
	uint64_t mask = 0;
	int flags = mode & MODE_FLAGS;

	mode &= ~MODE_FLAGS;
	if (mode < 0 || mode > MPOL_LAST)
		return -EINVAL;
	if ((flags & MPOL_F_STATIC_NODES) && (flags & MPOL_F_RELATIVE_NODES))
		return -EINVAL;
	if (nodes && maxnode > 1) {
		size_t bytes = ((maxnode - 1) + 7) / 8;

		if (maxnode > PAGE_SIZE * 8)
			return -EINVAL;
		if (bytes > sizeof(mask)) {
			for (size_t at = sizeof(mask); at < bytes; at++) {
				uint8_t b;

				if (copy_in(t, &b, nodes + at, 1) < 0)
					return -EFAULT;
				if (b)
					return -EINVAL;
			}
			bytes = sizeof(mask);
		}
		if (copy_in(t, &mask, nodes, bytes) < 0)
			return -EFAULT;
		if (maxnode - 1 < 64)
			mask &= (UINT64_C(1) << (maxnode - 1)) - 1;
	}
	if (mode == MPOL_DEFAULT || mode == MPOL_LOCAL_)
		return mask ? -EINVAL : 0;
	if (mode == MPOL_PREFERRED && !mask)
		return 0;
	return mask & 1 ? 0 : -EINVAL;
}

long sys_mbind(struct task *t, const struct sysargs *a)
{
	if ((a->a[0] & ~PAGE_MASK) ||
	    (a->a[5] & ~(uint64_t)(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)))
		return -EINVAL;
	if ((a->a[5] & MPOL_MF_MOVE_ALL) && !task_has_cap(t, CAP_SYS_NICE))
		return -EPERM;
	return check_policy(t, (int)a->a[2], a->a[3], a->a[4]);
}

long sys_set_mempolicy(struct task *t, const struct sysargs *a)
{
	return check_policy(t, (int)a->a[0], a->a[1], a->a[2]);
}

long sys_get_mempolicy(struct task *t, const struct sysargs *a)
{
	uint64_t flags = a->a[4], maxnode = a->a[2];
	int32_t mode = MPOL_DEFAULT; /* also node 0 for MPOL_F_NODE */
	uint8_t mask[128] = {0};

	if (flags & ~(uint64_t)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if ((flags & MPOL_F_MEMS_ALLOWED) && (flags & (MPOL_F_NODE | MPOL_F_ADDR)))
		return -EINVAL;
	if (a->a[1] && (maxnode < 1 || maxnode > sizeof(mask) * 8))
		return -EINVAL;
	if (flags & MPOL_F_ADDR) {
		uint8_t b;

		if (copy_in(t, &b, a->a[3], 1) < 0)
			return -EFAULT;
	} else if (a->a[3]) {
		return -EINVAL;
	}
	if (flags & MPOL_F_MEMS_ALLOWED)
		mask[0] = 1;
	if (a->a[0] && copy_out(t, a->a[0], &mode, sizeof(mode)) < 0)
		return -EFAULT;
	if (a->a[1] && copy_out(t, a->a[1], mask, (maxnode + 63) / 64 * 8) < 0)
		return -EFAULT;
	return 0;
}

long sys_set_mempolicy_home_node(struct task *t, const struct sysargs *a)
{
	(void)t;
	if ((a->a[0] & ~PAGE_MASK) || a->a[3] || a->a[2] != 0)
		return -EINVAL;
	return 0;
}

long sys_migrate_pages(struct task *t, const struct sysargs *a)
{
	(void)t;
	(void)a;
	return 0; /* there is nowhere to move to */
}

long sys_move_pages(struct task *t, const struct sysargs *a)
{
	uint64_t n = a->a[1];

	if (a->a[5] & ~(uint64_t)(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if (a->a[0] && (int32_t)a->a[0] != t->group->pid)
		return -EPERM;
	for (uint64_t i = 0; i < n; i++) {
		int32_t node = 0, status = 0;
		uint64_t addr;
		uint8_t b;

		if (copy_in(t, &addr, a->a[2] + i * 8, 8) < 0)
			return -EFAULT;
		if (a->a[3] && copy_in(t, &node, a->a[3] + i * 4, 4) < 0)
			return -EFAULT;
		if (node != 0)
			return -ENODEV;
		if (copy_in(t, &b, addr, 1) < 0)
			status = -EFAULT;
		if (copy_out(t, a->a[4] + i * 4, &status, 4) < 0)
			return -EFAULT;
		if (signal_pending(t) && signal_pending_slow(t))
			return -EINTR;
	}
	return 0;
}

/* ---- other processes ----------------------------------------------------------------------------
 */

/* A reference on the address space of process @pid. */
static int other_mm(struct task *t, int32_t pid, struct mm **ret)
{
	struct task *target = task_find(t->kernel, pid);
	int r = 0;

	if (!target)
		return -ESRCH;
	if (!task_may_inspect(t, target)) {
		r = -EPERM;
	} else {
		mutex_lock(&target->mu);
		*ret = target->mm;
		if (*ret)
			mm_ref(*ret);
		mutex_unlock(&target->mu);
		if (!*ret)
			r = -ESRCH;
	}
	task_put(target);
	return r;
}

/* Moves bytes between local iovecs and one remote stretch. */
static size_t move_stretch(struct mm *remote, uint64_t addr, size_t len, struct iov_iter *local,
			   bool in)
{
	uint8_t buf[4096];
	size_t done = 0;

	while (done < len && local->count) {
		size_t n = len - done < sizeof(buf) ? len - done : sizeof(buf), got;

		n = n < local->count ? n : local->count;
		if (in) {
			got = mm_copy_in_some(remote, buf, addr + done, n);
			got = iov_iter_copy_to(local, buf, got);
		} else {
			got = iov_iter_copy_from(local, buf, n);
			got = mm_copy_out_some(remote, addr + done, buf, got);
		}
		done += got;
		if (got < n)
			break;
	}
	return done;
}

static long process_vm(struct task *t, const struct sysargs *a, bool in)
{
	struct iovec *lv, *rv;
	struct iov_iter local, remote_it;
	struct mm *mm = NULL;
	long done = 0;
	int r;

	if (a->a[5])
		return -EINVAL;
	r = iov_iter_import(&local, t->mm, a->a[1], a->a[2], &lv);
	if (r < 0)
		return r;
	r = iov_iter_import(&remote_it, t->mm, a->a[3], a->a[4], &rv);
	if (r < 0) {
		free(lv);
		return r;
	}
	if (local.count && remote_it.count) {
		r = other_mm(t, (int32_t)a->a[0], &mm);
		for (size_t i = 0; r == 0 && i < a->a[4] && local.count; i++) {
			size_t n = move_stretch(mm, (uint64_t)(uintptr_t)rv[i].iov_base,
						rv[i].iov_len, &local, in);

			done += (long)n;
			if (n < rv[i].iov_len && local.count)
				r = -EFAULT;
		}
		mm_unref(mm);
	}
	free(lv);
	free(rv);
	return done ? done : r;
}

long sys_process_vm_readv(struct task *t, const struct sysargs *a)
{
	return process_vm(t, a, true);
}

long sys_process_vm_writev(struct task *t, const struct sysargs *a)
{
	return process_vm(t, a, false);
}

/* Advice that one process may give about another: none of it changes what memory holds. */
static bool may_advise_other(int advice)
{
	switch (advice) {
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_WILLNEED:
	case 25: /* MADV_COLLAPSE */
		return true;
	default:
		return false;
	}
}

/* The address space behind a pidfd. */
static int pidfd_mm(struct task *t, int fd, struct mm **ret)
{
	struct file *f = fd_get(t, fd);
	struct tgroup *g;
	int r = -EBADF;

	if (!f)
		return r;
	g = pidfd_group(f);
	if (g) {
		r = other_mm(t, g->pid, ret);
		tgroup_put(g);
	}
	fd_put(t, f);
	return r;
}

long sys_process_madvise(struct task *t, const struct sysargs *a)
{
	struct iovec *iov;
	struct iov_iter it;
	struct mm *mm;
	long done = 0;
	int r;

	if (a->a[4])
		return -EINVAL;
	r = iov_iter_import(&it, t->mm, a->a[1], a->a[2], &iov);
	if (r < 0)
		return r;
	r = pidfd_mm(t, (int)a->a[0], &mm);
	if (r == 0) {
		if (!may_advise_other((int)a->a[3]) && mm != t->mm)
			r = -EINVAL;
		for (size_t i = 0; r == 0 && i < a->a[2]; i++) {
			r = mm_madvise(mm, (uint64_t)(uintptr_t)iov[i].iov_base, iov[i].iov_len,
				       (int)a->a[3]);
			if (r == 0)
				done += (long)iov[i].iov_len;
		}
		mm_unref(mm);
	}
	free(iov);
	return done ? done : r;
}

/* ---- barriers and protection keys ---------------------------------------------------------------
 */

#define MEMBARRIER_QUERY 0
#define MEMBARRIER_GLOBAL 1
#define MEMBARRIER_PRIVATE_EXPEDITED 8
#define MEMBARRIER_REGISTER_PRIVATE_EXPEDITED 16

long sys_membarrier(struct task *t, const struct sysargs *a)
{
	(void)t;
	if (a->a[1])
		return -EINVAL;
	switch ((int)a->a[0]) {
	case MEMBARRIER_QUERY:
		return MEMBARRIER_GLOBAL | MEMBARRIER_PRIVATE_EXPEDITED |
		       MEMBARRIER_REGISTER_PRIVATE_EXPEDITED;
	case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
		return 0;
	case MEMBARRIER_PRIVATE_EXPEDITED: /* the guest's threads are in other host processes: all
					      CPUs */
	case MEMBARRIER_GLOBAL:
		return host_membarrier();
	default:
		return -EINVAL;
	}
}

/* As on a processor without protection keys. */
long sys_pkey_alloc(struct task *t, const struct sysargs *a)
{
	(void)t;
	return a->a[0] || (a->a[1] & ~UINT64_C(3)) ? -EINVAL : -ENOSPC;
}

long sys_pkey_free(struct task *t, const struct sysargs *a)
{
	(void)t;
	(void)a;
	return -EINVAL;
}

long sys_pkey_mprotect(struct task *t, const struct sysargs *a)
{
	return (int)a->a[3] == -1 ? sys_mprotect(t, a) : -EINVAL;
}
