/* SPDX-License-Identifier: Apache-2.0 */
/* epoll(7): level, edge, one-shot, exclusive; nesting without cycles. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct file;
struct task;

int epoll_new(struct file **ret);
bool file_is_epoll(const struct file *f);
/* Linux's epoll_ctl(2) on files: @fd is the key together with @target. 0 or -EEXIST, -ENOENT, -EPERM,
 * -EINVAL, -ELOOP, -ENOMEM, -ENOSPC. */
int epoll_control(struct file *ep, int op, int fd, struct file *target,
		  const struct epoll_event *ev);
/* Fills at most @max events; blocks until @deadline (absolute ns, 0: do not sleep).
 * Returns their number, 0 at the deadline, -EINTR. */
int epoll_collect(struct file *ep, struct task *t, struct epoll_event *events, int max,
		  int64_t deadline);
/* Called by file_put() when a watched file goes away: removes it from every instance. */
void epoll_file_released(struct file *f);
