/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: creation, joining, ids, thread-directed signals, exit of the leader, exec from a thread.
 */
#include "guest.h"

static _Atomic int counter;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long plain;

static void *adder(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mu);
		plain++;
		pthread_mutex_unlock(&mu);
	}
	atomic_fetch_add(&counter, (int)(long)arg);
	return arg;
}

static void joins(void)
{
	pthread_t th[16];
	long sum = 0;

	for (long i = 0; i < 16; i++)
		pthread_create(&th[i], NULL, adder, (void *)i);
	for (int i = 0; i < 16; i++) {
		void *ret;

		pthread_join(th[i], &ret);
		sum += (long)ret;
	}
	printf("joined: sum %ld counter %d plain %ld\n", sum, counter, plain);
}

static int turn;

static void *pinger(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&mu);
		while (turn != me)
			pthread_cond_wait(&cond, &mu);
		turn = !me;
		pthread_cond_signal(&cond);
		pthread_mutex_unlock(&mu);
	}
	return NULL;
}

static void pingpong(void)
{
	pthread_t a, b;

	pthread_create(&a, NULL, pinger, (void *)0);
	pthread_create(&b, NULL, pinger, (void *)1);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	printf("ping-pong done\n");
}

static _Atomic long sig_tid;

static void on_usr1(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	atomic_store(&sig_tid, syscall(SYS_gettid));
	if (si->si_code != SI_TKILL)
		atomic_store(&sig_tid, -1);
}

static void *sig_target(void *arg)
{
	_Atomic long *tid = arg;

	atomic_store(tid, syscall(SYS_gettid));
	while (!atomic_load(&sig_tid))
		sched_yield();
	return NULL;
}

static void directed(void)
{
	_Atomic long tid = 0;
	pthread_t th;

	handle(SIGUSR1, on_usr1, 0);
	pthread_create(&th, NULL, sig_target, &tid);
	while (!atomic_load(&tid))
		sched_yield();
	CHECK(atomic_load(&tid) != getpid());
	SHOW(syscall(SYS_tgkill, getpid(), atomic_load(&tid), SIGUSR1));
	pthread_join(th, NULL);
	CHECK(atomic_load(&sig_tid) == atomic_load(&tid));
}

static void *outlive(void *arg)
{
	(void)arg;
	sleep_ms(30);
	printf("thread outlives the leader\n");
	fflush(stdout);
	exit(9);
}

static void *spin(void *arg)
{
	(void)arg;
	for (;;)
		;
	return NULL;
}

static void *exec_it(void *arg)
{
	char *argv[] = {"self", arg, NULL};

	sleep_ms(10);
	execv("/proc/self/exe", argv);
	return NULL;
}

static void ends(void)
{
	int st;
	pthread_t th;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		pthread_create(&th, NULL, outlive, NULL);
		syscall(SYS_exit, 3);
	}
	waitpid(pid, &st, 0);
	show_status("leader left first", st);

	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			pthread_create(&th, NULL, spin, NULL);
		sleep_ms(10);
		_exit(4);
	}
	waitpid(pid, &st, 0);
	show_status("exit_group with spinning threads", st);

	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			pthread_create(&th, NULL, spin, NULL);
		for (;;)
			pause();
	}
	sleep_ms(10);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	show_status("killed with spinning threads", st);

	pid = fork();
	if (pid == 0) {
		char text[32];

		snprintf(text, sizeof(text), "%d", getpid());
		pthread_create(&th, NULL, spin, NULL);
		pthread_create(&th, NULL, exec_it, text);
		for (;;)
			pause();
	}
	waitpid(pid, &st, 0);
	show_status("exec from a thread", st);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		CHECK(atoi(argv[1]) == getpid());
		CHECK(syscall(SYS_gettid) == getpid());
		return 11;
	}
	joins();
	pingpong();
	directed();
	ends();
	return 0;
}
