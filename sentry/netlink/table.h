/* SPDX-License-Identifier: Apache-2.0 */
/* All netlink sockets of the sandbox. */
#pragma once

#include "core/mutex.h"
#include "netlink/netlink.h"

struct nl_table {
	struct mutex rtnl;
	struct mutex mu;
	struct list socks; /* struct nl_sock.all */
};
extern struct nl_table nl_table;

/* 0 or -ECONNREFUSED: nobody has that port. */
int nl_send_user(struct nl_sock *from, uint32_t port, uint32_t group, const void *data, size_t len);
