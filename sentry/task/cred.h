/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: immutable once published; a change makes a new one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/ref.h"

struct cred {
	struct ref ref;
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	uint32_t n_groups;
	uint32_t *groups; /* sorted, owned */
	uint64_t cap_permitted, cap_effective, cap_inheritable, cap_bounding, cap_ambient;
	uint32_t securebits;
	bool no_new_privs;
	bool keep_caps;
};

struct cred *cred_new(void);			/* root with no capabilities; NULL: no memory */
struct cred *cred_dup(const struct cred *from); /* a private copy to change and publish */
static inline const struct cred *cred_get(const struct cred *c)
{
	ref_get((struct ref *)&c->ref);
	return c;
}
void cred_put(const struct cred *c);
bool cred_has_cap(const struct cred *c, int cap);	/* CAP_*: in the effective set */
bool cred_in_group(const struct cred *c, uint32_t gid); /* fsgid or a supplementary group */
