/* SPDX-License-Identifier: Apache-2.0 */
#include "support/lab.h"

static void shows(const char *text)
{
	struct net_addr a = ip(text);
	char buf[64];

	wire_print_addr(buf, sizeof(buf), &a);
	cr_assert_str_eq(buf, text);
}

/* RFC 5952 4. */
Test(print, addresses_are_written_in_their_canonical_form)
{
	shows("10.1.2.3");
	shows("::");
	shows("::1");
	shows("1::");
	shows("fe80::1:2");
	shows("2001:db8:0:1:1:1:1:1");
	shows("2001:0:0:1::1");
	shows("1:2:3:4:5:6:7:8");
	shows("ff02::1:ff00:1");
}

Test(print, any_bytes_print_something_within_bounds)
{
	uint8_t b[64];
	char text[40];
	uint32_t x = 1;

	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)i % 64;

		for (size_t k = 0; k < len; k++)
			b[k] = (uint8_t)((x = x * 1103515245 + 12345) >> 16);
		cr_assert_lt(wire_print(text, sizeof(text), b, len, (uint16_t)(i % 3 ? 0x800 : 0)),
			     sizeof(text));
		cr_assert_lt(wire_print(text, sizeof(text), b, len, 0x86dd), sizeof(text));
	}
}
