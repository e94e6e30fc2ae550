/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2): waiting, waking, bitsets, requeueing, WAKE_OP, PI, time limits, sharing, robust lists.
 */
#include <linux/futex.h>
#include <stddef.h>

#include "guest.h"

static long futex(void *addr, int op, uint32_t val, const void *ts, void *addr2, uint32_t val3)
{
	return syscall(SYS_futex, addr, op, val, ts, addr2, val3);
}

#define SHARED_PAGE(type)                                                                          \
	((type *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))

static uint32_t word, word2;

static void errors(void)
{
	struct timespec bad = {0, -1}, zero = {0, 0}, small = {0, 5000000};

	SHOW(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT, 0, &zero, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT, 0, &small, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT_PRIVATE, 0, &small, NULL, 0));
	SHOW(futex((char *)&word + 1, FUTEX_WAIT, 0, &small, NULL, 0));
	SHOW(futex((char *)&word + 1, FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW(futex((void *)64, FUTEX_WAIT, 0, &small, NULL, 0));
	SHOW(futex((void *)64, FUTEX_WAIT_PRIVATE, 0, &small, NULL, 0));
	SHOW(futex((void *)64, FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW(futex((void *)64, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT_BITSET, 0, &zero, NULL, 0));
	SHOW(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT_BITSET, 0, &zero, NULL, 1));
	SHOW(futex(&word, 99, 0, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &word2, 5));
	SHOW(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT, 0, (void *)8, NULL, 0));
}

static _Atomic int awake, waiting;

struct wait_arg {
	uint32_t *word;
	uint32_t bits;
	long result;
};

static void *waiter(void *p)
{
	struct wait_arg *a = p;

	atomic_fetch_add(&waiting, 1);
	a->result = futex(a->word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, a->bits);
	atomic_fetch_add(&awake, 1);
	return NULL;
}

static void await(int n)
{
	while (atomic_load(&waiting) < n)
		sched_yield();
	sleep_ms(20);
}

static void wake_some(void)
{
	struct wait_arg a[4];
	pthread_t th[4];

	waiting = awake = 0;
	for (int i = 0; i < 4; i++) {
		a[i] = (struct wait_arg){&word, 1u << i, -9};
		pthread_create(&th[i], NULL, waiter, &a[i]);
	}
	await(4);
	SHOW(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 0x10));
	SHOW(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 0x6));
	pthread_join(th[1], NULL);
	pthread_join(th[2], NULL);
	printf("awake %d\n", awake);
	SHOW(futex(&word2, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)10, &word2, 0));
	SHOW(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
	SHOW(futex(&word2, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
	pthread_join(th[0], NULL);
	pthread_join(th[3], NULL);
	printf("results %ld %ld %ld %ld\n", a[0].result, a[1].result, a[2].result, a[3].result);
}

static void wake_op(void)
{
	struct wait_arg a[2] = {{&word, ~0u, -9}, {&word2, ~0u, -9}};
	pthread_t th[2];

	waiting = awake = 0;
	for (int i = 0; i < 2; i++)
		pthread_create(&th[i], NULL, waiter, &a[i]);
	await(2);
	SHOW(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2,
		   FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0)));
	printf("word2 %u\n", word2);
	SHOW(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2,
		   FUTEX_OP(FUTEX_OP_XOR, 1, FUTEX_OP_CMP_GT, 9)));
	printf("word2 %u\n", word2);
	SHOW(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2,
		   FUTEX_OP((FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 6, FUTEX_OP_CMP_NE, 4)));
	printf("word2 %u\n", word2);
	word2 = 0;
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
}

static void shared(void)
{
	_Atomic uint32_t *w = SHARED_PAGE(_Atomic uint32_t);
	int st;

	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		while (atomic_load(w) == 0)
			futex((void *)w, FUTEX_WAIT, 0, NULL, NULL, 0);
		atomic_store(w, 2);
		futex((void *)w, FUTEX_WAKE, 1, NULL, NULL, 0);
		_exit(0);
	}
	sleep_ms(10);
	atomic_store(w, 1);
	futex((void *)w, FUTEX_WAKE, 1, NULL, NULL, 0);
	while (atomic_load(w) == 1)
		futex((void *)w, FUTEX_WAIT, 1, NULL, NULL, 0);
	printf("shared %u\n", *w);
	waitpid(pid, &st, 0);
	/* A private operation on the same word is another futex. */
	pid = fork();
	if (pid == 0) {
		struct timespec ts = {0, 100000000};

		_exit(futex((void *)w, FUTEX_WAIT, 2, &ts, NULL, 0) < 0 && errno == ETIMEDOUT);
	}
	sleep_ms(20);
	SHOW(futex((void *)w, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	waitpid(pid, &st, 0);
	show_status("private wake", st);
}

static uint32_t pi_word;
static _Atomic int inside;

static void *pi_worker(void *arg)
{
	uint32_t tid = (uint32_t)syscall(SYS_gettid), zero;

	for (int i = 0; i < 300; i++) {
		zero = 0;
		if (!__atomic_compare_exchange_n(&pi_word, &zero, tid, 0, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			if (futex(&pi_word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) < 0)
				printf("LOCK_PI %s\n", strerrorname_np(errno));
		if (atomic_fetch_add(&inside, 1) != 0)
			printf("two inside\n");
		++*(long *)arg;
		atomic_fetch_sub(&inside, 1);
		uint32_t mine = tid;

		if (!__atomic_compare_exchange_n(&pi_word, &mine, 0, 0, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			if (futex(&pi_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) < 0)
				printf("UNLOCK_PI %s\n", strerrorname_np(errno));
	}
	return NULL;
}

static void pi(void)
{
	struct timespec past = {1, 0};
	pthread_t th[4];
	long total = 0;

	for (int i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, pi_worker, &total);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	printf("PI total %ld word %u\n", total, pi_word & FUTEX_TID_MASK);
	pi_word = 0;
	SHOW(futex(&pi_word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	CHECK(pi_word == (uint32_t)getpid());
	SHOW(futex(&pi_word, FUTEX_LOCK_PI_PRIVATE, 0, &past, NULL, 0));
	SHOW(futex(&pi_word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	SHOW(futex(&pi_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	printf("word %u\n", pi_word);
	SHOW(futex(&pi_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));

	pthread_mutexattr_t at;
	pthread_mutex_t m;

	pthread_mutexattr_init(&at);
	pthread_mutexattr_setprotocol(&at, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&m, &at);
	SHOW(pthread_mutex_lock(&m));
	SHOW(pthread_mutex_unlock(&m));
}

static void *die_holding(void *m)
{
	pthread_mutex_lock(m);
	return NULL;
}

static void robust(void)
{
	pthread_mutex_t *m = SHARED_PAGE(pthread_mutex_t);
	pthread_mutexattr_t at;
	pthread_t th;
	int st;

	pthread_mutexattr_init(&at);
	pthread_mutexattr_setrobust(&at, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&at, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(m, &at);
	pthread_create(&th, NULL, die_holding, m);
	pthread_join(th, NULL);
	CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
	pthread_mutex_consistent(m);
	pthread_mutex_unlock(m);
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		pthread_mutex_lock(m);
		raise(SIGKILL);
	}
	sleep_ms(5);
	int r = pthread_mutex_lock(m);

	printf("after a killed process: %s\n", strerrorname_np(r));
	waitpid(pid, &st, 0);
	SHOW(syscall(SYS_set_robust_list, NULL, 7));
	void *head;
	size_t len;

	SHOW(syscall(SYS_get_robust_list, 0, &head, &len));
	printf("len %zu\n", len);
	SHOW(syscall(SYS_get_robust_list, 99999, &head, &len));
}

static void deadlines(void)
{
	int64_t start = now_ns(CLOCK_MONOTONIC), took;
	int64_t at = start + 20000000;
	struct timespec ts = {at / 1000000000, at % 1000000000};

	SHOW(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &ts, NULL, ~0u));
	took = now_ns(CLOCK_MONOTONIC) - start;
	CHECK(took >= 20000000 && took < 80000000);
	at = now_ns(CLOCK_REALTIME) + 20000000;
	ts = (struct timespec){at / 1000000000, at % 1000000000};
	start = now_ns(CLOCK_MONOTONIC);
	SHOW(futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &ts, NULL, ~0u));
	took = now_ns(CLOCK_MONOTONIC) - start;
	CHECK(took >= 19000000 && took < 80000000);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 4096);
	errors();
	wake_some();
	wake_op();
	shared();
	pi();
	robust();
	deadlines();
	return 0;
}
