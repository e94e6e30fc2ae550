/* SPDX-License-Identifier: Apache-2.0 */
/* AF_INET and AF_INET6 sockets over the stack of their network namespace. */
#pragma once

#include "net/netns.h"
#include "netstack/socket.h"
#include "socket/socket.h"

struct inet_sock {
	struct socket base;
	struct netns_sock ns_sock; /* the stack's events arrive here */
	struct netns *ns;	   /* reference */
	net_sock_id id;
};

/* Between cmsg bytes and the stack's values. */
int inet_ctl_from_cmsg(struct task *t, const struct sock_msg *m, struct net_ctl *ctl);
void inet_ctl_to_cmsg(struct inet_sock *s, const struct net_ctl *ctl, struct cmsg_out *out);
