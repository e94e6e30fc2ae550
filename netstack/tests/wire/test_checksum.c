/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/checksum.h"

#include <criterion/criterion.h>
#include <sys/socket.h>

/* RFC 1071 3. */
Test(checksum, agrees_with_the_rfcs_example)
{
	const uint8_t b[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	cr_assert_eq(csum_partial(csum_add(0, b, 8)), 0xddf2);
	cr_assert_eq(csum_fold(csum_add(0, b, 8)), 0x220d);
}

/* Bitwise against the definition, for all lengths and alignments. */
Test(checksum, is_the_sum_of_words_for_every_length)
{
	uint8_t b[300];

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 37 + 11);
	for (size_t off = 0; off < 9; off++) {
		for (size_t len = 0; len + off <= sizeof(b); len++) {
			uint32_t want = 0;

			for (size_t i = 0; i < len; i++)
				want += i & 1 ? b[off + i] : (uint32_t)b[off + i] << 8;
			want = (want & 0xffff) + (want >> 16);
			want = (want & 0xffff) + (want >> 16);
			cr_assert_eq(csum_partial(csum_add(0, b + off, len)), want);
		}
	}
}

Test(checksum, odd_parts_join_by_swapping)
{
	uint8_t b[64];
	uint64_t sum;

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 91 + 3);
	sum = csum_add(0, b, 13);
	sum = csum_join(sum, csum_swap(csum_add(0, b + 13, 51)));
	cr_assert_eq(csum_fold(sum), csum_fold(csum_add(0, b, 64)));
}

/* RFC 1624 4: the example that RFC 1141 got wrong. */
Test(checksum, incremental_update_agrees_with_the_rfc)
{
	cr_assert_eq(csum_update16(0xdd2f, 0x5555, 0x3285), 0x0000);
}
