/* SPDX-License-Identifier: Apache-2.0 */
/* What depends on the kind of a link: IFLA_LINKINFO, creation, deletion. */
#pragma once

#include <linux/if_link.h>

#include "netlink/rt.h"

uint16_t rt_link_arphrd(const struct net_link_info *l);
void rt_put_link_kind(struct nl_out *o, const struct net_link_info *l,
		      const struct net_stack *stack);
/* The filters of a dump: IFLA_MASTER, IFLA_LINKINFO's kind. */
bool rt_link_passes(const struct net_link_info *l, const struct nl_attr *tb);
/* The stack is locked. Name, queue length, master. */
int rt_link_set_more(struct nl_req *rq, struct net_stack *stack, const struct net_link_info *l,
		     const struct nl_attr *tb);
int rt_link_create(struct nl_req *rq, const struct ifinfomsg *ifi, const struct nl_attr *tb);
int rt_link_delete(struct nl_req *rq, const struct net_link_info *l);
