/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that implement the mount tree. */
#pragma once

#include "core/mutex.h"
#include "util/list.h"
#include "vfs/mount.h"

extern struct rwlock mount_lock;

/* References that a detached mount's tree position held, to be put without the lock. */
struct detached {
	struct list link;
	struct mount *mnt;
	struct dentry *point;
};
