/* SPDX-License-Identifier: Apache-2.0 */
/* Listing directories: readdir, and readdirattr with each entry's attributes.
 *
 * An offset is the host's d_off, opaque to the client. The open fd's own position is remembered, so
 * that a listing read in order never seeks; after a reply that could not take all that the kernel
 * gave, it does.
 */
#include "server/server.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "fs/attr.h"
#include "fs/host.h"
#include "util/bytes.h"

#define DENTS_LEN (64U << 10)
/* getdents64 gives at least 24 bytes an entry; the same entry takes at most 7/6 of that in
 * Rreaddir, and with attributes never more than 8 times that. */
#define DENTS_MIN 512U

/* One pass over what the kernel gave; fn returns 1 (entry taken or skipped), 0 (no more room). */
struct listing {
	struct conn *conn;
	struct fid *fid;
	struct wr out;
	struct statx self;
	bool attrs;
};

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The root's ".." is a host directory: its own number is shown instead. */
static struct p9_qid entry_qid(const struct listing *list, const struct dirent64 *ent)
{
	struct statx stx = list->self;

	stx.stx_mode = (uint16_t)DTTOIF(ent->d_type);
	if (strcmp(ent->d_name, "..") != 0 || list->fid->node != list->conn->root)
		stx.stx_ino = ent->d_ino;
	return attr_qid(list->conn->dev, &stx);
}

static int put_plain(struct listing *list, const struct dirent64 *ent)
{
	struct p9_dirent out = {
		.qid = entry_qid(list, ent),
		.offset = (uint64_t)ent->d_off,
		.type = ent->d_type,
		.name = p9_str(ent->d_name),
	};

	return p9_dirent_put(&list->out, &out) == 0;
}

static int put_attrs(struct listing *list, const struct dirent64 *ent)
{
	struct p9_direntattr out = {.offset = (uint64_t)ent->d_off, .name = p9_str(ent->d_name)};
	struct statx stx;

	if (is_dot(ent->d_name) || host_stat_at(list->fid->open_fd, ent->d_name, &stx) < 0)
		return 1;
	attr_fill(&out.attr, list->conn->dev, &stx);
	return p9_direntattr_put(&list->out, &out) == 0;
}

/* Emits the entries of @buf until one does not fit. dir_pos follows. Whether all fitted. */
static bool emit(struct listing *list, const uint8_t *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		const struct dirent64 *ent = (const struct dirent64 *)(buf + at);

		if (!(list->attrs ? put_attrs(list, ent) : put_plain(list, ent)))
			return false;
		list->fid->dir_pos = (uint64_t)ent->d_off;
		at += ent->d_reclen;
	}
	return true;
}

static int fill(struct listing *list)
{
	_Alignas(8) uint8_t buf[DENTS_LEN];

	for (;;) {
		size_t room = wr_left(&list->out);
		size_t want = list->attrs ? room / 8 : room / 7 * 6;
		ssize_t n;

		/* Little room left: stop here, unless the reply is still empty. */
		if (want < DENTS_MIN && wr_len(&list->out))
			return 0;
		n = host_getdents(list->fid->open_fd, buf,
				  MIN(MAX(want, (size_t)DENTS_MIN), sizeof(buf)));
		if (n < 0)
			return wr_len(&list->out) ? 0 : (int)n;
		if (!n)
			return 0;
		if (!emit(list, buf, (size_t)n)) {
			int r = host_seek(list->fid->open_fd, (off_t)list->fid->dir_pos);

			/* Not even one entry: the client asked for too little. */
			return r == 0 && !wr_len(&list->out) ? -EINVAL : r;
		}
	}
}

static int list_dir(struct conn *conn, const struct p9_treaddir *t, bool attrs, struct p9_data *ret)
{
	struct listing list = {.conn = conn, .attrs = attrs};
	int r;

	r = fid_get(&list.fid, conn, t->fid);
	if (r < 0)
		return r;
	if (list.fid->kind != FID_DIR)
		return list.fid->kind == FID_FILE ? -ENOTDIR : -EBADF;
	if (t->offset > INT64_MAX)
		return -EINVAL;
	/* Offset 0 always seeks: a rewind shows what was added since. */
	if (!t->offset || t->offset != list.fid->dir_pos) {
		r = host_seek(list.fid->open_fd, (off_t)t->offset);
		if (r < 0)
			return r;
		list.fid->dir_pos = t->offset;
	}
	r = host_stat(list.fid->open_fd, &list.self);
	if (r < 0)
		return r;
	wr_init(&list.out, conn_reply_data(conn), MIN(t->count, conn_reply_room(conn)));
	r = fill(&list);
	if (r < 0)
		return r;
	*ret = (struct p9_data){conn_reply_data(conn), (uint32_t)wr_len(&list.out)};
	return 0;
}

int op_readdir(struct conn *conn, const struct p9_treaddir *t, struct p9_msg *reply)
{
	return list_dir(conn, t, false, &reply->rreaddir.data);
}

int op_readdirattr(struct conn *conn, const struct p9_treaddirattr *t, struct p9_msg *reply)
{
	struct p9_treaddir plain = {.fid = t->fid, .offset = t->offset, .count = t->count};

	return list_dir(conn, &plain, true, &reply->rreaddirattr.data);
}
