/* SPDX-License-Identifier: Apache-2.0 */
/* Shared between the files of the netlink core. */
#pragma once

#include "netlink/netlink.h"

/* Queues a datagram for the reader. @answer: of its own request, outside the buffer's limit. */
void nl_queue(struct nl_sock *s, const void *data, size_t len, uint32_t from, uint32_t group,
	      bool answer);
