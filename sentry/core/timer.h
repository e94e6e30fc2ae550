/* SPDX-License-Identifier: Apache-2.0 */
/* One timer thread, one heap of deadlines (CLOCK_MONOTONIC ns). It sleeps until the earliest; an idle
 * sandbox has no wake-ups. Used by timerfd, interval and POSIX timers, and anything else that must
 * happen without a task sleeping for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/heap.h"

struct ktimer {
	void (*fn)(struct ktimer *t); /* on the timer thread, no locks held; may re-arm */
	struct heap_node node;
};

/* Starts the thread. After lock-down of the process, before tasks run. Returns 0 or -EAGAIN. */
int ktimer_thread_start(void);
void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t));
void ktimer_arm(struct ktimer *t, int64_t deadline_mono_ns); /* re-arms when armed */
/* Disarms; afterwards fn neither runs nor will run (waits for it when it is running elsewhere).
 * Returns whether it was armed. Never call it with a lock that fn takes; from fn itself it only
 * disarms. */
bool ktimer_cancel(struct ktimer *t);
