/* SPDX-License-Identifier: Apache-2.0 */
/* Alignment by longest common subsequence, then differences field by field.
 *
 * Packets of one kind (same flow, flags, sequence number and length; or same addresses and message)
 * are aligned; what has no partner is missing or unexpected.
 */
#include "compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Cells of the alignment; beyond this, packets are paired in order. */
#define CELLS_MAX (64u << 20)

struct cmp_pkt *cmp_add(struct cmp_list *list)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 32;
		struct cmp_pkt *more = realloc(list->pkts, cap * sizeof(*more));

		if (!more)
			return NULL;
		list->pkts = more;
		list->cap = cap;
	}
	memset(&list->pkts[list->n], 0, sizeof(*list->pkts));
	return &list->pkts[list->n++];
}

void cmp_fini(struct cmp_list *list)
{
	free(list->pkts);
	memset(list, 0, sizeof(*list));
}

static bool listed(const char *const *names, size_t n, const char *name)
{
	size_t layer = strcspn(name, ".");

	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name) ||
		    (strlen(names[i]) == layer && !strncmp(names[i], name, layer)))
			return true;
	return false;
}

bool cmp_has(const struct dis *dis, const char *const *names, size_t n)
{
	for (unsigned i = 0; i < dis->n; i++)
		if (listed(names, n, dis->f[i].name))
			return true;
	return false;
}

static bool compared(const struct dis_field *f, const struct cmp_rules *rules)
{
	if (listed(rules->mask, rules->nmask, f->name))
		return false;
	return !(f->attr & DIS_RANDOM) || listed(rules->also, rules->nalso, f->name);
}

/* The next field that counts, at or after @i. */
static unsigned next_field(const struct dis *d, unsigned i, const struct cmp_rules *rules)
{
	while (i < d->n && !compared(&d->f[i], rules))
		i++;
	return i;
}

static bool in_time(const struct cmp_pkt *a, const struct cmp_pkt *b, const struct cmp_rules *rules)
{
	return rules->tolerance < 0 || llabs(a->at - b->at) <= rules->tolerance;
}

static bool same(const struct cmp_pkt *a, const struct cmp_pkt *b, const struct cmp_rules *rules)
{
	unsigned i = 0, k = 0;

	if (!in_time(a, b, rules))
		return false;
	for (;; i++, k++) {
		i = next_field(&a->dis, i, rules);
		k = next_field(&b->dis, k, rules);
		if (i == a->dis.n || k == b->dis.n)
			return i == a->dis.n && k == b->dis.n;
		if (strcmp(a->dis.f[i].name, b->dis.f[k].name) ||
		    strcmp(a->dis.f[i].text, b->dis.f[k].text))
			return false;
	}
}

/* What makes two packets partners. */
static uint64_t kind_of(const struct dis *d)
{
	static const char *const names[] = {"ip.src",	  "ip.dst",    "ip6.src",   "ip6.dst",
					    "tcp.sport",  "tcp.dport", "tcp.flags", "tcp.seq",
					    "tcp.len",	  "udp.sport", "udp.dport", "icmp.type",
					    "icmp6.type", "arp.op",    "arp.tpa",   "ip.frag",
					    "frag.off",	  "nd.target", "igmp.type"};
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *text = dis_get(d, names[i], 0);

		for (; text && *text; text++)
			hash = (hash ^ (uint8_t)*text) * 1099511628211u;
		hash = (hash ^ 0xff) * 1099511628211u;
	}
	return hash;
}

static void print_text(FILE *to, const char *mark, const char *name, const char *a, const char *b)
{
	fprintf(to, "  %s %-14s %-40s %s\n", mark, name, a, b);
}

static void print_time(FILE *to, const char *mark, const struct cmp_pkt *a, const struct cmp_pkt *b)
{
	char left[32] = "-", right[32] = "-";

	if (a)
		snprintf(left, sizeof(left), "%.6f", (double)a->at / 1e9);
	if (b)
		snprintf(right, sizeof(right), "%.6f", (double)b->at / 1e9);
	print_text(to, mark, "time", left, right);
}

/* Both packets field by field; fields of one name stand beside each other. */
static void print_pair(FILE *to, const struct cmp_pkt *a, const struct cmp_pkt *b,
		       const struct cmp_rules *rules)
{
	unsigned i = 0, k = 0;

	print_time(to, in_time(a, b, rules) ? " " : "*", a, b);
	while (i < a->dis.n || k < b->dis.n) {
		const struct dis_field *x = i < a->dis.n ? &a->dis.f[i] : NULL;
		const struct dis_field *y = k < b->dis.n ? &b->dis.f[k] : NULL;

		if (x && y && strcmp(x->name, y->name)) {
			/* One side has a field more: which one? */
			bool later = false;

			for (unsigned m = k; m < b->dis.n && !later; m++)
				later = !strcmp(b->dis.f[m].name, x->name);
			if (later)
				x = NULL;
			else
				y = NULL;
		}

		const struct dis_field *f = x ? x : y;
		bool differ = compared(f, rules) && (!x || !y || strcmp(x->text, y->text));

		if (differ || !(f->attr & DIS_QUIET))
			print_text(to, differ ? "*" : " ", f->name, x ? x->text : "-",
				   y ? y->text : "-");
		i += !!x;
		k += !!y;
	}
}

static void print_lone(FILE *to, const struct cmp_pkt *pkt, bool left)
{
	print_time(to, "*", left ? pkt : NULL, left ? NULL : pkt);
	for (unsigned i = 0; i < pkt->dis.n; i++) {
		const struct dis_field *f = &pkt->dis.f[i];

		if (!(f->attr & DIS_QUIET))
			print_text(to, "*", f->name, left ? f->text : "-", left ? "-" : f->text);
	}
}

struct align {
	const struct cmp_list *want, *got;
	uint64_t *kw, *kg;
	uint32_t *table; /* length of the best alignment of the rests; NULL: in order */
};

static bool align_init(struct align *al)
{
	size_t n = al->want->n, m = al->got->n, w = m + 1;

	al->kw = malloc((n + 1) * sizeof(*al->kw));
	al->kg = malloc((m + 1) * sizeof(*al->kg));
	if (!al->kw || !al->kg)
		return false;
	for (size_t i = 0; i < n; i++)
		al->kw[i] = kind_of(&al->want->pkts[i].dis);
	for (size_t k = 0; k < m; k++)
		al->kg[k] = kind_of(&al->got->pkts[k].dis);
	if ((n + 1) > CELLS_MAX / w)
		return true;
	al->table = calloc((n + 1) * w, sizeof(*al->table));
	if (!al->table)
		return false;
	for (size_t i = n; i-- > 0;) {
		for (size_t k = m; k-- > 0;)
			al->table[i * w + k] =
				al->kw[i] == al->kg[k]
					? al->table[(i + 1) * w + k + 1] + 1
					: MAX(al->table[(i + 1) * w + k], al->table[i * w + k + 1]);
	}
	return true;
}

static void align_fini(struct align *al)
{
	free(al->kw);
	free(al->kg);
	free(al->table);
}

/* What comes next: a pair (0), one that only @want has (-1), or only @got (1). */
static int align_next(const struct align *al, size_t i, size_t k)
{
	size_t w = al->got->n + 1;

	if (i == al->want->n)
		return 1;
	if (k == al->got->n)
		return -1;
	if (al->kw[i] == al->kg[k] || !al->table)
		return 0;
	return al->table[(i + 1) * w + k] >= al->table[i * w + k + 1] ? -1 : 1;
}

int cmp_print(FILE *to, const struct cmp_list *want, const struct cmp_list *got,
	      const struct cmp_rules *rules, const char *left, const char *right)
{
	struct align al = {.want = want, .got = got};
	size_t i = 0, k = 0;
	int differences = 0;

	if (!align_init(&al)) {
		align_fini(&al);
		return -ENOMEM;
	}
	while (i < want->n || k < got->n) {
		int next = align_next(&al, i, k);

		if (next || !same(&want->pkts[i], &got->pkts[k], rules)) {
			differences++;
			fprintf(to, "difference %d: %s\n", differences,
				next < 0   ? "a packet is missing"
				: next > 0 ? "a packet was not expected"
					   : "a packet differs");
			print_text(to, " ", "", left, right);
			if (next < 0)
				print_lone(to, &want->pkts[i], true);
			else if (next > 0)
				print_lone(to, &got->pkts[k], false);
			else
				print_pair(to, &want->pkts[i], &got->pkts[k], rules);
		}
		i += next <= 0;
		k += next >= 0;
	}
	align_fini(&al);
	return differences;
}
