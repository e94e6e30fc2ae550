/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fs/goferfs/client.h"
#include "fs/goferfs/goferfs.h"
#include "util/hash.h"
#include "util/list.h"
#include "vfs/inode.h"

#define GOFERFS_MAGIC 0x01021997U /* V9FS_MAGIC */

struct gofer_super {
	struct super sb;
	struct p9_client *client;
	bool shared; /* [I] */
	struct mutex table_mu; /* RANK_LEAF */
	struct hash inodes;    /* [table_mu] by (dev, ino): hard links share an inode */
	struct mutex lru_mu;   /* RANK_LEAF */
	struct list lru;       /* [lru_mu] inodes with host descriptors that nobody uses */
	uint32_t n_lru;	       /* [lru_mu] */
};

/* Locks: [rw] inode.rw, [d] data (RANK_FDATA, slept with), [t] the super's table_mu, [l] lru_mu. */
struct gofer_inode {
	struct inode inode;
	struct hnode node; /* [t] */
	uint64_t dev, ino; /* [I] of the host */
	uint32_t fid;	   /* [I] */
	char *target;	   /* symlink: read once, atomic */
	_Atomic uint64_t blocks;
	_Atomic bool dirty; /* written through a descriptor: ask it for size and times */

	/* Host descriptors. They are closed only when users is 0. */
	struct mutex data; /* [d] opening */
	_Atomic int fd_ro, fd_rw; /* -1: not open */
	uint32_t users;	   /* [l] open files and mappings */
	struct list lru_link; /* [l] */
};

static inline struct gofer_inode *gofer_of(struct inode *inode)
{
	return (struct gofer_inode *)inode; /* first member */
}
static inline struct gofer_super *gofer_sb(struct inode *inode)
{
	return (struct gofer_super *)inode->sb;
}
static inline struct p9_client *gofer_client(struct inode *inode)
{
	return gofer_sb(inode)->client;
}
static inline struct p9_str fname_p9(const struct fname *n)
{
	return (struct p9_str){ .data = n->s, .len = (uint16_t)n->len };
}

/* The inode for @attr; @fid is taken (bound to it, or clunked when there is one already). */
int gofer_inode_get(struct gofer_super *gs, uint32_t fid, const struct p9_attr *attr,
		    struct inode **ret);
void gofer_update_attr(struct gofer_inode *gi, const struct p9_attr *attr);

/* Host descriptors, handle.c. */
int gofer_handle_get(struct gofer_inode *gi, bool write); /* a user; 0 or errno */
void gofer_handle_put(struct gofer_inode *gi);
int gofer_handle_open(struct gofer_inode *gi, bool write); /* already a user: makes sure it is open */
int gofer_handle_fd(const struct gofer_inode *gi, bool write); /* -1: none */
/* A descriptor that came with a create (@write) or a look-up. Taken. */
void gofer_handle_adopt(struct gofer_inode *gi, int fd, bool write);
void gofer_handle_close(struct gofer_inode *gi); /* the inode goes */

extern const struct inode_ops gofer_dir_ops, gofer_reg_ops, gofer_link_ops, gofer_special_ops;
extern const struct file_ops gofer_file_ops, gofer_dirfile_ops;
extern const struct mappable_ops gofer_mappable_ops;
int gofer_open(struct inode *inode, struct task *t, struct file *f);
int gofer_getattr(struct inode *inode, struct kstat *st);
int gofer_setattr(struct inode *inode, const struct iattr *attr);
ssize_t gofer_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int gofer_setxattr(struct inode *inode, const char *name, const void *value, size_t size, int flags);
ssize_t gofer_listxattr(struct inode *inode, char *buf, size_t size);
int gofer_removexattr(struct inode *inode, const char *name);
