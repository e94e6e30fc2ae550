/* SPDX-License-Identifier: Apache-2.0 */
/* tmpfs: super block, options, inodes, directories. */
#include "fs/tmpfs/tmpfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

#include "fs/tmpfs/tmpfs_internal.h"
#include "mm/memfile.h"
#include "util/cleanup.h"

#define DIRENT_SIZE 20 /* what a name adds to a directory's st_size, as Linux's tmpfs says */

/* ---- inodes ---- */

static int take_inode(struct super *sb)
{
	struct tmpfs_super *ts = (struct tmpfs_super *)sb;
	uint64_t used = atomic_fetch_add(&ts->used_inodes, 1) + 1;

	if (ts->opt.max_inodes && used > ts->opt.max_inodes) {
		atomic_fetch_sub(&ts->used_inodes, 1);
		return -ENOSPC;
	}
	return 0;
}

static const struct inode_ops *ops_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return &tmpfs_dir_ops;
	case S_IFREG:
		return &tmpfs_reg_ops;
	case S_IFLNK:
		return &tmpfs_link_ops;
	default:
		return &tmpfs_special_ops;
	}
}

int tmpfs_inode_new(struct super *sb, const struct inode_init *init, struct inode **ret)
{
	struct tmpfs_inode *ti;
	int r = take_inode(sb);

	if (r < 0)
		return r;
	ti = calloc(1, sizeof(*ti));
	if (ti && S_ISLNK(init->mode))
		ti->target = strdup(init->target);
	if (!ti || (S_ISLNK(init->mode) && !ti->target)) {
		free(ti);
		atomic_fetch_sub(&((struct tmpfs_super *)sb)->used_inodes, 1);
		return -ENOMEM;
	}
	inode_init(&ti->inode, sb, ops_of(init->mode), init->mode);
	ti->inode.ino = super_new_ino(sb);
	ti->inode.rdev = init->rdev;
	inode_set_owner(&ti->inode, init->uid, init->gid);
	list_init(&ti->entries);
	rwlock_init(&ti->data, RANK_FDATA);
	ti->next_cookie = 2;
	ti->seals = F_SEAL_SEAL;
	if (S_ISDIR(init->mode)) {
		ti->inode.nlink = 2;
		ti->inode.size = 2 * DIRENT_SIZE;
	}
	if (S_ISLNK(init->mode))
		ti->inode.size = (int64_t)strlen(ti->target);
	if (S_ISREG(init->mode))
		mappable_init(&ti->inode.map, &tmpfs_mappable_ops);
	*ret = &ti->inode;
	return 0;
}

static void dirent_free(struct tmpfs_inode *dir, struct tmpfs_dirent *e)
{
	hash_remove(&dir->names, &e->node);
	list_remove(&e->link);
	free(e);
}

/* The tree below a directory that goes away with its file system. */
static void tmpfs_inode_free(struct inode *inode)
{
	struct tmpfs_inode *ti = tmpfs_of(inode);
	struct tmpfs_dirent *e;

	while ((e = list_first_entry(&ti->entries, struct tmpfs_dirent, link))) {
		inode_put(e->inode);
		dirent_free(ti, e);
	}
	hash_fini(&ti->names);
	tmpfs_data_free(ti);
	atomic_fetch_sub(&tmpfs_sb(inode)->used_inodes, 1);
	xattr_mem_free(&ti->xattrs);
	inode_fini(inode);
	rwlock_fini(&ti->data);
	free(ti->target);
	free(ti);
}

/* ---- directories ---- */

static uint64_t name_hash(const struct fname *name)
{
	return hash_bytes(name->s, name->len);
}

static struct tmpfs_dirent *dirent_find(struct tmpfs_inode *dir, const struct fname *name)
{
	if (!dir->names.slots)
		return NULL;
	hash_for_each_match(n, &dir->names, name_hash(name)) {
		struct tmpfs_dirent *e = hash_entry(n, struct tmpfs_dirent, node);

		if (e->len == name->len && memcmp(e->name, name->s, name->len) == 0)
			return e;
	}
	return NULL;
}

/* Adds a name; takes a reference on @inode. */
static int dirent_add(struct tmpfs_inode *dir, const struct fname *name, struct inode *inode)
{
	struct tmpfs_dirent *e = malloc(sizeof(*e) + name->len + 1);

	if (!e)
		return -ENOMEM;
	if (!dir->names.slots && hash_init(&dir->names, 3) < 0) {
		free(e);
		return -ENOMEM;
	}
	memset(e, 0, sizeof(*e));
	memcpy(e->name, name->s, name->len);
	e->name[name->len] = 0;
	e->len = name->len;
	e->inode = inode_get(inode);
	e->cookie = dir->next_cookie++;
	hash_insert(&dir->names, &e->node, name_hash(name));
	list_push_back(&dir->entries, &e->link);
	dir->inode.size += DIRENT_SIZE;
	inode_touch(&dir->inode, true, true);
	return 0;
}

static void dirent_remove(struct tmpfs_inode *dir, struct tmpfs_dirent *e)
{
	struct inode *inode = e->inode;

	dirent_free(dir, e);
	dir->inode.size -= DIRENT_SIZE;
	inode_touch(&dir->inode, true, true);
	inode_touch(inode, false, true);
	inode_put(inode);
}

static int tmpfs_lookup(struct inode *dir, const struct fname *name, struct inode **ret)
{
	struct tmpfs_dirent *e = dirent_find(tmpfs_of(dir), name);

	if (!e)
		return -ENOENT;
	*ret = inode_get(e->inode);
	return 0;
}

static int tmpfs_create(struct inode *dir, const struct fname *name, const struct inode_init *init,
			struct inode **ret)
{
	struct inode *inode = NULL;
	int r = tmpfs_inode_new(dir->sb, init, &inode);

	if (r < 0)
		return r;
	r = dirent_add(tmpfs_of(dir), name, inode);
	if (r < 0) {
		inode_put(inode);
		return r;
	}
	if (S_ISDIR(init->mode))
		atomic_fetch_add(&dir->nlink, 1);
	*ret = inode;
	return 0;
}

static int tmpfs_tmpfile(struct inode *dir, const struct inode_init *init, struct inode **ret)
{
	int r = tmpfs_inode_new(dir->sb, init, ret);

	if (r == 0) {
		(*ret)->nlink = 0;
		(*ret)->linkable = true;
	}
	return r;
}

static int tmpfs_link(struct inode *dir, const struct fname *name, struct inode *target)
{
	int r = dirent_add(tmpfs_of(dir), name, target);

	if (r == 0) {
		atomic_fetch_add(&target->nlink, 1);
		inode_touch(target, false, true);
	}
	return r;
}

static int tmpfs_unlink(struct inode *dir, const struct fname *name, struct inode *victim)
{
	struct tmpfs_dirent *e = dirent_find(tmpfs_of(dir), name);

	if (!e)
		return -ENOENT;
	atomic_fetch_sub(&victim->nlink, 1);
	dirent_remove(tmpfs_of(dir), e);
	return 0;
}

static int tmpfs_rmdir(struct inode *dir, const struct fname *name, struct inode *victim)
{
	struct tmpfs_dirent *e = dirent_find(tmpfs_of(dir), name);

	if (!e)
		return -ENOENT;
	if (!list_empty(&tmpfs_of(victim)->entries))
		return -ENOTEMPTY;
	victim->nlink = 0;
	atomic_fetch_sub(&dir->nlink, 1);
	dirent_remove(tmpfs_of(dir), e);
	return 0;
}

static void exchange(struct inode *olddir, struct tmpfs_dirent *a, struct inode *newdir,
		     struct tmpfs_dirent *b)
{
	struct inode *tmp = a->inode;
	bool a_dir = inode_is_dir(a->inode);
	bool b_dir = inode_is_dir(b->inode);

	a->inode = b->inode;
	b->inode = tmp;
	if (olddir != newdir && a_dir != b_dir) {
		atomic_fetch_add(a_dir ? &newdir->nlink : &olddir->nlink, 1);
		atomic_fetch_sub(a_dir ? &olddir->nlink : &newdir->nlink, 1);
	}
	inode_touch(olddir, true, true);
	inode_touch(newdir, true, true);
	inode_touch(a->inode, false, true);
	inode_touch(b->inode, false, true);
}

static int tmpfs_rename(struct inode *olddir, const struct fname *oldname, struct inode *src,
			struct inode *newdir, const struct fname *newname, struct inode *victim,
			unsigned int flags)
{
	struct tmpfs_dirent *from = dirent_find(tmpfs_of(olddir), oldname);
	struct tmpfs_dirent *to = dirent_find(tmpfs_of(newdir), newname);
	bool dir = inode_is_dir(src);
	int r;

	if (!from)
		return -ENOENT;
	if (flags & RENAME_EXCHANGE) {
		if (!to)
			return -ENOENT;
		exchange(olddir, from, newdir, to);
		return 0;
	}
	if (to && inode_is_dir(to->inode) && !list_empty(&tmpfs_of(to->inode)->entries))
		return -ENOTEMPTY;
	r = dirent_add(tmpfs_of(newdir), newname, src);
	if (r < 0)
		return r;
	if (to) {
		if (inode_is_dir(to->inode)) {
			victim->nlink = 0;
			atomic_fetch_sub(&newdir->nlink, 1);
		} else {
			atomic_fetch_sub(&to->inode->nlink, 1);
		}
		dirent_remove(tmpfs_of(newdir), to);
	}
	dirent_remove(tmpfs_of(olddir), from);
	if (dir) {
		atomic_fetch_sub(&olddir->nlink, 1);
		atomic_fetch_add(&newdir->nlink, 1);
	}
	return 0;
}

/* ---- attributes ---- */

int tmpfs_getattr(struct inode *inode, struct kstat *st)
{
	inode_fill_stat(inode, st);
	st->blocks = inode_kind(inode) == S_IFREG ? tmpfs_data_blocks(tmpfs_of(inode)) : 0;
	return 0;
}

int tmpfs_setattr(struct inode *inode, const struct iattr *attr)
{
	struct tmpfs_inode *ti = tmpfs_of(inode);

	if (attr->valid & ATTR_SIZE) {
		if (inode_kind(inode) != S_IFREG)
			return -EINVAL;
		if (attr->size < inode->size && (ti->seals & F_SEAL_SHRINK))
			return -EPERM;
		if (attr->size > inode->size && (ti->seals & F_SEAL_GROW))
			return -EPERM;
		tmpfs_data_resize(ti, attr->size);
	}
	inode_apply_attr(inode, attr);
	return 0;
}

ssize_t tmpfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	return xattr_mem_get(&tmpfs_of(inode)->xattrs, name, buf, size);
}

int tmpfs_setxattr(struct inode *inode, const char *name, const void *value, size_t size, int flags)
{
	int r = xattr_mem_set(&tmpfs_of(inode)->xattrs, name, value, size, flags);

	if (r == 0)
		inode_touch(inode, false, true);
	return r;
}

ssize_t tmpfs_listxattr(struct inode *inode, char *buf, size_t size)
{
	return xattr_mem_list(&tmpfs_of(inode)->xattrs, buf, size);
}

int tmpfs_removexattr(struct inode *inode, const char *name)
{
	return xattr_mem_remove(&tmpfs_of(inode)->xattrs, name);
}

static ssize_t tmpfs_readlink(struct inode *inode, struct task *t, char *buf, size_t size)
{
	size_t n = MIN(strlen(tmpfs_of(inode)->target), size);

	(void)t;
	memcpy(buf, tmpfs_of(inode)->target, n);
	return (ssize_t)n;
}

static int open_reg(struct inode *inode, struct task *t, struct file *f)
{
	(void)inode;
	(void)t;
	f->ops = &tmpfs_file_ops;
	return 0;
}

static int open_dir(struct inode *inode, struct task *t, struct file *f)
{
	(void)inode;
	(void)t;
	f->ops = &tmpfs_dirfile_ops;
	return 0;
}

#define TMPFS_COMMON                                                                               \
	.getattr = tmpfs_getattr, .setattr = tmpfs_setattr, .getxattr = tmpfs_getxattr,            \
	.setxattr = tmpfs_setxattr, .listxattr = tmpfs_listxattr,                                  \
	.removexattr = tmpfs_removexattr, .free = tmpfs_inode_free

const struct inode_ops tmpfs_dir_ops = {
	.lookup = tmpfs_lookup,
	.create = tmpfs_create,
	.tmpfile = tmpfs_tmpfile,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	.open = open_dir,
	TMPFS_COMMON,
};
const struct inode_ops tmpfs_reg_ops = { .open = open_reg, TMPFS_COMMON };
const struct inode_ops tmpfs_link_ops = { .readlink = tmpfs_readlink, TMPFS_COMMON };
const struct inode_ops tmpfs_special_ops = { TMPFS_COMMON };

/* ---- super block ---- */

static void tmpfs_free(struct super *sb)
{
	free(sb);
}

static int tmpfs_statfs(struct super *sb, struct kstatfs *st)
{
	struct tmpfs_super *ts = (struct tmpfs_super *)sb;
	uint64_t ram = memfile_total_bytes() / 4096;
	uint64_t used = ts->used_bytes / 4096;
	uint64_t total = ts->opt.max_bytes ? ts->opt.max_bytes / 4096 : MAX(ram / 2, used);
	uint64_t inodes = ts->opt.max_inodes ? ts->opt.max_inodes : MAX(ram / 2, ts->used_inodes);

	*st = (struct kstatfs){
		.bsize = 4096,
		.blocks = total,
		.bfree = total - MIN(total, used),
		.files = inodes,
		.ffree = inodes - MIN(inodes, ts->used_inodes),
		.namelen = NAME_LEN_MAX,
	};
	st->bavail = st->bfree;
	return 0;
}

static size_t tmpfs_show_options(struct super *sb, char *buf, size_t size)
{
	struct tmpfs_super *ts = (struct tmpfs_super *)sb;
	size_t n = 0;

	if (ts->opt.max_bytes)
		n += (size_t)snprintf(buf + n, size - n, "size=%lluk,",
				      (unsigned long long)(ts->opt.max_bytes / 1024));
	if (ts->opt.max_inodes)
		n += (size_t)snprintf(buf + n, size - n, "nr_inodes=%llu,",
				      (unsigned long long)ts->opt.max_inodes);
	if (ts->opt.mode != 01777)
		n += (size_t)snprintf(buf + n, size - n, "mode=%o,", ts->opt.mode);
	return n > 0 ? n - 1 : 0;
}

static const struct super_ops tmpfs_super_ops = {
	.free = tmpfs_free,
	.statfs = tmpfs_statfs,
	.show_options = tmpfs_show_options,
};

int tmpfs_new(struct super **ret, const struct tmpfs_options *opt)
{
	struct tmpfs_super *ts = calloc(1, sizeof(*ts));
	struct inode_init init = { .mode = S_IFDIR | (opt->mode & 07777), .uid = opt->uid,
				   .gid = opt->gid };
	struct inode *root = NULL;

	if (!ts)
		return -ENOMEM;
	super_init(&ts->sb, &tmpfs_super_ops, "tmpfs", TMPFS_MAGIC);
	ts->opt = *opt;
	int r = tmpfs_inode_new(&ts->sb, &init, &root);

	if (r == 0)
		r = super_set_root(&ts->sb, root);
	if (r < 0) {
		super_put(&ts->sb);
		return r;
	}
	*ret = &ts->sb;
	return 0;
}

/* ---- options ---- */

static int parse_size(const char *s, uint64_t *ret)
{
	char *end;
	unsigned long long v = strtoull(s, &end, 0);

	if (end == s)
		return -EINVAL;
	if (*end == '%') {
		v = v * memfile_total_bytes() / 4096 / 100 * 4096;
		end++;
	} else if (*end == 'k' || *end == 'K') {
		v <<= 10;
		end++;
	} else if (*end == 'm' || *end == 'M') {
		v <<= 20;
		end++;
	} else if (*end == 'g' || *end == 'G') {
		v <<= 30;
		end++;
	}
	if (*end)
		return -EINVAL;
	*ret = (v + 4095) & ~4095ULL;
	return 0;
}

static int parse_number(const char *s, int base, uint32_t *ret)
{
	char *end;
	unsigned long v = strtoul(s, &end, base);

	if (end == s || *end || v > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static int parse_one(struct tmpfs_options *o, char *word)
{
	static const char *const generic[] = { "rw", "ro", "suid", "nosuid", "dev", "nodev", "exec",
					       "noexec", "atime", "noatime", "relatime", "strictatime",
					       "sync", "async", "huge", "mpol", "noswap", "inode32",
					       "inode64", "rprivate", "private", "defaults" };
	char *val = strchr(word, '=');

	if (val)
		*val++ = 0;
	for (size_t i = 0; i < ARRAY_LEN(generic); i++) {
		if (strcmp(word, generic[i]) == 0)
			return 0;
	}
	if (!val)
		return -EINVAL;
	if (strcmp(word, "size") == 0)
		return parse_size(val, &o->max_bytes);
	if (strcmp(word, "nr_blocks") == 0) {
		int r = parse_size(val, &o->max_bytes);

		o->max_bytes = strtoull(val, NULL, 0) * 4096;
		return r;
	}
	if (strcmp(word, "nr_inodes") == 0) {
		uint64_t rounded;
		int r = parse_size(val, &rounded);

		o->max_inodes = strtoull(val, NULL, 0);
		if (strpbrk(val, "kKmMgG"))
			o->max_inodes = rounded;
		return r;
	}
	if (strcmp(word, "mode") == 0)
		return parse_number(val, 8, &o->mode);
	if (strcmp(word, "uid") == 0)
		return parse_number(val, 10, &o->uid);
	if (strcmp(word, "gid") == 0)
		return parse_number(val, 10, &o->gid);
	return -EINVAL;
}

int tmpfs_parse(struct tmpfs_options *ret, const char *options)
{
	char *copy = strdup(options ? options : "");
	char *save = NULL;
	int r = 0;

	*ret = (struct tmpfs_options){ .mode = 01777 };
	if (!copy)
		return -ENOMEM;
	for (char *w = strtok_r(copy, ",", &save); w && r == 0; w = strtok_r(NULL, ",", &save))
		r = parse_one(ret, w);
	free(copy);
	return r;
}
