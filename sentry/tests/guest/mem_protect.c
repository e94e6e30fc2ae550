/* SPDX-License-Identifier: Apache-2.0 */
/* mprotect(2) in rapid alternation: what an access finds is always what the last call said, whether
 * or not anything touched the page in between, across fork and from other threads. */
#include <setjmp.h>

#include "guest.h"

#define P 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf env;
static volatile sig_atomic_t code;

static void on_segv(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	code = si->si_code;
	siglongjmp(env, 1);
}

/* 'r', 'w' or '-': the most that works on the page. */
static char may(volatile char *p)
{
	if (sigsetjmp(env, 1) == 0) {
		*p = *p;
		return 'w';
	}
	if (sigsetjmp(env, 1) == 0) {
		(void)*p;
		return 'r';
	}
	return '-';
}

static void toggles(const char *what, int a, int b, int touch_a, int touch_b)
{
	char *p = mmap(NULL, 4 * P, RW, ANON, -1, 0), last_a = '?', last_b = '?';
	int odd = 0;

	memset(p, 1, 4 * P);
	for (int i = 0; i < 100; i++) {
		if (mprotect(p + P, P, a) < 0)
			odd++;
		if (touch_a && i % touch_a == 0)
			last_a = may(p + P);
		if (mprotect(p + P, P, b) < 0)
			odd++;
		if (touch_b && i % touch_b == 0)
			last_b = may(p + P);
		if (may(p) != 'w' || may(p + 2 * P) != 'w')
			odd++;
	}
	printf("%s: %c %c %d\n", what, last_a, last_b, odd);
	munmap(p, 4 * P);
}

/* The sentry's own accesses follow the same rights. */
static void calls(void)
{
	char *p = mmap(NULL, P, RW, ANON, -1, 0);
	int fd = open("/dev/zero", O_RDONLY);

	for (int i = 0; i < 3; i++) {
		mprotect(p, P, PROT_READ);
		SHOW(read(fd, p, 1));
		mprotect(p, P, RW);
		SHOW(read(fd, p, 1));
	}
	mprotect(p, P, PROT_READ);
	SHOW(read(fd, p, 1));
	printf("%c\n", may(p));
	close(fd);
}

static void forks(void)
{
	char *p = mmap(NULL, 2 * P, RW, ANON, -1, 0);
	int status;

	p[0] = 1;
	for (int i = 0; i < 3; i++) {
		mprotect(p, 2 * P, PROT_READ);
		mprotect(p, 2 * P, RW);
		pid_t pid = fork();

		if (pid == 0) {
			p[0] = 9;
			mprotect(p, 2 * P, PROT_READ);
			_exit(may(p) == 'r' && p[0] == 9 ? 3 : 4);
		}
		p[0]++;
		waitpid(pid, &status, 0);
		show_status("child", status);
	}
	CHECK(p[0] == 4);
	CHECK(may(p + P) == 'w');
}

/* Machine code written, made executable, called, and changed again. */
static void code_pages(void)
{
	unsigned char *p = mmap(NULL, P, RW, ANON, -1, 0);
	int sum = 0;

	for (int i = 0; i < 50; i++) {
		unsigned char mov[6] = {0xb8, (unsigned char)i, 0, 0, 0, 0xc3};

		mprotect(p, P, RW);
		memcpy(p, mov, sizeof(mov));
		mprotect(p, P, PROT_READ | PROT_EXEC);
		sum += ((int (*)(void))p)();
		if (may((char *)p) != 'r')
			sum += 1000;
	}
	printf("sum %d\n", sum);
}

static char *shared_page;
static _Atomic int stage;

static void *writer(void *arg)
{
	(void)arg;
	for (;;) {
		int now = atomic_load(&stage);

		if (now < 0)
			break;
		if (now % 2 == 0) {
			sched_yield();
			continue;
		}
		*(volatile char *)shared_page = 1; /* rights were given before the stage was set */
		atomic_compare_exchange_strong(&stage, &now, now + 1);
	}
	return NULL;
}

static void threads(void)
{
	pthread_t th;

	shared_page = mmap(NULL, P, RW, ANON, -1, 0);
	pthread_create(&th, NULL, writer, NULL);
	for (int i = 0; i < 200; i++) {
		mprotect(shared_page, P, PROT_READ);
		mprotect(shared_page, P, RW);
		atomic_store(&stage, 2 * i + 1);
		while (atomic_load(&stage) == 2 * i + 1)
			sched_yield();
	}
	atomic_store(&stage, -1);
	pthread_join(th, NULL);
	CHECK(shared_page[0] == 1);
}

int main(void)
{
	handle(SIGSEGV, on_segv, SA_NODEFER);
	toggles("never touched", PROT_READ, RW, 0, 100);
	toggles("touched when writable", PROT_READ, RW, 0, 1);
	toggles("touched always", PROT_READ, RW, 1, 1);
	toggles("touched now and then", PROT_READ, RW, 7, 3);
	toggles("none and writable", PROT_NONE, RW, 1, 1);
	toggles("none and readable", PROT_NONE, PROT_READ, 3, 2);
	toggles("writable first", RW, PROT_READ, 2, 1);
	printf("si_code %d\n", code == SEGV_ACCERR);
	calls();
	forks();
	code_pages();
	threads();
	return 0;
}
