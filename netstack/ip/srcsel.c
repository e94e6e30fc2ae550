/* SPDX-License-Identifier: Apache-2.0 */
/* Which of our addresses to send from: RFC 6724 section 5 for IPv6, Linux's inet_select_addr for
 * IPv4 (an address of the outgoing link in the next hop's prefix, else its first, else any).
 */
#include "ip/ip.h"

/* RFC 5014 5.1, the numbers of <linux/in6.h>. */
#define IPV6_PREFER_SRC_TMP 0x0001
#define IPV6_PREFER_SRC_PUBLIC 0x0002
#define IPV6_PREFER_SRC_PUBTMP_DEFAULT 0x0100

/* RFC 6724 3.1, in the values of multicast scopes. */
static unsigned scope6(const struct net_addr *a)
{
	if (addr_is_multicast(a))
		return addr_mcast_scope6(a);
	if (addr_is_loopback(a) || addr_is_link_local6(a))
		return 2;
	if (a->v6[0] == 0xfe && (a->v6[1] & 0xc0) == 0xc0)
		return 5;
	return 14;
}

struct policy {
	uint8_t prefix[16];
	uint8_t len;
	uint8_t label;
};

/* RFC 6724 2.1, labels only. */
static const struct policy policies[] = {
	{{[15] = 1}, 128, 0},	{{[10] = 0xff, [11] = 0xff}, 96, 4},
	{{0x20, 0x02}, 16, 2},	{{0x20, 0x01}, 32, 5},
	{{0xfc}, 7, 13},	{{0}, 96, 3},
	{{0xfe, 0xc0}, 10, 11}, {{0x3f, 0xfe}, 16, 12},
};

static unsigned label6(const struct net_addr *a)
{
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		struct net_addr p = {.family = AF_INET6};

		memcpy(p.v6, policies[i].prefix, 16);
		if (addr_in_prefix(a, &p, policies[i].len))
			return policies[i].label;
	}
	return 1;
}

static bool prefers_temporary(const struct link *out, uint32_t prefer)
{
	if (prefer & (IPV6_PREFER_SRC_PUBLIC | IPV6_PREFER_SRC_PUBTMP_DEFAULT))
		return !(prefer & IPV6_PREFER_SRC_PUBLIC) && out->conf.v6[NET_CONF6_use_tempaddr] >= 2;
	return (prefer & IPV6_PREFER_SRC_TMP) || out->conf.v6[NET_CONF6_use_tempaddr] >= 2;
}

/* Whether @a is a better source than @b for @dst over @out (both exist). */
static bool better6(const struct ifaddr *a, const struct ifaddr *b, const struct net_addr *dst,
		    const struct link *out, uint32_t prefer)
{
	/* Rule 1: same address. */
	if (addr_eq(&a->addr, dst) != addr_eq(&b->addr, dst))
		return addr_eq(&a->addr, dst);

	/* Rule 2: appropriate scope. */
	unsigned sa = scope6(&a->addr), sb = scope6(&b->addr), sd = scope6(dst);

	if (sa != sb)
		return sa < sb ? sa >= sd : sb < sd;
	/* Rule 3: not deprecated. */
	if (a->deprecated != b->deprecated)
		return !a->deprecated;
	/* RFC 4429 3.1: an optimistic address is like a deprecated one. */
	if (a->optimistic != b->optimistic)
		return !a->optimistic;
	/* Rule 5: on the outgoing link. */
	if ((a->link == out) != (b->link == out))
		return a->link == out;

	/* Rule 6: matching label. */
	unsigned ld = label6(dst);
	bool la = label6(&a->addr) == ld, lb = label6(&b->addr) == ld;

	if (la != lb)
		return la;
	/* Rule 7: temporary or public, as asked (RFC 5014) or by use_tempaddr. */
	if (a->info.temporary != b->info.temporary)
		return a->info.temporary == prefers_temporary(out, prefer);
	/* Rule 8: longest match, no longer than the source's prefix. */
	unsigned ca = MIN(addr_common_bits(&a->addr, dst), (unsigned)a->prefix_len);
	unsigned cb = MIN(addr_common_bits(&b->addr, dst), (unsigned)b->prefix_len);

	return ca > cb;
}

static struct ifaddr *select6(struct ip *ip, const struct net_addr *dst, struct link *out, uint32_t prefer)
{
	struct ifaddr *best = NULL, *ia;
	struct link *link;
	bool narrow = addr_is_multicast(dst) || addr_is_link_local6(dst);

	list_for_each_entry(link, &ip->links->all, all)
	{
		/* RFC 6724 4: multicast and link-local need an address of the outgoing link. */
		if (link != out && (narrow || !link->up || out->conf.v6[NET_CONF6_use_oif_addrs_only]))
			continue;
		list_for_each_entry(ia, &link->addrs, link_list)
		{
			if (ia->addr.family != AF_INET6 || !ifaddr_usable(ia))
				continue;
			if (link != out && addr_is_link_local6(&ia->addr))
				continue;
			if (link != out && addr_is_loopback(&ia->addr))
				continue;
			if (!best || better6(ia, best, dst, out, prefer))
				best = ia;
		}
	}
	return best;
}

static struct ifaddr *select4(struct ip *ip, const struct net_addr *next_hop, struct link *out)
{
	struct ifaddr *first = NULL, *ia;
	struct link *link;

	list_for_each_entry(ia, &out->addrs, link_list)
	{
		if (ia->addr.family != AF_INET || ia->info.secondary)
			continue;
		if (addr_in_prefix(next_hop, &ia->addr, ia->prefix_len))
			return ia;
		if (!first)
			first = ia;
	}
	if (first)
		return first;
	list_for_each_entry(link, &ip->links->all, all)
	{
		if (link->kind == NET_LINK_LOOPBACK)
			continue;
		list_for_each_entry(ia, &link->addrs,
				    link_list) if (ia->addr.family == AF_INET) return ia;
	}
	return NULL;
}

struct ifaddr *src_select(struct ip *ip, const struct net_addr *dst,
			  const struct net_addr *next_hop, struct link *out, uint32_t prefer)
{
	return dst->family == AF_INET ? select4(ip, next_hop, out) : select6(ip, dst, out, prefer);
}
