/* SPDX-License-Identifier: Apache-2.0 */
/* TCP, as stack/ and sock/ see it. */
#pragma once

#include "sock/sock.h"
#include "util/cleanup.h"

struct tcp;

extern const struct sock_ops tcp_sock_ops;

/* Makes the context and registers it with IP. 0 or -ENOMEM. */
MUST_CHECK int tcp_init(struct tcp **ret, struct socks *ss);

/* Frees every socket, half-open connection and TIME-WAIT that is left. Accepts NULL, returns NULL.
 */
struct tcp *tcp_free(struct tcp *tcp);

/* Half-open connections and TIME-WAITs, for /proc/net/tcp: fills at most @max entries, returns how
 * many there are. */
size_t tcp_info_minisocks(struct tcp *tcp, struct net_sock_info *ret, size_t max);

/* How many orphans and TIME-WAITs there are. */
void tcp_counts(const struct tcp *tcp, uint32_t *ret_orphans, uint32_t *ret_timewait);
