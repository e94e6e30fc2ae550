/* SPDX-License-Identifier: Apache-2.0 */
/* Checks shared by namespace.c and rename.c. */
#pragma once

#include "vfs/namespace.h"

/* Whether a name may be added to, or @victim (positive) removed from, a directory. */
int may_create(struct task *t, const struct cred *cred, const struct path *dir);
int may_delete(struct task *t, const struct cred *cred, const struct path *dir, struct dentry *victim,
	       bool want_dir);
