/* SPDX-License-Identifier: Apache-2.0 */
/* Advisory byte-range locks, as POSIX has them (fcntl(2)), kept in the server by file identity.
 *
 * Connections of one server see each other's locks; the host does not see them. An owner is
 * (connection, client_id, proc_id). Tlock never waits: a conflict answers P9_LOCK_BLOCKED and the
 * client tries again (9P2000.L; v9fs does so), so that Tflush has nothing to undo.
 * Invariant: the ranges of one owner on one file do not overlap.
 */
#include "server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/attr.h"
#include "fs/host.h"

#define CLIENT_ID_MAX 255

struct lock_file {
	struct hnode hnode;
	uint64_t dev;
	uint64_t ino;
	struct list locks;
};

struct lock_owner {
	const struct conn *conn;
	uint32_t proc_id;
	uint16_t id_len;
	char id[CLIENT_ID_MAX];
};

struct lock {
	struct list link;
	struct lock_owner owner;
	uint32_t fid; /* clunking it releases */
	uint8_t type; /* P9_LOCK_RDLCK, P9_LOCK_WRLCK */
	uint64_t start;
	uint64_t end; /* inclusive */
};

static int owner_init(struct lock_owner *ret, const struct conn *conn, uint32_t proc_id,
		      struct p9_str id)
{
	if (id.len > CLIENT_ID_MAX)
		return -ENAMETOOLONG;
	ret->conn = conn;
	ret->proc_id = proc_id;
	ret->id_len = id.len;
	if (id.len)
		memcpy(ret->id, id.data, id.len);
	return 0;
}

static bool owner_eq(const struct lock_owner *a, const struct lock_owner *b)
{
	return a->conn == b->conn && a->proc_id == b->proc_id && a->id_len == b->id_len &&
	       memcmp(a->id, b->id, a->id_len) == 0;
}

/* length 0: to the end of the file, wherever that is. */
static int range_end(uint64_t start, uint64_t length, uint64_t *ret)
{
	if (start > INT64_MAX || length > INT64_MAX)
		return -EINVAL;
	*ret = length ? start + length - 1 : UINT64_MAX;
	return 0;
}

static int file_get(struct server *server, const struct fid *fid, bool make, struct lock_file **ret)
{
	struct lock_file *file;
	struct statx stx;
	uint64_t hash;
	int r;

	r = host_stat(fid->node->fd, &stx);
	if (r < 0)
		return r;
	hash = hash_u64(stx.stx_ino ^ hash_u64(attr_dev(&stx)));
	hash_for_each_match(n, &server->locks, hash)
	{
		file = hash_entry(n, struct lock_file, hnode);
		if (file->ino == stx.stx_ino && file->dev == attr_dev(&stx)) {
			*ret = file;
			return 0;
		}
	}
	*ret = NULL;
	if (!make)
		return 0;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	file->dev = attr_dev(&stx);
	file->ino = stx.stx_ino;
	list_init(&file->locks);
	hash_insert(&server->locks, &file->hnode, hash);
	*ret = file;
	return 0;
}

static void file_put(struct server *server, struct lock_file *file)
{
	if (!file || !list_empty(&file->locks))
		return;
	hash_remove(&server->locks, &file->hnode);
	free(file);
}

static void lock_free(struct server *server, struct lock *lock)
{
	list_remove(&lock->link);
	server->n_locks--;
	free(lock);
}

static int lock_add(struct server *server, struct lock_file *file, const struct lock *like,
		    uint64_t start, uint64_t end)
{
	struct lock *lock;

	if (server->n_locks >= server->limits.locks)
		return -ENOLCK;
	lock = malloc(sizeof(*lock));
	if (!lock)
		return -ENOLCK;
	*lock = *like;
	lock->link = (struct list){0};
	lock->start = start;
	lock->end = end;
	list_push_back(&file->locks, &lock->link);
	server->n_locks++;
	return 0;
}

static const struct lock *conflict(const struct lock_file *file, const struct lock *want)
{
	const struct lock *lock;

	if (!file)
		return NULL;
	list_for_each_entry(lock, &file->locks, link)
	{
		if (lock->start <= want->end && want->start <= lock->end &&
		    (lock->type == P9_LOCK_WRLCK || want->type == P9_LOCK_WRLCK) &&
		    !owner_eq(&lock->owner, &want->owner))
			return lock;
	}
	return NULL;
}

/* Takes the range of @want out of what its owner holds. Splitting needs one lock more. */
static int carve(struct server *server, struct lock_file *file, const struct lock *want)
{
	struct lock *lock;
	int r;

	list_for_each_entry_safe(lock, &file->locks, link)
	{
		if (!owner_eq(&lock->owner, &want->owner) || lock->start > want->end ||
		    lock->end < want->start)
			continue;
		if (lock->start < want->start && lock->end > want->end) {
			r = lock_add(server, file, lock, want->end + 1, lock->end);
			if (r < 0)
				return r;
			lock->end = want->start - 1;
		} else if (lock->start < want->start) {
			lock->end = want->start - 1;
		} else if (lock->end > want->end) {
			lock->start = want->end + 1;
		} else {
			lock_free(server, lock);
		}
	}
	return 0;
}

static int lock_apply(struct server *server, struct lock_file *file, const struct lock *want,
		      uint8_t *ret_status)
{
	int r;

	*ret_status = P9_LOCK_SUCCESS;
	if (want->type == P9_LOCK_UNLCK)
		return carve(server, file, want);
	if (conflict(file, want)) {
		*ret_status = P9_LOCK_BLOCKED;
		return 0;
	}
	/* The worst case needs two: refuse before anything of the owner's is given up. */
	if (server->n_locks + 2 > server->limits.locks)
		return -ENOLCK;
	r = carve(server, file, want);
	return r < 0 ? r : lock_add(server, file, want, want->start, want->end);
}

int op_lock(struct conn *conn, const struct p9_tlock *t, struct p9_msg *reply)
{
	struct lock want = {.fid = t->fid, .type = t->type, .start = t->start};
	struct lock_file *file;
	struct fid *fid;
	int r;

	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (t->type > P9_LOCK_UNLCK || t->flags & ~(P9_LOCK_BLOCK | P9_LOCK_RECLAIM))
		return -EINVAL;
	if (fid->kind != FID_FILE && fid->kind != FID_DIR)
		return -EBADF;
	r = range_end(t->start, t->length, &want.end);
	if (r == 0)
		r = owner_init(&want.owner, conn, t->proc_id, t->client_id);
	if (r == 0)
		r = file_get(conn->server, fid, true, &file);
	if (r < 0)
		return r;
	r = lock_apply(conn->server, file, &want, &reply->rlock.status);
	fid->has_locks = true;
	file_put(conn->server, file);
	return r;
}

int op_getlock(struct conn *conn, const struct p9_tgetlock *t, struct p9_msg *reply)
{
	struct lock want = {.type = t->type, .start = t->start};
	struct p9_rgetlock *out = &reply->rgetlock;
	const struct lock *held;
	struct lock_file *file;
	struct fid *fid;
	int r;

	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (t->type > P9_LOCK_WRLCK)
		return -EINVAL;
	r = range_end(t->start, t->length, &want.end);
	if (r == 0)
		r = owner_init(&want.owner, conn, t->proc_id, t->client_id);
	if (r == 0)
		r = file_get(conn->server, fid, false, &file);
	if (r < 0)
		return r;
	held = conflict(file, &want);
	*out = (struct p9_rgetlock){.type = P9_LOCK_UNLCK,
				    .start = t->start,
				    .length = t->length,
				    .proc_id = t->proc_id,
				    .client_id = t->client_id};
	if (!held)
		return 0;
	out->type = held->type;
	out->start = held->start;
	out->length = held->end == UINT64_MAX ? 0 : held->end - held->start + 1;
	out->proc_id = held->owner.proc_id;
	memcpy(conn->scratch, held->owner.id, held->owner.id_len);
	out->client_id = (struct p9_str){conn->scratch, held->owner.id_len};
	return 0;
}

/* What was locked through this fid is released with it. */
void lock_drop_fid(struct conn *conn, const struct fid *fid)
{
	struct lock_file *file;
	struct lock *lock;

	if (file_get(conn->server, fid, false, &file) < 0 || !file)
		return;
	list_for_each_entry_safe(lock, &file->locks, link)
	{
		if (lock->owner.conn == conn && lock->fid == fid->number)
			lock_free(conn->server, lock);
	}
	file_put(conn->server, file);
}
