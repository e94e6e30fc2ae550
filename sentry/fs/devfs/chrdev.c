/* SPDX-License-Identifier: Apache-2.0 */
/* The character devices of a sandbox (null(4), zero(4), full(4), random(4), tty(4)). */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "boot/kernel.h"
#include "fs/hostfs/hostfs.h"
#include "mm/mm.h"
#include "task/task.h"
#include "tty/tty.h"
#include "util/cleanup.h"
#include "vfs/inode.h"

static ssize_t null_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	(void)f;
	(void)t;
	(void)to;
	(void)pos;
	(void)flags;
	return 0;
}

static ssize_t null_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos, int flags)
{
	size_t n = from->count;

	(void)f;
	(void)t;
	(void)pos;
	(void)flags;
	iov_iter_advance(from, n);
	return (ssize_t)n;
}

static int64_t null_llseek(struct file *f, struct task *t, int64_t off, int whence)
{
	(void)t;
	(void)off;
	(void)whence;
	f->pos = 0;
	return 0;
}

static ssize_t zero_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	size_t want = to->count;
	size_t n = iov_iter_zero(to, want);

	(void)f;
	(void)t;
	(void)pos;
	(void)flags;
	return n == 0 && want > 0 ? -EFAULT : (ssize_t)n;
}

static int zero_mmap(struct file *f, struct task *t, int prot, int flags, struct mappable **ret)
{
	(void)f;
	(void)t;
	(void)prot;
	(void)flags;
	*ret = NULL; /* anonymous memory */
	return 0;
}

static ssize_t full_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos, int flags)
{
	(void)f;
	(void)t;
	(void)pos;
	(void)flags;
	return from->count > 0 ? -ENOSPC : 0;
}

static ssize_t random_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	unsigned char buf[256];
	ssize_t done = 0;

	(void)f;
	(void)pos;
	(void)flags;
	while (to->count > 0) {
		size_t n = MIN(to->count, sizeof(buf));

		krandom(buf, n);
		size_t got = iov_iter_copy_to(to, buf, n);

		done += (ssize_t)got;
		if (got < n)
			return done > 0 ? done : -EFAULT;
		if (t && done >= 65536 && signal_pending(t))
			break;
	}
	return done;
}

static long random_ioctl(struct file *f, struct task *t, unsigned long cmd, uint64_t arg)
{
	int entropy = 256;

	(void)f;
	return cmd == RNDGETENTCNT ? copy_out(t, arg, &entropy, sizeof(entropy)) : -ENOTTY;
}

static const struct file_ops null_ops = {
	.kind = "null", .read = null_read, .write = null_write, .llseek = null_llseek,
};
static const struct file_ops zero_ops = {
	.kind = "zero", .read = zero_read, .write = null_write, .llseek = null_llseek,
	.mmap = zero_mmap,
};
static const struct file_ops full_ops = {
	.kind = "full", .read = zero_read, .write = full_write, .llseek = null_llseek,
};
static const struct file_ops random_ops = {
	.kind = "random", .read = random_read, .write = null_write, .llseek = null_llseek,
	.ioctl = random_ioctl,
};

/* The terminal that controls the caller's session: one of the sandbox, or one that was handed in. */
static int open_current(struct task *t, struct file *f)
{
	int r = tty_open_current(t, f);

	return r == -ENXIO ? hostfs_open_tty(t, f) : r;
}

int chrdev_open(struct inode *inode, struct task *t, struct file *f)
{
	uint32_t dev_minor = minor(inode->rdev);

	if (major(inode->rdev) == 5 && dev_minor <= 1)
		return open_current(t, f); /* tty, console */
	if (major(inode->rdev) == 5 && dev_minor == 2)
		return ptmx_open(inode, t, f);
	if (major(inode->rdev) != 1)
		return -ENXIO;
	switch (dev_minor) {
	case 3:
		f->ops = &null_ops;
		return 0;
	case 5:
		f->ops = &zero_ops;
		return 0;
	case 7:
		f->ops = &full_ops;
		return 0;
	case 8:
	case 9:
		f->ops = &random_ops;
		return 0;
	default:
		return -ENXIO;
	}
}
