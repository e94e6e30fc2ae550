/* SPDX-License-Identifier: Apache-2.0 */
/* Message queues of System V (msgget(2), msgop(2), msgctl(2)). */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/msg.h>

#include "core/wait.h"
#include "ipc/ipc_internal.h"
#include "mm/mm.h"
#include "util/cleanup.h"
#include "vfs/pseudo.h"

#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
#define QUEUE_BYTES_DEFAULT ((uint64_t)sysctl_get(SYSCTL_MSGMNB))

struct message {
	struct list link;
	int64_t type;
	size_t size;
	uint8_t data[];
};

struct msg_queue {
	struct ipc_perm_k perm; /* first */
	struct ref ref;		/* the table's, and one per sleeper */
	bool removed;
	struct list messages;
	uint64_t bytes, n, max_bytes;
	time_t stime, rtime, ctime;
	int32_t lspid, lrpid;
	struct waitq waitq;
};

/* Every field of every queue is under its mu. */
static struct ipc_ids ids = {
	.mu = {PTHREAD_MUTEX_INITIALIZER, RANK_OBJECT},
	.next_id = SYSCTL_MSG_NEXT_ID,
};
static uint64_t total_bytes, total_messages;

static void queue_put(struct msg_queue *q)
{
	struct message *m;

	if (!ref_put(&q->ref))
		return;
	while ((m = list_pop_entry(&q->messages, struct message, link)))
		free(m);
	waitq_fini(&q->waitq);
	free(q);
}

static long get_locked(struct task *t, int32_t key, int flags)
{
	struct ipc_perm_k *p;
	int r = ipc_get_key(&ids, t, key, flags, &p);

	if (r < 0)
		return r;
	if (p)
		return p->id;

	struct msg_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	ref_init(&q->ref);
	list_init(&q->messages);
	waitq_init(&q->waitq);
	q->max_bytes = QUEUE_BYTES_DEFAULT;
	q->ctime = ipc_now();
	r = ipc_add(&ids, &q->perm, t, key, flags, (uint32_t)sysctl_get(SYSCTL_MSGMNI));
	if (r < 0)
		queue_put(q);
	return r;
}

long ipc_msgget(struct task *t, int32_t key, int flags)
{
	mutex_lock(&ids.mu);
	long r = get_locked(t, key, flags);

	mutex_unlock(&ids.mu);
	return r;
}

/* One attempt of either direction: 0 or an errno; 1: wait. [mu] */
struct transfer {
	struct message *msg; /* to send, or what was received */
	uint64_t size;	     /* room of the receiver */
	int64_t type;
	int flags;
};

static int try_send(struct msg_queue *q, struct task *t, struct transfer *x)
{
	struct message *m = x->msg;

	if (ipc_permission(&q->perm, t, 0222) < 0)
		return -EACCES;
	if (q->bytes + m->size > q->max_bytes || q->n + 1 > q->max_bytes)
		return x->flags & IPC_NOWAIT ? -EAGAIN : 1;
	list_push_back(&q->messages, &m->link);
	x->msg = NULL;
	q->bytes += m->size;
	q->n++;
	total_bytes += m->size;
	total_messages++;
	q->stime = ipc_now();
	q->lspid = t->group->pid;
	return 0;
}

static struct message *choose(struct msg_queue *q, const struct transfer *x)
{
	struct message *best = NULL;
	int64_t i = 0;

	list_for_each(node, &q->messages)
	{
		struct message *m = list_entry(node, struct message, link);

		if (x->flags & MSG_COPY) {
			if (i++ == x->type)
				return m;
		} else if (x->type == 0) {
			return m;
		} else if (x->type > 0) {
			if ((m->type == x->type) == !(x->flags & MSG_EXCEPT))
				return m;
		} else if (m->type <= (x->type == INT64_MIN ? INT64_MAX : -x->type)) {
			if (!best || m->type < best->type)
				best = m;
		}
	}
	return best;
}

static int copy_message(struct transfer *x, const struct message *m)
{
	struct message *copy = malloc(sizeof(*copy) + m->size);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, m, sizeof(*m) + m->size);
	x->msg = copy;
	return 0;
}

static int try_receive(struct msg_queue *q, struct task *t, struct transfer *x)
{
	struct message *m;

	if (ipc_permission(&q->perm, t, 0444) < 0)
		return -EACCES;
	m = choose(q, x);
	if (!m)
		return x->flags & IPC_NOWAIT ? -ENOMSG : 1;
	if (m->size > x->size && !(x->flags & MSG_NOERROR))
		return -E2BIG;
	if (x->flags & MSG_COPY)
		return copy_message(x, m);
	list_remove(&m->link);
	x->msg = m;
	q->bytes -= m->size;
	q->n--;
	total_bytes -= m->size;
	total_messages--;
	q->rtime = ipc_now();
	q->lrpid = t->group->pid;
	return 0;
}

typedef int (*try_fn)(struct msg_queue *q, struct task *t, struct transfer *x);

static int wait_transfer(struct msg_queue *q, struct task *t, struct transfer *x, try_fn fn)
{
	struct task_waiter w;
	int r;

	task_waiter_init(&w, t);
	waitq_add(&q->waitq, &w.waiter, EPOLLIN);
	for (;;) {
		task_wait_begin(t);
		r = q->removed ? -EIDRM : fn(q, t, x);
		if (r != 1)
			break;
		mutex_unlock(&ids.mu);
		r = task_wait(t, WAIT_FOREVER);
		mutex_lock(&ids.mu);
		if (r < 0) {
			r = q->removed ? -EIDRM : -EINTR; /* never restarted: signal(7) */
			break;
		}
	}
	waitq_del(&w.waiter);
	return r;
}

static int transfer(struct task *t, int id, struct transfer *x, try_fn fn)
{
	mutex_lock(&ids.mu);
	struct msg_queue *q = (struct msg_queue *)ipc_find(&ids, id);

	if (!q) {
		mutex_unlock(&ids.mu);
		return -EINVAL;
	}
	ref_get(&q->ref);
	int r = fn(q, t, x);

	if (r == 1)
		r = wait_transfer(q, t, x, fn);
	mutex_unlock(&ids.mu);
	if (r == 0)
		waitq_wake(&q->waitq, EPOLLIN);
	queue_put(q);
	return r;
}

long ipc_msgsnd(struct task *t, int id, uint64_t msg, uint64_t size, int flags)
{
	struct transfer x = {.flags = flags};
	int64_t type;

	if (copy_in(t, &type, msg, sizeof(type)) < 0)
		return -EFAULT;
	if (size > (uint64_t)sysctl_get(SYSCTL_MSGMAX) || id < 0 || type < 1)
		return -EINVAL;
	x.msg = malloc(sizeof(*x.msg) + size);
	if (!x.msg)
		return -ENOMEM;
	*x.msg = (struct message){.type = type, .size = size};
	long r = copy_in(t, x.msg->data, msg + sizeof(type), size) < 0 ? -EFAULT : 0;

	if (r == 0)
		r = transfer(t, id, &x, try_send);
	free(x.msg);
	return r;
}

long ipc_msgrcv(struct task *t, int id, uint64_t msg, uint64_t size, int64_t type, int flags)
{
	struct transfer x = {.flags = flags, .size = size, .type = type};

	if (id < 0 || (int64_t)size < 0)
		return -EINVAL;
	if ((flags & MSG_COPY) && ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT)))
		return -EINVAL;
	long r = transfer(t, id, &x, try_receive);

	if (r < 0)
		return r;
	size_t n = MIN(x.msg->size, size);

	r = (long)n;
	if (copy_out(t, msg, &x.msg->type, sizeof(x.msg->type)) < 0 ||
	    copy_out(t, msg + sizeof(x.msg->type), x.msg->data, n) < 0)
		r = -EFAULT;
	free(x.msg);
	return r;
}

/* ---- msgctl ---- */

static long stat_queue(struct task *t, int id, int cmd, uint64_t buf)
{
	struct msqid_ds ds = {0};
	long r = 0;

	mutex_lock(&ids.mu);
	struct ipc_perm_k *p = cmd == IPC_STAT ? ipc_find(&ids, id) : ipc_at(&ids, id);

	if (!p)
		r = -EINVAL;
	else if (cmd != MSG_STAT_ANY)
		r = ipc_permission(p, t, 0444);
	if (r == 0) {
		struct msg_queue *q = (struct msg_queue *)p;

		ipc_fill(&ds.msg_perm, p);
		ds.msg_stime = q->stime;
		ds.msg_rtime = q->rtime;
		ds.msg_ctime = q->ctime;
		ds.__msg_cbytes = q->bytes;
		ds.msg_qnum = q->n;
		ds.msg_qbytes = q->max_bytes;
		ds.msg_lspid = q->lspid;
		ds.msg_lrpid = q->lrpid;
		r = cmd == IPC_STAT ? 0 : p->id;
	}
	mutex_unlock(&ids.mu);
	if (r >= 0 && copy_out(t, buf, &ds, sizeof(ds)) < 0)
		return -EFAULT;
	return r;
}

static long queue_info(struct task *t, int cmd, uint64_t buf)
{
	struct msginfo info = {
		.msgmax = (int)sysctl_get(SYSCTL_MSGMAX),
		.msgmnb = (int)sysctl_get(SYSCTL_MSGMNB),
		.msgmni = (int)sysctl_get(SYSCTL_MSGMNI),
		.msgssz = 16,
		.msgseg = 0xffff,
	};

	info.msgpool = info.msgmni * info.msgmnb / 1024;
	info.msgmap = info.msgmnb;
	info.msgtql = info.msgmnb;
	mutex_lock(&ids.mu);
	if (cmd == MSG_INFO) {
		info.msgpool = (int)ids.n;
		info.msgmap = (int)total_messages;
		info.msgtql = (int)total_bytes;
	}
	int32_t top = ipc_highest(&ids);

	mutex_unlock(&ids.mu);
	if (copy_out(t, buf, &info, sizeof(info)) < 0)
		return -EFAULT;
	return MAX(top, 0);
}

static int set_queue(struct msg_queue *q, struct task *t, const struct msqid_ds *ds)
{
	if (ds->msg_qbytes > (uint64_t)sysctl_get(SYSCTL_MSGMNB) &&
	    !task_has_cap(t, CAP_SYS_RESOURCE))
		return -EPERM;
	int r = ipc_apply(&q->perm, &ds->msg_perm);

	if (r < 0)
		return r;
	q->max_bytes = ds->msg_qbytes;
	q->ctime = ipc_now();
	waitq_wake(&q->waitq, EPOLLIN);
	return 0;
}

static void remove_queue(struct msg_queue *q)
{
	ipc_remove(&ids, &q->perm);
	total_bytes -= q->bytes;
	total_messages -= q->n;
	q->removed = true;
	waitq_wake(&q->waitq, EPOLLIN);
}

static long change_queue(struct task *t, int id, int cmd, uint64_t buf)
{
	struct msqid_ds ds;
	struct msg_queue *gone = NULL;

	if (cmd == IPC_SET && copy_in(t, &ds, buf, sizeof(ds)) < 0)
		return -EFAULT;
	mutex_lock(&ids.mu);
	struct msg_queue *q = (struct msg_queue *)ipc_find(&ids, id);
	int r = q ? ipc_may_change(&q->perm, t) : -EINVAL;

	if (r == 0 && cmd == IPC_SET) {
		r = set_queue(q, t, &ds);
	} else if (r == 0) {
		remove_queue(q);
		gone = q;
	}
	mutex_unlock(&ids.mu);
	if (gone)
		queue_put(gone);
	return r;
}

long ipc_msgctl(struct task *t, int id, int cmd, uint64_t buf)
{
	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO_CMD:
	case MSG_INFO:
		return queue_info(t, cmd, buf);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		return stat_queue(t, id, cmd, buf);
	case IPC_SET:
	case IPC_RMID:
		return change_queue(t, id, cmd, buf);
	default:
		return -EINVAL;
	}
}

void ipc_show_msg(struct seq *s)
{
	seq_printf(
		s,
		"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  "
		"cgid      stime      rtime      ctime\n");
	mutex_lock(&ids.mu);
	for (uint32_t i = 0; i < ids.cap; i++) {
		struct msg_queue *q = (struct msg_queue *)ids.slots[i];

		if (!q)
			continue;
		const struct ipc_perm_k *p = &q->perm;

		seq_printf(s,
			   "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lld %10lld "
			   "%10lld\n",
			   p->key, p->id, p->mode, q->bytes, q->n, q->lspid, q->lrpid, p->uid,
			   p->gid, p->cuid, p->cgid, (long long)q->stime, (long long)q->rtime,
			   (long long)q->ctime);
	}
	mutex_unlock(&ids.mu);
}
