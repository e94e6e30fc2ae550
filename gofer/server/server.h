/* SPDX-License-Identifier: Apache-2.0 */
/* The server's objects, private to gofer/server.
 *
 * A server has connections (one per mount); a connection has fids; a fid names a node, which owns a
 * path fd. Nodes are shared by fids (clones) and, on plain 9P2000.L connections, by their children,
 * which keep parent and name for "..", Trename and Tremove. Everything dies with its connection.
 * Single-threaded: a request is answered before the next one is looked at, so Tflush never finds
 * anything to flush and a reply is never overtaken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "fs/create.h"
#include "gofer/gofer.h"
#include "gofer/p9.h"
#include "util/cleanup.h"
#include "util/hash.h"
#include "util/list.h"

#define SCRATCH_LEN 4096 /* PATH_MAX: symlink targets */
#define NAME_BUF_LEN (P9_NAME_MAX + 1)

struct server {
	int epoll_fd;
	int proc_fd; /* /proc/self/fd, O_PATH */
	int log_fd;
	bool own_proc_fd;
	struct gofer_limits limits; /* all set */
	struct hash locks;	    /* struct lock_file by device and inode */
	uint32_t n_locks;
	struct conn *conns;
	size_t n_conns;
	size_t n_open; /* connections that have not ended */
};

/* A file in the tree. */
struct node {
	uint32_t refs;
	int fd;		     /* path fd, or an open one for a file just created */
	mode_t type;	     /* S_IFMT bits; never changes for an inode */
	struct node *parent; /* NULL: the root, or not kept */
	struct list link;    /* on conn->nodes if parent is kept */
	char *name;	     /* in parent */
};

enum fid_kind {
	FID_PATH, /* not open */
	FID_FILE,
	FID_DIR,
	FID_XATTR_READ,
	FID_XATTR_WRITE,
};

/* An extended attribute (or list of names) being read, or a value being written. */
struct fid_xattr {
	char *name;
	uint8_t *data;
	uint32_t size;
	uint32_t written;
	uint32_t flags;
};

struct fid {
	struct hnode hnode; /* by number */
	uint32_t number;
	uint32_t uid; /* of the attach it descends from: who owns what is created */
	enum fid_kind kind;
	struct node *node;
	int open_fd; /* FID_FILE, FID_DIR; may be the node's */
	bool writable;
	bool has_locks;
	uint64_t dir_pos; /* FID_DIR: where open_fd stands */
	struct fid_xattr xattr;
};

struct conn {
	struct server *server;
	size_t index; /* in the configuration, for the log */
	int sock;     /* -1: ended */
	bool readonly;
	bool seqpacket;
	bool local;	  /* AF_UNIX: fds can be passed */
	bool version;	  /* negotiated */
	bool extended;	  /* P9_VERSION_NETSENTRY */
	bool backlog;	  /* frames received but not handled yet: others had their turn first */
	uint32_t msize;	  /* negotiated */
	uint32_t buf_len; /* of rx and tx; msize <= buf_len */
	struct node *root;
	uint64_t dev; /* the root's */
	struct hash fids;
	uint32_t n_fids;
	uint32_t n_fds;	     /* held by nodes and fids */
	uint32_t xattr_held; /* the sizes of all fids' xattr */
	struct list nodes;
	uint8_t *rx;
	size_t rx_len;
	uint8_t *tx;
	size_t tx_len; /* reply waiting to be sent */
	size_t tx_off;
	int tx_fd; /* to pass with the reply, -1: none */
	bool tx_fd_owned;
	char scratch[SCRATCH_LEN]; /* what a reply's strings point to */
};

PRINTF_LIKE(2, 3) void server_log(const struct server *server, const char *fmt, ...);

/* conn.c: one connection */
MUST_CHECK int conn_init(struct conn *conn, struct server *server, size_t index,
			 const struct gofer_mount *mount);
void conn_end(struct conn *conn);
void conn_ready(struct conn *conn, bool readable);
bool conn_wants_write(const struct conn *conn);

/* dispatch.c: answers one request; @reply has the request's tag and is complete on return. */
void dispatch(struct conn *conn, const struct p9_msg *req, struct p9_msg *reply);

/* Where a reply's data goes, and how much fits. */
static inline uint8_t *conn_reply_data(struct conn *conn)
{
	return conn->tx + P9_RREAD_HDR_LEN;
}

static inline uint32_t conn_reply_room(const struct conn *conn)
{
	return conn->msize - P9_RREAD_HDR_LEN;
}

/* node.c, fid.c */
/* Takes @fd on success; *stx is what it is. */
MUST_CHECK int node_new(struct node **ret, struct conn *conn, int fd, struct statx *stx);
struct node *node_ref(struct node *node);
struct node *node_unref(struct conn *conn, struct node *node); /* NULL */
/* Remembers where @node hangs, on plain connections. -ENOMEM, or 0. */
MUST_CHECK int node_set_place(struct conn *conn, struct node *node, struct node *parent,
			      const char *name);
/* After a rename in directory @olddir: nodes that hang at its @oldname move. */
void node_moved(struct conn *conn, struct node *olddir, const char *oldname, struct node *newdir,
		const char *newname);

MUST_CHECK int fid_get(struct fid **ret, struct conn *conn, uint32_t number);
MUST_CHECK int fid_get_dir(struct fid **ret, struct conn *conn, uint32_t number);
/* Takes @node on success. */
MUST_CHECK int fid_new(struct fid **ret, struct conn *conn, uint32_t number, uint32_t uid,
		       struct node *node);
void fid_free(struct conn *conn, struct fid *fid);
void fid_free_all(struct conn *conn);
MUST_CHECK int fid_fds_left(struct conn *conn, uint32_t want);
/* Makes @fid an open one. Takes @fd, which may be its node's own. */
void fid_set_open(struct conn *conn, struct fid *fid, int fd, int flags);

/* A component name as a C string. -ENOENT when empty, -EINVAL for "." and "..", -ENAMETOOLONG. */
MUST_CHECK int name_get(char ret[NAME_BUF_LEN], struct p9_str name);

/* op_*.c: the requests. Each fills its reply or returns -errno. */
#define OP(name) MUST_CHECK int op_##name(struct conn *, const struct p9_t##name *, struct p9_msg *)
OP(version);
OP(auth);
OP(attach);
OP(flush);
OP(walk);
OP(walkgetattr);
OP(clunk);
OP(clunkmany);
OP(lopen);
OP(lcreate);
OP(openat);
OP(read);
OP(write);
OP(fsync);
OP(statfs);
OP(getattr);
OP(getattrx);
OP(setattr);
OP(readlink);
OP(readdir);
OP(readdirattr);
OP(mkdir);
OP(mkdirat);
OP(mknod);
OP(mknodat);
OP(symlink);
OP(symlinkat);
OP(link);
OP(rename);
OP(renameat);
OP(renameat2);
OP(unlinkat);
OP(remove);
OP(xattrwalk);
OP(xattrcreate);
OP(getxattr);
OP(setxattr);
OP(listxattr);
OP(removexattr);
OP(lock);
OP(getlock);

/* op_walk.c: one step; @ret is a new reference. */
MUST_CHECK int walk_one(struct conn *conn, struct node *dir, const char *name, struct node **ret,
			struct statx *stx);
/* op_open.c */
MUST_CHECK int open_node(struct conn *conn, const struct node *node, int flags);
/* op_xattr.c: what clunking a written xattr fid does */
MUST_CHECK int xattr_clunk(struct conn *conn, struct fid *fid);
/* op_lock.c */
void lock_drop_fid(struct conn *conn, const struct fid *fid);
