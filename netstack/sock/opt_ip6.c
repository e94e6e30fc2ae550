/* SPDX-License-Identifier: Apache-2.0 */
/* Level IPPROTO_IPV6 (RFC 3493, RFC 3542) of AF_INET6 sockets. */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "ip/ip.h"
#include "sock/mcast.h"
#include "sock/socks.h"

/* Numbers that older system headers may lack. */
enum {
	OPT_MULTICAST_ALL6 = 29,
	OPT_ADDR_PREFERENCES = 72,
	OPT_MINHOPCOUNT = 73,
	OPT_ORIGDSTADDR6 = 74,
	OPT_TRANSPARENT6 = 75,
	OPT_UNICAST_IF6 = 76,
	OPT_FREEBIND6 = 78,
	OPT_AUTOFLOWLABEL = 70,
};

struct flag {
	int name;
	size_t off;
	bool privileged;
};

#define FLAG(n, member, ...)                                                                       \
	{                                                                                          \
		n, offsetof(struct sock_opts, member), __VA_ARGS__                                 \
	}

static const struct flag flags[] = {
	FLAG(IPV6_RECVERR, recv_err6, false),
	FLAG(IPV6_RECVPKTINFO, recv_pktinfo6, false),
	FLAG(IPV6_RECVHOPLIMIT, recv_hops, false),
	FLAG(IPV6_RECVTCLASS, recv_tclass, false),
	FLAG(OPT_ORIGDSTADDR6, recv_origdst6, false),
	FLAG(OPT_TRANSPARENT6, transparent, true),
	FLAG(OPT_FREEBIND6, freebind, false),
	FLAG(OPT_AUTOFLOWLABEL, autoflowlabel, false),
	FLAG(IPV6_MULTICAST_LOOP, mcast_loop6, false),
	FLAG(OPT_MULTICAST_ALL6, mcast_all6, false),
	FLAG(IPV6_DONTFRAG, dontfrag6, false),
};

static const struct flag *find_flag(int name)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (flags[i].name == name)
			return &flags[i];
	return NULL;
}

static bool *flag_at(struct sock *sk, const struct flag *f)
{
	return (bool *)((char *)&sk->opt + f->off);
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
	if (v < 0)
		return -EINVAL;
	if (v && !link_find(sk->ip->links, v))
		return -ENODEV;
	if (v && sk->node.bound && sk->node.bound != v)
		return -EINVAL;
	*to = v;
	return 0;
}

static int set_number(struct sock *sk, int name, int v)
{
	struct sock_opts *o = &sk->opt;

	switch (name) {
	case IPV6_V6ONLY:
		return set_v6only(sk, v);
	case IPV6_UNICAST_HOPS:
		return set_hops(v, &o->hops, -1);
	case IPV6_MULTICAST_HOPS:
		if (sk->type == SOCK_STREAM)
			return -ENOPROTOOPT;
		return set_hops(v, &o->mcast_hops, -1);
	case IPV6_MULTICAST_IF:
		if (sk->type == SOCK_STREAM)
			return -ENOPROTOOPT;
		return set_link(sk, v, &o->mcast_if6);
	case OPT_UNICAST_IF6:
		v = set_link(sk, (net_link_id)__builtin_bswap32((uint32_t)v), &o->unicast_if6);
		return v == -ENODEV ? -EADDRNOTAVAIL : v;
	case IPV6_MTU_DISCOVER:
		if (v < IP_PMTU_DONT || v > IP_PMTU_OMIT)
			return -EINVAL;
		o->pmtudisc6 = (uint8_t)v;
		return 0;
	case IPV6_TCLASS:
		if (v < -1 || v > 255)
			return -EINVAL;
		v = v == -1 ? 0 : v;
		if (sk->type == SOCK_STREAM)
			v = (v & ~3) | (o->tclass & 3);
		o->tclass = (uint8_t)v;
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

static int get_number(struct sock *sk, int name, int *v);

static bool option_exists(struct sock *sk, int name)
{
	int v;

	return get_number(sk, name, &v) != -ENOPROTOOPT;
}

int ip6_setopt(struct sock *sk, int name, const void *value, socklen_t len, unsigned caps)
{
	const struct flag *f = find_flag(name);
	int v, r;

	switch (name) {
	case IPV6_JOIN_GROUP:
		return membership(sk, true, value, len);
	case IPV6_LEAVE_GROUP:
		return membership(sk, false, value, len);
	case MCAST_JOIN_GROUP:
		return group_req(sk, true, value, len);
	case MCAST_LEAVE_GROUP:
		return group_req(sk, false, value, len);
	default:
		break;
	}
	r = opt_get_int(value, len, &v);
	if (r < 0) /* a short value is -EINVAL only for options that exist */
		return f || option_exists(sk, name) ? -EINVAL : -ENOPROTOOPT;
	if (!f)
		return set_number(sk, name, v);
	if (f->privileged && v && !(caps & (NET_CAP_ADMIN | NET_CAP_RAW)))
		return -EPERM;
	if ((name == IPV6_MULTICAST_LOOP || name == OPT_MULTICAST_ALL6) && v != 0 && v != 1)
		return -EINVAL;
	*flag_at(sk, f) = v != 0;
	return 0;
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

int ip6_getopt(struct sock *sk, int name, void *value, socklen_t *len)
{
	const struct flag *f = find_flag(name);
	int v, r;

	if (f)
		return opt_put_int(value, len, *flag_at(sk, f));
	r = get_number(sk, name, &v);
	return r < 0 ? r : opt_put_int(value, len, v);
}
