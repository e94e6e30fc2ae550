/* SPDX-License-Identifier: Apache-2.0 */
/* The base of generated file systems: see pseudo.h. */
#include "vfs/pseudo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/mm.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"

#define STORE_MAX 65536U



struct pseudo_entry {
	struct list link;
	struct pseudo_inode *pi; /* reference */
	int64_t cookie;
	char name[];
};

void seq_write(struct seq *s, const void *data, size_t len)
{
	if (s->failed)
		return;
	if (s->len + len + 1 > s->cap) {
		size_t cap = s->cap ? s->cap : 512;

		while (cap < s->len + len + 1)
			cap *= 2;
		char *buf = realloc(s->buf, cap);

		if (!buf) {
			s->failed = true;
			return;
		}
		s->buf = buf;
		s->cap = cap;
	}
	memcpy(s->buf + s->len, data, len);
	s->len += len;
	s->buf[s->len] = 0;
}

void seq_putc(struct seq *s, char c)
{
	seq_write(s, &c, 1);
}

void seq_printf(struct seq *s, const char *fmt, ...)
{
	char small[256];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(small, sizeof(small), fmt, ap);

	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n < sizeof(small)) {
		seq_write(s, small, (size_t)n);
		return;
	}

	char *big = malloc((size_t)n + 1);

	if (!big) {
		s->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(big, (size_t)n + 1, fmt, ap);
	va_end(ap);
	seq_write(s, big, (size_t)n);
	free(big);
}

/* ---- files ---- */

struct pseudo_file {
	struct mutex mu; /* RANK_OBJECT */
	struct seq text; /* [mu] */
	bool filled;	 /* [mu] */
};

static void file_release(struct file *f)
{
	struct pseudo_file *pf = f->priv;

	free(pf->text.buf);
	mutex_fini(&pf->mu);
	free(pf);
}

static ssize_t file_show(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	struct pseudo_file *pf = f->priv;
	struct pseudo_inode *pi = pseudo_of(f->inode);
	ssize_t r = 0;

	(void)flags;
	if (!pi->pops->show)
		return -EINVAL;
	if (*pos < 0)
		return -EINVAL;
	/* The callbacks may take any lock, so they fill a text of their own, and the file's offset is not
	 * held meanwhile. */
	bool own_pos = pos == &f->pos;

	mutex_lock(&pf->mu);
	bool fill = !pf->filled || *pos == 0;

	mutex_unlock(&pf->mu);
	if (fill) {
		struct seq s = { 0 };
		int err;

		if (own_pos)
			mutex_unlock(&f->pos_mu);
		err = pi->pops->show(pi, t, &s);
		if (own_pos)
			mutex_lock(&f->pos_mu);

		if (err < 0 || s.failed) {
			free(s.buf);
			return err < 0 ? err : -ENOMEM;
		}
		mutex_lock(&pf->mu);
		free(pf->text.buf);
		pf->text = s;
		pf->filled = true;
		mutex_unlock(&pf->mu);
	}
	mutex_lock(&pf->mu);
	if ((uint64_t)*pos < pf->text.len) {
		size_t want = MIN(to->count, pf->text.len - (size_t)*pos);

		r = (ssize_t)iov_iter_copy_to(to, pf->text.buf + *pos, want);
		if (r == 0 && want > 0)
			r = -EFAULT;
		else
			*pos += r;
	}
	mutex_unlock(&pf->mu);
	return r;
}

static ssize_t file_store(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			  int flags)
{
	struct pseudo_inode *pi = pseudo_of(f->inode);
	size_t len = MIN(from->count, STORE_MAX);
	ssize_t r;

	(void)flags;
	if (!pi->pops->store)
		return -EIO;

	char *buf = malloc(len + 1);

	if (!buf)
		return -ENOMEM;
	if (iov_iter_copy_from(from, buf, len) != len) {
		r = -EFAULT;
	} else {
		buf[len] = 0;
		r = pi->pops->store(pi, t, buf, len);
		if (r > 0)
			*pos += r;
	}
	free(buf);
	return r;
}

static int64_t file_llseek(struct file *f, struct task *t, int64_t off, int whence)
{
	(void)t;
	return generic_llseek_size(f, off, whence, 0);
}

static const struct file_ops text_ops = {
	.kind = "text",
	.release = file_release,
	.read = file_show,
	.write = file_store,
	.llseek = file_llseek,
};

/* ---- directories ---- */

static struct pseudo_entry *entry_find(struct pseudo_inode *dir, const struct fname *name)
{
	list_for_each(node, &dir->entries) {
		struct pseudo_entry *e = list_entry(node, struct pseudo_entry, link);

		if (strlen(e->name) == name->len && memcmp(e->name, name->s, name->len) == 0)
			return e;
	}
	return NULL;
}

static int dir_lookup(struct inode *dir, const struct fname *name, struct inode **ret)
{
	struct pseudo_inode *pi = pseudo_of(dir);
	struct pseudo_entry *e = entry_find(pi, name);

	if (e) {
		*ret = inode_get(&e->pi->inode);
		return 0;
	}
	if (pi->pops && pi->pops->lookup)
		return pi->pops->lookup(pi, task_current(), name, ret);
	return -ENOENT;
}

/* Static entries have cookies from 2^32 on, so that dynamic ones own the numbers below. */
#define STATIC_COOKIE (INT64_C(1) << 32)

static int readdir_static(struct pseudo_inode *pi, struct dir_sink *sink, int64_t *pos)
{
	list_for_each(node, &pi->entries) {
		struct pseudo_entry *e = list_entry(node, struct pseudo_entry, link);

		if (e->cookie < *pos)
			continue;
		uint8_t type = (uint8_t)(inode_kind(&e->pi->inode) >> 12);

		if (!sink->emit(sink, e->name, strlen(e->name), e->pi->inode.ino, type, e->cookie + 1))
			return 0;
		*pos = e->cookie + 1;
	}
	return 0;
}

static int dir_readdir(struct file *f, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	struct pseudo_inode *pi = pseudo_of(f->inode);

	if (*pos < 0)
		return -EINVAL;
	if (*pos == 0) {
		if (!sink->emit(sink, ".", 1, f->inode->ino, DT_DIR, 1))
			return 0;
		*pos = 1;
	}
	if (*pos == 1) {
		struct dentry *up = dentry_parent(f->path.dentry);
		uint64_t ino = up->inode->ino;

		dentry_put(up);
		if (!sink->emit(sink, "..", 2, ino, DT_DIR, STATIC_COOKIE))
			return 0;
		*pos = STATIC_COOKIE;
	}
	/* Static entries first, then the dynamic ones with cookies from 2 on. */
	if (*pos >= STATIC_COOKIE) {
		rwlock_rdlock(&f->inode->rw);
		int r = readdir_static(pi, sink, pos);
		bool more = false;

		list_for_each(node, &pi->entries) {
			if (list_entry(node, struct pseudo_entry, link)->cookie >= *pos)
				more = true;
		}
		rwlock_unlock(&f->inode->rw);
		if (r < 0 || more || !pi->pops || !pi->pops->readdir)
			return r;
		*pos = 2;
	}
	return pi->pops && pi->pops->readdir ? pi->pops->readdir(pi, t, sink, pos) : 0;
}

static ssize_t dir_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	(void)f;
	(void)t;
	(void)to;
	(void)pos;
	(void)flags;
	return -EISDIR;
}

static const struct file_ops dir_ops = {
	.kind = "dir",
	.read = dir_read,
	.llseek = generic_dir_llseek,
	.readdir = dir_readdir,
};

/* ---- inodes ---- */

static int pseudo_open(struct inode *inode, struct task *t, struct file *f)
{
	struct pseudo_inode *pi = pseudo_of(inode);

	if (pi->pops && pi->pops->open)
		return pi->pops->open(pi, t, f);
	switch (inode_kind(inode)) {
	case S_IFDIR:
		f->ops = &dir_ops;
		return 0;
	case S_IFREG:
		break;
	case S_IFCHR:
		return chrdev_open(inode, t, f);
	default:
		return -ENXIO;
	}

	struct pseudo_file *pf = calloc(1, sizeof(*pf));

	if (!pf)
		return -ENOMEM;
	mutex_init(&pf->mu, RANK_OBJECT);
	f->ops = &text_ops;
	f->priv = pf;
	return 0;
}

static ssize_t pseudo_readlink(struct inode *inode, struct task *t, char *buf, size_t size)
{
	struct pseudo_inode *pi = pseudo_of(inode);

	if (!pi->target)
		return pi->pops && pi->pops->readlink ? pi->pops->readlink(pi, t, buf, size) : -EINVAL;

	size_t n = MIN(strlen(pi->target), size);

	memcpy(buf, pi->target, n);
	return (ssize_t)n;
}

static int pseudo_follow(struct inode *inode, struct task *t, struct path *ret, struct file **file)
{
	struct pseudo_inode *pi = pseudo_of(inode);

	return pi->pops->follow(pi, t, ret, file);
}

static void refresh_owner(struct pseudo_inode *pi)
{
	uint32_t uid = pi->inode.uid;
	uint32_t gid = pi->inode.gid;

	if (!pi->pops || !pi->pops->owner)
		return;
	pi->pops->owner(pi, &uid, &gid);
	inode_set_owner(&pi->inode, uid, gid);
}

static int pseudo_permission(struct inode *inode, struct task *t, const struct cred *cred, int mask)
{
	struct pseudo_inode *pi = pseudo_of(inode);
	static const struct inode_ops plain = { 0 };
	struct inode view = { .ops = &plain, .sb = inode->sb };

	if (pi->pops && pi->pops->permission)
		return pi->pops->permission(pi, t, cred, mask);
	refresh_owner(pi);
	view.mode = inode->mode;
	view.uid = inode->uid;
	view.gid = inode->gid;

	return inode_permission(&view, t, cred, mask);
}

static int pseudo_getattr(struct inode *inode, struct kstat *st)
{
	struct pseudo_inode *pi = pseudo_of(inode);

	refresh_owner(pi);
	inode_fill_stat(inode, st);
	st->has_btime = false;
	if (inode_kind(inode) == S_IFLNK && pi->target)
		st->size = (int64_t)strlen(pi->target);
	return 0;
}

static int pseudo_setattr(struct inode *inode, const struct iattr *attr)
{
	inode_apply_attr(inode, attr); /* a truncation of a generated file means nothing */
	return 0;
}

static bool pseudo_revalidate(struct inode *inode)
{
	struct pseudo_inode *pi = pseudo_of(inode);

	return !pi->pops || !pi->pops->alive || pi->pops->alive(pi);
}

static bool pseudo_revalidate_negative(struct inode *dir)
{
	struct pseudo_inode *pi = pseudo_of(dir);

	return !(pi->pops && pi->pops->lookup);
}

static void pseudo_free(struct inode *inode)
{
	struct pseudo_inode *pi = pseudo_of(inode);
	struct pseudo_entry *e;

	while ((e = list_pop_entry(&pi->entries, struct pseudo_entry, link))) {
		inode_put(&e->pi->inode);
		free(e);
	}
	if (pi->pops && pi->pops->release)
		pi->pops->release(pi);
	inode_fini(inode);
	free(pi->target);
	free(pi);
}

static const struct inode_ops pseudo_inode_ops = {
	.lookup = dir_lookup,
	.readlink = pseudo_readlink,
	.permission = pseudo_permission,
	.getattr = pseudo_getattr,
	.setattr = pseudo_setattr,
	.open = pseudo_open,
	.revalidate = pseudo_revalidate,
	.revalidate_negative = pseudo_revalidate_negative,
	.free = pseudo_free,
};

static const struct inode_ops pseudo_magic_ops = {
	.readlink = pseudo_readlink,
	.follow = pseudo_follow,
	.permission = pseudo_permission,
	.getattr = pseudo_getattr,
	.open = pseudo_open,
	.revalidate = pseudo_revalidate,
	.free = pseudo_free,
};

int pseudo_inode_new(struct super *sb, uint32_t mode, const struct pseudo_ops *pops, void *data,
		     uint64_t arg, struct pseudo_inode **ret)
{
	struct pseudo_inode *pi = calloc(1, sizeof(*pi));
	bool magic = S_ISLNK(mode) && pops && pops->follow;

	if (!pi)
		return -ENOMEM;
	inode_init(&pi->inode, sb, magic ? &pseudo_magic_ops : &pseudo_inode_ops, mode);
	pi->inode.ino = super_new_ino(sb);
	if (S_ISDIR(mode))
		pi->inode.nlink = 2;
	list_init(&pi->entries);
	pi->next_cookie = STATIC_COOKIE;
	pi->pops = pops;
	pi->data = data;
	pi->arg = arg;
	*ret = pi;
	return 0;
}

int pseudo_add(struct pseudo_inode *dir, const char *name, uint32_t mode,
	       const struct pseudo_ops *pops, void *data, uint64_t arg, struct pseudo_inode **ret)
{
	struct pseudo_inode *pi = NULL;
	size_t len = strlen(name) + 1;
	struct pseudo_entry *e = malloc(sizeof(*e) + len);

	if (!e)
		return -ENOMEM;
	int r = pseudo_inode_new(dir->inode.sb, mode, pops, data, arg, &pi);

	if (r < 0) {
		free(e);
		return r;
	}
	memcpy(e->name, name, len);
	e->pi = pi;
	rwlock_wrlock(&dir->inode.rw);
	e->cookie = dir->next_cookie++;
	e->link = (struct list){ 0 };
	list_push_back(&dir->entries, &e->link);
	if (S_ISDIR(mode))
		atomic_fetch_add(&dir->inode.nlink, 1);
	rwlock_unlock(&dir->inode.rw);
	if (ret)
		*ret = pi;
	return 0;
}

struct pseudo_inode *pseudo_child(struct pseudo_inode *dir, const char *name)
{
	struct fname fn = { name, strlen(name) };

	/* Called under the lock of another directory of the tree too: only boot writes to them. */
	rwlock_rdlock_nested(&dir->inode.rw);
	struct pseudo_entry *e = entry_find(dir, &fn);
	rwlock_unlock(&dir->inode.rw);
	return e ? e->pi : NULL;
}

int pseudo_mkdir(struct pseudo_inode *dir, const char *name, uint32_t perm,
		 struct pseudo_inode **ret)
{
	return pseudo_add(dir, name, S_IFDIR | perm, NULL, NULL, 0, ret);
}

int pseudo_symlink(struct pseudo_inode *dir, const char *name, const char *target)
{
	struct pseudo_inode *pi = NULL;
	char *copy = strdup(target);

	if (!copy)
		return -ENOMEM;
	int r = pseudo_add(dir, name, S_IFLNK | 0777, NULL, NULL, 0, &pi);

	if (r < 0) {
		free(copy);
		return r;
	}
	pi->target = copy;
	return 0;
}

static void pseudo_super_free(struct super *sb)
{
	free(container_of(sb, struct pseudo_super, sb));
}

static const struct super_ops pseudo_super_ops = { .free = pseudo_super_free };

int pseudo_super_new(struct super **ret, const char *type, uint32_t magic,
		     const struct pseudo_ops *root_ops)
{
	struct pseudo_super *ps = calloc(1, sizeof(*ps));
	struct pseudo_inode *root = NULL;

	if (!ps)
		return -ENOMEM;
	super_init(&ps->sb, &pseudo_super_ops, type, magic);
	int r = pseudo_inode_new(&ps->sb, S_IFDIR | 0555, root_ops, NULL, 0, &root);

	if (r == 0) {
		root->inode.ino = 1;
		r = super_set_root(&ps->sb, &root->inode);
	}
	if (r < 0) {
		super_put(&ps->sb);
		return r;
	}
	*ret = &ps->sb;
	return 0;
}

struct pseudo_inode *pseudo_root(struct super *sb)
{
	return pseudo_of(sb->root->inode);
}
