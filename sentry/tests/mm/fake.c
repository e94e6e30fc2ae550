/* SPDX-License-Identifier: Apache-2.0 */
/* Stand-ins for the platform, files and the kernel under the tests of mm. */
#include "fake.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/kernel.h"
#include "mm/safecopy.h"
#include "platform/platform.h"

#define TASK_SIZE ((1UL << 47) - (1UL << 40))

/* The stub's page tables, as a list of pieces per space. */
struct piece {
	uint64_t start, end, off;
	int prot, fd;
};

#define PIECES 4096
struct fake_space {
	struct plat_space pub;
	struct piece piece[PIECES];
	size_t n;
};

void fake_init(void)
{
	if (memfile_fd() < 0)
		assert(memfile_init(0) == 0);
	assert(safecopy_init() == 0);
}

uint64_t plat_task_size(void)
{
	return TASK_SIZE;
}

uint64_t plat_vdso_base(void)
{
	return 0x7ffff7fc1000;
}

int plat_space_new(struct plat_space **ret, void *cookie)
{
	struct fake_space *s = calloc(1, sizeof(*s));

	(void)cookie;
	*ret = &s->pub;
	return 0;
}

void plat_space_free(struct plat_space *space)
{
	free(space);
}

static struct fake_space *fs(struct plat_space *space)
{
	return (struct fake_space *)(void *)space;
}

static void cut(struct fake_space *s, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < s->n;) {
		struct piece p = s->piece[i];

		if (p.end <= start || p.start >= end) {
			i++;
			continue;
		}
		s->piece[i] = s->piece[--s->n];
		assert(s->n + 2 < PIECES);
		if (p.start < start) {
			struct piece lo = p;

			lo.end = start;
			s->piece[s->n++] = lo;
		}
		if (p.end > end) {
			struct piece hi = p;

			hi.off += end - p.start;
			hi.start = end;
			s->piece[s->n++] = hi;
		}
	}
}

int plat_map(struct plat_space *space, uint64_t addr, uint64_t len, int prot, int fd, uint64_t off)
{
	struct fake_space *s = fs(space);

	assert(!(addr & 4095) && !(len & 4095) && len);
	space->maps++;
	cut(s, addr, addr + len);
	s->piece[s->n++] = (struct piece){addr, addr + len, off, prot, fd};
	return 0;
}

int plat_unmap(struct plat_space *space, uint64_t addr, uint64_t len)
{
	space->unmaps++;
	cut(fs(space), addr, addr + len);
	return 0;
}

int plat_protect(struct plat_space *space, uint64_t addr, uint64_t len, int prot)
{
	struct fake_space *s = fs(space);
	uint64_t covered = 0;
	struct piece got[64];
	size_t n = 0;

	space->protects++;
	for (size_t i = 0; i < s->n; i++) {
		struct piece p = s->piece[i];

		if (p.end <= addr || p.start >= addr + len)
			continue;
		if (p.start < addr) {
			p.off += addr - p.start;
			p.start = addr;
		}
		if (p.end > addr + len)
			p.end = addr + len;
		p.prot = prot;
		covered += p.end - p.start;
		assert(n < 64);
		got[n++] = p;
	}
	assert(covered == len); /* a host mprotect over a hole fails */
	cut(s, addr, addr + len);
	for (size_t i = 0; i < n; i++)
		s->piece[s->n++] = got[i];
	return 0;
}

int plat_flush(struct plat_space *space)
{
	space->flushes++;
	return 0;
}

int plat_advise(struct plat_space *space, uint64_t addr, uint64_t len, int advice)
{
	(void)space;
	(void)addr;
	(void)len;
	(void)advice;
	return 0;
}

void plat_text_changed(struct plat_space *space, uint64_t addr, uint64_t len)
{
	(void)addr;
	(void)len;
	space->text_changes++;
}

void plat_space_inherit(struct plat_space *child, const struct plat_space *parent)
{
	(void)child;
	(void)parent;
}

struct plat_space *fake_live(struct mm *mm)
{
	struct plat_space *s;

	assert(mm_space(mm, &s) == 0);
	return s;
}

static struct piece *piece_at(struct plat_space *space, uint64_t addr)
{
	struct fake_space *s = fs(space);

	for (size_t i = 0; i < s->n; i++)
		if (addr >= s->piece[i].start && addr < s->piece[i].end)
			return &s->piece[i];
	return NULL;
}

int fake_stub_prot(struct plat_space *space, uint64_t addr)
{
	struct piece *p = piece_at(space, addr);

	return p ? p->prot : -1;
}

bool fake_stub_backing(struct plat_space *space, uint64_t addr, int *fd, uint64_t *off)
{
	struct piece *p = piece_at(space, addr);

	if (!p)
		return false;
	*fd = p->fd;
	*off = p->off + (addr - p->start);
	return true;
}

void fake_check(struct mm *mm)
{
	struct fake_space *s = fs(mm->space);
	uint64_t in_runs = 0, in_stub = 0;

	for (struct run *run = run_from(mm, 0); run; run = run_next(run)) {
		struct vma *v = vma_at(mm, run->r.start);

		assert(v && run->r.end <= v->r.end);
		assert(run->prot == run_prot(v, run));
		assert((run->stub & ~run->prot) == 0);
		if (run->lazy) {
			assert(!piece_at(mm->space, run->r.start));
			continue;
		}
		in_runs += range_len(&run->r);
		for (uint64_t at = run->r.start; at < run->r.end; at += PAGE_SIZE) {
			struct piece *p = piece_at(mm->space, at);

			assert(p && p->prot == run->stub && p->fd == run->fd);
			assert(p->off + (at - p->start) == run->off + (at - run->r.start));
		}
	}
	for (size_t i = 0; i < s->n; i++)
		in_stub += s->piece[i].end - s->piece[i].start;
	assert(in_runs == in_stub);
}

/* ---- files
 * --------------------------------------------------------------------------------------- */

struct fake {
	struct file file;
	struct mappable m;
	int fd;
	uint64_t len;
	unsigned refs;
};

static void fake_free(struct fake *f)
{
	if (--f->refs)
		return;
	close(f->fd);
	mappable_fini(&f->m);
	free(f);
}

static int fake_translate(struct mappable *m, uint64_t off, uint64_t len, bool write,
			  struct backing *ret)
{
	struct fake *f = container_of(m, struct fake, m);
	uint64_t end = page_up(f->len);

	(void)write;
	if (off >= end)
		return -ENXIO;
	*ret = (struct backing){.fd = f->fd, .off = off, .len = len < end - off ? len : end - off};
	return 0;
}

static void fake_get(struct mappable *m)
{
	container_of(m, struct fake, m)->refs++;
}

static void fake_put(struct mappable *m)
{
	fake_free(container_of(m, struct fake, m));
}

static const struct mappable_ops fake_mops = {fake_translate, fake_get, fake_put};

static int fake_mmap(struct file *file, struct task *t, int prot, int flags, struct mappable **ret)
{
	(void)t;
	(void)prot;
	(void)flags;
	*ret = &container_of(file, struct fake, file)->m;
	return 0;
}

static const struct file_ops fake_fops = {.kind = "fake", .mmap = fake_mmap};

struct file *fake_file(uint64_t len, uint32_t flags)
{
	struct fake *f = calloc(1, sizeof(*f));
	char name[] = "/tmp/mmtestXXXXXX";

	f->fd = mkstemp(name);
	assert(f->fd >= 0);
	unlink(name);
	for (uint64_t at = 0; at < len; at += PAGE_SIZE) {
		uint8_t page[PAGE_SIZE];
		uint64_t n = len - at < PAGE_SIZE ? len - at : PAGE_SIZE;

		memset(page, (int)('A' + at / PAGE_SIZE), sizeof(page));
		assert(pwrite(f->fd, page, n, (off_t)at) == (ssize_t)n);
	}
	f->len = len;
	f->refs = 1;
	ref_init(&f->file.ref);
	f->file.ops = &fake_fops;
	f->file.flags = flags;
	mappable_init(&f->m, &fake_mops);
	return &f->file;
}

void file_put(struct file *file)
{
	if (file && ref_put(&file->ref))
		fake_free(container_of(file, struct fake, file));
}

struct mappable *fake_mappable(struct file *f)
{
	return &container_of(f, struct fake, file)->m;
}

int fake_file_fd(struct file *f)
{
	return container_of(f, struct fake, file)->fd;
}

void fake_truncate(struct file *file, uint64_t len)
{
	struct fake *f = container_of(file, struct fake, file);

	f->len = len;
	mappable_invalidate(&f->m, page_up(len), UINT64_MAX);
	assert(ftruncate(f->fd, (off_t)len) == 0);
}

void krandom(void *buf, size_t len)
{
	memset(buf, 0x35, len);
}

/* ---- short forms
 * --------------------------------------------------------------------------------- */

uint64_t map_anon(struct mm *mm, uint64_t len, int prot)
{
	uint64_t at = 0;

	assert(mm_mmap(mm, 0, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0, NULL, &at) == 0);
	return at;
}

int map_at(struct mm *mm, uint64_t addr, uint64_t len, int prot, int flags)
{
	uint64_t at;

	return mm_mmap(mm, addr, len, prot, flags | MAP_ANONYMOUS, NULL, 0, NULL, &at);
}

int fault(struct mm *mm, uint64_t addr, bool write, int *code)
{
	int signo = 0, c = 0, r;

	r = mm_fault(mm, addr, write ? 2 : 0, 0, &signo, &c);
	if (code)
		*code = c;
	return r == 0 ? 0 : signo;
}

size_t count_areas(struct mm *mm)
{
	size_t n = 0;

	for (struct vma *v = vma_from(mm, 0); v; v = vma_next(v))
		n++;
	return n;
}
