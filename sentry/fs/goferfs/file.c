/* SPDX-License-Identifier: Apache-2.0 */
/* Open files of goferfs. Data moves between guest memory and the donated host descriptor directly: the
 * guest's pages are pinned and given to preadv(2) and pwritev(2). */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/goferfs/goferfs_internal.h"
#include "host/file.h"
#include "mm/mm.h"
#include "util/bytes.h"
#include "util/cleanup.h"
#include "vfs/dirlist.h"
#include "vfs/file_internal.h"

static ssize_t gofer_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	int fd = gofer_handle_fd(gofer_of(f->inode), false);
	ssize_t done = 0;

	(void)t;
	(void)flags;
	if (*pos < 0)
		return -EINVAL;
	while (to->count > 0) {
		struct mm_pin pin;
		ssize_t n = iov_iter_pin(to, true, &pin);

		if (n < 0)
			return done > 0 ? done : n;
		ssize_t r = host_preadv(fd, pin.iov, pin.n, *pos);

		mm_unpin(&pin);
		if (r < 0)
			return done > 0 ? done : r;
		iov_iter_advance(to, (size_t)r);
		*pos += r;
		done += r;
		if (r < n)
			break;
	}
	return done;
}

static ssize_t write_locked(struct file *f, struct iov_iter *from, int64_t pos, size_t count)
{
	struct gofer_inode *gi = gofer_of(f->inode);
	int fd = gofer_handle_fd(gi, true);
	ssize_t done = 0;
	struct iov_iter part = *from;

	part.count = count;
	while (part.count > 0) {
		struct mm_pin pin;
		ssize_t n = iov_iter_pin(&part, false, &pin);

		if (n < 0)
			return done > 0 ? done : n;
		ssize_t r = host_pwritev(fd, pin.iov, pin.n, pos + done);

		mm_unpin(&pin);
		if (r < 0)
			return done > 0 ? done : r;
		iov_iter_advance(&part, (size_t)r);
		iov_iter_advance(from, (size_t)r);
		done += r;
		if (r < n)
			break;
	}
	return done;
}

static ssize_t gofer_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			   int flags)
{
	struct gofer_inode *gi = gofer_of(f->inode);
	size_t count = from->count;
	ssize_t r = 0;

	if (count == 0)
		return 0;
	rwlock_wrlock(&f->inode->rw);
	bool append = (f->flags & O_APPEND) || (flags & RWF_APPEND);

	if (append && gofer_sb(f->inode)->shared) {
		struct kstat st;

		r = gofer_getattr(f->inode, &st); /* others may have appended */
	}
	int64_t at = append ? f->inode->size : *pos;

	if (r == 0)
		r = file_write_limit(f, t, at, &count);
	if (r == 0)
		inode_kill_suid(f->inode, t);
	if (r == 0)
		r = write_locked(f, from, at, count);
	if (r > 0) {
		*pos = at + r;
		if (*pos > f->inode->size)
			f->inode->size = *pos;
		gi->dirty = true;
		inode_touch(f->inode, true, true);
	}
	rwlock_unlock(&f->inode->rw);
	return r;
}

static int64_t gofer_llseek(struct file *f, struct task *t, int64_t off, int whence)
{
	(void)t;
	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		int64_t r = host_lseek(gofer_handle_fd(gofer_of(f->inode), false), off, whence);

		if (r >= 0)
			f->pos = r;
		return r;
	}
	if (whence == SEEK_END && gofer_sb(f->inode)->shared) {
		struct kstat st;
		int r = gofer_getattr(f->inode, &st);

		if (r < 0)
			return r;
	}
	return generic_llseek_size(f, off, whence, f->inode->size);
}

static void gofer_release(struct file *f)
{
	gofer_handle_put(gofer_of(f->inode));
}

static int gofer_mmap(struct file *f, struct task *t, int prot, int flags, struct mappable **ret)
{
	(void)t;
	(void)prot;
	(void)flags;
	*ret = &f->inode->map;
	return 0;
}

static int gofer_fsync(struct file *f, struct task *t, bool datasync)
{
	(void)t;
	return host_fsync(gofer_handle_fd(gofer_of(f->inode), false), datasync);
}

static int gofer_fallocate(struct file *f, struct task *t, int mode, int64_t off, int64_t len)
{
	(void)t;
	rwlock_wrlock(&f->inode->rw);
	int r = host_fallocate(gofer_handle_fd(gofer_of(f->inode), true), mode, off, len);

	if (r == 0) {
		if (!(mode & FALLOC_FL_KEEP_SIZE) && off + len > f->inode->size)
			f->inode->size = off + len;
		gofer_of(f->inode)->dirty = true;
		inode_touch(f->inode, true, true);
	}
	rwlock_unlock(&f->inode->rw);
	return r;
}

const struct file_ops gofer_file_ops = {
	.kind = "file",
	.release = gofer_release,
	.read = gofer_read,
	.write = gofer_write,
	.llseek = gofer_llseek,
	.mmap = gofer_mmap,
	.fsync = gofer_fsync,
	.fallocate = gofer_fallocate,
};

/* ---- mapping ---- */

static int gofer_translate(struct mappable *m, uint64_t off, uint64_t len, bool write,
			   struct backing *ret)
{
	struct gofer_inode *gi = gofer_of(container_of(m, struct inode, map));
	int64_t size = gi->inode.size;
	int r = gofer_handle_open(gi, write);

	if (r < 0)
		return r;
	int fd = gofer_handle_fd(gi, write);

	if (gofer_sb(&gi->inode)->shared) {
		struct stat st;

		r = host_fstat(fd, &st);
		if (r < 0)
			return r;
		size = st.st_size;
	}
	uint64_t end = ((uint64_t)size + PAGE_SIZE - 1) & PAGE_MASK;

	if (off >= end)
		return -ENXIO;
	if (write)
		gi->dirty = true;
	*ret = (struct backing){ .fd = fd, .off = off, .len = MIN(len, end - off), .memfile = false };
	return 0;
}

static void gofer_map_get(struct mappable *m)
{
	struct gofer_inode *gi = gofer_of(container_of(m, struct inode, map));

	inode_get(&gi->inode);
	/* Cannot fail: whoever maps has the file open. */
	mutex_lock(&gofer_sb(&gi->inode)->lru_mu);
	gi->users++;
	mutex_unlock(&gofer_sb(&gi->inode)->lru_mu);
}

static void gofer_map_put(struct mappable *m)
{
	struct gofer_inode *gi = gofer_of(container_of(m, struct inode, map));

	gofer_handle_put(gi);
	inode_put(&gi->inode);
}

const struct mappable_ops gofer_mappable_ops = {
	.translate = gofer_translate,
	.get = gofer_map_get,
	.put = gofer_map_put,
};

/* ---- directories ---- */

/* One Treaddir from *offset. 1: more may follow, 0: the end. */
static int read_some(struct p9_client *c, uint32_t fid, uint64_t *offset, struct dirlist *l)
{
	struct p9_call call = { .req.type = P9_TREADDIR };
	struct p9_dirent e;
	struct rd in;

	call.req.treaddir = (struct p9_treaddir){ fid, *offset, p9_client_msize(c) / 4 };
	int r = p9_rpc(c, &call);

	if (r < 0)
		return r;
	rd_init(&in, call.rsp.rreaddir.data.data, call.rsp.rreaddir.data.len);
	int any = 0;

	while ((r = p9_dirent_get(&e, &in)) > 0) {
		any = 1;
		*offset = e.offset;
		if (e.name.len == 0 || e.name.len > NAME_LEN_MAX || p9_str_eq(e.name, ".") ||
		    p9_str_eq(e.name, ".."))
			continue;
		r = dirlist_add(l, e.name.data, e.name.len, e.qid.path, e.type);
		if (r < 0)
			break;
	}
	p9_end(&call);
	return r < 0 ? (r == -EBADMSG ? -EIO : r) : any;
}

static int listing_fill(struct inode *dir, struct dirlist *l)
{
	struct p9_client *c = gofer_client(dir);
	struct p9_call call = { .req.type = P9_TOPENAT };
	uint32_t fid = p9_fid_new(c);
	uint64_t offset = 0;

	dirlist_clear(l);
	call.req.topenat = (struct p9_topenat){ .dfid = gofer_of(dir)->fid, .newfid = fid,
						.name = { "", 0 }, .flags = O_RDONLY | O_DIRECTORY };
	int r = p9_rpc(c, &call);

	if (r < 0) {
		p9_fid_unused(c, fid);
		return r;
	}
	p9_end(&call);
	do {
		r = read_some(c, fid, &offset, l);
	} while (r > 0);
	p9_fid_clunk(c, fid);
	l->filled = r == 0;
	return r;
}

static int gofer_readdir(struct file *f, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	struct dirlist *l = f->priv;
	int r = 0;

	(void)t;
	if (*pos < 0)
		return -EINVAL;
	if (*pos == 0 || !l->filled) {
		rwlock_rdlock(&f->inode->rw);
		r = listing_fill(f->inode, l);
		rwlock_unlock(&f->inode->rw);
		if (r < 0)
			return r;
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

static void dir_release(struct file *f)
{
	struct dirlist *l = f->priv;

	dirlist_free(l);
	free(l);
}

static int dir_fsync(struct file *f, struct task *t, bool datasync)
{
	(void)f;
	(void)t;
	(void)datasync;
	return 0; /* names are made synchronously by the gofer */
}

const struct file_ops gofer_dirfile_ops = {
	.kind = "dir",
	.release = dir_release,
	.read = dir_read,
	.llseek = generic_dir_llseek,
	.readdir = gofer_readdir,
	.fsync = dir_fsync,
};

static int open_dir(struct inode *inode, struct task *t, struct file *f)
{
	(void)inode;
	(void)t;
	f->priv = calloc(1, sizeof(struct dirlist));
	if (!f->priv)
		return -ENOMEM;
	f->ops = &gofer_dirfile_ops;
	return 0;
}

static int open_reg(struct inode *inode, struct task *t, struct file *f)
{
	int r = gofer_handle_get(gofer_of(inode), (f->flags & O_ACCMODE) != O_RDONLY);

	(void)t;
	if (r == 0)
		f->ops = &gofer_file_ops;
	return r;
}

int gofer_open(struct inode *inode, struct task *t, struct file *f)
{
	return inode_is_dir(inode) ? open_dir(inode, t, f) : open_reg(inode, t, f);
}
