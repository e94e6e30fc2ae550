/* SPDX-License-Identifier: Apache-2.0 */
/* Directory listings held in memory. */
#include "vfs/dirlist.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfs/dentry.h"

void dirlist_clear(struct dirlist *l)
{
	l->n = 0;
	l->names_len = 0;
	l->filled = false;
}

void dirlist_free(struct dirlist *l)
{
	free(l->entries);
	free(l->names);
}

int dirlist_add(struct dirlist *l, const char *name, size_t len, uint64_t ino, uint8_t type)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct dirlist_entry *grown = realloc(l->entries, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		l->entries = grown;
		l->cap = cap;
	}
	if (l->names_len + len > l->names_cap) {
		size_t cap = l->names_cap ? l->names_cap * 2 : 2048;
		char *grown = realloc(l->names, cap);

		if (!grown)
			return -ENOMEM;
		l->names = grown;
		l->names_cap = cap;
	}
	l->entries[l->n++] = (struct dirlist_entry){ .ino = ino, .type = type, .len = (uint8_t)len,
						     .name = (uint32_t)l->names_len };
	memcpy(l->names + l->names_len, name, len);
	l->names_len += len;
	return 0;
}

int dirlist_emit(struct dirlist *l, struct file *f, struct dir_sink *sink, int64_t *pos)
{
	if (*pos == 0) {
		if (!sink->emit(sink, ".", 1, f->inode->ino, DT_DIR, 1))
			return 0;
		*pos = 1;
	}
	if (*pos == 1) {
		struct dentry *up = f->path.dentry ? dentry_parent(f->path.dentry) : NULL;
		uint64_t ino = up ? up->inode->ino : f->inode->ino;

		dentry_put(up);
		if (!sink->emit(sink, "..", 2, ino, DT_DIR, 2))
			return 0;
		*pos = 2;
	}
	while ((size_t)(*pos - 2) < l->n) {
		const struct dirlist_entry *e = &l->entries[*pos - 2];

		if (!sink->emit(sink, l->names + e->name, e->len, e->ino, e->type, *pos + 1))
			break;
		(*pos)++;
	}
	return 0;
}
