/* SPDX-License-Identifier: Apache-2.0 */
/* Fault-recovering copies: the handler half. A SIGSEGV or SIGBUS whose instruction pointer lies in
 * one of the stretches of safecopy_x86_64.S continues at that stretch's fix-up; every other one is
 * our own bug and goes to whoever handled the signal before us (by default: the process dies with
 * it).
 */
#include "mm/safecopy.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

struct fixup {
	int64_t first, end, to; /* relative to the table */
};

extern const struct fixup safecopy_fixups[];
size_t safecopy_asm(void *dst, const void *src, size_t len);
size_t safezero_asm(void *dst, size_t len);
int safe_load_asm(const uint32_t *src, uint32_t *ret);
int safe_cmpxchg_asm(uint32_t *p, uint32_t old, uint32_t new, uint32_t *seen);

static struct sigaction old_segv, old_bus;

static void pass_on(int signo, siginfo_t *info, void *uc)
{
	struct sigaction *old = signo == SIGSEGV ? &old_segv : &old_bus;

	if (old->sa_flags & SA_SIGINFO) {
		old->sa_sigaction(signo, info, uc);
	} else if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN) {
		/* Back to the default; the instruction faults again on return. */
		struct sigaction dfl = {.sa_handler = SIG_DFL};

		sigaction(signo, &dfl, NULL);
	} else {
		old->sa_handler(signo);
	}
}

static void handler(int signo, siginfo_t *info, void *arg)
{
	ucontext_t *uc = arg;
	int64_t rip = uc->uc_mcontext.gregs[REG_RIP] - (int64_t)(uintptr_t)safecopy_fixups;

	for (const struct fixup *f = safecopy_fixups; f->first; f++) {
		if (rip >= f->first && rip < f->end) {
			uc->uc_mcontext.gregs[REG_RIP] =
				(int64_t)(uintptr_t)safecopy_fixups + f->to;
			return;
		}
	}
	pass_on(signo, info, arg);
}

int safecopy_init(void)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGSEGV, &sa, &old_segv) < 0 || sigaction(SIGBUS, &sa, &old_bus) < 0)
		return -errno;
	return 0;
}

size_t safecopy(void *dst, const void *src, size_t len)
{
	return len - safecopy_asm(dst, src, len);
}

size_t safezero(void *dst, size_t len)
{
	return len - safezero_asm(dst, len);
}

bool safe_load_u32(const uint32_t *src, uint32_t *ret)
{
	return safe_load_asm(src, ret) == 0;
}

bool safe_cmpxchg_u32(uint32_t *p, uint32_t old, uint32_t new, uint32_t *seen)
{
	return safe_cmpxchg_asm(p, old, new, seen) == 0;
}
