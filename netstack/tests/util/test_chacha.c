/* SPDX-License-Identifier: Apache-2.0 */
#include "util/chacha.h"

#include <criterion/criterion.h>

/* RFC 8439 2.3.2. */
Test(chacha, block_agrees_with_the_rfc)
{
	const uint32_t state[16] = {
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0x03020100, 0x07060504,
		0x0b0a0908, 0x0f0e0d0c, 0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c,
		0x00000001, 0x09000000, 0x4a000000, 0x00000000,
	};
	const uint8_t want[16] = {0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15,
				  0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4};
	uint8_t out[64];

	chacha_block(state, out);
	cr_assert_arr_eq(out, want, 16);
}

Test(chacha, same_seed_gives_the_same_bytes_however_they_are_asked_for)
{
	uint8_t seed[32] = {7}, a[100], b[100];
	struct chacha x, y;

	chacha_init(&x, seed);
	chacha_init(&y, seed);
	chacha_bytes(&x, a, 100);
	for (int i = 0; i < 100; i++)
		chacha_bytes(&y, b + i, 1);
	cr_assert_arr_eq(a, b, 100);
}
