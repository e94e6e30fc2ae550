/* SPDX-License-Identifier: Apache-2.0 */
/* A platform that really maps: the "stub" is a reserved range of the test process, so that what the
 * guest would see can be read there; and it records operations. Plus files over a byte buffer or a
 * host file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "mm/mappable.h"
#include "mm/mm.h"
#include "mm/mm_priv.h"
#include "vfs/file.h"

struct plat_space {
	unsigned maps, unmaps, protects, text_changes;
	_Atomic unsigned flushes;
	bool dead;
	struct plat_space *next;
};

/* Sets up memfile, safecopy and nothing else; once per test process. */
void fake_init(void);
/* Maps everything in @mm, as a first switch to the guest would. */
struct plat_space *fake_live(struct mm *mm);
/* What the stub's page tables say about @addr: PROT_* of the mapping, or -1 when nothing is mapped.
 */
int fake_stub_prot(struct plat_space *space, uint64_t addr);
/* Host offset and descriptor behind @addr in the stub. */
bool fake_stub_backing(struct plat_space *space, uint64_t addr, int *fd, uint64_t *off);
/* Checks that the stub mirrors the runs exactly. */
void fake_check(struct mm *mm);

/* A file of @len bytes, each (offset / 4096 + 'A'), in a host temporary file. @flags: O_*. */
struct file *fake_file(uint64_t len, uint32_t flags);
struct mappable *fake_mappable(struct file *f);
int fake_file_fd(struct file *f);
void fake_truncate(struct file *f, uint64_t len); /* also invalidates */

/* Short forms. */
uint64_t map_anon(struct mm *mm, uint64_t len, int prot);
int map_at(struct mm *mm, uint64_t addr, uint64_t len, int prot, int flags);
int fault(struct mm *mm, uint64_t addr, bool write, int *code); /* 0 or the signal */
size_t count_areas(struct mm *mm);
