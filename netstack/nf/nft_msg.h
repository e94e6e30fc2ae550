/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of nf_tables: shared between the files that handle them. */
#pragma once

#include "nf/nft.h"

enum nft_undo_kind {
	NFT_UNDO_NEW_TABLE,
	NFT_UNDO_DEL_TABLE,
	NFT_UNDO_SET_TABLE, /* flags */
	NFT_UNDO_NEW_CHAIN,
	NFT_UNDO_DEL_CHAIN,
	NFT_UNDO_SET_CHAIN, /* policy */
	NFT_UNDO_NAME_CHAIN,
	NFT_UNDO_NEW_RULE,
	NFT_UNDO_DEL_RULE,
	NFT_UNDO_NEW_SET,
	NFT_UNDO_DEL_SET,
	NFT_UNDO_NEW_ELEM,
	NFT_UNDO_DEL_ELEM,
	NFT_UNDO_NEW_OBJ,
	NFT_UNDO_DEL_OBJ,
};

struct nft_undo {
	struct list list;
	enum nft_undo_kind kind;
	void *obj;
	struct nft_set *set;  /* ELEM */
	struct list *prev;    /* DEL: it stood behind this */
	uint32_t old32;
	char old_name[NFT_NAME_MAXLEN];
};

/* Notes a change. NULL: no memory. */
struct nft_undo *nft_journal(struct nf *nf, enum nft_undo_kind kind, void *obj);
void nft_commit(struct nf *nf);
void nft_abort(struct nf *nf);
/* Sets, elements, objects: the other kinds. */
void nft_undo_set(struct nf *nf, struct nft_undo *u);
void nft_forget_set(struct nf *nf, struct nft_undo *u);

bool nfa_is(const struct nfa *a, const char *s);
/* "__set" and a number. */
void nft_number_name(char *to, const char *prefix, uint64_t n);
struct nft_chain *nft_chain_by_id(const struct nft_table *t, uint32_t id);

int nft_new_table(struct nft_ctx *ctx, const struct nfa *tb);
int nft_del_table(struct nft_ctx *ctx, const struct nfa *tb, bool destroy);
int nft_new_chain(struct nft_ctx *ctx, const struct nfa *tb);
int nft_del_chain(struct nft_ctx *ctx, const struct nfa *tb, bool destroy);
int nft_new_rule(struct nft_ctx *ctx, const struct nfa *tb);
int nft_del_rule(struct nft_ctx *ctx, const struct nfa *tb, bool destroy);
int nft_new_set(struct nft_ctx *ctx, const struct nfa *tb);
int nft_del_set(struct nft_ctx *ctx, const struct nfa *tb, bool destroy);
int nft_new_elems(struct nft_ctx *ctx, const struct nfa *tb);
int nft_del_elems(struct nft_ctx *ctx, const struct nfa *tb, bool destroy);
int nft_new_obj(struct nft_ctx *ctx, const struct nfa *tb);
int nft_del_obj(struct nft_ctx *ctx, const struct nfa *tb, bool destroy);
/* All sets and objects of a table that goes. */
int nft_del_sets(struct nft_ctx *ctx, struct nft_table *t);
/* Anonymous sets go with the rule that used them. */
int nft_drop_anonymous(struct nft_ctx *ctx, struct nft_rule *r);

/* What the groups are told; ctx->notify may be NULL. */
void nft_tell_table(struct nft_ctx *ctx, const struct nft_table *t, bool gone);
void nft_tell_chain(struct nft_ctx *ctx, const struct nft_chain *c, bool gone);
void nft_tell_rule(struct nft_ctx *ctx, const struct nft_rule *r, bool gone);
void nft_tell_set(struct nft_ctx *ctx, const struct nft_set *s, bool gone);
void nft_tell_elem(struct nft_ctx *ctx, struct nft_set *s, struct nft_elem *e, bool gone);
