/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a packet through a chain and those it jumps to. Chains are checked for loops and depth when rules are
 * loaded, so that the stack of returns is bounded. */
#include <errno.h>

#include "nf/nft.h"

struct frame {
	struct nft_chain *chain;
	struct nft_rule *next;
};

static struct nft_rule *first_rule(struct nft_chain *c)
{
	return list_empty(&c->rules) ? NULL : list_entry(list_first(&c->rules), struct nft_rule, list);
}

static struct nft_rule *next_rule(struct nft_rule *r)
{
	struct list *n = list_next(&r->chain->rules, &r->list);

	return n ? list_entry(n, struct nft_rule, list) : NULL;
}

static void rule_run(struct nft_rule *rule, struct nft_regs *regs, struct nf_pkt *p)
{
	regs->verdict = NFT_CONTINUE;
	regs->chain = NULL;
	for (unsigned i = 0; i < rule->n && regs->verdict == NFT_CONTINUE; i++)
		rule->exprs[i]->ops->eval(rule->exprs[i], regs, p);
	if (regs->verdict == NFT_BREAK)
		regs->verdict = NFT_CONTINUE;
}

static enum nf_verdict policy(struct nft_chain *base, const struct nf_pkt *p)
{
	if (base->has_counters) {
		base->packets++;
		base->bytes += p->pkt->len;
	}
	return base->policy == NF_DROP ? NF_V_DROP : NF_V_ACCEPT;
}

enum nf_verdict nft_chain_run(struct nft_chain *base, struct nf_pkt *p)
{
	struct frame stack[NFT_JUMPS_MAX];
	struct nft_rule *rule = first_rule(base);
	struct nft_regs regs;
	unsigned depth = 0;

	memset(&regs, 0, sizeof(regs));
	for (;;) {
		while (!rule) {
			if (depth == 0)
				return policy(base, p);
			rule = stack[--depth].next;
		}
		rule_run(rule, &regs, p);
		switch (regs.verdict) {
		case NF_ACCEPT:
			return NF_V_ACCEPT;
		case NF_DROP:
			return NF_V_DROP;
		case NFT_JUMP:
			if (depth == NFT_JUMPS_MAX)
				return NF_V_DROP;
			stack[depth++] = (struct frame){ rule->chain, next_rule(rule) };
			rule = first_rule(regs.chain);
			break;
		case NFT_GOTO:
			rule = first_rule(regs.chain);
			break;
		case NFT_RETURN:
			rule = NULL;
			break;
		default:
			rule = next_rule(rule);
		}
	}
}

static int check_jump(const struct nft_data *d, unsigned depth)
{
	return d->chain ? nft_chain_check(d->chain, depth + 1) : 0;
}

/* Every way out of the chain: verdicts of its rules, and of the maps that they ask. */
static int check_rule(struct nft_rule *rule, unsigned depth)
{
	struct nft_set *sets[8];
	int r = 0;

	for (unsigned i = 0; r == 0 && i < rule->n; i++) {
		const struct nft_data *d = nft_expr_verdict(rule->exprs[i]);
		unsigned n = nft_expr_sets(rule->exprs[i], sets);
		struct nft_elem *e;

		if (d)
			r = check_jump(d, depth);
		for (unsigned j = 0; r == 0 && j < n; j++) {
			if (sets[j]->data_type != NFT_DATA_VERDICT)
				continue;
			list_for_each_entry(e, &sets[j]->elems, list)
			{
				if (r == 0)
					r = check_jump(&e->data, depth);
			}
		}
	}
	return r;
}

int nft_chain_check(struct nft_chain *c, unsigned depth)
{
	struct nft_rule *rule;
	int r = 0;

	/* On the way already: a loop. */
	if (c->depth)
		return -ELOOP;
	if (depth >= NFT_JUMPS_MAX)
		return -EMLINK;
	c->depth = 1;
	list_for_each_entry(rule, &c->rules, list)
	{
		if (r == 0)
			r = check_rule(rule, depth);
	}
	c->depth = 0;
	return r;
}
