/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd(2): the signals that are pending for whoever reads. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "mm/mm.h"
#include "task/task.h"
#include "vfs/eventfd.h"
#include "vfs/file.h"

struct signalfd {
	_Atomic uint64_t mask;

	struct task *owner;   /* reference */
};

static void fill(struct signalfd_siginfo *out, const struct ksiginfo *in)
{
	*out = (struct signalfd_siginfo){
		.ssi_signo = (uint32_t)in->signo,
		.ssi_errno = in->err,
		.ssi_code = in->code,
		.ssi_pid = (uint32_t)in->pid,
		.ssi_uid = in->uid,
		.ssi_fd = in->fd,
		.ssi_tid = (uint32_t)in->timer_id,
		.ssi_band = (uint32_t)in->band,
		.ssi_overrun = (uint32_t)in->overrun,
		.ssi_trapno = in->trapno,
		.ssi_status = in->status,
		.ssi_int = (int32_t)in->value,
		.ssi_ptr = in->value,
		.ssi_utime = (uint64_t)in->utime,
		.ssi_stime = (uint64_t)in->stime,
		.ssi_addr = in->addr,
	};
}

static ssize_t signalfd_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos,
			     int flags)
{
	struct signalfd *s = f->priv;
	ssize_t done = 0;

	(void)pos;
	(void)flags;
	if (to->count < sizeof(struct signalfd_siginfo))
		return -EINVAL;
	while (to->count >= sizeof(struct signalfd_siginfo)) {
		struct signalfd_siginfo out;
		struct ksiginfo info;

		if (signal_dequeue(t, atomic_load(&s->mask), &info) < 0)
			break;
		fill(&out, &info);
		if (iov_iter_copy_to(to, &out, sizeof(out)) != sizeof(out))
			return done > 0 ? done : -EFAULT;
		done += (ssize_t)sizeof(out);
	}
	return done > 0 ? done : -EAGAIN;
}

static uint32_t signalfd_poll(struct file *f, struct waiter *w)
{
	struct signalfd *s = f->priv;

	if (w)
		waitq_add(signal_waitq(s->owner), w, w->mask);
	return signal_pending_in(s->owner, atomic_load(&s->mask)) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void signalfd_release(struct file *f)
{
	struct signalfd *s = f->priv;

	task_put(s->owner);
	free(s);
}

static const struct file_ops signalfd_ops = {
	.kind = "[signalfd]",
	.release = signalfd_release,
	.read = signalfd_read,
	.poll = signalfd_poll,
};

int signalfd_new(struct file **ret, struct task *t, uint64_t mask, uint32_t flags)
{
	struct signalfd *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	atomic_init(&s->mask, mask);
	s->owner = task_get(t);

	int r = file_new(ret, &signalfd_ops, s, flags);

	if (r < 0) {
		task_put(s->owner);
		free(s);
	}
	return r;
}

int signalfd_set_mask(struct file *f, uint64_t mask)
{
	struct signalfd *s = f->priv;

	if (f->ops != &signalfd_ops)
		return -EINVAL;
	atomic_store(&s->mask, mask);
	waitq_wake(signal_waitq(s->owner), EPOLLIN);
	return 0;
}
