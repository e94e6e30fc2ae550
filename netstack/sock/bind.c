/* SPDX-License-Identifier: Apache-2.0 */
/* bind(2): which addresses a socket may take (Linux's inet_bind and inet6_bind). */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "ip/ip.h"
#include "sock/socks.h"

/* AF_UNSPEC with the wildcard is an old way to say AF_INET. */
static int get_bind_name(struct sock *sk, struct net_endpoint *ep, const struct sockaddr *addr,
			 socklen_t len)
{
	socklen_t need = sk->family == AF_INET ? sizeof(struct sockaddr_in) : 24;
	int r;

	if (len < need)
		return -EINVAL;
	r = sock_get_name(sk, ep, addr, len);
	if (r < 0)
		return r;
	if (sk->family == AF_INET6) {
		sa_family_t family;

		memcpy(&family, addr, sizeof(family));
		if (family != AF_INET6)
			return -EAFNOSUPPORT;
		if (ep->addr.family == AF_INET && sk->opt.v6only)
			return -EINVAL;
		return 0;
	}
	if (!ep->addr.family) {
		struct sockaddr_in sin;

		memcpy(&sin, addr, sizeof(sin));
		if (sin.sin_addr.s_addr)
			return -EAFNOSUPPORT;
		ep->addr.family = AF_INET;
		ep->port = (uint16_t)__builtin_bswap16(sin.sin_port);
	}
	return 0;
}

static int check_scope(struct sock *sk, struct net_endpoint *ep)
{
	if (!addr_needs_scope(&ep->addr))
		return 0;
	if (!ep->addr.scope)
		ep->addr.scope = (uint32_t)sk->node.bound;
	if (!ep->addr.scope)
		return -EINVAL;
	if (sk->node.bound && sk->node.bound != (net_link_id)ep->addr.scope)
		return -EINVAL;
	if (!link_find(sk->ip->links, (net_link_id)ep->addr.scope))
		return -ENODEV;
	return 0;
}

static int check_address(struct sock *sk, const struct net_addr *addr)
{
	struct link *on = addr->scope ? link_find(sk->ip->links, (net_link_id)addr->scope) : NULL;

	if (addr_is_any(addr) || addr_is_multicast(addr))
		return 0;
	if (sk->opt.freebind || sk->opt.transparent || sk->core->tun.ip_nonlocal_bind)
		return 0;
	if (ip_local_type(sk->ip, addr, on) == IP_LOCAL_NONE)
		return -EADDRNOTAVAIL;
	if (sk->type == SOCK_STREAM && addr->family == AF_INET6 && addr_is_multicast(addr))
		return -EINVAL;
	return 0;
}

int sock_bind(struct sock *sk, const struct sockaddr *addr, socklen_t len)
{
	struct net_endpoint ep;
	struct demux_node *n = &sk->node;
	int r;

	r = get_bind_name(sk, &ep, addr, len);
	if (r < 0)
		return r;
	if (n->local.port || n->bucket || n->remote.port)
		return -EINVAL;
	r = check_scope(sk, &ep);
	if (r < 0)
		return r;
	r = check_address(sk, &ep.addr);
	if (r < 0)
		return r;

	struct net_addr before = n->local.addr;

	n->local.addr = ep.addr;
	sk->user_addr = !addr_is_any(&ep.addr);
	if (ep.addr.scope && sk->type == SOCK_STREAM && !n->bound)
		n->bound = (net_link_id)ep.addr.scope;
	/* IP_BIND_ADDRESS_NO_PORT: the port comes with connect(). */
	if (!ep.port && sk->opt.bind_no_port && sk->type != SOCK_RAW)
		return 0;
	if (sk->ops->bind) {
		r = sk->ops->bind(sk, ep.port);
	} else {
		r = demux_bind(&sk->socks->demux, n, ep.port);
		if (r == 0 && sk->type != SOCK_STREAM)
			r = demux_listen(&sk->socks->demux, n);
	}
	if (r < 0) {
		n->local.addr = before;
		sk->user_addr = false;
	}
	return r;
}
