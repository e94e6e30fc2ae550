/* SPDX-License-Identifier: Apache-2.0 */
/* poll(2), select(2), epoll(7), eventfd(2), timerfd_create(2), signalfd(2), pipe(2): decoding. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "sys/table.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/epoll.h"
#include "vfs/eventfd.h"
#include "vfs/pipe.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/io.def"
#undef SYSCALL

/* --- time limits ------------------------------------------------------------------------------ */

/* Absolute deadline from a relative time; WAIT_FOREVER when @uts is 0. */
static int deadline_timespec(struct task *t, uint64_t uts, int64_t *ret)
{
	struct timespec ts;

	*ret = WAIT_FOREVER;
	if (!uts)
		return 0;
	if (copy_in(t, &ts, uts, sizeof(ts)) < 0)
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NS_PER_SEC)
		return -EINVAL;
	if (ts.tv_sec == 0 && ts.tv_nsec == 0)
		*ret = 0;
	else if (ts.tv_sec < INT64_MAX / NS_PER_SEC / 2)
		*ret = clock_mono_ns() + (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
	return 0;
}

static int64_t deadline_ms(int ms)
{
	if (ms < 0)
		return WAIT_FOREVER;
	return ms == 0 ? 0 : clock_mono_ns() + (int64_t)ms * 1000000;
}

/* Linux writes the time that was left back, except when it cannot. */
static void write_left(struct task *t, uint64_t uts, int64_t deadline, bool timeval)
{
	int64_t left = 0;

	if (!uts || deadline == WAIT_FOREVER)
		return;
	if (deadline != 0)
		left = MAX(deadline - clock_mono_ns(), INT64_C(0));
	if (timeval) {
		struct timeval tv = { .tv_sec = left / NS_PER_SEC,
				      .tv_usec = left % NS_PER_SEC / 1000 };

		(void)copy_out(t, uts, &tv, sizeof(tv));
	} else {
		struct timespec ts = { .tv_sec = left / NS_PER_SEC, .tv_nsec = left % NS_PER_SEC };

		(void)copy_out(t, uts, &ts, sizeof(ts));
	}
}

/* The temporary mask of ppoll, pselect6, epoll_pwait. */
static int temp_mask(struct task *t, uint64_t uset, uint64_t size)
{
	sigset64 mask;

	if (!uset)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_in(t, &mask, uset, sizeof(mask)) < 0)
		return -EFAULT;
	signal_set_temp_mask(t, mask);
	return 0;
}

/* --- poll ---------------------------------------------------------------------------------------- */

struct poll_entry {
	struct task_waiter w;
	struct file *file;
};

/* One look at every descriptor; @arm: queue the waiters as well. */
static int poll_pass(struct task *t, struct pollfd *fds, struct poll_entry *ents, unsigned n, bool arm)
{
	int ready = 0;

	for (unsigned i = 0; i < n; i++) {
		struct poll_entry *e = &ents[i];
		uint32_t got = POLLNVAL;

		fds[i].revents = 0;
		if (fds[i].fd < 0)
			continue;
		if (e->file) {
			if (arm) {
				task_waiter_init(&e->w, t);
				e->w.waiter.mask = (uint16_t)fds[i].events | EPOLLERR | EPOLLHUP;
			}
			got = file_poll(e->file, arm ? &e->w.waiter : NULL);
			got &= (uint16_t)fds[i].events | POLLERR | POLLHUP;
		}
		fds[i].revents = (short)got;
		if (got) {
			ready++;
			arm = false; /* there will be no sleep */
		}
	}
	return ready;
}

static int poll_wait(struct task *t, struct pollfd *fds, unsigned n, int64_t deadline)
{
	struct poll_entry few[8];
	struct poll_entry *ents = few;
	int r;

	if (n > ARRAY_LEN(few)) {
		ents = calloc(n, sizeof(*ents));
		if (!ents)
			return -ENOMEM;
	} else {
		memset(few, 0, sizeof(few));
	}
	for (unsigned i = 0; i < n; i++)
		ents[i].file = fds[i].fd >= 0 ? fd_get(t, fds[i].fd) : NULL;

	task_wait_begin(t);
	r = poll_pass(t, fds, ents, n, deadline != 0);
	while (r == 0 && deadline != 0) {
		r = task_wait(t, deadline);
		if (r == -ETIMEDOUT) {
			r = poll_pass(t, fds, ents, n, false);
			break;
		}
		if (r < 0)
			break;
		task_wait_begin(t);
		r = poll_pass(t, fds, ents, n, false);
	}
	for (unsigned i = 0; i < n; i++) {
		waitq_del(&ents[i].w.waiter);
		if (ents[i].file)
			fd_put(t, ents[i].file);
	}
	if (ents != few)
		free(ents);
	return r;
}

static long do_poll(struct task *t, uint64_t ufds, uint64_t n, int64_t deadline)
{
	struct pollfd few[16];
	struct pollfd *fds = few;
	long r;

	if (n > task_rlimit(t, RLIMIT_NOFILE))
		return -EINVAL;
	if (n > ARRAY_LEN(few)) {
		fds = malloc(n * sizeof(*fds));
		if (!fds)
			return -ENOMEM;
	}
	r = copy_in(t, fds, ufds, n * sizeof(*fds));
	if (r == 0)
		r = poll_wait(t, fds, (unsigned)n, deadline);
	for (uint64_t i = 0; r >= 0 && i < n; i++) {
		if (copy_out(t, ufds + i * sizeof(*fds) + offsetof(struct pollfd, revents),
			     &fds[i].revents, sizeof(fds[i].revents)) < 0)
			r = -EFAULT;
	}
	if (fds != few)
		free(fds);
	return r;
}

/* poll(2) restarts with what was left of its time. */
static long poll_restart(struct task *t)
{
	return do_poll(t, t->restart_arg[0], t->restart_arg[1], (int64_t)t->restart_arg[2]);
}

long sys_poll(struct task *t, const struct sysargs *a)
{
	int64_t deadline = deadline_ms((int)a->a[2]);
	long r = do_poll(t, a->a[0], (unsigned)a->a[1], deadline);

	if (r != -ERESTARTSYS)
		return r;
	t->restart_fn = poll_restart;
	t->restart_arg[0] = a->a[0];
	t->restart_arg[1] = (unsigned)a->a[1];
	t->restart_arg[2] = (uint64_t)deadline;
	return -ERESTART_RESTARTBLOCK;
}

long sys_ppoll(struct task *t, const struct sysargs *a)
{
	int64_t deadline;
	long r = deadline_timespec(t, a->a[2], &deadline);

	if (r == 0)
		r = temp_mask(t, a->a[3], a->a[4]);
	if (r < 0)
		return r;
	r = do_poll(t, a->a[0], (unsigned)a->a[1], deadline);
	write_left(t, a->a[2], deadline, false);
	return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

/* --- select -------------------------------------------------------------------------------------- */

#define SELECT_IN (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SELECT_OUT (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define SELECT_EX POLLPRI

static bool bit(const uint64_t *set, int fd)
{
	return (set[fd / 64] >> (fd % 64)) & 1;
}

/* Turns the three sets into a poll array. */
static int select_gather(uint64_t *const set[3], int n, struct pollfd *fds)
{
	static const short want[3] = { POLLIN | POLLRDNORM | POLLRDBAND,
				       POLLOUT | POLLWRNORM | POLLWRBAND, POLLPRI };
	int count = 0;

	for (int fd = 0; fd < n; fd++) {
		short events = 0;

		for (int s = 0; s < 3; s++) {
			if (bit(set[s], fd))
				events |= want[s];
		}
		if (events)
			fds[count++] = (struct pollfd){ .fd = fd, .events = events };
	}
	return count;
}

/* Writes the answer into the sets; returns the number of bits, or -EBADF. */
static int select_scatter(uint64_t *const set[3], size_t words, const struct pollfd *fds, int count)
{
	static const short got[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };
	uint64_t *old = malloc(3 * words * sizeof(uint64_t) + 1);
	int bits = 0;

	if (!old)
		return -ENOMEM;
	for (int s = 0; s < 3; s++) {
		memcpy(old + (size_t)s * words, set[s], words * sizeof(uint64_t));
		memset(set[s], 0, words * sizeof(uint64_t));
	}
	for (int i = 0; i < count; i++) {
		int fd = fds[i].fd;

		if (fds[i].revents & POLLNVAL) {
			free(old);
			return -EBADF;
		}
		for (int s = 0; s < 3; s++) {
			if (bit(old + (size_t)s * words, fd) && (fds[i].revents & got[s])) {
				set[s][fd / 64] |= UINT64_C(1) << (fd % 64);
				bits++;
			}
		}
	}
	free(old);
	return bits;
}

static long do_select(struct task *t, int n, const uint64_t uset[3], int64_t deadline)
{
	uint64_t small[3][16] = { 0 };
	uint64_t *set[3] = { small[0], small[1], small[2] };
	uint64_t *big = NULL;
	struct pollfd *fds;
	long r = 0;

	if (n < 0)
		return -EINVAL;
	n = (int)MIN((uint64_t)n, task_rlimit(t, RLIMIT_NOFILE));

	size_t words = ((size_t)n + 63) / 64;

	if (words > ARRAY_LEN(small[0])) {
		big = calloc(3 * words, sizeof(uint64_t));
		if (!big)
			return -ENOMEM;
		for (size_t s = 0; s < 3; s++)
			set[s] = big + s * words;
	}
	fds = malloc(((size_t)n + 1) * sizeof(*fds));
	if (!fds)
		r = -ENOMEM;
	/* Linux copies whole longs. */
	for (int s = 0; s < 3 && r == 0; s++) {
		if (uset[s])
			r = copy_in(t, set[s], uset[s], words * sizeof(uint64_t));
	}
	if (r == 0) {
		int count = select_gather(set, n, fds);

		r = poll_wait(t, fds, (unsigned)count, deadline);
		if (r >= 0)
			r = select_scatter(set, words, fds, count);
	}
	for (int s = 0; s < 3 && r >= 0; s++) {
		if (uset[s] && copy_out(t, uset[s], set[s], words * sizeof(uint64_t)) < 0)
			r = -EFAULT;
	}
	free(fds);
	free(big);
	return r;
}

long sys_select(struct task *t, const struct sysargs *a)
{
	int64_t deadline = WAIT_FOREVER;

	if (a->a[4]) {
		struct timeval tv;

		if (copy_in(t, &tv, a->a[4], sizeof(tv)) < 0)
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;

		int64_t sec = tv.tv_sec + tv.tv_usec / 1000000;

		if (sec == 0 && tv.tv_usec == 0)
			deadline = 0;
		else if (sec < INT64_MAX / NS_PER_SEC / 2)
			deadline = clock_mono_ns() + sec * NS_PER_SEC +
				   tv.tv_usec % 1000000 * 1000;
	}

	const uint64_t sets[3] = { a->a[1], a->a[2], a->a[3] };
	long r = do_select(t, (int)a->a[0], sets, deadline);

	write_left(t, a->a[4], deadline, true);
	return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

long sys_pselect6(struct task *t, const struct sysargs *a)
{
	uint64_t sig[2] = { 0, 0 };
	int64_t deadline;
	long r = deadline_timespec(t, a->a[4], &deadline);

	if (r == 0 && a->a[5])
		r = copy_in(t, sig, a->a[5], sizeof(sig));
	if (r == 0)
		r = temp_mask(t, sig[0], sig[1]);
	if (r < 0)
		return r;

	const uint64_t sets[3] = { a->a[1], a->a[2], a->a[3] };

	r = do_select(t, (int)a->a[0], sets, deadline);
	write_left(t, a->a[4], deadline, false);
	return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

/* --- epoll --------------------------------------------------------------------------------------- */

/* Installs a fresh file, or drops it. */
static long install(struct task *t, struct file *f, bool cloexec)
{
	int fd = fd_install(t, f, 0, cloexec);

	if (fd < 0)
		file_put(f);
	return fd;
}

static long do_epoll_create(struct task *t, bool cloexec)
{
	struct file *f;
	int r = epoll_new(&f);

	return r < 0 ? r : install(t, f, cloexec);
}

long sys_epoll_create(struct task *t, const struct sysargs *a)
{
	return (int)a->a[0] <= 0 ? -EINVAL : do_epoll_create(t, false);
}

long sys_epoll_create1(struct task *t, const struct sysargs *a)
{
	if (a->a[0] & ~(uint64_t)EPOLL_CLOEXEC)
		return -EINVAL;
	return do_epoll_create(t, a->a[0] != 0);
}

long sys_epoll_ctl(struct task *t, const struct sysargs *a)
{
	struct epoll_event ev = { 0 };
	int op = (int)a->a[1];
	struct file *ep, *target;
	long r;

	if (op != EPOLL_CTL_DEL && copy_in(t, &ev, a->a[3], sizeof(ev)) < 0)
		return -EFAULT;
	ep = fd_get(t, (int)a->a[0]);
	if (!ep)
		return -EBADF;
	target = fd_get(t, (int)a->a[2]);
	if (!target) {
		fd_put(t, ep);
		return -EBADF;
	}
	r = !target->ops->poll ? -EPERM
			       : epoll_control(ep, op, (int)a->a[2], target, &ev);
	fd_put(t, target);
	fd_put(t, ep);
	return r;
}

static long do_epoll_wait(struct task *t, const struct sysargs *a, int64_t deadline)
{
	struct epoll_event few[32];
	struct epoll_event *events = few;
	int max = (int)a->a[2];
	long r;

	if (max <= 0 || (uint64_t)max > INT32_MAX / sizeof(*events))
		return -EINVAL;

	struct file *ep = fd_get(t, (int)a->a[0]);

	if (!ep)
		return -EBADF;
	if (!file_is_epoll(ep)) {
		fd_put(t, ep);
		return -EINVAL;
	}
	max = MIN(max, 4096); /* more at once is never needed; the rest stays ready */
	if (max > (int)ARRAY_LEN(few)) {
		events = malloc((size_t)max * sizeof(*events));
		if (!events) {
			events = few;
			max = (int)ARRAY_LEN(few);
		}
	}
	r = epoll_collect(ep, t, events, max, deadline);
	if (r > 0 && copy_out(t, a->a[1], events, (size_t)r * sizeof(*events)) < 0)
		r = -EFAULT;
	if (events != few)
		free(events);
	fd_put(t, ep);
	return r;
}

long sys_epoll_wait(struct task *t, const struct sysargs *a)
{
	return do_epoll_wait(t, a, deadline_ms((int)a->a[3]));
}

long sys_epoll_pwait(struct task *t, const struct sysargs *a)
{
	long r = temp_mask(t, a->a[4], a->a[5]);

	return r < 0 ? r : do_epoll_wait(t, a, deadline_ms((int)a->a[3]));
}

long sys_epoll_pwait2(struct task *t, const struct sysargs *a)
{
	int64_t deadline;
	long r = deadline_timespec(t, a->a[3], &deadline);

	if (r == 0)
		r = temp_mask(t, a->a[4], a->a[5]);
	return r < 0 ? r : do_epoll_wait(t, a, deadline);
}

/* --- eventfd, timerfd, signalfd ------------------------------------------------------------------ */

static long do_eventfd(struct task *t, uint32_t count, int flags)
{
	struct file *f;

	if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;

	int r = eventfd_new(&f, count, flags & EFD_SEMAPHORE,
			    O_RDWR | (uint32_t)(flags & EFD_NONBLOCK));

	return r < 0 ? r : install(t, f, flags & EFD_CLOEXEC);
}

long sys_eventfd(struct task *t, const struct sysargs *a)
{
	return do_eventfd(t, (uint32_t)a->a[0], 0);
}

long sys_eventfd2(struct task *t, const struct sysargs *a)
{
	return do_eventfd(t, (uint32_t)a->a[0], (int)a->a[1]);
}

long sys_timerfd_create(struct task *t, const struct sysargs *a)
{
	int clock_id = (int)a->a[0];
	int flags = (int)a->a[1];
	struct file *f;

	if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) ||
	    (clock_id != CLOCK_REALTIME && clock_id != CLOCK_MONOTONIC &&
	     clock_id != CLOCK_BOOTTIME && clock_id != CLOCK_REALTIME_ALARM &&
	     clock_id != CLOCK_BOOTTIME_ALARM))
		return -EINVAL;

	int r = timerfd_new(&f, clock_id, O_RDWR | (uint32_t)(flags & TFD_NONBLOCK));

	return r < 0 ? r : install(t, f, flags & TFD_CLOEXEC);
}

long sys_timerfd_settime(struct task *t, const struct sysargs *a)
{
	struct itimerspec new, old;
	long r;

	if (copy_in(t, &new, a->a[2], sizeof(new)) < 0)
		return -EFAULT;

	struct file *f = fd_get(t, (int)a->a[0]);

	if (!f)
		return -EBADF;
	r = timerfd_set(f, (int)a->a[1], &new, a->a[3] ? &old : NULL);
	fd_put(t, f);
	if (r == 0 && a->a[3])
		r = copy_out(t, a->a[3], &old, sizeof(old));
	return r;
}

long sys_timerfd_gettime(struct task *t, const struct sysargs *a)
{
	struct file *f = fd_get(t, (int)a->a[0]);
	struct itimerspec cur;

	if (!f)
		return -EBADF;

	long r = timerfd_get(f, &cur);

	fd_put(t, f);
	return r < 0 ? r : copy_out(t, a->a[1], &cur, sizeof(cur));
}

static long do_signalfd(struct task *t, const struct sysargs *a, int flags)
{
	sigset64 mask;
	struct file *f;
	long r;

	if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) || a->a[2] != sizeof(mask))
		return -EINVAL;
	if (copy_in(t, &mask, a->a[1], sizeof(mask)) < 0)
		return -EFAULT;
	mask &= ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP));
	if ((int)a->a[0] == -1) {
		r = signalfd_new(&f, t, mask, O_RDWR | (uint32_t)(flags & SFD_NONBLOCK));
		return r < 0 ? r : install(t, f, flags & SFD_CLOEXEC);
	}
	f = fd_get(t, (int)a->a[0]);
	if (!f)
		return -EBADF;
	r = signalfd_set_mask(f, mask);
	fd_put(t, f);
	return r < 0 ? r : (int)a->a[0];
}

long sys_signalfd(struct task *t, const struct sysargs *a)
{
	return do_signalfd(t, a, 0);
}

long sys_signalfd4(struct task *t, const struct sysargs *a)
{
	return do_signalfd(t, a, (int)a->a[3]);
}

/* --- pipe ---------------------------------------------------------------------------------------- */

static long do_pipe(struct task *t, uint64_t ufds, int flags)
{
	struct file *end[2];
	int fds[2];

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL; /* O_DIRECT (packet mode) is not implemented */

	int r = pipe_new(end, (uint32_t)(flags & O_NONBLOCK));

	if (r < 0)
		return r;
	fds[0] = fd_install(t, end[0], 0, flags & O_CLOEXEC);
	if (fds[0] < 0) {
		file_put(end[0]);
		file_put(end[1]);
		return fds[0];
	}
	fds[1] = fd_install(t, end[1], 0, flags & O_CLOEXEC);
	if (fds[1] < 0) {
		file_put(end[1]);
		fd_close(t, fds[0]);
		return fds[1];
	}
	if (copy_out(t, ufds, fds, sizeof(fds)) < 0) {
		fd_close(t, fds[0]);
		fd_close(t, fds[1]);
		return -EFAULT;
	}
	return 0;
}

long sys_pipe(struct task *t, const struct sysargs *a)
{
	return do_pipe(t, a->a[0], 0);
}

long sys_pipe2(struct task *t, const struct sysargs *a)
{
	return do_pipe(t, a->a[0], (int)a->a[1]);
}
