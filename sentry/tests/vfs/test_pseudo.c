/* SPDX-License-Identifier: Apache-2.0 */
/* The base of generated file systems. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "boot/kernel.h"
#include "env.h"
#include "vfs/dentry.h"
#include "vfs/namespace.h"
#include "vfs/pseudo.h"

static int shown;
static char stored[32];
static bool alive = true;

static int show(struct pseudo_inode *pi, struct task *t, struct seq *s)
{
	(void)t;
	shown++;
	seq_printf(s, "value %llu\n", (unsigned long long)pi->arg);
	return 0;
}

static ssize_t store(struct pseudo_inode *pi, struct task *t, const char *buf, size_t len)
{
	(void)pi;
	(void)t;
	snprintf(stored, sizeof(stored), "%.*s", (int)len, buf);
	return (ssize_t)len;
}

static bool is_alive(struct pseudo_inode *pi)
{
	(void)pi;
	return alive;
}

static const struct pseudo_ops file_ops = { .show = show, .store = store, .alive = is_alive };

static int lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
		  struct inode **ret)
{
	struct pseudo_inode *pi = NULL;

	(void)t;
	if (!alive || name->len != 1 || name->s[0] < '0' || name->s[0] > '9')
		return -ENOENT;
	int r = pseudo_inode_new(dir->inode.sb, S_IFREG | 0644, &file_ops, NULL,
				 (uint64_t)(name->s[0] - '0'), &pi);

	if (r == 0)
		*ret = &pi->inode;
	return r;
}

static int readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink, int64_t *pos)
{
	(void)dir;
	(void)t;
	for (; *pos < 12; (*pos)++) {
		char c = (char)('0' + *pos - 2);

		if (!sink->emit(sink, &c, 1, 100, 8, *pos + 1))
			return 0;
	}
	return 0;
}

static const struct pseudo_ops root_ops = { .lookup = lookup, .readdir = readdir };

static struct task *mounted(void)
{
	struct task *t = env_new();
	struct super *sb = NULL;
	struct pseudo_inode *dir = NULL;
	struct path p = { 0 };

	cr_assert_eq(pseudo_super_new(&sb, "test", 1, &root_ops), 0);
	cr_assert_eq(pseudo_mkdir(pseudo_root(sb), "dir", 0555, &dir), 0);
	cr_assert_eq(pseudo_add(dir, "file", S_IFREG | 0644, &file_ops, NULL, 77, NULL), 0);
	cr_assert_eq(pseudo_symlink(pseudo_root(sb), "link", "dir/file"), 0);
	vfs_mkdir(t, AT_FDCWD, "/p", 0755);
	path_lookup(t, AT_FDCWD, "/p", 0, &p);
	cr_assert_eq(mount_add(t->kernel->mounts, sb, NULL, &p, "test", 0, NULL), 0);
	path_put(&p);
	super_put(sb);
	return t;
}

Test(pseudo, generated_text_is_read_in_pieces_from_one_snapshot)
{
	struct task *t = mounted();
	int fd = env_open(t, "/p/link", O_RDONLY, 0);
	char buf[16] = { 0 };

	cr_assert_eq(env_read(t, fd, buf, 6), 6);
	cr_assert_eq(env_read(t, fd, buf + 6, 9), 3);
	cr_assert_str_eq(buf, "value 77\n");
	cr_assert_eq(env_read(t, fd, buf, 9), 0);
	cr_assert_eq(shown, 1);
	cr_assert_eq(env_pread(t, fd, buf, 1, 0), 1);
	cr_assert_eq(shown, 2, "a read of offset 0 asks again");
}

Test(pseudo, writes_reach_store)
{
	struct task *t = mounted();
	int fd = env_open(t, "/p/dir/file", O_WRONLY | O_TRUNC, 0);

	cr_assert_eq(env_write(t, fd, "42\n", 3), 3);
	cr_assert_str_eq(stored, "42\n");
}

Test(pseudo, static_and_dynamic_names_are_listed_together)
{
	struct task *t = mounted();

	cr_assert_str_eq(env_list(t, "/p"), "0 1 2 3 4 5 6 7 8 9 dir link");
	cr_assert_str_eq(env_text(t, "/p/3"), "value 3\n");
	cr_assert_null(env_text(t, "/p/x"));
}

Test(pseudo, dead_entry_is_looked_up_again)
{
	struct task *t = mounted();

	cr_assert_not_null(env_text(t, "/p/3"));
	alive = false;
	cr_assert_null(env_text(t, "/p/3"));
	alive = true;
	cr_assert_not_null(env_text(t, "/p/3"));
}

Test(pseudo, nothing_can_be_made_in_it)
{
	struct task *t = mounted();

	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/p/new", 0755), -EPERM);
	cr_assert_eq(vfs_unlink(t, AT_FDCWD, "/p/dir/file"), -EPERM);
	cr_assert_eq(vfs_rename(t, AT_FDCWD, "/p/dir", AT_FDCWD, "/p/d2", 0), -EPERM);
}

Test(pseudo, long_text_grows)
{
	struct seq s = { 0 };

	for (int i = 0; i < 10000; i++)
		seq_printf(&s, "%d %s\n", i, "and some text that is there");
	cr_assert(!s.failed);
	cr_assert_gt(s.len, 300000);
	free(s.buf);
}
