/* SPDX-License-Identifier: Apache-2.0 */
/* Multicast memberships of a socket. */
#pragma once

#include "ip/ip.h"
#include "sock/sock.h"

struct mcast_member {
	struct list list; /* in sock->mcast */
	net_link_id link;
	struct net_addr group;
	bool include; /* only the sources; otherwise all but them (RFC 3376 3.1) */
	uint32_t nsources;
	struct net_addr *sources;
	struct mcast_claim claim; /* the same for the link: mcast_member_changed() */
};

/* 0, -EADDRINUSE, -ENODEV, -ENOBUFS, -EINVAL. @link 0: chosen by route. */
int mcast_sock_join(struct sock *sk, const struct net_addr *group, net_link_id link);
/* The same for one source only (NULL: all). */
int mcast_sock_join_source(struct sock *sk, const struct net_addr *group,
			   const struct net_addr *source, net_link_id link);
/* 0 or -EADDRNOTAVAIL. */
int mcast_sock_leave(struct sock *sk, const struct net_addr *group, net_link_id link);
void mcast_leave_all(struct sock *sk);
/* After a change of @include or @sources: the link reports what that changes. */
void mcast_member_changed(struct sock *sk, struct mcast_member *m);
/* The membership, or NULL. @link 0: any. */
struct mcast_member *mcast_sock_find(const struct sock *sk, const struct net_addr *group,
				     net_link_id link);
/* Whether a packet from @src to @group over @link is for this socket (source filters,
 * IP_MULTICAST_ALL). */
bool mcast_sock_wants(const struct sock *sk, const struct net_addr *group,
		      const struct net_addr *src, net_link_id link);

/* mcast_source.c: RFC 3678. The caller checked that the value has its smallest size. */
int mcast_source_setopt(struct sock *sk, int name, const void *value, socklen_t len, int family);
int mcast_source_getopt(struct sock *sk, int name, void *value, socklen_t *len, int family);
