/* SPDX-License-Identifier: Apache-2.0 */
/* File data of tmpfs: a sorted array of extents of the memfile; what is not there is a hole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/tmpfs/tmpfs_internal.h"
#include "mm/memfile.h"
#include "util/cleanup.h"

#define EXTENT_MAX (UINT64_C(2) << 20) /* allocated at a time: a huge page */

static uint64_t page_down(uint64_t v)
{
	return v & PAGE_MASK;
}

static uint64_t page_up(uint64_t v)
{
	return (v + PAGE_SIZE - 1) & PAGE_MASK;
}

/* Index of the first extent that ends behind @off. */
static size_t extent_find(const struct tmpfs_inode *ti, uint64_t off)
{
	size_t lo = 0;
	size_t hi = ti->n_extents;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (ti->extents[mid].off + ti->extents[mid].len <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int extent_insert(struct tmpfs_inode *ti, size_t at, const struct extent *e)
{
	if (at > 0) {
		struct extent *prev = &ti->extents[at - 1];

		if (prev->off + prev->len == e->off && prev->mem + prev->len == e->mem) {
			prev->len += e->len;
			return 0;
		}
	}
	if (ti->n_extents == ti->cap_extents) {
		size_t cap = ti->cap_extents ? ti->cap_extents * 2 : 4;
		struct extent *grown = realloc(ti->extents, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		ti->extents = grown;
		ti->cap_extents = cap;
	}
	memmove(&ti->extents[at + 1], &ti->extents[at], (ti->n_extents - at) * sizeof(*e));
	ti->extents[at] = *e;
	ti->n_extents++;
	return 0;
}

static int charge(struct tmpfs_inode *ti, uint64_t len)
{
	struct tmpfs_super *ts = tmpfs_sb(&ti->inode);
	uint64_t used = atomic_fetch_add(&ts->used_bytes, len) + len;

	if (ts->opt.max_bytes && used > ts->opt.max_bytes) {
		atomic_fetch_sub(&ts->used_bytes, len);
		return -ENOSPC;
	}
	return 0;
}

static void uncharge(struct tmpfs_inode *ti, uint64_t len)
{
	atomic_fetch_sub(&tmpfs_sb(&ti->inode)->used_bytes, len);
}

static uint64_t room_left(struct tmpfs_inode *ti)
{
	struct tmpfs_super *ts = tmpfs_sb(&ti->inode);
	uint64_t used = ts->used_bytes;

	return used < ts->opt.max_bytes ? page_down(ts->opt.max_bytes - used) : 0;
}

static int fill_gap(struct tmpfs_inode *ti, size_t at, uint64_t off, uint64_t len)
{
	struct extent e = { .off = off, .len = len };
	int r = charge(ti, len);

	if (r < 0)
		return r;
	r = memfile_alloc(len, &e.mem);
	if (r < 0) {
		uncharge(ti, len);
		return r == -ENOMEM ? -ENOSPC : r;
	}
	r = extent_insert(ti, at, &e);
	if (r < 0) {
		memfile_unref(e.mem, len);
		uncharge(ti, len);
	}
	return r;
}

static int fill_locked(struct tmpfs_inode *ti, uint64_t off, uint64_t end, uint64_t ahead)
{
	while (off < end) {
		size_t i = extent_find(ti, off);
		bool last = i == ti->n_extents;
		uint64_t gap_end = end;

		if (!last && ti->extents[i].off <= off) {
			off = ti->extents[i].off + ti->extents[i].len;
			continue;
		}
		if (!last)
			gap_end = MIN(end, ti->extents[i].off);
		uint64_t len = MIN(gap_end - off, EXTENT_MAX);
		uint64_t more = last && !tmpfs_sb(&ti->inode)->opt.max_bytes ? MAX(len, ahead) : len;
		int r = fill_gap(ti, i, off, more);

		if (r < 0 && more > len)
			r = fill_gap(ti, i, off, len);
		if (r == -ENOSPC && len > PAGE_SIZE) {
			/* The last pages of a limited file system: as many as there are. */
			len = MIN(len - PAGE_SIZE, room_left(ti));
			r = len >= PAGE_SIZE ? fill_gap(ti, i, off, len) : -ENOSPC;
		}
		if (r < 0)
			return r;
		off += len;
	}
	return 0;
}

int tmpfs_data_fill(struct tmpfs_inode *ti, uint64_t off, uint64_t len, uint64_t ahead)
{
	rwlock_wrlock(&ti->data);
	int r = fill_locked(ti, page_down(off), page_up(off + len), MIN(page_up(ahead), EXTENT_MAX));

	rwlock_unlock(&ti->data);
	return r;
}

uint64_t tmpfs_data_at(struct tmpfs_inode *ti, uint64_t off, uint64_t len, void **ptr)
{
	rwlock_rdlock(&ti->data);
	size_t i = extent_find(ti, off);

	*ptr = NULL;
	if (i < ti->n_extents) {
		const struct extent *e = &ti->extents[i];

		if (e->off <= off) {
			*ptr = (char *)memfile_ptr(e->mem) + (off - e->off);
			len = MIN(len, e->off + e->len - off);
		} else {
			len = MIN(len, e->off - off);
		}
	}
	rwlock_unlock(&ti->data);
	return len;
}

/* Takes [off, end) (aligned) out of the array. *gone is malloc'ed, n entries. On no memory the range
 * stays (as data) and false is returned. */
static bool cut_locked(struct tmpfs_inode *ti, uint64_t off, uint64_t end, struct extent **gone,
		       size_t *n_gone)
{
	size_t first = extent_find(ti, off);
	size_t i = first;
	size_t n = 0;

	while (i < ti->n_extents && ti->extents[i].off < end)
		i++;
	n = i - first;
	*n_gone = 0;
	*gone = NULL;
	if (n == 0)
		return true;

	struct extent *out = malloc(n * sizeof(*out));
	struct extent *grown = realloc(ti->extents, (ti->n_extents + 2) * sizeof(*grown));

	if (grown) {
		ti->extents = grown;
		ti->cap_extents = ti->n_extents + 2;
	}
	if (!out || !grown) {
		free(out);
		return false;
	}

	struct extent keep[2];
	size_t n_keep = 0;

	for (size_t k = 0; k < n; k++) {
		struct extent e = ti->extents[first + k];

		if (e.off < off) {
			keep[n_keep++] = (struct extent){ e.off, off - e.off, e.mem };
			e.mem += off - e.off;
			e.len -= off - e.off;
			e.off = off;
		}
		if (e.off + e.len > end) {
			uint64_t in = end - e.off;

			keep[n_keep++] = (struct extent){ end, e.len - in, e.mem + in };
			e.len = in;
		}
		out[k] = e;
	}
	memmove(&ti->extents[first + n_keep], &ti->extents[first + n],
		(ti->n_extents - first - n) * sizeof(*out));
	memcpy(&ti->extents[first], keep, n_keep * sizeof(*keep));
	ti->n_extents = ti->n_extents - n + n_keep;
	*gone = out;
	*n_gone = n;
	return true;
}

static void release(struct tmpfs_inode *ti, struct extent *gone, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		memfile_unref(gone[i].mem, gone[i].len);
		uncharge(ti, gone[i].len);
	}
	free(gone);
}

/* Zeroes what exists of [off, end). */
static void zero_range(struct tmpfs_inode *ti, uint64_t off, uint64_t end)
{
	while (off < end) {
		void *ptr;
		uint64_t n = tmpfs_data_at(ti, off, end - off, &ptr);

		if (ptr)
			memset(ptr, 0, n);
		off += n;
	}
}

/* Withdraws whole pages: out of the array, then out of the mappings, then freed. */
static void drop_pages(struct tmpfs_inode *ti, uint64_t off, uint64_t end)
{
	struct extent *gone = NULL;
	size_t n = 0;

	rwlock_wrlock(&ti->data);
	bool done = cut_locked(ti, off, end, &gone, &n);

	rwlock_unlock(&ti->data);
	mappable_invalidate(&ti->inode.map, off, end - off);
	if (!done)
		zero_range(ti, off, end);
	release(ti, gone, n);
}

void tmpfs_data_resize(struct tmpfs_inode *ti, int64_t size)
{
	int64_t old = ti->inode.size;

	rwlock_wrlock(&ti->data);
	ti->inode.size = size;
	rwlock_unlock(&ti->data);
	if (size < old) {
		drop_pages(ti, page_up((uint64_t)size), page_down(INT64_MAX));
		zero_range(ti, (uint64_t)size, page_up((uint64_t)size));
	} else if (size > old) {
		/* A mapping may have written behind the old end. */
		zero_range(ti, (uint64_t)old, MIN((uint64_t)size, page_up((uint64_t)old)));
	}
}

void tmpfs_data_punch(struct tmpfs_inode *ti, uint64_t off, uint64_t len)
{
	uint64_t end = off + len;
	uint64_t first = page_up(off);
	uint64_t last = page_down(end);

	if (first >= last) {
		zero_range(ti, off, end);
		return;
	}
	zero_range(ti, off, first);
	drop_pages(ti, first, last);
	zero_range(ti, last, end);
}

void tmpfs_data_free(struct tmpfs_inode *ti)
{
	for (size_t i = 0; i < ti->n_extents; i++) {
		memfile_unref(ti->extents[i].mem, ti->extents[i].len);
		uncharge(ti, ti->extents[i].len);
	}
	free(ti->extents);
	ti->extents = NULL;
	ti->n_extents = 0;
}

uint64_t tmpfs_data_blocks(struct tmpfs_inode *ti)
{
	uint64_t end = page_up((uint64_t)ti->inode.size);
	uint64_t bytes = 0;

	rwlock_rdlock(&ti->data);
	for (size_t i = 0; i < ti->n_extents && ti->extents[i].off < end; i++)
		bytes += MIN(ti->extents[i].off + ti->extents[i].len, end) - ti->extents[i].off;
	rwlock_unlock(&ti->data);
	return bytes / 512;
}

int64_t tmpfs_data_seek(struct tmpfs_inode *ti, int64_t off, bool hole)
{
	int64_t size = ti->inode.size;

	if (off < 0 || off >= size)
		return -ENXIO;
	while (off < size) {
		void *ptr;
		uint64_t n = tmpfs_data_at(ti, (uint64_t)off, (uint64_t)(size - off), &ptr);

		if ((ptr == NULL) == hole)
			return off;
		off += (int64_t)n;
	}
	return hole ? size : -ENXIO;
}

static int translate(struct mappable *m, uint64_t off, uint64_t len, bool write, struct backing *ret)
{
	struct tmpfs_inode *ti = tmpfs_of(container_of(m, struct inode, map));
	int r = 0;

	(void)write;
	rwlock_wrlock(&ti->data);
	uint64_t end = page_up((uint64_t)ti->inode.size);

	if (off >= end) {
		rwlock_unlock(&ti->data);
		return -ENXIO;
	}
	len = MIN(len, end - off);
	size_t i = extent_find(ti, off);

	if (i == ti->n_extents || ti->extents[i].off > off) {
		uint64_t gap = i == ti->n_extents ? len : MIN(len, ti->extents[i].off - off);

		gap = MIN(gap, EXTENT_MAX);
		r = fill_locked(ti, off, off + gap, 0);
		i = extent_find(ti, off);
	}
	if (r == 0) {
		const struct extent *e = &ti->extents[i];

		*ret = (struct backing){ .fd = memfile_fd(),
					 .off = e->mem + (off - e->off),
					 .len = MIN(len, e->off + e->len - off),
					 .memfile = true };
	}
	rwlock_unlock(&ti->data);
	return r;
}

static void map_get(struct mappable *m)
{
	inode_get(container_of(m, struct inode, map));
}

static void map_put(struct mappable *m)
{
	inode_put(container_of(m, struct inode, map));
}

const struct mappable_ops tmpfs_mappable_ops = {
	.translate = translate,
	.get = map_get,
	.put = map_put,
};
