/* SPDX-License-Identifier: Apache-2.0 */
/* Host calls of the sandbox's memory file beyond mapping it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* pwrite(2): bytes written or -errno. */
ssize_t host_fill(int fd, const void *src, size_t len, uint64_t off);
/* The first offset at or after @off that holds data (also when it is swapped out); UINT64_MAX:
 * none. */
uint64_t host_seek_data(int fd, uint64_t off);
/* How many bytes of the file have pages. */
uint64_t host_used_bytes(int fd);
/* Memory barrier on every processor of the host (MEMBARRIER_CMD_GLOBAL). 0 or -errno. */
int host_membarrier(void);
