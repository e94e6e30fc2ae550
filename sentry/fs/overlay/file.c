/* SPDX-License-Identifier: Apache-2.0 */
/* Open files of the overlay, copy-up, and mappings. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/overlay/overlay_internal.h"
#include "fs/tmpfs/tmpfs_internal.h"
#include "mm/mm.h"
#include "util/cleanup.h"
#include "vfs/dirlist.h"

#define COPY_CHUNK (UINT64_C(2) << 20)

struct ovl_file {
	struct file *lower;	     /* [I] NULL when opened after the copy-up */
	struct file *_Atomic upper; /* set once */
	struct dirlist list;	     /* directories */
};

int ovl_open_real(struct inode *real, struct task *t, uint32_t flags, struct file **ret)
{
	struct file *f = NULL;
	int r = file_new(&f, NULL, NULL, flags);

	if (r < 0)
		return r;
	f->inode = real;
	r = real->ops->open(real, t, f);
	if (r < 0) {
		f->ops = NULL;
		f->inode = NULL;
		file_put(f);
		return r;
	}
	*ret = f;
	return 0;
}

/* ---- copy-up ---- */

/* Reads the lower file straight into the pages of the new one, which nobody else sees yet. */
static int copy_data(struct inode *upper, struct inode *lower, struct task *t, int64_t size)
{
	struct tmpfs_inode *ti = tmpfs_of(upper);
	struct file *src = NULL;
	int64_t pos = 0;
	int r = ovl_open_real(lower, t, O_RDONLY, &src);

	while (r == 0 && pos < size) {
		uint64_t want = MIN((uint64_t)(size - pos), COPY_CHUNK);
		struct iovec one;
		struct iov_iter it;
		void *ptr;

		r = tmpfs_data_fill(ti, (uint64_t)pos, want, 0);
		if (r < 0)
			break;
		want = tmpfs_data_at(ti, (uint64_t)pos, want, &ptr);
		iov_iter_kernel(&it, &one, ptr, want);
		ssize_t n = src->ops->read(src, t, &it, &pos, 0);

		if (n <= 0) {
			r = (int)n;
			break;
		}
	}
	file_put(src);
	return r;
}

int ovl_copy_up(struct ovl_inode *oi, struct task *t, int64_t size)
{
	struct inode_init init = { .mode = S_IFREG | 0600 };
	struct inode *upper = NULL;
	int r = 0;

	if (oi->upper)
		return 0;
	mutex_lock(&oi->copy);
	if (!oi->upper) {
		int64_t have = oi->lower ? oi->lower->size : 0;

		if (size < 0 || size > have)
			size = have;
		r = tmpfs_inode_new(ovl_sb(&oi->inode)->upper, &init, &upper);
		if (r == 0 && size > 0)
			r = copy_data(upper, oi->lower, t, size);
		if (r == 0) {
			upper->size = size;
			oi->inode.size = size;
			oi->upper = upper;
			upper = NULL;
		}
	}
	mutex_unlock(&oi->copy);
	inode_put(upper);
	if (r == 0 && oi->lower) {
		ovl_pin(oi);
		/* What was mapped of the lower file is looked up again. */
		mappable_invalidate(&oi->inode.map, 0, INT64_MAX & PAGE_MASK);
	}
	return r;
}

/* The file to read from: the upper one from the copy-up on, also for those who had it open before. */
static int real_file(struct file *f, struct task *t, struct file **ret)
{
	struct ovl_file *of = f->priv;
	struct inode *upper = ovl_of(f->inode)->upper;
	struct file *up = of->upper;

	if (up || !upper) {
		*ret = up ? up : of->lower;
		return 0;
	}

	struct file *none = NULL;
	int r = ovl_open_real(upper, t, f->flags & O_ACCMODE, &up);

	if (r < 0)
		return r;
	if (!atomic_compare_exchange_strong(&of->upper, &none, up)) {
		file_put(up);
		up = none;
	}
	*ret = up;
	return 0;
}

/* ---- regular files ---- */

static ssize_t ovl_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	struct file *real;
	ssize_t r = real_file(f, t, &real);

	if (r < 0)
		return r;
	r = real->ops->read(real, t, to, pos, flags);
	if (!(f->flags & O_NOATIME))
		inode_touch_atime(f->inode);
	return r;
}

static ssize_t ovl_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos, int flags)
{
	struct file *real;
	ssize_t r = real_file(f, t, &real);

	if (r < 0)
		return r;
	if (f->flags & O_APPEND)
		flags |= RWF_APPEND;
	r = real->ops->write(real, t, from, pos, flags);
	if (r > 0) {
		f->inode->size = real->inode->size;
		inode_touch(f->inode, true, true);
		if (f->inode->mode & (S_ISUID | S_ISGID)) {
			rwlock_wrlock(&f->inode->rw);
			inode_kill_suid(f->inode, t);
			rwlock_unlock(&f->inode->rw);
		}
	}
	return r;
}

static int64_t ovl_llseek(struct file *f, struct task *t, int64_t off, int whence)
{
	struct file *real;
	int64_t r;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return generic_llseek_size(f, off, whence, f->inode->size);
	r = real_file(f, t, &real);
	if (r < 0)
		return r;
	r = real->ops->llseek(real, t, off, whence);
	if (r >= 0)
		f->pos = r;
	return r;
}

static int ovl_mmap(struct file *f, struct task *t, int prot, int flags, struct mappable **ret)
{
	struct inode *upper = ovl_of(f->inode)->upper;

	(void)t;
	(void)prot;
	(void)flags;
	*ret = upper ? &upper->map : &f->inode->map;
	return 0;
}

static int ovl_fsync(struct file *f, struct task *t, bool datasync)
{
	(void)f;
	(void)t;
	(void)datasync;
	return 0; /* the upper layer is memory, the lower one does not change */
}

static int ovl_fallocate(struct file *f, struct task *t, int mode, int64_t off, int64_t len)
{
	struct file *real;
	int r = real_file(f, t, &real);

	if (r < 0)
		return r;
	r = real->ops->fallocate(real, t, mode, off, len);
	if (r == 0) {
		f->inode->size = real->inode->size;
		inode_touch(f->inode, true, true);
		if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
			mappable_invalidate(&f->inode->map, (uint64_t)off & PAGE_MASK,
					    ((uint64_t)len + 2 * PAGE_SIZE) & PAGE_MASK);
	}
	return r;
}

static void ovl_release(struct file *f)
{
	struct ovl_file *of = f->priv;

	file_put(of->lower);
	file_put(of->upper);
	dirlist_free(&of->list);
	free(of);
}

static const struct file_ops ovl_file_ops = {
	.kind = "file",
	.release = ovl_release,
	.read = ovl_read,
	.write = ovl_write,
	.llseek = ovl_llseek,
	.mmap = ovl_mmap,
	.fsync = ovl_fsync,
	.fallocate = ovl_fallocate,
};

/* ---- directories ---- */

struct merge_sink {
	struct dir_sink sink;
	struct ovl_inode *dir;
	struct dirlist *list;
	int err;
};

static bool merge_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, uint8_t type,
		       int64_t next)
{
	struct merge_sink *s = container_of(sink, struct merge_sink, sink);
	struct fname n = { name, len };

	(void)next;
	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return true;
	if (!ovl_entry_find(s->dir, &n))
		s->err = dirlist_add(s->list, name, len, ino, type);
	return s->err == 0;
}

static int merge(struct ovl_inode *oi, struct task *t, struct dirlist *l)
{
	struct merge_sink s = { .sink = { merge_emit }, .dir = oi, .list = l };
	struct file *real = NULL;
	int64_t pos = 0;
	int r = 0;

	dirlist_clear(l);
	list_for_each(node, &oi->entries) {
		struct ovl_entry *e = list_entry(node, struct ovl_entry, link);

		if (e->child && r == 0)
			r = dirlist_add(l, e->name, e->len, e->child->ino,
					(uint8_t)(inode_kind(e->child) >> 12));
	}
	if (r < 0 || !oi->lower)
		return r;
	r = ovl_open_real(oi->lower, t, O_RDONLY, &real);
	if (r < 0)
		return r;
	r = real->ops->readdir(real, t, &s.sink, &pos);
	file_put(real);
	return s.err ? s.err : r;
}

static int ovl_readdir(struct file *f, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	struct dirlist *l = &((struct ovl_file *)f->priv)->list;

	if (*pos < 0)
		return -EINVAL;
	if (*pos == 0 || !l->filled) {
		rwlock_rdlock(&f->inode->rw);
		int r = merge(ovl_of(f->inode), t, l);

		rwlock_unlock(&f->inode->rw);
		if (r < 0)
			return r;
		l->filled = true;
	}
	return dirlist_emit(l, f, sink, pos);
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

static const struct file_ops ovl_dirfile_ops = {
	.kind = "dir",
	.release = ovl_release,
	.read = dir_read,
	.llseek = generic_dir_llseek,
	.readdir = ovl_readdir,
	.fsync = ovl_fsync,
};

/* ---- opening ---- */

static int open_reg(struct ovl_inode *oi, struct task *t, struct file *f, struct ovl_file *of)
{
	bool writes = (f->flags & O_ACCMODE) != O_RDONLY;
	int r = 0;

	if (writes)
		r = ovl_copy_up(oi, t, (f->flags & O_TRUNC) ? 0 : -1);
	if (r < 0)
		return r;

	struct inode *upper = oi->upper;
	struct file *real = NULL;

	r = ovl_open_real(upper ? upper : oi->lower, t, f->flags & O_ACCMODE, &real);
	if (r < 0)
		return r;
	if (upper)
		of->upper = real;
	else
		of->lower = real;
	return 0;
}

int ovl_open(struct inode *inode, struct task *t, struct file *f)
{
	struct ovl_file *of = calloc(1, sizeof(*of));
	int r = 0;

	if (!of)
		return -ENOMEM;
	if (!inode_is_dir(inode))
		r = open_reg(ovl_of(inode), t, f, of);
	if (r < 0) {
		free(of);
		return r;
	}
	f->priv = of;
	f->ops = inode_is_dir(inode) ? &ovl_dirfile_ops : &ovl_file_ops;
	return 0;
}

/* ---- mapping ---- */

static int ovl_translate(struct mappable *m, uint64_t off, uint64_t len, bool write,
			 struct backing *ret)
{
	struct ovl_inode *oi = ovl_of(container_of(m, struct inode, map));
	struct inode *upper = oi->upper;
	struct mappable *real = upper ? &upper->map : oi->lower ? &oi->lower->map : NULL;

	if (!real || !real->ops)
		return -ENXIO;
	if (!upper && write)
		return -EACCES; /* a shared writable mapping needs a file open for writing */
	return real->ops->translate(real, off, len, write, ret);
}

static void ovl_map_get(struct mappable *m)
{
	struct ovl_inode *oi = ovl_of(container_of(m, struct inode, map));

	inode_get(&oi->inode);
	/* The lower file's descriptors stay open while it is mapped, also after a copy-up. */
	if (oi->lower && oi->lower->map.ops)
		oi->lower->map.ops->get(&oi->lower->map);
}

static void ovl_map_put(struct mappable *m)
{
	struct ovl_inode *oi = ovl_of(container_of(m, struct inode, map));

	if (oi->lower && oi->lower->map.ops)
		oi->lower->map.ops->put(&oi->lower->map);
	inode_put(&oi->inode);
}

const struct mappable_ops ovl_mappable_ops = {
	.translate = ovl_translate,
	.get = ovl_map_get,
	.put = ovl_map_put,
};
