/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at once: threads that fork, exec, signal each other, stop and continue children, and
 * use futexes and timers, for a bounded number of rounds. Only totals are printed. */
#include "guest.h"

static _Atomic int signals, forks_ok, execs_ok, stops_ok;

static void count(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	(void)uc;
	atomic_fetch_add(&signals, 1);
}

static int wait_child(pid_t pid, int flags)
{
	int st = -1;

	while (waitpid(pid, &st, flags) < 0)
		if (errno != EINTR)
			return -1;
	return st;
}

static void *forker(void *arg)
{
	(void)arg;
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(i & 63);
		int st = wait_child(pid, 0);

		if (WIFEXITED(st) && WEXITSTATUS(st) == (i & 63))
			atomic_fetch_add(&forks_ok, 1);
	}
	return NULL;
}

static void *execer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 15; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			execl("/proc/self/exe", "self", "child", NULL);
			_exit(99);
		}
		int st = wait_child(pid, 0);

		if (WIFEXITED(st) && WEXITSTATUS(st) == 23)
			atomic_fetch_add(&execs_ok, 1);
	}
	return NULL;
}

static void *stopper(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				;
		kill(pid, SIGSTOP);
		int st = wait_child(pid, WUNTRACED);

		if (!WIFSTOPPED(st))
			printf("not stopped %#x\n", st);
		kill(pid, SIGCONT);
		st = wait_child(pid, WCONTINUED);
		if (!WIFCONTINUED(st))
			printf("not continued %#x\n", st);
		kill(pid, SIGKILL);
		st = wait_child(pid, 0);
		if (WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL)
			atomic_fetch_add(&stops_ok, 1);
	}
	return NULL;
}

static _Atomic bool done;
static _Atomic long target;

static void *victim(void *arg)
{
	(void)arg;
	atomic_store(&target, syscall(SYS_gettid));
	while (!atomic_load(&done)) {
		struct timespec ts = {0, 100000};

		nanosleep(&ts, NULL);
		for (volatile int i = 0; i < 1000; i++)
			;
	}
	return NULL;
}

static void *signaler(void *arg)
{
	(void)arg;
	while (!atomic_load(&target))
		sched_yield();
	for (int i = 0; i < 500; i++) {
		int before = atomic_load(&signals);

		syscall(SYS_tgkill, getpid(), atomic_load(&target), SIGUSR1);
		while (atomic_load(&signals) == before)
			sched_yield();
	}
	return NULL;
}

static void *shortlived(void *arg)
{
	return arg;
}

static void *churner(void *arg)
{
	for (int i = 0; i < 200; i++) {
		pthread_t th;

		if (pthread_create(&th, NULL, shortlived, arg) == 0)
			pthread_join(th, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	void *(*const work[])(void *) = {forker, forker, execer, stopper, signaler, churner};
	pthread_t th[6], v;

	(void)argv;
	if (argc > 1)
		return 23;
	handle(SIGUSR1, count, SA_RESTART);
	pthread_create(&v, NULL, victim, NULL);
	for (int i = 0; i < 6; i++)
		pthread_create(&th[i], NULL, work[i], NULL);
	for (int i = 0; i < 6; i++)
		pthread_join(th[i], NULL);
	atomic_store(&done, true);
	pthread_join(v, NULL);
	printf("forks %d execs %d stops %d signals %d\n", forks_ok, execs_ok, stops_ok, signals);
	return 0;
}
