/* SPDX-License-Identifier: Apache-2.0 */
/* SEND: user data into the send buffer, and room in it.
 *
 * Implements RFC 9293 3.10.2 with the errors of send(2), MSG_MORE, MSG_OOB, and the autotuned send
 * buffer of tcp_wmem.
 */
#include "tcp/conn.h"

#include <errno.h>
#include <sys/epoll.h>

#define SEND_STATES (ST(ESTABLISHED) | ST(CLOSE_WAIT))

/* Memory that counts against the send buffer: data, and the bookkeeping of each piece in flight. */
uint32_t tcp_snd_used(const struct tcp_conn *conn)
{
	return conn->sb.bytes + 256 * conn->snd.board.ranges_cnt;
}

static uint32_t sndbuf(const struct tcp_conn *conn)
{
	return conn->sk.opt.sndbuf_locked ? (uint32_t)conn->sk.opt.sndbuf : conn->out.buf;
}

static uint32_t notsent_lowat(const struct tcp_conn *conn)
{
	uint32_t lowat = conn->cfg.notsent_lowat;

	return lowat ? lowat : (uint32_t)conn->sk.core->tun.tcp_notsent_lowat;
}

bool tcp_writable(const struct tcp_conn *conn)
{
	uint32_t used = tcp_snd_used(conn), buf = sndbuf(conn);

	if (used >= buf || buf - used < used / 2)
		return false;
	return conn->state == TCP_ST_CLOSED || tcp_unsent(conn) < notsent_lowat(conn);
}

/* Data was acknowledged: the buffer follows the window, and writers may go on. */
void tcp_write_space(struct tcp_conn *conn)
{
	struct sock *sk = &conn->sk;

	if (!sk->opt.sndbuf_locked) {
		uint32_t want =
			window_sndbuf(conn->snd.mss, conn->snd.cc.cwnd, conn->snd.board.reordering);

		want = MIN(want, (uint32_t)sk->core->tun.tcp_wmem[2]);
		if (want > conn->out.buf && !pkt_pool_pressure(&sk->core->pool))
			conn->out.buf = want;
		sk->opt.sndbuf = (int32_t)conn->out.buf;
	}
	if (tcp_writable(conn)) {
		conn->out.nospace = false;
		sock_wake(sk, EPOLLOUT | EPOLLWRNORM);
	}
}

static int send_check(struct tcp_conn *conn)
{
	struct sock *sk = &conn->sk;
	int err;

	if ((tcp_in(conn, SEND_STATES) || (conn->state == TCP_ST_SYN_RCVD && conn->tfo.child)) &&
	    !sk->err && !(sk->shut & SOCK_SHUT_WR))
		return 0;
	err = sock_take_error(sk);
	if (err)
		return -err;
	if (sk->shut & SOCK_SHUT_WR)
		return -EPIPE;
	if (tcp_in(conn, ST(SYN_SENT) | ST(SYN_RCVD)))
		return -EAGAIN;
	return -EPIPE;
}

ssize_t tcp_sock_send(struct sock *sk, const struct net_msg *msg, const struct net_endpoint *dst,
		      int flags)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	size_t len = iov_total(msg->iov, msg->iov_len);
	struct iov from = iov_start(msg->iov, msg->iov_len);
	uint32_t used, buf;
	ssize_t done;
	int r;

	if (flags & MSG_FASTOPEN || conn->tfo.defer) {
		done = tcp_tfo_send(conn, msg, conn->tfo.defer ? NULL : dst);
		if (done > 0)
			tcp_note_write(conn, msg, flags);
		if (done)
			return done;
	}
	r = send_check(conn);
	if (r < 0)
		return r;
	if (!len)
		return 0;
	if (conn->repair.on)
		return tcp_repair_send(conn, msg);
	used = tcp_snd_used(conn);
	buf = sndbuf(conn);
	if (used >= buf || tcp_unsent(conn) >= notsent_lowat(conn)) {
		conn->out.nospace = true;
		return -EAGAIN;
	}
	if (len > buf - used)
		len = buf - used;
	if (!tcp_note_room(conn, flags))
		return -ENOBUFS;
	done = sendbuf_append(&conn->sb, &from, len);
	if (done < 0)
		return -EAGAIN; /* packet memory: wait like for the buffer */
	if (flags & MSG_OOB && (size_t)done == iov_total(msg->iov, msg->iov_len)) {
		conn->snd.up = sendbuf_end(&conn->sb);
		conn->snd.up_ok = true;
	}
	if (flags & MSG_EOR && (size_t)done == iov_total(msg->iov, msg->iov_len))
		sendbuf_end_record(&conn->sb);
	if (done && (flags & MSG_ZEROCOPY || sk->opt.stamping || msg->ctl.has & NET_CTL_STAMPING))
		tcp_note_write(conn, msg, flags);
	conn->out.more = flags & MSG_MORE;
	conn->out.app_limited = false;
	tcp_out_mark(conn);
	return done;
}
