/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4987 3.6. */
#include <criterion/criterion.h>

#include <sys/socket.h>

#include "tcp/syncookie.h"

static const struct siphash_key key = {{11, 12}};
static const struct net_endpoint local = {{.family = AF_INET, .bytes = {10, 0, 0, 1}}, 80};
static const struct net_endpoint remote = {{.family = AF_INET, .bytes = {10, 0, 0, 2}}, 4000};

Test(tcp_syncookie, gives_back_the_mss_rounded_down_to_the_table)
{
	uint16_t mss, got;
	struct seq iss = syncookie_make(&key, &local, &remote, SEQ(77), 1448, NET_SEC(1000), &mss);

	cr_assert_eq(mss, 1440);
	got = syncookie_check(&key, &local, &remote, SEQ(77), iss, NET_SEC(1030));
	cr_assert_eq(got, 1440);
}

Test(tcp_syncookie, is_good_for_at_least_one_minute_and_at_most_two)
{
	uint16_t mss;
	struct seq iss = syncookie_make(&key, &local, &remote, SEQ(77), 1460, NET_SEC(1019), &mss);

	cr_assert_eq(syncookie_check(&key, &local, &remote, SEQ(77), iss, NET_SEC(1079)), 1460);
	cr_assert_eq(syncookie_check(&key, &local, &remote, SEQ(77), iss, NET_SEC(1140)), 0);
}

Test(tcp_syncookie, is_bound_to_the_tuple_and_the_peers_sequence_number)
{
	uint16_t mss;
	struct net_endpoint other = remote;
	struct seq iss = syncookie_make(&key, &local, &remote, SEQ(77), 1460, NET_SEC(1000), &mss);
	int hits = 0;

	other.port++;
	hits += syncookie_check(&key, &local, &other, SEQ(77), iss, NET_SEC(1000)) != 0;
	hits += syncookie_check(&key, &local, &remote, SEQ(78), iss, NET_SEC(1000)) != 0;
	hits += syncookie_check(&key, &local, &remote, SEQ(77), seq_add(iss, 9), NET_SEC(1000)) !=
		0;
	cr_assert_eq(hits, 0);
}

Test(tcp_syncookie, options_travel_in_a_timestamp_that_is_never_in_the_future)
{
	struct syncookie_opts in = {.sack_ok = true, .wscale = 7}, out;

	for (uint32_t ts = 1000; ts < 1200; ts++) {
		uint32_t enc = syncookie_ts_encode(ts, &in);

		cr_assert_leq(enc, ts);
		cr_assert_geq(enc, ts - 64);
		syncookie_ts_decode(enc, &out);
		cr_assert(out.sack_ok && !out.ecn_ok && out.wscale == 7);
	}
}
