/* SPDX-License-Identifier: Apache-2.0 */
/* tmpfs: files in the sandbox's memory (extents of the memfile), directories in its heap. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vfs/inode.h"

#define TMPFS_MAGIC 0x01021994U

struct tmpfs_options {
	uint64_t max_bytes;  /* 0: no limit */
	uint64_t max_inodes; /* 0: no limit */
	uint32_t mode;	     /* of the root, 01777 by default */
	uint32_t uid, gid;
};

/* Parses a mount option string: size= (bytes, k m g suffix, %) nr_inodes= nr_blocks= mode= uid= gid=.
 * Words that belong to the generic layer or are unknown hints are skipped as Linux's tmpfs would
 * reject them: -EINVAL. Fills defaults first. */
int tmpfs_parse(struct tmpfs_options *ret, const char *options);
int tmpfs_new(struct super **ret, const struct tmpfs_options *opt);

/* memfd_create(2): a file of its own with seals. @flags: MFD_*. */
int tmpfs_memfd(struct file **ret, const char *name, unsigned int flags);
/* F_ADD_SEALS, F_GET_SEALS: -EINVAL for other files. */
int tmpfs_add_seals(struct file *f, uint32_t seals);
int tmpfs_get_seals(struct file *f);
