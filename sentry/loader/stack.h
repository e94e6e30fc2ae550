/* SPDX-License-Identifier: Apache-2.0 */
/* The initial stack. Inside of the loader only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_STRING_MAX (128UL << 10) /* MAX_ARG_STRLEN */
#define STACK_AUXV_MAX 24

struct mm;

struct stack_args {
	const char *const *argv; /* n_argv strings */
	size_t n_argv;
	const char *const *envp;
	size_t n_envp;
	const char *execfn;
};

struct stack_aux {
	uint64_t type, value;
};

/* Whether the strings and their pointers are within what Linux allows under RLIMIT_STACK @limit. 0,
 * -E2BIG. */
int stack_check(const struct stack_args *args, uint64_t limit);
/* Maps the stack with its top at @top and fills it. AT_RANDOM, AT_EXECFN and AT_PLATFORM are added
 * to
 * @aux. Sets the argument, environment and auxv fields of mm_layout(). */
int stack_build(struct mm *mm, uint64_t top, int prot, uint64_t limit,
		const struct stack_args *args, const struct stack_aux *aux, size_t n_aux,
		uint64_t *ret_sp);
