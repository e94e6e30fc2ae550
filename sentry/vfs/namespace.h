/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on names, with Linux's checks: what mkdir(2), rename(2) and the others mean. */
#pragma once

#include <stdint.h>

#include "vfs/walk.h"

/* Makes an object of kind and permissions @mode (the umask is applied here) at @name.
 * *ret (optional) is the new place. Used also by bind(2) of a unix socket (S_IFSOCK). */
int vfs_mknod(struct task *t, int dfd, const char *name, uint32_t mode, uint64_t rdev,
	      struct path *ret);
int vfs_mkdir(struct task *t, int dfd, const char *name, uint32_t mode);
int vfs_symlink(struct task *t, const char *target, int dfd, const char *name);
int vfs_link(struct task *t, int olddfd, const char *old, int newdfd, const char *new, int flags);
int vfs_unlink(struct task *t, int dfd, const char *name);
int vfs_rmdir(struct task *t, int dfd, const char *name);
int vfs_rename(struct task *t, int olddfd, const char *old, int newdfd, const char *new,
	       unsigned int flags);
ssize_t vfs_readlink(struct task *t, int dfd, const char *name, char *buf, size_t size);

/* Below the name level, for the walk: creates in @dir under its lock. @mode without the umask. */
int vfs_create_locked(struct task *t, const struct cred *cred, struct path *dir,
		      const struct fname *name, struct inode_init *init, struct dentry **ret);
/* Fills owner and setgid inheritance for a new object in @dir. */
void vfs_new_owner(struct inode *dir, const struct cred *cred, struct inode_init *init);

/* chmod, chown, utimensat, truncate on a place: write access to the mount, permission, change. */
int vfs_setattr(struct task *t, const struct path *p, struct iattr *attr);
int vfs_truncate(struct task *t, struct inode *inode, int64_t len);
/* stat of a file or a place. */
int file_stat(struct file *f, struct task *t, struct kstat *st);
uint32_t task_umask(struct task *t);
