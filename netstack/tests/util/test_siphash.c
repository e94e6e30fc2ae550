/* SPDX-License-Identifier: Apache-2.0 */
#include "util/siphash.h"

#include <criterion/criterion.h>

/* The test vectors of the SipHash paper: key 00..0f, input 00, 01, 02 ... */
Test(siphash, two_four_agrees_with_the_paper)
{
	struct siphash_key key = {{0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull}};
	uint8_t in[15];

	for (int i = 0; i < 15; i++)
		in[i] = (uint8_t)i;
	cr_assert_eq(siphash24(&key, in, 15), 0xa129ca6149be45e5ull);
	cr_assert_eq(siphash24(&key, in, 0), 0x726fdb47dd0e0e31ull);
}

Test(siphash, every_bit_of_key_and_input_matters)
{
	struct siphash_key key = {{1, 2}}, other = {{1, 3}};

	cr_assert_neq(siphash(&key, "abc", 3), siphash(&other, "abc", 3));
	cr_assert_neq(siphash(&key, "abc", 3), siphash(&key, "abd", 3));
	cr_assert_neq(siphash(&key, "abc", 3), siphash(&key, "abc\0", 4));
}
