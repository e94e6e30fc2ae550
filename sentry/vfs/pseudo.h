/* SPDX-License-Identifier: Apache-2.0 */
/* A base for file systems whose contents are generated: procfs, sysfs, devfs.
 *
 * The tree is made of nodes: static directories, generated files, symlinks, magic links, and dynamic
 * directories that answer lookup and readdir by callbacks. An inode refers to one node and carries
 * two words of data for the callbacks (a pid, a pointer with its own reference count).
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "vfs/inode.h"

/* A growing text buffer. Failure is sticky; the read then says -ENOMEM. */
struct seq {
	char *buf;
	size_t len, cap;
	bool failed;
};
void seq_printf(struct seq *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void seq_putc(struct seq *s, char c);
void seq_write(struct seq *s, const void *data, size_t len);

struct pseudo_inode;

struct pseudo_ops {
	/* Generated file: the whole text, at the first read (and at a read of offset 0). */
	int (*show)(struct pseudo_inode *pi, struct task *t, struct seq *s);
	/* Written to; NULL: -EACCES. Returns @len or an errno. */
	ssize_t (*store)(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len);
	/* Dynamic directory: finds a name (-ENOENT), makes its inode with pseudo_inode_new(). */
	int (*lookup)(struct pseudo_inode *dir, struct task *t, const struct fname *name,
		      struct inode **ret);
	/* Emits entries from cookie *pos on (0 and 1 are "." and "..", made by the base; the first of
	 * yours has 2). Sets *pos to where the next call continues. */
	int (*readdir)(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos);
	/* Symlink text, or a magic link. */
	ssize_t (*readlink)(struct pseudo_inode *pi, struct task *t, char *buf, size_t size);
	int (*follow)(struct pseudo_inode *pi, struct task *t, struct path *ret, struct file **file);
	/* Opens with file operations of its own instead of show/store. Sets f->ops, f->priv. */
	int (*open)(struct pseudo_inode *pi, struct task *t, struct file *f);
	bool (*alive)(struct pseudo_inode *pi); /* NULL: always; false: the name is looked up again */
	int (*permission)(struct pseudo_inode *pi, struct task *t, const struct cred *cred, int mask);
	void (*owner)(struct pseudo_inode *pi, uint32_t *uid, uint32_t *gid); /* at stat and checks */
	void (*release)(struct pseudo_inode *pi); /* puts what data refers to */
};

struct pseudo_inode {
	struct inode inode;
	const struct pseudo_ops *pops;
	void *data;	     /* callback's own */
	uint64_t arg;	     /* likewise */
	struct list entries; /* static directory: struct pseudo_entry, under inode.rw */
	int64_t next_cookie;
	char *target;	     /* static symlink */
};

struct pseudo_super {
	struct super sb;
};

/* A file system with an empty static root directory. @pops of the root may be NULL, or give lookup and
 * readdir for what its static entries do not have (procfs: the processes). */
int pseudo_super_new(struct super **ret, const char *type, uint32_t magic,
		     const struct pseudo_ops *root_ops);
struct pseudo_inode *pseudo_root(struct super *sb);
/* Makes an inode that is in no directory yet (for lookup callbacks). One reference. */
int pseudo_inode_new(struct super *sb, uint32_t mode, const struct pseudo_ops *pops, void *data,
		     uint64_t arg, struct pseudo_inode **ret);
/* Adds to a static directory (before or after mounting). *ret optional, borrowed. @mode: kind and
 * permissions. */
int pseudo_add(struct pseudo_inode *dir, const char *name, uint32_t mode,
	       const struct pseudo_ops *pops, void *data, uint64_t arg, struct pseudo_inode **ret);
int pseudo_mkdir(struct pseudo_inode *dir, const char *name, uint32_t perm,
		 struct pseudo_inode **ret);
/* The entry of a static directory, borrowed, or NULL. */
struct pseudo_inode *pseudo_child(struct pseudo_inode *dir, const char *name);
int pseudo_symlink(struct pseudo_inode *dir, const char *name, const char *target);
static inline struct pseudo_inode *pseudo_of(struct inode *inode)
{
	return (struct pseudo_inode *)inode; /* first member */
}
