/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6528. */
#include <criterion/criterion.h>

#include <sys/socket.h>

#include "tcp/isn.h"

static const struct siphash_key key = {{1, 2}};

static struct net_endpoint ep(uint8_t last, uint16_t port)
{
	struct net_endpoint e = {.addr = {.family = AF_INET}, .port = port};

	e.addr.bytes[0] = 10;
	e.addr.bytes[3] = last;
	return e;
}

Test(tcp_isn, advances_every_64_ns_for_the_same_tuple)
{
	struct net_endpoint a = ep(1, 1000), b = ep(2, 80);
	struct seq first = isn_generate(&key, &a, &b, 0);
	struct seq later = isn_generate(&key, &a, &b, 6400);

	cr_assert_eq(seq_len(first, later), 100);
}

Test(tcp_isn, differs_between_tuples_and_keys)
{
	struct net_endpoint a = ep(1, 1000), b = ep(2, 80), c = ep(1, 1001);
	struct siphash_key other = {{3, 4}};

	cr_assert_neq(isn_generate(&key, &a, &b, 0).v, isn_generate(&key, &c, &b, 0).v);
	cr_assert_neq(isn_generate(&key, &a, &b, 0).v, isn_generate(&other, &a, &b, 0).v);
}

Test(tcp_isn, timestamp_offset_ignores_the_ports)
{
	struct net_endpoint a = ep(1, 1000), b = ep(2, 80), c = ep(1, 1001), d = ep(3, 80);

	cr_assert_eq(isn_ts_offset(&key, &a, &b), isn_ts_offset(&key, &c, &b));
	cr_assert_neq(isn_ts_offset(&key, &a, &b), isn_ts_offset(&key, &a, &d));
}
