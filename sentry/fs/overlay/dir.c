/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of the overlay: each keeps the names that differ from the lower directory. */
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>

#include "fs/overlay/overlay_internal.h"
#include "util/cleanup.h"

static uint64_t name_hash(const struct fname *name)
{
	return hash_bytes(name->s, name->len);
}

struct ovl_entry *ovl_entry_find(struct ovl_inode *dir, const struct fname *name)
{
	if (!dir->names.slots)
		return NULL;
	hash_for_each_match(n, &dir->names, name_hash(name)) {
		struct ovl_entry *e = hash_entry(n, struct ovl_entry, node);

		if (e->len == name->len && memcmp(e->name, name->s, name->len) == 0)
			return e;
	}
	return NULL;
}

static void entry_drop(struct ovl_inode *dir, struct ovl_entry *e)
{
	hash_remove(&dir->names, &e->node);
	list_remove(&e->link);
	atomic_fetch_sub(&dir->n_entries, 1);
	inode_put(e->child);
	free(e);
}

/* Makes @name mean @child (a new reference; NULL: nothing). */
static int entry_set(struct ovl_inode *dir, const struct fname *name, struct inode *child)
{
	struct ovl_entry *e = ovl_entry_find(dir, name);

	if (!child && !dir->lower) {
		if (e)
			entry_drop(dir, e);
		return 0;
	}
	if (!e) {
		if (!dir->names.slots && hash_init(&dir->names, 3) < 0)
			return -ENOMEM;
		e = calloc(1, sizeof(*e) + name->len + 1);
		if (!e)
			return -ENOMEM;
		e->len = name->len;
		memcpy(e->name, name->s, name->len);
		hash_insert(&dir->names, &e->node, name_hash(name));
		list_push_back(&dir->entries, &e->link);
		atomic_fetch_add(&dir->n_entries, 1);
		ovl_pin(dir);
	}
	struct inode *old = e->child;

	e->child = child ? inode_get(child) : NULL;
	inode_put(old);
	return 0;
}

static int lower_lookup(struct ovl_inode *dir, const struct fname *name, bool open, struct inode **ret)
{
	struct inode *lower = dir->lower;

	if (!lower || !lower->ops->lookup)
		return -ENOENT;
	rwlock_rdlock(&lower->rw);
	int r = open && lower->ops->lookup_open ? lower->ops->lookup_open(lower, name, ret) :
						  lower->ops->lookup(lower, name, ret);

	rwlock_unlock(&lower->rw);
	return r;
}

static int do_lookup(struct inode *dir, const struct fname *name, bool open, struct inode **ret)
{
	struct ovl_entry *e = ovl_entry_find(ovl_of(dir), name);
	struct inode *lower = NULL;

	if (e) {
		if (!e->child)
			return -ENOENT;
		*ret = inode_get(e->child);
		return 0;
	}
	int r = lower_lookup(ovl_of(dir), name, open, &lower);

	return r < 0 ? r : ovl_inode_get(ovl_sb(dir), lower, ret);
}

static int ovl_lookup(struct inode *dir, const struct fname *name, struct inode **ret)
{
	return do_lookup(dir, name, false, ret);
}

static int ovl_lookup_open(struct inode *dir, const struct fname *name, struct inode **ret)
{
	return do_lookup(dir, name, true, ret);
}

/* As far as nothing was changed on the way. */
static int ovl_lookup_many(struct inode *dir, const struct fname *names, size_t n, struct inode **ret,
			   size_t *ret_n)
{
	struct inode *lower = ovl_of(dir)->lower;
	struct inode *found[16];
	size_t n_found = 0;
	bool stop = false;

	*ret_n = 0;
	if (!lower || !lower->ops->lookup_many || ovl_entry_find(ovl_of(dir), &names[0]))
		return -EAGAIN;
	rwlock_rdlock(&lower->rw);
	int r = lower->ops->lookup_many(lower, names, MIN(n, ARRAY_LEN(found)), found, &n_found);

	rwlock_unlock(&lower->rw);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_found; i++) {
		if (stop || ovl_inode_get(ovl_sb(dir), found[i], &ret[i]) < 0) {
			if (stop)
				inode_put(found[i]);
			stop = true;
			continue;
		}
		(*ret_n)++;
		stop = ovl_of(ret[i])->n_entries > 0;
	}
	return 0;
}

static int add_name(struct inode *dir, const struct fname *name, struct inode *child)
{
	int r = entry_set(ovl_of(dir), name, child);

	if (r == 0)
		inode_touch(dir, true, true);
	return r;
}

static int ovl_create(struct inode *dir, const struct fname *name, const struct inode_init *init,
		      struct inode **ret)
{
	struct inode *inode = NULL;
	int r = ovl_inode_new(ovl_sb(dir), init, &inode);

	if (r < 0)
		return r;
	r = add_name(dir, name, inode);
	if (r < 0) {
		inode_put(inode);
		return r;
	}
	if (S_ISDIR(init->mode))
		atomic_fetch_add(&dir->nlink, 1);
	*ret = inode;
	return 0;
}

static int ovl_tmpfile(struct inode *dir, const struct inode_init *init, struct inode **ret)
{
	int r = ovl_inode_new(ovl_sb(dir), init, ret);

	if (r == 0) {
		(*ret)->nlink = 0;
		(*ret)->linkable = true;
	}
	return r;
}

static int ovl_link(struct inode *dir, const struct fname *name, struct inode *target)
{
	int r = add_name(dir, name, target);

	if (r < 0)
		return r;
	ovl_pin(ovl_of(target));
	atomic_fetch_add(&target->nlink, 1);
	inode_touch(target, false, true);
	return 0;
}

/* One name less. */
static void drop_link(struct inode *victim)
{
	uint32_t n = victim->nlink;

	if (n > 0)
		n = atomic_fetch_sub(&victim->nlink, 1) - 1;
	inode_touch(victim, false, true);
	if (n == 0)
		ovl_unpin(ovl_of(victim));
	else
		ovl_pin(ovl_of(victim));
}

static int ovl_unlink(struct inode *dir, const struct fname *name, struct inode *victim)
{
	int r = add_name(dir, name, NULL);

	if (r == 0)
		drop_link(victim);
	return r;
}

static void drop_dir(struct inode *parent, struct inode *victim)
{
	victim->nlink = 0;
	atomic_fetch_sub(&parent->nlink, 1);
	ovl_unpin(ovl_of(victim));
}

static int ovl_rmdir(struct inode *dir, const struct fname *name, struct inode *victim)
{
	if (!ovl_dir_empty(ovl_of(victim)))
		return -ENOTEMPTY;
	int r = add_name(dir, name, NULL);

	if (r == 0)
		drop_dir(dir, victim);
	return r;
}

static int exchange(struct inode *olddir, const struct fname *oldname, struct inode *src,
		    struct inode *newdir, const struct fname *newname, struct inode *dst)
{
	int r = add_name(olddir, oldname, dst);

	if (r == 0)
		r = add_name(newdir, newname, src);
	if (r < 0)
		return r;
	if (olddir != newdir && inode_is_dir(src) != inode_is_dir(dst)) {
		struct inode *gains = inode_is_dir(src) ? newdir : olddir;
		struct inode *loses = inode_is_dir(src) ? olddir : newdir;

		atomic_fetch_add(&gains->nlink, 1);
		atomic_fetch_sub(&loses->nlink, 1);
	}
	ovl_pin(ovl_of(src));
	ovl_pin(ovl_of(dst));
	return 0;
}

static int ovl_rename(struct inode *olddir, const struct fname *oldname, struct inode *src,
		      struct inode *newdir, const struct fname *newname, struct inode *victim,
		      unsigned int flags)
{
	if (flags & RENAME_EXCHANGE)
		return exchange(olddir, oldname, src, newdir, newname, victim);
	if (victim && inode_is_dir(victim) && !ovl_dir_empty(ovl_of(victim)))
		return -ENOTEMPTY;

	int r = add_name(newdir, newname, src);

	if (r < 0)
		return r;
	r = add_name(olddir, oldname, NULL);
	if (r < 0) {
		(void)add_name(newdir, newname, victim);
		return r;
	}
	if (victim && inode_is_dir(victim))
		drop_dir(newdir, victim);
	else if (victim)
		drop_link(victim);
	ovl_pin(ovl_of(src));
	inode_touch(src, false, true);
	if (inode_is_dir(src) && olddir != newdir) {
		atomic_fetch_sub(&olddir->nlink, 1);
		atomic_fetch_add(&newdir->nlink, 1);
	}
	return 0;
}

/* ---- emptiness ---- */

struct empty_sink {
	struct dir_sink sink;
	struct ovl_inode *dir;
	bool found;
};

static bool empty_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, uint8_t type,
		       int64_t next)
{
	struct empty_sink *s = container_of(sink, struct empty_sink, sink);
	struct fname n = { name, len };

	(void)ino;
	(void)type;
	(void)next;
	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return true;
	if (!ovl_entry_find(s->dir, &n))
		s->found = true;
	return !s->found;
}

bool ovl_dir_empty(struct ovl_inode *dir)
{
	struct empty_sink s = { .sink = { empty_emit }, .dir = dir };
	struct file *real = NULL;
	int64_t pos = 0;

	list_for_each(node, &dir->entries) {
		if (list_entry(node, struct ovl_entry, link)->child)
			return false;
	}
	if (!dir->lower)
		return true;
	if (ovl_open_real(dir->lower, NULL, 0, &real) < 0)
		return false;
	int r = real->ops->readdir(real, NULL, &s.sink, &pos);

	file_put(real);
	return r == 0 && !s.found;
}

#define OVL_COMMON                                                                                 \
	.getattr = ovl_getattr, .setattr = ovl_setattr, .getxattr = ovl_getxattr,                  \
	.setxattr = ovl_setxattr, .listxattr = ovl_listxattr, .removexattr = ovl_removexattr,      \
	.free = ovl_free

const struct inode_ops ovl_dir_ops = {
	.lookup = ovl_lookup,
	.lookup_open = ovl_lookup_open,
	.lookup_many = ovl_lookup_many,
	.create = ovl_create,
	.tmpfile = ovl_tmpfile,
	.link = ovl_link,
	.unlink = ovl_unlink,
	.rmdir = ovl_rmdir,
	.rename = ovl_rename,
	.open = ovl_open,
	OVL_COMMON,
};
const struct inode_ops ovl_reg_ops = { .open = ovl_open, OVL_COMMON };
const struct inode_ops ovl_link_ops = { .readlink = ovl_readlink, OVL_COMMON };
const struct inode_ops ovl_special_ops = { OVL_COMMON };
