/* SPDX-License-Identifier: Apache-2.0 */
/* Every file system call of the gofer, fd-relative, one component at a time.
 *
 * HOST_SYSCALL() beside each wrapper declares the call; the declarations that are linked in make the
 * seccomp allow-list (sandbox/filter.c), so a call cannot be used here and missing there.
 *
 * All functions return a result >= 0 or -errno. Fds that are "path fds" may be O_PATH; @proc is an
 * O_PATH fd of this process's /proc/self/fd, the one way to turn a path fd into an open one without
 * looking the name up again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

#include "util/cleanup.h"

/* Allowed if (argument @arg & @mask) == @value; mask 0 allows every call. */
struct host_syscall {
	int nr;
	unsigned arg;
	uint64_t mask;
	uint64_t value;
};

#define HOST_SYSCALL_IF(name, id, arg_, mask_, value_)                                             \
	static const struct host_syscall host_syscall_##name##_##id                                \
		__attribute__((section("gofer_syscalls"), used, aligned(8))) = {                   \
			__NR_##name, arg_, mask_, value_}
#define HOST_SYSCALL(name) HOST_SYSCALL_IF(name, any, 0, 0, 0)

#define HOST_NAME_MAX_LEN 255

MUST_CHECK int host_walk(int dir, const char *name); /* path fd; a symlink is not followed */
MUST_CHECK int host_create(int dir, const char *name, int flags, mode_t mode); /* always O_EXCL */
MUST_CHECK int host_reopen(int proc, int fd, int flags, mode_t mode);
void host_close(int fd);

MUST_CHECK int host_stat(int fd, struct statx *ret);
MUST_CHECK int host_stat_at(int dir, const char *name, struct statx *ret);
MUST_CHECK int host_statfs(int fd, struct statfs *ret);
MUST_CHECK int host_chown(int fd, uid_t uid, gid_t gid);
MUST_CHECK int host_chmod(int proc, int fd, mode_t mode);
MUST_CHECK int host_utimens(int fd, const struct timespec times[2]);
MUST_CHECK int host_truncate(int fd, off_t size); /* an open fd */

MUST_CHECK int host_mkdir(int dir, const char *name, mode_t mode);
MUST_CHECK int host_mknod(int dir, const char *name, mode_t mode); /* file, FIFO or socket */
MUST_CHECK int host_symlink(const char *target, int dir, const char *name);
MUST_CHECK int host_link(int proc, int fd, int dir, const char *name);
MUST_CHECK int host_rename(int olddir, const char *oldname, int newdir, const char *newname,
			   unsigned flags);
MUST_CHECK int host_unlink(int dir, const char *name, int flags);
MUST_CHECK ssize_t host_readlink(int fd, char *buf, size_t size);

MUST_CHECK ssize_t host_pread(int fd, void *buf, size_t len, off_t off);
MUST_CHECK ssize_t host_pwrite(int fd, const void *buf, size_t len, off_t off);
MUST_CHECK int host_fsync(int fd, int data_only);
MUST_CHECK ssize_t host_getdents(int fd, void *buf, size_t len);
MUST_CHECK int host_seek(int fd, off_t off);

MUST_CHECK ssize_t host_getxattr(int fd, const char *name, void *buf, size_t len);
MUST_CHECK ssize_t host_listxattr(int fd, char *buf, size_t len);
MUST_CHECK int host_setxattr(int fd, const char *name, const void *buf, size_t len, int flags);
MUST_CHECK int host_removexattr(int fd, const char *name);
