/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of sockets from outside (sock_diag(7)). */
#pragma once

#include "netstack/types.h"

/* Ends a socket as its peer or the network would: TCP sends a reset, the owner sees -ECONNABORTED. 0,
 * -EBADF, -EOPNOTSUPP. */
int net_sock_destroy(struct net_stack *stack, net_sock_id sock);
