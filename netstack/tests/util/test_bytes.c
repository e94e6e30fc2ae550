/* SPDX-License-Identifier: Apache-2.0 */
#include "util/bytes.h"

#include <criterion/criterion.h>

Test(bytes, reads_in_network_order)
{
	const uint8_t b[] = {1, 2, 3, 4, 5, 6, 7};
	struct rd r;

	rd_init(&r, b, sizeof(b));
	cr_assert_eq(rd_u8(&r), 1);
	cr_assert_eq(rd_be16(&r), 0x0203);
	cr_assert_eq(rd_be32(&r), 0x04050607);
	cr_assert(!rd_failed(&r));
}

Test(bytes, a_step_past_the_end_fails_for_ever)
{
	const uint8_t b[] = {1, 2, 3};
	struct rd r;

	rd_init(&r, b, sizeof(b));
	cr_assert_eq(rd_be32(&r), 0);
	cr_assert(rd_failed(&r));
	cr_assert_eq(rd_u8(&r), 0);
	cr_assert_eq(rd_left(&r), 0);
}

Test(bytes, a_sub_cursor_cannot_leave_its_part)
{
	const uint8_t b[] = {1, 2, 3, 4};
	struct rd r, s;

	rd_init(&r, b, sizeof(b));
	s = rd_sub(&r, 2);
	cr_assert_eq(rd_be16(&s), 0x0102);
	cr_assert_eq(rd_u8(&s), 0);
	cr_assert(rd_failed(&s));
	cr_assert_eq(rd_be16(&r), 0x0304);
}

Test(bytes, writing_past_the_end_writes_nothing)
{
	uint8_t b[4] = {9, 9, 9, 9};
	struct wr w;

	wr_init(&w, b, 3);
	wr_be16(&w, 0x0102);
	wr_be16(&w, 0x0304);
	cr_assert(wr_failed(&w));
	cr_assert_eq(b[2], 9);
	cr_assert_eq(wr_len(&w), 2);
}

Test(bytes, empty_input_is_no_failure_until_read)
{
	struct rd r;

	rd_init(&r, NULL, 0);
	cr_assert(!rd_failed(&r));
	rd_skip(&r, 0);
	cr_assert(!rd_failed(&r));
	rd_skip(&r, 1);
	cr_assert(rd_failed(&r));
}
