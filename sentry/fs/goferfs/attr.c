/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes and extended attributes of goferfs. */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fs/goferfs/goferfs_internal.h"
#include "host/file.h"
#include "mm/memfile.h"
#include "util/bytes.h"
#include "util/cleanup.h"

static struct timespec to_time(uint64_t sec, uint32_t nsec)
{
	return (struct timespec){ .tv_sec = (time_t)sec, .tv_nsec = nsec < 1000000000U ? nsec : 0 };
}

void gofer_update_attr(struct gofer_inode *gi, const struct p9_attr *attr)
{
	struct inode *inode = &gi->inode;

	inode->mode = (inode->mode & S_IFMT) | (attr->mode & 07777);
	inode_set_owner(inode, attr->uid, attr->gid);
	inode->nlink = (uint32_t)MIN(attr->nlink, (uint64_t)UINT32_MAX);
	inode->size = (int64_t)MIN(attr->size, (uint64_t)INT64_MAX);
	gi->blocks = attr->blocks;
	mutex_lock(&inode->attr_mu);
	inode->atime = to_time(attr->atime_sec, attr->atime_nsec);
	inode->mtime = to_time(attr->mtime_sec, attr->mtime_nsec);
	inode->ctime = to_time(attr->ctime_sec, attr->ctime_nsec);
	inode->btime = to_time(attr->btime_sec, attr->btime_nsec);
	mutex_unlock(&inode->attr_mu);
}

/* After writes, the descriptor knows size, blocks and times without a round trip. */
static int refresh_from_fd(struct gofer_inode *gi)
{
	int fd = gofer_handle_fd(gi, false);
	struct stat st;

	if (fd < 0)
		return -EBADF;
	int r = host_fstat(fd, &st);

	if (r < 0)
		return r;
	gi->blocks = (uint64_t)st.st_blocks;
	gi->inode.size = st.st_size;
	mutex_lock(&gi->inode.attr_mu);
	gi->inode.mtime = st.st_mtim;
	gi->inode.ctime = st.st_ctim;
	mutex_unlock(&gi->inode.attr_mu);
	return 0;
}

static int refresh(struct gofer_inode *gi)
{
	struct p9_call call = { .req.type = P9_TGETATTRX };

	call.req.tgetattrx.fid = gi->fid;
	int r = p9_rpc(gofer_client(&gi->inode), &call);

	if (r < 0)
		return r;
	gofer_update_attr(gi, &call.rsp.rgetattrx.attr);
	p9_end(&call);
	return 0;
}

int gofer_getattr(struct inode *inode, struct kstat *st)
{
	struct gofer_inode *gi = gofer_of(inode);

	if (gofer_sb(inode)->shared) {
		int r = refresh(gi);

		if (r < 0)
			return r;
	} else if (atomic_exchange(&gi->dirty, false)) {
		/* Users keep a descriptor open; without one the gofer is asked. The race of a descriptor
		 * being closed under us is excluded by taking part in its use. */
		if (gofer_handle_get(gi, false) == 0) {
			(void)refresh_from_fd(gi);
			gofer_handle_put(gi);
		} else {
			(void)refresh(gi);
		}
	}
	inode_fill_stat(inode, st);
	st->blocks = gi->blocks;
	st->has_btime = st->btime.tv_sec != 0;
	return 0;
}

static void fill_setattr(struct p9_tsetattr *t, const struct iattr *attr)
{
	if (attr->valid & ATTR_MODE) {
		t->valid |= P9_SETATTR_MODE;
		t->mode = attr->mode;
	}
	if (attr->valid & ATTR_UID) {
		t->valid |= P9_SETATTR_UID;
		t->uid = attr->uid;
	}
	if (attr->valid & ATTR_GID) {
		t->valid |= P9_SETATTR_GID;
		t->gid = attr->gid;
	}
	if (attr->valid & ATTR_SIZE) {
		t->valid |= P9_SETATTR_SIZE;
		t->size = (uint64_t)attr->size;
	}
	if (attr->valid & ATTR_ATIME) {
		t->valid |= P9_SETATTR_ATIME | P9_SETATTR_ATIME_SET;
		t->atime_sec = (uint64_t)attr->atime.tv_sec;
		t->atime_nsec = (uint64_t)attr->atime.tv_nsec;
	}
	if (attr->valid & ATTR_MTIME) {
		t->valid |= P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET;
		t->mtime_sec = (uint64_t)attr->mtime.tv_sec;
		t->mtime_nsec = (uint64_t)attr->mtime.tv_nsec;
	}
}

static void size_changed(struct inode *inode, int64_t size)
{
	int64_t old = atomic_exchange(&inode->size, size);

	gofer_of(inode)->dirty = true;
	if (size < old) {
		uint64_t from = ((uint64_t)size + PAGE_SIZE - 1) & PAGE_MASK;

		mappable_invalidate(&inode->map, from, (uint64_t)INT64_MAX / PAGE_SIZE * PAGE_SIZE - from);
	}
}

int gofer_setattr(struct inode *inode, const struct iattr *attr)
{
	struct gofer_inode *gi = gofer_of(inode);
	struct p9_call call = { .req.type = P9_TSETATTR };

	if ((attr->valid & ATTR_SIZE) && inode_kind(inode) != S_IFREG)
		return -EINVAL;
	int r;

	/* With a descriptor at hand no message is needed. */
	if (attr->valid == ATTR_SIZE && gofer_handle_fd(gi, true) >= 0 &&
	    gofer_handle_get(gi, true) == 0) {
		r = host_ftruncate(gofer_handle_fd(gi, true), attr->size);
		gofer_handle_put(gi);
	} else {
		call.req.tsetattr.fid = gi->fid;
		fill_setattr(&call.req.tsetattr, attr);
		r = p9_rpc(gofer_client(inode), &call);
		if (r == 0)
			p9_end(&call);
	}
	if (r < 0)
		return r;
	if (attr->valid & ATTR_SIZE)
		size_changed(inode, attr->size);
	inode_apply_attr(inode, attr);
	return 0;
}

/* ---- extended attributes ---- */

/* Copies what a reply gave, or its 4-byte length when only that was asked for. */
static ssize_t take_data(const struct p9_data *data, void *buf, size_t size)
{
	if (size == 0)
		return data->len == 4 ? (ssize_t)load_le32(data->data) : -EIO;
	if (data->len > size)
		return -ERANGE;
	memcpy(buf, data->data, data->len);
	return (ssize_t)data->len;
}

ssize_t gofer_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct p9_call call = { .req.type = P9_TGETXATTR };

	call.req.tgetxattr = (struct p9_tgetxattr){ gofer_of(inode)->fid, p9_str(name), (uint32_t)size };
	ssize_t r = p9_rpc(gofer_client(inode), &call);

	if (r < 0)
		return r;
	r = take_data(&call.rsp.rgetxattr.value, buf, size);
	p9_end(&call);
	return r;
}

int gofer_setxattr(struct inode *inode, const char *name, const void *value, size_t size, int flags)
{
	struct p9_call call = { .req.type = P9_TSETXATTR };

	call.req.tsetxattr = (struct p9_tsetxattr){ gofer_of(inode)->fid, p9_str(name), (uint32_t)flags,
						    { value, (uint32_t)size } };
	int r = p9_rpc(gofer_client(inode), &call);

	if (r == 0) {
		p9_end(&call);
		inode_touch(inode, false, true);
	}
	return r;
}

ssize_t gofer_listxattr(struct inode *inode, char *buf, size_t size)
{
	struct p9_call call = { .req.type = P9_TLISTXATTR };

	call.req.tlistxattr = (struct p9_tlistxattr){ gofer_of(inode)->fid, (uint32_t)size };
	ssize_t r = p9_rpc(gofer_client(inode), &call);

	if (r < 0)
		return r;
	r = take_data(&call.rsp.rlistxattr.names, buf, size);
	p9_end(&call);
	return r;
}

int gofer_removexattr(struct inode *inode, const char *name)
{
	struct p9_call call = { .req.type = P9_TREMOVEXATTR };

	call.req.tremovexattr = (struct p9_tremovexattr){ gofer_of(inode)->fid, p9_str(name) };
	int r = p9_rpc(gofer_client(inode), &call);

	if (r == 0)
		p9_end(&call);
	return r;
}
