/* SPDX-License-Identifier: Apache-2.0 */
/* Bad pointers, lengths and descriptors in every file call: the errno that Linux says. */
#include "file_util.h"

#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#define BAD ((void *)0x1000)
#define CALL(nr, ...) SHOW(syscall(SYS_##nr, ##__VA_ARGS__))

int main(void)
{
	enter_work_dir();
	make_file("f", "hello");
	int fd = open("f", O_RDWR);
	int dir = open(".", O_RDONLY);
	char *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(edge + 4096, 4096);

	CALL(read, fd, BAD, 3);
	CALL(read, fd, ro, 3);
	CALL(read, 99, BAD, 3);
	CALL(read, -1, BAD, 3);
	CALL(read, fd, BAD, 0);
	lseek(fd, 0, SEEK_SET);
	CALL(read, fd, edge + 4094, 5);
	lseek(fd, 0, SEEK_SET);
	CALL(write, fd, BAD, 3);
	memset(edge, 'e', 4096);
	CALL(write, fd, edge + 4094, 5);
	CALL(pread64, fd, BAD, 3, 0L);
	CALL(readv, fd, BAD, 1);
	CALL(writev, fd, BAD, 1);
	struct iovec iov[2] = { { edge, 2 }, { (void *)-1, 5 } };
	CALL(writev, fd, iov, 2);
	iov[1].iov_len = (size_t)-1;
	CALL(writev, fd, iov, 2);
	CALL(open, BAD, 0);
	CALL(openat, AT_FDCWD, BAD, 0);
	CALL(openat, 99, "f", 0);
	CALL(openat, fd, "f", 0);
	struct open_how how = { .flags = O_RDONLY };
	CALL(openat2, AT_FDCWD, "f", BAD, sizeof(how));
	CALL(openat2, AT_FDCWD, "f", &how, 8L);
	how.flags = 1ULL << 40;
	CALL(openat2, AT_FDCWD, "f", &how, sizeof(how));
	how.flags = O_RDONLY;
	how.mode = 0600;
	CALL(openat2, AT_FDCWD, "f", &how, sizeof(how));
	how.mode = 0;
	how.resolve = RESOLVE_BENEATH;
	CALL(openat2, AT_FDCWD, "../x", &how, sizeof(how));
	CALL(openat2, AT_FDCWD, "/etc", &how, sizeof(how));
	how.resolve = RESOLVE_NO_SYMLINKS;
	symlink("f", "s");
	CALL(openat2, AT_FDCWD, "s", &how, sizeof(how));
	how.resolve = 1 << 20;
	CALL(openat2, AT_FDCWD, "f", &how, sizeof(how));
	how.resolve = RESOLVE_IN_ROOT;
	int in_root = (int)syscall(SYS_openat2, dir, "/../../f", &how, sizeof(how));
	CHECK(in_root >= 0);
	close(in_root);
	CALL(stat, "f", BAD);
	CALL(stat, BAD, BAD);
	CALL(fstat, fd, BAD);
	CALL(fstat, 99, edge);
	CALL(newfstatat, AT_FDCWD, BAD, edge, 0);
	CALL(statx, AT_FDCWD, "f", 0, 0, BAD);
	CALL(statfs, ".", BAD);
	CALL(fstatfs, 99, edge);
	CALL(getdents64, dir, BAD, 1000);
	CALL(getdents64, 99, edge, 1000);
	CALL(getcwd, BAD, 1000);
	CALL(getcwd, edge, 0);
	CALL(readlink, "s", BAD, 10);
	CALL(readlink, "s", edge, -1);
	CALL(readlink, "s", edge, 0);
	CALL(mkdir, BAD, 0700);
	CALL(mkdir, "", 0700);
	CALL(rmdir, BAD);
	CALL(unlink, BAD);
	CALL(unlink, "");
	CALL(rename, BAD, "x");
	CALL(rename, "f", BAD);
	CALL(link, "f", BAD);
	CALL(symlink, BAD, "x");
	CALL(symlink, "x", BAD);
	CALL(chmod, BAD, 0600);
	CALL(chown, BAD, 0, 0);
	CALL(truncate, BAD, 0L);
	CALL(utimensat, AT_FDCWD, "f", BAD, 0);
	CALL(utimensat, AT_FDCWD, BAD, NULL, 0);
	CALL(utimes, "f", BAD);
	CALL(access, BAD, 0);
	CALL(chdir, BAD);
	CALL(chroot, BAD);
	CALL(fcntl, 99, F_GETFL);
	CALL(fcntl, fd, 9999);
	CALL(fcntl, fd, F_GETLK, BAD);
	CALL(fcntl, fd, F_SETLK, BAD);
	CALL(fcntl, fd, F_GETPIPE_SZ);
	CALL(ioctl, 99, 0x5401, edge);
	CALL(ioctl, fd, 0x5401, edge);
	CALL(ioctl, fd, FIONREAD, BAD);
	CALL(ioctl, fd, FIONBIO, BAD);
	CALL(flock, 99, LOCK_SH);
	CALL(fsync, 99);
	CALL(dup, 99);
	CALL(dup2, 99, 5);
	CALL(lseek, 99, 0L, 0);
	CALL(ftruncate, 99, 0L);
	CALL(fallocate, 99, 0, 0L, 1L);
	CALL(fallocate, fd, 0x1000, 0L, 1L);
	CALL(getxattr, "f", BAD, edge, 10L);
	CALL(setxattr, "f", "user.a", BAD, 10L, 0);
	CALL(setxattr, "f", "user.a", edge, 70000L, 0);
	CALL(listxattr, BAD, edge, 10L);
	CALL(sendfile, fd, 99, NULL, 10L);
	CALL(sendfile, fd, fd, BAD, 10L);
	CALL(splice, 99, NULL, fd, NULL, 10L, 0);
	CALL(copy_file_range, fd, BAD, fd, NULL, 10L, 0);
	CALL(memfd_create, BAD, 0);
	CALL(mount, "x", "/none", "tmpfs", 0L, NULL);
	CALL(mount, "x", BAD, "tmpfs", 0L, NULL);
	CALL(umount2, "/none", 0);
	CALL(umount2, ".", 0);
	CALL(umount2, ".", 0x1000);
	CALL(mknod, BAD, 0600, 0);
	CALL(close, 99);
	CALL(close_range, 5, 4, 0);
	CALL(close_range, 90, 99, 0x80);
	int pipefd[2];
	pipe(pipefd);
	CALL(lseek, pipefd[0], 0L, 0);
	CALL(pread64, pipefd[0], edge, 1L, 0L);
	CALL(ftruncate, pipefd[1], 0L);
	CALL(fsync, pipefd[0]);
	CALL(read, pipefd[1], edge, 1L);
	CALL(write, pipefd[0], edge, 1L);
	CALL(fallocate, pipefd[1], 0, 0L, 1L);
	return 0;
}
