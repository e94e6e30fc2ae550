/* SPDX-License-Identifier: Apache-2.0 */
/* Sets in memory: hashed by key; sorted where elements are bounds of intervals; walked where intervals are
 * of concatenations. */
#include <errno.h>

#include "nf/nft.h"

static bool is_interval(const struct nft_set *s)
{
	return (s->flags & NFT_SET_INTERVAL) && !s->n_fields;
}

static uint64_t key_hash(const struct nft_set *s, const uint8_t *key)
{
	return hash_bytes(key, s->key_len);
}

static bool expired(const struct nft_elem *e, net_time now)
{
	return e->expires && e->expires <= now;
}

/* --- intervals: every bound is an element; the greatest one not above the key decides ------------------ */

static bool before(const struct nft_elem *x, const struct nft_elem *y)
{
	int d = memcmp(x->key, y->key, sizeof(x->key));

	if (d)
		return d < 0;
	/* Where one interval ends and the next begins, the beginning counts. */
	return (x->flags & NFT_SET_ELEM_INTERVAL_END) && !(y->flags & NFT_SET_ELEM_INTERVAL_END);
}

static void sift(struct nft_elem **a, uint32_t at, uint32_t n)
{
	for (;;) {
		uint32_t big = at, kid = 2 * at + 1;
		struct nft_elem *t;

		if (kid < n && before(a[big], a[kid]))
			big = kid;
		if (kid + 1 < n && before(a[big], a[kid + 1]))
			big = kid + 1;
		if (big == at)
			return;
		t = a[at];
		a[at] = a[big];
		a[big] = t;
		at = big;
	}
}

/* By heap: no recursion, no memory, whatever order a user sends. */
static void heap_sort(struct nft_elem **a, uint32_t n)
{
	for (uint32_t i = n / 2; i-- > 0;)
		sift(a, i, n);
	for (uint32_t end = n; end-- > 1;) {
		struct nft_elem *t = a[0];

		a[0] = a[end];
		a[end] = t;
		sift(a, 0, end);
	}
}

static bool sort_elems(struct nft_set *s)
{
	struct nft_elem *e;
	uint32_t n = 0;

	if (!s->dirty)
		return true;
	free(s->sorted);
	s->sorted = calloc(s->count + 1, sizeof(struct nft_elem *));
	if (!s->sorted)
		return false;
	list_for_each_entry(e, &s->elems, list) s->sorted[n++] = e;
	heap_sort(s->sorted, n);
	s->dirty = false;
	return true;
}

static struct nft_elem *lookup_interval(struct nft_set *s, const uint8_t *key, net_time now)
{
	uint8_t padded[NFT_KEY_MAX] = { 0 };
	uint32_t lo = 0, hi = s->count;
	struct nft_elem *e;

	if (!sort_elems(s))
		return NULL;
	memcpy(padded, key, s->key_len);
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (memcmp(s->sorted[mid]->key, padded, sizeof(padded)) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return NULL;
	e = s->sorted[lo - 1];
	return (e->flags & (NFT_SET_ELEM_INTERVAL_END | NFT_SET_ELEM_CATCHALL)) || expired(e, now) ? NULL : e;
}

/* --- concatenations with intervals ----------------------------------------------------------------------- */

static bool fields_match(const struct nft_set *s, const struct nft_elem *e, const uint8_t *key)
{
	const uint8_t *from = e->key, *to = e->has_end ? e->key_end : e->key;
	unsigned at = 0;

	for (unsigned i = 0; i < s->n_fields; i++) {
		if (memcmp(key + at, from + at, s->field_len[i]) < 0 ||
		    memcmp(key + at, to + at, s->field_len[i]) > 0)
			return false;
		at += (s->field_len[i] + 3u) & ~3u;
	}
	return true;
}

static struct nft_elem *lookup_fields(struct nft_set *s, const uint8_t *key, net_time now)
{
	struct nft_elem *e;

	list_for_each_entry(e, &s->elems, list)
	{
		if (!(e->flags & NFT_SET_ELEM_CATCHALL) && !expired(e, now) && fields_match(s, e, key))
			return e;
	}
	return NULL;
}

static struct nft_elem *lookup_hash(struct nft_set *s, const uint8_t *key, net_time now)
{
	hash_for_each_match(n, &s->hash, key_hash(s, key))
	{
		struct nft_elem *e = hash_entry(n, struct nft_elem, node);

		if (memcmp(e->key, key, s->key_len) == 0 && !expired(e, now))
			return e;
	}
	return NULL;
}

struct nft_elem *nft_set_lookup(struct nft_set *s, const uint8_t *key, net_time now)
{
	struct nft_elem *e = is_interval(s) ? lookup_interval(s, key, now)
			     : s->n_fields  ? lookup_fields(s, key, now)
					    : lookup_hash(s, key, now);

	if (e)
		return e;
	list_for_each_entry(e, &s->elems, list)
	{
		if ((e->flags & NFT_SET_ELEM_CATCHALL) && !expired(e, now))
			return e;
		break; /* it is kept first */
	}
	return NULL;
}

/* --- change -------------------------------------------------------------------------------------------------- */

void nft_set_insert(struct nft_set *s, struct nft_elem *e)
{
	if (e->flags & NFT_SET_ELEM_CATCHALL)
		list_push_front(&s->elems, &e->list);
	else
		list_push_back(&s->elems, &e->list);
	if (!is_interval(s) && !s->n_fields && !(e->flags & NFT_SET_ELEM_CATCHALL))
		hash_insert(&s->hash, &e->node, key_hash(s, e->key));
	s->count++;
	s->dirty = true;
}

void nft_set_unlink(struct nft_set *s, struct nft_elem *e)
{
	list_remove(&e->list);
	if (hash_linked(&e->node))
		hash_remove(&s->hash, &e->node);
	s->count--;
	s->dirty = true;
}

void nft_elem_use(struct nft_elem *e, bool on)
{
	uint32_t one = on ? 1 : UINT32_MAX;

	if (e->data.chain)
		e->data.chain->use += one;
	if (e->obj)
		e->obj->use += one;
}

void nft_elem_free(struct nf *nf, struct nft_set *s, struct nft_elem *e)
{
	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(e->exprs); i++)
		nft_expr_free(nf, e->exprs[i]);
	free(e->udata);
	free(e);
}

void nft_set_remove(struct nf *nf, struct nft_set *s, struct nft_elem *e)
{
	nft_set_unlink(s, e);
	nft_elem_use(e, false);
	nft_elem_free(nf, s, e);
}

/* Makes room by what has expired. */
static void collect(struct nf *nf, struct nft_set *s)
{
	/* Elements of a transaction under way are referred to by its journal. */
	if (nf->in_batch)
		return;
	list_for_each_safe(node, &s->elems)
	{
		struct nft_elem *e = list_entry(node, struct nft_elem, list);

		if (expired(e, nf->core->now))
			nft_set_remove(nf, s, e);
	}
}

struct nft_elem *nft_set_add_dynamic(struct nf *nf, struct nft_set *s, const uint8_t *key, net_dur timeout)
{
	struct nft_elem *e;
	uint32_t max = s->size ? s->size : NFT_ELEMS_MAX;

	if (s->count >= max)
		collect(nf, s);
	if (s->count >= max)
		return NULL;
	/* An expired twin would be found by its key later. */
	if (s->flags & NFT_SET_TIMEOUT && (s->count & 63) == 63)
		collect(nf, s);
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	memcpy(e->key, key, s->key_len);
	if (!timeout)
		timeout = NET_MS((net_dur)s->timeout_ms);
	e->timeout = timeout;
	e->expires = timeout ? nf->core->now + timeout : 0;
	for (unsigned i = 0; i < ARRAY_LEN(e->exprs); i++) {
		if (s->exprs[i] && nft_expr_clone(nf, &e->exprs[i], s->exprs[i]) < 0) {
			nft_elem_free(nf, s, e);
			return NULL;
		}
	}
	nft_set_insert(s, e);
	return e;
}

void nft_set_free(struct nf *nf, struct nft_set *s)
{
	struct list *node;

	while ((node = list_first(&s->elems)) != NULL) {
		struct nft_elem *e = list_entry(node, struct nft_elem, list);

		nft_set_unlink(s, e);
		nft_elem_free(nf, s, e);
	}
	for (unsigned i = 0; i < ARRAY_LEN(s->exprs); i++)
		nft_expr_free(nf, s->exprs[i]);
	hash_fini(&s->hash);
	free(s->sorted);
	free(s->udata);
	free(s);
}

struct nft_set *nft_set_find(const struct nft_table *t, const struct nfa *name, const struct nfa *id)
{
	char want[NFT_NAME_MAXLEN];
	struct nft_set *s;

	if (nfa_str(name, want, sizeof(want))) {
		list_for_each_entry(s, &t->sets, list)
		{
			if (strcmp(s->name, want) == 0)
				return s;
		}
	}
	if (id->data) {
		list_for_each_entry(s, &t->sets, list)
		{
			if (s->id && s->id == nfa_be32(id))
				return s;
		}
	}
	return NULL;
}
