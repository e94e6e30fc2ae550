/* SPDX-License-Identifier: Apache-2.0 */
/* mkdir, rmdir, link, symlink, unlink, rename, readlink, getdents, getcwd, chdir; their errors. */
#include "file_util.h"

#include <linux/fs.h>

static void dirs(void)
{
	char buf[256];

	SHOW(mkdir("d", 0777));
	show_stat("d");
	SHOW(mkdir("d", 0777));
	SHOW(mkdir("d/e/", 01700));
	show_stat("d/e");
	SHOW(mkdir("none/x", 0777));
	make_file("f", "text");
	SHOW(mkdir("f/x", 0777));
	SHOW(mkdir("f", 0777));
	SHOW(mkdir(".", 0777));
	SHOW(mkdir("..", 0777));
	SHOW(mkdir("/", 0777));
	SHOW(rmdir("d"));
	SHOW(rmdir("f"));
	SHOW(rmdir("."));
	SHOW(rmdir("d/.."));
	SHOW(rmdir("d/."));
	SHOW(rmdir("none"));
	SHOW(unlink("d"));
	SHOW(unlink("none"));
	SHOW(unlink("f/"));
	SHOW(unlink("d/"));
	SHOW(chdir("d"));
	SHOW(chdir("e"));
	CHECK(getcwd(buf, sizeof(buf)) && strcmp(buf + strlen(buf) - 4, "/d/e") == 0);
	CHECK(!getcwd(buf, 2) && errno == ERANGE);
	SHOW(chdir("../../f"));
	SHOW(chdir("none"));
	SHOW(chdir("../.."));
	SHOW(rmdir("d/e"));
	int fd = open("d", O_RDONLY | O_DIRECTORY);
	SHOW(fchdir(fd));
	SHOW(rmdir("../d"));
	CHECK(!getcwd(buf, sizeof(buf)) && errno == ENOENT);
	SHOW(open("x", O_CREAT | O_WRONLY, 0600));
	SHOW(mkdir("x", 0700));
	SHOW(chdir(".."));
	close(fd);
	SHOW(fchdir(-1));
	chdir(work_dir);
}

static void links(void)
{
	char buf[256];

	SHOW(link("f", "f2"));
	show_stat("f");
	SHOW(link("f", "f2"));
	SHOW(link("none", "f3"));
	mkdir("d", 0755);
	SHOW(link("d", "d2"));
	SHOW(symlink("f", "s"));
	SHOW(symlink("f", "s"));
	SHOW(symlink("", "s2"));
	SHOW(symlink("nowhere", "dang"));
	show_stat("s");
	SHOW(readlink("s", buf, sizeof(buf)));
	SHOW(readlink("dang", buf, 3));
	printf("%.3s\n", buf);
	SHOW(readlink("f", buf, sizeof(buf)));
	SHOW(readlink("none", buf, sizeof(buf)));
	SHOW(readlink("s", buf, 0));
	show_file("s");
	show_file("dang");
	SHOW(open("dang", O_RDONLY));
	SHOW(open("s", O_RDONLY | O_NOFOLLOW));
	SHOW(open("s", O_CREAT | O_EXCL | O_RDWR, 0600));
	SHOW(open("s/", O_RDONLY));
	int fd = open("dang", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	close(fd);
	show_stat("nowhere");
	symlink("loop2", "loop1");
	symlink("loop1", "loop2");
	SHOW(open("loop1", O_RDONLY));
	SHOW(open("loop1/x", O_RDONLY));
	SHOW(link("s", "hs"));
	show_stat("hs");
	SHOW(linkat(AT_FDCWD, "s", AT_FDCWD, "hf", AT_SYMLINK_FOLLOW));
	show_stat("hf");
	SHOW(unlink("hf"));
	SHOW(unlink("hs"));
	SHOW(unlink("s"));
	SHOW(unlink("f2"));
	show_stat("f");
	symlink("d", "sd");
	SHOW(mkdir("sd/in", 0755));
	list_dir("d");
	SHOW(rmdir("sd/"));
	SHOW(rmdir("sd"));
	SHOW(unlink("sd/"));
	fd = open("sd", O_PATH | O_NOFOLLOW);
	SHOW(readlinkat(fd, "", buf, sizeof(buf)));
	SHOW(read(fd, buf, 1));
	SHOW(fcntl(fd, F_GETFL) & (O_PATH | O_NOFOLLOW));
	close(fd);
	char name[300];
	memset(name, 'n', sizeof(name));
	name[255] = 0;
	SHOW(close(open(name, O_CREAT | O_WRONLY, 0600)));
	SHOW(unlink(name));
	name[255] = 'n';
	name[256] = 0;
	SHOW(open(name, O_CREAT | O_WRONLY, 0600));
	SHOW(mkdir(name, 0700));
	char *path = malloc(5000);
	memset(path, '/', 4999);
	path[4999] = 0;
	SHOW(open(path, O_RDONLY));
	free(path);
}

static void renames(void)
{
	make_file("a", "A");
	make_file("b", "B");
	SHOW(rename("a", "c"));
	show_file("a");
	show_file("c");
	SHOW(rename("c", "b"));
	show_file("b");
	SHOW(rename("none", "x"));
	SHOW(rename("b", "d"));
	SHOW(rename("d", "b"));
	SHOW(rename("b", "none/x"));
	mkdir("p", 0755);
	mkdir("p/q", 0755);
	mkdir("empty", 0755);
	SHOW(rename("p", "p/q/r"));
	SHOW(rename("p/q", "p"));
	SHOW(rename("p", "empty"));
	list_dir("empty");
	SHOW(rename("d", "empty"));
	SHOW(rename("empty/q", "d/moved"));
	list_dir("d");
	SHOW(rename("b", "b"));
	SHOW(rename("b/", "z"));
	SHOW(rename(".", "z"));
	SHOW(rename("d/..", "z"));
	make_file("x", "X");
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "b", RENAME_NOREPLACE));
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "b", RENAME_EXCHANGE));
	show_file("x");
	show_file("b");
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "d/moved", RENAME_EXCHANGE));
	show_stat("x");
	show_file("d/moved");
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "y", 3));
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "nn", RENAME_EXCHANGE));
	link("b", "b2");
	SHOW(rename("b", "b2"));
	show_stat("b");
	/* An open file stays what it was. */
	int fd = open("b", O_RDWR);
	make_file("over", "OVER");
	SHOW(rename("over", "b"));
	char c = 0;
	SHOW(read(fd, &c, 1));
	printf("%c\n", c);
	struct stat st;
	fstat(fd, &st);
	CHECK(st.st_nlink == 1);
	close(fd);
}

static void listing(void)
{
	char buf[1024];
	int fd;

	mkdir("many", 0755);
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "many/file%03d", i);
		make_file(name, "x");
	}
	fd = open("many", O_RDONLY | O_DIRECTORY);
	int calls = 0;
	int entries = 0;
	for (;;) {
		long n = syscall(SYS_getdents64, fd, buf, sizeof(buf));

		if (n <= 0)
			break;
		calls++;
		for (long at = 0; at < n; entries++) {
			unsigned short reclen;

			memcpy(&reclen, buf + at + 16, 2);
			at += reclen;
		}
	}
	CHECK(calls > 5);
	printf("%d entries\n", entries);
	SHOW(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	SHOW(lseek(fd, 0, SEEK_SET));
	SHOW(syscall(SYS_getdents64, fd, buf, 10));
	CHECK(syscall(SYS_getdents64, fd, buf, 64) > 0);
	close(fd);
	fd = open("f", O_RDONLY);
	SHOW(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	close(fd);
	SHOW(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	/* telldir and seekdir. */
	DIR *d = opendir("many");
	for (int i = 0; i < 100; i++)
		readdir(d);
	long at = telldir(d);
	char *next = strdup(readdir(d)->d_name);
	rewinddir(d);
	readdir(d);
	seekdir(d, at);
	CHECK(strcmp(readdir(d)->d_name, next) == 0);
	free(next);
	/* Removing while reading. */
	rewinddir(d);
	struct dirent *e;
	int removed = 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] != '.' && unlinkat(dirfd(d), e->d_name, 0) == 0)
			removed++;
	}
	closedir(d);
	printf("%d removed\n", removed);
	SHOW(rmdir("many"));
	list_dir(".");
}

static void at_calls(void)
{
	struct stat st;
	int fd = open("d", O_RDONLY);
	int file = open("f", O_RDONLY);

	SHOW(mkdirat(fd, "at", 0700));
	SHOW(fstatat(fd, "at", &st, 0));
	SHOW(fstatat(fd, "", &st, 0));
	SHOW(fstatat(fd, "", &st, AT_EMPTY_PATH));
	SHOW(fstatat(fd, "at", &st, 0x40000));
	SHOW(fstatat(file, "x", &st, 0));
	SHOW(fstatat(-1, "x", &st, 0));
	SHOW(fstatat(-1, "/", &st, 0));
	SHOW(unlinkat(fd, "at", 0));
	SHOW(unlinkat(fd, "at", AT_REMOVEDIR));
	SHOW(unlinkat(fd, "at", 77));
	SHOW(symlinkat("tgt", fd, "sy"));
	SHOW(fstatat(fd, "sy", &st, 0));
	SHOW(fstatat(fd, "sy", &st, AT_SYMLINK_NOFOLLOW));
	SHOW(renameat(fd, "sy", AT_FDCWD, "sy2"));
	SHOW(linkat(AT_FDCWD, "f", fd, "hard", 0));
	SHOW(faccessat(fd, "hard", R_OK, 0));
	close(fd);
	close(file);
	list_dir("d");
}

int main(void)
{
	enter_work_dir();
	dirs();
	links();
	renames();
	listing();
	at_calls();
	return 0;
}
