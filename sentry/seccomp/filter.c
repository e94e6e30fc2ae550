/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the filter from the declarations of host/. Nothing is listed here but what the C library
 * needs to run threads and what no wrapper makes. */
#include "seccomp/filter.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>

#include "host/rule.h"

/* glibc's pthread_create: VM FS FILES SIGHAND THREAD SYSVSEM SETTLS PARENT_SETTID CHILD_CLEARTID.
 */
HOST_SYSCALL(clone, HOST_EQ(0, 0x3d0f00));
HOST_SYSCALL(set_robust_list);
HOST_SYSCALL(rseq);
HOST_SYSCALL(rt_sigprocmask);
HOST_SYSCALL(rt_sigaction);
HOST_SYSCALL(rt_sigreturn);
HOST_SYSCALL(restart_syscall);

extern const struct host_rule __start_host_rules[], __stop_host_rules[];

static int add(scmp_filter_ctx ctx, const struct host_rule *rule)
{
	struct scmp_arg_cmp cmp[4];

	for (unsigned i = 0; i < rule->n; i++)
		cmp[i] = (struct scmp_arg_cmp){rule->cond[i].arg, SCMP_CMP_MASKED_EQ,
					       rule->cond[i].mask, rule->cond[i].value};

	int r = seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, rule->nr, rule->n, cmp);

	/* Declared twice: the same rule, or a wider one, is there already. */
	return r == -EEXIST ? 0 : r;
}

unsigned filter_count(void)
{
	unsigned n = 0;

	for (const struct host_rule *a = __start_host_rules; a < __stop_host_rules; a++) {
		const struct host_rule *b = __start_host_rules;

		while (b < a && b->nr != a->nr)
			b++;
		n += b == a;
	}
	return n;
}

int filter_install(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	/* A balanced tree of numbers instead of a list. */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_rule_add_exact(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Refused, not allowed: the C library looks at /proc/sys/vm/overcommit_memory when malloc
	 * gives memory back, and takes "no such file" for an answer. */
	if (r == 0)
		r = seccomp_rule_add_exact(ctx, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(openat), 0);
	for (const struct host_rule *rule = __start_host_rules; r == 0 && rule < __stop_host_rules;
	     rule++)
		r = add(ctx, rule);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
