/* SPDX-License-Identifier: Apache-2.0 */
/* File systems by name: what mount(2) and the boot configuration may ask for. */
#pragma once

struct super;

/* "tmpfs" "proc" "sysfs" "devtmpfs" "devpts" "mqueue" "cgroup2" "ramfs": a new instance.
 * -ENODEV for an unknown type, -EINVAL for bad options. */
int fstype_mount(struct super **ret, const char *type, const char *options);

/* Provided by fs/procfs and fs/sysfs. */
int procfs_new(struct super **ret);
int sysfs_new(struct super **ret);
int cgroupfs_new(struct super **ret);
