/* SPDX-License-Identifier: Apache-2.0 */
/* The two sides of a pseudo terminal as files (pty(7)).
 *
 * What the master writes is the slave's input, through the line discipline; what the slave writes
 * or the line discipline echoes is queued for the master. Signals are collected under the lock and
 * sent after it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sysmacros.h>

#include "boot/kernel.h"
#include "core/clock.h"
#include "mm/mm.h"
#include "task/task.h"
#include "tty/tty_internal.h"
#include "util/cleanup.h"

#define VTIME_INDEX 5
#define VMIN_INDEX 6
#define ICANON_BIT 2U
#define TOSTOP_BIT 0400U
#define MASTER_MAJOR 5
#define SLAVE_MAJOR 136
#define CHUNK 512

struct pty *pty_get(struct pty *p)
{
	ref_get(&p->ref);
	return p;
}

void pty_put(struct pty *p)
{
	if (!p || !ref_put(&p->ref))
		return;
	waitq_fini(&p->master_q);
	waitq_fini(&p->slave_q);
	mutex_fini(&p->mu);
	devpts_put(p->devpts);
	free(p);
}

bool tty_file_hung(const struct tty_file *tf)
{
	return !tf->master && tf->generation != tf->pty->generation;
}

void pty_unlock(struct pty *p)
{
	uint32_t signals = p->ld.signals;

	p->ld.signals = 0;
	mutex_unlock(&p->mu);
	waitq_wake(&p->master_q, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLPRI);
	waitq_wake(&p->slave_q, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM);
	for (int signo = 1; signals != 0; signo++) {
		if (signals & (1U << signo))
			pty_signal_fg(p, signo);
		signals &= ~(1U << signo);
	}
}

/* ---- the master ---- */

static ssize_t master_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos,
			   int flags)
{
	struct tty_file *tf = f->priv;
	struct pty *p = tf->pty;
	uint8_t buf[CHUNK];
	ssize_t done = 0;

	(void)t;
	(void)pos;
	(void)flags;
	if (to->count == 0)
		return 0;
	mutex_lock(&p->mu);
	if (p->ld.packet) {
		uint8_t status = p->ld.pkt_status;

		if (status || ldisc_outq(&p->ld) > 0) {
			p->ld.pkt_status = 0;
			done = (ssize_t)iov_iter_copy_to(to, &status, 1);
			if (done == 0 || status) {
				pty_unlock(p);
				return done ? done : -EFAULT;
			}
		}
	}
	while (to->count > 0) {
		size_t n = ldisc_take_output(&p->ld, buf, MIN(sizeof(buf), to->count));
		size_t copied = iov_iter_copy_to(to, buf, n);

		done += (ssize_t)copied;
		if (copied < n) {
			done = done > 0 ? done : -EFAULT;
			break;
		}
		if (n == 0)
			break;
	}
	if (done == 0)
		done = p->slave_gone ? -EIO : -EAGAIN;
	pty_unlock(p);
	return done;
}

static ssize_t master_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			    int flags)
{
	struct tty_file *tf = f->priv;
	struct pty *p = tf->pty;
	ssize_t done = 0;

	(void)t;
	(void)pos;
	(void)flags;
	while (from->count > 0) {
		uint8_t buf[CHUNK];
		struct iov_iter before = *from;
		size_t n = iov_iter_copy_from(from, buf, MIN(sizeof(buf), from->count));

		if (n == 0)
			return done > 0 ? done : -EFAULT;
		mutex_lock(&p->mu);
		size_t took = ldisc_receive(&p->ld, buf, n);

		pty_unlock(p);
		done += (ssize_t)took;
		if (took < n) {
			iov_iter_revert(from, &before);
			iov_iter_advance(from, took);
			return done > 0 ? done : -EAGAIN;
		}
	}
	return done;
}

static bool input_room(const struct pty *p)
{
	return p->ld.head - p->ld.tail < LDISC_IN_SIZE / 2 || p->ld.canon == p->ld.tail;
}

static uint32_t master_poll(struct file *f, struct waiter *w)
{
	struct tty_file *tf = f->priv;
	struct pty *p = tf->pty;
	uint32_t ready = 0;

	if (w)
		waitq_add(&p->master_q, w, w->mask);
	mutex_lock(&p->mu);
	if (ldisc_outq(&p->ld) > 0 || (p->ld.packet && p->ld.pkt_status))
		ready |= EPOLLIN | EPOLLRDNORM;
	if (p->ld.packet && p->ld.pkt_status)
		ready |= EPOLLPRI;
	if (input_room(p))
		ready |= EPOLLOUT | EPOLLWRNORM;
	if (p->slave_gone)
		ready |= EPOLLHUP;
	mutex_unlock(&p->mu);
	return ready;
}

static void master_release(struct file *f)
{
	struct tty_file *tf = f->priv;
	struct pty *p = tf->pty;
	struct devpts *d = p->devpts;

	mutex_lock(&d->mu);
	d->ptys[p->index] = NULL;
	d->n--;
	mutex_unlock(&d->mu);
	mutex_lock(&p->mu);
	p->master_closed = true;
	struct inode *node = TAKE(p->inode);

	mutex_unlock(&p->mu);
	tty_hangup(p);
	inode_put(node);
	pty_put(p);
	free(tf);
}

static int master_fdinfo(struct file *f, char *buf, size_t size)
{
	struct tty_file *tf = f->priv;

	return snprintf(buf, size, "tty-index:\t%u\n", tf->pty->index);
}

static const struct file_ops master_ops = {
	.kind = "ptmx",
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = tty_ioctl_pty,
	.release = master_release,
	.fdinfo = master_fdinfo,
};

/* ---- the slave ---- */

/* One attempt. 1: *done is the answer. 0: wait. @woken: VTIME runs from the first byte on. */
static bool slave_try(struct tty_file *tf, struct iov_iter *to, size_t min, ssize_t *done)
{
	struct pty *p = tf->pty;
	uint8_t buf[LDISC_IN_SIZE];

	mutex_lock(&p->mu);
	if (tty_file_hung(tf)) {
		mutex_unlock(&p->mu);
		*done = 0;
		return true;
	}
	if (ldisc_available(&p->ld) < min) {
		mutex_unlock(&p->mu);
		return false;
	}

	bool was_full = !input_room(p);
	size_t n = ldisc_read(&p->ld, buf, MIN(to->count, sizeof(buf)));

	(void)was_full;
	pty_unlock(p);
	size_t copied = iov_iter_copy_to(to, buf, n);

	*done = n > 0 && copied == 0 ? -EFAULT : (ssize_t)copied;
	return true;
}

/* What VMIN and VTIME ask for (termios(3), "canonical and noncanonical mode"). */
struct read_rule {
	size_t min;
	int64_t timeout; /* ns, 0: none */
	bool from_first; /* the timer starts with the first byte */
};

static struct read_rule read_rule(struct pty *p, size_t count)
{
	struct read_rule rule = {.min = 1};

	mutex_lock(&p->mu);
	if (!(p->ld.tio.lflag & ICANON_BIT)) {
		rule.min = p->ld.tio.cc[VMIN_INDEX];
		rule.timeout = p->ld.tio.cc[VTIME_INDEX] * (NS_PER_SEC / 10);
		rule.from_first = rule.min > 0;
		rule.min = MIN(rule.min, count);
	}
	mutex_unlock(&p->mu);
	return rule;
}

static ssize_t slave_wait(struct tty_file *tf, struct task *t, struct iov_iter *to,
			  const struct read_rule *rule)
{
	struct pty *p = tf->pty;
	struct task_waiter w;
	int64_t deadline = WAIT_FOREVER;
	size_t seen = 0;
	ssize_t r = 0;

	if (rule->timeout && !rule->from_first)
		deadline = clock_mono_ns() + rule->timeout;
	task_waiter_init(&w, t);
	waitq_add(&p->slave_q, &w.waiter, EPOLLIN | EPOLLHUP);
	for (;;) {
		task_wait_begin(t);
		if (slave_try(tf, to, MAX(rule->min, (size_t)1), &r))
			break;
		if (rule->from_first && rule->timeout) {
			mutex_lock(&p->mu);
			size_t now = ldisc_available(&p->ld);

			mutex_unlock(&p->mu);
			if (now != seen)
				deadline = clock_mono_ns() + rule->timeout;
			seen = now;
		}
		r = task_wait(t, deadline);
		if (r == -ETIMEDOUT) {
			if (!slave_try(tf, to, 1, &r))
				r = 0;
			break;
		}
		if (r < 0)
			break;
	}
	waitq_del(&w.waiter);
	return r;
}

static ssize_t slave_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos,
			  int flags)
{
	struct tty_file *tf = f->priv;
	ssize_t r;

	(void)pos;
	(void)flags;
	if (to->count == 0)
		return 0;
	r = tty_check_read(tf->pty, t);
	if (r < 0)
		return r;

	struct read_rule rule = read_rule(tf->pty, to->count);

	if (file_nonblock(f) || rule.min == 0) {
		if (slave_try(tf, to, 1, &r))
			return r;
		if (file_nonblock(f))
			return -EAGAIN;
		if (rule.timeout == 0)
			return 0;
	}
	return slave_wait(tf, t, to, &rule);
}

static ssize_t slave_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			   int flags)
{
	struct tty_file *tf = f->priv;
	struct pty *p = tf->pty;
	ssize_t done = 0;

	(void)pos;
	(void)flags;
	mutex_lock(&p->mu);
	bool tostop = (p->ld.tio.lflag & TOSTOP_BIT) != 0;

	mutex_unlock(&p->mu);
	if (tostop) {
		int r = tty_check_change(p, t);

		if (r < 0)
			return r;
	}
	do {
		uint8_t buf[CHUNK];
		struct iov_iter before = *from;
		size_t n = iov_iter_copy_from(from, buf, MIN(sizeof(buf), from->count));

		if (n == 0 && from->count > 0)
			return done > 0 ? done : -EFAULT;
		mutex_lock(&p->mu);
		bool hung = tty_file_hung(tf);
		size_t took = hung ? 0 : ldisc_output(&p->ld, buf, n);

		pty_unlock(p);
		if (hung)
			return done > 0 ? done : -EIO;
		done += (ssize_t)took;
		if (took < n) {
			iov_iter_revert(from, &before);
			iov_iter_advance(from, took);
			return done > 0 ? done : -EAGAIN;
		}
	} while (from->count > 0);
	return done;
}

static uint32_t slave_poll(struct file *f, struct waiter *w)
{
	struct tty_file *tf = f->priv;
	struct pty *p = tf->pty;
	uint32_t ready = 0;

	if (w)
		waitq_add(&p->slave_q, w, w->mask);
	mutex_lock(&p->mu);
	if (tty_file_hung(tf)) {
		ready = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLWRNORM;
	} else {
		if (ldisc_pollable(&p->ld))
			ready |= EPOLLIN | EPOLLRDNORM;
		if (!p->ld.stopped && ldisc_outq(&p->ld) < LDISC_OUT_LIMIT - 256)
			ready |= EPOLLOUT | EPOLLWRNORM;
	}
	mutex_unlock(&p->mu);
	return ready;
}

static void slave_release(struct file *f)
{
	struct tty_file *tf = f->priv;
	struct pty *p = tf->pty;

	mutex_lock(&p->mu);
	if (!tty_file_hung(tf) && --p->slaves == 0) {
		p->slave_gone = true;
		p->exclusive = false;
	}
	bool gone = p->slave_gone;

	mutex_unlock(&p->mu);
	if (gone)
		waitq_wake(&p->master_q, EPOLLIN | EPOLLHUP);
	pty_put(p);
	free(tf);
}

static const struct file_ops slave_ops = {
	.kind = "tty",
	.read = slave_read,
	.write = slave_write,
	.poll = slave_poll,
	.ioctl = tty_ioctl_pty,
	.release = slave_release,
};

int pty_slave_open(struct pty *p, struct task *t, struct file *f)
{
	struct tty_file *tf = calloc(1, sizeof(*tf));
	int r = 0;

	if (!tf)
		return -ENOMEM;
	mutex_lock(&p->mu);
	if (p->master_closed || p->locked) {
		r = -EIO;
	} else if (p->exclusive && p->slaves > 0 && !task_has_cap(t, 21 /* CAP_SYS_ADMIN */)) {
		r = -EBUSY;
	} else {
		p->slaves++;
		p->slave_gone = false;
		tf->generation = p->generation;
	}
	mutex_unlock(&p->mu);
	if (r < 0) {
		free(tf);
		return r;
	}
	tf->pty = pty_get(p);
	f->ops = &slave_ops;
	f->priv = tf;
	tty_adopt(p, t, atomic_load(&f->flags));
	return 0;
}

/* ---- a new pair ---- */

static int pty_new(struct pty **ret, struct devpts *d)
{
	struct pty *p = calloc(1, sizeof(*p));
	uint32_t i = 0;

	if (!p)
		return -ENOMEM;
	ref_init(&p->ref);
	mutex_init(&p->mu, RANK_TTY);
	waitq_init(&p->master_q);
	waitq_init(&p->slave_q);
	ldisc_init(&p->ld);
	p->locked = true;
	ref_get(&d->ref);
	p->devpts = d;
	mutex_lock(&d->mu);
	while (i < d->max && d->ptys[i])
		i++;
	if (i < d->max) {
		p->index = i;
		d->ptys[i] = p;
		d->n++;
	}
	mutex_unlock(&d->mu);
	if (i == d->max) {
		pty_put(p);
		return -ENOSPC;
	}
	*ret = p;
	return 0;
}

int pty_master_open(struct devpts *d, struct file *f, struct pty **ret)
{
	struct tty_file *tf = calloc(1, sizeof(*tf));
	int r = tf ? pty_new(&tf->pty, d) : -ENOMEM;

	if (r < 0) {
		free(tf);
		return r;
	}
	tf->master = true;
	f->ops = &master_ops;
	f->priv = tf;
	*ret = tf->pty;
	return 0;
}
