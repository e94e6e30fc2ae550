/* SPDX-License-Identifier: Apache-2.0 */
/* Path resolution, and opening by name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vfs/inode.h"
#include "vfs/mount.h"

struct cred;
struct fs_ctx;
struct open_how;
struct task;

/* Look-up flags. */
#define WALK_NOFOLLOW 0x1U  /* do not follow a symlink in the last component */
#define WALK_DIRECTORY 0x2U /* the result must be a directory */
#define WALK_EMPTY 0x4U	    /* AT_EMPTY_PATH: "" is the start itself */
#define WALK_PARENT 0x8U    /* stop before the last component */
#define WALK_NO_AUTOMOUNT 0x10U

/* Who walks, from where. At boot there is no task. */
struct walk_ctx {
	struct task *task; /* may be NULL */
	const struct cred *cred;
	struct path root, cwd; /* borrowed */
};

enum last_kind { LAST_NORM, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

/* Where a walk with WALK_PARENT ended. Owned: walk_end() frees. */
struct walk_parent {
	struct path dir;
	struct fname last; /* points into the name given, or into buf */
	enum last_kind kind;
	bool trailing_slash;
	char *buf;
};
void walk_parent_end(struct walk_parent *p);

/* A place, or an open file reached by a magic link that has none (exactly one is set). */
struct walk_obj {
	struct path path;
	struct file *file;
};
void walk_obj_end(struct walk_obj *o);

/* Resolves @name relative to @dfd (AT_FDCWD, or a descriptor). Results hold references. */
int path_lookup(struct task *t, int dfd, const char *name, unsigned int flags, struct path *ret);
int path_lookup_obj(struct task *t, int dfd, const char *name, unsigned int flags,
		    struct walk_obj *ret);
int path_lookup_parent(struct task *t, int dfd, const char *name, struct walk_parent *ret);
/* The same for boot code. */
int walk_lookup(const struct walk_ctx *ctx, const char *name, unsigned int flags, struct path *ret);

/* open(2) and its kin. @how as openat2(2). */
int vfs_openat(struct task *t, int dfd, const char *name, const struct open_how *how,
	       struct file **ret);
/* Opens a place that is already resolved; @flags: O_*. Permissions are checked against @t. */
int vfs_open_path(struct task *t, const struct path *p, uint32_t flags, struct file **ret);
/* For execve: a regular file, executable by @t, on a mount without noexec; opened for reading.
 * @flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. -EACCES, -ENOENT, -ETXTBSY, -ELOOP... */
int vfs_open_exec(struct task *t, int dfd, const char *name, int flags, struct file **ret);

/* Copies a path name from the guest into @buf (PATH_LEN_MAX bytes). 0, -EFAULT, -ENAMETOOLONG,
 * -ENOENT for an empty one unless @allow_empty. */
int getname(struct task *t, uint64_t addr, char *buf, bool allow_empty);

/* The directory that @dfd stands for, as a place with references. -EBADF, -ENOTDIR. */
int dfd_path(struct task *t, int dfd, struct path *ret);
