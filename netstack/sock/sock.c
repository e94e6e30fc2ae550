/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: ids, life, events, errors. */
#include "sock/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "ip/addr.h"
#include "sock/filter.h"
#include "sock/mcast.h"
#include "sock/socks.h"

int socks_init(struct socks *ss, struct net_core *core, struct ip *ip)
{
	memset(ss, 0, sizeof(*ss));
	ss->core = core;
	ss->ip = ip;
	ss->free_slot = UINT32_MAX;
	list_init(&ss->all);
	return demux_init(&ss->demux, core);
}

void socks_fini(struct socks *ss)
{
	demux_fini(&ss->demux);
	free(ss->slots);
	ss->slots = NULL;
}

struct sock *socks_find(const struct socks *ss, net_sock_id id)
{
	uint32_t slot = (uint32_t)id;

	if (!id || slot >= ss->nslots || ss->slots[slot].gen != (uint32_t)(id >> 32))
		return NULL;
	return ss->slots[slot].sock;
}

static int grow_slots(struct socks *ss)
{
	uint32_t n = ss->nslots ? ss->nslots * 2 : 64;
	struct sock_slot *slots = realloc(ss->slots, n * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = ss->nslots; i < n; i++)
		slots[i] = (struct sock_slot){NULL, 1, i + 1 < n ? i + 1 : ss->free_slot};
	ss->free_slot = ss->nslots;
	ss->slots = slots;
	ss->nslots = n;
	return 0;
}

int sock_publish(struct sock *sk)
{
	struct socks *ss = sk->socks;
	uint32_t slot;
	int r;

	if (sk->id)
		return 0;
	if (ss->free_slot == UINT32_MAX) {
		r = grow_slots(ss);
		if (r < 0)
			return r;
	}
	slot = ss->free_slot;
	ss->free_slot = ss->slots[slot].next_free;
	ss->slots[slot].sock = sk;
	sk->id = (uint64_t)ss->slots[slot].gen << 32 | slot;
	return 0;
}

void sock_unpublish(struct sock *sk)
{
	struct socks *ss = sk->socks;
	uint32_t slot = (uint32_t)sk->id;

	if (!sk->id)
		return;
	ss->slots[slot].sock = NULL;
	if (++ss->slots[slot].gen == 0)
		ss->slots[slot].gen = 1;
	ss->slots[slot].next_free = ss->free_slot;
	ss->free_slot = slot;
	sk->id = 0;
	event_cancel(&sk->event);
}

static void opts_default(struct sock *sk)
{
	const struct net_tunables *tun = &sk->core->tun;
	bool stream = sk->type == SOCK_STREAM;

	sk->opt = (struct sock_opts){
		.rcvbuf = stream ? tun->tcp_rmem[1] : tun->rmem_default,
		.sndbuf = stream ? tun->tcp_wmem[1] : tun->wmem_default,
		.rcvlowat = 1,
		.max_pacing_rate = ~0ull,
		.peek_off = -1,
		.ttl = -1,
		.mcast_ttl = 1,
		.mcast_loop = true,
		.mcast_all = sk->family == AF_INET,
		.pmtudisc = tun->ip_no_pmtu_disc ? IP_PMTU_DONT : IP_PMTU_WANT,
		.hops = -1,
		.mcast_hops = -1,
		.pmtudisc6 = IP_PMTU_WANT,
		.mcast_loop6 = true,
		.mcast_all6 = true,
		.incoming_cpu = -1,
		.reuse_addr = (sk->type == SOCK_RAW && sk->family != AF_PACKET) || sk->protocol == IPPROTO_ICMP ||
			      sk->protocol == IPPROTO_ICMPV6,
		.autoflowlabel = tun->ip6_auto_flowlabels != 0,
		.v6only = sk->family == AF_INET6 &&
			  (tun->ip6_bindv6only ||
			   (sk->type == SOCK_DGRAM && sk->protocol == IPPROTO_ICMPV6)),
	};
	sk->node.reuse_addr = sk->opt.reuse_addr;
}

/* Below these nobody waits for packets to leave: releases are not told, so that an idle stack has
 * nothing to do after each frame. */
void sock_set_notify(struct sock *sk)
{
	int32_t limit = sk->core->tun.tcp_limit_output_bytes;

	if (sk->type != SOCK_STREAM)
		sk->charge.notify_above = (uint32_t)sk->opt.sndbuf / 2 - 1;
	else
		sk->charge.notify_above = limit > 0 ? (uint32_t)limit : UINT32_MAX;
}

static struct sock *sock_alloc(struct socks *ss, const struct sock_ops *ops)
{
	struct sock *sk = calloc(1, ops->size);

	if (!sk)
		return NULL;
	sk->socks = ss;
	sk->ops = ops;
	sk->core = ss->core;
	sk->ip = ss->ip;
	list_init(&sk->event.link);
	list_init(&sk->charge.released);
	list_init(&sk->errq);
	list_init(&sk->mcast);
	list_push_back(&ss->all, &sk->all);
	ss->count++;
	return sk;
}

static void sock_drop(struct sock *sk)
{
	list_remove(&sk->charge.released);
	list_remove(&sk->all);
	sk->socks->count--;
	free(sk);
}

int sock_new(struct socks *ss, struct sock **ret, const struct sock_ops *ops, int family, int type,
	     int protocol)
{
	struct sock *sk;
	int r;

	if (ss->count >= ss->core->lim.sockets)
		return -ENFILE;
	sk = sock_alloc(ss, ops);
	if (!sk)
		return -ENOMEM;
	sk->family = family;
	sk->type = type;
	sk->protocol = protocol;
	sk->node.kind = DEMUX_SOCK;
	sk->node.proto = (uint8_t)protocol;
	sk->node.local.addr.family = (uint16_t)family;
	sk->node.any6 = family == AF_INET6;
	opts_default(sk);
	sk->node.v6only = sk->opt.v6only;
	sock_set_notify(sk);
	r = ops->open ? ops->open(sk) : 0;
	if (r < 0) {
		sock_drop(sk);
		return r;
	}
	*ret = sk;
	return 0;
}

int sock_new_child(struct sock *parent, struct sock **ret)
{
	struct sock *sk;
	int r;

	r = sock_new(parent->socks, &sk, parent->ops, parent->family, parent->type,
		     parent->protocol);
	if (r < 0)
		return r;
	sk->opt = parent->opt;
	sk->node.bound = parent->node.bound;
	sk->node.uid = parent->node.uid;
	sk->node.v6only = parent->node.v6only;
	sk->node.reuse_addr = parent->node.reuse_addr;
	sk->node.reuse_port = parent->node.reuse_port;
	*ret = sk;
	return 0;
}

void sock_flush_errors(struct sock *sk)
{
	struct pkt *pkt;

	while ((pkt = list_pop_entry(&sk->errq, struct pkt, link)))
		pkt_free(pkt);
	sk->errq_bytes = 0;
}

static void exts_free(struct sock *sk)
{
	for (int i = 0; sk->exts && i < SOCK_EXT_COUNT; i++)
		free(sk->exts->bytes[i]);
	free(sk->exts);
	sk->exts = NULL;
}

void sock_free(struct sock *sk)
{
	sock_unpublish(sk);
	filter_release(sk);
	exts_free(sk);
	demux_remove(&sk->socks->demux, &sk->node);
	mcast_leave_all(sk);
	sock_flush_errors(sk);
	sk->freed = true;
	sk->charge.notify_above = 0;
	if (!sk->charge.used)
		sock_drop(sk);
}

void socks_drain_released(struct socks *ss)
{
	struct pkt_charge *charge;

	while ((charge = list_pop_entry(&ss->core->pool.released, struct pkt_charge, released))) {
		struct sock *sk = container_of(charge, struct sock, charge);

		if (sk->freed) {
			if (!charge->used)
				sock_drop(sk);
		} else if (sk->ops->charge_released) {
			sk->ops->charge_released(sk);
		} else {
			sock_wake(sk, EPOLLOUT);
		}
	}
}

void sock_wake(struct sock *sk, uint32_t woke)
{
	if (sk->id)
		event_post(&sk->core->events, &sk->event, woke);
}

void sock_set_error(struct sock *sk, int err)
{
	sk->err = err;
	sock_wake(sk, EPOLLERR);
}

int sock_take_error(struct sock *sk)
{
	int err = sk->err;

	sk->err = 0;
	return err;
}

bool sock_link_ok(const struct sock *sk, net_link_id link)
{
	return !sk->node.bound || sk->node.bound == link;
}

static void multicast_opts(const struct sock *sk, struct ip_path *path)
{
	const struct sock_opts *o = &sk->opt;

	if (path->dst.family == AF_INET) {
		path->hop_limit = o->mcast_ttl;
		path->mcast_loop = o->mcast_loop;
	} else {
		path->hop_limit = o->mcast_hops < 0 ? 1 : (uint8_t)o->mcast_hops;
		path->mcast_loop = o->mcast_loop6;
	}
}

/* RFC 6437: a secret function of the flow. Deviates: only where IPV6_AUTOFLOWLABEL asks for it. */
static uint32_t flow_label(const struct sock *sk, const struct ip_path *path)
{
	uint64_t key[3] = {path->dst.quad[0], path->dst.quad[1],
			   (uint64_t)sk->node.local.port << 16 | sk->node.remote.port};

	return (uint32_t)siphash(&sk->core->key, key, sizeof(key)) & 0xfffff;
}

void sock_path_opts(const struct sock *sk, struct ip_path *path)
{
	const struct sock_opts *o = &sk->opt;

	if (path->dst.family == AF_INET) {
		path->tos = o->tos;
		path->pmtudisc = o->pmtudisc;
		path->hop_limit = o->ttl < 0 ? 0 : (uint8_t)o->ttl;
		/* Paths of requests outlive a listener. */
		path->opts = sk->node.listening ? NULL : o->ip_opts;
		path->opts_len = sk->node.listening ? 0 : o->ip_opts_len;
	} else {
		path->tos = o->tclass;
		path->pmtudisc =
			o->dontfrag6 && sk->type != SOCK_STREAM ? IP_PMTU_DO : o->pmtudisc6;
		path->flow_label = o->autoflowlabel ? flow_label(sk, path) : 0;
		path->hop_limit = o->hops < 0 ? 0 : (uint8_t)o->hops;
	}
	path->prio = (uint8_t)MIN((uint32_t)o->priority, 255u);
	if (addr_is_multicast(&path->dst))
		multicast_opts(sk, path);
}

static net_link_id out_link(const struct sock *sk, const struct net_addr *dst)
{
	const struct sock_opts *o = &sk->opt;
	bool v4 = dst->family == AF_INET;

	if (sk->node.bound)
		return sk->node.bound;
	if (addr_is_multicast(dst))
		return v4 ? o->mcast_if : o->mcast_if6;
	return v4 ? o->unicast_if : o->unicast_if6;
}

int sock_path_init(struct sock *sk, struct ip_path *path, const struct net_addr *dst,
		   const struct net_addr *src)
{
	struct net_addr from = src ? *src : (struct net_addr){0};
	bool multi = addr_is_multicast(dst);
	int r;

	if (!from.family && multi && dst->family == AF_INET && sk->opt.mcast_if_addr.family)
		from = sk->opt.mcast_if_addr;

	struct ip_path_want want = {
		.flow = {.dst = *dst,
			 .src = from,
			 .oif = out_link(sk, dst),
			 .mark = sk->opt.mark,
			 .uid = sk->node.uid,
			 .tos = dst->family == AF_INET ? sk->opt.tos : sk->opt.tclass,
			 .proto = (uint8_t)sk->protocol,
			 .sport = sk->node.local.port,
			 .dport = sk->node.remote.port},
		.dont_route = sk->opt.dont_route,
		.nonlocal_src = sk->opt.freebind || sk->opt.transparent,
		.prefer = sk->opt.addr_prefs,
	};

	r = ip_path_init_flow(sk->ip, path, &want);
	sock_path_opts(sk, path);
	return r;
}
