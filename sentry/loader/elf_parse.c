/* SPDX-License-Identifier: Apache-2.0 */
/* ELF headers (System V ABI, AMD64 supplement): a bounded parser with Linux's verdicts. Everything
 * in the file is hostile: sums are checked before they are used.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "loader/elf.h"
#include "mm/memfile.h"
#include "util/bytes.h"

int elf_parse_header(struct elf *elf, const uint8_t *hdr, size_t len)
{
	uint16_t type, machine, phentsize;
	struct rd r;

	memset(elf, 0, sizeof(*elf));
	if (len < ELF_HEADER_LEN || memcmp(hdr, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	if (hdr[EI_CLASS] != ELFCLASS64 || hdr[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	rd_init(&r, hdr, len);
	rd_skip(&r, EI_NIDENT);
	type = rd_le16(&r);
	machine = rd_le16(&r);
	rd_skip(&r, 4); /* e_version */
	elf->entry = rd_le64(&r);
	elf->phoff = rd_le64(&r);
	rd_skip(&r, 8 + 4 + 2); /* e_shoff, e_flags, e_ehsize */
	phentsize = rd_le16(&r);
	elf->phnum = rd_le16(&r);
	if (rd_failed(&r) || (type != ET_EXEC && type != ET_DYN) || machine != EM_X86_64)
		return -ENOEXEC;
	if (phentsize != ELF_PHDR_LEN || elf->phnum == 0 ||
	    elf->phnum * ELF_PHDR_LEN > ELF_PHDRS_MAX)
		return -ENOEXEC;
	if (elf->phoff > INT64_MAX - ELF_PHDRS_MAX)
		return -ENOEXEC;
	elf->dyn = type == ET_DYN;
	return 0;
}

struct phdr {
	uint32_t type, flags;
	uint64_t off, vaddr, filesz, memsz, align;
};

static struct phdr read_phdr(struct rd *r)
{
	struct phdr p;

	p.type = rd_le32(r);
	p.flags = rd_le32(r);
	p.off = rd_le64(r);
	p.vaddr = rd_le64(r);
	rd_skip(r, 8); /* p_paddr */
	p.filesz = rd_le64(r);
	p.memsz = rd_le64(r);
	p.align = rd_le64(r);
	return p;
}

static int add_segment(struct elf *elf, const struct phdr *p, uint64_t task_size)
{
	struct elf_segment *seg = &elf->segments[elf->n_segments];
	uint64_t lo, hi;

	if (p->filesz > p->memsz || p->memsz > task_size || p->vaddr > task_size - p->memsz)
		return -EINVAL;
	if (p->off > INT64_MAX || p->filesz > INT64_MAX - p->off)
		return -EINVAL;
	if (((p->vaddr ^ p->off) & (PAGE_SIZE - 1)) && p->filesz)
		return -EINVAL; /* the page cannot be mapped there */
	seg->vaddr = p->vaddr;
	seg->off = p->off;
	seg->filesz = p->filesz;
	seg->memsz = p->memsz;
	seg->prot = (p->flags & PF_R ? PROT_READ : 0) | (p->flags & PF_W ? PROT_WRITE : 0) |
		    (p->flags & PF_X ? PROT_EXEC : 0);
	lo = p->vaddr & PAGE_MASK;
	hi = (p->vaddr + p->memsz + PAGE_SIZE - 1) & PAGE_MASK;
	if (hi == lo)
		hi += PAGE_SIZE;
	if (elf->n_segments == 0 || lo < elf->lo)
		elf->lo = lo;
	if (hi > elf->hi)
		elf->hi = hi;
	/* Only a power of two can be honoured. */
	if (p->align > elf->align && (p->align & (p->align - 1)) == 0 && p->align <= (1UL << 30))
		elf->align = p->align;
	if (elf->phoff >= p->off && elf->phoff - p->off < p->filesz)
		elf->phdr = elf->phoff - p->off + p->vaddr;
	elf->n_segments++;
	return 0;
}

int elf_parse_phdrs(struct elf *elf, const uint8_t *buf, size_t len, uint64_t task_size)
{
	struct rd r;
	int e;

	elf->align = PAGE_SIZE;
	elf->segments = calloc(elf->phnum, sizeof(*elf->segments));
	if (!elf->segments)
		return -ENOMEM;
	rd_init(&r, buf, len);
	for (uint16_t i = 0; i < elf->phnum; i++) {
		struct phdr p = read_phdr(&r);

		if (rd_failed(&r))
			return -ENOEXEC;
		switch (p.type) {
		case PT_LOAD:
			e = add_segment(elf, &p, task_size);
			if (e < 0)
				return e;
			break;
		case PT_INTERP:
			if (elf->interp_len)
				break; /* the first one counts */
			if (p.filesz < 2 || p.filesz > 4096 || p.off > INT64_MAX - 4096)
				return -ENOEXEC;
			elf->interp_off = p.off;
			elf->interp_len = p.filesz;
			break;
		case PT_GNU_STACK:
			elf->exec_stack = (p.flags & PF_X) != 0;
			break;
		default:
			break;
		}
	}
	return elf->n_segments ? 0 : -EINVAL;
}

void elf_fini(struct elf *elf)
{
	free(elf->segments);
	elf->segments = NULL;
	elf->n_segments = 0;
}
