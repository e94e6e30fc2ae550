/* SPDX-License-Identifier: Apache-2.0 */
/* stat(2), statx(2), access(2), statfs(2): decoding. */
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "sys/file_internal.h"
#include "task/cred.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"

#define ST_VALID 0x20U

static int stat_at(struct task *t, int dfd, uint64_t uname, int flags, struct kstat *st,
		   struct mount **mnt_root)
{
	char name[PATH_LEN_MAX];
	struct walk_obj o = { 0 };
	unsigned int wf = WALK_NO_AUTOMOUNT;
	int r = 0;

	*mnt_root = NULL;
	if (flags & AT_SYMLINK_NOFOLLOW)
		wf |= WALK_NOFOLLOW;
	if (flags & AT_EMPTY_PATH) {
		wf |= WALK_EMPTY;
		/* Since Linux 6.11 a null name means the empty one. */
		if (uname == 0)
			name[0] = 0;
	}
	if (uname != 0 || !(flags & AT_EMPTY_PATH))
		r = getname(t, uname, name, (flags & AT_EMPTY_PATH) != 0);
	if (r < 0)
		return r;
	/* fstat of any descriptor. */
	if (name[0] == 0 && dfd >= 0) {
		struct file *f = fd_get_raw(t, dfd);

		if (!f)
			return -EBADF;
		r = file_stat(f, t, st);
		fd_put(t, f);
		return r;
	}
	r = path_lookup_obj(t, dfd, name, wf, &o);
	if (r < 0)
		return r;
	if (o.file) {
		r = file_stat(o.file, t, st);
	} else {
		r = inode_getattr(o.path.dentry->inode, st);
		if (o.path.dentry == o.path.mnt->root)
			*mnt_root = o.path.mnt; /* a token: not dereferenced after this */
	}
	walk_obj_end(&o);
	return r;
}

static long put_stat(struct task *t, uint64_t addr, const struct kstat *k)
{
	struct stat st = {
		.st_dev = k->dev,
		.st_ino = k->ino,
		.st_nlink = k->nlink,
		.st_mode = k->mode,
		.st_uid = k->uid,
		.st_gid = k->gid,
		.st_rdev = k->rdev,
		.st_size = k->size,
		.st_blksize = k->blksize,
		.st_blocks = (blkcnt_t)k->blocks,
		.st_atim = k->atime,
		.st_mtim = k->mtime,
		.st_ctim = k->ctime,
	};

	return copy_out(t, addr, &st, sizeof(st));
}

static long do_stat(struct task *t, int dfd, uint64_t uname, uint64_t ubuf, int flags)
{
	struct kstat st;
	struct mount *root;
	int r;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	r = stat_at(t, dfd, uname, flags, &st, &root);
	return r < 0 ? r : put_stat(t, ubuf, &st);
}

long sys_stat(struct task *t, const struct sysargs *a)
{
	return do_stat(t, AT_FDCWD, a->a[0], a->a[1], 0);
}

long sys_lstat(struct task *t, const struct sysargs *a)
{
	return do_stat(t, AT_FDCWD, a->a[0], a->a[1], AT_SYMLINK_NOFOLLOW);
}

long sys_newfstatat(struct task *t, const struct sysargs *a)
{
	return do_stat(t, (int)a->a[0], a->a[1], a->a[2], (int)a->a[3]);
}

long sys_fstat(struct task *t, const struct sysargs *a)
{
	struct kstat st;
	struct file *f = fd_get_raw(t, (int)a->a[0]);

	if (!f)
		return -EBADF;
	int r = file_stat(f, t, &st);

	fd_put(t, f);
	return r < 0 ? r : put_stat(t, a->a[1], &st);
}

static struct statx_timestamp statx_time(struct timespec ts)
{
	return (struct statx_timestamp){ .tv_sec = ts.tv_sec, .tv_nsec = (uint32_t)ts.tv_nsec };
}

long sys_statx(struct task *t, const struct sysargs *a)
{
	int flags = (int)a->a[2];
	struct kstat st;
	struct mount *root;

	if (a->a[3] & STATX__RESERVED)
		return -EINVAL;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	int r = stat_at(t, (int)a->a[0], a->a[1], flags, &st, &root);

	if (r < 0)
		return r;

	struct statx sx = {
		.stx_mask = STATX_BASIC_STATS | (st.has_btime ? STATX_BTIME : 0),
		.stx_blksize = st.blksize,
		.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT,
		.stx_attributes = root ? STATX_ATTR_MOUNT_ROOT : 0,
		.stx_nlink = st.nlink,
		.stx_uid = st.uid,
		.stx_gid = st.gid,
		.stx_mode = (uint16_t)st.mode,
		.stx_ino = st.ino,
		.stx_size = (uint64_t)st.size,
		.stx_blocks = st.blocks,
		.stx_atime = statx_time(st.atime),
		.stx_ctime = statx_time(st.ctime),
		.stx_mtime = statx_time(st.mtime),
		.stx_rdev_major = major(st.rdev),
		.stx_rdev_minor = minor(st.rdev),
		.stx_dev_major = major(st.dev),
		.stx_dev_minor = minor(st.dev),
	};

	if (st.has_btime)
		sx.stx_btime = statx_time(st.btime);
	return copy_out(t, a->a[4], &sx, sizeof(sx));
}

/* ---- access ---- */

/* access(2) asks for the real ids. The task's own credentials are replaced for the walk. */
static const struct cred *swap_cred(struct task *t, const struct cred *cred)
{
	mutex_lock(&t->mu);
	const struct cred *old = t->cred;

	t->cred = cred;
	mutex_unlock(&t->mu);
	return old;
}

static struct cred *real_cred(const struct cred *from)
{
	struct cred *c = cred_dup(from);

	if (!c)
		return NULL;
	c->fsuid = from->uid;
	c->fsgid = from->gid;
	c->cap_effective = from->uid == 0 ? from->cap_permitted : 0;
	return c;
}

static int access_path(struct task *t, int dfd, const char *name, int mode, unsigned int wf)
{
	struct walk_obj o = { 0 };
	int r = path_lookup_obj(t, dfd, name, wf, &o);

	if (r < 0)
		return r;
	if (o.path.dentry) {
		struct inode *inode = o.path.dentry->inode;
		uint32_t kind = inode_kind(inode);

		if ((mode & MAY_EXEC) && kind == S_IFREG && mount_has(o.path.mnt, MNT_NOEXEC))
			r = -EACCES;
		else if (mode)
			r = inode_permission(inode, t, t->cred, mode);
		if (r == 0 && (mode & MAY_WRITE) && mount_readonly(o.path.mnt) &&
		    (kind == S_IFREG || kind == S_IFDIR || kind == S_IFLNK))
			r = -EROFS;
	}
	walk_obj_end(&o);
	return r;
}

static long do_access(struct task *t, int dfd, uint64_t uname, int mode, int flags)
{
	char name[PATH_LEN_MAX];
	unsigned int wf = 0;
	int r;

	if (mode & ~7)
		return -EINVAL;
	if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_SYMLINK_NOFOLLOW)
		wf |= WALK_NOFOLLOW;
	if (flags & AT_EMPTY_PATH)
		wf |= WALK_EMPTY;
	r = getname(t, uname, name, (flags & AT_EMPTY_PATH) != 0);
	if (r < 0)
		return r;
	const struct cred *c = t->cred;

	if ((flags & AT_EACCESS) ||
	    (c->uid == c->fsuid && c->gid == c->fsgid &&
	     c->cap_effective == (c->uid == 0 ? c->cap_permitted : 0)))
		return access_path(t, dfd, name, mode, wf);

	struct cred *real = real_cred(t->cred);

	if (!real)
		return -ENOMEM;
	const struct cred *old = swap_cred(t, real);

	r = access_path(t, dfd, name, mode, wf);
	(void)swap_cred(t, old);
	cred_put(real);
	return r;
}

long sys_access(struct task *t, const struct sysargs *a)
{
	return do_access(t, AT_FDCWD, a->a[0], (int)a->a[1], 0);
}

long sys_faccessat(struct task *t, const struct sysargs *a)
{
	return do_access(t, (int)a->a[0], a->a[1], (int)a->a[2], 0);
}

long sys_faccessat2(struct task *t, const struct sysargs *a)
{
	return do_access(t, (int)a->a[0], a->a[1], (int)a->a[2], (int)a->a[3]);
}

/* ---- statfs ---- */

static long put_statfs(struct task *t, const struct path *p, uint64_t addr)
{
	struct super *sb = p->mnt->sb;
	struct kstatfs k = { .bsize = 4096, .namelen = NAME_LEN_MAX };
	int r = sb->ops->statfs ? sb->ops->statfs(sb, &k) : 0;

	if (r < 0)
		return r;

	unsigned long mf = p->mnt->flags;
	struct statfs st = {
		.f_type = (__fsword_t)(k.magic ? k.magic : sb->magic),
		.f_bsize = (__fsword_t)k.bsize,
		.f_blocks = k.blocks,
		.f_bfree = k.bfree,
		.f_bavail = k.bavail,
		.f_files = k.files,
		.f_ffree = k.ffree,
		.f_namelen = (__fsword_t)k.namelen,
		.f_frsize = (__fsword_t)k.bsize,
		/* ST_* equal MS_* for these; relatime differs. */
		.f_flags = (__fsword_t)((mf & (MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | MNT_NOATIME |
					       MNT_NODIRATIME)) |
					(mount_readonly(p->mnt) ? 1 : 0) | ST_VALID |
					(mf & MNT_RELATIME ? 4096 : 0)),
	};

	memcpy(&st.f_fsid, &sb->dev, sizeof(st.f_fsid));
	return copy_out(t, addr, &st, sizeof(st));
}

long sys_statfs(struct task *t, const struct sysargs *a)
{
	char name[PATH_LEN_MAX];
	struct path p = { 0 };
	long r = getname(t, a->a[0], name, false);

	if (r == 0)
		r = path_lookup(t, AT_FDCWD, name, 0, &p);
	if (r < 0)
		return r;
	r = put_statfs(t, &p, a->a[1]);
	path_put(&p);
	return r;
}

long sys_fstatfs(struct task *t, const struct sysargs *a)
{
	struct file *f = fd_get_raw(t, (int)a->a[0]);
	long r;

	if (!f)
		return -EBADF;
	if (f->path.mnt) {
		r = put_statfs(t, &f->path, a->a[1]);
	} else {
		struct statfs st = { .f_type = 0x50495045 /* PIPEFS_MAGIC */, .f_bsize = 4096,
				     .f_namelen = 255, .f_frsize = 4096, .f_flags = ST_VALID };

		r = copy_out(t, a->a[1], &st, sizeof(st));
	}
	fd_put(t, f);
	return r;
}
