/* SPDX-License-Identifier: Apache-2.0 */
/* The error queue: ICMP errors and local ones, for IP_RECVERR and IPV6_RECVERR. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>

#include "pkt/iov.h"
#include "sock/sock.h"
#include "util/assert.h"

#define ORIGIN_LOCAL 1 /* SO_EE_ORIGIN_* of <linux/errqueue.h> */
#define ORIGIN_ICMP 2
#define ORIGIN_ICMP6 3
#define ORIGIN_TIMESTAMPING 4
#define ORIGIN_ZEROCOPY 5
#define CODE_ZEROCOPY_COPIED 1

/* Kept in the headroom of the packet, whose view is the payload that came back. */
struct errq_meta {
	struct net_sock_err err;
	struct net_endpoint dst;
};

STATIC_ASSERT(sizeof(struct errq_meta) <= PKT_HEADROOM, "the entry must fit the headroom");

static struct errq_meta *meta(struct pkt *pkt)
{
	return (struct errq_meta *)(void *)pkt->inl;
}

static bool wants(const struct sock *sk, bool v6)
{
	/* An IPv6 socket hears of both families through its own option, as Linux. */
	if (sk->family == AF_INET6 && v6)
		return sk->opt.recv_err6;
	return sk->family == AF_INET6 ? sk->opt.recv_err6 || sk->opt.recv_err : sk->opt.recv_err;
}

static void append(struct sock *sk, struct pkt *pkt)
{
	uint32_t size = pkt_truesize(pkt);

	if (sk->errq_bytes + size > (uint32_t)sk->opt.rcvbuf) {
		sk->drops++;
		pkt_free(pkt);
		return;
	}
	sk->errq_bytes += size;
	list_push_back(&sk->errq, &pkt->link);
	sock_wake(sk, EPOLLERR | EPOLLPRI);
}

bool sock_queue_error(struct sock *sk, const struct ip_error *err, const struct net_endpoint *dst)
{
	uint8_t body[PKT_INLINE - PKT_HEADROOM];
	struct pkt *pkt;
	size_t n;

	if (!wants(sk, err->v6))
		return false;
	pkt = pkt_new(&sk->core->pool, PKT_HEADROOM);
	if (!pkt)
		return false;
	/* What the user sent: behind the UDP header, or all of an ICMP message. */
	size_t skip = err->proto == IPPROTO_UDP ? 8 : 0;

	n = pkt_read(err->pkt, skip, body, sizeof(body));
	memcpy(pkt_put(pkt, n), body, n);
	pkt->rx_time = sk->core->now;
	*meta(pkt) = (struct errq_meta){
		.err = {.err = (uint32_t)err->err,
			.origin = err->v6 ? ORIGIN_ICMP6 : ORIGIN_ICMP,
			.type = err->type,
			.code = err->code,
			.info = err->mtu,
			.offender = err->offender},
		.dst = *dst,
	};
	append(sk, pkt);
	return true;
}

void sock_queue_local_error(struct sock *sk, int err, uint32_t info, const struct net_endpoint *dst)
{
	struct pkt *pkt;

	if (!wants(sk, dst->addr.family == AF_INET6))
		return;
	pkt = pkt_new(&sk->core->pool, PKT_HEADROOM);
	if (!pkt)
		return;
	pkt->rx_time = sk->core->now;
	*meta(pkt) = (struct errq_meta){
		.err = {.err = (uint32_t)err, .origin = ORIGIN_LOCAL, .info = info},
		.dst = *dst,
	};
	append(sk, pkt);
}

void sock_note_zerocopy(struct sock *sk, uint32_t id)
{
	struct pkt *pkt = list_last_entry(&sk->errq, struct pkt, link);

	if (pkt && meta(pkt)->err.origin == ORIGIN_ZEROCOPY && meta(pkt)->err.data + 1 == id) {
		meta(pkt)->err.data = id;
		sock_wake(sk, EPOLLERR);
		return;
	}
	pkt = pkt_new(&sk->core->pool, PKT_HEADROOM);
	if (!pkt)
		return;
	pkt->rx_time = sk->core->now;
	*meta(pkt) = (struct errq_meta){.err = {.origin = ORIGIN_ZEROCOPY,
						.code = CODE_ZEROCOPY_COPIED,
						.info = id,
						.data = id}};
	append(sk, pkt);
}

void sock_note_stamp(struct sock *sk, uint32_t what, uint32_t id, const void *bytes, uint32_t len)
{
	struct pkt *pkt = pkt_new(&sk->core->pool, PKT_HEADROOM);
	uint8_t *at;

	if (!pkt)
		return;
	at = len ? pkt_put(pkt, len) : NULL;
	if (at)
		memcpy(at, bytes, len);
	pkt->rx_time = sk->core->now;
	*meta(pkt) = (struct errq_meta){
		.err = {.err = ENOMSG, .origin = ORIGIN_TIMESTAMPING, .info = what, .data = id}};
	append(sk, pkt);
}

static bool is_icmp(uint8_t origin)
{
	return origin == ORIGIN_ICMP || origin == ORIGIN_ICMP6;
}

ssize_t sock_recv_error(struct sock *sk, struct net_msg *msg, int flags)
{
	struct pkt *pkt = list_first_entry(&sk->errq, struct pkt, link);
	struct iov it = iov_start(msg->iov, msg->iov_len);
	size_t n;

	if (!pkt)
		return -EAGAIN;
	msg->flags |= MSG_ERRQUEUE;
	n = pkt_to_iov(pkt, 0, pkt->len, &it);
	if (n < pkt->len)
		msg->flags |= MSG_TRUNC;
	msg->ctl.has |= NET_CTL_ERROR;
	msg->ctl.error = meta(pkt)->err;
	if (sk->opt.timestamp) {
		msg->ctl.has |= NET_CTL_TIMESTAMP;
		msg->ctl.timestamp = pkt->rx_time + sk->core->wall_offset;
	}
	if (meta(pkt)->err.origin == ORIGIN_TIMESTAMPING)
		sock_put_stamps(sk, pkt->rx_time, &msg->ctl);
	if (meta(pkt)->dst.addr.family)
		sock_put_name(sk, &meta(pkt)->dst, msg->name, &msg->name_len);
	else
		msg->name_len = 0;
	if (flags & MSG_PEEK)
		return (ssize_t)n;

	bool icmp = is_icmp(meta(pkt)->err.origin);

	list_remove(&pkt->link);
	sk->errq_bytes -= MIN(sk->errq_bytes, pkt_truesize(pkt));
	pkt_free(pkt);

	/* SO_ERROR follows the queue (Linux's sock_dequeue_err_skb). */
	struct pkt *next = list_first_entry(&sk->errq, struct pkt, link);

	if (icmp)
		sk->err = 0;
	if (next && is_icmp(meta(next)->err.origin))
		sock_set_error(sk, (int)meta(next)->err.err);
	return (ssize_t)n;
}
