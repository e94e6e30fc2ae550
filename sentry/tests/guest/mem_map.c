/* SPDX-License-Identifier: Apache-2.0 */
/* mmap, munmap, mprotect, mremap, brk, madvise, mincore, msync, mlock: results and errnos. */
#include "guest.h"

#define P 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char *anon(size_t pages, int prot)
{
	return mmap(NULL, pages * P, prot, ANON, -1, 0);
}

/* The pointer as a result: 0 or -1. */
static long ok(void *p)
{
	return p == MAP_FAILED ? -1 : 0;
}

static void map_errors(void)
{
	char *a = anon(4, RW);
	int ro = open("/proc/self/exe", O_RDONLY), pipefd[2];

	SHOW(ok(mmap(NULL, 0, RW, ANON, -1, 0)));
	SHOW(ok(mmap(NULL, P, RW, MAP_ANONYMOUS, -1, 0)));
	SHOW(ok(mmap(NULL, P, RW, MAP_PRIVATE, -1, 0)));
	SHOW(ok(mmap(NULL, ~0UL - P, RW, ANON, -1, 0)));
	SHOW(ok(mmap((void *)(1UL << 60), P, RW, ANON | MAP_FIXED, -1, 0)));
	SHOW(ok(mmap(a + 1, P, RW, ANON | MAP_FIXED, -1, 0)));
	SHOW(ok(mmap(a, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0)));
	SHOW(syscall(SYS_mmap, 0, P, RW, MAP_PRIVATE, ro, 5) == -1 ? -1 : 0);
	if (ro >= 0) {
		SHOW(ok(mmap(NULL, P, RW, MAP_SHARED, ro, 0)));
		SHOW(ok(mmap(NULL, P, PROT_READ, MAP_SHARED, ro, 0)));
		SHOW(ok(mmap(NULL, P, RW, MAP_PRIVATE, ro, 0)));
	}
	if (pipe(pipefd) == 0)
		SHOW(ok(mmap(NULL, P, PROT_READ, MAP_PRIVATE, pipefd[0], 0)));
	SHOW(munmap(a, 0));
	SHOW(munmap(a + 1, P));
	SHOW(munmap(a, 4 * P));
	SHOW(munmap(a, 4 * P));
}

static void protect(void)
{
	char *a = anon(8, RW);

	a[3 * P] = 7;
	SHOW(mprotect(a + 3 * P, P, PROT_NONE));
	SHOW(write(1, a + 3 * P, 1));
	SHOW(mprotect(a + 3 * P, P, PROT_READ));
	CHECK(a[3 * P] == 7);
	SHOW(mprotect(a + 1, P, RW));
	SHOW(mprotect(a, P, 0x4000));
	SHOW(munmap(a + 5 * P, P));
	SHOW(mprotect(a, 8 * P, RW));
	a[3 * P] = 8;
	CHECK(a[3 * P] == 8);
}

static void remap(void)
{
	char *a = anon(4, RW), *b, *c;

	memset(a, 'r', 4 * P);
	b = mremap(a, 4 * P, 4096 * P, MREMAP_MAYMOVE);
	CHECK(b != MAP_FAILED);
	CHECK(b[4 * P - 1] == 'r');
	CHECK(b[4 * P] == 0);
	b[4095 * P] = 'e';
	c = mremap(b, 4096 * P, 2 * P, 0);
	CHECK(c == b);
	SHOW(mincore(b + 2 * P, P, (unsigned char *)c) == 0 ? 0 : -1);
	SHOW(ok(mremap(b + 1, P, 2 * P, MREMAP_MAYMOVE)));
	SHOW(ok(mremap(b, P, 0, 0)));
	SHOW(ok(mremap(b, P, P, MREMAP_FIXED, b)));
	SHOW(ok(mremap(b + 100 * P, P, 2 * P, MREMAP_MAYMOVE)));
	c = mremap(b, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	CHECK(c != MAP_FAILED && c[0] == 'r' && b[0] == 0);
}

static void heap(void)
{
	char *start = sbrk(0);

	SHOW(brk(start + 100 * P));
	start[99 * P] = 1;
	SHOW(brk(start + P));
	SHOW(brk(start + 100 * P));
	CHECK(start[99 * P] == 0);
	SHOW(brk(start));
	CHECK(sbrk(0) == start);
}

static void advise(void)
{
	char *a = anon(4, RW), *s = mmap(NULL, 4 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned char vec[4];

	memset(a, 5, 4 * P);
	memset(s, 5, 4 * P);
	SHOW(madvise(a, 2 * P, MADV_DONTNEED));
	CHECK(a[0] == 0 && a[2 * P] == 5);
	SHOW(madvise(s, 2 * P, MADV_DONTNEED));
	CHECK(s[0] == 5);
	SHOW(madvise(a, P, MADV_FREE));
	SHOW(madvise(s, P, MADV_FREE));
	SHOW(madvise(a, P, MADV_REMOVE));
	SHOW(madvise(a + 1, P, MADV_NORMAL));
	SHOW(madvise(a, P, 1234));
	SHOW(madvise(a, P, MADV_WILLNEED));
	SHOW(mincore(a + 2 * P, 2 * P, vec));
	CHECK((vec[0] & 1) && (vec[1] & 1));
	SHOW(msync(a, P, MS_SYNC));
	SHOW(msync(a, P, MS_SYNC | MS_ASYNC));
	SHOW(msync(s, 4 * P, MS_SYNC));
	SHOW(mlock(a, P));
	SHOW(munlock(a, P));
	SHOW(mlockall(0));
	SHOW(munlockall());
}

static void limits(void)
{
	struct rlimit old, small = {64 << 20, RLIM_INFINITY};

	getrlimit(RLIMIT_AS, &old);
	small.rlim_max = old.rlim_max;
	SHOW(setrlimit(RLIMIT_AS, &small));
	SHOW(ok(mmap(NULL, 128 << 20, PROT_NONE, ANON, -1, 0)));
	setrlimit(RLIMIT_AS, &old);
	SHOW(ok(mmap(NULL, 1UL << 36, PROT_NONE, ANON | MAP_NORESERVE, -1, 0)));
}

static void other_process(void)
{
	char from[64] = "hello", to[64] = "";
	struct iovec l = {to, 64}, r = {from, 64}, bad = {(void *)8, 64};

	SHOW(syscall(SYS_process_vm_readv, getpid(), &l, 1, &r, 1, 0));
	CHECK(strcmp(to, "hello") == 0);
	SHOW(syscall(SYS_process_vm_readv, getpid(), &l, 1, &bad, 1, 0));
	SHOW(syscall(SYS_process_vm_readv, 999999, &l, 1, &r, 1, 0));
	SHOW(syscall(SYS_process_vm_readv, getpid(), &l, 1, &r, 1, 1));
	SHOW(syscall(SYS_process_vm_writev, getpid(), &l, 1, &r, 1, 0));
}

int main(void)
{
	map_errors();
	protect();
	remap();
	heap();
	advise();
	limits();
	other_process();
	return 0;
}
