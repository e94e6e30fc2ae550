/* SPDX-License-Identifier: Apache-2.0 */
/* drop.c, mib.c, limits.c, rng.c, event.h, work.h */
#include "core/core.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(drop, every_reason_has_a_name_and_a_text)
{
	for (int i = 0; i < DROP_COUNT; i++) {
		cr_assert(net_drop_name((enum drop)i)[0]);
		cr_assert(net_drop_text((enum drop)i)[0]);
	}
	cr_assert_str_eq(net_drop_name(DROP_UDP_CHECKSUM), "UDP_CHECKSUM");
	cr_assert_str_eq(net_drop_name(DROP_COUNT), "?");
}

Test(mib, counters_know_their_group)
{
	cr_assert_str_eq(net_mib_group(MIB_Tcp_InSegs), "Tcp");
	cr_assert_str_eq(net_mib_name(MIB_Tcp_InSegs), "InSegs");
}

Test(limits, defaults_pass_and_nonsense_does_not)
{
	struct net_config cfg;

	net_config_init(&cfg);
	cr_assert_eq(limits_check(&cfg.limits), 0);
	cr_assert_eq(tunables_check(&cfg.tunables), 0);
	cfg.limits.sockets = 0;
	cr_assert_eq(limits_check(&cfg.limits), -EINVAL);
	cfg.tunables.ip_local_port_range[0] = 61000;
	cr_assert_eq(tunables_check(&cfg.tunables), -EINVAL);
}

Test(rng, below_stays_below_and_reaches_all)
{
	uint8_t seed[32] = {1};
	unsigned seen = 0;
	struct rng rng;

	rng_init(&rng, seed);
	for (int i = 0; i < 1000; i++) {
		uint32_t v = rng_below(&rng, 10);

		cr_assert_lt(v, 10);
		seen |= 1u << v;
	}
	cr_assert_eq(seen, 0x3ff);
}

Test(event, posts_of_one_source_coalesce)
{
	struct events es;
	struct event_src s = {0};

	events_init(&es);
	event_post(&es, &s, 1);
	event_post(&es, &s, 4);
	cr_assert_eq(s.woke, 5);
	cr_assert_eq(list_pop_front(&es.queue), &s.link);
	cr_assert(list_empty(&es.queue));
}

Test(work, marked_twice_is_queued_once)
{
	struct works ws;
	struct work w;

	works_init(&ws);
	work_init(&w, NULL);
	work_mark(&ws, &w);
	work_mark(&ws, &w);
	cr_assert(works_pending(&ws));
	list_pop_front(&ws.queue);
	cr_assert(!works_pending(&ws));
}
