/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes kept in memory (xattr(7)). */
#include "vfs/xattr_mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "core/mutex.h"

#define XATTRS_MAX 65536U /* bytes of names and values per object */

struct xattr_entry {
	struct xattr_entry *next;
	char *name;
	size_t size;
	unsigned char value[];
};

static struct mutex xattr_mu = { PTHREAD_MUTEX_INITIALIZER, RANK_LEAF };

static struct xattr_entry **find_locked(struct xattr_set *set, const char *name)
{
	struct xattr_entry **p = &set->first;

	while (*p && strcmp((*p)->name, name) != 0)
		p = &(*p)->next;
	return p;
}

static void entry_free(struct xattr_entry *e)
{
	if (e)
		free(e->name);
	free(e);
}

ssize_t xattr_mem_get(struct xattr_set *set, const char *name, void *buf, size_t size)
{
	ssize_t r;

	mutex_lock(&xattr_mu);
	struct xattr_entry *e = *find_locked(set, name);

	if (!e) {
		r = -ENODATA;
	} else if (size == 0) {
		r = (ssize_t)e->size;
	} else if (size < e->size) {
		r = -ERANGE;
	} else {
		memcpy(buf, e->value, e->size);
		r = (ssize_t)e->size;
	}
	mutex_unlock(&xattr_mu);
	return r;
}

static size_t total_locked(const struct xattr_set *set)
{
	size_t n = 0;

	for (struct xattr_entry *e = set->first; e; e = e->next)
		n += e->size + strlen(e->name) + 1;
	return n;
}

int xattr_mem_set(struct xattr_set *set, const char *name, const void *value, size_t size, int flags)
{
	struct xattr_entry *fresh = malloc(sizeof(*fresh) + size);
	struct xattr_entry *old = NULL;
	int r = 0;

	if (!fresh)
		return -ENOMEM;
	fresh->name = strdup(name);
	fresh->size = size;
	if (size > 0)
		memcpy(fresh->value, value, size);
	if (!fresh->name) {
		free(fresh);
		return -ENOMEM;
	}

	mutex_lock(&xattr_mu);
	struct xattr_entry **p = find_locked(set, name);

	if ((flags & XATTR_CREATE) && *p)
		r = -EEXIST;
	else if ((flags & XATTR_REPLACE) && !*p)
		r = -ENODATA;
	else if (total_locked(set) + size > XATTRS_MAX)
		r = -ENOSPC;
	if (r == 0) {
		old = *p;
		fresh->next = old ? old->next : NULL;
		*p = fresh;
	}
	mutex_unlock(&xattr_mu);
	entry_free(r == 0 ? old : fresh);
	return r;
}

ssize_t xattr_mem_list(struct xattr_set *set, char *buf, size_t size)
{
	size_t need = 0;
	ssize_t r;

	mutex_lock(&xattr_mu);
	for (struct xattr_entry *e = set->first; e; e = e->next)
		need += strlen(e->name) + 1;
	r = size != 0 && size < need ? -ERANGE : (ssize_t)need;
	if (size != 0 && r >= 0) {
		for (struct xattr_entry *e = set->first; e; e = e->next) {
			size_t n = strlen(e->name) + 1;

			memcpy(buf, e->name, n);
			buf += n;
		}
	}
	mutex_unlock(&xattr_mu);
	return r;
}

int xattr_mem_remove(struct xattr_set *set, const char *name)
{
	mutex_lock(&xattr_mu);
	struct xattr_entry **p = find_locked(set, name);
	struct xattr_entry *e = *p;

	if (e)
		*p = e->next;
	mutex_unlock(&xattr_mu);
	entry_free(e);
	return e ? 0 : -ENODATA;
}

void xattr_mem_free(struct xattr_set *set)
{
	while (set->first) {
		struct xattr_entry *e = set->first;

		set->first = e->next;
		entry_free(e);
	}
}
