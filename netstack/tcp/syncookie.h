/* SPDX-License-Identifier: Apache-2.0 */
/* SYN cookies (RFC 4987 3.6): a half-open connection that is stored in the network. */
#pragma once

#include <stdbool.h>

#include <netstack/types.h>

#include "tcp/seq.h"
#include "util/siphash.h"

#define SYNCOOKIE_PERIOD ((net_dur)60 * 1000 * 1000 * 1000)
#define SYNCOOKIE_MAX_AGE 2u /* periods */
#define SYNCOOKIE_WSCALE_NONE 15u

/* What the peer offered and the cookie must remember. */
struct syncookie_opts {
	bool has_ts; /* without timestamps the other two cannot be remembered */
	bool sack_ok;
	bool ecn_ok;
	uint8_t wscale; /* SYNCOOKIE_WSCALE_NONE: no window scaling */
};

/* The initial sequence number that encodes @mss; *ret_mss is the value it will decode to. */
struct seq syncookie_make(const struct siphash_key *key, const struct net_endpoint *local,
			  const struct net_endpoint *remote, struct seq irs, uint16_t mss,
			  net_time now, uint16_t *ret_mss);

/* Checks the cookie that an ACK gave back (@iss is SEG.ACK - 1, @irs is SEG.SEQ - 1). Returns the
 * MSS, or 0 if it is not one of ours or too old. */
uint16_t syncookie_check(const struct siphash_key *key, const struct net_endpoint *local,
			 const struct net_endpoint *remote, struct seq irs, struct seq iss,
			 net_time now);

/* The timestamp to send with the cookie: not later than @ts, options in its low bits. */
uint32_t syncookie_ts_encode(uint32_t ts, const struct syncookie_opts *opts);

/* Reads options back from the echoed timestamp, without our clock's offset. */
void syncookie_ts_decode(uint32_t tsecr, struct syncookie_opts *ret);
