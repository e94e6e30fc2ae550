/* SPDX-License-Identifier: Apache-2.0 */
/* What stack/ calls for netstack/nf.h. */
#pragma once

#include "nf/nf.h"

/* NFT_MSG_DESTROYTABLE and those behind it, which older headers lack: table, chain, rule, set, element, object. */
#define NFT_MSG_DESTROYTABLE_ 26
#define NFT_MSG_GETRULE_RESET_ 25

void nft_begin(struct nf *nf);
void nft_commit(struct nf *nf);
void nft_abort(struct nf *nf);
int nft_apply(struct nf *nf, uint8_t type, uint8_t family, uint16_t flags, const uint8_t *attrs, size_t len,
	      struct net_nf_buf *notify, struct net_nf_error *err);
int nft_get(struct nf *nf, uint8_t type, uint8_t family, bool dump, const uint8_t *attrs, size_t len,
	    struct net_nf_buf *ret);
