/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that the operator starts: the container's init, and exec. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct kernel;
struct sentry_process;
struct task;

/* Makes the process, loads its program, and leaves it ready for task_start(). Takes the descriptors of
 * @p. On failure @why names the object and the cause, and nothing is left. */
int process_new(struct task **ret, struct kernel *k, const struct sentry_process *p, bool init,
		char *why, size_t why_size);
