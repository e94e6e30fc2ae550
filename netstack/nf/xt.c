/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions of xtables, for iptables. */
#include <errno.h>

#include "nf/nft.h"

const struct nft_expr_ops *const nft_exprs_xt[] = { NULL };

int net_nft_compat_revision(uint8_t family, const char *name, uint32_t revision, bool target)
{
	(void)family;
	(void)name;
	(void)revision;
	(void)target;
	return -ENOENT;
}
