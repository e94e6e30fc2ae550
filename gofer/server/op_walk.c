/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and fids: version, auth, attach, flush, walk, clunk. */
#include "server/server.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/attr.h"
#include "fs/host.h"

/* Also resets the connection: all fids are gone afterwards (version(5)). */
int op_version(struct conn *conn, const struct p9_tversion *t, struct p9_msg *reply)
{
	if (t->msize < P9_MSIZE_MIN)
		return -EINVAL;
	fid_free_all(conn);
	reply->rversion.msize = MIN(t->msize, conn->buf_len);
	conn->version = true;
	conn->extended = conn->local && p9_str_eq(t->version, P9_VERSION_NETSENTRY);
	if (conn->extended) {
		reply->rversion.version = p9_str(P9_VERSION_NETSENTRY);
	} else if (t->version.len >= strlen(P9_VERSION_L) &&
		   memcmp(t->version.data, P9_VERSION_L, strlen(P9_VERSION_L)) == 0) {
		reply->rversion.version = p9_str(P9_VERSION_L);
	} else {
		reply->rversion.version = p9_str("unknown");
		conn->version = false;
	}
	if (conn->version)
		conn->msize = reply->rversion.msize;
	return 0;
}

/* The connection itself is the credential: who holds the socket may attach. ENOENT says so
 * (attach(5): "if the client does not wish to authenticate ... afid NOFID"). */
int op_auth(struct conn *conn, const struct p9_tauth *t, struct p9_msg *reply)
{
	(void)conn;
	(void)t;
	(void)reply;
	return -ENOENT;
}

static int stat_qid(struct p9_qid *ret, const struct conn *conn, const struct node *node)
{
	struct statx stx;
	int r;

	r = host_stat(node->fd, &stx);
	if (r < 0)
		return r;
	*ret = attr_qid(conn->dev, &stx);
	return 0;
}

/* aname is not looked at: a connection serves one tree. */
int op_attach(struct conn *conn, const struct p9_tattach *t, struct p9_msg *reply)
{
	uint32_t uid = t->n_uname == P9_NONUNAME ? 0 : t->n_uname;
	int r;

	if (t->afid != P9_NOFID)
		return -EINVAL;
	r = stat_qid(&reply->rattach.qid, conn, conn->root);
	if (r < 0)
		return r;
	r = fid_new(NULL, conn, t->fid, uid, conn->root);
	if (r < 0)
		return r;
	node_ref(conn->root);
	return 0;
}

/* The flushed request, if there ever was one, has been answered already: requests are handled to
 * the end one by one, and replies leave in order (flush(5)). */
int op_flush(struct conn *conn, const struct p9_tflush *t, struct p9_msg *reply)
{
	(void)conn;
	(void)t;
	(void)reply;
	return 0;
}

int walk_one(struct conn *conn, struct node *dir, const char *name, struct node **ret,
	     struct statx *stx)
{
	struct node *node;
	int r;

	if (!S_ISDIR(dir->type))
		return -ENOTDIR;
	r = fid_fds_left(conn, 1);
	if (r < 0)
		return r;

	int fd = host_walk(dir->fd, name);

	if (fd < 0)
		return fd;
	r = node_new(&node, conn, fd, stx);
	if (r < 0) {
		host_close(fd);
		return r;
	}
	r = node_set_place(conn, node, dir, name);
	if (r < 0) {
		node_unref(conn, node);
		return r;
	}
	*ret = node;
	return 0;
}

/* One step of Twalk: "." stays, ".." goes to the node walked from, and stays at the root. */
static int walk_step(struct conn *conn, struct node *at, struct p9_str name, struct node **ret,
		     struct statx *stx)
{
	char buf[NAME_BUF_LEN];
	int r;

	r = name_get(buf, name);
	if (r == -EINVAL && !conn->extended) {
		if (!S_ISDIR(at->type))
			return -ENOTDIR;
		if (buf[1] == '.' && at->parent)
			at = at->parent;
		r = host_stat(at->fd, stx);
		if (r == 0)
			*ret = node_ref(at);
		return r;
	}
	return r < 0 ? r : walk_one(conn, at, buf, ret, stx);
}

/* Binds @newfid to @node (taken on success), which may replace @fid itself. */
static int bind_fid(struct conn *conn, struct fid *fid, uint32_t newfid, struct node *node)
{
	if (newfid != fid->number)
		return fid_new(NULL, conn, newfid, fid->uid, node);
	node_unref(conn, fid->node);
	fid->node = node;
	return 0;
}

int op_walk(struct conn *conn, const struct p9_twalk *t, struct p9_msg *reply)
{
	struct p9_qids *qids = &reply->rwalk.qids;
	struct node *at;
	struct fid *fid;
	int r;

	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (fid->kind != FID_PATH && t->newfid == t->fid)
		return -EBUSY;
	at = node_ref(fid->node);
	qids->n = 0;
	while (qids->n < t->names.n) {
		struct node *next;
		struct statx stx;

		r = walk_step(conn, at, t->names.v[qids->n], &next, &stx);
		if (r < 0)
			break;
		node_unref(conn, at);
		at = next;
		qids->v[qids->n++] = attr_qid(conn->dev, &stx);
	}
	if (qids->n == t->names.n)
		r = bind_fid(conn, fid, t->newfid, at);
	if (r < 0 || qids->n < t->names.n)
		node_unref(conn, at);
	/* walk(5): an error only if the first step failed; else a short list and no newfid */
	return r < 0 && (qids->n == 0 || qids->n == t->names.n) ? r : 0;
}

/* A step of Twalkgetattr. With @last, nothing is opened: only its attributes are wanted. */
static int walk_attr(struct conn *conn, struct node **at, struct p9_str name, bool last,
		     struct p9_attr *ret)
{
	char buf[NAME_BUF_LEN];
	struct node *next;
	struct statx stx;
	int r;

	r = name_get(buf, name);
	if (r < 0)
		return r;
	if (last && S_ISDIR((*at)->type)) {
		r = host_stat_at((*at)->fd, buf, &stx);
	} else {
		r = walk_one(conn, *at, buf, &next, &stx);
		if (r == 0) {
			node_unref(conn, *at);
			*at = next;
		}
	}
	if (r == 0)
		attr_fill(ret, conn->dev, &stx);
	return r;
}

/* The walk and the binding of new fids. Replaces the reference *at. 0 or the error that ended it.
 */
static int walk_attrs(struct conn *conn, struct fid *fid, const struct p9_twalkgetattr *t,
		      struct node **at, struct p9_attrs *attrs)
{
	bool each = t->flags & P9_WALK_EACH;

	while (attrs->n < t->names.n) {
		bool last = attrs->n + 1 == t->names.n;
		bool bind = each || (last && t->newfid != P9_NOFID);
		int r;

		r = walk_attr(conn, at, t->names.v[attrs->n], last && !bind, &attrs->v[attrs->n]);
		if (r == 0 && bind) {
			r = fid_new(NULL, conn, t->newfid + (each ? attrs->n : 0), fid->uid, *at);
			if (r == 0)
				node_ref(*at);
		}
		if (r < 0)
			return r;
		attrs->n++;
	}
	return 0;
}

/* No names: @fid's own attributes, and a clone of it. */
static int clone_attr(struct conn *conn, struct fid *fid, uint32_t newfid, struct p9_attrs *attrs)
{
	struct statx stx;
	int r;

	r = host_stat(fid->node->fd, &stx);
	if (r < 0)
		return r;
	attr_fill(&attrs->v[0], conn->dev, &stx);
	attrs->n = 1;
	if (newfid == P9_NOFID)
		return 0;
	r = fid_new(NULL, conn, newfid, fid->uid, fid->node);
	if (r == 0)
		node_ref(fid->node);
	return r;
}

int op_walkgetattr(struct conn *conn, const struct p9_twalkgetattr *t, struct p9_msg *reply)
{
	struct p9_attrs *attrs = &reply->rwalkgetattr.attrs;
	struct node *at;
	struct fid *fid;
	int r;

	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (t->flags & ~P9_WALK_EACH || t->newfid == t->fid ||
	    (t->flags & P9_WALK_EACH && t->newfid == P9_NOFID))
		return -EINVAL;
	attrs->n = 0;
	if (t->names.n) {
		at = node_ref(fid->node);
		r = walk_attrs(conn, fid, t, &at, attrs);
		node_unref(conn, at);
	} else {
		r = clone_attr(conn, fid, t->newfid, attrs);
	}
	reply->rwalkgetattr.ecode = (uint32_t)-r;
	return 0;
}

int op_clunk(struct conn *conn, const struct p9_tclunk *t, struct p9_msg *reply)
{
	struct fid *fid;
	int r;

	(void)reply;
	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (fid->kind == FID_XATTR_WRITE)
		r = xattr_clunk(conn, fid);
	fid_free(conn, fid); /* also on failure (clunk(5)) */
	return r;
}

int op_clunkmany(struct conn *conn, const struct p9_tclunkmany *t, struct p9_msg *reply)
{
	(void)reply;
	for (uint16_t i = 0; i < t->fids.n; i++) {
		struct fid *fid;

		if (fid_get(&fid, conn, t->fids.v[i]) == 0)
			fid_free(conn, fid);
	}
	return 0;
}
