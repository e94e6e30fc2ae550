/* SPDX-License-Identifier: Apache-2.0 */
/* Data and attributes of files: read, write, fsync, statfs, getattr, setattr, readlink. */
#include "server/server.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/attr.h"
#include "fs/host.h"

static int read_xattr(struct conn *conn, const struct fid *fid, const struct p9_tread *t,
		      struct p9_msg *reply)
{
	uint32_t left = t->offset < fid->xattr.size ? fid->xattr.size - (uint32_t)t->offset : 0;
	uint32_t len = MIN(t->count, conn_reply_room(conn));

	len = MIN(len, left);
	if (len)
		memcpy(conn_reply_data(conn), fid->xattr.data + t->offset, len);
	reply->rread.data = (struct p9_data){conn_reply_data(conn), len};
	return 0;
}

int op_read(struct conn *conn, const struct p9_tread *t, struct p9_msg *reply)
{
	struct fid *fid;
	ssize_t n;
	int r;

	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (t->offset > INT64_MAX)
		return -EINVAL;
	switch (fid->kind) {
	case FID_PATH:
	case FID_XATTR_WRITE:
		return -EBADF;
	case FID_DIR:
		return -EISDIR;
	case FID_XATTR_READ:
		return read_xattr(conn, fid, t, reply);
	case FID_FILE:
		break;
	}
	n = host_pread(fid->open_fd, conn_reply_data(conn), MIN(t->count, conn_reply_room(conn)),
		       (off_t)t->offset);
	if (n < 0)
		return (int)n;
	reply->rread.data = (struct p9_data){conn_reply_data(conn), (uint32_t)n};
	return 0;
}

/* The value arrives in order and must not outgrow what Txattrcreate announced. */
static int write_xattr(struct fid *fid, const struct p9_twrite *t, struct p9_msg *reply)
{
	struct fid_xattr *x = &fid->xattr;

	if (t->offset != x->written)
		return -EINVAL;
	if (t->data.len > x->size - x->written)
		return -ENOSPC;
	if (t->data.len)
		memcpy(x->data + x->written, t->data.data, t->data.len);
	x->written += t->data.len;
	reply->rwrite.count = t->data.len;
	return 0;
}

int op_write(struct conn *conn, const struct p9_twrite *t, struct p9_msg *reply)
{
	struct fid *fid;
	ssize_t n;
	int r;

	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (t->offset > INT64_MAX)
		return -EINVAL;
	if (fid->kind == FID_XATTR_WRITE)
		return write_xattr(fid, t, reply);
	if (fid->kind != FID_FILE)
		return -EBADF;
	n = host_pwrite(fid->open_fd, t->data.data, t->data.len, (off_t)t->offset);
	if (n < 0)
		return (int)n;
	reply->rwrite.count = (uint32_t)n;
	return 0;
}

int op_fsync(struct conn *conn, const struct p9_tfsync *t, struct p9_msg *reply)
{
	struct fid *fid;
	int r;

	(void)reply;
	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (fid->kind != FID_FILE && fid->kind != FID_DIR)
		return -EBADF;
	return host_fsync(fid->open_fd, t->datasync != 0);
}

int op_statfs(struct conn *conn, const struct p9_tstatfs *t, struct p9_msg *reply)
{
	struct statfs fs;
	struct fid *fid;
	int r;

	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	r = host_statfs(fid->node->fd, &fs);
	if (r < 0)
		return r;
	reply->rstatfs = (struct p9_rstatfs){
		.type = (uint32_t)fs.f_type,
		.bsize = (uint32_t)fs.f_bsize,
		.blocks = fs.f_blocks,
		.bfree = fs.f_bfree,
		.bavail = fs.f_bavail,
		.files = fs.f_files,
		.ffree = fs.f_ffree,
		.fsid = (uint64_t)(uint32_t)fs.f_fsid.__val[0] |
			(uint64_t)(uint32_t)fs.f_fsid.__val[1] << 32,
		.namelen = (uint32_t)fs.f_namelen,
	};
	return 0;
}

static int fid_stat(struct conn *conn, uint32_t number, struct statx *ret)
{
	struct fid *fid;
	int r;

	r = fid_get(&fid, conn, number);
	return r < 0 ? r : host_stat(fid->node->fd, ret);
}

int op_getattr(struct conn *conn, const struct p9_tgetattr *t, struct p9_msg *reply)
{
	struct statx stx;
	int r;

	r = fid_stat(conn, t->fid, &stx);
	if (r < 0)
		return r;
	attr_fill_standard(&reply->rgetattr, conn->dev, &stx, t->mask);
	return 0;
}

int op_getattrx(struct conn *conn, const struct p9_tgetattrx *t, struct p9_msg *reply)
{
	struct statx stx;
	int r;

	r = fid_stat(conn, t->fid, &stx);
	if (r < 0)
		return r;
	attr_fill(&reply->rgetattrx.attr, conn->dev, &stx);
	return 0;
}

int op_setattr(struct conn *conn, const struct p9_tsetattr *t, struct p9_msg *reply)
{
	struct fid *fid;
	int r;

	(void)reply;
	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	return attr_set(conn->server->proc_fd, fid->node->fd,
			fid->kind == FID_FILE && fid->writable ? fid->open_fd : -1, t);
}

int op_readlink(struct conn *conn, const struct p9_treadlink *t, struct p9_msg *reply)
{
	struct fid *fid;
	ssize_t n;
	int r;

	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (!S_ISLNK(fid->node->type))
		return -EINVAL;
	n = host_readlink(fid->node->fd, conn->scratch, sizeof(conn->scratch));
	if (n < 0)
		return (int)n;
	reply->rreadlink.target = (struct p9_str){conn->scratch, (uint16_t)n};
	return 0;
}
