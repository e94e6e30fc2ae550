/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes kept in memory (tmpfs). Zero-initialised; its own lock. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct xattr_entry;

struct xattr_set {
	struct xattr_entry *first; /* under one static mutex for all sets: they are rarely touched */
};

ssize_t xattr_mem_get(struct xattr_set *set, const char *name, void *buf, size_t size);
int xattr_mem_set(struct xattr_set *set, const char *name, const void *value, size_t size, int flags);
ssize_t xattr_mem_list(struct xattr_set *set, char *buf, size_t size);
int xattr_mem_remove(struct xattr_set *set, const char *name);
void xattr_mem_free(struct xattr_set *set);
