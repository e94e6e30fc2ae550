/* SPDX-License-Identifier: Apache-2.0 */
/* What one file operation costs through the gofer, beside the same done natively.
 *
 *   gofer-bench [-q] [-u] [-n ROUNDS]   (-q: SOCK_SEQPACKET, -u: the server without its sandbox)
 *
 * The server runs in a sandboxed child process over a scratch directory, one client, one request at
 * a time: latency, not throughput. Prints microseconds per operation.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gofer/gofer.h"
#include "gofer/p9.h"
#include "util/bytes.h"

#define N_ENTRIES 10000

static bool unconfined;
static int sock;
static int dir_fd;
static uint8_t out_buf[P9_MSIZE_MAX];
static uint8_t in_buf[P9_MSIZE_MAX];
static uint8_t data_buf[P9_MSIZE_MAX];
static struct p9_msg reply;
static int got_fd;
static char dir[] = "/tmp/gofer-bench-XXXXXX";

static void die(const char *what)
{
	fprintf(stderr, "gofer-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void rpc(struct p9_msg req)
{
	struct wr out;
	struct rd in;
	int len;

	wr_init(&out, out_buf, sizeof(out_buf));
	len = p9_encode(&out, &req);
	if (len < 0 || p9_send(sock, out_buf, (size_t)len, -1) < 0)
		die("send");
	len = p9_recv(sock, in_buf, sizeof(in_buf), &got_fd);
	if (len <= 0)
		die("receive");
	rd_init(&in, in_buf, (size_t)len);
	if (p9_decode(&reply, &in) < 0 || reply.type == P9_RLERROR) {
		char text[256];

		p9_print(text, sizeof(text), &reply);
		fprintf(stderr, "gofer-bench: %s\n", text);
		exit(1);
	}
}

#define RPC(TYPE, member, ...) rpc((struct p9_msg){.type = P9_##TYPE, .member = {__VA_ARGS__}})

static struct p9_names names(unsigned n)
{
	struct p9_names ret = {.n = (uint16_t)n};

	for (unsigned i = 0; i < n; i++)
		ret.v[i] = p9_str(i + 1 < n ? "d" : "f");
	return ret;
}

static void stat_1(void)
{
	RPC(TWALKGETATTR, twalkgetattr, .newfid = P9_NOFID, .names = names(1));
}

static void stat_4(void)
{
	RPC(TWALKGETATTR, twalkgetattr, .newfid = P9_NOFID, .names = names(4));
}

static void stat_native(void)
{
	struct stat st;

	if (fstatat(dir_fd, "d/d/d/f", &st, 0) < 0)
		die("stat");
}

static void stat_plain(void)
{
	RPC(TWALK, twalk, .newfid = 100, .names = names(4));
	RPC(TGETATTR, tgetattr, .fid = 100, .mask = P9_GETATTR_BASIC);
	RPC(TCLUNK, tclunk, .fid = 100);
}

static void open_compound(void)
{
	RPC(TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("f"), .flags = O_RDONLY);
	close(got_fd);
}

static void open_walk(void)
{
	RPC(TWALKGETATTR, twalkgetattr, .newfid = 100, .names = names(1));
	RPC(TLOPEN, tlopen, .fid = 100, .flags = O_RDONLY);
	close(got_fd);
	RPC(TCLUNK, tclunk, .fid = 100);
}

static void open_native(void)
{
	close(openat(dir_fd, "f", O_RDONLY | O_CLOEXEC));
}

static void create_unlink(void)
{
	RPC(TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("n"), .flags = O_RDWR | O_CREAT,
	    .mode = 0644, .uid = 1000, .gid = 1000);
	close(got_fd);
	RPC(TUNLINKAT, tunlinkat, .name = p9_str("n"));
}

static void create_unlink_native(void)
{
	close(openat(dir_fd, "n", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	unlinkat(dir_fd, "n", 0);
}

/* Fid 1 is the open file; file_fd its donated fd. */
static int file_fd;
static uint32_t io_size;

static void read_message(void)
{
	RPC(TREAD, tread, .fid = 1, .count = io_size);
}

static void read_fd(void)
{
	if (pread(file_fd, data_buf, io_size, 0) < 0)
		die("pread");
}

static void write_message(void)
{
	RPC(TWRITE, twrite, .fid = 1, .data = {data_buf, io_size});
}

static void write_fd(void)
{
	if (pwrite(file_fd, data_buf, io_size, 0) < 0)
		die("pwrite");
}

static void list(bool attrs)
{
	uint64_t offset = 0;

	for (;;) {
		struct p9_direntattr ent;
		struct p9_dirent plain;
		struct rd in;

		if (attrs)
			RPC(TREADDIRATTR, treaddirattr, .fid = 2, .offset = offset,
			    .count = P9_MSIZE_MAX - 11);
		else
			RPC(TREADDIR, treaddir, .fid = 2, .offset = offset,
			    .count = P9_MSIZE_MAX - 11);
		if (!reply.rreaddir.data.len)
			return;
		rd_init(&in, reply.rreaddir.data.data, reply.rreaddir.data.len);
		if (attrs) {
			while (p9_direntattr_get(&ent, &in) == 1)
				offset = ent.offset;
		} else {
			while (p9_dirent_get(&plain, &in) == 1)
				offset = plain.offset;
		}
	}
}

static void list_plain(void)
{
	list(false);
}

static void list_attrs(void)
{
	list(true);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* The best of five runs: the machine is shared. */
static void bench(const char *what, void (*fn)(void), unsigned rounds, unsigned per)
{
	double best = 0;

	fn();
	for (int run = 0; run < 5; run++) {
		double start = now();

		for (unsigned i = 0; i < rounds; i++)
			fn();

		double us = (now() - start) / rounds / per;

		if (!run || us < best)
			best = us;
	}
	printf("%-58s %9.2f us %12.0f /s\n", what, best, 1e6 / best);
}

static void make_tree(void)
{
	char name[64];

	if (!mkdtemp(dir))
		die(dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(dir_fd, "d", 0755);
	mkdirat(dir_fd, "d/d", 0755);
	mkdirat(dir_fd, "d/d/d", 0755);
	mkdirat(dir_fd, "many", 0755);
	close(openat(dir_fd, "d/d/d/f", O_CREAT | O_WRONLY, 0644));

	int fd = openat(dir_fd, "f", O_CREAT | O_WRONLY, 0644);

	if (write(fd, data_buf, sizeof(data_buf)) < 0)
		die("write");
	close(fd);
	for (int i = 0; i < N_ENTRIES; i++) {
		snprintf(name, sizeof(name), "many/entry-%d", i);
		close(openat(dir_fd, name, O_CREAT | O_WRONLY, 0644));
	}
}

static void remove_tree(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	(void)!system(cmd);
}

static void server_child(int server_sock)
{
	int keep[] = {server_sock, dir_fd, STDERR_FILENO};
	struct gofer_sandbox sandbox = {.keep_fds = keep, .n_keep_fds = 3};
	struct gofer_mount mount = {.sock_fd = server_sock, .root_fd = dir_fd};
	struct gofer_config cfg = {
		.mounts = &mount, .n_mounts = 1, .shutdown_fd = -1, .log_fd = STDERR_FILENO};

	cfg.proc_fd = unconfined ? open("/proc/self/fd", O_PATH) : gofer_enter(&sandbox);
	if (cfg.proc_fd < 0)
		_exit(1);
	_exit(gofer_serve(&cfg) < 0);
}

static void bench_io(unsigned rounds)
{
	static const uint32_t sizes[] = {4096, 65536, P9_MSIZE_MAX - 24};
	char what[64];

	for (size_t i = 0; i < 3; i++) {
		unsigned r = rounds / (i == 2 ? 20 : 1);

		io_size = sizes[i];
		snprintf(what, sizeof(what), "read %u KiB, message", (io_size + 1023) / 1024);
		bench(what, read_message, r, 1);
		snprintf(what, sizeof(what), "read %u KiB, donated fd", (io_size + 1023) / 1024);
		bench(what, read_fd, r, 1);
		snprintf(what, sizeof(what), "write %u KiB, message", (io_size + 1023) / 1024);
		bench(what, write_message, r, 1);
		snprintf(what, sizeof(what), "write %u KiB, donated fd", (io_size + 1023) / 1024);
		bench(what, write_fd, r, 1);
	}
}

int main(int argc, char **argv)
{
	unsigned rounds = 5000;
	int type = SOCK_STREAM;
	int sv[2];
	int c;

	while ((c = getopt(argc, argv, "qun:")) != -1) {
		if (c == 'q')
			type = SOCK_SEQPACKET;
		else if (c == 'u')
			unconfined = true;
		else if (c == 'n')
			rounds = (unsigned)atoi(optarg);
		else
			return 2;
	}
	make_tree();
	atexit(remove_tree);
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv) < 0)
		die("socketpair");
	if (fork() == 0) {
		close(sv[0]);
		server_child(sv[1]);
	}
	close(sv[1]);
	sock = sv[0];
	RPC(TVERSION, tversion, .msize = P9_MSIZE_MAX, .version = p9_str(P9_VERSION_NETSENTRY));
	RPC(TATTACH, tattach, .afid = P9_NOFID);
	bench("stat, 1 name (walkgetattr)", stat_1, rounds, 1);
	bench("stat, 4 names (walkgetattr)", stat_4, rounds, 1);
	bench("stat, 4 names (walk, getattr, clunk)", stat_plain, rounds, 1);
	bench("stat, 4 names, native", stat_native, rounds, 1);
	bench("open + fd + close (openat)", open_compound, rounds, 1);
	bench("open + fd + close (walkgetattr, lopen, clunk)", open_walk, rounds, 1);
	bench("open + close, native", open_native, rounds, 1);
	bench("create + unlink (openat, unlinkat)", create_unlink, rounds / 2, 1);
	bench("create + unlink, native", create_unlink_native, rounds / 2, 1);
	RPC(TOPENAT, topenat, .newfid = 1, .name = p9_str("f"), .flags = O_RDWR);
	file_fd = got_fd;
	if (type == SOCK_STREAM)
		bench_io(rounds);
	RPC(TOPENAT, topenat, .newfid = 2, .name = p9_str("many"), .flags = O_RDONLY);
	bench("list, per entry of 10000 (readdir)", list_plain, 10, N_ENTRIES);
	bench("list with attributes, per entry (readdirattr)", list_attrs, 10, N_ENTRIES);
	close(sock);
	(void)!wait(NULL);
	return 0;
}
