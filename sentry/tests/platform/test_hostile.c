/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that attack the stub. Whatever they do, at most their own process dies: the sentry goes
 * on, and so does another guest.
 */
#include "harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/systrap/systrap.h"

TestSuite(hostile, .timeout = 100);

static struct guest bystander;

/* Interrupts the thread in `watched` again and again, so that no switch lasts for ever. */
static struct plat_thread *watched;
static pthread_mutex_t watch_mu = PTHREAD_MUTEX_INITIALIZER;

static void *watch(void *arg)
{
	for (;;) {
		usleep(20000);
		pthread_mutex_lock(&watch_mu);
		if (watched)
			plat_interrupt(watched);
		pthread_mutex_unlock(&watch_mu);
	}
	return arg;
}

static void watch_this(struct plat_thread *t)
{
	pthread_mutex_lock(&watch_mu);
	watched = t;
	pthread_mutex_unlock(&watch_mu);
}

static enum plat_reason attack(struct guest *g)
{
	watch_this(g->thread);
	guest_run(g);
	watch_this(NULL);
	return g->ev.reason;
}

static void setup(bool patching)
{
	pthread_t th;

	platform_up(patching);
	systrap.kick_patience = 2;
	pthread_create(&th, NULL, watch, NULL);
	guest_new(&bystander);
	guest_enter(&bystander, g_loop);
	cr_assert_eq(guest_run(&bystander), PLAT_SYSCALL);
}

static void check_bystander(void)
{
	struct guest fresh;

	for (int i = 0; i < 20; i++)
		cr_assert_eq(guest_answer(&bystander, 1), PLAT_SYSCALL);
	guest_new(&fresh);
	guest_enter(&fresh, g_loop);
	cr_assert_eq(guest_run(&fresh), PLAT_SYSCALL);
	guest_free(&fresh);
}

static uint64_t pp_addr(const struct guest *g)
{
	return slot_stub_addr(g->thread->slot) + SLOT_PP;
}

/* Runs the guest a few rounds, whatever comes. */
static void let_run(struct guest *g, int rounds)
{
	for (int i = 0; i < rounds && g->ev.reason != PLAT_DEAD; i++)
		attack(g);
}

Test(hostile, guest_that_fills_its_exchange_page_harms_itself_only)
{
	const uint64_t values[] = {0, 1, UINT64_MAX, 0x80000000, 0x4141414141414141, 2, 3};

	setup(false);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct guest g;

		guest_new(&g);
		guest_enter(&g, g_loop);
		guest_run(&g);
		guest_enter(&g, g_fill);
		g.regs.rdi = pp_addr(&g);
		g.regs.rsi = values[i];
		let_run(&g, 3);
		check_bystander();
		guest_free(&g);
	}
}

/* Another thread of the guest writes to the words of the hand-off while the sentry uses them. */
static void *scribbler(void *arg)
{
	struct guest *h = arg;

	for (int i = 0; i < 50 && h->ev.reason != PLAT_DEAD; i++)
		guest_run(h);
	return NULL;
}

Test(hostile, guest_that_forges_requests_harms_itself_only)
{
	const unsigned offsets[] = {0, 8, 12, 48, 64, 72, 76, PP_RIP, PP_KICK, PP_SELF};

	setup(false);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		struct guest g, h;
		pthread_t th;

		guest_new(&g);
		h = g;
		cr_assert_eq(plat_thread_new(&h.thread, g.space, NULL), 0);
		guest_enter(&h, g_scribble);
		h.regs.rdi = pp_addr(&g) + offsets[i];
		h.regs.rsi = (uint64_t)rand();
		pthread_create(&th, NULL, scribbler, &h);
		guest_enter(&g, g_loop);
		for (int n = 0; n < 200 && g.ev.reason != PLAT_DEAD; n++) {
			plat_interrupt(h.thread);
			attack(&g);
		}
		for (int n = 0; n < 100 && h.ev.reason != PLAT_DEAD; n++) {
			plat_interrupt(h.thread);
			usleep(1000);
		}
		/* It leaves after fifty interrupts, or when its process is dead. */
		watch_this(h.thread);
		pthread_join(th, NULL);
		watch_this(NULL);
		check_bystander();
		plat_thread_free(h.thread);
		guest_free(&g);
	}
}

/* Jumps to every system call instruction of the stub with registers of its choice. */
Test(hostile, guest_that_jumps_to_the_stubs_system_calls_gets_no_host_call)
{
	extern const char systrap_stub_image[], systrap_stub_image_end[];
	const uint64_t nrs[] = {SYS_mmap,    SYS_mprotect, SYS_exit_group, SYS_clone,
				SYS_getpid,  SYS_write,	   SYS_kill,	   SYS_exit,
				SYS_recvmsg, SYS_seccomp,  SYS_prctl,	   SYS_rt_sigreturn};
	size_t len = (size_t)(systrap_stub_image_end - systrap_stub_image);
	unsigned found = 0;

	setup(false);
	for (size_t at = STUB_ENTER; at + 1 < len && found < 40; at++) {
		if (systrap_stub_image[at] != 0x0f || systrap_stub_image[at + 1] != 0x05)
			continue;
		found++;
		for (size_t i = 0; i < sizeof(nrs) / sizeof(*nrs); i++) {
			struct guest g;

			guest_new(&g);
			guest_enter(&g, g_jump);
			g.regs.r15 = systrap.band + at;
			g.regs.rax = nrs[i];
			g.regs.rdi = nrs[i] == SYS_mprotect ? systrap.band : 0;
			g.regs.rsi = 4096;
			g.regs.rdx = 7;
			g.regs.r10 = 0x22;
			g.regs.r8 = UINT64_MAX;
			let_run(&g, 2);
			guest_free(&g);
		}
	}
	cr_assert_gt(found, 8);
	check_bystander();
}

Test(hostile, guest_that_jumps_into_the_stub_anywhere_harms_itself_only)
{
	setup(false);
	for (uint64_t at = STUB_ENTER; at < STUB_ENTER + 0x900; at += 53) {
		struct guest g;

		guest_new(&g);
		guest_enter(&g, g_jump);
		g.regs.r15 = systrap.band + at;
		g.regs.rdi = pp_addr(&g);
		g.regs.rsi = STUB_SYSCALL;
		g.regs.rbp = GUEST_DATA + 64;
		let_run(&g, 3);
		guest_free(&g);
	}
	check_bystander();
}

Test(hostile, guest_whose_thread_ends_itself_is_dead)
{
	struct guest g;

	setup(false);
	guest_new(&g);
	guest_enter(&g, g_jump);
	g.regs.r15 = systrap.band; /* found below */
	extern const char systrap_stub_image[], systrap_stub_image_end[];
	for (const char *p = systrap_stub_image + STUB_ENTER; p < systrap_stub_image_end; p++)
		if (p[0] == 0x0f && p[1] == 0x05)
			g.regs.r15 = systrap.band + (uint64_t)(p - systrap_stub_image);
	g.regs.rax = SYS_exit;
	cr_assert_eq(guest_run(&g), PLAT_DEAD);
	cr_assert_eq(guest_run(&g), PLAT_DEAD);
	check_bystander();
	guest_free(&g);
}

Test(hostile, guest_whose_stub_is_killed_is_dead)
{
	struct guest g;

	setup(false);
	guest_new(&g);
	guest_enter(&g, g_loop);
	guest_run(&g);
	kill(g.space->pid, SIGKILL);
	while (g.ev.reason != PLAT_DEAD)
		guest_answer(&g, 0);
	check_bystander();
	guest_free(&g);
}

/* The bands of helper orders, constants and text are not writable, whatever the guest tries. */
Test(hostile, guest_cannot_write_to_what_the_helper_reads)
{
	const uint64_t off[] = {0, STUB_CONST, STUB_OPS, STUB_OPS + 64};

	setup(false);
	for (size_t i = 0; i < sizeof(off) / sizeof(*off); i++) {
		struct guest g;

		guest_new(&g);
		guest_enter(&g, g_store);
		g.regs.rdi = systrap.band + off[i];
		cr_assert_eq(guest_run(&g), PLAT_FAULT);
		cr_assert_eq(g.ev.signo, SIGSEGV);
		cr_assert_eq(g.ev.code, SEGV_ACCERR);
		guest_enter(&g, g_store);
		g.regs.rdi = slot_stub_addr(g.thread->slot) + SLOT_IDS;
		cr_assert_eq(guest_run(&g), PLAT_FAULT);
		guest_free(&g);
	}
	check_bystander();
}

/* The guest moves gs and enters the stub's waiting code with a page of its own: the thread sleeps
 * where no kick makes it report.
 */
Test(hostile, guest_that_ignores_interrupts_is_killed)
{
	struct guest g;

	setup(false);
	guest_new(&g);
	*(uint32_t *)(test_memory + (1 << 20)) = 0;
	guest_enter(&g, g_jump);
	g.regs.r15 = systrap.band + STUB_ENTER;
	g.regs.gs_base = GUEST_DATA + 8192;
	*(uint64_t *)(test_memory + (1 << 20) + 8192 + PP_SELF) = GUEST_DATA + 8192;
	memset(test_memory + (1 << 20) + 4096, 0xff, 4096);
	g.regs.rax = 1;
	for (int i = 0; i < 10 && g.ev.reason != PLAT_DEAD; i++)
		attack(&g);
	check_bystander();
	guest_free(&g);
}
