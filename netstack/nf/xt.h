/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions of xtables, which iptables uses inside nftables rules: matches and targets by name and revision,
 * with the binary parameters of linux/netfilter/xt_*.h. */
#pragma once

#include "nf/nft.h"

#define XT_INFO_MAX 512

struct xt_ext {
	const char *name;
	uint8_t revision;
	bool target;
	uint8_t family; /* NFPROTO_UNSPEC: any */
	uint16_t size;	/* of the parameters, before padding to 8 */
	bool needs_ct, needs_nat;
	/* 0 or -EINVAL, -EOPNOTSUPP for what is not done. NULL: anything goes. */
	int (*check)(const void *info);
	/* A match says whether it matches; a target returns a verdict (NFT_CONTINUE: go on). */
	bool (*match)(const void *info, struct nf_pkt *p);
	int (*act)(const void *info, struct nf_pkt *p);
};

extern const struct xt_ext xt_matches[], xt_targets[]; /* end with a NULL name */
