/* SPDX-License-Identifier: Apache-2.0 */
/* loader/image, stack: the whole way from a file to an address space. */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "loader/loader.h"
#include "task/task.h"
#include "vfs/walk.h"

/* ---- stand-ins
 * ----------------------------------------------------------------------------------- */

static struct tgroup group;
static struct task task = {.group = &group};
static struct file *named[4]; /* what vfs_open_exec() finds as "/0", "/1", ... */

ssize_t file_pread_kernel(struct file *f, struct task *t, void *buf, size_t len, int64_t off)
{
	ssize_t n = pread(fake_file_fd(f), buf, len, off);

	(void)t;
	return n < 0 ? -errno : n;
}

int vfs_open_exec(struct task *t, int dfd, const char *name, int flags, struct file **ret)
{
	(void)t;
	(void)dfd;
	(void)flags;
	if (name[0] != '/' || name[1] < '0' || name[1] > '3' || !named[name[1] - '0'])
		return -ENOENT;
	*ret = file_get(named[name[1] - '0']);
	return 0;
}

static void init(void)
{
	fake_init();
	mutex_init(&group.limits_mu, RANK_LEAF);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		group.limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	group.limits[RLIMIT_STACK].rlim_cur = 8 << 20;
}

static struct file *write_file(const void *data, size_t len)
{
	struct file *f = fake_file(len, O_RDONLY);

	cr_assert_eq(pwrite(fake_file_fd(f), data, len, 0), (ssize_t)len);
	return f;
}

static struct file *make_elf(uint16_t type, uint64_t vaddr, const char *interp)
{
	struct {
		Elf64_Ehdr h;
		Elf64_Phdr p[4];
		char interp[32];
		char pad[0x2800 - 64 - 4 * 56 - 32];
	} *e = calloc(1, sizeof(*e));
	struct file *f;

	memcpy(e->h.e_ident, ELFMAG, SELFMAG);
	e->h.e_ident[EI_CLASS] = ELFCLASS64;
	e->h.e_ident[EI_DATA] = ELFDATA2LSB;
	e->h.e_type = type;
	e->h.e_machine = EM_X86_64;
	e->h.e_entry = vaddr + 0x100;
	e->h.e_phoff = sizeof(e->h);
	e->h.e_phentsize = sizeof(Elf64_Phdr);
	e->h.e_phnum = interp ? 3 : 2;
	e->p[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, vaddr, 0, 0x1800, 0x1800, 0x1000};
	e->p[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0x1800, vaddr + 0x2800,
			       0,	0x900,	     0x4000, 0x1000};
	e->p[2] = (Elf64_Phdr){
		PT_INTERP, PF_R, 288, vaddr + 288, 0, interp ? strlen(interp) + 1 : 0, 3, 1};
	strcpy((char *)e + 288, interp ? interp : "");
	memset((char *)e + 0x1800, 'D', 0x1000);
	f = write_file(e, sizeof(*e));
	free(e);
	return f;
}

static const char *const no_env[] = {NULL};

static int open_it(struct loader_image **img, struct file *f, const char *const *argv)
{
	struct exec_args args = {argv, no_env};

	return loader_open(img, &task, f, "/dir/prog", &args);
}

static struct mm *load(struct file *f, const char *const *argv, struct loader_result *res)
{
	struct loader_ids ids = {1, 2, 3, 4, true};
	struct loader_image *img;
	struct mm *mm;

	cr_assert_eq(open_it(&img, f, argv), 0);
	cr_assert_eq(mm_new(&mm), 0);
	cr_assert_eq(loader_map(img, mm, &task, &ids, res), 0);
	loader_free(img);
	return mm;
}

static uint64_t word(struct mm *mm, uint64_t at)
{
	uint64_t v = 0;

	cr_assert_eq(mm_copy_in(mm, &v, at, 8), 0);
	return v;
}

static uint64_t aux(struct mm *mm, uint64_t type)
{
	struct mm_layout *lay = mm_layout(mm);

	for (size_t i = 0; i + 1 < lay->n_auxv; i += 2)
		if (lay->auxv[i] == type)
			return lay->auxv[i + 1];
	return UINT64_MAX;
}

/* ---- tests
 * --------------------------------------------------------------------------------------- */

Test(loader_image, a_static_program_lands_at_its_addresses, .init = init)
{
	struct file *f = make_elf(ET_EXEC, 0x400000, NULL);
	const char *argv[] = {"prog", "one", NULL};
	struct loader_result res;
	struct mm *mm = load(f, argv, &res);
	char c;

	cr_assert_eq(res.entry, 0x400100);
	cr_assert_str_eq(res.comm, "prog");
	cr_assert_eq(mm_copy_in(mm, &c, 0x402800, 1), 0);
	cr_assert_eq(c, 'D');
	cr_assert_eq(mm_copy_in(mm, &c, 0x402800 + 0x900, 1), 0);
	cr_assert_eq(c, 0, "the rest of the page is cleared");
	cr_assert_eq(mm_copy_out(mm, 0x4067ff, "x", 1), 0, "bss");
	cr_assert_eq(mm_copy_out(mm, 0x400000, "x", 1), -EFAULT, "text");
	cr_assert_geq(mm_brk(mm, 0, NULL), 0x407000);
	fake_live(mm);
	fake_check(mm);
	mm_unref(mm);
	file_put(f);
}

Test(loader_image, the_stack_is_laid_out_as_the_abi_says, .init = init)
{
	struct file *f = make_elf(ET_DYN, 0, NULL);
	const char *argv[] = {"prog", "", "zz", NULL};
	struct loader_result res;
	struct mm *mm = load(f, argv, &res);
	char s[32];

	cr_assert_eq(res.sp % 16, 0);
	cr_assert_eq(word(mm, res.sp), 3);
	cr_assert_eq(mm_copy_str(mm, s, word(mm, res.sp + 8), sizeof(s)), 4);
	cr_assert_str_eq(s, "prog");
	cr_assert_eq(mm_copy_str(mm, s, word(mm, res.sp + 24), sizeof(s)), 2);
	cr_assert_eq(word(mm, res.sp + 32), 0);
	cr_assert_eq(word(mm, res.sp + 40), 0);
	cr_assert_eq(word(mm, res.sp + 48), AT_SYSINFO_EHDR);
	cr_assert_eq(aux(mm, AT_EUID), 2);
	cr_assert_eq(aux(mm, AT_SECURE), 1);
	cr_assert_eq(aux(mm, AT_PAGESZ), 4096);
	cr_assert_eq(aux(mm, AT_PHDR) & 4095, sizeof(Elf64_Ehdr));
	cr_assert_eq(aux(mm, AT_ENTRY), res.entry);
	cr_assert_eq(aux(mm, AT_BASE), 0);
	mm_copy_str(mm, s, aux(mm, AT_EXECFN), sizeof(s));
	cr_assert_str_eq(s, "/dir/prog");
	mm_copy_str(mm, s, aux(mm, AT_PLATFORM), sizeof(s));
	cr_assert_str_eq(s, "x86_64");
	cr_assert_neq(word(mm, aux(mm, AT_RANDOM)), 0);
	cr_assert_eq(mm_layout(mm)->arg_start, word(mm, res.sp + 8));
	cr_assert_eq(mm_layout(mm)->arg_end - mm_layout(mm)->arg_start, 5 + 1 + 3);
	mm_unref(mm);
	file_put(f);
}

Test(loader_image, an_interpreter_is_mapped_too_and_entered, .init = init)
{
	struct file *f = make_elf(ET_DYN, 0, "/0");
	const char *argv[] = {"p", NULL};
	struct loader_result res;
	struct mm *mm;

	named[0] = make_elf(ET_DYN, 0, NULL);
	mm = load(f, argv, &res);
	cr_assert_eq(res.entry, aux(mm, AT_BASE) + 0x100);
	cr_assert_neq(aux(mm, AT_ENTRY), res.entry);
	cr_assert_eq(mm_exe_file(mm), f);
	mm_unref(mm);
	file_put(named[0]);
	file_put(f);
}

Test(loader_image, bad_interpreters, .init = init)
{
	struct file *f = make_elf(ET_DYN, 0, "/0");
	const char *argv[] = {"p", NULL};
	struct loader_image *img;

	cr_assert_eq(open_it(&img, f, argv), -ENOENT);
	named[0] = write_file(
		"not an elf file, but long enough to hold a header of sixty-four bytes......", 70);
	cr_assert_eq(open_it(&img, f, argv), -ELIBBAD);
	file_put(named[0]);
	named[0] = write_file("short", 5);
	cr_assert_eq(open_it(&img, f, argv), -EIO);
	file_put(named[0]);
	file_put(f);
}

Test(loader_image, scripts_put_their_interpreter_in_front, .init = init)
{
	struct file *f = write_file("#!/1 -x\n", 8);
	const char *argv[] = {"ignored", "tail", NULL};
	struct loader_result res;
	struct mm *mm;
	char s[32];

	named[1] = make_elf(ET_EXEC, 0x400000, NULL);
	mm = load(f, argv, &res);
	cr_assert_str_eq(res.comm, "prog");
	cr_assert_eq(word(mm, res.sp), 4);
	mm_copy_str(mm, s, word(mm, res.sp + 8), sizeof(s));
	cr_assert_str_eq(s, "/1");
	mm_copy_str(mm, s, word(mm, res.sp + 16), sizeof(s));
	cr_assert_str_eq(s, "-x");
	mm_copy_str(mm, s, word(mm, res.sp + 24), sizeof(s));
	cr_assert_str_eq(s, "/dir/prog");
	mm_copy_str(mm, s, word(mm, res.sp + 32), sizeof(s));
	cr_assert_str_eq(s, "tail");
	cr_assert_eq(mm_exe_file(mm), named[1]);
	mm_unref(mm);
	file_put(named[1]);
	file_put(f);
}

Test(loader_image, scripts_nest_to_a_depth, .init = init)
{
	const char *argv[] = {"p", NULL};
	struct loader_image *img;

	named[1] = write_file("#!/1\n", 5);
	cr_assert_eq(open_it(&img, named[1], argv), -ELOOP);
	file_put(named[1]);
}

Test(loader_image, limits_on_arguments, .init = init)
{
	struct file *f = make_elf(ET_EXEC, 0x400000, NULL);
	static char big[(128 << 10) + 1];
	const char *argv[100] = {"p", big, NULL};
	struct loader_image *img;

	memset(big, 'a', sizeof(big) - 1);
	cr_assert_eq(open_it(&img, f, argv), -E2BIG);
	big[(128 << 10) - 1] = 0;
	cr_assert_eq(open_it(&img, f, argv), 0);
	loader_free(img);
	for (int i = 0; i < 40; i++)
		argv[i + 1] = big;
	cr_assert_eq(open_it(&img, f, argv), -E2BIG);
	file_put(f);
}

Test(loader_image, an_empty_argv_gets_one_empty_string, .init = init)
{
	struct file *f = make_elf(ET_EXEC, 0x400000, NULL);
	const char *argv[] = {NULL};
	struct loader_result res;
	struct mm *mm = load(f, argv, &res);

	cr_assert_eq(word(mm, res.sp), 1);
	mm_unref(mm);
	file_put(f);
}

Test(loader_image, files_that_are_no_programs, .init = init)
{
	const char *argv[] = {"p", NULL};
	struct loader_image *img;
	struct file *f = write_file("x", 1);

	cr_assert_eq(open_it(&img, f, argv), -ENOEXEC);
	file_put(f);
	f = fake_file(0, O_RDONLY);
	cr_assert_eq(open_it(&img, f, argv), -ENOEXEC);
	file_put(f);
}
