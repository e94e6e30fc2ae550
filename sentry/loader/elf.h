/* SPDX-License-Identifier: Apache-2.0 */
/* ELF headers, parsed and validated. Pure: works on bytes. Inside of the loader only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_HEADER_LEN 64
#define ELF_PHDR_LEN 56
#define ELF_PHDRS_MAX 65536 /* bytes of program headers that Linux reads */

struct elf_segment {
	uint64_t vaddr, off, filesz, memsz;
	int prot;
};

struct elf {
	bool dyn;	/* ET_DYN: load anywhere */
	uint64_t entry; /* not relocated, as all addresses here */
	uint64_t phoff;
	uint16_t phnum;
	uint64_t phdr;			 /* where the program headers are mapped; 0: nowhere */
	uint64_t align;			 /* largest p_align of a PT_LOAD, at least a page */
	uint64_t lo, hi;		 /* page bounds of all segments */
	bool exec_stack;		 /* PT_GNU_STACK with PF_X */
	uint64_t interp_off, interp_len; /* PT_INTERP, length with the NUL; 0: none */
	struct elf_segment *segments;	 /* owned; PT_LOAD in file order */
	size_t n_segments;
};

/* Reads the first ELF_HEADER_LEN bytes. 0 or -ENOEXEC. */
int elf_parse_header(struct elf *elf, const uint8_t *hdr, size_t len);
/* Reads elf->phnum program headers from @buf. 0, -ENOEXEC, -EINVAL, -ENOMEM. @task_size bounds
 * addresses. */
int elf_parse_phdrs(struct elf *elf, const uint8_t *buf, size_t len, uint64_t task_size);
void elf_fini(struct elf *elf);
