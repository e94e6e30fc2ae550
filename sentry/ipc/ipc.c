/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers, keys and permissions of System V IPC objects (sysvipc(7)). An identifier is a slot
 * number and a sequence number above it, so that a stale one is not taken for its successor. */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/ipc_internal.h"
#include "util/cleanup.h"

#define SEQ_MAX (INT32_MAX / IPC_SLOTS)

struct ipc_perm_k *ipc_at(struct ipc_ids *ids, int32_t index)
{
	return index >= 0 && (uint32_t)index < ids->cap ? ids->slots[index] : NULL;
}

struct ipc_perm_k *ipc_find(struct ipc_ids *ids, int32_t id)
{
	struct ipc_perm_k *p = id >= 0 ? ipc_at(ids, id % IPC_SLOTS) : NULL;

	return p && p->id == id ? p : NULL;
}

int32_t ipc_highest(const struct ipc_ids *ids)
{
	int32_t i = (int32_t)ids->cap - 1;

	while (i >= 0 && !ids->slots[i])
		i--;
	return i;
}

static int grow(struct ipc_ids *ids, uint32_t need)
{
	uint32_t cap = MAX(ids->cap, 64U);

	while (cap < need)
		cap *= 2;
	if (cap == ids->cap)
		return 0;

	struct ipc_perm_k **slots = realloc(ids->slots, cap * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	memset(slots + ids->cap, 0, (cap - ids->cap) * sizeof(*slots));
	ids->slots = slots;
	ids->cap = cap;
	return 0;
}

/* The slot that kernel.*_next_id asks for, else the first free one. */
static int choose(struct ipc_ids *ids, uint32_t *index, uint32_t *seq)
{
	int64_t want = atomic_exchange(&sysctl_vars[ids->next_id].value, -1);
	uint32_t i = 0;

	if (want >= 0 && !ipc_at(ids, (int32_t)(want % IPC_SLOTS))) {
		*index = (uint32_t)(want % IPC_SLOTS);
		*seq = (uint32_t)(want / IPC_SLOTS);
		return grow(ids, *index + 1);
	}
	while (i < ids->cap && ids->slots[i])
		i++;
	if (i >= IPC_SLOTS)
		return -ENOSPC;
	if (i <= ids->last && ++ids->seq > SEQ_MAX)
		ids->seq = 0;
	ids->last = i;
	*index = i;
	*seq = ids->seq;
	return grow(ids, i + 1);
}

int ipc_add(struct ipc_ids *ids, struct ipc_perm_k *p, struct task *t, int32_t key, int flags,
	    uint32_t max)
{
	uint32_t index, seq;

	if (ids->n >= max)
		return -ENOSPC;
	int r = choose(ids, &index, &seq);

	if (r < 0)
		return r;
	p->key = key;
	p->mode = (uint32_t)flags & 0777;
	p->uid = p->cuid = t->cred->euid;
	p->gid = p->cgid = t->cred->egid;
	p->id = (int32_t)(seq * IPC_SLOTS + index);
	ids->slots[index] = p;
	ids->n++;
	return p->id;
}

void ipc_remove(struct ipc_ids *ids, struct ipc_perm_k *p)
{
	ids->slots[p->id % IPC_SLOTS] = NULL;
	ids->n--;
}

int ipc_get_key(struct ipc_ids *ids, struct task *t, int32_t key, int flags,
		struct ipc_perm_k **ret)
{
	*ret = NULL;
	if (key == IPC_PRIVATE)
		return 0;
	for (uint32_t i = 0; i < ids->cap && !*ret; i++) {
		if (ids->slots[i] && ids->slots[i]->key == key)
			*ret = ids->slots[i];
	}
	if (!*ret)
		return flags & IPC_CREAT ? 0 : -ENOENT;
	if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
		return -EEXIST;
	return ipc_permission(*ret, t, flags);
}

int ipc_permission(const struct ipc_perm_k *p, struct task *t, int flags)
{
	const struct cred *c = t->cred;
	uint32_t want = (uint32_t)((flags >> 6) | (flags >> 3) | flags) & 07;
	uint32_t granted = p->mode;

	if (c->euid == p->cuid || c->euid == p->uid)
		granted >>= 6;
	else if (cred_in_group(c, p->cgid) || cred_in_group(c, p->gid))
		granted >>= 3;
	if ((want & ~granted & 07) && !task_has_cap(t, CAP_IPC_OWNER))
		return -EACCES;
	return 0;
}

int ipc_may_change(const struct ipc_perm_k *p, struct task *t)
{
	if (t->cred->euid == p->cuid || t->cred->euid == p->uid || task_has_cap(t, CAP_SYS_ADMIN))
		return 0;
	return -EPERM;
}

int ipc_apply(struct ipc_perm_k *p, const struct ipc_perm *from)
{
	if (from->uid == UINT32_MAX || from->gid == UINT32_MAX)
		return -EINVAL;
	p->uid = from->uid;
	p->gid = from->gid;
	p->mode = (p->mode & ~0777U) | (from->mode & 0777);
	return 0;
}

void ipc_fill(struct ipc_perm *to, const struct ipc_perm_k *p)
{
	to->__key = p->key;
	to->uid = p->uid;
	to->gid = p->gid;
	to->cuid = p->cuid;
	to->cgid = p->cgid;
	to->mode = p->mode;
	to->__seq = (unsigned short)(p->id / IPC_SLOTS);
}
