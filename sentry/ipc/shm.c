/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory segments (shmget(2), shmop(2), shmctl(2)).
 *
 * A segment is a mappable of its own. Its table entry holds a reference until IPC_RMID; each
 * attachment is a file that areas refer to. nattch is the number of areas, as in Linux. The last
 * reference removes the entry and gives the memory back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "ipc/ipc_internal.h"
#include "mm/mappable.h"
#include "mm/mm.h"
#include "util/cleanup.h"
#include "vfs/file.h"
#include "vfs/pseudo.h"

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

struct segment {
	struct ipc_perm_k perm; /* first; [ids.mu] */
	struct ref ref;
	struct mappable map;
	uint64_t off, len;	    /* [I] extent of the memfile; pages */
	uint64_t size;		    /* [I] as asked for */
	time_t atime, dtime, ctime; /* [ids.mu] */
	int32_t cpid, lpid;	    /* [ids.mu] */
};

static struct ipc_ids ids = {
	.mu = {PTHREAD_MUTEX_INITIALIZER, RANK_OBJECT},
	.next_id = SYSCTL_SHM_NEXT_ID,
};
static uint64_t total_pages; /* [ids.mu] */

static void segment_put(struct segment *seg)
{
	struct task *t = task_current();

	mutex_lock(&ids.mu);
	seg->dtime = ipc_now();
	if (t)
		seg->lpid = t->group->pid;
	bool last = ref_put(&seg->ref);

	if (last) {
		ipc_remove(&ids, &seg->perm);
		total_pages -= seg->len / PAGE_SIZE;
	}
	mutex_unlock(&ids.mu);
	if (!last)
		return;
	memfile_unref(seg->off, seg->len);
	mappable_fini(&seg->map);
	free(seg);
}

static int translate(struct mappable *m, uint64_t off, uint64_t len, bool write,
		     struct backing *ret)
{
	struct segment *seg = container_of(m, struct segment, map);

	(void)write;
	if (off >= seg->len)
		return -ENXIO;
	ret->fd = memfile_fd();
	ret->memfile = true;
	ret->off = seg->off + off;
	ret->len = MIN(len, seg->len - off);
	return 0;
}

static void map_get(struct mappable *m)
{
	ref_get(&container_of(m, struct segment, map)->ref);
}

static void map_put(struct mappable *m)
{
	segment_put(container_of(m, struct segment, map));
}

static const struct mappable_ops map_ops = {
	.translate = translate,
	.get = map_get,
	.put = map_put,
};

/* ---- attachments ---- */

static void attach_release(struct file *f)
{
	segment_put(f->priv);
}

static int attach_mmap(struct file *f, struct task *t, int prot, int flags, struct mappable **ret)
{
	struct segment *seg = f->priv;

	(void)t;
	(void)prot;
	(void)flags;
	*ret = &seg->map;
	return 0;
}

static int attach_name(struct file *f, char *buf, size_t size)
{
	struct segment *seg = f->priv;

	return snprintf(buf, size, "/SYSV%08x (deleted)", (unsigned)seg->perm.key);
}

static const struct file_ops attach_ops = {
	.kind = "sysv",
	.release = attach_release,
	.mmap = attach_mmap,
	.name = attach_name,
};

static bool is_attachment(const struct file *f)
{
	return f->ops == &attach_ops;
}

static uint64_t count_attached(struct segment *seg)
{
	uint64_t n = 0;

	mutex_lock(&seg->map.mu);
	list_for_each(node, &seg->map.vmas) n++;
	mutex_unlock(&seg->map.mu);
	return n;
}

/* ---- calls ---- */

static int segment_new(struct segment **ret, struct task *t, uint64_t size)
{
	struct segment *seg = calloc(1, sizeof(*seg));
	int r;

	if (!seg)
		return -ENOMEM;
	seg->size = size;
	seg->len = (size + PAGE_SIZE - 1) & PAGE_MASK;
	r = memfile_alloc(seg->len, &seg->off);
	if (r < 0) {
		free(seg);
		return r;
	}
	ref_init(&seg->ref);
	mappable_init(&seg->map, &map_ops);
	seg->cpid = t->group->pid;
	seg->ctime = ipc_now();
	*ret = seg;
	return 0;
}

static void segment_abandon(struct segment *seg)
{
	if (!seg)
		return;
	memfile_unref(seg->off, seg->len);
	mappable_fini(&seg->map);
	free(seg);
}

static long get_locked(struct task *t, int32_t key, uint64_t size, int flags,
		       struct segment **fresh)
{
	struct ipc_perm_k *p;
	int r = ipc_get_key(&ids, t, key, flags, &p);

	if (r < 0)
		return r;
	if (p)
		return size > ((struct segment *)p)->size ? -EINVAL : p->id;
	if (!*fresh)
		return -EINVAL; /* not a possible size */
	if (total_pages + (*fresh)->len / PAGE_SIZE > (uint64_t)sysctl_get(SYSCTL_SHMALL))
		return -ENOSPC;
	r = ipc_add(&ids, &(*fresh)->perm, t, key, flags, (uint32_t)sysctl_get(SYSCTL_SHMMNI));
	if (r >= 0)
		total_pages += TAKE(*fresh)->len / PAGE_SIZE;
	return r;
}

long ipc_shmget(struct task *t, int32_t key, uint64_t size, int flags)
{
	struct segment *fresh = NULL;
	bool valid =
		size > 0 && size <= (uint64_t)sysctl_get(SYSCTL_SHMMAX) && size < UINT64_C(1) << 46;

	if (flags & SHM_HUGETLB)
		return task_has_cap(t, CAP_IPC_LOCK) ? -ENOMEM : -EPERM; /* no huge page pool */
	/* Memory first, so that nothing is allocated under the lock. Unused when the key exists. */
	if (valid && (key == IPC_PRIVATE || (flags & IPC_CREAT))) {
		int r = segment_new(&fresh, t, size);

		if (r < 0)
			return r;
	}
	mutex_lock(&ids.mu);
	long r = get_locked(t, key, size, flags, &fresh);

	mutex_unlock(&ids.mu);
	segment_abandon(fresh);
	return r;
}

static int find_for(struct task *t, int id, int mode, struct segment **ret)
{
	mutex_lock(&ids.mu);
	struct segment *seg = (struct segment *)ipc_find(&ids, id);
	int r = seg ? ipc_permission(&seg->perm, t, mode) : -EINVAL;

	if (r == 0 && !ref_get_unless_zero(&seg->ref))
		r = -EINVAL;
	mutex_unlock(&ids.mu);
	if (r == 0)
		*ret = seg;
	return r;
}

static int map_segment(struct task *t, struct segment *seg, uint64_t addr, int flags, uint64_t *ret)
{
	struct file *f = NULL;
	bool rdonly = (flags & SHM_RDONLY) != 0;
	int prot = PROT_READ | (rdonly ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
	int map = MAP_SHARED;
	struct mm_limits lim = {
		.as = task_rlimit(t, RLIMIT_AS),
		.data = task_rlimit(t, RLIMIT_DATA),
		.stack = task_rlimit(t, RLIMIT_STACK),
		.memlock = task_rlimit(t, RLIMIT_MEMLOCK),
	};

	if (addr)
		map |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	int r = file_new(&f, &attach_ops, seg, rdonly ? O_RDONLY : O_RDWR);

	if (r < 0)
		return r;
	ref_get(&seg->ref);
	r = mm_mmap_task(t->mm, t, addr, seg->len, prot, map, f, 0, &lim, ret);
	file_put(f);
	return r == -EEXIST ? -EINVAL : r;
}

long ipc_shmat(struct task *t, int id, uint64_t addr, int flags)
{
	struct segment *seg = NULL;
	uint64_t at = 0;
	int mode = flags & SHM_RDONLY ? 0444 : 0666;

	if (flags & SHM_EXEC)
		mode |= 0111;
	if (addr & (PAGE_SIZE - 1)) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		addr &= PAGE_MASK;
		if (!addr && (flags & SHM_REMAP))
			return -EINVAL;
	}
	if (!addr && (flags & SHM_REMAP))
		return -EINVAL;
	int r = find_for(t, id, mode, &seg);

	if (r < 0)
		return r;
	r = map_segment(t, seg, addr, flags, &at);
	mutex_lock(&ids.mu);
	if (r == 0) {
		seg->atime = ipc_now();
		seg->lpid = t->group->pid;
	}
	time_t dtime = seg->dtime;

	mutex_unlock(&ids.mu);
	int32_t lpid = seg->lpid;

	segment_put(seg);
	/* Our own reference was no attachment. */
	mutex_lock(&ids.mu);
	struct segment *again = (struct segment *)ipc_find(&ids, id);

	if (again == seg) {
		again->dtime = dtime;
		again->lpid = lpid;
	}
	mutex_unlock(&ids.mu);
	return r < 0 ? r : (long)at;
}

long ipc_shmdt(struct task *t, uint64_t addr)
{
	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	return mm_detach_file(t->mm, addr, is_attachment);
}

static void fill_ds(struct shmid_ds *ds, struct segment *seg)
{
	*ds = (struct shmid_ds){
		.shm_segsz = seg->size,
		.shm_atime = seg->atime,
		.shm_dtime = seg->dtime,
		.shm_ctime = seg->ctime,
		.shm_cpid = seg->cpid,
		.shm_lpid = seg->lpid,
		.shm_nattch = count_attached(seg),
	};
	ipc_fill(&ds->shm_perm, &seg->perm);
}

static long stat_segment(struct task *t, int id, int cmd, uint64_t buf)
{
	struct shmid_ds ds;
	long r = 0;

	mutex_lock(&ids.mu);
	struct ipc_perm_k *p = cmd == IPC_STAT ? ipc_find(&ids, id) : ipc_at(&ids, id);

	if (!p)
		r = -EINVAL;
	else if (cmd != SHM_STAT_ANY)
		r = ipc_permission(p, t, 0444);
	if (r == 0) {
		fill_ds(&ds, (struct segment *)p);
		r = cmd == IPC_STAT ? 0 : p->id;
	}
	mutex_unlock(&ids.mu);
	if (r >= 0 && copy_out(t, buf, &ds, sizeof(ds)) < 0)
		return -EFAULT;
	return r;
}

static long limits(struct task *t, uint64_t buf)
{
	struct shminfo info = {
		.shmmax = (unsigned long)sysctl_get(SYSCTL_SHMMAX),
		.shmmin = 1,
		.shmmni = (unsigned long)sysctl_get(SYSCTL_SHMMNI),
		.shmseg = (unsigned long)sysctl_get(SYSCTL_SHMMNI),
		.shmall = (unsigned long)sysctl_get(SYSCTL_SHMALL),
	};

	mutex_lock(&ids.mu);
	int32_t top = ipc_highest(&ids);

	mutex_unlock(&ids.mu);
	if (copy_out(t, buf, &info, sizeof(info)) < 0)
		return -EFAULT;
	return MAX(top, 0);
}

static long usage(struct task *t, uint64_t buf)
{
	struct shm_info info = {0};

	mutex_lock(&ids.mu);
	info.used_ids = (int)ids.n;
	info.shm_tot = info.shm_rss = total_pages;
	int32_t top = ipc_highest(&ids);

	mutex_unlock(&ids.mu);
	if (copy_out(t, buf, &info, sizeof(info)) < 0)
		return -EFAULT;
	return MAX(top, 0);
}

/* The key goes at once; the segment when nobody has it any more. */
static long remove_segment(struct task *t, int id)
{
	mutex_lock(&ids.mu);
	struct segment *seg = (struct segment *)ipc_find(&ids, id);
	int r = seg ? ipc_may_change(&seg->perm, t) : -EINVAL;
	bool put = false;

	if (r == 0 && !(seg->perm.mode & SHM_DEST)) {
		seg->perm.mode |= SHM_DEST;
		seg->perm.key = IPC_PRIVATE;
		put = true;
	}
	mutex_unlock(&ids.mu);
	if (put)
		segment_put(seg);
	return r;
}

static long set_segment(struct task *t, int id, uint64_t buf)
{
	struct shmid_ds ds;

	if (copy_in(t, &ds, buf, sizeof(ds)) < 0)
		return -EFAULT;
	mutex_lock(&ids.mu);
	struct segment *seg = (struct segment *)ipc_find(&ids, id);
	int r = seg ? ipc_may_change(&seg->perm, t) : -EINVAL;

	if (r == 0)
		r = ipc_apply(&seg->perm, &ds.shm_perm);
	if (r == 0)
		seg->ctime = ipc_now();
	mutex_unlock(&ids.mu);
	return r;
}

/* Locked or not, the sandbox's memory is the host's to page: only the mark is kept. */
static long lock_segment(struct task *t, int id, bool lock)
{
	mutex_lock(&ids.mu);
	struct segment *seg = (struct segment *)ipc_find(&ids, id);
	int r = seg ? 0 : -EINVAL;

	if (r == 0 && !task_has_cap(t, CAP_IPC_LOCK)) {
		if (t->cred->euid != seg->perm.uid && t->cred->euid != seg->perm.cuid)
			r = -EPERM;
		else if (lock && task_rlimit(t, RLIMIT_MEMLOCK) == 0)
			r = -EPERM;
	}
	if (r == 0)
		seg->perm.mode =
			lock ? seg->perm.mode | SHM_LOCKED : seg->perm.mode & ~(uint32_t)SHM_LOCKED;
	mutex_unlock(&ids.mu);
	return r;
}

long ipc_shmctl(struct task *t, int id, int cmd, uint64_t buf)
{
	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO_CMD:
		return limits(t, buf);
	case SHM_INFO:
		return usage(t, buf);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return stat_segment(t, id, cmd, buf);
	case IPC_SET:
		return set_segment(t, id, buf);
	case IPC_RMID:
		return remove_segment(t, id);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return lock_segment(t, id, cmd == SHM_LOCK);
	default:
		return -EINVAL;
	}
}

void ipc_show_shm(struct seq *s)
{
	seq_printf(s,
		   "       key      shmid perms                  size  cpid  lpid nattch   uid   "
		   "gid  cuid  cgid      atime      dtime      ctime                   rss"
		   "                  swap\n");
	mutex_lock(&ids.mu);
	for (uint32_t i = 0; i < ids.cap; i++) {
		struct segment *seg = (struct segment *)ids.slots[i];

		if (!seg)
			continue;
		const struct ipc_perm_k *p = &seg->perm;

		seq_printf(
			s,
			"%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lld %10lld %10lld "
			"%21lu %21lu\n",
			p->key, p->id, p->mode, seg->size, seg->cpid, seg->lpid,
			count_attached(seg), p->uid, p->gid, p->cuid, p->cgid,
			(long long)seg->atime, (long long)seg->dtime, (long long)seg->ctime,
			seg->len, 0UL);
	}
	mutex_unlock(&ids.mu);
}
