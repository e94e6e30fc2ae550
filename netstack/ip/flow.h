/* SPDX-License-Identifier: Apache-2.0 */
/* What routing looks at. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "netstack/types.h"

struct ip_flow {
	struct net_addr dst;
	struct net_addr src; /* family 0: not chosen yet */
	net_link_id oif;     /* 0 = any */
	net_link_id iif;     /* 0 = sent by us */
	uint32_t mark;
	uint32_t uid;
	uint8_t tos;
	uint8_t proto;
	uint16_t sport, dport;
};
