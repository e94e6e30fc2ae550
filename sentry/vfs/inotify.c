/* SPDX-License-Identifier: Apache-2.0 */
/* File events (inotify(7)). */
#include "vfs/inode.h"

void fsnotify(struct inode *inode, uint32_t mask, const struct fname *name, uint32_t cookie)
{
	(void)inode;
	(void)mask;
	(void)name;
	(void)cookie;
}

void fsnotify_file(struct file *f, uint32_t mask)
{
	(void)f;
	(void)mask;
}
