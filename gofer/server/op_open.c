/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: lopen, lcreate, openat, and the donation of the open fd.
 *
 * Only regular files and directories are ever opened on the host, and only through the path fd
 * whose type was seen: a device node, FIFO or socket put in a file's place meanwhile is out of
 * reach.
 */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "fs/attr.h"
#include "fs/host.h"

/* O_APPEND is the client's business, O_DIRECT would make demands on buffers, O_NONBLOCK means
 * nothing for files; O_CREAT and O_EXCL are dealt with before. O_LARGEFILE, O_NOCTTY, O_CLOEXEC and
 * FASYNC are noise. */
#define OPEN_KEPT (O_ACCMODE | O_TRUNC | O_DSYNC | O_SYNC | O_NOATIME | O_DIRECTORY)
#define OPEN_KNOWN                                                                                 \
	(OPEN_KEPT | O_CREAT | O_EXCL | O_NOCTTY | O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT |    \
	 0100000 /* O_LARGEFILE as clients send it */ | O_NOFOLLOW | O_CLOEXEC)

static bool opens_for_change(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

static int check_flags(const struct conn *conn, uint32_t raw)
{
	int flags = (int)raw;

	if (flags & ~OPEN_KNOWN || (flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if (conn->readonly && opens_for_change(flags))
		return -EROFS;
	return 0;
}

/* Opens the file of @node. Returns an open fd or -errno. */
int open_node(struct conn *conn, const struct node *node, int flags)
{
	int r;

	switch (node->type) {
	case S_IFREG:
		if (flags & O_DIRECTORY)
			return -ENOTDIR;
		break;
	case S_IFDIR:
		if (opens_for_change(flags))
			return -EISDIR;
		break;
	case S_IFLNK:
		return -ELOOP;
	case S_IFSOCK:
		return -ENXIO;
	default:
		return -EACCES; /* device nodes and FIFOs live in the sentry only */
	}
	r = fid_fds_left(conn, 1);
	if (r < 0)
		return r;
	return host_reopen(conn->server->proc_fd, node->fd, flags & OPEN_KEPT, 0);
}

/* Sends @fd along with the reply, if it can be; @owned: closed afterwards. Whether it goes. */
static bool donate(struct conn *conn, const struct node *node, int fd, bool owned)
{
	if (!conn->extended || !S_ISREG(node->type))
		return false;
	conn->tx_fd = fd;
	conn->tx_fd_owned = owned;
	return true;
}

static uint32_t iounit(const struct conn *conn)
{
	return conn->msize - 24; /* P9_IOHDRSZ: what Twrite needs beside its data */
}

static int node_qid(struct p9_qid *ret, const struct conn *conn, const struct node *node)
{
	struct statx stx;
	int r;

	r = host_stat(node->fd, &stx);
	if (r == 0)
		*ret = attr_qid(conn->dev, &stx);
	return r;
}

int op_lopen(struct conn *conn, const struct p9_tlopen *t, struct p9_msg *reply)
{
	struct fid *fid;
	int r;

	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (fid->kind != FID_PATH)
		return -EBUSY;
	r = check_flags(conn, t->flags);
	if (r < 0)
		return r;

	int fd = open_node(conn, fid->node, (int)t->flags);

	if (fd < 0)
		return fd;
	fid_set_open(conn, fid, fd, (int)t->flags);
	reply->rlopen.iounit = iounit(conn);
	if (donate(conn, fid->node, fd, false))
		reply->rlopen.iounit |= P9_IOUNIT_FD;
	return node_qid(&reply->rlopen.qid, conn, fid->node);
}

struct create_args {
	struct p9_str name;
	int flags;
	mode_t mode;
	struct owner owner;
};

/* Creates or opens @args->name in @dir: a node (new reference) and an fd, which is the node's own
 * if the file is new. Without O_EXCL an existing file is opened, whoever made it. */
static int create_or_open(struct conn *conn, struct node *dir, const struct create_args *args,
			  struct node **ret, bool *ret_created, struct statx *stx)
{
	int flags = args->flags & OPEN_KEPT & ~(O_TRUNC | O_DIRECTORY);
	char name[NAME_BUF_LEN];
	int fd;
	int r;

	r = name_get(name, args->name);
	if (r < 0)
		return r == -EINVAL ? -EEXIST : r; /* "." and ".." exist */
	r = fid_fds_left(conn, 2);
	if (r < 0)
		return r;
	fd = create_file(conn->server->proc_fd, dir->fd, name, flags, args->mode, args->owner);
	if (fd == -EEXIST && !(args->flags & O_EXCL)) {
		r = walk_one(conn, dir, name, ret, stx);
		if (r < 0)
			return r;
		*ret_created = false;
		fd = open_node(conn, *ret, args->flags);
		if (fd < 0)
			*ret = node_unref(conn, *ret);
		return fd;
	}
	if (fd < 0)
		return fd;
	r = node_new(ret, conn, fd, stx);
	if (r < 0) {
		host_close(fd);
		return r;
	}
	*ret_created = true;
	r = node_set_place(conn, *ret, dir, name);
	if (r < 0) {
		*ret = node_unref(conn, *ret);
		return r;
	}
	return fd;
}

/* @fid, which named the directory, becomes the open file. */
int op_lcreate(struct conn *conn, const struct p9_tlcreate *t, struct p9_msg *reply)
{
	struct create_args args = {.name = t->name, .flags = (int)t->flags, .mode = t->mode};
	struct node *node;
	struct fid *fid;
	struct statx stx;
	bool created;
	int r;

	r = fid_get_dir(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (fid->kind != FID_PATH)
		return -EBUSY;
	r = check_flags(conn, t->flags);
	if (r < 0)
		return r;
	args.owner = (struct owner){fid->uid, t->gid};

	int fd = create_or_open(conn, fid->node, &args, &node, &created, &stx);

	if (fd < 0)
		return fd;
	node_unref(conn, fid->node);
	fid->node = node;
	fid_set_open(conn, fid, fd, args.flags);
	reply->rlcreate.iounit = iounit(conn);
	if (donate(conn, node, fd, false))
		reply->rlcreate.iounit |= P9_IOUNIT_FD;
	reply->rlcreate.qid = attr_qid(conn->dev, &stx);
	return 0;
}

/* O_TMPFILE: a file without a name, in the directory's file system. */
static int open_unnamed(struct conn *conn, struct node *dir, const struct create_args *args,
			struct node **ret, bool *ret_created, struct statx *stx)
{
	int fd;
	int r;

	if ((args->flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	if (conn->readonly)
		return -EROFS;
	if (!S_ISDIR(dir->type))
		return -ENOTDIR;
	r = fid_fds_left(conn, 2);
	if (r < 0)
		return r;
	fd = create_unnamed(conn->server->proc_fd, dir->fd, args->flags & (O_ACCMODE | O_EXCL),
			    args->mode, args->owner);
	if (fd < 0)
		return fd;
	r = node_new(ret, conn, fd, stx);
	if (r < 0) {
		host_close(fd);
		return r;
	}
	*ret_created = true;
	return fd;
}

/* The three ways of Topenat. Returns an open fd, *ret its node (a new reference). *stx is the file
 * as found: before truncation. */
static int openat_node(struct conn *conn, struct node *dir, const struct create_args *args,
		       struct node **ret, bool *ret_created, struct statx *stx)
{
	char name[NAME_BUF_LEN];
	int fd;
	int r;

	*ret_created = false;
	if ((args->flags & O_TMPFILE) == O_TMPFILE)
		return args->name.len ? -EINVAL
				      : open_unnamed(conn, dir, args, ret, ret_created, stx);
	r = check_flags(conn, (uint32_t)args->flags);
	if (r < 0)
		return r;
	if (args->name.len && !S_ISDIR(dir->type))
		return -ENOTDIR;
	if (args->name.len && args->flags & O_CREAT) {
		/* A read-only tree still opens what exists. */
		if (!conn->readonly)
			return create_or_open(conn, dir, args, ret, ret_created, stx);
	}
	if (args->name.len) {
		r = name_get(name, args->name);
		if (r == 0)
			r = walk_one(conn, dir, name, ret, stx);
		if (r == -ENOENT && args->flags & O_CREAT)
			return -EROFS;
		if (r < 0)
			return r;
		if (args->flags & O_CREAT && args->flags & O_EXCL) {
			*ret = node_unref(conn, *ret);
			return -EEXIST;
		}
	} else {
		r = host_stat(dir->fd, stx);
		if (r < 0)
			return r;
		*ret = node_ref(dir);
	}
	fd = open_node(conn, *ret, args->flags);
	if (fd < 0)
		*ret = node_unref(conn, *ret);
	return fd;
}

int op_openat(struct conn *conn, const struct p9_topenat *t, struct p9_msg *reply)
{
	struct create_args args = {.name = t->name,
				   .flags = (int)t->flags,
				   .mode = t->mode,
				   .owner = {t->uid, t->gid}};
	struct p9_ropenat *ropen = &reply->ropenat;
	bool keep = t->newfid != P9_NOFID;
	struct fid *newfid = NULL;
	struct node *node;
	struct statx stx;
	struct fid *dir;
	bool created;
	int r;

	r = fid_get(&dir, conn, t->dfid);
	if (r < 0)
		return r;

	int fd = openat_node(conn, dir->node, &args, &node, &created, &stx);

	if (fd < 0)
		return fd;
	/* The node is about to be dropped, or kept: either way an fd it shares must live on once.
	 */
	bool shared = fd == node->fd;

	r = args.flags & O_TRUNC ? host_stat(fd, &stx) : 0;
	if (r == 0 && !keep && !S_ISREG(node->type))
		r = -EISDIR;
	if (r == 0 && keep)
		r = fid_new(&newfid, conn, t->newfid, dir->uid, node);
	if (r < 0) {
		if (!shared)
			host_close(fd);
		node_unref(conn, node);
		return r;
	}
	ropen->created = created;
	ropen->iounit = iounit(conn);
	attr_fill(&ropen->attr, conn->dev, &stx);
	ropen->has_fd = donate(conn, node, fd, !keep);
	if (keep) {
		fid_set_open(conn, newfid, fd, args.flags);
	} else {
		if (shared)
			node->fd = -1;
		node_unref(conn, node);
	}
	return 0;
}
