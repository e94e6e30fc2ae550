/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about addresses; pure. */
#pragma once

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "netstack/types.h"

static inline bool addr_is_any(const struct net_addr *a)
{
	return !(a->quad[0] | a->quad[1]);
}

static inline bool addr_is_multicast(const struct net_addr *a)
{
	return a->family == AF_INET ? a->v4[0] >> 4 == 14 : a->v6[0] == 0xff;
}

/* 255.255.255.255 */
static inline bool addr_is_limited_broadcast(const struct net_addr *a)
{
	return a->family == AF_INET && a->word[0] == 0xffffffff;
}

static inline bool addr_is_loopback(const struct net_addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	return a->family == AF_INET ? a->v4[0] == 127 : !memcmp(a->v6, one, 16);
}

static inline bool addr_is_link_local6(const struct net_addr *a)
{
	return a->family == AF_INET6 && a->v6[0] == 0xfe && (a->v6[1] & 0xc0) == 0x80;
}

/* Multicast scope of RFC 4291 2.7 (1 interface, 2 link, ...). */
static inline unsigned addr_mcast_scope6(const struct net_addr *a)
{
	return a->v6[1] & 15;
}

/* Whether the address only means something together with a link. */
static inline bool addr_needs_scope(const struct net_addr *a)
{
	if (a->family != AF_INET6)
		return false;
	return addr_is_link_local6(a) || (a->v6[0] == 0xff && addr_mcast_scope6(a) <= 2);
}

static inline bool addr_is_mapped(const struct net_addr *a)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return a->family == AF_INET6 && !memcmp(a->v6, prefix, 12);
}

/* Number of leading bits that agree. */
static inline unsigned addr_common_bits(const struct net_addr *a, const struct net_addr *b)
{
	unsigned len = a->family == AF_INET ? 4 : 16;

	for (unsigned i = 0; i < len; i++) {
		unsigned diff = a->bytes[i] ^ b->bytes[i];

		if (diff)
			return i * 8 + (unsigned)__builtin_clz(diff) - 24;
	}
	return len * 8;
}

/* @a with all bits behind @len cleared. */
static inline struct net_addr addr_prefix(const struct net_addr *a, unsigned len)
{
	struct net_addr p = *a;

	p.scope = 0;
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = len >= (i + 1) * 8 ? 8 : len > i * 8 ? len - i * 8 : 0;

		p.bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
	return p;
}

static inline bool addr_in_prefix(const struct net_addr *a, const struct net_addr *prefix,
				  unsigned len)
{
	return a->family == prefix->family && addr_common_bits(a, prefix) >= len;
}

static inline unsigned addr_bits(uint16_t family)
{
	return family == AF_INET ? 32 : 128;
}

/* ff02::1:ffXX:XXXX of an address (RFC 4291 2.7.1). */
static inline struct net_addr addr_solicited_node(const struct net_addr *a)
{
	struct net_addr g = {.family = AF_INET6};

	g.v6[0] = 0xff;
	g.v6[1] = 0x02;
	g.v6[11] = 1;
	g.v6[12] = 0xff;
	memcpy(g.v6 + 13, a->v6 + 13, 3);
	return g;
}

static inline struct net_addr addr_all_nodes6(void)
{
	struct net_addr g = {.family = AF_INET6};

	g.v6[0] = 0xff;
	g.v6[1] = 0x02;
	g.v6[15] = 1;
	return g;
}

static inline struct net_addr addr_all_routers6(void)
{
	struct net_addr g = addr_all_nodes6();

	g.v6[15] = 2;
	return g;
}

static inline struct net_addr addr4(uint32_t host_order)
{
	struct net_addr a = {.family = AF_INET};

	for (int i = 0; i < 4; i++)
		a.v4[i] = (uint8_t)(host_order >> (24 - 8 * i));
	return a;
}
