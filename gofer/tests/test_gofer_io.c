/* SPDX-License-Identifier: Apache-2.0 */
/* open, create, read, write, attributes, directories, fsync, locks, xattrs: plain 9P2000.L. */
#include "client.h"

#include <dirent.h>
#include <sys/xattr.h>

static struct rig *plain_rig(void)
{
	struct rig *rig = rig_new((struct rig_options){.version = P9_VERSION_L, .uid = 1234});

	rig_file(rig, "root/f", "hello");
	return rig;
}

/* Fid @fid becomes "f", opened. */
static void open_f(struct rig *rig, uint32_t fid, uint32_t flags)
{
	cr_assert_eq(walk(rig, 0, fid, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = fid, .flags = flags), 0);
}

static struct stat stat_of(struct rig *rig, const char *name)
{
	struct stat st;

	cr_assert_eq(lstat(rig_path(rig, name), &st), 0);
	return st;
}

Test(io, a_file_is_read_and_written)
{
	struct rig *rig = plain_rig();

	open_f(rig, 1, O_RDWR);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 1, .offset = 5, .data = data_of(" world")), 0);
	cr_assert_eq(rig->reply.rwrite.count, 6);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 1, .offset = 3, .count = 100), 0);
	cr_assert_eq(rig->reply.rread.data.len, 8);
	cr_assert_eq(memcmp(rig->reply.rread.data.data, "lo world", 8), 0);
	cr_assert_eq(RPC(rig, TFSYNC, tfsync, .fid = 1), 0);
	cr_assert_eq(RPC(rig, TFSYNC, tfsync, .fid = 1, .datasync = 1), 0);
	rig_free(rig);
}

Test(io, reading_what_is_not_open_is_ebadf)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 1, .count = 1), EBADF);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 1, .data = data_of("x")), EBADF);
	cr_assert_eq(RPC(rig, TFSYNC, tfsync, .fid = 1), EBADF);
	cr_assert_eq(RPC(rig, TREADDIR, treaddir, .fid = 0, .count = 1000), EBADF);
	rig_free(rig);
}

Test(io, the_open_mode_is_kept)
{
	struct rig *rig = plain_rig();

	open_f(rig, 1, O_RDONLY);
	open_f(rig, 2, O_WRONLY);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 1, .data = data_of("x")), EBADF);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 2, .count = 1), EBADF);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), EBUSY);
	rig_free(rig);
}

Test(io, truncation_at_open_works)
{
	struct rig *rig = plain_rig();

	open_f(rig, 1, O_WRONLY | O_TRUNC);
	cr_assert_eq(stat_of(rig, "root/f").st_size, 0);
	rig_free(rig);
}

Test(io, an_append_flag_does_not_misplace_positioned_writes)
{
	struct rig *rig = plain_rig();

	open_f(rig, 1, O_WRONLY | O_APPEND);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 1, .offset = 0, .data = data_of("J")), 0);
	cr_assert_eq(stat_of(rig, "root/f").st_size, 5);
	rig_free(rig);
}

Test(io, offsets_above_the_signed_range_are_refused)
{
	struct rig *rig = plain_rig();

	open_f(rig, 1, O_RDWR);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 1, .offset = 1ULL << 63, .count = 1), EINVAL);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 1, .offset = ~0ULL, .data = data_of("x")),
		     EINVAL);
	rig_free(rig);
}

Test(io, unknown_open_flags_are_refused)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_PATH), EINVAL);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_ACCMODE), EINVAL);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = 1U << 31), EINVAL);
	rig_free(rig);
}

Test(io, what_is_not_a_file_or_directory_is_not_opened)
{
	struct rig *rig = plain_rig();

	mkfifo(rig_path(rig, "root/fifo"), 0666);
	mknod(rig_path(rig, "root/sock"), S_IFSOCK | 0666, 0);
	cr_assert_eq(mknod(rig_path(rig, "root/null"), S_IFCHR | 0666, 1 << 8 | 3), 0);
	cr_assert_eq(symlink("f", rig_path(rig, "root/link")), 0);
	cr_assert_eq(walk(rig, 0, 1, "fifo", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDWR), EACCES);
	cr_assert_eq(walk(rig, 0, 2, "sock", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 2, .flags = O_RDWR), ENXIO);
	cr_assert_eq(walk(rig, 0, 3, "null", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 3, .flags = O_RDWR), EACCES);
	cr_assert_eq(RPC(rig, TGETATTR, tgetattr, .fid = 3, .mask = P9_GETATTR_ALL), 0);
	cr_assert_eq(rig->reply.rgetattr.rdev, 1 << 8 | 3);
	cr_assert_eq(walk(rig, 0, 4, "link", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 4, .flags = O_RDONLY), ELOOP);
	cr_assert_eq(walk(rig, 0, 5, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 5, .flags = O_RDWR), EISDIR);
	rig_free(rig);
}

Test(create, a_new_file_belongs_to_the_attached_user)
{
	struct rig *rig = plain_rig();
	struct stat st;

	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLCREATE, tlcreate, .fid = 1, .name = p9_str("new"),
			 .flags = O_RDWR | O_EXCL, .mode = 04640, .gid = 77),
		     0);
	st = stat_of(rig, "root/new");
	cr_assert_eq(st.st_uid, 1234);
	cr_assert_eq(st.st_gid, 77);
	cr_assert_eq(st.st_mode, S_IFREG | 04640);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 1, .data = data_of("x")), 0);
	cr_assert_eq(RPC(rig, TREMOVE, tremove, .fid = 1), 0);
	cr_assert_neq(access(rig_path(rig, "root/new"), F_OK), 0);
	rig_free(rig);
}

Test(create, an_existing_file_is_opened_unless_exclusive)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLCREATE, tlcreate, .fid = 1, .name = p9_str("f"),
			 .flags = O_RDWR | O_EXCL, .mode = 0600),
		     EEXIST);
	cr_assert_eq(RPC(rig, TLCREATE, tlcreate, .fid = 1, .name = p9_str("f"), .flags = O_RDONLY,
			 .mode = 0600),
		     0);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 1, .count = 9), 0);
	cr_assert_eq(rig->reply.rread.data.len, 5);
	rig_free(rig);
}

Test(create, an_existing_device_or_link_is_not_opened_by_creating)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(mknod(rig_path(rig, "root/null"), S_IFCHR | 0666, 1 << 8 | 3), 0);
	cr_assert_eq(symlink("/etc/passwd", rig_path(rig, "root/link")), 0);
	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLCREATE, tlcreate, .fid = 1, .name = p9_str("null"), .flags = O_RDWR,
			 .mode = 0600),
		     EACCES);
	cr_assert_eq(RPC(rig, TLCREATE, tlcreate, .fid = 1, .name = p9_str("link"), .flags = O_RDWR,
			 .mode = 0600),
		     ELOOP);
	rig_free(rig);
}

Test(create, a_set_group_id_directory_hands_its_group_down)
{
	struct rig *rig = plain_rig();

	mkdir(rig_path(rig, "root/d"), 0755);
	cr_assert_eq(chown(rig_path(rig, "root/d"), 0, 55), 0);
	cr_assert_eq(chmod(rig_path(rig, "root/d"), 02755), 0);
	cr_assert_eq(walk(rig, 0, 1, "d", NULL, NULL), 0);
	cr_assert_eq(
		RPC(rig, TMKDIR, tmkdir, .dfid = 1, .name = p9_str("s"), .mode = 0700, .gid = 77),
		0);
	cr_assert_eq(stat_of(rig, "root/d/s").st_gid, 55);
	cr_assert_eq(stat_of(rig, "root/d/s").st_uid, 1234);
	cr_assert_eq(stat_of(rig, "root/d/s").st_mode, S_IFDIR | 02700);
	rig_free(rig);
}

Test(attr, getattr_says_what_stat_says)
{
	struct rig *rig = plain_rig();
	struct stat st = stat_of(rig, "root/f");

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TGETATTR, tgetattr, .fid = 1, .mask = P9_GETATTR_BASIC), 0);
	cr_assert_eq(rig->reply.rgetattr.valid, P9_GETATTR_BASIC);
	cr_assert_eq(rig->reply.rgetattr.mode, st.st_mode);
	cr_assert_eq(rig->reply.rgetattr.size, 5);
	cr_assert_eq(rig->reply.rgetattr.nlink, 1);
	cr_assert_eq(rig->reply.rgetattr.qid.path, st.st_ino);
	cr_assert_eq(rig->reply.rgetattr.mtime_sec, (uint64_t)st.st_mtim.tv_sec);
	cr_assert_eq(rig->reply.rgetattr.mtime_nsec, (uint64_t)st.st_mtim.tv_nsec);
	rig_free(rig);
}

Test(attr, setattr_changes_owner_mode_size_and_times)
{
	struct rig *rig = plain_rig();
	struct stat st;

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TSETATTR, tsetattr, .fid = 1,
			 .valid = P9_SETATTR_MODE | P9_SETATTR_UID | P9_SETATTR_GID |
				  P9_SETATTR_SIZE | P9_SETATTR_ATIME | P9_SETATTR_ATIME_SET |
				  P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET,
			 .mode = 06711, .uid = 5, .gid = 6, .size = 3, .atime_sec = 1000,
			 .mtime_sec = 2000, .mtime_nsec = 5),
		     0);
	st = stat_of(rig, "root/f");
	cr_assert_eq(st.st_uid, 5);
	cr_assert_eq(st.st_gid, 6);
	cr_assert_eq(st.st_size, 3);
	cr_assert_eq(st.st_atim.tv_sec, 1000);
	cr_assert_eq(st.st_mtim.tv_sec, 2000);
	cr_assert_eq(st.st_mtim.tv_nsec, 5);
	cr_assert_eq(st.st_mode & 0777, 0711);
	rig_free(rig);
}

Test(attr, a_time_that_is_not_given_is_left_or_now)
{
	struct rig *rig = plain_rig();
	struct stat before = stat_of(rig, "root/f");
	struct stat st;

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TSETATTR, tsetattr, .fid = 1,
			 .valid = P9_SETATTR_ATIME | P9_SETATTR_ATIME_SET, .atime_sec = 1),
		     0);
	st = stat_of(rig, "root/f");
	cr_assert_eq(st.st_atim.tv_sec, 1);
	cr_assert_eq(st.st_mtim.tv_sec, before.st_mtim.tv_sec);
	cr_assert_eq(RPC(rig, TSETATTR, tsetattr, .fid = 1, .valid = P9_SETATTR_ATIME), 0);
	st = stat_of(rig, "root/f");
	cr_assert_geq(st.st_atim.tv_sec, before.st_mtim.tv_sec);
	rig_free(rig);
}

Test(attr, setattr_refuses_nonsense)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TSETATTR, tsetattr, .fid = 1, .valid = 0x8000), EINVAL);
	cr_assert_eq(
		RPC(rig, TSETATTR, tsetattr, .fid = 1, .valid = P9_SETATTR_SIZE, .size = ~0ULL),
		EFBIG);
	cr_assert_eq(RPC(rig, TSETATTR, tsetattr, .fid = 1,
			 .valid = P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET,
			 .mtime_nsec = 1000000000),
		     EINVAL);
	cr_assert_eq(RPC(rig, TSETATTR, tsetattr, .fid = 0, .valid = P9_SETATTR_SIZE), EISDIR);
	rig_free(rig);
}

Test(attr, a_symlink_itself_is_changed_not_its_target)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(symlink("f", rig_path(rig, "root/link")), 0);
	cr_assert_eq(walk(rig, 0, 1, "link", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TSETATTR, tsetattr, .fid = 1,
			 .valid = P9_SETATTR_UID | P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET,
			 .uid = 9, .mtime_sec = 3),
		     0);
	cr_assert_eq(stat_of(rig, "root/link").st_uid, 9);
	cr_assert_eq(stat_of(rig, "root/link").st_mtim.tv_sec, 3);
	cr_assert_eq(stat_of(rig, "root/f").st_uid, 0);
	cr_assert_eq(RPC(rig, TSETATTR, tsetattr, .fid = 1, .valid = P9_SETATTR_MODE, .mode = 0),
		     EOPNOTSUPP);
	cr_assert_eq(stat_of(rig, "root/f").st_mode & 0777, 0644);
	cr_assert_eq(RPC(rig, TREADLINK, treadlink, .fid = 1), 0);
	cr_assert(p9_str_eq(rig->reply.rreadlink.target, "f"));
	cr_assert_eq(RPC(rig, TREADLINK, treadlink, .fid = 0), EINVAL);
	rig_free(rig);
}

Test(attr, statfs_describes_the_file_system)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(RPC(rig, TSTATFS, tstatfs, .fid = 0), 0);
	cr_assert_gt(rig->reply.rstatfs.blocks, 0);
	cr_assert_eq(rig->reply.rstatfs.namelen, 255);
	rig_free(rig);
}

/* Lists fid @fid in replies of @count bytes. Returns how many entries other than dots were seen,
 * each exactly once (their names are numbers). */
static int list_all(struct rig *rig, uint32_t fid, uint32_t count, int n)
{
	char *seen = calloc((size_t)n, 1);
	uint64_t offset = 0;
	int found = 0;

	for (;;) {
		struct p9_dirent ent;
		struct rd in;

		cr_assert_eq(
			RPC(rig, TREADDIR, treaddir, .fid = fid, .offset = offset, .count = count),
			0);
		if (!rig->reply.rreaddir.data.len)
			break;
		cr_assert_leq(rig->reply.rreaddir.data.len, count);
		rd_init(&in, rig->reply.rreaddir.data.data, rig->reply.rreaddir.data.len);
		while (p9_dirent_get(&ent, &in) == 1) {
			char number[16];
			int i;

			offset = ent.offset;
			if (ent.name.data[0] == '.')
				continue;
			snprintf(number, sizeof(number), "%.*s", ent.name.len, ent.name.data);
			i = atoi(number);
			cr_assert(i >= 0 && i < n && !seen[i]);
			seen[i] = 1;
			found++;
		}
	}
	free(seen);
	return found;
}

Test(dir, every_entry_is_listed_once_whatever_the_reply_size)
{
	struct rig *rig = plain_rig();
	enum { N = 3000 };

	mkdir(rig_path(rig, "root/d"), 0755);
	for (int i = 0; i < N; i++) {
		char name[64];

		snprintf(name, sizeof(name), "root/d/%d", i);
		rig_file(rig, name, "");
	}
	cr_assert_eq(walk(rig, 0, 1, "d", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY | O_DIRECTORY), 0);
	cr_assert_eq(list_all(rig, 1, 1 << 19, N), N);
	cr_assert_eq(list_all(rig, 1, 8192, N), N);
	cr_assert_eq(list_all(rig, 1, 300, N), N);
	cr_assert_eq(RPC(rig, TREADDIR, treaddir, .fid = 1, .count = 10), EINVAL);
	cr_assert_eq(list_all(rig, 1, 1000, N), N);
	rig_free(rig);
}

Test(dir, the_roots_parent_is_not_shown)
{
	struct rig *rig = plain_rig();
	struct p9_dirent ent;
	struct rd in;
	ino_t self = stat_of(rig, "root").st_ino;

	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), 0);
	cr_assert_eq(RPC(rig, TREADDIR, treaddir, .fid = 1, .count = 8192), 0);
	rd_init(&in, rig->reply.rreaddir.data.data, rig->reply.rreaddir.data.len);
	while (p9_dirent_get(&ent, &in) == 1) {
		if (ent.name.data[0] == '.')
			cr_assert_eq(ent.qid.path, self);
		else
			cr_assert_eq(ent.qid.path, stat_of(rig, "root/f").st_ino);
	}
	rig_free(rig);
}

static int lock(struct rig *rig, uint32_t fid, uint8_t type, uint64_t start, uint64_t len,
		uint32_t pid)
{
	int r = RPC(rig, TLOCK, tlock, .fid = fid, .type = type, .start = start, .length = len,
		    .proc_id = pid, .client_id = p9_str("client"));

	return r ? -r : rig->reply.rlock.status;
}

Test(lock, a_conflicting_lock_is_blocked_and_shown)
{
	struct rig *rig = plain_rig();

	open_f(rig, 1, O_RDWR);
	open_f(rig, 2, O_RDWR);
	cr_assert_eq(lock(rig, 1, P9_LOCK_WRLCK, 10, 10, 1), P9_LOCK_SUCCESS);
	cr_assert_eq(lock(rig, 2, P9_LOCK_RDLCK, 15, 1, 2), P9_LOCK_BLOCKED);
	cr_assert_eq(lock(rig, 2, P9_LOCK_RDLCK, 20, 0, 2), P9_LOCK_SUCCESS);
	cr_assert_eq(RPC(rig, TGETLOCK, tgetlock, .fid = 2, .type = P9_LOCK_WRLCK, .start = 0,
			 .length = 0, .proc_id = 3, .client_id = p9_str("client")),
		     0);
	cr_assert_eq(rig->reply.rgetlock.type, P9_LOCK_WRLCK);
	cr_assert_eq(rig->reply.rgetlock.start, 10);
	cr_assert_eq(rig->reply.rgetlock.length, 10);
	cr_assert_eq(rig->reply.rgetlock.proc_id, 1);
	rig_free(rig);
}

Test(lock, unlocking_the_middle_splits_a_range)
{
	struct rig *rig = plain_rig();

	open_f(rig, 1, O_RDWR);
	cr_assert_eq(lock(rig, 1, P9_LOCK_WRLCK, 0, 30, 1), P9_LOCK_SUCCESS);
	cr_assert_eq(lock(rig, 1, P9_LOCK_UNLCK, 10, 10, 1), P9_LOCK_SUCCESS);
	cr_assert_eq(lock(rig, 1, P9_LOCK_WRLCK, 10, 10, 2), P9_LOCK_SUCCESS);
	cr_assert_eq(lock(rig, 1, P9_LOCK_WRLCK, 9, 1, 2), P9_LOCK_BLOCKED);
	cr_assert_eq(lock(rig, 1, P9_LOCK_WRLCK, 20, 1, 2), P9_LOCK_BLOCKED);
	cr_assert_eq(lock(rig, 1, P9_LOCK_WRLCK, 30, 1, 2), P9_LOCK_SUCCESS);
	rig_free(rig);
}

Test(lock, clunking_releases_and_an_owner_never_blocks_itself)
{
	struct rig *rig = plain_rig();

	open_f(rig, 1, O_RDWR);
	open_f(rig, 2, O_RDWR);
	cr_assert_eq(lock(rig, 1, P9_LOCK_WRLCK, 0, 0, 1), P9_LOCK_SUCCESS);
	cr_assert_eq(lock(rig, 1, P9_LOCK_RDLCK, 0, 0, 1), P9_LOCK_SUCCESS);
	cr_assert_eq(lock(rig, 2, P9_LOCK_WRLCK, 0, 0, 2), P9_LOCK_BLOCKED);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 1), 0);
	cr_assert_eq(lock(rig, 2, P9_LOCK_WRLCK, 0, 0, 2), P9_LOCK_SUCCESS);
	rig_free(rig);
}

Test(lock, locks_are_limited)
{
	struct rig *rig = rig_new((struct rig_options){.version = P9_VERSION_L, .limits.locks = 3});

	rig_file(rig, "root/f", "");
	open_f(rig, 1, O_RDWR);
	cr_assert_eq(lock(rig, 1, P9_LOCK_WRLCK, 0, 1, 1), P9_LOCK_SUCCESS);
	cr_assert_eq(lock(rig, 1, P9_LOCK_WRLCK, 2, 1, 1), P9_LOCK_SUCCESS);
	cr_assert_eq(lock(rig, 1, P9_LOCK_WRLCK, 4, 1, 1), -ENOLCK);
	rig_free(rig);
}

static int set_xattr(struct rig *rig, uint32_t fid, const char *name, const char *value)
{
	int r = walk(rig, fid, 50, NULL, NULL, NULL);

	cr_assert_eq(r, 0);
	r = RPC(rig, TXATTRCREATE, txattrcreate, .fid = 50, .name = p9_str(name),
		.size = strlen(value));
	if (!r && *value)
		r = RPC(rig, TWRITE, twrite, .fid = 50, .data = data_of(value));
	if (r) {
		cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 50), 0);
		return r;
	}
	return RPC(rig, TCLUNK, tclunk, .fid = 50);
}

Test(xattr, a_value_is_set_read_listed_and_removed)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(set_xattr(rig, 1, "user.a", "value"), 0);
	cr_assert_eq(
		RPC(rig, TXATTRWALK, txattrwalk, .fid = 1, .newfid = 2, .name = p9_str("user.a")),
		0);
	cr_assert_eq(rig->reply.rxattrwalk.size, 5);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 2, .offset = 1, .count = 100), 0);
	cr_assert_eq(rig->reply.rread.data.len, 4);
	cr_assert_eq(memcmp(rig->reply.rread.data.data, "alue", 4), 0);
	cr_assert_eq(RPC(rig, TXATTRWALK, txattrwalk, .fid = 1, .newfid = 3), 0);
	cr_assert_eq(rig->reply.rxattrwalk.size, 7);
	cr_assert_eq(set_xattr(rig, 1, "user.a", ""), 0);
	cr_assert_eq(
		RPC(rig, TXATTRWALK, txattrwalk, .fid = 1, .newfid = 4, .name = p9_str("user.a")),
		ENODATA);
	rig_free(rig);
}

Test(xattr, a_value_cut_short_or_too_long_is_not_set)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(
		RPC(rig, TXATTRCREATE, txattrcreate, .fid = 1, .name = p9_str("user.a"), .size = 4),
		0);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 1, .data = data_of("12345")), ENOSPC);
	cr_assert_eq(RPC(rig, TWRITE, twrite, .fid = 1, .data = data_of("12")), 0);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 1), EINVAL);
	cr_assert_lt(getxattr(rig_path(rig, "root/f"), "user.a", NULL, 0), 0);
	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TXATTRCREATE, txattrcreate, .fid = 1, .name = p9_str("user.a"),
			 .size = 1ULL << 40),
		     E2BIG);
	rig_free(rig);
}

Test(xattr, only_user_attributes_pass)
{
	struct rig *rig = plain_rig();

	cr_assert_eq(setxattr(rig_path(rig, "root/f"), "trusted.t", "x", 1, 0), 0);
	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(set_xattr(rig, 1, "trusted.x", "v"), EPERM);
	cr_assert_eq(set_xattr(rig, 1, "security.capability", "v"), EPERM);
	cr_assert_eq(set_xattr(rig, 1, "system.posix_acl_access", "v"), EOPNOTSUPP);
	cr_assert_eq(RPC(rig, TXATTRWALK, txattrwalk, .fid = 1, .newfid = 2,
			 .name = p9_str("trusted.t")),
		     ENODATA);
	cr_assert_eq(RPC(rig, TXATTRWALK, txattrwalk, .fid = 1, .newfid = 3), 0);
	cr_assert_eq(rig->reply.rxattrwalk.size, 0);
	rig_free(rig);
}

Test(xattr, what_fids_hold_of_values_is_limited_and_given_back)
{
	struct rig *rig = rig_new((struct rig_options){
		.version = P9_VERSION_L, .limits = {.xattr_held = 100000, .xattr_size = 60000}});

	for (int i = 0; i < 3; i++) {
		for (uint32_t fid = 1; fid < 3; fid++)
			cr_assert_eq(walk(rig, 0, fid, NULL, NULL, NULL), 0);
		cr_assert_eq(RPC(rig, TXATTRCREATE, txattrcreate, .fid = 1,
				 .name = p9_str("user.a"), .size = 60000),
			     0);
		cr_assert_eq(RPC(rig, TXATTRCREATE, txattrcreate, .fid = 2,
				 .name = p9_str("user.a"), .size = 60000),
			     ENOMEM);
		cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 1), EINVAL);
		cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 2), 0);
	}
	rig_free(rig);
}
