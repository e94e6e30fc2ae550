/* SPDX-License-Identifier: Apache-2.0 */
/* nftables' objects: tables hold chains, sets and named objects; chains hold rules; rules are lists of
 * expressions that work on registers. */
#pragma once

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "nf/attr.h"
#include "nf/nf.h"

#define NFT_JUMPS_MAX 16
#define NFT_KEY_MAX 64
#define NFT_REG_BYTES 80 /* the verdict, then 16 registers of 4 bytes */
#define NFT_SETS_MAX 4096
#define NFT_ELEMS_MAX (1u << 20)
#define NFT_EXPRS_MAX 128

struct nft_expr;
struct nft_set;

struct nft_regs {
	union {
		uint8_t bytes[NFT_REG_BYTES];
		uint32_t word[NFT_REG_BYTES / 4];
	};
	int32_t verdict;	 /* NFT_CONTINUE ..., NF_ACCEPT ... */
	struct nft_chain *chain; /* of JUMP and GOTO */
};

/* What a message needs to be understood. */
struct nft_ctx {
	struct nf *nf;
	uint8_t family;
	uint16_t flags;
	struct nft_table *table;
	struct nft_chain *chain;
	struct net_nf_error *err;
	struct net_nf_buf *notify; /* NULL: nobody listens */
	bool dead; /* parsed for use by a set's element: no chain is being built */
};

struct nft_table {
	struct list list;
	char name[NFT_NAME_MAXLEN];
	uint8_t family;
	uint32_t flags;
	uint64_t handle;
	uint32_t use; /* chains, sets, objects */
	struct list chains, sets, objs;
	uint8_t *udata;
	uint16_t udata_len;
};

enum nft_type { NFT_TYPE_FILTER, NFT_TYPE_NAT, NFT_TYPE_ROUTE };

struct nft_chain {
	struct list list;
	char name[NFT_NAME_MAXLEN];
	struct nft_table *table;
	uint64_t handle;
	uint32_t flags, id;
	uint32_t use; /* rules in it, and jumps to it */
	bool base, has_counters;
	uint8_t hook;
	int32_t prio;
	enum nft_type type;
	uint32_t policy; /* NF_ACCEPT, NF_DROP */
	uint64_t packets, bytes;
	char dev[16];
	struct list rules;
	uint8_t *udata;
	uint16_t udata_len;
	uint8_t depth; /* while loops are looked for */
};

struct nft_rule {
	struct list list;
	struct nft_chain *chain;
	uint64_t handle;
	uint32_t id;
	struct nft_expr **exprs;
	unsigned n;
	bool has_compat;
	uint32_t compat_proto, compat_flags;
	uint8_t *udata;
	uint16_t udata_len;
};

/* --- expressions -------------------------------------------------------------------------------------- */

struct nft_expr_ops {
	const char *name;
	size_t size; /* of the whole object, struct nft_expr first */
	unsigned max_attr;
	/* Reads the attributes. 0 or an errno. */
	int (*init)(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb);
	void (*eval)(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p);
	/* What init took is given back (uses of chains and sets); NULL: nothing. */
	void (*fini)(struct nf *nf, struct nft_expr *e);
	/* The rule leaves or comes back (a deletion that is undone): use counts. NULL: nothing. */
	void (*use)(struct nf *nf, struct nft_expr *e, bool on);
	/* Attributes that change; NULL: as they came. */
	void (*dump)(const struct nft_expr *e, struct net_nf_buf *b, bool reset);
	bool stateful; /* may be an element's */
	bool needs_ct, needs_nat;
};

struct nft_expr {
	const struct nft_expr_ops *ops;
	uint8_t *attrs; /* NFTA_EXPR_DATA as it came */
	uint16_t attrs_len;
};

/* NFTA_EXPR_NAME, NFTA_EXPR_DATA. */
int nft_expr_new(const struct nft_ctx *ctx, struct nft_expr **ret, const struct nfa *a);
void nft_expr_free(struct nf *nf, struct nft_expr *e);
void nft_expr_use(struct nf *nf, struct nft_expr *e, bool on);
int nft_expr_clone(struct nf *nf, struct nft_expr **ret, const struct nft_expr *from);
void nft_expr_dump(const struct nft_expr *e, struct net_nf_buf *b, uint16_t type, bool reset);
const struct nft_expr_ops *nft_expr_find(const char *name);

/* The verdict of an immediate, or NULL; the sets that an expression asks for verdicts (at most 8). */
const struct nft_data *nft_expr_verdict(const struct nft_expr *e);
unsigned nft_expr_sets(const struct nft_expr *e, struct nft_set **ret);

/* A register number as an offset into struct nft_regs. 0 or -EINVAL, -ERANGE. */
int nft_reg_load(const struct nfa *a, uint8_t *off, unsigned len);
int nft_reg_store(const struct nfa *a, uint8_t *off, unsigned len);

struct nft_data {
	uint8_t bytes[NFT_KEY_MAX];
	unsigned len;
	bool is_verdict;
	int32_t verdict;
	struct nft_chain *chain;
};
/* NFTA_DATA_VALUE or NFTA_DATA_VERDICT. A chain named is looked up, not yet used. */
int nft_data_read(const struct nft_ctx *ctx, struct nft_data *d, const struct nfa *a, unsigned max);
void nft_data_put(struct net_nf_buf *b, uint16_t type, const struct nft_data *d);

/* --- sets --------------------------------------------------------------------------------------------- */

struct nft_elem {
	struct hnode node; /* sets without intervals */
	struct list list;  /* in the order of dumps */
	uint8_t key[NFT_KEY_MAX], key_end[NFT_KEY_MAX];
	bool has_end;
	uint32_t flags; /* NFT_SET_ELEM_INTERVAL_END, CATCHALL */
	net_dur timeout;
	net_time expires; /* 0: never */
	struct nft_data data;
	struct nft_obj *obj;
	struct nft_expr *exprs[2];
	uint8_t *udata;
	uint16_t udata_len;
};

struct nft_set {
	struct list list;
	char name[NFT_NAME_MAXLEN];
	struct nft_table *table;
	uint64_t handle;
	uint32_t flags, id, use;
	uint32_t key_type, key_len, data_type, data_len, obj_type, policy, size, gc_interval;
	uint64_t timeout_ms;
	uint8_t field_len[16];
	unsigned n_fields; /* of a concatenation with intervals */
	struct hash hash;
	struct list elems; /* all; sorted by key where there are intervals */
	struct nft_elem **sorted; /* interval sets: rebuilt when needed */
	bool dirty;
	uint32_t count;
	struct nft_expr *exprs[2]; /* templates of elements' */
	uint8_t *udata;
	uint16_t udata_len;
};

struct nft_set *nft_set_find(const struct nft_table *t, const struct nfa *name, const struct nfa *id);
struct nft_elem *nft_set_lookup(struct nft_set *s, const uint8_t *key, net_time now);
/* Adds from the packet path. NULL: full or no memory. */
struct nft_elem *nft_set_add_dynamic(struct nf *nf, struct nft_set *s, const uint8_t *key, net_dur timeout);
void nft_set_remove(struct nf *nf, struct nft_set *s, struct nft_elem *e);
void nft_elem_free(struct nf *nf, struct nft_set *s, struct nft_elem *e);
void nft_set_free(struct nf *nf, struct nft_set *s);
void nft_set_insert(struct nft_set *s, struct nft_elem *e);
void nft_set_unlink(struct nft_set *s, struct nft_elem *e);
/* The uses that an element's data stands for. */
void nft_elem_use(struct nft_elem *e, bool on);

struct nft_obj {
	struct list list;
	char name[NFT_NAME_MAXLEN];
	struct nft_table *table;
	uint64_t handle;
	uint32_t type, use;
	struct nft_expr *expr; /* the same as the stateful expression of that kind */
	uint8_t *udata;
	uint16_t udata_len;
};
struct nft_obj *nft_obj_find(const struct nft_table *t, const struct nfa *name, uint32_t type);

struct nft_table *nft_table_find(struct nf *nf, const struct nfa *name, uint8_t family);
struct nft_chain *nft_chain_find(const struct nft_table *t, const struct nfa *name);
/* Whether following jumps from @c leads back or too deep. */
int nft_chain_check(struct nft_chain *c, unsigned depth);

/* Forgets everything. */
void nft_flush_all(struct nf *nf);
bool nf_run(void *ctx, enum ip_hook hook, struct link *in, struct link *out, struct pkt *pkt);
void nf_log_format(char *to, size_t size, const struct nf_pkt *p, const char *prefix,
		   const struct net_addr *src, const struct net_addr *dst);

/* Tables of expressions, one per file. */
extern const struct nft_expr_ops *const nft_exprs_basic[], *const nft_exprs_state[], *const nft_exprs_nat[],
	*const nft_exprs_set[], *const nft_exprs_xt[], *const nft_exprs_count[];

int nft_bytes_copy(uint8_t **ret, uint16_t *ret_len, const struct nfa *a);
