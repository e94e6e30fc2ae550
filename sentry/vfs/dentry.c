/* SPDX-License-Identifier: Apache-2.0 */
/* The dentry cache.
 *
 * One rwlock: look-ups share it, a dentry's count may only become zero or leave zero under it, and
 * whatever frees or moves dentries takes it exclusively. Inodes of freed dentries are put after it.
 */
#include "vfs/dentry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define DENTRY_LIMIT 16384 /* cached ones beyond it are shrunk */
#define SHRINK_BATCH 128

static struct rwlock dcache = { PTHREAD_RWLOCK_INITIALIZER, RANK_DENTRY };
static struct hash names;		     /* [dcache] */
static struct list lru = { &lru, &lru };     /* [dcache] every dentry but roots, oldest first */
static uint32_t count;			     /* [dcache] on lru */

void dcache_rdlock(void)
{
	rwlock_rdlock(&dcache);
}

void dcache_unlock(void)
{
	rwlock_unlock(&dcache);
}

static uint64_t name_hash(const struct dentry *parent, const struct fname *name)
{
	return hash_bytes(name->s, name->len) ^ hash_u64((uint64_t)(uintptr_t)parent);
}

static struct dentry *dentry_alloc(struct super *sb, const struct fname *name)
{
	struct dentry *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->name = malloc(name->len + 1);
	if (!d->name) {
		free(d);
		return NULL;
	}
	memcpy(d->name, name->s, name->len);
	d->name[name->len] = 0;
	d->name_len = name->len;
	d->sb = sb;
	d->refs = 1;
	list_init(&d->children);
	return d;
}

static void dentry_destroy(struct dentry *d)
{
	inode_put(d->inode);
	free(d->name);
	free(d);
}

static bool is_root(const struct dentry *d)
{
	return d->parent == d;
}

/* Takes an unreferenced dentry out of everything and onto @dead, and then its parent if that was the
 * last reference on an unfindable one. */
static void kill_locked(struct dentry *d, struct list *dead)
{
	while (d) {
		struct dentry *parent = is_root(d) ? NULL : d->parent;

		hash_remove(&names, &d->hash_node);
		list_remove(&d->child_link);
		if (list_linked(&d->lru_link)) {
			list_remove(&d->lru_link);
			count--;
		}
		list_push_back(dead, &d->lru_link);
		if (!parent)
			return;
		uint32_t left = atomic_fetch_sub(&parent->refs, 1) - 1;

		d = left == 0 && !hash_linked(&parent->hash_node) ? parent : NULL;
	}
}

static void free_dead(struct list *dead)
{
	struct dentry *d;

	while ((d = list_pop_entry(dead, struct dentry, lru_link)))
		dentry_destroy(d);
}

int dentry_new_root(struct dentry **ret, struct super *sb, struct inode *inode)
{
	struct dentry *d = dentry_alloc(sb, &(struct fname){ "/", 1 });

	if (!d)
		return -ENOMEM;
	rwlock_wrlock(&dcache);
	int r = names.slots ? 0 : hash_init(&names, 10);

	rwlock_unlock(&dcache);
	if (r < 0) {
		dentry_destroy(d);
		return r;
	}
	d->inode = inode;
	d->parent = d;
	*ret = d;
	return 0;
}

int dentry_new_detached(struct dentry **ret, struct dentry *parent, const char *name,
			struct inode *inode)
{
	struct dentry *d = dentry_alloc(parent->sb, &(struct fname){ name, strlen(name) });

	if (!d)
		return -ENOMEM;
	d->inode = inode_get(inode);
	d->deleted = true;
	d->parent = dentry_get(parent);
	rwlock_wrlock(&dcache);
	list_push_back(&parent->children, &d->child_link);
	rwlock_unlock(&dcache);
	*ret = d;
	return 0;
}

void dentry_put(struct dentry *d)
{
	if (!d)
		return;

	uint32_t n = atomic_load_explicit(&d->refs, memory_order_relaxed);

	while (n > 1) {
		if (atomic_compare_exchange_weak_explicit(&d->refs, &n, n - 1, memory_order_acq_rel,
							  memory_order_relaxed))
			return;
	}

	rwlock_rdlock(&dcache);
	if (hash_linked(&d->hash_node)) {
		atomic_fetch_sub(&d->refs, 1);
		rwlock_unlock(&dcache);
		return;
	}
	rwlock_unlock(&dcache);

	struct list dead;

	list_init(&dead);
	rwlock_wrlock(&dcache);
	if (atomic_fetch_sub(&d->refs, 1) == 1 && !hash_linked(&d->hash_node))
		kill_locked(d, &dead);
	rwlock_unlock(&dcache);
	free_dead(&dead);
}

static struct dentry *find_locked(struct dentry *parent, const struct fname *name)
{
	if (!names.slots)
		return NULL;
	hash_for_each_match(n, &names, name_hash(parent, name)) {
		struct dentry *d = hash_entry(n, struct dentry, hash_node);

		if (d->parent == parent && d->name_len == name->len &&
		    memcmp(d->name, name->s, name->len) == 0)
			return d;
	}
	return NULL;
}

struct dentry *dentry_find(struct dentry *parent, const struct fname *name)
{
	rwlock_rdlock(&dcache);
	struct dentry *d = find_locked(parent, name);

	if (d) {
		dentry_get(d);
		if (!atomic_load_explicit(&d->used, memory_order_relaxed))
			atomic_store_explicit(&d->used, true, memory_order_relaxed);
	}
	rwlock_unlock(&dcache);
	return d;
}

/* Frees some cached dentries that nobody has used lately. */
static void shrink_locked(struct list *dead)
{
	for (int i = 0; i < SHRINK_BATCH && count > DENTRY_LIMIT; i++) {
		struct dentry *d = list_first_entry(&lru, struct dentry, lru_link);

		if (!d)
			return;
		if (atomic_load(&d->refs) == 0 && !atomic_exchange(&d->used, false)) {
			kill_locked(d, dead);
			continue;
		}
		list_remove(&d->lru_link);
		list_push_back(&lru, &d->lru_link);
	}
}

int dentry_add(struct dentry *parent, const struct fname *name, struct inode *inode,
	       struct dentry **ret)
{
	struct list dead;
	struct dentry *d = dentry_alloc(parent->sb, name);

	if (!d)
		return -ENOMEM;
	list_init(&dead);

	rwlock_wrlock(&dcache);
	struct dentry *other = find_locked(parent, name);

	if (other) {
		dentry_get(other);
		rwlock_unlock(&dcache);
		dentry_destroy(d);
		*ret = other;
		return 0;
	}
	d->inode = inode ? inode_get(inode) : NULL;
	d->parent = dentry_get(parent);
	list_push_back(&parent->children, &d->child_link);
	if (inode || !(parent->sb->flags & SB_NO_NEGATIVE)) {
		if (!parent->deleted) {
			hash_insert(&names, &d->hash_node, name_hash(parent, name));
			list_push_back(&lru, &d->lru_link);
			count++;
		}
	}
	if (count > DENTRY_LIMIT)
		shrink_locked(&dead);
	rwlock_unlock(&dcache);
	free_dead(&dead);
	*ret = d;
	return 0;
}

/* Whether a cached answer still stands. */
static bool still_valid(struct dentry *d)
{
	if (d->inode) {
		const struct inode_ops *ops = d->inode->ops;

		return !ops->revalidate || ops->revalidate(d->inode);
	}

	struct inode *dir = d->parent->inode;

	return !dir->ops->revalidate_negative || dir->ops->revalidate_negative(dir);
}

static int lookup_locked(struct dentry *parent, const struct fname *name, bool open,
			 struct dentry **ret)
{
	struct inode *dir = parent->inode;
	struct inode *inode = NULL;
	struct dentry *d = dentry_find(parent, name);

	if (d) {
		if (still_valid(d)) {
			*ret = d;
			return 0;
		}
		dentry_drop(d, false);
		dentry_put(d);
	}

	int r = -ENOENT;

	if (open && dir->ops->lookup_open)
		r = dir->ops->lookup_open(dir, name, &inode);
	else if (dir->ops->lookup)
		r = dir->ops->lookup(dir, name, &inode);
	if (r < 0 && r != -ENOENT)
		return r;
	r = dentry_add(parent, name, inode, ret);
	inode_put(inode);
	return r;
}

int dentry_lookup_locked(struct dentry *parent, const struct fname *name, struct dentry **ret)
{
	return lookup_locked(parent, name, false, ret);
}

static int lookup(struct dentry *parent, const struct fname *name, bool open, struct dentry **ret)
{
	struct dentry *d = dentry_find(parent, name);

	if (d && still_valid(d)) {
		*ret = d;
		return 0;
	}
	dentry_put(d);

	rwlock_rdlock(&parent->inode->rw);
	int r = lookup_locked(parent, name, open, ret);

	rwlock_unlock(&parent->inode->rw);
	return r;
}

int dentry_lookup(struct dentry *parent, const struct fname *name, struct dentry **ret)
{
	return lookup(parent, name, false, ret);
}

int dentry_lookup_open(struct dentry *parent, const struct fname *name, struct dentry **ret)
{
	return lookup(parent, name, true, ret);
}

/* Makes @d unfindable; and what is below it, which frees the unreferenced part. */
static void unhash_tree(struct dentry *d, struct list *dead)
{
	hash_remove(&names, &d->hash_node);
	list_for_each_safe(node, &d->children) {
		struct dentry *c = list_entry(node, struct dentry, child_link);

		/* Keeps @d from being freed by its last child. */
		dentry_get(d);
		unhash_tree(c, dead);
		if (atomic_load(&c->refs) == 0)
			kill_locked(c, dead);
		atomic_fetch_sub(&d->refs, 1);
	}
}

void dentry_drop(struct dentry *d, bool deleted)
{
	struct list dead;

	list_init(&dead);
	rwlock_wrlock(&dcache);
	if (deleted)
		d->deleted = true;
	unhash_tree(d, &dead);
	rwlock_unlock(&dcache);
	free_dead(&dead);
}

static void drop_children_locked(struct dentry *d, struct list *dead)
{
	list_for_each_safe(node, &d->children) {
		struct dentry *c = list_entry(node, struct dentry, child_link);

		dentry_get(d);
		drop_children_locked(c, dead);
		if (atomic_load(&c->refs) == 0)
			kill_locked(c, dead);
		atomic_fetch_sub(&d->refs, 1);
	}
}

void dentry_drop_children(struct dentry *d)
{
	struct list dead;

	list_init(&dead);
	rwlock_wrlock(&dcache);
	dentry_get(d);
	drop_children_locked(d, &dead);
	atomic_fetch_sub(&d->refs, 1);
	rwlock_unlock(&dcache);
	free_dead(&dead);
}

void dentry_shrink_super(struct super *sb)
{
	if (sb->root)
		dentry_drop_children(sb->root);
}

static int set_name_locked(struct dentry *d, const struct fname *name)
{
	char *copy = malloc(name->len + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, name->s, name->len);
	copy[name->len] = 0;
	free(d->name);
	d->name = copy;
	d->name_len = name->len;
	return 0;
}

/* Puts @d below @parent; the reference on the old parent goes (it cannot be the last: the caller of a
 * rename holds both). */
static void reparent_locked(struct dentry *d, struct dentry *parent)
{
	struct dentry *old = d->parent;

	list_remove(&d->child_link);
	d->parent = dentry_get(parent);
	list_push_back(&parent->children, &d->child_link);
	atomic_fetch_sub(&old->refs, 1);
}

int dentry_move(struct dentry *d, struct dentry *newparent, const struct fname *name)
{
	rwlock_wrlock(&dcache);
	int r = set_name_locked(d, name);

	hash_remove(&names, &d->hash_node);
	if (r == 0) {
		reparent_locked(d, newparent);
		if (!list_linked(&d->lru_link)) {
			list_push_back(&lru, &d->lru_link);
			count++;
		}
		hash_insert(&names, &d->hash_node, name_hash(newparent, name));
	}
	rwlock_unlock(&dcache);
	return r;
}

int dentry_exchange(struct dentry *a, struct dentry *b)
{
	rwlock_wrlock(&dcache);
	struct dentry *parent_a = a->parent;
	struct dentry *parent_b = b->parent;
	char *name = a->name;
	size_t len = a->name_len;

	hash_remove(&names, &a->hash_node);
	hash_remove(&names, &b->hash_node);
	a->name = b->name;
	a->name_len = b->name_len;
	b->name = name;
	b->name_len = len;
	reparent_locked(a, parent_b);
	reparent_locked(b, parent_a);
	hash_insert(&names, &a->hash_node,
		    name_hash(parent_b, &(struct fname){ a->name, a->name_len }));
	hash_insert(&names, &b->hash_node,
		    name_hash(parent_a, &(struct fname){ b->name, b->name_len }));
	rwlock_unlock(&dcache);
	return 0;
}

struct dentry *dentry_parent(struct dentry *d)
{
	rwlock_rdlock(&dcache);
	struct dentry *p = dentry_get(d->parent);

	rwlock_unlock(&dcache);
	return p;
}

bool dentry_is_below(struct dentry *d, struct dentry *anc)
{
	bool below = false;

	rwlock_rdlock(&dcache);
	for (;; d = d->parent) {
		if (d == anc) {
			below = true;
			break;
		}
		if (is_root(d))
			break;
	}
	rwlock_unlock(&dcache);
	return below;
}
