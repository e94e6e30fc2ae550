/* SPDX-License-Identifier: Apache-2.0 */
/* Per-user counters: how many tasks and queued signals a real uid has (RLIMIT_NPROC,
 * RLIMIT_SIGPENDING). Few users live in a sandbox: a list is enough.
 */
#include <stdlib.h>

#include "task/internal.h"

/* Part of the boot object in spirit. */
static struct {
	struct mutex mu;
	struct list users;
} accts = {{PTHREAD_MUTEX_INITIALIZER, RANK_LEAF}, {&accts.users, &accts.users}};

struct user_acct *user_get(uint32_t uid)
{
	struct user_acct *u;

	mutex_lock(&accts.mu);
	list_for_each_entry(u, &accts.users, link)
	{
		if (u->uid == uid) {
			u->refs++;
			mutex_unlock(&accts.mu);
			return u;
		}
	}
	u = calloc(1, sizeof(*u));
	if (u) {
		u->uid = uid;
		u->refs = 1;
		list_push_front(&accts.users, &u->link);
	}
	mutex_unlock(&accts.mu);
	return u;
}

struct user_acct *user_ref(struct user_acct *u)
{
	mutex_lock(&accts.mu);
	u->refs++;
	mutex_unlock(&accts.mu);
	return u;
}

void user_put(struct user_acct *u)
{
	if (!u)
		return;
	mutex_lock(&accts.mu);
	bool last = --u->refs == 0;

	if (last)
		list_remove(&u->link);
	mutex_unlock(&accts.mu);
	if (last)
		free(u);
}

int64_t users_n_tasks(void)
{
	struct user_acct *u;
	int64_t n = 0;

	mutex_lock(&accts.mu);
	list_for_each_entry(u, &accts.users, link)
		n += atomic_load(&u->n_tasks);
	mutex_unlock(&accts.mu);
	return n;
}
