/* SPDX-License-Identifier: Apache-2.0 */
/* ChaCha20 as a generator. Pure: the state is the caller's, entropy comes with the seed. */
#include "util/chacha.h"

#include <string.h>

#include "util/bytes.h"

static inline uint32_t rotl(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void quarter(uint32_t *x, int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 7);
}

void chacha_block(const uint32_t state[16], uint8_t out[64])
{
	uint32_t x[16];

	memcpy(x, state, sizeof(x));
	for (int i = 0; i < 10; i++) {
		quarter(x, 0, 4, 8, 12);
		quarter(x, 1, 5, 9, 13);
		quarter(x, 2, 6, 10, 14);
		quarter(x, 3, 7, 11, 15);
		quarter(x, 0, 5, 10, 15);
		quarter(x, 1, 6, 11, 12);
		quarter(x, 2, 7, 8, 13);
		quarter(x, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++) {
		uint32_t v = x[i] + state[i];

		memcpy(out + 4 * i, &v, 4);
	}
}

void chacha_init(struct chacha *c, const uint8_t seed[32])
{
	static const uint32_t sigma[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

	memset(c, 0, sizeof(*c));
	memcpy(c->state, sigma, sizeof(sigma));
	for (int i = 0; i < 8; i++)
		c->state[4 + i] = load_le32(seed + 4 * i);
	c->used = sizeof(c->block);
}

void chacha_bytes(struct chacha *c, void *to, size_t len)
{
	uint8_t *out = to;

	while (len) {
		if (c->used == sizeof(c->block)) {
			chacha_block(c->state, c->block);
			/* A 64-bit counter: the nonce words 13..15 stay free of reuse. */
			if (!++c->state[12])
				c->state[13]++;
			c->used = 0;
		}

		size_t n = sizeof(c->block) - c->used;

		if (n > len)
			n = len;
		memcpy(out, c->block + c->used, n);
		memset(c->block + c->used, 0, n);
		c->used += (unsigned)n;
		out += n;
		len -= n;
	}
}

uint32_t chacha_u32(struct chacha *c)
{
	uint32_t v;

	chacha_bytes(c, &v, sizeof(v));
	return v;
}

uint64_t chacha_u64(struct chacha *c)
{
	uint64_t v;

	chacha_bytes(c, &v, sizeof(v));
	return v;
}
