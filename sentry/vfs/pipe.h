/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes and FIFOs (pipe(7)). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct file;
struct inode;
struct pipe;
struct task;

/* A pipe's two ends: ret[0] reads, ret[1] writes. @flags: O_NONBLOCK. 0 or -ENOMEM/-ENFILE. */
int pipe_new(struct file *ret[2], uint32_t flags);

/* The pipe of a FIFO inode. The inode owns one reference in its own slot (@slot, initially NULL, under
 * the inode's lock); pipe_put() it when the inode dies. */
void pipe_put(struct pipe *p);
/* Opens a FIFO as fifo(7) says: blocks for the other side unless O_NONBLOCK (-ENXIO for a writer
 * without reader). @slot is the inode's. The caller attaches the path to the file. */
int pipe_open_fifo(struct pipe **slot, struct task *t, uint32_t flags, struct file **ret);

/* The pipe behind @f, or NULL: splice(2), tee(2), F_GETPIPE_SZ. Borrowed. */
struct pipe *pipe_of(struct file *f);
/* Copies up to @len bytes from the front, without taking them. 0: empty with writers gone;
 * -EAGAIN: empty. */
ssize_t pipe_peek(struct pipe *p, void *buf, size_t len);
void pipe_consume(struct pipe *p, size_t len);
int pipe_size(struct pipe *p);
/* F_SETPIPE_SZ: the new size, -EBUSY, -EPERM, -EINVAL. */
int pipe_set_size(struct pipe *p, struct task *t, uint64_t size);
