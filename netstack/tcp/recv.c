/* SPDX-License-Identifier: Apache-2.0 */
/* RECEIVE: from the queue of received packets to the user; readiness; urgent data.
 *
 * Implements RFC 9293 3.10.3 with the errors of recv(2), MSG_PEEK, MSG_TRUNC, MSG_OOB, SO_OOBINLINE
 * and SIOCATMARK, and the masks of poll(2).
 */
#include "tcp/conn.h"

#include <errno.h>
#include <sys/epoll.h>

static struct pkt *first_pkt(const struct tcp_conn *conn)
{
	return list_first_entry(&conn->rcv.queue, struct pkt, link);
}

static void drop_first(struct tcp_conn *conn)
{
	struct pkt *pkt = first_pkt(conn);

	conn->rcv.mem -= tcp_cb(pkt)->truesize;
	list_remove(&pkt->link);
	pkt_free(pkt);
}

void tcp_rcv_purge(struct tcp_conn *conn)
{
	if (!conn->rcv.queue.next)
		return;
	while (first_pkt(conn))
		drop_first(conn);
	reasm_purge(&conn->rcv.reasm);
}

static bool urg_pending(const struct tcp_conn *conn)
{
	return conn->rcv.urg == TCP_URG_VALID || conn->rcv.urg == TCP_URG_NOTYET;
}

/* In-order bytes that were not taken; FIN has a number but is no byte. */
static uint32_t unread(const struct tcp_conn *conn)
{
	return seq_len(conn->rcv.copied, conn->rcv.nxt) - conn->rcv.fin;
}

/* Bytes that recv() would find (SIOCINQ): an urgent byte that is not inline does not count. */
uint32_t tcp_inq(const struct tcp_conn *conn)
{
	const struct tcp_rcv *rcv = &conn->rcv;
	uint32_t n = unread(conn);

	if (n && rcv->urg != TCP_URG_NONE && rcv->urg != TCP_URG_NOTYET &&
	    !conn->sk.opt.oob_inline && seq_len(rcv->copied, rcv->up) < n)
		n--;
	return n;
}

/* RFC 9293 3.8.6.2.2 and 3.8.6.3: the user made room; does the peer need to know now? */
static void after_copy(struct tcp_conn *conn, uint32_t copied)
{
	struct tcp_rcv *rcv = &conn->rcv;
	struct tcp_ack_state *ack = &rcv->ack;
	uint32_t unacked = seq_len(rcv->win.wup, rcv->nxt);
	uint32_t left, want;
	bool send = false;

	window_adjust_space(&rcv->win, rcv->copied, (uint32_t)conn->sk.core->tun.tcp_rmem[2],
			    conn->sk.core->tun.tcp_moderate_rcvbuf, tcp_now(conn));
	conn->sk.opt.rcvbuf = (int32_t)rcv->win.buf;
	if (tcp_in(conn, ST(CLOSED) | ST(LISTEN) | ST(SYN_SENT)))
		return;
	if (ack->scheduled)
		send = unacked > rcv->win.mss ||
		       (copied && (ack->pushed2 || (ack->pushed && !ack->pingpong)) &&
			list_empty(&rcv->queue));
	if (!send && copied && !(conn->sk.shut & SOCK_SHUT_RD)) {
		left = window_left(&rcv->win, rcv->nxt);
		if (2 * left <= rcv->win.clamp) {
			want = window_candidate(&rcv->win, tcp_rcv_used(conn));
			send = want && want >= 2 * left;
		}
	}
	if (send) {
		conn->out.need_ack = true;
		tcp_out_mark(conn);
	}
}

/* MSG_OOB (RFC 6093; errors as Linux). */
static ssize_t recv_urgent(struct tcp_conn *conn, struct net_msg *msg, int flags)
{
	struct tcp_rcv *rcv = &conn->rcv;
	struct iov to = iov_start(msg->iov, msg->iov_len);

	if (conn->sk.opt.oob_inline || rcv->urg == TCP_URG_NONE || rcv->urg == TCP_URG_READ)
		return -EINVAL;
	if (conn->state == TCP_ST_CLOSED && !rcv->fin)
		return -ENOTCONN;
	if (rcv->urg == TCP_URG_NOTYET)
		return conn->state == TCP_ST_CLOSED || conn->sk.shut & SOCK_SHUT_RD ? 0 : -EAGAIN;
	msg->flags |= MSG_OOB;
	if (!(flags & MSG_PEEK))
		rcv->urg = TCP_URG_READ;
	if (!iov_total(msg->iov, msg->iov_len)) {
		msg->flags |= MSG_TRUNC;
		return 0;
	}
	if (!(flags & MSG_TRUNC))
		iov_scatter(&to, &rcv->urg_byte, 1);
	return 1;
}

struct reader {
	struct iov to;
	size_t want;
	size_t done;
	struct seq at;
	bool peek, discard;
};

/* Bytes of @pkt from @at on that may be taken in one go: up to the urgent byte. Returns false if
 * reading must stop in front of it. */
static bool up_to_mark(struct tcp_conn *conn, struct reader *rd, uint32_t *len)
{
	struct tcp_rcv *rcv = &conn->rcv;
	uint32_t ahead = seq_len(rd->at, rcv->up);

	if (rcv->urg == TCP_URG_NONE || ahead >= *len)
		return true;
	if (ahead) {
		*len = ahead; /* a read does not cross the mark */
		return true;
	}
	if (conn->sk.opt.oob_inline)
		return !rd->done; /* a read that begins at the mark goes on */
	/* At the mark: the byte was or will be read with MSG_OOB, skip it here. */
	if (rd->done && !rd->peek)
		return false;
	*len = 0;
	rd->at = seq_add(rd->at, 1);
	return true;
}

/* Copies from one packet. False: stop. */
static bool read_pkt(struct tcp_conn *conn, struct reader *rd, struct pkt *pkt)
{
	struct tcp_cb *cb = tcp_cb(pkt);

	while (rd->done < rd->want && seq_lt(rd->at, cb->end)) {
		uint32_t off = seq_len(cb->seq, rd->at);
		uint32_t len = seq_len(rd->at, cb->end);
		uint32_t n;

		if (len > rd->want - rd->done)
			len = (uint32_t)(rd->want - rd->done);
		n = len;
		if (!up_to_mark(conn, rd, &n))
			return false;
		if (!n)
			continue;
		if (!rd->discard && pkt_to_iov(pkt, off, n, &rd->to) < n)
			return false;
		rd->at = seq_add(rd->at, n);
		rd->done += n;
		if (n < len)
			return false; /* stopped at the mark */
	}
	return true;
}

static void consume(struct tcp_conn *conn, struct seq to)
{
	struct tcp_rcv *rcv = &conn->rcv;
	struct pkt *pkt;

	if (seq_gt(to, rcv->copied))
		rcv->copied = to;
	/* The mark was passed. */
	if (rcv->urg != TCP_URG_NONE && seq_gt(rcv->copied, rcv->up))
		rcv->urg = TCP_URG_NONE;
	while ((pkt = first_pkt(conn)) && seq_le(tcp_cb(pkt)->end, rcv->copied))
		drop_first(conn);
}

static ssize_t recv_nothing(struct tcp_conn *conn)
{
	struct sock *sk = &conn->sk;
	int err;

	if (conn->rcv.fin)
		return 0;
	err = sock_take_error(sk);
	if (err)
		return -err;
	if (sk->shut & SOCK_SHUT_RD)
		return 0;
	if (conn->state == TCP_ST_CLOSED)
		return -ENOTCONN;
	return -EAGAIN;
}

ssize_t tcp_sock_recv(struct sock *sk, struct net_msg *msg, int flags)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	struct reader rd = {
		.to = iov_start(msg->iov, msg->iov_len),
		.want = iov_total(msg->iov, msg->iov_len),
		.at = conn->rcv.copied,
		.peek = flags & MSG_PEEK,
		.discard = flags & MSG_TRUNC,
	};
	struct pkt *pkt;

	msg->name_len = 0;
	msg->flags = 0;
	if (conn->state == TCP_ST_LISTEN)
		return -ENOTCONN;
	if (flags & MSG_ERRQUEUE)
		return sock_recv_error(sk, msg, flags);
	if (flags & MSG_OOB)
		return recv_urgent(conn, msg, flags);
	if (conn->repair.on) {
		if (!rd.peek)
			return -EPERM;
		if (conn->repair.queue == REPAIR_SEND_QUEUE)
			return tcp_repair_peek(conn, msg);
		if (conn->repair.queue == REPAIR_NO_QUEUE)
			return -EINVAL;
	}
	if (rd.peek && sk->opt.peek_off >= 0)
		rd.at = seq_add(rd.at, (uint32_t)sk->opt.peek_off);
	list_for_each_entry(pkt, &conn->rcv.queue, link)
	{
		if (seq_le(tcp_cb(pkt)->end, rd.at))
			continue;
		if (rd.done >= rd.want || !read_pkt(conn, &rd, pkt))
			break;
	}
	if (!rd.peek) {
		if (rd.done)
			sk->stamp = sk->core->now + sk->core->wall_offset;
		consume(conn, rd.at);
		after_copy(conn, (uint32_t)rd.done);
		if (sk->opt.peek_off > 0 && rd.done)
			sk->opt.peek_off -= (int16_t)MIN((size_t)sk->opt.peek_off, rd.done);
	} else if (sk->opt.peek_off >= 0) {
		sk->opt.peek_off += (int16_t)MIN(rd.done, (size_t)INT16_MAX - sk->opt.peek_off);
	}
	if (conn->cfg.inq) {
		msg->ctl.has |= NET_CTL_INQ;
		/* After the FIN there is something to read: the end. */
		msg->ctl.inq = tcp_inq(conn) || !conn->rcv.fin ? tcp_inq(conn) : 1;
	}
	if (rd.done || !rd.want)
		return (ssize_t)rd.done;
	return recv_nothing(conn);
}

static bool readable(const struct tcp_conn *conn)
{
	uint32_t avail = unread(conn);
	uint32_t target = conn->sk.opt.rcvlowat > 0 ? (uint32_t)conn->sk.opt.rcvlowat : 1;

	if (!avail)
		return false;
	if (urg_pending(conn) && seq_eq(conn->rcv.up, conn->rcv.copied) && !conn->sk.opt.oob_inline)
		target++;
	/* A full buffer must wake whatever the low-water mark says. */
	return avail >= target || window_left(&conn->rcv.win, conn->rcv.nxt) < conn->rcv.win.mss;
}

uint32_t tcp_sock_poll(struct sock *sk)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	uint32_t mask = 0;

	if (conn->state == TCP_ST_LISTEN)
		return tcp_listen_ready(conn) ? EPOLLIN | EPOLLRDNORM : 0;
	if (sk->shut == (SOCK_SHUT_RD | SOCK_SHUT_WR) || conn->state == TCP_ST_CLOSED)
		mask |= EPOLLHUP;
	if (sk->shut & SOCK_SHUT_RD)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (conn->state == TCP_ST_SYN_SENT && conn->tfo.defer)
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (conn->state != TCP_ST_SYN_SENT &&
	    (conn->state != TCP_ST_SYN_RCVD || conn->tfo.child)) {
		if (readable(conn))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (sk->shut & SOCK_SHUT_WR || tcp_writable(conn))
			mask |= EPOLLOUT | EPOLLWRNORM;
		if (conn->rcv.urg == TCP_URG_VALID)
			mask |= EPOLLPRI;
	}
	if (sk->err || !list_empty(&sk->errq))
		mask |= EPOLLERR;
	return mask;
}

int64_t tcp_sock_count(struct sock *sk, enum net_count what)
{
	struct tcp_conn *conn = tcp_conn_of(sk);

	if (conn->state == TCP_ST_LISTEN)
		return -EINVAL;
	switch (what) {
	case NET_COUNT_INQ:
		return tcp_inq(conn);
	case NET_COUNT_OUTQ:
		if (tcp_in(conn, ST(SYN_SENT) | ST(SYN_RCVD) | ST(CLOSED)))
			return 0;
		return conn->sb.bytes;
	case NET_COUNT_OUTQ_NSD:
		if (tcp_in(conn, ST(SYN_SENT) | ST(SYN_RCVD) | ST(CLOSED)))
			return 0;
		return tcp_unsent(conn);
	case NET_COUNT_ATMARK:
		return conn->rcv.urg != TCP_URG_NONE && seq_eq(conn->rcv.up, conn->rcv.copied);
	}
	return -EINVAL;
}
