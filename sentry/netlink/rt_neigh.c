/* SPDX-License-Identifier: Apache-2.0 */
/* RTM_*NEIGH: neighbours, proxy entries, and the forwarding tables of bridges. */
#include <errno.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "net/netns.h"
#include "netlink/rt.h"

static uint32_t clock_ticks_since(net_time t)
{
	return t ? (uint32_t)((clock_mono_ns() - t) / NET_MS(10)) : 0;
}

void rt_put_neigh(struct nl_out *o, const struct rt_hdr *h, const struct net_neigh *n)
{
	struct ndmsg m = { .ndm_family = (uint8_t)n->addr.family, .ndm_ifindex = n->link,
			   .ndm_state = n->state, .ndm_type = RTN_UNICAST };
	struct nda_cacheinfo ci = { .ndm_confirmed = clock_ticks_since(n->confirmed),
				    .ndm_used = clock_ticks_since(n->used),
				    .ndm_updated = clock_ticks_since(n->updated) };

	if (n->router)
		m.ndm_flags |= NTF_ROUTER;
	if (n->proxy)
		m.ndm_flags |= NTF_PROXY;
	nl_begin(o, h->type, h->flags, h->seq, h->port, &m, sizeof(m));
	nl_put(o, NDA_DST, n->addr.bytes, rt_addr_len(n->addr.family));
	if (!n->proxy && (n->state & ~(NET_NEIGH_INCOMPLETE | NET_NEIGH_FAILED)))
		nl_put(o, NDA_LLADDR, n->mac, 6);
	if (!n->proxy) {
		nl_put(o, NDA_CACHEINFO, &ci, sizeof(ci));
		nl_put_u32(o, NDA_PROBES, n->probes);
	}
	if (n->protocol)
		nl_put_u8(o, NDA_PROTOCOL, n->protocol);
	nl_end(o);
}

void rt_put_fdb(struct nl_out *o, const struct rt_hdr *h, const struct net_fdb *f)
{
	struct ndmsg m = { .ndm_family = AF_BRIDGE, .ndm_ifindex = f->port,
			   .ndm_state = f->permanent ? NUD_PERMANENT : NUD_REACHABLE,
			   .ndm_type = RTN_UNICAST, .ndm_flags = NTF_MASTER };
	uint32_t age = (uint32_t)(f->age / NET_MS(10));
	struct nda_cacheinfo ci = { .ndm_used = age, .ndm_updated = age };

	if (f->permanent && !f->local)
		m.ndm_state = NUD_NOARP;
	nl_begin(o, h->type, h->flags, h->seq, h->port, &m, sizeof(m));
	nl_put(o, NDA_LLADDR, f->mac, 6);
	nl_put_u32(o, NDA_MASTER, (uint32_t)f->bridge);
	nl_put(o, NDA_CACHEINFO, &ci, sizeof(ci));
	nl_end(o);
}

static const struct nl_policy policy[NDA_MAX + 1] = {
	[NDA_DST] = { NL_MIN, 4 },
	[NDA_LLADDR] = { NL_BIN, 32 },
	[NDA_IFINDEX] = { NL_U32, 0 },
	[NDA_MASTER] = { NL_U32, 0 },
	[NDA_PROTOCOL] = { NL_U8, 0 },
};

static bool wanted(const struct net_neigh *n, const struct ndmsg *m, uint32_t index)
{
	return (!m->ndm_family || m->ndm_family == n->addr.family) &&
	       (!index || (net_link_id)index == n->link) &&
	       !!(m->ndm_flags & NTF_PROXY) == n->proxy;
}

static int dump(struct nl_req *rq, const struct ndmsg *m, const struct nl_attr *tb)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWNEIGH);
	uint32_t index = rq->sock->strict ? nl_u32(&tb[NDA_IFINDEX]) : 0;
	struct rt_snap s;
	int r = rt_snap_take(rq->sock->ns, &s, RT_NEIGHS);

	for (size_t i = 0; r == 0 && i < s.n_neighs; i++) {
		if (wanted(&s.neighs[i], m, index))
			rt_put_neigh(&rq->out, &h, &s.neighs[i]);
	}
	rt_snap_fini(&s);
	return r;
}

static int get(struct nl_req *rq, const struct ndmsg *m, const struct net_addr *addr)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWNEIGH);
	struct rt_snap s;
	bool found = false;
	int r;

	if (!addr->family)
		return nl_fail(rq, -EINVAL, "Network address not specified");
	if (!m->ndm_ifindex)
		return nl_fail(rq, -EINVAL, "No device specified");
	r = rt_snap_take(rq->sock->ns, &s, RT_NEIGHS);
	for (size_t i = 0; r == 0 && !found && i < s.n_neighs; i++) {
		const struct net_neigh *n = &s.neighs[i];

		found = wanted(n, m, (uint32_t)m->ndm_ifindex) &&
			memcmp(n->addr.bytes, addr->bytes, 16) == 0;
		if (found)
			rt_put_neigh(&rq->out, &h, n);
	}
	rt_snap_fini(&s);
	return r < 0 ? r : found ? 0 : nl_fail(rq, -ENOENT, "Neighbour entry not found");
}

static bool exists(struct net_stack *stack, const struct net_neigh *want)
{
	size_t n = net_info_neighs(stack, NULL, 0);
	struct net_neigh *all = calloc(n + 1, sizeof(*all));
	bool found = false;

	n = all ? MIN(net_info_neighs(stack, all, n), n) : 0;
	for (size_t i = 0; i < n; i++) {
		if (all[i].link == want->link && all[i].proxy == want->proxy &&
		    all[i].addr.family == want->addr.family &&
		    memcmp(all[i].addr.bytes, want->addr.bytes, 16) == 0)
			found = true;
	}
	free(all);
	return found;
}

static int add(struct nl_req *rq, struct net_stack *stack, const struct net_neigh *n, bool has_mac,
	       bool use)
{
	uint16_t flags = rq->hdr.nlmsg_flags;
	bool there = exists(stack, n);

	if (there && (flags & NLM_F_EXCL))
		return -EEXIST;
	if (!there && !(flags & NLM_F_CREATE))
		return -ENOENT;
	if (use)
		return net_neigh_probe(stack, n->link, &n->addr);
	if (!n->proxy && !has_mac && !(n->state & (NET_NEIGH_NOARP | NET_NEIGH_FAILED)))
		return nl_fail(rq, -EINVAL, "No link layer address given");
	return net_neigh_set(stack, n);
}

static int change(struct nl_req *rq, const struct ndmsg *m, const struct nl_attr *tb,
		  const struct net_addr *addr)
{
	struct net_neigh n = { .link = m->ndm_ifindex, .addr = *addr, .state = (uint8_t)m->ndm_state,
			       .router = m->ndm_flags & NTF_ROUTER,
			       .proxy = m->ndm_flags & NTF_PROXY,
			       .protocol = nl_u8(&tb[NDA_PROTOCOL]) };
	struct net_link_info l;
	struct net_stack *stack;
	int r;

	if (!addr->family)
		return nl_fail(rq, -EINVAL, "Network address not specified");
	if (tb[NDA_LLADDR].data && tb[NDA_LLADDR].len != 6)
		return nl_fail_attr(rq, -EINVAL, "Invalid link address", tb[NDA_LLADDR].data);
	if (tb[NDA_LLADDR].data)
		memcpy(n.mac, tb[NDA_LLADDR].data, 6);
	stack = netns_lock(rq->sock->ns);
	if (n.link && net_info_link(stack, n.link, &l) < 0)
		r = -ENODEV;
	else if (!n.link && !n.proxy)
		r = -EINVAL;
	else if (rq->hdr.nlmsg_type == RTM_NEWNEIGH)
		r = add(rq, stack, &n, tb[NDA_LLADDR].data, m->ndm_flags & NTF_USE);
	else if (n.proxy)
		r = net_neigh_del_proxy(stack, n.link, &n.addr);
	else
		r = net_neigh_del(stack, n.link, &n.addr);
	netns_unlock(rq->sock->ns);
	return r == -EBADF ? -ENODEV : r;
}

int rt_neigh_request(struct nl_req *rq)
{
	struct nl_attr tb[NDA_MAX + 1];
	struct ndmsg m = { 0 };
	struct net_addr addr;
	int r;

	if (rq->len < sizeof(m)) {
		if (!rq->dump)
			return -EINVAL;
		m.ndm_family = rq->body[0];
		memset(tb, 0, sizeof(tb));
		return dump(rq, &m, tb);
	}
	memcpy(&m, rq->body, sizeof(m));
	r = nl_parse(rq, tb, NDA_MAX, rq->body + sizeof(m), rq->len - sizeof(m), policy, false);
	if (r < 0)
		return r;
	if (rq->dump)
		return dump(rq, &m, tb);
	if (m.ndm_family != AF_INET && m.ndm_family != AF_INET6)
		return -EAFNOSUPPORT;
	r = rt_addr(rq, &tb[NDA_DST], m.ndm_family, &addr);
	if (r < 0)
		return r;
	if (rq->hdr.nlmsg_type == RTM_GETNEIGH)
		return get(rq, &m, &addr);
	rtnl_lock();
	r = change(rq, &m, tb, &addr);
	rtnl_unlock();
	return r;
}

/* --- bridges: "bridge fdb" ------------------------------------------------------------------------- */

static int dump_fdb(struct nl_req *rq)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWNEIGH);
	struct net_stack *stack = netns_lock(rq->sock->ns);
	size_t n = net_info_fdb(stack, 0, NULL, 0);
	struct net_fdb *all = calloc(n + 1, sizeof(*all));

	n = all ? MIN(net_info_fdb(stack, 0, all, n), n) : 0;
	netns_unlock_query(rq->sock->ns);
	for (size_t i = 0; i < n; i++)
		rt_put_fdb(&rq->out, &h, &all[i]);
	free(all);
	return all ? 0 : -ENOMEM;
}

static int change_fdb(struct nl_req *rq, const struct ndmsg *m, const uint8_t *mac)
{
	struct net_fdb f = { .port = m->ndm_ifindex, .permanent = true,
			     .local = m->ndm_state & NUD_PERMANENT };
	struct net_stack *stack = netns_lock(rq->sock->ns);
	struct net_link_info l;
	int r = net_info_link(stack, f.port, &l);

	memcpy(f.mac, mac, 6);
	if (r < 0)
		r = -ENODEV;
	else if (l.type != NET_LINK_BRIDGE && !l.master)
		r = -EOPNOTSUPP;
	f.bridge = r == 0 && l.master ? l.master : f.port;
	if (m->ndm_state & (NUD_REACHABLE | NUD_STALE))
		f.permanent = false;
	if (r == 0)
		r = rq->hdr.nlmsg_type == RTM_NEWNEIGH ? net_fdb_set(stack, &f)
							: net_fdb_del(stack, f.bridge, mac);
	netns_unlock(rq->sock->ns);
	return r;
}

int rt_fdb_request(struct nl_req *rq)
{
	struct nl_attr tb[NDA_MAX + 1];
	struct ndmsg m;
	int r;

	if (rq->dump)
		return dump_fdb(rq);
	if (rq->len < sizeof(m))
		return -EINVAL;
	memcpy(&m, rq->body, sizeof(m));
	r = nl_parse(rq, tb, NDA_MAX, rq->body + sizeof(m), rq->len - sizeof(m), policy, false);
	if (r < 0)
		return r;
	if (rq->hdr.nlmsg_type == RTM_GETNEIGH)
		return -EOPNOTSUPP;
	if (tb[NDA_LLADDR].len != 6)
		return nl_fail(rq, -EINVAL, "invalid address");
	rtnl_lock();
	r = change_fdb(rq, &m, tb[NDA_LLADDR].data);
	rtnl_unlock();
	return r;
}
