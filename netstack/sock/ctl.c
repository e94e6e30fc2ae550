/* SPDX-License-Identifier: Apache-2.0 */
/* Control information of received packets, as the socket's options ask. */
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <string.h>

#include "ip/ip.h"
#include "sock/sock.h"

#define OPT_TIMESTAMPING_NEW 65

/* The user of an AF_INET6 socket sees IPv4 addresses mapped. */
static struct net_addr for_user(const struct sock *sk, const struct net_addr *a)
{
	struct net_addr m = {.family = AF_INET6};

	if (sk->family != AF_INET6 || a->family != AF_INET)
		return *a;
	m.v6[10] = m.v6[11] = 0xff;
	memcpy(m.v6 + 12, a->v4, 4);
	return m;
}

static void put_pktinfo(struct sock *sk, const struct pkt *pkt, struct net_ctl *ctl)
{
	struct net_addr local = pkt->ip.dst;

	if (pkt->ip.multicast || pkt->ip.broadcast) {
		struct link *link = link_find(sk->ip->links, pkt->ip.link);
		struct ifaddr *ia =
			link ? src_select(sk->ip, &pkt->ip.src, &pkt->ip.src, link, 0) : NULL;

		if (ia)
			local = ia->addr;
	}
	ctl->has |= NET_CTL_PKTINFO;
	ctl->ifindex = pkt->ip.link;
	ctl->local = for_user(sk, &local);
	ctl->dst = for_user(sk, &pkt->ip.dst);
}

static void put_ttl(struct net_ctl *ctl, const struct pkt *pkt)
{
	ctl->has |= NET_CTL_TTL;
	ctl->ttl = pkt->ip.hop_limit;
}

static void put_tos(struct net_ctl *ctl, const struct pkt *pkt)
{
	ctl->has |= NET_CTL_TOS;
	ctl->tos = pkt->ip.tos;
}

/* The largest fragment of a packet that came in pieces. */
static void put_frag_size(struct net_ctl *ctl, const struct pkt *pkt)
{
	if (!pkt->ip.frag_max)
		return;
	ctl->has |= NET_CTL_FRAGSIZE;
	ctl->frag_size = pkt->ip.frag_max;
}

static void put_ip4(struct sock *sk, const struct pkt *pkt, struct net_ctl *ctl)
{
	const struct sock_opts *o = &sk->opt;

	if (o->pktinfo || (sk->family == AF_INET6 && o->recv_pktinfo6))
		put_pktinfo(sk, pkt, ctl);
	if (o->recv_ttl)
		put_ttl(ctl, pkt);
	if (o->recv_tos)
		put_tos(ctl, pkt);
	if (o->recv_frag_size)
		put_frag_size(ctl, pkt);
	if ((o->recv_opts || o->recv_retopts) && sk->family == AF_INET &&
	    pkt->ip.hdr_len > IP4_HDR_LEN && pkt->l3_off &&
	    pkt->l3_off + pkt->ip.hdr_len <= pkt->off) {
		ctl->has |= (o->recv_opts ? NET_CTL_OPTS : 0) |
			    (o->recv_retopts ? NET_CTL_RETOPTS : 0);
		ctl->opts_len = (uint8_t)(pkt->ip.hdr_len - IP4_HDR_LEN);
		memcpy(ctl->opts, pkt->base + pkt->l3_off + IP4_HDR_LEN, ctl->opts_len);
	}
}

/* The first word of the header, less its version; Linux leaves out what is all zero. */
static void put_flowinfo(struct net_ctl *ctl, const struct pkt *pkt)
{
	struct rd in;
	uint32_t v;

	if (!pkt->l3_off || pkt->l3_off + 4 > pkt->off)
		return;
	rd_init(&in, pkt->base + pkt->l3_off, 4);
	v = rd_be32(&in) & 0x0fffffff;
	if (!v)
		return;
	ctl->has |= NET_CTL_FLOWINFO;
	ctl->flowinfo = v;
}

static void put_ip6(struct sock *sk, const struct pkt *pkt, struct net_ctl *ctl)
{
	const struct sock_opts *o = &sk->opt;

	if (o->recv_pktinfo6 || o->old_pktinfo6) {
		put_pktinfo(sk, pkt, ctl);
		if (!o->recv_pktinfo6)
			ctl->has &= ~(uint32_t)NET_CTL_PKTINFO;
		if (o->old_pktinfo6)
			ctl->has |= NET_CTL_PKTINFO_OLD;
	}
	if (o->recv_hops)
		put_ttl(ctl, pkt);
	if (o->old_hops) {
		ctl->has |= NET_CTL_HOPS_OLD;
		ctl->ttl = pkt->ip.hop_limit;
	}
	if (o->recv_tclass)
		put_tos(ctl, pkt);
	if (o->recv_flowinfo)
		put_flowinfo(ctl, pkt);
	if (o->recv_frag_size6)
		put_frag_size(ctl, pkt);
}

void sock_put_stamps(const struct sock *sk, net_time when, struct net_ctl *ctl)
{
	int name = sock_stamp_name(sk);

	if (name) {
		ctl->has |= NET_CTL_TIMESTAMP;
		ctl->timestamp_type = name;
		ctl->timestamp = when + sk->core->wall_offset;
	}
	if (sk->opt.stamping & SOF_TIMESTAMPING_SOFTWARE) {
		ctl->has |= NET_CTL_STAMPING;
		ctl->stamping_type = sk->opt.timestamp_new ? OPT_TIMESTAMPING_NEW : SO_TIMESTAMPING;
		ctl->stamping = when + sk->core->wall_offset;
	}
}

void sock_put_ctl(struct sock *sk, const struct pkt *pkt, struct net_msg *msg)
{
	const struct sock_opts *o = &sk->opt;
	struct net_ctl *ctl = &msg->ctl;

	sk->stamp = pkt->rx_time;
	sock_put_stamps(sk, pkt->rx_time, ctl);
	if (o->rcv_mark) {
		ctl->has |= NET_CTL_MARK;
		ctl->mark = 0; /* no rule marks what comes in */
	}
	if (o->rcv_priority) {
		ctl->has |= NET_CTL_PRIORITY;
		ctl->priority = 0; /* what comes from a link has none */
	}
	if (o->rxq_ovfl && sk->drops) {
		ctl->has |= NET_CTL_RXQ_OVFL;
		ctl->rxq_ovfl = sk->drops;
	}
	if (pkt->ip.src.family == AF_INET)
		put_ip4(sk, pkt, ctl);
	else
		put_ip6(sk, pkt, ctl);
	if (o->recv_origdst || o->recv_origdst6) {
		ctl->has |= NET_CTL_ORIGDST;
		ctl->origdst = (struct net_endpoint){for_user(sk, &pkt->ip.dst), pkt->ip.dport};
	}
}
