/* SPDX-License-Identifier: Apache-2.0 */
/* open, read, write, lseek, pread, pwrite, vectors, O_APPEND, O_TRUNC, O_EXCL, truncate, holes. */
#include "file_util.h"

#include <sys/sendfile.h>

static void offsets(void)
{
	char buf[32] = { 0 };
	int fd = open("a", O_CREAT | O_RDWR | O_EXCL, 0640);

	CHECK(fd >= 0);
	SHOW(write(fd, "hello world", 11));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(lseek(fd, 6, SEEK_SET));
	SHOW(read(fd, buf, 3));
	printf("%.3s\n", buf);
	SHOW(lseek(fd, -2, SEEK_END));
	SHOW(read(fd, buf, 10));
	SHOW(read(fd, buf, 10));
	SHOW(lseek(fd, -100, SEEK_CUR));
	SHOW(lseek(fd, 0, 77));
	SHOW(pread(fd, buf, 5, 6));
	printf("%.5s\n", buf);
	SHOW(pwrite(fd, "J", 1, 0));
	SHOW(pread(fd, buf, 5, 100));
	SHOW(pread(fd, buf, 5, -1));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(lseek(fd, 100, SEEK_SET));
	SHOW(write(fd, "x", 1));
	show_stat("a");
	SHOW(pread(fd, buf, 4, 50));
	CHECK(memcmp(buf, "\0\0\0\0", 4) == 0);
	close(fd);
}

static void vectors(void)
{
	char b1[4] = { 0 };
	char b2[8] = { 0 };
	struct iovec out[3] = { { "abc", 3 }, { "", 0 }, { "defgh", 5 } };
	struct iovec in[2] = { { b1, 3 }, { b2, 7 } };
	int fd = open("v", O_CREAT | O_RDWR, 0600);

	SHOW(writev(fd, out, 3));
	SHOW(lseek(fd, 0, SEEK_SET));
	SHOW(readv(fd, in, 2));
	printf("%s %s\n", b1, b2);
	SHOW(preadv(fd, in, 2, 2));
	printf("%s %s\n", b1, b2);
	SHOW(pwritev(fd, out, 1, 5));
	SHOW(pwritev2(fd, out, 1, -1, 0));
	SHOW(preadv2(fd, in, 1, 0, 0x4000));
	SHOW(readv(fd, in, -1));
	SHOW(readv(fd, in, 2000));
	SHOW(readv(fd, in, 0));
	close(fd);
	show_file("v");
}

static void flags(void)
{
	int fd;

	make_file("f", "12345");
	SHOW(open("f", O_CREAT | O_EXCL | O_RDWR, 0600));
	fd = open("f", O_WRONLY | O_APPEND);
	SHOW(write(fd, "67", 2));
	SHOW(lseek(fd, 0, SEEK_SET));
	SHOW(write(fd, "89", 2));
	SHOW(pwrite(fd, "X", 1, 0)); /* appends too (pwrite(2) BUGS) */
	SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
	SHOW(fcntl(fd, F_SETFL, 0));
	SHOW(pwrite(fd, "Y", 1, 0));
	char c;
	SHOW(read(fd, &c, 1));
	close(fd);
	show_file("f");
	fd = open("f", O_RDONLY);
	SHOW(write(fd, "x", 1));
	SHOW(ftruncate(fd, 0));
	close(fd);
	fd = open("f", O_RDWR | O_TRUNC);
	show_stat("f");
	SHOW(ftruncate(fd, 8192));
	SHOW(ftruncate(fd, -1));
	show_stat("f");
	SHOW(truncate("f", 3));
	SHOW(truncate("none", 3));
	SHOW(truncate(".", 3));
	show_stat("f");
	close(fd);
	SHOW(open(".", O_WRONLY));
	SHOW(open(".", O_RDWR | O_CREAT, 0600));
	SHOW(open("f", O_DIRECTORY));
	SHOW(open("f", O_PATH | O_DIRECTORY));
	SHOW(open("none/x", O_CREAT | O_WRONLY, 0600));
	SHOW(open("f/x", O_CREAT | O_WRONLY, 0600));
	SHOW(open("new/", O_CREAT | O_WRONLY, 0600));
	SHOW(open("", O_RDONLY));
	fd = open(".", O_RDONLY);
	SHOW(read(fd, &c, 1));
	close(fd);
}

static void big(void)
{
	enum { SIZE = 3 << 20 };
	unsigned char *buf = malloc(SIZE);
	unsigned char *back = calloc(1, SIZE);
	int fd = open("big", O_CREAT | O_RDWR, 0600);

	for (int i = 0; i < SIZE; i++)
		buf[i] = (unsigned char)(i * 7 + i / 4096);
	SHOW(write(fd, buf, SIZE));
	SHOW(pread(fd, back, SIZE, 0));
	CHECK(memcmp(buf, back, SIZE) == 0);
	SHOW(ftruncate(fd, 1000001));
	SHOW(ftruncate(fd, SIZE));
	SHOW(pread(fd, back, SIZE, 0));
	CHECK(memcmp(buf, back, 1000001) == 0);
	bool zero = true;
	for (int i = 1000001; i < SIZE; i++)
		zero = zero && back[i] == 0;
	CHECK(zero);
	SHOW(fallocate(fd, 0, SIZE, 4096));
	show_stat("big");
	SHOW(fallocate(fd, 3, 4096, 8192)); /* PUNCH_HOLE | KEEP_SIZE */
	SHOW(pread(fd, back, 3 * 4096, 2048));
	CHECK(memcmp(back, buf + 2048, 2048) == 0);
	CHECK(back[2048] == 0 && back[10239] == 0);
	CHECK(back[10240] == buf[12288]);
	SHOW(fallocate(fd, 2, 0, 100));
	SHOW(fallocate(fd, 0, -1, 100));
	SHOW(fallocate(fd, 0, 0, 0));
	SHOW(fsync(fd));
	SHOW(fdatasync(fd));
	SHOW(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	SHOW(readahead(fd, 0, 4096));
	close(fd);
	SHOW(fsync(fd));
	free(buf);
	free(back);
}

static void limits(void)
{
	/* Far above what this program prints to its own standard output. */
	struct rlimit rl = { 100000, 200000 };
	int fd = open("lim", O_CREAT | O_RDWR, 0600);
	static char buf[60000];

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &rl);
	SHOW(write(fd, buf, 60000));
	SHOW(write(fd, buf, 60000));
	SHOW(write(fd, buf, 60000));
	SHOW(ftruncate(fd, 150000));
	rl.rlim_cur = 150000;
	setrlimit(RLIMIT_FSIZE, &rl);
	SHOW(ftruncate(fd, 150000));
	close(fd);
}

static void dups(void)
{
	struct rlimit rl;
	int fd = open("d", O_CREAT | O_RDWR, 0600);

	CHECK(fd == 3);
	SHOW(dup(fd));
	SHOW(dup2(fd, 10));
	SHOW(dup2(fd, fd));
	SHOW(dup3(fd, fd, 0));
	SHOW(dup3(fd, 11, O_CLOEXEC));
	SHOW(dup3(fd, 11, 1));
	SHOW(fcntl(11, F_GETFD));
	SHOW(fcntl(10, F_GETFD));
	SHOW(fcntl(10, F_SETFD, 1));
	SHOW(fcntl(10, F_GETFD));
	SHOW(fcntl(fd, F_DUPFD, 20));
	SHOW(fcntl(fd, F_DUPFD_CLOEXEC, 20));
	SHOW(fcntl(fd, F_DUPFD, -1));
	SHOW(dup2(fd, -1));
	SHOW(dup2(99, 5));
	SHOW(close(99));
	SHOW(write(10, "abc", 3));
	SHOW(lseek(fd, 0, SEEK_CUR)); /* shared offset */
	SHOW(close_range(10, 30, 0));
	SHOW(close(10));
	SHOW(close_range(5, 4, 0));
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = 6;
	setrlimit(RLIMIT_NOFILE, &rl);
	SHOW(dup(fd));
	SHOW(dup(fd));
	SHOW(dup2(fd, 7));
	SHOW(fcntl(fd, F_DUPFD, 6));
}

int main(void)
{
	enter_work_dir();
	offsets();
	vectors();
	flags();
	big();
	limits();
	dups();
	return 0;
}
