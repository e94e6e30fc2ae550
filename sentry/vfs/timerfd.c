/* SPDX-License-Identifier: Apache-2.0 */
/* timerfd_create(2). Expirations are computed from the clock when they are read; the kernel timer only
 * says when to wake the queue. Locks: [m] mu.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "core/clock.h"
#include "core/timer.h"
#include "mm/mm.h"
#include "util/cleanup.h"
#include "vfs/eventfd.h"
#include "vfs/file.h"

struct timerfd {
	struct mutex mu;
	struct waitq waitq;
	struct ktimer timer;
	int clock_id;	 /* [I] */
	int64_t next;	 /* [m] absolute time on clock_id of the next expiration; 0: disarmed */
	int64_t interval; /* [m] ns, 0: one shot */
	uint64_t ticks;	 /* [m] expirations not read yet */
};

static int64_t now_on(int clock_id)
{
	struct timespec ts;

	clock_read(clock_id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/* Counts what has expired until now and arms the kernel timer for what comes next. */
static void advance_locked(struct timerfd *tfd)
{
	int64_t now = now_on(tfd->clock_id);

	if (tfd->next != 0 && now >= tfd->next) {
		if (tfd->interval == 0) {
			tfd->ticks++;
			tfd->next = 0;
		} else {
			uint64_t n = (uint64_t)((now - tfd->next) / tfd->interval) + 1;

			tfd->ticks += n;
			tfd->next += (int64_t)n * tfd->interval;
		}
	}
	/* A period that nobody reads needs no further wake-ups: the count is computed on demand. */
	if (tfd->next != 0 && tfd->ticks == 0)
		ktimer_arm(&tfd->timer, clock_mono_ns() + (tfd->next - now));
}

static void timerfd_fired(struct ktimer *timer)
{
	struct timerfd *tfd = container_of(timer, struct timerfd, timer);

	mutex_lock(&tfd->mu);
	advance_locked(tfd);
	bool ready = tfd->ticks > 0;
	mutex_unlock(&tfd->mu);
	if (ready)
		waitq_wake(&tfd->waitq, EPOLLIN | EPOLLRDNORM);
}

static ssize_t timerfd_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos,
			    int flags)
{
	struct timerfd *tfd = f->priv;

	(void)t;
	(void)pos;
	(void)flags;
	if (to->count < sizeof(uint64_t))
		return -EINVAL;

	mutex_lock(&tfd->mu);
	advance_locked(tfd);
	uint64_t n = tfd->ticks;

	if (n > 0) {
		tfd->ticks = 0;
		advance_locked(tfd);
	}
	mutex_unlock(&tfd->mu);
	if (n == 0)
		return -EAGAIN;
	return iov_iter_copy_to(to, &n, sizeof(n)) == sizeof(n) ? (ssize_t)sizeof(n) : -EFAULT;
}

static uint32_t timerfd_poll(struct file *f, struct waiter *w)
{
	struct timerfd *tfd = f->priv;

	if (w)
		waitq_add(&tfd->waitq, w, w->mask);
	mutex_lock(&tfd->mu);
	advance_locked(tfd);
	uint32_t ready = tfd->ticks > 0 ? EPOLLIN | EPOLLRDNORM : 0;
	mutex_unlock(&tfd->mu);
	return ready;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *tfd = f->priv;

	ktimer_cancel(&tfd->timer);
	waitq_fini(&tfd->waitq);
	mutex_fini(&tfd->mu);
	free(tfd);
}

static const struct file_ops timerfd_ops = {
	.kind = "[timerfd]",
	.release = timerfd_release,
	.read = timerfd_read,
	.poll = timerfd_poll,
};

int timerfd_new(struct file **ret, int clock_id, uint32_t flags)
{
	struct timerfd *tfd = calloc(1, sizeof(*tfd));

	if (!tfd)
		return -ENOMEM;
	mutex_init(&tfd->mu, RANK_OBJECT);
	waitq_init(&tfd->waitq);
	ktimer_init(&tfd->timer, timerfd_fired);
	tfd->clock_id = clock_id;

	int r = file_new(ret, &timerfd_ops, tfd, flags);

	if (r < 0) {
		waitq_fini(&tfd->waitq);
		free(tfd);
	}
	return r;
}

static struct timespec to_timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NS_PER_SEC, .tv_nsec = ns % NS_PER_SEC };
}

static bool valid_timespec(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < NS_PER_SEC;
}

/* Nanoseconds, saturated far in the future. */
static int64_t to_ns(const struct timespec *ts)
{
	if (ts->tv_sec > INT64_MAX / NS_PER_SEC / 4)
		return INT64_MAX / 4;
	return (int64_t)ts->tv_sec * NS_PER_SEC + ts->tv_nsec;
}

static void gettime_locked(struct timerfd *tfd, struct itimerspec *ret)
{
	advance_locked(tfd);

	int64_t left = tfd->next == 0 ? 0 : MAX(tfd->next - now_on(tfd->clock_id), INT64_C(1));

	ret->it_value = to_timespec(left);
	ret->it_interval = to_timespec(tfd->interval);
}

int timerfd_set(struct file *f, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	struct timerfd *tfd = f->priv;

	if (f->ops != &timerfd_ops || (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) ||
	    !valid_timespec(&new->it_value) || !valid_timespec(&new->it_interval))
		return -EINVAL;

	ktimer_cancel(&tfd->timer);
	mutex_lock(&tfd->mu);
	if (old)
		gettime_locked(tfd, old);
	tfd->ticks = 0;
	tfd->interval = to_ns(&new->it_interval);
	tfd->next = to_ns(&new->it_value);
	if (tfd->next != 0 && !(flags & TFD_TIMER_ABSTIME))
		tfd->next += now_on(tfd->clock_id);
	advance_locked(tfd);
	bool ready = tfd->ticks > 0;
	mutex_unlock(&tfd->mu);
	if (ready)
		waitq_wake(&tfd->waitq, EPOLLIN | EPOLLRDNORM);
	return 0;
}

int timerfd_get(struct file *f, struct itimerspec *ret)
{
	struct timerfd *tfd = f->priv;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	mutex_lock(&tfd->mu);
	gettime_locked(tfd, ret);
	mutex_unlock(&tfd->mu);
	return 0;
}
