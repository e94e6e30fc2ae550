/* SPDX-License-Identifier: Apache-2.0 */
/* See harness.h. */
#include "harness.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY (16 << 20)
#define DATA_OFF (1 << 20)

uint8_t *test_memory;
int test_memfd = -1;

/* Trampoline pages that were given away: the same in every space. */
static uint64_t reserved[64];
static unsigned n_reserved;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;

static void *patch_page(void *cookie, uint64_t addr)
{
	(void)cookie;
	if (addr < GUEST_CODE || addr >= GUEST_CODE + DATA_OFF)
		return NULL;
	return test_memory + (addr - GUEST_CODE);
}

static int taken(uint64_t addr)
{
	for (unsigned i = 0; i < n_reserved; i++)
		if (reserved[i] == addr)
			return 1;
	return (addr >= GUEST_CODE && addr < GUEST_CODE + DATA_OFF) ||
	       (addr >= GUEST_DATA && addr < GUEST_DATA + GUEST_DATA_SIZE);
}

static int reserve(void *cookie, uint64_t lo, uint64_t hi, uint64_t len, uint64_t *ret)
{
	int r = -12;

	(void)cookie;
	(void)len;
	pthread_mutex_lock(&mu);
	for (uint64_t at = lo; at + 4096 <= hi; at += 4096) {
		if (taken(at) || n_reserved == 64)
			continue;
		reserved[n_reserved++] = at;
		*ret = at;
		r = 0;
		break;
	}
	pthread_mutex_unlock(&mu);
	return r;
}

void platform_up(bool patching)
{
	struct plat_config cfg = {
		.patch_page = patch_page, .reserve = reserve, .no_patching = !patching};

	test_memfd = memfd_create("test-memory", 0);
	cr_assert_geq(test_memfd, 0);
	cr_assert_eq(ftruncate(test_memfd, MEMORY), 0);
	test_memory = mmap(NULL, MEMORY, PROT_RW, MAP_SHARED, test_memfd, 0);
	cr_assert_neq(test_memory, MAP_FAILED);
	memcpy(test_memory, guest_code, (size_t)(guest_code_end - guest_code));
	cfg.memfd = test_memfd;
	cr_assert_eq(plat_init(&cfg), 0);
}

void guest_new(struct guest *g)
{
	size_t len = (size_t)(guest_code_end - guest_code);

	memset(g, 0, sizeof(*g));
	cr_assert_eq(plat_space_new(&g->space, g), 0);
	cr_assert_eq(plat_thread_new(&g->thread, g->space, NULL), 0);
	cr_assert_eq(plat_map(g->space, GUEST_CODE, len, PROT_RX, test_memfd, 0), 0);
	cr_assert_eq(plat_map(g->space, GUEST_DATA, GUEST_DATA_SIZE, PROT_RW, test_memfd, DATA_OFF),
		     0);
}

void guest_free(struct guest *g)
{
	plat_thread_free(g->thread);
	plat_space_free(g->space);
}

uint64_t guest_addr(const char *program)
{
	return GUEST_CODE + (uint64_t)(program - guest_code);
}

const uint8_t *guest_text(const char *program)
{
	return test_memory + (program - guest_code);
}

void guest_enter(struct guest *g, const char *program)
{
	g->regs = (struct guest_regs){
		.rip = guest_addr(program), .rsp = GUEST_STACK, .eflags = 0x202};
}

enum plat_reason guest_run(struct guest *g)
{
	plat_switch(g->thread, &g->regs, true, &g->ev);
	return g->ev.reason;
}

enum plat_reason guest_answer(struct guest *g, uint64_t rax)
{
	g->regs.rax = rax;
	plat_switch(g->thread, &g->regs, false, &g->ev);
	return g->ev.reason;
}
