/* SPDX-License-Identifier: Apache-2.0 */
/* Masks, queues, waiting, flags of sigaction, interrupted calls, stopping. */
#include "guest.h"

static volatile int n_calls, order[32];

static void note(int sig, siginfo_t *si, void *uc)
{
	(void)si;
	(void)uc;
	if (n_calls < 32)
		order[n_calls] = sig;
	n_calls++;
}

static void print_calls(const char *what)
{
	printf("%s: %d calls:", what, n_calls);
	for (int i = 0; i < n_calls && i < 32; i++)
		printf(" %s", sig_name(order[i]));
	printf("\n");
	fflush(stdout);
	n_calls = 0;
}

static void queues(void)
{
	sigset_t set, old, pend;
	union sigval v;

	handle(SIGUSR1, note, 0);
	handle(SIGUSR2, note, 0);
	handle(SIGRTMIN, note, 0);
	handle(SIGRTMIN + 1, note, 0);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, &old);
	for (int i = 0; i < 3; i++) {
		raise(SIGUSR2);
		kill(getpid(), SIGUSR1);
		v.sival_int = i;
		sigqueue(getpid(), SIGRTMIN + 1, v);
		sigqueue(getpid(), SIGRTMIN, v);
	}
	sigpending(&pend);
	printf("pending usr1 %d usr2 %d rt %d %d int %d\n", sigismember(&pend, SIGUSR1),
	       sigismember(&pend, SIGUSR2), sigismember(&pend, SIGRTMIN),
	       sigismember(&pend, SIGRTMIN + 1), sigismember(&pend, SIGINT));
	print_calls("blocked");
	sigprocmask(SIG_SETMASK, &old, NULL);
	print_calls("unblocked (newest frame runs first)");
}

static void timedwait(void)
{
	struct timespec zero = {0, 0}, tenms = {0, 10000000}, bad = {0, 2000000000};
	sigset_t set, old;
	siginfo_t si;
	union sigval v = {.sival_int = 9};

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &set, &old);
	SHOW(sigtimedwait(&set, &si, &zero));
	SHOW(sigtimedwait(&set, &si, &tenms));
	SHOW(sigtimedwait(&set, &si, &bad));
	sigqueue(getpid(), SIGRTMIN + 2, v);
	SHOW(sigwaitinfo(&set, &si) - SIGRTMIN);
	printf("code %d value %d\n", si.si_code, si.si_value.sival_int);
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		sleep_ms(20);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	SHOW(sigwaitinfo(&set, &si) == SIGUSR1);
	printf("from the child: %d\n", si.si_pid == pid);
	while (waitpid(pid, NULL, 0) < 0)
		;
	handle(SIGUSR2, note, 0);
	pid = fork();
	if (pid == 0) {
		sleep_ms(20);
		kill(parent, SIGUSR2);
		_exit(0);
	}
	SHOW(sigwaitinfo(&set, &si));
	print_calls("interrupted sigwaitinfo");
	while (waitpid(pid, NULL, 0) < 0)
		;
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void suspend(void)
{
	sigset_t block, empty, now;
	pid_t parent = getpid(), pid;

	sigemptyset(&empty);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	pid = fork();
	if (pid == 0) {
		kill(parent, SIGUSR1);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	print_calls("before sigsuspend");
	SHOW(sigsuspend(&empty));
	print_calls("sigsuspend");
	sigprocmask(SIG_SETMASK, NULL, &now);
	printf("mask restored: %d\n", sigismember(&now, SIGUSR1));
	raise(SIGUSR1);
	struct timespec none = {5, 0};

	SHOW(ppoll(NULL, 0, &none, &empty));
	print_calls("ppoll");
	sigprocmask(SIG_UNBLOCK, &block, NULL);
}

static int raises;

static void nested(int sig, siginfo_t *si, void *uc)
{
	static int depth;
	sigset_t now;

	sigprocmask(SIG_SETMASK, NULL, &now);
	printf("handler depth %d: self %d usr2 %d\n", depth, sigismember(&now, SIGUSR1),
	       sigismember(&now, SIGUSR2));
	depth++;
	if (raises-- > 0)
		raise(SIGUSR1);
	depth--;
	note(sig, si, uc);
}

static void flags(void)
{
	struct sigaction sa = {.sa_sigaction = nested, .sa_flags = SA_SIGINFO}, old;

	sigemptyset(&sa.sa_mask);
	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &sa, NULL);
	raises = 1;
	raise(SIGUSR1);
	print_calls("plain");
	raises = 1;
	sa.sa_flags |= SA_NODEFER;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	print_calls("NODEFER");
	sa.sa_sigaction = note;
	sa.sa_flags = SA_SIGINFO | SA_RESETHAND;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	printf("RESETHAND: default now %d\n", old.sa_handler == SIG_DFL);
	n_calls = 0;
	SHOW(sigaction(SIGKILL, &sa, NULL));
	SHOW(sigaction(SIGSTOP, &sa, NULL));
	SHOW(sigaction(SIGKILL, NULL, &old));
	SHOW(syscall(SYS_rt_sigaction, 65, NULL, &old, 8));
	SHOW(syscall(SYS_rt_sigaction, 0, NULL, &old, 8));
	SHOW(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 4));
	SHOW(syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8));
	SHOW(syscall(SYS_rt_sigprocmask, 7, &sa.sa_mask, NULL, 8));
	SHOW(syscall(SYS_rt_sigprocmask, 7, NULL, NULL, 8));
	SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, (void *)8, 8));
	SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 16));
	/* Ignoring discards what is pending. */
	sigset_t set, pend;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	signal(SIGUSR2, SIG_IGN);
	sigpending(&pend);
	printf("pending after SIG_IGN: %d\n", sigismember(&pend, SIGUSR2));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void interrupts(void)
{
	struct itimerval tv = {.it_value = {0, 20000}};
	struct timespec req = {0, 60000000}, rem = {0, 0};
	int p[2], st;
	char c;

	if (pipe(p) < 0)
		return;
	handle(SIGALRM, note, 0);
	setitimer(ITIMER_REAL, &tv, NULL);
	SHOW(read(p[0], &c, 1));
	print_calls("read without SA_RESTART");
	handle(SIGALRM, note, SA_RESTART);
	pid_t pid = fork();

	if (pid == 0) {
		sleep_ms(60);
		write(p[1], "x", 1);
		_exit(0);
	}
	setitimer(ITIMER_REAL, &tv, NULL);
	SHOW(read(p[0], &c, 1));
	print_calls("read with SA_RESTART");
	waitpid(pid, &st, 0);
	setitimer(ITIMER_REAL, &tv, NULL);
	SHOW(nanosleep(&req, &rem));
	CHECK(rem.tv_nsec > 10000000 && rem.tv_nsec < 45000000);
	setitimer(ITIMER_REAL, &tv, NULL);
	SHOW(poll(NULL, 0, 1000));
	setitimer(ITIMER_REAL, &tv, NULL);
	SHOW(pause());
	print_calls("sleep poll pause");
	pid = fork();
	if (pid == 0) {
		sleep_ms(60);
		_exit(0);
	}
	setitimer(ITIMER_REAL, &tv, NULL);
	SHOW(waitpid(pid, &st, 0) == pid);
	print_calls("waitpid with SA_RESTART");

	/* A stop and continue does not disturb a sleep. */
	pid = fork();
	if (pid == 0) {
		int64_t start = now_ns(CLOCK_MONOTONIC);
		int r = nanosleep(&req, NULL);

		_exit(r == 0 && now_ns(CLOCK_MONOTONIC) - start >= 60000000 ? 8 : 9);
	}
	sleep_ms(10);
	kill(pid, SIGSTOP);
	waitpid(pid, &st, WUNTRACED);
	kill(pid, SIGCONT);
	waitpid(pid, &st, 0);
	show_status("stopped sleep", st);
}

static void defaults(void)
{
	static const int ignored[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
	int st;
	pid_t pid;

	for (size_t i = 0; i < 4; i++) {
		pid = fork();
		if (pid == 0) {
			raise(ignored[i]);
			_exit(1);
		}
		waitpid(pid, &st, 0);
		show_status(sig_name(ignored[i]), st);
	}
	/* A stopped process keeps SIGTERM until it continues, and dies of SIGKILL at once. */
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &st, WUNTRACED);
	kill(pid, SIGTERM);
	sleep_ms(10);
	SHOW(waitpid(pid, &st, WNOHANG));
	kill(pid, SIGCONT);
	waitpid(pid, &st, 0);
	show_status("TERM after CONT", st);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &st, WUNTRACED);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	show_status("KILL while stopped", st);
	/* exec resets handlers, keeps ignored ones and the mask: seen by a child of fork here. */
	pid = fork();
	if (pid == 0) {
		sigset_t pend;

		sigpending(&pend);
		_exit(sigismember(&pend, SIGUSR1));
	}
	waitpid(pid, &st, 0);
	show_status("pending is not inherited", st);
}

int main(void)
{
	queues();
	timedwait();
	suspend();
	flags();
	interrupts();
	defaults();
	return 0;
}
