/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes.
 *
 * What passes: user.* both ways, and security.capability for reading (execve needs it). Everything
 * else would act on the host: trusted.* and other security.* belong to its administrator, POSIX
 * ACLs (system.*) would be enforced by nobody in the guest. Values are read and written through an
 * fd that is open: O_PATH has no xattr calls. So only regular files and directories have any, as
 * Linux has it for user.*.
 */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/host.h"

/* 9P flags equal the system call's. */
#define XATTR_FLAGS (XATTR_CREATE | XATTR_REPLACE)

static bool is_user(const char *name)
{
	return strncmp(name, XATTR_USER_PREFIX, XATTR_USER_PREFIX_LEN) == 0;
}

static bool is_readable(const char *name)
{
	return is_user(name) || strcmp(name, "security.capability") == 0;
}

/* 0, or what reading an attribute of that name answers. */
static int check_read(const char *name)
{
	if (is_readable(name))
		return 0;
	return strncmp(name, XATTR_SYSTEM_PREFIX, XATTR_SYSTEM_PREFIX_LEN) == 0 ? -EOPNOTSUPP
										: -ENODATA;
}

static int check_write(const char *name)
{
	if (is_user(name))
		return 0;
	if (strncmp(name, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN) == 0 ||
	    strncmp(name, XATTR_SECURITY_PREFIX, XATTR_SECURITY_PREFIX_LEN) == 0)
		return -EPERM;
	return -EOPNOTSUPP;
}

static int get_xattr_name(char ret[NAME_BUF_LEN], struct p9_str name)
{
	if (!name.len || name.len > P9_NAME_MAX)
		return -ERANGE;
	memcpy(ret, name.data, name.len);
	ret[name.len] = '\0';
	return 0;
}

/* An open fd of the fid's file: its own, or a new one in *ret_new. */
static int xattr_fd(struct conn *conn, const struct fid *fid, int *ret_new)
{
	mode_t type = fid->node->type;

	*ret_new = -1;
	if (fid->open_fd >= 0)
		return fid->open_fd;
	if (!S_ISREG(type) && !S_ISDIR(type))
		return -EOPNOTSUPP;
	*ret_new = open_node(conn, fid->node, O_RDONLY);
	return *ret_new;
}

/* Drops the names that may not be read, in place. */
static size_t filter_names(char *names, size_t len)
{
	size_t kept = 0;

	for (size_t at = 0; at < len;) {
		size_t n = strnlen(names + at, len - at) + 1;

		if (at + n > len)
			break;
		if (is_readable(names + at)) {
			memmove(names + kept, names + at, n);
			kept += n;
		}
		at += n;
	}
	return kept;
}

/* Reads a value, or the list if @name is NULL, into new memory. Returns its length. */
static ssize_t xattr_load(struct conn *conn, const struct fid *fid, const char *name, uint8_t **ret)
{
	uint32_t max = conn->server->limits.xattr_size;
	uint8_t *data;
	ssize_t n;
	int own;
	int fd;

	fd = xattr_fd(conn, fid, &own);
	if (fd == -EOPNOTSUPP && !name) {
		*ret = calloc(1, 1);
		return *ret ? 0 : -ENOMEM;
	}
	if (fd < 0)
		return fd == -EOPNOTSUPP ? -ENODATA : fd;
	data = malloc(max);
	if (!data)
		n = -ENOMEM;
	else if (name)
		n = host_getxattr(fd, name, data, max);
	else
		n = host_listxattr(fd, (char *)data, max);
	host_close(own);
	if (n < 0) {
		free(data);
		return n == -ERANGE ? -E2BIG : n;
	}
	if (!name)
		n = (ssize_t)filter_names((char *)data, (size_t)n);
	*ret = data;
	return n;
}

static int xattr_store(struct conn *conn, const struct fid *fid, const char *name, const void *data,
		       size_t len, int flags, bool remove)
{
	int own;
	int r;
	int fd = xattr_fd(conn, fid, &own);

	if (fd < 0)
		return fd == -EOPNOTSUPP ? -EPERM : fd; /* xattr(7): user.* on files only */
	r = remove ? host_removexattr(fd, name) : host_setxattr(fd, name, data, len, flags);
	host_close(own);
	return r;
}

/* Accounts for @size bytes that a fid is to hold. */
static int hold(struct conn *conn, uint32_t size)
{
	if (size > conn->server->limits.xattr_held - conn->xattr_held)
		return -ENOMEM;
	conn->xattr_held += size;
	return 0;
}

int op_xattrwalk(struct conn *conn, const struct p9_txattrwalk *t, struct p9_msg *reply)
{
	char name[NAME_BUF_LEN];
	uint8_t *data;
	struct fid *newfid;
	struct fid *fid;
	ssize_t n;
	int r;

	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (t->name.len) {
		r = get_xattr_name(name, t->name);
		if (r == 0)
			r = check_read(name);
		if (r < 0)
			return r;
	}
	n = xattr_load(conn, fid, t->name.len ? name : NULL, &data);
	if (n < 0)
		return (int)n;
	r = hold(conn, (uint32_t)n);
	if (r == 0) {
		r = fid_new(&newfid, conn, t->newfid, fid->uid, fid->node);
		if (r < 0)
			conn->xattr_held -= (uint32_t)n;
	}
	if (r < 0) {
		free(data);
		return r;
	}
	node_ref(fid->node);
	newfid->kind = FID_XATTR_READ;
	newfid->xattr.data = data;
	newfid->xattr.size = (uint32_t)n;
	reply->rxattrwalk.size = (uint64_t)n;
	return 0;
}

/* The fid turns into one that takes the value by Twrite and sets it when clunked. */
int op_xattrcreate(struct conn *conn, const struct p9_txattrcreate *t, struct p9_msg *reply)
{
	char name[NAME_BUF_LEN];
	struct fid *fid;
	int r;

	(void)reply;
	r = fid_get(&fid, conn, t->fid);
	if (r < 0)
		return r;
	if (fid->kind != FID_PATH)
		return -EBUSY;
	r = get_xattr_name(name, t->name);
	if (r == 0)
		r = check_write(name);
	if (r < 0)
		return r;
	if (t->flags & ~(uint32_t)XATTR_FLAGS)
		return -EINVAL;
	if (t->size > conn->server->limits.xattr_size)
		return -E2BIG;
	r = hold(conn, (uint32_t)t->size);
	if (r < 0)
		return r;
	fid->xattr.name = strdup(name);
	fid->xattr.data = calloc(1, t->size + 1);
	if (!fid->xattr.name || !fid->xattr.data) {
		free(fid->xattr.name);
		free(fid->xattr.data);
		fid->xattr = (struct fid_xattr){0};
		conn->xattr_held -= (uint32_t)t->size;
		return -ENOMEM;
	}
	fid->xattr.size = (uint32_t)t->size;
	fid->xattr.flags = t->flags;
	fid->kind = FID_XATTR_WRITE;
	return 0;
}

/* Size 0 removes: there is no other message for it in 9P2000.L. */
int xattr_clunk(struct conn *conn, struct fid *fid)
{
	const struct fid_xattr *x = &fid->xattr;

	if (x->written != x->size)
		return -EINVAL;
	return xattr_store(conn, fid, x->name, x->data, x->size, (int)x->flags, x->size == 0);
}

/* The extension's reply: the value, or its length when @size is 0. */
static int reply_value(struct conn *conn, const uint8_t *data, size_t len, uint32_t size,
		       struct p9_data *ret)
{
	uint32_t len32 = (uint32_t)len;
	const void *from = size ? data : (const void *)&len32;

	if (size && len > size)
		return -ERANGE;
	if (!size)
		len = sizeof(len32);
	if (len > conn_reply_room(conn))
		return -E2BIG;
	memcpy(conn_reply_data(conn), from, len);
	*ret = (struct p9_data){conn_reply_data(conn), (uint32_t)len};
	return 0;
}

static int get_value(struct conn *conn, uint32_t number, const char *name, uint32_t size,
		     struct p9_data *ret)
{
	struct fid *fid;
	uint8_t *data;
	ssize_t n;
	int r;

	r = fid_get(&fid, conn, number);
	if (r < 0)
		return r;
	n = xattr_load(conn, fid, name, &data);
	if (n < 0)
		return (int)n;
	r = reply_value(conn, data, (size_t)n, size, ret);
	free(data);
	return r;
}

int op_getxattr(struct conn *conn, const struct p9_tgetxattr *t, struct p9_msg *reply)
{
	char name[NAME_BUF_LEN];
	int r;

	r = get_xattr_name(name, t->name);
	if (r == 0)
		r = check_read(name);
	return r < 0 ? r : get_value(conn, t->fid, name, t->size, &reply->rgetxattr.value);
}

int op_listxattr(struct conn *conn, const struct p9_tlistxattr *t, struct p9_msg *reply)
{
	return get_value(conn, t->fid, NULL, t->size, &reply->rlistxattr.names);
}

int op_setxattr(struct conn *conn, const struct p9_tsetxattr *t, struct p9_msg *reply)
{
	char name[NAME_BUF_LEN];
	struct fid *fid;
	int r;

	(void)reply;
	r = fid_get(&fid, conn, t->fid);
	if (r == 0)
		r = get_xattr_name(name, t->name);
	if (r == 0)
		r = check_write(name);
	if (r < 0)
		return r;
	if (t->flags & ~(uint32_t)XATTR_FLAGS)
		return -EINVAL;
	if (t->value.len > conn->server->limits.xattr_size)
		return -E2BIG;
	return xattr_store(conn, fid, name, t->value.data, t->value.len, (int)t->flags, false);
}

int op_removexattr(struct conn *conn, const struct p9_tremovexattr *t, struct p9_msg *reply)
{
	char name[NAME_BUF_LEN];
	struct fid *fid;
	int r;

	(void)reply;
	r = fid_get(&fid, conn, t->fid);
	if (r == 0)
		r = get_xattr_name(name, t->name);
	if (r == 0)
		r = check_write(name);
	return r < 0 ? r : xattr_store(conn, fid, name, NULL, 0, 0, true);
}
