/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: see cred.h. The rules of setuid(2) and its kin are in sys/cred.c. */
#include "task/cred.h"

#include <stdlib.h>
#include <string.h>

struct cred *cred_new(void)
{
	struct cred *c = calloc(1, sizeof(*c));

	if (c)
		ref_init(&c->ref);
	return c;
}

struct cred *cred_dup(const struct cred *from)
{
	struct cred *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	/* All but the count, which changes under our eyes. */
	memcpy((char *)c + sizeof(c->ref), (const char *)from + sizeof(from->ref),
	       sizeof(*c) - sizeof(c->ref));
	ref_init(&c->ref);
	c->groups = NULL;
	if (from->n_groups) {
		c->groups = malloc(from->n_groups * sizeof(*c->groups));
		if (!c->groups) {
			free(c);
			return NULL;
		}
		memcpy(c->groups, from->groups, from->n_groups * sizeof(*c->groups));
	}
	return c;
}

void cred_put(const struct cred *c)
{
	struct cred *mine = (struct cred *)(uintptr_t)c;

	if (!mine || !ref_put(&mine->ref))
		return;
	free(mine->groups);
	free(mine);
}

bool cred_has_cap(const struct cred *c, int cap)
{
	return cap >= 0 && cap < 64 && ((c->cap_effective >> cap) & 1) != 0;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (c->fsgid == gid)
		return true;

	size_t lo = 0, hi = c->n_groups;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (c->groups[mid] == gid)
			return true;
		if (c->groups[mid] < gid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}
