/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: statx(2) results as 9P values, and Tsetattr applied to a file. */
#pragma once

#include <sys/stat.h>

#include "gofer/p9.h"
#include "util/cleanup.h"

/* @home is the device of the mount's root: files there have their inode number as qid.path. */
uint64_t attr_dev(const struct statx *stx);
struct p9_qid attr_qid(uint64_t home, const struct statx *stx);
void attr_fill(struct p9_attr *ret, uint64_t home, const struct statx *stx);
void attr_fill_standard(struct p9_rgetattr *ret, uint64_t home, const struct statx *stx,
			uint64_t mask);

/* Applies @set to the file of path fd @fd; @open_fd is an fd open for writing of it, or -1. In the
 * order owner, mode, size, times, since each may touch what stands after it. */
MUST_CHECK int attr_set(int proc, int fd, int open_fd, const struct p9_tsetattr *set);
