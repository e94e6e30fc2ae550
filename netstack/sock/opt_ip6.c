/* SPDX-License-Identifier: Apache-2.0 */
/* Level IPPROTO_IPV6 (RFC 3493, RFC 3542) of AF_INET6 sockets. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ip/ip.h"
#include "sock/mcast.h"
#include "sock/opt_table.h"
#include "sock/socks.h"

/* Numbers that older system headers may lack, and those of RFC 2292. */
enum {
	OPT_2292PKTINFO = 2,
	OPT_2292HOPOPTS = 3,
	OPT_2292DSTOPTS = 4,
	OPT_2292RTHDR = 5,
	OPT_2292PKTOPTIONS = 6,
	OPT_2292HOPLIMIT = 8,
	OPT_FLOWINFO = 11,
	OPT_ROUTER_ALERT6 = 22,
	OPT_MULTICAST_ALL6 = 29,
	OPT_ROUTER_ALERT_ISOLATE = 30,
	OPT_RECVERR_RFC4884 = 31,
	OPT_FLOWLABEL_MGR = 32,
	OPT_FLOWINFO_SEND = 33,
	OPT_HDRINCL6 = 36,
	OPT_AUTOFLOWLABEL = 70,
	OPT_ADDR_PREFERENCES = 72,
	OPT_MINHOPCOUNT = 73,
	OPT_ORIGDSTADDR6 = 74,
	OPT_TRANSPARENT6 = 75,
	OPT_UNICAST_IF6 = 76,
	OPT_RECVFRAGSIZE6 = 77,
	OPT_FREEBIND6 = 78,
};

#define FLOWLABEL_REQ_LEN 32 /* struct in6_flowlabel_req */

static const struct opt_flag flags[] = {
	OPT_FLAG(OPT_2292PKTINFO, old_pktinfo6, 0),
	OPT_FLAG(OPT_2292HOPOPTS, old_hopopts, 0),
	OPT_FLAG(OPT_2292DSTOPTS, old_dstopts, 0),
	OPT_FLAG(OPT_2292RTHDR, old_rthdr, 0),
	OPT_FLAG(OPT_2292HOPLIMIT, old_hops, 0),
	OPT_FLAG(OPT_FLOWINFO, recv_flowinfo, 0),
	OPT_FLAG(OPT_FLOWINFO_SEND, flowinfo_send, 0),
	OPT_FLAG(OPT_HDRINCL6, hdrincl6, OPT_RAW | OPT_RAW_GET),
	OPT_FLAG(IPV6_RECVERR, recv_err6, 0),
	OPT_FLAG(OPT_RECVERR_RFC4884, recv_err6_rfc4884, OPT_BIT),
	OPT_FLAG(IPV6_RECVPKTINFO, recv_pktinfo6, 0),
	OPT_FLAG(IPV6_RECVHOPLIMIT, recv_hops, 0),
	OPT_FLAG(IPV6_RECVHOPOPTS, recv_hopopts, 0),
	OPT_FLAG(IPV6_RECVRTHDR, recv_rthdr, 0),
	OPT_FLAG(IPV6_RECVDSTOPTS, recv_dstopts, 0),
	OPT_FLAG(IPV6_RECVPATHMTU, recv_path_mtu, 0),
	OPT_FLAG(IPV6_RECVTCLASS, recv_tclass, 0),
	OPT_FLAG(OPT_RECVFRAGSIZE6, recv_frag_size6, OPT_EMPTY),
	OPT_FLAG(OPT_ORIGDSTADDR6, recv_origdst6, 0),
	OPT_FLAG(OPT_TRANSPARENT6, transparent, OPT_PRIV),
	OPT_FLAG(OPT_FREEBIND6, freebind, 0),
	OPT_FLAG(OPT_AUTOFLOWLABEL, autoflowlabel, OPT_EMPTY),
	OPT_FLAG(IPV6_MULTICAST_LOOP, mcast_loop6, OPT_BIT),
	OPT_FLAG(OPT_MULTICAST_ALL6, mcast_all6, 0),
	OPT_FLAG(OPT_ROUTER_ALERT_ISOLATE, ra_isolate, 0),
	OPT_FLAG(IPV6_DONTFRAG, dontfrag6, OPT_EMPTY),
};

static const struct opt_flag *find_flag(int name)
{
	return opt_flag_find(flags, ARRAY_LEN(flags), name);
}

static int set_v6only(struct sock *sk, int v)
{
	if (sk->node.bucket || sk->type == SOCK_RAW)
		return -EINVAL;
	sk->opt.v6only = sk->node.v6only = v != 0;
	return 0;
}

static int set_hops(int v, int16_t *to, int16_t reset)
{
	if (v < -1 || v > 255)
		return -EINVAL;
	*to = v == -1 ? reset : (int16_t)v;
	return 0;
}

static int set_link(struct sock *sk, net_link_id v, net_link_id *to)
{
	if (v && !link_find(sk->ip->links, v))
		return -ENODEV;
	if (v && sk->node.bound && sk->node.bound != v)
		return -EINVAL;
	*to = v;
	return 0;
}

/* IPV6_ADDR_PREFERENCES (RFC 5014): of each pair of wishes one, or none. */
enum {
	PREFER_TMP = 1,
	PREFER_PUBLIC = 2,
	PREFER_COA = 4,
	PREFER_CGA = 8,
	PREFER_PUBTMP_DEFAULT = 0x100,
	PREFER_HOME = 0x400,
	PREFER_NONCGA = 0x800,
};

static bool one_of(uint32_t v, uint32_t mask)
{
	v &= mask;
	return !(v & (v - 1));
}

static int set_prefs(struct sock *sk, uint32_t v)
{
	uint32_t tmp = PREFER_TMP | PREFER_PUBLIC | PREFER_PUBTMP_DEFAULT;
	uint32_t home = PREFER_HOME | PREFER_COA;
	uint32_t *prefs = &sk->opt.addr_prefs;

	if (!one_of(v, tmp) || !one_of(v, home) || !one_of(v, PREFER_CGA | PREFER_NONCGA))
		return -EINVAL;
	if (v & tmp)
		*prefs = (*prefs & ~tmp) | (v & (PREFER_TMP | PREFER_PUBLIC));
	if (v & home)
		*prefs = (*prefs & ~home) | (v & PREFER_COA);
	return 0;
}

static uint32_t get_prefs(const struct sock *sk)
{
	uint32_t prefs = sk->opt.addr_prefs;
	uint32_t v = prefs & (PREFER_TMP | PREFER_PUBLIC) ? prefs & (PREFER_TMP | PREFER_PUBLIC)
							  : PREFER_PUBTMP_DEFAULT;

	return v | (prefs & PREFER_COA ? PREFER_COA : PREFER_HOME);
}

/* IPV6_ADDRFORM: a socket with an IPv4 peer becomes an AF_INET one (RFC 3493 has no such thing any
 * more). */
static int set_form(struct sock *sk, int family)
{
	if (family != AF_INET)
		return -EINVAL;
	if (sk->type == SOCK_RAW || !sock_has_port(sk))
		return -ENOPROTOOPT;
	if (!sock_connected(sk))
		return -ENOTCONN;
	if (sk->opt.v6only || sk->node.remote.addr.family != AF_INET)
		return -EADDRNOTAVAIL;
	sk->family = AF_INET;
	return 0;
}

/* 1280 and more; 0 removes it. */
static int set_mtu(struct sock *sk, int v)
{
	if (v && v < 1280)
		return -EINVAL;
	sk->opt.frag_size6 = (uint32_t)v;
	return 0;
}

static int set_number(struct sock *sk, int name, int v)
{
	struct sock_opts *o = &sk->opt;

	switch (name) {
	case IPV6_ADDRFORM:
		return set_form(sk, v);
	case IPV6_V6ONLY:
		return set_v6only(sk, v);
	case IPV6_UNICAST_HOPS:
		return set_hops(v, &o->hops, -1);
	case IPV6_MULTICAST_HOPS:
		return set_hops(v, &o->mcast_hops, -1);
	case IPV6_MULTICAST_IF:
		return set_link(sk, v, &o->mcast_if6);
	case OPT_UNICAST_IF6:
		v = set_link(sk, (net_link_id)__builtin_bswap32((uint32_t)v), &o->unicast_if6);
		return v == -ENODEV ? -EADDRNOTAVAIL : v;
	case IPV6_MTU_DISCOVER:
		if (v < IP_PMTU_DONT || v > IP_PMTU_OMIT)
			return -EINVAL;
		o->pmtudisc6 = (uint8_t)v;
		return 0;
	case IPV6_MTU:
		return set_mtu(sk, v);
	case IPV6_TCLASS:
		if (v < -1 || v > 255)
			return -EINVAL;
		v = v == -1 ? 0 : v;
		if (sk->type == SOCK_STREAM)
			v = (v & ~3) | (o->tclass & 3);
		o->tclass = (uint8_t)v;
		return 0;
	case OPT_ADDR_PREFERENCES:
		return set_prefs(sk, (uint32_t)v);
	case OPT_ROUTER_ALERT6:
		if (sk->type != SOCK_RAW || sk->protocol != IPPROTO_RAW)
			return -ENOPROTOOPT;
		if (v < 0 && !o->router_alert)
			return -ENOBUFS;
		o->router_alert = v > 0;
		return 0;
	case OPT_MINHOPCOUNT:
		if (v < 0 || v > 255)
			return -EINVAL;
		o->min_hops = (uint8_t)v;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* IPV6_PKTINFO as an option: the source and the link of everything that follows. */
static int set_pktinfo(struct sock *sk, const void *value, socklen_t len)
{
	struct in6_pktinfo pi;

	if (len < sizeof(pi))
		return -EINVAL;
	memcpy(&pi, value, sizeof(pi));
	if (sk->node.bound && (net_link_id)pi.ipi6_ifindex != sk->node.bound)
		return -EINVAL;
	sk->opt.pktinfo6 = true;
	sk->opt.pktinfo6_link = (net_link_id)pi.ipi6_ifindex;
	sk->opt.pktinfo6_addr = (struct net_addr){.family = AF_INET6};
	memcpy(sk->opt.pktinfo6_addr.v6, &pi.ipi6_addr, 16);
	return 0;
}

static enum sock_ext ext_of(int name)
{
	return name == IPV6_HOPOPTS	    ? SOCK_EXT_HOPOPTS
	       : name == IPV6_RTHDRDSTOPTS ? SOCK_EXT_RTHDRDSTOPTS
	       : name == IPV6_RTHDR	    ? SOCK_EXT_RTHDR
					    : SOCK_EXT_DSTOPTS;
}

/* A whole extension header: its second byte says how long it is (RFC 8200 4.2). Routing headers: type
 * 0 is gone (RFC 5095), and no other type is sent from here. */
static int set_ext(struct sock *sk, int name, const uint8_t *value, socklen_t len, unsigned caps)
{
	enum sock_ext which = ext_of(name);
	uint8_t *copy = NULL;
	size_t n = 0;

	if (which != SOCK_EXT_RTHDR && !(caps & NET_CAP_RAW))
		return -EPERM;
	if (len) {
		if (len < 8 || len & 7 || len > 8 * 255)
			return -EINVAL;
		n = 8u * (value[1] + 1u);
		if (n > len || which == SOCK_EXT_RTHDR)
			return -EINVAL;
	}
	if (!sk->exts) {
		sk->exts = calloc(1, sizeof(*sk->exts));
		if (!sk->exts)
			return -ENOBUFS;
	}
	if (n) {
		copy = malloc(n);
		if (!copy)
			return -ENOBUFS;
		memcpy(copy, value, n);
	}
	free(sk->exts->bytes[which]);
	sk->exts->bytes[which] = copy;
	sk->exts->len[which] = (uint16_t)n;
	return 0;
}

static int get_ext(const struct sock *sk, int name, void *value, socklen_t *len)
{
	enum sock_ext which = ext_of(name);

	if (!sk->exts || !sk->exts->len[which]) {
		*len = 0;
		return 0;
	}
	return opt_put(value, len, sk->exts->bytes[which], sk->exts->len[which]);
}

/* Flow labels with a lease (Linux's own interface): none is ever leased. */
static int flowlabel_mgr(socklen_t len, bool set)
{
	if (len < FLOWLABEL_REQ_LEN)
		return -EINVAL;
	return set ? -EINVAL : -ENOENT;
}

static int membership(struct sock *sk, bool join, const void *value, socklen_t len)
{
	struct net_addr group = {.family = AF_INET6};
	struct ipv6_mreq mreq;
	net_link_id link;

	if (len < sizeof(mreq))
		return -EINVAL;
	if (sk->type == SOCK_STREAM)
		return -EPROTO;
	memcpy(&mreq, value, sizeof(mreq));
	memcpy(group.v6, &mreq.ipv6mr_multiaddr, 16);
	link = (net_link_id)mreq.ipv6mr_interface;
	if (!join && !addr_is_multicast(&group))
		return -EINVAL;
	return join ? mcast_sock_join(sk, &group, link) : mcast_sock_leave(sk, &group, link);
}

static int group_req(struct sock *sk, bool join, const void *value, socklen_t len)
{
	struct group_req req;
	struct sockaddr_in6 sin6;
	struct net_addr group = {.family = AF_INET6};

	if (len < sizeof(req))
		return -EINVAL;
	memcpy(&req, value, sizeof(req));
	memcpy(&sin6, &req.gr_group, sizeof(sin6));
	if (sin6.sin6_family != AF_INET6)
		return -EADDRNOTAVAIL;
	memcpy(group.v6, &sin6.sin6_addr, 16);
	return join ? mcast_sock_join(sk, &group, (net_link_id)req.gr_interface)
		    : mcast_sock_leave(sk, &group, (net_link_id)req.gr_interface);
}

/* The anycast addresses of the host: nothing outside the stack's own can be one. */
static int anycast(bool join, socklen_t len)
{
	if (len < sizeof(struct ipv6_mreq))
		return -EINVAL;
	return join ? -EADDRNOTAVAIL : -ENOENT;
}

/* Options that are not a number. 1: it is one. */
static int set_struct(struct sock *sk, int name, const void *value, socklen_t len, unsigned caps)
{
	switch (name) {
	case OPT_2292PKTOPTIONS: /* none of RFC 2292's messages is taken here */
		return len < sizeof(struct cmsghdr) ? 0 : -EINVAL;
	case IPV6_JOIN_GROUP:
		return membership(sk, true, value, len);
	case IPV6_LEAVE_GROUP:
		return membership(sk, false, value, len);
	case IPV6_JOIN_ANYCAST:
	case IPV6_LEAVE_ANYCAST:
		return anycast(name == IPV6_JOIN_ANYCAST, len);
	case OPT_FLOWLABEL_MGR:
		return flowlabel_mgr(len, true);
	case MCAST_JOIN_GROUP:
		return group_req(sk, true, value, len);
	case MCAST_LEAVE_GROUP:
		return group_req(sk, false, value, len);
	case MCAST_BLOCK_SOURCE:
	case MCAST_UNBLOCK_SOURCE:
	case MCAST_JOIN_SOURCE_GROUP:
	case MCAST_LEAVE_SOURCE_GROUP:
		if (len < sizeof(struct group_source_req))
			return -EINVAL;
		return mcast_source_setopt(sk, name, value, len, AF_INET6);
	case MCAST_MSFILTER:
		if (len < GROUP_FILTER_SIZE(0))
			return -EINVAL;
		return mcast_source_setopt(sk, name, value, len, AF_INET6);
	case IPV6_PKTINFO:
		return set_pktinfo(sk, value, len);
	case IPV6_HOPOPTS:
	case IPV6_RTHDRDSTOPTS:
	case IPV6_RTHDR:
	case IPV6_DSTOPTS:
		return set_ext(sk, name, value, len, caps);
	default:
		return 1;
	}
}

static bool known_number(int name)
{
	switch (name) {
	case IPV6_ADDRFORM:
	case IPV6_V6ONLY:
	case IPV6_UNICAST_HOPS:
	case IPV6_MULTICAST_HOPS:
	case IPV6_MULTICAST_IF:
	case OPT_UNICAST_IF6:
	case IPV6_MTU_DISCOVER:
	case IPV6_MTU:
	case IPV6_TCLASS:
	case OPT_ADDR_PREFERENCES:
	case OPT_MINHOPCOUNT:
	case OPT_ROUTER_ALERT6:
		return true;
	default:
		return false;
	}
}

int ip6_setopt(struct sock *sk, int name, const void *value, socklen_t len, unsigned caps)
{
	const struct opt_flag *f = find_flag(name);
	int v = 0, r;

	r = set_struct(sk, name, value, len, caps);
	if (r != 1)
		return r;
	if (sk->type == SOCK_STREAM && (name == IPV6_MULTICAST_HOPS || name == IPV6_MULTICAST_IF))
		return -ENOPROTOOPT;
	if (f && (f->rule & OPT_RAW) && sk->type != SOCK_RAW)
		return -ENOPROTOOPT;
	if (!f && !known_number(name))
		return -ENOPROTOOPT;
	r = opt_get_int(value, len, &v);
	if (r < 0 && !(f && (f->rule & OPT_EMPTY)))
		return -EINVAL;
	if (name == OPT_UNICAST_IF6 && len != sizeof(v))
		return -EINVAL;
	if (!f)
		return set_number(sk, name, v);
	r = opt_flag_set(sk, f, v, caps);
	if (r == 0 && name == IPV6_RECVERR && !v)
		sock_flush_errors(sk);
	return r;
}

static int get_mtu(struct sock *sk, int *v)
{
	struct ip_path path;

	if (!sk->node.remote.port ||
	    sock_path_init(sk, &path, &sk->node.remote.addr, &sk->node.local.addr) < 0)
		return -ENOTCONN;
	*v = (int)ip_path_mtu(sk->ip, &path);
	return 0;
}

static int get_number(struct sock *sk, int name, int *v)
{
	const struct sock_opts *o = &sk->opt;

	switch (name) {
	case IPV6_ADDRFORM:
		if (sk->protocol == IPPROTO_ICMPV6 || !sock_has_port(sk))
			return -ENOPROTOOPT;
		*v = sk->family;
		return sock_connected(sk) ? 0 : -ENOTCONN;
	case OPT_ROUTER_ALERT6:
		*v = o->router_alert;
		return 0;
	case OPT_ADDR_PREFERENCES:
		*v = (int)get_prefs(sk);
		return 0;
	case IPV6_V6ONLY:
		*v = o->v6only;
		return 0;
	case IPV6_UNICAST_HOPS:
		*v = o->hops < 0 ? sk->core->tun.ip6_hop_limit : o->hops;
		return 0;
	case IPV6_MULTICAST_HOPS:
		*v = o->mcast_hops < 0 ? 1 : o->mcast_hops;
		return 0;
	case IPV6_MULTICAST_IF:
		*v = o->mcast_if6;
		return 0;
	case OPT_UNICAST_IF6:
		*v = (int)__builtin_bswap32((uint32_t)o->unicast_if6);
		return 0;
	case IPV6_MTU_DISCOVER:
		*v = o->pmtudisc6;
		return 0;
	case IPV6_TCLASS:
		*v = o->tclass;
		return 0;
	case OPT_MINHOPCOUNT:
		*v = o->min_hops;
		return 0;
	case IPV6_MTU:
		return get_mtu(sk, v);
	default:
		return -ENOPROTOOPT;
	}
}

/* struct ip6_mtuinfo of the connected peer (RFC 3542 11.4). */
static int get_path_mtu(struct sock *sk, void *value, socklen_t *len)
{
	struct ip6_mtuinfo info = {.ip6m_addr.sin6_family = AF_INET6};
	int v, r;

	if (*len < sizeof(info))
		return -EINVAL;
	r = get_mtu(sk, &v);
	if (r < 0)
		return r;
	info.ip6m_mtu = (uint32_t)v;
	memcpy(&info.ip6m_addr.sin6_addr, sk->node.remote.addr.v6, 16);
	return opt_put(value, len, &info, sizeof(info));
}

int ip6_getopt(struct sock *sk, int name, void *value, socklen_t *len)
{
	const struct opt_flag *f = find_flag(name);
	int v, r;

	if (f) {
		if ((f->rule & OPT_RAW_GET) && sk->type != SOCK_RAW)
			return -ENOPROTOOPT;
		return opt_put_int(value, len, *opt_flag_at(sk, f));
	}
	switch (name) {
	case OPT_2292PKTOPTIONS: /* of a stream: what came last; a stream keeps none */
		if (sk->type != SOCK_STREAM)
			return -ENOPROTOOPT;
		*len = 0;
		return 0;
	case OPT_FLOWLABEL_MGR:
		return flowlabel_mgr(*len, false);
	case MCAST_MSFILTER:
		if (*len > INT32_MAX || *len < GROUP_FILTER_SIZE(0))
			return -EINVAL;
		return mcast_source_getopt(sk, name, value, len, AF_INET6);
	case IPV6_PATHMTU:
		return get_path_mtu(sk, value, len);
	case IPV6_HOPOPTS:
	case IPV6_RTHDRDSTOPTS:
	case IPV6_RTHDR:
	case IPV6_DSTOPTS:
		return get_ext(sk, name, value, len);
	default:
		break;
	}
	r = get_number(sk, name, &v);
	return r < 0 ? r : opt_put_int(value, len, v);
}
