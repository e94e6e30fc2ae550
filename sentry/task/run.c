/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a task's thread: into the guest, out with a system call, fault or interruption, and
 * back.
 *
 * The common path takes no lock and writes nothing shared: switch, copy the arguments, dispatch,
 * look at one flag.
 */
#include <errno.h>
#include <stdatomic.h>

#include "task/internal.h"
#include "sys/table.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define TRAP_PAGE_FAULT 14

/* The vsyscall page that old programs call into: three entries, 1 KiB apart. */
#define VSYSCALL_BASE UINT64_C(0xffffffffff600000)

static void on_syscall(struct task *t)
{
	struct guest_regs *regs = &t->regs;
	struct sysargs args = {
		.nr = regs->orig_rax,
		.a = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9},
	};
	long r = syscall_dispatch(t, &args);

	regs->rax = (uint64_t)r;
	/* rt_sigreturn(2) and execve(2) set orig_rax to -1: their result is no errno. */
	if (unlikely(r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK) &&
	    regs->orig_rax != (uint64_t)-1) {
		t->restart = (int)-r;
		regs->rax = (uint64_t)-EINTR;
	}
}

/* A call to one of the three functions of the vsyscall page: does it and returns from it. */
static bool vsyscall(struct task *t)
{
	static const uint16_t numbers[] = {96, 201, 309}; /* gettimeofday time getcpu */
	struct guest_regs *regs = &t->regs;
	uint64_t rip = t->event.addr, ret;

	if (rip < VSYSCALL_BASE || rip >= VSYSCALL_BASE + 0xc00 || (rip & 0x3ff) != 0)
		return false;
	if (copy_in(t, &ret, regs->rsp, sizeof(ret)) < 0)
		return false;

	struct sysargs args = {
		.nr = numbers[(rip - VSYSCALL_BASE) >> 10],
		.a = {regs->rdi, regs->rsi, regs->rdx, 0, 0, 0},
	};

	regs->rax = (uint64_t)syscall_dispatch(t, &args);
	regs->rip = ret;
	regs->rsp += 8;
	t->regs_full = true;
	return true;
}

static void on_fault(struct task *t)
{
	const struct plat_event *e = &t->event;
	struct ksiginfo info = {
		.signo = e->signo, .code = e->code, .addr = e->addr, .trapno = (uint32_t)e->trapno};

	t->regs.orig_rax = (uint64_t)-1;
	if (e->trapno == TRAP_PAGE_FAULT && (e->signo == SIGSEGV || e->signo == SIGBUS)) {
		int r = mm_fault(t->mm, e->addr, e->err, t->regs.rsp, &info.signo, &info.code);

		atomic_fetch_add_explicit(&t->minflt, 1, memory_order_relaxed);
		if (r == 0 || vsyscall(t))
			return;
	}
	if (e->trapno == TRAP_PAGE_FAULT)
		t->fault.cr2 = e->addr;
	t->fault.err = e->err;
	t->fault.trapno = e->trapno;
	signal_force(t, &info);
}

static bool needs_work(const struct task *t)
{
	return signal_pending(t) || t->restart != 0 || t->restore_sigmask || t->must_exit;
}

void task_run(struct task *t)
{
	clockid_t clock;

	task_current_ = t;
	if (pthread_getcpuclockid(pthread_self(), &clock) == 0) {
		struct timespec ts;

		/* The thread may have served others before. */
		clock_gettime(clock, &ts);
		t->cpu_base_ns = ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
		atomic_store_explicit(&t->cpu_clock, clock, memory_order_release);
	}
	t->regs_full = true;
	for (;;) {
		if (unlikely(needs_work(t))) {
			if (!t->must_exit)
				signal_work(t);
			if (t->must_exit)
				break;
		}
		if (unlikely(!t->plat) && task_ensure_plat(t) < 0) {
			signal_force(t, &(struct ksiginfo){.signo = SIGKILL});
			continue;
		}

		bool full = t->regs_full;

		t->regs_full = false;
		plat_switch(t->plat, &t->regs, full, &t->event);
		switch (t->event.reason) {
		case PLAT_SYSCALL:
			on_syscall(t);
			break;
		case PLAT_FAULT:
			on_fault(t);
			break;
		case PLAT_INTERRUPTED:
			/* It may not have been in the guest at all: nothing is loaded yet. */
			t->regs.orig_rax = (uint64_t)-1;
			t->regs_full = true;
			break;
		case PLAT_DEAD:
			signal_force(t, &(struct ksiginfo){.signo = SIGKILL});
			break;
		}
	}
	task_exit(t, t->exit_status);
}
