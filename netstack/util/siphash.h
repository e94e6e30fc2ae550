/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-1-3: a keyed hash for tables whose keys a peer chooses, and for unpredictable numbers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k[2];
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

/* SipHash-2-4, for secrets that must resist forgery (cookies, sequence numbers). */
uint64_t siphash24(const struct siphash_key *key, const void *data, size_t len);
