/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the stub: no libc, no writable data, general registers only. */
#pragma once

#include "../layout.h"

#define HIDDEN __attribute__((visibility("hidden")))

static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define sys1(nr, a) sys6(nr, (long)(a), 0, 0, 0, 0, 0)
#define sys2(nr, a, b) sys6(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define sys3(nr, a, b, c) sys6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define sys4(nr, a, b, c, d) sys6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

extern HIDDEN const char stub_image[], stub_slow_start[], stub_text_end[];
extern HIDDEN const char exit_fast[], exit_fast_end[], exit_full[], exit_full_end[];
extern HIDDEN const char stub_load_insn[], stub_load32_insn[], stub_load_fixup[];
extern HIDDEN const char stub_signal[], stub_restorer[], stub_nop[];

HIDDEN uint64_t stub_load(const void *from, int *failed);
HIDDEN uint32_t stub_load32(const void *from, int *failed);
/* A futex(2) call whose registers are in the exchange page: non-zero if it is answered. */
HIDDEN uint32_t stub_futex(struct stub_pp *pp);
HIDDEN uint64_t stub_tsc(void);
HIDDEN _Noreturn void stub_helper(uint64_t band);
HIDDEN _Noreturn void stub_jump(void *stack, void (*fn)(uint64_t arg), uint64_t arg);
HIDDEN long stub_clone(long flags, void *stack, void *ptid, void *ctid);

/* Publishes a request, waits for the answer, and serves FPU commands. Returns the command bits. */
HIDDEN uint32_t stub_request(struct stub_pp *pp, uint32_t reason);
/* Returns why to ask the sentry, or 0 to return from the signal. */
HIDDEN uint32_t stub_signal_c(int sig, const void *info, void *uc, char *slot);
HIDDEN _Noreturn void zygote_start(const uint64_t *stack);

static inline void stub_xrstor(const void *area)
{
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
}

static inline void stub_xsave(void *area)
{
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
}
