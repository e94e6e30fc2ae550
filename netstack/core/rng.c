/* SPDX-License-Identifier: Apache-2.0 */
/* Seed expansion. */
#include "core/rng.h"

void rng_init(struct rng *rng, const uint8_t seed[32])
{
	chacha_init(&rng->gen, seed);
}

void rng_bytes(struct rng *rng, void *to, size_t len)
{
	chacha_bytes(&rng->gen, to, len);
}

uint32_t rng_u32(struct rng *rng)
{
	return chacha_u32(&rng->gen);
}

uint64_t rng_u64(struct rng *rng)
{
	return chacha_u64(&rng->gen);
}

uint32_t rng_below(struct rng *rng, uint32_t n)
{
	return (uint32_t)((uint64_t)rng_u32(rng) * n >> 32);
}
