/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator itself: time, wires, repeatability. */
#include <criterion/criterion.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "netstack/info.h"
#include "sim/bulk.h"

#define MIB (1u << 20)

struct pair {
	struct sim *sim;
	struct bulk bulk;
};

static void make_pair(struct pair *pair, uint64_t seed, const struct sim_link_config *cfg,
		      uint64_t bytes)
{
	struct bulk *bulk = &pair->bulk;

	pair->sim = sim_new(seed);
	*bulk = (struct bulk){.sim = pair->sim, .family = AF_INET, .port = 5001, .total = bytes};
	bulk->from = sim_add_stack(pair->sim, NULL);
	bulk->to = sim_add_stack(pair->sim, NULL);
	bulk->link = sim_connect(pair->sim, bulk->from, bulk->to, cfg);
	cr_assert_geq(bulk->link, 0);
	cr_assert_eq(bulk_start(bulk), 0);
}

static void free_pair(struct pair *pair)
{
	bulk_stop(&pair->bulk);
	pair->sim = sim_free(pair->sim);
}

Test(sim, idle_time_passes_at_once)
{
	struct sim *sim = sim_new(1);
	net_time start = sim_now(sim);

	cr_assert_eq(sim_add_stack(sim, NULL), 0);
	sim_run_for(sim, NET_SEC(1000000));
	cr_assert_eq(sim_now(sim) - start, NET_SEC(1000000));
	sim_free(sim);
}

Test(sim, delay_is_the_round_trip)
{
	struct sim_link_config cfg = {.delay = NET_MS(50)};
	struct pair pair;

	make_pair(&pair, 2, &cfg, 1000);

	net_time start = sim_now(pair.sim);

	cr_assert(bulk_run(&pair.bulk, start + NET_SEC(10)));
	/* SYN, SYN|ACK, then data and FIN. */
	cr_assert_eq(sim_now(pair.sim) - start, NET_MS(150));
	free_pair(&pair);
}

Test(sim, rate_is_kept)
{
	struct sim_link_config cfg = {.delay = NET_MS(1), .rate_bps = 10000000, .queue = 1000};
	struct pair pair;

	make_pair(&pair, 3, &cfg, 2 * MIB);

	net_time start = sim_now(pair.sim);
	double secs;

	cr_assert(bulk_run(&pair.bulk, start + NET_SEC(100)));
	secs = (double)(sim_now(pair.sim) - start) / 1e9;
	cr_assert_gt(secs, 2.0 * MIB * 8 / 1e7, "%.3f", secs);
	cr_assert_lt(secs, 2.0 * MIB * 8 / 1e7 * 1.2, "%.3f", secs);
	free_pair(&pair);
}

Test(sim, impairments_happen_as_often_as_asked)
{
	struct sim_link_config cfg = {
		.delay = NET_MS(1),
		.loss_ppm = 10000,
		.dup_ppm = 20000,
		.corrupt_ppm = 5000,
		.reorder_ppm = 30000,
		.reorder_delay = NET_US(100),
	};
	struct pair pair;

	make_pair(&pair, 4, &cfg, 8 * MIB);

	struct sim_stats stats;

	cr_assert(bulk_run(&pair.bulk, sim_now(pair.sim) + NET_SEC(1000)));
	sim_link_stats(pair.sim, pair.bulk.link, &stats);
	cr_assert_gt(stats.frames, 5000);
	cr_assert(stats.lost * 1000 / stats.frames >= 7 && stats.lost * 1000 / stats.frames <= 13);
	cr_assert(stats.duplicated * 1000 / stats.frames >= 15 &&
		  stats.duplicated * 1000 / stats.frames <= 25);
	cr_assert(stats.corrupted * 1000 / stats.frames >= 3 &&
		  stats.corrupted * 1000 / stats.frames <= 7);
	cr_assert(stats.reordered * 1000 / stats.frames >= 24 &&
		  stats.reordered * 1000 / stats.frames <= 36);
	free_pair(&pair);
}

Test(sim, a_clean_wire_keeps_the_order)
{
	struct sim_link_config cfg = {.delay = NET_MS(1)};
	struct pair pair;

	make_pair(&pair, 5, &cfg, 16 * MIB);

	uint64_t drops[DROP_COUNT];

	cr_assert(bulk_run(&pair.bulk, sim_now(pair.sim) + NET_SEC(100)));
	net_info_drops(sim_stack(pair.sim, pair.bulk.to), drops);
	cr_assert_eq(drops[DROP_TCP_OLD_DATA], 0);
	free_pair(&pair);
}

Test(sim, a_down_wire_ends_nothing_and_comes_back)
{
	struct sim_link_config cfg = {.delay = NET_MS(1)}, down = {.loss_ppm = 1000000};
	struct pair pair;

	make_pair(&pair, 6, &cfg, 4 * MIB);

	net_time start = sim_now(pair.sim);

	sim_run_for(pair.sim, NET_MS(8));
	sim_link_set(pair.sim, pair.bulk.link, &down);
	sim_run_for(pair.sim, NET_SEC(30));
	cr_assert_not(pair.bulk.eof);
	sim_link_set(pair.sim, pair.bulk.link, &cfg);
	cr_assert(bulk_run(&pair.bulk, start + NET_SEC(200)));
	free_pair(&pair);
}

Test(sim, ethernet_resolves_neighbours_and_carries_both_families)
{
	static const int families[] = {AF_INET, AF_INET6};

	for (int i = 0; i < 2; i++) {
		struct sim_link_config cfg = {.kind = NET_LINK_ETHER, .delay = NET_MS(1)};
		struct sim *sim = sim_new(7);
		struct bulk bulk = {.sim = sim, .family = families[i], .port = 5001, .total = MIB};

		bulk.from = sim_add_stack(sim, NULL);
		bulk.to = sim_add_stack(sim, NULL);
		bulk.link = sim_connect(sim, bulk.from, bulk.to, &cfg);
		cr_assert_eq(bulk_start(&bulk), 0);
		cr_assert(bulk_run(&bulk, sim_now(sim) + NET_SEC(100)));
		bulk_stop(&bulk);
		sim_free(sim);
	}
}
