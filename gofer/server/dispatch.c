/* SPDX-License-Identifier: Apache-2.0 */
/* From a decoded request to its operation: who may call what, and errors as Rlerror. */
#include "server/server.h"

#include <errno.h>

#define EXTENSION_FIRST 200

/* Requests that change the tree, whatever their arguments; opens decide by their flags. */
static bool mutates(uint8_t type)
{
	switch (type) {
	case P9_TLCREATE:
	case P9_TSYMLINK:
	case P9_TMKNOD:
	case P9_TRENAME:
	case P9_TSETATTR:
	case P9_TXATTRCREATE:
	case P9_TLINK:
	case P9_TMKDIR:
	case P9_TRENAMEAT:
	case P9_TUNLINKAT:
	case P9_TWRITE:
	case P9_TMKDIRAT:
	case P9_TMKNODAT:
	case P9_TSYMLINKAT:
	case P9_TRENAMEAT2:
	case P9_TSETXATTR:
	case P9_TREMOVEXATTR:
		return true;
	default:
		return false;
	}
}

#define CALL(ENUM, name)                                                                           \
	case P9_T##ENUM:                                                                           \
		return op_##name(conn, &req->t##name, reply)

/* A dispatch table: one line per request. */
static int call(struct conn *conn, const struct p9_msg *req, struct p9_msg *reply)
{
	switch (req->type) {
		CALL(VERSION, version);
		CALL(AUTH, auth);
		CALL(ATTACH, attach);
		CALL(FLUSH, flush);
		CALL(WALK, walk);
		CALL(WALKGETATTR, walkgetattr);
		CALL(CLUNK, clunk);
		CALL(CLUNKMANY, clunkmany);
		CALL(LOPEN, lopen);
		CALL(LCREATE, lcreate);
		CALL(OPENAT, openat);
		CALL(READ, read);
		CALL(WRITE, write);
		CALL(FSYNC, fsync);
		CALL(STATFS, statfs);
		CALL(GETATTR, getattr);
		CALL(GETATTRX, getattrx);
		CALL(SETATTR, setattr);
		CALL(READLINK, readlink);
		CALL(READDIR, readdir);
		CALL(READDIRATTR, readdirattr);
		CALL(MKDIR, mkdir);
		CALL(MKDIRAT, mkdirat);
		CALL(MKNOD, mknod);
		CALL(MKNODAT, mknodat);
		CALL(SYMLINK, symlink);
		CALL(SYMLINKAT, symlinkat);
		CALL(LINK, link);
		CALL(RENAME, rename);
		CALL(RENAMEAT, renameat);
		CALL(RENAMEAT2, renameat2);
		CALL(UNLINKAT, unlinkat);
		CALL(REMOVE, remove);
		CALL(XATTRWALK, xattrwalk);
		CALL(XATTRCREATE, xattrcreate);
		CALL(GETXATTR, getxattr);
		CALL(SETXATTR, setxattr);
		CALL(LISTXATTR, listxattr);
		CALL(REMOVEXATTR, removexattr);
		CALL(LOCK, lock);
		CALL(GETLOCK, getlock);
	default:
		return -EOPNOTSUPP; /* a reply type as a request */
	}
}

static int check_and_call(struct conn *conn, const struct p9_msg *req, struct p9_msg *reply)
{
	if (req->type != P9_TVERSION && !conn->version)
		return -EPROTO;
	if (req->type >= EXTENSION_FIRST && !conn->extended)
		return -EOPNOTSUPP;
	if (conn->readonly && mutates(req->type))
		return -EROFS;
	return call(conn, req, reply);
}

void dispatch(struct conn *conn, const struct p9_msg *req, struct p9_msg *reply)
{
	int r;

	reply->tag = req->tag;
	reply->type = (uint8_t)(req->type + 1);
	r = check_and_call(conn, req, reply);
	if (r < 0) {
		reply->type = P9_RLERROR;
		reply->rlerror.ecode = (uint32_t)-r;
	}
}
