/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's physical memory: a sparse memfd.
 *
 * Allocation is a set of segments (offset range -> reference count); what no segment covers is free
 * and a hole in the file. Small extents come from the lower region, first fit; large ones from the
 * upper region, aligned to 2 MiB. Freed small extents are zeroed and kept in per-size caches (their
 * pages stay committed), so that mmap/munmap loops and short-lived processes neither punch holes
 * nor fault pages in again.
 */
#include "mm/memfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "core/mutex.h"
#include "host/extent.h"
#include "host/mem.h"
#include "mm/range.h"
#include "mm/safecopy.h"
#include "util/cleanup.h"

#define HUGE_SIZE (2UL << 20)
#define SIZE_WANTED (16UL << 40)
#define SIZE_LEAST (1UL << 30)
#define CACHE_PAGES 64 /* largest cached extent, in pages */
#define CACHE_DEPTH 64 /* extents per size */
#define CACHE_BYTES (8UL << 20)
#define SCRUB_BLINDLY 4 /* pages */
#define GROW_SLACK (64UL << 20)

struct seg {
	struct range r;
	uint32_t refs;
};

struct cached {
	uint64_t off;
	bool resident;
};

struct bucket {
	uint32_t n;
	struct cached item[CACHE_DEPTH];
};

/* The file, its alias and its segments. Locks: [I] set by memfile_init(), [m] mu. */
static struct memfile {
	int fd;		      /* [I] */
	uint8_t *base;	      /* [I] */
	uint64_t size;	      /* [I] */
	uint64_t large_start; /* [I] */
	uint64_t total;	      /* [I] the limit, or the host's memory */
	struct mutex mu;
	struct ranges segs;		      /* [m] */
	struct range *spare;		      /* [m] unused segments, linked by parent */
	uint64_t cached_bytes;		      /* [m] */
	struct bucket cache[CACHE_PAGES + 1]; /* [m] by pages */
} mf = {.fd = -1};

/* Source of zeros for host writes. Never written; not const, so that it costs no room in the
 * program. */
static uint8_t zeros[CACHE_PAGES * 4096] __attribute__((aligned(4096)));

static struct seg *to_seg(struct range *r)
{
	return container_of(r, struct seg, r);
}

int memfile_init(uint64_t limit_bytes)
{
	uint64_t size = SIZE_WANTED;
	void *base = MAP_FAILED;
	struct sysinfo si;
	int fd;

	assert(mf.fd < 0);
	fd = host_memfd("netsentry-memory");
	if (fd < 0)
		return fd;
	for (; size >= SIZE_LEAST; size /= 2) {
		if (ftruncate(fd, (off_t)size) < 0)
			continue;
		base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
		if (base != MAP_FAILED)
			break;
	}
	if (base == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}

	/* Seals keep a stub that was handed the descriptor from changing the size under us. */
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	mutex_init(&mf.mu, RANK_MEMFILE);
	mf.fd = fd;
	mf.base = base;
	mf.size = size;
	mf.large_start = size / 8;
	if (sysinfo(&si) == 0)
		mf.total = (uint64_t)(si.totalram + si.totalswap) * si.mem_unit;
	if (limit_bytes && (limit_bytes < mf.total || !mf.total))
		mf.total = limit_bytes;
	return 0;
}

int memfile_fd(void)
{
	return mf.fd;
}

void *memfile_ptr(uint64_t off)
{
	assert(off < mf.size);
	return mf.base + off;
}

uint64_t memfile_size(void)
{
	return mf.size;
}

uint64_t memfile_used_bytes(void)
{
	return host_used_bytes(mf.fd);
}

uint64_t memfile_total_bytes(void)
{
	return mf.total;
}

/* ---- segments ----------------------------------------------------------------------------------
 */

static struct seg *seg_new_locked(uint64_t start, uint64_t end, uint32_t refs)
{
	struct seg *seg;

	if (mf.spare) {
		seg = to_seg(mf.spare);
		mf.spare = seg->r.parent;
	} else {
		seg = malloc(sizeof(*seg));
		if (!seg)
			return NULL;
	}
	*seg = (struct seg){.r = {.start = start, .end = end}, .refs = refs};
	range_insert(&mf.segs, &seg->r);
	return seg;
}

static void seg_drop_locked(struct seg *seg)
{
	range_remove(&mf.segs, &seg->r);
	seg->r.parent = mf.spare;
	mf.spare = &seg->r;
}

/* Merges @seg into its left neighbour when both are the same; returns what remains. */
static struct seg *seg_merge_left_locked(struct seg *seg)
{
	struct range *left = range_prev(&seg->r);

	if (!left || left->end != seg->r.start || to_seg(left)->refs != seg->refs)
		return seg;

	uint64_t end = seg->r.end;

	seg_drop_locked(seg);
	left->end = end;
	range_changed(left);
	return to_seg(left);
}

/* Makes @at a segment boundary. Aborts without memory: a reference count cannot be lost. */
static void seg_split_locked(uint64_t at)
{
	struct range *r = range_find(&mf.segs, at);
	uint64_t end;

	if (!r || r->start >= at)
		return;
	end = r->end;
	r->end = at;
	range_changed(r);
	if (!seg_new_locked(at, end, to_seg(r)->refs))
		abort();
}

/* ---- allocation --------------------------------------------------------------------------------
 */

static bool cache_pop_locked(uint64_t len, uint64_t *off, bool *resident)
{
	uint64_t pages = len / PAGE_SIZE;
	struct bucket *b;

	if (pages > CACHE_PAGES)
		return false;
	b = &mf.cache[pages];
	if (b->n == 0)
		return false;
	b->n--;
	*off = b->item[b->n].off;
	*resident = b->item[b->n].resident;
	mf.cached_bytes -= len;
	return true;
}

static bool free_at_locked(uint64_t off, uint64_t len)
{
	struct range *r = range_find(&mf.segs, off);

	return off >= PAGE_SIZE && len <= mf.size - off && (!r || r->start >= off + len);
}

static int take_locked(uint64_t off, uint64_t len, uint64_t *ret)
{
	struct range *left = range_find(&mf.segs, off - 1);

	/* Grow the segment on the left when it has one owner as well: brk and COW make many of
	 * these. */
	if (left && left->end == off && to_seg(left)->refs == 1) {
		left->end += len;
		range_changed(left);
	} else if (!seg_new_locked(off, off + len, 1)) {
		return -ENOMEM;
	}
	*ret = off;
	return 0;
}

static int alloc_locked(uint64_t len, uint64_t near, uint64_t *ret, bool *resident)
{
	uint64_t off;

	*resident = false;
	if (near && free_at_locked(near, len))
		return take_locked(near, len, ret);
	if (cache_pop_locked(len, ret, resident))
		return 0;
	if (len < HUGE_SIZE) {
		if (range_gap_low(&mf.segs, PAGE_SIZE, mf.large_start, len, PAGE_SIZE, &off))
			return take_locked(off, len, ret);
	}
	if (range_gap_low(&mf.segs, mf.large_start, mf.size, len, HUGE_SIZE, &off))
		return take_locked(off, len, ret);
	return -ENOMEM;
}

int memfile_alloc_near(uint64_t len, uint64_t near, uint64_t *ret_off, bool *resident)
{
	int r;

	assert(len && !(len & ~PAGE_MASK) && !(near & ~PAGE_MASK));
	if (len > mf.size)
		return -ENOMEM;
	mutex_lock(&mf.mu);
	r = alloc_locked(len, near, ret_off, resident);
	mutex_unlock(&mf.mu);
	return r;
}

int memfile_alloc(uint64_t len, uint64_t *ret_off)
{
	bool resident;

	return memfile_alloc_near(len, 0, ret_off, &resident);
}

int memfile_alloc_growing(uint64_t len, uint64_t *ret_off)
{
	uint64_t off;
	int r = -ENOMEM;

	if (len > mf.size)
		return -ENOMEM;
	mutex_lock(&mf.mu);
	if (range_gap_low(&mf.segs, mf.large_start, mf.size, len + GROW_SLACK, HUGE_SIZE, &off))
		r = take_locked(off, len, ret_off);
	mutex_unlock(&mf.mu);
	return r < 0 ? memfile_alloc(len, ret_off) : r;
}

/* ---- references --------------------------------------------------------------------------------
 */

void memfile_ref(uint64_t off, uint64_t len)
{
	uint64_t end = off + len;
	struct range *r;

	mutex_lock(&mf.mu);
	seg_split_locked(off);
	seg_split_locked(end);
	for (uint64_t at = off; at < end; at = r->end) {
		r = range_find(&mf.segs, at);
		if (!r || r->start != at || to_seg(r)->refs == UINT32_MAX)
			abort();
		to_seg(r)->refs++;
		r = &seg_merge_left_locked(to_seg(r))->r;
	}
	mutex_unlock(&mf.mu);
}

/* Host memory of [off, off+len) goes back; the range reads as zeros. */
static void punch(uint64_t off, uint64_t len)
{
	if (host_punch(mf.fd, off, len) < 0)
		(void)safezero(mf.base + off, len);
}

void memfile_zap(uint64_t off, uint64_t len)
{
	punch(off, len);
}

int memfile_fill(uint64_t off, const void *src, uint64_t len)
{
	while (len) {
		ssize_t n = host_fill(mf.fd, src, len, off);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n == -EFAULT ? -EFAULT : -ENOMEM;
		off += (uint64_t)n;
		src = (const uint8_t *)src + n;
		len -= (uint64_t)n;
	}
	return 0;
}

uint64_t memfile_hole(uint64_t off, uint64_t len)
{
	uint64_t data = host_seek_data(mf.fd, off);

	return data >= off + len ? len : (data - off) & PAGE_MASK;
}

/* Zeroes what the host has of a small extent. Returns whether all of it is resident. What is not
 * resident is a hole, or swapped out: then it is punched. */
static bool scrub(uint64_t off, uint64_t len)
{
	unsigned char vec[CACHE_PAGES];
	size_t pages = len / PAGE_SIZE;
	bool all = true;

	/* These were copies of pages as a rule: there, and mapped here. */
	if (pages <= SCRUB_BLINDLY) {
		if (safezero(mf.base + off, len) == len)
			return true;
		punch(off, len);
		return false;
	}
	if (host_mincore(mf.base + off, len, vec) < 0) {
		punch(off, len);
		return false;
	}
	for (size_t i = 0; i < pages;) {
		uint64_t at = off + i * PAGE_SIZE;
		bool here = vec[i] & 1;
		size_t n = 1;

		while (i + n < pages && (bool)(vec[i + n] & 1) == here)
			n++;
		if (here ? memfile_fill(at, zeros, n * PAGE_SIZE) < 0
			 : memfile_hole(at, n * PAGE_SIZE) < n * PAGE_SIZE)
			punch(at, n * PAGE_SIZE);
		all &= here;
		i += n;
	}
	return all;
}

static bool cache_push_locked(uint64_t off, uint64_t len, bool resident)
{
	struct bucket *b = &mf.cache[len / PAGE_SIZE];

	if (b->n == CACHE_DEPTH || mf.cached_bytes + len > CACHE_BYTES)
		return false;
	b->item[b->n++] = (struct cached){.off = off, .resident = resident};
	mf.cached_bytes += len;
	return true;
}

static void forget_locked(uint64_t off, uint64_t len)
{
	struct range *r;

	seg_split_locked(off);
	seg_split_locked(off + len);
	while ((r = range_find(&mf.segs, off)) && r->start < off + len)
		seg_drop_locked(to_seg(r));
}

/* Frees a range that only the caller still counts as its own. */
static void release(uint64_t off, uint64_t len)
{
	bool keep = len <= CACHE_PAGES * PAGE_SIZE;

	if (keep) {
		mutex_lock(&mf.mu);
		keep = mf.cached_bytes + len <= CACHE_BYTES &&
		       mf.cache[len / PAGE_SIZE].n < CACHE_DEPTH;
		mutex_unlock(&mf.mu);
	}
	if (keep) {
		bool resident = scrub(off, len);

		mutex_lock(&mf.mu);
		keep = cache_push_locked(off, len, resident);
		mutex_unlock(&mf.mu);
		if (keep)
			return;
	}
	punch(off, len);
	mutex_lock(&mf.mu);
	forget_locked(off, len);
	mutex_unlock(&mf.mu);
}

/* Drops one reference of the next stretch in [off, end). Returns the stretch's end, and in *last
 * whether the caller now has to release() it. */
static uint64_t unref_step_locked(uint64_t off, uint64_t end, bool *last)
{
	struct range *r = range_find(&mf.segs, off);

	if (!r || r->start > off || to_seg(r)->refs == 0)
		abort();
	*last = to_seg(r)->refs == 1;
	if (*last)
		return r->end < end ? r->end : end;
	seg_split_locked(off);
	seg_split_locked(end);
	r = range_find(&mf.segs, off);
	end = r->end;
	to_seg(r)->refs--;
	r = &seg_merge_left_locked(to_seg(r))->r;
	r = range_next(r);
	if (r)
		seg_merge_left_locked(to_seg(r));
	return end;
}

void memfile_unref(uint64_t off, uint64_t len)
{
	uint64_t end = off + len;

	while (off < end) {
		uint64_t next;
		bool last;

		mutex_lock(&mf.mu);
		next = unref_step_locked(off, end, &last);
		mutex_unlock(&mf.mu);
		if (last)
			release(off, next - off);
		off = next;
	}
}

bool memfile_exclusive(uint64_t off, uint64_t len)
{
	uint64_t end = off + len;
	bool yes = true;

	mutex_lock(&mf.mu);
	while (yes && off < end) {
		struct range *r = range_find(&mf.segs, off);

		if (!r || r->start > off)
			abort();
		yes = to_seg(r)->refs == 1;
		off = r->end;
	}
	mutex_unlock(&mf.mu);
	return yes;
}

void memfile_trim(void)
{
	for (uint64_t pages = 1; pages <= CACHE_PAGES; pages++) {
		uint64_t len = pages * PAGE_SIZE, off;
		bool more = true;

		while (more) {
			bool resident;

			mutex_lock(&mf.mu);
			more = cache_pop_locked(len, &off, &resident);
			mutex_unlock(&mf.mu);
			if (!more)
				break;
			punch(off, len);
			mutex_lock(&mf.mu);
			forget_locked(off, len);
			mutex_unlock(&mf.mu);
		}
	}
}
