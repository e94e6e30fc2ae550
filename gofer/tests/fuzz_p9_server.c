/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of bytes from a hostile client, to a real server over a scratch directory.
 *
 * The first byte picks the version and the rest is sent as it is after version and attach, so that
 * the fuzzer gets at the operations with few bytes. What one input made, the next one sees, for 256
 * inputs: a finding may need a sequence.
 */
#include "gofer/gofer.h"
#include "gofer/p9.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/bytes.h"
#include "util/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char dir[] = "/tmp/gofer-fuzz-XXXXXX";
static int root_fd;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	return ftw->level ? remove(path) : 0;
}

static void fill_root(void)
{
	int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int file = openat(fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	(void)!write(file, "hello", 5);
	close(file);
	(void)!mkdirat(fd, "d", 0755);
	(void)!symlinkat("/etc/passwd", fd, "l");
	close(fd);
}

static void clean_up(void)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	(void)!rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	/* A hostile size must not fill the disk. */
	struct rlimit fsize = {1 << 20, 1 << 20};

	(void)argc;
	(void)argv;
	(void)setrlimit(RLIMIT_FSIZE, &fsize);
	(void)signal(SIGXFSZ, SIG_IGN);
	REQUIRE(mkdtemp(dir));
	atexit(clean_up);
	root_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fill_root();
	return 0;
}

static void put(struct wr *out, struct p9_msg msg)
{
	REQUIRE(p9_encode(out, &msg) > 0);
}

/* version and attach, on fid 0; then f, d and l on 1, 2, 3, and f open on 4. */
static size_t prologue(uint8_t *buf, size_t size, bool extended)
{
	struct wr out;

	wr_init(&out, buf, size);
	put(&out, (struct p9_msg){.type = P9_TVERSION,
				  .tversion = {8192, p9_str(extended ? P9_VERSION_NETSENTRY
								     : P9_VERSION_L)}});
	put(&out, (struct p9_msg){.type = P9_TATTACH,
				  .tattach = {.fid = 0, .afid = P9_NOFID, .n_uname = 0}});
	put(&out, (struct p9_msg){.type = P9_TWALK, .twalk = {0, 1, {.n = 1, .v = {p9_str("f")}}}});
	put(&out, (struct p9_msg){.type = P9_TWALK, .twalk = {0, 2, {.n = 1, .v = {p9_str("d")}}}});
	put(&out, (struct p9_msg){.type = P9_TWALK, .twalk = {0, 3, {.n = 1, .v = {p9_str("l")}}}});
	put(&out, (struct p9_msg){.type = P9_TWALK, .twalk = {0, 4, {.n = 1, .v = {p9_str("f")}}}});
	put(&out, (struct p9_msg){.type = P9_TLOPEN, .tlopen = {4, O_RDWR}});
	return wr_len(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[1 << 16];
	static unsigned runs;
	int sv[2];
	size_t len;

	if (!size || size > 8192)
		return 0;
	if (++runs % 256 == 0) {
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
		fill_root();
	}
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
	len = prologue(buf, sizeof(buf), data[0] & 1);
	(void)!write(sv[0], buf, len);
	(void)!write(sv[0], data + 1, size - 1);
	(void)shutdown(sv[0], SHUT_WR);

	struct gofer_mount mount = {.sock_fd = sv[1], .root_fd = root_fd, .readonly = data[0] & 2};
	struct gofer_config cfg = {.mounts = &mount,
				   .n_mounts = 1,
				   .shutdown_fd = -1,
				   .log_fd = -1,
				   .proc_fd = -1,
				   .limits = {.msize = 8192, .fids = 64, .fds = 64, .locks = 16}};
	/* Nobody reads the replies: the socket must take all that 8 KiB of requests can cause. */
	int big = 4 << 20;

	(void)setsockopt(sv[1], SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big));
	REQUIRE(gofer_serve(&cfg) == 0);
	close(sv[0]);
	close(sv[1]);
	return 0;
}
