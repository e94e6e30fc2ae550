/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay keeps names and attributes in its own inodes; only the data of changed regular files
 * lives in another file system, as nameless tmpfs inodes.
 *
 * An inode that stands for a lower one is found by it. It is dropped and made again as long as nothing
 * was changed; from the first change on it is pinned until its last name goes. So hard links, renamed
 * directories and files copied up stay what they are without any mark in the lower file system.
 */
#pragma once

#include "fs/overlay/overlay.h"
#include "util/hash.h"
#include "util/list.h"
#include "vfs/inode.h"
#include "vfs/xattr_mem.h"

#define OVERLAY_MAGIC 0x794c7630U

struct ovl_super {
	struct super sb;
	struct super *lower, *upper; /* [I] references */
	struct mutex table_mu;	     /* RANK_LEAF */
	struct hash inodes;	     /* [table_mu] by lower inode */
};

/* A name that differs from the lower directory: what it is now, or that it is gone. */
struct ovl_entry {
	struct hnode node;
	struct list link;
	struct inode *child; /* reference; NULL: absent (a whiteout) */
	size_t len;
	char name[];
};

/* Locks: [rw] inode.rw, [c] copy (RANK_COPYUP), [t] table_mu. */
struct ovl_inode {
	struct inode inode;
	struct hnode node;   /* [t] by lower */
	struct inode *lower; /* [I] reference, or NULL */
	bool pinned;	     /* [t] a reference of its own */
	bool xattrs_own;     /* [rw] the set is complete: the lower one is not asked any more */
	struct xattr_set xattrs;
	struct mutex copy;
	struct inode *_Atomic upper; /* [c] set once: the data of a regular file */
	char *target;	     /* [I] symlink made here */
	struct hash names;   /* [rw] struct ovl_entry */
	struct list entries; /* [rw] */
	_Atomic uint32_t n_entries;
};

static inline struct ovl_inode *ovl_of(struct inode *inode)
{
	return (struct ovl_inode *)inode; /* first member */
}
static inline struct ovl_super *ovl_sb(struct inode *inode)
{
	return (struct ovl_super *)inode->sb;
}

/* The inode that stands for @lower, whose reference is taken. */
int ovl_inode_get(struct ovl_super *os, struct inode *lower, struct inode **ret);
int ovl_inode_new(struct ovl_super *os, const struct inode_init *init, struct inode **ret);
void ovl_pin(struct ovl_inode *oi);
void ovl_unpin(struct ovl_inode *oi);
/* Gives a regular file data of its own: the first @size bytes of the lower one (-1: all). */
int ovl_copy_up(struct ovl_inode *oi, struct task *t, int64_t size);
/* An open file of a layer's inode, for internal use. */
int ovl_open_real(struct inode *real, struct task *t, uint32_t flags, struct file **ret);
struct ovl_entry *ovl_entry_find(struct ovl_inode *dir, const struct fname *name);
bool ovl_dir_empty(struct ovl_inode *dir);

extern const struct inode_ops ovl_dir_ops, ovl_reg_ops, ovl_link_ops, ovl_special_ops;
extern const struct mappable_ops ovl_mappable_ops;
int ovl_open(struct inode *inode, struct task *t, struct file *f);
int ovl_getattr(struct inode *inode, struct kstat *st);
int ovl_setattr(struct inode *inode, const struct iattr *attr);
ssize_t ovl_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int ovl_setxattr(struct inode *inode, const char *name, const void *value, size_t size, int flags);
ssize_t ovl_listxattr(struct inode *inode, char *buf, size_t size);
int ovl_removexattr(struct inode *inode, const char *name);
ssize_t ovl_readlink(struct inode *inode, struct task *t, char *buf, size_t size);
void ovl_free(struct inode *inode);
