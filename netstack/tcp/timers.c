/* SPDX-License-Identifier: Apache-2.0 */
/* Every timer of a connection. Callers report what happened; which timer that moves is decided
 * here.
 *
 * Implements RFC 6298 5 (retransmission), RFC 8985 7 (tail loss probe) and 6.3 (reordering), RFC
 * 9293 3.8.6.1 (window probes), 3.8.6.3 (delayed ACK), 3.8.4 (keep-alive), and the wait in
 * FIN-WAIT-2. One timer serves retransmission, loss probe, reordering and window probe: at most one
 * of them is due.
 */
#include <errno.h>

#include "tcp/conn.h"
#include "tcp/persist.h"

#define RESOURCE_RETRY NET_MS(500)

static void arm(struct tcp_conn *conn, struct timer *timer, net_time at)
{
	timer_arm(&conn->sk.core->timers, timer, at);
}

static void arm_rexmt(struct tcp_conn *conn, enum tcp_rexmt_mode mode, net_dur after)
{
	conn->timers.mode = mode;
	arm(conn, &conn->timers.rexmt, tcp_now(conn) + (after > 0 ? after : 1));
}

static void cancel_rexmt(struct tcp_conn *conn)
{
	conn->timers.mode = TCP_REXMT_NONE;
	timer_cancel(&conn->sk.core->timers, &conn->timers.rexmt);
}

static net_dur rto_now(const struct tcp_conn *conn)
{
	net_dur rto = rto_backoff(conn->snd.rtt.rto, conn->snd.rec.backoff);

	return MIN(rto, conn->snd.rtt.rto_max);
}

/* A user timeout that ends before the next retransmission ends the wait with it. */
static net_dur clamp_user_timeout(const struct tcp_conn *conn, net_dur rto)
{
	net_dur left;

	if (!conn->cfg.ka.user_timeout || !conn->snd.rec.retrans_stamp)
		return rto;
	left = conn->snd.rec.retrans_stamp + conn->cfg.ka.user_timeout - tcp_now(conn);
	return left < rto ? (left > 0 ? left : 1) : rto;
}

/* Repeated SYNs that keep the first timeout. */
static uint32_t syn_linear(const struct tcp_conn *conn)
{
	return (uint32_t)conn->sk.core->tun.tcp_syn_linear_timeouts;
}

void tcp_timers_arm_rto(struct tcp_conn *conn)
{
	struct tcp_snd *snd = &conn->snd;
	const struct sack_range *first = board_first(&snd->board);
	net_dur rto;

	if (conn->state == TCP_ST_SYN_SENT || conn->state == TCP_ST_SYN_RCVD) {
		arm_rexmt(conn, TCP_REXMT_RTO, rto_syn_delay(snd->rtt.rto, snd->rec.timeouts,
						   syn_linear(conn)));
		return;
	}
	if (!first) {
		cancel_rexmt(conn);
		return;
	}
	rto = rto_now(conn);
	/* A probe or the reordering timer was running: the RTO counts from the transmission. */
	if (timer_armed(&conn->timers.rexmt) &&
	    (conn->timers.mode == TCP_REXMT_TLP || conn->timers.mode == TCP_REXMT_REO))
		rto = first->sent + rto - tcp_now(conn);
	arm_rexmt(conn, TCP_REXMT_RTO, clamp_user_timeout(conn, rto));
}

/* RFC 8985 7.2: when is a probe worth scheduling? */
static bool tlp_wanted(const struct tcp_conn *conn)
{
	const struct tcp_snd *snd = &conn->snd;

	if (!conn->sk.core->tun.tcp_early_retrans)
		return false;
	return snd->board.sack_ok && snd->board.out_segs &&
	       (snd->rec.state == CA_OPEN || snd->rec.state == CA_CWR) && !snd->board.sacked_segs &&
	       !snd->rec.tlp_pending &&
	       tcp_in(conn, ST(ESTABLISHED) | ST(CLOSE_WAIT) | ST(FIN_WAIT_1) | ST(CLOSING) |
				    ST(LAST_ACK));
}

static void arm_tlp(struct tcp_conn *conn, bool progress)
{
	const struct sack_range *first = board_first(&conn->snd.board);
	net_dur pto = rack_pto(&conn->snd.rtt, conn->snd.board.out_segs);
	net_dur rto = rto_now(conn);

	if (!progress)
		rto = first->sent + rto - tcp_now(conn);
	arm_rexmt(conn, TCP_REXMT_TLP, rto > 0 && rto < pto ? rto : pto);
}

static void arm_persist(struct tcp_conn *conn)
{
	net_dur wait = persist_delay(conn->snd.rtt.rto, conn->timers.persist_backoff);

	if (!conn->timers.probes_since)
		conn->timers.probes_since = tcp_now(conn);
	if (conn->cfg.ka.user_timeout) {
		net_dur left =
			conn->timers.probes_since + conn->cfg.ka.user_timeout - tcp_now(conn);

		if (left < wait)
			wait = left;
	}
	arm_rexmt(conn, TCP_REXMT_PERSIST, wait);
}

void tcp_timers_update(struct tcp_conn *conn, bool progress)
{
	struct tcp_snd *snd = &conn->snd;
	bool armed = timer_armed(&conn->timers.rexmt);
	enum tcp_rexmt_mode mode = conn->timers.mode;

	if (tcp_in(conn, ST(SYN_SENT) | ST(SYN_RCVD)))
		return; /* only the SYN is repeated */
	if (!snd->board.out_segs) {
		if (!tcp_has_unsent(conn)) {
			conn->timers.persist_backoff = 0;
			conn->timers.probes_since = 0;
			cancel_rexmt(conn);
		} else if (!armed || mode != TCP_REXMT_PERSIST) {
			/* Nothing is out and nothing may be sent: the window is shut, or we wait
			 * for more (cork): a probe keeps it alive, or sends what there is. */
			arm_persist(conn);
		}
		return;
	}
	if (tlp_wanted(conn)) {
		if (progress || !armed || mode != TCP_REXMT_REO)
			arm_tlp(conn, progress);
		return;
	}
	if (progress || !armed || mode == TCP_REXMT_PERSIST || mode == TCP_REXMT_TLP) {
		if (progress)
			conn->timers.mode = TCP_REXMT_NONE; /* a full RTO from now */
		tcp_timers_arm_rto(conn);
	}
}

void tcp_timers_reo(struct tcp_conn *conn, net_dur wait)
{
	net_dur rto = rto_now(conn);

	if (wait > 0)
		arm_rexmt(conn, TCP_REXMT_REO, wait + NET_MS(1) < rto ? wait + NET_US(10) : rto);
}

static bool syn_gave_up(const struct tcp_conn *conn)
{
	const struct net_tunables *tun = &conn->sk.core->tun;
	uint32_t max = conn->cfg.syn_retries;

	if (conn->state == TCP_ST_SYN_RCVD)
		return conn->snd.rec.timeouts >= (uint32_t)tun->tcp_synack_retries;
	if (!max)
		max = (uint32_t)tun->tcp_syn_retries;
	max += syn_linear(conn);
	if (conn->cfg.ka.user_timeout)
		return tcp_now(conn) - conn->out.syn_sent >= conn->cfg.ka.user_timeout;
	return conn->snd.rec.timeouts >= max;
}

static void syn_timeout(struct tcp_conn *conn)
{
	if (syn_gave_up(conn)) {
		MIB_INC(conn->sk.core, TcpExt_TCPTimeouts);
		tcp_done(conn, conn->err_soft ? conn->err_soft : ETIMEDOUT);
		return;
	}
	MIB_INC(conn->sk.core, TcpExt_TCPTimeouts);
	MIB_INC(conn->sk.core, TcpExt_TCPSynRetrans);
	MIB_INC(conn->sk.core, Tcp_RetransSegs);
	conn->snd.rec.timeouts++;
	conn->snd.rec.retrans_total++;
	tcp_stats_rto(conn);
	if (ip_path_check(conn->tcp->ip, &conn->path) == 0)
		tcp_send_syn(conn);
	tcp_timers_arm_rto(conn);
}

static bool rto_gave_up(const struct tcp_conn *conn)
{
	const struct recovery *rec = &conn->snd.rec;
	const struct net_tunables *tun = &conn->sk.core->tun;

	if (!rec->retrans_stamp)
		return false;
	if (conn->orphan) {
		uint32_t max = tun->tcp_orphan_retries ? (uint32_t)tun->tcp_orphan_retries
						       : RTO_ORPHAN_RETRIES;

		if (rto_expired(rec->retrans_stamp, tcp_now(conn), max, 0))
			return true;
	}
	return rto_expired(rec->retrans_stamp, tcp_now(conn), (uint32_t)tun->tcp_retries2,
			   conn->cfg.ka.user_timeout);
}

/* Another hash may take another way through the network (RFC 6438: the flow label is hashed). */
static void rehash(struct tcp_conn *conn)
{
	conn->stats.rehash++;
	MIB_INC(conn->sk.core, TcpExt_TcpTimeoutRehash);
	if (conn->path.dst.family == AF_INET6 && conn->sk.opt.autoflowlabel)
		conn->path.flow_label = rng_u32(&conn->sk.core->rng) & 0xfffffu;
}

static void rto_timeout(struct tcp_conn *conn)
{
	struct tcp_snd *snd = &conn->snd;
	struct recovery *rec = &snd->rec;

	if (!snd->board.out_segs)
		return;
	rec->tlp_pending = false;
	if (rto_gave_up(conn)) {
		MIB_INC(conn->sk.core, TcpExt_TCPAbortOnTimeout);
		tcp_done(conn, conn->err_soft ? conn->err_soft : ETIMEDOUT);
		return;
	}
	MIB_INC(conn->sk.core, TcpExt_TCPTimeouts);
	recovery_timeout(snd, tcp_now(conn));
	conn->ecn.cwr = conn->ecn.ok && !conn->ecn.acc;
	if (!conn->sk.core->tun.tcp_frto)
		rec->frto = false;
	rec->timeouts++;
	tcp_stats_rto(conn);
	if (tcp_retransmit_first(conn) < 0) {
		/* Local trouble (memory, no route) is no congestion: try again soon. */
		if (!rec->retrans_stamp)
			rec->retrans_stamp = tcp_now(conn);
		arm_rexmt(conn, TCP_REXMT_RTO, MIN(rto_now(conn), RESOURCE_RETRY));
		return;
	}
	/* A thin stream may not have enough in flight for any other signal: it asked to be
	 * persistent. */
	if (conn->cfg.thin & TCP_CFG_THIN_LINEAR && snd->board.out_segs < 4 &&
	    snd->cc.ssthresh < CC_SSTHRESH_INFINITE && rec->timeouts <= TCP_THIN_LINEAR_RETRIES)
		rec->backoff = 0;
	else
		rec->backoff++; /* RFC 6298 5.5 */
	arm_rexmt(conn, TCP_REXMT_RTO, clamp_user_timeout(conn, rto_now(conn)));
	rehash(conn);
	if (rec->timeouts > (uint32_t)conn->sk.core->tun.tcp_retries1) {
		tcp_probe_blackhole(conn);
		ip_path_suspect(conn->tcp->ip, &conn->path);
	}
}

static void persist_timeout(struct tcp_conn *conn)
{
	struct tcp_timers *timers = &conn->timers;

	if (conn->snd.board.out_segs || !tcp_has_unsent(conn)) {
		timers->probes = 0;
		return;
	}
	if (persist_expired(timers->probes, conn->orphan, timers->probes_since, tcp_now(conn),
			    conn->cfg.ka.user_timeout)) {
		tcp_done(conn, conn->err_soft ? conn->err_soft : ETIMEDOUT);
		return;
	}
	MIB_INC(conn->sk.core, TcpExt_TCPWinProbe);
	tcp_write_wakeup(conn);
	if (conn->snd.board.out_segs) {
		timers->probes = 0;
		timers->persist_backoff = 0;
		tcp_timers_update(conn, false);
		return;
	}
	timers->probes++;
	if (timers->persist_backoff < RTO_RETRIES2)
		timers->persist_backoff++;
	arm_persist(conn);
}

static void rexmt_fire(struct timer *timer)
{
	struct tcp_conn *conn = container_of(timer, struct tcp_conn, timers.rexmt);
	enum tcp_rexmt_mode mode = conn->timers.mode;
	net_dur wait;

	if (conn->state == TCP_ST_SYN_SENT || conn->state == TCP_ST_SYN_RCVD) {
		syn_timeout(conn);
		return;
	}
	switch (mode) {
	case TCP_REXMT_NONE:
		break;
	case TCP_REXMT_RTO:
		rto_timeout(conn);
		break;
	case TCP_REXMT_PERSIST:
		persist_timeout(conn);
		break;
	case TCP_REXMT_TLP:
		tcp_send_tlp(conn);
		conn->timers.mode = TCP_REXMT_NONE;
		tcp_timers_arm_rto(conn);
		break;
	case TCP_REXMT_REO:
		if (recovery_reo_timeout(&conn->snd, tcp_now(conn), &wait) == REXMIT_LOST)
			tcp_retransmit_lost(conn);
		if (wait)
			tcp_timers_reo(conn, wait);
		else if (!timer_armed(&conn->timers.rexmt))
			tcp_timers_arm_rto(conn);
		break;
	}
}

void tcp_timers_delack(struct tcp_conn *conn)
{
	struct tcp_ack_state *ack = &conn->rcv.ack;
	struct timer *timer = &conn->timers.delack;
	net_dur ato = ack->ato ? ack->ato : TCP_DELACK_MIN;
	net_time at;

	if (ato > TCP_DELACK_MIN) {
		net_dur max = NET_MS(500);

		if (ack->pingpong || ack->pushed)
			max = TCP_DELACK_MAX;
		/* Not later than the peer expects it: its RTT is ours. */
		if (conn->snd.rtt.seeded && conn->snd.rtt.srtt < max)
			max = MAX(conn->snd.rtt.srtt, TCP_DELACK_MIN);
		ato = MIN(ato, max);
	}
	ato = MIN(ato, TCP_DELACK_MAX);
	at = tcp_now(conn) + ato;
	if (timer_armed(timer)) {
		if (timer->at <= tcp_now(conn) + ato / 4) {
			tcp_send_ack(conn);
			return;
		}
		at = MIN(at, timer->at);
	}
	arm(conn, timer, at);
}

static void delack_fire(struct timer *timer)
{
	struct tcp_conn *conn = container_of(timer, struct tcp_conn, timers.delack);
	struct tcp_ack_state *ack = &conn->rcv.ack;

	if (!ack->scheduled)
		return;
	if (ack->pingpong) {
		/* No answer came to carry it: not a conversation. */
		ack->pingpong = false;
		ack->ato = TCP_DELACK_MIN;
	} else {
		ack->ato = MIN(2 * ack->ato, conn->snd.rtt.rto);
	}
	MIB_INC(conn->sk.core, TcpExt_DelayedACKs);
	tcp_send_ack(conn);
}

void tcp_timers_ack_sent(struct tcp_conn *conn, uint32_t segs)
{
	struct tcp_ack_state *ack = &conn->rcv.ack;

	if (ack->quick) {
		ack->quick = segs < ack->quick ? (uint8_t)(ack->quick - segs) : 0;
		if (!ack->quick)
			ack->ato = TCP_DELACK_MIN; /* leaving quick ACK mode */
	}
	ack->scheduled = ack->now = ack->pushed = ack->pushed2 = false;
	timer_cancel(&conn->sk.core->timers, &conn->timers.delack);
}

void tcp_timers_fin_wait(struct tcp_conn *conn, net_dur len)
{
	conn->timers.fin_wait = true;
	arm(conn, &conn->timers.keep, tcp_now(conn) + len);
}

void tcp_timers_keepalive(struct tcp_conn *conn, bool on)
{
	if (conn->timers.fin_wait || tcp_in(conn, ST(CLOSED) | ST(LISTEN)))
		return;
	if (on)
		arm(conn, &conn->timers.keep, tcp_now(conn) + conn->cfg.ka.idle);
	else
		timer_cancel(&conn->sk.core->timers, &conn->timers.keep);
}

static void keep_fire(struct timer *timer)
{
	struct tcp_conn *conn = container_of(timer, struct tcp_conn, timers.keep);
	net_dur next = 0;

	if (conn->timers.fin_wait) {
		/* The peer never closed its half: forget the connection silently. */
		conn->timers.fin_wait = false;
		tcp_done(conn, 0);
		return;
	}
	if (!conn->sk.opt.keepalive || tcp_in(conn, ST(CLOSED) | ST(LISTEN) | ST(SYN_SENT)))
		return;
	if (conn->snd.board.out_segs || tcp_has_unsent(conn)) {
		/* Retransmission and window probes watch the peer. */
		arm(conn, timer, tcp_now(conn) + conn->cfg.ka.idle);
		return;
	}
	switch (keepalive_step(&conn->cfg.ka, tcp_now(conn) - conn->timers.last_heard,
			       conn->timers.probes, &next)) {
	case KEEPALIVE_WAIT:
		break;
	case KEEPALIVE_PROBE:
		MIB_INC(conn->sk.core, TcpExt_TCPKeepAlive);
		tcp_send_probe(conn, false);
		conn->timers.probes++;
		break;
	case KEEPALIVE_DEAD:
		tcp_send_rst(conn);
		tcp_done(conn, conn->err_soft ? conn->err_soft : ETIMEDOUT);
		return;
	}
	arm(conn, timer, tcp_now(conn) + next);
}

void tcp_timers_pace(struct tcp_conn *conn, net_time at)
{
	arm(conn, &conn->timers.pace, at);
}

static void pace_fire(struct timer *timer)
{
	struct tcp_conn *conn = container_of(timer, struct tcp_conn, timers.pace);

	if (conn->snd.board.lost_segs)
		tcp_retransmit_lost(conn);
	tcp_output(conn);
}

void tcp_timers_init(struct tcp_conn *conn)
{
	timer_init(&conn->timers.rexmt, rexmt_fire);
	timer_init(&conn->timers.delack, delack_fire);
	timer_init(&conn->timers.pace, pace_fire);
	timer_init(&conn->timers.keep, keep_fire);
}

void tcp_timers_stop(struct tcp_conn *conn)
{
	struct timers *ts = &conn->sk.core->timers;

	cancel_rexmt(conn);
	timer_cancel(ts, &conn->timers.delack);
	timer_cancel(ts, &conn->timers.pace);
	timer_cancel(ts, &conn->timers.keep);
	conn->timers.fin_wait = false;
}
