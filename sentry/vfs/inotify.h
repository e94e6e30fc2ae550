/* SPDX-License-Identifier: Apache-2.0 */
/* inotify(7). Only changes made through the sandbox are seen. */
#pragma once

#include <stdint.h>

struct file;
struct path;
struct task;

int inotify_new(struct file **ret, uint32_t flags); /* O_NONBLOCK */
/* IN_* @mask of the object at @p. The watch descriptor, or -EINVAL (not an inotify), -EEXIST, -ENOSPC. */
int inotify_watch(struct file *f, const struct path *p, uint32_t mask);
int inotify_unwatch(struct file *f, int wd); /* -EINVAL */
