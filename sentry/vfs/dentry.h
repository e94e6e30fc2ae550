/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of names. A dentry says what a name in a directory is: an inode, or nothing (negative).
 *
 * Unreferenced dentries stay cached up to a limit. A dentry holds a reference on its parent, so a tree
 * is freed from its leaves. Everything is under one rwlock of RANK_DENTRY; look-ups take it shared.
 * Coherence with the file system: additions and removals happen under the directory's inode->rw.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/hash.h"
#include "util/list.h"
#include "vfs/inode.h"

struct dentry {
	_Atomic uint32_t refs;	 /* 0: cached only */
	_Atomic bool used;	 /* second chance for the shrinker */
	bool deleted;		 /* unlinked or replaced: " (deleted)" */
	_Atomic uint32_t mounts; /* mounts that stand on it, in any namespace */
	struct inode *inode;	 /* [I] reference; NULL: the name is absent */
	struct super *sb;	 /* [I] */
	struct dentry *parent;	 /* reference; itself for a root (none) */
	struct hnode hash_node;	 /* linked: it can be found */
	struct list child_link;	 /* in parent->children */
	struct list children;
	struct list lru_link;
	size_t name_len;
	char *name;
};

/* The root of a file system: never found by name. Takes @inode's reference on success. */
int dentry_new_root(struct dentry **ret, struct super *sb, struct inode *inode);
/* A name that cannot be found, below @parent; shown as deleted (memfd, O_TMPFILE, host files). @inode:
 * borrowed. */
int dentry_new_detached(struct dentry **ret, struct dentry *parent, const char *name,
			struct inode *inode);
static inline struct dentry *dentry_get(struct dentry *d)
{
	atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
	return d;
}
void dentry_put(struct dentry *d); /* accepts NULL */
/* The cached dentry (a reference), or NULL: not known. */
struct dentry *dentry_find(struct dentry *parent, const struct fname *name);
/* Adds a name, or finds that another thread did. @inode: borrowed, NULL for a negative one. */
int dentry_add(struct dentry *parent, const struct fname *name, struct inode *inode,
	       struct dentry **ret);
/* The cached dentry, or the file system's answer put into the cache. Negative ones are returned with
 * inode NULL. Takes the directory's rw when it must ask. */
int dentry_lookup(struct dentry *parent, const struct fname *name, struct dentry **ret);
/* The same for a name that is about to be opened for reading (inode_ops.lookup_open). */
int dentry_lookup_open(struct dentry *parent, const struct fname *name, struct dentry **ret);
/* As above with parent->inode->rw held (either way). */
int dentry_lookup_locked(struct dentry *parent, const struct fname *name, struct dentry **ret);
/* The name is gone: nobody finds it any more, nor what was below. @deleted: by unlink. */
void dentry_drop(struct dentry *d, bool deleted);
/* Drops every name below @d that nobody uses. */
void dentry_drop_children(struct dentry *d);
/* rename: @d is now @name in @newparent; whatever was cached there must have been dropped. */
int dentry_move(struct dentry *d, struct dentry *newparent, const struct fname *name);
int dentry_exchange(struct dentry *a, struct dentry *b);
/* A reference to the parent (itself for a root). */
struct dentry *dentry_parent(struct dentry *d);
/* Whether @anc is @d or above it. */
bool dentry_is_below(struct dentry *d, struct dentry *anc);
/* Drops everything unreferenced of one file system (umount). */
void dentry_shrink_super(struct super *sb);
/* Names and parents stand still between these two (path_to_str). */
void dcache_rdlock(void);
void dcache_unlock(void);
