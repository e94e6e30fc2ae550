/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and fids: life, limits, lookup.
 *
 * Invariants: conn->n_fds counts exactly the fds owned by nodes and by open fids; a node on
 * conn->nodes has a parent and a name.
 */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/host.h"

int fid_fds_left(struct conn *conn, uint32_t want)
{
	return conn->n_fds + want > conn->server->limits.fds ? -EMFILE : 0;
}

int node_new(struct node **ret, struct conn *conn, int fd, struct statx *stx)
{
	int r;

	r = fid_fds_left(conn, 1);
	if (r < 0)
		return r;
	r = host_stat(fd, stx);
	if (r < 0)
		return r;

	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node->refs = 1;
	node->fd = fd;
	node->type = stx->stx_mode & S_IFMT;
	conn->n_fds++;
	*ret = node;
	return 0;
}

struct node *node_ref(struct node *node)
{
	node->refs++;
	return node;
}

/* A loop, not recursion: a chain of parents is as long as a client makes it. */
struct node *node_unref(struct conn *conn, struct node *node)
{
	while (node && --node->refs == 0) {
		struct node *parent = node->parent;

		list_remove(&node->link);
		host_close(node->fd);
		conn->n_fds--;
		free(node->name);
		free(node);
		node = parent;
	}
	return NULL;
}

int node_set_place(struct conn *conn, struct node *node, struct node *parent, const char *name)
{
	if (conn->extended)
		return 0;

	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	free(node->name);
	node->name = copy;
	node_ref(parent);
	node_unref(conn, node->parent);
	node->parent = parent;
	if (!list_linked(&node->link))
		list_push_back(&conn->nodes, &node->link);
	return 0;
}

static bool same_file(const struct node *a, const struct node *b)
{
	struct statx sa;
	struct statx sb;

	if (a == b)
		return true;
	return host_stat(a->fd, &sa) == 0 && host_stat(b->fd, &sb) == 0 &&
	       sa.stx_ino == sb.stx_ino && sa.stx_dev_major == sb.stx_dev_major &&
	       sa.stx_dev_minor == sb.stx_dev_minor;
}

/* Is @dir inside @node? Then @node must not hang under it: a cycle of references. */
static bool descends_from(const struct node *dir, const struct node *node)
{
	for (; dir; dir = dir->parent) {
		if (dir == node)
			return true;
	}
	return false;
}

void node_moved(struct conn *conn, struct node *olddir, const char *oldname, struct node *newdir,
		const char *newname)
{
	struct node *node;

	list_for_each_entry(node, &conn->nodes, link)
	{
		if (strcmp(node->name, oldname) != 0 || !same_file(node->parent, olddir) ||
		    descends_from(newdir, node))
			continue;
		/* Without memory the node keeps its old place, and Tremove will say ESTALE. */
		(void)!node_set_place(conn, node, newdir, newname);
	}
}

static uint64_t fid_hash(uint32_t number)
{
	return hash_u64(number);
}

static struct fid *fid_lookup(const struct conn *conn, uint32_t number)
{
	hash_for_each_match(n, &conn->fids, fid_hash(number))
	{
		struct fid *fid = hash_entry(n, struct fid, hnode);

		if (fid->number == number)
			return fid;
	}
	return NULL;
}

int fid_get(struct fid **ret, struct conn *conn, uint32_t number)
{
	*ret = fid_lookup(conn, number);
	return *ret ? 0 : -EBADF;
}

int fid_get_dir(struct fid **ret, struct conn *conn, uint32_t number)
{
	int r;

	r = fid_get(ret, conn, number);
	if (r < 0)
		return r;
	return S_ISDIR((*ret)->node->type) ? 0 : -ENOTDIR;
}

int fid_new(struct fid **ret, struct conn *conn, uint32_t number, uint32_t uid, struct node *node)
{
	if (number == P9_NOFID || fid_lookup(conn, number))
		return -EBADF;
	if (conn->n_fids >= conn->server->limits.fids)
		return -ENFILE;

	struct fid *fid = calloc(1, sizeof(*fid));

	if (!fid)
		return -ENOMEM;
	fid->number = number;
	fid->uid = uid;
	fid->kind = FID_PATH;
	fid->node = node;
	fid->open_fd = -1;
	hash_insert(&conn->fids, &fid->hnode, fid_hash(number));
	conn->n_fids++;
	if (ret)
		*ret = fid;
	return 0;
}

void fid_set_open(struct conn *conn, struct fid *fid, int fd, int flags)
{
	fid->kind = S_ISDIR(fid->node->type) ? FID_DIR : FID_FILE;
	fid->open_fd = fd;
	fid->writable = (flags & O_ACCMODE) != O_RDONLY;
	fid->dir_pos = 0;
	if (fd != fid->node->fd)
		conn->n_fds++;
}

void fid_free(struct conn *conn, struct fid *fid)
{
	if (fid->has_locks)
		lock_drop_fid(conn, fid);
	hash_remove(&conn->fids, &fid->hnode);
	conn->n_fids--;
	if (fid->open_fd >= 0 && fid->open_fd != fid->node->fd) {
		host_close(fid->open_fd);
		conn->n_fds--;
	}
	node_unref(conn, fid->node);
	conn->xattr_held -= fid->xattr.size;
	free(fid->xattr.name);
	free(fid->xattr.data);
	free(fid);
}

void fid_free_all(struct conn *conn)
{
	hash_for_each_safe(n, &conn->fids)
	{
		fid_free(conn, hash_entry(n, struct fid, hnode));
	}
}

int name_get(char ret[NAME_BUF_LEN], struct p9_str name)
{
	if (!name.len)
		return -ENOENT;
	if (name.len > P9_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(ret, name.data, name.len);
	ret[name.len] = '\0';
	if (strcmp(ret, ".") == 0 || strcmp(ret, "..") == 0)
		return -EINVAL;
	return 0;
}
