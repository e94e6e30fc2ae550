/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that stand for a counter, a timer or pending signals (eventfd(2), timerfd_create(2),
 * signalfd(2)). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct file;
struct itimerspec;
struct task;

int eventfd_new(struct file **ret, uint64_t count, bool semaphore, uint32_t flags);

int timerfd_new(struct file **ret, int clock_id, uint32_t flags);
/* 0, -EINVAL (not a timerfd, bad times), -ECANCELED. @old may be NULL. */
int timerfd_set(struct file *f, int flags, const struct itimerspec *new, struct itimerspec *old);
int timerfd_get(struct file *f, struct itimerspec *ret);

int signalfd_new(struct file **ret, struct task *t, uint64_t mask, uint32_t flags);
int signalfd_set_mask(struct file *f, uint64_t mask); /* -EINVAL: not a signalfd */
