/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: statx(2) results as 9P values, and Tsetattr applied to a file. */
#include "fs/attr.h"

#include <errno.h>
#include <fcntl.h>

#include "fs/host.h"
#include "util/hash.h"

#define NSEC_PER_SEC 1000000000ULL
#define MODE_BITS 07777U

uint64_t attr_dev(const struct statx *stx)
{
	return (uint64_t)stx->stx_dev_major << 32 | stx->stx_dev_minor;
}

/* The path must tell apart all files of one mount, which may span devices; the version must change
 * with the content. */
struct p9_qid attr_qid(uint64_t home, const struct statx *stx)
{
	uint64_t dev = attr_dev(stx);
	struct p9_qid qid = {
		.type = S_ISDIR(stx->stx_mode)	 ? P9_QTDIR
			: S_ISLNK(stx->stx_mode) ? P9_QTSYMLINK
						 : P9_QTFILE,
		.version = (uint32_t)stx->stx_mtime.tv_sec ^ stx->stx_mtime.tv_nsec << 2,
		.path = dev == home ? stx->stx_ino : stx->stx_ino ^ hash_u64(dev) << 32,
	};

	return qid;
}

void attr_fill(struct p9_attr *ret, uint64_t home, const struct statx *stx)
{
	*ret = (struct p9_attr){
		.qid = attr_qid(home, stx),
		.mode = stx->stx_mode,
		.uid = stx->stx_uid,
		.gid = stx->stx_gid,
		.blksize = stx->stx_blksize,
		.nlink = stx->stx_nlink,
		.dev = attr_dev(stx),
		.ino = stx->stx_ino,
		.rdev = (uint64_t)stx->stx_rdev_major << 32 | stx->stx_rdev_minor,
		.size = stx->stx_size,
		.blocks = stx->stx_blocks,
		.atime_sec = (uint64_t)stx->stx_atime.tv_sec,
		.atime_nsec = stx->stx_atime.tv_nsec,
		.mtime_sec = (uint64_t)stx->stx_mtime.tv_sec,
		.mtime_nsec = stx->stx_mtime.tv_nsec,
		.ctime_sec = (uint64_t)stx->stx_ctime.tv_sec,
		.ctime_nsec = stx->stx_ctime.tv_nsec,
		.flags = (uint32_t)stx->stx_attributes,
	};
	if (stx->stx_mask & STATX_BTIME) {
		ret->btime_sec = (uint64_t)stx->stx_btime.tv_sec;
		ret->btime_nsec = stx->stx_btime.tv_nsec;
	}
}

/* The kernel's encoding of a dev_t in 9P2000.L (new_encode_dev). */
static uint64_t encode_dev(uint32_t major, uint32_t minor)
{
	return (minor & 0xffU) | (uint64_t)major << 8 | (uint64_t)(minor & ~0xffU) << 12;
}

void attr_fill_standard(struct p9_rgetattr *ret, uint64_t home, const struct statx *stx,
			uint64_t mask)
{
	uint64_t valid = P9_GETATTR_BASIC;

	if (stx->stx_mask & STATX_BTIME)
		valid |= P9_GETATTR_BTIME;
	*ret = (struct p9_rgetattr){
		.valid = valid & mask,
		.qid = attr_qid(home, stx),
		.mode = stx->stx_mode,
		.uid = stx->stx_uid,
		.gid = stx->stx_gid,
		.nlink = stx->stx_nlink,
		.rdev = encode_dev(stx->stx_rdev_major, stx->stx_rdev_minor),
		.size = stx->stx_size,
		.blksize = stx->stx_blksize,
		.blocks = stx->stx_blocks,
		.atime_sec = (uint64_t)stx->stx_atime.tv_sec,
		.atime_nsec = stx->stx_atime.tv_nsec,
		.mtime_sec = (uint64_t)stx->stx_mtime.tv_sec,
		.mtime_nsec = stx->stx_mtime.tv_nsec,
		.ctime_sec = (uint64_t)stx->stx_ctime.tv_sec,
		.ctime_nsec = stx->stx_ctime.tv_nsec,
	};
	if (valid & P9_GETATTR_BTIME) {
		ret->btime_sec = (uint64_t)stx->stx_btime.tv_sec;
		ret->btime_nsec = stx->stx_btime.tv_nsec;
	}
}

static int set_owner(int fd, const struct p9_tsetattr *set)
{
	uid_t uid = set->valid & P9_SETATTR_UID ? set->uid : (uid_t)-1;
	gid_t gid = set->valid & P9_SETATTR_GID ? set->gid : (gid_t)-1;

	return host_chown(fd, uid, gid);
}

static int set_size(int proc, int fd, int open_fd, uint64_t size)
{
	struct statx stx;
	int r;

	if (size > INT64_MAX)
		return -EFBIG;
	if (open_fd >= 0)
		return host_truncate(open_fd, (off_t)size);
	r = host_stat(fd, &stx);
	if (r < 0)
		return r;
	if (!S_ISREG(stx.stx_mode))
		return S_ISDIR(stx.stx_mode) ? -EISDIR : -EINVAL;

	int writable = host_reopen(proc, fd, O_WRONLY, 0);

	if (writable < 0)
		return writable;
	r = host_truncate(writable, (off_t)size);
	host_close(writable);
	return r;
}

/* One timestamp: left alone, now, or the given value. */
static int time_arg(struct timespec *ret, bool change, bool given, uint64_t sec, uint64_t nsec)
{
	if (!change) {
		*ret = (struct timespec){.tv_nsec = UTIME_OMIT};
	} else if (!given) {
		*ret = (struct timespec){.tv_nsec = UTIME_NOW};
	} else {
		if (nsec >= NSEC_PER_SEC)
			return -EINVAL;
		*ret = (struct timespec){.tv_sec = (time_t)sec, .tv_nsec = (long)nsec};
	}
	return 0;
}

static int set_times(int fd, const struct p9_tsetattr *set)
{
	struct timespec times[2];
	int r;

	r = time_arg(&times[0], set->valid & P9_SETATTR_ATIME, set->valid & P9_SETATTR_ATIME_SET,
		     set->atime_sec, set->atime_nsec);
	if (r < 0)
		return r;
	r = time_arg(&times[1], set->valid & P9_SETATTR_MTIME, set->valid & P9_SETATTR_MTIME_SET,
		     set->mtime_sec, set->mtime_nsec);
	if (r < 0)
		return r;
	return host_utimens(fd, times);
}

int attr_set(int proc, int fd, int open_fd, const struct p9_tsetattr *set)
{
	int r = 0;

	if (set->valid & ~0x1ffU)
		return -EINVAL;
	if (set->valid & (P9_SETATTR_UID | P9_SETATTR_GID))
		r = set_owner(fd, set);
	if (r == 0 && set->valid & P9_SETATTR_MODE)
		r = host_chmod(proc, fd, set->mode & MODE_BITS);
	if (r == 0 && set->valid & P9_SETATTR_SIZE)
		r = set_size(proc, fd, open_fd, set->size);
	if (r == 0 && set->valid & (P9_SETATTR_ATIME | P9_SETATTR_MTIME))
		r = set_times(fd, set);
	/* P9_SETATTR_CTIME alone: any change moves ctime by itself. */
	return r;
}
