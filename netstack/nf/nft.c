/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, tables, chains and rules. Every change is journalled at once and undone in reverse order if the
 * transaction fails; what was deleted is freed when it succeeds. */
#include <errno.h>

#include "nf/nft_msg.h"

/* --- the journal -------------------------------------------------------------------------------------------- */

struct nft_undo *nft_journal(struct nf *nf, enum nft_undo_kind kind, void *obj)
{
	struct nft_undo *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->kind = kind;
	u->obj = obj;
	list_push_back(&nf->journal, &u->list);
	nf->batch_changes++;
	return u;
}

/* Unlinks @node, remembering where it was. */
static void unlink_at(struct nft_undo *u, struct list *node)
{
	u->prev = node->prev;
	list_remove(node);
}

static void relink(struct nft_undo *u, struct list *node)
{
	list_insert_after(u->prev, node);
}

static void rule_use(struct nf *nf, struct nft_rule *r, bool on)
{
	for (unsigned i = 0; i < r->n; i++)
		nft_expr_use(nf, r->exprs[i], on);
	r->chain->use += on ? 1 : UINT32_MAX;
}

static void rule_free(struct nf *nf, struct nft_rule *r)
{
	for (unsigned i = 0; i < r->n; i++)
		nft_expr_free(nf, r->exprs[i]);
	free(r->exprs);
	free(r->udata);
	free(r);
}

static void chain_free(struct nft_chain *c)
{
	free(c->udata);
	free(c);
}

static void table_free(struct nft_table *t)
{
	free(t->udata);
	free(t);
}

static void undo_one(struct nf *nf, struct nft_undo *u)
{
	switch (u->kind) {
	case NFT_UNDO_NEW_TABLE: {
		struct nft_table *t = u->obj;

		list_remove(&t->list);
		table_free(t);
		break;
	}
	case NFT_UNDO_DEL_TABLE:
		relink(u, &((struct nft_table *)u->obj)->list);
		break;
	case NFT_UNDO_SET_TABLE:
		((struct nft_table *)u->obj)->flags = u->old32;
		break;
	case NFT_UNDO_NEW_CHAIN: {
		struct nft_chain *c = u->obj;

		list_remove(&c->list);
		c->table->use--;
		chain_free(c);
		break;
	}
	case NFT_UNDO_DEL_CHAIN: {
		struct nft_chain *c = u->obj;

		relink(u, &c->list);
		c->table->use++;
		break;
	}
	case NFT_UNDO_SET_CHAIN:
		((struct nft_chain *)u->obj)->policy = u->old32;
		break;
	case NFT_UNDO_NAME_CHAIN:
		memcpy(((struct nft_chain *)u->obj)->name, u->old_name, NFT_NAME_MAXLEN);
		break;
	case NFT_UNDO_NEW_RULE: {
		struct nft_rule *r = u->obj;

		list_remove(&r->list);
		rule_use(nf, r, false);
		rule_free(nf, r);
		break;
	}
	case NFT_UNDO_DEL_RULE: {
		struct nft_rule *r = u->obj;

		relink(u, &r->list);
		rule_use(nf, r, true);
		break;
	}
	default:
		nft_undo_set(nf, u);
	}
}

static void forget_one(struct nf *nf, struct nft_undo *u)
{
	switch (u->kind) {
	case NFT_UNDO_DEL_TABLE:
		table_free(u->obj);
		break;
	case NFT_UNDO_DEL_CHAIN:
		chain_free(u->obj);
		break;
	case NFT_UNDO_DEL_RULE:
		rule_free(nf, u->obj);
		break;
	default:
		nft_forget_set(nf, u);
	}
}

void nft_commit(struct nf *nf)
{
	struct list *node;

	while ((node = list_pop_front(&nf->journal)) != NULL) {
		struct nft_undo *u = list_entry(node, struct nft_undo, list);

		forget_one(nf, u);
		free(u);
	}
	nf->in_batch = false;
	if (nf->batch_changes)
		nf->generation++;
	nf_rebuild(nf);
}

void nft_abort(struct nf *nf)
{
	struct list *node;

	while ((node = list_last(&nf->journal)) != NULL) {
		struct nft_undo *u = list_entry(node, struct nft_undo, list);

		list_remove(node);
		undo_one(nf, u);
		free(u);
	}
	nf->in_batch = false;
	nf_rebuild(nf);
}

/* --- tables ---------------------------------------------------------------------------------------------------- */

struct nft_table *nft_table_find(struct nf *nf, const struct nfa *name, uint8_t family)
{
	char want[NFT_NAME_MAXLEN];
	struct nft_table *t;

	if (!nfa_str(name, want, sizeof(want)))
		return NULL;
	list_for_each_entry(t, &nf->tables, list)
	{
		if (t->family == family && strcmp(t->name, want) == 0)
			return t;
	}
	return NULL;
}

static bool family_ok(uint8_t family)
{
	return family == NFPROTO_IPV4 || family == NFPROTO_IPV6 || family == NFPROTO_INET ||
	       family == NFPROTO_ARP || family == NFPROTO_BRIDGE || family == NFPROTO_NETDEV;
}

int nft_new_table(struct nft_ctx *ctx, const struct nfa *tb)
{
	struct nft_table *t = nft_table_find(ctx->nf, &tb[NFTA_TABLE_NAME], ctx->family);
	uint32_t flags = nfa_be32(&tb[NFTA_TABLE_FLAGS]);
	struct nft_undo *u;

	if (!family_ok(ctx->family))
		return -EAFNOSUPPORT;
	if (flags & ~(uint32_t)NFT_TABLE_F_MASK)
		return -EOPNOTSUPP;
	if (t) {
		if (ctx->flags & NLM_F_EXCL)
			return -EEXIST;
		if (ctx->flags & NLM_F_REPLACE)
			return -EOPNOTSUPP;
		ctx->table = t;
		if (!tb[NFTA_TABLE_FLAGS].data || t->flags == flags)
			return 0;
		u = nft_journal(ctx->nf, NFT_UNDO_SET_TABLE, t);
		if (!u)
			return -ENOMEM;
		u->old32 = t->flags;
		t->flags = flags;
		return 0;
	}
	t = calloc(1, sizeof(*t));
	if (!t || !nfa_str(&tb[NFTA_TABLE_NAME], t->name, sizeof(t->name))) {
		free(t);
		return t ? -EINVAL : -ENOMEM;
	}
	t->family = ctx->family;
	t->flags = flags;
	t->handle = ++ctx->nf->next_handle;
	list_init(&t->chains);
	list_init(&t->sets);
	list_init(&t->objs);
	if (nft_bytes_copy(&t->udata, &t->udata_len, &tb[NFTA_TABLE_USERDATA]) < 0 ||
	    !nft_journal(ctx->nf, NFT_UNDO_NEW_TABLE, t)) {
		table_free(t);
		return -ENOMEM;
	}
	list_push_back(&ctx->nf->tables, &t->list);
	ctx->table = t;
	return 0;
}

/* --- rules ------------------------------------------------------------------------------------------------------ */

static int del_rule(struct nft_ctx *ctx, struct nft_rule *r)
{
	struct nft_undo *u = nft_journal(ctx->nf, NFT_UNDO_DEL_RULE, r);

	if (!u)
		return -ENOMEM;
	nft_tell_rule(ctx, r, true);
	rule_use(ctx->nf, r, false);
	unlink_at(u, &r->list);
	return nft_drop_anonymous(ctx, r);
}

static int del_rules(struct nft_ctx *ctx, struct nft_chain *c)
{
	struct list *node;
	int r = 0;

	while (r == 0 && (node = list_first(&c->rules)) != NULL)
		r = del_rule(ctx, list_entry(node, struct nft_rule, list));
	return r;
}

static struct nft_rule *rule_by(struct nft_chain *c, const struct nfa *handle, const struct nfa *id)
{
	struct nft_rule *r;

	list_for_each_entry(r, &c->rules, list)
	{
		if (handle->data ? r->handle == nfa_be64(handle) : id->data && r->id == nfa_be32(id))
			return r;
	}
	return NULL;
}

static int rule_exprs(struct nft_ctx *ctx, struct nft_rule *r, const struct nfa *list)
{
	struct nfa a;
	uint16_t type;
	size_t pos = 0;
	int ret;

	r->exprs = calloc(NFT_EXPRS_MAX, sizeof(struct nft_expr *));
	if (!r->exprs)
		return -ENOMEM;
	while (nfa_next(list->data, list->len, &pos, &type, &a)) {
		if (type != NFTA_LIST_ELEM)
			return -EINVAL;
		if (r->n == NFT_EXPRS_MAX)
			return -E2BIG;
		ret = nft_expr_new(ctx, &r->exprs[r->n], &a);
		if (ret < 0)
			return ret;
		r->n++;
	}
	return 0;
}

static void read_compat(struct nft_rule *r, const struct nfa *a)
{
	struct nfa tb[NFTA_RULE_COMPAT_MAX + 1];

	if (!a->data)
		return;
	nfa_nested(tb, NFTA_RULE_COMPAT_MAX, a);
	r->has_compat = true;
	r->compat_proto = nfa_be32(&tb[NFTA_RULE_COMPAT_PROTO]);
	r->compat_flags = nfa_be32(&tb[NFTA_RULE_COMPAT_FLAGS]);
}

static void insert_rule(struct nft_ctx *ctx, struct nft_rule *r, struct nft_rule *at)
{
	struct nft_chain *c = ctx->chain;

	if (at && (ctx->flags & NLM_F_APPEND))
		list_insert_after(&at->list, &r->list);
	else if (at)
		list_insert_before(&at->list, &r->list);
	else if (ctx->flags & NLM_F_APPEND)
		list_push_back(&c->rules, &r->list);
	else
		list_push_front(&c->rules, &r->list);
}

/* The compat protocol limits what xt extensions see; they read it from the rule being made. */
int nft_new_rule(struct nft_ctx *ctx, const struct nfa *tb)
{
	struct nft_rule *r, *at = NULL, *old = NULL;
	int ret;

	ctx->chain = nft_chain_find(ctx->table, &tb[NFTA_RULE_CHAIN]);
	if (!ctx->chain && tb[NFTA_RULE_CHAIN_ID].data)
		ctx->chain = nft_chain_by_id(ctx->table, nfa_be32(&tb[NFTA_RULE_CHAIN_ID]));
	if (!ctx->chain)
		return -ENOENT;
	if (tb[NFTA_RULE_HANDLE].data) {
		old = rule_by(ctx->chain, &tb[NFTA_RULE_HANDLE], &tb[NFTA_RULE_HANDLE]);
		if (!old)
			return -ENOENT;
		if (ctx->flags & NLM_F_EXCL)
			return -EEXIST;
		if (!(ctx->flags & NLM_F_REPLACE))
			return -EOPNOTSUPP;
	} else if (!(ctx->flags & NLM_F_CREATE) || (ctx->flags & NLM_F_REPLACE)) {
		return -EINVAL;
	} else if (tb[NFTA_RULE_POSITION].data || tb[NFTA_RULE_POSITION_ID].data) {
		at = rule_by(ctx->chain, &tb[NFTA_RULE_POSITION], &tb[NFTA_RULE_POSITION_ID]);
		if (!at)
			return -ENOENT;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->chain = ctx->chain;
	r->handle = ++ctx->nf->next_handle;
	r->id = nfa_be32(&tb[NFTA_RULE_ID]);
	read_compat(r, &tb[NFTA_RULE_COMPAT]);
	ret = rule_exprs(ctx, r, &tb[NFTA_RULE_EXPRESSIONS]);
	if (ret == 0)
		ret = nft_bytes_copy(&r->udata, &r->udata_len, &tb[NFTA_RULE_USERDATA]);
	if (ret == 0 && !nft_journal(ctx->nf, NFT_UNDO_NEW_RULE, r))
		ret = -ENOMEM;
	if (ret < 0) {
		for (unsigned i = 0; i < r->n; i++)
			nft_expr_use(ctx->nf, r->exprs[i], false);
		rule_free(ctx->nf, r);
		return ret;
	}
	ctx->chain->use++;
	if (old) {
		list_insert_after(&old->list, &r->list);
		ret = del_rule(ctx, old);
	} else {
		insert_rule(ctx, r, at);
	}
	if (ret == 0)
		ret = nft_chain_check(ctx->chain, 0);
	nft_tell_rule(ctx, r, false);
	return ret;
}

int nft_del_rule(struct nft_ctx *ctx, const struct nfa *tb, bool destroy)
{
	struct nft_chain *c = NULL;
	struct nft_rule *rule;
	int r = 0;

	if (tb[NFTA_RULE_CHAIN].data) {
		c = nft_chain_find(ctx->table, &tb[NFTA_RULE_CHAIN]);
		if (!c)
			return destroy ? 0 : -ENOENT;
		ctx->chain = c;
	}
	if (c && (tb[NFTA_RULE_HANDLE].data || tb[NFTA_RULE_ID].data)) {
		rule = rule_by(c, &tb[NFTA_RULE_HANDLE], &tb[NFTA_RULE_ID]);
		return rule ? del_rule(ctx, rule) : destroy ? 0 : -ENOENT;
	}
	if (c)
		return del_rules(ctx, c);
	list_for_each_entry(c, &ctx->table->chains, list)
	{
		if (r == 0)
			r = del_rules(ctx, c);
	}
	return r;
}

/* --- chains ------------------------------------------------------------------------------------------------------- */

struct nft_chain *nft_chain_find(const struct nft_table *t, const struct nfa *name)
{
	char want[NFT_NAME_MAXLEN];
	struct nft_chain *c;

	if (!t || !nfa_str(name, want, sizeof(want)))
		return NULL;
	list_for_each_entry(c, &t->chains, list)
	{
		if (strcmp(c->name, want) == 0)
			return c;
	}
	return NULL;
}

struct nft_chain *nft_chain_by_id(const struct nft_table *t, uint32_t id)
{
	struct nft_chain *c;

	list_for_each_entry(c, &t->chains, list)
	{
		if (c->id && c->id == id)
			return c;
	}
	return NULL;
}

static struct nft_chain *chain_by_handle(const struct nft_table *t, uint64_t handle)
{
	struct nft_chain *c;

	list_for_each_entry(c, &t->chains, list)
	{
		if (c->handle == handle)
			return c;
	}
	return NULL;
}

static int read_hook(struct nft_ctx *ctx, struct nft_chain *c, const struct nfa *hook, const struct nfa *type)
{
	struct nfa tb[NFTA_HOOK_MAX + 1];
	uint32_t num;

	nfa_nested(tb, NFTA_HOOK_MAX, hook);
	if (!tb[NFTA_HOOK_HOOKNUM].data || !tb[NFTA_HOOK_PRIORITY].data)
		return -EINVAL;
	num = nfa_be32(&tb[NFTA_HOOK_HOOKNUM]);
	c->prio = (int32_t)nfa_be32(&tb[NFTA_HOOK_PRIORITY]);
	c->type = nfa_is(type, "nat") ? NFT_TYPE_NAT : nfa_is(type, "route") ? NFT_TYPE_ROUTE : NFT_TYPE_FILTER;
	if (type->data && c->type == NFT_TYPE_FILTER && !nfa_is(type, "filter"))
		return -ENOENT;
	/* Ingress and egress of devices, ARP and bridges have hooks of their own that this stack has not. */
	if (ctx->family == NFPROTO_ARP || ctx->family == NFPROTO_BRIDGE || ctx->family == NFPROTO_NETDEV ||
	    num >= IP_HOOK_COUNT)
		return -EOPNOTSUPP;
	if (c->type == NFT_TYPE_NAT && (num == IP_HOOK_FORWARD || c->prio <= -200))
		return -EOPNOTSUPP;
	if (c->type == NFT_TYPE_ROUTE && num != IP_HOOK_OUTPUT)
		return -EOPNOTSUPP;
	c->hook = (uint8_t)num;
	c->base = true;
	c->policy = NF_ACCEPT;
	return 0;
}

static void read_counters(struct nft_chain *c, const struct nfa *a)
{
	struct nfa tb[NFTA_COUNTER_MAX + 1];

	if (!a->data)
		return;
	nfa_nested(tb, NFTA_COUNTER_MAX, a);
	c->has_counters = true;
	c->packets = nfa_be64(&tb[NFTA_COUNTER_PACKETS]);
	c->bytes = nfa_be64(&tb[NFTA_COUNTER_BYTES]);
}

static int change_chain(struct nft_ctx *ctx, struct nft_chain *c, const struct nfa *tb)
{
	struct nft_undo *u;

	if (ctx->flags & NLM_F_EXCL)
		return -EEXIST;
	if (ctx->flags & NLM_F_REPLACE)
		return -EOPNOTSUPP;
	if (tb[NFTA_CHAIN_HOOK].data) {
		struct nft_chain want = { 0 };
		int r = read_hook(ctx, &want, &tb[NFTA_CHAIN_HOOK], &tb[NFTA_CHAIN_TYPE]);

		if (r < 0)
			return r;
		if (!c->base || want.hook != c->hook || want.prio != c->prio || want.type != c->type)
			return -EEXIST;
	}
	if (tb[NFTA_CHAIN_HANDLE].data && tb[NFTA_CHAIN_NAME].data && !nfa_is(&tb[NFTA_CHAIN_NAME], c->name)) {
		if (nft_chain_find(ctx->table, &tb[NFTA_CHAIN_NAME]))
			return -EEXIST;
		u = nft_journal(ctx->nf, NFT_UNDO_NAME_CHAIN, c);
		if (!u)
			return -ENOMEM;
		memcpy(u->old_name, c->name, NFT_NAME_MAXLEN);
		(void)nfa_str(&tb[NFTA_CHAIN_NAME], c->name, sizeof(c->name));
	}
	read_counters(c, &tb[NFTA_CHAIN_COUNTERS]);
	if (!tb[NFTA_CHAIN_POLICY].data)
		return 0;
	if (!c->base)
		return -EOPNOTSUPP;
	u = nft_journal(ctx->nf, NFT_UNDO_SET_CHAIN, c);
	if (!u)
		return -ENOMEM;
	u->old32 = c->policy;
	c->policy = nfa_be32(&tb[NFTA_CHAIN_POLICY]);
	return c->policy == NF_DROP || c->policy == NF_ACCEPT ? 0 : -EINVAL;
}

static int make_chain(struct nft_ctx *ctx, struct nft_chain *c, const struct nfa *tb)
{
	int r = 0;

	c->table = ctx->table;
	c->handle = ++ctx->nf->next_handle;
	c->id = nfa_be32(&tb[NFTA_CHAIN_ID]);
	c->flags = nfa_be32(&tb[NFTA_CHAIN_FLAGS]);
	list_init(&c->rules);
	if (tb[NFTA_CHAIN_NAME].data) {
		if (!nfa_str(&tb[NFTA_CHAIN_NAME], c->name, sizeof(c->name)))
			return -EINVAL;
	} else {
		if (!(c->flags & NFT_CHAIN_BINDING))
			return -EINVAL;
		nft_number_name(c->name, "__chain", c->handle);
	}
	if (tb[NFTA_CHAIN_HOOK].data)
		r = read_hook(ctx, c, &tb[NFTA_CHAIN_HOOK], &tb[NFTA_CHAIN_TYPE]);
	if (r == 0 && tb[NFTA_CHAIN_POLICY].data) {
		if (!c->base)
			return -EOPNOTSUPP;
		c->policy = nfa_be32(&tb[NFTA_CHAIN_POLICY]);
		if (c->policy != NF_DROP && c->policy != NF_ACCEPT)
			return -EINVAL;
	}
	read_counters(c, &tb[NFTA_CHAIN_COUNTERS]);
	return r < 0 ? r : nft_bytes_copy(&c->udata, &c->udata_len, &tb[NFTA_CHAIN_USERDATA]);
}

int nft_new_chain(struct nft_ctx *ctx, const struct nfa *tb)
{
	struct nft_chain *c = tb[NFTA_CHAIN_HANDLE].data
				      ? chain_by_handle(ctx->table, nfa_be64(&tb[NFTA_CHAIN_HANDLE]))
				      : nft_chain_find(ctx->table, &tb[NFTA_CHAIN_NAME]);
	int r;

	if (c) {
		r = change_chain(ctx, c, tb);
		ctx->chain = c;
		return r;
	}
	if (tb[NFTA_CHAIN_HANDLE].data)
		return -ENOENT;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	r = make_chain(ctx, c, tb);
	if (r == 0 && !nft_journal(ctx->nf, NFT_UNDO_NEW_CHAIN, c))
		r = -ENOMEM;
	if (r < 0) {
		chain_free(c);
		return r;
	}
	list_push_back(&ctx->table->chains, &c->list);
	ctx->table->use++;
	ctx->chain = c;
	return 0;
}

static int del_chain(struct nft_ctx *ctx, struct nft_chain *c)
{
	struct nft_undo *u;
	int r = del_rules(ctx, c);

	if (r < 0)
		return r;
	if (c->use)
		return -EBUSY;
	u = nft_journal(ctx->nf, NFT_UNDO_DEL_CHAIN, c);
	if (!u)
		return -ENOMEM;
	nft_tell_chain(ctx, c, true);
	unlink_at(u, &c->list);
	c->table->use--;
	return 0;
}

int nft_del_chain(struct nft_ctx *ctx, const struct nfa *tb, bool destroy)
{
	struct nft_chain *c = tb[NFTA_CHAIN_HANDLE].data
				      ? chain_by_handle(ctx->table, nfa_be64(&tb[NFTA_CHAIN_HANDLE]))
				      : nft_chain_find(ctx->table, &tb[NFTA_CHAIN_NAME]);

	if (!c)
		return destroy ? 0 : -ENOENT;
	/* Its own rules go with it, unless the caller forbids. */
	if ((ctx->flags & NLM_F_NONREC) && !list_empty(&c->rules))
		return -EBUSY;
	return del_chain(ctx, c);
}

/* A table with everything in it. */
static int flush_table(struct nft_ctx *ctx, struct nft_table *t)
{
	struct nft_chain *c;
	struct list *node;
	struct nft_undo *u;
	int r = 0;

	ctx->table = t;
	list_for_each_entry(c, &t->chains, list)
	{
		if (r == 0)
			r = del_rules(ctx, c);
	}
	if (r == 0)
		r = nft_del_sets(ctx, t);
	while (r == 0 && (node = list_first(&t->chains)) != NULL)
		r = del_chain(ctx, list_entry(node, struct nft_chain, list));
	if (r < 0)
		return r;
	u = nft_journal(ctx->nf, NFT_UNDO_DEL_TABLE, t);
	if (!u)
		return -ENOMEM;
	nft_tell_table(ctx, t, true);
	unlink_at(u, &t->list);
	return 0;
}

int nft_del_table(struct nft_ctx *ctx, const struct nfa *tb, bool destroy)
{
	bool named = tb[NFTA_TABLE_NAME].data || tb[NFTA_TABLE_HANDLE].data, found = false;
	int r = 0;

	list_for_each_safe(node, &ctx->nf->tables)
	{
		struct nft_table *t = list_entry(node, struct nft_table, list);

		if (r < 0 || (ctx->family != NFPROTO_UNSPEC && t->family != ctx->family))
			continue;
		if (tb[NFTA_TABLE_NAME].data && !nfa_is(&tb[NFTA_TABLE_NAME], t->name))
			continue;
		if (tb[NFTA_TABLE_HANDLE].data && nfa_be64(&tb[NFTA_TABLE_HANDLE]) != t->handle)
			continue;
		if (named && (ctx->flags & NLM_F_NONREC) && t->use)
			return -EBUSY;
		found = true;
		r = flush_table(ctx, t);
	}
	return r < 0 || found || !named || destroy ? r : -ENOENT;
}

void nft_flush_all(struct nf *nf)
{
	static const struct nfa none[NFTA_TABLE_MAX + 1];
	struct net_nf_error err = { 0 };
	struct nft_ctx ctx = { .nf = nf, .family = NFPROTO_UNSPEC, .err = &err };

	(void)nft_del_table(&ctx, none, true);
	nft_commit(nf);
}
