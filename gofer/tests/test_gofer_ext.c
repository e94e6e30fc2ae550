/* SPDX-License-Identifier: Apache-2.0 */
/* The netsentry extension: donated fds and compound messages. */
#include "client.h"

#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

static struct rig *ext_rig(void)
{
	struct rig *rig = rig_new((struct rig_options){0});

	rig_file(rig, "root/f", "hello");
	cr_assert_eq(mkdir(rig_path(rig, "root/d"), 0755), 0);
	rig_file(rig, "root/d/g", "inner");
	cr_assert_eq(symlink("d", rig_path(rig, "root/link")), 0);
	return rig;
}

static struct stat stat_of(struct rig *rig, const char *name)
{
	struct stat st;

	cr_assert_eq(lstat(rig_path(rig, name), &st), 0);
	return st;
}

Test(ext, it_must_be_negotiated)
{
	struct rig *rig = rig_new((struct rig_options){.version = P9_VERSION_L});

	cr_assert_eq(RPC(rig, TGETATTRX, tgetattrx, .fid = 0), EOPNOTSUPP);
	rig_file(rig, "root/f", "");
	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), 0);
	cr_assert_eq(rig->got_fd, -1);
	cr_assert_not(rig->reply.rlopen.iounit & P9_IOUNIT_FD);
	rig_free(rig);
}

Test(ext, lopen_of_a_file_donates_an_fd_with_the_mode_asked_for)
{
	struct rig *rig = ext_rig();
	char *map;

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), 0);
	cr_assert(rig->reply.rlopen.iounit & P9_IOUNIT_FD);
	cr_assert_eq(fcntl(rig->got_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, rig->got_fd, 0);
	cr_assert_neq(map, MAP_FAILED);
	cr_assert_eq(memcmp(map, "hello", 5), 0);
	close(rig->got_fd);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 1, .count = 9), 0);
	rig_free(rig);
}

Test(ext, directories_are_never_donated)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(walk(rig, 0, 1, "d", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), 0);
	cr_assert_eq(rig->got_fd, -1);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = 2, .name = p9_str("d")), 0);
	cr_assert_eq(rig->got_fd, -1);
	cr_assert_eq(rig->reply.ropenat.has_fd, 0);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("d")), EISDIR);
	cr_assert_eq(RPC(rig, TREADDIR, treaddir, .fid = 2, .count = 1000), 0);
	rig_free(rig);
}

Test(ext, a_donated_write_fd_writes_the_file)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLCREATE, tlcreate, .fid = 1, .name = p9_str("new"),
			 .flags = O_WRONLY, .mode = 0600, .gid = 3),
		     0);
	cr_assert(rig->reply.rlcreate.iounit & P9_IOUNIT_FD);
	cr_assert_eq(write(rig->got_fd, "abc", 3), 3);
	close(rig->got_fd);
	cr_assert_eq(stat_of(rig, "root/new").st_size, 3);
	rig_free(rig);
}

Test(walkgetattr, it_gives_the_attributes_of_each_step)
{
	struct rig *rig = ext_rig();
	struct p9_attrs *attrs = &rig->reply.rwalkgetattr.attrs;

	cr_assert_eq(RPC(rig, TWALKGETATTR, twalkgetattr, .fid = 0, .newfid = 1,
			 .names = names("d", "g", NULL)),
		     0);
	cr_assert_eq(rig->reply.rwalkgetattr.ecode, 0);
	cr_assert_eq(attrs->n, 2);
	cr_assert_eq(attrs->v[0].ino, stat_of(rig, "root/d").st_ino);
	cr_assert_eq(attrs->v[1].ino, stat_of(rig, "root/d/g").st_ino);
	cr_assert_eq(attrs->v[1].size, 5);
	cr_assert_eq(attrs->v[1].btime_sec > 0, true);
	cr_assert_eq(RPC(rig, TGETATTRX, tgetattrx, .fid = 1), 0);
	cr_assert_eq(rig->reply.rgetattrx.attr.ino, stat_of(rig, "root/d/g").st_ino);
	rig_free(rig);
}

Test(walkgetattr, a_missing_name_still_gives_what_was_reached)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(RPC(rig, TWALKGETATTR, twalkgetattr, .fid = 0, .newfid = 1,
			 .names = names("d", "none", "x")),
		     0);
	cr_assert_eq(rig->reply.rwalkgetattr.ecode, ENOENT);
	cr_assert_eq(rig->reply.rwalkgetattr.attrs.n, 1);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 1), EBADF);
	rig_free(rig);
}

Test(walkgetattr, each_step_can_have_its_own_fid)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(RPC(rig, TWALKGETATTR, twalkgetattr, .fid = 0, .newfid = 10,
			 .flags = P9_WALK_EACH, .names = names("d", "none", NULL)),
		     0);
	cr_assert_eq(rig->reply.rwalkgetattr.ecode, ENOENT);
	cr_assert_eq(RPC(rig, TGETATTRX, tgetattrx, .fid = 10), 0);
	cr_assert_eq(rig->reply.rgetattrx.attr.ino, stat_of(rig, "root/d").st_ino);
	cr_assert_eq(RPC(rig, TGETATTRX, tgetattrx, .fid = 11), EBADF);
	rig_free(rig);
}

Test(walkgetattr, a_symlink_ends_it)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(RPC(rig, TWALKGETATTR, twalkgetattr, .fid = 0, .newfid = P9_NOFID,
			 .names = names("link", "g", NULL)),
		     0);
	cr_assert_eq(rig->reply.rwalkgetattr.ecode, ENOTDIR);
	cr_assert_eq(rig->reply.rwalkgetattr.attrs.n, 1);
	cr_assert(S_ISLNK(rig->reply.rwalkgetattr.attrs.v[0].mode));
	rig_free(rig);
}

Test(walkgetattr, no_names_stats_and_clones)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(RPC(rig, TWALKGETATTR, twalkgetattr, .fid = 0, .newfid = 3), 0);
	cr_assert_eq(rig->reply.rwalkgetattr.attrs.n, 1);
	cr_assert_eq(rig->reply.rwalkgetattr.attrs.v[0].ino, stat_of(rig, "root").st_ino);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 3), 0);
	rig_free(rig);
}

Test(walkgetattr, dots_are_not_walked)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(RPC(rig, TWALKGETATTR, twalkgetattr, .fid = 0, .newfid = 3,
			 .names = names("d", "..", NULL)),
		     0);
	cr_assert_eq(rig->reply.rwalkgetattr.ecode, EINVAL);
	cr_assert_eq(walk(rig, 0, 3, "..", NULL, NULL), EINVAL);
	rig_free(rig);
}

Test(openat, one_message_walks_opens_stats_and_donates)
{
	struct rig *rig = ext_rig();
	char buf[8];

	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("f"),
			 .flags = O_RDWR),
		     0);
	cr_assert_eq(rig->reply.ropenat.has_fd, 1);
	cr_assert_eq(rig->reply.ropenat.created, 0);
	cr_assert_eq(rig->reply.ropenat.attr.size, 5);
	cr_assert_eq(pread(rig->got_fd, buf, 8, 0), 5);
	cr_assert_eq(pwrite(rig->got_fd, "J", 1, 0), 1);
	close(rig->got_fd);
	rig_free(rig);
}

Test(openat, it_creates_with_the_owner_in_the_message)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = 5, .name = p9_str("new"),
			 .flags = O_RDWR | O_CREAT, .mode = 02750, .uid = 42, .gid = 43),
		     0);
	cr_assert_eq(rig->reply.ropenat.created, 1);
	cr_assert_eq(rig->reply.ropenat.attr.uid, 42);
	cr_assert_eq(rig->reply.ropenat.attr.gid, 43);
	cr_assert_eq(rig->reply.ropenat.attr.mode, S_IFREG | 02750);
	close(rig->got_fd);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 5, .data = data_of("x")), 0);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 5), 0);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("new"),
			 .flags = O_RDWR | O_CREAT | O_TRUNC, .mode = 0700),
		     0);
	cr_assert_eq(rig->reply.ropenat.created, 0);
	cr_assert_eq(rig->reply.ropenat.attr.size, 0);
	close(rig->got_fd);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("new"),
			 .flags = O_RDWR | O_CREAT | O_EXCL, .mode = 0700),
		     EEXIST);
	rig_free(rig);
}

Test(openat, a_read_only_creation_of_an_unreadable_file_works)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("new"),
			 .flags = O_RDWR | O_CREAT, .mode = 0000, .uid = 42),
		     0);
	cr_assert_eq(write(rig->got_fd, "x", 1), 1);
	close(rig->got_fd);
	rig_free(rig);
}

Test(openat, an_empty_name_opens_the_fid_itself)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .dfid = 1, .newfid = P9_NOFID), 0);
	cr_assert_eq(rig->reply.ropenat.has_fd, 1);
	close(rig->got_fd);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .dfid = 1, .newfid = 9, .name = p9_str("x")),
		     ENOTDIR);
	rig_free(rig);
}

Test(openat, a_file_without_a_name_can_be_made_and_linked)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = 5, .flags = O_TMPFILE | O_RDWR,
			 .mode = 0600, .uid = 9, .gid = 8),
		     0);
	cr_assert_eq(rig->reply.ropenat.attr.nlink, 0);
	cr_assert_eq(write(rig->got_fd, "tmp", 3), 3);
	close(rig->got_fd);
	cr_assert_eq(RPC(rig, TLINK, tlink, .fid = 5, .name = p9_str("linked")), 0);
	cr_assert_eq(stat_of(rig, "root/linked").st_size, 3);
	cr_assert_eq(stat_of(rig, "root/linked").st_uid, 9);
	rig_free(rig);
}

Test(openat, a_newfid_in_use_leaves_nothing_open)
{
	struct rig *rig = rig_new((struct rig_options){.limits.fds = 3});

	rig_file(rig, "root/f", "");
	for (int i = 0; i < 10; i++)
		cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = 0, .name = p9_str("f")), EBADF);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = 1, .name = p9_str("f")), 0);
	close(rig->got_fd);
	rig_free(rig);
}

Test(make, the_extended_forms_bind_and_describe_the_object)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(RPC(rig, TMKDIRAT, tmkdirat, .newfid = 5, .name = p9_str("nd"), .mode = 0750,
			 .uid = 1, .gid = 2),
		     0);
	cr_assert_eq(rig->reply.rmkdirat.attr.mode, S_IFDIR | 0750);
	cr_assert_eq(rig->reply.rmkdirat.attr.uid, 1);
	cr_assert_eq(RPC(rig, TMKNODAT, tmknodat, .dfid = 5, .newfid = P9_NOFID,
			 .name = p9_str("sock"), .mode = S_IFSOCK | 0700, .uid = 3, .gid = 4),
		     0);
	cr_assert_eq(stat_of(rig, "root/nd/sock").st_uid, 3);
	cr_assert_eq(RPC(rig, TSYMLINKAT, tsymlinkat, .dfid = 5, .newfid = 6, .name = p9_str("ln"),
			 .target = p9_str("/abs/olute"), .uid = 5, .gid = 6),
		     0);
	cr_assert_eq(rig->reply.rsymlinkat.attr.uid, 5);
	cr_assert_eq(RPC(rig, TREADLINK, treadlink, .fid = 6), 0);
	cr_assert(p9_str_eq(rig->reply.rreadlink.target, "/abs/olute"));
	cr_assert_eq(RPC(rig, TMKNODAT, tmknodat, .newfid = P9_NOFID, .name = p9_str("null"),
			 .mode = S_IFCHR | 0666, .major = 1, .minor = 3),
		     EPERM);
	rig_free(rig);
}

Test(rename2, flags_are_honoured)
{
	struct rig *rig = ext_rig();

	rig_file(rig, "root/g", "other");
	cr_assert_eq(RPC(rig, TRENAMEAT2, trenameat2, .oldname = p9_str("f"),
			 .newname = p9_str("g"), .flags = RENAME_NOREPLACE),
		     EEXIST);
	cr_assert_eq(RPC(rig, TRENAMEAT2, trenameat2, .oldname = p9_str("f"),
			 .newname = p9_str("d"), .flags = RENAME_EXCHANGE),
		     0);
	cr_assert(S_ISDIR(stat_of(rig, "root/f").st_mode));
	cr_assert_eq(RPC(rig, TRENAMEAT2, trenameat2, .oldname = p9_str("f"),
			 .newname = p9_str("d"), .flags = RENAME_WHITEOUT),
		     EINVAL);
	rig_free(rig);
}

Test(ext, fid_by_fid_rename_and_remove_are_left_out)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TRENAME, trename, .fid = 1, .dfid = 0, .name = p9_str("g")),
		     EOPNOTSUPP);
	cr_assert_eq(RPC(rig, TREMOVE, tremove, .fid = 1), EOPNOTSUPP);
	rig_free(rig);
}

Test(ext, many_fids_are_clunked_at_once)
{
	struct rig *rig = ext_rig();
	struct p9_fids fids = {.n = 4, .v = {1, 77, 2, 3}};

	for (uint32_t i = 1; i < 4; i++)
		cr_assert_eq(walk(rig, 0, i, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TCLUNKMANY, tclunkmany, .fids = fids), 0);
	for (uint32_t i = 1; i < 4; i++)
		cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = i), EBADF);
	rig_free(rig);
}

static int list_attrs(struct rig *rig, uint32_t fid, uint32_t count)
{
	uint64_t offset = 0;
	int found = 0;

	for (;;) {
		struct p9_direntattr ent;
		struct rd in;

		cr_assert_eq(RPC(rig, TREADDIRATTR, treaddirattr, .fid = fid, .offset = offset,
				 .count = count),
			     0);
		if (!rig->reply.rreaddirattr.data.len)
			return found;
		rd_init(&in, rig->reply.rreaddirattr.data.data, rig->reply.rreaddirattr.data.len);
		while (p9_direntattr_get(&ent, &in) == 1) {
			cr_assert_neq(ent.name.data[0], '.');
			cr_assert_eq(ent.attr.size, (uint64_t)ent.name.len);
			offset = ent.offset;
			found++;
		}
	}
}

Test(readdirattr, every_entry_comes_once_with_its_attributes)
{
	struct rig *rig = rig_new((struct rig_options){0});
	enum { N = 1200 };

	for (int i = 0; i < N; i++) {
		char name[64];

		snprintf(name, sizeof(name), "root/%d", i);
		rig_file(rig, name, name + 5);
	}
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = 1), 0);
	cr_assert_eq(list_attrs(rig, 1, 1 << 20), N);
	cr_assert_eq(list_attrs(rig, 1, 4000), N);
	cr_assert_eq(list_attrs(rig, 1, 500), N);
	rig_free(rig);
}

Test(xattr1, one_message_each)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TSETXATTR, tsetxattr, .fid = 1, .name = p9_str("user.k"),
			 .value = data_of("val")),
		     0);
	cr_assert_eq(RPC(rig, TSETXATTR, tsetxattr, .fid = 1, .name = p9_str("user.k"),
			 .flags = 1 /* XATTR_CREATE */, .value = data_of("val")),
		     EEXIST);
	cr_assert_eq(
		RPC(rig, TGETXATTR, tgetxattr, .fid = 1, .name = p9_str("user.k"), .size = 100), 0);
	cr_assert_eq(rig->reply.rgetxattr.value.len, 3);
	cr_assert_eq(RPC(rig, TGETXATTR, tgetxattr, .fid = 1, .name = p9_str("user.k")), 0);
	cr_assert_eq(load_le32(rig->reply.rgetxattr.value.data), 3);
	cr_assert_eq(RPC(rig, TGETXATTR, tgetxattr, .fid = 1, .name = p9_str("user.k"), .size = 2),
		     ERANGE);
	cr_assert_eq(RPC(rig, TLISTXATTR, tlistxattr, .fid = 1, .size = 100), 0);
	cr_assert_eq(rig->reply.rlistxattr.names.len, 7);
	cr_assert_eq(RPC(rig, TSETXATTR, tsetxattr, .fid = 1, .name = p9_str("user.empty")), 0);
	cr_assert_eq(
		RPC(rig, TGETXATTR, tgetxattr, .fid = 1, .name = p9_str("user.empty"), .size = 9),
		0);
	cr_assert_eq(rig->reply.rgetxattr.value.len, 0);
	cr_assert_eq(RPC(rig, TREMOVEXATTR, tremovexattr, .fid = 1, .name = p9_str("user.k")), 0);
	cr_assert_eq(RPC(rig, TGETXATTR, tgetxattr, .fid = 1, .name = p9_str("user.k"), .size = 9),
		     ENODATA);
	rig_free(rig);
}

Test(xattr1, a_symlink_or_socket_has_none)
{
	struct rig *rig = ext_rig();

	cr_assert_eq(walk(rig, 0, 1, "link", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TSETXATTR, tsetxattr, .fid = 1, .name = p9_str("user.k"),
			 .value = data_of("val")),
		     EPERM);
	cr_assert_eq(RPC(rig, TGETXATTR, tgetxattr, .fid = 1, .name = p9_str("user.k"), .size = 9),
		     ENODATA);
	cr_assert_eq(RPC(rig, TLISTXATTR, tlistxattr, .fid = 1, .size = 100), 0);
	cr_assert_eq(rig->reply.rlistxattr.names.len, 0);
	rig_free(rig);
}

Test(mounts, locks_are_seen_across_connections_but_fids_are_not)
{
	struct rig *rig = rig_new((struct rig_options){.n_mounts = 2});

	rig_file(rig, "root/f", "");
	for (size_t i = 0; i < 2; i++) {
		rig_use(rig, i);
		cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = 1, .name = p9_str("f"),
				 .flags = O_RDWR),
			     0);
		close(rig->got_fd);
		cr_assert_eq(RPC(rig, TLOCK, tlock, .fid = 1, .type = P9_LOCK_WRLCK, .proc_id = 1),
			     0);
		cr_assert_eq(rig->reply.rlock.status, i ? P9_LOCK_BLOCKED : P9_LOCK_SUCCESS);
	}
	cr_assert_eq(walk(rig, 0, 20, NULL, NULL, NULL), 0);
	rig_use(rig, 0);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 20), EBADF);
	rig_free(rig);
}
