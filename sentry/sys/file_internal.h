/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that decode the file system calls. */
#pragma once

#include "sys/table.h"
#include "task/task.h"
#include "vfs/namespace.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/file.def"
#undef SYSCALL

#define MAX_RW_COUNT 0x7ffff000UL
#define BOUNCE_SIZE 65536U

/* Regular descriptors only: -EBADF for O_PATH ones. */
#define FD_OR_RETURN(t, fd)                                                                        \
	({                                                                                         \
		struct file *fd_file_ = fd_get((t), (int)(fd));                                    \
		if (!fd_file_)                                                                     \
			return -EBADF;                                                             \
		fd_file_;                                                                          \
	})
