/* SPDX-License-Identifier: Apache-2.0 */
/* What the three kinds of System V IPC share: identifiers, keys, permissions. */
#pragma once

#include <sys/ipc.h>
#include <time.h>

#include "core/clock.h"
#include "core/mutex.h"
#include "core/sysctl.h"
#include "ipc/ipc.h"
#include "task/task.h"

#define IPC_SLOTS 32768
#define IPC_INFO_CMD 3

struct ipc_perm_k {
	int32_t key;
	int32_t id;
	uint32_t uid, gid, cuid, cgid;
	uint32_t mode; /* permission bits and SHM_DEST, SHM_LOCKED */
};

/* Objects of one kind. Everything under mu. */
struct ipc_ids {
	struct mutex mu; /* RANK_OBJECT */
	struct ipc_perm_k **slots;
	uint32_t n, cap, seq;
	uint32_t last;
	enum sysctl_var next_id;
};

/* The object of @id, or NULL: -EINVAL to the caller (no such), or gone meanwhile. [mu] */
struct ipc_perm_k *ipc_find(struct ipc_ids *ids, int32_t id);
/* By slot number, for the *_STAT commands. [mu] */
struct ipc_perm_k *ipc_at(struct ipc_ids *ids, int32_t index);
/* Highest slot in use, -1 when there is none. [mu] */
int32_t ipc_highest(const struct ipc_ids *ids);
/* Gives @p an identifier. -ENOSPC, -ENOMEM. [mu] */
int ipc_add(struct ipc_ids *ids, struct ipc_perm_k *p, struct task *t, int32_t key, int flags,
	    uint32_t max);
void ipc_remove(struct ipc_ids *ids, struct ipc_perm_k *p); /* [mu] */
/* Finds @key for *get: 0 with *ret NULL: to be created. [mu] */
int ipc_get_key(struct ipc_ids *ids, struct task *t, int32_t key, int flags,
		struct ipc_perm_k **ret);
int ipc_permission(const struct ipc_perm_k *p, struct task *t, int flags);
/* IPC_SET, IPC_RMID: the owner, the creator, or CAP_SYS_ADMIN. */
int ipc_may_change(const struct ipc_perm_k *p, struct task *t);
int ipc_apply(struct ipc_perm_k *p, const struct ipc_perm *from);
void ipc_fill(struct ipc_perm *to, const struct ipc_perm_k *p);
static inline time_t ipc_now(void)
{
	return (time_t)(clock_real_ns() / NS_PER_SEC);
}
