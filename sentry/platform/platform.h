/* SPDX-License-Identifier: Apache-2.0 */
/* The platform: runs guest instructions in address spaces of their own, and tells the sentry why they
 * stopped. One implementation per folder (systrap/, later ptrace/ and kvm/), chosen at boot.
 *
 * Model: one host thread in a stub process per guest thread, one sentry thread per guest thread. The
 * sentry thread calls plat_switch(), which lets the guest run until it makes a system call, faults or
 * is interrupted. Everything that comes out of a stub is hostile: plat_switch() copies it once.
 *
 * FPU and vector state stays in the host thread; it is moved only by plat_fpu_get()/plat_fpu_set().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The guest's general registers, in the order of Linux's struct user_regs_struct. */
struct guest_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	uint64_t rax, rcx, rdx, rsi, rdi, orig_rax;
	uint64_t rip, cs, eflags, rsp, ss;
	uint64_t fs_base, gs_base;
};

enum plat_reason {
	PLAT_SYSCALL,	  /* regs->orig_rax is the number; rip is behind the instruction; rax is -ENOSYS */
	PLAT_FAULT,	  /* event->signo/code/addr/err say what the hardware said */
	PLAT_INTERRUPTED, /* plat_interrupt() was called, or nothing happened: look and switch again */
	PLAT_DEAD,	  /* the host thread is gone or misbehaved: the guest process must die by SIGKILL */
};

struct plat_event {
	enum plat_reason reason;
	int signo;	/* SIGSEGV SIGBUS SIGFPE SIGILL SIGTRAP */
	int code;	/* si_code of the host */
	uint64_t addr;	/* si_addr */
	uint64_t err;	/* x86 page fault error code: bit 1 write, bit 4 instruction fetch */
	uint64_t trapno;
};

/* What the stub may answer by itself, without the sentry (reference: getpid(2), getuid(2), ...). */
struct plat_ids {
	int32_t pid, tid, ppid, pgid, sid;
	uint32_t uid, euid, gid, egid;
};

struct plat_space;  /* an address space: one stub process */
struct plat_thread; /* a guest thread: one host thread in it */

struct plat_config {
	int memfd;		/* the sandbox's memory; borrowed for the life of the platform */
	bool no_patching;	/* leave every call site on the SIGSYS path */
	bool no_fast_answers;	/* the stub never answers by itself (--strace) */
	/* Gives a writable sentry address for the guest page at @addr of @mm_cookie after making that
	 * page private to this address space (a patched text page), or NULL. Called on the sentry
	 * thread inside plat_switch(), without platform locks held. */
	void *(*patch_page)(void *mm_cookie, uint64_t addr);
	/* Reserves @len bytes of guest address space near @hint (within [lo, hi]) for trampolines and
	 * keeps the guest's mmap away from them. Returns 0 or -ENOMEM. */
	int (*reserve)(void *mm_cookie, uint64_t lo, uint64_t hi, uint64_t len, uint64_t *ret);
	/* The stub process has ended though the space was not freed: its guest process must end too. On a
	 * thread of the platform, without platform locks; @mm_cookie may be gone already and is only good
	 * to compare with. May be NULL. */
	void (*space_died)(const void *mm_cookie);
};

/* Starts the platform: executes the zygote stub. Before lock-down, single-threaded, once.
 * Returns 0 or a negative errno. */
int plat_init(const struct plat_config *cfg);

/* Lowest address that the guest may not use, and the guest's view of the vDSO (0 when none).
 * The vDSO lies above plat_task_size(): it is the host's own, present in each stub. */
uint64_t plat_task_size(void);
uint64_t plat_vdso_base(void);

/* Creates an empty address space. @mm_cookie is handed to the callbacks of plat_config.
 * Thread-safe. Returns 0, -ENOMEM, -EAGAIN. */
int plat_space_new(struct plat_space **ret, void *mm_cookie);
/* Kills the stub process and frees it. All its threads must have been freed. Accepts NULL. */
void plat_space_free(struct plat_space *space);

/* Memory operations. They are queued and take effect, in order, at the latest when a thread of the
 * space is switched to or plat_flush() returns. Addresses and lengths are page multiples below
 * plat_task_size(); map replaces what was there. @fd is the memfd of plat_config or any other host
 * file descriptor of the sentry (borrowed until plat_flush() returns). Mappings are MAP_SHARED.
 * Thread-safe per space. Return 0 or -ENOMEM; a host failure surfaces from plat_flush(). */
int plat_map(struct plat_space *space, uint64_t addr, uint64_t len, int prot, int fd, uint64_t off);
int plat_unmap(struct plat_space *space, uint64_t addr, uint64_t len);
int plat_protect(struct plat_space *space, uint64_t addr, uint64_t len, int prot);
int plat_flush(struct plat_space *space);
/* MADV_DONTNEED/POPULATE hints for the stub's page tables; @advice as in madvise(2). Best effort. */
int plat_advise(struct plat_space *space, uint64_t addr, uint64_t len, int advice);

/* Tells that the guest's text was replaced or re-mapped, so that remembered patch sites in the range
 * are forgotten. mm calls it from munmap/mmap over executable ranges. */
void plat_text_changed(struct plat_space *space, uint64_t addr, uint64_t len);
/* Restores all patched call sites and patches no more in this space: an in-sandbox debugger attaches (it
 * would see the changed text and step into trampolines). Not under mm's locks. */
void plat_unpatch(struct plat_space *space);
/* fork: the child's memory is a copy of the parent's, patched pages and trampolines included. */
void plat_space_inherit(struct plat_space *child, const struct plat_space *parent);

/* Creates a guest thread. FPU state starts as the architecture's initial state, or as a copy of
 * @fpu_from's (a thread that is not in guest mode). Returns 0, -EAGAIN, -ENOMEM. */
int plat_thread_new(struct plat_thread **ret, struct plat_space *space, struct plat_thread *fpu_from);
void plat_thread_free(struct plat_thread *thread);

/* Publishes the ids that the stub answers from. Any thread; takes effect at once. */
void plat_thread_set_ids(struct plat_thread *thread, const struct plat_ids *ids);

/* Runs the guest with @regs until it stops; fills @regs and @event. Only the owning sentry thread.
 * When @regs was changed by more than rax since the last return, the caller sets @full.
 * After PLAT_SYSCALL with an unchanged frame, *regs need hold only the new rax. */
void plat_switch(struct plat_thread *thread, struct guest_regs *regs, bool full,
		 struct plat_event *event);

/* One more (or less: -1) waits for the private futex at @addr, of @thread's space: a wake-up there must
 * come to the sentry. To be told before the waiter looks at the word. Any thread. */
void plat_futex_waiters(struct plat_thread *thread, uint64_t addr, int more);

/* The owning sentry thread is about to sleep until another thread makes *@word odd. The platform may
 * move the pair of threads to another processor, and spin for a moment. */
void plat_before_sleep(struct plat_thread *thread, const uint32_t *word);
/* It goes on, woken from processor @cpu (-1: not woken). */
void plat_after_sleep(struct plat_thread *thread, int cpu);

/* Makes a running or next plat_switch() of @thread return PLAT_INTERRUPTED. Any thread, async. */
void plat_interrupt(struct plat_thread *thread);

/* The thread's xsave image (standard format, as it stands in a signal frame), at most
 * plat_fpu_size() bytes. Only the owning sentry thread, outside plat_switch(). get returns the size
 * or a negative errno; set returns 0, or -EINVAL for an image that the processor would reject. */
size_t plat_fpu_size(void);
int plat_fpu_get(struct plat_thread *thread, void *buf, size_t size);
int plat_fpu_set(struct plat_thread *thread, const void *buf, size_t size);

/* CPU time, ns, that @thread has used in its stub so far. Any thread, while @thread is not freed. */
int64_t plat_thread_cpu_ns(struct plat_thread *thread);

/* Counters for `runsc debug`-style output and the benchmarks. */
struct plat_stats {
	uint64_t switches, fast_syscalls, sigsys_syscalls, faults, patched_sites, spins_won, sleeps;
};
void plat_get_stats(struct plat_stats *ret);

/* Ends every stub process. At sandbox exit. */
void plat_shutdown(void);
