/* SPDX-License-Identifier: Apache-2.0 */
/* The gofer's file system calls; see host.h. */
#include "fs/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A component name holds no '/', so nothing here can leave @dir but a symlink or "..": neither is
 * taken. RESOLVE_NO_MAGICLINKS is implied by NO_SYMLINKS and said for the reader. */
#define RESOLVE_ONE (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS)

/* openat2(2) may answer EAGAIN when a rename happens meanwhile. */
#define OPENAT2_TRIES 16

/* Room for a decimal int. */
#define FD_NAME_LEN 12

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

static ssize_t result_len(ssize_t r)
{
	return r < 0 ? -errno : r;
}

static void fd_name(char name[FD_NAME_LEN], int fd)
{
	(void)snprintf(name, FD_NAME_LEN, "%d", fd);
}

HOST_SYSCALL(openat2);
static int open_beneath(int dir, const char *name, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
		.mode = mode,
		.resolve = RESOLVE_ONE,
	};
	int r;

	for (int i = 0; i < OPENAT2_TRIES; i++) {
		r = result(syscall(__NR_openat2, dir, name, &how, sizeof(how)));
		if (r != -EAGAIN && r != -EINTR)
			return r;
	}
	return r;
}

int host_walk(int dir, const char *name)
{
	return open_beneath(dir, name, O_PATH, 0);
}

int host_create(int dir, const char *name, int flags, mode_t mode)
{
	return open_beneath(dir, name, flags | O_CREAT | O_EXCL, mode);
}

/* The only call that follows a magic link: ours, in /proc/self/fd, by a number we made. The caller
 * has seen the file's type: this must not be reached for a device node or a FIFO. */
HOST_SYSCALL(openat);
int host_reopen(int proc, int fd, int flags, mode_t mode)
{
	char name[FD_NAME_LEN];

	fd_name(name, fd);
	return result(openat(proc, name, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode));
}

HOST_SYSCALL(close);
void host_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

#define STAT_MASK (STATX_BASIC_STATS | STATX_BTIME)

HOST_SYSCALL(statx);
int host_stat(int fd, struct statx *ret)
{
	return result(statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STAT_MASK, ret));
}

int host_stat_at(int dir, const char *name, struct statx *ret)
{
	return result(statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STAT_MASK, ret));
}

HOST_SYSCALL(fstatfs);
int host_statfs(int fd, struct statfs *ret)
{
	return result(fstatfs(fd, ret));
}

HOST_SYSCALL(fchownat);
int host_chown(int fd, uid_t uid, gid_t gid)
{
	return result(fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

/* fchmod(2) refuses O_PATH. */
HOST_SYSCALL(fchmodat);
int host_chmod(int proc, int fd, mode_t mode)
{
	char name[FD_NAME_LEN];

	fd_name(name, fd);
	return result(fchmodat(proc, name, mode, 0));
}

HOST_SYSCALL(utimensat);
int host_utimens(int fd, const struct timespec times[2])
{
	return result(syscall(__NR_utimensat, fd, "", times, AT_EMPTY_PATH));
}

HOST_SYSCALL(ftruncate);
int host_truncate(int fd, off_t size)
{
	return result(ftruncate(fd, size));
}

HOST_SYSCALL(mkdirat);
int host_mkdir(int dir, const char *name, mode_t mode)
{
	return result(mkdirat(dir, name, mode));
}

/* No device node is ever made. */
HOST_SYSCALL_IF(mknodat, file, 2, S_IFMT, S_IFREG);
HOST_SYSCALL_IF(mknodat, fifo, 2, S_IFMT, S_IFIFO);
HOST_SYSCALL_IF(mknodat, sock, 2, S_IFMT, S_IFSOCK);
int host_mknod(int dir, const char *name, mode_t mode)
{
	if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
		return -EPERM;
	return result(mknodat(dir, name, mode, 0));
}

HOST_SYSCALL(symlinkat);
int host_symlink(const char *target, int dir, const char *name)
{
	return result(symlinkat(target, dir, name));
}

/* AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH in the initial user namespace, the magic link does not.
 */
HOST_SYSCALL(linkat);
int host_link(int proc, int fd, int dir, const char *name)
{
	char from[FD_NAME_LEN];
	int r;

	r = result(linkat(fd, "", dir, name, AT_EMPTY_PATH));
	if (r != -ENOENT)
		return r;
	fd_name(from, fd);
	return result(linkat(proc, from, dir, name, AT_SYMLINK_FOLLOW));
}

HOST_SYSCALL(renameat2);
int host_rename(int olddir, const char *oldname, int newdir, const char *newname, unsigned flags)
{
	/* glibc's renameat2() makes another call when there are no flags. */
	return result(syscall(__NR_renameat2, olddir, oldname, newdir, newname, flags));
}

HOST_SYSCALL(unlinkat);
int host_unlink(int dir, const char *name, int flags)
{
	return result(unlinkat(dir, name, flags));
}

HOST_SYSCALL(readlinkat);
ssize_t host_readlink(int fd, char *buf, size_t size)
{
	return result_len(readlinkat(fd, "", buf, size));
}

HOST_SYSCALL(pread64);
ssize_t host_pread(int fd, void *buf, size_t len, off_t off)
{
	return result_len(pread(fd, buf, len, off));
}

HOST_SYSCALL(pwrite64);
ssize_t host_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return result_len(pwrite(fd, buf, len, off));
}

HOST_SYSCALL(fsync);
HOST_SYSCALL(fdatasync);
int host_fsync(int fd, int data_only)
{
	return result(data_only ? fdatasync(fd) : fsync(fd));
}

HOST_SYSCALL(getdents64);
ssize_t host_getdents(int fd, void *buf, size_t len)
{
	return result_len(getdents64(fd, buf, len));
}

HOST_SYSCALL(lseek);
int host_seek(int fd, off_t off)
{
	return lseek(fd, off, SEEK_SET) < 0 ? -errno : 0;
}

HOST_SYSCALL(fgetxattr);
ssize_t host_getxattr(int fd, const char *name, void *buf, size_t len)
{
	return result_len(fgetxattr(fd, name, buf, len));
}

HOST_SYSCALL(flistxattr);
ssize_t host_listxattr(int fd, char *buf, size_t len)
{
	return result_len(flistxattr(fd, buf, len));
}

HOST_SYSCALL(fsetxattr);
int host_setxattr(int fd, const char *name, const void *buf, size_t len, int flags)
{
	return result(fsetxattr(fd, name, buf, len, flags));
}

HOST_SYSCALL(fremovexattr);
int host_removexattr(int fd, const char *name)
{
	return result(fremovexattr(fd, name));
}

/* What libc itself needs: the allocator, without executable memory, and the end. */
HOST_SYSCALL_IF(mmap, noexec, 2, PROT_EXEC, 0);
HOST_SYSCALL_IF(mprotect, noexec, 2, PROT_EXEC, 0);
HOST_SYSCALL(munmap);
HOST_SYSCALL(mremap);
HOST_SYSCALL(madvise);
HOST_SYSCALL(brk);
HOST_SYSCALL(exit_group);
