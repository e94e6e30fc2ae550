/* SPDX-License-Identifier: Apache-2.0 */
/* SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST: where a redirected connection wanted to go (transparent proxies). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "netstack/nf.h"
#include "socket/inet.h"
#include "util/cleanup.h"

static int endpoint_of(const struct sockaddr_storage *ss, struct net_endpoint *ret)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(ret, 0, sizeof(*ret));
	if (ss->ss_family == AF_INET) {
		memcpy(&in, ss, sizeof(in));
		ret->addr.family = AF_INET;
		memcpy(ret->addr.v4, &in.sin_addr, 4);
		ret->port = ntohs(in.sin_port);
		return 0;
	}
	memcpy(&in6, ss, sizeof(in6));
	ret->port = ntohs(in6.sin6_port);
	ret->addr.family = AF_INET6;
	memcpy(ret->addr.v6, &in6.sin6_addr, 16);
	if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		memset(&ret->addr, 0, sizeof(ret->addr));
		ret->addr.family = AF_INET;
		memcpy(ret->addr.v4, in6.sin6_addr.s6_addr + 12, 4);
	}
	return ss->ss_family == AF_INET6 ? 0 : -ENOPROTOOPT;
}

int inet_original_dst(struct net_stack *stack, struct inet_sock *s, int family, void *val, socklen_t *len)
{
	struct sockaddr_storage local = { 0 }, remote = { 0 };
	socklen_t n = sizeof(local), m = sizeof(remote);
	struct net_endpoint l, r, orig;
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	size_t size = family == AF_INET ? sizeof(in) : sizeof(in6);

	if (s->base.type != SOCK_STREAM)
		return -ENOPROTOOPT;
	if (*len < size)
		return -EINVAL;
	if (net_sock_getsockname(stack, s->id, (struct sockaddr *)&local, &n) < 0 ||
	    net_sock_getpeername(stack, s->id, (struct sockaddr *)&remote, &m) < 0)
		return -ENOENT;
	if (endpoint_of(&local, &l) < 0 || endpoint_of(&remote, &r) < 0 ||
	    net_conntrack_orig_dst(stack, IPPROTO_TCP, &l, &r, &orig) < 0 || orig.addr.family != family)
		return -ENOENT;
	in.sin_port = in6.sin6_port = htons(orig.port);
	memcpy(&in.sin_addr, orig.addr.v4, 4);
	memcpy(&in6.sin6_addr, orig.addr.v6, 16);
	memcpy(val, family == AF_INET ? (const void *)&in : (const void *)&in6, size);
	*len = (socklen_t)size;
	return 0;
}
