/* SPDX-License-Identifier: Apache-2.0 */
/* fork and memory: private stays private, shared stays shared, also under storms and with threads.
 */
#include "guest.h"

#define P 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define PAGES 256

static int wait_for(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void privacy(void)
{
	char *a = mmap(NULL, PAGES * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *s = mmap(NULL, P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int bad = 0;
	pid_t pid;

	for (int i = 0; i < PAGES; i++)
		a[(size_t)i * P] = (char)i;
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < PAGES; i++) {
			bad += a[(size_t)i * P] != (char)i;
			a[(size_t)i * P] = (char)~i;
		}
		s[0] = 'c';
		_exit(bad != 0);
	}
	CHECK(wait_for(pid) == 0);
	for (int i = 0; i < PAGES; i++)
		bad += a[(size_t)i * P] != (char)i;
	CHECK(bad == 0);
	CHECK(s[0] == 'c');
	a[0] = 1;
	CHECK(a[0] == 1);
}

static void generations(int depth)
{
	static int global = 1;
	volatile int local = depth;
	char *heap = malloc(100000);

	memset(heap, depth, 100000);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			global += i + 1;
			local += 10;
			memset(heap, 77, 50000);
			if (depth)
				generations(depth - 1);
			_exit(heap[49999] == 77 && heap[50000] == depth && local == depth + 10
				      ? global
				      : 250);
		}
		if (wait_for(pid) != global + i + 1)
			printf("generation %d child %d differs\n", depth, i);
		if (heap[0] != depth || local != depth)
			printf("generation %d sees its child\n", depth);
	}
	free(heap);
}

static _Atomic bool stop;
static _Atomic long counts[2];

static void *writer(void *arg)
{
	volatile long *page = mmap(NULL, 16 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long n = 0;

	while (!stop) {
		for (int i = 0; i < 16; i++)
			page[i * 512]++;
		n++;
		for (int i = 0; i < 16; i++)
			if (page[i * 512] != n) {
				printf("lost a write\n");
				exit(1);
			}
	}
	counts[(long)arg] = n;
	return NULL;
}

static void with_threads(void)
{
	pthread_t th[2];

	for (long i = 0; i < 2; i++)
		pthread_create(&th[i], NULL, writer, (void *)i);
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(3);
		if (wait_for(pid) != 3)
			printf("child %d failed\n", i);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	CHECK(counts[0] > 0 && counts[1] > 0);
}

static void kernel_writes(void)
{
	int fd[2];
	char *a = mmap(NULL, P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	strcpy(a, "parent");
	if (pipe(fd) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		if (write(fd[1], "child!", 6) != 6 || read(fd[0], a, 6) != 6)
			_exit(1);
		_exit(memcmp(a, "child!", 6) != 0);
	}
	CHECK(wait_for(pid) == 0);
	CHECK(strcmp(a, "parent") == 0);
}

static void no_fork(void)
{
	char *a = mmap(NULL, 2 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	a[0] = a[P] = 9;
	SHOW(madvise(a, P, MADV_WIPEONFORK));
	SHOW(madvise(a + P, P, MADV_DONTFORK));
	pid = fork();
	if (pid == 0) {
		int r = a[0];

		if (write(1, a + P, 1) != -1 || errno != EFAULT)
			r += 100;
		_exit(r);
	}
	SHOW(wait_for(pid));
	CHECK(a[0] == 9 && a[P] == 9);
}

int main(void)
{
	privacy();
	generations(3);
	with_threads();
	kernel_writes();
	no_fork();
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(i & 127);
		if (wait_for(pid) != (i & 127))
			printf("round %d\n", i);
	}
	printf("done\n");
	return 0;
}
