/* SPDX-License-Identifier: Apache-2.0 */
/* sendfile(2), splice(2), tee(2), vmsplice(2), copy_file_range(2). Data passes through a buffer. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sys/file_internal.h"
#include "util/cleanup.h"
#include "vfs/pipe.h"

#define SPLICE_KNOWN (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

static ssize_t read_buf(struct file *f, struct task *t, void *buf, size_t len, int64_t *pos)
{
	struct iovec one;
	struct iov_iter it;

	iov_iter_kernel(&it, &one, buf, len);
	return file_read(f, t, &it, pos, 0);
}

static ssize_t write_buf(struct file *f, struct task *t, void *buf, size_t len, int64_t *pos)
{
	struct iovec one;
	struct iov_iter it;

	iov_iter_kernel(&it, &one, buf, len);
	return file_write(f, t, &it, pos, 0);
}

/* Copies from a seekable file at *in_pos; *in_pos follows what was written. */
static ssize_t pump(struct task *t, struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos,
		    size_t count)
{
	char *buf = malloc(BOUNCE_SIZE);
	ssize_t done = 0;
	ssize_t r = 0;

	if (!buf)
		return -ENOMEM;
	while (count > 0) {
		int64_t pos = *in_pos;
		ssize_t got = read_buf(in, t, buf, MIN(count, (size_t)BOUNCE_SIZE), &pos);

		if (got <= 0) {
			r = got;
			break;
		}
		r = write_buf(out, t, buf, (size_t)got, out_pos);
		if (r < 0)
			break;
		done += r;
		count -= (size_t)r;
		*in_pos += r;
		if (r < got)
			break;
		if (signal_pending(t) && signal_pending_slow(t))
			break;
	}
	free(buf);
	return done > 0 ? done : r;
}

static int get_pos(struct task *t, uint64_t upos, int64_t *pos)
{
	if (copy_in(t, pos, upos, sizeof(*pos)) < 0)
		return -EFAULT;
	return *pos < 0 ? -EINVAL : 0;
}

/* A file's own offset is read and set through llseek: a host file keeps it elsewhere. */
static int64_t own_pos(struct task *t, struct file *f)
{
	mutex_lock(&f->pos_mu);
	int64_t pos = f->ops->llseek ? f->ops->llseek(f, t, 0, SEEK_CUR) : -ESPIPE;

	mutex_unlock(&f->pos_mu);
	return pos;
}

static void set_own_pos(struct task *t, struct file *f, int64_t pos)
{
	mutex_lock(&f->pos_mu);
	(void)f->ops->llseek(f, t, pos, SEEK_SET);
	mutex_unlock(&f->pos_mu);
}

static bool readable(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY;
}

static bool writable(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

static ssize_t sendfile_files(struct task *t, struct file *out, struct file *in, uint64_t upos,
			      size_t count)
{
	int64_t pos;
	ssize_t r;

	if (!readable(in) || !writable(out))
		return -EBADF;
	if (!in->ops->llseek || (in->inode && inode_is_dir(in->inode)))
		return -EINVAL;
	if (out->flags & O_APPEND)
		return -EINVAL;
	if (upos) {
		r = get_pos(t, upos, &pos);
		if (r < 0)
			return r;
		r = pump(t, in, &pos, out, NULL, count);
		if (r >= 0 && copy_out(t, upos, &pos, sizeof(pos)) < 0)
			return -EFAULT;
		return r;
	}
	pos = own_pos(t, in);
	if (pos < 0)
		return pos;
	r = pump(t, in, &pos, out, NULL, count);
	if (r > 0)
		set_own_pos(t, in, pos);
	return r;
}

long sys_sendfile(struct task *t, const struct sysargs *a)
{
	struct file *out = FD_OR_RETURN(t, a->a[0]);
	struct file *in = fd_get(t, (int)a->a[1]);
	long r = -EBADF;

	if (in)
		r = sendfile_files(t, out, in, a->a[2], MIN(a->a[3], MAX_RW_COUNT));
	fd_put(t, in);
	fd_put(t, out);
	return r;
}

/* ---- pipes ---- */

/* Waits until @f is ready for @mask, unless it or the call says not to. */
static int wait_ready(struct file *f, struct task *t, uint32_t mask, bool nonblock)
{
	struct task_waiter w;
	int r = 0;

	if (file_poll(f, NULL) & (mask | EPOLLHUP | EPOLLERR))
		return 0;
	if (nonblock || file_nonblock(f))
		return -EAGAIN;
	task_waiter_init(&w, t);
	w.waiter.mask = mask;
	(void)file_poll(f, &w.waiter);
	while (r == 0) {
		task_wait_begin(t);
		if (file_poll(f, NULL) & (mask | EPOLLHUP | EPOLLERR))
			break;
		r = task_wait(t, WAIT_FOREVER);
	}
	waitq_del(&w.waiter);
	return r;
}

/* The front of a pipe to any file; @consume false is tee(2). */
static ssize_t from_pipe(struct task *t, struct pipe *p, struct file *in, struct file *out,
			 int64_t *out_pos, size_t len, bool nonblock, bool consume)
{
	size_t want = MIN(len, (size_t)BOUNCE_SIZE);
	char *buf = malloc(want);
	ssize_t r;

	if (!buf)
		return -ENOMEM;
	while ((r = pipe_peek(p, buf, want)) == -EAGAIN) {
		r = wait_ready(in, t, EPOLLIN, nonblock);
		if (r < 0)
			break;
	}
	if (r > 0 && pipe_of(out) && nonblock)
		r = wait_ready(out, t, EPOLLOUT, true) < 0 ? -EAGAIN : MIN(r, 4096);
	if (r > 0)
		r = write_buf(out, t, buf, (size_t)r, out_pos);
	if (r > 0 && consume)
		pipe_consume(p, (size_t)r);
	free(buf);
	return r;
}

/* Any file to a pipe: no more than fits, so that nothing read is lost. */
static ssize_t to_pipe(struct task *t, struct file *in, int64_t *in_pos, struct file *out, size_t len,
		       bool nonblock)
{
	ssize_t r = wait_ready(out, t, EPOLLOUT, nonblock);

	if (r < 0)
		return r;
	if (!in->ops->llseek) {
		r = wait_ready(in, t, EPOLLIN, nonblock);
		if (r < 0)
			return r;
	}
	size_t want = MIN(len, nonblock || file_nonblock(out) ? (size_t)4096 : (size_t)BOUNCE_SIZE);
	char *buf = malloc(want);

	if (!buf)
		return -ENOMEM;
	r = read_buf(in, t, buf, want, in_pos);
	if (r > 0)
		r = write_buf(out, t, buf, (size_t)r, NULL);
	free(buf);
	return r;
}

static ssize_t splice_files(struct task *t, struct file *in, uint64_t uin, struct file *out, uint64_t uout,
			    size_t len, unsigned int flags)
{
	struct pipe *pin = pipe_of(in);
	struct pipe *pout = pipe_of(out);
	bool nonblock = (flags & SPLICE_F_NONBLOCK) != 0;
	int64_t pos = 0;
	ssize_t r = 0;

	if (!readable(in) || !writable(out))
		return -EBADF;
	if (!pin && !pout)
		return -EINVAL;
	if ((pin && uin) || (pout && uout))
		return -ESPIPE;
	if (pin && pout && pin == pout)
		return -EINVAL;
	if (pin) {
		if (out->flags & O_APPEND)
			return -EINVAL;
		if (uout && !out->ops->llseek)
			return -ESPIPE;
		if (uout)
			r = get_pos(t, uout, &pos);
		if (r == 0)
			r = from_pipe(t, pin, in, out, uout ? &pos : NULL, len, nonblock, true);
		if (r > 0 && uout && copy_out(t, uout, &pos, sizeof(pos)) < 0)
			r = -EFAULT;
		return r;
	}
	if (uin && !in->ops->llseek)
		return -ESPIPE;
	if (uin)
		r = get_pos(t, uin, &pos);
	if (r == 0)
		r = to_pipe(t, in, uin ? &pos : NULL, out, len, nonblock);
	if (r > 0 && uin && copy_out(t, uin, &pos, sizeof(pos)) < 0)
		r = -EFAULT;
	return r;
}

long sys_splice(struct task *t, const struct sysargs *a)
{
	struct file *in;
	struct file *out;
	long r = -EBADF;

	if (a->a[5] & ~(uint64_t)SPLICE_KNOWN)
		return -EINVAL;
	if (a->a[4] == 0)
		return 0;
	in = FD_OR_RETURN(t, a->a[0]);
	out = fd_get(t, (int)a->a[2]);
	if (out)
		r = splice_files(t, in, a->a[1], out, a->a[3], MIN(a->a[4], MAX_RW_COUNT),
				 (unsigned int)a->a[5]);
	fd_put(t, out);
	fd_put(t, in);
	return r;
}

long sys_tee(struct task *t, const struct sysargs *a)
{
	struct file *in;
	struct file *out;
	long r = -EBADF;

	if (a->a[3] & ~(uint64_t)SPLICE_KNOWN)
		return -EINVAL;
	if (a->a[2] == 0)
		return 0;
	in = FD_OR_RETURN(t, a->a[0]);
	out = fd_get(t, (int)a->a[1]);
	if (out && readable(in) && writable(out)) {
		struct pipe *pin = pipe_of(in);

		r = !pin || !pipe_of(out) || pin == pipe_of(out) ?
			    -EINVAL :
			    from_pipe(t, pin, in, out, NULL, MIN(a->a[2], MAX_RW_COUNT),
				      (a->a[3] & SPLICE_F_NONBLOCK) != 0, false);
	}
	fd_put(t, out);
	fd_put(t, in);
	return r;
}

long sys_vmsplice(struct task *t, const struct sysargs *a)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	struct iovec *iov = NULL;
	struct iov_iter it;
	long r;

	if (a->a[3] & ~(uint64_t)SPLICE_KNOWN) {
		r = -EINVAL;
	} else if (!pipe_of(f)) {
		r = -EBADF;
	} else {
		r = iov_iter_import(&it, t->mm, a->a[1], a->a[2], &iov);
		if (r >= 0 && it.count == 0)
			r = 0;
		else if (r >= 0)
			r = writable(f) ? file_write(f, t, &it, NULL, 0) :
					  file_read(f, t, &it, NULL, 0);
		free(iov);
	}
	fd_put(t, f);
	return r;
}

/* ---- copy_file_range ---- */

static long check_copy(const struct file *in, const struct file *out)
{
	if (!readable(in) || !writable(out) || (out->flags & O_APPEND))
		return -EBADF;
	if (!in->inode || !out->inode)
		return -EINVAL;
	if (inode_is_dir(in->inode) || inode_is_dir(out->inode))
		return -EISDIR;
	if (inode_kind(in->inode) != S_IFREG || inode_kind(out->inode) != S_IFREG)
		return -EINVAL;
	return 0;
}

static long file_pos(struct task *t, struct file *f, uint64_t upos, int64_t *pos)
{
	if (upos)
		return get_pos(t, upos, pos);
	/* Asked of the file: the offset of a host file is the host's. */
	mutex_lock(&f->pos_mu);
	*pos = f->ops->llseek ? f->ops->llseek(f, t, 0, SEEK_CUR) : f->pos;
	mutex_unlock(&f->pos_mu);
	return *pos < 0 ? *pos : 0;
}

static long put_pos(struct task *t, struct file *f, uint64_t upos, int64_t pos)
{
	if (upos)
		return copy_out(t, upos, &pos, sizeof(pos));
	mutex_lock(&f->pos_mu);
	if (f->ops->llseek)
		(void)f->ops->llseek(f, t, pos, SEEK_SET);
	else
		f->pos = pos;
	mutex_unlock(&f->pos_mu);
	return 0;
}

static long copy_range(struct task *t, struct file *in, uint64_t uin, struct file *out, uint64_t uout,
		       size_t len)
{
	int64_t in_pos;
	int64_t out_pos;
	long r = check_copy(in, out);

	if (r == 0)
		r = file_pos(t, in, uin, &in_pos);
	if (r == 0)
		r = file_pos(t, out, uout, &out_pos);
	if (r < 0)
		return r;
	if (in->inode == out->inode && in_pos < out_pos + (int64_t)len && out_pos < in_pos + (int64_t)len)
		return -EINVAL;
	r = pump(t, in, &in_pos, out, &out_pos, len);
	if (r > 0) {
		if (put_pos(t, in, uin, in_pos) < 0 || put_pos(t, out, uout, out_pos) < 0)
			r = -EFAULT;
	}
	return r;
}

long sys_copy_file_range(struct task *t, const struct sysargs *a)
{
	struct file *in = FD_OR_RETURN(t, a->a[0]);
	struct file *out = fd_get(t, (int)a->a[2]);
	long r = -EBADF;

	if (out)
		r = a->a[5] ? -EINVAL :
			      copy_range(t, in, a->a[1], out, a->a[3], MIN(a->a[4], MAX_RW_COUNT));
	fd_put(t, out);
	fd_put(t, in);
	return r;
}
