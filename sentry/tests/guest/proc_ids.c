/* SPDX-License-Identifier: Apache-2.0 */
/* Process groups and sessions: setpgid, setsid, getpgid, getsid, and their errors; orphaned groups.
 */
#include "guest.h"

static void groups(void)
{
	int st, p[2];
	pid_t self = getpid();

	CHECK(getpgrp() == getpgid(0));
	CHECK(getpgid(self) == getpgid(0));
	SHOW(setpgid(0, -1));
	SHOW(setpgid(99999, 0));
	SHOW(getpgid(99999));
	SHOW(getsid(99999));
	if (pipe(p) < 0)
		return;
	pid_t a = fork();

	if (a == 0) {
		char c;

		close(p[1]);
		read(p[0], &c, 1);
		_exit(getpgrp() == getpid() ? 1 : 0);
	}
	SHOW(setpgid(a, 0));
	CHECK(getpgid(a) == a);
	SHOW(setpgid(a, 99998));
	pid_t b = fork();

	if (b == 0) {
		close(p[1]);
		if (setpgid(0, a) < 0)
			_exit(50);
		if (getpgrp() != a)
			_exit(51);
		if (setsid() < 0)
			_exit(52);
		if (getsid(0) != getpid() || getpgrp() != getpid())
			_exit(53);
		if (setsid() != -1 || errno != EPERM)
			_exit(54);
		if (setpgid(0, 0) != -1 || errno != EPERM)
			_exit(55);
		if (setpgid(getppid(), 0) != -1 || errno != ESRCH)
			_exit(56);
		_exit(7);
	}
	waitpid(b, &st, 0);
	show_status("b", st);
	close(p[1]);
	CHECK(waitpid(-a, &st, 0) == a);
	show_status("a", st);
	CHECK(waitpid(-a, &st, 0) == -1 && errno == ECHILD);
}

static void after_exec(void)
{
	int p[2], st;
	char c;

	if (pipe(p) < 0)
		return;
	pid_t pid = fork();

	if (pid == 0) {
		char *argv[] = {"self", "child", NULL};

		dup2(p[1], 9);
		execv("/proc/self/exe", argv);
		_exit(60);
	}
	close(p[1]);
	read(p[0], &c, 1); /* the new image runs */
	SHOW(setpgid(pid, pid));
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
}

static volatile int hups, conts;

static void on_sig(int sig)
{
	if (sig == SIGHUP)
		hups++;
	else
		conts++;
}

/* A stopped member of a group that becomes orphaned gets SIGHUP and SIGCONT. */
static void orphans(void)
{
	int p[2], st;
	char buf[32];

	if (pipe(p) < 0)
		return;
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		pid_t mid = fork();

		if (mid == 0) {
			pid_t leaf = fork();

			if (leaf == 0) {
				setpgid(0, 0);
				signal(SIGHUP, on_sig);
				signal(SIGCONT, on_sig);
				write(p[1], "r", 1);
				raise(SIGSTOP);
				for (int i = 0; i < 1000 && (!hups || !conts); i++)
					sleep_ms(1);
				snprintf(buf, sizeof(buf), "hup %d cont %d", hups, conts);
				write(p[1], buf, strlen(buf));
				_exit(0);
			}
			waitpid(leaf, &st, WUNTRACED);
			_exit(0);
		}
		waitpid(mid, &st, 0);
		for (;;)
			pause();
	}
	close(p[1]);
	read(p[0], buf, 1);
	ssize_t n = read(p[0], buf, sizeof(buf) - 1);

	buf[n > 0 ? n : 0] = '\0';
	printf("orphaned: %s\n", buf);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
}

static void kills(void)
{
	int st;

	SHOW(kill(99999, 0));
	SHOW(kill(getpid(), 0));
	SHOW(kill(getpid(), 65));
	SHOW(kill(getpid(), -1));
	SHOW(syscall(SYS_tgkill, 0, 0, 0));
	SHOW(syscall(SYS_tgkill, getpid(), 99999, 0));
	SHOW(syscall(SYS_tkill, -1, 0));
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(pid, pid);
	SHOW(kill(-pid, SIGTERM));
	waitpid(pid, &st, 0);
	show_status("group kill", st);
	SHOW(kill(-pid, 0));
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "child") == 0) {
		write(9, "x", 1);
		for (;;)
			pause();
	}
	groups();
	after_exec();
	orphans();
	kills();
	return 0;
}
