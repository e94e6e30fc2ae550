/* SPDX-License-Identifier: Apache-2.0 */
/* chmod, chown, utimensat, access, permission checks of another user, sticky and setgid directories,
 * extended attributes, statx, umask. Runs as root. */
#include "file_util.h"

#include <sys/statfs.h>
#include <sys/xattr.h>

static void modes(void)
{
	make_file("f", "x");
	SHOW(chmod("f", 0600));
	show_stat("f");
	SHOW(chmod("f", 06755));
	show_stat("f");
	SHOW(chown("f", 1000, 1000));
	show_stat("f");
	SHOW(chown("f", -1, 5));
	show_stat("f");
	int fd = open("f", O_RDONLY);
	SHOW(fchmod(fd, 0400));
	SHOW(fchown(fd, 0, 0));
	show_stat("f");
	close(fd);
	SHOW(chmod("none", 0600));
	symlink("f", "s");
	SHOW(lchown("s", 7, 7));
	show_stat("s");
	show_stat("f");
	SHOW(fchmodat(AT_FDCWD, "s", 0644, 0));
	show_stat("f");
	fd = open("f", O_PATH);
	SHOW(fchmod(fd, 0600));
	SHOW(fchown(fd, 0, 0));
	close(fd);
	umask(077);
	make_file("u", "x");
	show_stat("u");
	CHECK(umask(022) == 077);
	SHOW(mknod("n", S_IFREG | 0666, 0));
	SHOW(mknod("p", S_IFIFO | 0666, 0));
	SHOW(mknod("k", S_IFSOCK | 0666, 0));
	SHOW(mknod("x", S_IFDIR | 0666, 0));
	SHOW(mknod("x", S_IFLNK | 0666, 0));
	show_stat("n");
	show_stat("p");
	show_stat("k");
	SHOW(open("k", O_RDWR));
	SHOW(open("p", O_WRONLY | O_NONBLOCK));
}

static void times(void)
{
	struct timespec ts[2] = { { 1000, 5 }, { 2000, 6 } };
	struct stat st;

	SHOW(utimensat(AT_FDCWD, "f", ts, 0));
	stat("f", &st);
	printf("%ld.%ld %ld.%ld\n", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec,
	       st.st_mtim.tv_nsec);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	SHOW(utimensat(AT_FDCWD, "f", ts, 0));
	stat("f", &st);
	CHECK(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec > 1000000);
	ts[0].tv_nsec = 1000000000;
	SHOW(utimensat(AT_FDCWD, "f", ts, 0));
	SHOW(utimensat(AT_FDCWD, "none", NULL, 0));
	int fd = open("f", O_RDONLY);
	ts[0] = (struct timespec){ 3000, 0 };
	ts[1] = (struct timespec){ 4000, 0 };
	SHOW(futimens(fd, ts));
	fstat(fd, &st);
	printf("%ld %ld\n", (long)st.st_atim.tv_sec, (long)st.st_mtim.tv_sec);
	close(fd);
	fd = open("f", O_WRONLY);
	SHOW(write(fd, "y", 1));
	close(fd);
	stat("f", &st);
	CHECK(st.st_mtim.tv_sec > 1000000);
}

static void as_user(void)
{
	int fd;

	mkdir("open", 0777);
	chmod("open", 0777);
	mkdir("sticky", 01777);
	chmod("sticky", 01777);
	mkdir("closed", 0700);
	make_file("closed/f", "x");
	make_file("sticky/root", "x");
	make_file("ro", "x");
	make_file("w", "x");
	chmod("w", 0222);
	mkdir("sg", 02777);
	chmod("sg", 02777);
	chown("sg", 0, 500);
	pid_t pid = fork();
	if (pid > 0) {
		waitpid(pid, NULL, 0);
		return;
	}
	SHOW(setgid(1000));
	SHOW(setuid(1000));
	SHOW(open("closed/f", O_RDONLY));
	SHOW(chdir("closed"));
	SHOW(access("closed/f", F_OK));
	SHOW(access("ro", R_OK));
	SHOW(access("ro", W_OK));
	SHOW(access("ro", X_OK));
	SHOW(access("ro", 8));
	SHOW(open("ro", O_RDWR));
	SHOW(open("w", O_RDONLY));
	fd = open("w", O_WRONLY);
	CHECK(fd >= 0);
	close(fd);
	SHOW(unlink("ro"));
	SHOW(open("new", O_CREAT | O_WRONLY, 0600));
	SHOW(mkdir("newd", 0700));
	SHOW(chmod("ro", 0777));
	SHOW(chown("ro", 1000, 1000));
	SHOW(truncate("ro", 0));
	SHOW(utimensat(AT_FDCWD, "ro", NULL, 0));
	struct timespec ts[2] = { { 1, 0 }, { 1, 0 } };
	SHOW(utimensat(AT_FDCWD, "w", NULL, 0));
	SHOW(utimensat(AT_FDCWD, "w", ts, 0));
	SHOW(unlink("sticky/root"));
	SHOW(rename("sticky/root", "open/x"));
	SHOW(make_file("sticky/mine", "m"));
	SHOW(unlink("sticky/mine"));
	SHOW(make_file("open/mine", "m"));
	show_stat("open/mine");
	SHOW(chown("open/mine", 0, -1));
	SHOW(chown("open/mine", 1000, 1000));
	SHOW(chown("open/mine", -1, 5));
	SHOW(chmod("open/mine", 04755));
	show_stat("open/mine");
	fd = open("open/mine", O_WRONLY);
	SHOW(write(fd, "z", 1));
	close(fd);
	show_stat("open/mine");
	SHOW(make_file("sg/f", "m"));
	show_stat("sg/f");
	SHOW(mkdir("sg/d", 0755));
	show_stat("sg/d");
	SHOW(mknod("open/dev", S_IFCHR | 0666, 0x103));
	SHOW(link("ro", "open/ln"));
	SHOW(chroot("."));
	SHOW(open("open/mine", O_RDONLY | O_NOATIME) < 0);
	SHOW(open("ro", O_RDONLY | O_NOATIME));
	_exit(0);
}

static void xattrs(void)
{
	char buf[256];
	int fd = open("f", O_RDONLY);

	SHOW(setxattr("f", "user.one", "1", 1, 0));
	SHOW(setxattr("f", "user.two", "22", 2, XATTR_CREATE));
	SHOW(setxattr("f", "user.two", "22", 2, XATTR_CREATE));
	SHOW(setxattr("f", "user.no", "22", 2, XATTR_REPLACE));
	SHOW(getxattr("f", "user.two", buf, sizeof(buf)));
	SHOW(getxattr("f", "user.two", buf, 1));
	SHOW(getxattr("f", "user.two", NULL, 0));
	SHOW(getxattr("f", "user.none", buf, sizeof(buf)));
	SHOW(fgetxattr(fd, "user.one", buf, sizeof(buf)));
	SHOW(fsetxattr(fd, "user.empty", "", 0, 0));
	SHOW(fgetxattr(fd, "user.empty", buf, sizeof(buf)));
	SHOW(removexattr("f", "user.one"));
	SHOW(removexattr("f", "user.one"));
	SHOW(setxattr("f", "bogus", "1", 1, 0));
	SHOW(setxattr("f", "user.x", "1", 1, 9));
	SHOW(setxattr("f", "", "1", 1, 0));
	SHOW(lsetxattr("s", "user.x", "1", 1, 0));
	ssize_t n = listxattr("f", buf, sizeof(buf));
	int names = 0;
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(buf + i) + 1)
		names += strncmp(buf + i, "user.", 5) == 0;
	printf("%d names\n", names);
	SHOW(listxattr("f", buf, 1));
	close(fd);
}

static void stats(void)
{
	struct statx sx;
	struct statfs sf;
	struct stat st;

	make_file("sx", "12345");
	SHOW(statx(AT_FDCWD, "sx", 0, STATX_BASIC_STATS, &sx));
	printf("%o %llu %u\n", sx.stx_mode, (unsigned long long)sx.stx_size, sx.stx_nlink);
	CHECK((sx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
	stat("sx", &st);
	CHECK(st.st_ino == sx.stx_ino && st.st_blksize >= 512);
	SHOW(statx(AT_FDCWD, "", AT_EMPTY_PATH, STATX_SIZE, &sx));
	SHOW(statx(AT_FDCWD, "none", 0, STATX_SIZE, &sx));
	SHOW(statx(AT_FDCWD, "sx", 0x6000, STATX_SIZE, &sx));
	SHOW(statx(AT_FDCWD, "sx", 0, 0x80000000, &sx));
	SHOW(statfs(".", &sf));
	CHECK(sf.f_namelen == 255 && sf.f_bsize >= 512);
	int p[2];
	SHOW(pipe(p));
	SHOW(fstat(p[0], &st));
	CHECK(S_ISFIFO(st.st_mode));
	CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0x103);
}

int main(void)
{
	enter_work_dir();
	modes();
	times();
	as_user();
	xattrs();
	stats();
	return 0;
}
