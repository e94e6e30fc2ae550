/* SPDX-License-Identifier: Apache-2.0 */
/* SEGMENT ARRIVES.
 *
 * Follows RFC 9293 3.10.7: one function per state or step, in the order of the document, with PAWS
 * (RFC 7323 5.3) before the first step and the challenge ACKs of RFC 5961 in the second, fourth and
 * fifth. The peer controls every field; nothing here asserts on them. The segment's packet is
 * consumed by tcp_input(), the one exit, which counts each discard.
 */
#include "tcp/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>

#include "util/assert.h"
#include "wire/checksum.h"

#define SYNCHRONIZED                                                                               \
	(ST(ESTABLISHED) | ST(FIN_WAIT_1) | ST(FIN_WAIT_2) | ST(CLOSE_WAIT) | ST(CLOSING) |        \
	 ST(LAST_ACK) | ST(TIME_WAIT))

uint32_t tcp_wnd_scaled(const struct tcp_conn *conn, const struct tcp_seg *seg)
{
	/* RFC 7323 2.2: the window of a SYN is not scaled. */
	return seg->hdr.flags & TCP_FLAG_SYN ? seg->hdr.wnd
					     : (uint32_t)seg->hdr.wnd << conn->snd.wscale;
}

void tcp_challenge_ack(struct tcp_conn *conn)
{
	/* RFC 5961 7: at most one per interval and connection, so that no third party can count
	 * them. */
	if (conn->out.challenge_last &&
	    tcp_now(conn) - conn->out.challenge_last < tcp_ratelimit(conn->sk.core)) {
		MIB_INC(conn->sk.core, TcpExt_TCPACKSkippedChallenge);
		return;
	}
	conn->out.challenge_last = tcp_now(conn);
	MIB_INC(conn->sk.core, TcpExt_TCPChallengeACK);
	tcp_send_ack(conn);
}

/* The ACK for a segment that is out of order in a suspicious way (bare, so that two confused peers
 * cannot loop): rate-limited. */
static void send_dupack(struct tcp_conn *conn, const struct tcp_seg *seg, bool limited)
{
	if (limited) {
		if (conn->out.oow_last &&
		    tcp_now(conn) - conn->out.oow_last < tcp_ratelimit(conn->sk.core))
			return;
		conn->out.oow_last = tcp_now(conn);
	}
	if (seg->len && seq_lt(seg->seq, conn->rcv.nxt)) {
		tcp_quickack(conn, TCP_QUICKACKS_MAX);
		if (conn->sk.core->tun.tcp_dsack && conn->snd.board.sack_ok)
			reasm_set_dsack(&conn->rcv.reasm, seg->seq,
					seq_min(seg->end, conn->rcv.nxt));
	}
	tcp_send_ack(conn);
}

/* The user side of a reset (RFC 9293 3.10.7.4, second). */
void tcp_reset_received(struct tcp_conn *conn)
{
	int err = ECONNRESET;

	if (conn->state == TCP_ST_SYN_SENT)
		err = ECONNREFUSED;
	else if (conn->state == TCP_ST_CLOSE_WAIT)
		err = EPIPE;
	else if (conn->state == TCP_ST_CLOSED)
		return;
	tcp_done(conn, err);
}

/* What the peer's SYN says about it. */
static void learn_syn(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	const struct net_tunables *tun = &conn->sk.core->tun;
	const struct tcp_opts *opts = &seg->opts;
	struct tcp_rcv *rcv = &conn->rcv;

	rcv->irs = seg->seq;
	rcv->nxt = seq_add(seg->seq, 1);
	rcv->copied = rcv->nxt;
	rcv->win.wup = rcv->nxt;
	rcv->win.space_seq = rcv->nxt;
	rcv->last_ack_sent = rcv->nxt;
	if (opts->has & TCP_HAS_MSS && opts->mss)
		conn->out.peer_mss = (uint16_t)MAX(opts->mss, tun->tcp_min_snd_mss);
	else
		conn->out.peer_mss = conn->path.dst.family == AF_INET ? TCP_PEER_MSS_DEFAULT : 1220;
	conn->out.wscale_ok = opts->has & TCP_HAS_WSCALE && tun->tcp_window_scaling;
	if (conn->out.wscale_ok) {
		conn->snd.wscale = (uint8_t)MIN(opts->wscale, WINDOW_SCALE_MAX);
	} else {
		conn->snd.wscale = 0;
		rcv->win.wscale = 0;
		rcv->win.clamp = MIN(rcv->win.clamp, WINDOW_UNSCALED_MAX);
	}
	conn->snd.board.sack_ok = opts->has & TCP_HAS_SACK_OK && tun->tcp_sack;
	/* RFC 3168 6.1.1: a SYN|ACK accepts with ECE alone, a SYN asks with both. */
	conn->ecn = (struct tcp_ecn){0};
	if (seg->hdr.flags & TCP_FLAG_ACK && ecn_asks_acc(tun->tcp_ecn) &&
	    ecn_ace(seg->hdr.flags) > 1 && ecn_ace(seg->hdr.flags) < 7) {
		ecn_start_acc(&conn->ecn, seg->ecn);
		conn->ecn.first = true;
	} else if (seg->hdr.flags & TCP_FLAG_ACK) {
		conn->ecn.ok = tcp_asks_ecn(conn) &&
			       (seg->hdr.flags & (TCP_FLAG_ECE | TCP_FLAG_CWR)) == TCP_FLAG_ECE;
	}
	conn->ecn.exact = conn->snd.cc.ops->flags & CC_NEEDS_ECN;
	rcv->paws.on = seg->ts && tun->tcp_timestamps;
	if (rcv->paws.on)
		paws_seed(&rcv->paws, opts->ts_val, tcp_now(conn));
	tcp_update_mss(conn);
}

static void enter_established(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	conn->snd.wnd = tcp_wnd_scaled(conn, seg);
	conn->snd.max_wnd = MAX(conn->snd.max_wnd, conn->snd.wnd);
	conn->snd.wl1 = seg->seq;
	conn->snd.wl2 = seg->ack;
	tcp_set_state(conn, TCP_ST_ESTABLISHED);
	tcp_conn_init_transfer(conn);
	sock_wake(&conn->sk, EPOLLOUT | EPOLLWRNORM);
	tcp_out_mark(conn);
}

/* RFC 9293 3.10.7.3, the acknowledgement of our SYN is acceptable. */
static enum drop syn_sent_synack(struct tcp_conn *conn, struct tcp_seg *seg)
{
	struct tcp_snd *snd = &conn->snd;
	struct ack_info info;

	learn_syn(conn, seg);
	ack_info_init(&info, tcp_now(conn));
	conn->stats.bytes_acked += seq_len(snd->una, seg->ack);
	snd->una = seg->ack;
	board_ack(&snd->board, &snd->rack, snd->una, snd->rec.high, 0, &info);
	if (conn->notes.count)
		tcp_note_acked(conn, snd->una);
	sendbuf_ack(&conn->sb, snd->una);
	if (info.first_sent >= 0 && !snd->rec.retrans_total) {
		rtt_min_sample(&snd->rtt, info.now - info.first_sent, info.now);
		rtt_sample(&snd->rtt, info.now - info.first_sent, snd->una, snd->nxt);
	}
	/* RFC 6298 5.7, RFC 5681 3.1: more than one SYN was needed. */
	if (snd->rec.timeouts > 1)
		cc_set_cwnd(&snd->cc, 1);
	snd->rec.timeouts = snd->rec.backoff = 0;
	tcp_stats_rto_over(conn);
	snd->rec.retrans_stamp = 0;
	enter_established(conn, seg);
	if ((conn->tfo.asked || conn->tfo.syn_data) && tcp_tfo_synack(conn, seg))
		return DROP_NONE; /* what goes out again acknowledges */
	/* Linux delays this ACK if data will carry it, or if the user asked to wait. */
	if (tcp_has_unsent(conn) || conn->cfg.defer_accept || conn->rcv.ack.pingpong) {
		conn->rcv.ack.scheduled = true;
		conn->rcv.ack.ato = TCP_DELACK_MIN;
		tcp_timers_delack(conn);
	} else {
		conn->out.need_ack = true;
	}
	if (seg->end.v - seg->seq.v > 1 && (conn->tfo.asked || conn->tfo.syn_data)) {
		enum drop drop = tcp_in_text(conn, seg);

		tcp_ack_check(conn);
		return drop;
	}
	return DROP_NONE;
}

/* RFC 9293 3.10.7.3 */
static enum drop in_syn_sent(struct tcp_conn *conn, struct tcp_seg *seg)
{
	uint16_t flags = seg->hdr.flags;
	struct tcp_snd *snd = &conn->snd;

	/* First, check the ACK bit. */
	if (flags & TCP_FLAG_ACK && (seq_le(seg->ack, snd->iss) || seq_gt(seg->ack, snd->nxt))) {
		tcp_send_rst_for(conn->tcp, seg, &conn->sk);
		return DROP_TCP_FUTURE_ACK;
	}
	/* RFC 7323 3.2: an echo that we never sent. */
	if (flags & TCP_FLAG_ACK && seg->ts && seg->opts.ts_ecr &&
	    conn->sk.core->tun.tcp_timestamps) {
		uint32_t first = (uint32_t)(conn->out.syn_sent / 1000000) + conn->out.ts_off;

		if ((int32_t)(seg->opts.ts_ecr - first) < 0 ||
		    (int32_t)(seg->opts.ts_ecr - tcp_ts_clock(conn->sk.core) - conn->out.ts_off) >
			    0) {
			MIB_INC(conn->sk.core, TcpExt_PAWSActive);
			tcp_send_rst_for(conn->tcp, seg, &conn->sk);
			return DROP_TCP_PAWS;
		}
	}
	/* Second, check the RST bit. */
	if (flags & TCP_FLAG_RST) {
		if (!(flags & TCP_FLAG_ACK))
			return DROP_TCP_BAD_RESET;
		tcp_reset_received(conn);
		return DROP_TCP_RESET;
	}
	/* Fourth, check the SYN bit. */
	if (!(flags & TCP_FLAG_SYN))
		return DROP_TCP_FLAGS;
	if (flags & TCP_FLAG_ACK)
		return syn_sent_synack(conn, seg);
	/* Simultaneous open. */
	learn_syn(conn, seg);
	snd->wnd = snd->max_wnd = seg->hdr.wnd;
	snd->wl1 = seg->seq;
	tcp_set_state(conn, TCP_ST_SYN_RCVD);
	snd->rec.timeouts = 0;
	tcp_send_syn(conn);
	tcp_timers_arm_rto(conn);
	return DROP_NONE;
}

/* RFC 7323 5.3 R1. @drop is written if the segment must not go on. */
static bool step_paws(struct tcp_conn *conn, const struct tcp_seg *seg, enum drop *drop)
{
	struct tcp_rcv *rcv = &conn->rcv;

	if (!rcv->paws.on || !seg->ts)
		return true;
	if (!paws_reject(&rcv->paws, seg->opts.ts_val, seg->hdr.flags & TCP_FLAG_RST,
			 tcp_now(conn)))
		return true;
	if (seg->hdr.flags & TCP_FLAG_RST)
		return true; /* a RST stands on its sequence number alone */
	/* Pure ACKs may be reordered by a millisecond tick; they carry nothing that could be old
	 * data. */
	if (seq_eq(seg->seq, seg->end) && seq_eq(seg->seq, rcv->nxt) &&
	    seq_eq(seg->ack, conn->snd.una) && tcp_wnd_scaled(conn, seg) == conn->snd.wnd &&
	    (int32_t)(rcv->paws.recent - seg->opts.ts_val) <=
		    (int32_t)(conn->snd.rtt.rto / 1000000))
		return true;
	MIB_INC(conn->sk.core, TcpExt_PAWSEstab);
	if (seg->hdr.flags & TCP_FLAG_SYN) {
		MIB_INC(conn->sk.core, TcpExt_TCPSYNChallenge);
		tcp_challenge_ack(conn);
	} else {
		send_dupack(conn, seg, !seg->len);
	}
	*drop = DROP_TCP_PAWS;
	return false;
}

/* First: the sequence number (RFC 9293 3.10.7.4, table of four cases). */
static bool step_sequence(struct tcp_conn *conn, const struct tcp_seg *seg, enum drop *drop)
{
	struct tcp_rcv *rcv = &conn->rcv;
	struct seq edge = seq_add(rcv->nxt, window_left(&rcv->win, rcv->nxt));

	/* The SYN that made this child of Fast Open again: our answer was lost. */
	if (conn->state == TCP_ST_SYN_RCVD && conn->tfo.child && seq_eq(seg->seq, rcv->irs) &&
	    (seg->hdr.flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) == TCP_FLAG_SYN) {
		if (!conn->out.oow_last ||
		    tcp_now(conn) - conn->out.oow_last >= tcp_ratelimit(conn->sk.core)) {
			conn->out.oow_last = tcp_now(conn);
			tcp_send_syn(conn);
		}
		*drop = DROP_TCP_BAD_SYN;
		return false;
	}
	if (seq_ge(seg->end, rcv->win.wup) && seq_le(seg->seq, edge))
		return true;
	*drop = seq_lt(seg->end, rcv->nxt) ? DROP_TCP_OLD_DATA : DROP_TCP_OUT_OF_WINDOW;
	if (seg->hdr.flags & TCP_FLAG_RST) {
		*drop = DROP_TCP_BAD_RESET;
	} else if (seg->hdr.flags & TCP_FLAG_SYN) {
		MIB_INC(conn->sk.core, TcpExt_TCPSYNChallenge);
		tcp_challenge_ack(conn);
	} else {
		send_dupack(conn, seg, !seg->len);
	}
	return false;
}

/* Second: RST (RFC 5961 3.2). */
static bool step_rst(struct tcp_conn *conn, const struct tcp_seg *seg, enum drop *drop)
{
	struct reasm *reasm = &conn->rcv.reasm;
	bool exact = seq_eq(seg->seq, conn->rcv.nxt);

	if (!(seg->hdr.flags & TCP_FLAG_RST))
		return true;
	/* With a hole at RCV.NXT the peer may be further: the end of what we SACKed is exact too.
	 */
	if (!exact && conn->snd.board.sack_ok) {
		for (unsigned int i = 0; i < reasm->nrecent; i++)
			exact = exact || seq_eq(seg->seq, reasm->recent[i].end);
	}
	if (exact) {
		tcp_reset_received(conn);
		*drop = DROP_TCP_RESET;
	} else {
		tcp_challenge_ack(conn);
		*drop = DROP_TCP_BAD_RESET;
	}
	return false;
}

/* Fourth: SYN (RFC 5961 4.2). */
static bool step_syn(struct tcp_conn *conn, const struct tcp_seg *seg, enum drop *drop)
{
	if (!(seg->hdr.flags & TCP_FLAG_SYN))
		return true;
	/* The other half of a simultaneous open is no surprise. */
	if (conn->state == TCP_ST_SYN_RCVD && seg->hdr.flags & TCP_FLAG_ACK &&
	    seq_eq(seq_add(seg->seq, 1), conn->rcv.nxt) && seq_eq(seg->ack, conn->snd.nxt))
		return true;
	MIB_INC(conn->sk.core, TcpExt_TCPSYNChallenge);
	tcp_challenge_ack(conn);
	*drop = DROP_TCP_BAD_SYN;
	return false;
}

/* Our SYN|ACK of a simultaneous open is acknowledged. */
static void syn_rcvd_acked(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	struct tcp_snd *snd = &conn->snd;
	struct ack_info info;

	ack_info_init(&info, tcp_now(conn));
	snd->una = seq_add(snd->iss, 1); /* what else is acknowledged, tcp_ack() looks at */
	board_ack(&snd->board, &snd->rack, snd->una, snd->rec.high, 0, &info);
	if (info.first_sent >= 0 && !snd->rec.timeouts)
		rtt_sample(&snd->rtt, info.now - info.first_sent, snd->una, snd->nxt);
	snd->rec.timeouts = snd->rec.backoff = 0;
	enter_established(conn, seg);
	if (conn->out.fin_queued)
		tcp_set_state(conn, TCP_ST_FIN_WAIT_1);
}

/* What the acknowledgement of our FIN means. Returns false if the connection is gone. */
static bool fin_acked(struct tcp_conn *conn)
{
	if (!conn->out.fin_sent || !seq_eq(conn->snd.una, conn->snd.nxt) || tcp_has_unsent(conn))
		return true;
	switch (conn->state) {
	case TCP_ST_FIN_WAIT_1:
		tcp_set_state(conn, TCP_ST_FIN_WAIT_2);
		sock_wake(&conn->sk, EPOLLOUT | EPOLLWRNORM);
		tcp_start_fin_wait2(conn);
		return conn->state != TCP_ST_CLOSED;
	case TCP_ST_CLOSING:
		tcp_enter_time_wait(conn);
		return false;
	case TCP_ST_LAST_ACK:
		tcp_done(conn, 0);
		return false;
	case TCP_ST_ESTABLISHED:
	case TCP_ST_SYN_SENT:
	case TCP_ST_SYN_RCVD:
	case TCP_ST_FIN_WAIT_2:
	case TCP_ST_TIME_WAIT:
	case TCP_ST_CLOSED:
	case TCP_ST_CLOSE_WAIT:
	case TCP_ST_LISTEN:
		break;
	}
	return true;
}

/* Fifth: ACK. */
static bool step_ack(struct tcp_conn *conn, const struct tcp_seg *seg, enum drop *drop)
{
	if (!(seg->hdr.flags & TCP_FLAG_ACK)) {
		*drop = DROP_TCP_FLAGS;
		return false;
	}
	if (conn->state == TCP_ST_SYN_RCVD) {
		if (seq_le(seg->ack, conn->snd.una) || seq_gt(seg->ack, conn->snd.nxt)) {
			tcp_send_rst_for(conn->tcp, seg, &conn->sk);
			*drop = DROP_TCP_FUTURE_ACK;
			return false;
		}
		syn_rcvd_acked(conn, seg);
	}
	switch (tcp_ack(conn, seg)) {
	case TCP_ACK_OK:
		break;
	case TCP_ACK_OLD:
		break; /* its text may still be new */
	case TCP_ACK_STALE:
		tcp_challenge_ack(conn);
		*drop = DROP_TCP_OLD_ACK;
		return false;
	case TCP_ACK_FUTURE:
		/* Deviates: RFC 9293 3.10.7.4 has an ACK here too; Linux stays silent while data flows.
		 */
		if (conn->state != TCP_ST_ESTABLISHED)
			tcp_challenge_ack(conn);
		*drop = DROP_TCP_FUTURE_ACK;
		return false;
	}
	if (!fin_acked(conn)) {
		*drop = DROP_NONE;
		return false;
	}
	return true;
}

/* Data for a half that the user has closed for good: reset, so that the peer learns (RFC
 * 9293 3.6.1, RFC 2525 2.17). */
static bool step_closed_reader(struct tcp_conn *conn, const struct tcp_seg *seg, enum drop *drop)
{
	struct seq data_end = seq_sub(seg->end, seg->hdr.flags & TCP_FLAG_FIN ? 1 : 0);

	if (!conn->orphan || !tcp_in(conn, ST(FIN_WAIT_1) | ST(FIN_WAIT_2)))
		return true;
	if (!seg->len || !seq_gt(data_end, conn->rcv.nxt))
		return true;
	MIB_INC(conn->sk.core, TcpExt_TCPAbortOnData);
	*drop = DROP_TCP_CLOSED;
	tcp_send_rst_for(conn->tcp, seg, &conn->sk);
	tcp_done(conn, ECONNRESET);
	return false;
}

/* RFC 9293 3.10.7.4 */
static enum drop in_other_states(struct tcp_conn *conn, struct tcp_seg *seg)
{
	enum drop drop = DROP_NONE;

	if (!step_paws(conn, seg, &drop) || !step_sequence(conn, seg, &drop) ||
	    !step_rst(conn, seg, &drop) || !step_syn(conn, seg, &drop))
		return drop;
	conn->timers.last_heard = tcp_now(conn);
	/* RFC 7323 4.3, but not by what the next step discards. */
	if (conn->rcv.paws.on && seg->ts && seq_le(seg->ack, conn->snd.nxt))
		paws_update(&conn->rcv.paws, seg->opts.ts_val, seg->seq, conn->rcv.last_ack_sent,
			    tcp_now(conn));
	if (!step_ack(conn, seg, &drop))
		return drop;
	if (!step_closed_reader(conn, seg, &drop))
		return drop;
	tcp_in_urgent(conn, seg);      /* sixth */
	drop = tcp_in_text(conn, seg); /* seventh and eighth */
	if (conn->state != TCP_ST_CLOSED)
		tcp_ack_check(conn);
	return drop;
}

enum drop tcp_segment(struct tcp_conn *conn, struct tcp_seg *seg)
{
	conn->rcv.segs += seg->nsegs;
	switch (conn->state) {
	case TCP_ST_CLOSED:
		tcp_send_rst_for(conn->tcp, seg, NULL);
		return DROP_TCP_CLOSED;
	case TCP_ST_LISTEN:
		return tcp_listen_segment(conn, seg, NULL);
	case TCP_ST_SYN_SENT:
		return in_syn_sent(conn, seg);
	case TCP_ST_SYN_RCVD:
	case TCP_ST_ESTABLISHED:
	case TCP_ST_FIN_WAIT_1:
	case TCP_ST_FIN_WAIT_2:
	case TCP_ST_CLOSE_WAIT:
	case TCP_ST_CLOSING:
	case TCP_ST_LAST_ACK:
	case TCP_ST_TIME_WAIT:
		return in_other_states(conn, seg);
	}
	return DROP_TCP_CLOSED;
}

/* Header, checksum and options of @pkt into @seg; the view moves to the payload. */
static enum drop parse(struct net_core *core, struct tcp_seg *seg, struct pkt *pkt)
{
	uint32_t segment_len = pkt->len;
	struct rd in;
	enum drop drop;

	if (!pkt_pullup(pkt, MIN(pkt->len, (uint32_t)TCP_HDR_MAX)))
		return DROP_NO_MEMORY;
	pkt_rd(pkt, &in);
	drop = tcp_parse(&seg->hdr, &in);
	if (drop)
		return drop;
	if (seg->hdr.hdr_len > pkt->len)
		return DROP_TCP_TRUNCATED;
	if (!pkt->offload.flags) {
		uint64_t sum = csum_pseudo(&pkt->ip.src, &pkt->ip.dst, IPPROTO_TCP, segment_len);

		if (csum_fold(csum_join(sum, pkt_csum(pkt, 0, segment_len)))) {
			MIB_INC(core, Tcp_InCsumErrors);
			return DROP_TCP_CHECKSUM;
		}
	}
	struct rd opts = rd_sub(&in, seg->hdr.hdr_len - TCP_HDR_LEN);

	(void)tcp_parse_opts(&seg->opts, &opts); /* what was readable holds (MUST-7) */
	seg->ts = seg->opts.has & TCP_HAS_TS;
	pkt_pull(pkt, seg->hdr.hdr_len);
	seg->pkt = pkt;
	seg->len = pkt->len;
	seg->seq = SEQ(seg->hdr.seq);
	seg->ack = SEQ(seg->hdr.ack);
	seg->end = seq_add(seg->seq, seg->len + !!(seg->hdr.flags & TCP_FLAG_SYN) +
					     !!(seg->hdr.flags & TCP_FLAG_FIN));
	seg->seg_size = pkt->offload.gso_size ? pkt->offload.gso_size : seg->len;
	seg->nsegs = seg->seg_size && seg->len > seg->seg_size
			     ? (seg->len + seg->seg_size - 1) / seg->seg_size
			     : 1;
	seg->ecn = pkt->ip.tos & 3u;
	pkt->ip.sport = seg->hdr.sport;
	pkt->ip.dport = seg->hdr.dport;
	return DROP_NONE;
}

/* RFC 2385 3.0: a segment is signed exactly if there is a key for its sender. */
static enum drop check_signature(struct tcp *tcp, const struct tcp_conn *conn,
				 const struct tcp_seg *seg)
{
	const struct pkt *pkt = seg->pkt;
	const struct md5sig_key *key = md5sig_find(conn->md5, &pkt->ip.src, pkt->ip.link);
	const uint8_t *hdr = pkt->base + pkt->off - seg->hdr.hdr_len;
	uint8_t digest[16];

	if (!key) {
		if (!(seg->opts.has & TCP_HAS_MD5))
			return DROP_NONE;
		MIB_INC(tcp->core, TcpExt_TCPMD5Unexpected);
		return DROP_TCP_MD5;
	}
	if (!(seg->opts.has & TCP_HAS_MD5)) {
		MIB_INC(tcp->core, TcpExt_TCPMD5NotFound);
		return DROP_TCP_MD5;
	}
	md5sig_digest(key, &pkt->ip.src, &pkt->ip.dst, hdr, seg->hdr.hdr_len + seg->len, pkt, 0,
		      digest);
	if (!memcmp(digest, seg->opts.md5, sizeof(digest)))
		return DROP_NONE;
	MIB_INC(tcp->core, TcpExt_TCPMD5Failure);
	return DROP_TCP_MD5;
}

static enum drop dispatch(struct tcp *tcp, struct tcp_seg *seg)
{
	struct pkt *pkt = seg->pkt;
	struct demux *demux = &tcp->ss->demux;
	struct net_endpoint local = {pkt->ip.dst, seg->hdr.dport};
	struct net_endpoint remote = {pkt->ip.src, seg->hdr.sport};
	struct demux_node *node;
	struct sock *sk;
	enum drop drop;

	node = demux_find_conn(demux, IPPROTO_TCP, &local, &remote, pkt->ip.link);
	if (node && node->kind == DEMUX_TIMEWAIT)
		return tcp_tw_segment(node, tcp, seg);
	if (node && node->kind == DEMUX_REQUEST) {
		drop = check_signature(tcp, tcp_req_listener(node), seg);
		return drop ? drop : tcp_req_segment(node, tcp, seg);
	}
	if (!node)
		node = demux_find_bound(demux, IPPROTO_TCP, &local, &remote, pkt->ip.link);
	if (!node) {
		tcp_send_rst_for(tcp, seg, NULL);
		return DROP_TCP_NO_SOCKET;
	}
	sk = container_of(node, struct sock, node);
	if (tcp_conn_of(sk)->md5 || seg->opts.has & TCP_HAS_MD5) {
		drop = check_signature(tcp, tcp_conn_of(sk), seg);
		if (drop)
			return drop;
	}
	return tcp_segment(tcp_conn_of(sk), seg);
}

void tcp_input(void *ctx, struct pkt *pkt)
{
	struct tcp *tcp = ctx;
	struct tcp_seg seg = {0};
	enum drop drop;

	pkt_uncharge(pkt); /* over the loopback: it has left the sender's queue */
	if (pkt->ip.multicast || pkt->ip.broadcast || pkt->ip.link_multi) {
		core_drop(tcp->core, pkt, DROP_TCP_NOT_UNICAST); /* RFC 9293 MUST-57 */
		return;
	}
	MIB_INC(tcp->core, Tcp_InSegs);
	drop = parse(tcp->core, &seg, pkt);
	if (drop) {
		MIB_INC(tcp->core, Tcp_InErrs);
		core_drop(tcp->core, pkt, drop);
		return;
	}
	drop = dispatch(tcp, &seg);
	if (!seg.pkt)
		tcp->core->drops.count[DROP_NONE]++; /* delivered: the receive queue has it */
	else if (drop)
		core_drop(tcp->core, seg.pkt, drop);
	else
		pkt_free(seg.pkt);
}
