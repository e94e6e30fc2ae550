/* SPDX-License-Identifier: Apache-2.0 */
/* read(2), write(2) and their families, lseek(2), fsync(2), fallocate(2), getdents(2): decoding. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "boot/kernel.h"
#include "sys/file_internal.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/mount.h"

#define RWF_SUPPORTED (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)

typedef ssize_t (*rw_fn)(struct file *f, struct task *t, struct iov_iter *it, int64_t *pos, int flags);

static long rw_one(struct task *t, uint64_t fd, uint64_t buf, uint64_t len, int64_t *pos, rw_fn fn)
{
	struct file *f = FD_OR_RETURN(t, fd);
	struct iovec one;
	struct iov_iter it;

	iov_iter_user(&it, t->mm, &one, buf, MIN(len, MAX_RW_COUNT));
	ssize_t r = fn(f, t, &it, pos, 0);

	fd_put(t, f);
	return r;
}

long sys_read(struct task *t, const struct sysargs *a)
{
	return rw_one(t, a->a[0], a->a[1], a->a[2], NULL, file_read);
}

long sys_write(struct task *t, const struct sysargs *a)
{
	return rw_one(t, a->a[0], a->a[1], a->a[2], NULL, file_write);
}

long sys_pread64(struct task *t, const struct sysargs *a)
{
	int64_t pos = (int64_t)a->a[3];

	return pos < 0 ? -EINVAL : rw_one(t, a->a[0], a->a[1], a->a[2], &pos, file_read);
}

long sys_pwrite64(struct task *t, const struct sysargs *a)
{
	int64_t pos = (int64_t)a->a[3];

	return pos < 0 ? -EINVAL : rw_one(t, a->a[0], a->a[1], a->a[2], &pos, file_write);
}

static long rw_vec(struct task *t, const struct sysargs *a, int64_t *pos, int flags, rw_fn fn)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	struct iovec *iov = NULL;
	struct iov_iter it;
	ssize_t r = iov_iter_import(&it, t->mm, a->a[1], a->a[2], &iov);

	if (r >= 0) {
		r = fn(f, t, &it, pos, flags);
		if (r > 0 && fn == file_write && (flags & (RWF_DSYNC | RWF_SYNC)) && f->ops->fsync)
			(void)f->ops->fsync(f, t, !(flags & RWF_SYNC));
		free(iov);
	}
	fd_put(t, f);
	return r;
}

long sys_readv(struct task *t, const struct sysargs *a)
{
	return rw_vec(t, a, NULL, 0, file_read);
}

long sys_writev(struct task *t, const struct sysargs *a)
{
	return rw_vec(t, a, NULL, 0, file_write);
}

long sys_preadv(struct task *t, const struct sysargs *a)
{
	int64_t pos = (int64_t)a->a[3];

	return pos < 0 ? -EINVAL : rw_vec(t, a, &pos, 0, file_read);
}

long sys_pwritev(struct task *t, const struct sysargs *a)
{
	int64_t pos = (int64_t)a->a[3];

	return pos < 0 ? -EINVAL : rw_vec(t, a, &pos, 0, file_write);
}

static long rw_vec2(struct task *t, const struct sysargs *a, rw_fn fn)
{
	int64_t pos = (int64_t)a->a[3];
	int flags = (int)a->a[5];

	if (flags & ~RWF_SUPPORTED)
		return -EOPNOTSUPP;
	if (pos < -1)
		return -EINVAL;
	return rw_vec(t, a, pos == -1 ? NULL : &pos, flags, fn);
}

long sys_preadv2(struct task *t, const struct sysargs *a)
{
	return rw_vec2(t, a, file_read);
}

long sys_pwritev2(struct task *t, const struct sysargs *a)
{
	return rw_vec2(t, a, file_write);
}

long sys_lseek(struct task *t, const struct sysargs *a)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	int64_t r = -ESPIPE;

	if ((unsigned int)a->a[2] > SEEK_HOLE) {
		r = -EINVAL;
	} else if (f->ops->llseek) {
		mutex_lock(&f->pos_mu);
		r = f->ops->llseek(f, t, (int64_t)a->a[1], (int)a->a[2]);
		mutex_unlock(&f->pos_mu);
	}
	fd_put(t, f);
	return r;
}

static long do_sync(struct task *t, uint64_t fd, bool datasync)
{
	struct file *f = FD_OR_RETURN(t, fd);
	long r = f->ops->fsync ? f->ops->fsync(f, t, datasync) : -EINVAL;

	fd_put(t, f);
	return r;
}

long sys_fsync(struct task *t, const struct sysargs *a)
{
	return do_sync(t, a->a[0], false);
}

long sys_fdatasync(struct task *t, const struct sysargs *a)
{
	return do_sync(t, a->a[0], true);
}

static void sync_mount(void *arg, struct mount *m)
{
	(void)arg;
	if (m->sb->ops->sync)
		(void)m->sb->ops->sync(m->sb);
}

long sys_sync(struct task *t, const struct sysargs *a)
{
	(void)a;
	mount_for_each(t->kernel->mounts, sync_mount, NULL);
	return 0;
}

long sys_syncfs(struct task *t, const struct sysargs *a)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	long r = 0;

	if (f->path.mnt && f->path.mnt->sb->ops->sync)
		r = f->path.mnt->sb->ops->sync(f->path.mnt->sb);
	fd_put(t, f);
	return r;
}

long sys_sync_file_range(struct task *t, const struct sysargs *a)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	int64_t off = (int64_t)a->a[1];
	int64_t len = (int64_t)a->a[2];
	long r = 0;

	if ((a->a[3] & ~7UL) || off < 0 || len < 0 || off + len < off)
		r = -EINVAL;
	else if (!f->inode || inode_kind(f->inode) == S_IFCHR)
		r = -ESPIPE;
	else if (f->ops->fsync)
		r = f->ops->fsync(f, t, true);
	fd_put(t, f);
	return r;
}

static bool is_stream(const struct file *f)
{
	return !f->inode || inode_kind(f->inode) == S_IFIFO || inode_kind(f->inode) == S_IFSOCK;
}

long sys_fallocate(struct task *t, const struct sysargs *a)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	int mode = (int)a->a[1];
	int64_t off = (int64_t)a->a[2];
	int64_t len = (int64_t)a->a[3];
	long r;

	if (off < 0 || len <= 0)
		r = -EINVAL;
	else if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
		r = -EOPNOTSUPP;
	else if ((f->flags & O_ACCMODE) == O_RDONLY)
		r = -EBADF;
	else if (is_stream(f))
		r = -ESPIPE;
	else if (inode_is_dir(f->inode))
		r = -EISDIR;
	else if (off + len < 0)
		r = -EFBIG;
	else
		r = f->ops->fallocate ? f->ops->fallocate(f, t, mode, off, len) :
		    inode_kind(f->inode) == S_IFREG ? -EOPNOTSUPP : -ENODEV;
	fd_put(t, f);
	return r;
}

long sys_fadvise64(struct task *t, const struct sysargs *a)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	long r = 0;

	if (is_stream(f))
		r = -ESPIPE;
	else if ((int64_t)a->a[2] < 0 || a->a[3] > POSIX_FADV_NOREUSE)
		r = -EINVAL;
	fd_put(t, f);
	return r;
}

long sys_readahead(struct task *t, const struct sysargs *a)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	long r = 0;

	if ((f->flags & O_ACCMODE) == O_WRONLY)
		r = -EBADF;
	else if (!f->inode || inode_kind(f->inode) != S_IFREG)
		r = -EINVAL;
	fd_put(t, f);
	return r;
}

static long check_truncate(struct inode *inode)
{
	if (inode_is_dir(inode))
		return -EISDIR;
	return inode_kind(inode) == S_IFREG ? 0 : -EINVAL;
}

long sys_truncate(struct task *t, const struct sysargs *a)
{
	char name[PATH_LEN_MAX];
	struct path p = { 0 };
	int64_t len = (int64_t)a->a[1];
	long r;

	if (len < 0)
		return -EINVAL;
	r = getname(t, a->a[0], name, false);
	if (r == 0)
		r = path_lookup(t, AT_FDCWD, name, 0, &p);
	if (r < 0)
		return r;
	r = check_truncate(p.dentry->inode);
	if (r == 0)
		r = inode_permission(p.dentry->inode, t, t->cred, MAY_WRITE);
	if (r == 0 && mount_readonly(p.mnt))
		r = -EROFS;
	if (r == 0)
		r = vfs_truncate(t, p.dentry->inode, len);
	path_put(&p);
	return r;
}

long sys_ftruncate(struct task *t, const struct sysargs *a)
{
	int64_t len = (int64_t)a->a[1];

	if (len < 0)
		return -EINVAL;
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	long r = -EINVAL;

	if ((f->flags & O_ACCMODE) != O_RDONLY) {
		if (f->ops->truncate)
			r = f->ops->truncate(f, t, len);
		else if (f->inode && inode_kind(f->inode) == S_IFREG)
			r = vfs_truncate(t, f->inode, len);
	}
	fd_put(t, f);
	return r;
}

/* ---- getdents ---- */

struct dent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
} __attribute__((packed));

struct dent_sink {
	struct dir_sink sink;
	uint8_t *buf;
	size_t len, cap;
	bool full, old;
};

static size_t dent_put64(uint8_t *at, const char *name, size_t len, uint64_t ino, uint8_t type,
			 int64_t off, size_t reclen)
{
	struct dent64 h = { .ino = ino, .off = off, .reclen = (uint16_t)reclen, .type = type };

	memset(at, 0, reclen);
	memcpy(at, &h, sizeof(h));
	memcpy(at + offsetof(struct dent64, name), name, len);
	return reclen;
}

/* The old layout has the type in the last byte of the record. */
static size_t dent_put_old(uint8_t *at, const char *name, size_t len, uint64_t ino, uint8_t type,
			   int64_t off, size_t reclen)
{
	uint16_t rl = (uint16_t)reclen;

	memset(at, 0, reclen);
	memcpy(at, &ino, 8);
	memcpy(at + 8, &off, 8);
	memcpy(at + 16, &rl, 2);
	memcpy(at + 18, name, len);
	at[reclen - 1] = type;
	return reclen;
}

static bool dent_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, uint8_t type,
		      int64_t next_off)
{
	struct dent_sink *s = container_of(sink, struct dent_sink, sink);
	size_t head = s->old ? 18 + 1 : offsetof(struct dent64, name);
	size_t reclen = (head + len + 1 + 7) & ~(size_t)7;

	if (s->len + reclen > s->cap) {
		s->full = true;
		return false;
	}
	s->len += (s->old ? dent_put_old : dent_put64)(s->buf + s->len, name, len, ino, type, next_off,
						       reclen);
	return true;
}

static long do_getdents(struct task *t, const struct sysargs *a, bool old)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	struct dent_sink s = { .sink = { dent_emit }, .old = old };
	long r = -ENOTDIR;

	s.cap = MIN((size_t)(uint32_t)a->a[2], (size_t)65536);
	if (f->ops->readdir) {
		s.buf = malloc(s.cap + 1);
		r = s.buf ? 0 : -ENOMEM;
	}
	if (r == 0 && f->path.dentry && f->path.dentry->deleted) {
		r = -ENOENT;
	} else if (r == 0) {
		mutex_lock(&f->pos_mu);
		int64_t before = f->pos;

		r = f->ops->readdir(f, t, &s.sink, &f->pos);
		if (r == 0 && s.len == 0 && s.full)
			r = -EINVAL;
		if (r == 0 && s.len > 0 && copy_out(t, a->a[1], s.buf, s.len) < 0)
			r = -EFAULT;
		if (r < 0)
			f->pos = before;
		else
			r = (long)s.len;
		mutex_unlock(&f->pos_mu);
	}
	free(s.buf);
	fd_put(t, f);
	return r;
}

long sys_getdents(struct task *t, const struct sysargs *a)
{
	return do_getdents(t, a, true);
}

long sys_getdents64(struct task *t, const struct sysargs *a)
{
	return do_getdents(t, a, false);
}
