/* SPDX-License-Identifier: Apache-2.0 */
/* Two stacks over a grid of bad wires: loss 0 to 10 %, delay 0 to 300 ms, jitter, reordering, software
 * offloads and disciplines. Never a stall, every byte intact; the clock is virtual, so a stall shows as a
 * gap of simulated time in which nothing arrives.
 */
#include <criterion/criterion.h>
#include <netinet/in.h>

#include "netstack/qdisc.h"
#include "sim/bulk.h"

#define KIB 1024ull
/* The longest pause that recovery may need: backed-off timeouts of several losses in a row. */
#define STALL NET_SEC(120)

struct watch {
	struct bulk *bulk;
	uint64_t seen;
	net_time since;
};

static void transfer(uint64_t seed, int family, uint64_t bytes, const struct sim_link_config *cfg,
		     enum net_qdisc_kind kind)
{
	struct sim *sim = sim_new(seed);
	struct bulk bulk = {.sim = sim, .family = family, .port = 5001, .total = bytes};
	struct watch w = {.bulk = &bulk};

	bulk.from = sim_add_stack(sim, NULL);
	bulk.to = sim_add_stack(sim, NULL);
	bulk.link = sim_connect(sim, bulk.from, bulk.to, cfg);
	cr_assert_geq(bulk.link, 0);
	for (int i = 0; i < 2; i++) {
		struct net_qdisc q = {.link = 2, .kind = kind};

		cr_assert_eq(net_qdisc_set(sim_stack(sim, i), &q), 0);
	}
	w.since = sim_now(sim);
	cr_assert_eq(bulk_start(&bulk), 0);
	while (!bulk.eof && !bulk.error && sim_step(sim, sim_now(sim) + STALL)) {
		if (bulk.received != w.seen) {
			w.seen = bulk.received;
			w.since = sim_now(sim);
		}
		cr_assert_lt(sim_now(sim) - w.since, STALL, "seed %llu: stalled at %llu of %llu",
			     (unsigned long long)seed, (unsigned long long)w.seen,
			     (unsigned long long)bytes);
	}
	cr_assert_eq(bulk.error, 0, "seed %llu", (unsigned long long)seed);
	cr_assert(!bulk.corrupt, "seed %llu", (unsigned long long)seed);
	cr_assert(bulk.eof, "seed %llu: ended at %llu", (unsigned long long)seed,
		  (unsigned long long)bulk.received);
	cr_assert_eq(bulk.received, bytes);
	bulk_stop(&bulk);
	sim_free(sim);
}

static void row(uint32_t loss_ppm)
{
	static const net_dur delay[] = {0, NET_MS(5), NET_MS(50), NET_MS(300)};
	static const net_dur jitter[] = {0, NET_MS(10), NET_MS(50)};
	static const enum net_qdisc_kind kinds[] = {NET_QDISC_PFIFO_FAST, NET_QDISC_FQ,
						    NET_QDISC_FQ_CODEL};
	uint64_t seed = 1000 + loss_ppm;

	for (size_t d = 0; d < 4; d++) {
		for (size_t j = 0; j < 3; j++) {
			struct sim_link_config cfg = {
				.kind = j == 1 ? NET_LINK_ETHER : NET_LINK_IP,
				.delay = delay[d],
				.jitter = jitter[j],
				.loss_ppm = loss_ppm,
				.reorder_ppm = j ? 10000 : 0,
				.reorder_delay = NET_MS(3),
			};

			transfer(++seed, d & 1 ? AF_INET6 : AF_INET, (loss_ppm ? 256 : 1024) * KIB, &cfg,
				 kinds[j]);
		}
	}
}

Test(wire_grid, no_loss)
{
	row(0);
}

Test(wire_grid, loss_of_one_in_a_thousand)
{
	row(1000);
}

Test(wire_grid, loss_of_one_in_a_hundred)
{
	row(10000);
}

Test(wire_grid, loss_of_one_in_twenty)
{
	row(50000);
}

Test(wire_grid, loss_of_one_in_ten)
{
	row(100000);
}
