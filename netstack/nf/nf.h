/* SPDX-License-Identifier: Apache-2.0 */
/* Netfilter, private: the packet under inspection, the steps of each hook, and the parts. */
#pragma once

#include "core/core.h"
#include "ip/hook.h"
#include "ip/ip.h"
#include "netstack/nf.h"
#include "nf/ct.h"
#include "util/list.h"

struct nft_chain;

enum nf_verdict { NF_V_DROP = 0, NF_V_ACCEPT = 1, NF_V_STOLEN = 2 };

/* A packet at a hook. Its view starts at the IP header. */
struct nf_pkt {
	struct nf *nf;
	struct pkt *pkt;
	struct link *in, *out; /* NULL: none */
	enum ip_hook hook;
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t proto;	/* of the transport */
	bool has_th;	/* th_off is that of a first or only fragment */
	uint16_t th_off;
	uint16_t frag_off;
	struct nf_ct *ct; /* NULL: not tracked */
	uint8_t ctinfo;	  /* enum nf_ctinfo */
	bool untracked;
};

/* Fills in what the headers say. False: malformed, not for netfilter. */
bool nf_pkt_parse(struct nf_pkt *p);
struct net_addr nf_pkt_src(const struct nf_pkt *p);
struct net_addr nf_pkt_dst(const struct nf_pkt *p);
/* Copies bytes at an offset from the IP header. False: not there. */
bool nf_pkt_load(const struct nf_pkt *p, size_t off, void *to, size_t len);
/* Overwrites bytes of a header. False: no memory, or not there. */
bool nf_pkt_store(struct nf_pkt *p, size_t off, const void *from, size_t len);
/* Overwrites 16-bit aligned bytes and corrects the checksums: of the IPv4 header if they are in it, of the
 * transport where @pseudo (they count in its pseudo-header) or they are in the transport. */
bool nf_pkt_mangle(struct nf_pkt *p, size_t off, const void *from, size_t len, bool pseudo);

/* What happens at one hook, in order of priority. */
enum nf_step_kind { NF_STEP_CHAIN, NF_STEP_TRACK, NF_STEP_NAT, NF_STEP_CONFIRM };
struct nf_step {
	int32_t prio;
	enum nf_step_kind kind;
	struct nft_chain *chain; /* CHAIN */
};

#define NF_STEPS_MAX 64

struct nf_hook {
	struct nf_step steps[NF_STEPS_MAX];
	unsigned n;
};

#define NF_LOG_LINES 64
#define NF_LOG_LEN 256

struct nf {
	struct net_core *core;
	struct ip *ip;
	struct nf_hook hooks[2][IP_HOOK_COUNT]; /* 0: IPv4, 1: IPv6 */
	struct list tables;			/* struct nft_table */
	struct list journal;			/* of the transaction */
	bool in_batch;
	uint64_t next_handle;
	uint32_t generation;
	uint32_t batch_changes;
	uint32_t need_ct, need_nat; /* expressions that ask for them */
	struct nf_cts cts;
	char log[NF_LOG_LINES][NF_LOG_LEN];
	unsigned log_first, log_count;
};

/* NULL: no memory. */
struct nf *nf_new(struct net_core *core, struct ip *ip);
/* Packets must be gone. Accepts NULL, returns NULL. */
struct nf *nf_free(struct nf *nf);
/* Chains or needs changed: builds the steps anew, and plugs or unplugs the hooks. */
void nf_rebuild(struct nf *nf);
void nf_log(struct nf *nf, const struct nf_pkt *p, const char *prefix);

/* nat.c: chains of type nat see only a connection's first packet; then every packet is rewritten as the
 * connection says. */
enum nf_verdict nf_nat(struct nf_pkt *p, struct nft_chain *const *chains, unsigned n);

/* nft_eval.c */
enum nf_verdict nft_chain_run(struct nft_chain *chain, struct nf_pkt *p);
/* reject.c: answers with an ICMP error (@type: NFT_REJECT_*) or a TCP reset. */
void nf_reject(struct nf_pkt *p, bool reset, uint8_t icmp_type, uint8_t icmp_code);
