/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's physical memory: one sparse memfd, mapped whole into the sentry. Extents are
 * allocated in pages, reference-counted (copy-on-write sharing), and punched out when the last
 * reference goes. New extents read as zeros. Locks: RANK_MEMFILE inside. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096UL
#define PAGE_MASK (~(PAGE_SIZE - 1))

/* Creates the memfd; before lock-down. @limit_bytes 0: as large as the host allows (sparse). */
int memfile_init(uint64_t limit_bytes);
int memfile_fd(void);
/* Allocates @len bytes (page multiple), one contiguous extent with one reference. Large extents are
 * aligned so that huge pages are possible. Returns 0, -ENOMEM. */
int memfile_alloc(uint64_t len, uint64_t *ret_off);
/* As above; prefers the offset @near (so that host mappings merge; 0: no wish). *resident says
 * whether the host has all of its pages in memory already, so that copying in is cheaper than a
 * host write. */
int memfile_alloc_near(uint64_t len, uint64_t near, uint64_t *ret_off, bool *resident);
/* A large extent with free space behind it, for what will grow (heap). */
int memfile_alloc_growing(uint64_t len, uint64_t *ret_off);
void memfile_ref(uint64_t off, uint64_t len);
void memfile_unref(uint64_t off, uint64_t len);	    /* the last reference frees and punches */
bool memfile_exclusive(uint64_t off, uint64_t len); /* every page has exactly one reference */
/* Gives the pages back to the host; they read as zeros afterwards (MADV_DONTNEED). */
void memfile_zap(uint64_t off, uint64_t len);
/* Fills part of an extent from sentry or host memory by a host write: the pages are made without
 * being zeroed or mapped first. Returns 0, -ENOMEM, -EFAULT (the source faulted). */
int memfile_fill(uint64_t off, const void *src, uint64_t len);
/* How many bytes from @off on, at most @len, were never written and read as zeros without any page.
 */
uint64_t memfile_hole(uint64_t off, uint64_t len);
void *memfile_ptr(uint64_t off);    /* sentry's alias; valid while a reference is held */
uint64_t memfile_size(void);	    /* offsets are below */
uint64_t memfile_used_bytes(void);  /* what is committed, for meminfo and the memory limit */
uint64_t memfile_total_bytes(void); /* the limit, or the host's memory */
/* Frees extents that are kept zeroed for reuse. */
void memfile_trim(void);
