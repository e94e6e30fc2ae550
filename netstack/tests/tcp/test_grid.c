/* SPDX-License-Identifier: Apache-2.0 */
/* Two stacks and a bad wire: every byte arrives, in order, whatever the wire does; and twice the
 * same. */
#include <criterion/criterion.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "netstack/info.h"
#include "sim/bulk.h"

#ifdef __SANITIZE_ADDRESS__
#define SCALE 16
#else
#define SCALE 1
#endif
#define MIB (1024u * 1024u)

struct run {
	bool ok;
	uint64_t hash;
	net_time took;
	uint64_t allocs_half, allocs_end;
};

/* Moves @bytes over a link as @cfg says. */
static struct run transfer(uint64_t seed, int family, uint64_t bytes,
			   const struct sim_link_config *cfg)
{
	struct sim *sim = sim_new(seed);
	struct bulk bulk = {.sim = sim, .family = family, .port = 5001, .total = bytes};
	struct run run = {0};
	net_time start;

	cr_assert_not_null(sim);
	bulk.from = sim_add_stack(sim, NULL);
	bulk.to = sim_add_stack(sim, NULL);
	bulk.link = sim_connect(sim, bulk.from, bulk.to, cfg);
	cr_assert_geq(bulk.link, 0);
	start = sim_now(sim);
	cr_assert_eq(bulk_start(&bulk), 0);
	run.ok = bulk_run(&bulk, start + NET_SEC(36000));
	run.took = sim_now(sim) - start;
	cr_assert(run.ok, "seed %llu: %llu of %llu bytes, error %d, corrupt %d, %lld ms",
		  (unsigned long long)seed, (unsigned long long)bulk.received,
		  (unsigned long long)bytes, bulk.error, bulk.corrupt,
		  (long long)(run.took / 1000000));
	bulk_stop(&bulk);
	sim_run_for(sim, NET_SEC(1));
	run.hash = sim_hash(sim);
	sim_free(sim);
	return run;
}

Test(tcp_grid, a_clean_wire)
{
	struct sim_link_config cfg = {.delay = NET_MS(1)};

	transfer(1, AF_INET, 256ull * MIB / SCALE, &cfg);
	transfer(2, AF_INET6, 128ull * MIB / SCALE, &cfg);
}

Test(tcp_grid, a_clean_wire_with_super_segments)
{
	struct sim_link_config cfg = {
		.delay = NET_MS(1),
		.offloads = NET_LINK_CSUM | NET_LINK_TSO4 | NET_LINK_TSO6,
	};

	transfer(3, AF_INET, 256ull * MIB / SCALE, &cfg);
	transfer(4, AF_INET6, 128ull * MIB / SCALE, &cfg);
}

Test(tcp_grid, loss)
{
	static const uint32_t loss[] = {1000, 10000, 50000};

	for (int i = 0; i < 3; i++) {
		struct sim_link_config cfg = {.delay = NET_MS(5), .loss_ppm = loss[i]};

		transfer(10 + (uint64_t)i, i & 1 ? AF_INET6 : AF_INET, 32ull * MIB / SCALE, &cfg);
	}
}

Test(tcp_grid, reordering)
{
	for (int i = 0; i < 2; i++) {
		struct sim_link_config cfg = {
			.delay = NET_MS(10),
			.reorder_ppm = 20000,
			.reorder_delay = i ? NET_MS(4) : NET_US(300),
		};

		transfer(20 + (uint64_t)i, i ? AF_INET6 : AF_INET, 64ull * MIB / SCALE, &cfg);
	}
}

Test(tcp_grid, duplication_and_corruption)
{
	for (int i = 0; i < 2; i++) {
		struct sim_link_config cfg = {
			.delay = NET_MS(2),
			.dup_ppm = 20000,
			.corrupt_ppm = 5000,
		};

		transfer(30 + (uint64_t)i, i ? AF_INET6 : AF_INET, 32ull * MIB / SCALE, &cfg);
	}
}

Test(tcp_grid, everything_at_once)
{
	for (int i = 0; i < 4; i++) {
		struct sim_link_config cfg = {
			.delay = NET_MS(20),
			.jitter = NET_MS(3),
			.rate_bps = 50000000,
			.queue = 100,
			.loss_ppm = 10000,
			.dup_ppm = 10000,
			.corrupt_ppm = 2000,
			.reorder_ppm = 10000,
			.reorder_delay = NET_MS(5),
			.mtu = i & 2 ? 9000 : 1400,
		};

		transfer(40 + (uint64_t)i, i & 1 ? AF_INET6 : AF_INET, 16ull * MIB / SCALE, &cfg);
	}
}

Test(tcp_grid, a_slow_link_is_filled)
{
	struct sim_link_config cfg = {.delay = NET_MS(20), .rate_bps = 100000000, .queue = 200};
	uint64_t bytes = 64ull * MIB / SCALE;
	struct run run = transfer(50, AF_INET, bytes, &cfg);
	double rate = (double)bytes * 8 / ((double)run.took / 1e9);

	cr_assert_gt(rate, 0.8e8 / (SCALE > 1 ? 2 : 1), "%.1f Mbit/s", rate / 1e6);
}

Test(tcp_grid, the_same_seed_gives_the_same_frames)
{
	struct sim_link_config cfg = {
		.delay = NET_MS(5),
		.jitter = NET_MS(1),
		.loss_ppm = 20000,
		.dup_ppm = 10000,
		.corrupt_ppm = 5000,
	};
	struct run a = transfer(60, AF_INET, 4ull * MIB, &cfg);
	struct run b = transfer(60, AF_INET, 4ull * MIB, &cfg);
	struct run c = transfer(61, AF_INET, 4ull * MIB, &cfg);

	cr_assert_eq(a.hash, b.hash);
	cr_assert_eq(a.took, b.took);
	cr_assert_neq(a.hash, c.hash);
}

/* Once the buffers have their size, a transfer asks the heap for nothing. */
Test(tcp_grid, steady_state_allocates_nothing)
{
	struct sim *sim = sim_new(70);
	struct sim_link_config cfg = {.delay = NET_MS(1)};
	struct bulk bulk = {.sim = sim, .family = AF_INET, .port = 5001, .total = 64ull * MIB};
	struct net_memory_info mem[2][2];
	net_time start;

	bulk.from = sim_add_stack(sim, NULL);
	bulk.to = sim_add_stack(sim, NULL);
	bulk.link = sim_connect(sim, bulk.from, bulk.to, &cfg);
	start = sim_now(sim);
	cr_assert_eq(bulk_start(&bulk), 0);
	while (bulk.received < bulk.total / 4 * 3 && sim_step(sim, start + NET_SEC(3600)))
		;
	for (int i = 0; i < 2; i++)
		net_info_memory(sim_stack(sim, i), &mem[0][i]);
	cr_assert(bulk_run(&bulk, start + NET_SEC(3600)));
	for (int i = 0; i < 2; i++) {
		net_info_memory(sim_stack(sim, i), &mem[1][i]);
		cr_assert_eq(mem[0][i].pkt_allocs, mem[1][i].pkt_allocs, "stack %d: %llu then %llu",
			     i, (unsigned long long)mem[0][i].pkt_allocs,
			     (unsigned long long)mem[1][i].pkt_allocs);
	}
	bulk_stop(&bulk);
	sim_free(sim);
}
