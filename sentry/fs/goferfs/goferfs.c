/* SPDX-License-Identifier: Apache-2.0 */
/* goferfs: super block, inodes, directories. */
#include "fs/goferfs/goferfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fs/goferfs/goferfs_internal.h"
#include "host/file.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"

/* ---- inodes ---- */

static uint64_t key_hash(uint64_t dev, uint64_t ino)
{
	return hash_u64(ino ^ hash_u64(dev));
}

static struct inode *find_locked(struct gofer_super *gs, uint64_t dev, uint64_t ino)
{
	hash_for_each_match(n, &gs->inodes, key_hash(dev, ino)) {
		struct gofer_inode *gi = hash_entry(n, struct gofer_inode, node);

		if (gi->dev == dev && gi->ino == ino && ref_get_unless_zero(&gi->inode.ref))
			return &gi->inode;
	}
	return NULL;
}

static const struct inode_ops *ops_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return &gofer_dir_ops;
	case S_IFREG:
		return &gofer_reg_ops;
	case S_IFLNK:
		return &gofer_link_ops;
	default:
		return &gofer_special_ops;
	}
}

static struct gofer_inode *inode_make(struct gofer_super *gs, uint32_t fid, const struct p9_attr *attr)
{
	struct gofer_inode *gi = calloc(1, sizeof(*gi));

	if (!gi)
		return NULL;
	inode_init(&gi->inode, &gs->sb, ops_of(attr->mode), attr->mode);
	gi->inode.ino = attr->ino;
	gi->inode.rdev = makedev((uint32_t)(attr->rdev >> 32), (uint32_t)attr->rdev);
	gi->dev = attr->dev;
	gi->ino = attr->ino;
	gi->fid = fid;
	gi->fd_ro = gi->fd_rw = -1;
	mutex_init(&gi->data, RANK_FDATA);
	if (S_ISREG(attr->mode))
		mappable_init(&gi->inode.map, &gofer_mappable_ops);
	gofer_update_attr(gi, attr);
	return gi;
}

static void gofer_free(struct inode *inode)
{
	struct gofer_inode *gi = gofer_of(inode);
	struct gofer_super *gs = gofer_sb(inode);

	mutex_lock(&gs->table_mu);
	hash_remove(&gs->inodes, &gi->node);
	mutex_unlock(&gs->table_mu);
	gofer_handle_close(gi);
	p9_fid_clunk(gs->client, gi->fid);
	if (inode->nlink == 0)
		p9_flush_fids(gs->client); /* the host can free its space */
	inode_fini(inode);
	mutex_fini(&gi->data);
	free(gi->target);
	free(gi);
}

int gofer_inode_get(struct gofer_super *gs, uint32_t fid, const struct p9_attr *attr,
		    struct inode **ret)
{
	struct gofer_inode *fresh = inode_make(gs, fid, attr);

	if (!fresh) {
		p9_fid_clunk(gs->client, fid);
		return -ENOMEM;
	}
	mutex_lock(&gs->table_mu);
	struct inode *old = find_locked(gs, attr->dev, attr->ino);

	if (!old)
		hash_insert(&gs->inodes, &fresh->node, key_hash(attr->dev, attr->ino));
	mutex_unlock(&gs->table_mu);
	if (old) {
		inode_put(&fresh->inode); /* clunks the second fid */
		if (gs->shared)
			gofer_update_attr(gofer_of(old), attr);
		*ret = old;
		return 0;
	}
	*ret = &fresh->inode;
	return 0;
}

/* ---- directories ---- */

/* Each cached name holds a descriptor in the gofer: when it runs out of them, ours are let go. */
static int walk_rpc(struct gofer_super *gs, struct p9_call *call)
{
	struct p9_msg req = call->req;
	int r = p9_rpc(gs->client, call);

	if (r == 0 && call->rsp.type == P9_RWALKGETATTR && call->rsp.rwalkgetattr.ecode == EMFILE &&
	    call->rsp.rwalkgetattr.attrs.n == 0) {
		p9_end(call);
		r = -EMFILE;
	}
	if (r != -EMFILE)
		return r;
	dentry_shrink_super(&gs->sb);
	p9_flush_fids(gs->client);
	call->req = req;
	return p9_rpc(gs->client, call);
}

static int gofer_lookup(struct inode *dir, const struct fname *name, struct inode **ret)
{
	struct gofer_super *gs = gofer_sb(dir);
	uint32_t fid = p9_fid_new(gs->client);
	struct p9_call call = { .req.type = P9_TWALKGETATTR };

	call.req.twalkgetattr.fid = gofer_of(dir)->fid;
	call.req.twalkgetattr.newfid = fid;
	call.req.twalkgetattr.names.n = 1;
	call.req.twalkgetattr.names.v[0] = fname_p9(name);
	int r = walk_rpc(gs, &call);

	if (r < 0) {
		p9_fid_unused(gs->client, fid);
		return r;
	}
	const struct p9_rwalkgetattr *w = &call.rsp.rwalkgetattr;

	if (w->ecode != 0 || w->attrs.n != 1) {
		r = w->ecode > 0 && w->ecode < 4096 ? -(int)w->ecode : -EIO;
		p9_fid_unused(gs->client, fid);
	} else {
		r = gofer_inode_get(gs, fid, &w->attrs.v[0], ret);
	}
	p9_end(&call);
	return r;
}

/* A regular file comes with its descriptor; anything else is looked up again, without opening it. */
static int gofer_lookup_open(struct inode *dir, const struct fname *name, struct inode **ret)
{
	struct gofer_super *gs = gofer_sb(dir);
	uint32_t fid = p9_fid_new(gs->client);
	struct p9_call call = { .req.type = P9_TOPENAT };

	call.req.topenat = (struct p9_topenat){ .dfid = gofer_of(dir)->fid, .newfid = fid,
						.name = fname_p9(name), .flags = O_RDONLY };
	int r = p9_rpc(gs->client, &call);

	if (r < 0) {
		p9_fid_unused(gs->client, fid);
		return r == -ENOENT ? r : gofer_lookup(dir, name, ret);
	}
	if (call.fd < 0) {
		/* A directory, or no room for the descriptor: its fid is an open one. */
		p9_end(&call);
		p9_fid_clunk(gs->client, fid);
		return gofer_lookup(dir, name, ret);
	}
	r = gofer_inode_get(gs, fid, &call.rsp.ropenat.attr, ret);
	if (r == 0) {
		gofer_handle_adopt(gofer_of(*ret), call.fd, false);
		call.fd = -1;
	}
	p9_end(&call);
	return r;
}

static int gofer_lookup_many(struct inode *dir, const struct fname *names, size_t n,
			     struct inode **ret, size_t *ret_n)
{
	struct gofer_super *gs = gofer_sb(dir);
	uint32_t fid = p9_fid_block(gs->client, (uint32_t)n);
	struct p9_call call = { .req.type = P9_TWALKGETATTR };

	if (fid == P9_NOFID)
		return -EAGAIN;
	call.req.twalkgetattr.fid = gofer_of(dir)->fid;
	call.req.twalkgetattr.newfid = fid;
	call.req.twalkgetattr.flags = P9_WALK_EACH;
	call.req.twalkgetattr.names.n = (uint16_t)n;
	for (size_t i = 0; i < n; i++)
		call.req.twalkgetattr.names.v[i] = fname_p9(&names[i]);
	int r = walk_rpc(gs, &call);

	*ret_n = 0;
	if (r < 0)
		return r;
	size_t found = MIN((size_t)call.rsp.rwalkgetattr.attrs.n, n);

	for (size_t i = 0; i < n; i++) {
		if (i >= found || *ret_n < i) {
			if (i < found)
				p9_fid_clunk(gs->client, fid + (uint32_t)i);
			else
				p9_fid_unused(gs->client, fid + (uint32_t)i);
			continue;
		}
		if (gofer_inode_get(gs, fid + (uint32_t)i, &call.rsp.rwalkgetattr.attrs.v[i],
				    &ret[i]) == 0)
			(*ret_n)++;
	}
	p9_end(&call);
	return 0;
}

/* A regular file: created and opened for both in one message; the fid stays as the inode's. */
static int create_reg(struct inode *dir, const struct fname *name, const struct inode_init *init,
		      struct inode **ret)
{
	struct gofer_super *gs = gofer_sb(dir);
	uint32_t fid = p9_fid_new(gs->client);
	struct p9_call call = { .req.type = P9_TOPENAT };

	call.req.topenat = (struct p9_topenat){ .dfid = gofer_of(dir)->fid,
						.newfid = fid,
						.name = fname_p9(name),
						.flags = O_RDWR | O_CREAT | O_EXCL,
						.mode = init->mode & 07777,
						.uid = init->uid,
						.gid = init->gid };
	int r = p9_rpc(gs->client, &call);

	if (r < 0) {
		p9_fid_unused(gs->client, fid);
		return r;
	}
	r = gofer_inode_get(gs, fid, &call.rsp.ropenat.attr, ret);
	if (r == 0 && call.fd >= 0) {
		gofer_handle_adopt(gofer_of(*ret), call.fd, true);
		call.fd = -1;
	}
	p9_end(&call);
	return r;
}

static void fill_create(struct p9_msg *req, struct inode *dir, uint32_t fid, const struct fname *name,
			const struct inode_init *init)
{
	uint32_t dfid = gofer_of(dir)->fid;

	switch (init->mode & S_IFMT) {
	case S_IFDIR:
		req->type = P9_TMKDIRAT;
		req->tmkdirat = (struct p9_tmkdirat){ dfid, fid, fname_p9(name), init->mode & 07777,
						      init->uid, init->gid };
		break;
	case S_IFLNK:
		req->type = P9_TSYMLINKAT;
		req->tsymlinkat = (struct p9_tsymlinkat){ dfid, fid, fname_p9(name),
							  p9_str(init->target), init->uid, init->gid };
		break;
	default:
		req->type = P9_TMKNODAT;
		req->tmknodat = (struct p9_tmknodat){ dfid, fid, fname_p9(name), init->mode,
						      major(init->rdev), minor(init->rdev), init->uid,
						      init->gid };
		break;
	}
}

/* All three replies are just attributes, in the same place. */
static const struct p9_attr *created_attr(const struct p9_msg *rsp)
{
	switch (rsp->type) {
	case P9_RMKDIRAT:
		return &rsp->rmkdirat.attr;
	case P9_RSYMLINKAT:
		return &rsp->rsymlinkat.attr;
	default:
		return &rsp->rmknodat.attr;
	}
}

static int gofer_create(struct inode *dir, const struct fname *name, const struct inode_init *init,
			struct inode **ret)
{
	struct gofer_super *gs = gofer_sb(dir);
	struct p9_call call = { 0 };

	if (S_ISREG(init->mode)) {
		int r = create_reg(dir, name, init, ret);

		if (r == 0)
			inode_touch(dir, true, true);
		return r;
	}
	uint32_t fid = p9_fid_new(gs->client);

	fill_create(&call.req, dir, fid, name, init);
	int r = p9_rpc(gs->client, &call);

	if (r < 0) {
		p9_fid_unused(gs->client, fid);
		return r;
	}
	r = gofer_inode_get(gs, fid, created_attr(&call.rsp), ret);
	p9_end(&call);
	if (S_ISDIR(init->mode))
		atomic_fetch_add(&dir->nlink, 1);
	inode_touch(dir, true, true);
	return r;
}

static int gofer_tmpfile(struct inode *dir, const struct inode_init *init, struct inode **ret)
{
	struct gofer_super *gs = gofer_sb(dir);
	uint32_t fid = p9_fid_new(gs->client);
	struct p9_call call = { .req.type = P9_TOPENAT };

	call.req.topenat = (struct p9_topenat){ .dfid = gofer_of(dir)->fid, .newfid = fid,
						.name = { "", 0 }, .flags = O_RDWR | O_TMPFILE,
						.mode = init->mode & 07777, .uid = init->uid,
						.gid = init->gid };
	int r = p9_rpc(gs->client, &call);

	if (r < 0) {
		p9_fid_unused(gs->client, fid);
		return r;
	}
	r = gofer_inode_get(gs, fid, &call.rsp.ropenat.attr, ret);
	if (r == 0 && call.fd >= 0) {
		gofer_handle_adopt(gofer_of(*ret), call.fd, true);
		call.fd = -1;
	}
	if (r == 0) {
		(*ret)->nlink = 0;
		(*ret)->linkable = true;
	}
	p9_end(&call);
	return r;
}

/* A call whose reply says nothing. */
static int simple_rpc(struct inode *inode, struct p9_call *call)
{
	int r = p9_rpc(gofer_client(inode), call);

	if (r == 0)
		p9_end(call);
	return r;
}

static int gofer_link(struct inode *dir, const struct fname *name, struct inode *target)
{
	struct p9_call call = { .req.type = P9_TLINK };

	call.req.tlink = (struct p9_tlink){ gofer_of(dir)->fid, gofer_of(target)->fid, fname_p9(name) };
	int r = simple_rpc(dir, &call);

	if (r == 0) {
		atomic_fetch_add(&target->nlink, 1);
		inode_touch(target, false, true);
		inode_touch(dir, true, true);
	}
	return r;
}

static int remove_name(struct inode *dir, const struct fname *name, uint32_t flags)
{
	struct p9_call call = { .req.type = P9_TUNLINKAT };

	call.req.tunlinkat = (struct p9_tunlinkat){ gofer_of(dir)->fid, fname_p9(name), flags };
	int r = simple_rpc(dir, &call);

	if (r == 0)
		inode_touch(dir, true, true);
	return r;
}

static void drop_link(struct inode *inode)
{
	if (inode->nlink > 0)
		atomic_fetch_sub(&inode->nlink, 1);
	inode_touch(inode, false, true);
}

static int gofer_unlink(struct inode *dir, const struct fname *name, struct inode *victim)
{
	int r = remove_name(dir, name, 0);

	if (r == 0)
		drop_link(victim);
	return r;
}

static int gofer_rmdir(struct inode *dir, const struct fname *name, struct inode *victim)
{
	int r = remove_name(dir, name, P9_UNLINK_REMOVEDIR);

	if (r == 0) {
		victim->nlink = 0;
		drop_link(dir);
	}
	return r;
}

static int gofer_rename(struct inode *olddir, const struct fname *oldname, struct inode *src,
			struct inode *newdir, const struct fname *newname, struct inode *victim,
			unsigned int flags)
{
	struct p9_call call = { .req.type = P9_TRENAMEAT2 };

	call.req.trenameat2 = (struct p9_trenameat2){ gofer_of(olddir)->fid, fname_p9(oldname),
						      gofer_of(newdir)->fid, fname_p9(newname), flags };
	int r = simple_rpc(olddir, &call);

	if (r < 0)
		return r;
	if (!(flags & 2 /* RENAME_EXCHANGE */)) {
		if (victim && inode_is_dir(victim)) {
			victim->nlink = 0;
			drop_link(newdir);
		} else if (victim) {
			drop_link(victim);
		}
		if (inode_is_dir(src) && olddir != newdir) {
			drop_link(olddir);
			atomic_fetch_add(&newdir->nlink, 1);
		}
	}
	inode_touch(src, false, true);
	inode_touch(olddir, true, true);
	inode_touch(newdir, true, true);
	return 0;
}

/* ---- symlinks ---- */

static ssize_t gofer_readlink(struct inode *inode, struct task *t, char *buf, size_t size)
{
	struct gofer_inode *gi = gofer_of(inode);
	char *target = __atomic_load_n(&gi->target, __ATOMIC_ACQUIRE);

	(void)t;
	if (!target) {
		struct p9_call call = { .req.type = P9_TREADLINK };
		char *none = NULL;

		call.req.treadlink.fid = gi->fid;
		int r = p9_rpc(gofer_client(inode), &call);

		if (r < 0)
			return r;
		target = strndup(call.rsp.rreadlink.target.data, call.rsp.rreadlink.target.len);
		p9_end(&call);
		if (!target)
			return -ENOMEM;
		if (!__atomic_compare_exchange_n(&gi->target, &none, target, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE)) {
			free(target);
			target = none;
		}
	}
	size_t n = MIN(strlen(target), size);

	memcpy(buf, target, n);
	return (ssize_t)n;
}

/* In a shared tree a file may have been replaced by another; directories are taken as they are, since
 * mounts and working directories stand on them. */
static bool gofer_revalidate(struct inode *inode)
{
	return !gofer_sb(inode)->shared;
}

#define GOFER_COMMON                                                                               \
	.getattr = gofer_getattr, .setattr = gofer_setattr, .getxattr = gofer_getxattr,            \
	.setxattr = gofer_setxattr, .listxattr = gofer_listxattr,                                  \
	.removexattr = gofer_removexattr, .free = gofer_free

const struct inode_ops gofer_dir_ops = {
	.lookup = gofer_lookup,
	.lookup_open = gofer_lookup_open,
	.lookup_many = gofer_lookup_many,
	.create = gofer_create,
	.tmpfile = gofer_tmpfile,
	.link = gofer_link,
	.unlink = gofer_unlink,
	.rmdir = gofer_rmdir,
	.rename = gofer_rename,
	.open = gofer_open,
	GOFER_COMMON,
};
const struct inode_ops gofer_reg_ops = {
	.open = gofer_open,
	.revalidate = gofer_revalidate,
	GOFER_COMMON,
};
const struct inode_ops gofer_link_ops = {
	.readlink = gofer_readlink,
	.revalidate = gofer_revalidate,
	GOFER_COMMON,
};
const struct inode_ops gofer_special_ops = { .revalidate = gofer_revalidate, GOFER_COMMON };

/* ---- super block ---- */

static void gofer_super_free(struct super *sb)
{
	struct gofer_super *gs = container_of(sb, struct gofer_super, sb);

	if (gs->client)
		p9_flush_fids(gs->client);
	p9_client_free(gs->client);
	hash_fini(&gs->inodes);
	mutex_fini(&gs->table_mu);
	mutex_fini(&gs->lru_mu);
	free(gs);
}

static int gofer_statfs(struct super *sb, struct kstatfs *st)
{
	struct gofer_super *gs = container_of(sb, struct gofer_super, sb);
	struct p9_call call = { .req.type = P9_TSTATFS };

	call.req.tstatfs.fid = gofer_of(sb->root->inode)->fid;
	int r = p9_rpc(gs->client, &call);

	if (r < 0)
		return r;
	const struct p9_rstatfs *s = &call.rsp.rstatfs;

	*st = (struct kstatfs){ .magic = s->type, .bsize = s->bsize, .blocks = s->blocks,
				.bfree = s->bfree, .bavail = s->bavail, .files = s->files,
				.ffree = s->ffree, .namelen = s->namelen };
	p9_end(&call);
	return 0;
}

static const struct super_ops gofer_super_ops = {
	.free = gofer_super_free,
	.statfs = gofer_statfs,
};

static int attach(struct gofer_super *gs, struct inode **ret)
{
	struct p9_call call = { .req.type = P9_TATTACH };
	uint32_t fid = p9_fid_new(gs->client);

	call.req.tattach = (struct p9_tattach){ .fid = fid, .afid = P9_NOFID, .uname = { "", 0 },
						.aname = { "", 0 }, .n_uname = 0 };
	int r = p9_rpc(gs->client, &call);

	if (r < 0)
		return r;
	p9_end(&call);
	call.req = (struct p9_msg){ .type = P9_TGETATTRX };
	call.req.tgetattrx.fid = fid;
	r = p9_rpc(gs->client, &call);
	if (r < 0)
		return r;
	r = gofer_inode_get(gs, fid, &call.rsp.rgetattrx.attr, ret);
	p9_end(&call);
	return r;
}

int goferfs_new(struct super **ret, int fd, bool shared)
{
	struct gofer_super *gs = calloc(1, sizeof(*gs));
	struct inode *root = NULL;

	if (!gs) {
		host_close(fd);
		return -ENOMEM;
	}
	super_init(&gs->sb, &gofer_super_ops, "9p", GOFERFS_MAGIC);
	gs->shared = shared;
	if (shared)
		gs->sb.flags |= SB_NO_NEGATIVE;
	mutex_init(&gs->table_mu, RANK_LEAF);
	mutex_init(&gs->lru_mu, RANK_LEAF);
	list_init(&gs->lru);
	int r = hash_init(&gs->inodes, 10);

	if (r == 0)
		r = p9_client_new(&gs->client, fd);
	if (r < 0)
		host_close(fd);
	if (r == 0)
		r = attach(gs, &root);
	if (r == 0)
		r = super_set_root(&gs->sb, root);
	if (r < 0) {
		super_put(&gs->sb);
		return r;
	}
	*ret = &gs->sb;
	return 0;
}
