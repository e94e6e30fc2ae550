/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's parsers on arbitrary bytes: never out of bounds, and what they accept keeps its
 * promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "loader/elf.h"
#include "loader/script.h"

#define TASK_SIZE (UINT64_C(1) << 47)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct elf *elf)
{
	if (elf->n_segments == 0 || elf->n_segments > elf->phnum || elf->lo >= elf->hi)
		abort();
	for (size_t i = 0; i < elf->n_segments; i++) {
		const struct elf_segment *seg = &elf->segments[i];

		if (seg->filesz > seg->memsz || seg->vaddr + seg->memsz < seg->vaddr ||
		    seg->vaddr + seg->memsz > TASK_SIZE || seg->off + seg->filesz < seg->off)
			abort();
		if (seg->vaddr < elf->lo || seg->vaddr + seg->memsz > elf->hi)
			abort();
	}
	if (elf->align & (elf->align - 1))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script line;
	struct elf elf;

	if (script_parse(&line, (const char *)data, size) == 0 &&
	    (!line.interp[0] || strlen(line.interp) >= SCRIPT_BUF ||
	     strlen(line.arg) >= SCRIPT_BUF))
		abort();
	if (elf_parse_header(&elf, data, size) < 0)
		return 0;
	/* The program headers follow at once, wherever e_phoff points. */
	if (elf_parse_phdrs(&elf, data + ELF_HEADER_LEN, size - ELF_HEADER_LEN, TASK_SIZE) == 0)
		check(&elf);
	elf_fini(&elf);
	return 0;
}
