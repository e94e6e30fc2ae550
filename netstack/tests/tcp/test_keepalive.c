/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.8.4. */
#include <criterion/criterion.h>

#include "tcp/keepalive.h"

static const struct keepalive_config cfg = {.idle = NET_SEC(10), .intvl = NET_SEC(2), .cnt = 3};

Test(tcp_keepalive_policy, waits_for_the_rest_of_the_idle_time)
{
	net_dur delay;

	cr_assert_eq(keepalive_step(&cfg, NET_SEC(4), 0, &delay), KEEPALIVE_WAIT);
	cr_assert_eq(delay, NET_SEC(6));
}

Test(tcp_keepalive_policy, probes_until_the_count_is_used_up)
{
	net_dur delay;

	cr_assert_eq(keepalive_step(&cfg, NET_SEC(10), 0, &delay), KEEPALIVE_PROBE);
	cr_assert_eq(delay, NET_SEC(2));
	cr_assert_eq(keepalive_step(&cfg, NET_SEC(14), 2, &delay), KEEPALIVE_PROBE);
	cr_assert_eq(keepalive_step(&cfg, NET_SEC(16), 3, &delay), KEEPALIVE_DEAD);
}

Test(tcp_keepalive_policy, user_timeout_takes_precedence_over_the_count)
{
	struct keepalive_config c = cfg;
	net_dur delay;

	c.user_timeout = NET_SEC(13);
	cr_assert_eq(keepalive_step(&c, NET_SEC(12), 5, &delay), KEEPALIVE_PROBE);
	cr_assert_eq(keepalive_step(&c, NET_SEC(13), 1, &delay), KEEPALIVE_DEAD);
}
