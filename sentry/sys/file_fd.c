/* SPDX-License-Identifier: Apache-2.0 */
/* open(2), close(2), dup(2), fcntl(2), flock(2), ioctl(2), memfd_create(2): decoding. */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

#include "fs/tmpfs/tmpfs.h"
#include "sys/file_internal.h"
#include "util/cleanup.h"
#include "vfs/lock.h"
#include "vfs/pipe.h"

static long do_open(struct task *t, int dfd, uint64_t uname, const struct open_how *how)
{
	char name[PATH_LEN_MAX];
	struct file *f = NULL;
	long r = getname(t, uname, name, true);

	if (r < 0)
		return r;
	r = vfs_openat(t, dfd, name, how, &f);
	if (r < 0)
		return r;
	r = fd_install(t, f, 0, (how->flags & O_CLOEXEC) != 0);
	if (r < 0)
		file_put(f);
	return r;
}

/* open(2) ignores mode bits that it does not need; openat2(2) refuses them. */
static struct open_how how_of(uint64_t flags, uint64_t mode)
{
	struct open_how how = { .flags = (uint32_t)flags };

	if (flags & (O_CREAT | O_TMPFILE))
		how.mode = mode & 07777;
	/* O_CREAT | O_DIRECTORY was let through by old kernels and is EINVAL now. */
	return how;
}

long sys_open(struct task *t, const struct sysargs *a)
{
	struct open_how how = how_of(a->a[1], a->a[2]);

	return do_open(t, AT_FDCWD, a->a[0], &how);
}

long sys_openat(struct task *t, const struct sysargs *a)
{
	struct open_how how = how_of(a->a[2], a->a[3]);

	return do_open(t, (int)a->a[0], a->a[1], &how);
}

long sys_creat(struct task *t, const struct sysargs *a)
{
	struct open_how how = how_of(O_CREAT | O_WRONLY | O_TRUNC, a->a[1]);

	return do_open(t, AT_FDCWD, a->a[0], &how);
}

long sys_openat2(struct task *t, const struct sysargs *a)
{
	struct open_how how = { 0 };
	size_t size = a->a[3];
	uint8_t rest[64];

	if (size < sizeof(how))
		return -EINVAL;
	if (size > 4096)
		return -E2BIG;
	if (copy_in(t, &how, a->a[2], sizeof(how)) < 0)
		return -EFAULT;
	for (size_t off = sizeof(how); off < size; off += sizeof(rest)) {
		size_t n = MIN(sizeof(rest), size - off);

		if (copy_in(t, rest, a->a[2] + off, n) < 0)
			return -EFAULT;
		for (size_t i = 0; i < n; i++) {
			if (rest[i])
				return -E2BIG;
		}
	}
	if (how.flags & ~(uint64_t)(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
				    O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | 0100000 | O_DIRECTORY |
				    O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE))
		return -EINVAL;
	if (how.mode & ~07777ULL)
		return -EINVAL;
	if (how.mode && !(how.flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))))
		return -EINVAL;
	if ((how.flags & O_PATH) &&
	    (how.flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
		return -EINVAL;
	return do_open(t, (int)a->a[0], a->a[1], &how);
}

long sys_close(struct task *t, const struct sysargs *a)
{
	return fd_close(t, (int)a->a[0]);
}

long sys_close_range(struct task *t, const struct sysargs *a)
{
	return fd_close_range(t, (unsigned int)a->a[0], (unsigned int)a->a[1], (unsigned int)a->a[2]);
}

static long dup_from(struct task *t, int fd, int min, bool cloexec)
{
	struct file *f = fd_get_raw(t, fd);

	if (!f)
		return -EBADF;
	long r = fd_install(t, f, min, cloexec);

	if (r < 0)
		file_put(f);
	return r;
}

long sys_dup(struct task *t, const struct sysargs *a)
{
	return dup_from(t, (int)a->a[0], 0, false);
}

static long dup_to(struct task *t, int from, int to, bool cloexec)
{
	struct file *f = fd_get_raw(t, from);

	if (!f)
		return -EBADF;
	long r = fd_install_at(t, f, to, cloexec);

	if (r < 0)
		file_put(f);
	return r;
}

long sys_dup2(struct task *t, const struct sysargs *a)
{
	if ((int)a->a[0] == (int)a->a[1]) {
		struct file *f = fd_get_raw(t, (int)a->a[0]);

		if (!f)
			return -EBADF;
		file_put(f);
		return (int)a->a[0];
	}
	return dup_to(t, (int)a->a[0], (int)a->a[1], false);
}

long sys_dup3(struct task *t, const struct sysargs *a)
{
	if ((a->a[2] & ~(uint64_t)O_CLOEXEC) || (int)a->a[0] == (int)a->a[1])
		return -EINVAL;
	return dup_to(t, (int)a->a[0], (int)a->a[1], (a->a[2] & O_CLOEXEC) != 0);
}

long sys_flock(struct task *t, const struct sysargs *a)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	long r = lock_flock(f, t, (int)a->a[1]);

	fd_put(t, f);
	return r;
}

/* ---- fcntl ---- */

static long set_flags(struct file *f, uint32_t arg)
{
	const uint32_t mask = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;
	uint32_t old = f->flags;
	uint32_t new = (old & ~mask) | (arg & mask);

	if (f->ops->setfl) {
		int r = f->ops->setfl(f, new);

		if (r < 0)
			return r;
	}
	while (!atomic_compare_exchange_weak(&f->flags, &old, (old & ~mask) | (arg & mask)))
		;
	return 0;
}

static long do_lock(struct file *f, struct task *t, int cmd, uint64_t arg)
{
	struct flock lk;

	if (copy_in(t, &lk, arg, sizeof(lk)) < 0)
		return -EFAULT;
	long r = lock_fcntl(f, t, cmd, &lk);

	if (r == 0 && (cmd == F_GETLK || cmd == F_OFD_GETLK))
		r = copy_out(t, arg, &lk, sizeof(lk));
	return r;
}

static long owner_ex(struct file *f, struct task *t, uint64_t arg, bool set)
{
	struct {
		int type;
		int32_t pid;
	} o = { 1 /* F_OWNER_PID */, f->owner_pid };

	if (!set)
		return copy_out(t, arg, &o, sizeof(o));
	if (copy_in(t, &o, arg, sizeof(o)) < 0)
		return -EFAULT;
	if (o.type < 0 || o.type > 2)
		return -EINVAL;
	f->owner_pid = o.type == 2 ? -o.pid : o.pid;
	return 0;
}

static long do_fcntl(struct task *t, struct file *f, int fd, int cmd, uint64_t arg)
{
	switch (cmd) {
	case F_GETFL:
		return (long)((f->flags & ~(uint32_t)O_CLOEXEC) |
			      (f->flags & O_PATH ? 0 : 0100000 /* O_LARGEFILE */));
	case F_SETFL:
		return set_flags(f, (uint32_t)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return do_lock(f, t, cmd, arg);
	case F_SETOWN:
		f->owner_pid = (int32_t)arg;
		return 0;
	case F_GETOWN:
		return f->owner_pid;
	case F_SETOWN_EX:
		return owner_ex(f, t, arg, true);
	case F_GETOWN_EX:
		return owner_ex(f, t, arg, false);
	case F_SETSIG:
		if ((int)arg < 0 || (int)arg > NSIG_GUEST)
			return -EINVAL;
		f->owner_sig = (int)arg;
		return 0;
	case F_GETSIG:
		return f->owner_sig;
	case F_GETPIPE_SZ:
		return pipe_of(f) ? pipe_size(pipe_of(f)) : -EBADF;
	case F_SETPIPE_SZ:
		return pipe_of(f) ? pipe_set_size(pipe_of(f), t, (uint32_t)arg) : -EBADF;
	case F_ADD_SEALS:
		return tmpfs_add_seals(f, (uint32_t)arg);
	case F_GET_SEALS:
		return tmpfs_get_seals(f);
	case F_GETLEASE:
		return F_UNLCK;
	case F_SETLEASE:
		if ((int)arg == F_UNLCK)
			return -EAGAIN; /* there is none */
		return -EINVAL;
	default:
		(void)fd;
		return -EINVAL;
	}
}

long sys_fcntl(struct task *t, const struct sysargs *a)
{
	int fd = (int)a->a[0];
	int cmd = (int)a->a[1];
	uint64_t arg = a->a[2];
	struct file *f = fd_get_raw(t, fd);
	long r;

	if (!f)
		return -EBADF;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if ((int)arg < 0 || arg >= task_rlimit(t, RLIMIT_NOFILE))
			r = -EINVAL;
		else
			r = dup_from(t, fd, (int)arg, cmd == F_DUPFD_CLOEXEC);
		break;
	case F_GETFD:
		r = fd_get_cloexec(t, fd);
		break;
	case F_SETFD:
		r = fd_set_cloexec(t, fd, (arg & FD_CLOEXEC) != 0);
		break;
	default:
		if ((f->flags & O_PATH) && cmd != F_GETFL)
			r = -EBADF;
		else
			r = do_fcntl(t, f, fd, cmd, arg);
		break;
	}
	fd_put(t, f);
	return r;
}

/* ---- ioctl ---- */

static long set_flag(struct task *t, struct file *f, uint64_t arg, uint32_t flag)
{
	int on;

	if (copy_in(t, &on, arg, sizeof(on)) < 0)
		return -EFAULT;
	return set_flags(f, on ? f->flags | flag : f->flags & ~flag);
}

static long regular_ioctl(struct task *t, struct file *f, unsigned long cmd, uint64_t arg)
{
	int32_t v = 4096;

	if (cmd == FIONREAD) {
		int64_t left = f->inode->size - f->pos;

		v = (int32_t)MAX(MIN(left, (int64_t)INT32_MAX), INT64_C(0));
		return copy_out(t, arg, &v, sizeof(v));
	}
	if (cmd == FIGETBSZ)
		return copy_out(t, arg, &v, sizeof(v));
	if (cmd == FICLONE || cmd == FICLONERANGE)
		return -EOPNOTSUPP;
	return -ENOTTY;
}

long sys_ioctl(struct task *t, const struct sysargs *a)
{
	int fd = (int)a->a[0];
	unsigned long cmd = (uint32_t)a->a[1];
	struct file *f = FD_OR_RETURN(t, fd);
	long r;

	switch (cmd) {
	case FIOCLEX:
		r = fd_set_cloexec(t, fd, true);
		break;
	case FIONCLEX:
		r = fd_set_cloexec(t, fd, false);
		break;
	case FIONBIO:
		r = set_flag(t, f, a->a[2], O_NONBLOCK);
		break;
	case FIOASYNC:
		r = set_flag(t, f, a->a[2], O_ASYNC);
		break;
	default:
		r = f->ops->ioctl ? f->ops->ioctl(f, t, cmd, a->a[2]) : -ENOTTY;
		if (r == -ENOTTY && f->inode && inode_kind(f->inode) == S_IFREG)
			r = regular_ioctl(t, f, cmd, a->a[2]);
		break;
	}
	fd_put(t, f);
	return r;
}

long sys_memfd_create(struct task *t, const struct sysargs *a)
{
	char name[250];
	unsigned int flags = (unsigned int)a->a[1];
	struct file *f = NULL;
	const unsigned int known = MFD_CLOEXEC | MFD_ALLOW_SEALING | 8U | 16U; /* NOEXEC_SEAL, EXEC */

	if (flags & ~(known | MFD_HUGETLB))
		return -EINVAL;
	if (flags & MFD_HUGETLB)
		return -ENODEV; /* no huge page pool */
	if ((flags & 24U) == 24U)
		return -EINVAL;
	ssize_t n = mm_copy_str(t->mm, name, a->a[0], sizeof(name));

	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : n;
	long r = tmpfs_memfd(&f, name, flags);

	if (r < 0)
		return r;
	r = fd_install(t, f, 0, (flags & MFD_CLOEXEC) != 0);
	if (r < 0)
		file_put(f);
	return r;
}
