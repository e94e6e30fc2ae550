/* SPDX-License-Identifier: Apache-2.0 */
/* Passive open: the SYN queue of half-open connections, the accept queue, SYN cookies.
 *
 * Implements RFC 9293 3.10.7.2 (LISTEN) and 3.10.7.4 for SYN-RECEIVED of a passive open, RFC 4987.
 * A half-open connection is a small struct tcp_req; the control block is made when the handshake
 * completes. Limits: requests per listener (its backlog, then cookies), requests per stack, accept
 * queue.
 */
#include "tcp/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "tcp/syncookie.h"
#include "util/assert.h"

#define FREE_REQS_MAX 4096u
#define COOKIE_WINDOW (SYNCOOKIE_MAX_AGE * SYNCOOKIE_PERIOD)

static void req_free(struct tcp_req *req)
{
	struct tcp *tcp = req->tcp;

	timer_cancel(&tcp->core->timers, &req->timer);
	demux_remove(&tcp->ss->demux, &req->node);
	list_remove(&req->in_listener);
	list_remove(&req->in_tcp);
	free(req->saved_syn);
	req->saved_syn = NULL;
	req->listener->nreqs--;
	tcp->nrequests--;
	if (tcp->nfree_reqs >= FREE_REQS_MAX) {
		free(req);
		return;
	}
	list_push_front(&tcp->free_reqs, &req->in_tcp);
	tcp->nfree_reqs++;
}

void tcp_req_free_all(struct tcp *tcp)
{
	struct tcp_req *req;

	while ((req = list_first_entry(&tcp->requests, struct tcp_req, in_tcp)))
		req_free(req);
	while ((req = list_pop_entry(&tcp->free_reqs, struct tcp_req, in_tcp)))
		free(req);
}

bool tcp_listen_ready(const struct tcp_conn *conn)
{
	return conn->listener && conn->listener->nqueue > 0;
}

uint32_t tcp_listen_queued(const struct tcp_conn *conn)
{
	return conn->listener ? conn->listener->nqueue : 0;
}

uint32_t tcp_listen_backlog(const struct tcp_conn *conn)
{
	return conn->listener ? conn->listener->backlog : 0;
}

/* As Linux: a backlog of n lets n + 1 connections wait. */
static bool accept_full(const struct tcp_listener *lst)
{
	return lst->nqueue > lst->backlog;
}

/* Writes header values of a SYN|ACK or an ACK of @req. */
static void send_synack(struct tcp_req *req, const struct fastopen_cookie *foc)
{
	struct net_core *core = req->tcp->core;
	struct tcp_opts opts = {.has = TCP_HAS_MSS, .mss = req->adv_mss};
	struct tcp_reply reply = {
		.flags = TCP_FLAG_SYN | TCP_FLAG_ACK,
		.seq = req->iss,
		.ack = seq_add(req->irs, 1),
		.wnd = req->rcv_wnd,
		.opts = &opts,
		.key = md5sig_find(req->listener->conn->md5, &req->node.remote.addr,
				   req->node.bound),
	};

	if (req->acc_ecn)
		reply.flags |= ecn_ace_flags(ecn_handshake_ace(req->syn_ecn));
	else if (req->ecn_ok)
		reply.flags |= TCP_FLAG_ECE;
	if (req->ts_on) {
		opts.has |= TCP_HAS_TS;
		opts.ts_val = req->cookie ? req->cookie_ts : tcp_ts_clock(core) + req->ts_off;
		opts.ts_ecr = req->paws.recent;
	}
	if (req->sack_ok)
		opts.has |= TCP_HAS_SACK_OK;
	if (req->wscale_ok) {
		opts.has |= TCP_HAS_WSCALE;
		opts.wscale = req->rcv_wscale;
	}
	if (foc && foc->len >= 0) {
		opts.has |= TCP_HAS_FASTOPEN;
		opts.fastopen_len = (uint8_t)foc->len;
		opts.fastopen_exp = foc->exp;
		memcpy(opts.fastopen, foc->val, sizeof(opts.fastopen));
	}
	tcp_send_reply(req->tcp, &req->path, &req->node.local, &req->node.remote, &reply);
}

static void send_req_ack(struct tcp_req *req)
{
	struct net_core *core = req->tcp->core;
	struct tcp_opts opts = {.has = req->ts_on ? TCP_HAS_TS : 0};
	struct tcp_reply reply = {
		.flags = TCP_FLAG_ACK,
		.seq = seq_add(req->iss, 1),
		.ack = seq_add(req->irs, 1),
		.wnd = req->rcv_wnd >> (req->wscale_ok ? req->rcv_wscale : 0),
		.opts = &opts,
		.key = md5sig_find(req->listener->conn->md5, &req->node.remote.addr,
				   req->node.bound),
	};

	if (req->last_ack && core->now - req->last_ack < tcp_ratelimit(core)) {
		MIB_INC(core, TcpExt_TCPACKSkippedSynRecv);
		return;
	}
	req->last_ack = core->now;
	opts.ts_val = tcp_ts_clock(core) + req->ts_off;
	opts.ts_ecr = req->paws.recent;
	tcp_send_reply(req->tcp, &req->path, &req->node.local, &req->node.remote, &reply);
}

static void arm_req(struct tcp_req *req)
{
	timer_arm(&req->tcp->core->timers, &req->timer,
		  req->tcp->core->now + rto_backoff(RTT_RTO_INITIAL, req->timeouts));
}

static void req_timeout(struct timer *timer)
{
	struct tcp_req *req = container_of(timer, struct tcp_req, timer);
	const struct tcp_conn *conn = req->listener->conn;
	uint32_t max = conn->cfg.syn_retries ? conn->cfg.syn_retries
					     : (uint32_t)req->tcp->core->tun.tcp_synack_retries;
	uint32_t defer = conn->cfg.defer_accept;
	bool expired = req->timeouts >= max && (!req->acked || req->timeouts >= defer);
	bool resend = !req->acked || !defer || req->timeouts + 1u >= defer;

	if (expired) {
		MIB_INC(req->tcp->core, TcpExt_TCPTimeouts);
		req_free(req);
		return;
	}
	req->timeouts++;
	if (resend) {
		MIB_INC(req->tcp->core, Tcp_RetransSegs);
		req->retransmitted = true;
		send_synack(req, NULL);
	}
	arm_req(req);
}

static struct tcp_req *req_new(struct tcp_listener *lst)
{
	struct tcp *tcp = lst->conn->tcp;
	struct tcp_req *req = list_pop_entry(&tcp->free_reqs, struct tcp_req, in_tcp);

	if (req)
		tcp->nfree_reqs--;
	else
		req = malloc(sizeof(*req));
	if (!req)
		return NULL;
	*req = (struct tcp_req){.tcp = tcp, .listener = lst};
	timer_init(&req->timer, req_timeout);
	req->node.kind = DEMUX_REQUEST;
	req->node.proto = IPPROTO_TCP;
	return req;
}

/* What a SYN offers and what we answer, before it is decided where that is kept. */
static int req_fill(struct tcp_req *req, struct tcp_conn *lconn, const struct tcp_seg *seg)
{
	const struct net_tunables *tun = &req->tcp->core->tun;
	const struct tcp_opts *opts = &seg->opts;
	const struct pkt *pkt = seg->pkt;
	struct sock *lsk = &lconn->sk;
	struct rcv_window win;
	int r;

	req->node.local = (struct net_endpoint){pkt->ip.dst, seg->hdr.dport};
	req->node.remote = (struct net_endpoint){pkt->ip.src, seg->hdr.sport};
	req->node.bound = lsk->node.bound;
	r = sock_path_init(lsk, &req->path, &pkt->ip.src, &pkt->ip.dst);
	if (r < 0)
		return r;
	req->irs = seg->seq;
	req->adv_mss = tcp_adv_mss(lconn, &req->path);
	req->peer_mss = req->path.dst.family == AF_INET ? TCP_PEER_MSS_DEFAULT : 1220;
	if (opts->has & TCP_HAS_MSS && opts->mss)
		req->peer_mss = (uint16_t)MAX(opts->mss, tun->tcp_min_snd_mss);
	req->ts_on = seg->ts && tun->tcp_timestamps;
	req->sack_ok = opts->has & TCP_HAS_SACK_OK && tun->tcp_sack;
	req->wscale_ok = opts->has & TCP_HAS_WSCALE && tun->tcp_window_scaling;
	req->snd_wscale = req->wscale_ok ? (uint8_t)MIN(opts->wscale, WINDOW_SCALE_MAX) : 0;
	req->snd_wnd = seg->hdr.wnd;
	/* RFC 3168 6.1.1: a SYN that is marked itself comes from something else. */
	req->ecn_ok =
		(seg->hdr.flags & (TCP_FLAG_ECE | TCP_FLAG_CWR)) == (TCP_FLAG_ECE | TCP_FLAG_CWR) &&
		((ecn_accepts(tun->tcp_ecn) && seg->ecn == ECN_NOT_ECT) ||
		 lconn->cfg.cc->flags & CC_NEEDS_ECN);
	req->acc_ecn = ecn_ace(seg->hdr.flags) == 7 && ecn_accepts_acc(tun->tcp_ecn) && !req->cookie;
	req->ecn_ok = req->ecn_ok || req->acc_ecn;
	req->syn_ecn = seg->ecn;
	if (req->ts_on)
		paws_seed(&req->paws, opts->ts_val, req->tcp->core->now);
	req->ts_off = isn_ts_offset(&req->tcp->ts_key, &req->node.local, &req->node.remote);
	/* Whole segments as they will come: timestamps take their room (65160 instead of 64240). */
	window_init(&win, (uint32_t)lsk->opt.rcvbuf,
		    (uint32_t)MAX(tun->tcp_rmem[2], lsk->opt.rcvbuf),
		    (uint16_t)(req->adv_mss - (req->ts_on ? TCP_TS_OPT_LEN : 0)), req->wscale_ok,
		    lsk->opt.rcvbuf_locked);
	if (lconn->cfg.window_clamp && win.wnd > lconn->cfg.window_clamp)
		win.wnd = lconn->cfg.window_clamp;
	req->rcv_wnd = win.wnd;
	req->rcv_wscale = win.wscale;
	return 0;
}

static enum drop answer_with_cookie(struct tcp_listener *lst, const struct tcp_seg *seg)
{
	struct tcp *tcp = lst->conn->tcp;
	struct tcp_req req = {.tcp = tcp, .listener = lst, .cookie = true};
	struct syncookie_opts opts;

	if (req_fill(&req, lst->conn, seg) < 0)
		return DROP_IP_NO_ROUTE;
	opts = (struct syncookie_opts){
		.has_ts = req.ts_on,
		.sack_ok = req.sack_ok,
		.ecn_ok = req.ecn_ok,
		.wscale = req.wscale_ok ? req.snd_wscale : SYNCOOKIE_WSCALE_NONE,
	};
	if (req.ts_on) {
		/* The echo must not be offset: it is read back as it is. */
		req.cookie_ts = syncookie_ts_encode(tcp_ts_clock(tcp->core), &opts) + req.ts_off;
	} else {
		req.sack_ok = req.wscale_ok = req.ecn_ok = false;
	}
	req.iss = syncookie_make(&tcp->cookie_key, &req.node.local, &req.node.remote, req.irs,
				 req.peer_mss, tcp->core->now, &req.peer_mss);
	lst->last_cookie = tcp->core->now;
	lst->cookies_sent = true;
	MIB_INC(tcp->core, TcpExt_SyncookiesSent);
	send_synack(&req, NULL);
	return DROP_NONE;
}

/* TCP_SAVE_SYN: the headers as they came. Without memory there is nothing to show, that is all. */
static void save_syn(struct tcp_req *req, const struct pkt *pkt, uint32_t tcp_hdr_len)
{
	uint32_t len = pkt->ip.hdr_len + tcp_hdr_len;

	if (pkt->l3_off + len > pkt->cap)
		return;
	req->saved_syn = malloc(len);
	if (!req->saved_syn)
		return;
	memcpy(req->saved_syn, pkt->base + pkt->l3_off, len);
	req->saved_syn_len = len;
}

/* The control block for a completed handshake, still in SYN-RECEIVED. NULL: no memory or limit. */
static struct tcp_conn *make_child(struct tcp_req *req)
{
	struct tcp_conn *lconn = req->listener->conn;
	struct tcp *tcp = req->tcp;
	struct tcp_conn *conn;
	struct tcp_snd *snd;
	struct sock *sk;

	if (sock_new_child(&lconn->sk, &sk) < 0)
		return NULL;
	conn = tcp_conn_of(sk);
	conn->cfg = lconn->cfg;
	conn->path = req->path;
	snd = &conn->snd;
	cc_switch(&snd->cc, conn->cfg.cc);
	snd->iss = snd->una = snd->wl2 = snd->sml = req->iss;
	snd->nxt = seq_add(req->iss, 1);
	snd->wnd = snd->max_wnd = req->snd_wnd;
	snd->wl1 = req->irs;
	snd->wscale = req->snd_wscale;
	snd->board.sack_ok = req->sack_ok;
	sendbuf_reset(&conn->sb, snd->nxt);
	conn->out.peer_mss = req->peer_mss;
	conn->out.adv_mss = req->adv_mss;
	conn->out.ts_off = req->ts_off;
	conn->out.syn_sent = req->sent;
	if (sk->opt.sndbuf_locked)
		conn->out.buf = (uint32_t)sk->opt.sndbuf;
	window_init(&conn->rcv.win, (uint32_t)sk->opt.rcvbuf,
		    (uint32_t)MAX(tcp->core->tun.tcp_rmem[2], sk->opt.rcvbuf), req->adv_mss,
		    req->wscale_ok, sk->opt.rcvbuf_locked);
	if (conn->cfg.window_clamp)
		conn->rcv.win.clamp = MIN(conn->rcv.win.clamp, conn->cfg.window_clamp);
	conn->rcv.win.wnd = conn->rcv.win.ssthresh = req->rcv_wnd;
	conn->rcv.irs = req->irs;
	conn->rcv.nxt = conn->rcv.copied = seq_add(req->irs, 1);
	conn->rcv.win.wup = conn->rcv.win.space_seq = conn->rcv.last_ack_sent = conn->rcv.nxt;
	conn->rcv.paws = req->paws;
	conn->rcv.paws.on = req->ts_on;
	conn->ecn.ok = req->ecn_ok;
	if (req->acc_ecn) {
		ecn_start_acc(&conn->ecn, req->syn_ecn);
		conn->ecn.expect = true;
	}
	conn->ecn.exact = conn->cfg.cc->flags & CC_NEEDS_ECN;
	conn->out.wscale_ok = req->wscale_ok;
	if (md5sig_inherit(&conn->md5, lconn->md5, &req->node.remote.addr, req->node.bound) < 0) {
		tcp_conn_destroy(conn);
		return NULL;
	}
	tcp_update_mss(conn);
	if (board_sent(&snd->board, snd->iss, snd->nxt, snd->mss, SACK_SYN, req->sent, false) < 0) {
		tcp_conn_destroy(conn);
		return NULL;
	}
	if (req->retransmitted)
		board_first(&snd->board)->flags |= SACK_EVER;
	conn->saved_syn = TAKE(req->saved_syn);
	conn->saved_syn_len = req->saved_syn_len;
	tcp_set_state(conn, TCP_ST_SYN_RCVD);
	return conn;
}

static void queue_child(struct tcp_listener *lst, struct tcp_conn *conn)
{
	conn->parent = lst->conn;
	list_push_back(&lst->queue, &conn->accept_link);
	lst->nqueue++;
}

/* Fast Open: @seg alone makes the connection. Frees @req, unless there is no memory (false). */
static bool open_fast(struct tcp_req *req, struct tcp_seg *seg, const struct fastopen_cookie *foc)
{
	struct tcp_listener *lst = req->listener;
	struct tcp *tcp = req->tcp;
	struct tcp_conn *conn = make_child(req);

	if (!conn)
		return false;
	demux_replace(&tcp->ss->demux, &req->node, &conn->sk.node);
	req_free(req);
	MIB_INC(tcp->core, Tcp_PassiveOpens);
	queue_child(lst, conn);
	tcp_tfo_child(conn, lst, seg, foc);
	sock_wake(&lst->conn->sk, EPOLLIN | EPOLLRDNORM);
	return true;
}

/* RFC 9293 3.10.7.2, third: a SYN. */
static enum drop listen_syn(struct tcp_listener *lst, struct tcp_seg *seg, const struct seq *isn)
{
	struct tcp *tcp = lst->conn->tcp;
	struct net_core *core = tcp->core;
	bool full = lst->nreqs >= lst->backlog || tcp->nrequests >= core->lim.tcp_requests;
	struct fastopen_cookie foc;
	struct tcp_req *req;

	if (accept_full(lst)) {
		MIB_INC(core, TcpExt_ListenOverflows);
		MIB_INC(core, TcpExt_ListenDrops);
		return DROP_TCP_BACKLOG_FULL;
	}
	if ((full && lst->nreqs) || core->tun.tcp_syncookies == 2) {
		if (core->tun.tcp_syncookies && !isn) {
			MIB_INC(core, TcpExt_TCPReqQFullDoCookies);
			return answer_with_cookie(lst, seg);
		}
		MIB_INC(core, TcpExt_TCPReqQFullDrop);
		MIB_INC(core, TcpExt_ListenDrops);
		return DROP_TCP_SYN_QUEUE_FULL;
	}
	/* Without cookies the last quarter of the queue is for peers that are known, of which there
	 * are none. */
	if (!core->tun.tcp_syncookies && !isn &&
	    lst->nreqs >= (uint32_t)core->tun.tcp_max_syn_backlog / 4 * 3) {
		MIB_INC(core, TcpExt_ListenDrops);
		return DROP_TCP_SYN_QUEUE_FULL;
	}
	req = req_new(lst);
	if (!req)
		return DROP_NO_MEMORY;
	list_push_back(&lst->reqs, &req->in_listener);
	list_push_back(&tcp->requests, &req->in_tcp);
	lst->nreqs++;
	tcp->nrequests++;
	if (lst->conn->cfg.save_syn)
		save_syn(req, seg->pkt, seg->hdr.hdr_len);
	if (req_fill(req, lst->conn, seg) < 0) {
		req_free(req);
		return DROP_IP_NO_ROUTE;
	}
	req->iss =
		isn ? *isn
		    : isn_generate(&tcp->isn_key, &req->node.local, &req->node.remote, core->now);
	if (demux_inherit(&tcp->ss->demux, &req->node, &lst->conn->sk.node) < 0 ||
	    demux_connect(&tcp->ss->demux, &req->node) < 0) {
		req_free(req);
		return DROP_NO_MEMORY;
	}
	req->sent = core->now;
	if (tcp_tfo_accepts(lst, seg, &foc) && open_fast(req, seg, &foc))
		return DROP_NONE;
	send_synack(req, &foc);
	arm_req(req);
	return DROP_NONE;
}

/* The handshake of @req is complete by @seg. Frees @req. */
static enum drop complete(struct tcp_req *req, struct tcp_seg *seg)
{
	struct tcp_listener *lst = req->listener;
	struct tcp *tcp = req->tcp;
	struct tcp_conn *conn = make_child(req);
	enum drop drop;

	if (!conn) {
		MIB_INC(tcp->core, TcpExt_ListenDrops);
		return DROP_TCP_LIMIT;
	}
	demux_replace(&tcp->ss->demux, &req->node, &conn->sk.node);
	req_free(req);
	MIB_INC(tcp->core, Tcp_PassiveOpens);
	queue_child(lst, conn);
	drop = tcp_segment(conn, seg);
	sock_wake(&lst->conn->sk, EPOLLIN | EPOLLRDNORM);
	return drop;
}

/* An ACK that completes a handshake of which nothing was kept. */
static enum drop cookie_ack(struct tcp_listener *lst, struct tcp_seg *seg)
{
	struct tcp *tcp = lst->conn->tcp;
	struct net_core *core = tcp->core;
	struct net_endpoint local = {seg->pkt->ip.dst, seg->hdr.dport};
	struct net_endpoint remote = {seg->pkt->ip.src, seg->hdr.sport};
	struct seq irs = seq_sub(seg->seq, 1), iss = seq_sub(seg->ack, 1);
	struct syncookie_opts opts = {.wscale = SYNCOOKIE_WSCALE_NONE};
	struct tcp_seg syn = *seg;
	struct tcp_req *req;
	uint16_t mss;

	if (!lst->cookies_sent || core->now - lst->last_cookie > COOKIE_WINDOW)
		return DROP_TCP_FLAGS;
	mss = syncookie_check(&tcp->cookie_key, &local, &remote, irs, iss, core->now);
	if (!mss) {
		MIB_INC(core, TcpExt_SyncookiesFailed);
		return DROP_TCP_BAD_COOKIE;
	}
	MIB_INC(core, TcpExt_SyncookiesRecv);
	if (accept_full(lst)) {
		MIB_INC(core, TcpExt_ListenOverflows);
		return DROP_TCP_BACKLOG_FULL;
	}
	/* Rebuild the SYN as it must have been. */
	if (seg->ts && seg->opts.ts_ecr)
		syncookie_ts_decode(seg->opts.ts_ecr - isn_ts_offset(&tcp->ts_key, &local, &remote),
				    &opts);
	syn.seq = irs;
	syn.opts.has = (seg->opts.has & TCP_HAS_TS) | TCP_HAS_MSS |
		       (opts.sack_ok ? TCP_HAS_SACK_OK : 0) |
		       (opts.wscale != SYNCOOKIE_WSCALE_NONE ? TCP_HAS_WSCALE : 0);
	syn.hdr.flags = TCP_FLAG_SYN | (opts.ecn_ok ? TCP_FLAG_ECE | TCP_FLAG_CWR : 0);
	syn.ecn = ECN_NOT_ECT;
	syn.opts.mss = mss;
	syn.opts.wscale = opts.wscale;
	req = req_new(lst);
	if (!req)
		return DROP_NO_MEMORY;
	list_push_back(&lst->reqs, &req->in_listener);
	list_push_back(&tcp->requests, &req->in_tcp);
	lst->nreqs++;
	tcp->nrequests++;
	req->iss = iss;
	req->sent = core->now;
	req->retransmitted = true; /* there is no round-trip sample in a cookie */
	if (req_fill(req, lst->conn, &syn) < 0 ||
	    demux_inherit(&tcp->ss->demux, &req->node, &lst->conn->sk.node) < 0 ||
	    demux_connect(&tcp->ss->demux, &req->node) < 0) {
		req_free(req);
		return DROP_NO_MEMORY;
	}
	enum drop drop = complete(req, seg);

	if (drop == DROP_TCP_LIMIT)
		req_free(req);
	return drop;
}

/* RFC 9293 3.10.7.2 */
enum drop tcp_listen_segment(struct tcp_conn *conn, struct tcp_seg *seg, const struct seq *isn)
{
	struct tcp_listener *lst = conn->listener;
	enum drop drop;

	if (seg->hdr.flags & TCP_FLAG_RST)
		return DROP_TCP_BAD_RESET;
	if (seg->hdr.flags & TCP_FLAG_ACK) {
		drop = seg->hdr.flags & TCP_FLAG_SYN ? DROP_TCP_FLAGS : cookie_ack(lst, seg);
		if (drop == DROP_TCP_FLAGS || drop == DROP_TCP_BAD_COOKIE)
			tcp_send_rst_for(conn->tcp, seg, &conn->sk);
		return drop;
	}
	if (!(seg->hdr.flags & TCP_FLAG_SYN) || seg->hdr.flags & TCP_FLAG_FIN)
		return DROP_TCP_FLAGS;
	return listen_syn(lst, seg, isn);
}

static bool req_in_window(const struct tcp_req *req, const struct tcp_seg *seg)
{
	struct seq nxt = seq_add(req->irs, 1);
	struct seq edge = seq_add(nxt, req->rcv_wnd);

	if (seq_eq(seg->seq, nxt))
		return true;
	if (seq_gt(seg->end, nxt) && seq_lt(seg->seq, edge))
		return true;
	return seq_eq(seg->seq, edge) && seq_eq(seg->seq, seg->end);
}

const struct tcp_conn *tcp_req_listener(const struct demux_node *node)
{
	return container_of(node, const struct tcp_req, node)->listener->conn;
}

/* RFC 9293 3.10.7.4 in SYN-RECEIVED. */
enum drop tcp_req_segment(struct demux_node *node, struct tcp *tcp, struct tcp_seg *seg)
{
	struct tcp_req *req = container_of(node, struct tcp_req, node);
	uint16_t flags = seg->hdr.flags;
	struct seq nxt = seq_add(req->irs, 1);
	bool paws = req->ts_on && seg->ts &&
		    paws_reject(&req->paws, seg->opts.ts_val, flags & TCP_FLAG_RST, tcp->core->now);

	/* The SYN again: our answer was lost. */
	if (seq_eq(seg->seq, req->irs) && !paws &&
	    (flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) == TCP_FLAG_SYN) {
		if (req->last_ack && tcp->core->now - req->last_ack < tcp_ratelimit(tcp->core))
			return DROP_TCP_BAD_SYN;
		req->last_ack = tcp->core->now;
		req->retransmitted = true;
		send_synack(req, NULL);
		return DROP_NONE;
	}
	if (flags & TCP_FLAG_ACK && !seq_eq(seg->ack, seq_add(req->iss, 1))) {
		tcp_send_rst_for(tcp, seg, &req->listener->conn->sk);
		return DROP_TCP_FUTURE_ACK;
	}
	if (paws || !req_in_window(req, seg)) {
		if (!(flags & TCP_FLAG_RST))
			send_req_ack(req);
		return paws ? DROP_TCP_PAWS : DROP_TCP_OUT_OF_WINDOW;
	}
	if (req->ts_on && seg->ts && seq_le(seg->seq, nxt))
		paws_update(&req->paws, seg->opts.ts_val, seg->seq, nxt, tcp->core->now);
	if (flags & TCP_FLAG_RST) {
		if (!seq_eq(seg->seq, nxt)) { /* RFC 5961 3.2 */
			send_req_ack(req);
			return DROP_TCP_BAD_RESET;
		}
		MIB_INC(tcp->core, Tcp_AttemptFails);
		MIB_INC(tcp->core, TcpExt_EmbryonicRsts);
		req_free(req);
		return DROP_TCP_RESET;
	}
	if (flags & TCP_FLAG_SYN) { /* RFC 5961 4.2 */
		send_req_ack(req);
		return DROP_TCP_BAD_SYN;
	}
	if (!(flags & TCP_FLAG_ACK))
		return DROP_TCP_FLAGS;
	/* TCP_DEFER_ACCEPT: a bare ACK does not count until data came, or patience ends. */
	if (req->timeouts < req->listener->conn->cfg.defer_accept && seq_eq(seg->end, nxt)) {
		req->acked = true;
		return DROP_NONE;
	}
	if (accept_full(req->listener)) {
		MIB_INC(tcp->core, TcpExt_ListenOverflows);
		if (tcp->core->tun.tcp_abort_on_overflow) {
			tcp_send_rst_for(tcp, seg, &req->listener->conn->sk);
			req_free(req);
		} else {
			req->acked = true; /* the peer's retransmission tries again */
		}
		return DROP_TCP_BACKLOG_FULL;
	}
	return complete(req, seg);
}

/* An ICMP error about our SYN|ACK (RFC 1122 4.2.3.9: not for a listener to see). */
void tcp_req_error(struct demux_node *node, struct tcp *tcp, const struct ip_error *err,
		   struct seq seq)
{
	struct tcp_req *req = container_of(node, struct tcp_req, node);

	(void)tcp;
	if (seq_eq(seq, req->iss) && (err->err == EHOSTUNREACH || err->err == ENETUNREACH))
		req_free(req);
}

int tcp_sock_listen(struct sock *sk, int backlog)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	uint32_t max = (uint32_t)sk->core->tun.somaxconn;
	struct tcp_listener *lst;
	int r;

	if (!tcp_in(conn, ST(CLOSED) | ST(LISTEN)) || conn->connecting)
		return -EINVAL;
	if ((uint32_t)backlog > max)
		backlog = (int)max;
	if (conn->listener) {
		conn->listener->backlog = (uint32_t)backlog;
		return 0;
	}
	if (!sk->node.local.port) {
		r = demux_bind(&sk->socks->demux, &sk->node, 0);
		if (r < 0)
			return r;
	}
	lst = calloc(1, sizeof(*lst));
	if (!lst)
		return -ENOMEM;
	lst->conn = conn;
	lst->backlog = (uint32_t)backlog;
	list_init(&lst->queue);
	list_init(&lst->reqs);
	list_init(&lst->fastopen);
	if (sk->core->tun.tcp_fastopen & FASTOPEN_SERVER &&
	    sk->core->tun.tcp_fastopen & FASTOPEN_SERVER_ALL && !conn->cfg.fastopen_qlen)
		conn->cfg.fastopen_qlen = backlog;
	sk->node.listening = true;
	r = demux_listen(&sk->socks->demux, &sk->node);
	if (r < 0) {
		sk->node.listening = false;
		free(lst);
		return r;
	}
	conn->listener = lst;
	sk->shut = 0;
	sk->err = 0;
	tcp_set_state(conn, TCP_ST_LISTEN);
	return 0;
}

void tcp_accept_unlink(struct tcp_conn *child)
{
	if (!child->parent)
		return;
	list_remove(&child->accept_link);
	child->parent->listener->nqueue--;
	child->parent = NULL;
}

int tcp_sock_accept(struct sock *sk, struct sock **ret)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	struct tcp_conn *child;

	if (conn->state != TCP_ST_LISTEN)
		return -EINVAL;
	child = list_first_entry(&conn->listener->queue, struct tcp_conn, accept_link);
	if (!child)
		return -EAGAIN;
	tcp_accept_unlink(child);
	*ret = &child->sk;
	return 0;
}

void tcp_listen_stop(struct tcp_conn *conn)
{
	struct tcp_listener *lst = conn->listener;
	struct tcp_conn *child;
	struct tcp_req *req;

	demux_unlisten(&conn->sk.socks->demux, &conn->sk.node);
	conn->sk.node.listening = false;
	while ((req = list_first_entry(&lst->reqs, struct tcp_req, in_listener)))
		req_free(req);
	tcp_tfo_listener_gone(lst);
	while ((child = list_first_entry(&lst->queue, struct tcp_conn, accept_link))) {
		if (child->state != TCP_ST_CLOSED) {
			tcp_send_rst(child);
			tcp_set_state(child, TCP_ST_CLOSED);
		}
		tcp_conn_destroy(child);
	}
	free(lst);
	conn->listener = NULL;
	tcp_set_state(conn, TCP_ST_CLOSED);
	if (!conn->sk.node.explicit_port)
		demux_remove(&conn->sk.socks->demux, &conn->sk.node);
	sock_wake(&conn->sk, EPOLLIN | EPOLLHUP);
}

size_t tcp_req_info(const struct tcp *tcp, struct net_sock_info *ret, size_t max)
{
	struct tcp_req *req;
	size_t n = 0;

	list_for_each_entry(req, &tcp->requests, in_tcp)
	{
		if (n < max) {
			ret[n] = (struct net_sock_info){
				.family = req->node.local.addr.family,
				.type = SOCK_STREAM,
				.protocol = IPPROTO_TCP,
				.local = req->node.local,
				.remote = req->node.remote,
				.state = TCP_ST_SYN_RCVD,
				.timer_active = 1,
				.timer_left = req->timer.at - tcp->core->now,
				.retransmits = req->timeouts,
				.uid = req->node.uid,
			};
		}
		n++;
	}
	return n;
}
