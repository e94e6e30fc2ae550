/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.4: sequence arithmetic is modulo 2^32. */
#include <criterion/criterion.h>

#include "tcp/seq.h"

Test(tcp_seq, comparison_wraps_around)
{
	cr_assert(seq_lt(SEQ(0xfffffff0u), SEQ(0x10)));
	cr_assert(seq_gt(SEQ(0x10), SEQ(0xfffffff0u)));
	cr_assert_not(seq_lt(SEQ(5), SEQ(5)));
	cr_assert(seq_le(SEQ(5), SEQ(5)));
	cr_assert(seq_ge(SEQ(5), SEQ(5)));
}

Test(tcp_seq, difference_is_signed)
{
	cr_assert_eq(seq_diff(SEQ(1), SEQ(0xffffffffu)), 2);
	cr_assert_eq(seq_diff(SEQ(0xffffffffu), SEQ(1)), -2);
	cr_assert_eq(seq_len(SEQ(0xfffffffeu), SEQ(2)), 4);
}

Test(tcp_seq, within_holds_for_long_ranges)
{
	cr_assert(seq_within(SEQ(0xf0000000u), SEQ(0), SEQ(0xffffffffu)));
	cr_assert(seq_within(SEQ(3), SEQ(0xfffffff0u), SEQ(5)));
	cr_assert_not(seq_within(SEQ(6), SEQ(0xfffffff0u), SEQ(5)));
}

Test(tcp_seq, min_and_max_follow_the_order)
{
	cr_assert_eq(seq_max(SEQ(0xfffffff0u), SEQ(1)).v, 1);
	cr_assert_eq(seq_min(SEQ(0xfffffff0u), SEQ(1)).v, 0xfffffff0u);
}
