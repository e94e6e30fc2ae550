/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of processes: allocation, reuse, groups and sessions that keep a number busy. */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include "task/internal.h"

static struct kernel *new_kernel(void)
{
	struct kernel *k = calloc(1, sizeof(*k));

	rwlock_init(&k->tasks, RANK_TASKS);
	list_init(&k->groups);
	cr_assert_eq(pids_init(k), 0);
	return k;
}

Test(pid, numbers_count_up_from_one)
{
	struct kernel *k = new_kernel();

	cr_assert_eq(pid_alloc(k), 1);
	cr_assert_eq(pid_alloc(k), 2);
	cr_assert_eq(pid_alloc(k), 3);
}

Test(pid, a_released_number_is_not_reused_before_the_wrap)
{
	struct kernel *k = new_kernel();
	int first = pid_alloc(k);

	pid_release(k, first);
	cr_assert_neq(pid_alloc(k), first);
}

Test(pid, after_the_wrap_low_numbers_stay_reserved)
{
	struct kernel *k = new_kernel();
	int last = 0;

	for (int i = 1; i < PID_MAX; i++) {
		last = pid_alloc(k);
		pid_release(k, last);
	}
	cr_assert_eq(last, PID_MAX - 1);
	cr_assert_eq(pid_alloc(k), 300);
}

Test(pid, exhaustion_is_eagain)
{
	struct kernel *k = new_kernel();
	int r = 0;

	while (r >= 0)
		r = pid_alloc(k);
	cr_assert_eq(r, -EAGAIN);
	pid_release(k, 4711);
	cr_assert_eq(pid_alloc(k), 4711);
}

Test(pid, a_process_group_keeps_its_number_busy)
{
	struct kernel *k = new_kernel();
	struct tgroup *g = calloc(1, sizeof(*g)), *other = calloc(1, sizeof(*other));
	struct session *s;
	int pid = pid_alloc(k);

	pid_release(k, pid);
	cr_assert_eq(session_new(k, pid, &s), 0);
	cr_assert_eq(pgroup_join(k, g, pid, s), 0);
	cr_assert_eq(pgroup_join(k, other, pid, s), 0);
	session_put(s);
	cr_assert_eq(pid_pgroup(k, pid), g->pgrp);
	pgroup_leave(k, g);
	cr_assert_not_null(pid_pgroup(k, pid));
	cr_assert_not_null(pid_session(k, pid));
	pgroup_leave(k, other);
	cr_assert_null(pid_pgroup(k, pid));
	cr_assert_null(pid_session(k, pid));
}

Test(pid, numbers_out_of_range_name_nothing)
{
	struct kernel *k = new_kernel();

	cr_assert_null(pid_task(k, 0));
	cr_assert_null(pid_task(k, -1));
	cr_assert_null(pid_task(k, PID_MAX));
}
