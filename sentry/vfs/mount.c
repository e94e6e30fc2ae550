/* SPDX-License-Identifier: Apache-2.0 */
/* The mount tree: crossing, mounting, binding, moving, unmounting, pivot_root. */
#include "vfs/mount.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/inode.h"
#include "vfs/mount_internal.h"

#define MOUNTS_MAX 100000U /* fs.mount-max */

struct rwlock mount_lock = { PTHREAD_RWLOCK_INITIALIZER, RANK_MOUNT };
static struct hash points; /* [mount_lock] by (parent, point) */
static _Atomic int next_id = 20;

static uint64_t point_hash(const struct mount *parent, const struct dentry *point)
{
	return hash_u64((uint64_t)(uintptr_t)parent) ^ hash_u64((uint64_t)(uintptr_t)point + 1);
}

struct mount *mount_get(struct mount *m)
{
	ref_get(&m->ref);
	return m;
}

void mount_put(struct mount *m)
{
	if (!m || !ref_put(&m->ref))
		return;
	dentry_put(m->root);
	super_put(m->sb);
	free(m->source);
	free(m);
}

bool mount_readonly(const struct mount *m)
{
	return mount_has(m, MNT_RDONLY) ||
	       (atomic_load_explicit(&m->sb->flags, memory_order_relaxed) & SB_RDONLY);
}

void path_get(const struct path *p)
{
	if (p->mnt)
		mount_get(p->mnt);
	if (p->dentry)
		dentry_get(p->dentry);
}

void path_put(struct path *p)
{
	dentry_put(p->dentry);
	mount_put(p->mnt);
	*p = (struct path){ 0 };
}

static int mount_new(struct mount **ret, struct super *sb, struct dentry *root, const char *source,
		     unsigned long flags)
{
	struct mount *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->source = strdup(source ? source : "none");
	if (!m->source) {
		free(m);
		return -ENOMEM;
	}
	ref_init(&m->ref);
	super_get(sb);
	m->sb = sb;
	m->root = dentry_get(root);
	m->flags = flags & MNT_FLAGS;
	m->id = atomic_fetch_add(&next_id, 1);
	list_init(&m->children);
	*ret = m;
	return 0;
}

int mount_internal(struct mount **ret, struct super *sb)
{
	return mount_new(ret, sb, sb->root, "none", 0);
}

int mount_ns_new(struct mount_ns **ret, struct super *root, const char *source, unsigned long flags)
{
	struct mount_ns *ns = calloc(1, sizeof(*ns));
	int r = 0;

	if (!ns)
		return -ENOMEM;
	rwlock_wrlock(&mount_lock);
	if (!points.slots)
		r = hash_init(&points, 6);
	rwlock_unlock(&mount_lock);
	if (r == 0)
		r = mount_new(&ns->root, root, root->root, source, flags);
	if (r < 0) {
		free(ns);
		return r;
	}
	list_init(&ns->mounts);
	list_push_back(&ns->mounts, &mount_get(ns->root)->ns_link);
	ns->root->ns = ns;
	ns->n_mounts = 1;
	*ret = ns;
	return 0;
}

static struct mount *find_locked(const struct mount *parent, const struct dentry *point)
{
	hash_for_each_match(n, &points, point_hash(parent, point)) {
		struct mount *m = hash_entry(n, struct mount, hash_node);

		if (m->parent == parent && m->point == point)
			return m;
	}
	return NULL;
}

void mount_cross(struct path *p)
{
	while (atomic_load_explicit(&p->dentry->mounts, memory_order_relaxed) > 0) {
		rwlock_rdlock(&mount_lock);
		struct mount *m = find_locked(p->mnt, p->dentry);

		if (m)
			mount_get(m);
		rwlock_unlock(&mount_lock);
		if (!m)
			return;

		struct dentry *root = dentry_get(m->root);

		path_put(p);
		p->mnt = m;
		p->dentry = root;
	}
}

bool mount_up(struct path *p)
{
	struct path up = { 0 };

	rwlock_rdlock(&mount_lock);
	if (p->mnt->parent) {
		up.mnt = mount_get(p->mnt->parent);
		up.dentry = dentry_get(p->mnt->point);
	}
	rwlock_unlock(&mount_lock);
	if (!up.mnt)
		return false;
	path_put(p);
	*p = up;
	return true;
}

/* Hangs @m at (parent, point). The tree takes its own references. */
static void attach_locked(struct mount_ns *ns, struct mount *m, struct mount *parent,
			  struct dentry *point)
{
	m->parent = parent;
	m->point = dentry_get(point);
	atomic_fetch_add(&point->mounts, 1);
	hash_insert(&points, &m->hash_node, point_hash(parent, point));
	list_push_back(&parent->children, &m->child_link);
	if (!m->ns) {
		m->ns = ns;
		list_push_back(&ns->mounts, &mount_get(m)->ns_link);
		ns->n_mounts++;
	}
	ns->event++;
}

/* Takes @m from its place, its children with it. The namespace's list still has it. */
static struct dentry *unhang_locked(struct mount *m)
{
	struct dentry *point = m->point;

	hash_remove(&points, &m->hash_node);
	list_remove(&m->child_link);
	m->parent = NULL;
	m->point = NULL;
	if (point)
		atomic_fetch_sub(&point->mounts, 1);
	return point;
}

/* The top of what stands at @at, so that a new mount covers it. References in *ret. */
static struct path top_of(const struct path *at)
{
	struct path p = path_dup(at);

	mount_cross(&p);
	return p;
}

/* A mount over a directory must be a directory, and the other way round. */
static int check_kinds(const struct dentry *root, const struct dentry *point)
{
	bool dir = inode_is_dir(root->inode);

	if (dir != inode_is_dir(point->inode))
		return -ENOTDIR;
	return point->deleted ? -ENOENT : 0;
}

int mount_add(struct mount_ns *ns, struct super *sb, struct dentry *root, const struct path *at,
	      const char *source, unsigned long flags, struct mount **ret)
{
	struct mount *m = NULL;
	struct path top = top_of(at);
	int r = check_kinds(root ? root : sb->root, top.dentry);

	if (r == 0)
		r = mount_new(&m, sb, root ? root : sb->root, source, flags);
	if (r == 0) {
		rwlock_wrlock(&mount_lock);
		if (ns->n_mounts >= MOUNTS_MAX)
			r = -ENOSPC;
		else if (!top.mnt->ns)
			r = -EINVAL;
		else
			attach_locked(ns, m, top.mnt, top.dentry);
		rwlock_unlock(&mount_lock);
	}
	path_put(&top);
	if (r == 0 && ret)
		*ret = m;
	mount_put(m);
	return r;
}

/* The mounts below @from's dentry, copied under the new mount @to. */
static int bind_children(struct mount_ns *ns, struct mount *from, struct dentry *below,
			 struct mount *to)
{
	struct mount *kids[64];
	size_t n = 0;
	int r = 0;

	rwlock_rdlock(&mount_lock);
	list_for_each(node, &from->children) {
		struct mount *c = list_entry(node, struct mount, child_link);

		if (n < 64 && c != to && dentry_is_below(c->point, below))
			kids[n++] = mount_get(c);
	}
	rwlock_unlock(&mount_lock);

	for (size_t i = 0; i < n; i++) {
		struct mount *copy = NULL;
		struct mount *c = kids[i];

		if (r == 0)
			r = mount_new(&copy, c->sb, c->root, c->source, c->flags);
		if (r == 0) {
			rwlock_wrlock(&mount_lock);
			if (c->point)
				attach_locked(ns, copy, to, c->point);
			rwlock_unlock(&mount_lock);
			if (copy->parent)
				r = bind_children(ns, c, c->root, copy);
		}
		mount_put(copy);
		mount_put(c);
	}
	return r;
}

int mount_bind(struct mount_ns *ns, const struct path *from, const struct path *at, bool recursive,
	       unsigned long flags)
{
	struct mount *m = NULL;
	int r = mount_add(ns, from->mnt->sb, from->dentry, at, from->mnt->source,
			  flags | from->mnt->flags, &m);

	if (r < 0)
		return r;
	return recursive ? bind_children(ns, from->mnt, from->dentry, m) : 0;
}

static bool is_ancestor_locked(const struct mount *anc, const struct mount *m)
{
	for (; m; m = m->parent) {
		if (m == anc)
			return true;
	}
	return false;
}

int mount_move(struct mount_ns *ns, struct mount *m, const struct path *at)
{
	struct path top = top_of(at);
	struct dentry *old = NULL;
	int r = check_kinds(m->root, top.dentry);

	rwlock_wrlock(&mount_lock);
	if (r == 0 && (!m->parent || !m->ns))
		r = -EINVAL;
	else if (r == 0 && is_ancestor_locked(m, top.mnt))
		r = -ELOOP;
	if (r == 0) {
		old = unhang_locked(m);
		attach_locked(ns, m, top.mnt, top.dentry);
	}
	rwlock_unlock(&mount_lock);
	dentry_put(old);
	path_put(&top);
	return r;
}

/* Detaches @m and everything on it. References that the tree held go onto @dead. */
static void detach_tree_locked(struct mount *m, struct list *dead)
{
	list_for_each_safe(node, &m->children)
		detach_tree_locked(list_entry(node, struct mount, child_link), dead);

	struct dentry *point = unhang_locked(m);
	struct detached *d = malloc(sizeof(*d));

	list_remove(&m->ns_link);
	m->ns->n_mounts--;
	m->ns->event++;
	m->ns = NULL;
	if (!d) {
		/* No memory to remember them: the references stay, which leaks but is safe. */
		return;
	}
	d->mnt = m;
	d->point = point;
	list_push_back(dead, &d->link);
}

int mount_remove(struct mount_ns *ns, struct mount *m, bool lazy)
{
	struct list dead;
	int r = 0;

	list_init(&dead);
	if (!lazy)
		dentry_shrink_super(m->sb);
	rwlock_wrlock(&mount_lock);
	if (!m->ns || m == ns->root)
		r = -EINVAL;
	/* References: the namespace's list and the caller's. */
	else if (!lazy && (!list_empty(&m->children) || atomic_load(&m->ref.n) > 2))
		r = -EBUSY;
	else
		detach_tree_locked(m, &dead);
	rwlock_unlock(&mount_lock);

	struct detached *d;

	while ((d = list_pop_entry(&dead, struct detached, link))) {
		dentry_put(d->point);
		mount_put(d->mnt);
		free(d);
	}
	return r;
}

int mount_pivot(struct task *t, const struct path *newroot, const struct path *putold)
{
	struct mount_ns *ns = t->kernel->mounts;
	struct mount *old = ns->root;
	struct mount *new = newroot->mnt;
	struct dentry *point = NULL;
	int r = 0;

	rwlock_wrlock(&mount_lock);
	if (new->root != newroot->dentry || !new->parent || !putold->mnt->ns)
		r = -EINVAL;
	else if (new == old)
		r = -EBUSY;
	else if (!inode_is_dir(putold->dentry->inode) || !inode_is_dir(newroot->dentry->inode))
		r = -ENOTDIR;
	else if (!is_ancestor_locked(new, putold->mnt))
		r = -EINVAL;
	if (r == 0) {
		point = unhang_locked(new);
		attach_locked(ns, old, putold->mnt, putold->dentry);
		mount_get(new);
		ns->root = new;
	}
	rwlock_unlock(&mount_lock);
	if (r < 0)
		return r;
	dentry_put(point);

	struct fs_ctx *fs = t->fs;
	struct path old_root = { old, old->root };
	struct path drop[3] = { 0 };

	mutex_lock(&fs->mu);
	if (path_eq(&fs->root, &old_root)) {
		drop[0] = fs->root;
		fs->root = path_dup(newroot);
	}
	if (path_eq(&fs->cwd, &old_root)) {
		drop[1] = fs->cwd;
		fs->cwd = path_dup(newroot);
	}
	mutex_unlock(&fs->mu);
	drop[2] = t->kernel->root;
	t->kernel->root = path_dup(newroot);
	for (int i = 0; i < 3; i++)
		path_put(&drop[i]);
	mount_put(old); /* what ns->root held */
	return 0;
}

void mount_for_each(struct mount_ns *ns, void (*fn)(void *arg, struct mount *m), void *arg)
{
	rwlock_rdlock(&mount_lock);
	list_for_each(node, &ns->mounts)
		fn(arg, list_entry(node, struct mount, ns_link));
	rwlock_unlock(&mount_lock);
}
