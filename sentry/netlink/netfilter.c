/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_NETFILTER: nf_tables in transactions, its compatibility queries, and (conntrack.c) connections. The
 * engine reads and writes the messages' bodies; here they get frames, permissions and an audience.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "net/netns.h"
#include "netlink/conntrack.h"
#include "netstack/nf.h"
#include "task/task.h"

#define NFGEN_LEN 4 /* struct nfgenmsg */

static uint8_t subsys_of(const struct nlmsghdr *h)
{
	return (uint8_t)NFNL_SUBSYS_ID(h->nlmsg_type);
}

/* Hands over messages that the engine built. @o: where to. */
static void pass(struct nl_out *o, const struct net_nf_buf *b, uint16_t flags, uint32_t seq, uint32_t port)
{
	for (size_t pos = 0; b->len - pos >= sizeof(struct nlmsghdr);) {
		struct nlmsghdr h;

		memcpy(&h, b->data + pos, sizeof(h));
		nl_begin(o, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | h.nlmsg_type), flags, seq, port,
			 b->data + pos + sizeof(h), h.nlmsg_len - sizeof(h));
		nl_end(o);
		pos += h.nlmsg_len;
	}
}

static int tables_get(struct nl_req *rq)
{
	struct net_nf_buf b = { 0 };
	struct net_nf_error err = { 0 };
	struct net_stack *stack = netns_lock(rq->sock->ns);
	int r = net_nft_get(stack, (uint8_t)NFNL_MSG_TYPE(rq->hdr.nlmsg_type), rq->body[0], rq->dump,
			    rq->body + NFGEN_LEN, rq->len - NFGEN_LEN, &b, &err);

	netns_unlock_query(rq->sock->ns);
	if (r == 0)
		pass(&rq->out, &b, rq->dump ? NLM_F_MULTI : 0, rq->hdr.nlmsg_seq, rq->sock->port);
	net_nf_buf_fini(&b);
	return r;
}

/* "Is there an extension of this name and revision?" */
static int compat_get(struct nl_req *rq)
{
	struct nl_attr tb[NFTA_COMPAT_MAX + 1];
	char name[32];
	uint32_t revision;
	uint8_t gen[4] = { rq->body[0], NFNETLINK_V0, 0, 0 };
	int r = nl_parse(rq, tb, NFTA_COMPAT_MAX, rq->body + NFGEN_LEN, rq->len - NFGEN_LEN, NULL, false);

	if (r < 0)
		return r;
	if (!tb[NFTA_COMPAT_NAME].data || !tb[NFTA_COMPAT_REV].data || !tb[NFTA_COMPAT_TYPE].data)
		return -EINVAL;
	nl_str(&tb[NFTA_COMPAT_NAME], name, sizeof(name));
	revision = nl_be32(&tb[NFTA_COMPAT_REV]);
	r = net_nft_compat_revision(rq->body[0], name, revision, nl_be32(&tb[NFTA_COMPAT_TYPE]) == 1);
	if (r < 0)
		return r;
	nl_answer(rq, NFNL_SUBSYS_NFT_COMPAT << 8 | NFNL_MSG_COMPAT_GET, gen, sizeof(gen));
	nl_put_str(&rq->out, NFTA_COMPAT_NAME, name);
	nl_put_be32(&rq->out, NFTA_COMPAT_REV, revision);
	nl_put_be32(&rq->out, NFTA_COMPAT_TYPE, nl_be32(&tb[NFTA_COMPAT_TYPE]));
	nl_end(&rq->out);
	return 0;
}

static bool is_get(uint8_t type)
{
	switch (type) {
	case NFT_MSG_GETTABLE:
	case NFT_MSG_GETCHAIN:
	case NFT_MSG_GETRULE:
	case NFT_MSG_GETSET:
	case NFT_MSG_GETSETELEM:
	case NFT_MSG_GETGEN:
	case NFT_MSG_GETOBJ:
	case NFT_MSG_GETOBJ_RESET:
	case NFT_MSG_GETFLOWTABLE:
	case 25: /* NFT_MSG_GETRULE_RESET */
		return true;
	default:
		return false;
	}
}

static int request(struct nl_req *rq)
{
	uint8_t type = (uint8_t)NFNL_MSG_TYPE(rq->hdr.nlmsg_type);

	if (nl_need_admin(rq) < 0)
		return -EPERM;
	switch (subsys_of(&rq->hdr)) {
	case NFNL_SUBSYS_NFTABLES:
		if (is_get(type))
			return tables_get(rq);
		rq->dump = false;
		return -EINVAL; /* changes come in batches */
	case NFNL_SUBSYS_NFT_COMPAT:
		return type == NFNL_MSG_COMPAT_GET ? compat_get(rq) : -EINVAL;
	case NFNL_SUBSYS_CTNETLINK:
		return conntrack_request(rq, type);
	case NFNL_SUBSYS_CTNETLINK_EXP:
		return rq->dump ? 0 : -EOPNOTSUPP; /* nothing is expected */
	default:
		rq->dump = false;
		return -EINVAL;
	}
}

/* --- batches ------------------------------------------------------------------------------------------------ */

struct batch {
	struct nl_sock *sock;
	struct task *task;
	struct net_stack *stack;
	struct net_nf_buf notify;
	bool listeners, failed;
	uint32_t changes;
};

static void answer(struct batch *b, const uint8_t *msg, const struct nlmsghdr *h, int r,
		   const struct net_nf_error *err)
{
	struct nl_req rq = { .sock = b->sock, .task = b->task, .msg = msg, .body = msg + NLMSG_HDRLEN,
			     .len = h->nlmsg_len - NLMSG_HDRLEN, .hdr = *h, .out = { .to = b->sock } };

	if (r < 0 && err->at)
		(void)nl_fail_attr(&rq, r, err->text, err->at);
	if (r < 0 || (h->nlmsg_flags & NLM_F_ACK))
		nl_ack(&rq, r);
	nl_out_fini(&rq.out);
}

static void one(struct batch *b, const uint8_t *msg, const struct nlmsghdr *h)
{
	struct net_nf_error err = { 0 };
	uint8_t type = (uint8_t)NFNL_MSG_TYPE(h->nlmsg_type);
	int r;

	if (h->nlmsg_len < NLMSG_HDRLEN + NFGEN_LEN || subsys_of(h) != NFNL_SUBSYS_NFTABLES) {
		r = -EINVAL;
	} else if (is_get(type)) {
		nl_handle(b->sock, b->task, msg, h->nlmsg_len);
		return;
	} else {
		r = net_nft_apply(b->stack, type, msg[NLMSG_HDRLEN], h->nlmsg_flags,
				  msg + NLMSG_HDRLEN + NFGEN_LEN, h->nlmsg_len - NLMSG_HDRLEN - NFGEN_LEN,
				  b->listeners ? &b->notify : NULL, &err);
		b->changes++;
	}
	if (r < 0)
		b->failed = true;
	answer(b, msg, h, r, &err);
}

/* NFNL_BATCH_GENID: the rule set that the transaction was made for. */
static bool generation_ok(const struct batch *b, const uint8_t *msg, const struct nlmsghdr *h)
{
	size_t pos = 0, len = h->nlmsg_len - NLMSG_HDRLEN - NFGEN_LEN;
	struct nl_attr a;
	uint16_t type;

	while (nl_next(msg + NLMSG_HDRLEN + NFGEN_LEN, len, &pos, &type, &a)) {
		if ((type & NLA_TYPE_MASK) == NFNL_BATCH_GENID)
			return nl_be32(&a) == net_nft_generation(b->stack);
	}
	return true;
}

static void tell(struct batch *b)
{
	struct nl_out o = { 0 };
	uint8_t gen[4] = { 0 };

	pass(&o, &b->notify, 0, 0, b->sock->port);
	nl_begin(&o, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN, 0, 0, b->sock->port, gen, sizeof(gen));
	nl_put_be32(&o, NFTA_GEN_ID, net_nft_generation(b->stack));
	nl_put_be32(&o, NFTA_GEN_PROC_PID, (uint32_t)b->task->group->pid);
	nl_put_str(&o, NFTA_GEN_PROC_NAME, b->task->comm);
	nl_end(&o);
	nl_multicast(b->sock->ns, NETLINK_NETFILTER, NFNLGRP_NFTABLES, &o, NULL);
	nl_out_fini(&o);
}

/* Everything between NFNL_MSG_BATCH_BEGIN and _END happens, or nothing. */
static void run_batch(struct batch *b, const uint8_t *buf, size_t len, const struct nlmsghdr *begin)
{
	size_t pos = NLMSG_ALIGN(begin->nlmsg_len);
	bool ended = false;

	net_nft_begin(b->stack);
	while (!ended && pos < len && len - pos >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;

		memcpy(&h, buf + pos, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - pos)
			break;
		if (h.nlmsg_type == NFNL_MSG_BATCH_END)
			ended = true;
		else if (h.nlmsg_type >= NLMSG_MIN_TYPE)
			one(b, buf + pos, &h);
		pos += MIN((size_t)NLMSG_ALIGN(h.nlmsg_len), len - pos);
	}
	if (b->failed || !ended) {
		net_nft_abort(b->stack);
		return;
	}
	net_nft_commit(b->stack);
	if (b->listeners && b->changes)
		tell(b);
}

static bool datagram(struct nl_sock *s, struct task *t, const uint8_t *buf, size_t len)
{
	struct batch b = { .sock = s, .task = t };
	struct net_nf_error err = { 0 };
	struct nlmsghdr h;

	if (len < sizeof(h))
		return true;
	memcpy(&h, buf, sizeof(h));
	if (h.nlmsg_type != NFNL_MSG_BATCH_BEGIN)
		return false;
	if (h.nlmsg_len < NLMSG_HDRLEN + NFGEN_LEN || h.nlmsg_len > len)
		return true;
	if (!task_has_cap(t, CAP_NET_ADMIN)) {
		answer(&b, buf, &h, -EPERM, &err);
		return true;
	}
	b.listeners = nl_has_listeners(s->ns, NETLINK_NETFILTER, NFNLGRP_NFTABLES);
	rtnl_lock();
	b.stack = netns_lock(s->ns);
	if (generation_ok(&b, buf, &h))
		run_batch(&b, buf, len, &h);
	else
		answer(&b, buf, &h, -ERESTART, &err);
	netns_unlock(s->ns);
	rtnl_unlock();
	net_nf_buf_fini(&b.notify);
	return true;
}

const struct nl_proto nl_netfilter = { .number = NETLINK_NETFILTER, .groups = NFNLGRP_MAX,
				       .min_len = NFGEN_LEN, .request = request, .datagram = datagram,
				       .members = conntrack_members };
