/* SPDX-License-Identifier: Apache-2.0 */
/* The root of procfs: static part, then the processes. */
#include "fs/procfs/procfs.h"

#include <errno.h>
#include <stdio.h>

#include "task/task.h"
#include "vfs/dentry.h"
#include "vfs/fstype.h"

#define PROC_MAGIC 0x9fa0U

static ssize_t self_readlink(struct pseudo_inode *pi, struct task *t, char *buf, size_t size)
{
	(void)pi;
	if (!t)
		return -ENOENT;

	int n = snprintf(buf, size, "%d", t->group->pid);

	return n < (int)size ? n : (ssize_t)size;
}

static ssize_t thread_self_readlink(struct pseudo_inode *pi, struct task *t, char *buf, size_t size)
{
	(void)pi;
	if (!t)
		return -ENOENT;

	int n = snprintf(buf, size, "%d/task/%d", t->group->pid, t->tid);

	return n < (int)size ? n : (ssize_t)size;
}

static const struct pseudo_ops self_ops = { .readlink = self_readlink };
static const struct pseudo_ops thread_self_ops = { .readlink = thread_self_readlink };

int procfs_new(struct super **ret)
{
	struct super *sb;
	struct pseudo_inode *root, *net;
	int r = pseudo_super_new(&sb, "proc", PROC_MAGIC, &proc_root_ops);

	if (r < 0)
		return r;
	sb->flags |= SB_NO_NEGATIVE; /* processes come and go */
	root = pseudo_root(sb);
	r = pseudo_add(root, "self", 0120777, &self_ops, NULL, 0, NULL);
	if (r == 0)
		r = pseudo_add(root, "thread-self", 0120777, &thread_self_ops, NULL, 0, NULL);
	if (r == 0)
		r = pseudo_symlink(root, "mounts", "self/mounts");
	if (r == 0)
		r = pseudo_symlink(root, "net", "self/net");
	if (r == 0)
		r = pseudo_mkdir(root, ".net", 0555, &net); /* what self/net shows */
	if (r == 0)
		r = proc_net_fill(net);
	if (r == 0)
		r = proc_system_fill(root);
	if (r == 0)
		r = proc_sys_fill(root);
	if (r < 0) {
		super_put(sb);
		return r;
	}
	*ret = sb;
	return 0;
}
