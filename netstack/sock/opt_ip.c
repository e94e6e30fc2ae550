/* SPDX-License-Identifier: Apache-2.0 */
/* Level IPPROTO_IP. Values may be an int or a byte, as Linux takes them. */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "ip/ip.h"
#include "sock/mcast.h"
#include "sock/socks.h"

/* Numbers that older system headers may lack. */
enum {
	OPT_RECVERR_RFC4884 = 26,
	OPT_BIND_ADDRESS_NO_PORT = 24,
	OPT_RECVFRAGSIZE = 25,
	OPT_LOCAL_PORT_RANGE = 51,
	OPT_PROTOCOL = 52,
};

struct flag {
	int name;
	size_t off;
	bool privileged; /* CAP_NET_ADMIN or CAP_NET_RAW */
	bool raw_only;
};

#define FLAG(n, member, ...)                                                                       \
	{                                                                                          \
		n, offsetof(struct sock_opts, member), __VA_ARGS__                                 \
	}

static const struct flag flags[] = {
	FLAG(IP_RECVOPTS, recv_opts, false),
	FLAG(IP_PKTINFO, pktinfo, false),
	FLAG(IP_RECVERR, recv_err, false),
	FLAG(IP_RECVTTL, recv_ttl, false),
	FLAG(IP_RECVTOS, recv_tos, false),
	FLAG(IP_FREEBIND, freebind, false),
	FLAG(IP_TRANSPARENT, transparent, true),
	FLAG(IP_RECVORIGDSTADDR, recv_origdst, false),
	FLAG(IP_HDRINCL, hdrincl, false, true),
	FLAG(IP_NODEFRAG, nodefrag, false, true),
	FLAG(OPT_BIND_ADDRESS_NO_PORT, bind_no_port, false),
	FLAG(IP_MULTICAST_LOOP, mcast_loop, false),
	FLAG(IP_MULTICAST_ALL, mcast_all, false),
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

static int get_value(const void *value, socklen_t len, int *ret)
{
	uint8_t byte;

	if (len >= sizeof(int)) {
		memcpy(ret, value, sizeof(int));
	} else if (len >= 1) {
		memcpy(&byte, value, 1);
		*ret = byte;
	} else {
		*ret = 0;
	}
	return 0;
}

static net_link_id link_by_addr(struct sock *sk, struct in_addr a)
{
	struct net_addr addr = {.family = AF_INET};
	struct ifaddr *ia;

	memcpy(addr.v4, &a, 4);
	ia = ifaddr_find(sk->ip, &addr);
	return ia ? ia->link->id : 0;
}

/* struct ip_mreqn, ip_mreq or in_addr, by length. */
static int get_mreqn(const void *value, socklen_t len, struct ip_mreqn *ret)
{
	*ret = (struct ip_mreqn){0};
	if (len >= sizeof(*ret))
		memcpy(ret, value, sizeof(*ret));
	else if (len >= sizeof(struct ip_mreq))
		memcpy(ret, value, sizeof(struct ip_mreq));
	else
		return -EINVAL;
	return 0;
}

static int membership(struct sock *sk, bool join, const void *value, socklen_t len)
{
	struct net_addr group = {.family = AF_INET};
	struct ip_mreqn mreq;
	net_link_id link;
	int r;

	if (sk->type == SOCK_STREAM)
		return -EPROTO;
	r = get_mreqn(value, len, &mreq);
	if (r < 0)
		return r;
	memcpy(group.v4, &mreq.imr_multiaddr, 4);
	link = mreq.imr_ifindex;
	if (!link && mreq.imr_address.s_addr) {
		link = link_by_addr(sk, mreq.imr_address);
		if (!link)
			return join ? -ENODEV : -EADDRNOTAVAIL;
	}
	return join ? mcast_sock_join(sk, &group, link) : mcast_sock_leave(sk, &group, link);
}

static int mcast_if(struct sock *sk, const void *value, socklen_t len)
{
	struct ip_mreqn mreq = {0};

	if (sk->type == SOCK_STREAM)
		return -ENOPROTOOPT;
	if (len < sizeof(struct in_addr))
		return -EINVAL;
	if (len >= sizeof(struct ip_mreq)) {
		if (get_mreqn(value, len, &mreq) < 0)
			return -EINVAL;
	} else {
		memcpy(&mreq.imr_address, value, sizeof(struct in_addr));
	}
	if (!mreq.imr_ifindex && !mreq.imr_address.s_addr) {
		sk->opt.mcast_if = 0;
		sk->opt.mcast_if_addr = (struct net_addr){0};
		return 0;
	}
	if (!mreq.imr_ifindex) {
		mreq.imr_ifindex = link_by_addr(sk, mreq.imr_address);
		if (!mreq.imr_ifindex)
			return -EADDRNOTAVAIL;
		sk->opt.mcast_if_addr.family = AF_INET;
		memcpy(sk->opt.mcast_if_addr.v4, &mreq.imr_address, 4);
	}
	if (!link_find(sk->ip->links, mreq.imr_ifindex))
		return -EADDRNOTAVAIL;
	if (sk->node.bound && sk->node.bound != mreq.imr_ifindex)
		return -EINVAL;
	sk->opt.mcast_if = mreq.imr_ifindex;
	return 0;
}

static int group_req(struct sock *sk, bool join, const void *value, socklen_t len)
{
	struct group_req req;
	struct sockaddr_in sin;
	struct net_addr group = {.family = AF_INET};

	if (len < sizeof(req))
		return -EINVAL;
	memcpy(&req, value, sizeof(req));
	memcpy(&sin, &req.gr_group, sizeof(sin));
	if (sin.sin_family != AF_INET)
		return -EINVAL;
	memcpy(group.v4, &sin.sin_addr, 4);
	return join ? mcast_sock_join(sk, &group, (net_link_id)req.gr_interface)
		    : mcast_sock_leave(sk, &group, (net_link_id)req.gr_interface);
}

static int set_port_range(struct sock *sk, int v)
{
	uint16_t lo = (uint16_t)v, hi = (uint16_t)((unsigned)v >> 16);

	if (lo && hi && lo > hi)
		return -EINVAL;
	sk->opt.port_range[0] = sk->node.port_lo = lo;
	sk->opt.port_range[1] = sk->node.port_hi = hi;
	return 0;
}

static int set_number(struct sock *sk, int name, int v)
{
	struct sock_opts *o = &sk->opt;

	switch (name) {
	case IP_TOS:
		/* RFC 3168: a stream's ECN bits belong to TCP. */
		if (sk->type == SOCK_STREAM)
			v = (v & ~3) | (o->tos & 3);
		o->tos = (uint8_t)v;
		return 0;
	case IP_TTL:
		if (v != -1 && (v < 1 || v > 255))
			return -EINVAL;
		o->ttl = (int16_t)v;
		return 0;
	case IP_MTU_DISCOVER:
		if (v < IP_PMTU_DONT || v > IP_PMTU_OMIT)
			return -EINVAL;
		o->pmtudisc = (uint8_t)v;
		return 0;
	case IP_MINTTL:
		if (v < 0 || v > 255)
			return -EINVAL;
		o->min_ttl = (uint8_t)v;
		return 0;
	case IP_MULTICAST_TTL:
		if (sk->type == SOCK_STREAM)
			return -EINVAL;
		if (v == -1)
			v = 1;
		if (v < 0 || v > 255)
			return -EINVAL;
		o->mcast_ttl = (uint8_t)v;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_unicast_if(struct sock *sk, const void *value, socklen_t len)
{
	uint32_t be;
	net_link_id id;

	if (len != sizeof(be))
		return -EINVAL;
	memcpy(&be, value, sizeof(be));
	id = (net_link_id)__builtin_bswap32(be);
	if (id && !link_find(sk->ip->links, id))
		return -EADDRNOTAVAIL;
	if (id && sk->node.bound && sk->node.bound != id)
		return -EINVAL;
	sk->opt.unicast_if = id;
	return 0;
}

static int set_flag(struct sock *sk, const struct flag *f, int v, unsigned caps)
{
	if (f->raw_only && sk->type != SOCK_RAW)
		return -ENOPROTOOPT;
	if (f->privileged && v && !(caps & (NET_CAP_ADMIN | NET_CAP_RAW)))
		return -EPERM;
	if (f->name == IP_MULTICAST_ALL && v != 0 && v != 1)
		return -EINVAL;
	*flag_at(sk, f) = v != 0;
	if (f->name == IP_RECVERR && !v)
		sk->err = sk->type == SOCK_STREAM ? sk->err : 0;
	return 0;
}

int ip_setopt(struct sock *sk, int name, const void *value, socklen_t len, unsigned caps)
{
	const struct flag *f = find_flag(name);
	int v;

	switch (name) {
	case IP_MULTICAST_IF:
		return mcast_if(sk, value, len);
	case IP_ADD_MEMBERSHIP:
		return membership(sk, true, value, len);
	case IP_DROP_MEMBERSHIP:
		return membership(sk, false, value, len);
	case MCAST_JOIN_GROUP:
		return group_req(sk, true, value, len);
	case MCAST_LEAVE_GROUP:
		return group_req(sk, false, value, len);
	case IP_UNICAST_IF:
		return set_unicast_if(sk, value, len);
	default:
		break;
	}
	(void)get_value(value, len, &v);
	if (f) {
		if (len < 1)
			return -EINVAL;
		return set_flag(sk, f, v, caps);
	}
	if (name == OPT_LOCAL_PORT_RANGE)
		return len == sizeof(int) ? set_port_range(sk, v) : -EINVAL;
	if (len < 1)
		return name == IP_TOS || name == IP_TTL || name == IP_MTU_DISCOVER ||
				       name == IP_MINTTL || name == IP_MULTICAST_TTL
			       ? -EINVAL
			       : -ENOPROTOOPT;
	return set_number(sk, name, v);
}

static int get_mtu(struct sock *sk, int *v)
{
	struct ip_path path;

	if (!sk->node.remote.port || sk->node.remote.addr.family != AF_INET)
		return -ENOTCONN;
	if (sock_path_init(sk, &path, &sk->node.remote.addr, &sk->node.local.addr) < 0)
		return -ENOTCONN;
	*v = (int)ip_path_mtu(sk->ip, &path);
	return 0;
}

static int get_number(struct sock *sk, int name, int *v)
{
	const struct sock_opts *o = &sk->opt;

	switch (name) {
	case IP_TOS:
		*v = o->tos;
		return 0;
	case IP_TTL:
		*v = o->ttl < 0 ? sk->core->tun.ip_default_ttl : o->ttl;
		return 0;
	case IP_MTU_DISCOVER:
		*v = o->pmtudisc;
		return 0;
	case IP_MINTTL:
		*v = o->min_ttl;
		return 0;
	case IP_MULTICAST_TTL:
		*v = o->mcast_ttl;
		return 0;
	case IP_MTU:
		return get_mtu(sk, v);
	case OPT_LOCAL_PORT_RANGE:
		*v = (int)(o->port_range[0] | (uint32_t)o->port_range[1] << 16);
		return 0;
	case OPT_PROTOCOL:
		*v = sk->type == SOCK_RAW ? sk->protocol : sk->node.local.port;
		return 0;
	case IP_UNICAST_IF:
		*v = (int)__builtin_bswap32((uint32_t)o->unicast_if);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int ip_getopt(struct sock *sk, int name, void *value, socklen_t *len)
{
	const struct flag *f = find_flag(name);
	struct in_addr a = {0};
	uint8_t byte;
	int v, r;

	if (name == IP_OPTIONS) { /* none are ever set */
		*len = 0;
		return 0;
	}
	if (name == IP_MULTICAST_IF) {
		memcpy(&a, sk->opt.mcast_if_addr.v4, 4);
		return opt_put(value, len, &a, sizeof(a));
	}
	if (f) {
		if (f->raw_only && sk->type != SOCK_RAW)
			return -ENOPROTOOPT;
		v = *flag_at(sk, f);
	} else {
		r = get_number(sk, name, &v);
		if (r < 0)
			return r;
	}
	/* Linux: a buffer shorter than an int gets a byte. */
	if (*len < sizeof(int) && *len > 0 && v >= 0 && v <= 255) {
		byte = (uint8_t)v;
		return opt_put(value, len, &byte, 1);
	}
	return opt_put_int(value, len, v);
}
