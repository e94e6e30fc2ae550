/* SPDX-License-Identifier: Apache-2.0 */
/* Fault-recovering copies: memory that the guest or the host can pull away (a truncated file) is
 * read and written only through these. The SIGSEGV/SIGBUS handler recognises their instruction
 * range. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int safecopy_init(void); /* installs the handlers; once, before threads */
/* Return the bytes copied before a fault. */
size_t safecopy(void *dst, const void *src, size_t len);
size_t safezero(void *dst, size_t len);
bool safe_load_u32(const uint32_t *src, uint32_t *ret);
bool safe_cmpxchg_u32(uint32_t *p, uint32_t old, uint32_t new, uint32_t *seen);
