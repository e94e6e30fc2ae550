/* SPDX-License-Identifier: Apache-2.0 */
/* Rule sets for tests, built as nft(8) would. */
#pragma once

#include "support/lab.h" /* netinet/in.h before the kernel's */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "nf/attr.h"

static inline int nft_send(struct lab *lab, uint8_t type, uint16_t flags, struct net_nf_buf *b)
{
	struct net_nf_error err = { 0 };
	int r = net_nft_apply(lab->stack, type, NFPROTO_IPV4, flags, b->data, b->len, NULL, &err);

	net_nf_buf_fini(b);
	return r;
}

static inline void nft_table(struct lab *lab)
{
	struct net_nf_buf b = { 0 };

	nfb_str(&b, NFTA_TABLE_NAME, "t");
	cr_assert_eq(nft_send(lab, NFT_MSG_NEWTABLE, NLM_F_CREATE, &b), 0);
}

static inline void nft_chain(struct lab *lab, const char *name, const char *type, uint32_t hook, int32_t prio,
			     uint32_t policy)
{
	struct net_nf_buf b = { 0 };
	size_t nest;

	nfb_str(&b, NFTA_CHAIN_TABLE, "t");
	nfb_str(&b, NFTA_CHAIN_NAME, name);
	if (type) {
		nest = nfb_nest(&b, NFTA_CHAIN_HOOK);
		nfb_be32(&b, NFTA_HOOK_HOOKNUM, hook);
		nfb_be32(&b, NFTA_HOOK_PRIORITY, (uint32_t)prio);
		nfb_nest_end(&b, nest);
		nfb_str(&b, NFTA_CHAIN_TYPE, type);
		nfb_be32(&b, NFTA_CHAIN_POLICY, policy);
	}
	cr_assert_eq(nft_send(lab, NFT_MSG_NEWCHAIN, NLM_F_CREATE, &b), 0);
}

/* A rule: begin, expressions, end. */
struct rule {
	struct net_nf_buf b;
	size_t list, elem, data;
};

static inline void rule_begin(struct rule *r, const char *chain)
{
	*r = (struct rule){ 0 };
	nfb_str(&r->b, NFTA_RULE_TABLE, "t");
	nfb_str(&r->b, NFTA_RULE_CHAIN, chain);
	r->list = nfb_nest(&r->b, NFTA_RULE_EXPRESSIONS);
}

static inline struct net_nf_buf *expr_begin(struct rule *r, const char *name)
{
	r->elem = nfb_nest(&r->b, NFTA_LIST_ELEM);
	nfb_str(&r->b, NFTA_EXPR_NAME, name);
	r->data = nfb_nest(&r->b, NFTA_EXPR_DATA);
	return &r->b;
}

static inline void expr_end(struct rule *r)
{
	nfb_nest_end(&r->b, r->data);
	nfb_nest_end(&r->b, r->elem);
}

static inline int rule_end(struct lab *lab, struct rule *r)
{
	nfb_nest_end(&r->b, r->list);
	return nft_send(lab, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, &r->b);
}

static inline void put_value(struct net_nf_buf *b, uint16_t type, const void *v, size_t len)
{
	size_t nest = nfb_nest(b, type);

	nfb_put(b, NFTA_DATA_VALUE, v, len);
	nfb_nest_end(b, nest);
}

static inline void rule_payload(struct rule *r, uint32_t base, uint32_t off, uint32_t len)
{
	struct net_nf_buf *b = expr_begin(r, "payload");

	nfb_be32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	nfb_be32(b, NFTA_PAYLOAD_BASE, base);
	nfb_be32(b, NFTA_PAYLOAD_OFFSET, off);
	nfb_be32(b, NFTA_PAYLOAD_LEN, len);
	expr_end(r);
}

static inline void rule_cmp(struct rule *r, const void *v, size_t len)
{
	struct net_nf_buf *b = expr_begin(r, "cmp");

	nfb_be32(b, NFTA_CMP_SREG, NFT_REG_1);
	nfb_be32(b, NFTA_CMP_OP, NFT_CMP_EQ);
	put_value(b, NFTA_CMP_DATA, v, len);
	expr_end(r);
}

/* udp dport PORT */
static inline void rule_dport(struct rule *r, uint16_t port)
{
	uint8_t be[2] = { (uint8_t)(port >> 8), (uint8_t)port };

	rule_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	rule_cmp(r, be, 2);
}

static inline void rule_verdict(struct rule *r, int32_t code, const char *chain)
{
	struct net_nf_buf *b = expr_begin(r, "immediate");
	size_t data, verdict;

	nfb_be32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nfb_nest(b, NFTA_IMMEDIATE_DATA);
	verdict = nfb_nest(b, NFTA_DATA_VERDICT);
	nfb_be32(b, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		nfb_str(b, NFTA_VERDICT_CHAIN, chain);
	nfb_nest_end(b, verdict);
	nfb_nest_end(b, data);
	expr_end(r);
}

static inline void rule_port_reg(struct rule *r, uint16_t port)
{
	uint8_t be[2] = { (uint8_t)(port >> 8), (uint8_t)port };
	struct net_nf_buf *b = expr_begin(r, "immediate");

	nfb_be32(b, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_value(b, NFTA_IMMEDIATE_DATA, be, 2);
	expr_end(r);
}
