/* SPDX-License-Identifier: Apache-2.0 */
/* Faults, interrupts, and the FPU state that neither may touch. */
#include "harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

TestSuite(faults, .timeout = 60);

static void expect_fault(struct guest *g, int signo, int code, uint64_t addr, uint64_t err,
			 uint64_t trapno)
{
	cr_assert_eq(g->ev.reason, PLAT_FAULT);
	cr_assert_eq(g->ev.signo, signo);
	cr_assert_eq(g->ev.code, code, "si_code %d", g->ev.code);
	if (signo == SIGSEGV || signo == SIGBUS) {
		cr_assert_eq(g->ev.addr, addr);
		cr_assert_eq(g->ev.err, err, "error code %#lx", (unsigned long)g->ev.err);
	}
	cr_assert_eq(g->ev.trapno, trapno);
}

Test(faults, say_what_the_hardware_said)
{
	struct guest g;

	platform_up(false);
	guest_new(&g);
	guest_enter(&g, g_load);
	g.regs.rdi = 0x10;
	guest_run(&g);
	expect_fault(&g, SIGSEGV, SEGV_MAPERR, 0x10, 4, 14);
	cr_assert_eq(g.regs.rip, guest_addr(g_load));

	guest_enter(&g, g_store);
	g.regs.rdi = GUEST_CODE + 64;
	guest_run(&g);
	expect_fault(&g, SIGSEGV, SEGV_ACCERR, GUEST_CODE + 64, 7, 14);

	guest_enter(&g, g_jump);
	g.regs.r15 = GUEST_DATA;
	guest_run(&g);
	cr_assert_eq(g.ev.err & 0x15, 0x14 | (g.ev.err & 1), "an instruction fetch");
	cr_assert_eq(g.ev.addr, GUEST_DATA);
	cr_assert_eq(g.ev.code, SEGV_ACCERR);
	cr_assert_eq(g.regs.rip, GUEST_DATA);

	guest_enter(&g, g_load);
	g.regs.rdi = 0x8000000000000000;
	guest_run(&g);
	expect_fault(&g, SIGSEGV, 128 /* SI_KERNEL */, 0, 0, 13);

	guest_enter(&g, g_div);
	guest_run(&g);
	expect_fault(&g, SIGFPE, FPE_INTDIV, 0, 0, 0);

	guest_enter(&g, g_ud2);
	guest_run(&g);
	expect_fault(&g, SIGILL, ILL_ILLOPN, 0, 0, 6);
	cr_assert_eq(g.regs.rip, guest_addr(g_ud2));

	guest_enter(&g, g_int3);
	guest_run(&g);
	cr_assert_eq(g.ev.signo, SIGTRAP);
	cr_assert_eq(g.regs.rip, guest_addr(g_int3) + 1);
	cr_assert_eq(guest_run(&g), PLAT_SYSCALL, "the guest goes on behind it");
	guest_free(&g);
}

Test(faults, of_an_address_that_cannot_be_loaded_are_the_guests)
{
	struct guest g;

	platform_up(false);
	guest_new(&g);
	guest_enter(&g, g_loop);
	g.regs.rip = 0x0000900000000000;
	cr_assert_eq(guest_run(&g), PLAT_FAULT);
	cr_assert_eq(g.ev.signo, SIGSEGV);
	cr_assert_eq(g.ev.code, 128);
	cr_assert_eq(g.regs.rip, 0x0000900000000000);
	guest_enter(&g, g_loop);
	cr_assert_eq(guest_run(&g), PLAT_SYSCALL);
	guest_free(&g);
}

Test(faults, can_be_resolved_and_the_instruction_runs_again)
{
	struct guest g;

	platform_up(false);
	guest_new(&g);
	*(uint64_t *)(test_memory + (2 << 20)) = 0xabcdef;
	guest_enter(&g, g_load);
	g.regs.rdi = 0x30000000;
	cr_assert_eq(guest_run(&g), PLAT_FAULT);
	cr_assert_eq(plat_map(g.space, 0x30000000, 4096, PROT_READ, test_memfd, 2 << 20), 0);
	g.regs.rax = 1;
	plat_switch(g.thread, &g.regs, false, &g.ev);
	cr_assert_eq(g.ev.reason, PLAT_SYSCALL);
	cr_assert_eq(g.regs.orig_rax, 504);
	guest_free(&g);
}

Test(faults, behind_the_end_of_a_mapped_file_are_bus_errors)
{
	int fd = memfd_create("file", 0);
	struct guest g;

	platform_up(false);
	guest_new(&g);
	cr_assert_eq(ftruncate(fd, 4096), 0);
	cr_assert_eq(pwrite(fd, "12345678", 8, 0), 8);
	cr_assert_eq(plat_map(g.space, 0x30000000, 8192, PROT_READ, fd, 0), 0);
	cr_assert_eq(plat_flush(g.space), 0);
	close(fd);
	guest_enter(&g, g_load);
	g.regs.rdi = 0x30000000;
	cr_assert_eq(guest_run(&g), PLAT_SYSCALL, "a passed file is mapped");
	guest_enter(&g, g_load);
	g.regs.rdi = 0x30001000;
	guest_run(&g);
	cr_assert_eq(g.ev.signo, SIGBUS);
	cr_assert_eq(g.ev.code, BUS_ADRERR);
	cr_assert_eq(g.ev.addr, 0x30001000);
	guest_free(&g);
}

static void run_fpu(bool patching, bool interrupts)
{
	struct guest g;

	platform_up(patching);
	guest_new(&g);
	guest_enter(&g, g_fpu);
	g.regs.rdi = 0x0123456789abcdef;
	g.regs.rsi = 0xfedcba9876543210;
	guest_run(&g);
	for (uint64_t i = 0; i < 2000; i++) {
		if (interrupts && i % 3 == 0)
			plat_interrupt(g.thread);
		while (g.ev.reason == PLAT_INTERRUPTED)
			guest_answer(&g, 0);
		cr_assert_eq(g.ev.reason, PLAT_SYSCALL);
		cr_assert_eq(g.regs.orig_rax, 502);
		guest_answer(&g, 0);
		while (g.ev.reason == PLAT_INTERRUPTED)
			plat_switch(g.thread, &g.regs, true, &g.ev);
	}
	guest_free(&g);
}

Test(faults, and_traps_keep_vector_registers)
{
	run_fpu(false, false);
}

Test(faults, and_patched_calls_keep_vector_registers)
{
	run_fpu(true, false);
}

Test(faults, and_interrupts_keep_vector_registers)
{
	run_fpu(true, true);
}

/* xmm0 and xmm15 in an xsave image. */
static uint64_t *xmm(void *image, int n)
{
	return (uint64_t *)((char *)image + 160 + 16 * n);
}

static void fpu_state(bool patching, int warm)
{
	static char image[16384];
	struct plat_thread *copy;
	struct guest g, h;
	int size;

	platform_up(patching);
	guest_new(&g);
	guest_enter(&g, g_fpu);
	g.regs.rdi = 0x1111;
	g.regs.rsi = 0x2222;
	guest_run(&g);
	for (int i = 0; i < warm; i++)
		guest_answer(&g, 0);
	size = plat_fpu_get(g.thread, image, sizeof(image));
	cr_assert_eq(size, (int)plat_fpu_size());
	cr_assert_eq(*xmm(image, 0), 0x1111);
	cr_assert_eq(*xmm(image, 15), 0x2222);
	cr_assert_eq(*xmm(image, 1), UINT64_MAX);

	/* A thread made from it has the same state. */
	cr_assert_eq(plat_thread_new(&copy, g.space, g.thread), 0);
	memset(image, 0, sizeof(image));
	cr_assert_eq(plat_fpu_get(copy, image, sizeof(image)), size);
	cr_assert_eq(*xmm(image, 0), 0x1111);
	plat_thread_free(copy);

	/* The state that is set is the state that the guest has. */
	*xmm(image, 0) = 0x3333;
	cr_assert_eq(plat_fpu_set(g.thread, image, (size_t)size), 0);
	g.regs.rdi = 0x3333;
	cr_assert_eq(guest_run(&g), PLAT_SYSCALL);
	cr_assert_eq(g.regs.orig_rax, 502, "the guest found what was set");
	*xmm(image, 0) = 0x4444;
	cr_assert_eq(plat_fpu_set(g.thread, image, (size_t)size), 0);
	cr_assert_eq(guest_run(&g), PLAT_SYSCALL);
	cr_assert_eq(g.regs.orig_rax, 503, "and noticed another");

	/* A new thread starts with the initial state, though it reuses a host thread. */
	plat_thread_free(g.thread);
	h = g;
	cr_assert_eq(plat_thread_new(&h.thread, g.space, NULL), 0);
	guest_enter(&h, g_loop);
	guest_run(&h);
	cr_assert_eq(plat_fpu_get(h.thread, image, sizeof(image)), size);
	cr_assert(!(((uint64_t *)image)[64] & 2) || *xmm(image, 0) == 0);
	guest_free(&h);
}

Test(faults, aside_fpu_state_is_read_and_set_after_a_trap)
{
	fpu_state(false, 3);
}

Test(faults, aside_fpu_state_is_read_and_set_at_a_patched_site)
{
	fpu_state(true, 60);
}

Test(faults, do_not_come_from_a_bad_fpu_image)
{
	static char image[16384];
	struct guest g;

	platform_up(false);
	guest_new(&g);
	guest_enter(&g, g_loop);
	guest_run(&g);

	int size = plat_fpu_get(g.thread, image, sizeof(image));

	*(uint32_t *)(image + 24) = 0xffffffff; /* reserved bits of mxcsr */
	cr_assert_eq(plat_fpu_set(g.thread, image, (size_t)size), -22);
	*(uint32_t *)(image + 24) = 0x1f80;
	*(uint64_t *)(image + 512) |= 1ULL << 62;
	cr_assert_eq(plat_fpu_set(g.thread, image, (size_t)size), -22);
	*(uint64_t *)(image + 512) &= ~(1ULL << 62);
	*(uint64_t *)(image + 520) = 1;
	cr_assert_eq(plat_fpu_set(g.thread, image, (size_t)size), -22);
	*(uint64_t *)(image + 520) = 0;
	cr_assert_eq(plat_fpu_set(g.thread, image, (size_t)size), 0);
	cr_assert_eq(guest_answer(&g, 0), PLAT_SYSCALL);
	guest_free(&g);
}

Test(faults, give_way_to_an_interrupt_before_the_switch)
{
	struct guest g;

	platform_up(false);
	guest_new(&g);
	guest_enter(&g, g_spin);
	plat_interrupt(g.thread);
	cr_assert_eq(guest_run(&g), PLAT_INTERRUPTED);
	cr_assert_eq(g.regs.rbx, 0, "the guest did not run");
	guest_free(&g);
}

static atomic_bool stop;

static void *storm(void *arg)
{
	while (!atomic_load(&stop))
		plat_interrupt(arg);
	return NULL;
}

Test(faults, give_way_to_an_interrupt_of_a_guest_that_never_calls)
{
	struct guest g;
	pthread_t th;
	uint64_t last = 0;

	platform_up(false);
	guest_new(&g);
	guest_enter(&g, g_spin);
	pthread_create(&th, NULL, storm, g.thread);
	for (int i = 0; i < 200; i++) {
		cr_assert_eq(guest_run(&g), PLAT_INTERRUPTED);
		cr_assert_geq(g.regs.rbx, last);
		last = g.regs.rbx;
	}
	atomic_store(&stop, true);
	pthread_join(th, NULL);
	guest_free(&g);
}

/* The sum and the red zone survive any mixture of calls and interrupts, at any instruction. */
static void run_storm(bool patching)
{
	enum { CALLS = 4000 };
	struct guest g;
	uint64_t n = 0, interrupts = 0;
	pthread_t th;

	platform_up(patching);
	guest_new(&g);
	guest_enter(&g, g_count);
	g.regs.rdi = 600;
	g.regs.rsi = CALLS;
	guest_run(&g);
	pthread_create(&th, NULL, storm, g.thread);
	for (;;) {
		if (g.ev.reason == PLAT_INTERRUPTED) {
			interrupts++;
			plat_switch(g.thread, &g.regs, true, &g.ev);
			continue;
		}
		cr_assert_eq(g.ev.reason, PLAT_SYSCALL);
		if (g.regs.orig_rax == 501)
			break;
		g.regs.rax = n++;
		plat_switch(g.thread, &g.regs, n & 1, &g.ev);
	}
	atomic_store(&stop, true);
	pthread_join(th, NULL);
	cr_assert_eq(n, CALLS);
	cr_assert_eq(g.regs.rbx, (uint64_t)CALLS * (CALLS - 1) / 2);
	cr_assert_eq(g.regs.rbp, 0);
	cr_assert_gt(interrupts, 0); /* how many depends on what else the machine does */
	guest_free(&g);
}

Test(faults, and_interrupt_storms_lose_nothing_when_calls_trap)
{
	run_storm(false);
}

Test(faults, and_interrupt_storms_lose_nothing_when_sites_are_patched)
{
	run_storm(true);
}
