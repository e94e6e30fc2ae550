/* SPDX-License-Identifier: Apache-2.0 */
/* ctnetlink: NFNL_SUBSYS_CTNETLINK. */
#pragma once

#include "netlink/netlink.h"

int conntrack_request(struct nl_req *rq, uint8_t type);
/* Members of the groups changed: events are kept while there are any. */
void conntrack_members(struct netns *ns);
