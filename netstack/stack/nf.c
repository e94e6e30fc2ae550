/* SPDX-License-Identifier: Apache-2.0 */
/* netstack/nf.h over nf/: made when it is first asked to hold something. */
#include <errno.h>

#include "nf/api.h"
#include "nf/nat.h"
#include "stack/stack_priv.h"

static struct nf *need(struct net_stack *stack)
{
	if (!stack->nf)
		stack->nf = nf_new(&stack->core, &stack->ip);
	return stack->nf;
}

void net_nft_begin(struct net_stack *stack)
{
	if (need(stack))
		nft_begin(stack->nf);
}

int net_nft_apply(struct net_stack *stack, uint8_t type, uint8_t family, uint16_t flags, const uint8_t *attrs,
		  size_t len, struct net_nf_buf *notify, struct net_nf_error *err)
{
	if (!stack->nf)
		return -ENOMEM;
	return nft_apply(stack->nf, type, family, flags, attrs, len, notify, err);
}

void net_nft_commit(struct net_stack *stack)
{
	if (stack->nf)
		nft_commit(stack->nf);
}

void net_nft_abort(struct net_stack *stack)
{
	if (stack->nf)
		nft_abort(stack->nf);
}

uint32_t net_nft_generation(const struct net_stack *stack)
{
	return stack->nf ? stack->nf->generation : 1;
}

int net_nft_get(struct net_stack *stack, uint8_t type, uint8_t family, bool dump, const uint8_t *attrs,
		size_t len, struct net_nf_buf *ret, struct net_nf_error *err)
{
	(void)err;
	if (!need(stack))
		return -ENOMEM;
	return nft_get(stack->nf, type, family, dump, attrs, len, ret);
}

/* --- connections ------------------------------------------------------------------------------------------ */

size_t net_info_conntrack(const struct net_stack *stack, struct net_ct_info *ret, size_t max)
{
	struct nf_ct *ct;
	size_t n = 0;

	if (!stack->nf)
		return 0;
	list_for_each_entry(ct, &stack->nf->cts.all, all)
	{
		if (n < max)
			nf_ct_fill(ct, stack->core.now, &ret[n]);
		n++;
	}
	return n;
}

uint32_t net_conntrack_count(const struct net_stack *stack)
{
	return stack->nf ? stack->nf->cts.count : 0;
}

static struct nf_ct *find(struct net_stack *stack, const struct net_ct_tuple *t)
{
	struct nf_ct_node *n = stack->nf ? nf_ct_find(&stack->nf->cts, t) : NULL;

	return n ? n->ct : NULL;
}

int net_conntrack_del(struct net_stack *stack, const struct net_ct_tuple *tuple, uint32_t id)
{
	struct nf_ct *ct = find(stack, tuple);

	if (!ct || (id && id != ct->id))
		return -ENOENT;
	nf_ct_kill(ct);
	return 0;
}

void net_conntrack_flush(struct net_stack *stack)
{
	if (stack->nf)
		nf_cts_flush(&stack->nf->cts);
}

int net_conntrack_update(struct net_stack *stack, const struct net_ct_tuple *tuple, uint32_t mark,
			 uint32_t mark_mask, int64_t timeout_s)
{
	struct nf_ct *ct = find(stack, tuple);

	if (!ct)
		return -ENOENT;
	ct->mark = (ct->mark & ~mark_mask) | (mark & mark_mask);
	if (timeout_s >= 0)
		nf_ct_refresh(ct, NET_SEC(MIN(timeout_s, (int64_t)INT32_MAX)));
	return 0;
}

void net_conntrack_watch(struct net_stack *stack, bool on)
{
	if (!on && !stack->nf)
		return;
	if (need(stack))
		nf_cts_watch(&stack->nf->cts, on);
}

bool net_conntrack_next_event(struct net_stack *stack, struct net_ct_event *ret)
{
	return stack->nf && nf_cts_next_event(&stack->nf->cts, ret);
}

static const char *const settings[] = {
#define NAME_(name, def) #name,
	CT_SETTINGS(NAME_)
#undef NAME_
};

const char *net_ct_setting_name(unsigned which)
{
	return which < CTSET_COUNT ? settings[which] : NULL;
}

int32_t net_ct_setting_get(const struct net_stack *stack, unsigned which)
{
	static const int32_t defaults[] = {
#define DEFAULT_(name, def) def,
		CT_SETTINGS(DEFAULT_)
#undef DEFAULT_
	};

	if (which >= CTSET_COUNT)
		return 0;
	if (which == CTSET_nf_conntrack_count)
		return (int32_t)net_conntrack_count(stack);
	return stack->nf ? stack->nf->cts.set[which] : defaults[which];
}

int net_ct_setting_set(struct net_stack *stack, unsigned which, int32_t value)
{
	if (which >= CTSET_COUNT || value < 0)
		return -EINVAL;
	if (which == CTSET_nf_conntrack_count || which == CTSET_nf_conntrack_buckets)
		return -EACCES;
	if (!need(stack))
		return -ENOMEM;
	stack->nf->cts.set[which] = value;
	return 0;
}

int net_conntrack_orig_dst(struct net_stack *stack, uint8_t proto, const struct net_endpoint *local,
			   const struct net_endpoint *remote, struct net_endpoint *ret)
{
	/* The accepted socket answers: its packets have the reply's tuple. */
	struct net_ct_tuple t = { .src = local->addr, .dst = remote->addr, .proto = proto,
				  .sport = local->port, .dport = remote->port };
	struct nf_ct *ct;

	t.src.scope = t.dst.scope = 0;
	ct = find(stack, &t);
	if (!ct)
		return -ENOENT;
	*ret = (struct net_endpoint){ .addr = ct->dir[CT_ORIG].tuple.dst,
				      .port = ct->dir[CT_ORIG].tuple.dport };
	return 0;
}

bool net_nf_log_next(struct net_stack *stack, char *ret, size_t size)
{
	struct nf *nf = stack->nf;
	const char *line;
	size_t n;

	if (!nf || nf->log_count == 0)
		return false;
	line = nf->log[nf->log_first];
	n = MIN(strlen(line), size - 1);
	memcpy(ret, line, n);
	ret[n] = '\0';
	nf->log_first = (nf->log_first + 1) % NF_LOG_LINES;
	nf->log_count--;
	return true;
}
