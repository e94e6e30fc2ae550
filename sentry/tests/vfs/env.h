/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel with a mounted root and one task, for tests that call the file system layer directly. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "task/task.h"
#include "vfs/inode.h"
#include "vfs/mount.h"

struct sentry_mount;

/* Boots with a tmpfs root and /dev; the task is root with every capability. Once per process. */
struct task *env_new(void);
extern struct task *env_task; /* the last one; so that what a test leaves is reachable */
/* The same with the mounts given. */
struct task *env_boot(const struct sentry_mount *mounts, size_t n);
void env_set_user(struct task *t, uint32_t uid, uint32_t gid); /* without capabilities */

/* Results as the system calls give them. */
int env_open(struct task *t, const char *name, int flags, uint32_t mode); /* a descriptor */
ssize_t env_read(struct task *t, int fd, void *buf, size_t len);
ssize_t env_write(struct task *t, int fd, const void *buf, size_t len);
ssize_t env_pread(struct task *t, int fd, void *buf, size_t len, int64_t pos);
ssize_t env_pwrite(struct task *t, int fd, const void *buf, size_t len, int64_t pos);
int env_put(struct task *t, const char *name, const char *text); /* creates a file */
/* The text of a file (static buffer), or NULL. */
const char *env_text(struct task *t, const char *name);
int env_stat(struct task *t, const char *name, struct kstat *st); /* follows no symlink */
/* Names in a directory, sorted, space-separated, without . and .. (static buffer). */
const char *env_list(struct task *t, const char *name);
