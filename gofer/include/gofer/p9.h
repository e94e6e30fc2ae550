/* SPDX-License-Identifier: Apache-2.0 */
/* The 9P2000.L codec and the netsentry extension of it, shared by the gofer (server) and the sentry
 * (client).
 *
 * A message is `size[4] type[1] tag[2] fields`, little-endian. All messages are declared once, in
 * p9_messages.def; this header derives a struct per message from it and struct p9_msg as their
 * union. Decoding allocates nothing: strings, names and data are slices borrowed from the frame.
 *
 * Extension, spoken after Tversion/Rversion agreed on P9_VERSION_NETSENTRY (a server that does not
 * know it answers with a shorter prefix or "unknown", the client then falls back to P9_VERSION_L):
 *
 * Fd donation. The reply to an open of a regular file carries an open host fd (SCM_RIGHTS, attached
 * to the reply's first byte) with the access mode that was asked for. Ropenat says so in has_fd,
 * Rlopen and Rlcreate in bit P9_IOUNIT_FD of iounit. O_APPEND is not set on it: the client keeps the
 * append position. Directories never travel.
 *
 * Twalkgetattr  walks up to P9_MAX_WALK names from @fid and returns the attributes of each component
 *               reached. The reply is never a short error: ecode is 0 when all names were found,
 *               else the errno of the first that was not, and attrs has those before it. A symlink
 *               is never followed: walking on from one ends with ENOTDIR. newfid: P9_NOFID binds
 *               nothing (a stat); else it is bound to the last component when ecode is 0. With
 *               P9_WALK_EACH in flags, component i is bound to newfid + i, also on a partial walk.
 *               No names: attributes of @fid itself (one attr), newfid becomes a clone.
 * Topenat       opens @name in @dfid, or @dfid itself when @name is empty, with Linux open flags;
 *               O_CREAT [O_EXCL] creates a regular file owned by uid:gid. newfid becomes an open
 *               fid, or P9_NOFID: the server keeps nothing and only the donated fd remains (an
 *               error for a directory). created tells whether this call made the file.
 * Tmkdirat, Tmknodat, Tsymlinkat   create an object owned by uid:gid, return its attributes, and
 *               bind newfid to it unless P9_NOFID.
 * Treaddirattr  as Treaddir on an open directory, each entry with full attributes; "." and ".." are
 *               left out. An entry that vanished meanwhile is left out too.
 * Tgetattrx     all that statx gives, with device numbers and birth time.
 * Trenameat2    flags RENAME_NOREPLACE, RENAME_EXCHANGE.
 * Tclunkmany    clunks up to P9_MAX_CLUNK fids; unknown ones are ignored.
 * T{get,set,list,remove}xattr   in one message each; size 0 asks for the length (returned as data
 *               of 4 bytes, little-endian).
 *
 * On such a connection ".." cannot be walked, and Trename/Tremove answer EOPNOTSUPP (the server does
 * not keep each fid's parent; Trenameat and Tunlinkat are the ways).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd;
struct wr;

#define P9_VERSION_L "9P2000.L"
#define P9_VERSION_NETSENTRY "9P2000.L.netsentry"

#define P9_NOTAG UINT16_MAX
#define P9_NOFID UINT32_MAX
#define P9_NONUNAME UINT32_MAX

#define P9_HDR_LEN 7U
#define P9_RREAD_HDR_LEN 11U /* Rread and Rreaddir up to their data */
#define P9_MSIZE_MIN 4096U
#define P9_MSIZE_MAX (1U << 20)
#define P9_MAX_WALK 16U
#define P9_MAX_CLUNK 128U
#define P9_NAME_MAX 255U
#define P9_ATTR_LEN 129U /* struct p9_attr on the wire */
#define P9_MAX_FDS 1U /* per message */

/* qid.type */
#define P9_QTDIR 0x80U
#define P9_QTSYMLINK 0x02U
#define P9_QTFILE 0x00U

/* Tgetattr mask */
#define P9_GETATTR_BASIC 0x000007ffULL
#define P9_GETATTR_BTIME 0x00000800ULL
#define P9_GETATTR_ALL 0x00003fffULL

/* Tsetattr valid */
#define P9_SETATTR_MODE 0x001U
#define P9_SETATTR_UID 0x002U
#define P9_SETATTR_GID 0x004U
#define P9_SETATTR_SIZE 0x008U
#define P9_SETATTR_ATIME 0x010U
#define P9_SETATTR_MTIME 0x020U
#define P9_SETATTR_CTIME 0x040U
#define P9_SETATTR_ATIME_SET 0x080U /* to the given value; without it, to now */
#define P9_SETATTR_MTIME_SET 0x100U

/* Tlock, Tgetlock */
#define P9_LOCK_RDLCK 0U
#define P9_LOCK_WRLCK 1U
#define P9_LOCK_UNLCK 2U
#define P9_LOCK_BLOCK 1U
#define P9_LOCK_RECLAIM 2U
#define P9_LOCK_SUCCESS 0U
#define P9_LOCK_BLOCKED 1U
#define P9_LOCK_ERROR 2U
#define P9_LOCK_GRACE 3U

#define P9_UNLINK_REMOVEDIR 0x200U /* Tunlinkat flags: AT_REMOVEDIR */

#define P9_WALK_EACH 0x1U	    /* Twalkgetattr flags */
#define P9_IOUNIT_FD 0x80000000U /* Rlopen, Rlcreate iounit, extension only */

/* A borrowed slice, not NUL-terminated. Decoded ones contain no NUL. */
struct p9_str {
	const char *data;
	uint16_t len;
};

struct p9_data {
	const void *data;
	uint32_t len;
};

struct p9_qid {
	uint8_t type;
	uint32_t version;
	uint64_t path;
};

/* What statx(2) says. Device numbers are major << 32 | minor; times are seconds since 1970 as two's
 * complement; btime is 0.0 when unknown. */
struct p9_attr {
	struct p9_qid qid;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t blksize;
	uint64_t nlink;
	uint64_t dev;
	uint64_t ino;
	uint64_t rdev;
	uint64_t size;
	uint64_t blocks;
	uint64_t atime_sec;
	uint64_t mtime_sec;
	uint64_t ctime_sec;
	uint64_t btime_sec;
	uint32_t atime_nsec;
	uint32_t mtime_nsec;
	uint32_t ctime_nsec;
	uint32_t btime_nsec;
	uint32_t flags; /* stx_attributes, low 32 bits */
};

struct p9_names {
	uint16_t n;
	struct p9_str v[P9_MAX_WALK];
};

struct p9_qids {
	uint16_t n;
	struct p9_qid v[P9_MAX_WALK];
};

struct p9_attrs {
	uint16_t n;
	struct p9_attr v[P9_MAX_WALK];
};

struct p9_fids {
	uint16_t n;
	uint32_t v[P9_MAX_CLUNK];
};

/* One entry of Rreaddir's data. */
struct p9_dirent {
	struct p9_qid qid;
	uint64_t offset; /* where a Treaddir continues after this entry */
	uint8_t type;	 /* DT_* */
	struct p9_str name;
};

/* One entry of Rreaddirattr's data. */
struct p9_direntattr {
	struct p9_attr attr;
	uint64_t offset;
	struct p9_str name;
};

enum p9_type {
#define P9_MSG(ENUM, name, type, fields) P9_##ENUM = type,
#include "gofer/p9_messages.def"
};

#define P9_U8(f) uint8_t f;
#define P9_U16(f) uint16_t f;
#define P9_U32(f) uint32_t f;
#define P9_U64(f) uint64_t f;
#define P9_STR(f) struct p9_str f;
#define P9_NAME(f) struct p9_str f;
#define P9_QID(f) struct p9_qid f;
#define P9_ATTR(f) struct p9_attr f;
#define P9_DATA(f) struct p9_data f;
#define P9_NAMES(f) struct p9_names f;
#define P9_QIDS(f) struct p9_qids f;
#define P9_ATTRS(f) struct p9_attrs f;
#define P9_FIDS(f) struct p9_fids f;
#define P9_MSG(ENUM, name, type, fields)                                                           \
	struct p9_##name {                                                                         \
		fields                                                                             \
	};
#include "gofer/p9_messages.def"

struct p9_msg {
	uint8_t type; /* enum p9_type; any value in a message still to be checked */
	uint16_t tag;
	union {
#define P9_MSG(ENUM, name, type, fields) struct p9_##name name;
#include "gofer/p9_messages.def"
	};
};

/* Appends @msg as one frame, size field included, to @out. Data whose pointer is the very place in
 * @out where it belongs is left in place, so that a reader can pread() into the frame first.
 * Returns the frame's length, or -EMSGSIZE when it does not fit @out (which then has failed), or
 * -EINVAL for an unknown type or a count above its limit. */
int p9_encode(struct wr *out, const struct p9_msg *msg) __attribute__((warn_unused_result));

/* Reads the one frame that @in holds, and checks it: the size field matches, the type is known, no
 * field is cut short, nothing follows the last one, strings have no NUL, names no '/', counts are
 * within their limits. Slices of @ret borrow from @in's buffer.
 * Returns 0 or -EBADMSG; ret->type and ret->tag are then set if they could be read, else 0. */
int p9_decode(struct p9_msg *ret, struct rd *in) __attribute__((warn_unused_result));

/* Directory entries inside the data of Rreaddir and Rreaddirattr. _put returns 0 or -EMSGSIZE (and
 * @out is as before: the entry does not fit any more). _get returns 1, 0 at the end, -EBADMSG. */
int p9_dirent_put(struct wr *out, const struct p9_dirent *ent) __attribute__((warn_unused_result));
int p9_dirent_get(struct p9_dirent *ret, struct rd *in) __attribute__((warn_unused_result));
int p9_direntattr_put(struct wr *out, const struct p9_direntattr *ent)
	__attribute__((warn_unused_result));
int p9_direntattr_get(struct p9_direntattr *ret, struct rd *in)
	__attribute__((warn_unused_result));

/* "twalk", or NULL for an unknown type. */
const char *p9_type_name(uint8_t type);

/* One line of text, NUL-terminated, cut to @size; unprintable bytes become '?', data is given by
 * its length. Returns the length written. */
size_t p9_print(char *buf, size_t size, const struct p9_msg *msg);

struct p9_str p9_str(const char *cstr);
bool p9_str_eq(struct p9_str str, const char *cstr);

/* Blocking framing helpers for a stream or seqpacket socket. The sentry and the server have their
 * own I/O; tests and tools use these. */

/* Sends one frame, with @pass_fd (borrowed) attached unless negative. Returns 0 or -errno. */
int p9_send(int sock, const void *frame, size_t len, int pass_fd)
	__attribute__((warn_unused_result));

/* Receives one frame into @buf. *ret_fd, if given, becomes the fd that came with it (the caller
 * closes it) or -1. Returns its length, 0 at the end of the connection, -EBADMSG for a size field
 * outside 7..@size, or -errno. */
int p9_recv(int sock, void *buf, size_t size, int *ret_fd) __attribute__((warn_unused_result));
