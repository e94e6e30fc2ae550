/* SPDX-License-Identifier: Apache-2.0 */
/* A directory listing taken whole, for file systems whose own offsets are not stable. Not locked: it
 * belongs to one open directory, whose offset lock is held while it is used. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dir_sink;
struct file;

struct dirlist_entry {
	uint64_t ino;
	uint32_t name; /* offset in names */
	uint8_t type, len;
};

struct dirlist {
	struct dirlist_entry *entries;
	size_t n, cap;
	char *names;
	size_t names_len, names_cap;
	bool filled;
};

void dirlist_clear(struct dirlist *l);
void dirlist_free(struct dirlist *l); /* contents only */
int dirlist_add(struct dirlist *l, const char *name, size_t len, uint64_t ino, uint8_t type);
/* "." and ".." (offsets 0 and 1), then the entries from 2 on. */
int dirlist_emit(struct dirlist *l, struct file *f, struct dir_sink *sink, int64_t *pos);
