/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.8.6.1. */
#include <criterion/criterion.h>

#include "tcp/persist.h"

/* SHLD-29, SHLD-30 */
Test(tcp_persist_policy, first_probe_waits_one_rto_and_the_interval_doubles)
{
	cr_assert_eq(persist_delay(NET_MS(300), 0), NET_MS(300));
	cr_assert_eq(persist_delay(NET_MS(300), 2), NET_MS(1200));
	cr_assert_eq(persist_delay(NET_MS(300), 30), NET_SEC(120));
}

/* MUST-37: the connection stays open while probes are answered. */
Test(tcp_persist_policy, gives_up_only_when_probes_stay_unanswered)
{
	cr_assert_not(persist_expired(0, false, 0, NET_SEC(100000), 0));
	cr_assert_not(persist_expired(14, false, 0, NET_SEC(100), 0));
	cr_assert(persist_expired(15, false, 0, NET_SEC(100), 0));
}

Test(tcp_persist_policy, an_orphan_gives_up_earlier)
{
	cr_assert(persist_expired(8, true, 0, NET_SEC(100), 0));
}
