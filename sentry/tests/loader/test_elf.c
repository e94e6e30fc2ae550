/* SPDX-License-Identifier: Apache-2.0 */
/* loader/elf_parse: hostile headers. */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "loader/elf.h"

#define TASK_SIZE (1UL << 47)

static struct {
	Elf64_Ehdr h;
	Elf64_Phdr p[4];
} img;
static struct elf elf;

static void good(void)
{
	memset(&img, 0, sizeof(img));
	memcpy(img.h.e_ident, ELFMAG, SELFMAG);
	img.h.e_ident[EI_CLASS] = ELFCLASS64;
	img.h.e_ident[EI_DATA] = ELFDATA2LSB;
	img.h.e_type = ET_DYN;
	img.h.e_machine = EM_X86_64;
	img.h.e_phoff = sizeof(img.h);
	img.h.e_phentsize = sizeof(Elf64_Phdr);
	img.h.e_phnum = 2;
	img.p[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, 0, 0, 0x1800, 0x1800, 0x1000};
	img.p[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0x1800, 0x2800, 0, 0x100, 0x2000, 0x1000};
}

static int parse(void)
{
	int r = elf_parse_header(&elf, (const uint8_t *)&img, sizeof(img));

	if (r == 0)
		r = elf_parse_phdrs(&elf, (const uint8_t *)img.p, elf.phnum * sizeof(Elf64_Phdr),
				    TASK_SIZE);
	return r;
}

Test(loader_elf, a_good_one_is_taken, .init = good)
{
	cr_assert_eq(parse(), 0);
	cr_assert_eq(elf.n_segments, 2);
	cr_assert_eq(elf.lo, 0);
	cr_assert_eq(elf.hi, 0x5000);
	cr_assert_eq(elf.phdr, sizeof(Elf64_Ehdr));
	cr_assert_eq(elf.segments[0].prot, PROT_READ | PROT_EXEC);
	elf_fini(&elf);
}

Test(loader_elf, wrong_kind_of_file, .init = good)
{
	img.h.e_ident[EI_CLASS] = ELFCLASS32;
	cr_assert_eq(parse(), -ENOEXEC);
	good();
	img.h.e_machine = EM_386;
	cr_assert_eq(parse(), -ENOEXEC);
	good();
	img.h.e_type = ET_REL;
	cr_assert_eq(parse(), -ENOEXEC);
	good();
	img.h.e_phentsize = 32;
	cr_assert_eq(parse(), -ENOEXEC);
	good();
	img.h.e_phnum = 0;
	cr_assert_eq(parse(), -ENOEXEC);
	good();
	img.h.e_phnum = 0xffff;
	cr_assert_eq(parse(), -ENOEXEC);
	cr_assert_eq(elf_parse_header(&elf, (const uint8_t *)&img, 63), -ENOEXEC);
}

Test(loader_elf, numbers_that_do_not_fit, .init = good)
{
	img.p[0].p_filesz = 0x1801;
	cr_assert_eq(parse(), -EINVAL);
	elf_fini(&elf);
	good();
	img.p[1].p_vaddr = UINT64_MAX - 0x7ff;
	cr_assert_eq(parse(), -EINVAL);
	elf_fini(&elf);
	good();
	img.p[1].p_memsz = UINT64_MAX;
	cr_assert_eq(parse(), -EINVAL);
	elf_fini(&elf);
	good();
	img.p[1].p_offset = UINT64_MAX & ~0x7ffUL;
	cr_assert_eq(parse(), -EINVAL);
	elf_fini(&elf);
	good();
	img.p[1].p_offset = 0x1900;
	cr_assert_eq(parse(), -EINVAL, "offset and address disagree within the page");
	elf_fini(&elf);
}

Test(loader_elf, nothing_to_load, .init = good)
{
	img.p[0].p_type = img.p[1].p_type = PT_NOTE;
	cr_assert_eq(parse(), -EINVAL);
	elf_fini(&elf);
}

Test(loader_elf, fewer_headers_than_promised, .init = good)
{
	cr_assert_eq(elf_parse_header(&elf, (const uint8_t *)&img, sizeof(img)), 0);
	cr_assert_eq(elf_parse_phdrs(&elf, (const uint8_t *)img.p, 60, TASK_SIZE), -ENOEXEC);
	elf_fini(&elf);
}

Test(loader_elf, interpreter_names_of_bad_length, .init = good)
{
	img.p[1] = (Elf64_Phdr){PT_INTERP, PF_R, 0x200, 0x200, 0, 1, 1, 1};
	cr_assert_eq(parse(), -ENOEXEC);
	elf_fini(&elf);
	img.p[1].p_filesz = 5000;
	cr_assert_eq(parse(), -ENOEXEC);
	elf_fini(&elf);
	img.p[1].p_filesz = 28;
	cr_assert_eq(parse(), 0);
	cr_assert_eq(elf.interp_len, 28);
	elf_fini(&elf);
}
