/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp filter, made from the HOST_SYSCALL() declarations that are linked in. */
#include "sandbox/filter.h"

#include <errno.h>
#include <seccomp.h>
#include <stdint.h>

/* The linker gives the bounds of a section whose name is a C identifier. */
extern const struct host_syscall __start_gofer_syscalls[];
extern const struct host_syscall __stop_gofer_syscalls[];

const struct host_syscall *filter_calls(size_t *ret_n)
{
	*ret_n = (size_t)(__stop_gofer_syscalls - __start_gofer_syscalls);
	return __start_gofer_syscalls;
}

static int add_call(scmp_filter_ctx ctx, const struct host_syscall *call)
{
	struct scmp_arg_cmp cmp = {.arg = call->arg,
				   .op = SCMP_CMP_MASKED_EQ,
				   .datum_a = call->mask,
				   .datum_b = call->value};
	int r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call->nr, call->mask ? 1 : 0, &cmp);

	return r == -EEXIST ? 0 : r;
}

int filter_install(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	size_t n;
	const struct host_syscall *calls = filter_calls(&n);
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	/* A foreign architecture's entry (int 0x80, x32) kills too. */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_call(ctx, &calls[i]);
	if (r == 0)
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* binary search */
	if (r == 0)
		r = seccomp_load(ctx); /* SCMP_FLTATR_CTL_NNP is on by default */
	seccomp_release(ctx);
	return r;
}
