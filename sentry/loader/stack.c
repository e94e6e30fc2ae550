/* SPDX-License-Identifier: Apache-2.0 */
/* The initial stack of a program (System V ABI, AMD64 3.4.1, with Linux's order of strings): from
 * the top down the file name, environment and argument strings, 16 random bytes and the platform's
 * name, padding, then the auxiliary vector, the two pointer arrays and the argument count at the
 * stack pointer.
 */
#include "loader/stack.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "mm/mm.h"
#include "util/cleanup.h"

#define ARG_MAX_LEAST (128UL << 10)
#define ARG_MAX_MOST (6UL << 20) /* 3/4 of the default stack */
#define EXPAND (128UL << 10)	 /* room below what is used at first */
#define TOP_WORD 8		 /* Linux keeps one null pointer at the very top */
#define JITTER 8192

int stack_check(const struct stack_args *args, uint64_t limit)
{
	uint64_t most = limit / 4, sum = strlen(args->execfn) + 1;
	const char *const *lists[2] = {args->argv, args->envp};
	size_t counts[2] = {args->n_argv, args->n_envp};

	if (most > ARG_MAX_MOST)
		most = ARG_MAX_MOST;
	if (most < ARG_MAX_LEAST)
		most = ARG_MAX_LEAST;
	sum += (args->n_argv + args->n_envp) * sizeof(uint64_t);
	for (int l = 0; l < 2; l++)
		for (size_t i = 0; i < counts[l]; i++) {
			size_t len = strlen(lists[l][i]) + 1;

			if (len > STACK_STRING_MAX)
				return -E2BIG;
			sum += len;
			if (sum > most)
				return -E2BIG;
		}
	return 0;
}

/* A block of guest memory under construction, filled from its end downwards. */
struct block {
	uint8_t *buf;
	uint64_t base; /* guest address of buf */
	size_t pos;    /* first used byte */
};

static uint64_t push(struct block *b, const void *data, size_t len)
{
	b->pos -= len;
	memcpy(b->buf + b->pos, data, len);
	return b->base + b->pos;
}

static size_t strings_len(const char *const *v, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += strlen(v[i]) + 1;
	return sum;
}

/* Pushes @v so that v[0] is lowest; notes the addresses. */
static void push_strings(struct block *b, const char *const *v, size_t n, uint64_t *addr)
{
	for (size_t i = n; i-- > 0;)
		addr[i] = push(b, v[i], strlen(v[i]) + 1);
}

static void push_word(struct block *b, uint64_t v)
{
	push(b, &v, sizeof(v));
}

struct plan {
	uint64_t *addr; /* of argv strings, then envp strings */
	uint64_t aux[2 * STACK_AUXV_MAX];
	size_t n_aux; /* words */
};

static void aux_add(struct plan *p, uint64_t type, uint64_t value)
{
	p->aux[p->n_aux++] = type;
	p->aux[p->n_aux++] = value;
}

static void fill(struct block *b, const struct stack_args *args, const struct stack_aux *aux,
		 size_t n_aux, struct plan *plan, struct mm_layout *lay)
{
	uint64_t random_at, platform_at, execfn_at;
	uint8_t random[16];
	uint32_t jitter;
	size_t words;

	push_word(b, 0);
	execfn_at = push(b, args->execfn, strlen(args->execfn) + 1);
	lay->env_end = execfn_at;
	push_strings(b, args->envp, args->n_envp, plan->addr + args->n_argv);
	lay->env_start = lay->arg_end = b->base + b->pos;
	push_strings(b, args->argv, args->n_argv, plan->addr);
	lay->arg_start = b->base + b->pos;

	krandom(&jitter, sizeof(jitter));
	b->pos = (b->pos - jitter % JITTER) & ~(size_t)15;
	platform_at = push(b, "x86_64", 7);
	krandom(random, sizeof(random));
	random_at = push(b, random, sizeof(random));

	for (size_t i = 0; i < n_aux; i++)
		aux_add(plan, aux[i].type, aux[i].value);
	aux_add(plan, AT_RANDOM, random_at);
	aux_add(plan, AT_EXECFN, execfn_at);
	aux_add(plan, AT_PLATFORM, platform_at);
	aux_add(plan, AT_NULL, 0);

	/* argc, argv, NULL, envp, NULL, auxv; argc 16-aligned. */
	words = 1 + args->n_argv + 1 + args->n_envp + 1 + plan->n_aux;
	b->pos = ((b->pos - words * 8) & ~(size_t)15) + words * 8;
	for (size_t i = plan->n_aux; i-- > 0;)
		push_word(b, plan->aux[i]);
	push_word(b, 0);
	for (size_t i = args->n_envp; i-- > 0;)
		push_word(b, plan->addr[args->n_argv + i]);
	push_word(b, 0);
	for (size_t i = args->n_argv; i-- > 0;)
		push_word(b, plan->addr[i]);
	push_word(b, args->n_argv);
}

static void free_bytes(uint8_t **p)
{
	free(*p);
}

static void free_words(uint64_t **p)
{
	free(*p);
}

int stack_build(struct mm *mm, uint64_t top, int prot, uint64_t limit,
		const struct stack_args *args, const struct stack_aux *aux, size_t n_aux,
		uint64_t *ret_sp)
{
	size_t n_strings = args->n_argv + args->n_envp;
	size_t size = TOP_WORD + strlen(args->execfn) + 1 + strings_len(args->envp, args->n_envp) +
		      strings_len(args->argv, args->n_argv) + JITTER + 64 +
		      (n_strings + 3 + 2 * STACK_AUXV_MAX + 4) * 8;
	CLEANUP(free_bytes) uint8_t *buf = NULL;
	CLEANUP(free_words) uint64_t *addr = NULL;
	struct mm_layout *lay = mm_layout(mm);
	struct plan plan = {0};
	uint64_t expand = EXPAND;
	struct block b;
	int r;

	if (n_aux + 4 > STACK_AUXV_MAX)
		return -EINVAL;
	size = (size + PAGE_SIZE - 1) & PAGE_MASK;
	buf = calloc(1, size);
	addr = calloc(n_strings + 1, sizeof(*addr));
	if (!buf || !addr)
		return -ENOMEM;
	plan.addr = addr;
	b = (struct block){.buf = buf, .base = top - size, .pos = size};
	fill(&b, args, aux, n_aux, &plan, lay);

	if (size + expand > limit)
		expand = limit > size ? (limit - size) & PAGE_MASK : 0;
	r = mm_map_stack(mm, top - size - expand, top, prot);
	if (r < 0)
		return r;
	*ret_sp = b.base + b.pos;
	lay->start_stack = *ret_sp;
	memcpy(lay->auxv, plan.aux, plan.n_aux * sizeof(uint64_t));
	lay->n_auxv = plan.n_aux;
	return mm_copy_out(mm, *ret_sp, b.buf + b.pos, size - b.pos);
}
