/* SPDX-License-Identifier: Apache-2.0 */
/* In-place patching of hot call sites.
 *
 * A `syscall` (0f 05) becomes the first two bytes of `jmp rel32` (e9 XX); the three bytes that
 *follow it in the text stay as they are and serve as the upper bytes of the displacement. XX is
 *free, so a site has a window of 256 addresses for its trampoline. The instruction destroys rcx and
 *r11, so the trampoline needs neither stack nor scratch memory:
 *
 *	lea  behind_the_site(%rip), %rcx
 *	jmp  *last_quad_of_the_page(%rip)	-> stub_enter (stub/entry.S)
 *
 * A jump to the site still finds an instruction; a restarted call (rip - 2) executes the jump
 *again. Where the window is taken, `mov $nr, %eax` before the site becomes a jump with a free
 *displacement instead, if nobody else can be in the middle of it.
 *
 * Concurrent execution: the two bytes are stored at once. That is right on live code while they lie
 *in one cache line (prototypes/cross_modify.c); a site across two lines, and the five-byte form,
 *are written only when the address space has no other thread.
 *
 * Locking: patch_state.mu is a leaf and is never held while mm is called; `busy` keeps a second
 *thread out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "platform/systrap/systrap.h"

#define PAGE 4096ULL
#define TRAMP_LEN 13
#define TRAMP_MOV_LEN 18
#define TRAMP_TARGET (PAGE - 8) /* where a page keeps the address of stub_enter */
#define SITES 2048		/* power of two */
#define PAGES 512
#define HOT_PAGE 8 /* traps in a page before it is worth a private copy */
#define HOT_SITE 2 /* traps of a site in a page that is private already */

enum site_state { SITE_COUNTING, SITE_PATCHED, SITE_PATCHED_MOV, SITE_LEFT };

struct site {
	uint64_t addr; /* 0: free */
	uint16_t hits;
	uint8_t state;
	uint8_t old[5];
};

struct text_page {
	uint64_t addr;
	uint32_t hits;
	bool private;
};

/* A page of trampolines, shared by an address space and the ones forked from it. */
struct tramp_page {
	_Atomic uint32_t refs;
	uint32_t number;
	pthread_mutex_t mu;
	uint8_t used[PAGE / 8];
};

struct tramp_map {
	uint64_t addr;
	struct tramp_page *page;
};

struct patch_state {
	pthread_mutex_t mu;
	bool busy, off;
	uint32_t changes; /* counts plat_text_changed() */
	unsigned n_sites;
	struct site site[SITES];
	struct text_page page[PAGES];
	struct tramp_map *map;
	size_t n_map;
};

static struct patch_state *state_new(void)
{
	struct patch_state *p = calloc(1, sizeof(*p));

	if (p)
		pthread_mutex_init(&p->mu, NULL);
	return p;
}

static struct patch_state *state_get(struct plat_space *s)
{
	struct patch_state *p = atomic_load_explicit(&s->patch, memory_order_acquire), *none = NULL;

	if (p)
		return p;
	p = state_new();
	if (p && !atomic_compare_exchange_strong(&s->patch, &none, p)) {
		pthread_mutex_destroy(&p->mu);
		free(p);
		p = none;
	}
	return p;
}

static uint64_t hash(uint64_t v)
{
	return (v * 0x9e3779b97f4a7c15ULL) >> 40;
}

/* Under mu. NULL when the table is full of sites that are in use. */
static struct site *site_find(struct patch_state *p, uint64_t addr, bool create)
{
	uint64_t h = hash(addr);

	for (unsigned i = 0; i < SITES; i++) {
		struct site *s = &p->site[(h + i) & (SITES - 1)];

		if (s->addr == addr)
			return s;
		if (s->addr)
			continue;
		if (!create || p->n_sites >= SITES * 3 / 4)
			return NULL;
		*s = (struct site){.addr = addr};
		p->n_sites++;
		return s;
	}
	return NULL;
}

/* Under mu: keeps what is patched, forgets what is only counted (or lies in [lo, hi)). */
static void sites_rebuild(struct patch_state *p, uint64_t lo, uint64_t hi)
{
	struct site *old = malloc(sizeof(p->site));

	if (!old)
		return;
	memcpy(old, p->site, sizeof(p->site));
	memset(p->site, 0, sizeof(p->site));
	p->n_sites = 0;
	for (unsigned i = 0; i < SITES; i++) {
		bool in = old[i].addr >= lo && old[i].addr < hi;

		if (!old[i].addr || in || (lo == hi && old[i].state == SITE_COUNTING))
			continue;

		struct site *s = site_find(p, old[i].addr, true);

		if (s)
			*s = old[i];
	}
	free(old);
}

/* Under mu. A small direct-mapped table: a collision costs only counts. */
static struct text_page *page_find(struct patch_state *p, uint64_t addr)
{
	struct text_page *pg = &p->page[hash(addr) & (PAGES - 1)];

	if (pg->addr != addr)
		*pg = (struct text_page){.addr = addr};
	return pg;
}

static char *tramp_memory(const struct tramp_page *page)
{
	return systrap.ctl + CTL_TRAMPS + (uint64_t)page->number * PAGE;
}

static void tramp_put(struct tramp_page *page)
{
	if (atomic_fetch_sub(&page->refs, 1) != 1)
		return;
	number_free_tramp(page->number);
	pthread_mutex_destroy(&page->mu);
	free(page);
}

static bool bits_free(const uint8_t *used, unsigned from, unsigned len)
{
	for (unsigned i = from; i < from + len; i++)
		if (used[i / 8] & (1U << (i % 8)))
			return false;
	return true;
}

/* Takes @len bytes of @page at an offset in [lo, hi]. Returns the offset or -1. */
static int tramp_take(struct tramp_page *page, unsigned lo, unsigned hi, unsigned len)
{
	int ret = -1;

	pthread_mutex_lock(&page->mu);
	for (unsigned o = lo; o <= hi && o + len <= TRAMP_TARGET; o++) {
		if (!bits_free(page->used, o, len))
			continue;
		for (unsigned i = o; i < o + len; i++)
			page->used[i / 8] |= (uint8_t)(1U << (i % 8));
		ret = (int)o;
		break;
	}
	pthread_mutex_unlock(&page->mu);
	return ret;
}

/* Queues the mapping of a trampoline page. */
static int tramp_map_queue(struct plat_space *s, uint64_t addr, const struct tramp_page *page)
{
	struct stub_op op = {SYS_mmap,
			     {addr, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED,
			      STUB_FD_CTL, CTL_TRAMPS + (uint64_t)page->number * PAGE},
			     OP_MUST};

	mutex_lock(&s->lock);
	int r = space_queue(s, &op, -1);
	mutex_unlock(&s->lock);
	return r;
}

/* A new page of trampolines somewhere in [lo, hi]. */
static struct tramp_map *tramp_page_new(struct plat_space *s, struct patch_state *p, uint64_t lo,
					uint64_t hi)
{
	struct tramp_page *page = calloc(1, sizeof(*page));
	struct tramp_map *map = realloc(p->map, (p->n_map + 1) * sizeof(*map));
	uint64_t addr, target = systrap.band + STUB_ENTER;

	if (map)
		p->map = map;
	if (!page || !map || number_alloc_tramp(&page->number) < 0) {
		free(page);
		return NULL;
	}
	pthread_mutex_init(&page->mu, NULL);
	atomic_store(&page->refs, 1);
	memset(tramp_memory(page), 0xcc, PAGE);
	memcpy(tramp_memory(page) + TRAMP_TARGET, &target, sizeof(target));
	if (systrap.cfg.reserve(s->mm_cookie, lo, hi, PAGE, &addr) < 0 || addr & (PAGE - 1) ||
	    addr < lo || addr + PAGE > hi || tramp_map_queue(s, addr, page) < 0) {
		tramp_put(page);
		return NULL;
	}
	map = &p->map[p->n_map++];
	*map = (struct tramp_map){addr, page};
	return map;
}

/* Room for @len bytes whose address lies in [lo, hi]. Sets *mem to our view of it. Returns the
 * address or 0. */
static uint64_t tramp_alloc(struct plat_space *s, struct patch_state *p, uint64_t lo, uint64_t hi,
			    unsigned len, char **mem)
{
	int off;

	for (size_t i = 0; i < p->n_map; i++) {
		const struct tramp_map *m = &p->map[i];

		if (m->addr > hi || m->addr + PAGE <= lo)
			continue;

		unsigned from = lo > m->addr ? (unsigned)(lo - m->addr) : 0;
		unsigned to = hi - m->addr < PAGE ? (unsigned)(hi - m->addr) : (unsigned)PAGE - 1;

		off = tramp_take(m->page, from, to, len);
		if (off >= 0) {
			*mem = tramp_memory(m->page) + off;
			return m->addr + (unsigned)off;
		}
	}

	uint64_t first = lo & ~(PAGE - 1), last = (hi & ~(PAGE - 1)) + PAGE;
	struct tramp_map *m = tramp_page_new(s, p, first, last);

	if (!m)
		return 0;

	unsigned from = lo > m->addr ? (unsigned)(lo - m->addr) : 0;
	unsigned to = hi - m->addr < PAGE ? (unsigned)(hi - m->addr) : (unsigned)PAGE - 1;

	off = tramp_take(m->page, from, to, len);
	if (off < 0)
		return 0;
	*mem = tramp_memory(m->page) + off;
	return m->addr + (unsigned)off;
}

/* lea behind(%rip), %rcx; jmp *target(%rip) */
static void tramp_write(char *mem, uint64_t at, uint64_t behind)
{
	int32_t lea = (int32_t)(behind - (at + 7));
	int32_t jmp = (int32_t)((at & ~(PAGE - 1)) + TRAMP_TARGET - (at + TRAMP_LEN));

	memcpy(mem, "\x48\x8d\x0d", 3);
	memcpy(mem + 3, &lea, 4);
	memcpy(mem + 7, "\xff\x25", 2);
	memcpy(mem + 9, &jmp, 4);
}

static bool only_thread(struct plat_space *s)
{
	pthread_mutex_lock(&s->state_lock);
	bool only = s->n_threads == 1;
	pthread_mutex_unlock(&s->state_lock);
	return only;
}

static void store16(uint8_t *at, uint8_t a, uint8_t b)
{
	*(volatile uint16_t *)(void *)at = (uint16_t)(a | b << 8);
}

/* The two-byte form. @b: our view of the site. Returns the state that the site is in then. */
static enum site_state patch_punned(struct plat_space *s, struct patch_state *p, uint64_t site,
				    uint8_t *b)
{
	int32_t base = (int32_t)((uint32_t)b[2] << 8 | (uint32_t)b[3] << 16 | (uint32_t)b[4] << 24);
	uint64_t lo = site + 5 + (uint64_t)(int64_t)base;
	char *mem;

	if ((site & 63) == 63 && !only_thread(s))
		return SITE_LEFT;
	if (lo >= STUB_TASK_SIZE - PAGE || lo < 0x10000)
		return SITE_LEFT;

	uint64_t at = tramp_alloc(s, p, lo, lo + 255, TRAMP_LEN, &mem);

	if (!at)
		return SITE_LEFT;
	tramp_write(mem, at, site + 2);
	if (plat_flush(s) < 0)
		return SITE_LEFT;
	store16(b, 0xe9, (uint8_t)(at - lo));
	return SITE_PATCHED;
}

/* The form that replaces mov $nr, %eax before the site. */
static enum site_state patch_mov(struct plat_space *s, struct patch_state *p, uint64_t site,
				 uint8_t *b, uint64_t nr)
{
	uint64_t start = site - 5, lo, hi;
	uint32_t imm;
	char *mem;

	if ((site & (PAGE - 1)) < 6 || b[-5] != 0xb8 || (b[-6] & 0xf0) == 0x40 || !only_thread(s))
		return SITE_LEFT;
	memcpy(&imm, b - 4, 4);
	if (imm != nr)
		return SITE_LEFT;
	lo = start > 0x40000000 ? start - 0x40000000 : 0x10000;
	hi = start + 0x40000000 < STUB_TASK_SIZE - PAGE ? start + 0x40000000
							: STUB_TASK_SIZE - PAGE;

	uint64_t at = tramp_alloc(s, p, lo, hi, TRAMP_MOV_LEN, &mem);

	if (!at)
		return SITE_LEFT;
	memcpy(mem, b - 5, 5);
	tramp_write(mem + 5, at + 5, site + 2);
	if (plat_flush(s) < 0)
		return SITE_LEFT;

	int32_t rel = (int32_t)(at - (start + 5));

	b[-5] = 0xe9;
	memcpy(b - 4, &rel, 4);
	return SITE_PATCHED_MOV;
}

static enum site_state patch_site(struct plat_space *s, struct patch_state *p, uint64_t site,
				  uint64_t nr, uint8_t old[5])
{
	uint8_t *page = systrap.cfg.patch_page(s->mm_cookie, site & ~(PAGE - 1));
	uint8_t *b = page + (site & (PAGE - 1));

	/* A site whose five bytes cross a page would need two private pages: not worth it. */
	if (!page || (site & (PAGE - 1)) > PAGE - 5 || b[0] != 0x0f || b[1] != 0x05)
		return SITE_LEFT;

	enum site_state st = patch_punned(s, p, site, b);

	if (st == SITE_PATCHED) {
		old[0] = 0x0f;
		old[1] = 0x05;
		return st;
	}
	if ((site & (PAGE - 1)) >= 6)
		memcpy(old, b - 5, 5);
	return patch_mov(s, p, site, b, nr);
}

/* Counts a trap. Returns whether the site is to be patched now (and claims `busy`). */
static bool site_is_hot(struct patch_state *p, uint64_t site)
{
	bool hot = false;

	pthread_mutex_lock(&p->mu);
	struct site *st = site_find(p, site, true);

	if (!st) {
		sites_rebuild(p, 0, 0);
		st = site_find(p, site, true);
	}
	if (st && st->state == SITE_COUNTING && !p->off) {
		struct text_page *pg = page_find(p, site & ~(PAGE - 1));

		if (st->hits < UINT16_MAX)
			st->hits++;
		if (pg->hits < UINT32_MAX)
			pg->hits++;
		hot = !p->busy && st->hits >= HOT_SITE && (pg->private || pg->hits >= HOT_PAGE);
		if (hot) {
			p->busy = true;
			pg->private = true;
		}
	}
	pthread_mutex_unlock(&p->mu);
	return hot;
}

void patch_try(struct plat_thread *t, uint64_t rip, uint64_t nr)
{
	struct plat_space *s = t->space;
	uint64_t site = rip - 2;
	uint8_t old[5] = {0};

	if (site >= STUB_TASK_SIZE || nr >> 31)
		return;

	struct patch_state *p = state_get(s);

	if (!p || !site_is_hot(p, site))
		return;

	uint32_t changes = p->changes;
	enum site_state st = patch_site(s, p, site, nr, old);

	pthread_mutex_lock(&p->mu);
	struct site *e = site_find(p, site, false);

	if (e && p->changes == changes) {
		e->state = (uint8_t)st;
		memcpy(e->old, old, sizeof(old));
	}
	p->busy = false;
	bool off = p->off;
	pthread_mutex_unlock(&p->mu);
	if (st != SITE_LEFT)
		COUNT(t, patched_sites);
	if (off)
		patch_off(s);
}

void plat_text_changed(struct plat_space *s, uint64_t addr, uint64_t len)
{
	struct patch_state *p = s ? atomic_load_explicit(&s->patch, memory_order_acquire) : NULL;

	if (!p)
		return;
	pthread_mutex_lock(&p->mu);
	p->changes++;
	sites_rebuild(p, addr, addr + len);
	for (unsigned i = 0; i < PAGES; i++)
		if (p->page[i].addr >= addr && p->page[i].addr < addr + len)
			p->page[i] = (struct text_page){0};
	pthread_mutex_unlock(&p->mu);
}

void plat_space_inherit(struct plat_space *child, const struct plat_space *parent)
{
	struct patch_state *from = atomic_load(&((struct plat_space *)(uintptr_t)parent)->patch);
	struct patch_state *to = from ? state_get(child) : NULL;

	if (!to)
		return;
	pthread_mutex_lock(&from->mu);
	to->off = from->off;
	memcpy(to->site, from->site, sizeof(to->site));
	to->n_sites = from->n_sites;
	to->map = calloc(from->n_map ? from->n_map : 1, sizeof(*to->map));
	if (to->map && from->n_map) {
		memcpy(to->map, from->map, from->n_map * sizeof(*to->map));
		to->n_map = from->n_map;
		for (size_t i = 0; i < to->n_map; i++)
			atomic_fetch_add(&to->map[i].page->refs, 1);
	}
	pthread_mutex_unlock(&from->mu);
	for (size_t i = 0; i < to->n_map; i++)
		(void)tramp_map_queue(child, to->map[i].addr, to->map[i].page);
}

/* Restores the original bytes of one site. */
static void unpatch_site(struct plat_space *s, const struct site *site)
{
	uint8_t *page = systrap.cfg.patch_page(s->mm_cookie, site->addr & ~(PAGE - 1));
	uint8_t *b = page + (site->addr & (PAGE - 1));

	if (!page)
		return;
	(void)plat_flush(s);
	if (site->state == SITE_PATCHED && b[0] == 0xe9)
		store16(b, 0x0f, 0x05);
	/* The jump goes first: from then on the bytes behind it are reached no more. */
	if (site->state == SITE_PATCHED_MOV && b[-5] == 0xe9) {
		memcpy(b - 4, site->old + 1, 4);
		b[-5] = site->old[0];
	}
}

void patch_off(struct plat_space *s)
{
	struct patch_state *p = state_get(s);

	if (!p)
		return;
	pthread_mutex_lock(&p->mu);
	p->off = true;
	if (p->busy) {
		pthread_mutex_unlock(&p->mu);
		return; /* patch_try() comes back here */
	}
	p->busy = true;
	for (unsigned i = 0; i < SITES; i++) {
		struct site site = p->site[i];

		if (site.state != SITE_PATCHED && site.state != SITE_PATCHED_MOV)
			continue;
		p->site[i].state = SITE_LEFT;
		pthread_mutex_unlock(&p->mu);
		unpatch_site(s, &site);
		pthread_mutex_lock(&p->mu);
	}
	p->busy = false;
	pthread_mutex_unlock(&p->mu);
}

void plat_unpatch(struct plat_space *s)
{
	patch_off(s);
}

void patch_space_free(struct plat_space *s)
{
	struct patch_state *p = atomic_load(&s->patch);

	if (!p)
		return;
	for (size_t i = 0; i < p->n_map; i++)
		tramp_put(p->map[i].page);
	pthread_mutex_destroy(&p->mu);
	free(p->map);
	free(p);
	atomic_store(&s->patch, NULL);
}
