/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timer.h"

#include <criterion/criterion.h>

Test(timer, fires_in_order_and_once)
{
	struct timers ts = {0};
	struct timer a, b;

	timer_init(&a, NULL);
	timer_init(&b, NULL);
	timer_arm(&ts, &a, 20);
	timer_arm(&ts, &b, 10);
	cr_assert_eq(timers_deadline(&ts), 10);
	cr_assert_eq(timers_pop_due(&ts, 20), &b);
	cr_assert_eq(timers_pop_due(&ts, 20), &a);
	cr_assert_null(timers_pop_due(&ts, 20));
	cr_assert_eq(timers_deadline(&ts), NET_TIME_NEVER);
}

Test(timer, moved_later_does_not_fire_early)
{
	struct timers ts = {0};
	struct timer a;

	timer_init(&a, NULL);
	timer_arm(&ts, &a, 10);
	timer_arm(&ts, &a, 30);
	cr_assert_null(timers_pop_due(&ts, 20));
	cr_assert_eq(timers_deadline(&ts), 30);
	timer_arm(&ts, &a, 15);
	cr_assert_eq(timers_pop_due(&ts, 15), &a);
}

Test(timer, cancelled_never_fires)
{
	struct timers ts = {0};
	struct timer a;

	timer_init(&a, NULL);
	timer_arm(&ts, &a, 10);
	timer_cancel(&ts, &a);
	cr_assert(!timer_armed(&a));
	cr_assert_null(timers_pop_due(&ts, 100));
}
