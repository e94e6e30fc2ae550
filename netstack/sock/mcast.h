/* SPDX-License-Identifier: Apache-2.0 */
/* Multicast memberships of a socket. */
#pragma once

#include "sock/sock.h"

struct mcast_member {
	struct list list; /* in sock->mcast */
	net_link_id link;
	struct net_addr group;
};

/* 0, -EADDRINUSE, -ENODEV, -ENOBUFS, -EINVAL. @link 0: chosen by route. */
int mcast_sock_join(struct sock *sk, const struct net_addr *group, net_link_id link);
/* 0 or -EADDRNOTAVAIL. */
int mcast_sock_leave(struct sock *sk, const struct net_addr *group, net_link_id link);
void mcast_leave_all(struct sock *sk);
/* Whether a packet to @group over @link is for this socket (IP_MULTICAST_ALL). */
bool mcast_sock_wants(const struct sock *sk, const struct net_addr *group, net_link_id link);
