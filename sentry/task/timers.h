/* SPDX-License-Identifier: Apache-2.0 */
/* The timers of a process: setitimer(2)'s three and timer_create(2)'s. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct ksiginfo;
struct task;
struct task_timers;
struct tgroup;

struct task_timers *task_timers_new(struct tgroup *g);
void task_timers_free(struct task_timers *tm); /* accepts NULL */
void timers_stop(struct tgroup *g);	       /* at exit; without locks */
void timers_exec(struct tgroup *g);	       /* POSIX timers do not survive execve */

/* RLIMIT_CPU was set or inherited: SIGXCPU at the soft limit and every second after, SIGKILL at the
 * hard one (setrlimit(2)). */
void timers_cpu_limit(struct tgroup *g);

/* A signal of a timer was dequeued: re-arms it, and says how often it has expired meanwhile. */
void timers_signal_taken(struct tgroup *g, struct ksiginfo *info);
void timers_alarm_taken(struct tgroup *g);

/* @which: ITIMER_*. Values in ns; 0: disarmed. */
struct itimer_val {
	int64_t interval, value;
};
int itimer_get(struct tgroup *g, int which, struct itimer_val *ret);
int itimer_set(struct tgroup *g, int which, const struct itimer_val *new, struct itimer_val *old);

struct ptimer_event {
	int notify; /* SIGEV_* */
	int signo;
	uint64_t value;
	int32_t tid; /* SIGEV_THREAD_ID */
};
/* The new timer's id, or -EINVAL, -EAGAIN. @event NULL: SIGALRM with the id as value. */
int ptimer_create(struct task *t, int clock, const struct ptimer_event *event);
int ptimer_delete(struct task *t, int id);
int ptimer_set(struct task *t, int id, bool absolute, const struct itimer_val *new,
	       struct itimer_val *old);
int ptimer_get(struct task *t, int id, struct itimer_val *ret);
int ptimer_overrun(struct task *t, int id);

/* Reads CLOCK_* including the CPU clocks of processes and threads (clock_getcpuclockid(3) ids).
 * 0 or -EINVAL. */
int task_clock_read(struct task *t, int clock, struct timespec *ret);
/* Whether @clock is one that sleeps and timers accept. */
bool task_clock_valid(struct task *t, int clock);
/* Clocks that tell the time, but that nobody can sleep on: -EOPNOTSUPP. */
bool task_clock_no_timers(int clock);
/* The absolute CLOCK_MONOTONIC time of @ns on @clock (not a CPU clock). */
int64_t task_clock_to_mono(int clock, int64_t ns);
