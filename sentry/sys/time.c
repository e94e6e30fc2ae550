/* SPDX-License-Identifier: Apache-2.0 */
/* clock_gettime(2), nanosleep(2), setitimer(2), timer_create(2), getrusage(2): decoding; the timers
 * themselves are in task/timers.c. */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>

#include "sys/table.h"
#include "task/internal.h"
#include "task/timers.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/time.def"
#undef SYSCALL

#define USER_HZ 100
#define CPU_SLEEP_STEP_NS INT64_C(4000000)

static bool valid_timespec(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < NS_PER_SEC;
}

/* Saturates like Linux's ktime. */
static int64_t timespec_ns(const struct timespec *ts)
{
	if (ts->tv_sec >= INT64_MAX / NS_PER_SEC)
		return INT64_MAX;
	return (int64_t)ts->tv_sec * NS_PER_SEC + ts->tv_nsec;
}

static struct timespec ns_timespec(int64_t ns)
{
	return (struct timespec){ns / NS_PER_SEC, ns % NS_PER_SEC};
}

static int64_t add_saturated(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* --- clocks --- */

long sys_clock_gettime(struct task *t, const struct sysargs *a)
{
	struct timespec ts;
	int r = task_clock_read(t, (int)a->a[0], &ts);

	return r < 0 ? r : copy_out(t, a->a[1], &ts, sizeof(ts));
}

long sys_clock_getres(struct task *t, const struct sysargs *a)
{
	int clock = (int)a->a[0];
	struct timespec ts, res = {0, 1};
	int r = task_clock_read(t, clock, &ts);

	if (r < 0)
		return r;
	if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
		clock_getres(clock, &res);
	return a->a[1] ? copy_out(t, a->a[1], &res, sizeof(res)) : 0;
}

long sys_clock_settime(struct task *t, const struct sysargs *a)
{
	struct timespec ts;

	if ((int)a->a[0] != CLOCK_REALTIME)
		return -EINVAL;
	if (copy_in(t, &ts, a->a[1], sizeof(ts)) < 0)
		return -EFAULT;
	return valid_timespec(&ts) ? -EPERM : -EINVAL; /* the clock is the host's */
}

long sys_gettimeofday(struct task *t, const struct sysargs *a)
{
	if (a->a[0]) {
		int64_t now = clock_real_ns();
		struct timeval tv = {now / NS_PER_SEC, now % NS_PER_SEC / 1000};

		if (copy_out(t, a->a[0], &tv, sizeof(tv)) < 0)
			return -EFAULT;
	}
	if (a->a[1]) {
		int32_t tz[2] = {0, 0};

		if (copy_out(t, a->a[1], tz, sizeof(tz)) < 0)
			return -EFAULT;
	}
	return 0;
}

long sys_settimeofday(struct task *t, const struct sysargs *a)
{
	struct timeval tv;

	if (a->a[0]) {
		if (copy_in(t, &tv, a->a[0], sizeof(tv)) < 0)
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec > 1000000)
			return -EINVAL;
	}
	return -EPERM;
}

long sys_time(struct task *t, const struct sysargs *a)
{
	int64_t now = clock_real_ns() / NS_PER_SEC;

	if (a->a[0] && copy_out(t, a->a[0], &now, sizeof(now)) < 0)
		return -EFAULT;
	return now;
}

/* Only reading: the clock is the host's, and who may set it is not asked. */
static long read_timex(struct task *t, uint64_t addr)
{
	struct timex tx;

	if (copy_in(t, &tx, addr, sizeof(tx)) < 0)
		return -EFAULT;
	if (tx.modes & ~(unsigned int)ADJ_OFFSET_SS_READ)
		return -EPERM;

	int64_t now = clock_real_ns();

	memset(&tx, 0, sizeof(tx));
	tx.status = STA_UNSYNC;
	tx.tick = 10000;
	tx.tolerance = 32768000;
	tx.precision = 1;
	tx.maxerror = 16000000;
	tx.esterror = 16000000;
	tx.time.tv_sec = now / NS_PER_SEC;
	tx.time.tv_usec = now % NS_PER_SEC / 1000;
	return copy_out(t, addr, &tx, sizeof(tx)) < 0 ? -EFAULT : TIME_ERROR;
}

long sys_adjtimex(struct task *t, const struct sysargs *a)
{
	return read_timex(t, a->a[0]);
}

long sys_clock_adjtime(struct task *t, const struct sysargs *a)
{
	struct timespec ts;
	int clock = (int)a->a[0];

	if (task_clock_read(t, clock, &ts) < 0)
		return -EINVAL;
	return clock == CLOCK_REALTIME ? read_timex(t, a->a[1]) : -EOPNOTSUPP;
}

/* --- sleeping --- */

static int sleep_until(struct task *t, int64_t deadline)
{
	for (;;) {
		task_wait_begin(t);
		if (clock_mono_ns() >= deadline)
			return 0;

		int r = task_wait(t, deadline);

		if (r == -ETIMEDOUT)
			return 0;
		if (r < 0)
			return r;
	}
}

static int put_remaining(struct task *t, uint64_t addr, int64_t deadline)
{
	struct timespec left = ns_timespec(MAX(deadline - clock_mono_ns(), 0));

	return addr ? copy_out(t, addr, &left, sizeof(left)) : 0;
}

/* restart_arg: deadline, where to write the rest. */
static long sleep_restart(struct task *t)
{
	int64_t deadline = (int64_t)t->restart_arg[0];

	if (sleep_until(t, deadline) == 0)
		return 0;
	if (put_remaining(t, t->restart_arg[1], deadline) < 0)
		return -EFAULT;
	t->restart_fn = sleep_restart;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_relative(struct task *t, int64_t ns, uint64_t rem)
{
	t->restart_arg[0] = (uint64_t)add_saturated(clock_mono_ns(), ns);
	t->restart_arg[1] = rem;
	return sleep_restart(t);
}

long sys_nanosleep(struct task *t, const struct sysargs *a)
{
	struct timespec ts;

	if (copy_in(t, &ts, a->a[0], sizeof(ts)) < 0)
		return -EFAULT;
	if (!valid_timespec(&ts))
		return -EINVAL;
	return sleep_relative(t, timespec_ns(&ts), a->a[1]);
}

/* Until the process has used that much CPU time; sampled. */
static long sleep_cpu(struct task *t, int clock, int64_t ns, bool absolute)
{
	struct timespec ts;
	int r = task_clock_read(t, clock, &ts);
	int64_t until;

	if (r < 0)
		return r;
	until = absolute ? ns : add_saturated(timespec_ns(&ts), ns);
	for (;;) {
		if (task_clock_read(t, clock, &ts) < 0 || timespec_ns(&ts) >= until)
			return 0;

		int64_t left = until - timespec_ns(&ts);

		r = sleep_until(t, clock_mono_ns() + MAX(left, CPU_SLEEP_STEP_NS));
		if (r < 0)
			return absolute ? -ERESTARTNOHAND : -EINTR;
	}
}

long sys_clock_nanosleep(struct task *t, const struct sysargs *a)
{
	int clock = (int)a->a[0];
	bool absolute = (a->a[1] & TIMER_ABSTIME) != 0;
	struct timespec ts;

	if (clock == CLOCK_THREAD_CPUTIME_ID)
		return -EINVAL;
	if (!task_clock_valid(t, clock))
		return task_clock_no_timers(clock) ? -EOPNOTSUPP : -EINVAL;
	if (copy_in(t, &ts, a->a[2], sizeof(ts)) < 0)
		return -EFAULT;
	if (!valid_timespec(&ts))
		return -EINVAL;
	if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID)
		return sleep_cpu(t, clock, timespec_ns(&ts), absolute);
	if (!absolute)
		return sleep_relative(t, timespec_ns(&ts), a->a[3]);

	int r = sleep_until(t, task_clock_to_mono(clock, timespec_ns(&ts)));

	return r < 0 ? -ERESTARTNOHAND : 0;
}

/* --- interval timers --- */

static struct itimerval itimer_to_guest(const struct itimer_val *v)
{
	/* A timer that is armed never reads as zero. */
	int64_t value = v->value > 0 && v->value < 1000 ? 1000 : v->value;

	return (struct itimerval){
		.it_interval = {v->interval / NS_PER_SEC, v->interval % NS_PER_SEC / 1000},
		.it_value = {value / NS_PER_SEC, value % NS_PER_SEC / 1000},
	};
}

static bool timeval_ns(const struct timeval *tv, int64_t *ret)
{
	struct timespec ts = {tv->tv_sec, tv->tv_usec * 1000};

	if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= 1000000)
		return false;
	*ret = timespec_ns(&ts);
	return true;
}

long sys_getitimer(struct task *t, const struct sysargs *a)
{
	struct itimer_val val;
	int r = itimer_get(t->group, (int)a->a[0], &val);

	if (r < 0)
		return r;

	struct itimerval out = itimer_to_guest(&val);

	return copy_out(t, a->a[1], &out, sizeof(out));
}

long sys_setitimer(struct task *t, const struct sysargs *a)
{
	struct itimer_val new = {0}, old;
	struct itimerval u;

	if (a->a[1]) {
		if (copy_in(t, &u, a->a[1], sizeof(u)) < 0)
			return -EFAULT;
		if (!timeval_ns(&u.it_value, &new.value) ||
		    !timeval_ns(&u.it_interval, &new.interval))
			return -EINVAL;
	}

	int r = itimer_set(t->group, (int)a->a[0], &new, &old);

	if (r < 0 || !a->a[2])
		return r;
	u = itimer_to_guest(&old);
	return copy_out(t, a->a[2], &u, sizeof(u));
}

long sys_alarm(struct task *t, const struct sysargs *a)
{
	struct itimer_val new = {.value = (int64_t)(uint32_t)a->a[0] * NS_PER_SEC}, old;

	itimer_set(t->group, ITIMER_REAL, &new, &old);

	int64_t sec = old.value / NS_PER_SEC, rest = old.value % NS_PER_SEC;

	if ((sec == 0 && rest > 0) || rest >= NS_PER_SEC / 2)
		sec++;
	return sec;
}

/* --- POSIX timers --- */

struct guest_sigevent {
	uint64_t value;
	int32_t signo, notify;
	int32_t tid;
	uint8_t rest[44];
};

long sys_timer_create(struct task *t, const struct sysargs *a)
{
	struct guest_sigevent u;
	struct ptimer_event event;
	int id;

	if (a->a[1]) {
		if (copy_in(t, &u, a->a[1], sizeof(u)) < 0)
			return -EFAULT;
		event = (struct ptimer_event){
			.notify = u.notify, .signo = u.signo, .value = u.value, .tid = u.tid};
	}
	id = ptimer_create(t, (int)a->a[0], a->a[1] ? &event : NULL);
	if (id < 0)
		return id;
	if (copy_out(t, a->a[2], &id, sizeof(id)) < 0) {
		ptimer_delete(t, id);
		return -EFAULT;
	}
	return 0;
}

static struct itimerspec itimerspec_of(const struct itimer_val *v)
{
	return (struct itimerspec){.it_interval = ns_timespec(v->interval),
				   .it_value = ns_timespec(v->value)};
}

long sys_timer_settime(struct task *t, const struct sysargs *a)
{
	struct itimerspec u;
	struct itimer_val new, old;

	if (!a->a[2])
		return -EINVAL;
	if (copy_in(t, &u, a->a[2], sizeof(u)) < 0)
		return -EFAULT;
	if (!valid_timespec(&u.it_value) || !valid_timespec(&u.it_interval))
		return -EINVAL;
	new = (struct itimer_val){timespec_ns(&u.it_interval), timespec_ns(&u.it_value)};

	int r = ptimer_set(t, (int)a->a[0], (a->a[1] & TIMER_ABSTIME) != 0, &new, &old);

	if (r < 0 || !a->a[3])
		return r;
	u = itimerspec_of(&old);
	return copy_out(t, a->a[3], &u, sizeof(u));
}

long sys_timer_gettime(struct task *t, const struct sysargs *a)
{
	struct itimer_val val;
	int r = ptimer_get(t, (int)a->a[0], &val);

	if (r < 0)
		return r;

	struct itimerspec u = itimerspec_of(&val);

	return copy_out(t, a->a[1], &u, sizeof(u));
}

long sys_timer_getoverrun(struct task *t, const struct sysargs *a)
{
	return ptimer_overrun(t, (int)a->a[0]);
}

long sys_timer_delete(struct task *t, const struct sysargs *a)
{
	return ptimer_delete(t, (int)a->a[0]);
}

/* --- usage --- */

static void current_rss(struct task *t, struct cpu_usage *u)
{
	struct mm_usage mu;

	mm_usage(t->mm, &mu);
	u->maxrss_kb = MAX(u->maxrss_kb, mu.rss / 1024);
}

long sys_getrusage(struct task *t, const struct sysargs *a)
{
	struct cpu_usage u = {0};
	struct rusage ru;

	switch ((int)a->a[0]) {
	case RUSAGE_SELF:
		rwlock_rdlock(&t->kernel->tasks);
		tgroup_usage(t->group, &u);
		rwlock_unlock(&t->kernel->tasks);
		current_rss(t, &u);
		break;
	case RUSAGE_CHILDREN:
		rwlock_rdlock(&t->kernel->tasks);
		u = t->group->children_usage;
		rwlock_unlock(&t->kernel->tasks);
		break;
	case RUSAGE_THREAD:
		task_cpu_split(t, &u.utime_ns, &u.stime_ns);
		u.minflt = atomic_load(&t->minflt);
		u.nvcsw = atomic_load(&t->nvcsw);
		current_rss(t, &u);
		break;
	default:
		return -EINVAL;
	}
	ru = (struct rusage){
		.ru_utime = {u.utime_ns / NS_PER_SEC, u.utime_ns % NS_PER_SEC / 1000},
		.ru_stime = {u.stime_ns / NS_PER_SEC, u.stime_ns % NS_PER_SEC / 1000},
		.ru_maxrss = (long)u.maxrss_kb,
		.ru_minflt = (long)u.minflt,
		.ru_majflt = (long)u.majflt,
		.ru_nvcsw = (long)u.nvcsw,
		.ru_nivcsw = (long)u.nivcsw,
	};
	return copy_out(t, a->a[1], &ru, sizeof(ru));
}

static int64_t ticks(int64_t ns)
{
	return ns / (NS_PER_SEC / USER_HZ);
}

long sys_times(struct task *t, const struct sysargs *a)
{
	if (a->a[0]) {
		struct cpu_usage self, children;

		rwlock_rdlock(&t->kernel->tasks);
		tgroup_usage(t->group, &self);
		children = t->group->children_usage;
		rwlock_unlock(&t->kernel->tasks);

		struct tms tms = {ticks(self.utime_ns), ticks(self.stime_ns),
				  ticks(children.utime_ns), ticks(children.stime_ns)};

		if (copy_out(t, a->a[0], &tms, sizeof(tms)) < 0)
			return -EFAULT;
	}
	return ticks(clock_mono_ns());
}

long sys_sysinfo(struct task *t, const struct sysargs *a)
{
	struct kernel *k = t->kernel;
	struct sysinfo si = {0};
	struct timespec up;
	struct tgroup *g;

	clock_gettime(CLOCK_BOOTTIME, &up);
	si.uptime = up.tv_sec + (up.tv_nsec > 0);
	si.totalram = system_total_memory(k);

	uint64_t used = memfile_used_bytes();

	si.freeram = si.totalram > used ? si.totalram - used : 0;
	rwlock_rdlock(&k->tasks);
	list_for_each_entry(g, &k->groups, kernel_link) si.procs =
		(unsigned short)(si.procs + g->n_tasks);
	rwlock_unlock(&k->tasks);
	si.mem_unit = 1;
	return copy_out(t, a->a[0], &si, sizeof(si));
}
