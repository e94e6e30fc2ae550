/* SPDX-License-Identifier: Apache-2.0 */
/* Initial sequence numbers and timestamp offsets.
 *
 * Implements RFC 6528 (MUST-8, SHLD-1 of RFC 9293) with SipHash-2-4 for F().
 * Pure: the time is an argument, the key is the caller's.
 */
#include "tcp/isn.h"

#include <string.h>

#include "util/bytes.h"

static size_t put_addr(uint8_t *to, const struct net_addr *addr)
{
	memcpy(to, addr->bytes, 16);
	return 16;
}

struct seq isn_generate(const struct siphash_key *key, const struct net_endpoint *local,
			const struct net_endpoint *remote, net_time now)
{
	uint8_t in[36];
	size_t n = put_addr(in, &local->addr);

	n += put_addr(in + n, &remote->addr);
	store_be16(in + n, local->port);
	store_be16(in + n + 2, remote->port);
	return SEQ((uint32_t)siphash24(key, in, n + 4) + (uint32_t)(now >> 6));
}

uint32_t isn_ts_offset(const struct siphash_key *key, const struct net_endpoint *local,
		       const struct net_endpoint *remote)
{
	uint8_t in[33];
	size_t n = put_addr(in, &local->addr);

	n += put_addr(in + n, &remote->addr);
	in[n++] = 't'; /* keeps this use of the key apart from isn_generate() */
	return (uint32_t)siphash24(key, in, n);
}
