/* SPDX-License-Identifier: Apache-2.0 */
/* The system call table, put together from the families' .def files, and the dispatch: --strace around
 * the call, and the one log line for a call that does not exist.
 */
#include "sys/table.h"

#include <stdatomic.h>

#include "boot/kernel.h"
#include "core/errno.h"
#include "task/task.h"
#include "trace/strace.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/all.def"
#undef SYSCALL

/* Names first, implementations over them: the second initialiser of an element wins. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#if defined(__clang__)
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif
const struct syscall_desc syscall_table[SYSCALL_MAX] = {
#define NAME(nr, n) [nr] = { NULL, #n, "xxxxxx", 'd' },
#include "sys/names.def"
#undef NAME
#define SYSCALL(nr, n, args, result) [nr] = { sys_##n, #n, args, result },
#include "sys/all.def"
#undef SYSCALL
};
#pragma GCC diagnostic pop

static long not_implemented(struct task *t, uint64_t nr)
{
	struct kernel *k = t->kernel;

	if (nr < sizeof(k->unimplemented) / sizeof(k->unimplemented[0]) &&
	    atomic_fetch_add_explicit(&k->unimplemented[nr], 1, memory_order_relaxed) == 0) {
		const char *name = nr < SYSCALL_MAX ? syscall_table[nr].name : NULL;

		klog("unimplemented system call %s (%d) by %s", name ? name : "?", (int)nr, t->comm);
	}
	return -ENOSYS;
}

long syscall_dispatch(struct task *t, const struct sysargs *a)
{
	syscall_fn fn = a->nr < SYSCALL_MAX ? syscall_table[a->nr].fn : NULL;

	if (__builtin_expect(!t->kernel->strace, 1))
		return fn ? fn(t, a) : not_implemented(t, a->nr);

	strace_enter(t, a);
	long r = fn ? fn(t, a) : not_implemented(t, a->nr);
	strace_exit(t, a, r);
	return r;
}
