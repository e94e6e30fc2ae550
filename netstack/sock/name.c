/* SPDX-License-Identifier: Apache-2.0 */
/* Between struct sockaddr and endpoints: IPv4-mapped addresses, scopes, truncation. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "ip/addr.h"
#include "sock/sock.h"
#include "util/bytes.h"

#define SIN6_LEN_MIN 24 /* RFC 2133's sockaddr_in6 had no scope */

static int get4(struct net_endpoint *ret, const struct sockaddr *name, socklen_t len)
{
	struct sockaddr_in sin;

	if (len < sizeof(sin))
		return -EINVAL;
	memcpy(&sin, name, sizeof(sin));
	ret->addr.family = AF_INET;
	memcpy(ret->addr.v4, &sin.sin_addr, 4);
	ret->port = load_be16(&sin.sin_port);
	return 0;
}

static int get6(struct net_endpoint *ret, const struct sockaddr *name, socklen_t len)
{
	struct sockaddr_in6 sin6 = {0};

	if (len < SIN6_LEN_MIN)
		return -EINVAL;
	memcpy(&sin6, name, len < sizeof(sin6) ? len : sizeof(sin6));
	ret->addr.family = AF_INET6;
	memcpy(ret->addr.v6, &sin6.sin6_addr, 16);
	ret->port = load_be16(&sin6.sin6_port);
	if (addr_needs_scope(&ret->addr))
		ret->addr.scope = sin6.sin6_scope_id;
	if (addr_is_mapped(&ret->addr)) {
		memcpy(ret->addr.v4, sin6.sin6_addr.s6_addr + 12, 4);
		memset(ret->addr.bytes + 4, 0, 12);
		ret->addr.family = AF_INET;
	}
	return 0;
}

int sock_get_name(const struct sock *sk, struct net_endpoint *ret, const struct sockaddr *name,
		  socklen_t len)
{
	sa_family_t family;

	*ret = (struct net_endpoint){0};
	if (len < sizeof(family))
		return -EINVAL;
	memcpy(&family, name, sizeof(family));
	if (family == AF_UNSPEC)
		return 0;
	if (sk->family == AF_INET6) {
		if (family == AF_INET && sk->type != SOCK_STREAM) {
			int r = get4(ret, name, len);

			return r < 0 ? r : sk->opt.v6only ? -EAFNOSUPPORT : 0;
		}
		if (len < SIN6_LEN_MIN)
			return -EINVAL;
		return family == AF_INET6 ? get6(ret, name, len) : -EAFNOSUPPORT;
	}
	if (len < sizeof(struct sockaddr_in))
		return -EINVAL;
	return family == AF_INET ? get4(ret, name, len) : -EAFNOSUPPORT;
}

void sock_put_name(const struct sock *sk, const struct net_endpoint *ep, struct sockaddr *name,
		   socklen_t *len)
{
	union {
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	} u = {0};
	socklen_t full;

	if (sk->family == AF_INET) {
		full = sizeof(u.sin);
		u.sin.sin_family = AF_INET;
		store_be16(&u.sin.sin_port, ep->port);
		memcpy(&u.sin.sin_addr, ep->addr.v4, 4);
	} else {
		full = sizeof(u.sin6);
		u.sin6.sin6_family = AF_INET6;
		store_be16(&u.sin6.sin6_port, ep->port);
		if (ep->addr.family == AF_INET && !addr_is_any(&ep->addr)) {
			u.sin6.sin6_addr.s6_addr[10] = u.sin6.sin6_addr.s6_addr[11] = 0xff;
			memcpy(u.sin6.sin6_addr.s6_addr + 12, ep->addr.v4, 4);
		} else if (ep->addr.family == AF_INET6) {
			memcpy(&u.sin6.sin6_addr, ep->addr.v6, 16);
			u.sin6.sin6_scope_id = ep->addr.scope;
		}
	}
	if (name)
		memcpy(name, &u, *len < full ? *len : full);
	*len = full;
}
