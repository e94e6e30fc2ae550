/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_SOCK_DIAG (sock_diag(7)): shared between its families. */
#pragma once

#include <linux/inet_diag.h>

#include "netlink/netlink.h"
#include "netstack/info.h"

int diag_inet(struct nl_req *rq, bool destroy);
int diag_unix(struct nl_req *rq);
int diag_netlink(struct nl_req *rq);
int diag_packet(struct nl_req *rq);

/* A socket as a filter sees it. */
struct diag_entry {
	const struct net_sock_info *info;
	uint32_t mark;
	net_link_id bound;
};

/* Filters (INET_DIAG_REQ_BYTECODE). Validates: 0 or -EINVAL. */
int diag_filter_check(const uint8_t *code, size_t len);
/* Whether the socket passes. */
bool diag_filter_run(const uint8_t *code, size_t len, const struct diag_entry *e);
