/* SPDX-License-Identifier: Apache-2.0 */
/* The mount tree: mount(2), umount2(2), bind mounts, boot. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "env.h"
#include "sentry/boot.h"
#include "vfs/dentry.h"
#include "vfs/fstype.h"
#include "vfs/namespace.h"

static struct mount *mount_tmpfs(struct task *t, const char *at, unsigned long flags)
{
	struct path p = { 0 };
	struct super *sb = NULL;
	struct mount *m = NULL;

	cr_assert_eq(path_lookup(t, AT_FDCWD, at, 0, &p), 0);
	cr_assert_eq(fstype_mount(&sb, "tmpfs", NULL), 0);
	cr_assert_eq(mount_add(t->kernel->mounts, sb, NULL, &p, "tmp", flags, &m), 0);
	path_put(&p);
	super_put(sb);
	return m;
}

Test(mount, covers_and_uncovers)
{
	struct task *t = env_new();

	vfs_mkdir(t, AT_FDCWD, "/m", 0755);
	env_put(t, "/m/under", "under");
	struct mount *m = mount_get(mount_tmpfs(t, "/m", 0));

	cr_assert_null(env_text(t, "/m/under"));
	env_put(t, "/m/over", "over");
	cr_assert_str_eq(env_list(t, "/m/.."), "dev m");
	cr_assert_eq(vfs_rmdir(t, AT_FDCWD, "/m"), -EBUSY);
	cr_assert_eq(mount_remove(t->kernel->mounts, m, false), 0);
	mount_put(m);
	cr_assert_str_eq(env_text(t, "/m/under"), "under");
	cr_assert_null(env_text(t, "/m/over"));
}

Test(mount, open_file_keeps_it_busy)
{
	struct task *t = env_new();

	vfs_mkdir(t, AT_FDCWD, "/m", 0755);
	struct mount *m = mount_get(mount_tmpfs(t, "/m", 0));
	int fd = env_open(t, "/m/f", O_CREAT | O_RDWR, 0600);

	cr_assert_eq(mount_remove(t->kernel->mounts, m, false), -EBUSY);
	cr_assert_eq(mount_remove(t->kernel->mounts, m, true), 0);
	mount_put(m);
	cr_assert_eq(env_write(t, fd, "still", 5), 5);
	fd_close(t, fd);
}

Test(mount, read_only_mount_refuses_every_change)
{
	struct task *t = env_new();

	vfs_mkdir(t, AT_FDCWD, "/m", 0755);
	struct mount *m = mount_tmpfs(t, "/m", 0);

	env_put(t, "/m/f", "x");
	m->flags |= MNT_RDONLY;
	cr_assert_eq(env_open(t, "/m/f", O_RDWR, 0), -EROFS);
	cr_assert_eq(env_open(t, "/m/g", O_CREAT | O_RDWR, 0600), -EROFS);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/m/d", 0700), -EROFS);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/m/f", 0700), -EEXIST);
	cr_assert_eq(vfs_unlink(t, AT_FDCWD, "/m/f"), -EROFS);
	cr_assert_eq(vfs_link(t, AT_FDCWD, "/m/f", AT_FDCWD, "/m/l", 0), -EROFS);
	cr_assert_eq(vfs_rename(t, AT_FDCWD, "/m/f", AT_FDCWD, "/m/l", 0), -EROFS);
}

Test(mount, names_do_not_cross_mounts)
{
	struct task *t = env_new();

	vfs_mkdir(t, AT_FDCWD, "/m", 0755);
	env_put(t, "/f", "x");
	mount_tmpfs(t, "/m", 0);
	cr_assert_eq(vfs_link(t, AT_FDCWD, "/f", AT_FDCWD, "/m/f", 0), -EXDEV);
	cr_assert_eq(vfs_rename(t, AT_FDCWD, "/f", AT_FDCWD, "/m/f", 0), -EXDEV);
	cr_assert_eq(vfs_rename(t, AT_FDCWD, "/m", AT_FDCWD, "/n", 0), -EBUSY);
}

Test(mount, nodev_and_noexec_are_kept)
{
	struct task *t = env_new();
	struct file *f = NULL;

	vfs_mkdir(t, AT_FDCWD, "/m", 0755);
	mount_tmpfs(t, "/m", MNT_NODEV | MNT_NOEXEC);
	cr_assert_eq(vfs_mknod(t, AT_FDCWD, "/m/null", S_IFCHR | 0666, 0x103, NULL), 0);
	cr_assert_eq(env_open(t, "/m/null", O_RDWR, 0), -EACCES);
	env_put(t, "/m/x", "#!/bin/sh\n");
	struct path p = { 0 };

	path_lookup(t, AT_FDCWD, "/m/x", 0, &p);
	cr_assert_eq(vfs_setattr(t, &p, &(struct iattr){ .valid = ATTR_MODE, .mode = 0755 }), 0);
	path_put(&p);
	cr_assert_eq(vfs_open_exec(t, AT_FDCWD, "/m/x", 0, &f), -EACCES);
}

Test(mount, boot_makes_mount_points_masks_and_protects)
{
	static const struct sentry_mount mounts[] = {
		{ .type = SENTRY_MOUNT_TMPFS, .target = "/", .source = "root", .fd = -1 },
		{ .type = SENTRY_MOUNT_DEV, .target = "/dev", .source = "dev", .fd = -1 },
		{ .type = SENTRY_MOUNT_TMPFS, .target = "/a/b/c", .source = "deep", .fd = -1,
		  .options = "mode=700", .flags = MNT_NOSUID },
	};
	static const char *const masked[] = { "/dev/full", "/dev/shm", "/none", NULL };
	static const char *const protected[] = { "/a/b", NULL };
	struct sentry_config cfg = { .mounts = mounts, .n_mounts = 3, .masked_paths = masked,
				     .readonly_paths = protected, .root_readonly = true };
	char why[128];
	struct kernel *k = &kernel_global;
	struct task *t;

	(void)cfg;
	t = env_new();
	/* A second namespace of the same process stands for the container's. */
	cr_assert_eq(vfs_boot(k, &cfg, why, sizeof(why)), 0, "%s", why);
	t->fs->root = path_dup(&k->root);
	t->fs->cwd = path_dup(&k->root);
	struct kstat st;

	cr_assert_eq(env_stat(t, "/a/b/c", &st), 0);
	cr_assert_eq(st.mode & 07777, 0700);
	cr_assert_eq(env_stat(t, "/dev/full", &st), 0);
	cr_assert_eq(st.rdev, 0x103);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/new", 0700), -EROFS);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/a/b/new", 0700), -EROFS);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/dev/new", 0700), 0);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/dev/shm/new", 0700), -EROFS);

	char *text = NULL;
	size_t len = 0;

	cr_assert_eq(mount_show(k->mounts, &k->root, false, &text, &len), 0);
	cr_assert_not_null(strstr(text, "deep /a/b/c tmpfs rw,nosuid"));
	free(text);
	cr_assert_eq(mount_show(k->mounts, &k->root, true, &text, &len), 0);
	cr_assert_not_null(strstr(text, " / / ro - tmpfs root rw"));
	free(text);
}
