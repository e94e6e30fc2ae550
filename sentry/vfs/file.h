/* SPDX-License-Identifier: Apache-2.0 */
/* The open file description: what a descriptor refers to, whatever is behind it.
 *
 * File operations never block: where Linux would, they return -EAGAIN and the generic layer
 * (file_read() and its kin) sleeps on the file's wait queue and tries again, unless O_NONBLOCK. The few
 * that must sleep inside (a gofer round trip) may.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/mutex.h"
#include "core/ref.h"
#include "core/wait.h"
#include "util/list.h"

struct cred;
struct dentry;
struct file;
struct inode;
struct iov_iter;
struct mappable;
struct mount;
struct task;
struct kstat;

/* A place in the tree. Both members referenced by whoever holds the struct (path_get/path_put). */
struct path {
	struct mount *mnt;
	struct dentry *dentry;
};

/* getdents sink: returns false when the guest's buffer is full (the entry was not taken). */
struct dir_sink {
	bool (*emit)(struct dir_sink *sink, const char *name, size_t len, uint64_t ino,
		     uint8_t d_type, int64_t next_off);
};

struct file_ops {
	const char *kind; /* for --strace and /proc/self/fd: "pipe", "socket", "[eventfd]" ... */

	/* Last reference gone. */
	void (*release)(struct file *f);
	/* Called at every close(2) of a descriptor of it (flush, POSIX locks). Optional. */
	void (*flush)(struct file *f, struct task *t);

	/* *pos is the offset, advanced by the op; pos is NULL for files without one (pipe, socket).
	 * @flags: RWF_*. Return bytes moved (short is fine), 0 for end of file, negative errno;
	 * -EAGAIN when it would block. NULL: -EINVAL. */
	ssize_t (*read)(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags);
	ssize_t (*write)(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos, int flags);

	/* Which EPOLL* bits are true now; when @w is not NULL it is first added to the wait queue that
	 * will report changes (use waitq_add(q, w, w->mask)). NULL: always readable and writable, and
	 * not accepted by epoll_ctl (-EPERM), as regular files are. */
	uint32_t (*poll)(struct file *f, struct waiter *w);

	int64_t (*llseek)(struct file *f, struct task *t, int64_t off, int whence); /* NULL: -ESPIPE */
	long (*ioctl)(struct file *f, struct task *t, unsigned long cmd, uint64_t arg); /* -ENOTTY */
	/* What mmap maps; borrowed. *ret NULL with 0: anonymous zero memory (/dev/zero). NULL: -ENODEV */
	int (*mmap)(struct file *f, struct task *t, int prot, int flags, struct mappable **ret);
	int (*readdir)(struct file *f, struct task *t, struct dir_sink *sink, int64_t *pos); /* -ENOTDIR */
	int (*fsync)(struct file *f, struct task *t, bool datasync);			     /* -EINVAL */
	int (*fallocate)(struct file *f, struct task *t, int mode, int64_t off, int64_t len); /* -ENODEV */
	int (*truncate)(struct file *f, struct task *t, int64_t len); /* NULL: through the inode */
	int (*stat)(struct file *f, struct task *t, struct kstat *st); /* NULL: through the inode */
	/* F_SETFL changed O_NONBLOCK/O_APPEND/O_ASYNC/O_DIRECT. Optional. */
	int (*setfl)(struct file *f, uint32_t flags);
	/* SO_RCVTIMEO or SO_SNDTIMEO, ns; 0: none. A call that it limits ends with EAGAIN, and with EINTR
	 * instead of a restart. Optional. */
	int64_t (*timeout)(struct file *f, bool write);
	/* One line of text for /proc/PID/fdinfo. Optional. */
	int (*fdinfo)(struct file *f, char *buf, size_t size);
	/* open(2) of /proc/PID/fd/N for a file without a place in the tree. @flags: O_*. NULL: the same
	 * open description again, when the access mode allows. */
	int (*reopen)(struct file *f, struct task *t, uint32_t flags, struct file **ret);
	/* What readlink of /proc/PID/fd/N says for a file without a place, e.g. "pipe:[123]".
	 * NULL: "anon_inode:" and the kind. */
	int (*name)(struct file *f, char *buf, size_t size);
};

struct file {
	struct ref ref;
	const struct file_ops *ops;
	_Atomic bool watched;	 /* some epoll instance has it: file_put() calls epoll_file_released() */
	_Atomic uint32_t flags;	 /* O_ACCMODE, O_NONBLOCK, O_APPEND, O_DIRECT, O_PATH ... */
	struct path path;	 /* empty for anonymous files (pipe, socket, eventfd) */
	struct inode *inode;	 /* borrowed from path, or NULL */
	void *priv;		 /* the implementation's object */
	struct mutex pos_mu;	 /* RANK_FILE; held over read/write when the offset is shared */
	int64_t pos;
	int32_t owner_pid;	 /* F_SETOWN */
	int owner_sig;
	_Atomic bool locked;	 /* may hold flock or OFD locks: vfs/lock.c */
	bool wrote_access;	 /* counted in inode->writers */
	struct list pool_link;	 /* vfs/file.c */
};

/* New file with one reference, not attached to a path. @flags: O_*. -ENFILE on the sandbox's limit. */
int file_new(struct file **ret, const struct file_ops *ops, void *priv, uint32_t flags);
static inline struct file *file_get(struct file *f)
{
	ref_get(&f->ref);
	return f;
}
void file_put(struct file *f); /* accepts NULL */

/* The blocking layer. @pos as in pread(2); NULL uses and moves the file's own offset. */
ssize_t file_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags);
ssize_t file_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos, int flags);
static inline bool file_nonblock(const struct file *f)
{
	return (atomic_load_explicit(&f->flags, memory_order_relaxed) & 04000 /* O_NONBLOCK */) != 0;
}
uint32_t file_poll(struct file *f, struct waiter *w);

/* Kernel-side reads (ELF loader, #!): whole or short at end of file; negative errno. */
ssize_t file_pread_kernel(struct file *f, struct task *t, void *buf, size_t len, int64_t off);
