/* SPDX-License-Identifier: Apache-2.0 */
/* The family-independent part of a socket: its file, and SOL_SOCKET options of the blocking layer. */
#include "socket/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "task/task.h"
#include "vfs/inode.h"

void socket_init(struct socket *s, const struct socket_ops *ops, int family, int type, int protocol,
		 struct task *t)
{
	static _Atomic uint64_t next_inode = 10000;

	s->ops = ops;
	s->family = family;
	s->type = type;
	s->protocol = protocol;
	s->inode = atomic_fetch_add(&next_inode, 1);
	s->uid = t->cred->euid;
	waitq_init(&s->waitq);
}

void socket_fini(struct socket *s)
{
	waitq_fini(&s->waitq);
}

static ssize_t socket_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos,
			   int flags)
{
	struct socket *s = f->priv;
	struct sock_msg m = { .iter = *to };

	(void)pos;
	(void)flags;
	ssize_t r = s->ops->recvmsg(s, t, &m, 0);

	*to = m.iter;
	return r;
}

static ssize_t socket_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			    int flags)
{
	struct socket *s = f->priv;
	struct sock_msg m = { .iter = *from };

	(void)pos;
	(void)flags;
	ssize_t r = s->ops->sendmsg(s, t, &m, 0);

	*from = m.iter;
	if (r == -EPIPE && s->type == SOCK_STREAM)
		signal_self(t, SIGPIPE);
	return r;
}

static uint32_t socket_poll(struct file *f, struct waiter *w)
{
	struct socket *s = f->priv;

	return s->ops->poll(s, w);
}

static long socket_ioctl(struct file *f, struct task *t, unsigned long cmd, uint64_t arg)
{
	struct socket *s = f->priv;

	return s->ops->ioctl ? s->ops->ioctl(s, t, cmd, arg) : -ENOTTY;
}

static int socket_mmap(struct file *f, struct task *t, int prot, int flags, struct mappable **ret)
{
	struct socket *s = f->priv;

	(void)t;
	(void)prot;
	(void)flags;
	return s->ops->mmap ? s->ops->mmap(s, ret) : -ENODEV;
}

static int socket_stat(struct file *f, struct task *t, struct kstat *st)
{
	struct socket *s = f->priv;

	(void)t;
	*st = (struct kstat){ .dev = 8, .ino = s->inode, .mode = S_IFSOCK | 0777, .nlink = 1,
			      .uid = s->uid, .blksize = 4096 };
	return 0;
}

static int socket_name(struct file *f, char *buf, size_t size)
{
	struct socket *s = f->priv;

	return snprintf(buf, size, "socket:[%llu]", (unsigned long long)s->inode);
}

static int64_t socket_timeout(struct file *f, bool write)
{
	struct socket *s = f->priv;

	return atomic_load(write ? &s->sndtimeo : &s->rcvtimeo);
}

static void socket_release(struct file *f)
{
	struct socket *s = f->priv;

	s->ops->release(s);
}

static const struct file_ops socket_file_ops = {
	.kind = "socket",
	.release = socket_release,
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.mmap = socket_mmap,
	.stat = socket_stat,
	.name = socket_name,
	.timeout = socket_timeout,
};

int socket_file(struct file **ret, struct socket *s, uint32_t flags)
{
	return file_new(ret, &socket_file_ops, s, O_RDWR | (flags & O_NONBLOCK));
}

struct socket *socket_of(struct file *f)
{
	return f->ops == &socket_file_ops ? f->priv : NULL;
}
