/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in /dev at the start. The directory is a tmpfs, so that programs may add to it. */
#include "fs/devfs/devfs.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fs/tmpfs/tmpfs.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"

struct node {
	const char *name;
	uint32_t mode;
	uint32_t major, minor;
	const char *target;
};

static const struct node nodes[] = {
	{ "null", S_IFCHR | 0666, 1, 3, NULL },
	{ "zero", S_IFCHR | 0666, 1, 5, NULL },
	{ "full", S_IFCHR | 0666, 1, 7, NULL },
	{ "random", S_IFCHR | 0666, 1, 8, NULL },
	{ "urandom", S_IFCHR | 0666, 1, 9, NULL },
	{ "tty", S_IFCHR | 0666, 5, 0, NULL },
	{ "console", S_IFCHR | 0600, 5, 1, NULL },
	{ "ptmx", S_IFLNK | 0777, 0, 0, "pts/ptmx" },
	{ "fd", S_IFLNK | 0777, 0, 0, "/proc/self/fd" },
	{ "stdin", S_IFLNK | 0777, 0, 0, "/proc/self/fd/0" },
	{ "stdout", S_IFLNK | 0777, 0, 0, "/proc/self/fd/1" },
	{ "stderr", S_IFLNK | 0777, 0, 0, "/proc/self/fd/2" },
	{ "core", S_IFLNK | 0777, 0, 0, "/proc/kcore" },
	{ "shm", S_IFDIR | 01777, 0, 0, NULL },
	{ "mqueue", S_IFDIR | 01777, 0, 0, NULL },
	{ "pts", S_IFDIR | 0755, 0, 0, NULL },
};

int devfs_new(struct super **ret)
{
	struct tmpfs_options opt = { .mode = 0755 };
	struct super *sb = NULL;
	int r = tmpfs_new(&sb, &opt);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(nodes); i++) {
		const struct node *n = &nodes[i];
		struct inode *dir = sb->root->inode;
		struct inode *inode = NULL;
		struct inode_init init = { .mode = n->mode, .target = n->target,
					   .rdev = makedev(n->major, n->minor) };

		if (!S_ISCHR(n->mode))
			init.rdev = 0;
		rwlock_wrlock(&dir->rw);
		r = dir->ops->create(dir, &(struct fname){ n->name, strlen(n->name) }, &init, &inode);
		rwlock_unlock(&dir->rw);
		inode_put(inode);
	}
	if (r < 0) {
		super_put(sb);
		return r;
	}
	*ret = sb;
	return 0;
}
