/* SPDX-License-Identifier: Apache-2.0 */
/* Path resolution (path_resolution(7), openat2(2)).
 *
 * The walk keeps a stack of texts still to resolve: the name given, and the bodies of the symlinks met.
 * It stops before the last component of all of them; the caller looks that one up and may push another
 * symlink. No lock is held between components.
 */
#include "vfs/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

#include "mm/mm.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/walk_internal.h"

#define PREFETCH_MAX 16U

int getname(struct task *t, uint64_t addr, char *buf, bool allow_empty)
{
	ssize_t n = mm_copy_str(t->mm, buf, addr, PATH_LEN_MAX);

	if (n < 0)
		return (int)n;
	return n == 0 && !allow_empty ? -ENOENT : 0;
}

int dfd_path(struct task *t, int dfd, struct path *ret)
{
	if (dfd == AT_FDCWD) {
		mutex_lock(&t->fs->mu);
		*ret = path_dup(&t->fs->cwd);
		mutex_unlock(&t->fs->mu);
		return 0;
	}

	struct file *f = fd_get_raw(t, dfd);
	int r = -ENOTDIR;

	if (!f)
		return -EBADF;
	if (f->path.dentry && inode_is_dir(f->inode)) {
		*ret = path_dup(&f->path);
		r = 0;
	}
	fd_put(t, f);
	return r;
}

void walk_fini(struct walk *w)
{
	for (int i = 0; i < w->n_bodies; i++)
		free(w->bodies[i]);
	path_put(&w->cur);
	path_put(&w->root);
	path_put(&w->start);
	file_put(w->file);
	w->file = NULL;
}

/* Where an absolute name starts. */
static int go_root(struct walk *w)
{
	if (w->resolve & RESOLVE_BENEATH)
		return -EXDEV;
	if ((w->resolve & RESOLVE_NO_XDEV) && w->cur.mnt && w->cur.mnt != w->root.mnt)
		return -EXDEV;
	path_put(&w->cur);
	w->cur = path_dup((w->resolve & RESOLVE_IN_ROOT) ? &w->start : &w->root);
	return 0;
}

static void get_task_root(struct task *t, struct path *root)
{
	mutex_lock(&t->fs->mu);
	*root = path_dup(&t->fs->root);
	mutex_unlock(&t->fs->mu);
}

/* The place that a name relative to @dfd starts from; with an empty name any descriptor will do. */
static int start_at(struct walk *w, struct task *t, int dfd, const char *name)
{
	bool scoped = (w->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) != 0;

	if (name[0] == '/' && !scoped)
		return go_root(w);
	if (name[0] != 0 || dfd == AT_FDCWD)
		return dfd_path(t, dfd, &w->cur);

	struct file *f = fd_get_raw(t, dfd);

	if (!f)
		return -EBADF;
	if (f->path.dentry) {
		w->cur = path_dup(&f->path);
		fd_put(t, f);
	} else {
		w->file = f;
	}
	return 0;
}

int walk_init(struct walk *w, struct task *t, int dfd, const char *name, uint64_t resolve)
{
	memset(w, 0, offsetof(struct walk, stack));
	w->task = t;
	w->cred = t->cred;
	w->resolve = resolve;
	get_task_root(t, &w->root);

	int r = start_at(w, t, dfd, name);

	if (r == 0 && (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))) {
		w->start = path_dup(&w->cur);
		if (name[0] == '/')
			r = go_root(w);
	}
	if (r < 0) {
		walk_fini(w);
		return r;
	}
	w->stack[0] = name;
	w->depth = 1;
	return 0;
}

/* Takes the next component. False at the end. Sets *last when nothing but slashes follows. */
static bool next_name(struct walk *w, struct fname *name, bool *last)
{
	while (w->depth > 0) {
		const char *s = w->stack[w->depth - 1];

		while (*s == '/')
			s++;
		if (*s) {
			const char *e = strchrnul(s, '/');

			*name = (struct fname){ s, (size_t)(e - s) };
			w->stack[w->depth - 1] = e;
			break;
		}
		w->depth--;
	}
	if (w->depth == 0)
		return false;

	for (int i = w->depth - 1; i >= 0; i--) {
		const char *s = w->stack[i];

		if (*s == '/')
			w->trailing_slash = true;
		while (*s == '/')
			s++;
		if (*s) {
			w->trailing_slash = false;
			*last = false;
			return true;
		}
	}
	*last = true;
	return true;
}

static bool is_dot(const struct fname *n)
{
	return n->len == 1 && n->s[0] == '.';
}

static bool is_dotdot(const struct fname *n)
{
	return n->len == 2 && n->s[0] == '.' && n->s[1] == '.';
}

/* One step up, not above the root, through the mounts. */
static int step_up(struct walk *w)
{
	const struct path *top = (w->resolve & RESOLVE_IN_ROOT) ? &w->start : &w->root;

	if ((w->resolve & RESOLVE_BENEATH) && path_eq(&w->cur, &w->start))
		return -EXDEV;
	for (;;) {
		if (path_eq(&w->cur, top))
			return 0;
		if (w->cur.dentry != w->cur.mnt->root)
			break;
		if (w->resolve & RESOLVE_NO_XDEV)
			return -EXDEV;
		if (!mount_up(&w->cur))
			return 0;
	}

	struct dentry *parent = dentry_parent(w->cur.dentry);

	dentry_put(w->cur.dentry);
	w->cur.dentry = parent;
	mount_cross(&w->cur);
	return 0;
}

/* Asks the file system for this and the following components in one round trip. */
static void prefetch(struct walk *w, const struct fname *first)
{
	struct inode *dir = w->cur.dentry->inode;
	struct fname names[PREFETCH_MAX] = { *first };
	struct inode *found[PREFETCH_MAX];
	size_t n = 1;
	size_t n_found = 0;
	const char *s = w->stack[w->depth - 1];

	if (!dir->ops->lookup_many || atomic_load(&w->cur.dentry->mounts) > 0)
		return;
	while (n < PREFETCH_MAX) {
		while (*s == '/')
			s++;
		const char *e = strchrnul(s, '/');
		struct fname next = { s, (size_t)(e - s) };

		if (next.len == 0 || next.len > NAME_LEN_MAX || is_dot(&next) || is_dotdot(&next))
			break;
		names[n++] = next;
		s = e;
	}
	if (n < 2)
		return;

	rwlock_rdlock(&dir->rw);
	int r = dir->ops->lookup_many(dir, names, n, found, &n_found);

	rwlock_unlock(&dir->rw);
	if (r < 0)
		return;

	struct dentry *at = dentry_get(w->cur.dentry);

	for (size_t i = 0; i < n_found; i++) {
		struct dentry *d = NULL;

		if (at && inode_is_dir(at->inode))
			(void)dentry_add(at, &names[i], found[i], &d);
		inode_put(found[i]);
		dentry_put(at);
		at = d && d->inode ? d : NULL;
		if (!at)
			dentry_put(d);
	}
	dentry_put(at);
}

/* Search permission and the name in the directory that the walk stands in. */
int walk_lookup_name(struct walk *w, const struct fname *name, struct dentry **ret)
{
	struct inode *dir = w->cur.dentry->inode;

	if (!inode_is_dir(dir))
		return -ENOTDIR;

	int r = inode_permission(dir, w->task, w->cred, MAY_EXEC);

	if (r < 0)
		return r;
	if (name->len > NAME_LEN_MAX)
		return -ENAMETOOLONG;

	struct dentry *d = dir->ops->lookup_many ? dentry_find(w->cur.dentry, name) : NULL;

	if (!d && dir->ops->lookup_many)
		prefetch(w, name);
	dentry_put(d);
	/* Only the last component is asked for by this name. */
	if (w->for_read && name == &w->last)
		return dentry_lookup_open(w->cur.dentry, name, ret);
	return dentry_lookup(w->cur.dentry, name, ret);
}

/* The text of symlink @d (which stands in w->cur) becomes the next thing to resolve, or a magic link
 * moves the walk. */
int walk_follow(struct walk *w, struct dentry *d)
{
	struct inode *inode = d->inode;

	w->jumped = false;
	if (w->n_links++ >= WALK_MAX_LINKS)
		return -ELOOP;
	if (w->resolve & RESOLVE_NO_SYMLINKS)
		return -ELOOP;
	if (inode->ops->follow) {
		struct path to = { 0 };
		struct file *file = NULL;

		if (w->resolve & RESOLVE_NO_MAGICLINKS)
			return -ELOOP;
		if (w->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
			return -EXDEV;
		int r = inode->ops->follow(inode, w->task, &to, &file);

		if (r < 0)
			return r;
		path_put(&w->cur);
		w->cur = to;
		w->file = file;
		w->jumped = true;
		return 0;
	}
	if (!inode->ops->readlink)
		return -EINVAL;

	char *body = malloc(PATH_LEN_MAX);

	if (!body)
		return -ENOMEM;

	ssize_t n = inode->ops->readlink(inode, w->task, body, PATH_LEN_MAX - 1);

	if (n <= 0) {
		free(body);
		return n < 0 ? (int)n : -ENOENT;
	}
	body[n] = 0;
	inode_touch_atime(inode);
	w->bodies[w->n_bodies++] = body;
	w->stack[w->depth++] = body;
	return body[0] == '/' ? go_root(w) : 0;
}

/* Moves into @d (takes the reference), which is not a symlink to be followed. */
int walk_enter(struct walk *w, struct dentry *d)
{
	dentry_put(w->cur.dentry);
	w->cur.dentry = d;
	if (atomic_load_explicit(&d->mounts, memory_order_relaxed) > 0) {
		struct mount *before = w->cur.mnt;

		mount_cross(&w->cur);
		if ((w->resolve & RESOLVE_NO_XDEV) && w->cur.mnt != before)
			return -EXDEV;
	}
	return 0;
}

/* A component that is not the last. */
static int step(struct walk *w, const struct fname *name)
{
	struct dentry *d = NULL;

	if (!w->cur.dentry)
		return -ENOTDIR; /* below an anonymous file */
	if (is_dot(name) || is_dotdot(name)) {
		if (!inode_is_dir(w->cur.dentry->inode))
			return -ENOTDIR;
		int r = inode_permission(w->cur.dentry->inode, w->task, w->cred, MAY_EXEC);

		if (r < 0)
			return r;
		return is_dotdot(name) ? step_up(w) : 0;
	}

	int r = walk_lookup_name(w, name, &d);

	if (r < 0)
		return r;
	if (!d->inode) {
		dentry_put(d);
		return -ENOENT;
	}
	if (inode_kind(d->inode) == S_IFLNK && atomic_load(&d->mounts) == 0) {
		r = walk_follow(w, d);
		dentry_put(d);
		return r;
	}
	return walk_enter(w, d);
}

int walk_parent(struct walk *w)
{
	struct fname name;
	bool last = false;

	w->trailing_slash = false;
	w->jumped = false;
	w->last_kind = LAST_ROOT;
	w->last = (struct fname){ "", 0 };
	while (next_name(w, &name, &last)) {
		if (!last) {
			int r = step(w, &name);

			if (r < 0)
				return r;
			continue;
		}
		w->last = name;
		w->last_kind = is_dot(&name) ? LAST_DOT : is_dotdot(&name) ? LAST_DOTDOT : LAST_NORM;
		if (!w->cur.dentry)
			return -ENOTDIR;
		if (!inode_is_dir(w->cur.dentry->inode))
			return -ENOTDIR;
		return 0;
	}
	return 0;
}

/* Steps through the last component unless it is to be created; follows symlinks by @flags. */
static int walk_last(struct walk *w, unsigned int flags)
{
	for (;;) {
		int r = walk_parent(w);

		if (r < 0)
			return r;
		if (w->last_kind == LAST_ROOT)
			return 0;
		if (w->last_kind != LAST_NORM) {
			r = step(w, &w->last);
			if (r < 0)
				return r;
			return 0;
		}

		struct dentry *d = NULL;

		r = walk_lookup_name(w, &w->last, &d);
		if (r < 0)
			return r;
		if (!d->inode) {
			dentry_put(d);
			return -ENOENT;
		}
		bool link = inode_kind(d->inode) == S_IFLNK && atomic_load(&d->mounts) == 0;

		if (link && (!(flags & WALK_NOFOLLOW) || w->trailing_slash)) {
			bool slash = w->trailing_slash;

			r = walk_follow(w, d);
			dentry_put(d);
			if (r < 0)
				return r;
			w->must_dir |= slash;
			if (w->jumped)
				return 0;
			continue;
		}
		return walk_enter(w, d);
	}
}

int walk_finish(struct walk *w, unsigned int flags)
{
	const char *name = w->stack[0];

	if (name[0] == 0)
		return (flags & WALK_EMPTY) ? 0 : -ENOENT;
	w->must_dir = (flags & WALK_DIRECTORY) != 0;

	int r = walk_last(w, flags);

	if (r < 0)
		return r;
	if (w->must_dir || w->trailing_slash) {
		if (!w->cur.dentry || !inode_is_dir(w->cur.dentry->inode))
			return -ENOTDIR;
	}
	return 0;
}

int path_lookup_obj(struct task *t, int dfd, const char *name, unsigned int flags,
		    struct walk_obj *ret)
{
	struct walk w;
	int r = walk_init(&w, t, dfd, name, 0);

	if (r < 0)
		return r;
	r = walk_finish(&w, flags);
	if (r == 0) {
		*ret = (struct walk_obj){ w.cur, w.file };
		if (w.file)
			ret->path = (struct path){ 0 };
		else
			w.cur = (struct path){ 0 };
		w.file = NULL;
	}
	walk_fini(&w);
	return r;
}

void walk_obj_end(struct walk_obj *o)
{
	path_put(&o->path);
	file_put(o->file);
	o->file = NULL;
}

int path_lookup(struct task *t, int dfd, const char *name, unsigned int flags, struct path *ret)
{
	struct walk_obj o = { 0 };
	int r = path_lookup_obj(t, dfd, name, flags, &o);

	if (r < 0)
		return r;
	if (o.file) {
		walk_obj_end(&o);
		return (flags & WALK_DIRECTORY) ? -ENOTDIR : -EPERM;
	}
	*ret = o.path;
	return 0;
}

int path_lookup_parent(struct task *t, int dfd, const char *name, struct walk_parent *ret)
{
	struct walk w;

	if (name[0] == 0)
		return -ENOENT;
	int r = walk_init(&w, t, dfd, name, 0);

	if (r < 0)
		return r;
	r = walk_parent(&w);
	if (r == 0 && w.last.len > NAME_LEN_MAX)
		r = -ENAMETOOLONG;
	if (r == 0) {
		/* The last component may stand in a symlink's body that goes with the walk. */
		*ret = (struct walk_parent){ .dir = w.cur,
					     .kind = w.last_kind,
					     .trailing_slash = w.trailing_slash };
		ret->buf = strndup(w.last.s, w.last.len);
		ret->last = (struct fname){ ret->buf, w.last.len };
		w.cur = (struct path){ 0 };
		if (!ret->buf) {
			path_put(&ret->dir);
			r = -ENOMEM;
		}
	}
	walk_fini(&w);
	return r;
}

void walk_parent_end(struct walk_parent *p)
{
	path_put(&p->dir);
	free(p->buf);
	p->buf = NULL;
}

int walk_lookup(const struct walk_ctx *ctx, const char *name, unsigned int flags, struct path *ret)
{
	struct walk w;

	memset(&w, 0, offsetof(struct walk, stack));
	w.task = ctx->task;
	w.cred = ctx->cred;
	w.root = path_dup(&ctx->root);
	w.cur = path_dup(name[0] == '/' ? &ctx->root : &ctx->cwd);
	w.stack[0] = name;
	w.depth = 1;

	int r = walk_finish(&w, flags);

	if (r == 0) {
		*ret = w.cur;
		w.cur = (struct path){ 0 };
	}
	walk_fini(&w);
	return r;
}
