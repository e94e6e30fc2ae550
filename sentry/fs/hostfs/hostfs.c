/* SPDX-License-Identifier: Apache-2.0 */
/* Host descriptors as files. One inode per donated descriptor; opening it again (/dev/stdout) gives
 * another description over the same host one. Never sets O_NONBLOCK on a descriptor, because it is
 * shared with the caller's shell: readiness is asked for first. */
#include "fs/hostfs/hostfs_internal.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "host/file.h"
#include "mm/mm.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/mount.h"

#define HOSTFS_MAGIC 0x686f7374U

static struct host_inode *host_of(struct inode *inode)
{
	return (struct host_inode *)inode; /* first member */
}

/* The file's own reference: /dev/tty refers to an inode that is not its path's. */
static struct host_inode *host_file(struct file *f)
{
	return f->priv;
}

static void host_release(struct file *f)
{
	inode_put(&host_file(f)->inode);
}

/* ---- data ---- */

static uint32_t to_epoll(int revents)
{
	uint32_t r = (uint32_t)revents & (POLLIN | POLLOUT | POLLPRI | POLLERR | POLLHUP | POLLRDHUP);

	if (r & POLLIN)
		r |= EPOLLRDNORM;
	if (r & POLLOUT)
		r |= EPOLLWRNORM;
	return r;
}

static uint32_t host_file_poll(struct file *f, struct waiter *w)
{
	struct host_inode *hi = host_file(f);

	if (w) {
		waitq_add(&hi->watch.waitq, w, w->mask);
		if (poller_add(&hi->watch) < 0)
			return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
	}
	return to_epoll(host_poll_now(hi->fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP));
}

static ssize_t stream_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	struct host_inode *hi = host_file(f);
	struct mm_pin pin;

	(void)t;
	(void)pos;
	(void)flags;
	if (to->count == 0)
		return 0;
	if (host_poll_now(hi->fd, POLLIN) == 0)
		return -EAGAIN;
	ssize_t n = iov_iter_pin(to, true, &pin);

	if (n < 0)
		return n;
	ssize_t r = host_readv(hi->fd, pin.iov, pin.n);

	mm_unpin(&pin);
	if (r > 0)
		iov_iter_advance(to, (size_t)r);
	return r;
}

static ssize_t stream_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			    int flags)
{
	struct host_inode *hi = host_file(f);
	struct mm_pin pin;

	(void)pos;
	(void)flags;
	if (from->count == 0)
		return 0;
	ssize_t n = iov_iter_pin(from, false, &pin);

	if (n < 0)
		return n;
	ssize_t r = host_writev_nowait(hi->fd, pin.iov, pin.n, inode_kind(&hi->inode) == S_IFSOCK);

	mm_unpin(&pin);
	if (r > 0)
		iov_iter_advance(from, (size_t)r);
	if (r == -EPIPE && t)
		signal_self(t, SIGPIPE);
	return r;
}

/* A regular host file. Its offset is the host description's, which others may share. */
static ssize_t plain_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	struct host_inode *hi = host_file(f);
	struct mm_pin pin;

	(void)t;
	(void)flags;
	if (to->count == 0)
		return 0;
	ssize_t n = iov_iter_pin(to, true, &pin);

	if (n < 0)
		return n;
	ssize_t r = pos == &f->pos ? host_readv(hi->fd, pin.iov, pin.n) :
				     host_preadv(hi->fd, pin.iov, pin.n, *pos);

	mm_unpin(&pin);
	if (r > 0)
		iov_iter_advance(to, (size_t)r);
	if (r > 0 && pos != &f->pos)
		*pos += r;
	return r;
}

static ssize_t plain_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			   int flags)
{
	struct host_inode *hi = host_file(f);
	struct mm_pin pin;

	(void)t;
	(void)flags;
	if (from->count == 0)
		return 0;
	ssize_t n = iov_iter_pin(from, false, &pin);

	if (n < 0)
		return n;
	ssize_t r = pos == &f->pos ? host_writev(hi->fd, pin.iov, pin.n) :
				     host_pwritev(hi->fd, pin.iov, pin.n, *pos);

	mm_unpin(&pin);
	if (r > 0)
		iov_iter_advance(from, (size_t)r);
	if (r > 0 && pos != &f->pos)
		*pos += r;
	return r;
}

static int64_t plain_llseek(struct file *f, struct task *t, int64_t off, int whence)
{
	(void)t;
	return host_lseek(host_file(f)->fd, off, whence);
}

static int plain_fsync(struct file *f, struct task *t, bool datasync)
{
	(void)t;
	return host_fsync(host_file(f)->fd, datasync);
}

static int plain_fallocate(struct file *f, struct task *t, int mode, int64_t off, int64_t len)
{
	(void)t;
	return host_fallocate(host_file(f)->fd, mode, off, len);
}

static long host_file_ioctl(struct file *f, struct task *t, unsigned long cmd, uint64_t arg)
{
	struct host_inode *hi = host_file(f);

	int n = 0;

	if (cmd == FIONREAD && hi->stream) {
		int r = host_tty_ioctl(hi->fd, FIONREAD, &n);

		return r < 0 ? r : copy_out(t, arg, &n, sizeof(n));
	}
	return hi->tty ? tty_ioctl(hi, t, cmd, arg) : -ENOTTY;
}

static const struct file_ops stream_ops = {
	.kind = "host",
	.release = host_release,
	.read = stream_read,
	.write = stream_write,
	.poll = host_file_poll,
	.ioctl = host_file_ioctl,
};

static const struct file_ops plain_ops = {
	.kind = "host",
	.release = host_release,
	.read = plain_read,
	.write = plain_write,
	.llseek = plain_llseek,
	.fsync = plain_fsync,
	.fallocate = plain_fallocate,
};

/* ---- inodes ---- */

int host_inode_open(struct host_inode *hi, struct file *f)
{
	uint32_t want = f->flags & O_ACCMODE;

	if (hi->access != O_RDWR && want != hi->access)
		return -EACCES;
	inode_get(&hi->inode);
	f->priv = hi;
	f->ops = hi->stream ? &stream_ops : &plain_ops;
	return 0;
}

static int host_open(struct inode *inode, struct task *t, struct file *f)
{
	(void)t;
	return host_inode_open(host_of(inode), f);
}

static int host_getattr(struct inode *inode, struct kstat *st)
{
	struct host_inode *hi = host_of(inode);
	struct stat hst;
	int r = host_fstat(hi->fd, &hst);

	if (r < 0)
		return r;
	inode_fill_stat(inode, st);
	st->size = hi->stream ? 0 : hst.st_size;
	st->blocks = hi->stream ? 0 : (uint64_t)hst.st_blocks;
	st->blksize = (uint32_t)hst.st_blksize;
	st->atime = hst.st_atim;
	st->mtime = hst.st_mtim;
	st->ctime = hst.st_ctim;
	st->has_btime = false;
	return 0;
}

static int host_setattr(struct inode *inode, const struct iattr *attr)
{
	struct host_inode *hi = host_of(inode);

	if (attr->valid & ATTR_SIZE) {
		int r = hi->stream ? -EINVAL : host_ftruncate(hi->fd, attr->size);

		if (r < 0)
			return r;
	}
	inode_apply_attr(inode, attr); /* mode and owner are the sandbox's own view */
	return 0;
}

static void host_free(struct inode *inode)
{
	struct host_inode *hi = host_of(inode);

	if (hi->tty)
		tty_remove(hi);
	poller_fini(&hi->watch);
	host_close(hi->fd);
	inode_fini(inode);
	free(hi);
}

static const struct inode_ops host_inode_ops = {
	.open = host_open,
	.getattr = host_getattr,
	.setattr = host_setattr,
	.free = host_free,
};

/* ---- the file system that holds them ---- */

static void host_super_free(struct super *sb)
{
	free(sb);
}

static const struct super_ops host_super_ops = { .free = host_super_free };

static void root_free(struct inode *inode)
{
	inode_fini(inode);
	free(inode);
}

static const struct inode_ops root_ops = { .free = root_free };

static struct mutex mount_mu = { PTHREAD_MUTEX_INITIALIZER, RANK_KERNEL };
static struct mount *host_mount; /* [mount_mu] kept for ever */

static int mount_new_locked(void)
{
	struct super *sb = calloc(1, sizeof(*sb));
	struct inode *root = calloc(1, sizeof(*root));
	int r = sb && root ? 0 : -ENOMEM;

	if (r < 0) {
		free(sb);
		free(root);
		return r;
	}
	super_init(sb, &host_super_ops, "hostfs", HOSTFS_MAGIC);
	sb->flags |= SB_KERNMOUNT;
	inode_init(root, sb, &root_ops, S_IFDIR | 0755);
	r = super_set_root(sb, root);
	if (r == 0)
		r = mount_internal(&host_mount, sb);
	super_put(sb);
	return r;
}

static int host_mount_get(void)
{
	mutex_lock(&mount_mu);
	int r = host_mount ? 0 : mount_new_locked();

	mutex_unlock(&mount_mu);
	return r;
}

static int host_inode_new(struct host_inode **ret, int fd)
{
	struct stat st;
	struct host_inode *hi;
	struct termios tio;
	int r = host_fstat(fd, &st);
	int flags = r < 0 ? r : host_file_flags(fd);

	if (flags < 0)
		return flags;
	if (S_ISDIR(st.st_mode))
		return -EISDIR; /* a directory of the host is never handed in */
	hi = calloc(1, sizeof(*hi));
	if (!hi)
		return -ENOMEM;
	inode_init(&hi->inode, host_mount->sb, &host_inode_ops, (st.st_mode & S_IFMT) | 0666);
	hi->inode.ino = super_new_ino(host_mount->sb);
	hi->fd = fd;
	hi->access = (uint32_t)flags & O_ACCMODE;
	hi->stream = !S_ISREG(st.st_mode);
	hi->tty = S_ISCHR(st.st_mode) && host_tty_ioctl(fd, TCGETS, &tio) >= 0;
	if (hi->tty)
		hi->inode.rdev = makedev(136, hi->inode.ino & 0xff);
	else if (S_ISCHR(st.st_mode))
		hi->inode.rdev = st.st_rdev;
	poller_init(&hi->watch, fd);
	if (hi->tty)
		tty_add(hi);
	*ret = hi;
	return 0;
}

int hostfs_open_fd(struct file **ret, int fd)
{
	struct host_inode *hi = NULL;
	struct dentry *d = NULL;
	char name[32];
	int r = host_mount_get();

	if (r == 0)
		r = host_inode_new(&hi, fd);
	if (r < 0) {
		host_close(fd);
		return r;
	}
	snprintf(name, sizeof(name), "host:[%llu]", (unsigned long long)hi->inode.ino);
	r = dentry_new_detached(&d, host_mount->root, name, &hi->inode);
	if (r < 0) {
		inode_put(&hi->inode);
		return r;
	}
	inode_put(&hi->inode); /* the name keeps it */

	struct path p = { mount_get(host_mount), d };

	r = file_new(ret, hi->stream ? &stream_ops : &plain_ops, inode_get(&hi->inode), hi->access);
	if (r < 0) {
		inode_put(&hi->inode);
		path_put(&p);
		return r;
	}
	d->deleted = false; /* shown without " (deleted)" */
	(*ret)->path = p;
	(*ret)->inode = d->inode;
	return 0;
}
