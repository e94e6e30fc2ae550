/* SPDX-License-Identifier: Apache-2.0 */
/* SEND: user data into the send buffer, and room in it.
 *
 * Implements RFC 9293 3.10.2 with the errors of send(2), MSG_MORE, MSG_OOB, and the autotuned send
 * buffer of tcp_wmem.
 */
#include "tcp/conn.h"

#include <errno.h>
#include <sys/epoll.h>

#define PIECE_COST 1280u /* what a packet buffer costs besides its bytes, as Linux counts */
#define SEND_STATES (ST(ESTABLISHED) | ST(CLOSE_WAIT))

/* The size to which a piece of the buffer grows before the next one begins: Linux's buffers fill up
 * to it even beyond SO_SNDBUF, which is looked at when a piece begins. */
static uint32_t piece_goal(const struct tcp_conn *conn)
{
	uint32_t mss = MAX(conn->snd.mss, 1u);
	uint32_t max = conn->snd.max_wnd > TCP_PEER_MSS_DEFAULT ? conn->snd.max_wnd / 2
								 : conn->snd.max_wnd;
	uint32_t goal = MIN(ip_path_gso_max(&conn->path) - 256, MAX(max, mss));

	return goal - goal % mss;
}

/* What may leave at once, of bytes that are written now. */
static uint32_t instant_room(const struct tcp_conn *conn)
{
	const struct tcp_snd *snd = &conn->snd;
	uint32_t flight = board_in_flight(&snd->board);
	int32_t wnd = seq_diff(snd_wnd_end(snd), snd->nxt);

	if (tcp_unsent(conn) || wnd <= 0 || snd->cc.cwnd <= flight)
		return 0;
	return MIN((uint32_t)wnd, (snd->cc.cwnd - flight) * snd->mss);
}

/* How many of @len bytes the buffer takes. */
static size_t send_room(const struct tcp_conn *conn, size_t len, uint32_t buf, uint32_t lowat)
{
	uint32_t goal = piece_goal(conn), instant = instant_room(conn);
	uint32_t unsent = tcp_unsent(conn);
	uint64_t take = unsent % goal ? goal - unsent % goal : 0;
	uint64_t used = conn->sb.bytes + PIECE_COST * (uint64_t)conn->snd.board.ranges_cnt;

	used += PIECE_COST * (uint64_t)((unsent + goal - 1) / goal);
	while (take < len) {
		uint64_t waiting = unsent + take > instant ? unsent + take - instant : 0;
		uint64_t pieces = (take + goal - 1) / goal;

		if (used + take + PIECE_COST * pieces >= buf || waiting >= lowat)
			break;
		take += goal + (take ? 0 : instant);
	}
	return (size_t)MIN(take, (uint64_t)len);
}

/* Memory that counts against the send buffer: data, and the bookkeeping of each piece in flight. */
uint32_t tcp_snd_used(const struct tcp_conn *conn)
{
	uint32_t pieces = conn->snd.board.ranges_cnt;

	if (tcp_unsent(conn))
		pieces += tcp_unsent(conn) / piece_goal(conn) + 1;
	return conn->sb.bytes + PIECE_COST * pieces;
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
	len = send_room(conn, len, sndbuf(conn), notsent_lowat(conn));
	if (!len) {
		conn->out.nospace = true;
		return -EAGAIN;
	}
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
