/* SPDX-License-Identifier: Apache-2.0 */
/* sendfile, splice, tee, vmsplice, copy_file_range. */
#include "file_util.h"

#include <sys/sendfile.h>

static void drain(int fd)
{
	char buf[64] = { 0 };
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	printf("%zd \"%s\"\n", n, n > 0 ? buf : "");
	fflush(stdout);
}

int main(void)
{
	int p[2];
	int q[2];
	off_t off = 4;
	loff_t loff = 2;

	enter_work_dir();
	make_file("in", "0123456789");
	int in = open("in", O_RDONLY);
	int out = open("out", O_CREAT | O_RDWR, 0600);
	pipe2(p, O_NONBLOCK);
	pipe2(q, O_NONBLOCK);

	SHOW(sendfile(out, in, NULL, 4));
	SHOW(lseek(in, 0, SEEK_CUR));
	SHOW(sendfile(out, in, &off, 3));
	printf("off %ld\n", (long)off);
	SHOW(lseek(in, 0, SEEK_CUR));
	SHOW(sendfile(out, in, NULL, 100));
	SHOW(sendfile(out, in, NULL, 100));
	SHOW(sendfile(in, out, NULL, 1));
	SHOW(sendfile(out, p[0], NULL, 1));
	SHOW(sendfile(99, in, NULL, 1));
	SHOW(sendfile(p[1], in, &(off_t){ 0 }, 5));
	drain(p[0]);
	SHOW(sendfile(out, in, &(off_t){ -1 }, 5));
	show_file("out");

	SHOW(splice(in, &loff, p[1], NULL, 4, 0));
	printf("loff %ld\n", (long)loff);
	SHOW(tee(p[0], q[1], 3, 0));
	drain(q[0]);
	SHOW(splice(p[0], NULL, q[1], NULL, 2, 0));
	drain(q[0]);
	loff = 0;
	SHOW(splice(p[0], NULL, out, &loff, 10, 0));
	printf("loff %ld\n", (long)loff);
	show_file("out");
	SHOW(splice(p[0], NULL, out, NULL, 10, SPLICE_F_NONBLOCK));
	SHOW(splice(in, NULL, out, NULL, 10, 0));
	SHOW(splice(p[0], &loff, out, NULL, 10, 0));
	SHOW(splice(p[0], NULL, p[1], NULL, 10, 0));
	SHOW(splice(p[0], NULL, out, NULL, 10, 0x100));
	SHOW(tee(in, p[1], 1, 0));
	struct iovec iov[2] = { { "vm", 2 }, { "splice", 6 } };
	SHOW(vmsplice(p[1], iov, 2, 0));
	drain(p[0]);
	SHOW(vmsplice(out, iov, 2, 0));
	close(p[1]);
	SHOW(splice(p[0], NULL, out, NULL, 10, 0));

	loff = 5;
	loff_t to = 1;
	ftruncate(out, 0);
	SHOW(copy_file_range(in, &loff, out, &to, 3, 0));
	printf("%ld %ld\n", (long)loff, (long)to);
	show_stat("out");
	lseek(in, 0, SEEK_SET);
	SHOW(copy_file_range(in, NULL, out, NULL, 100, 0));
	SHOW(copy_file_range(in, NULL, out, NULL, 100, 0));
	SHOW(copy_file_range(in, NULL, out, NULL, 100, 1));
	SHOW(copy_file_range(out, &(loff_t){ 0 }, in, &(loff_t){ 0 }, 100, 0));
	SHOW(copy_file_range(out, &(loff_t){ 0 }, out, &(loff_t){ 2 }, 5, 0));
	int dir = open(".", O_RDONLY);
	SHOW(copy_file_range(dir, NULL, out, NULL, 5, 0));
	SHOW(copy_file_range(p[0], NULL, out, NULL, 5, 0));
	int app = open("out", O_WRONLY | O_APPEND);
	SHOW(copy_file_range(in, &(loff_t){ 0 }, app, NULL, 5, 0));
	SHOW(sendfile(app, in, &(off_t){ 0 }, 5));
	return 0;
}
