/* SPDX-License-Identifier: Apache-2.0 */
/* Interval timers and POSIX timers, and the clocks they run on.
 *
 * Wall-clock timers are ktimers. CPU-time timers are sampled: a ktimer fires when the time could be
 * up at the earliest, reads the CPU clock, and comes back. A periodic timer whose signal has not
 * been taken is not re-armed; the expirations that it missed are counted when the signal is taken
 * (timer_getoverrun). Locks: [tm] task_timers.mu (RANK_ITIMER); signals are sent under it ([S] is
 * inside).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "core/timer.h"
#include "task/internal.h"
#include "task/timers.h"

#define CPU_SAMPLE_NS INT64_C(4000000) /* as a 250 Hz tick */
#define PTIMERS_MAX 4096

enum vclock { VCLOCK_MONO, VCLOCK_GROUP, VCLOCK_GROUP_USER, VCLOCK_THREAD };

/* One timer on one clock. */
struct vtimer {
	struct ktimer kt;
	struct task_timers *tm;
	enum vclock clock;
	struct task *thread;	  /* VCLOCK_THREAD: reference */
	int64_t expiry, interval; /* [tm] on the clock */
	bool armed;		  /* [tm] */
	bool fired;		  /* [tm] periodic, waits for its signal to be taken */
};

struct ptimer {
	struct vtimer v;
	struct list link; /* [tm] */
	int id;
	int posix_clock;
	struct ptimer_event event;
	struct task *target;	/* SIGEV_THREAD_ID: reference */
	struct sigqueue signal; /* [S] */
	int overrun;		/* [tm] of the last signal taken */
};

struct task_timers {
	struct tgroup *group;
	struct mutex mu;
	struct vtimer itimers[3]; /* ITIMER_REAL, VIRTUAL, PROF */
	struct vtimer cpu_limit;
	struct list ptimers; /* [tm] */
	uint32_t n_ptimers;
	int next_id;
	bool dead; /* [tm] */
};

static int64_t vtimer_now(const struct vtimer *v)
{
	int64_t user, sys;

	switch (v->clock) {
	case VCLOCK_MONO:
		return clock_mono_ns();
	case VCLOCK_GROUP:
		return tgroup_cpu_ns(v->tm->group);
	case VCLOCK_GROUP_USER:
		tgroup_cpu_split(v->tm->group, &user, &sys);
		return user;
	case VCLOCK_THREAD:
		return task_cpu_ns(v->thread);
	}
	return 0;
}

/* [tm] */
static void vtimer_arm(struct vtimer *v)
{
	if (v->clock == VCLOCK_MONO) {
		ktimer_arm(&v->kt, v->expiry);
		return;
	}

	int64_t left = v->expiry - vtimer_now(v);

	ktimer_arm(&v->kt, clock_mono_ns() + MAX(left, CPU_SAMPLE_NS));
}

/* [tm] Sets or, with value 0, stops. @absolute: value is a time on the clock. */
static void vtimer_set(struct vtimer *v, int64_t value, int64_t interval, bool absolute)
{
	v->fired = false;
	v->armed = value != 0 && !v->tm->dead;
	v->interval = interval;
	if (!v->armed)
		return;
	if (absolute || __builtin_add_overflow(vtimer_now(v), value, &v->expiry))
		v->expiry = absolute ? value : INT64_MAX;
	vtimer_arm(v);
}

/* [tm] */
static void vtimer_get(const struct vtimer *v, struct itimer_val *ret)
{
	*ret = (struct itimer_val){.interval = v->interval};
	if (!v->armed)
		return;

	int64_t now = vtimer_now(v), expiry = v->expiry;

	if (expiry <= now && v->interval > 0)
		expiry += ((now - expiry) / v->interval + 1) * v->interval;
	ret->value = MAX(expiry - now, 1);
}

/* [tm] Moves a periodic timer behind now. Returns how many expirations were skipped. */
static int64_t vtimer_forward(struct vtimer *v)
{
	int64_t now = vtimer_now(v), missed = 0;

	if (now >= v->expiry) {
		missed = (now - v->expiry) / v->interval;
		v->expiry += (missed + 1) * v->interval;
	}
	return missed;
}

/* [tm] Whether the timer is due; re-arms a sample that came early. */
static bool vtimer_due(struct vtimer *v)
{
	if (!v->armed || v->fired)
		return false;
	if (vtimer_now(v) < v->expiry) {
		vtimer_arm(v);
		return false;
	}
	return true;
}

static void itimer_fire(struct ktimer *kt)
{
	struct vtimer *v = container_of(kt, struct vtimer, kt);
	struct task_timers *tm = v->tm;
	long which = v - tm->itimers;
	static const int signals[] = {SIGALRM, SIGVTALRM, SIGPROF};
	bool due;

	mutex_lock(&tm->mu);
	due = vtimer_due(v);
	if (due && v->interval == 0) {
		v->armed = false;
	} else if (due && which == ITIMER_REAL) {
		v->fired = true; /* until the signal is taken */
	} else if (due) {
		vtimer_forward(v);
		vtimer_arm(v);
	}
	mutex_unlock(&tm->mu);
	if (due)
		(void)signal_send_group(
			tm->group, &(struct ksiginfo){.signo = signals[which], .code = SI_KERNEL_});
}

static int64_t limit_ns(rlim_t seconds)
{
	return seconds >= (rlim_t)(INT64_MAX / NS_PER_SEC) ? INT64_MAX
							   : (int64_t)seconds * NS_PER_SEC;
}

static void read_cpu_limit(struct tgroup *g, int64_t *soft, int64_t *hard)
{
	mutex_lock(&g->limits_mu);
	*soft = limit_ns(g->limits[RLIMIT_CPU].rlim_cur);
	*hard = limit_ns(g->limits[RLIMIT_CPU].rlim_max);
	mutex_unlock(&g->limits_mu);
}

static void cpu_limit_fire(struct ktimer *kt)
{
	struct vtimer *v = container_of(kt, struct vtimer, kt);
	struct tgroup *g = v->tm->group;
	int64_t soft, hard, now;
	int signo = 0;

	read_cpu_limit(g, &soft, &hard);
	mutex_lock(&v->tm->mu);
	if (vtimer_due(v)) {
		now = vtimer_now(v);
		if (now >= hard) {
			signo = SIGKILL;
			v->armed = false;
		} else if (now >= soft) {
			signo = SIGXCPU;
			v->expiry = MIN(now + NS_PER_SEC, hard);
			vtimer_arm(v);
		} else {
			v->expiry = MIN(soft, hard);
			vtimer_arm(v);
		}
	}
	mutex_unlock(&v->tm->mu);
	if (signo)
		(void)signal_send_group(g, &(struct ksiginfo){.signo = signo, .code = SI_KERNEL_});
}

void timers_cpu_limit(struct tgroup *g)
{
	struct task_timers *tm = g->timers;
	int64_t soft, hard;

	read_cpu_limit(g, &soft, &hard);
	if (soft == INT64_MAX && hard == INT64_MAX && !tm->cpu_limit.armed)
		return;
	mutex_lock(&tm->mu);
	/* A limit of 0 counts as one second, as Linux has it. */
	vtimer_set(&tm->cpu_limit, MAX(MIN(soft, hard), NS_PER_SEC), 0, true);
	mutex_unlock(&tm->mu);
}

void timers_alarm_taken(struct tgroup *g)
{
	struct task_timers *tm = g->timers;
	struct vtimer *v = &tm->itimers[ITIMER_REAL];

	mutex_lock(&tm->mu);
	if (v->armed && v->fired) {
		v->fired = false;
		vtimer_forward(v);
		vtimer_arm(v);
	}
	mutex_unlock(&tm->mu);
}

struct task_timers *task_timers_new(struct tgroup *g)
{
	static const enum vclock clocks[] = {VCLOCK_MONO, VCLOCK_GROUP_USER, VCLOCK_GROUP};
	struct task_timers *tm = calloc(1, sizeof(*tm));

	if (!tm)
		return NULL;
	tm->group = g;
	mutex_init(&tm->mu, RANK_ITIMER);
	list_init(&tm->ptimers);
	for (int i = 0; i < 3; i++) {
		ktimer_init(&tm->itimers[i].kt, itimer_fire);
		tm->itimers[i].tm = tm;
		tm->itimers[i].clock = clocks[i];
	}
	ktimer_init(&tm->cpu_limit.kt, cpu_limit_fire);
	tm->cpu_limit.tm = tm;
	tm->cpu_limit.clock = VCLOCK_GROUP;
	return tm;
}

static void ptimer_free(struct ptimer *p)
{
	struct sighand *sh = p->v.tm->group->sighand;

	ktimer_cancel(&p->v.kt);
	mutex_lock(&sh->mu);
	sigqueue_cancel(p->target ? &p->target->pending : &sh->shared, &p->signal);
	mutex_unlock(&sh->mu);
	task_put(p->v.thread);
	task_put(p->target);
	free(p);
}

static void delete_ptimers(struct task_timers *tm)
{
	for (;;) {
		mutex_lock(&tm->mu);
		struct ptimer *p = list_pop_entry(&tm->ptimers, struct ptimer, link);

		if (p) {
			tm->n_ptimers--;
			p->v.armed = false;
		}
		mutex_unlock(&tm->mu);
		if (!p)
			return;
		ptimer_free(p);
	}
}

void timers_exec(struct tgroup *g)
{
	delete_ptimers(g->timers);
}

void timers_stop(struct tgroup *g)
{
	struct task_timers *tm = g->timers;

	mutex_lock(&tm->mu);
	tm->dead = true;
	for (int i = 0; i < 3; i++)
		tm->itimers[i].armed = false;
	tm->cpu_limit.armed = false;
	mutex_unlock(&tm->mu);
	ktimer_cancel(&tm->cpu_limit.kt);
	for (int i = 0; i < 3; i++)
		ktimer_cancel(&tm->itimers[i].kt);
	delete_ptimers(tm);
}

void task_timers_free(struct task_timers *tm)
{
	if (!tm)
		return;
	timers_stop(tm->group);
	mutex_fini(&tm->mu);
	free(tm);
}

int itimer_get(struct tgroup *g, int which, struct itimer_val *ret)
{
	struct task_timers *tm = g->timers;

	if (which < 0 || which > 2)
		return -EINVAL;
	mutex_lock(&tm->mu);
	vtimer_get(&tm->itimers[which], ret);
	mutex_unlock(&tm->mu);
	return 0;
}

int itimer_set(struct tgroup *g, int which, const struct itimer_val *new, struct itimer_val *old)
{
	struct task_timers *tm = g->timers;

	if (which < 0 || which > 2)
		return -EINVAL;
	mutex_lock(&tm->mu);
	vtimer_get(&tm->itimers[which], old);
	vtimer_set(&tm->itimers[which], new->value, new->interval, false);
	bool armed = tm->itimers[which].armed;

	mutex_unlock(&tm->mu);
	/* A callback that is running finds the timer not due. */
	if (!armed)
		ktimer_cancel(&tm->itimers[which].kt);
	return 0;
}

/* --- POSIX timers --- */

static struct ptimer *ptimer_find(struct task_timers *tm, int id)
{
	struct ptimer *p;

	list_for_each_entry(p, &tm->ptimers, link)
	{
		if (p->id == id)
			return p;
	}
	return NULL;
}

static void ptimer_send(struct ptimer *p)
{
	struct tgroup *g = p->v.tm->group;
	struct sighand *sh = g->sighand;
	struct ksiginfo info = {.signo = p->event.signo,
				.code = SI_TIMER_,
				.timer_id = p->id,
				.value = p->event.value};
	struct task *t = p->target;
	int r = 0;

	if (p->event.notify == SIGEV_NONE)
		return;
	mutex_lock(&sh->mu);
	if (!list_empty(&g->tasks) && !list_linked(&p->signal.link) && (!t || !t->exiting))
		r = signal_send_locked(g, t, !t, &info, &p->signal);
	mutex_unlock(&sh->mu);
	/* Ignored: nobody will take it, so go on by ourselves, at a pace that cannot hurt. */
	if (r == 1 && p->v.fired) {
		p->v.fired = false;
		vtimer_forward(&p->v);
		p->v.expiry = MAX(p->v.expiry, vtimer_now(&p->v) + CPU_SAMPLE_NS);
		vtimer_arm(&p->v);
	}
}

static void ptimer_fire(struct ktimer *kt)
{
	struct vtimer *v = container_of(kt, struct vtimer, kt);
	struct ptimer *p = container_of(v, struct ptimer, v);
	struct task_timers *tm = p->v.tm;

	mutex_lock(&tm->mu);
	if (vtimer_due(&p->v)) {
		if (p->v.interval > 0 && p->event.notify != SIGEV_NONE)
			p->v.fired = true;
		else if (p->v.interval == 0)
			p->v.armed = false;
		ptimer_send(p);
	}
	mutex_unlock(&tm->mu);
}

void timers_signal_taken(struct tgroup *g, struct ksiginfo *info)
{
	struct task_timers *tm = g->timers;

	mutex_lock(&tm->mu);
	struct ptimer *p = ptimer_find(tm, info->timer_id);

	if (p) {
		p->overrun = 0;
		if (p->v.armed && p->v.fired) {
			p->v.fired = false;
			p->overrun = (int)MIN(vtimer_forward(&p->v), INT32_MAX);
			vtimer_arm(&p->v);
		}
		info->overrun = p->overrun;
	}
	mutex_unlock(&tm->mu);
}

/* CPU clock ids of clock_getcpuclockid(3): ~pid << 3 | per-thread << 2 | kind. */
static bool is_cpu_clock(int clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

/* Finds whose clock that is: a group or a thread, with a reference. -EINVAL. */
static int cpu_clock_owner(struct task *t, int clock, struct tgroup **group, struct task **thread)
{
	*group = NULL;
	*thread = NULL;
	if (clock == CLOCK_PROCESS_CPUTIME_ID) {
		*group = tgroup_get(t->group);
		return 0;
	}
	if (clock == CLOCK_THREAD_CPUTIME_ID) {
		*thread = task_get(t);
		return 0;
	}

	int32_t pid = ~(clock >> 3);

	if ((clock & 3) > 2)
		return -EINVAL;
	if (clock & 4) {
		*thread = pid == 0 ? task_get(t) : task_find(t->kernel, pid);
		if (*thread && (*thread)->group != t->group) {
			task_put(*thread);
			*thread = NULL;
		}
		return *thread ? 0 : -EINVAL;
	}
	*group = pid == 0 ? tgroup_get(t->group) : tgroup_find(t->kernel, pid);
	return *group ? 0 : -EINVAL;
}

int task_clock_read(struct task *t, int clock, struct timespec *ret)
{
	struct tgroup *g;
	struct task *thread;
	int64_t ns, user, sys;

	if (!is_cpu_clock(clock))
		return clock_read(clock, ret);

	int r = cpu_clock_owner(t, clock, &g, &thread);

	if (r < 0)
		return r;
	if (thread)
		task_cpu_split(thread, &user, &sys);
	else
		tgroup_cpu_split(g, &user, &sys);
	/* 0: profiling (both), 1: virtual (user), 2: what the scheduler counts (both). */
	ns = clock < 0 && (clock & 3) == 1 ? user : user + sys;
	if (thread)
		task_put(thread);
	else
		tgroup_put(g);
	*ret = (struct timespec){ns / NS_PER_SEC, ns % NS_PER_SEC};
	return 0;
}

bool task_clock_valid(struct task *t, int clock)
{
	struct timespec ts;

	return !task_clock_no_timers(clock) && task_clock_read(t, clock, &ts) == 0;
}

bool task_clock_no_timers(int clock)
{
	return clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_REALTIME_COARSE ||
	       clock == CLOCK_MONOTONIC_COARSE;
}

int64_t task_clock_to_mono(int clock, int64_t ns)
{
	struct timespec ts;

	if (clock == CLOCK_MONOTONIC || clock_read(clock, &ts) < 0)
		return ns;

	int64_t now = (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
	int64_t mono;

	if (__builtin_add_overflow(ns - now, clock_mono_ns(), &mono))
		return ns > now ? INT64_MAX : 0;
	return mono;
}

static int check_event(struct task *t, const struct ptimer_event *e, struct task **target)
{
	*target = NULL;
	switch (e->notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
		break;
	case SIGEV_THREAD_ID:
		*target = task_find(t->kernel, e->tid);
		if (*target && (*target)->group != t->group) {
			task_put(*target);
			*target = NULL;
		}
		if (!*target)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (e->signo < 1 || e->signo > NSIG_GUEST) {
		task_put(*target);
		*target = NULL;
		return -EINVAL;
	}
	return 0;
}

static int set_clock(struct task *t, struct ptimer *p, int clock)
{
	struct tgroup *g;

	if (!is_cpu_clock(clock)) {
		p->v.clock = VCLOCK_MONO;
		return 0;
	}

	int r = cpu_clock_owner(t, clock, &g, &p->v.thread);

	if (r < 0)
		return r;
	if (p->v.thread) {
		p->v.clock = VCLOCK_THREAD;
		return 0;
	}
	p->v.clock = VCLOCK_GROUP;
	bool own = g == t->group;

	tgroup_put(g);
	return own ? 0 : -EINVAL;
}

int ptimer_create(struct task *t, int clock, const struct ptimer_event *event)
{
	struct task_timers *tm = t->group->timers;
	struct ptimer_event dflt = {.notify = SIGEV_SIGNAL, .signo = SIGALRM};
	struct ptimer *p;
	int r;

	if (!task_clock_valid(t, clock))
		return task_clock_no_timers(clock) ? -EOPNOTSUPP : -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -EAGAIN;
	ktimer_init(&p->v.kt, ptimer_fire);
	p->v.tm = tm;
	p->posix_clock = clock;
	p->event = event ? *event : dflt;
	p->signal.embedded = true;
	r = set_clock(t, p, clock);
	if (r == 0)
		r = check_event(t, &p->event, &p->target);
	if (r < 0) {
		task_put(p->v.thread);
		free(p);
		return r;
	}

	mutex_lock(&tm->mu);
	if (tm->dead || tm->n_ptimers >= PTIMERS_MAX) {
		mutex_unlock(&tm->mu);
		ptimer_free(p);
		return -EAGAIN;
	}
	do {
		p->id = tm->next_id;
		tm->next_id = tm->next_id == INT32_MAX ? 0 : tm->next_id + 1;
	} while (ptimer_find(tm, p->id));
	if (!event)
		p->event.value = (uint64_t)p->id;
	r = p->id;
	list_push_back(&tm->ptimers, &p->link);
	tm->n_ptimers++;
	mutex_unlock(&tm->mu);
	return r;
}

int ptimer_delete(struct task *t, int id)
{
	struct task_timers *tm = t->group->timers;

	mutex_lock(&tm->mu);
	struct ptimer *p = ptimer_find(tm, id);

	if (p) {
		list_remove(&p->link);
		tm->n_ptimers--;
		p->v.armed = false;
	}
	mutex_unlock(&tm->mu);
	if (!p)
		return -EINVAL;
	ptimer_free(p);
	return 0;
}

int ptimer_set(struct task *t, int id, bool absolute, const struct itimer_val *new,
	       struct itimer_val *old)
{
	struct task_timers *tm = t->group->timers;
	struct itimer_val val = *new;

	mutex_lock(&tm->mu);
	struct ptimer *p = ptimer_find(tm, id);

	if (!p) {
		mutex_unlock(&tm->mu);
		return -EINVAL;
	}
	vtimer_get(&p->v, old);
	if (absolute && val.value != 0 && p->v.clock == VCLOCK_MONO)
		val.value = MAX(task_clock_to_mono(p->posix_clock, val.value), 1);
	p->overrun = 0;
	mutex_lock(&tm->group->sighand->mu);
	sigqueue_cancel(p->target ? &p->target->pending : &tm->group->sighand->shared, &p->signal);
	mutex_unlock(&tm->group->sighand->mu);
	vtimer_set(&p->v, val.value, val.interval, absolute);
	mutex_unlock(&tm->mu);
	return 0;
}

int ptimer_get(struct task *t, int id, struct itimer_val *ret)
{
	struct task_timers *tm = t->group->timers;

	mutex_lock(&tm->mu);
	struct ptimer *p = ptimer_find(tm, id);

	if (p)
		vtimer_get(&p->v, ret);
	mutex_unlock(&tm->mu);
	return p ? 0 : -EINVAL;
}

int ptimer_overrun(struct task *t, int id)
{
	struct task_timers *tm = t->group->timers;

	mutex_lock(&tm->mu);
	struct ptimer *p = ptimer_find(tm, id);
	int n = p ? p->overrun : -EINVAL;

	mutex_unlock(&tm->mu);
	return n;
}
