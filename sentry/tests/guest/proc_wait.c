/* SPDX-License-Identifier: Apache-2.0 */
/* fork, exit, wait4, waitid: statuses, options, errors, SIGCHLD's siginfo, automatic reaping. */
#include "guest.h"

static volatile int got, got_code, got_status, got_pid;

static void on_chld(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	got++;
	got_code = si->si_code;
	got_status = si->si_status;
	got_pid = si->si_pid;
}

static pid_t child_exits(int code)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(code);
	return pid;
}

static pid_t child_killed(int sig)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit no = {0, 0};

		setrlimit(RLIMIT_CORE, &no);
		raise(sig);
		_exit(99);
	}
	return pid;
}

static pid_t child_sleeps(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void statuses(void)
{
	int st;
	pid_t pid;

	CHECK(waitpid(-1, &st, 0) == -1 && errno == ECHILD);
	pid = child_exits(0);
	CHECK(waitpid(pid, &st, 0) == pid);
	show_status("exit 0", st);
	pid = child_exits(300);
	CHECK(waitpid(-1, &st, 0) == pid);
	show_status("exit 300", st);
	static const int sigs[] = {SIGKILL, SIGTERM, SIGSEGV, SIGABRT,
				   SIGUSR1, SIGALRM, SIGPIPE, SIGHUP};

	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++) {
		pid = child_killed(sigs[i]);
		waitpid(pid, &st, 0);
		show_status(sig_name(sigs[i]), st & ~0x80);
	}
	pid = child_killed(SIGCHLD);
	waitpid(pid, &st, 0);
	show_status("default-ignored", st);
}

static void options(void)
{
	siginfo_t si;
	int st;
	pid_t pid = child_sleeps(), other = child_exits(5);

	SHOW(waitpid(pid, &st, WNOHANG));
	memset(&si, 0xff, sizeof(si));
	SHOW(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG));
	printf("no change: signo %d pid %d\n", si.si_signo, si.si_pid);
	SHOW(waitid(P_ALL, 0, &si, WEXITED | WNOWAIT));
	printf("nowait: signo %d code %d status %d pid ok %d\n", si.si_signo, si.si_code,
	       si.si_status, si.si_pid == other);
	SHOW(waitid(P_ALL, 0, &si, WEXITED));
	printf("wait: code %d status %d pid ok %d uid ok %d\n", si.si_code, si.si_status,
	       si.si_pid == other, si.si_uid == getuid());
	kill(pid, SIGSTOP);
	CHECK(waitpid(pid, &st, WUNTRACED) == pid);
	show_status("stop", st);
	SHOW(waitpid(pid, &st, WUNTRACED | WNOHANG));
	kill(pid, SIGCONT);
	CHECK(waitpid(pid, &st, WCONTINUED) == pid);
	show_status("cont", st);
	kill(pid, SIGSTOP);
	SHOW(waitid(P_PID, (id_t)pid, &si, WSTOPPED));
	printf("waitid stop: code %d status %d\n", si.si_code, si.si_status);
	kill(pid, SIGKILL);
	SHOW(waitid(P_PID, (id_t)pid, &si, WEXITED | WSTOPPED | WCONTINUED));
	printf("waitid kill: code %d status %d\n", si.si_code, si.si_status);
}

static void errors(void)
{
	siginfo_t si;
	int st;

	SHOW(wait4(-1, &st, 0x100, NULL));
	SHOW(wait4(INT32_MIN, &st, 0, NULL));
	SHOW(wait4(99999, &st, 0, NULL));
	SHOW(waitid(P_ALL, 0, &si, 0));
	SHOW(waitid(P_ALL, 0, &si, WEXITED | 0x100));
	SHOW(waitid(P_PID, 0, &si, WEXITED));
	SHOW(waitid(9, 0, &si, WEXITED));
	pid_t pid = child_exits(1);

	SHOW(syscall(SYS_wait4, pid, (void *)8, 0, NULL));
	SHOW(waitpid(pid, &st, __WCLONE));
	SHOW(waitpid(-1, &st, WNOHANG));
	pid = child_exits(2);
	CHECK(waitpid(pid, &st, __WALL) == pid);
	pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(3);
	SHOW(waitpid(pid, &st, 0));
	CHECK(waitpid(pid, &st, __WCLONE) == pid);
	show_status("clone child", st);
}

static void chld_signal(void)
{
	int st;
	pid_t pid;

	handle(SIGCHLD, on_chld, 0);
	pid = child_exits(7);
	while (!got)
		sleep_ms(1);
	printf("SIGCHLD code %d status %d pid ok %d\n", got_code, got_status, got_pid == pid);
	waitpid(pid, &st, 0);
	got = 0;
	pid = child_sleeps();
	kill(pid, SIGSTOP);
	while (!got)
		sleep_ms(1);
	printf("SIGCHLD code %d status %d\n", got_code, got_status);
	got = 0;
	kill(pid, SIGCONT);
	while (!got)
		sleep_ms(1);
	printf("SIGCHLD code %d status %d\n", got_code, got_status);
	got = 0;
	kill(pid, SIGKILL);
	while (!got)
		sleep_ms(1);
	printf("SIGCHLD code %d status %d\n", got_code, got_status);
	waitpid(pid, &st, 0);

	handle(SIGCHLD, on_chld, SA_NOCLDSTOP);
	got = 0;
	pid = child_sleeps();
	kill(pid, SIGSTOP);
	waitpid(pid, &st, WUNTRACED);
	printf("NOCLDSTOP: %d signals\n", got);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	handle(SIGCHLD, on_chld, SA_NOCLDWAIT);
	got = 0;
	pid = child_exits(1);
	CHECK(waitpid(pid, &st, 0) == -1 && errno == ECHILD);
	printf("NOCLDWAIT: %d signals\n", got);
	signal(SIGCHLD, SIG_IGN);
	pid = child_exits(1);
	CHECK(waitpid(pid, &st, 0) == -1 && errno == ECHILD);
	signal(SIGCHLD, SIG_DFL);
}

static void subreaper(void)
{
	int st, p[2], one;
	pid_t grandchild;

	if (pipe(p) < 0)
		return;
	SHOW(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t pid = fork();

	if (pid == 0) {
		pid_t parent = getpid(), g = fork();

		if (g == 0) {
			pid_t self = getpid();

			write(p[1], &self, sizeof(self));
			while (getppid() == parent)
				sleep_ms(1);
			_exit(42);
		}
		_exit(0);
	}
	read(p[0], &grandchild, sizeof(grandchild));
	CHECK(waitpid(pid, &st, 0) == pid);
	CHECK(waitpid(-1, &st, 0) == grandchild);
	show_status("adopted", st);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	prctl(PR_GET_CHILD_SUBREAPER, &one);
	printf("subreaper now %d\n", one);
}

static void usage(void)
{
	struct rusage ru;
	int st;
	pid_t pid = fork();

	if (pid == 0) {
		int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 60000000;

		while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
			for (volatile int i = 0; i < 100000; i++)
				;
		_exit(0);
	}
	CHECK(wait4(pid, &st, 0, &ru) == pid);
	long us = ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec +
		  ru.ru_stime.tv_sec * 1000000 + ru.ru_stime.tv_usec;
	CHECK(us >= 50000 && us < 1000000);
	getrusage(RUSAGE_CHILDREN, &ru);
	us = ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec;
	CHECK(us >= 20000);
}

int main(void)
{
	statuses();
	options();
	errors();
	chld_signal();
	subreaper();
	usage();
	return 0;
}
