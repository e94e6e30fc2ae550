/* SPDX-License-Identifier: Apache-2.0 */
/* execve's loader: finds the program behind a path (#!), reads its ELF and its interpreter's, and
 * later maps both and the stack into a fresh address space.
 */
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "boot/kernel.h"
#include "loader/elf.h"
#include "loader/loader.h"
#include "loader/script.h"
#include "loader/stack.h"
#include "mm/mm.h"
#include "platform/platform.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/file.h"
#include "vfs/walk.h"

#define SCRIPT_DEPTH 5
#define PIE_BASE 0x555555554000UL /* two thirds of the 47-bit half */
#define PIE_RANDOM_PAGES (1UL << 28)
#define STACK_RANDOM_PAGES (1UL << 22)
#define BRK_RANDOM_PAGES (1UL << 13)

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* One ELF file on its way into memory. */
struct object {
	struct file *file; /* reference */
	struct elf elf;
	uint64_t bias; /* added to its addresses, once mapped */
};

struct loader_image {
	struct object main, interp; /* interp.file NULL: static */
	char *execfn;		    /* owned */
	const char **argv;	    /* owned array; strings borrowed or in scripts[] */
	size_t n_argv;
	const char *const *envp;
	size_t n_envp;
	struct script *scripts[SCRIPT_DEPTH + 1]; /* owned; what argv may point into */
	size_t n_scripts;
	uint64_t stack_limit;
};

static uint64_t random_pages(uint64_t pages)
{
	uint64_t v;

	krandom(&v, sizeof(v));
	return (v % pages) * PAGE_SIZE;
}

/* ---- open --------------------------------------------------------------------------------------
 */

void loader_free(struct loader_image *img)
{
	if (!img)
		return;
	file_put(img->main.file);
	file_put(img->interp.file);
	elf_fini(&img->main.elf);
	elf_fini(&img->interp.elf);
	for (size_t i = 0; i < img->n_scripts; i++)
		free(img->scripts[i]);
	free(img->argv);
	free(img->execfn);
	free(img);
}

DEFINE_CLEANUP(struct loader_image *, loader_free)

struct file *loader_exe(const struct loader_image *img)
{
	return img->main.file;
}

static size_t count(const char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

/* Reads headers of @obj->file. */
static int read_elf(struct object *obj, struct task *t, const uint8_t *head, size_t head_len)
{
	uint8_t *buf;
	size_t len;
	ssize_t n;
	int r;

	r = elf_parse_header(&obj->elf, head, head_len);
	if (r < 0)
		return r;
	len = (size_t)obj->elf.phnum * ELF_PHDR_LEN;
	buf = malloc(len);
	if (!buf)
		return -ENOMEM;
	n = file_pread_kernel(obj->file, t, buf, len, (int64_t)obj->elf.phoff);
	if (n < 0)
		r = (int)n;
	else
		r = elf_parse_phdrs(&obj->elf, buf, (size_t)n, plat_task_size());
	free(buf);
	return r;
}

/* Puts the interpreter, its argument and the script's name in front of argv[1..]. */
static int push_script(struct loader_image *img, const char *path, const struct script *line)
{
	size_t extra = line->arg[0] ? 2 : 1, rest = img->n_argv ? img->n_argv - 1 : 0, i = 0;
	const char **argv = calloc(extra + 1 + rest + 1, sizeof(*argv));
	struct script *kept = malloc(sizeof(*kept));

	if (!argv || !kept) {
		free(argv);
		free(kept);
		return -ENOMEM;
	}
	*kept = *line;
	img->scripts[img->n_scripts++] = kept;
	argv[i++] = kept->interp;
	if (line->arg[0])
		argv[i++] = kept->arg;
	argv[i++] = path;
	for (size_t k = 0; k < rest; k++)
		argv[i++] = img->argv[k + 1];
	free(img->argv);
	img->argv = argv;
	img->n_argv = i;
	return 0;
}

/* Follows #! lines until an ELF file stands in img->main. */
static int resolve(struct loader_image *img, struct task *t)
{
	const char *path = img->execfn;

	for (int depth = 0;; depth++) {
		uint8_t head[SCRIPT_BUF];
		struct script line;
		struct file *next;
		ssize_t n;
		int r;

		n = file_pread_kernel(img->main.file, t, head, sizeof(head), 0);
		if (n < 0)
			return (int)n;
		if (script_parse(&line, (const char *)head, (size_t)n) < 0)
			return read_elf(&img->main, t, head, (size_t)n);
		if (depth == SCRIPT_DEPTH)
			return -ELOOP;
		r = push_script(img, path, &line);
		if (r < 0)
			return r;
		path = img->argv[0];
		r = vfs_open_exec(t, AT_FDCWD, path, 0, &next);
		if (r < 0)
			return r;
		file_put(img->main.file);
		img->main.file = next;
	}
}

static int open_interp(struct loader_image *img, struct task *t)
{
	const struct elf *elf = &img->main.elf;
	uint8_t head[ELF_HEADER_LEN];
	char path[4096 + 1] = {0};
	ssize_t n;
	int r;

	if (!elf->interp_len)
		return 0;
	n = file_pread_kernel(img->main.file, t, path, elf->interp_len, (int64_t)elf->interp_off);
	if (n < 0)
		return (int)n;
	if ((uint64_t)n != elf->interp_len)
		return -EIO;
	if (path[elf->interp_len - 1] != 0)
		return -ENOEXEC;
	r = vfs_open_exec(t, AT_FDCWD, path, 0, &img->interp.file);
	if (r < 0)
		return r;
	n = file_pread_kernel(img->interp.file, t, head, sizeof(head), 0);
	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(head))
		return -EIO;
	r = read_elf(&img->interp, t, head, sizeof(head));
	return r == -ENOEXEC || r == -EINVAL ? -ELIBBAD : r;
}

int loader_open(struct loader_image **ret, struct task *t, struct file *file, const char *path,
		const struct exec_args *args)
{
	CLEANUP(loader_freep) struct loader_image *img = calloc(1, sizeof(*img));
	struct stack_args sa;
	size_t n;
	int r;

	if (!img)
		return -ENOMEM;
	n = count(args->argv);
	img->main.file = file_get(file);
	img->execfn = strdup(path);
	img->argv = calloc(n + 2, sizeof(*img->argv));
	if (!img->execfn || !img->argv)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		img->argv[i] = args->argv[i];
	if (n == 0)
		img->argv[n++] = ""; /* as Linux since 5.18: there is always an argv[0] */
	img->n_argv = n;
	img->envp = args->envp;
	img->n_envp = count(args->envp);
	img->stack_limit = task_rlimit(t, RLIMIT_STACK);

	r = resolve(img, t);
	if (r < 0)
		return r;
	sa = (struct stack_args){img->argv, img->n_argv, img->envp, img->n_envp, img->execfn};
	r = stack_check(&sa, img->stack_limit);
	if (r < 0)
		return r;
	r = open_interp(img, t);
	if (r < 0)
		return r;
	*ret = TAKE(img);
	return 0;
}

/* ---- map ---------------------------------------------------------------------------------------
 */

static int map_anon(struct mm *mm, uint64_t start, uint64_t end, int prot)
{
	uint64_t at;

	return mm_mmap(mm, start, end - start, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL,
		       0, NULL, &at);
}

/* Maps one PT_LOAD: file pages, the zeroed rest of the last one, and anonymous memory after it. */
static int map_segment(struct object *obj, struct mm *mm, struct task *t,
		       const struct elf_segment *seg)
{
	uint64_t vaddr = seg->vaddr + obj->bias, start = vaddr & PAGE_MASK;
	uint64_t file_end = vaddr + seg->filesz, mem_end = vaddr + seg->memsz;
	uint64_t bss = (file_end + PAGE_SIZE - 1) & PAGE_MASK;
	uint64_t top = (mem_end + PAGE_SIZE - 1) & PAGE_MASK, at;
	int r;

	if (seg->memsz == 0)
		return 0;
	if (seg->filesz == 0) {
		return map_anon(mm, start, top, seg->prot);
	}
	r = mm_mmap_task(mm, t, start, bss - start, seg->prot, MAP_PRIVATE | MAP_FIXED, obj->file,
			 seg->off - (vaddr - start), NULL, &at);
	if (r < 0)
		return r;
	if (mem_end > file_end && file_end < bss && (seg->prot & PROT_WRITE)) {
		uint64_t zero_end = mem_end < bss ? mem_end : bss;

		/* Linux clears to the end of the page. */
		zero_end = bss > zero_end ? bss : zero_end;
		r = mm_zero_out(mm, file_end, zero_end - file_end);
		if (r < 0)
			return r;
	}
	return top > bss ? map_anon(mm, bss, top, seg->prot) : 0;
}

static int map_object(struct object *obj, struct mm *mm, struct task *t)
{
	for (size_t i = 0; i < obj->elf.n_segments; i++) {
		int r = map_segment(obj, mm, t, &obj->elf.segments[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Where the object goes. */
static int place(struct object *obj, struct mm *mm, bool low)
{
	uint64_t size = obj->elf.hi - obj->elf.lo, align = obj->elf.align, at;
	int r;

	if (!obj->elf.dyn)
		return 0;
	if (low) {
		at = (PIE_BASE + random_pages(PIE_RANDOM_PAGES)) & ~(align - 1);
		if (at + size < plat_task_size()) {
			obj->bias = at - (obj->elf.lo & ~(align - 1));
			return 0;
		}
	}
	if (size + align < size)
		return -ENOMEM;
	r = mm_find_free(mm, 0, size + (align > PAGE_SIZE ? align : 0), &at);
	if (r < 0)
		return r;
	at = (at + align - 1) & ~(align - 1);
	obj->bias = at - (obj->elf.lo & ~(align - 1));
	return 0;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void set_layout(const struct object *obj, struct mm_layout *lay)
{
	lay->start_code = UINT64_MAX;
	for (size_t i = 0; i < obj->elf.n_segments; i++) {
		const struct elf_segment *seg = &obj->elf.segments[i];
		uint64_t start = seg->vaddr + obj->bias, end = start + seg->filesz;

		if (seg->prot & PROT_EXEC) {
			if (start < lay->start_code)
				lay->start_code = start;
			lay->end_code = max_u64(lay->end_code, end);
		}
		lay->start_data = max_u64(lay->start_data, start);
		lay->end_data = max_u64(lay->end_data, end);
	}
	if (lay->start_code == UINT64_MAX)
		lay->start_code = 0;
}

/* The heap starts behind the program; behind a program that stands in the mmap area there is no
 * room. */
static void set_heap(const struct loader_image *img, struct mm *mm)
{
	const struct object *obj = &img->main;
	uint64_t start = obj->elf.hi + obj->bias;

	if (obj->elf.dyn && !img->interp.file)
		start = PIE_BASE;
	start += random_pages(BRK_RANDOM_PAGES);
	mm_set_brk(mm, start);
	mm_layout(mm)->start_brk = start;
}

/* CPUID.1:EDX, as Linux; getauxval() gives libc's own idea of it. */
static uint64_t hwcap(void)
{
	unsigned int a, b, c, d = 0;

	return __get_cpuid(1, &a, &b, &c, &d) ? d : 0;
}

static size_t make_aux(const struct loader_image *img, const struct loader_ids *ids,
		       struct stack_aux *aux)
{
	const struct object *obj = &img->main;
	uint64_t vdso = plat_vdso_base();
	size_t n = 0;

	if (vdso)
		aux[n++] = (struct stack_aux){AT_SYSINFO_EHDR, vdso};
	if (getauxval(AT_MINSIGSTKSZ))
		aux[n++] = (struct stack_aux){AT_MINSIGSTKSZ, getauxval(AT_MINSIGSTKSZ)};
	aux[n++] = (struct stack_aux){AT_HWCAP, hwcap()};
	aux[n++] = (struct stack_aux){AT_PAGESZ, PAGE_SIZE};
	aux[n++] = (struct stack_aux){AT_CLKTCK, 100};
	aux[n++] = (struct stack_aux){AT_PHDR, obj->elf.phdr ? obj->elf.phdr + obj->bias : 0};
	aux[n++] = (struct stack_aux){AT_PHENT, ELF_PHDR_LEN};
	aux[n++] = (struct stack_aux){AT_PHNUM, obj->elf.phnum};
	aux[n++] = (struct stack_aux){AT_BASE, img->interp.file ? img->interp.bias : 0};
	aux[n++] = (struct stack_aux){AT_FLAGS, 0};
	aux[n++] = (struct stack_aux){AT_ENTRY, obj->elf.entry + obj->bias};
	aux[n++] = (struct stack_aux){AT_UID, ids->uid};
	aux[n++] = (struct stack_aux){AT_EUID, ids->euid};
	aux[n++] = (struct stack_aux){AT_GID, ids->gid};
	aux[n++] = (struct stack_aux){AT_EGID, ids->egid};
	aux[n++] = (struct stack_aux){AT_SECURE, ids->secure};
	aux[n++] = (struct stack_aux){AT_HWCAP2, getauxval(AT_HWCAP2) &
							 ~2UL /* FSGSBASE: gs is the platform's */};
	return n;
}

static void set_comm(char comm[16], const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	strncpy(comm, base, 15);
	comm[15] = 0;
}

int loader_map(struct loader_image *img, struct mm *mm, struct task *t,
	       const struct loader_ids *ids, struct loader_result *ret)
{
	struct stack_args sa = {img->argv, img->n_argv, img->envp, img->n_envp, img->execfn};
	uint64_t top = plat_task_size() - random_pages(STACK_RANDOM_PAGES);
	struct stack_aux aux[STACK_AUXV_MAX];
	int r;

	mm_set_stack_limit(mm, img->stack_limit);
	r = place(&img->main, mm, img->interp.file != NULL);
	if (r == 0)
		r = map_object(&img->main, mm, t);
	if (r < 0)
		return r;
	if (img->interp.file) {
		r = place(&img->interp, mm, false);
		if (r == 0)
			r = map_object(&img->interp, mm, t);
		if (r < 0)
			return r;
	}
	set_layout(&img->main, mm_layout(mm));
	set_heap(img, mm);
	mm_set_exe_file(mm, img->main.file);
	r = stack_build(mm, top,
			PROT_READ | PROT_WRITE | (img->main.elf.exec_stack ? PROT_EXEC : 0),
			img->stack_limit, &sa, aux, make_aux(img, ids, aux), &ret->sp);
	if (r < 0)
		return r;
	ret->entry = img->interp.file ? img->interp.elf.entry + img->interp.bias
				      : img->main.elf.entry + img->main.bias;
	set_comm(ret->comm, img->execfn);
	return 0;
}
