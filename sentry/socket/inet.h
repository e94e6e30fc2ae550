/* SPDX-License-Identifier: Apache-2.0 */
/* AF_INET and AF_INET6 sockets over the stack of their network namespace. */
#pragma once

#include "net/netns.h"
#include "netstack/socket.h"
#include "socket/socket.h"

struct mappable;

/* How often the rings of one socket may change: what was mapped once stays until the socket is closed,
 * because an mmap(2) may be on its way to it. */
#define PACKET_RINGS_MAX 16

struct inet_sock {
	struct socket base;
	struct netns_sock ns_sock; /* the stack's events arrive here */
	struct netns *ns;	   /* reference */
	net_sock_id id;
	/* AF_PACKET, [the namespace's lock]: the memory of the rings, and what it was before. */
	struct mappable *ring, *old_rings[PACKET_RINGS_MAX];
	int n_old_rings;
};

/* packet.c: the rings of AF_PACKET. */
bool packet_is_ring(int level, int name);
/* The stack took a new geometry: gives it memory. 0, -ENOMEM. */
int packet_ring_changed(struct inet_sock *s, struct net_stack *stack);
void packet_rings_drop(struct inet_sock *s);
int packet_mmap(struct socket *base, struct mappable **ret);

#define SO_ORIGINAL_DST 80 /* linux/netfilter_ipv4.h; the same number for IPv6 */

/* The stack is locked. 0, -ENOENT, -ENOPROTOOPT, -EINVAL. */
int inet_original_dst(struct net_stack *stack, struct inet_sock *s, int family, void *val, socklen_t *len);

/* Between cmsg bytes and the stack's values. */
int inet_ctl_from_cmsg(struct task *t, const struct sock_msg *m, struct net_ctl *ctl);
void inet_ctl_to_cmsg(struct inet_sock *s, const struct net_ctl *ctl, struct cmsg_out *out);
