/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the tree, and that a read-only mount allows none of them. */
#include "client.h"

static struct rig *plain_rig(void)
{
	struct rig *rig = rig_new((struct rig_options){.version = P9_VERSION_L, .uid = 1234});

	rig_file(rig, "root/f", "hello");
	return rig;
}

static struct stat stat_of(struct rig *rig, const char *name)
{
	struct stat st;

	cr_assert_eq(lstat(rig_path(rig, name), &st), 0);
	return st;
}

static bool exists(struct rig *rig, const char *name)
{
	struct stat st;

	return lstat(rig_path(rig, name), &st) == 0;
}

Test(tree, objects_are_made_with_their_owner_and_mode)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(RPC(rig, TMKDIR, tmkdir, .name = p9_str("d"), .mode = 01755, .gid = 7), 0);
	cr_assert_eq(rig->reply.rmkdir.qid.type, P9_QTDIR);
	cr_assert_eq(RPC(rig, TSYMLINK, tsymlink, .name = p9_str("l"), .target = p9_str("../x/y"),
			 .gid = 7),
		     0);
	cr_assert_eq(
		RPC(rig, TMKNOD, tmknod, .name = p9_str("p"), .mode = S_IFIFO | 0640, .gid = 7), 0);
	cr_assert_eq(
		RPC(rig, TMKNOD, tmknod, .name = p9_str("s"), .mode = S_IFSOCK | 0640, .gid = 7),
		0);
	cr_assert_eq(RPC(rig, TMKNOD, tmknod, .name = p9_str("r"), .mode = 0640, .gid = 7), 0);
	cr_assert_eq(stat_of(rig, "root/d").st_mode, S_IFDIR | 01755);
	cr_assert_eq(stat_of(rig, "root/p").st_mode, S_IFIFO | 0640);
	cr_assert_eq(stat_of(rig, "root/s").st_mode, S_IFSOCK | 0640);
	cr_assert_eq(stat_of(rig, "root/r").st_mode, S_IFREG | 0640);
	for (int i = 0; i < 5; i++) {
		static const char *const made[] = {"root/d", "root/l", "root/p", "root/s",
						   "root/r"};

		cr_assert_eq(stat_of(rig, made[i]).st_uid, 1234);
		cr_assert_eq(stat_of(rig, made[i]).st_gid, 7);
	}
	rig_free(rig);
}

Test(tree, device_nodes_are_never_made)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(RPC(rig, TMKNOD, tmknod, .name = p9_str("n"), .mode = S_IFCHR | 0666,
			 .major = 1, .minor = 3),
		     EPERM);
	cr_assert_eq(RPC(rig, TMKNOD, tmknod, .name = p9_str("n"), .mode = S_IFBLK | 0666), EPERM);
	cr_assert_eq(RPC(rig, TMKNOD, tmknod, .name = p9_str("n"), .mode = S_IFLNK | 0666), EINVAL);
	cr_assert_not(exists(rig, "root/n"));
	rig_free(rig);
}

Test(tree, special_names_are_refused_everywhere)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TMKDIR, tmkdir, .name = p9_str("."), .mode = 0700), EEXIST);
	cr_assert_eq(RPC(rig, TMKDIR, tmkdir, .name = p9_str(".."), .mode = 0700), EEXIST);
	cr_assert_eq(RPC(rig, TSYMLINK, tsymlink, .name = p9_str(""), .target = p9_str("x")),
		     ENOENT);
	cr_assert_eq(RPC(rig, TSYMLINK, tsymlink, .name = p9_str("l"), .target = p9_str("")),
		     ENOENT);
	cr_assert_eq(RPC(rig, TLINK, tlink, .fid = 1, .name = p9_str("..")), EEXIST);
	cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .name = p9_str(".."), .flags = 0x200), EINVAL);
	cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .name = p9_str("f"), .flags = 1), EINVAL);
	cr_assert_eq(
		RPC(rig, TRENAMEAT, trenameat, .oldname = p9_str(".."), .newname = p9_str("x")),
		EBUSY);
	cr_assert_eq(RPC(rig, TRENAME, trename, .fid = 1, .dfid = 0, .name = p9_str("..")), EBUSY);
	rig_free(rig);
}

Test(tree, links_share_the_file)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLINK, tlink, .fid = 1, .name = p9_str("g")), 0);
	cr_assert_eq(stat_of(rig, "root/g").st_ino, stat_of(rig, "root/f").st_ino);
	cr_assert_eq(RPC(rig, TLINK, tlink, .fid = 1, .name = p9_str("g")), EEXIST);
	cr_assert_eq(walk(rig, 0, 2, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLINK, tlink, .fid = 2, .name = p9_str("h")), EPERM);
	rig_free(rig);
}

Test(tree, unlinkat_tells_files_from_directories)
{
	struct rig *rig = plain_rig();

	mkdir(rig_path(rig, "root/d"), 0755);
	cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .name = p9_str("d")), EISDIR);
	cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .name = p9_str("f"), .flags = 0x200), ENOTDIR);
	cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .name = p9_str("d"), .flags = 0x200), 0);
	cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .name = p9_str("f")), 0);
	cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .name = p9_str("f")), ENOENT);
	rig_free(rig);
}

Test(tree, remove_clunks_even_when_it_fails)
{
	struct rig *rig = plain_rig();

	mkdir(rig_path(rig, "root/d"), 0755);
	mkdir(rig_path(rig, "root/d/e"), 0755);
	cr_assert_eq(walk(rig, 0, 1, "d", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TREMOVE, tremove, .fid = 1), ENOTEMPTY);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 1), EBADF);
	cr_assert_eq(RPC(rig, TREMOVE, tremove, .fid = 0), EBUSY);
	rig_free(rig);
}

Test(tree, rename_moves_a_fid_and_it_can_still_be_removed)
{
	struct rig *rig = plain_rig();

	mkdir(rig_path(rig, "root/d"), 0755);
	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(walk(rig, 0, 2, "d", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TRENAME, trename, .fid = 1, .dfid = 2, .name = p9_str("g")), 0);
	cr_assert(exists(rig, "root/d/g"));
	cr_assert_eq(RPC(rig, TRENAMEAT, trenameat, .olddirfid = 2, .oldname = p9_str("g"),
			 .newdirfid = 0, .newname = p9_str("h")),
		     0);
	cr_assert(exists(rig, "root/h"));
	cr_assert_eq(RPC(rig, TREMOVE, tremove, .fid = 1), 0);
	cr_assert_not(exists(rig, "root/h"));
	rig_free(rig);
}

Test(tree, removing_what_was_replaced_meanwhile_is_estale)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	rig_file(rig, "root/g", "other");
	cr_assert_eq(rename(rig_path(rig, "root/g"), rig_path(rig, "root/f")), 0);
	cr_assert_eq(RPC(rig, TREMOVE, tremove, .fid = 1), ESTALE);
	cr_assert(exists(rig, "root/f"));
	rig_free(rig);
}

Test(tree, a_directory_moved_into_its_own_child_is_refused)
{
	struct rig *rig = plain_rig();

	mkdir(rig_path(rig, "root/d"), 0755);
	mkdir(rig_path(rig, "root/d/e"), 0755);
	cr_assert_eq(walk(rig, 0, 1, "d", NULL, NULL), 0);
	cr_assert_eq(walk(rig, 1, 2, "e", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TRENAME, trename, .fid = 1, .dfid = 2, .name = p9_str("x")), EINVAL);
	/* a swap of places, by two renames, keeps ".." right */
	cr_assert_eq(RPC(rig, TRENAME, trename, .fid = 2, .dfid = 0, .name = p9_str("top")), 0);
	cr_assert_eq(RPC(rig, TRENAME, trename, .fid = 1, .dfid = 2, .name = p9_str("under")), 0);
	cr_assert_eq(walk(rig, 1, 3, "..", NULL, NULL), 0);
	cr_assert_eq(rig->reply.rwalk.qids.v[0].path, stat_of(rig, "root/top").st_ino);
	rig_free(rig);
}

/* Every changing request of plain 9P2000.L. */
Test(readonly, every_change_is_erofs_and_reading_works)
{
	struct rig *rig = rig_new((struct rig_options){.version = P9_VERSION_L, .readonly = true});

	rig_file(rig, "root/f", "hello");
	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(walk(rig, 0, 2, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLCREATE, tlcreate, .fid = 2, .name = p9_str("x")), EROFS);
	cr_assert_eq(RPC(rig, TSYMLINK, tsymlink, .name = p9_str("x"), .target = p9_str("y")),
		     EROFS);
	cr_assert_eq(RPC(rig, TMKNOD, tmknod, .name = p9_str("x"), .mode = S_IFIFO), EROFS);
	cr_assert_eq(RPC(rig, TMKDIR, tmkdir, .name = p9_str("x")), EROFS);
	cr_assert_eq(RPC(rig, TRENAME, trename, .fid = 1, .dfid = 0, .name = p9_str("x")), EROFS);
	cr_assert_eq(RPC(rig, TRENAMEAT, trenameat, .oldname = p9_str("f"), .newname = p9_str("x")),
		     EROFS);
	cr_assert_eq(RPC(rig, TSETATTR, tsetattr, .fid = 1, .valid = P9_SETATTR_MODE), EROFS);
	cr_assert_eq(RPC(rig, TXATTRCREATE, txattrcreate, .fid = 1, .name = p9_str("user.x")),
		     EROFS);
	cr_assert_eq(RPC(rig, TLINK, tlink, .fid = 1, .name = p9_str("x")), EROFS);
	cr_assert_eq(RPC(rig, TUNLINKAT, tunlinkat, .name = p9_str("f")), EROFS);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 1, .data = data_of("x")), EROFS);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDWR), EROFS);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_WRONLY), EROFS);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY | O_TRUNC), EROFS);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), 0);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 1, .count = 9), 0);
	cr_assert_eq(RPC(rig, TREMOVE, tremove, .fid = 1), EROFS);
	cr_assert_eq(stat_of(rig, "root/f").st_size, 5);
	rig_free(rig);
}

/* And of the extension. */
Test(readonly, every_extended_change_is_erofs_and_opening_works)
{
	struct rig *rig = rig_new((struct rig_options){.readonly = true});

	rig_file(rig, "root/f", "hello");
	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TMKDIRAT, tmkdirat, .newfid = P9_NOFID, .name = p9_str("x")), EROFS);
	cr_assert_eq(RPC(rig, TMKNODAT, tmknodat, .newfid = P9_NOFID, .name = p9_str("x")), EROFS);
	cr_assert_eq(RPC(rig, TSYMLINKAT, tsymlinkat, .newfid = P9_NOFID, .name = p9_str("x"),
			 .target = p9_str("y")),
		     EROFS);
	cr_assert_eq(
		RPC(rig, TRENAMEAT2, trenameat2, .oldname = p9_str("f"), .newname = p9_str("x")),
		EROFS);
	cr_assert_eq(RPC(rig, TSETXATTR, tsetxattr, .fid = 1, .name = p9_str("user.x")), EROFS);
	cr_assert_eq(RPC(rig, TREMOVEXATTR, tremovexattr, .fid = 1, .name = p9_str("user.x")),
		     EROFS);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("f"),
			 .flags = O_RDWR),
		     EROFS);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("x"),
			 .flags = O_RDONLY | O_CREAT),
		     EROFS);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .flags = O_TMPFILE | O_RDWR),
		     EROFS);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("f"),
			 .flags = O_RDONLY | O_CREAT | O_EXCL),
		     EEXIST);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .newfid = P9_NOFID, .name = p9_str("f"),
			 .flags = O_RDONLY | O_CREAT),
		     0);
	cr_assert_eq(fcntl(rig->got_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(rig->got_fd);
	rig_free(rig);
}
