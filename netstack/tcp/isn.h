/* SPDX-License-Identifier: Apache-2.0 */
/* Initial sequence numbers and timestamp offsets. */
#pragma once

#include <netstack/types.h>

#include "tcp/seq.h"
#include "util/siphash.h"

/* RFC 6528: a clock that ticks every 64 ns plus a keyed hash of the connection's four-tuple. */
struct seq isn_generate(const struct siphash_key *key, const struct net_endpoint *local,
			const struct net_endpoint *remote, net_time now);

/* RFC 7323 5.4: the offset of the timestamp clock; the same for all connections between two hosts,
 * so that TIME_WAIT can be reopened by a newer timestamp. */
uint32_t isn_ts_offset(const struct siphash_key *key, const struct net_endpoint *local,
		       const struct net_endpoint *remote);
