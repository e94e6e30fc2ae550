/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about sets, their elements, and named objects. */
#include <errno.h>

#include "nf/nft_msg.h"

/* --- undo ----------------------------------------------------------------------------------------------- */

void nft_undo_set(struct nf *nf, struct nft_undo *u)
{
	struct nft_elem *e = u->obj;
	struct nft_set *s = u->obj;
	struct nft_obj *o = u->obj;

	switch (u->kind) {
	case NFT_UNDO_NEW_SET:
		list_remove(&s->list);
		s->table->use--;
		nft_set_free(nf, s);
		break;
	case NFT_UNDO_DEL_SET:
		list_insert_after(u->prev, &s->list);
		s->table->use++;
		list_for_each_entry(e, &s->elems, list) nft_elem_use(e, true);
		break;
	case NFT_UNDO_NEW_ELEM:
		nft_set_unlink(u->set, e);
		nft_elem_use(e, false);
		nft_elem_free(nf, u->set, e);
		break;
	case NFT_UNDO_DEL_ELEM:
		nft_set_insert(u->set, e);
		nft_elem_use(e, true);
		break;
	case NFT_UNDO_NEW_OBJ:
		list_remove(&o->list);
		o->table->use--;
		nft_expr_free(nf, o->expr);
		free(o->udata);
		free(o);
		break;
	case NFT_UNDO_DEL_OBJ:
		list_insert_after(u->prev, &o->list);
		o->table->use++;
		break;
	default:
		break;
	}
}

void nft_forget_set(struct nf *nf, struct nft_undo *u)
{
	struct nft_obj *o = u->obj;

	if (u->kind == NFT_UNDO_DEL_SET) {
		nft_set_free(nf, u->obj);
	} else if (u->kind == NFT_UNDO_DEL_ELEM) {
		nft_elem_free(nf, u->set, u->obj);
	} else if (u->kind == NFT_UNDO_DEL_OBJ) {
		nft_expr_free(nf, o->expr);
		free(o->udata);
		free(o);
	} else if (u->kind == NFT_UNDO_NEW_SET) {
		((struct nft_set *)u->obj)->id = 0; /* ids are of one transaction */
	}
}

/* --- sets ----------------------------------------------------------------------------------------------- */

static int read_fields(struct nft_set *s, const struct nfa *desc)
{
	struct nfa tb[NFTA_SET_DESC_MAX + 1], a, len[NFTA_SET_FIELD_MAX + 1];
	uint16_t type;
	size_t pos = 0;

	nfa_nested(tb, NFTA_SET_DESC_MAX, desc);
	s->size = nfa_be32(&tb[NFTA_SET_DESC_SIZE]);
	while (nfa_next(tb[NFTA_SET_DESC_CONCAT].data, tb[NFTA_SET_DESC_CONCAT].len, &pos, &type, &a)) {
		uint32_t n;

		nfa_nested(len, NFTA_SET_FIELD_MAX, &a);
		n = nfa_be32(&len[NFTA_SET_FIELD_LEN]);
		if (s->n_fields == ARRAY_LEN(s->field_len) || n == 0 || n > NFT_KEY_MAX)
			return -E2BIG;
		s->field_len[s->n_fields++] = (uint8_t)n;
	}
	return 0;
}

static int read_exprs(struct nft_ctx *ctx, struct nft_expr **exprs, const struct nfa *one, const struct nfa *many)
{
	struct nft_ctx dead = *ctx;
	struct nfa a;
	uint16_t type;
	size_t pos = 0;
	unsigned n = 0;
	int r = 0;

	dead.dead = true;
	if (one->data)
		r = nft_expr_new(&dead, &exprs[n++], one);
	while (r == 0 && nfa_next(many->data, many->len, &pos, &type, &a)) {
		if (n == 2)
			return -E2BIG;
		r = nft_expr_new(&dead, &exprs[n++], &a);
	}
	for (unsigned i = 0; r == 0 && i < n; i++) {
		if (!exprs[i]->ops->stateful)
			r = -EOPNOTSUPP;
	}
	return r;
}

static int read_set(struct nft_ctx *ctx, struct nft_set *s, const struct nfa *tb)
{
	uint32_t known = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL | NFT_SET_MAP |
			 NFT_SET_TIMEOUT | NFT_SET_EVAL | NFT_SET_OBJECT | NFT_SET_CONCAT | NFT_SET_EXPR;
	unsigned sum = 0;
	int r = 0;

	s->flags = nfa_be32(&tb[NFTA_SET_FLAGS]);
	s->key_type = nfa_be32(&tb[NFTA_SET_KEY_TYPE]);
	s->key_len = nfa_be32(&tb[NFTA_SET_KEY_LEN]);
	s->data_type = nfa_be32(&tb[NFTA_SET_DATA_TYPE]);
	s->data_len = nfa_be32(&tb[NFTA_SET_DATA_LEN]);
	s->obj_type = nfa_be32(&tb[NFTA_SET_OBJ_TYPE]);
	s->policy = nfa_be32(&tb[NFTA_SET_POLICY]);
	s->timeout_ms = MIN(nfa_be64(&tb[NFTA_SET_TIMEOUT]), (uint64_t)1 << 42);
	s->gc_interval = nfa_be32(&tb[NFTA_SET_GC_INTERVAL]);
	s->id = nfa_be32(&tb[NFTA_SET_ID]);
	if ((s->flags & ~known) || s->key_len == 0 || s->key_len > NFT_KEY_MAX)
		return s->flags & ~known ? -EOPNOTSUPP : -EINVAL;
	if ((s->flags & NFT_SET_MAP) &&
	    (s->data_type == NFT_DATA_VERDICT ? 0 : s->data_len == 0 || s->data_len > NFT_KEY_MAX))
		return -EINVAL;
	if (s->timeout_ms && !(s->flags & NFT_SET_TIMEOUT))
		return -EINVAL;
	if (tb[NFTA_SET_DESC].data)
		r = read_fields(s, &tb[NFTA_SET_DESC]);
	if (!(s->flags & NFT_SET_CONCAT) || !(s->flags & NFT_SET_INTERVAL))
		s->n_fields = 0;
	for (unsigned i = 0; i < s->n_fields; i++)
		sum += (s->field_len[i] + 3u) & ~3u;
	if (r == 0 && s->n_fields && sum > s->key_len + 3)
		r = -EINVAL;
	if (r == 0)
		r = read_exprs(ctx, s->exprs, &tb[NFTA_SET_EXPR], &tb[NFTA_SET_EXPRESSIONS]);
	return r < 0 ? r : nft_bytes_copy(&s->udata, &s->udata_len, &tb[NFTA_SET_USERDATA]);
}

/* "__set%d": the first number that is free. */
static void name_set(const struct nft_table *t, struct nft_set *s)
{
	char base[NFT_NAME_MAXLEN];
	char *percent = strchr(s->name, '%');
	struct nft_set *other;

	if (!percent)
		return;
	*percent = '\0'; /* of "%d" */
	memcpy(base, s->name, sizeof(base));
	for (uint64_t n = 0;; n++) {
		bool taken = false;

		nft_number_name(s->name, base, n);
		list_for_each_entry(other, &t->sets, list) taken |= strcmp(other->name, s->name) == 0;
		if (!taken)
			return;
	}
}

int nft_new_set(struct nft_ctx *ctx, const struct nfa *tb)
{
	static const struct nfa none;
	struct nft_set *s;
	int r;

	if (!tb[NFTA_SET_NAME].data || !tb[NFTA_SET_KEY_LEN].data || !tb[NFTA_SET_ID].data)
		return -EINVAL;
	s = nft_set_find(ctx->table, &tb[NFTA_SET_NAME], &none);
	if (s) {
		if (ctx->flags & NLM_F_EXCL)
			return -EEXIST;
		return ctx->flags & NLM_F_REPLACE ? -EOPNOTSUPP : 0;
	}
	if (!(ctx->flags & NLM_F_CREATE))
		return -ENOENT;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	list_init(&s->elems);
	s->table = ctx->table;
	s->handle = ++ctx->nf->next_handle;
	r = hash_init(&s->hash, 3);
	if (r == 0 && !nfa_str(&tb[NFTA_SET_NAME], s->name, sizeof(s->name)))
		r = -EINVAL;
	if (r == 0)
		r = read_set(ctx, s, tb);
	if (r == 0 && !nft_journal(ctx->nf, NFT_UNDO_NEW_SET, s))
		r = -ENOMEM;
	if (r < 0) {
		nft_set_free(ctx->nf, s);
		return r;
	}
	name_set(ctx->table, s);
	list_push_back(&ctx->table->sets, &s->list);
	ctx->table->use++;
	nft_tell_set(ctx, s, false);
	return 0;
}

static int del_set(struct nft_ctx *ctx, struct nft_set *s)
{
	struct nft_undo *u;
	struct nft_elem *e;

	if (s->use)
		return -EBUSY;
	u = nft_journal(ctx->nf, NFT_UNDO_DEL_SET, s);
	if (!u)
		return -ENOMEM;
	nft_tell_set(ctx, s, true);
	list_for_each_entry(e, &s->elems, list) nft_elem_use(e, false);
	u->prev = s->list.prev;
	list_remove(&s->list);
	s->table->use--;
	return 0;
}

static struct nft_set *set_by(const struct nft_ctx *ctx, const struct nfa *tb)
{
	static const struct nfa none;
	struct nft_set *s;

	if (!tb[NFTA_SET_HANDLE].data)
		return nft_set_find(ctx->table, &tb[NFTA_SET_NAME], &none);
	list_for_each_entry(s, &ctx->table->sets, list)
	{
		if (s->handle == nfa_be64(&tb[NFTA_SET_HANDLE]))
			return s;
	}
	return NULL;
}

int nft_del_set(struct nft_ctx *ctx, const struct nfa *tb, bool destroy)
{
	struct nft_set *s = set_by(ctx, tb);

	return s ? del_set(ctx, s) : destroy ? 0 : -ENOENT;
}

static int del_obj(struct nft_ctx *ctx, struct nft_obj *o)
{
	struct nft_undo *u;

	if (o->use)
		return -EBUSY;
	u = nft_journal(ctx->nf, NFT_UNDO_DEL_OBJ, o);
	if (!u)
		return -ENOMEM;
	u->prev = o->list.prev;
	list_remove(&o->list);
	o->table->use--;
	return 0;
}

int nft_del_sets(struct nft_ctx *ctx, struct nft_table *t)
{
	struct list *node;
	int r = 0;

	while (r == 0 && (node = list_first(&t->sets)) != NULL)
		r = del_set(ctx, list_entry(node, struct nft_set, list));
	while (r == 0 && (node = list_first(&t->objs)) != NULL)
		r = del_obj(ctx, list_entry(node, struct nft_obj, list));
	return r;
}

int nft_drop_anonymous(struct nft_ctx *ctx, struct nft_rule *rule)
{
	int r = 0;

	list_for_each_safe(node, &rule->chain->table->sets)
	{
		struct nft_set *s = list_entry(node, struct nft_set, list);

		/* Those that no rule of this transaction is still to use. */
		if (r == 0 && (s->flags & NFT_SET_ANONYMOUS) && !s->use && !s->id)
			r = del_set(ctx, s);
	}
	return r;
}

/* --- elements --------------------------------------------------------------------------------------------- */

static int read_elem_data(struct nft_ctx *ctx, struct nft_set *s, struct nft_elem *e, const struct nfa *tb)
{
	int r;

	if (tb[NFTA_SET_ELEM_OBJREF].data) {
		e->obj = nft_obj_find(ctx->table, &tb[NFTA_SET_ELEM_OBJREF], s->obj_type);
		return e->obj ? 0 : -ENOENT;
	}
	if (!tb[NFTA_SET_ELEM_DATA].data)
		return (s->flags & NFT_SET_MAP) && !(e->flags & NFT_SET_ELEM_INTERVAL_END) ? -EINVAL : 0;
	if (!(s->flags & NFT_SET_MAP))
		return -EINVAL;
	r = nft_data_read(ctx, &e->data, &tb[NFTA_SET_ELEM_DATA], NFT_KEY_MAX);
	if (r == 0 && e->data.is_verdict != (s->data_type == NFT_DATA_VERDICT))
		r = -EINVAL;
	if (r == 0 && !e->data.is_verdict && e->data.len != s->data_len)
		r = -EINVAL;
	return r;
}

static int read_key(struct nft_ctx *ctx, struct nft_set *s, struct nft_elem *e, const struct nfa *tb)
{
	struct nft_data key;
	int r;

	e->flags = nfa_be32(&tb[NFTA_SET_ELEM_FLAGS]);
	if (e->flags & ~(uint32_t)(NFT_SET_ELEM_INTERVAL_END | NFT_SET_ELEM_CATCHALL))
		return -EOPNOTSUPP;
	if (e->flags & NFT_SET_ELEM_CATCHALL)
		return tb[NFTA_SET_ELEM_KEY].data ? -EINVAL : 0;
	if ((e->flags & NFT_SET_ELEM_INTERVAL_END) && !(s->flags & NFT_SET_INTERVAL))
		return -EINVAL;
	r = nft_data_read(ctx, &key, &tb[NFTA_SET_ELEM_KEY], NFT_KEY_MAX);
	if (r < 0 || key.is_verdict || key.len != s->key_len)
		return r < 0 ? r : -EINVAL;
	memcpy(e->key, key.bytes, key.len);
	if (!tb[NFTA_SET_ELEM_KEY_END].data)
		return 0;
	if (!s->n_fields)
		return -EINVAL;
	r = nft_data_read(ctx, &key, &tb[NFTA_SET_ELEM_KEY_END], NFT_KEY_MAX);
	if (r < 0 || key.is_verdict || key.len != s->key_len)
		return r < 0 ? r : -EINVAL;
	memcpy(e->key_end, key.bytes, key.len);
	e->has_end = true;
	return 0;
}

static int read_elem(struct nft_ctx *ctx, struct nft_set *s, struct nft_elem *e, const struct nfa *tb)
{
	int r = read_key(ctx, s, e, tb);

	if (r < 0)
		return r;
	e->timeout = NET_MS((net_dur)s->timeout_ms);
	if (tb[NFTA_SET_ELEM_TIMEOUT].data) {
		if (!(s->flags & NFT_SET_TIMEOUT))
			return -EINVAL;
		e->timeout = NET_MS((net_dur)MIN(nfa_be64(&tb[NFTA_SET_ELEM_TIMEOUT]), (uint64_t)1 << 42));
	}
	if (e->timeout && !(e->flags & NFT_SET_ELEM_INTERVAL_END))
		e->expires = ctx->nf->core->now + e->timeout;
	if (tb[NFTA_SET_ELEM_EXPIRATION].data && e->timeout)
		e->expires = ctx->nf->core->now +
			     NET_MS((net_dur)MIN(nfa_be64(&tb[NFTA_SET_ELEM_EXPIRATION]), (uint64_t)1 << 42));
	r = read_elem_data(ctx, s, e, tb);
	if (r == 0)
		r = read_exprs(ctx, e->exprs, &tb[NFTA_SET_ELEM_EXPR], &tb[NFTA_SET_ELEM_EXPRESSIONS]);
	for (unsigned i = 0; r == 0 && i < 2; i++) {
		if (!e->exprs[i] && s->exprs[i] && !(e->flags & NFT_SET_ELEM_INTERVAL_END))
			r = nft_expr_clone(ctx->nf, &e->exprs[i], s->exprs[i]);
	}
	return r < 0 ? r : nft_bytes_copy(&e->udata, &e->udata_len, &tb[NFTA_SET_ELEM_USERDATA]);
}

/* The element that is exactly this one. */
static struct nft_elem *same_elem(struct nft_set *s, const struct nft_elem *want, net_time now)
{
	struct nft_elem *e;

	if (!(s->flags & NFT_SET_INTERVAL) && !want->flags) {
		e = nft_set_lookup(s, want->key, now);
		return e && !(e->flags & NFT_SET_ELEM_CATCHALL) ? e : NULL;
	}
	list_for_each_entry(e, &s->elems, list)
	{
		if (e->flags == want->flags && memcmp(e->key, want->key, sizeof(e->key)) == 0 &&
		    (!s->n_fields || memcmp(e->has_end ? e->key_end : e->key,
					    want->has_end ? want->key_end : want->key, sizeof(e->key)) == 0) &&
		    (!e->expires || e->expires > now))
			return e;
	}
	return NULL;
}

static bool same_data(const struct nft_elem *a, const struct nft_elem *b)
{
	return a->data.verdict == b->data.verdict && a->data.chain == b->data.chain && a->obj == b->obj &&
	       a->data.len == b->data.len && memcmp(a->data.bytes, b->data.bytes, a->data.len) == 0;
}

static int add_elem(struct nft_ctx *ctx, struct nft_set *s, const struct nfa *tb)
{
	struct nft_elem *e = calloc(1, sizeof(*e)), *old;
	struct nft_undo *u;
	int r = e ? read_elem(ctx, s, e, tb) : -ENOMEM;

	if (r < 0)
		goto fail;
	old = same_elem(s, e, ctx->nf->core->now);
	if (old) {
		r = (ctx->flags & NLM_F_EXCL) || !same_data(old, e) ? -EEXIST : 0;
		goto fail;
	}
	if (s->count >= (s->size ? s->size : NFT_ELEMS_MAX)) {
		r = -ENFILE;
		goto fail;
	}
	u = nft_journal(ctx->nf, NFT_UNDO_NEW_ELEM, e);
	if (!u) {
		r = -ENOMEM;
		goto fail;
	}
	u->set = s;
	nft_set_insert(s, e);
	nft_elem_use(e, true);
	nft_tell_elem(ctx, s, e, false);
	return 0;
fail:
	if (e)
		nft_elem_free(ctx->nf, s, e);
	return r;
}

static int remove_elem(struct nft_ctx *ctx, struct nft_set *s, struct nft_elem *e)
{
	struct nft_undo *u = nft_journal(ctx->nf, NFT_UNDO_DEL_ELEM, e);

	if (!u)
		return -ENOMEM;
	nft_tell_elem(ctx, s, e, true);
	u->set = s;
	nft_set_unlink(s, e);
	nft_elem_use(e, false);
	return 0;
}

/* A map that jumps can lead chains into a loop. */
static int check_jumps(struct nft_ctx *ctx, const struct nft_set *s)
{
	struct nft_chain *c;
	int r = 0;

	if (s->data_type != NFT_DATA_VERDICT || !s->use)
		return 0;
	list_for_each_entry(c, &ctx->table->chains, list)
	{
		if (r == 0)
			r = nft_chain_check(c, 0);
	}
	return r;
}

/* Every element of the message, up to the first that fails, which the error then points at. */
static int each_elem(struct nft_ctx *ctx, struct nft_set *s, const struct nfa *tb,
		     int (*fn)(struct nft_ctx *ctx, struct nft_set *s, const struct nfa *el))
{
	const struct nfa *all = &tb[NFTA_SET_ELEM_LIST_ELEMENTS];
	struct nfa a, el[NFTA_SET_ELEM_MAX + 1];
	uint16_t type;
	size_t pos = 0;
	int r = 0;

	while (r == 0 && nfa_next(all->data, all->len, &pos, &type, &a)) {
		nfa_nested(el, NFTA_SET_ELEM_MAX, &a);
		r = fn(ctx, s, el);
		if (r < 0)
			ctx->err->at = a.data;
	}
	return r;
}

int nft_new_elems(struct nft_ctx *ctx, const struct nfa *tb)
{
	struct nft_set *s = nft_set_find(ctx->table, &tb[NFTA_SET_ELEM_LIST_SET],
					 &tb[NFTA_SET_ELEM_LIST_SET_ID]);
	int r;

	if (!s)
		return -ENOENT;
	if (s->use && (s->flags & NFT_SET_CONSTANT))
		return -EBUSY;
	r = each_elem(ctx, s, tb, add_elem);
	return r < 0 ? r : check_jumps(ctx, s);
}

/* The element with the key of @tb in *ret, or NULL. */
static int find_elem(struct nft_ctx *ctx, struct nft_set *s, const struct nfa *tb, struct nft_elem **ret)
{
	struct nft_elem want = { 0 };
	int r = read_key(ctx, s, &want, tb);

	if (r == 0)
		*ret = same_elem(s, &want, ctx->nf->core->now);
	return r;
}

/* NFT_MSG_DESTROYSETELEM: a missing one is no error. */
static int destroy_elem(struct nft_ctx *ctx, struct nft_set *s, const struct nfa *tb)
{
	struct nft_elem *e = NULL;
	int r = find_elem(ctx, s, tb, &e);

	return e ? remove_elem(ctx, s, e) : r;
}

static int del_elem(struct nft_ctx *ctx, struct nft_set *s, const struct nfa *tb)
{
	struct nft_elem *e = NULL;
	int r = find_elem(ctx, s, tb, &e);

	return e ? remove_elem(ctx, s, e) : r < 0 ? r : -ENOENT;
}

int nft_del_elems(struct nft_ctx *ctx, const struct nfa *tb, bool destroy)
{
	struct nft_set *s = nft_set_find(ctx->table, &tb[NFTA_SET_ELEM_LIST_SET],
					 &tb[NFTA_SET_ELEM_LIST_SET_ID]);
	struct list *node;
	int r = 0;

	if (!s)
		return -ENOENT;
	if (s->use && (s->flags & NFT_SET_CONSTANT))
		return -EBUSY;
	if (!tb[NFTA_SET_ELEM_LIST_ELEMENTS].data) { /* flush */
		while (r == 0 && (node = list_first(&s->elems)) != NULL)
			r = remove_elem(ctx, s, list_entry(node, struct nft_elem, list));
		return r;
	}
	return each_elem(ctx, s, tb, destroy ? destroy_elem : del_elem);
}

/* --- named objects -------------------------------------------------------------------------------------------- */

static const char *const obj_names[] = { [NFT_OBJECT_COUNTER] = "counter", [NFT_OBJECT_QUOTA] = "quota",
					 [NFT_OBJECT_LIMIT] = "limit", [NFT_OBJECT_CONNLIMIT] = "connlimit" };

struct nft_obj *nft_obj_find(const struct nft_table *t, const struct nfa *name, uint32_t type)
{
	struct nft_obj *o;

	list_for_each_entry(o, &t->objs, list)
	{
		if (o->type == type && nfa_is(name, o->name))
			return o;
	}
	return NULL;
}

int nft_new_obj(struct nft_ctx *ctx, const struct nfa *tb)
{
	uint32_t type = nfa_be32(&tb[NFTA_OBJ_TYPE]);
	struct nft_obj *o = nft_obj_find(ctx->table, &tb[NFTA_OBJ_NAME], type);
	struct nft_ctx dead = *ctx;
	struct net_nf_buf b = { 0 };
	struct nfa expr;
	int r = 0;

	if (o)
		return ctx->flags & NLM_F_EXCL ? -EEXIST : 0;
	if (type >= ARRAY_LEN(obj_names) || !obj_names[type])
		return -EOPNOTSUPP;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->table = ctx->table;
	o->type = type;
	o->handle = ++ctx->nf->next_handle;
	if (!nfa_str(&tb[NFTA_OBJ_NAME], o->name, sizeof(o->name)))
		r = -EINVAL;
	/* An object is the expression of its kind, with a name. */
	nfb_str(&b, NFTA_EXPR_NAME, obj_names[type]);
	nfb_put(&b, NFTA_EXPR_DATA, tb[NFTA_OBJ_DATA].data, tb[NFTA_OBJ_DATA].len);
	expr = (struct nfa){ b.data, (uint16_t)b.len };
	dead.dead = true;
	if (r == 0)
		r = b.failed ? -ENOMEM : nft_expr_new(&dead, &o->expr, &expr);
	if (r == 0)
		r = nft_bytes_copy(&o->udata, &o->udata_len, &tb[NFTA_OBJ_USERDATA]);
	if (r == 0 && !nft_journal(ctx->nf, NFT_UNDO_NEW_OBJ, o))
		r = -ENOMEM;
	net_nf_buf_fini(&b);
	if (r < 0) {
		nft_expr_free(ctx->nf, o->expr);
		free(o->udata);
		free(o);
		return r;
	}
	list_push_back(&ctx->table->objs, &o->list);
	ctx->table->use++;
	return 0;
}

int nft_del_obj(struct nft_ctx *ctx, const struct nfa *tb, bool destroy)
{
	struct nft_obj *o = nft_obj_find(ctx->table, &tb[NFTA_OBJ_NAME], nfa_be32(&tb[NFTA_OBJ_TYPE]));

	return o ? del_obj(ctx, o) : destroy ? 0 : -ENOENT;
}
