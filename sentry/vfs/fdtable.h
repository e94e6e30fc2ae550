/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor tables (CLONE_FILES shares one). Look-up is lock-free for a table with one owner. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fdtable;
struct file;
struct task;

int fdtable_new(struct fdtable **ret);
int fdtable_copy(struct fdtable **ret, struct fdtable *from); /* fork: references every file */
struct fdtable *fdtable_ref(struct fdtable *ft);
void fdtable_unref(struct fdtable *ft, struct task *t); /* the last one closes everything */
bool fdtable_shared(const struct fdtable *ft);

/* A new reference to the file behind @fd, or NULL (-EBADF). Put it with fd_put(). fd_get() refuses
 * O_PATH descriptors, fd_get_raw() does not. */
struct file *fd_get(struct task *t, int fd);
struct file *fd_get_raw(struct task *t, int fd);
void fd_put(struct task *t, struct file *f);

/* Installs @f at the lowest free descriptor >= @min (below RLIMIT_NOFILE). Takes the reference on
 * success only. Returns the descriptor, -EMFILE. */
int fd_install(struct task *t, struct file *f, int min, bool cloexec);
/* dup2/dup3: replaces what is at @fd. Takes the reference on success. */
int fd_install_at(struct task *t, struct file *f, int fd, bool cloexec);
int fd_close(struct task *t, int fd);
int fd_close_range(struct task *t, unsigned int first, unsigned int last, unsigned int flags);
int fd_get_cloexec(struct task *t, int fd); /* 0, 1, -EBADF */
int fd_set_cloexec(struct task *t, int fd, bool on);
void fdtable_close_on_exec(struct fdtable *ft, struct task *t);
/* For /proc/PID/fd: smallest open descriptor >= @from, or -1; *f gets a reference when not NULL. */
int fdtable_next(struct fdtable *ft, int from, struct file **f);
