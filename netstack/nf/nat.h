/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule asks NAT to do. */
#pragma once

#include "netstack/nf.h"

struct nf_ct;
struct nf_pkt;

enum nf_manip { NF_MANIP_SRC = 0, NF_MANIP_DST = 1 };

enum {
	NF_RANGE_ADDRS = 1 << 0, /* NF_NAT_RANGE_MAP_IPS ... with Linux's numbers */
	NF_RANGE_PORTS = 1 << 1,
	NF_RANGE_RANDOM = 1 << 2,
	NF_RANGE_PERSISTENT = 1 << 3,
	NF_RANGE_RANDOM_FULLY = 1 << 4,
	NF_RANGE_PREFIX = 1 << 6, /* NETMAP */
};

struct nf_range {
	uint32_t flags;
	struct net_addr min, max;
	uint16_t port_min, port_max;
};

/* Binds a new connection: its reply tuple becomes that of the translated packet. 0 (accept) or -1 (drop:
 * nothing free). */
int nf_nat_bind(struct nf_pkt *p, enum nf_manip manip, const struct nf_range *range);
/* The address of the link a packet leaves by, for masquerading. False: it has none. */
bool nf_nat_masquerade(struct nf_pkt *p, struct nf_range *range);
/* The address of the link a packet came by (or of the loopback), for redirection. */
bool nf_nat_redirect(struct nf_pkt *p, struct nf_range *range);
