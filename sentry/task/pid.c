/* SPDX-License-Identifier: Apache-2.0 */
/* Process numbers: one table from number to the task, process, process group and session of that
 * name. A number is free when all four are gone, as in Linux. Everything here runs under the tasks
 * lock (changes: exclusive).
 */
#include <errno.h>
#include <stdlib.h>

#include "task/internal.h"

#define PID_RESERVED 300 /* after the first wrap-around, as Linux */

struct pid_slot {
	struct task *task;	 /* holds a reference */
	struct tgroup *group;	 /* holds a reference */
	struct pgroup *pgrp;	 /* while it has members */
	struct session *session; /* while it has process groups */
	bool reserved;
};

struct pid_table {
	int32_t next;
	struct pid_slot slots[PID_MAX];
};

static struct pid_slot *slot(struct kernel *k, int32_t nr)
{
	struct pid_table *table = k->pids;

	return table && nr > 0 && nr < PID_MAX ? &table->slots[nr] : NULL;
}

int pids_init(struct kernel *k)
{
	if (k->pids)
		return 0;

	struct pid_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->next = 1;
	k->pids = table;
	return 0;
}

int pid_alloc(struct kernel *k)
{
	struct pid_table *table = k->pids;

	for (int i = 0; i < PID_MAX; i++) {
		if (table->next >= PID_MAX)
			table->next = PID_RESERVED;

		int32_t nr = table->next++;
		struct pid_slot *s = &table->slots[nr];

		if (!s->reserved && !s->task && !s->group && !s->pgrp && !s->session) {
			s->reserved = true;
			return nr;
		}
	}
	return -EAGAIN;
}

void pid_release(struct kernel *k, int32_t nr)
{
	slot(k, nr)->reserved = false;
}

void pid_bind_task(struct kernel *k, int32_t nr, struct task *t)
{
	struct pid_slot *s = slot(k, nr);

	s->task = t;
	s->reserved = false;
}

void pid_bind_group(struct kernel *k, int32_t nr, struct tgroup *g)
{
	slot(k, nr)->group = g;
}

struct task *pid_task(struct kernel *k, int32_t nr)
{
	struct pid_slot *s = slot(k, nr);

	return s ? s->task : NULL;
}

struct tgroup *pid_group(struct kernel *k, int32_t nr)
{
	struct pid_slot *s = slot(k, nr);

	return s ? s->group : NULL;
}

struct pgroup *pid_pgroup(struct kernel *k, int32_t nr)
{
	struct pid_slot *s = slot(k, nr);

	return s ? s->pgrp : NULL;
}

struct session *pid_session(struct kernel *k, int32_t nr)
{
	struct pid_slot *s = slot(k, nr);

	return s ? s->session : NULL;
}

int session_new(struct kernel *k, int32_t sid, struct session **ret)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	ref_init(&s->ref);
	s->sid = sid;
	slot(k, sid)->session = s;
	*ret = s;
	return 0;
}

void session_put(struct session *s)
{
	if (s && ref_put(&s->ref))
		free(s);
}

void pgroup_put(struct pgroup *p)
{
	if (p && ref_put(&p->ref)) {
		session_put(p->session);
		free(p);
	}
}

int pgroup_join(struct kernel *k, struct tgroup *g, int32_t pgid, struct session *session)
{
	struct pgroup *p = slot(k, pgid)->pgrp;

	if (p && p == g->pgrp)
		return 0;
	if (p) {
		ref_get(&p->ref);
	} else {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		ref_init(&p->ref);
		p->pgid = pgid;
		p->session = session;
		ref_get(&session->ref);
		session->n_pgroups++;
		list_init(&p->members);
		slot(k, pgid)->pgrp = p;
	}
	pgroup_leave(k, g);
	list_push_back(&p->members, &g->pgrp_link);
	g->pgrp = p;
	return 0;
}

void pgroup_leave(struct kernel *k, struct tgroup *g)
{
	struct pgroup *p = g->pgrp;

	if (!p)
		return;
	list_remove(&g->pgrp_link);
	g->pgrp = NULL;
	if (list_empty(&p->members)) {
		slot(k, p->pgid)->pgrp = NULL;
		if (--p->session->n_pgroups == 0)
			slot(k, p->session->sid)->session = NULL;
	}
	pgroup_put(p);
}

bool pgroup_orphaned(struct pgroup *p, const struct tgroup *ignored)
{
	struct tgroup *g;

	list_for_each_entry(g, &p->members, pgrp_link)
	{
		struct tgroup *parent = g->parent;

		if (g == ignored || g->zombie || !parent)
			continue;
		if (parent->pgrp && parent->pgrp != p && parent->pgrp->session == p->session)
			return false;
	}
	return true;
}

bool pgroup_has_stopped(struct pgroup *p)
{
	struct tgroup *g;

	list_for_each_entry(g, &p->members, pgrp_link)
	{
		mutex_lock(&g->sighand->mu);
		bool stopped = g->sighand->stopped;

		mutex_unlock(&g->sighand->mu);
		if (stopped)
			return true;
	}
	return false;
}
