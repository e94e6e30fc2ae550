/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials and per-user accounts. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "task/internal.h"

Test(cred, supplementary_groups_count_as_membership)
{
	struct cred *c = cred_new();

	c->fsgid = 5;
	c->n_groups = 3;
	c->groups = calloc(3, sizeof(*c->groups));
	c->groups[0] = 10;
	c->groups[1] = 20;
	c->groups[2] = 30;
	cr_assert(cred_in_group(c, 5));
	cr_assert(cred_in_group(c, 10));
	cr_assert(cred_in_group(c, 20));
	cr_assert(cred_in_group(c, 30));
	cr_assert_not(cred_in_group(c, 15));
	cr_assert_not(cred_in_group(c, 0));
	cred_put(c);
}

Test(cred, a_copy_has_its_own_groups)
{
	struct cred *c = cred_new(), *d;

	c->n_groups = 1;
	c->groups = calloc(1, sizeof(*c->groups));
	d = cred_dup(c);
	cr_assert_neq(c->groups, d->groups);
	cred_put(c);
	cr_assert_eq(d->groups[0], 0u);
	cred_put(d);
}

Test(cred, capabilities_outside_the_set_are_not_held)
{
	struct cred *c = cred_new();

	c->cap_effective = ~UINT64_C(0);
	cr_assert(cred_has_cap(c, 0));
	cr_assert_not(cred_has_cap(c, 64));
	cr_assert_not(cred_has_cap(c, -1));
	cred_put(c);
}

Test(user_acct, one_account_per_user)
{
	struct user_acct *a = user_get(1000), *b = user_get(1000), *c = user_get(1001);

	cr_assert_eq(a, b);
	cr_assert_neq(a, c);
	user_put(a);
	user_put(b);
	user_put(c);
}
