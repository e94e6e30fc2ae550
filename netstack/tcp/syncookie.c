/* SPDX-License-Identifier: Apache-2.0 */
/* SYN cookies.
 *
 * Implements RFC 4987 3.6 in Bernstein's form: a keyed hash of the tuple and the peer's sequence
 * number, plus the peer's ISN, plus a minute counter in the top byte, plus an index into a table of
 * MSS values that only the holder of the key can read. Window scale, SACK and ECN travel in the low
 * bits of the timestamp. Pure: the time is an argument, the key is the caller's.
 */
#include "tcp/syncookie.h"

#include <string.h>

#include "util/bytes.h"

#define COOKIE_BITS 24u
#define COOKIE_MASK ((1u << COOKIE_BITS) - 1)

#define TS_WSCALE_MASK 0xfu
#define TS_SACK (1u << 4)
#define TS_ECN (1u << 5)
#define TS_BITS 6u
#define TS_MASK ((1u << TS_BITS) - 1)

/* The path MTUs that occur, less the headers of either family; ascending. */
static const uint16_t mss_table[] = {216, 536, 1220, 1300, 1400, 1440, 1460, 8940};

static uint32_t cookie_hash(const struct siphash_key *key, const struct net_endpoint *local,
			    const struct net_endpoint *remote, struct seq irs, uint32_t count,
			    uint8_t which)
{
	uint8_t in[45];

	memcpy(in, local->addr.bytes, 16);
	memcpy(in + 16, remote->addr.bytes, 16);
	store_be16(in + 32, local->port);
	store_be16(in + 34, remote->port);
	store_be32(in + 36, count);
	store_be32(in + 40, irs.v);
	in[44] = which;
	return (uint32_t)siphash24(key, in, sizeof(in));
}

static uint32_t period(net_time now)
{
	return (uint32_t)(now / SYNCOOKIE_PERIOD);
}

struct seq syncookie_make(const struct siphash_key *key, const struct net_endpoint *local,
			  const struct net_endpoint *remote, struct seq irs, uint16_t mss,
			  net_time now, uint16_t *ret_mss)
{
	uint32_t i = sizeof(mss_table) / sizeof(mss_table[0]) - 1;
	uint32_t count = period(now);

	while (i > 0 && mss_table[i] > mss)
		i--;
	*ret_mss = mss_table[i];
	return SEQ(cookie_hash(key, local, remote, irs, 0, 'a') + irs.v + (count << COOKIE_BITS) +
		   ((cookie_hash(key, local, remote, irs, count, 'b') + i) & COOKIE_MASK));
}

uint16_t syncookie_check(const struct siphash_key *key, const struct net_endpoint *local,
			 const struct net_endpoint *remote, struct seq irs, struct seq iss,
			 net_time now)
{
	uint32_t rest = iss.v - cookie_hash(key, local, remote, irs, 0, 'a') - irs.v;
	uint32_t count = period(now);
	uint32_t age = (count - (rest >> COOKIE_BITS)) & 0xffu;
	uint32_t i;

	if (age >= SYNCOOKIE_MAX_AGE)
		return 0;
	i = (rest - cookie_hash(key, local, remote, irs, count - age, 'b')) & COOKIE_MASK;
	return i < sizeof(mss_table) / sizeof(mss_table[0]) ? mss_table[i] : 0;
}

uint32_t syncookie_ts_encode(uint32_t ts, const struct syncookie_opts *opts)
{
	uint32_t bits = opts->wscale & TS_WSCALE_MASK;
	uint32_t out;

	if (opts->sack_ok)
		bits |= TS_SACK;
	if (opts->ecn_ok)
		bits |= TS_ECN;
	out = (ts & ~TS_MASK) | bits;
	if (out > ts)
		out -= TS_MASK + 1; /* the clock must not run ahead: PAWS */
	return out;
}

void syncookie_ts_decode(uint32_t tsecr, struct syncookie_opts *ret)
{
	ret->has_ts = true;
	ret->wscale = (uint8_t)(tsecr & TS_WSCALE_MASK);
	ret->sack_ok = tsecr & TS_SACK;
	ret->ecn_ok = tsecr & TS_ECN;
}
