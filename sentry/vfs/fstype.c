/* SPDX-License-Identifier: Apache-2.0 */
/* The table of file system types. */
#include "vfs/fstype.h"

#include <errno.h>
#include <string.h>

#include "fs/devfs/devfs.h"
#include "fs/tmpfs/tmpfs.h"
#include "tty/tty.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/pseudo.h"

/* A build without those folders (unit tests) mounts empty directories in their place. */
#pragma weak procfs_new
#pragma weak sysfs_new
#pragma weak cgroupfs_new
#pragma weak devpts_new

#define PROC_MAGIC 0x9fa0U
#define SYSFS_MAGIC 0x62656572U
#define CGROUP2_MAGIC 0x63677270U
#define DEVPTS_MAGIC 0x1cd1U

static int mount_tmpfs(struct super **ret, const char *options)
{
	struct tmpfs_options opt;
	int r = tmpfs_parse(&opt, options);

	return r < 0 ? r : tmpfs_new(ret, &opt);
}

static int mount_dev(struct super **ret, const char *options)
{
	(void)options;
	return devfs_new(ret);
}

static int mount_mqueue(struct super **ret, const char *options)
{
	struct tmpfs_options opt = { .mode = 01777 };

	(void)options;
	int r = tmpfs_new(ret, &opt);

	if (r == 0)
		(*ret)->type = "mqueue";
	return r;
}

static int mount_devpts(struct super **ret, const char *options)
{
	return devpts_new ? devpts_new(ret, options) :
			    pseudo_super_new(ret, "devpts", DEVPTS_MAGIC, NULL);
}

static int mount_proc(struct super **ret, const char *options)
{
	(void)options;
	return procfs_new ? procfs_new(ret) : pseudo_super_new(ret, "proc", PROC_MAGIC, NULL);
}

static int mount_sysfs(struct super **ret, const char *options)
{
	struct pseudo_inode *dir = NULL;

	(void)options;
	if (sysfs_new)
		return sysfs_new(ret);
	int r = pseudo_super_new(ret, "sysfs", SYSFS_MAGIC, NULL);

	/* Where engines mount the cgroup view. */
	if (r == 0)
		r = pseudo_mkdir(pseudo_root(*ret), "fs", 0755, &dir);
	return r < 0 ? r : pseudo_mkdir(dir, "cgroup", 0755, NULL);
}

static int mount_cgroup(struct super **ret, const char *options)
{
	(void)options;
	return cgroupfs_new ? cgroupfs_new(ret) :
			      pseudo_super_new(ret, "cgroup2", CGROUP2_MAGIC, NULL);
}

static const struct {
	const char *type;
	int (*mount)(struct super **ret, const char *options);
} types[] = {
	{ "tmpfs", mount_tmpfs },     { "ramfs", mount_tmpfs },	    { "proc", mount_proc },
	{ "sysfs", mount_sysfs },     { "devtmpfs", mount_dev },    { "devpts", mount_devpts },
	{ "mqueue", mount_mqueue },   { "cgroup2", mount_cgroup },  { "cgroup", mount_cgroup },
};

int fstype_mount(struct super **ret, const char *type, const char *options)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(type, types[i].type) == 0)
			return types[i].mount(ret, options);
	}
	return -ENODEV;
}
