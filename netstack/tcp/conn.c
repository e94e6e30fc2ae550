/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a connection: open, connect, shut down, close, and what is left behind.
 *
 * Implements the user calls of RFC 9293 3.10.1, .4 and .5 and the abort of 3.10.8 with the
 * semantics of the socket API. A socket that was closed lives on as an orphan until the peer has
 * all data.
 */
#include "tcp/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "util/assert.h"

uint16_t tcp_adv_mss(const struct tcp_conn *conn, struct ip_path *path)
{
	uint32_t mtu = ip_path_mtu(conn->tcp->ip, path);
	uint32_t hdrs = ip_path_hdr_len(path) + TCP_HDR_LEN;
	uint32_t mss = mtu > hdrs + TCP_PEER_MSS_MIN ? mtu - hdrs : TCP_PEER_MSS_MIN;

	if (conn->cfg.user_mss && conn->cfg.user_mss < mss)
		mss = conn->cfg.user_mss;
	return (uint16_t)MIN(mss, TCP_ADV_MSS_MAX - hdrs);
}

void tcp_update_mss(struct tcp_conn *conn)
{
	uint32_t mtu = ip_path_mtu(conn->tcp->ip, &conn->path);
	uint32_t hdrs = ip_path_hdr_len(&conn->path) + TCP_HDR_LEN;
	uint32_t mss = mtu > hdrs + TCP_PEER_MSS_MIN ? mtu - hdrs : TCP_PEER_MSS_MIN;

	conn->out.pmtu = mtu;
	if (mss > 65535 - hdrs)
		mss = 65535 - hdrs;
	if (mss > conn->out.peer_mss)
		mss = conn->out.peer_mss;
	if (conn->cfg.user_mss && conn->cfg.user_mss < mss)
		mss = conn->cfg.user_mss;
	/* RFC 9293 3.7.1 (MUST-16): what options take is not there for data. */
	/* RFC 4821: only what is known to pass. */
	if (conn->mtup.on && mss > conn->mtup.low - hdrs)
		mss = conn->mtup.low - hdrs;
	if (conn->rcv.paws.on)
		mss = mss > TCP_TS_OPT_LEN + 8 ? mss - TCP_TS_OPT_LEN : 8;
	if (conn->md5)
		mss = mss > MD5SIG_OPT_LEN + 8 ? mss - MD5SIG_OPT_LEN : 8;
	/* Half of the peer's window, so that two segments fit (RFC 9293 3.8.6.2.1). */
	if (conn->snd.max_wnd > TCP_PEER_MSS_DEFAULT && mss > conn->snd.max_wnd / 2)
		mss = conn->snd.max_wnd / 2;
	conn->snd.mss = mss;
}

/* The send half of a connection that has sent nothing. */
static void init_snd(struct tcp_conn *conn, const struct cc_ops *cc)
{
	const struct net_tunables *tun = &conn->sk.core->tun;
	struct tcp_snd *snd = &conn->snd;

	*snd = (struct tcp_snd){0};
	recovery_init(&snd->rec);
	rtt_init(&snd->rtt);
	snd->rtt.rto_min = NET_US(tun->tcp_rto_min_us);
	snd->rtt.rto_max = NET_MS(tun->tcp_rto_max_ms);
	rack_init(&snd->rack);
	board_init(&snd->board, &conn->tcp->ranges);
	snd->board.reordering = (uint32_t)tun->tcp_reordering;
	snd->board.max_reordering = (uint32_t)tun->tcp_max_reordering;
	cc_init(&snd->cc, cc);
	snd->cc.hystart_mode = (uint8_t)tun->tcp_cubic_hystart;
	cc_set_cwnd(&snd->cc, (uint32_t)tun->tcp_init_cwnd);
}

static int tcp_sock_open(struct sock *sk)
{
	struct tcp_conn *conn = tcp_conn_of(sk);

	conn->tcp = sk->socks->tcp;
	tcp_state_init(conn);
	tcp_cfg_init(&conn->cfg, &sk->core->tun);
	tcp_timers_init(conn);
	work_init(&conn->out.work, tcp_out_run);
	init_snd(conn, conn->cfg.cc);
	sendbuf_init(&conn->sb, &sk->core->pool, SEQ(0));
	reasm_init(&conn->rcv.reasm);
	list_init(&conn->rcv.queue);
	list_init(&conn->accept_link);
	conn->tfo.cookie = FASTOPEN_NONE;
	sk->opt.rcvbuf = sk->core->tun.tcp_rmem[1];
	sk->opt.sndbuf = sk->core->tun.tcp_wmem[1];
	conn->out.buf = (uint32_t)sk->opt.sndbuf;
	conn->rcv.win.buf = (uint32_t)sk->opt.rcvbuf;
	return 0;
}

/* Connection established, by either side: buffers and congestion control start. */
void tcp_conn_init_transfer(struct tcp_conn *conn)
{
	struct sock *sk = &conn->sk;
	struct rcv_window *win = &conn->rcv.win;
	net_time now = tcp_now(conn);

	tcp_update_mss(conn);
	if (!sk->opt.sndbuf_locked) {
		uint32_t want = window_sndbuf(conn->snd.mss, conn->snd.cc.cwnd, SACK_DUPTHRESH);

		conn->out.buf = MAX(conn->out.buf, MIN(want, (uint32_t)sk->core->tun.tcp_wmem[2]));
	}
	/* Right-sizing begins at what one initial window brings, or it would never see growth. */
	win->space = MIN(win->wnd, CC_INIT_CWND * win->adv_mss);
	win->space_since = now;
	win->space_seq = conn->rcv.copied;
	conn->timers.last_heard = now;
	conn->stats.last_data_sent = now;
	conn->rcv.ack.last_rcv = now;
	recovery_pacing(&conn->snd, (uint32_t)sk->core->tun.tcp_pacing_ss_ratio,
			(uint32_t)sk->core->tun.tcp_pacing_ca_ratio);
	tcp_timers_update(conn, true);
	tcp_probe_init(conn);
	if (sk->opt.keepalive)
		tcp_timers_keepalive(conn, true);
}

/* Everything but the socket: what a closed connection no longer needs. */
static void release(struct tcp_conn *conn)
{
	tcp_timers_stop(conn);
	work_cancel(&conn->out.work);
	conn->out.need_ack = false;
	board_fini(&conn->snd.board);
	tcp_note_flush(conn);
	sendbuf_fini(&conn->sb);
	conn->out.fin_queued = false;
	reasm_purge(&conn->rcv.reasm);
}

void tcp_conn_destroy(struct tcp_conn *conn)
{
	tcp_accept_unlink(conn);
	release(conn);
	tcp_rcv_purge(conn);
	free(conn->saved_syn);
	conn->saved_syn = NULL;
	conn->md5 = md5sig_free(conn->md5);
	free(conn->fo_keys);
	conn->fo_keys = NULL;
	tcp_tfo_left(conn);
	if (conn->orphan && !conn->dead)
		conn->tcp->norphans--;
	sock_free(&conn->sk);
}

static void bury(struct work *work)
{
	tcp_conn_destroy(container_of(work, struct tcp_conn, out.work));
}

void tcp_done(struct tcp_conn *conn, int err)
{
	struct sock *sk = &conn->sk;

	if (conn->dead)
		return;

	tcp_set_state(conn, TCP_ST_CLOSED);
	release(conn);
	if (conn->orphan) {
		/* Nobody will see it again, but callers up the stack still hold it. */
		conn->dead = true;
		conn->tcp->norphans--;
		demux_remove(&sk->socks->demux, &sk->node);
		work_init(&conn->out.work, bury);
		tcp_out_mark(conn);
		return;
	}
	demux_disconnect(&sk->socks->demux, &sk->node);
	if (!sk->node.explicit_port)
		demux_remove(&sk->socks->demux, &sk->node);
	sk->shut = SOCK_SHUT_RD | SOCK_SHUT_WR;
	if (err)
		sock_set_error(sk, err);
	sock_wake(sk, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLRDHUP |
			      (err ? EPOLLERR : 0));
}

void tcp_abort(struct tcp_conn *conn, int err)
{
	if (tcp_in(conn, ST(ESTABLISHED) | ST(SYN_RCVD) | ST(FIN_WAIT_1) | ST(FIN_WAIT_2) |
				 ST(CLOSE_WAIT) | ST(CLOSING) | ST(LAST_ACK)))
		tcp_send_rst(conn);
	tcp_done(conn, err);
}

void tcp_enter_time_wait(struct tcp_conn *conn)
{
	int r;

	if (conn->state != TCP_ST_TIME_WAIT)
		tcp_set_state(conn, TCP_ST_TIME_WAIT);
	/* The minisock takes the tuple; without memory for it, the connection just ends. */
	r = tcp_tw_new(conn);
	if (r < 0)
		MIB_INC(conn->sk.core, TcpExt_TCPTimeWaitOverflow);
	tcp_done(conn, 0);
}

void tcp_start_fin_wait2(struct tcp_conn *conn)
{
	net_dur len = conn->cfg.linger2_s > 0 ? NET_SEC(conn->cfg.linger2_s)
					      : NET_SEC(conn->sk.core->tun.tcp_fin_timeout_s);

	/* A user that only shut down may wait for ever; nobody waits for an orphan's peer. */
	if (!conn->orphan)
		return;
	if (conn->cfg.linger2_s < 0) {
		tcp_send_rst(conn);
		MIB_INC(conn->sk.core, TcpExt_TCPAbortOnLinger);
		tcp_done(conn, 0);
		return;
	}
	tcp_timers_fin_wait(conn, len);
}

static bool reuse_timewait(struct demux_node *old, void *arg)
{
	return old->kind == DEMUX_TIMEWAIT && tcp_tw_reuse(old, arg);
}

/* Gives the socket its local port and enters the tuple. */
static int claim_tuple(struct tcp_conn *conn, const struct net_endpoint *peer)
{
	struct sock *sk = &conn->sk;
	struct demux *demux = &sk->socks->demux;
	struct demux_node *old;
	int r;

	sk->node.remote = *peer;
	if (!sk->node.local.port)
		return demux_connect_auto(demux, &sk->node, reuse_timewait, conn);
	old = demux_find_conn(demux, IPPROTO_TCP, &sk->node.local, peer, 0);
	if (old && !reuse_timewait(old, conn))
		return -EADDRNOTAVAIL;
	r = demux_connect(demux, &sk->node);
	return r;
}

static void forget_peer(struct tcp_conn *conn)
{
	struct sock *sk = &conn->sk;

	demux_disconnect(&sk->socks->demux, &sk->node);
	if (!sk->node.explicit_port)
		demux_remove(&sk->socks->demux, &sk->node);
	sk->node.remote = (struct net_endpoint){0};
	if (!sk->user_addr)
		sk->node.local.addr = (struct net_addr){0};
}

/* A fresh control block for another connection of the same socket. */
static void reinit(struct tcp_conn *conn)
{
	tcp_rcv_purge(conn);
	board_fini(&conn->snd.board);
	init_snd(conn, conn->cfg.cc);
	conn->rcv = (struct tcp_rcv){0};
	conn->stats = (struct tcp_stats){0};
	conn->out.fin_queued = conn->out.fin_sent = conn->out.more = false;
	conn->out.challenge_last = conn->out.oow_last = 0;
	conn->mtup = (struct mtup){0};
	conn->timers.probes = conn->timers.persist_backoff = 0;
	conn->timers.probes_since = 0;
	sendbuf_fini(&conn->sb);
	sendbuf_init(&conn->sb, &conn->sk.core->pool, SEQ(0));
	reasm_init(&conn->rcv.reasm);
	list_init(&conn->rcv.queue);
	conn->sk.shut = 0;
	conn->tfo = (struct tcp_tfo){.cookie = FASTOPEN_NONE};
	conn->err_soft = 0;
	conn->out.buf = (uint32_t)conn->sk.opt.sndbuf;
	conn->rcv.win.buf = (uint32_t)conn->sk.opt.rcvbuf;
}

/* connect() with AF_UNSPEC. */
static int dissolve(struct tcp_conn *conn)
{
	if (conn->state == TCP_ST_LISTEN) {
		tcp_listen_stop(conn);
	} else if (conn->state != TCP_ST_CLOSED) {
		if (tcp_in(conn, ST(ESTABLISHED) | ST(FIN_WAIT_1) | ST(FIN_WAIT_2) |
					 ST(CLOSE_WAIT) | ST(SYN_RCVD) | ST(CLOSING) |
					 ST(LAST_ACK)))
			tcp_send_rst(conn);
		tcp_set_state(conn, TCP_ST_CLOSED);
		release(conn);
	}
	forget_peer(conn);
	reinit(conn);
	conn->connecting = false;
	conn->sk.err = 0;
	return 0;
}

/* The initial values of both halves (RFC 9293 3.10.1, active OPEN). */
static void init_active(struct tcp_conn *conn)
{
	struct net_core *core = conn->sk.core;
	struct sock *sk = &conn->sk;
	struct tcp_snd *snd = &conn->snd;

	snd->iss = conn->out.reuse_isn_ok ? conn->out.reuse_isn
					  : isn_generate(&conn->tcp->isn_key, &sk->node.local,
							 &sk->node.remote, core->now);
	conn->out.reuse_isn_ok = false;
	snd->una = snd->wl2 = snd->sml = snd->iss;
	snd->nxt = seq_add(snd->iss, 1);
	sendbuf_reset(&conn->sb, snd->nxt);
	conn->out.ts_off = isn_ts_offset(&conn->tcp->ts_key, &sk->node.local, &sk->node.remote);
	conn->out.peer_mss = conn->path.dst.family == AF_INET ? TCP_PEER_MSS_DEFAULT : 1220;
	conn->out.adv_mss = tcp_adv_mss(conn, &conn->path);
	snd->mss = conn->out.peer_mss;
	window_init(&conn->rcv.win, (uint32_t)sk->opt.rcvbuf,
		    (uint32_t)MAX(core->tun.tcp_rmem[2], sk->opt.rcvbuf), conn->out.adv_mss,
		    core->tun.tcp_window_scaling, sk->opt.rcvbuf_locked);
	if (conn->cfg.window_clamp) {
		conn->rcv.win.clamp = MIN(conn->rcv.win.clamp, conn->cfg.window_clamp);
		conn->rcv.win.wnd = MIN(conn->rcv.win.wnd, conn->rcv.win.clamp);
		conn->rcv.win.ssthresh = conn->rcv.win.wnd;
	}
}

int tcp_open_start(struct tcp_conn *conn, const struct net_endpoint *peer)
{
	struct sock *sk = &conn->sk;
	int r;

	r = sock_path_init(sk, &conn->path, &peer->addr, &sk->node.local.addr);
	if (r < 0)
		return r;
	if (conn->path.type == IP_DST_MULTICAST || conn->path.type == IP_DST_BROADCAST)
		return -ENETUNREACH; /* MUST-58 */
	reinit(conn);
	sk->node.local.addr = conn->path.src;
	r = claim_tuple(conn, peer);
	if (r < 0) {
		forget_peer(conn);
		return r;
	}
	init_active(conn);
	tcp_set_state(conn, TCP_ST_SYN_SENT);
	conn->connecting = true;
	return 0;
}

int tcp_open_syn(struct tcp_conn *conn)
{
	struct tcp_snd *snd = &conn->snd;
	net_time now = tcp_now(conn);
	uint32_t len = conn->sb.bytes;
	int r;

	r = board_sent(&snd->board, snd->iss, seq_add(snd->iss, 1), snd->mss, SACK_SYN, now, false);
	if (r == 0 && len)
		r = board_sent(&snd->board, seq_add(snd->iss, 1), seq_add(snd->iss, 1 + len),
			       MAX(snd->mss, len), 0, now, false);
	if (r < 0) {
		dissolve(conn);
		return r;
	}
	snd->nxt = seq_add(snd->iss, 1 + len);
	MIB_INC(conn->sk.core, Tcp_ActiveOpens);
	conn->out.syn_sent = now;
	tcp_send_syn(conn);
	tcp_timers_arm_rto(conn);
	tcp_chrono(conn);
	return 0;
}

static int start(struct tcp_conn *conn, const struct net_endpoint *peer)
{
	size_t none;
	int r;

	r = tcp_open_start(conn, peer);
	if (r < 0)
		return r;
	if (conn->repair.on) {
		tcp_repair_connected(conn);
		return 0;
	}
	if (!conn->cfg.fastopen_connect)
		r = tcp_open_syn(conn);
	else if (tcp_tfo_defer(conn))
		return 0; /* the SYN goes with the first data */
	else
		r = tcp_tfo_open(conn, NULL, 0, &none);
	return r < 0 ? r : -EINPROGRESS;
}

int tcp_sock_connect(struct sock *sk, const struct net_endpoint *peer)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	int err;

	if (peer && !peer->addr.family)
		return dissolve(conn);
	if (conn->tfo.defer)
		return -EISCONN;
	if (conn->connecting) {
		if (conn->state == TCP_ST_SYN_SENT || conn->state == TCP_ST_SYN_RCVD)
			return -EALREADY;
		conn->connecting = false;
		if (conn->state != TCP_ST_CLOSED)
			return 0;
		err = sock_take_error(sk);
		return err ? -err : -ECONNABORTED;
	}
	if (conn->state != TCP_ST_CLOSED)
		return -EISCONN;
	return start(conn, peer);
}

/* CLOSE of our half: FIN after the last byte (RFC 9293 3.10.4). */
static void close_half(struct tcp_conn *conn)
{
	switch (conn->state) {
	case TCP_ST_ESTABLISHED:
		tcp_set_state(conn, TCP_ST_FIN_WAIT_1);
		break;
	case TCP_ST_CLOSE_WAIT:
		tcp_set_state(conn, TCP_ST_LAST_ACK);
		break;
	case TCP_ST_SYN_RCVD:
		conn->out.fin_queued = true; /* FIN-WAIT-1 once our SYN is acknowledged */
		return;
	case TCP_ST_SYN_SENT:
	case TCP_ST_FIN_WAIT_1:
	case TCP_ST_FIN_WAIT_2:
	case TCP_ST_TIME_WAIT:
	case TCP_ST_CLOSED:
	case TCP_ST_LAST_ACK:
	case TCP_ST_LISTEN:
	case TCP_ST_CLOSING:
		return;
	}
	conn->out.fin_queued = true;
	tcp_out_mark(conn);
}

int tcp_sock_shutdown(struct sock *sk, enum sock_shut how)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	uint32_t woke = 0;

	switch (conn->state) {
	case TCP_ST_CLOSED:
		return -ENOTCONN;
	case TCP_ST_LISTEN:
		if (how & SOCK_SHUT_RD)
			tcp_listen_stop(conn);
		return 0;
	case TCP_ST_SYN_SENT:
		dissolve(conn);
		sk->shut |= (uint8_t)how;
		sock_wake(sk, EPOLLOUT | EPOLLHUP | EPOLLIN);
		return 0;
	case TCP_ST_ESTABLISHED:
	case TCP_ST_SYN_RCVD:
	case TCP_ST_FIN_WAIT_1:
	case TCP_ST_FIN_WAIT_2:
	case TCP_ST_TIME_WAIT:
	case TCP_ST_CLOSE_WAIT:
	case TCP_ST_LAST_ACK:
	case TCP_ST_CLOSING:
		break;
	}
	if (how & SOCK_SHUT_RD)
		woke |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (how & SOCK_SHUT_WR && !(sk->shut & SOCK_SHUT_WR)) {
		close_half(conn);
		woke |= EPOLLOUT | EPOLLWRNORM;
	}
	sk->shut |= (uint8_t)how;
	if (sk->shut == (SOCK_SHUT_RD | SOCK_SHUT_WR))
		woke |= EPOLLHUP;
	sock_wake(sk, woke);
	return 0;
}

/* Nobody holds the socket any more: let it finish alone, or end it. */
static void make_orphan(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	conn->orphan = true;
	tcp->norphans++;
	if (conn->state == TCP_ST_CLOSED) {
		tcp_conn_destroy(conn);
		return;
	}
	if (tcp->norphans > tcp->core->lim.tcp_orphans ||
	    tcp->norphans > (uint32_t)tcp->core->tun.tcp_max_orphans) {
		MIB_INC(tcp->core, TcpExt_TCPAbortOnMemory);
		tcp_abort(conn, 0);
		return;
	}
	if (conn->state == TCP_ST_FIN_WAIT_2)
		tcp_start_fin_wait2(conn);
}

void tcp_sock_close(struct sock *sk)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	bool unread = tcp_inq(conn) > 0;

	sk->shut = SOCK_SHUT_RD | SOCK_SHUT_WR;
	if (conn->state == TCP_ST_LISTEN) {
		tcp_listen_stop(conn);
	} else if (conn->state == TCP_ST_SYN_SENT) {
		tcp_set_state(conn, TCP_ST_CLOSED);
	} else if (conn->repair.on && conn->state != TCP_ST_CLOSED) {
		tcp_set_state(conn, TCP_ST_CLOSED); /* it lives on elsewhere */
	} else if (conn->state != TCP_ST_CLOSED) {
		if (unread) {
			/* RFC 2525 2.17: data was lost, the peer must know. */
			MIB_INC(sk->core, TcpExt_TCPAbortOnClose);
			tcp_send_rst(conn);
			tcp_set_state(conn, TCP_ST_CLOSED);
		} else if (sk->opt.linger_on && !sk->opt.linger_s) {
			MIB_INC(sk->core, TcpExt_TCPAbortOnData);
			tcp_send_rst(conn);
			tcp_set_state(conn, TCP_ST_CLOSED);
		} else {
			close_half(conn);
		}
	}
	tcp_rcv_purge(conn);
	make_orphan(conn);
}

static bool tcp_sock_lingering(struct sock *sk)
{
	struct tcp_conn *conn = tcp_conn_of(sk);

	if (!sk->opt.linger_on || !sk->opt.linger_s)
		return false;
	return tcp_in(conn, ST(ESTABLISHED) | ST(CLOSE_WAIT) | ST(FIN_WAIT_1) | ST(CLOSING) |
				    ST(LAST_ACK)) &&
	       (conn->snd.board.out_segs || tcp_has_unsent(conn));
}

static bool tcp_sock_connected(const struct sock *sk)
{
	const struct tcp_conn *conn = container_of(sk, const struct tcp_conn, sk);

	return !tcp_in(conn, ST(CLOSED) | ST(LISTEN) | ST(SYN_SENT)) && sk->node.remote.port;
}

static void tcp_charge_released(struct sock *sk)
{
	struct tcp_conn *conn = tcp_conn_of(sk);

	if (tcp_has_unsent(conn) || conn->snd.board.lost_segs > conn->snd.board.retrans_segs)
		tcp_out_mark(conn);
}

/* The socket layer changed an option that has an effect here. */
void tcp_conn_sync_opts(struct tcp_conn *conn)
{
	if (!tcp_in(conn, ST(CLOSED) | ST(LISTEN)))
		sock_path_opts(&conn->sk, &conn->path);
}

const struct sock_ops tcp_sock_ops = {
	.name = "TCP",
	.size = sizeof(struct tcp_conn),
	.open = tcp_sock_open,
	.close = tcp_sock_close,
	.connect = tcp_sock_connect,
	.listen = tcp_sock_listen,
	.accept = tcp_sock_accept,
	.send = tcp_sock_send,
	.recv = tcp_sock_recv,
	.shutdown = tcp_sock_shutdown,
	.setopt = tcp_sock_setopt,
	.getopt = tcp_sock_getopt,
	.opt_changed = tcp_sock_opt_changed,
	.poll = tcp_sock_poll,
	.count = tcp_sock_count,
	.info = tcp_sock_info,
	.lingering = tcp_sock_lingering,
	.charge_released = tcp_charge_released,
	.connected = tcp_sock_connected,
};
