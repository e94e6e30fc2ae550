/* SPDX-License-Identifier: Apache-2.0 */
/* Level IPPROTO_IP. Values may be an int or a byte, as Linux takes them. */
#include <errno.h>
#include <linux/ip.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ip/ip.h"
#include "sock/mcast.h"
#include "sock/opt_table.h"
#include "sock/socks.h"

/* Numbers that older system headers may lack. */
enum {
	OPT_CHECKSUM = 23,
	OPT_BIND_ADDRESS_NO_PORT = 24,
	OPT_RECVFRAGSIZE = 25,
	OPT_RECVERR_RFC4884 = 26,
	OPT_LOCAL_PORT_RANGE = 51,
	OPT_PROTOCOL = 52,
};

static const struct opt_flag flags[] = {
	OPT_FLAG(IP_HDRINCL, hdrincl, OPT_RAW | OPT_EMPTY),
	OPT_FLAG(IP_RECVOPTS, recv_opts, OPT_EMPTY),
	OPT_FLAG(IP_RETOPTS, recv_retopts, OPT_EMPTY),
	OPT_FLAG(IP_PKTINFO, pktinfo, OPT_EMPTY),
	OPT_FLAG(IP_RECVERR, recv_err, OPT_EMPTY),
	OPT_FLAG(IP_RECVTTL, recv_ttl, OPT_EMPTY),
	OPT_FLAG(IP_RECVTOS, recv_tos, OPT_EMPTY),
	OPT_FLAG(IP_FREEBIND, freebind, 0),
	OPT_FLAG(IP_PASSSEC, pass_sec, OPT_EMPTY), /* no security module labels packets here */
	OPT_FLAG(IP_TRANSPARENT, transparent, OPT_PRIV),
	OPT_FLAG(IP_RECVORIGDSTADDR, recv_origdst, OPT_EMPTY),
	OPT_FLAG(IP_NODEFRAG, nodefrag, OPT_RAW | OPT_EMPTY),
	/* Told only where the device sums everything (CHECKSUM_COMPLETE): none here does. */
	OPT_FLAG(OPT_CHECKSUM, recv_checksum, OPT_EMPTY),
	OPT_FLAG(OPT_BIND_ADDRESS_NO_PORT, bind_no_port, OPT_EMPTY),
	OPT_FLAG(OPT_RECVFRAGSIZE, recv_frag_size, OPT_NO_STREAM | OPT_EMPTY),
	OPT_FLAG(OPT_RECVERR_RFC4884, recv_err_rfc4884, OPT_BIT | OPT_EMPTY),
	OPT_FLAG(IP_MULTICAST_LOOP, mcast_loop, 0),
	OPT_FLAG(IP_MULTICAST_ALL, mcast_all, OPT_BIT),
};

static const struct opt_flag *find_flag(int name)
{
	return opt_flag_find(flags, ARRAY_LEN(flags), name);
}

/* An int, or a byte where there are fewer bytes than an int has; nothing reads as 0. */
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

	if (sk->type == SOCK_STREAM || len < sizeof(struct in_addr))
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

/* Source filters. Linux's sizes decide before anything else. */
static int check_source_filter(int name, socklen_t len)
{
	switch (name) {
	case IP_BLOCK_SOURCE:
	case IP_UNBLOCK_SOURCE:
	case IP_ADD_SOURCE_MEMBERSHIP:
	case IP_DROP_SOURCE_MEMBERSHIP:
		return len != sizeof(struct ip_mreq_source) ? -EINVAL : 1;
	case MCAST_BLOCK_SOURCE:
	case MCAST_UNBLOCK_SOURCE:
	case MCAST_JOIN_SOURCE_GROUP:
	case MCAST_LEAVE_SOURCE_GROUP:
		return len != sizeof(struct group_source_req) ? -EINVAL : 1;
	case IP_MSFILTER:
		return len < IP_MSFILTER_SIZE(0) ? -EINVAL : 1;
	case MCAST_MSFILTER:
		return len < GROUP_FILTER_SIZE(0) ? -EINVAL : 1;
	default:
		return 0;
	}
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

/* Checks one option of the header; returns its length, or 0 if it is wrong. */
static unsigned option_len(uint8_t *opt, unsigned left, unsigned caps)
{
	unsigned len = left >= 2 ? opt[1] : 0;

	if (len < 2 || len > left)
		return 0;
	switch (opt[0]) {
	case IPOPT_LSRR:
	case IPOPT_SSRR:
		return len < 3 || opt[2] < 4 || (opt[2] == 4 && len < 7) ? 0 : len;
	case IPOPT_RR:
		return len < 3 || opt[2] < 4 || (opt[2] <= len && opt[2] + 3u > len) ? 0 : len;
	case IPOPT_TIMESTAMP:
		if (len < 4 || opt[2] < 5)
			return 0;
		return len;
	case IPOPT_RA:
		return len < 4 ? 0 : len;
	case IPOPT_SEC:
	case IPOPT_SID:
	default:
		return caps & NET_CAP_RAW ? len : 0;
	}
}

/* IP_OPTIONS (RFC 791 3.1): padded to whole words, source routes excepted.
 * Deviates: a source route is refused, as a host that does not forward them may (RFC 7126 4.3). */
static int set_ip_options(struct sock *sk, const void *value, socklen_t len, unsigned caps)
{
	uint8_t opts[40] = {0};
	unsigned padded = (len + 3u) & ~3u;

	if (len > sizeof(opts))
		return -EINVAL;
	memcpy(opts, value, len);
	for (unsigned i = 0; i < len;) {
		unsigned n = 1;

		if (opts[i] == IPOPT_EOL) {
			memset(opts + i, IPOPT_EOL, padded - i);
			break;
		}
		if (opts[i] != IPOPT_NOP) {
			n = option_len(opts + i, len - i, caps);
			if (!n || opts[i] == IPOPT_LSRR || opts[i] == IPOPT_SSRR)
				return -EINVAL;
		}
		i += n;
	}
	memcpy(sk->opt.ip_opts, opts, sizeof(opts));
	sk->opt.ip_opts_len = (uint8_t)padded;
	return 0;
}

/* Linux's classes of traffic for the four TOS bits: SO_PRIORITY follows IP_TOS. */
static int tos_priority(uint8_t tos)
{
	static const uint8_t prio[16] = {0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4};

	return prio[(tos & 0x1e) >> 1];
}

/* IP_ROUTER_ALERT, raw sockets only: packets that pass by and carry the option. */
static int set_router_alert(struct sock *sk, int v)
{
	if (sk->type != SOCK_RAW || sk->protocol == IPPROTO_RAW)
		return -EINVAL;
	if (v && sk->opt.router_alert)
		return -EADDRINUSE;
	if (!v && !sk->opt.router_alert)
		return -ENOBUFS;
	sk->opt.router_alert = v != 0;
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
		o->priority = tos_priority(o->tos);
		return 0;
	case IP_ROUTER_ALERT:
		return set_router_alert(sk, v);
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

/* Options of one number that may not be empty; of the others an empty value is 0. */
static bool needs_byte(int name, const struct opt_flag *f)
{
	if (f)
		return !(f->rule & OPT_EMPTY);
	return name == IP_TTL || name == IP_MINTTL || name == IP_MULTICAST_TTL;
}

int ip_setopt(struct sock *sk, int name, const void *value, socklen_t len, unsigned caps)
{
	const struct opt_flag *f = find_flag(name);
	int v, r;

	switch (name) {
	case IP_OPTIONS:
		return set_ip_options(sk, value, len, caps);
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
	r = check_source_filter(name, len);
	if (r)
		return r < 0 ? r : mcast_source_setopt(sk, name, value, len, AF_INET);
	(void)get_value(value, len, &v);
	if (len < 1 && needs_byte(name, f))
		return -EINVAL;
	if (name == OPT_LOCAL_PORT_RANGE)
		return len == sizeof(int) ? set_port_range(sk, v) : -EINVAL;
	if (!f)
		return set_number(sk, name, v);
	r = opt_flag_set(sk, f, v, caps);
	if (r == 0 && name == IP_RECVERR && !v)
		sock_flush_errors(sk);
	return r;
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
	case IP_ROUTER_ALERT:
		*v = sk->opt.router_alert;
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
	const struct opt_flag *f = find_flag(name);
	struct in_addr a = {0};
	uint8_t byte;
	int v, r;

	if (name == IP_OPTIONS)
		return opt_put(value, len, sk->opt.ip_opts, sk->opt.ip_opts_len);
	if (name == IP_MSFILTER || name == MCAST_MSFILTER) {
		if (*len < (name == IP_MSFILTER ? IP_MSFILTER_SIZE(0) : GROUP_FILTER_SIZE(0)))
			return -EINVAL;
		return mcast_source_getopt(sk, name, value, len, AF_INET);
	}
	if (name == IP_PKTOPTIONS && sk->type == SOCK_STREAM) {
		*len = 0; /* what was received last with IP_PKTINFO and its kin: a stream keeps none */
		return 0;
	}
	if (name == IP_MULTICAST_IF) {
		memcpy(&a, sk->opt.mcast_if_addr.v4, 4);
		return opt_put(value, len, &a, sizeof(a));
	}
	if (f) {
		v = *opt_flag_at(sk, f);
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
