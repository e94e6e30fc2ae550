/* SPDX-License-Identifier: Apache-2.0 */
/* What a file offers to be mapped: ranges of a host descriptor (the memfd for tmpfs and shared
 * anonymous memory, a donated host file for goferfs). Embedded in the inode that owns the data. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/mutex.h"
#include "util/list.h"

struct mappable;

/* A stretch of backing store. */
struct backing {
	int fd;	      /* borrowed from the mappable */
	uint64_t off; /* in fd */
	uint64_t len; /* how much of the request is contiguous there; >= one page */
	bool memfile; /* fd is the memfd: the sentry reaches it with memfile_ptr(off) */
};

struct mappable_ops {
	/* Says where page range [off, off+len) lives, allocating for @write or for holes. The
	 * stretch must stay valid while it is mapped (mappable_invalidate() withdraws it). Returns
	 * 0, -EACCES (host file not open for writing), -ENOSPC, -ENOMEM; beyond the end of the file
	 * (rounded up to a page) -ENXIO: the access is SIGBUS. */
	int (*translate)(struct mappable *m, uint64_t off, uint64_t len, bool write,
			 struct backing *ret);
	void (*get)(struct mappable *m); /* reference on the owner; mappings hold one */
	void (*put)(struct mappable *m);
};

struct mappable {
	const struct mappable_ops *ops;
	struct mutex mu;     /* RANK_MAPPABLE */
	struct list vmas;    /* [mu] the areas that map it (mm/vma) */
	struct list aliases; /* [mu] the sentry's own mappings of a host file (mm/mappable.c) */
	uint64_t id;	     /* identity for shared futexes and the patch cache; unique per boot */
};

void mappable_init(struct mappable *m, const struct mappable_ops *ops);
void mappable_fini(struct mappable *m);
/* Called under an address space's lock: translate() may take RANK_FDATA and later ranks only.
 * Ranges of the memfile get a reference of each mapping besides the owner's.
 *
 * Withdraws the backing of [off, off+len) from every mapping (truncate, hole punch): the next
 * access asks translate() again. Call without the owner's data lock, after translate() has begun to
 * refuse or to answer differently, and before the backing is freed. */
void mappable_invalidate(struct mappable *m, uint64_t off, uint64_t len);
