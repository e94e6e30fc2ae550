/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile client, alone or with a helper that changes the tree under the server, stays inside its
 * root and out of devices; and what it sends malformed ends its connection only. */
#include "client.h"

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define RACE_ROUNDS 3000

static struct rig *escape_rig(void)
{
	struct rig *rig = rig_new((struct rig_options){0});

	cr_assert_eq(mkdir(rig_path(rig, "outside"), 0755), 0);
	rig_file(rig, "outside/secret", "secret");
	cr_assert_eq(mkdir(rig_path(rig, "root/d"), 0755), 0);
	rig_file(rig, "root/d/secret", "public");
	return rig;
}

static uint64_t ino_of(struct rig *rig, const char *name)
{
	struct stat st;

	cr_assert_eq(lstat(rig_path(rig, name), &st), 0);
	return st.st_ino;
}

Test(escape, links_of_all_kinds_are_objects_never_ways)
{
	struct rig *rig = escape_rig();
	static const char *const targets[] = {"..",
					      "../outside",
					      "/",
					      "/etc",
					      "/proc/self/root",
					      "/proc/self/cwd",
					      "/proc/self/fd",
					      "d",
					      "."};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		char name[16];

		snprintf(name, sizeof(name), "l%zu", i);
		cr_assert_eq(symlink(targets[i], rig_path(rig, "root/tmp")), 0);
		cr_assert_eq(rename(rig_path(rig, "root/tmp"), rig_path(rig, "root/ln")), 0);
		cr_assert_eq(RPC(rig, TWALKGETATTR, twalkgetattr, .newfid = P9_NOFID,
				 .names = names("ln", "secret", NULL)),
			     0);
		cr_assert_eq(rig->reply.rwalkgetattr.ecode, ENOTDIR);
		cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("ln")),
			     ELOOP);
		cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("ln"),
				 .flags = O_CREAT | O_RDWR),
			     ELOOP);
		cr_assert_eq(walk(rig, 0, 9, "ln", NULL, NULL), 0);
		cr_assert_eq(RPC(rig, TMKDIR, tmkdir, .dfid = 9, .name = p9_str("x")), ENOTDIR);
		cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .dirfid = 9, .name = p9_str("secret")),
			     ENOTDIR);
		cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 9), 0);
		cr_assert_eq(unlink(rig_path(rig, "root/ln")), 0);
	}
	rig_free(rig);
}

Test(escape, dotdot_is_refused_in_every_request)
{
	struct rig *rig = escape_rig();

	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = 1, .name = p9_str("..")), EINVAL);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = 1, .name = p9_str(".."),
			 .flags = O_CREAT | O_RDWR),
		     EEXIST);
	cr_assert_eq(RPC(rig, TMKDIRAT, tmkdirat, .newfid = 1, .name = p9_str("..")), EEXIST);
	cr_assert_eq(
		RPC(rig, TRENAMEAT2, trenameat2, .oldname = p9_str("d"), .newname = p9_str("..")),
		EBUSY);
	cr_assert_eq(walk(rig, 0, 1, "..", NULL, NULL), EINVAL);
	rig_free(rig);
}

Test(escape, dotdot_of_a_directory_moved_out_of_the_root_stays_where_it_was_walked)
{
	struct rig *rig = rig_new((struct rig_options){.version = P9_VERSION_L});
	uint64_t root = ino_of(rig, "root");

	mkdir(rig_path(rig, "root/d"), 0755);
	cr_assert_eq(walk(rig, 0, 1, "d", NULL, NULL), 0);
	cr_assert_eq(rename(rig_path(rig, "root/d"), rig_path(rig, "moved")), 0);
	cr_assert_eq(walk(rig, 1, 2, "..", "..", NULL), 0);
	cr_assert_eq(rig->reply.rwalk.qids.v[0].path, root);
	cr_assert_eq(rig->reply.rwalk.qids.v[1].path, root);
	rig_free(rig);
}

struct swapper {
	struct rig *rig;
	const char *a;
	const char *b;
	atomic_bool stop;
};

/* Exchanges two names as fast as it can. */
static void *swap_thread(void *arg)
{
	struct swapper *swap = arg;
	char a[128];
	char b[128];

	snprintf(a, sizeof(a), "%s/%s", swap->rig->dir, swap->a);
	snprintf(b, sizeof(b), "%s/%s", swap->rig->dir, swap->b);
	while (!atomic_load(&swap->stop))
		(void)!syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */);
	return NULL;
}

Test(escape, a_directory_swapped_with_a_link_never_leads_outside, .timeout = 60)
{
	struct rig *rig = escape_rig();
	struct swapper swap = {.rig = rig, .a = "root/d", .b = "root/evil"};
	uint64_t secret = ino_of(rig, "outside/secret");
	unsigned good = 0;
	pthread_t thread;

	cr_assert_eq(symlink("../outside", rig_path(rig, "root/evil")), 0);
	cr_assert_eq(pthread_create(&thread, NULL, swap_thread, &swap), 0);
	for (int i = 0; i < RACE_ROUNDS; i++) {
		struct p9_attrs *attrs = &rig->reply.rwalkgetattr.attrs;

		cr_assert_eq(RPC(rig, TWALKGETATTR, twalkgetattr, .newfid = P9_NOFID,
				 .names = names("d", "secret", NULL)),
			     0);
		if (attrs->n == 2) {
			cr_assert_neq(attrs->v[1].ino, secret);
			good++;
		}
	}
	atomic_store(&swap.stop, true);
	pthread_join(thread, NULL);
	cr_assert_gt(good, 0);
	rig_free(rig);
}

Test(escape, a_file_swapped_with_a_device_or_fifo_is_never_opened_as_one, .timeout = 60)
{
	struct rig *rig = escape_rig();
	struct swapper swap = {.rig = rig, .a = "root/f", .b = "root/dev"};
	pthread_t thread;

	rig_file(rig, "root/f", "file");
	cr_assert_eq(mknod(rig_path(rig, "root/dev"), S_IFCHR | 0666, 1 << 8 | 5), 0);
	cr_assert_eq(pthread_create(&thread, NULL, swap_thread, &swap), 0);
	for (int i = 0; i < RACE_ROUNDS; i++) {
		int r = RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("f"),
			    .flags = i % 2 ? O_RDWR : O_RDWR | O_CREAT);

		if (r == 0) {
			struct stat st;

			cr_assert_eq(fstat(rig->got_fd, &st), 0);
			cr_assert(S_ISREG(st.st_mode));
			close(rig->got_fd);
		} else {
			cr_assert_eq(r, EACCES);
		}
	}
	atomic_store(&swap.stop, true);
	pthread_join(thread, NULL);
	rig_free(rig);
}

Test(escape, creating_through_a_swapped_directory_stays_inside, .timeout = 60)
{
	struct rig *rig = escape_rig();
	struct swapper swap = {.rig = rig, .a = "root/d", .b = "root/evil"};
	pthread_t thread;

	cr_assert_eq(symlink("../outside", rig_path(rig, "root/evil")), 0);
	cr_assert_eq(walk(rig, 0, 1, "d", NULL, NULL), 0);
	cr_assert_eq(pthread_create(&thread, NULL, swap_thread, &swap), 0);
	for (int i = 0; i < RACE_ROUNDS / 2; i++) {
		uint32_t dir = 1;

		if (RPC(rig, TWALKGETATTR, twalkgetattr, .newfid = 2,
			.names = names("d", NULL, NULL)) == 0 &&
		    rig->reply.rwalkgetattr.ecode == 0)
			dir = 2;
		(void)!RPC(rig, TMKNODAT, tmknodat, .dfid = dir, .newfid = P9_NOFID,
			   .name = p9_str("made"), .mode = S_IFREG | 0600, .uid = 5);
		(void)!RPC(rig, TUNLINKAT, tunlinkat, .dirfid = dir, .name = p9_str("made"));
		(void)!RPC(rig, TUNLINKAT, tunlinkat, .dirfid = dir, .name = p9_str("secret"));
		if (dir == 2)
			cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 2), 0);
	}
	atomic_store(&swap.stop, true);
	pthread_join(thread, NULL);
	cr_assert_eq(access(rig_path(rig, "outside/secret"), F_OK), 0);
	cr_assert_neq(access(rig_path(rig, "outside/made"), F_OK), 0);
	rig_free(rig);
}

/* --- malformed messages --- */

static void ends_the_connection(const void *bytes, size_t len)
{
	struct rig *rig = rig_new((struct rig_options){.n_mounts = 2});

	rig_send(rig, bytes, len);
	cr_assert_eq(rig_recv(rig), -1);
	cr_assert_not_null(strstr(rig_log(rig), "connection 0: "));
	/* the other mount lives on */
	rig_use(rig, 1);
	cr_assert_eq(RPC(rig, TSTATFS, tstatfs, .fid = 0), 0);
	rig_free(rig);
}

Test(malformed, a_size_below_the_header_ends_the_connection)
{
	ends_the_connection((uint8_t[]){6, 0, 0, 0, 120, 0, 0}, 7);
}

Test(malformed, a_size_above_the_message_size_ends_the_connection)
{
	ends_the_connection((uint8_t[]){1, 0, 16, 0, 120, 0, 0}, 7);
}

Test(malformed, an_unknown_type_ends_the_connection)
{
	ends_the_connection((uint8_t[]){7, 0, 0, 0, 250, 0, 0}, 7);
}

Test(malformed, a_cut_message_ends_the_connection)
{
	ends_the_connection((uint8_t[]){9, 0, 0, 0, 120, 0, 0, 1, 2}, 9);
}

Test(malformed, trailing_bytes_end_the_connection)
{
	ends_the_connection((uint8_t[]){12, 0, 0, 0, 120, 0, 0, 1, 2, 3, 4, 5}, 12);
}

Test(malformed, a_slash_in_a_name_ends_the_connection)
{
	ends_the_connection(
		(uint8_t[]){20, 0, 0, 0, 110, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, '/'}, 20);
}

Test(malformed, a_nul_in_a_string_ends_the_connection)
{
	ends_the_connection(
		(uint8_t[]){20, 0, 0, 0, 110, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0}, 20);
}

Test(malformed, a_count_beyond_the_message_ends_the_connection)
{
	ends_the_connection((uint8_t[]){23, 0, 0, 0, 118, 0, 0, 0,   0,	  0,   0,  0,
					0,  0, 0, 0, 0,	  0, 0, 255, 255, 255, 127},
			    23);
}

Test(malformed, a_reply_sent_as_a_request_is_an_error_only)
{
	struct rig *rig = rig_new((struct rig_options){0});
	struct p9_msg msg = {.type = P9_RCLUNK, .tag = 4};
	struct wr out;

	wr_init(&out, rig->out, sizeof(rig->out));
	cr_assert_gt(p9_encode(&out, &msg), 0);
	rig_send(rig, rig->out, wr_len(&out));
	cr_assert_eq(rig_recv(rig), EOPNOTSUPP);
	cr_assert_eq(rig->reply.tag, 4);
	rig_free(rig);
}

Test(malformed, fds_sent_by_the_client_are_dropped)
{
	struct rig *rig = rig_new((struct rig_options){0});
	struct p9_msg msg = {.type = P9_TSTATFS, .tag = 4};
	struct wr out;
	int fds[2];
	char c;

	cr_assert_eq(pipe(fds), 0);
	wr_init(&out, rig->out, sizeof(rig->out));
	cr_assert_gt(p9_encode(&out, &msg), 0);
	cr_assert_eq(p9_send(rig->sock, rig->out, wr_len(&out), fds[1]), 0);
	close(fds[1]);
	cr_assert_eq(rig_recv(rig), 0);
	cr_assert_eq(read(fds[0], &c, 1), 0); /* nobody else holds the writing end */
	rig_free(rig);
}
