/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, sleeping, interval and POSIX timers, CPU time. */
#include <sys/sysinfo.h>
#include <sys/times.h>

#include "guest.h"

static void clocks(void)
{
	static const clockid_t ids[] = {
		CLOCK_REALTIME,		 CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE,	 CLOCK_BOOTTIME,      CLOCK_TAI};
	struct timespec ts, res;

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		int r = (int)syscall(SYS_clock_gettime, ids[i], &ts);
		int q = clock_getres(ids[i], &res);

		printf("clock %d: %d res %d %ld.%09ld\n", ids[i], r, q, (long)res.tv_sec,
		       res.tv_nsec);
	}
	SHOW(syscall(SYS_clock_gettime, 99, &ts));
	SHOW(syscall(SYS_clock_getres, 99, &ts));
	SHOW(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (void *)8));
	SHOW(clock_settime(CLOCK_MONOTONIC, &ts));
	int64_t a = now_ns(CLOCK_MONOTONIC), b;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	b = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	CHECK(b >= a && b - a < 100000000);
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts);
	CHECK(labs(ts.tv_sec - time(NULL)) <= 1);
	CHECK(labs(ts.tv_sec - syscall(SYS_time, NULL)) <= 1);
	clockid_t other;

	SHOW(clock_getcpuclockid(99999, &other));
	SHOW(clock_getcpuclockid(0, &other));
	SHOW(clock_gettime(other, &ts));
}

static void sleeps(void)
{
	struct timespec ts = {0, 30000000}, bad = {0, 1000000000}, neg = {-1, 0};
	int64_t start = now_ns(CLOCK_MONOTONIC), took;

	SHOW(nanosleep(&ts, NULL));
	took = now_ns(CLOCK_MONOTONIC) - start;
	CHECK(took >= 30000000 && took < 150000000);
	SHOW(nanosleep(&bad, NULL));
	SHOW(nanosleep(&neg, NULL));
	SHOW(syscall(SYS_nanosleep, (void *)8, NULL));
	start = now_ns(CLOCK_REALTIME);
	int64_t at = start + 20000000;

	ts = (struct timespec){at / 1000000000, at % 1000000000};
	SHOW(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL));
	CHECK(now_ns(CLOCK_REALTIME) >= at);
	ts.tv_sec = 1;
	SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
	SHOW(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL) == EINVAL);
	SHOW(clock_nanosleep(CLOCK_MONOTONIC_COARSE, 0, &ts, NULL) == EOPNOTSUPP);
	SHOW(clock_nanosleep(77, 0, &ts, NULL) == EINVAL);
}

static volatile int n, last_code, last_value, last_overrun;

static void on_timer(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	n++;
	last_code = si->si_code;
	last_value = si->si_value.sival_int;
	last_overrun = si->si_overrun;
}

static void wait_for(int count)
{
	int64_t end = now_ns(CLOCK_MONOTONIC) + 2000000000;

	while (n < count && now_ns(CLOCK_MONOTONIC) < end)
		sleep_ms(1);
}

static void itimers(void)
{
	struct itimerval tv = {.it_value = {0, 10000}, .it_interval = {0, 10000}}, old;
	int64_t start = now_ns(CLOCK_MONOTONIC);

	handle(SIGALRM, on_timer, 0);
	SHOW(setitimer(ITIMER_REAL, &tv, NULL));
	wait_for(5);
	CHECK(n >= 5 && now_ns(CLOCK_MONOTONIC) - start >= 50000000);
	printf("SIGALRM code %d\n", last_code);
	memset(&tv, 0, sizeof(tv));
	SHOW(setitimer(ITIMER_REAL, &tv, &old));
	printf("interval %ld\n", old.it_interval.tv_usec);
	CHECK(old.it_value.tv_usec <= 10000);
	getitimer(ITIMER_REAL, &old);
	printf("off: %ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_usec);
	SHOW(setitimer(9, &tv, NULL));
	tv.it_value.tv_usec = 1000000;
	SHOW(setitimer(ITIMER_REAL, &tv, NULL));
	SHOW(alarm(100));
	SHOW(alarm(0));
	SHOW(alarm(0));
	handle(SIGVTALRM, on_timer, 0);
	n = 0;
	tv = (struct itimerval){.it_value = {0, 30000}};
	setitimer(ITIMER_VIRTUAL, &tv, NULL);
	int64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);

	while (!n && now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu < 2000000000)
		for (volatile int i = 0; i < 100000; i++)
			;
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	CHECK(n == 1 && cpu >= 25000000 && cpu < 500000000);
	handle(SIGPROF, on_timer, 0);
	n = 0;
	tv = (struct itimerval){.it_value = {0, 10000}, .it_interval = {0, 10000}};
	setitimer(ITIMER_PROF, &tv, NULL);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (n < 3 && now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu < 2000000000)
		for (volatile int i = 0; i < 100000; i++)
			;
	CHECK(n >= 3);
	memset(&tv, 0, sizeof(tv));
	setitimer(ITIMER_PROF, &tv, NULL);
}

static _Atomic long timer_tid;

static void on_thread_timer(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	(void)uc;
	atomic_store(&timer_tid, syscall(SYS_gettid));
}

static void *timer_thread(void *arg)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2};
	struct itimerspec its = {.it_value = {0, 5000000}};
	timer_t id;

	(void)arg;
	ev._sigev_un._tid = (int)syscall(SYS_gettid);
	handle(SIGUSR2, on_thread_timer, 0);
	SHOW(timer_create(CLOCK_MONOTONIC, &ev, &id));
	SHOW(timer_settime(id, 0, &its, NULL));
	while (!atomic_load(&timer_tid))
		sched_yield();
	CHECK(atomic_load(&timer_tid) == syscall(SYS_gettid));
	timer_delete(id);
	return NULL;
}

static void posix_timers(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL,
			      .sigev_signo = SIGRTMIN,
			      .sigev_value.sival_int = 123};
	struct itimerspec its = {.it_value = {0, 10000000}}, cur;
	sigset_t set;
	timer_t id, none;
	pthread_t th;

	handle(SIGRTMIN, on_timer, 0);
	n = 0;
	SHOW(timer_create(CLOCK_MONOTONIC, &ev, &id));
	SHOW(timer_settime(id, 0, &its, NULL));
	SHOW(timer_gettime(id, &cur));
	CHECK(cur.it_value.tv_nsec > 0 && cur.it_value.tv_nsec <= 10000000);
	wait_for(1);
	printf("timer: n %d code %d value %d\n", n, last_code, last_value);
	timer_gettime(id, &cur);
	printf("expired: %ld\n", cur.it_value.tv_nsec);
	/* Overruns are counted while the signal is blocked. */
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	its.it_interval.tv_nsec = its.it_value.tv_nsec = 5000000;
	SHOW(timer_settime(id, 0, &its, NULL));
	sleep_ms(60);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK(last_overrun >= 8 && last_overrun <= 14);
	CHECK(timer_getoverrun(id) >= 0);
	memset(&its, 0, sizeof(its));
	SHOW(timer_settime(id, 0, &its, &cur));
	printf("interval %ld\n", cur.it_interval.tv_nsec);
	SHOW(timer_settime(id, 0, NULL, NULL));
	its.it_value.tv_nsec = 1000000000;
	SHOW(timer_settime(id, 0, &its, NULL));
	SHOW(timer_delete(id));
	SHOW(syscall(SYS_timer_delete, 12345));
	SHOW(syscall(SYS_timer_gettime, 12345, &cur));
	ev.sigev_signo = 99;
	SHOW(timer_create(CLOCK_MONOTONIC, &ev, &id));
	ev.sigev_notify = SIGEV_NONE;
	SHOW(timer_create(CLOCK_REALTIME, &ev, &none));
	its = (struct itimerspec){.it_value = {100, 0}};
	SHOW(timer_settime(none, 0, &its, NULL));
	timer_gettime(none, &cur);
	CHECK(cur.it_value.tv_sec >= 99);
	timer_delete(none);
	SHOW(timer_create(CLOCK_MONOTONIC_RAW, &ev, &none));
	SHOW(timer_create(99, &ev, &none));
	pthread_create(&th, NULL, timer_thread, NULL);
	pthread_join(th, NULL);
}

static void usage(void)
{
	struct rusage ru;
	struct tms tms;
	struct sysinfo si;
	int64_t start = now_ns(CLOCK_PROCESS_CPUTIME_ID);

	while (now_ns(CLOCK_PROCESS_CPUTIME_ID) - start < 50000000)
		for (volatile int i = 0; i < 100000; i++)
			;
	SHOW(getrusage(RUSAGE_SELF, &ru));
	CHECK(ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec >= 40000);
	CHECK(ru.ru_maxrss > 100);
	SHOW(getrusage(RUSAGE_THREAD, &ru));
	CHECK(ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec >= 40000);
	SHOW(getrusage(7, &ru));
	SHOW(getrusage(RUSAGE_SELF, (void *)8));
	CHECK(times(&tms) != -1);
	CHECK(tms.tms_utime >= 4);
	SHOW(sysinfo(&si));
	CHECK(si.totalram > 0 && si.freeram <= si.totalram && si.uptime > 0 && si.procs > 0);
}

int main(void)
{
	clocks();
	sleeps();
	itimers();
	posix_timers();
	usage();
	return 0;
}
