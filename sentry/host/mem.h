/* SPDX-License-Identifier: Apache-2.0 */
/* Host memory: memory files and mappings. Never executable once the filter holds. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A sealable, close-on-exec memory file. Before lock-down only. Returns the descriptor or -errno.
 */
int host_memfd(const char *name);
/* mmap(2) with MAP_SHARED, PROT_READ and, if @write, PROT_WRITE; @addr NULL: anywhere, else
 * MAP_FIXED. */
int host_map(void **ret, void *addr, size_t len, int write, int fd, uint64_t off);
/* Address space without memory: PROT_NONE, MAP_NORESERVE. */
int host_reserve(void **ret, size_t len);
/* Private anonymous memory, read and write. */
int host_map_anon(void **ret, size_t len);
/* Puts PROT_NONE address space over [addr, addr+len). */
int host_map_none(void *addr, size_t len);
int host_unmap(void *addr, size_t len);
int host_madvise(void *addr, size_t len, int advice);
/* Bits of mincore(2). */
int host_mincore(void *addr, size_t len, unsigned char *vec);
/* fallocate(2): PUNCH_HOLE | KEEP_SIZE of a memory file. */
int host_punch(int fd, uint64_t off, uint64_t len);
