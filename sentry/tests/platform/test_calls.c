/* SPDX-License-Identifier: Apache-2.0 */
/* System calls through the platform: what the guest sees of its registers, its red zone and its
 * text. */
#include "harness.h"

#include <elf.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>

#define WARM 60 /* calls after which a site is patched */

TestSuite(calls, .timeout = 60);

static void odd_registers(struct guest_regs *r)
{
	r->r15 = 15, r->r14 = 14, r->r13 = 13, r->r12 = 12, r->rbp = 11, r->rbx = 10;
	r->r10 = 9, r->r9 = 8, r->r8 = 7, r->rdx = 6, r->rsi = 5, r->rdi = 4, r->rax = 777;
	r->eflags = 0x202 | 0x8d5; /* CF PF AF ZF SF OF */
}

static void check_registers(const struct guest *g, uint64_t nr)
{
	struct guest_regs want = {0};

	odd_registers(&want);
	cr_assert_eq(g->ev.reason, PLAT_SYSCALL);
	cr_assert_eq(g->regs.orig_rax, nr);
	cr_assert_eq((int64_t)g->regs.rax, -38);
	cr_assert_eq(g->regs.rip, guest_addr(g_loop) + 2);
	cr_assert_eq(g->regs.rcx, g->regs.rip, "rcx is the return address");
	cr_assert_eq(g->regs.r11, g->regs.eflags, "r11 holds the flags");
	cr_assert_eq(g->regs.eflags & 0xcd5, want.eflags & 0xcd5);
	cr_assert_eq(g->regs.rsp, GUEST_STACK);
	cr_assert_eq(g->regs.cs, 0x33);
	cr_assert_eq(g->regs.ss, 0x2b);
	cr_assert_eq(memcmp(&g->regs.r15, &want.r15, 6 * 8), 0);
	cr_assert_eq(g->regs.r10, want.r10);
	cr_assert_eq(g->regs.r9, want.r9);
	cr_assert_eq(g->regs.r8, want.r8);
	cr_assert_eq(g->regs.rdx, want.rdx);
	cr_assert_eq(g->regs.rsi, want.rsi);
	cr_assert_eq(g->regs.rdi, want.rdi);
}

Test(calls, keep_registers_when_they_trap)
{
	struct guest g;

	platform_up(false);
	guest_new(&g);
	guest_enter(&g, g_loop);
	odd_registers(&g.regs);
	guest_run(&g);
	check_registers(&g, 777);
	for (int i = 0; i < 100; i++) {
		guest_answer(&g, 1000 + i);
		check_registers(&g, 1000 + i);
	}
	guest_free(&g);
}

Test(calls, keep_registers_when_the_site_is_patched)
{
	struct guest g;

	platform_up(true);
	guest_new(&g);
	guest_enter(&g, g_loop);
	odd_registers(&g.regs);
	guest_run(&g);
	for (int i = 0; i < WARM; i++)
		guest_answer(&g, 1000 + i);
	cr_assert_eq(guest_text(g_loop)[0], 0xe9, "the site is patched");
	for (int i = 0; i < 100; i++) {
		guest_answer(&g, 2000 + i);
		check_registers(&g, 2000 + i);
	}
	guest_free(&g);
}

Test(calls, load_all_registers_from_a_patched_site)
{
	struct guest g;

	platform_up(true);
	guest_new(&g);
	guest_enter(&g, g_loop);
	guest_run(&g);
	for (int i = 0; i < WARM; i++)
		guest_answer(&g, 1);
	for (int i = 0; i < 50; i++) {
		guest_enter(&g, g_loop);
		odd_registers(&g.regs);
		guest_run(&g);
		check_registers(&g, 777);
	}
	guest_free(&g);
}

static void run_count(bool patching)
{
	struct guest g;
	uint64_t sum = 0;

	platform_up(patching);
	guest_new(&g);
	guest_enter(&g, g_count);
	g.regs.rdi = 600;
	g.regs.rsi = 500;
	guest_run(&g);
	for (uint64_t i = 0; i < 500; i++) {
		cr_assert_eq(g.ev.reason, PLAT_SYSCALL);
		cr_assert_eq(g.regs.orig_rax, 600);
		sum += i * i;
		guest_answer(&g, i * i);
	}
	cr_assert_eq(g.regs.orig_rax, 501);
	cr_assert_eq(g.regs.rbx, sum, "every answer arrived");
	cr_assert_eq(g.regs.rbp, 0, "the red zone is intact");
	guest_free(&g);
}

Test(calls, keep_the_red_zone_when_they_trap)
{
	run_count(false);
}

Test(calls, keep_the_red_zone_when_the_site_is_patched)
{
	run_count(true);
}

Test(calls, at_a_site_across_cache_lines_are_patched_only_without_other_threads)
{
	struct plat_thread *other;
	struct guest g;

	platform_up(true);
	guest_new(&g);
	cr_assert_eq(plat_thread_new(&other, g.space, NULL), 0);
	guest_enter(&g, g_crossing);
	g.regs.rax = 9;
	guest_run(&g);
	for (int i = 0; i < WARM; i++)
		guest_answer(&g, 9);
	cr_assert_eq(guest_text(g_crossing)[0], 0x0f);
	cr_assert_eq(g.regs.orig_rax, 9);
	plat_thread_free(other);
	guest_free(&g);
}

Test(calls, are_patched_at_the_mov_when_the_window_is_not_usable)
{
	struct guest g;

	platform_up(true);
	guest_new(&g);
	guest_enter(&g, g_mov);
	guest_run(&g);
	for (int i = 0; i < WARM; i++) {
		cr_assert_eq(g.regs.orig_rax, 500);
		guest_answer(&g, (uint64_t)i);
	}
	cr_assert_eq(guest_text(g_mov)[0], 0xe9);
	cr_assert_eq(guest_text(g_mov)[5], 0x0f, "a jump to the call itself still finds it");
	cr_assert_eq(g.regs.rip, guest_addr(g_mov) + 7);
	guest_free(&g);
}

Test(calls, trap_again_after_unpatching)
{
	struct guest g;

	platform_up(true);
	guest_new(&g);
	guest_enter(&g, g_loop);
	guest_run(&g);
	for (int i = 0; i < WARM; i++)
		guest_answer(&g, 1);
	cr_assert_eq(guest_text(g_loop)[0], 0xe9);
	plat_unpatch(g.space);
	cr_assert_eq(guest_text(g_loop)[0], 0x0f);
	cr_assert_eq(guest_text(g_loop)[1], 0x05);
	for (int i = 0; i < WARM; i++)
		cr_assert_eq(guest_answer(&g, 1), PLAT_SYSCALL);
	cr_assert_eq(guest_text(g_loop)[0], 0x0f);
	guest_free(&g);
}

Test(calls, of_ids_are_answered_in_the_stub)
{
	struct plat_ids ids = {101, 102, 103, 104, 105, 106, 107, 108, 109};
	const struct {
		uint64_t nr, want;
	} c[] = {{SYS_getpid, 101}, {SYS_gettid, 102},	{SYS_getppid, 103}, {SYS_getpgrp, 104},
		 {SYS_getuid, 106}, {SYS_geteuid, 107}, {SYS_getgid, 108},  {SYS_getegid, 109}};
	struct guest g;

	platform_up(true);
	guest_new(&g);
	guest_enter(&g, g_count);
	g.regs.rdi = 600;
	g.regs.rsi = WARM;
	guest_run(&g);
	while (g.regs.orig_rax == 600)
		guest_answer(&g, 0);
	plat_thread_set_ids(g.thread, &ids);
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		guest_enter(&g, g_count);
		g.regs.rdi = c[i].nr;
		g.regs.rsi = 1000;
		cr_assert_eq(guest_run(&g), PLAT_SYSCALL);
		cr_assert_eq(g.regs.orig_rax, 501, "only the last call came out");
		cr_assert_eq(g.regs.rbx, 1000 * c[i].want);
		cr_assert_eq(g.regs.rbp, 0);
	}
	guest_free(&g);
}

Test(calls, to_yield_are_made_by_the_stub)
{
	struct plat_ids ids = { .pid = 1 };
	struct guest g;

	platform_up(true);
	guest_new(&g);
	guest_enter(&g, g_count);
	g.regs.rdi = SYS_sched_yield;
	g.regs.rsi = WARM;
	guest_run(&g);
	while (g.regs.orig_rax == SYS_sched_yield)
		guest_answer(&g, 0);
	plat_thread_set_ids(g.thread, &ids);
	guest_enter(&g, g_count);
	g.regs.rdi = SYS_sched_yield;
	g.regs.rsi = 300;
	g.regs.r15 = 15;
	cr_assert_eq(guest_run(&g), PLAT_SYSCALL);
	cr_assert_eq(g.regs.orig_rax, 501);
	cr_assert_eq(g.regs.rbx, 0);
	cr_assert_eq(g.regs.rbp, 0, "the red zone is intact");
	cr_assert_eq(g.regs.r15, 15);
	guest_free(&g);
}

Test(calls, by_the_32_bit_gate_get_a_number_that_no_table_has)
{
	struct guest g;

	platform_up(false);
	guest_new(&g);
	guest_enter(&g, g_int80);
	g.regs.rax = 20;
	if (guest_run(&g) == PLAT_FAULT)
		cr_skip_test("no 32-bit emulation on this host");
	cr_assert_eq(g.ev.reason, PLAT_SYSCALL);
	cr_assert_eq(g.regs.orig_rax, 0x80000014);
	cr_assert_eq(g.regs.rip, guest_addr(g_int80) + 2);
	guest_free(&g);
}

Test(calls, with_the_x32_bit_come_out_as_they_are)
{
	struct guest g;

	platform_up(false);
	guest_new(&g);
	guest_enter(&g, g_loop);
	g.regs.rax = 0x40000001;
	cr_assert_eq(guest_run(&g), PLAT_SYSCALL);
	cr_assert_eq(g.regs.orig_rax, 0x40000001);
	guest_free(&g);
}

Test(calls, through_the_vsyscall_page_come_out_behind_the_call)
{
	const uint64_t nr[] = {96, 201, 309};
	struct guest g;

	platform_up(false);
	guest_new(&g);
	for (unsigned i = 0; i < 3; i++) {
		guest_enter(&g, g_call_reg);
		g.regs.rdi = 0xffffffffff600000 + 1024 * i;
		cr_assert_eq(guest_run(&g), PLAT_SYSCALL);
		cr_assert_eq(g.regs.orig_rax, nr[i]);
		cr_assert_eq(guest_answer(&g, 4711), PLAT_SYSCALL);
		cr_assert_eq(g.regs.orig_rax, 505);
		cr_assert_eq(g.regs.rdi, 4711, "the result of the call");
		cr_assert_eq(g.regs.rsp, GUEST_STACK);
	}
	guest_free(&g);
}

/* The address of a function in the vDSO, from our own copy of it. */
static uint64_t vdso_symbol(const char *name)
{
	const char *v = (const char *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *eh = (const void *)v;
	const Elf64_Phdr *ph = (const void *)(v + eh->e_phoff);
	const Elf64_Sym *sym = NULL;
	const char *str = NULL;
	const uint32_t *hash = NULL;
	uint64_t load = 0, n = 0;

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD)
			load = ph[i].p_vaddr - ph[i].p_offset;
	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_DYNAMIC)
			continue;
		for (const Elf64_Dyn *d = (const void *)(v + ph[i].p_offset); d->d_tag; d++) {
			if (d->d_tag == DT_SYMTAB)
				sym = (const void *)(v + d->d_un.d_ptr - load);
			if (d->d_tag == DT_STRTAB)
				str = v + d->d_un.d_ptr - load;
			if (d->d_tag == DT_HASH)
				hash = (const void *)(v + d->d_un.d_ptr - load);
		}
	}
	(void)hash;
	/* The symbol table ends where the string table starts. */
	n = sym && str ? (uint64_t)(str - (const char *)sym) / sizeof(*sym) : 0;
	for (uint64_t i = 0; i < n; i++)
		if (!strcmp(str + sym[i].st_name, name))
			return sym[i].st_value - load;
	return 0;
}

static void call_clock(struct guest *g, uint64_t fn, uint64_t clock)
{
	guest_enter(g, g_call_reg);
	g->regs.rdi = fn;
	g->regs.rsi = clock;
	g->regs.rdx = GUEST_DATA;
	guest_run(g);
}

Test(calls, of_the_clock_are_answered_by_the_hosts_vdso)
{
	uint64_t fn = vdso_symbol("__vdso_clock_gettime");
	struct timespec before, after, got;
	struct guest g;

	platform_up(false);
	guest_new(&g);
	if (!plat_vdso_base() || !fn)
		cr_skip_test("no vDSO");
	cr_assert_geq(plat_vdso_base(), plat_task_size());
	clock_gettime(CLOCK_MONOTONIC, &before);
	call_clock(&g, plat_vdso_base() + fn, CLOCK_MONOTONIC);
	clock_gettime(CLOCK_MONOTONIC, &after);
	cr_assert_eq(g.regs.orig_rax, 505, "no system call was made");
	cr_assert_eq(g.regs.rdi, 0);
	memcpy(&got, test_memory + (1 << 20), sizeof(got));
	cr_assert_geq(got.tv_sec * 1000000000 + got.tv_nsec,
		      before.tv_sec * 1000000000 + before.tv_nsec);
	cr_assert_leq(got.tv_sec * 1000000000 + got.tv_nsec,
		      after.tv_sec * 1000000000 + after.tv_nsec);
	/* A clock that the vDSO does not know: its own call comes to us. */
	call_clock(&g, plat_vdso_base() + fn, CLOCK_THREAD_CPUTIME_ID);
	cr_assert_eq(g.ev.reason, PLAT_SYSCALL);
	cr_assert_eq(g.regs.orig_rax, SYS_clock_gettime);
	cr_assert_eq(guest_answer(&g, 0), PLAT_SYSCALL);
	cr_assert_eq(g.regs.orig_rax, 505);
	guest_free(&g);
}

Test(calls, of_a_guest_that_uses_gs_trap)
{
	struct guest g;

	platform_up(true);
	guest_new(&g);
	*(uint64_t *)(test_memory + (1 << 20)) = 0x5555;
	guest_enter(&g, g_loop);
	guest_run(&g);
	for (int i = 0; i < WARM; i++)
		guest_answer(&g, 1);
	cr_assert_eq(guest_text(g_loop)[0], 0xe9);
	guest_enter(&g, g_gs);
	g.regs.gs_base = GUEST_DATA;
	guest_run(&g);
	for (int i = 0; i < WARM; i++) {
		cr_assert_eq(g.ev.reason, PLAT_SYSCALL);
		cr_assert_eq(g.regs.rbx, 0x5555);
		cr_assert_eq(g.regs.gs_base, GUEST_DATA);
		guest_answer(&g, 1);
	}
	cr_assert_eq(guest_text(g_loop)[0], 0x0f, "patched sites are restored");
	guest_free(&g);
}

Test(calls, keep_fs)
{
	struct guest g;

	platform_up(true);
	guest_new(&g);
	guest_enter(&g, g_loop);
	g.regs.fs_base = 0x1234567000;
	guest_run(&g);
	for (int i = 0; i < WARM; i++) {
		cr_assert_eq(g.regs.fs_base, 0x1234567000);
		guest_answer(&g, 1);
	}
	guest_enter(&g, g_loop);
	g.regs.fs_base = 0x7654321000;
	guest_run(&g);
	cr_assert_eq(g.regs.fs_base, 0x7654321000);
	guest_free(&g);
}

/* A debugger steps over a patched site: traps in the stub stay hidden, the next one is behind the
 * site. */
Test(calls, can_be_stepped_over)
{
	struct guest g;

	platform_up(true);
	guest_new(&g);
	guest_enter(&g, g_loop);
	guest_run(&g);
	for (int i = 0; i < WARM; i++)
		guest_answer(&g, 1);
	cr_assert_eq(guest_text(g_loop)[0], 0xe9);
	guest_enter(&g, g_loop);
	g.regs.rax = 700;
	g.regs.eflags |= 0x100;
	/* Steps inside the trampoline are the guest's, too: it lies in its memory. */
	for (int i = 0; i < 16 && guest_run(&g) == PLAT_FAULT; i++)
		cr_assert_eq(g.ev.signo, 5);
	cr_assert_eq(g.ev.reason, PLAT_SYSCALL);
	cr_assert_eq(g.regs.orig_rax, 700);
	cr_assert(g.regs.eflags & 0x100);
	cr_assert_eq(guest_answer(&g, 3), PLAT_FAULT);
	cr_assert_eq(g.ev.signo, 5);
	cr_assert_eq(g.regs.rip, guest_addr(g_loop) + 2);
	guest_free(&g);
}

/* Several threads run the same site while it is patched under them. */
struct runner {
	struct guest *g;
	struct plat_thread *thread;
	uint64_t sum, red;
};

static void *run_thread(void *arg)
{
	struct runner *r = arg;
	struct guest g = *r->g;
	uint64_t n = 0;

	g.thread = r->thread;
	guest_enter(&g, g_count);
	g.regs.rdi = 600;
	g.regs.rsi = 3000;
	g.regs.rsp = GUEST_STACK - 4096 * (1 + (uint64_t)((uintptr_t)r->thread >> 8 & 63));
	guest_run(&g);
	while (g.ev.reason == PLAT_SYSCALL && g.regs.orig_rax == 600)
		guest_answer(&g, n++);
	r->sum = g.regs.rbx;
	r->red = g.ev.reason == PLAT_SYSCALL ? 0 : 1;
	return NULL;
}

Test(calls, of_many_threads_are_right_while_their_site_is_patched)
{
	enum { N = 6 };
	struct runner r[N] = {0};
	pthread_t th[N];
	struct plat_stats st;
	struct guest g;

	platform_up(true);
	guest_new(&g);
	for (int i = 0; i < N; i++) {
		r[i].g = &g;
		cr_assert_eq(plat_thread_new(&r[i].thread, g.space, NULL), 0);
		pthread_create(&th[i], NULL, run_thread, &r[i]);
	}
	for (int i = 0; i < N; i++) {
		pthread_join(th[i], NULL);
		cr_expect_eq(r[i].red, 0);
		cr_expect_eq(r[i].sum, 3000ULL * 2999 / 2);
		plat_thread_free(r[i].thread);
	}
	plat_get_stats(&st);
	cr_assert_geq(st.patched_sites, 1);
	guest_free(&g);
}

Test(calls, work_at_inherited_patched_sites)
{
	struct guest g, child;

	platform_up(true);
	guest_new(&g);
	guest_enter(&g, g_loop);
	guest_run(&g);
	for (int i = 0; i < WARM; i++)
		guest_answer(&g, 1);
	guest_new(&child);
	plat_space_inherit(child.space, g.space);
	guest_enter(&child, g_loop);
	child.regs.rax = 88;
	cr_assert_eq(guest_run(&child), PLAT_SYSCALL);
	cr_assert_eq(child.regs.orig_rax, 88);
	guest_free(&g);
	cr_assert_eq(guest_answer(&child, 89), PLAT_SYSCALL);
	cr_assert_eq(child.regs.orig_rax, 89);
	guest_free(&child);
}
