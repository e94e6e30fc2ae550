/* SPDX-License-Identifier: Apache-2.0 */
/* Datagram sockets of any protocol: queueing, reading, and the rules of sending. */
#include "sock/dgram.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include "ip/addr.h"
#include "ip/ip.h"
#include "pkt/iov.h"

int dgram_open(struct sock *sk)
{
	pktq_init(&dgram_of(sk)->rx, UINT32_MAX);
	return 0;
}

void dgram_close(struct sock *sk)
{
	pktq_flush(&dgram_of(sk)->rx);
	sock_free(sk);
}

bool dgram_connected(const struct sock *sk)
{
	return container_of(sk, const struct dgram, sk)->connected;
}

static bool writable(const struct sock *sk)
{
	return sk->charge.used < (uint32_t)sk->opt.sndbuf / 2;
}

uint32_t dgram_poll(struct sock *sk)
{
	struct dgram *dg = dgram_of(sk);
	uint32_t mask = 0;

	if (sk->err || !list_empty(&sk->errq))
		mask |= EPOLLERR | (sk->opt.select_err_queue ? EPOLLPRI : 0);
	if (sk->shut & SOCK_SHUT_RD)
		mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (sk->shut == (SOCK_SHUT_RD | SOCK_SHUT_WR))
		mask |= EPOLLHUP;
	if (dg->rx.count)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (writable(sk))
		mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	return mask;
}

int dgram_shutdown(struct sock *sk, enum sock_shut how)
{
	sk->shut |= (uint8_t)how;
	sock_wake(sk, how & SOCK_SHUT_RD ? EPOLLIN | EPOLLRDHUP : EPOLLOUT);
	return dgram_of(sk)->connected ? 0 : -ENOTCONN;
}

int64_t dgram_count(struct sock *sk, enum net_count what)
{
	struct pkt *first = pktq_first(&dgram_of(sk)->rx);

	switch (what) {
	case NET_COUNT_INQ:
		if (!first)
			return 0;
		if (first->offload.gso_type && first->offload.gso_size < first->len)
			return first->offload.gso_size;
		return first->len;
	case NET_COUNT_OUTQ:
		return sk->charge.used;
	case NET_COUNT_OUTQ_NSD:
	case NET_COUNT_ATMARK:
		break;
	}
	return -EINVAL;
}

void dgram_info(const struct sock *sk, struct net_sock_info *ret)
{
	const struct dgram *dg = container_of(sk, const struct dgram, sk);

	ret->state = dg->connected ? 1 : 7;
	ret->rx_queue = dg->rx_bytes;
	ret->tx_queue = sk->charge.used;
}

void dgram_opt_changed(struct sock *sk, int level, int name)
{
	(void)level;
	(void)name;
	sock_set_notify(sk);
	dgram_of(sk)->path_ok = false; /* links, sources and limits may be others now */
}

void dgram_charge_released(struct sock *sk)
{
	if (writable(sk))
		sock_wake(sk, EPOLLOUT | EPOLLWRNORM);
}

void dgram_deliver(struct sock *sk, struct pkt *pkt)
{
	struct dgram *dg = dgram_of(sk);
	uint32_t size = pkt_truesize(pkt);

	if (dg->rx_bytes + size > (uint32_t)sk->opt.rcvbuf) {
		sk->drops++;
		core_drop(sk->core, pkt, DROP_SOCK_RCVBUF);
		return;
	}
	pkt->cb64[3] = size;
	dg->rx_bytes += size;
	sk->core->drops.count[DROP_NONE]++;
	pktq_push(&dg->rx, pkt);
	sock_wake(sk, EPOLLIN | EPOLLRDNORM);
}

struct pkt *dgram_recv_start(struct sock *sk, struct net_msg *msg, int flags, ssize_t *r)
{
	struct pkt *pkt;

	if (flags & MSG_ERRQUEUE) {
		*r = sock_recv_error(sk, msg, flags);
		return NULL;
	}
	if (sk->err) {
		*r = -sock_take_error(sk);
		return NULL;
	}
	pkt = pktq_first(&dgram_of(sk)->rx);
	if (!pkt) {
		*r = sk->shut & SOCK_SHUT_RD ? 0 : -EAGAIN;
		msg->name_len = 0;
	}
	return pkt;
}

void dgram_consume(struct sock *sk, struct pkt *pkt)
{
	struct dgram *dg = dgram_of(sk);

	dg->rx_bytes -= (uint32_t)pkt->cb64[3];
	list_remove(&pkt->link);
	dg->rx.count--;
	pkt_free(pkt);
}

/* A source for the path: bound address, unless that is a group. */
static struct net_addr bound_source(const struct sock *sk)
{
	const struct net_addr *a = &sk->node.local.addr;

	if (!sk->user_addr || addr_is_any(a) || addr_is_multicast(a) ||
	    ip_local_type(sk->ip, a, NULL) == IP_LOCAL_BROADCAST)
		return (struct net_addr){0};
	return *a;
}

/* Whether packets of @dst's family may leave this socket. */
static int check_family(const struct sock *sk, const struct net_addr *dst)
{
	const struct net_addr *local = &sk->node.local.addr;

	if (dst->family == AF_INET && sk->family == AF_INET6 && sk->opt.v6only)
		return -ENETUNREACH;
	if (dst->family != local->family && !addr_is_any(local))
		return dst->family == AF_INET ? -ENETUNREACH : -EINVAL;
	if (dst->family == AF_INET6 && local->family == AF_INET)
		return -ENETUNREACH;
	return 0;
}

/* The scope of a link-local destination: as given, or the bound link's. */
static int fix_scope(const struct sock *sk, struct net_addr *dst)
{
	if (!addr_needs_scope(dst))
		return 0;
	if (!dst->scope)
		dst->scope = (uint32_t)(sk->node.bound		 ? sk->node.bound
					: addr_is_multicast(dst) ? sk->opt.mcast_if6
								 : 0);
	if (sk->node.bound && dst->scope != (uint32_t)sk->node.bound)
		return -EINVAL;
	return dst->scope || addr_is_multicast(dst) ? 0 : -EINVAL;
}

static int check_broadcast(const struct sock *sk, const struct ip_path *path)
{
	return path->type == IP_DST_BROADCAST && !sk->opt.broadcast ? -EACCES : 0;
}

int dgram_set_peer(struct sock *sk, const struct net_endpoint *peer)
{
	struct dgram *dg = dgram_of(sk);
	struct net_endpoint to = *peer;
	struct net_addr src = bound_source(sk);
	int r;

	r = check_family(sk, &to.addr);
	if (r < 0)
		return r;
	r = fix_scope(sk, &to.addr);
	if (r < 0)
		return r;
	r = sock_path_init(sk, &dg->path, &to.addr, &src);
	dg->path_ok = r == 0;
	dg->path_src = src;
	if (r < 0)
		return r;
	r = check_broadcast(sk, &dg->path);
	if (r < 0)
		return r;
	to.addr = dg->path.dst;
	sk->node.remote = to;
	sk->node.local.addr = dg->path.src;
	if (addr_needs_scope(&dg->path.dst))
		sk->node.local.addr.scope = dg->path.dst.scope;
	dg->connected = true;
	return 0;
}

static int find_path(struct sock *sk, struct dgram_tx *tx, const struct net_addr *src,
		     net_link_id link)
{
	struct dgram *dg = dgram_of(sk);
	bool plain = !link;
	int r;

	if (plain && dg->path_ok && addr_eq(&dg->path.dst, &tx->dst.addr) &&
	    dg->path.dst.scope == tx->dst.addr.scope && addr_eq(&dg->path_src, src)) {
		tx->path = &dg->path;
		r = ip_path_check(sk->ip, tx->path);
		sock_path_opts(sk, tx->path);
		return r;
	}
	tx->path = plain ? &dg->path : &tx->own;
	if (plain) {
		r = sock_path_init(sk, tx->path, &tx->dst.addr, src);
		dg->path_ok = r == 0;
		dg->path_src = *src;
		return r;
	}
	r = ip_path_init(sk->ip, tx->path, &tx->dst.addr, src, link);
	sock_path_opts(sk, tx->path);
	return r;
}

/* Values of the control information that hold for this packet only. */
static int apply_ctl(struct dgram_tx *tx, const struct net_ctl *ctl)
{
	if (!(ctl->has & (NET_CTL_TTL | NET_CTL_TOS)))
		return 0;
	if (tx->path != &tx->own) {
		tx->own = *tx->path;
		tx->path = &tx->own;
	}
	if (ctl->has & NET_CTL_TTL) {
		bool v6 = tx->dst.addr.family == AF_INET6;

		if (ctl->ttl > 255 || ctl->ttl < (v6 ? -1 : 1))
			return -EINVAL;
		if (ctl->ttl > 0)
			tx->path->hop_limit = (uint8_t)ctl->ttl;
	}
	if (ctl->has & NET_CTL_TOS) {
		if (ctl->tos < -1 || ctl->tos > 255)
			return -EINVAL;
		if (ctl->tos >= 0)
			tx->path->tos = (uint8_t)ctl->tos;
	}
	return 0;
}

static struct net_addr unmap(struct net_addr a)
{
	if (addr_is_mapped(&a)) {
		struct net_addr v4 = {.family = AF_INET};

		memcpy(v4.v4, a.v6 + 12, 4);
		return v4;
	}
	return a;
}

int dgram_send_start(struct sock *sk, struct dgram_tx *tx, const struct net_msg *msg,
		     const struct net_endpoint *dst, int flags)
{
	struct dgram *dg = dgram_of(sk);
	const struct net_ctl *ctl = &msg->ctl;
	struct net_addr src = bound_source(sk);
	net_link_id link = 0;
	int r;

	tx->segment = 0;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (sk->shut & SOCK_SHUT_WR)
		return -EPIPE;
	if (sk->err)
		return -sock_take_error(sk);
	if (dst)
		tx->dst = *dst;
	else if (dg->connected)
		tx->dst = sk->node.remote;
	else
		return -EDESTADDRREQ;
	r = check_family(sk, &tx->dst.addr);
	if (r < 0)
		return r;
	r = fix_scope(sk, &tx->dst.addr);
	if (r < 0)
		return r;
	if (tx->dst.addr.family == AF_INET6 && sk->opt.pktinfo6) { /* IPV6_PKTINFO as an option */
		link = sk->opt.pktinfo6_link;
		if (!addr_is_any(&sk->opt.pktinfo6_addr))
			src = sk->opt.pktinfo6_addr;
	}
	if (ctl->has & NET_CTL_PKTINFO) {
		if (ctl->ifindex && sk->node.bound && ctl->ifindex != sk->node.bound)
			return -EINVAL;
		link = ctl->ifindex;
		if (ctl->local.family && !addr_is_any(&ctl->local))
			src = unmap(ctl->local);
	}
	r = find_path(sk, tx, &src, link);
	if (r < 0)
		return r;
	r = check_broadcast(sk, tx->path);
	if (r < 0)
		return r;
	if (ctl->has & NET_CTL_SEGMENT)
		tx->segment = ctl->segment_size;
	return apply_ctl(tx, ctl);
}

/* Fills blocks from the user's memory: the one copy on the way out. */
static bool gather(struct pkt *pkt, struct iov *it, size_t len)
{
	while (len) {
		struct pkt_block *b = pkt_block_new(pkt->pool, MIN(len, (size_t)PKT_BLOCK_LARGE));

		if (!b)
			return false;

		uint32_t n = (uint32_t)MIN(len, (size_t)b->cap);
		bool ok = iov_gather(it, b->data, n) == n && pkt_append(pkt, b, 0, n);

		pkt_block_unref(b);
		if (!ok)
			return false;
		len -= n;
	}
	return true;
}

int dgram_build(struct sock *sk, struct pkt **ret, struct iov *it, size_t len)
{
	struct pkt *pkt;

	/* At least one packet may always be out, however small the buffer. */
	if (sk->charge.used && sk->charge.used + len > (uint32_t)sk->opt.sndbuf)
		return -EAGAIN;
	pkt = pkt_new(&sk->core->pool, PKT_HEADROOM);
	if (!pkt)
		return -ENOBUFS;
	if (len <= PKT_INLINE - PKT_HEADROOM) {
		if (iov_gather(it, pkt_put(pkt, len), len) != len) {
			pkt_free(pkt);
			return -EFAULT;
		}
	} else if (!gather(pkt, it, len)) {
		pkt_free(pkt);
		return -ENOBUFS;
	}
	pkt_set_charge(pkt, &sk->charge);
	*ret = pkt;
	return 0;
}

static bool wants_errors(const struct sock *sk, const struct net_addr *dst)
{
	return dst->family == AF_INET ? sk->opt.recv_err : sk->opt.recv_err6;
}

int dgram_xmit(struct sock *sk, struct dgram_tx *tx, struct pkt *pkt, uint8_t proto)
{
	int r = ip_output(sk->ip, tx->path, pkt, proto);

	/* Linux: a full queue is the network losing the packet, unless errors are asked for. */
	if (r == -ENOBUFS && !wants_errors(sk, &tx->dst.addr))
		return 0;
	if (r == -EMSGSIZE)
		sock_queue_local_error(sk, EMSGSIZE, ip_path_mtu(sk->ip, tx->path), &tx->dst);
	return r;
}

/* The data was copied when it was taken, so that its completion follows at once. */
void dgram_note(struct sock *sk, const struct net_msg *msg, int flags)
{
	uint32_t want = sk->opt.stamping;
	uint32_t id = 0;

	if ((flags & MSG_ZEROCOPY) && sk->opt.zerocopy && iov_total(msg->iov, msg->iov_len))
		sock_note_zerocopy(sk, sk->zc_id++);
	if (msg->ctl.has & NET_CTL_STAMPING)
		want |= msg->ctl.stamping_flags;
	if (!(want & (SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE)))
		return;
	if (want & SOF_TIMESTAMPING_OPT_ID)
		id = sk->stamp_id++;

	uint8_t bytes[64];
	struct iov it = iov_start(msg->iov, msg->iov_len);
	uint32_t n = 0;

	/* Deviates: Linux shows the frame with its headers, this the data. */
	if (!(want & SOF_TIMESTAMPING_OPT_TSONLY))
		n = (uint32_t)iov_gather(&it, bytes, sizeof(bytes));
	if (want & SOF_TIMESTAMPING_TX_SCHED)
		sock_note_stamp(sk, SCM_TSTAMP_SCHED, id, bytes, n);
	if (want & SOF_TIMESTAMPING_TX_SOFTWARE)
		sock_note_stamp(sk, SCM_TSTAMP_SND, id, bytes, n);
}

void dgram_error(struct sock *sk, const struct ip_error *err, const struct net_endpoint *dst)
{
	struct dgram *dg = dgram_of(sk);
	bool hard = err->hard;

	if (err->err == EMSGSIZE) {
		uint8_t disc = err->v6 ? sk->opt.pmtudisc6 : sk->opt.pmtudisc;

		if (disc == IP_PMTU_DONT)
			return;
		hard = !err->v6 || disc == IP_PMTU_DO;
		ip_learn_mtu(sk->ip, err);
	}
	if (sock_queue_error(sk, err, dst)) {
		sock_set_error(sk, err->err);
		return;
	}
	if (hard && dg->connected)
		sock_set_error(sk, err->err);
}
