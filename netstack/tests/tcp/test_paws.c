/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7323 4.3 and 5. */
#include <criterion/criterion.h>

#include "tcp/paws.h"

static struct paws seeded(uint32_t ts, net_time at)
{
	struct paws paws = {.on = true};

	paws_seed(&paws, ts, at);
	return paws;
}

Test(tcp_paws, an_older_stamp_is_rejected)
{
	struct paws paws = seeded(1000, NET_SEC(1));

	cr_assert(paws_reject(&paws, 999, false, NET_SEC(2)));
	cr_assert_not(paws_reject(&paws, 1000, false, NET_SEC(2)));
	cr_assert_not(paws_reject(&paws, 1001, false, NET_SEC(2)));
}

Test(tcp_paws, comparison_wraps_around)
{
	struct paws paws = seeded(0xfffffff0u, 0);

	cr_assert_not(paws_reject(&paws, 5, false, NET_SEC(1)));
}

/* RFC 7323 5.5 */
Test(tcp_paws, a_stamp_of_24_days_ago_is_outdated)
{
	struct paws paws = seeded(1000, 0);

	cr_assert(paws_reject(&paws, 1, false, NET_SEC(24 * 24 * 3600LL) - 1));
	cr_assert_not(paws_reject(&paws, 1, false, NET_SEC(24 * 24 * 3600LL)));
}

Test(tcp_paws, a_reset_of_a_rebooted_peer_is_accepted_after_a_minute)
{
	struct paws paws = seeded(1000, 0);

	cr_assert(paws_reject(&paws, 1, true, NET_SEC(59)));
	cr_assert_not(paws_reject(&paws, 1, true, NET_SEC(60)));
}

/* RFC 7323 4.3 (2) */
Test(tcp_paws, only_a_segment_that_covers_the_last_ack_updates_the_stamp)
{
	struct paws paws = seeded(1000, 0);

	paws_update(&paws, 1010, SEQ(501), SEQ(500), NET_SEC(1));
	cr_assert_eq(paws.recent, 1000);
	paws_update(&paws, 1010, SEQ(500), SEQ(500), NET_SEC(1));
	cr_assert_eq(paws.recent, 1010);
	paws_update(&paws, 1005, SEQ(400), SEQ(500), NET_SEC(1));
	cr_assert_eq(paws.recent, 1010, "never back");
}
