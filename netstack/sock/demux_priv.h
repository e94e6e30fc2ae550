/* SPDX-License-Identifier: Apache-2.0 */
/* Between demux.c (lookup) and ports.c (binding). */
#pragma once

#include "sock/demux.h"

bool demux_same_ep(const struct net_endpoint *a, const struct net_endpoint *b);
uint64_t demux_conn_hash(const struct demux *d, uint8_t proto, const struct net_endpoint *local,
			 const struct net_endpoint *remote);
struct demux_bucket *demux_bucket_find(struct demux *d, uint8_t proto, uint16_t port);
/* NULL: no memory. */
struct demux_bucket *demux_bucket_get(struct demux *d, uint8_t proto, uint16_t port);
/* Frees it if nobody is on the port. */
void demux_bucket_put(struct demux *d, struct demux_bucket *b);
