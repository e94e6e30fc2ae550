/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay: the lower tree is never changed, the upper one shows every change. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>

#include "boot/kernel.h"
#include "env.h"
#include "fs/overlay/overlay.h"
#include "fs/tmpfs/tmpfs.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/namespace.h"

/* /low is the lower tree itself, /ovl the overlay over it. */
static struct task *layers(void)
{
	struct task *t = env_new();
	struct tmpfs_options opt = { .mode = 0755 };
	struct super *low = NULL;
	struct super *ovl = NULL;
	struct path p = { 0 };

	cr_assert_eq(tmpfs_new(&low, &opt), 0);
	/* Before anything is in it: inodes below an overlay rank behind its own. */
	cr_assert_eq(overlay_new(&ovl, low), 0);
	vfs_mkdir(t, AT_FDCWD, "/low", 0755);
	vfs_mkdir(t, AT_FDCWD, "/ovl", 0755);
	path_lookup(t, AT_FDCWD, "/low", 0, &p);
	cr_assert_eq(mount_add(t->kernel->mounts, low, NULL, &p, "low", 0, NULL), 0);
	path_put(&p);
	cr_assert_eq(env_put(t, "/low/f", "lower"), 0);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/low/d", 0755), 0);
	cr_assert_eq(env_put(t, "/low/d/x", "dx"), 0);
	cr_assert_eq(env_put(t, "/low/d/y", "dy"), 0);
	cr_assert_eq(vfs_link(t, AT_FDCWD, "/low/f", AT_FDCWD, "/low/hard", 0), 0);
	path_lookup(t, AT_FDCWD, "/ovl", 0, &p);
	cr_assert_eq(mount_add(t->kernel->mounts, ovl, NULL, &p, "ovl", 0, NULL), 0);
	path_put(&p);
	return t;
}

static void drop_caches(struct task *t)
{
	struct path p = { 0 };

	path_lookup(t, AT_FDCWD, "/ovl", 0, &p);
	dentry_drop_children(p.dentry);
	path_put(&p);
}

Test(overlay, shows_the_lower_tree)
{
	struct task *t = layers();

	cr_assert_str_eq(env_list(t, "/ovl"), "d f hard");
	cr_assert_str_eq(env_text(t, "/ovl/f"), "lower");
	cr_assert_str_eq(env_text(t, "/ovl/d/x"), "dx");
}

Test(overlay, write_copies_up_and_leaves_the_lower_file)
{
	struct task *t = layers();
	int fd = env_open(t, "/ovl/f", O_RDWR, 0);

	cr_assert_eq(env_pwrite(t, fd, "LO", 2, 0), 2);
	fd_close(t, fd);
	drop_caches(t);
	cr_assert_str_eq(env_text(t, "/ovl/f"), "LOwer");
	cr_assert_str_eq(env_text(t, "/low/f"), "lower");
}

Test(overlay, reader_from_before_the_copy_up_sees_the_change)
{
	struct task *t = layers();
	int rd = env_open(t, "/ovl/f", O_RDONLY, 0);
	int wr = env_open(t, "/ovl/f", O_WRONLY, 0);
	char buf[8] = { 0 };

	cr_assert_eq(env_pwrite(t, wr, "NEW", 3, 0), 3);
	cr_assert_eq(env_pread(t, rd, buf, 5, 0), 5);
	cr_assert_str_eq(buf, "NEWer");
}

Test(overlay, hard_links_stay_one_file_after_the_copy_up)
{
	struct task *t = layers();
	struct kstat a;
	struct kstat b;

	cr_assert_eq(env_put(t, "/ovl/hard", "both"), 0);
	drop_caches(t);
	cr_assert_str_eq(env_text(t, "/ovl/f"), "both");
	cr_assert_eq(env_stat(t, "/ovl/f", &a), 0);
	cr_assert_eq(env_stat(t, "/ovl/hard", &b), 0);
	cr_assert_eq(a.ino, b.ino);
	cr_assert_eq(a.nlink, 2);
}

Test(overlay, unlink_hides_and_create_shows_again)
{
	struct task *t = layers();

	cr_assert_eq(vfs_unlink(t, AT_FDCWD, "/ovl/f"), 0);
	drop_caches(t);
	cr_assert_null(env_text(t, "/ovl/f"));
	cr_assert_str_eq(env_list(t, "/ovl"), "d hard");
	cr_assert_eq(env_put(t, "/ovl/f", "fresh"), 0);
	drop_caches(t);
	cr_assert_str_eq(env_text(t, "/ovl/f"), "fresh");
	cr_assert_str_eq(env_text(t, "/low/f"), "lower");
}

Test(overlay, new_directory_over_a_removed_one_is_empty)
{
	struct task *t = layers();

	cr_assert_eq(vfs_rmdir(t, AT_FDCWD, "/ovl/d"), -ENOTEMPTY);
	cr_assert_eq(vfs_unlink(t, AT_FDCWD, "/ovl/d/x"), 0);
	cr_assert_eq(vfs_rmdir(t, AT_FDCWD, "/ovl/d"), -ENOTEMPTY);
	cr_assert_eq(vfs_unlink(t, AT_FDCWD, "/ovl/d/y"), 0);
	cr_assert_eq(vfs_rmdir(t, AT_FDCWD, "/ovl/d"), 0);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/ovl/d", 0755), 0);
	drop_caches(t);
	cr_assert_str_eq(env_list(t, "/ovl/d"), "");
	cr_assert_str_eq(env_list(t, "/low/d"), "x y");
}

Test(overlay, renamed_lower_directory_keeps_its_contents)
{
	struct task *t = layers();

	cr_assert_eq(vfs_rename(t, AT_FDCWD, "/ovl/d", AT_FDCWD, "/ovl/moved", 0), 0);
	cr_assert_eq(env_put(t, "/ovl/moved/z", "dz"), 0);
	drop_caches(t);
	cr_assert_str_eq(env_list(t, "/ovl/moved"), "x y z");
	cr_assert_str_eq(env_text(t, "/ovl/moved/x"), "dx");
	cr_assert_str_eq(env_list(t, "/ovl"), "f hard moved");
	cr_assert_str_eq(env_list(t, "/low"), "d f hard");
}

Test(overlay, exchange_swaps_lower_and_new)
{
	struct task *t = layers();

	cr_assert_eq(env_put(t, "/ovl/n", "new"), 0);
	cr_assert_eq(vfs_rename(t, AT_FDCWD, "/ovl/n", AT_FDCWD, "/ovl/d", RENAME_EXCHANGE), 0);
	drop_caches(t);
	cr_assert_str_eq(env_text(t, "/ovl/d"), "new");
	cr_assert_str_eq(env_list(t, "/ovl/n"), "x y");
}

Test(overlay, attributes_change_above_only)
{
	struct task *t = layers();
	struct path p = { 0 };
	struct kstat st;

	path_lookup(t, AT_FDCWD, "/ovl/d", 0, &p);
	cr_assert_eq(vfs_setattr(t, &p, &(struct iattr){ .valid = ATTR_MODE, .mode = 0711 }), 0);
	path_put(&p);
	drop_caches(t);
	env_stat(t, "/ovl/d", &st);
	cr_assert_eq(st.mode & 07777, 0711);
	env_stat(t, "/low/d", &st);
	cr_assert_eq(st.mode & 07777, 0755);
}

Test(overlay, truncating_open_does_not_read_the_lower_file)
{
	struct task *t = layers();
	struct kstat st;
	int fd = env_open(t, "/ovl/f", O_WRONLY | O_TRUNC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(env_stat(t, "/ovl/f", &st), 0);
	cr_assert_eq(st.size, 0);
	cr_assert_str_eq(env_text(t, "/low/f"), "lower");
}

Test(overlay, xattrs_are_copied_before_the_first_change)
{
	struct task *t = layers();
	struct path low = { 0 };
	struct path up = { 0 };
	char buf[64];

	path_lookup(t, AT_FDCWD, "/low/f", 0, &low);
	path_lookup(t, AT_FDCWD, "/ovl/f", 0, &up);
	struct inode *li = low.dentry->inode;
	struct inode *ui = up.dentry->inode;

	cr_assert_eq(li->ops->setxattr(li, "user.a", "1", 1, 0), 0);
	cr_assert_eq(ui->ops->getxattr(ui, "user.a", buf, sizeof(buf)), 1);
	cr_assert_eq(ui->ops->setxattr(ui, "user.b", "22", 2, 0), 0);
	cr_assert_eq(ui->ops->getxattr(ui, "user.a", buf, sizeof(buf)), 1);
	cr_assert_eq(ui->ops->removexattr(ui, "user.a"), 0);
	cr_assert_eq(li->ops->getxattr(li, "user.a", buf, sizeof(buf)), 1);
	cr_assert_eq(li->ops->getxattr(li, "user.b", buf, sizeof(buf)), -ENODATA);
	path_put(&low);
	path_put(&up);
}
