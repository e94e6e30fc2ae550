/* SPDX-License-Identifier: Apache-2.0 */
/* A guest address space, and every way the sentry touches guest memory.
 *
 * The stub's page tables are established eagerly, whole areas at a time, through platform.h. The
 * sentry reads and writes guest memory by pointer through its own alias of the memfd (or of the
 * mapped host file), with fault-recovering copies: a bad pointer is -EFAULT, never a crash. Locks:
 * one rwlock per mm (RANK_MM). Never call into mm with a lock of higher rank held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "mm/memfile.h"

struct file;
struct mm;
struct plat_space;
struct guest_regs;
struct task;

int mm_new(struct mm **ret);
/* Copy-on-write copy; patched text inherited. @rsp: the caller's stack pointer, whose page both
 * sides will write first (0: unknown). */
int mm_fork(struct mm **ret, struct mm *parent, uint64_t rsp);
void mm_ref(struct mm *mm);
void mm_unref(struct mm *mm); /* the last one kills the stub process */
/* The stub's address space; made on first use (a fork child that execs never has one). */
int mm_space(struct mm *mm, struct plat_space **ret);

/* The memory calls, with Linux's arguments, results and errnos. */
struct mm_limits {
	uint64_t as, data, stack, memlock; /* rlimits, bytes, RLIM_INFINITY */
};
int mm_mmap(struct mm *mm, uint64_t addr, uint64_t len, int prot, int flags, struct file *file,
	    uint64_t off, const struct mm_limits *lim, uint64_t *ret);
/* As mm_mmap(), for a file whose mmap operation wants to know the caller. */
int mm_mmap_task(struct mm *mm, struct task *t, uint64_t addr, uint64_t len, int prot, int flags,
		 struct file *file, uint64_t off, const struct mm_limits *lim, uint64_t *ret);
int mm_munmap(struct mm *mm, uint64_t addr, uint64_t len);
/* Unmaps every area of the one file mapped from @addr on that @is accepts. -EINVAL: there is none. */
int mm_detach_file(struct mm *mm, uint64_t addr, bool (*is)(const struct file *f));
int mm_mprotect(struct mm *mm, uint64_t addr, uint64_t len, int prot);
int mm_mremap(struct mm *mm, uint64_t old, uint64_t old_len, uint64_t new_len, int flags,
	      uint64_t new_addr, const struct mm_limits *lim, uint64_t *ret);
int mm_madvise(struct mm *mm, uint64_t addr, uint64_t len, int advice);
int mm_msync(struct mm *mm, struct task *t, uint64_t addr, uint64_t len, int flags);
int mm_mincore(struct mm *mm, uint64_t addr, uint64_t len, uint64_t vec);
/* @lim NULL: no limit (CAP_IPC_LOCK). */
int mm_mlock(struct mm *mm, uint64_t addr, uint64_t len, bool lock, const struct mm_limits *lim);
int mm_mlockall(struct mm *mm, bool current, bool future, const struct mm_limits *lim);
int mm_mseal(struct mm *mm, uint64_t addr, uint64_t len);
uint64_t mm_brk(struct mm *mm, uint64_t addr, const struct mm_limits *lim);
/* exec: where the heap begins. */
void mm_set_brk(struct mm *mm, uint64_t start);
/* RLIMIT_STACK changed (setrlimit, exec): how far the stack may grow. */
void mm_set_stack_limit(struct mm *mm, uint64_t bytes);
/* exec: the initial stack area [start, end), growing down, prot from PT_GNU_STACK. */
int mm_map_stack(struct mm *mm, uint64_t start, uint64_t end, int prot);
/* A free place for @len bytes as mmap(NULL) would choose it; for exec's layout. */
int mm_find_free(struct mm *mm, uint64_t hint, uint64_t len, uint64_t *ret);

/* Resolves a fault of the guest. Returns 0 when the guest may retry; else the signal to send in
 * *signo (SIGSEGV, SIGBUS) and its si_code in *code, with result -EFAULT. @err as plat_event.err.
 */
int mm_fault(struct mm *mm, uint64_t addr, uint64_t err, uint64_t rsp, int *signo, int *code);

/* Guest memory access. All return 0 (or a length) or -EFAULT; partial effects are possible on
 * failure, as in Linux. */
int mm_copy_in(struct mm *mm, void *dst, uint64_t src, size_t len);
int mm_copy_out(struct mm *mm, uint64_t dst, const void *src, size_t len);
int mm_zero_out(struct mm *mm, uint64_t dst, size_t len);
size_t mm_zero_out_some(struct mm *mm, uint64_t dst, size_t len);
/* As the two above, but say how much was copied before the fault (read(2) and write(2) return it).
 */
size_t mm_copy_in_some(struct mm *mm, void *dst, uint64_t src, size_t len);
size_t mm_copy_out_some(struct mm *mm, uint64_t dst, const void *src, size_t len);
/* Copies a NUL-terminated string of at most @size - 1 bytes. Returns its length, -EFAULT, or
 * -ENAMETOOLONG when there is no NUL within @size. */
ssize_t mm_copy_str(struct mm *mm, char *dst, uint64_t src, size_t size);
static inline int mm_get_u32(struct mm *mm, uint32_t *dst, uint64_t src)
{
	return mm_copy_in(mm, dst, src, 4);
}
/* Atomic access for futexes; @addr is 4-aligned (else -EINVAL). */
int mm_load_u32(struct mm *mm, uint64_t addr, uint32_t *ret);
int mm_cmpxchg_u32(struct mm *mm, uint64_t addr, uint32_t old, uint32_t new, uint32_t *seen);
/* Identity of the word at @addr for a shared futex: (object, offset), stable over fork and
 * mappings. private anonymous memory: (mm, address). */
int mm_futex_key(struct mm *mm, uint64_t addr, bool shared, uint64_t key[2]);

/* Host pointers into guest memory, for host calls that read or write it without a copy. Covers as
 * much of [addr, addr+len) as fits in @max entries; breaks copy-on-write when @write. The memory
 * stays alive until mm_unpin(), whatever the guest unmaps meanwhile. Returns the bytes covered, or
 * -EFAULT when not even the first is accessible. */
struct mm_pin {
	struct mm *mm;
	int n;
	bool stable; /* all of it is memory of the memfd: cannot fault. Otherwise (a mapped host
		      * file, which somebody may truncate) only host calls and safecopy() may touch
		      * it. */
	struct iovec iov[16];
	uint64_t opaque[36]; /* mm's own */
};			     /* not to be copied or moved while it holds something */
ssize_t mm_pin(struct mm *mm, uint64_t addr, size_t len, bool write, struct mm_pin *pin);
void mm_unpin(struct mm_pin *pin);

/* Guest iovecs or kernel buffers, walked once from front to back. */
struct iov_iter {
	struct mm *mm;		 /* NULL: the iovecs are sentry memory */
	const struct iovec *iov; /* copied from the guest, lengths validated (sum <= SSIZE_MAX) */
	size_t n;
	size_t iov_off; /* into iov[0] */
	size_t count;	/* bytes left */
};
void iov_iter_kernel(struct iov_iter *it, struct iovec *one, void *buf, size_t len);
void iov_iter_user(struct iov_iter *it, struct mm *mm, struct iovec *one, uint64_t addr,
		   size_t len);
/* Imports a guest iovec array (<= 1024). *iov must be freed by the caller (free(3)). */
int iov_iter_import(struct iov_iter *it, struct mm *mm, uint64_t uiov, size_t n,
		    struct iovec **iov);
/* Copy and advance; result is the number of bytes copied, short at a fault. */
size_t iov_iter_copy_to(struct iov_iter *it, const void *src, size_t len); /* sentry -> guest */
size_t iov_iter_copy_from(struct iov_iter *it, void *dst, size_t len);	   /* guest -> sentry */
size_t iov_iter_zero(struct iov_iter *it, size_t len);
void iov_iter_advance(struct iov_iter *it, size_t len);
void iov_iter_revert(struct iov_iter *it, const struct iov_iter *saved);
/* Pins as much from the front as fits into @pin, over several iovecs (both kinds of iterators);
 * does not advance. Returns the bytes covered. */
ssize_t iov_iter_pin(struct iov_iter *it, bool write, struct mm_pin *pin);

/* Hooks for the platform (plat_config). */
void *mm_patch_page(void *mm, uint64_t addr);
int mm_reserve_trampolines(void *mm, uint64_t lo, uint64_t hi, uint64_t len, uint64_t *ret);

/* What exec sets and /proc shows. */
struct mm_layout {
	uint64_t start_code, end_code, start_data, end_data, start_brk, start_stack;
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t auxv[64]; /* (type, value) pairs up to and with AT_NULL */
	size_t n_auxv;	   /* words used */
};
struct mm_layout *mm_layout(struct mm *mm); /* written by exec before the mm is shared */
struct file *mm_exe_file(struct mm *mm);    /* borrowed; /proc/pid/exe */
void mm_set_exe_file(struct mm *mm, struct file *file); /* takes a reference of its own */

struct mm_usage {
	uint64_t size, rss, shared, text, data, stack, locked; /* bytes */
};
void mm_usage(struct mm *mm, struct mm_usage *ret);
/* Calls @fn for each area in address order (for /proc/pid/maps, smaps), under the mm's read lock.
 */
struct mm_area {
	uint64_t start, end, off;
	int prot, flags;   /* PROT_*, MAP_SHARED|MAP_PRIVATE|MAP_GROWSDOWN... */
	struct file *file; /* borrowed, or NULL */
	const char *name;  /* "[heap]" "[stack]" "[vdso]" or NULL */
};
void mm_for_each(struct mm *mm, void (*fn)(void *arg, const struct mm_area *area), void *arg);
