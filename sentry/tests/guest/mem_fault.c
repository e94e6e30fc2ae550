/* SPDX-License-Identifier: Apache-2.0 */
/* Faults: the exact signal, code and address; stack growth; recovery in a handler. */
#include "guest.h"

#include <sys/stat.h>

#include <setjmp.h>

#define P 4096UL
#define RW (PROT_READ | PROT_WRITE)

static sigjmp_buf env;
static volatile int sig, code;
static void *volatile addr;

static void on_fault(int s, siginfo_t *si, void *uc)
{
	(void)uc;
	sig = s;
	code = si->si_code;
	addr = si->si_addr;
	siglongjmp(env, 1);
}

static void try(const char *what, volatile char *p, bool write)
{
	sig = 0;
	if (sigsetjmp(env, 1) == 0) {
		if (write)
			*p = 1;
		else
			(void)*p;
	}
	if (sig)
		printf("%s: %s code %d at the address: %s\n", what, sig_name(sig), code,
		       addr == p ? "yes" : "no");
	else
		printf("%s: fine\n", what);
}

static void jump(const char *what, void *to)
{
	sig = 0;
	if (sigsetjmp(env, 1) == 0)
		((void (*)(void))to)();
	printf("%s: %s code %d at the address: %s\n", what, sig_name(sig), code,
	       addr == to ? "yes" : "no");
}

static int deep(int n)
{
	volatile char frame[16384];

	frame[0] = (char)n;
	return n ? deep(n - 1) + frame[0] * 0 : 0;
}

/* Makes a page writable from the handler and goes on. */
static char *toggled;
static volatile int toggles;

static void on_toggle(int s, siginfo_t *si, void *uc)
{
	(void)s;
	(void)uc;
	(void)si;
	toggles++;
	mprotect(toggled, P, RW);
}

int main(void)
{
	char *a = mmap(NULL, 4 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *code_page = mmap(NULL, P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char name[] = "/tmp/memfaultXXXXXX";
	int fd;

	mkdir("/tmp", 0777);
	fd = mkstemp(name);
	handle(SIGSEGV, on_fault, 0);
	handle(SIGBUS, on_fault, 0);
	try("null read", NULL, false);
	try("null write", (char *)8, true);
	try("kernel half", (char *)0xffff800000001000UL, false);
	try("writable", a, true);
	mprotect(a + P, P, PROT_READ);
	try("read-only read", a + P, false);
	try("read-only write", a + P, true);
	mprotect(a + 2 * P, P, PROT_NONE);
	try("none", a + 2 * P, false);
	munmap(a + 3 * P, P);
	try("unmapped", a + 3 * P, true);
	*code_page = (char)0xc3;
	jump("no-exec", code_page);
	mprotect(code_page, P, PROT_READ | PROT_EXEC);
	sig = 0;
	((void (*)(void))code_page)();
	printf("exec: fine\n");
	if (fd >= 0 && ftruncate(fd, P + 100) == 0) {
		char *f = mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0);

		unlink(name);
		try("inside the file", f + P + 50, true);
		try("in the file's last page", f + P + 2000, true);
		try("beyond the file", f + 2 * P, false);
		try("beyond the file", f + 2 * P, true);
		WORKS(ftruncate(fd, 3 * P));
		try("after growing", f + 2 * P, true);
		WORKS(ftruncate(fd, 0));
		try("after truncation", f, false);
	}
	printf("deep stack %d\n", deep(400));
	toggled = a;
	handle(SIGSEGV, on_toggle, 0);
	for (int i = 0; i < 100; i++) {
		mprotect(a, P, PROT_READ);
		a[5] = (char)i;
	}
	printf("toggles %d\n", toggles);
	return 0;
}
