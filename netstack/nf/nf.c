/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks: which steps a packet takes at each, built when rules change, walked for each packet. */
#include "nf/nf.h"

#include <netinet/in.h>

#include "nf/nft.h"

#define PRIO_TRACK (-200)
#define PRIO_NAT_DST (-100)
#define PRIO_NAT_SRC 100
#define PRIO_CONFIRM INT32_MAX

struct nf *nf_new(struct net_core *core, struct ip *ip)
{
	struct nf *nf = calloc(1, sizeof(*nf));

	if (!nf)
		return NULL;
	nf->core = core;
	nf->ip = ip;
	list_init(&nf->tables);
	list_init(&nf->journal);
	nf->generation = 1;
	core->pool.ct_unref = nf_ct_unref;
	if (nf_cts_init(&nf->cts, core) < 0) {
		free(nf);
		return NULL;
	}
	return nf;
}

struct nf *nf_free(struct nf *nf)
{
	if (!nf)
		return NULL;
	nft_flush_all(nf);
	nf_cts_fini(&nf->cts);
	nf->ip->hooks.run = NULL;
	free(nf);
	return NULL;
}

/* --- building ----------------------------------------------------------------------------------------- */

static void add_step(struct nf_hook *h, int32_t prio, enum nf_step_kind kind, struct nft_chain *chain)
{
	unsigned at = h->n;

	if (h->n == NF_STEPS_MAX)
		return;
	/* Behind those of the same priority. */
	while (at > 0 && h->steps[at - 1].prio > prio) {
		h->steps[at] = h->steps[at - 1];
		at--;
	}
	h->steps[at] = (struct nf_step){ .prio = prio, .kind = kind, .chain = chain };
	h->n++;
}

static void add_builtin(struct nf *nf, int v6)
{
	struct nf_hook *h = nf->hooks[v6];

	if (nf->need_ct || nf->need_nat) {
		add_step(&h[IP_HOOK_PREROUTING], PRIO_TRACK, NF_STEP_TRACK, NULL);
		add_step(&h[IP_HOOK_OUTPUT], PRIO_TRACK, NF_STEP_TRACK, NULL);
		add_step(&h[IP_HOOK_INPUT], PRIO_CONFIRM, NF_STEP_CONFIRM, NULL);
		add_step(&h[IP_HOOK_POSTROUTING], PRIO_CONFIRM, NF_STEP_CONFIRM, NULL);
	}
	if (nf->need_nat) {
		add_step(&h[IP_HOOK_PREROUTING], PRIO_NAT_DST, NF_STEP_NAT, NULL);
		add_step(&h[IP_HOOK_OUTPUT], PRIO_NAT_DST, NF_STEP_NAT, NULL);
		add_step(&h[IP_HOOK_INPUT], PRIO_NAT_SRC, NF_STEP_NAT, NULL);
		add_step(&h[IP_HOOK_POSTROUTING], PRIO_NAT_SRC, NF_STEP_NAT, NULL);
	}
}

void nf_rebuild(struct nf *nf)
{
	struct nft_table *t;
	struct nft_chain *c;
	bool any = false;

	memset(nf->hooks, 0, sizeof(nf->hooks));
	for (int v6 = 0; v6 < 2; v6++)
		add_builtin(nf, v6);
	list_for_each_entry(t, &nf->tables, list)
	{
		if (t->flags & NFT_TABLE_F_DORMANT)
			continue;
		list_for_each_entry(c, &t->chains, list)
		{
			if (!c->base || c->hook >= IP_HOOK_COUNT)
				continue;
			any = true;
			if (t->family != NFPROTO_IPV6 && t->family != NFPROTO_ARP)
				add_step(&nf->hooks[0][c->hook], c->prio, NF_STEP_CHAIN, c);
			if (t->family != NFPROTO_IPV4 && t->family != NFPROTO_ARP)
				add_step(&nf->hooks[1][c->hook], c->prio, NF_STEP_CHAIN, c);
		}
	}
	nf->ip->hooks.ctx = nf;
	nf->ip->hooks.run = any || nf->need_ct || nf->need_nat ? nf_run : NULL;
}

/* --- walking ------------------------------------------------------------------------------------------ */

static enum nf_verdict nat_step(const struct nf_hook *h, struct nf_pkt *p)
{
	struct nft_chain *chains[NF_STEPS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < h->n; i++) {
		if (h->steps[i].kind == NF_STEP_CHAIN && h->steps[i].chain->type == NFT_TYPE_NAT)
			chains[n++] = h->steps[i].chain;
	}
	return nf_nat(p, chains, n);
}

static enum nf_verdict step(const struct nf_hook *h, const struct nf_step *s, struct nf_pkt *p)
{
	switch (s->kind) {
	case NF_STEP_TRACK:
		nf_ct_track(p);
		return NF_V_ACCEPT;
	case NF_STEP_NAT:
		return nat_step(h, p);
	case NF_STEP_CONFIRM:
		return nf_ct_confirm(p) ? NF_V_ACCEPT : NF_V_DROP;
	case NF_STEP_CHAIN:
		/* Chains of type nat are evaluated by the NAT step. */
		return s->chain->type == NFT_TYPE_NAT ? NF_V_ACCEPT : nft_chain_run(s->chain, p);
	}
	return NF_V_ACCEPT;
}

/* A packet carries its connection from hook to hook, and over the loopback. */
static void carry_in(struct nf_pkt *p)
{
	p->ct = p->pkt->nf_ct;
	p->ctinfo = p->pkt->nf_ctinfo & 7;
	p->untracked = p->pkt->nf_ctinfo & 8;
	if (p->ct && (p->ct->status & CTS_DYING)) {
		nf_ct_unref(p->ct);
		p->ct = NULL;
	}
}

static void carry_out(struct nf_pkt *p)
{
	p->pkt->nf_ct = p->ct;
	p->pkt->nf_ctinfo = (uint8_t)(p->ctinfo | (p->untracked ? 8 : 0));
}

bool nf_run(void *ctx, enum ip_hook hook, struct link *in, struct link *out, struct pkt *pkt)
{
	struct nf *nf = ctx;
	struct nf_pkt p = { .nf = nf, .pkt = pkt, .in = in, .out = out, .hook = hook };
	const struct nf_hook *h;
	enum nf_verdict v = NF_V_ACCEPT;

	if (!nf_pkt_parse(&p))
		return true;
	carry_in(&p);
	h = &nf->hooks[p.family == AF_INET6][hook];
	for (unsigned i = 0; i < h->n && v == NF_V_ACCEPT; i++)
		v = step(h, &h->steps[i], &p);
	carry_out(&p);
	if (v == NF_V_DROP)
		core_drop(nf->core, pkt, DROP_NETFILTER);
	return v == NF_V_ACCEPT;
}

/* --- the log statement -------------------------------------------------------------------------------- */

void nf_log(struct nf *nf, const struct nf_pkt *p, const char *prefix)
{
	struct net_addr src = nf_pkt_src(p), dst = nf_pkt_dst(p);
	char *line;

	if (nf->log_count == NF_LOG_LINES) {
		nf->log_first = (nf->log_first + 1) % NF_LOG_LINES;
		nf->log_count--;
	}
	line = nf->log[(nf->log_first + nf->log_count++) % NF_LOG_LINES];
	nf_log_format(line, NF_LOG_LEN, p, prefix, &src, &dst);
}
