/* SPDX-License-Identifier: Apache-2.0 */
/* Path resolution: path_resolution(7), openat2(2). */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>

#include "boot/kernel.h"
#include "env.h"
#include "vfs/dentry.h"
#include "vfs/namespace.h"

static int look(struct task *t, const char *name, unsigned int flags)
{
	struct path p = { 0 };
	int r = path_lookup(t, AT_FDCWD, name, flags, &p);

	path_put(&p);
	return r;
}

static struct task *tree(void)
{
	struct task *t = env_new();

	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/d", 0755), 0);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/d/e", 0755), 0);
	cr_assert_eq(env_put(t, "/d/f", "text"), 0);
	return t;
}

Test(walk, dots_and_slashes_lead_where_they_should)
{
	struct task *t = tree();

	cr_assert_str_eq(env_text(t, "//d/./e/../f"), "text");
	cr_assert_str_eq(env_text(t, "/../../d/f"), "text");
	cr_assert_eq(look(t, "/d/f/", 0), -ENOTDIR);
	cr_assert_eq(look(t, "/d/f/..", 0), -ENOTDIR);
	cr_assert_eq(look(t, "/d/e/", 0), 0);
	cr_assert_eq(look(t, "", 0), -ENOENT);
	cr_assert_eq(look(t, "", WALK_EMPTY), 0);
}

Test(walk, symlinks_are_followed_in_the_middle_and_at_the_end)
{
	struct task *t = tree();

	cr_assert_eq(vfs_symlink(t, "d", AT_FDCWD, "/s"), 0);
	cr_assert_eq(vfs_symlink(t, "/s/f", AT_FDCWD, "/abs"), 0);
	cr_assert_str_eq(env_text(t, "/s/f"), "text");
	cr_assert_str_eq(env_text(t, "/abs"), "text");
	cr_assert_eq(look(t, "/abs", WALK_NOFOLLOW), 0);
	cr_assert_eq(look(t, "/s", WALK_NOFOLLOW | WALK_DIRECTORY), -ENOTDIR);
	cr_assert_eq(look(t, "/s/", WALK_NOFOLLOW), 0, "a trailing slash follows");
}

Test(walk, forty_symlinks_pass_and_forty_one_do_not)
{
	struct task *t = tree();
	char name[16];
	char target[16];

	for (int i = 0; i < 42; i++) {
		snprintf(name, sizeof(name), "/l%d", i);
		snprintf(target, sizeof(target), i == 0 ? "d" : "l%d", i - 1);
		cr_assert_eq(vfs_symlink(t, target, AT_FDCWD, name), 0);
	}
	cr_assert_eq(look(t, "/l39", 0), 0);
	cr_assert_eq(look(t, "/l40", 0), -ELOOP);
}

Test(walk, name_of_255_bytes_is_the_longest)
{
	struct task *t = tree();
	char name[300] = "/";

	memset(name + 1, 'n', 255);
	cr_assert_eq(env_put(t, name, "x"), 0);
	name[256] = 'n';
	cr_assert_eq(look(t, name, 0), -ENAMETOOLONG);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, name, 0700), -ENAMETOOLONG);
}

Test(walk, search_permission_is_asked_of_every_directory)
{
	struct task *t = tree();

	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/closed", 0700), 0);
	cr_assert_eq(env_put(t, "/closed/f", "x"), 0);
	env_set_user(t, 1000, 1000);
	cr_assert_eq(look(t, "/closed", 0), 0);
	cr_assert_eq(look(t, "/closed/f", 0), -EACCES);
	cr_assert_eq(look(t, "/closed/..", 0), -EACCES);
}

static int open_scoped(struct task *t, const char *name, uint64_t resolve)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = resolve };
	struct file *f = NULL;
	int dir = env_open(t, "/d", O_RDONLY | O_DIRECTORY, 0);
	int r = vfs_openat(t, dir, name, &how, &f);

	file_put(f);
	fd_close(t, dir);
	return r;
}

Test(walk, resolve_beneath_never_leaves_the_directory)
{
	struct task *t = tree();

	cr_assert_eq(vfs_symlink(t, "../d/f", AT_FDCWD, "/d/out"), 0);
	cr_assert_eq(vfs_symlink(t, "/d/f", AT_FDCWD, "/d/abs"), 0);
	cr_assert_eq(open_scoped(t, "f", RESOLVE_BENEATH), 0);
	cr_assert_eq(open_scoped(t, "e/../f", RESOLVE_BENEATH), 0);
	cr_assert_eq(open_scoped(t, "../d/f", RESOLVE_BENEATH), -EXDEV);
	cr_assert_eq(open_scoped(t, "out", RESOLVE_BENEATH), -EXDEV);
	cr_assert_eq(open_scoped(t, "abs", RESOLVE_BENEATH), -EXDEV);
	cr_assert_eq(open_scoped(t, "/d/f", RESOLVE_BENEATH), -EXDEV);
}

Test(walk, resolve_in_root_takes_the_directory_for_the_root)
{
	struct task *t = tree();

	cr_assert_eq(vfs_symlink(t, "/f", AT_FDCWD, "/d/abs"), 0);
	cr_assert_eq(open_scoped(t, "/f", RESOLVE_IN_ROOT), 0);
	cr_assert_eq(open_scoped(t, "/../../f", RESOLVE_IN_ROOT), 0);
	cr_assert_eq(open_scoped(t, "abs", RESOLVE_IN_ROOT), 0);
}

Test(walk, open_creates_through_a_dangling_symlink)
{
	struct task *t = tree();

	cr_assert_eq(vfs_symlink(t, "d/new", AT_FDCWD, "/dang"), 0);
	cr_assert_eq(env_open(t, "/dang", O_CREAT | O_EXCL | O_WRONLY, 0600), -EEXIST);
	cr_assert_eq(env_put(t, "/dang", "made"), 0);
	cr_assert_str_eq(env_text(t, "/d/new"), "made");
}

Test(walk, path_of_a_place_is_given_from_the_root_of_the_reader)
{
	struct task *t = tree();
	struct path p = { 0 };
	struct path root = { 0 };
	char buf[64];

	cr_assert_eq(path_lookup(t, AT_FDCWD, "/d/e", 0, &p), 0);
	cr_assert_eq(path_lookup(t, AT_FDCWD, "/d", 0, &root), 0);
	cr_assert_eq(path_to_str(&p, &t->kernel->root, buf, sizeof(buf), false), 4);
	cr_assert_str_eq(buf, "/d/e");
	cr_assert_eq(path_to_str(&p, &root, buf, sizeof(buf), false), 2);
	cr_assert_str_eq(buf, "/e");
	cr_assert_eq(path_to_str(&root, &p, buf, sizeof(buf), false), -ENOENT);
	cr_assert_eq(vfs_rmdir(t, AT_FDCWD, "/d/e"), 0);
	cr_assert_gt(path_to_str(&p, &t->kernel->root, buf, sizeof(buf), false), 0);
	cr_assert_str_eq(buf, "/d/e (deleted)");
	cr_assert_eq(path_to_str(&p, &t->kernel->root, buf, 4, false), -ENAMETOOLONG);
	path_put(&p);
	path_put(&root);
}

Test(walk, many_names_leave_the_cache_bounded_and_right)
{
	struct task *t = tree();
	char name[32];

	for (int i = 0; i < 40000; i++) {
		snprintf(name, sizeof(name), "/d/n%d", i);
		cr_assert_eq(look(t, name, 0), -ENOENT);
	}
	cr_assert_eq(env_put(t, "/d/n7", "seven"), 0);
	cr_assert_str_eq(env_text(t, "/d/n7"), "seven");
}
