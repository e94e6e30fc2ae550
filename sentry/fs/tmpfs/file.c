/* SPDX-License-Identifier: Apache-2.0 */
/* Open files of tmpfs: reading, writing, allocation, directories, memfd and its seals. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fs/tmpfs/tmpfs_internal.h"
#include "mm/mm.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/file_internal.h"
#include "vfs/mount.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#define MFD_EXEC 16U
#endif
#define F_SEAL_EXEC_BIT 0x20U

static ssize_t tmpfs_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	struct tmpfs_inode *ti = tmpfs_of(f->inode);
	ssize_t done = 0;

	(void)t;
	(void)flags;
	if (*pos < 0)
		return -EINVAL;
	rwlock_rdlock(&f->inode->rw);
	while (to->count > 0 && *pos < f->inode->size) {
		uint64_t want = MIN((uint64_t)to->count, (uint64_t)(f->inode->size - *pos));
		void *ptr;
		uint64_t n = tmpfs_data_at(ti, (uint64_t)*pos, want, &ptr);
		size_t got = ptr ? iov_iter_copy_to(to, ptr, n) : iov_iter_zero(to, n);

		*pos += (int64_t)got;
		done += (ssize_t)got;
		if (got < n) {
			if (done == 0)
				done = -EFAULT;
			break;
		}
	}
	rwlock_unlock(&f->inode->rw);
	if (!(f->flags & O_NOATIME))
		inode_touch_atime(f->inode);
	return done;
}

/* How much to allocate ahead of an appending write, so that a file grows in few extents. */
static uint64_t grow_ahead(const struct tmpfs_inode *ti, uint64_t pos)
{
	uint64_t size = (uint64_t)ti->inode.size;

	if (pos != size || size < 65536)
		return 0;
	return size / 2;
}

static ssize_t write_locked(struct tmpfs_inode *ti, struct iov_iter *from, int64_t pos, size_t count)
{
	ssize_t done = 0;

	while (count > 0) {
		uint64_t off = (uint64_t)pos + (uint64_t)done;
		uint64_t chunk = MIN((uint64_t)count, UINT64_C(2) << 20);
		void *ptr;
		int r = tmpfs_data_fill(ti, off, chunk, grow_ahead(ti, off));

		uint64_t n = tmpfs_data_at(ti, off, chunk, &ptr);

		/* A full file system takes what still fits. */
		if (!ptr)
			return done > 0 ? done : (r < 0 ? r : -ENOSPC);
		size_t got = iov_iter_copy_from(from, ptr, n);

		done += (ssize_t)got;
		count -= got;
		if ((int64_t)(off + got) > ti->inode.size)
			ti->inode.size = (int64_t)(off + got);
		if (got < n)
			return done > 0 ? done : -EFAULT;
	}
	return done;
}

static ssize_t tmpfs_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			   int flags)
{
	struct tmpfs_inode *ti = tmpfs_of(f->inode);
	size_t count = from->count;
	ssize_t r;

	if (count == 0)
		return 0;
	rwlock_wrlock(&f->inode->rw);
	int64_t at = (f->flags & O_APPEND) || (flags & RWF_APPEND) ? f->inode->size : *pos;

	r = file_write_limit(f, t, at, &count);
	if (r == 0 && (ti->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		r = -EPERM;
	if (r == 0 && (ti->seals & F_SEAL_GROW) && at + (int64_t)count > f->inode->size)
		r = -EPERM;
	if (r == 0 && at > f->inode->size)
		tmpfs_data_resize(ti, at); /* the gap reads as zeros */
	if (r == 0)
		r = write_locked(ti, from, at, count);
	if (r > 0) {
		*pos = at + r;
		inode_kill_suid(f->inode, t);
		inode_touch(f->inode, true, true);
	}
	rwlock_unlock(&f->inode->rw);
	return r;
}

static int64_t tmpfs_llseek(struct file *f, struct task *t, int64_t off, int whence)
{
	(void)t;
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return generic_llseek_size(f, off, whence, f->inode->size);

	int64_t r = tmpfs_data_seek(tmpfs_of(f->inode), off, whence == SEEK_HOLE);

	if (r >= 0)
		f->pos = r;
	return r;
}

static int tmpfs_mmap(struct file *f, struct task *t, int prot, int flags, struct mappable **ret)
{
	struct tmpfs_inode *ti = tmpfs_of(f->inode);
	bool shared_write = (flags & MAP_SHARED) && (prot & PROT_WRITE);

	(void)t;
	if (shared_write && (ti->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return -EPERM;
	*ret = &f->inode->map;
	return 0;
}

static int tmpfs_fsync(struct file *f, struct task *t, bool datasync)
{
	(void)f;
	(void)t;
	(void)datasync;
	return 0;
}

static int fallocate_locked(struct tmpfs_inode *ti, int mode, int64_t off, int64_t len)
{
	int64_t size = ti->inode.size;
	int r;

	if (mode & FALLOC_FL_PUNCH_HOLE) {
		if (ti->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
			return -EPERM;
		tmpfs_data_punch(ti, (uint64_t)off, (uint64_t)len);
		return 0;
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE) && off + len > size && (ti->seals & F_SEAL_GROW))
		return -EPERM;
	if (mode & FALLOC_FL_ZERO_RANGE)
		tmpfs_data_punch(ti, (uint64_t)off, (uint64_t)len);
	r = tmpfs_data_fill(ti, (uint64_t)off, (uint64_t)len, 0);
	if (r == 0 && !(mode & FALLOC_FL_KEEP_SIZE) && off + len > size)
		tmpfs_data_resize(ti, off + len);
	return r;
}

static int tmpfs_fallocate(struct file *f, struct task *t, int mode, int64_t off, int64_t len)
{
	(void)t;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	rwlock_wrlock(&f->inode->rw);
	int r = fallocate_locked(tmpfs_of(f->inode), mode, off, len);

	if (r == 0)
		inode_touch(f->inode, true, true);
	rwlock_unlock(&f->inode->rw);
	return r;
}

const struct file_ops tmpfs_file_ops = {
	.kind = "file",
	.read = tmpfs_read,
	.write = tmpfs_write,
	.llseek = tmpfs_llseek,
	.mmap = tmpfs_mmap,
	.fsync = tmpfs_fsync,
	.fallocate = tmpfs_fallocate,
};

/* ---- directories ---- */

static bool emit_dots(struct file *f, struct dir_sink *sink, int64_t *pos)
{
	if (*pos == 0) {
		if (!sink->emit(sink, ".", 1, f->inode->ino, DT_DIR, 1))
			return false;
		*pos = 1;
	}
	if (*pos == 1) {
		struct dentry *up = f->path.dentry ? dentry_parent(f->path.dentry) : NULL;
		uint64_t ino = up ? up->inode->ino : f->inode->ino;

		dentry_put(up);
		if (!sink->emit(sink, "..", 2, ino, DT_DIR, 2))
			return false;
		*pos = 2;
	}
	return true;
}

static int tmpfs_readdir(struct file *f, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	struct tmpfs_inode *ti = tmpfs_of(f->inode);

	(void)t;
	if (*pos < 0)
		return -EINVAL;
	if (!emit_dots(f, sink, pos))
		return 0;
	rwlock_rdlock(&f->inode->rw);
	list_for_each(node, &ti->entries) {
		struct tmpfs_dirent *e = list_entry(node, struct tmpfs_dirent, link);

		if (e->cookie < *pos)
			continue;
		if (!sink->emit(sink, e->name, e->len, e->inode->ino,
				(uint8_t)(inode_kind(e->inode) >> 12), e->cookie + 1))
			break;
		*pos = e->cookie + 1;
	}
	rwlock_unlock(&f->inode->rw);
	inode_touch_atime(f->inode);
	return 0;
}

static ssize_t dir_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	(void)f;
	(void)t;
	(void)to;
	(void)pos;
	(void)flags;
	return -EISDIR;
}

const struct file_ops tmpfs_dirfile_ops = {
	.kind = "dir",
	.read = dir_read,
	.llseek = generic_dir_llseek,
	.readdir = tmpfs_readdir,
	.fsync = tmpfs_fsync,
};

/* ---- memfd ---- */

static struct mutex memfd_mu = { PTHREAD_MUTEX_INITIALIZER, RANK_KERNEL };
static struct mount *memfd_mount; /* [memfd_mu] kept for ever */

static int memfd_mount_get(struct mount **ret)
{
	struct tmpfs_options opt = { .mode = 0700 };
	struct super *sb = NULL;
	int r = 0;

	mutex_lock(&memfd_mu);
	if (!memfd_mount) {
		r = tmpfs_new(&sb, &opt);
		if (r == 0) {
			sb->flags |= SB_KERNMOUNT;
			r = mount_internal(&memfd_mount, sb);
			super_put(sb);
		}
	}
	*ret = memfd_mount;
	mutex_unlock(&memfd_mu);
	return r;
}

int tmpfs_memfd(struct file **ret, const char *name, unsigned int flags)
{
	struct inode_init init = { .mode = S_IFREG | 0777 };
	struct mount *mnt = NULL;
	struct inode *inode = NULL;
	struct dentry *d = NULL;
	char label[NAME_LEN_MAX + 8];
	int r = memfd_mount_get(&mnt);

	if (r < 0)
		return r;
	r = tmpfs_inode_new(mnt->sb, &init, &inode);
	if (r < 0)
		return r;
	inode->nlink = 0;
	bool exec_sealed = (flags & MFD_NOEXEC_SEAL) != 0;

	tmpfs_of(inode)->seals = (flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL)) ? 0 : F_SEAL_SEAL;
	if (exec_sealed) {
		inode->mode = S_IFREG | 0666;
		tmpfs_of(inode)->seals |= F_SEAL_EXEC_BIT;
	}
	snprintf(label, sizeof(label), "memfd:%s", name);
	r = dentry_new_detached(&d, mnt->root, label, inode);
	inode_put(inode);
	if (r < 0)
		return r;

	struct path p = { mount_get(mnt), d };

	r = file_new(ret, &tmpfs_file_ops, NULL, O_RDWR);
	if (r < 0) {
		path_put(&p);
		return r;
	}
	(*ret)->path = p;
	(*ret)->inode = inode;
	return 0;
}

int tmpfs_get_seals(struct file *f)
{
	if (f->ops != &tmpfs_file_ops)
		return -EINVAL;
	return (int)tmpfs_of(f->inode)->seals;
}

int tmpfs_add_seals(struct file *f, uint32_t seals)
{
	const uint32_t all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
			     F_SEAL_FUTURE_WRITE | F_SEAL_EXEC_BIT;
	int r = 0;

	if (f->ops != &tmpfs_file_ops || (seals & ~all))
		return -EINVAL;
	if ((f->flags & O_ACCMODE) == O_RDONLY)
		return -EPERM;

	struct tmpfs_inode *ti = tmpfs_of(f->inode);

	rwlock_wrlock(&f->inode->rw);
	if (ti->seals & F_SEAL_SEAL) {
		r = -EPERM;
	} else {
		if (seals & F_SEAL_WRITE) {
			mutex_lock(&f->inode->map.mu);
			if (!list_empty(&f->inode->map.vmas))
				r = -EBUSY;
			mutex_unlock(&f->inode->map.mu);
		}
		if (r == 0)
			ti->seals |= seals;
	}
	rwlock_unlock(&f->inode->rw);
	return r;
}
