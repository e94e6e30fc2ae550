/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fs/tmpfs/tmpfs.h"
#include "util/hash.h"
#include "util/list.h"
#include "vfs/xattr_mem.h"

struct tmpfs_super {
	struct super sb;
	struct tmpfs_options opt;
	_Atomic uint64_t used_bytes, used_inodes;
};

struct tmpfs_dirent {
	struct hnode node;
	struct list link; /* in cookie order */
	struct inode *inode; /* reference */
	int64_t cookie;
	size_t len;
	char name[];
};

/* A stretch of file data: page multiples all. */
struct extent {
	uint64_t off, len; /* in the file */
	uint64_t mem;	   /* in the memfile; one reference */
};

/* Locks: [rw] inode.rw, [d] data (RANK_FDATA). Reading and writing hold inode.rw, so extents do not go
 * away while they are copied; translate() has only [d]. */
struct tmpfs_inode {
	struct inode inode;
	/* Directories. */
	struct hash names;   /* [rw] */
	struct list entries; /* [rw] */
	int64_t next_cookie; /* [rw] */
	/* Regular files. */
	struct rwlock data;
	struct extent *extents; /* [d] sorted, disjoint */
	size_t n_extents, cap_extents; /* [d] */
	_Atomic uint32_t seals;
	/* Symlinks. */
	char *target;
	struct xattr_set xattrs;
};

static inline struct tmpfs_inode *tmpfs_of(struct inode *inode)
{
	return (struct tmpfs_inode *)inode; /* first member */
}
static inline struct tmpfs_super *tmpfs_sb(struct inode *inode)
{
	return (struct tmpfs_super *)inode->sb;
}

int tmpfs_inode_new(struct super *sb, const struct inode_init *init, struct inode **ret);
extern const struct inode_ops tmpfs_dir_ops, tmpfs_reg_ops, tmpfs_link_ops, tmpfs_special_ops;
extern const struct file_ops tmpfs_file_ops, tmpfs_dirfile_ops;
extern const struct mappable_ops tmpfs_mappable_ops;

/* Data, tmpfs_data.c. Offsets need not be aligned unless said. */
/* Makes memory for the pages of [off, off+len). -ENOSPC, -ENOMEM. @ahead: may allocate more behind. */
int tmpfs_data_fill(struct tmpfs_inode *ti, uint64_t off, uint64_t len, uint64_t ahead);
/* What is at @off: *ptr and the length that is contiguous there (at most @len), or *ptr NULL for a hole
 * of the length returned. */
uint64_t tmpfs_data_at(struct tmpfs_inode *ti, uint64_t off, uint64_t len, void **ptr);
void tmpfs_data_resize(struct tmpfs_inode *ti, int64_t size); /* sets inode.size; inode.rw held */
void tmpfs_data_punch(struct tmpfs_inode *ti, uint64_t off, uint64_t len);
void tmpfs_data_free(struct tmpfs_inode *ti);
uint64_t tmpfs_data_blocks(struct tmpfs_inode *ti);
/* SEEK_DATA, SEEK_HOLE: the next such offset, or -ENXIO. */
int64_t tmpfs_data_seek(struct tmpfs_inode *ti, int64_t off, bool hole);

int tmpfs_setattr(struct inode *inode, const struct iattr *attr);
int tmpfs_getattr(struct inode *inode, struct kstat *st);
ssize_t tmpfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int tmpfs_setxattr(struct inode *inode, const char *name, const void *value, size_t size, int flags);
ssize_t tmpfs_listxattr(struct inode *inode, char *buf, size_t size);
int tmpfs_removexattr(struct inode *inode, const char *name);
