/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of net/: a netlink socket, and stepping into a namespace and back. */
#pragma once

#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>

#include "net/net.h"

int nl_open(struct nl_sock **ret, struct cause *cause);
static inline void nl_close_freep(struct nl_sock **sk)
{
	if (*sk)
		nl_socket_free(*sk);
}
/* libnl's error numbers as errno. */
int nl_errno(int nl_error);

/* Switches this thread into @netns_fd; returns a descriptor for netns_leave(). */
int netns_enter(int netns_fd, struct cause *cause);
void netns_leave(int home_fd);

int nl_link_up(struct nl_sock *sk, int ifindex);
int nl_addr_change(struct nl_sock *sk, int ifindex, const struct net_plan_addr *a, bool add,
		   unsigned flags);
