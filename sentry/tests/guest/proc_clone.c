/* SPDX-License-Identifier: Apache-2.0 */
/* clone, clone3, vfork, pidfds, and the flags that Linux refuses. */
#include <linux/sched.h>
#include <sys/pidfd.h>

#include "guest.h"

static char stack[65536] __attribute__((aligned(16)));
static int shared_value;

static int fn(void *arg)
{
	shared_value = *(int *)arg;
	return 13;
}

static void clones(void)
{
	int st, v = 5, fd;
	pid_t pid;

	pid = clone(fn, stack + sizeof(stack), SIGCHLD, &v);
	waitpid(pid, &st, 0);
	printf("separate memory: %d\n", shared_value);
	pid = clone(fn, stack + sizeof(stack), CLONE_VM | SIGCHLD, &v);
	waitpid(pid, &st, 0);
	printf("CLONE_VM: %d\n", shared_value);
	show_status("clone", st);
	v = 6;
	pid = clone(fn, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &v);
	printf("CLONE_VFORK: %d at return\n", shared_value);
	waitpid(pid, &st, 0);
	fd = open("/", O_RDONLY | O_DIRECTORY);
	fflush(stdout);
	pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		close(fd);
		_exit(0);
	}
	waitpid(pid, &st, 0);
	SHOW(fcntl(fd, F_GETFD));
	pid = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		umask(0123);
		_exit(0);
	}
	waitpid(pid, &st, 0);
	printf("umask %o\n", umask(022));
	pid_t ptid = 0;
	static pid_t ctid;

	pid = (pid_t)syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0,
			     &ptid, &ctid, 0);
	if (pid == 0)
		_exit(ctid == getpid() ? 1 : 2);
	CHECK(ptid == pid && ctid == 0);
	waitpid(pid, &st, 0);
	show_status("child tid", st);
}

static void refused(void)
{
	SHOW(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, stack, 0, 0, 0));
	SHOW(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, stack, 0, 0, 0));
	SHOW(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
	SHOW(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, 0, 0, 0));
	SHOW(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, (void *)8, 0, 0));
	struct clone_args a = {.exit_signal = 100};

	SHOW(syscall(SYS_clone3, &a, sizeof(a)));
	a = (struct clone_args){.flags = CLONE_DETACHED};
	SHOW(syscall(SYS_clone3, &a, sizeof(a)));
	a = (struct clone_args){.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND};
	SHOW(syscall(SYS_clone3, &a, sizeof(a)));
	a = (struct clone_args){.stack = 4096};
	SHOW(syscall(SYS_clone3, &a, sizeof(a)));
	a = (struct clone_args){.flags = CLONE_PARENT, .exit_signal = SIGCHLD};
	SHOW(syscall(SYS_clone3, &a, sizeof(a)));
	SHOW(syscall(SYS_clone3, &a, 5000));
	unsigned char longer[128] = {0};

	longer[120] = 1;
	SHOW(syscall(SYS_clone3, longer, 128));
}

static void clone3s(void)
{
	struct clone_args a = {.exit_signal = SIGCHLD};
	siginfo_t si;
	int st, pidfd = -1;

	pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));

	if (pid == 0)
		_exit(21);
	waitpid(pid, &st, 0);
	show_status("clone3", st);
	a = (struct clone_args){.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
				.exit_signal = SIGCHLD,
				.pidfd = (uint64_t)(uintptr_t)&pidfd};
	signal(SIGUSR1, SIG_IGN);
	pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	if (pid == 0) {
		struct sigaction sa;

		sigaction(SIGUSR1, NULL, &sa);
		_exit(sa.sa_handler == SIG_IGN ? 31 : 32);
	}
	CHECK(pidfd >= 0);
	SHOW(fcntl(pidfd, F_GETFD));
	struct pollfd p = {pidfd, POLLIN, 0};

	SHOW(poll(&p, 1, 2000));
	printf("revents %d\n", p.revents);
	SHOW(waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED));
	printf("status %d\n", si.si_status);
	SHOW(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
	close(pidfd);
}

static void pidfds(void)
{
	siginfo_t si;
	int st, fd, p[2];
	pid_t pid;

	SHOW(pidfd_open(99999, 0));
	SHOW(pidfd_open(0, 0));
	SHOW(pidfd_open(getpid(), 1));
	if (pipe(p) < 0)
		return;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	fd = pidfd_open(pid, PIDFD_NONBLOCK);
	CHECK(fd >= 0);
	SHOW(fcntl(fd, F_GETFD));
	struct pollfd pf = {fd, POLLIN, 0};

	SHOW(poll(&pf, 1, 10));
	SHOW(waitid(P_PIDFD, (id_t)fd, &si, WEXITED));
	int dup = pidfd_getfd(fd, p[1], 0);

	CHECK(dup >= 0);
	SHOW(write(dup, "hello", 5));
	char buf[8] = {0};

	SHOW(read(p[0], buf, 8));
	SHOW(pidfd_getfd(fd, 9999, 0));
	SHOW(pidfd_getfd(p[0], 0, 0));
	SHOW(pidfd_send_signal(fd, SIGTERM, NULL, 0));
	SHOW(poll(&pf, 1, 2000));
	SHOW(waitid(P_PIDFD, (id_t)fd, &si, WEXITED));
	printf("code %d status %d\n", si.si_code, si.si_status);
	SHOW(pidfd_send_signal(fd, SIGTERM, NULL, 0));
	SHOW(waitid(P_PIDFD, (id_t)fd, &si, WEXITED));
	SHOW(waitid(P_PIDFD, (id_t)p[0], &si, WEXITED));
	(void)st;
}

static void vforks(void)
{
	volatile int x = 1;
	int st;
	pid_t pid = vfork();

	if (pid == 0) {
		x = 2;
		_exit(17);
	}
	printf("vfork: x %d\n", x);
	waitpid(pid, &st, 0);
	show_status("vfork", st);
	/* A deep tree of forks. */
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int depth = 0;

		for (;;) {
			pid_t c = ++depth < 20 ? fork() : -1;

			if (c == 0)
				continue;
			if (c < 0)
				_exit(depth);
			waitpid(c, &st, 0);
			_exit(WEXITSTATUS(st));
		}
	}
	waitpid(pid, &st, 0);
	show_status("tree", st);
	for (int i = 0; i < 100; i++) {
		pid = fork();
		if (pid == 0)
			_exit(i & 1);
		if (waitpid(pid, &st, 0) != pid || WEXITSTATUS(st) != (i & 1))
			printf("fork %d went wrong\n", i);
	}
}

int main(void)
{
	clones();
	refused();
	clone3s();
	pidfds();
	vforks();
	return 0;
}
