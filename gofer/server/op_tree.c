/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the tree: mkdir, mknod, symlink, link, rename, unlink, and their extended forms. */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/attr.h"
#include "fs/host.h"

/* What is to be made where: the plain and the extended message of each kind differ in the rest. */
struct making {
	mode_t mode; /* with S_IFMT */
	const char *target;
	struct owner owner;
};

/* "." and ".." exist already, whatever is asked. */
static int name_for_new(char ret[NAME_BUF_LEN], struct p9_str name)
{
	int r = name_get(ret, name);

	return r == -EINVAL ? -EEXIST : r;
}

/* Makes the object, stats it, and binds @newfid to it unless P9_NOFID. */
static int make(struct conn *conn, uint32_t dfid, uint32_t newfid, struct p9_str name,
		struct making *what, struct statx *ret)
{
	char buf[NAME_BUF_LEN];
	struct node *node;
	struct fid *dir;
	int fd;
	int r;

	r = fid_get_dir(&dir, conn, dfid);
	if (r < 0)
		return r;
	if (what->owner.uid == (uid_t)-1)
		what->owner.uid = dir->uid;
	r = name_for_new(buf, name);
	if (r < 0)
		return r;
	r = fid_fds_left(conn, 1);
	if (r < 0)
		return r;
	if (S_ISDIR(what->mode))
		fd = create_dir(dir->node->fd, buf, what->mode, what->owner);
	else if (S_ISLNK(what->mode))
		fd = create_symlink(what->target, dir->node->fd, buf, what->owner);
	else
		fd = create_node(dir->node->fd, buf, what->mode, what->owner);
	if (fd < 0)
		return fd;
	if (newfid == P9_NOFID) {
		r = host_stat(fd, ret);
		host_close(fd);
		return r;
	}
	r = node_new(&node, conn, fd, ret);
	if (r < 0) {
		host_close(fd);
		return r;
	}
	r = fid_new(NULL, conn, newfid, dir->uid, node);
	if (r < 0)
		node_unref(conn, node);
	return r;
}

static int make_qid(struct conn *conn, uint32_t dfid, struct p9_str name, struct making what,
		    struct p9_qid *ret)
{
	struct statx stx;
	int r;

	what.owner.uid = (uid_t)-1; /* as the attach said */
	r = make(conn, dfid, P9_NOFID, name, &what, &stx);
	if (r == 0)
		*ret = attr_qid(conn->dev, &stx);
	return r;
}

static int make_attr(struct conn *conn, uint32_t dfid, uint32_t newfid, struct p9_str name,
		     struct making what, struct p9_attr *ret)
{
	struct statx stx;
	int r;

	r = make(conn, dfid, newfid, name, &what, &stx);
	if (r == 0)
		attr_fill(ret, conn->dev, &stx);
	return r;
}

int op_mkdir(struct conn *conn, const struct p9_tmkdir *t, struct p9_msg *reply)
{
	struct making what = {.mode = S_IFDIR | (t->mode & 07777), .owner.gid = t->gid};

	return make_qid(conn, t->dfid, t->name, what, &reply->rmkdir.qid);
}

int op_mkdirat(struct conn *conn, const struct p9_tmkdirat *t, struct p9_msg *reply)
{
	struct making what = {.mode = S_IFDIR | (t->mode & 07777), .owner = {t->uid, t->gid}};

	return make_attr(conn, t->dfid, t->newfid, t->name, what, &reply->rmkdirat.attr);
}

/* A device node would be the host's device: the guest's are made by its own kernel. */
static int check_mknod(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		return -EPERM;
	default:
		return -EINVAL;
	}
}

int op_mknod(struct conn *conn, const struct p9_tmknod *t, struct p9_msg *reply)
{
	struct making what = {.mode = t->mode, .owner.gid = t->gid};
	int r;

	r = check_mknod(t->mode);
	return r < 0 ? r : make_qid(conn, t->dfid, t->name, what, &reply->rmknod.qid);
}

int op_mknodat(struct conn *conn, const struct p9_tmknodat *t, struct p9_msg *reply)
{
	struct making what = {.mode = t->mode, .owner = {t->uid, t->gid}};
	int r;

	r = check_mknod(t->mode);
	return r < 0 ? r
		     : make_attr(conn, t->dfid, t->newfid, t->name, what, &reply->rmknodat.attr);
}

static int get_target(struct conn *conn, struct p9_str target)
{
	if (!target.len)
		return -ENOENT;
	if (target.len >= sizeof(conn->scratch))
		return -ENAMETOOLONG;
	memcpy(conn->scratch, target.data, target.len);
	conn->scratch[target.len] = '\0';
	return 0;
}

int op_symlink(struct conn *conn, const struct p9_tsymlink *t, struct p9_msg *reply)
{
	struct making what = {.mode = S_IFLNK, .target = conn->scratch, .owner.gid = t->gid};
	int r;

	r = get_target(conn, t->target);
	return r < 0 ? r : make_qid(conn, t->dfid, t->name, what, &reply->rsymlink.qid);
}

int op_symlinkat(struct conn *conn, const struct p9_tsymlinkat *t, struct p9_msg *reply)
{
	struct making what = {.mode = S_IFLNK, .target = conn->scratch, .owner = {t->uid, t->gid}};
	int r;

	r = get_target(conn, t->target);
	return r < 0 ? r
		     : make_attr(conn, t->dfid, t->newfid, t->name, what, &reply->rsymlinkat.attr);
}

int op_link(struct conn *conn, const struct p9_tlink *t, struct p9_msg *reply)
{
	char name[NAME_BUF_LEN];
	struct fid *dir;
	struct fid *fid;
	int r;

	(void)reply;
	r = fid_get_dir(&dir, conn, t->dfid);
	if (r < 0)
		return r;
	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (S_ISDIR(fid->node->type))
		return -EPERM;
	r = name_for_new(name, t->name);
	if (r < 0)
		return r;
	return host_link(conn->server->proc_fd, fid->node->fd, dir->node->fd, name);
}

#define RENAME_KNOWN (RENAME_NOREPLACE | RENAME_EXCHANGE)

static int rename_names(struct conn *conn, const struct p9_trenameat2 *t)
{
	char oldname[NAME_BUF_LEN];
	char newname[NAME_BUF_LEN];
	struct fid *olddir;
	struct fid *newdir;
	int r;

	if (t->flags & ~(uint32_t)RENAME_KNOWN)
		return -EINVAL;
	r = fid_get_dir(&olddir, conn, t->olddirfid);
	if (r < 0)
		return r;
	r = fid_get_dir(&newdir, conn, t->newdirfid);
	if (r < 0)
		return r;
	r = name_get(oldname, t->oldname);
	if (r == 0)
		r = name_get(newname, t->newname);
	if (r < 0)
		return r == -EINVAL ? -EBUSY : r; /* "." and "..", as rename(2) */
	r = host_rename(olddir->node->fd, oldname, newdir->node->fd, newname, t->flags);
	if (r == 0 && !conn->extended)
		node_moved(conn, olddir->node, oldname, newdir->node, newname);
	return r;
}

int op_renameat(struct conn *conn, const struct p9_trenameat *t, struct p9_msg *reply)
{
	struct p9_trenameat2 full = {.olddirfid = t->olddirfid,
				     .oldname = t->oldname,
				     .newdirfid = t->newdirfid,
				     .newname = t->newname};

	(void)reply;
	return rename_names(conn, &full);
}

int op_renameat2(struct conn *conn, const struct p9_trenameat2 *t, struct p9_msg *reply)
{
	(void)reply;
	return rename_names(conn, t);
}

/* Is what @node was walked to still at its place? Between this and what follows it may change: then
 * another file is hit, which the client could have named itself. */
static int node_in_place(const struct conn *conn, const struct node *node)
{
	struct statx there;
	struct statx here;
	int r;

	if (conn->extended)
		return -EOPNOTSUPP;
	if (!node->parent)
		return -EBUSY; /* the root */
	r = host_stat_at(node->parent->fd, node->name, &there);
	if (r < 0)
		return r;
	r = host_stat(node->fd, &here);
	if (r < 0)
		return r;
	return there.stx_ino == here.stx_ino && attr_dev(&there) == attr_dev(&here) ? 0 : -ESTALE;
}

int op_rename(struct conn *conn, const struct p9_trename *t, struct p9_msg *reply)
{
	char oldname[NAME_BUF_LEN];
	char newname[NAME_BUF_LEN];
	struct node *olddir;
	struct fid *dir;
	struct fid *fid;
	int r;

	(void)reply;
	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	r = fid_get_dir(&dir, conn, t->dfid);
	if (r < 0)
		return r;
	r = node_in_place(conn, fid->node);
	if (r < 0)
		return r;
	r = name_get(newname, t->name);
	if (r < 0)
		return r == -EINVAL ? -EBUSY : r;
	strcpy(oldname, fid->node->name); /* its node is renamed meanwhile */
	olddir = node_ref(fid->node->parent);
	r = host_rename(olddir->fd, oldname, dir->node->fd, newname, 0);
	if (r == 0)
		node_moved(conn, olddir, oldname, dir->node, newname);
	node_unref(conn, olddir);
	return r;
}

int op_unlinkat(struct conn *conn, const struct p9_tunlinkat *t, struct p9_msg *reply)
{
	char name[NAME_BUF_LEN];
	struct fid *dir;
	int r;

	(void)reply;
	_Static_assert(P9_UNLINK_REMOVEDIR == AT_REMOVEDIR, "same flag");
	if (t->flags & ~P9_UNLINK_REMOVEDIR)
		return -EINVAL;
	r = fid_get_dir(&dir, conn, t->dirfid);
	if (r < 0)
		return r;
	r = name_get(name, t->name);
	return r < 0 ? r : host_unlink(dir->node->fd, name, (int)t->flags);
}

/* The fid is gone afterwards, whatever the result (remove(5)). */
int op_remove(struct conn *conn, const struct p9_tremove *t, struct p9_msg *reply)
{
	struct fid *fid;
	int r;

	(void)reply;
	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	r = conn->readonly ? -EROFS : node_in_place(conn, fid->node);
	if (r == 0)
		r = host_unlink(fid->node->parent->fd, fid->node->name,
				S_ISDIR(fid->node->type) ? AT_REMOVEDIR : 0);
	fid_free(conn, fid);
	return r;
}
