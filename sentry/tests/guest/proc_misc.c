/* SPDX-License-Identifier: Apache-2.0 */
/* prctl, limits, scheduling, affinity, uname, random numbers, and bad pointers to all of them. */
#include <sys/random.h>
#include <sys/utsname.h>

#include "guest.h"

#define BAD ((void *)8)

static void prctls(void)
{
	char name[16] = {0};
	int v = -1;

	SHOW(prctl(PR_SET_NAME, "a-name-that-is-too-long"));
	SHOW(prctl(PR_GET_NAME, name));
	printf("name %s\n", name);
	SHOW(prctl(PR_SET_NAME, BAD));
	SHOW(prctl(PR_GET_NAME, BAD));
	SHOW(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	SHOW(prctl(PR_GET_PDEATHSIG, &v));
	printf("pdeathsig %d\n", v);
	SHOW(prctl(PR_SET_PDEATHSIG, 65));
	SHOW(prctl(PR_SET_PDEATHSIG, 0));
	SHOW(prctl(PR_GET_DUMPABLE));
	SHOW(prctl(PR_SET_DUMPABLE, 0));
	SHOW(prctl(PR_GET_DUMPABLE));
	SHOW(prctl(PR_SET_DUMPABLE, 2));
	SHOW(prctl(PR_SET_DUMPABLE, 1));
	SHOW(prctl(PR_GET_TIMERSLACK));
	SHOW(prctl(PR_SET_TIMERSLACK, 1234));
	SHOW(prctl(PR_GET_TIMERSLACK));
	SHOW(prctl(PR_SET_TIMERSLACK, 0));
	SHOW(prctl(PR_GET_TIMERSLACK));
	SHOW(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	SHOW(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	SHOW(prctl(PR_SET_THP_DISABLE, 0, 1, 0, 0));
	SHOW(prctl(PR_GET_TIMING));
	SHOW(prctl(PR_SET_TIMING, 1));
	SHOW(prctl(PR_GET_SECUREBITS));
	SHOW(prctl(9999));
	SHOW(prctl(PR_GET_SECCOMP));
}

/* The signal at a parent's death. */
static void pdeath(void)
{
	int p[2], st;
	char c = 0;

	if (pipe(p) < 0)
		return;
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		int q[2];

		pipe(q);
		if (fork() == 0) {
			sigset_t set;
			int sig;

			sigemptyset(&set);
			sigaddset(&set, SIGUSR1);
			sigprocmask(SIG_BLOCK, &set, NULL);
			prctl(PR_SET_PDEATHSIG, SIGUSR1);
			write(q[1], "x", 1);
			sigwait(&set, &sig);
			write(p[1], "d", 1);
			_exit(0);
		}
		read(q[0], &c, 1);
		_exit(0);
	}
	waitpid(pid, &st, 0);
	close(p[1]);
	read(p[0], &c, 1);
	printf("pdeathsig delivered: %c\n", c);
}

static void limits(void)
{
	struct rlimit lim, old;

	lim = (struct rlimit){100, 200};
	SHOW(setrlimit(RLIMIT_NOFILE, &lim));
	SHOW(getrlimit(RLIMIT_NOFILE, &old));
	printf("nofile %lu %lu\n", (unsigned long)old.rlim_cur, (unsigned long)old.rlim_max);
	SHOW(fcntl(0, F_DUPFD, 100));
	SHOW(fcntl(0, F_DUPFD, 99));
	close(99);
	lim.rlim_cur = 300;
	SHOW(setrlimit(RLIMIT_NOFILE, &lim));
	lim = (struct rlimit){1, RLIM_INFINITY};
	SHOW(setrlimit(RLIMIT_NOFILE, &lim));
	SHOW(getrlimit(16, &old));
	SHOW(syscall(SYS_getrlimit, RLIMIT_CPU, BAD));
	SHOW(syscall(SYS_setrlimit, RLIMIT_CPU, BAD));
	SHOW(prlimit(0, RLIMIT_NOFILE, NULL, &old));
	printf("nofile %lu %lu\n", (unsigned long)old.rlim_cur, (unsigned long)old.rlim_max);
	SHOW(prlimit(99999, RLIMIT_NOFILE, NULL, &old));
	SHOW(prlimit(-1, RLIMIT_NOFILE, NULL, &old));
}

/* RLIMIT_NPROC and RLIMIT_SIGPENDING of an ordinary user. */
static void counted(void)
{
	int st;

	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit one = {3, 3}, sigs = {2, 2};
		union sigval v = {0};
		sigset_t set;
		pid_t kids[8];
		int n = 0;

		setrlimit(RLIMIT_NPROC, &one);
		setrlimit(RLIMIT_SIGPENDING, &sigs);
		syscall(SYS_setresuid, 31337, 31337, 31337);
		for (n = 0; n < 8; n++) {
			kids[n] = fork();
			if (kids[n] == 0)
				for (;;)
					pause();
			if (kids[n] < 0)
				break;
		}
		printf("forks before the limit %d %s\n", n, strerrorname_np(errno));
		for (int i = 0; i < n; i++) {
			kill(kids[i], SIGKILL);
			waitpid(kids[i], NULL, 0);
		}
		sigfillset(&set);
		sigprocmask(SIG_BLOCK, &set, NULL);
		for (n = 0; n < 5; n++) {
			if (sigqueue(getpid(), SIGRTMIN, v) < 0)
				break;
		}
		printf("queued before the limit %d %s\n", n, strerrorname_np(errno));
		SHOW(kill(getpid(), SIGUSR1));
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &st, 0);
}

static void cpu_limit(void)
{
	int st;

	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit one = {1, 3};

		setrlimit(RLIMIT_CPU, &one);
		for (;;)
			;
	}
	waitpid(pid, &st, 0);
	show_status("RLIMIT_CPU", st & ~0x80);
}

static void scheduling(void)
{
	struct sched_param sp = {0};
	struct timespec ts;
	cpu_set_t set, all;
	unsigned int cpu = 999, node = 999;

	SHOW(sched_getscheduler(0));
	SHOW(sched_getscheduler(-1));
	SHOW(sched_getscheduler(99999));
	SHOW(sched_getparam(0, &sp));
	printf("priority %d\n", sp.sched_priority);
	SHOW(sched_setscheduler(0, SCHED_BATCH, &sp));
	SHOW(sched_getscheduler(0));
	sp.sched_priority = 1;
	SHOW(sched_setscheduler(0, SCHED_OTHER, &sp));
	SHOW(sched_setscheduler(0, 77, &sp));
	SHOW(sched_setscheduler(0, SCHED_OTHER, NULL));
	sp.sched_priority = 0;
	SHOW(sched_setscheduler(0, SCHED_OTHER, &sp));
	SHOW(sched_get_priority_max(SCHED_FIFO));
	SHOW(sched_get_priority_min(SCHED_FIFO));
	SHOW(sched_get_priority_max(SCHED_OTHER));
	SHOW(sched_get_priority_max(55));
	SHOW(sched_rr_get_interval(0, &ts));
	SHOW(sched_yield());
	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	CHECK(CPU_COUNT(&all) == sysconf(_SC_NPROCESSORS_ONLN));
	SHOW(syscall(SYS_sched_getaffinity, 0, 3, &set));
	SHOW(syscall(SYS_sched_getaffinity, 0, 8, &set));
	SHOW(syscall(SYS_sched_getaffinity, 99999, 8, &set));
	CPU_ZERO(&set);
	SHOW(sched_setaffinity(0, sizeof(set), &set));
	CPU_SET(0, &set);
	SHOW(sched_setaffinity(0, sizeof(set), &set));
	sched_getaffinity(0, sizeof(set), &set);
	printf("now on %d cpus\n", CPU_COUNT(&set));
	SHOW(sched_setaffinity(0, sizeof(all), &all));
	SHOW(syscall(SYS_getcpu, &cpu, &node, NULL));
	CHECK(cpu < 1024 && node < 64);
	setpriority(PRIO_PROCESS, 0, 0); /* the caller may have been niced */
	SHOW(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	SHOW(setpriority(PRIO_PROCESS, 0, 7));
	SHOW(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	SHOW(syscall(SYS_getpriority, 9, 0));
	SHOW(syscall(SYS_getpriority, PRIO_PROCESS, 99999));
	SHOW(setpriority(PRIO_PROCESS, 0, 100));
	SHOW(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	SHOW(syscall(SYS_ioprio_get, 1, 0));
	SHOW(syscall(SYS_ioprio_set, 1, 0, (2 << 13) | 5));
	SHOW(syscall(SYS_ioprio_get, 1, 0));
	SHOW(syscall(SYS_ioprio_set, 1, 0, 7 << 13));
}

static void system_calls(void)
{
	struct utsname u;
	char buf[64] = {0}, zero[64] = {0};

	SHOW(uname(&u));
	printf("%s %s\n", u.sysname, u.machine);
	SHOW(syscall(SYS_uname, BAD));
	SHOW(getrandom(buf, sizeof(buf), 0));
	CHECK(memcmp(buf, zero, sizeof(buf)) != 0);
	SHOW(getrandom(buf, sizeof(buf), 0x100));
	SHOW(getrandom(buf, 10, GRND_NONBLOCK | GRND_RANDOM));
	SHOW(syscall(SYS_getrandom, BAD, 8, 0));
	SHOW(syscall(SYS_personality, 0xffffffff));
	SHOW(syscall(SYS_set_tid_address, &buf) == syscall(SYS_gettid));
	SHOW(syscall(SYS_unshare, 0));
	SHOW(syscall(SYS_unshare, 0x1));
	SHOW(syscall(SYS_setns, 99, 0));
	SHOW(syscall(SYS_ptrace, 16, 99999, 0, 0) < 0);
}

static void bad_pointers(void)
{
	static const struct {
		const char *name;
		long nr;
		long a[4];
	} calls[] = {
		{"rt_sigaction", SYS_rt_sigaction, {SIGUSR1, 8, 0, 8}},
		{"rt_sigpending", SYS_rt_sigpending, {8, 8}},
		{"rt_sigsuspend", SYS_rt_sigsuspend, {8, 8}},
		{"rt_sigtimedwait", SYS_rt_sigtimedwait, {8, 0, 0, 8}},
		{"sigaltstack", SYS_sigaltstack, {8, 0}},
		{"sigaltstack out", SYS_sigaltstack, {0, 8}},
		{"getitimer", SYS_getitimer, {0, 8}},
		{"setitimer", SYS_setitimer, {0, 8, 0}},
		{"timer_create", SYS_timer_create, {0, 8, 0}},
		{"gettimeofday", SYS_gettimeofday, {8, 0}},
		{"times", SYS_times, {8}},
		{"sysinfo", SYS_sysinfo, {8}},
		{"getresuid", SYS_getresuid, {8, 8, 8}},
		{"sched_getparam", SYS_sched_getparam, {0, 8}},
		{"sched_setparam", SYS_sched_setparam, {0, 8}},
		{"getcpu", SYS_getcpu, {8, 0, 0}},
		{"execve", SYS_execve, {8, 0, 0}},
		{"clone3", SYS_clone3, {8, 88}},
		{"clone3 short", SYS_clone3, {8, 8}},
		{"arch_prctl get", SYS_arch_prctl, {0x1003, 8}},
		{"arch_prctl bad", SYS_arch_prctl, {0x9999, 8}},
		{"arch_prctl set", SYS_arch_prctl, {0x1002, (long)0xffff800000000000ul}},
		{"get_robust_list", SYS_get_robust_list, {0, 8, 8}},
		{"high address", SYS_uname, {(long)0xffff888000000000ul}},
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		errno = 0;
		long r = syscall(calls[i].nr, calls[i].a[0], calls[i].a[1], calls[i].a[2],
				 calls[i].a[3]);

		printf("%s: %ld %s\n", calls[i].name, r, r < 0 ? strerrorname_np(errno) : "ok");
	}
}

int main(void)
{
	setpgid(0, 0);
	prctls();
	pdeath();
	limits();
	counted();
	cpu_limit();
	scheduling();
	system_calls();
	bad_pointers();
	return 0;
}
