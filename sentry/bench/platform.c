/* SPDX-License-Identifier: Apache-2.0 */
/* The platform's own costs, without a kernel behind it: prints "name value ns" lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "platform/platform.h"

#define CODE 0x10000000ULL
#define DATA 0x20000000ULL
#define MEMORY (16 << 20)

static uint8_t *memory;
static uint64_t next_page = 0;

/* loop: syscall; nopl (%rax); jmp loop    and, at 64: dec %rbx; jz out; mov $39,%eax; syscall;
 * nopl; jmp; out: ud2 */
static const uint8_t code[] = {0x0f, 0x05, 0x0f, 0x1f, 0x00, 0xeb, 0xf9};
static const uint8_t ids_code[] = {0x48, 0xff, 0xcb, 0x74, 0x0c, 0xb8, 39,   0,	   0,	0,
				   0x0f, 0x05, 0x0f, 0x1f, 0x00, 0xeb, 0xef, 0x0f, 0x0b};

static void *patch_page(void *cookie, uint64_t addr)
{
	(void)cookie;
	return memory + (addr - CODE);
}

static int reserve(void *cookie, uint64_t lo, uint64_t hi, uint64_t len, uint64_t *ret)
{
	(void)cookie;
	(void)hi;
	(void)len;
	*ret = lo + next_page;
	next_page += 0;
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct plat_space *space;
static struct plat_thread *thread;
static struct guest_regs regs;
static struct plat_event event;

static void start(uint64_t rip, uint64_t rbx)
{
	regs = (struct guest_regs){
		.rip = rip, .rsp = DATA + 65536, .eflags = 0x202, .rbx = rbx, .rax = 1000};
	plat_switch(thread, &regs, true, &event);
}

static void calls(const char *name, long n, bool full)
{
	start(CODE, 0);
	for (long i = 0; i < n / 10 + 200; i++)
		plat_switch(thread, &regs, false, &event);

	double t = now();

	for (long i = 0; i < n; i++) {
		regs.rax = 1000;
		plat_switch(thread, &regs, full, &event);
	}
	printf("%s %.1f ns\n", name, (now() - t) / (double)n);
}

int main(int argc, char **argv)
{
	bool patch = argc < 2 || strcmp(argv[1], "trap") != 0;
	int fd = memfd_create("bench", 0);
	struct plat_config cfg = {
		.memfd = fd, .no_patching = !patch, .patch_page = patch_page, .reserve = reserve};
	struct plat_ids ids = {.pid = 1, .tid = 1};
	struct plat_stats st;

	if (ftruncate(fd, MEMORY) < 0)
		return 1;
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memcpy(memory, code, sizeof(code));
	memcpy(memory + 64, ids_code, sizeof(ids_code));
	if (plat_init(&cfg) < 0 || plat_space_new(&space, NULL) < 0 ||
	    plat_thread_new(&thread, space, NULL) < 0)
		return 1;
	plat_map(space, CODE, 4096, PROT_READ | PROT_EXEC, fd, 0);
	plat_map(space, DATA, 1 << 20, PROT_READ | PROT_WRITE, fd, 1 << 20);
	calls(patch ? "call_patched" : "call_trapped", 200000, false);
	calls(patch ? "call_patched_full" : "call_trapped_full", 200000, true);
	if (patch) {
		for (int i = 0; i < 64; i++) {
			start(CODE + 64, 100);
			while (event.reason == PLAT_SYSCALL)
				plat_switch(thread, &regs, false, &event);
		}
		plat_thread_set_ids(thread, &ids);
		double t = now();

		start(CODE + 64, 1000000);
		printf("call_answered_in_stub %.1f ns\n", (now() - t) / 1e6);
	}

	double t = now();

	for (int i = 0; i < 5000; i++) {
		plat_protect(space, DATA, 4096, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
		plat_flush(space);
	}
	printf("protect_flush %.1f ns\n", (now() - t) / 5000);
	t = now();
	for (int i = 0; i < 2000; i++) {
		for (int k = 0; k < 32; k++)
			plat_protect(space, DATA + (uint64_t)k * 8192, 4096,
				     i & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
		plat_flush(space);
	}
	printf("protect_batched %.1f ns\n", (now() - t) / 64000);
	t = now();
	for (int i = 0; i < 300; i++) {
		struct plat_thread *other;

		if (plat_thread_new(&other, space, NULL) < 0)
			return 1;
		plat_thread_free(other);
	}
	printf("thread_new_free %.1f ns\n", (now() - t) / 300);
	t = now();
	for (int i = 0; i < 300; i++) {
		struct plat_space *other;

		if (plat_space_new(&other, NULL) < 0)
			return 1;
		plat_space_free(other);
	}
	printf("space_new_free %.1f ns\n", (now() - t) / 300);
	plat_get_stats(&st);
	printf("# patched %lu spins %lu sleeps %lu\n", (unsigned long)st.patched_sites,
	       (unsigned long)st.spins_won, (unsigned long)st.sleeps);
	plat_thread_free(thread);
	plat_space_free(space);
	plat_shutdown();
	return 0;
}
