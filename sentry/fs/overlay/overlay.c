/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay's super block and inodes: identity, attributes, extended attributes. */
#include "fs/overlay/overlay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/overlay/overlay_internal.h"
#include "fs/tmpfs/tmpfs.h"
#include "mm/memfile.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"

#define FIRST_INO (UINT64_C(1) << 40) /* of objects made here: above what hosts use */

/* ---- identity ---- */

static uint64_t lower_hash(const struct inode *lower)
{
	return hash_u64((uint64_t)(uintptr_t)lower);
}

static const struct inode_ops *ops_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return &ovl_dir_ops;
	case S_IFREG:
		return &ovl_reg_ops;
	case S_IFLNK:
		return &ovl_link_ops;
	default:
		return &ovl_special_ops;
	}
}

static struct ovl_inode *inode_make(struct ovl_super *os, uint32_t mode)
{
	struct ovl_inode *oi = calloc(1, sizeof(*oi));

	if (!oi)
		return NULL;
	inode_init(&oi->inode, &os->sb, ops_of(mode), mode);
	mutex_init(&oi->copy, RANK_COPYUP);
	list_init(&oi->entries);
	if (S_ISREG(mode))
		mappable_init(&oi->inode.map, &ovl_mappable_ops);
	return oi;
}

static int copy_attr(struct ovl_inode *oi, struct inode *lower)
{
	struct kstat st;
	int r = inode_getattr(lower, &st);

	if (r < 0)
		return r;
	oi->inode.ino = st.ino;
	oi->inode.rdev = st.rdev;
	inode_set_owner(&oi->inode, st.uid, st.gid);
	oi->inode.nlink = st.nlink;
	oi->inode.size = st.size;
	oi->inode.atime = st.atime;
	oi->inode.mtime = st.mtime;
	oi->inode.ctime = st.ctime;
	oi->inode.btime = st.btime;
	return 0;
}

static struct inode *find_locked(struct ovl_super *os, const struct inode *lower)
{
	hash_for_each_match(n, &os->inodes, lower_hash(lower)) {
		struct ovl_inode *oi = hash_entry(n, struct ovl_inode, node);

		if (oi->lower == lower && ref_get_unless_zero(&oi->inode.ref))
			return &oi->inode;
	}
	return NULL;
}

int ovl_inode_get(struct ovl_super *os, struct inode *lower, struct inode **ret)
{
	mutex_lock(&os->table_mu);
	struct inode *old = find_locked(os, lower);

	mutex_unlock(&os->table_mu);
	if (old) {
		inode_put(lower);
		*ret = old;
		return 0;
	}

	struct ovl_inode *oi = inode_make(os, lower->mode);
	int r = oi ? copy_attr(oi, lower) : -ENOMEM;

	if (r < 0) {
		if (oi)
			inode_put(&oi->inode);
		inode_put(lower);
		return r;
	}
	oi->lower = lower;
	mutex_lock(&os->table_mu);
	old = find_locked(os, lower);
	if (!old)
		hash_insert(&os->inodes, &oi->node, lower_hash(lower));
	mutex_unlock(&os->table_mu);
	if (old)
		inode_put(&oi->inode);
	*ret = old ? old : &oi->inode;
	return 0;
}

int ovl_inode_new(struct ovl_super *os, const struct inode_init *init, struct inode **ret)
{
	struct ovl_inode *oi = inode_make(os, init->mode);

	if (!oi)
		return -ENOMEM;
	oi->inode.ino = super_new_ino(&os->sb);
	oi->inode.rdev = init->rdev;
	inode_set_owner(&oi->inode, init->uid, init->gid);
	oi->xattrs_own = true;
	int r = 0;

	if (S_ISDIR(init->mode))
		oi->inode.nlink = 2;
	if (S_ISLNK(init->mode)) {
		oi->target = strdup(init->target);
		oi->inode.size = (int64_t)strlen(init->target);
		r = oi->target ? 0 : -ENOMEM;
	}
	if (S_ISREG(init->mode))
		r = ovl_copy_up(oi, NULL, 0);
	if (r < 0) {
		inode_put(&oi->inode);
		return r;
	}
	*ret = &oi->inode;
	return 0;
}

void ovl_pin(struct ovl_inode *oi)
{
	struct ovl_super *os = ovl_sb(&oi->inode);

	if (!oi->lower || oi->inode.nlink == 0)
		return;
	mutex_lock(&os->table_mu);
	if (!oi->pinned) {
		oi->pinned = true;
		inode_get(&oi->inode);
	}
	mutex_unlock(&os->table_mu);
}

void ovl_unpin(struct ovl_inode *oi)
{
	struct ovl_super *os = ovl_sb(&oi->inode);

	mutex_lock(&os->table_mu);
	bool was = oi->pinned;

	oi->pinned = false;
	mutex_unlock(&os->table_mu);
	if (was)
		inode_put(&oi->inode);
}

void ovl_free(struct inode *inode)
{
	struct ovl_inode *oi = ovl_of(inode);
	struct ovl_super *os = ovl_sb(inode);
	struct ovl_entry *e;

	mutex_lock(&os->table_mu);
	hash_remove(&os->inodes, &oi->node);
	mutex_unlock(&os->table_mu);
	while ((e = list_pop_entry(&oi->entries, struct ovl_entry, link))) {
		inode_put(e->child);
		free(e);
	}
	hash_fini(&oi->names);
	inode_fini(inode);
	inode_put(oi->upper);
	inode_put(oi->lower);
	xattr_mem_free(&oi->xattrs);
	mutex_fini(&oi->copy);
	free(oi->target);
	free(oi);
}

/* ---- attributes ---- */

int ovl_getattr(struct inode *inode, struct kstat *st)
{
	struct ovl_inode *oi = ovl_of(inode);
	struct inode *real = oi->upper ? oi->upper : oi->lower;
	struct kstat data;

	inode_fill_stat(inode, st);
	if (real && inode_kind(inode) == S_IFREG) {
		int r = inode_getattr(real, &data);

		if (r < 0)
			return r;
		st->size = data.size;
		st->blocks = data.blocks;
		st->blksize = data.blksize;
	}
	st->has_btime = st->btime.tv_sec != 0;
	return 0;
}

int ovl_setattr(struct inode *inode, const struct iattr *attr)
{
	struct ovl_inode *oi = ovl_of(inode);

	if (attr->valid & ATTR_SIZE) {
		struct iattr size = { .valid = ATTR_SIZE, .size = attr->size };

		if (inode_kind(inode) != S_IFREG)
			return -EINVAL;
		int r = ovl_copy_up(oi, NULL, attr->size);

		if (r < 0)
			return r;
		uint64_t from = ((uint64_t)attr->size + PAGE_SIZE - 1) & PAGE_MASK;
		bool shrinks = attr->size < inode->size;

		rwlock_wrlock(&oi->upper->rw);
		r = oi->upper->ops->setattr(oi->upper, &size);
		rwlock_unlock(&oi->upper->rw);
		if (r < 0)
			return r;
		inode->size = attr->size;
		/* Mappings from before the copy-up hang on our own mappable. */
		if (shrinks)
			mappable_invalidate(&inode->map, from, (INT64_MAX & PAGE_MASK) - from);
	}
	inode_apply_attr(inode, attr);
	ovl_pin(oi);
	return 0;
}

ssize_t ovl_readlink(struct inode *inode, struct task *t, char *buf, size_t size)
{
	struct ovl_inode *oi = ovl_of(inode);

	if (!oi->target)
		return oi->lower->ops->readlink(oi->lower, t, buf, size);
	size_t n = MIN(strlen(oi->target), size);

	memcpy(buf, oi->target, n);
	return (ssize_t)n;
}

/* ---- extended attributes ---- */

static int import_one(struct ovl_inode *oi, const char *name)
{
	struct inode *lower = oi->lower;
	ssize_t n = lower->ops->getxattr(lower, name, NULL, 0);

	if (n < 0)
		return n == -ENODATA ? 0 : (int)n;
	char *value = malloc((size_t)n + 1);

	if (!value)
		return -ENOMEM;
	n = n > 0 ? lower->ops->getxattr(lower, name, value, (size_t)n) : 0;
	int r = n < 0 ? (int)n : xattr_mem_set(&oi->xattrs, name, value, (size_t)n, 0);

	free(value);
	return r;
}

/* Before the first change: everything that the lower one has. */
static int import_xattrs(struct ovl_inode *oi)
{
	struct inode *lower = oi->lower;
	char *names;
	int r = 0;

	if (oi->xattrs_own)
		return 0;
	if (lower && lower->ops->listxattr && lower->ops->getxattr) {
		names = malloc(65536);
		if (!names)
			return -ENOMEM;
		ssize_t n = lower->ops->listxattr(lower, names, 65536);

		for (ssize_t i = 0; i < n && r == 0; i += (ssize_t)strlen(names + i) + 1)
			r = import_one(oi, names + i);
		free(names);
	}
	if (r == 0) {
		oi->xattrs_own = true;
		ovl_pin(oi);
	}
	return r;
}

ssize_t ovl_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct ovl_inode *oi = ovl_of(inode);

	if (oi->xattrs_own)
		return xattr_mem_get(&oi->xattrs, name, buf, size);
	if (!oi->lower->ops->getxattr)
		return -EOPNOTSUPP;
	return oi->lower->ops->getxattr(oi->lower, name, buf, size);
}

int ovl_setxattr(struct inode *inode, const char *name, const void *value, size_t size, int flags)
{
	int r = import_xattrs(ovl_of(inode));

	if (r == 0)
		r = xattr_mem_set(&ovl_of(inode)->xattrs, name, value, size, flags);
	if (r == 0)
		inode_touch(inode, false, true);
	return r;
}

ssize_t ovl_listxattr(struct inode *inode, char *buf, size_t size)
{
	struct ovl_inode *oi = ovl_of(inode);

	if (oi->xattrs_own)
		return xattr_mem_list(&oi->xattrs, buf, size);
	return oi->lower->ops->listxattr ? oi->lower->ops->listxattr(oi->lower, buf, size) : 0;
}

int ovl_removexattr(struct inode *inode, const char *name)
{
	int r = import_xattrs(ovl_of(inode));

	return r < 0 ? r : xattr_mem_remove(&ovl_of(inode)->xattrs, name);
}

/* ---- super block ---- */

static void ovl_super_free(struct super *sb)
{
	struct ovl_super *os = container_of(sb, struct ovl_super, sb);

	for (;;) {
		struct inode *pinned = NULL;

		mutex_lock(&os->table_mu);
		hash_for_each_safe(n, &os->inodes) {
			struct ovl_inode *oi = hash_entry(n, struct ovl_inode, node);

			if (oi->pinned && !pinned) {
				oi->pinned = false;
				pinned = &oi->inode;
			}
		}
		mutex_unlock(&os->table_mu);
		if (!pinned)
			break;
		inode_put(pinned);
	}
	hash_fini(&os->inodes);
	mutex_fini(&os->table_mu);
	super_put(os->upper);
	super_put(os->lower);
	free(os);
}

static int ovl_statfs(struct super *sb, struct kstatfs *st)
{
	struct ovl_super *os = container_of(sb, struct ovl_super, sb);

	return os->upper->ops->statfs(os->upper, st);
}

static const struct super_ops ovl_super_ops = {
	.free = ovl_super_free,
	.statfs = ovl_statfs,
};

int overlay_new(struct super **ret, struct super *lower)
{
	struct ovl_super *os = calloc(1, sizeof(*os));
	struct tmpfs_options opt = { .mode = 0700 };
	struct inode *root = NULL;

	if (!os)
		return -ENOMEM;
	super_init(&os->sb, &ovl_super_ops, "overlay", OVERLAY_MAGIC);
	os->sb.next_ino = FIRST_INO;
	mutex_init(&os->table_mu, RANK_LEAF);
	super_get(lower);
	os->lower = lower;
	super_make_layer(lower);
	int r = hash_init(&os->inodes, 8);

	if (r == 0)
		r = tmpfs_new(&os->upper, &opt);
	if (r == 0) {
		super_make_layer(os->upper);
		r = ovl_inode_get(os, inode_get(lower->root->inode), &root);
	}
	if (r == 0)
		r = super_set_root(&os->sb, root);
	if (r < 0) {
		super_put(&os->sb);
		return r;
	}
	*ret = &os->sb;
	return 0;
}
