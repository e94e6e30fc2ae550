/* SPDX-License-Identifier: Apache-2.0 */
/* What file systems and the file system calls share besides file.h. */
#pragma once

#include <stdint.h>

#include "vfs/file.h"

uint32_t file_count(void); /* open descriptions in the sandbox */

/* For write operations of regular files, with the final position known: cuts *count at RLIMIT_FSIZE.
 * -EFBIG (after SIGXFSZ) when nothing may be written, -EINVAL for a negative position. */
int file_write_limit(struct file *f, struct task *t, int64_t pos, size_t *count);
