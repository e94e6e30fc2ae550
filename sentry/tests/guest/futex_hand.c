/* SPDX-License-Identifier: Apache-2.0 */
/* Private futexes in a hurry: threads that pass a turn on many thousands of times, wake-ups that nobody
 * waits for, errors of the calls that are answered without the kernel, and signals and kills that come
 * while a thread waits.
 */
#include <linux/futex.h>

#include "guest.h"

static _Atomic uint32_t word, asleep, handled;

static long fx(void *addr, int op, uint32_t val, const struct timespec *ts, uint32_t val3)
{
	return syscall(SYS_futex, addr, op, val, ts, NULL, val3);
}

static void simple(void)
{
	char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct timespec bad = {0, 2000000000};

	for (int i = 0; i < 3; i++) { /* the first calls of a site take another way */
		word = 7;
		SHOW(fx(&word, FUTEX_WAIT_PRIVATE, 8, NULL, 0));
		SHOW(fx(&word, FUTEX_WAIT_BITSET_PRIVATE, 8, NULL, ~0u));
		SHOW(fx(&word, FUTEX_WAIT_BITSET_PRIVATE, 8, NULL, 0));
		SHOW(fx(&word, FUTEX_WAIT_PRIVATE, 8, &bad, 0));
		SHOW(fx((char *)&word + 1, FUTEX_WAIT_PRIVATE, 8, NULL, 0));
		SHOW(fx(none, FUTEX_WAIT_PRIVATE, 8, NULL, 0));
		SHOW(fx(NULL, FUTEX_WAIT_PRIVATE, 8, NULL, 0));
		SHOW(fx((void *)-8, FUTEX_WAIT_PRIVATE, 8, NULL, 0));
		SHOW(fx(&word, FUTEX_WAKE_PRIVATE, 1, NULL, 0));
		SHOW(fx(none, FUTEX_WAKE_PRIVATE, 1, NULL, 0));
		SHOW(fx((char *)&word + 2, FUTEX_WAKE_PRIVATE, 1, NULL, 0));
		SHOW(fx((void *)-8, FUTEX_WAKE_PRIVATE, 1, NULL, 0));
	}
}

#define TURNS 30000

static void turns(uint32_t mine, uint32_t n)
{
	for (int i = 0; i < TURNS; i++) {
		uint32_t now;

		while ((now = atomic_load(&word)) != mine)
			fx(&word, FUTEX_WAIT_PRIVATE, now, NULL, 0);
		atomic_store(&word, (mine + 1) % n);
		fx(&word, FUTEX_WAKE_PRIVATE, 1000, NULL, 0);
	}
}

static void *second(void *arg)
{
	turns((uint32_t)(uintptr_t)arg, 2);
	return NULL;
}
static void *of_three(void *arg)
{
	turns((uint32_t)(uintptr_t)arg, 3);
	return NULL;
}

static void ping(void)
{
	pthread_t a, b;

	word = 0;
	pthread_create(&a, NULL, second, (void *)1);
	turns(0, 2);
	pthread_join(a, NULL);
	printf("two: %u\n", word);
	word = 0;
	pthread_create(&a, NULL, of_three, (void *)1);
	pthread_create(&b, NULL, of_three, (void *)2);
	turns(0, 3);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	printf("three: %u\n", word);
}

/* Alternates between waiting and a turn, so that it waits in every way there is. */
static void on_usr1(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	atomic_fetch_add(&handled, 1);
}

static void *waiter(void *arg)
{
	long r;

	(void)arg;
	do {
		atomic_store(&asleep, 1);
		r = fx(&word, FUTEX_WAIT_PRIVATE, 0, NULL, 0);
	} while (word == 0 && (r == 0 || errno == EINTR));
	return NULL;
}

static void signals(void)
{
	pthread_t th;

	handle(SIGUSR1, on_usr1, 0);
	word = 0;
	pthread_create(&th, NULL, waiter, NULL);
	for (uint32_t i = 0; i < 500; i++) {
		while (!atomic_exchange(&asleep, 0))
			sched_yield();
		pthread_kill(th, SIGUSR1);
		while (atomic_load(&handled) == i)
			sched_yield();
	}
	atomic_store(&word, 1);
	fx(&word, FUTEX_WAKE_PRIVATE, 1, NULL, 0);
	pthread_join(th, NULL);
	printf("handled %u\n", handled);
}

/* A process is killed while its threads pass turns; another ends with exit_group. */
static void ends(void)
{
	for (int i = 0; i < 6; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			pthread_t a;

			word = 0;
			pthread_create(&a, NULL, second, (void *)1);
			if (i & 1)
				alarm(0), pthread_create(&a, NULL, waiter, NULL);
			if (i % 3 == 2) {
				sleep_ms(2);
				_exit(5);
			}
			for (;;)
				turns(0, 2);
		}
		if (i % 3 != 2) {
			sleep_ms(i);
			kill(pid, SIGKILL);
		}
		waitpid(pid, &status, 0);
		show_status("child", status);
	}
}

/* A mutex, a condition and a counter: what threads really do. */
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long stock, made, used;

static void *producer(void *arg)
{
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&mu);
		stock++, made++;
		pthread_cond_signal(&cond);
		pthread_mutex_unlock(&mu);
	}
	return arg;
}

static void *consumer(void *arg)
{
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&mu);
		while (stock == 0)
			pthread_cond_wait(&cond, &mu);
		stock--, used++;
		pthread_mutex_unlock(&mu);
	}
	return arg;
}

static void market(void)
{
	pthread_t th[6];

	for (int i = 0; i < 6; i++)
		pthread_create(&th[i], NULL, i & 1 ? consumer : producer, NULL);
	for (int i = 0; i < 6; i++)
		pthread_join(th[i], NULL);
	printf("stock %ld made %ld used %ld\n", stock, made, used);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	simple();
	ping();
	signals();
	ends();
	market();
	return 0;
}
