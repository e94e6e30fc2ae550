/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness, expanded from the stack's seed. */
#pragma once

#include <stdint.h>

#include "util/chacha.h"

struct rng {
	struct chacha gen;
};

void rng_init(struct rng *rng, const uint8_t seed[32]);
void rng_bytes(struct rng *rng, void *to, size_t len);
uint32_t rng_u32(struct rng *rng);
uint64_t rng_u64(struct rng *rng);
/* Uniform in [0, n), n > 0. */
uint32_t rng_below(struct rng *rng, uint32_t n);
