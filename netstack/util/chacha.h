/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded generator of unpredictable bytes: ChaCha20 (RFC 8439 2.3) in counter mode. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct chacha {
	uint32_t state[16];
	uint8_t block[64];
	unsigned used; /* bytes of block already given out */
};

/* The block function: @out = ChaCha20(@state). */
void chacha_block(const uint32_t state[16], uint8_t out[64]);

/* Starts the stream of @seed; the same seed gives the same bytes. */
void chacha_init(struct chacha *c, const uint8_t seed[32]);
void chacha_bytes(struct chacha *c, void *to, size_t len);
uint32_t chacha_u32(struct chacha *c);
uint64_t chacha_u64(struct chacha *c);
