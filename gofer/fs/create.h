/* SPDX-License-Identifier: Apache-2.0 */
/* New objects, owned by the guest's user.
 *
 * The gofer has no CAP_SETUID: an object is made as root and given away before the reply. Between
 * the two it has its final mode but root's ownership, which only ever denies. In a set-group-ID
 * directory the group is the directory's, as Linux does it (inode_init_owner).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/cleanup.h"

struct owner {
	uid_t uid; /* -1: as made */
	gid_t gid;
};

/* Each returns a path fd of the new object (create_file: one open with @flags), or -errno with
 * nothing left behind. */
MUST_CHECK int create_file(int proc, int dir, const char *name, int flags, mode_t mode,
			   struct owner owner);
MUST_CHECK int create_unnamed(int proc, int dir, int flags, mode_t mode, struct owner owner);
MUST_CHECK int create_dir(int dir, const char *name, mode_t mode, struct owner owner);
MUST_CHECK int create_node(int dir, const char *name, mode_t mode, struct owner owner);
MUST_CHECK int create_symlink(const char *target, int dir, const char *name, struct owner owner);
