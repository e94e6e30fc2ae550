/* SPDX-License-Identifier: Apache-2.0 */
/* The sentry's own seccomp filter. */
#pragma once

/* Installs it on every thread of the process: what host/ declares (host/rule.h) is allowed, clone3
 * answers ENOSYS so that the C library falls back to clone, whose flags can be checked, and
 * everything else kills the process. Returns 0 or a negative errno. */
int filter_install(void);
/* How many different system calls it allows. */
unsigned filter_count(void);
