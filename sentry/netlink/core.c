/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink requests, acknowledgements, the table of sockets, multicast. */
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "netlink/internal.h"
#include "netlink/table.h"
#include "task/task.h"

struct nl_table nl_table = {
	.mu = { PTHREAD_MUTEX_INITIALIZER, RANK_NETLINK },
	.rtnl = { PTHREAD_MUTEX_INITIALIZER, RANK_RTNL },
	.socks = { &nl_table.socks, &nl_table.socks },
};

void rtnl_lock(void)
{
	mutex_lock(&nl_table.rtnl);
}

void rtnl_unlock(void)
{
	mutex_unlock(&nl_table.rtnl);
}

void nl_queue(struct nl_sock *s, const void *data, size_t len, uint32_t from, uint32_t group,
	      bool answer)
{
	struct nl_msg *m = malloc(sizeof(*m) + len);

	mutex_lock(&s->mu);
	if (!m || (!answer && s->queued + len > s->rcvbuf)) {
		s->drops++;
		if (!s->no_enobufs)
			s->overrun = true;
		free(m);
	} else {
		m->from = from;
		m->group = group;
		m->len = len;
		memcpy(m->data, data, len);
		s->queued += len;
		list_push_back(&s->queue, &m->link);
	}
	mutex_unlock(&s->mu);
	waitq_wake(&s->base.waitq, EPOLLIN | EPOLLRDNORM);
}

/* --- groups -------------------------------------------------------------------------------------- */

static bool member(const struct nl_sock *s, uint32_t group)
{
	return group && group <= 32 * NL_GROUP_WORDS &&
	       (s->groups[(group - 1) / 32] >> ((group - 1) % 32) & 1);
}

bool nl_has_listeners(struct netns *ns, int protocol, uint32_t group)
{
	struct nl_sock *s;
	bool any = false;

	mutex_lock(&nl_table.mu);
	list_for_each_entry(s, &nl_table.socks, all)
	{
		if (s->ns == ns && s->proto->number == protocol && member(s, group))
			any = true;
	}
	mutex_unlock(&nl_table.mu);
	return any;
}

void nl_multicast(struct netns *ns, int protocol, uint32_t group, struct nl_out *o,
		  const struct nl_sock *except)
{
	struct nl_sock *s;

	if (!o->failed && o->len > 0) {
		mutex_lock(&nl_table.mu);
		list_for_each_entry(s, &nl_table.socks, all)
		{
			if (s != except && s->ns == ns && s->proto->number == protocol &&
			    member(s, group))
				nl_queue(s, o->buf, o->len, 0, group, false);
		}
		mutex_unlock(&nl_table.mu);
	}
	o->len = 0;
	o->start = 0;
}

/* User to user: to one port, or to a group's members. */
int nl_send_user(struct nl_sock *from, uint32_t port, uint32_t group, const void *data, size_t len)
{
	struct nl_sock *s;
	int r = port ? -ECONNREFUSED : 0;

	mutex_lock(&nl_table.mu);
	list_for_each_entry(s, &nl_table.socks, all)
	{
		if (s->ns != from->ns || s->proto != from->proto)
			continue;
		if (port && s->port == port) {
			nl_queue(s, data, len, from->port, 0, false);
			r = 0;
		} else if (group && s != from && member(s, group)) {
			nl_queue(s, data, len, from->port, group, false);
		}
	}
	mutex_unlock(&nl_table.mu);
	return r;
}

size_t nl_snapshot(struct netns *ns, struct nl_info *ret, size_t max)
{
	struct nl_sock *s;
	size_t n = 0;

	mutex_lock(&nl_table.mu);
	list_for_each_entry(s, &nl_table.socks, all)
	{
		if (s->ns != ns)
			continue;
		if (n < max) {
			mutex_lock(&s->mu);
			ret[n] = (struct nl_info){ .protocol = s->proto->number,
						   .type = s->base.type,
						   .port = s->port,
						   .peer = s->peer,
						   .rmem = (uint32_t)s->queued,
						   .rcvbuf = s->rcvbuf,
						   .sndbuf = s->sndbuf,
						   .drops = s->drops,
						   .inode = s->base.inode,
						   .pktinfo = s->pktinfo,
						   .broadcast_error = s->broadcast_error,
						   .no_enobufs = s->no_enobufs,
						   .cap_ack = s->cap_ack };
			memcpy(ret[n].groups, s->groups, sizeof(s->groups));
			mutex_unlock(&s->mu);
		}
		n++;
	}
	mutex_unlock(&nl_table.mu);
	return n;
}

/* --- requests ------------------------------------------------------------------------------------ */

int nl_need_admin(struct nl_req *rq)
{
	return task_has_cap(rq->task, CAP_NET_ADMIN) ? 0 : -EPERM;
}

void nl_answer(struct nl_req *rq, uint16_t type, const void *fixed, size_t len)
{
	nl_begin(&rq->out, type, rq->dump ? NLM_F_MULTI : 0, rq->hdr.nlmsg_seq, rq->sock->port, fixed,
		 len);
}

/* The offending message comes back whole after an error, its header only after success or with
 * NETLINK_CAP_ACK. */
void nl_ack(struct nl_req *rq, int err)
{
	bool whole = err && !rq->sock->cap_ack;
	bool tlvs = rq->sock->ext_ack && (rq->ext_msg || rq->ext_off);
	uint16_t flags = (uint16_t)((whole ? 0 : NLM_F_CAPPED) | (tlvs ? NLM_F_ACK_TLVS : 0));
	int32_t code = err;

	nl_begin(&rq->out, NLMSG_ERROR, flags, rq->hdr.nlmsg_seq, rq->sock->port, &code, sizeof(code));
	nl_raw(&rq->out, &rq->hdr, sizeof(rq->hdr));
	if (whole)
		nl_raw(&rq->out, rq->body, rq->len);
	if (tlvs && rq->ext_msg)
		nl_put_str(&rq->out, NLMSGERR_ATTR_MSG, rq->ext_msg);
	if (tlvs && err && rq->ext_off)
		nl_put_u32(&rq->out, NLMSGERR_ATTR_OFFS, rq->ext_off);
	nl_end(&rq->out);
	nl_flush(&rq->out);
}

static void finish(struct nl_req *rq, int r)
{
	int32_t code = r;

	if (rq->dump && (r == 0 || rq->out.len > 0)) {
		nl_begin(&rq->out, NLMSG_DONE, NLM_F_MULTI, rq->hdr.nlmsg_seq, rq->sock->port, &code,
			 sizeof(code));
		nl_end(&rq->out);
		nl_flush(&rq->out);
		return;
	}
	nl_flush(&rq->out);
	if (r < 0 || (rq->hdr.nlmsg_flags & NLM_F_ACK))
		nl_ack(rq, r);
}

void nl_handle(struct nl_sock *s, struct task *t, const uint8_t *msg, size_t len)
{
	struct nl_req rq = { .sock = s, .task = t, .msg = msg, .body = msg + NLMSG_HDRLEN,
			     .len = len - NLMSG_HDRLEN, .out = { .to = s } };
	int r = 0;

	memcpy(&rq.hdr, msg, sizeof(rq.hdr));
	rq.dump = (rq.hdr.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	if (!(rq.hdr.nlmsg_flags & NLM_F_REQUEST))
		goto out; /* only requests are handled by the kernel */
	if (rq.hdr.nlmsg_type < NLMSG_MIN_TYPE) {
		rq.dump = false;
		if (rq.hdr.nlmsg_flags & NLM_F_ACK)
			nl_ack(&rq, 0);
		goto out;
	}
	r = rq.len < s->proto->min_len ? -EINVAL : s->proto->request(&rq);
	finish(&rq, r);
out:
	nl_out_fini(&rq.out);
}
