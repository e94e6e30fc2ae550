/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces: what is mapped is there, what is unmapped is gone when plat_flush() returns; many
 * of them, many threads in one.
 */
#include "harness.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

TestSuite(memory, .timeout = 100);

/* Loads from @addr; returns whether that worked. */
static bool guest_loads(struct guest *g, uint64_t addr)
{
	guest_enter(g, g_load);
	g->regs.rdi = addr;
	return guest_run(g) == PLAT_SYSCALL;
}

static bool guest_stores(struct guest *g, uint64_t addr)
{
	guest_enter(g, g_store);
	g->regs.rdi = addr;
	g->regs.rsi = 0x77;
	return guest_run(g) == PLAT_SYSCALL;
}

Test(memory, operations_take_effect_in_order)
{
	struct guest g;

	platform_up(false);
	guest_new(&g);
	cr_assert_eq(plat_map(g.space, 0x30000000, 0x4000, PROT_RW, test_memfd, 2 << 20), 0);
	cr_assert_eq(plat_unmap(g.space, 0x30001000, 0x1000), 0);
	cr_assert_eq(plat_protect(g.space, 0x30002000, 0x1000, PROT_READ), 0);
	cr_assert(guest_stores(&g, 0x30000000));
	cr_assert_eq(test_memory[2 << 20], 0x77);
	cr_assert(!guest_loads(&g, 0x30001000));
	cr_assert_eq(g.ev.code, SEGV_MAPERR);
	cr_assert(guest_loads(&g, 0x30002000));
	cr_assert(!guest_stores(&g, 0x30002000));
	cr_assert_eq(g.ev.code, SEGV_ACCERR);
	cr_assert_eq(plat_map(g.space, 0x30002000, 0x1000, PROT_RW, test_memfd, 3 << 20), 0);
	cr_assert(guest_stores(&g, 0x30002000));
	cr_assert_eq(test_memory[3 << 20], 0x77);
	guest_free(&g);
}

Test(memory, operations_outside_the_guests_range_are_refused)
{
	struct guest g;

	platform_up(false);
	guest_new(&g);
	cr_assert_eq(plat_map(g.space, plat_task_size(), 4096, PROT_RW, test_memfd, 0), -22);
	cr_assert_eq(plat_map(g.space, plat_task_size() - 4096, 8192, PROT_RW, test_memfd, 0), -22);
	cr_assert_eq(plat_unmap(g.space, 0, UINT64_MAX & ~4095ULL), -22);
	cr_assert_eq(plat_unmap(g.space, 100, 4096), -22);
	cr_assert(guest_loads(&g, GUEST_DATA));
	guest_free(&g);
}

Test(memory, operations_by_the_thousand_are_carried_out)
{
	struct guest g;

	platform_up(false);
	guest_new(&g);
	for (uint64_t i = 0; i < 1500; i++)
		cr_assert_eq(plat_map(g.space, 0x40000000 + i * 8192, 4096, PROT_RW, test_memfd,
				      (2 << 20) + (i % 100) * 4096),
			     0);
	cr_assert_eq(plat_flush(g.space), 0);
	cr_assert(guest_stores(&g, 0x40000000 + 1499 * 8192));
	cr_assert(!guest_loads(&g, 0x40000000 + 1499 * 8192 + 4096));
	for (uint64_t i = 0; i < 1500; i++)
		cr_assert_eq(plat_unmap(g.space, 0x40000000 + i * 8192, 4096), 0);
	cr_assert_eq(plat_flush(g.space), 0);
	cr_assert(!guest_loads(&g, 0x40000000 + 700 * 8192));
	guest_free(&g);
}

Test(memory, of_several_host_files_is_mapped_from_the_right_one)
{
	enum { N = 20 };
	int fd[N];
	struct guest g;

	platform_up(false);
	guest_new(&g);
	for (int i = 0; i < N; i++) {
		uint64_t v = 1000 + (uint64_t)i;

		fd[i] = memfd_create("file", 0);
		cr_assert_eq(pwrite(fd[i], &v, sizeof(v), 0), sizeof(v));
		cr_assert_eq(ftruncate(fd[i], 8192), 0);
		cr_assert_eq(plat_map(g.space, 0x30000000 + (uint64_t)i * 8192, 4096, PROT_READ,
				      fd[i], 0),
			     0);
		cr_assert_eq(plat_map(g.space, 0x30001000 + (uint64_t)i * 8192, 4096, PROT_READ,
				      fd[i], 4096),
			     0);
	}
	cr_assert_eq(plat_flush(g.space), 0);
	for (int i = 0; i < N; i++) {
		close(fd[i]);
		guest_enter(&g,
			    g_gs); /* loads through a base register: the value comes out in rbx */
		g.regs.gs_base = 0x30000000 + (uint64_t)i * 8192;
		cr_assert_eq(guest_run(&g), PLAT_SYSCALL);
		cr_assert_eq(g.regs.rbx, 1000 + (uint64_t)i);
	}
	guest_free(&g);
}

Test(memory, that_cannot_be_mapped_is_reported_and_left_unmapped)
{
	int dir[2];
	struct guest g;

	platform_up(false);
	guest_new(&g);
	cr_assert_eq(pipe(dir), 0);
	cr_assert_eq(plat_map(g.space, 0x30000000, 4096, PROT_READ, dir[0], 0), 0);
	cr_assert_lt(plat_flush(g.space), 0);
	cr_assert(!guest_loads(&g, 0x30000000));
	cr_assert(guest_loads(&g, GUEST_DATA), "what was mapped before is still there");
	guest_free(&g);
}

Test(memory, spaces_are_apart_and_can_be_many)
{
	enum { N = 60 };
	struct guest g[N];

	platform_up(false);
	for (int i = 0; i < N; i++) {
		guest_new(&g[i]);
		cr_assert_eq(plat_map(g[i].space, 0x30000000, 4096, PROT_RW, test_memfd,
				      (2 << 20) + (uint64_t)i * 4096),
			     0);
	}
	for (int i = 0; i < N; i++) {
		guest_enter(&g[i], g_store);
		g[i].regs.rdi = 0x30000000;
		g[i].regs.rsi = (uint64_t)i + 1;
		cr_assert_eq(guest_run(&g[i]), PLAT_SYSCALL);
	}
	for (int i = 0; i < N; i++) {
		cr_assert_eq(test_memory[(2 << 20) + i * 4096], i + 1);
		guest_free(&g[i]);
	}
}

Test(memory, spaces_come_and_go)
{
	struct guest g;

	platform_up(false);
	for (int i = 0; i < 200; i++) {
		guest_new(&g);
		cr_assert(guest_loads(&g, GUEST_DATA));
		guest_free(&g);
	}
}

Test(memory, threads_of_a_space_can_be_many)
{
	enum { N = 150 };
	static struct guest t[N];
	struct guest g;

	platform_up(false);
	guest_new(&g);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N; i++) {
			t[i].space = g.space;
			cr_assert_eq(plat_thread_new(&t[i].thread, g.space, NULL), 0);
			guest_enter(&t[i], g_loop);
			t[i].regs.rdi = (uint64_t)i;
			cr_assert_eq(guest_run(&t[i]), PLAT_SYSCALL);
		}
		for (int i = 0; i < N; i++) {
			cr_assert_eq(guest_answer(&t[i], 1), PLAT_SYSCALL);
			cr_assert_eq(t[i].regs.rdi, (uint64_t)i);
			plat_thread_free(t[i].thread);
		}
	}
	guest_free(&g);
}
