/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as messages: answers, dumps, notifications. */
#include <errno.h>

#include "nf/api.h"
#include "nf/nft_msg.h"

static void put_table(struct net_nf_buf *b, uint16_t type, struct nf *nf, const struct nft_table *t)
{
	nfb_begin(b, type, t->family, (uint16_t)nf->generation);
	nfb_str(b, NFTA_TABLE_NAME, t->name);
	nfb_be32(b, NFTA_TABLE_USE, t->use);
	nfb_be64(b, NFTA_TABLE_HANDLE, t->handle);
	nfb_be32(b, NFTA_TABLE_FLAGS, t->flags);
	if (t->udata)
		nfb_put(b, NFTA_TABLE_USERDATA, t->udata, t->udata_len);
	nfb_end(b);
}

static void put_chain(struct net_nf_buf *b, uint16_t type, struct nf *nf, const struct nft_chain *c)
{
	static const char *const types[] = { "filter", "nat", "route" };
	size_t nest;

	nfb_begin(b, type, c->table->family, (uint16_t)nf->generation);
	nfb_str(b, NFTA_CHAIN_TABLE, c->table->name);
	nfb_be64(b, NFTA_CHAIN_HANDLE, c->handle);
	nfb_str(b, NFTA_CHAIN_NAME, c->name);
	if (c->base) {
		nest = nfb_nest(b, NFTA_CHAIN_HOOK);
		nfb_be32(b, NFTA_HOOK_HOOKNUM, c->hook);
		nfb_be32(b, NFTA_HOOK_PRIORITY, (uint32_t)c->prio);
		nfb_nest_end(b, nest);
		nfb_be32(b, NFTA_CHAIN_POLICY, c->policy);
		nfb_str(b, NFTA_CHAIN_TYPE, types[c->type]);
	}
	if (c->has_counters) {
		nest = nfb_nest(b, NFTA_CHAIN_COUNTERS);
		nfb_be64(b, NFTA_COUNTER_PACKETS, c->packets);
		nfb_be64(b, NFTA_COUNTER_BYTES, c->bytes);
		nfb_nest_end(b, nest);
	}
	if (c->flags || c->base)
		nfb_be32(b, NFTA_CHAIN_FLAGS, c->flags | (c->base ? NFT_CHAIN_BASE : 0));
	nfb_be32(b, NFTA_CHAIN_USE, c->use);
	if (c->udata)
		nfb_put(b, NFTA_CHAIN_USERDATA, c->udata, c->udata_len);
	nfb_end(b);
}

static void put_rule(struct net_nf_buf *b, uint16_t type, struct nf *nf, const struct nft_rule *r, bool reset)
{
	const struct list *prev = r->list.prev;
	size_t nest;

	nfb_begin(b, type, r->chain->table->family, (uint16_t)nf->generation);
	nfb_str(b, NFTA_RULE_TABLE, r->chain->table->name);
	nfb_str(b, NFTA_RULE_CHAIN, r->chain->name);
	nfb_be64(b, NFTA_RULE_HANDLE, r->handle);
	if (prev && prev != &r->chain->rules)
		nfb_be64(b, NFTA_RULE_POSITION, list_entry(prev, const struct nft_rule, list)->handle);
	nest = nfb_nest(b, NFTA_RULE_EXPRESSIONS);
	for (unsigned i = 0; i < r->n; i++)
		nft_expr_dump(r->exprs[i], b, NFTA_LIST_ELEM, reset);
	nfb_nest_end(b, nest);
	if (r->udata)
		nfb_put(b, NFTA_RULE_USERDATA, r->udata, r->udata_len);
	nfb_end(b);
}

static void put_exprs(struct net_nf_buf *b, struct nft_expr *const exprs[2], uint16_t one, uint16_t many,
		      bool reset)
{
	size_t nest;

	if (exprs[0] && !exprs[1]) {
		nft_expr_dump(exprs[0], b, one, reset);
	} else if (exprs[0]) {
		nest = nfb_nest(b, many);
		nft_expr_dump(exprs[0], b, NFTA_LIST_ELEM, reset);
		nft_expr_dump(exprs[1], b, NFTA_LIST_ELEM, reset);
		nfb_nest_end(b, nest);
	}
}

static void put_desc(struct net_nf_buf *b, const struct nft_set *s)
{
	size_t nest = nfb_nest(b, NFTA_SET_DESC), concat, field;

	if (s->size)
		nfb_be32(b, NFTA_SET_DESC_SIZE, s->size);
	if (s->n_fields) {
		concat = nfb_nest(b, NFTA_SET_DESC_CONCAT);
		for (unsigned i = 0; i < s->n_fields; i++) {
			field = nfb_nest(b, NFTA_LIST_ELEM);
			nfb_be32(b, NFTA_SET_FIELD_LEN, s->field_len[i]);
			nfb_nest_end(b, field);
		}
		nfb_nest_end(b, concat);
	}
	nfb_nest_end(b, nest);
}

static void put_set(struct net_nf_buf *b, uint16_t type, struct nf *nf, const struct nft_set *s)
{
	nfb_begin(b, type, s->table->family, (uint16_t)nf->generation);
	nfb_str(b, NFTA_SET_TABLE, s->table->name);
	nfb_str(b, NFTA_SET_NAME, s->name);
	nfb_be64(b, NFTA_SET_HANDLE, s->handle);
	if (s->flags)
		nfb_be32(b, NFTA_SET_FLAGS, s->flags);
	nfb_be32(b, NFTA_SET_KEY_TYPE, s->key_type);
	nfb_be32(b, NFTA_SET_KEY_LEN, s->key_len);
	if (s->flags & NFT_SET_MAP) {
		nfb_be32(b, NFTA_SET_DATA_TYPE, s->data_type);
		nfb_be32(b, NFTA_SET_DATA_LEN, s->data_len);
	}
	if (s->flags & NFT_SET_OBJECT)
		nfb_be32(b, NFTA_SET_OBJ_TYPE, s->obj_type);
	if (s->timeout_ms)
		nfb_be64(b, NFTA_SET_TIMEOUT, s->timeout_ms);
	if (s->gc_interval)
		nfb_be32(b, NFTA_SET_GC_INTERVAL, s->gc_interval);
	if (s->policy)
		nfb_be32(b, NFTA_SET_POLICY, s->policy);
	if (s->udata)
		nfb_put(b, NFTA_SET_USERDATA, s->udata, s->udata_len);
	put_desc(b, s);
	put_exprs(b, s->exprs, NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS, false);
	nfb_end(b);
}

static void put_key(struct net_nf_buf *b, uint16_t type, const struct nft_set *s, const uint8_t *key)
{
	struct nft_data d = { .len = s->key_len };

	memcpy(d.bytes, key, s->key_len);
	nft_data_put(b, type, &d);
}

static void put_elem(struct net_nf_buf *b, const struct nft_set *s, const struct nft_elem *e, net_time now,
		     bool reset)
{
	size_t nest = nfb_nest(b, NFTA_LIST_ELEM);

	if (!(e->flags & NFT_SET_ELEM_CATCHALL))
		put_key(b, NFTA_SET_ELEM_KEY, s, e->key);
	if (e->has_end)
		put_key(b, NFTA_SET_ELEM_KEY_END, s, e->key_end);
	if (e->data.is_verdict || e->data.len)
		nft_data_put(b, NFTA_SET_ELEM_DATA, &e->data);
	put_exprs(b, e->exprs, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_EXPRESSIONS, reset);
	if (e->obj)
		nfb_str(b, NFTA_SET_ELEM_OBJREF, e->obj->name);
	if (e->flags)
		nfb_be32(b, NFTA_SET_ELEM_FLAGS, e->flags);
	if (e->timeout && e->timeout != NET_MS((net_dur)s->timeout_ms))
		nfb_be64(b, NFTA_SET_ELEM_TIMEOUT, (uint64_t)(e->timeout / NET_MS(1)));
	if (e->expires)
		nfb_be64(b, NFTA_SET_ELEM_EXPIRATION, (uint64_t)MAX((e->expires - now) / NET_MS(1), (net_dur)0));
	if (e->udata)
		nfb_put(b, NFTA_SET_ELEM_USERDATA, e->udata, e->udata_len);
	nfb_nest_end(b, nest);
}

static size_t begin_elems(struct net_nf_buf *b, uint16_t type, struct nf *nf, const struct nft_set *s)
{
	nfb_begin(b, type, s->table->family, (uint16_t)nf->generation);
	nfb_str(b, NFTA_SET_ELEM_LIST_TABLE, s->table->name);
	nfb_str(b, NFTA_SET_ELEM_LIST_SET, s->name);
	return nfb_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void put_elems(struct net_nf_buf *b, struct nf *nf, const struct nft_set *s, bool reset)
{
	size_t nest = begin_elems(b, NFT_MSG_NEWSETELEM, nf, s);
	struct nft_elem *e;

	list_for_each_entry(e, &s->elems, list)
	{
		if (e->expires && e->expires <= nf->core->now)
			continue;
		/* A message holds what 64 KiB hold. */
		if (b->len - nest > 48000) {
			nfb_nest_end(b, nest);
			nfb_end(b);
			nest = begin_elems(b, NFT_MSG_NEWSETELEM, nf, s);
		}
		put_elem(b, s, e, nf->core->now, reset);
	}
	nfb_nest_end(b, nest);
	nfb_end(b);
}

static void put_obj(struct net_nf_buf *b, struct nf *nf, const struct nft_obj *o, bool reset)
{
	size_t nest;

	nfb_begin(b, NFT_MSG_NEWOBJ, o->table->family, (uint16_t)nf->generation);
	nfb_str(b, NFTA_OBJ_TABLE, o->table->name);
	nfb_str(b, NFTA_OBJ_NAME, o->name);
	nfb_be64(b, NFTA_OBJ_HANDLE, o->handle);
	nfb_be32(b, NFTA_OBJ_TYPE, o->type);
	nfb_be32(b, NFTA_OBJ_USE, o->use);
	nest = nfb_nest(b, NFTA_OBJ_DATA);
	if (o->expr->ops->dump)
		o->expr->ops->dump(o->expr, b, reset);
	else
		nfb_raw(b, o->expr->attrs, o->expr->attrs_len);
	nfb_nest_end(b, nest);
	if (o->udata)
		nfb_put(b, NFTA_OBJ_USERDATA, o->udata, o->udata_len);
	nfb_end(b);
}

/* --- notifications ---------------------------------------------------------------------------------------- */

void nft_tell_table(struct nft_ctx *ctx, const struct nft_table *t, bool gone)
{
	if (ctx->notify)
		put_table(ctx->notify, gone ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE, ctx->nf, t);
}

void nft_tell_chain(struct nft_ctx *ctx, const struct nft_chain *c, bool gone)
{
	if (ctx->notify)
		put_chain(ctx->notify, gone ? NFT_MSG_DELCHAIN : NFT_MSG_NEWCHAIN, ctx->nf, c);
}

void nft_tell_rule(struct nft_ctx *ctx, const struct nft_rule *r, bool gone)
{
	if (ctx->notify)
		put_rule(ctx->notify, gone ? NFT_MSG_DELRULE : NFT_MSG_NEWRULE, ctx->nf, r, false);
}

void nft_tell_set(struct nft_ctx *ctx, const struct nft_set *s, bool gone)
{
	if (ctx->notify)
		put_set(ctx->notify, gone ? NFT_MSG_DELSET : NFT_MSG_NEWSET, ctx->nf, s);
}

void nft_tell_elem(struct nft_ctx *ctx, struct nft_set *s, struct nft_elem *e, bool gone)
{
	size_t nest;

	if (!ctx->notify)
		return;
	nest = begin_elems(ctx->notify, gone ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM, ctx->nf, s);
	put_elem(ctx->notify, s, e, ctx->nf->core->now, false);
	nfb_nest_end(ctx->notify, nest);
	nfb_end(ctx->notify);
}

/* --- answers ------------------------------------------------------------------------------------------------ */

struct query {
	struct nf *nf;
	uint8_t type, family;
	bool dump, reset;
	struct nfa tb[16];
	struct net_nf_buf *ret;
	bool found;
};

static void query_chain(struct query *q, struct nft_table *t)
{
	struct nft_chain *c;

	list_for_each_entry(c, &t->chains, list)
	{
		if (q->tb[NFTA_CHAIN_NAME].data && !nfa_is(&q->tb[NFTA_CHAIN_NAME], c->name))
			continue;
		put_chain(q->ret, NFT_MSG_NEWCHAIN, q->nf, c);
		q->found = true;
	}
}

static void query_rule(struct query *q, struct nft_table *t)
{
	struct nft_chain *c;
	struct nft_rule *r;

	list_for_each_entry(c, &t->chains, list)
	{
		if (q->tb[NFTA_RULE_CHAIN].data && !nfa_is(&q->tb[NFTA_RULE_CHAIN], c->name))
			continue;
		list_for_each_entry(r, &c->rules, list)
		{
			if (q->tb[NFTA_RULE_HANDLE].data && nfa_be64(&q->tb[NFTA_RULE_HANDLE]) != r->handle)
				continue;
			put_rule(q->ret, NFT_MSG_NEWRULE, q->nf, r, q->reset);
			q->found = true;
		}
	}
}

static void query_set(struct query *q, struct nft_table *t)
{
	struct nft_set *s;

	list_for_each_entry(s, &t->sets, list)
	{
		if (q->tb[NFTA_SET_NAME].data && !nfa_is(&q->tb[NFTA_SET_NAME], s->name))
			continue;
		put_set(q->ret, NFT_MSG_NEWSET, q->nf, s);
		q->found = true;
	}
}

/* One element: what the key finds. */
static void query_one_elem(struct query *q, struct nft_set *s)
{
	struct nfa a, el[NFTA_SET_ELEM_MAX + 1], data[NFTA_DATA_MAX + 1];
	uint8_t key[NFT_KEY_MAX] = { 0 };
	struct nft_elem *e;
	uint16_t type;
	size_t pos = 0, nest;

	if (!nfa_next(q->tb[NFTA_SET_ELEM_LIST_ELEMENTS].data, q->tb[NFTA_SET_ELEM_LIST_ELEMENTS].len, &pos,
		      &type, &a))
		return;
	nfa_nested(el, NFTA_SET_ELEM_MAX, &a);
	nfa_nested(data, NFTA_DATA_MAX, &el[NFTA_SET_ELEM_KEY]);
	if (data[NFTA_DATA_VALUE].len != s->key_len)
		return;
	memcpy(key, data[NFTA_DATA_VALUE].data, s->key_len);
	e = nft_set_lookup(s, key, q->nf->core->now);
	if (!e)
		return;
	q->found = true;
	nest = begin_elems(q->ret, NFT_MSG_NEWSETELEM, q->nf, s);
	put_elem(q->ret, s, e, q->nf->core->now, q->reset);
	nfb_nest_end(q->ret, nest);
	nfb_end(q->ret);
}

static void query_elems(struct query *q, struct nft_table *t)
{
	static const struct nfa none;
	struct nft_set *s = nft_set_find(t, &q->tb[NFTA_SET_ELEM_LIST_SET], &none);

	if (!s)
		return;
	if (!q->dump) {
		query_one_elem(q, s);
		return;
	}
	q->found = true;
	put_elems(q->ret, q->nf, s, q->reset);
}

static void query_obj(struct query *q, struct nft_table *t)
{
	struct nft_obj *o;

	list_for_each_entry(o, &t->objs, list)
	{
		if ((q->tb[NFTA_OBJ_NAME].data && !nfa_is(&q->tb[NFTA_OBJ_NAME], o->name)) ||
		    (q->tb[NFTA_OBJ_TYPE].data && nfa_be32(&q->tb[NFTA_OBJ_TYPE]) != o->type &&
		     nfa_be32(&q->tb[NFTA_OBJ_TYPE])))
			continue;
		put_obj(q->ret, q->nf, o, q->reset);
		q->found = true;
	}
}

/* The table's name is the first attribute of every object's message. */
static void query_table(struct query *q, struct nft_table *t)
{
	switch (q->type) {
	case NFT_MSG_GETTABLE:
		put_table(q->ret, NFT_MSG_NEWTABLE, q->nf, t);
		q->found = true;
		break;
	case NFT_MSG_GETCHAIN:
		query_chain(q, t);
		break;
	case NFT_MSG_GETRULE:
	case NFT_MSG_GETRULE_RESET_:
		query_rule(q, t);
		break;
	case NFT_MSG_GETSET:
		query_set(q, t);
		break;
	case NFT_MSG_GETSETELEM:
		query_elems(q, t);
		break;
	case NFT_MSG_GETOBJ:
	case NFT_MSG_GETOBJ_RESET:
		query_obj(q, t);
		break;
	default:
		break;
	}
}

static void put_generation(struct net_nf_buf *b, struct nf *nf)
{
	nfb_begin(b, NFT_MSG_NEWGEN, NFPROTO_UNSPEC, (uint16_t)nf->generation);
	nfb_be32(b, NFTA_GEN_ID, nf->generation);
	nfb_be32(b, NFTA_GEN_PROC_PID, 0);
	nfb_str(b, NFTA_GEN_PROC_NAME, "nft");
	nfb_end(b);
}

int nft_get(struct nf *nf, uint8_t type, uint8_t family, bool dump, const uint8_t *attrs, size_t len,
	    struct net_nf_buf *ret)
{
	struct query q = { .nf = nf, .type = type, .family = family, .dump = dump, .ret = ret,
			   .reset = type == NFT_MSG_GETRULE_RESET_ || type == NFT_MSG_GETOBJ_RESET };
	struct nft_table *t;

	nfa_parse(q.tb, ARRAY_LEN(q.tb) - 1, attrs, len);
	switch (type) {
	case NFT_MSG_GETGEN:
		put_generation(ret, nf);
		return 0;
	case NFT_MSG_GETFLOWTABLE:
		return dump ? 0 : -ENOENT;
	case NFT_MSG_GETTABLE:
	case NFT_MSG_GETCHAIN:
	case NFT_MSG_GETRULE:
	case NFT_MSG_GETRULE_RESET_:
	case NFT_MSG_GETSET:
	case NFT_MSG_GETSETELEM:
	case NFT_MSG_GETOBJ:
	case NFT_MSG_GETOBJ_RESET:
		break;
	default:
		return -EINVAL;
	}
	list_for_each_entry(t, &nf->tables, list)
	{
		if ((family != NFPROTO_UNSPEC && family != t->family) ||
		    (q.tb[NFTA_TABLE_NAME].data && !nfa_is(&q.tb[NFTA_TABLE_NAME], t->name)))
			continue;
		query_table(&q, t);
	}
	if (ret->failed)
		return -ENOMEM;
	return q.found || (dump && type != NFT_MSG_GETSETELEM) ? 0 : -ENOENT;
}
