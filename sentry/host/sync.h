/* SPDX-License-Identifier: Apache-2.0 */
/* Host calls for sleeping and waking threads of the sentry. */
#pragma once

#include <stdint.h>

/* Sleeps while *@word == @val, until the absolute CLOCK_MONOTONIC time @deadline (ns; INT64_MAX: no
 * limit). Returns 0 (woken, or the value differed, or a host signal: look again) or -ETIMEDOUT. */
int host_futex_wait(const uint32_t *word, uint32_t val, int64_t deadline);
/* Wakes at most @n threads of this process. */
void host_futex_wake(const uint32_t *word, int n);

/* The same for words in memory that is shared with a stub process. @timeout_ns is relative, < 0: none.
 * Also returns 0 when the host interrupts: look again. */
int host_futex_wait_shared(const uint32_t *word, uint32_t val, int64_t timeout_ns);
void host_futex_wake_shared(const uint32_t *word, int n);
