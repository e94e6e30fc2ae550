/* SPDX-License-Identifier: Apache-2.0 */
/* The mount tree. One rwlock (RANK_MOUNT) for all of it; the tree changes rarely. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/mutex.h"
#include "core/ref.h"
#include "util/hash.h"
#include "util/list.h"
#include "vfs/file.h"

struct dentry;
struct kernel;
struct sentry_config;
struct super;
struct task;

/* mount.flags: the MS_* values that belong to a mount and not to a file system. */
#define MNT_RDONLY 1UL
#define MNT_NOSUID 2UL
#define MNT_NODEV 4UL
#define MNT_NOEXEC 8UL
#define MNT_NOATIME 1024UL
#define MNT_NODIRATIME 2048UL
#define MNT_RELATIME 0x200000UL
#define MNT_FLAGS (MNT_RDONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | MNT_NOATIME | MNT_NODIRATIME | MNT_RELATIME)

/* Locks: [I] set at creation, [m] the mount lock, [a] atomic. */
struct mount {
	struct ref ref;
	struct super *sb;	/* [I] reference */
	struct dentry *root;	/* [I] reference */
	struct mount *parent;	/* [m] NULL for the root and for a detached mount */
	struct dentry *point;	/* [m] reference; where it stands in parent */
	struct hnode hash_node; /* [m] by (parent, point) */
	struct list children;	/* [m] */
	struct list child_link; /* [m] */
	struct list ns_link;	/* [m] in mount order */
	struct mount_ns *ns;	/* [m] NULL when detached */
	_Atomic unsigned long flags;
	int id;
	char *source;
};

struct mount_ns {
	struct mount *root;   /* [m] reference */
	struct list mounts;   /* [m] each holds a reference */
	uint32_t n_mounts;
	uint64_t event;	      /* [m] counts changes: poll on /proc/mounts */
};

struct mount *mount_get(struct mount *m);
void mount_put(struct mount *m);
static inline bool mount_has(const struct mount *m, unsigned long flag)
{
	return (atomic_load_explicit(&m->flags, memory_order_relaxed) & flag) != 0;
}
bool mount_readonly(const struct mount *m); /* the mount or its file system */

void path_get(const struct path *p);
void path_put(struct path *p); /* and clears it; accepts an empty one */
static inline struct path path_dup(const struct path *p)
{
	path_get(p);
	return *p;
}
static inline bool path_eq(const struct path *a, const struct path *b)
{
	return a->mnt == b->mnt && a->dentry == b->dentry;
}

/* A mount that is in no namespace: for objects of the kernel itself (memfd, host descriptors). */
int mount_internal(struct mount **ret, struct super *sb);
int mount_ns_new(struct mount_ns **ret, struct super *root, const char *source, unsigned long flags);
/* Moves @p (references) down to the top mount that stands on it. */
void mount_cross(struct path *p);
/* From the root of a mount to the place it stands on; false at the top. */
bool mount_up(struct path *p);
/* Mounts @sb (its root, or @root of it) on @at. Takes nothing. *ret optional, borrowed. */
int mount_add(struct mount_ns *ns, struct super *sb, struct dentry *root, const struct path *at,
	      const char *source, unsigned long flags, struct mount **ret);
int mount_bind(struct mount_ns *ns, const struct path *from, const struct path *at, bool recursive,
	       unsigned long flags);
int mount_move(struct mount_ns *ns, struct mount *m, const struct path *at);
int mount_remove(struct mount_ns *ns, struct mount *m, bool lazy); /* -EBUSY, -EINVAL */
int mount_pivot(struct task *t, const struct path *newroot, const struct path *putold);

/* Each mount in order, under the mount lock; for /proc/mounts. @root: what "/" is for the reader. */
void mount_for_each(struct mount_ns *ns, void (*fn)(void *arg, struct mount *m), void *arg);
/* The lines of /proc/PID/mounts, mountinfo: *ret is malloc'ed. */
int mount_show(struct mount_ns *ns, const struct path *root, bool mountinfo, char **ret, size_t *len);

/* The absolute name of @p as seen from @root. Returns the length (without NUL), -ENAMETOOLONG, or
 * -ENOENT for a place outside @root ("(unreachable)" is prefixed and the length returned when
 * @show_unreachable). " (deleted)" is appended for an unlinked object. */
ssize_t path_to_str(const struct path *p, const struct path *root, char *buf, size_t size,
		    bool show_unreachable);

/* Boot: builds the namespace from the config (missing mount points are made as runc does), applies
 * masked and read-only paths, sets kernel->mounts and kernel->root. On failure *why names the object. */
int vfs_boot(struct kernel *k, const struct sentry_config *cfg, char *why, size_t why_size);
/* Boot: a file for a host descriptor (stdio, --preserve-fds); @fd is taken. fd -1: /dev/null. */
int vfs_open_host_fd(struct kernel *k, int fd, struct file **ret);
/* Starts the thread that watches host descriptors, if any need it (fs/hostfs). Before lock-down. */
int vfs_start_threads(void);
