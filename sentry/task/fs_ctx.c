/* SPDX-License-Identifier: Apache-2.0 */
/* The working directory, root and umask of a task, shared with CLONE_FS. */
#include <errno.h>
#include <stdlib.h>

#include "task/internal.h"
#include "vfs/mount.h"

int fs_ctx_new(struct fs_ctx **ret, const struct path *root, const struct path *cwd, uint32_t umask)
{
	struct fs_ctx *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return -ENOMEM;
	ref_init(&fs->ref);
	mutex_init(&fs->mu, RANK_FS_CTX);
	fs->root = *root;
	fs->cwd = *cwd;
	fs->umask = umask;
	path_get(&fs->root);
	path_get(&fs->cwd);
	*ret = fs;
	return 0;
}

int fs_ctx_copy(struct fs_ctx **ret, struct fs_ctx *from)
{
	mutex_lock(&from->mu);
	int r = fs_ctx_new(ret, &from->root, &from->cwd, from->umask);

	mutex_unlock(&from->mu);
	return r;
}

void fs_ctx_unref(struct fs_ctx *fs)
{
	if (!fs || !ref_put(&fs->ref))
		return;
	path_put(&fs->root);
	path_put(&fs->cwd);
	mutex_fini(&fs->mu);
	free(fs);
}
