/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes and file systems.
 *
 * An inode is an object of a file system; names live in dentries (vfs/dentry.h). File systems embed
 * struct inode in their own type. The operations work on inodes and names only, so that the overlay can
 * stack file systems without dentries of their own.
 *
 * Locks: [I] set at creation, [rw] inode.rw (RANK_INODE; directory contents, or file size against
 * truncation), [at] attr_mu (RANK_LEAF), [a] atomic.
 * The generic layer holds dir->rw (write) around create, link, unlink, rmdir and rename, (read) around
 * lookup and readdir; inode->rw (write) around setattr. Nothing may take inode.rw in mmap or translate:
 * those run under the address space's lock. File data that translate() needs has a lock of RANK_FDATA.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "core/mutex.h"
#include "core/ref.h"
#include "mm/mappable.h"
#include "util/list.h"
#include "vfs/file.h"

struct cred;
struct dentry;
struct inode;
struct lock_ctx;
struct pipe;
struct super;
struct unix_addr;

#define NAME_LEN_MAX 255
#define PATH_LEN_MAX 4096

/* One path component: not NUL-terminated, no '/'. */
struct fname {
	const char *s;
	size_t len;
};

struct kstat {
	uint64_t dev, ino, rdev; /* dev_t encoding of makedev(3) */
	uint32_t mode, nlink, uid, gid, blksize;
	int64_t size;
	uint64_t blocks; /* of 512 bytes */
	struct timespec atime, mtime, ctime, btime;
	bool has_btime;
};

struct kstatfs {
	uint64_t magic, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen, flags;
};

/* iattr.valid */
#define ATTR_MODE 0x1U
#define ATTR_UID 0x2U
#define ATTR_GID 0x4U
#define ATTR_SIZE 0x8U
#define ATTR_ATIME 0x10U /* to the given value */
#define ATTR_MTIME 0x20U
#define ATTR_TIMES_NOW 0x40U /* the times given are now: write permission is enough */

struct iattr {
	uint32_t valid;
	uint32_t mode; /* permission bits only */
	uint32_t uid, gid;
	int64_t size;
	struct timespec atime, mtime;
};

/* What create() makes: kind and permissions in mode, owner already decided (setgid directories). */
struct inode_init {
	uint32_t mode;
	uint32_t uid, gid;
	uint64_t rdev;		  /* S_IFCHR, S_IFBLK */
	const char *target;	  /* S_IFLNK */
};

/* Permission masks. */
#define MAY_EXEC 1
#define MAY_WRITE 2
#define MAY_READ 4

struct inode_ops {
	/* Directories. lookup: -ENOENT when absent. create makes every kind of object. A *ret is a new
	 * reference. unlink, rmdir and rename get the inodes that the caller looked up under the
	 * locks (@victim may be NULL in rename). The generic layer did permissions, kinds and mounts;
	 * rmdir and rename check that a directory is empty (-ENOTEMPTY). NULL: -EPERM (-ENOENT for
	 * lookup). */
	int (*lookup)(struct inode *dir, const struct fname *name, struct inode **ret);
	/* As lookup, by an open for reading: a file system that asks another process may open it along
	 * with the look-up. Permissions are checked afterwards. Optional. */
	int (*lookup_open)(struct inode *dir, const struct fname *name, struct inode **ret);
	int (*create)(struct inode *dir, const struct fname *name, const struct inode_init *init,
		      struct inode **ret);
	int (*tmpfile)(struct inode *dir, const struct inode_init *init, struct inode **ret);
	int (*link)(struct inode *dir, const struct fname *name, struct inode *target);
	int (*unlink)(struct inode *dir, const struct fname *name, struct inode *victim);
	int (*rmdir)(struct inode *dir, const struct fname *name, struct inode *victim);
	int (*rename)(struct inode *olddir, const struct fname *oldname, struct inode *src,
		      struct inode *newdir, const struct fname *newname, struct inode *victim,
		      unsigned int flags);
	/* Brings several components into the dentry cache in one go; optional, best effort. @names are
	 * @n consecutive components below @dir; ret[i] is written for the first *ret_n of them. */
	int (*lookup_many)(struct inode *dir, const struct fname *names, size_t n,
			   struct inode **ret, size_t *ret_n);

	/* Symbolic links. readlink: the length (cut at @size, no NUL) or an errno. follow: a magic
	 * link; gives a place (references), or an open file that has no place in the tree. */
	ssize_t (*readlink)(struct inode *inode, struct task *t, char *buf, size_t size);
	int (*follow)(struct inode *inode, struct task *t, struct path *ret, struct file **ret_file);

	/* Any. NULL permission: the mode bits. NULL getattr: the inode's fields. NULL setattr: -EPERM.
	 * setattr must apply the change to the inode's own fields too. */
	int (*permission)(struct inode *inode, struct task *t, const struct cred *cred, int mask);
	int (*getattr)(struct inode *inode, struct kstat *st);
	int (*setattr)(struct inode *inode, const struct iattr *attr);
	/* Length or errno; size 0 asks for the length; -ERANGE, -ENODATA. NULL: -EOPNOTSUPP. */
	ssize_t (*getxattr)(struct inode *inode, const char *name, void *buf, size_t size);
	int (*setxattr)(struct inode *inode, const char *name, const void *value, size_t size,
			int flags);
	ssize_t (*listxattr)(struct inode *inode, char *buf, size_t size);
	int (*removexattr)(struct inode *inode, const char *name);

	/* Sets f->ops and f->priv; flags, path and inode are set already. Regular files and directories;
	 * FIFOs and device nodes are opened by the generic layer when this is NULL. */
	int (*open)(struct inode *inode, struct task *t, struct file *f);

	/* Whether a cached name still stands (/proc/PID). NULL: it does. */
	bool (*revalidate)(struct inode *inode);
	/* Whether a cached absence still stands; asked of the directory. NULL: it does. */
	bool (*revalidate_negative)(struct inode *dir);
	/* The last reference is gone: frees the embedding object, after inode_fini(). */
	void (*free)(struct inode *inode);
};

struct inode {
	struct ref ref;
	struct super *sb;	    /* [I] not a reference: mounts and dentries keep it */
	const struct inode_ops *ops; /* [I] */
	uint64_t ino;		    /* [I] */
	_Atomic uint32_t mode;	    /* kind is [I]; permissions change under rw */
	_Atomic uint32_t uid, gid;
	_Atomic uint32_t nlink;
	uint64_t rdev;		    /* [I] */
	_Atomic int64_t size;
	struct rwlock rw;	    /* RANK_INODE */
	struct mutex attr_mu;	    /* RANK_LEAF */
	struct timespec atime, mtime, ctime, btime; /* [at] */
	struct mappable map;	    /* regular files; ops NULL when not mappable */
	_Atomic int32_t writers;    /* open for writing; an exec refuses */
	struct lock_ctx *locks;	    /* vfs/lock.c */
	struct list watches;	    /* inotify; vfs/inotify.c */
	_Atomic bool watched;
	_Atomic bool linkable;	    /* O_TMPFILE: link(2) may give it its first name */
	/* Slots for objects that live behind a name. */
	struct pipe *fifo;	     /* vfs/pipe.c; put when the inode goes */
	struct unix_addr *unix_addr; /* socket/unix, under rw; it keeps the inode referenced while set */
};

/* Super block flags (MS_* values where there is one). */
#define SB_RDONLY 0x1UL
#define SB_KERNMOUNT 0x200000000UL   /* internal: names of its objects are shown as they are */
#define SB_NO_NEGATIVE 0x100000000UL /* absent names are not cached */

struct super_ops {
	void (*free)(struct super *sb); /* after every inode but the root is gone; puts the root */
	int (*statfs)(struct super *sb, struct kstatfs *st);
	int (*sync)(struct super *sb); /* optional */
	/* What follows "rw," in /proc/mounts; optional. Returns the length written. */
	size_t (*show_options)(struct super *sb, char *buf, size_t size);
};

struct super {
	struct ref ref; /* mounts and files hold it */
	const struct super_ops *ops;
	const char *type; /* "tmpfs", static */
	uint32_t magic;
	uint64_t dev; /* st_dev */
	_Atomic unsigned long flags;
	struct dentry *root; /* reference */
	struct mutex rename_mu; /* RANK_RENAME */
	enum lock_rank inode_rank; /* of inode.rw: RANK_INODE, or RANK_INODE_LAYER below an overlay */
	_Atomic uint64_t next_ino;
};

/* Initialises @sb with a fresh device number. The file system then sets sb->root by super_set_root(). */
void super_init(struct super *sb, const struct super_ops *ops, const char *type, uint32_t magic);
int super_set_root(struct super *sb, struct inode *root); /* takes the reference, also on failure */
/* Another file system lies over this one and calls it with its own inodes locked. Before use. */
void super_make_layer(struct super *sb);
void super_get(struct super *sb);
void super_put(struct super *sb);
uint64_t super_new_ino(struct super *sb);

/* Initialises the generic part: one reference, nlink 1, times now. */
void inode_init(struct inode *inode, struct super *sb, const struct inode_ops *ops, uint32_t mode);
void inode_fini(struct inode *inode);
static inline struct inode *inode_get(struct inode *inode)
{
	ref_get(&inode->ref);
	return inode;
}
void inode_put(struct inode *inode); /* accepts NULL */
static inline uint32_t inode_kind(const struct inode *inode)
{
	return atomic_load_explicit(&inode->mode, memory_order_relaxed) & S_IFMT;
}
static inline bool inode_is_dir(const struct inode *inode)
{
	return inode_kind(inode) == S_IFDIR;
}
void inode_set_owner(struct inode *inode, uint32_t uid, uint32_t gid);

/* The fields as kstat; what a NULL getattr does. */
void inode_fill_stat(struct inode *inode, struct kstat *st);
/* Applies mode, owner and times to the fields (size is the file system's business). */
void inode_apply_attr(struct inode *inode, const struct iattr *attr);
void inode_touch(struct inode *inode, bool mtime, bool ctime); /* to now */
void inode_touch_atime(struct inode *inode);

/* Whether @cred may @mask (MAY_*) by mode bits and capabilities. 0 or -EACCES. */
int inode_permission(struct inode *inode, struct task *t, const struct cred *cred, int mask);
int inode_getattr(struct inode *inode, struct kstat *st);
/* Takes inode->rw; no permission checks. */
int inode_setattr(struct inode *inode, const struct iattr *attr);
/* -EPERM, -EACCES as chown, chmod, utimensat. @attr is adjusted (setgid). */
int inode_setattr_check(struct inode *inode, struct task *t, struct iattr *attr);
/* A write or truncation by someone without CAP_FSETID drops setuid and setgid. */
void inode_kill_suid(struct inode *inode, struct task *t);

/* Device nodes: fs/devfs registers who opens (major, minor). */
int chrdev_open(struct inode *inode, struct task *t, struct file *f);

/* File operations that every directory and symlink of every file system shares. */
int64_t generic_dir_llseek(struct file *f, struct task *t, int64_t off, int whence);
int64_t generic_llseek(struct file *f, struct task *t, int64_t off, int whence); /* by inode size */
int64_t generic_llseek_size(struct file *f, int64_t off, int whence, int64_t size);

/* Events for inotify: IN_* bits. @name NULL: of the object itself. */
void fsnotify(struct inode *inode, uint32_t mask, const struct fname *name, uint32_t cookie);
void fsnotify_file(struct file *f, uint32_t mask);
void fsnotify_dentry(struct dentry *d, uint32_t mask); /* the object and its directory */
