/* SPDX-License-Identifier: Apache-2.0 */
/* The acknowledgement of a segment: what left the network, the send window, round-trip samples.
 *
 * Implements RFC 9293 3.10.7.4 fifth (ESTABLISHED), RFC 5961 5 (range of acceptable ACKs), RFC 6298
 * 3 and RFC 7323 4 (sampling). What a loss is and what follows is in recovery.c.
 */
#include "tcp/conn.h"

static void update_window(struct tcp_conn *conn, const struct tcp_seg *seg, struct ack_info *info)
{
	struct tcp_snd *snd = &conn->snd;
	uint32_t wnd = tcp_wnd_scaled(conn, seg);

	/* RFC 9293 3.10.7.4: not by an old segment; RFC 1122 4.2.2.20's three cases. */
	if (!(seq_gt(seg->ack, snd->una) || seq_gt(seg->seq, snd->wl1) ||
	      (seq_eq(seg->seq, snd->wl1) &&
	       (seq_gt(seg->ack, snd->wl2) || wnd > snd->wnd || !wnd))))
		return;
	snd->wl1 = seg->seq;
	snd->wl2 = seg->ack;
	if (wnd == snd->wnd)
		return;
	info->window_changed = true;
	snd->wnd = wnd;
	if (wnd > snd->max_wnd) {
		bool half = snd->mss > snd->max_wnd / 2;

		snd->max_wnd = wnd;
		if (half)
			tcp_update_mss(conn);
	}
}

/* RFC 7323 4.1: the sample that the echoed timestamp gives, or -1. */
static net_dur ts_sample(const struct tcp_conn *conn, const struct tcp_seg *seg)
{
	uint32_t sent, delta;

	if (!seg->ts || !seg->opts.ts_ecr)
		return -1;
	sent = seg->opts.ts_ecr - conn->out.ts_off;
	delta = tcp_ts_clock(conn->sk.core) - sent;
	if (delta > 0x7fffffffu / 1000)
		return -1;
	return NET_MS(delta ? delta : 1);
}

static void sample_rtt(struct tcp_conn *conn, const struct tcp_seg *seg, struct ack_info *info)
{
	struct tcp_snd *snd = &conn->snd;
	net_time now = info->now;
	net_dur sample = -1;

	if (info->retrans_acked) {
		info->first_sent = info->last_sent = -1; /* Karn */
		info->sack_first_sent = -1;
	}
	/* The oldest newly acknowledged data for the RTO, the newest for the path's minimum. */
	if (info->first_sent >= 0)
		sample = now - info->first_sent;
	else if (info->sack_first_sent >= 0)
		sample = now - info->sack_first_sent;
	else if (info->una_advanced)
		sample = ts_sample(conn, seg);
	if (sample < 0)
		return;
	info->rtt = info->last_sent >= 0 ? now - info->last_sent : sample;
	rtt_min_sample(&snd->rtt, info->rtt, now);
	rtt_sample(&snd->rtt, sample, snd->una, snd->nxt);
	snd->rec.backoff = 0; /* RFC 6298 5.7, Karn's rule is satisfied */
}

static void sample_rate(struct tcp_conn *conn, const struct ack_info *info)
{
	uint64_t delivered = conn->snd.board.delivered;
	net_dur interval;

	if (info->prior_delivered_at < 0)
		return;
	interval = info->now - info->prior_delivered_at;
	if (interval <= 0 || delivered <= info->prior_delivered)
		return;
	/* Keep the best recent one unless the application was the limit. */
	if (!info->rate_app_limited ||
	    (delivered - info->prior_delivered) *
			    (uint64_t)(conn->stats.rate_interval / 1000 + 1) >=
		    conn->stats.rate_segs * (uint64_t)(interval / 1000 + 1)) {
		conn->stats.rate_segs = delivered - info->prior_delivered;
		conn->stats.rate_interval = interval;
		conn->stats.rate_app_limited = info->rate_app_limited;
	}
}

static void apply_sack(struct tcp_conn *conn, const struct tcp_seg *seg, struct ack_info *info)
{
	struct tcp_snd *snd = &conn->snd;
	struct sack_block blocks[TCP_SACK_MAX];
	unsigned int n = 0;
	net_dur min = rtt_min(&snd->rtt);

	if (!(seg->opts.has & TCP_HAS_SACK) || !snd->board.sack_ok)
		return;
	for (; n < seg->opts.sack_count && n < TCP_SACK_MAX; n++) {
		blocks[n].start = SEQ(seg->opts.sack[n].start);
		blocks[n].end = SEQ(seg->opts.sack[n].end);
	}
	board_sack(&snd->board, &snd->rack, blocks, n, snd->una, snd->nxt, snd->rec.high,
		   snd->max_wnd ? snd->max_wnd : 65535, min < 0 ? 0 : min, info);
	if (info->dsack) {
		conn->stats.dsack_dups += info->dsack_segs;
		MIB_INC(conn->sk.core, TcpExt_TCPDSACKRecv);
	}
}

/* The echoed timestamp shows that the ACK answers something sent before the first retransmission.
 */
static bool echo_is_older(const struct tcp_conn *conn, const struct tcp_seg *seg)
{
	uint32_t stamp;

	if (!seg->ts || !seg->opts.ts_ecr || !conn->snd.rec.retrans_stamp)
		return false;
	stamp = (uint32_t)(conn->snd.rec.retrans_stamp / 1000000) + conn->out.ts_off;
	return (int32_t)(seg->opts.ts_ecr - stamp) < 0;
}

static void note_probes(struct tcp_conn *conn)
{
	struct tcp_timers *timers = &conn->timers;
	struct tcp_snd *snd = &conn->snd;

	timers->probes = 0;
	if (snd->board.out_segs || !tcp_has_unsent(conn))
		return;
	/* The window opened enough for the next segment: probing is over. */
	if (seq_diff(snd_wnd_end(snd), snd->nxt) >=
	    (int32_t)MIN(snd->mss, seq_len(snd->nxt, tcp_write_end(conn)))) {
		timers->persist_backoff = 0;
		timers->probes_since = 0;
	}
}

static void ack_advance(struct tcp_conn *conn, const struct tcp_seg *seg, struct ack_info *info)
{
	struct tcp_snd *snd = &conn->snd;
	net_dur min = rtt_min(&snd->rtt);

	info->una_advanced = true;
	conn->stats.bytes_acked += seq_len(snd->una, seg->ack);
	snd->una = seg->ack;
	snd->rec.timeouts = 0;
	tcp_stats_rto_over(conn);
	board_ack(&snd->board, &snd->rack, snd->una, snd->rec.high, min < 0 ? 0 : min, info);
	if (conn->notes.count)
		tcp_note_acked(conn, snd->una);
	sendbuf_ack(&conn->sb, snd->una);
	if (snd->up_ok && seq_le(snd->up, snd->una))
		snd->up_ok = false;
	MIB_ADD(conn->sk.core, TcpExt_TCPDelivered, info->acked_segs);
}

/* What the acknowledgement says about marks. True: the path is congested. */
static bool count_marks(struct tcp_conn *conn, const struct tcp_seg *seg,
			const struct ack_info *info)
{
	uint32_t segs = info->acked_segs + info->sacked_segs;

	if (!conn->ecn.ok || seg->hdr.flags & TCP_FLAG_SYN)
		return false;
	if (conn->ecn.acc)
		segs = conn->stats.new_marks;
	else if (!(seg->hdr.flags & TCP_FLAG_ECE))
		return false;
	conn->stats.new_marks = 0;
	conn->stats.delivered_ce += segs;
	MIB_ADD(conn->sk.core, TcpExt_TCPDeliveredCE, segs);
	return segs || !conn->ecn.acc;
}

static void after_ack(struct tcp_conn *conn, const struct tcp_seg *seg, struct ack_info *info)
{
	struct tcp_snd *snd = &conn->snd;
	bool had_reord = snd->board.reord_seen;
	bool more = tcp_has_unsent(conn) && seq_gt(snd_wnd_end(snd), snd->nxt);
	enum ca_state before = snd->rec.state;
	enum rexmit act;
	net_dur wait;
	bool marked;

	act = recovery_ack(snd, info, more, echo_is_older(conn, seg), &wait);
	if (!had_reord && snd->board.reord_seen)
		conn->stats.reord_seen++;
	if (before != CA_RECOVERY && snd->rec.state == CA_RECOVERY) {
		if (snd->board.sack_ok)
			MIB_INC(conn->sk.core, TcpExt_TCPSackRecovery);
		else
			MIB_INC(conn->sk.core, TcpExt_TCPRenoRecovery);
	}
	snd->rec.lost_total += info->lost_segs;
	/* RFC 3168 6.1.2: a mark counts like a loss, once per window. */
	marked = count_marks(conn, seg, info);
	if (marked)
		recovery_enter_cwr(snd, info->now);
	if (before < CA_CWR && snd->rec.state >= CA_CWR)
		conn->ecn.cwr = conn->ecn.ok && !conn->ecn.acc;
	recovery_cwnd(snd, info, conn->stats.delivered_ce);
	if (info->una_advanced)
		tcp_probe_acked(conn);
	if (info->probe_failed)
		tcp_probe_failed(conn);
	recovery_pacing(snd, (uint32_t)conn->sk.core->tun.tcp_pacing_ss_ratio,
			(uint32_t)conn->sk.core->tun.tcp_pacing_ca_ratio);
	if (info->una_advanced)
		tcp_timers_update(conn, true);
	if (wait)
		tcp_timers_reo(conn, wait);
	if (act == REXMIT_NEW)
		tcp_output(conn);
	if (act != REXMIT_NONE)
		tcp_retransmit_lost(conn);
}

enum tcp_ack_result tcp_ack(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	struct tcp_snd *snd = &conn->snd;
	struct ack_info info;

	if (seq_gt(seg->ack, snd->nxt))
		return TCP_ACK_FUTURE;
	/* RFC 5961 5.2 */
	if (seq_lt(seg->ack, seq_sub(snd->una, snd->max_wnd)))
		return TCP_ACK_STALE;
	ack_info_init(&info, tcp_now(conn));
	info.prior_flight = board_in_flight(&snd->board);
	info.has_data = !seq_eq(seg->seq, seg->end);
	if (seg->ts && seg->opts.ts_ecr && conn->rcv.paws.on)
		info.echo =
			tcp_now(conn) - tcp_now(conn) % 1000000 -
			NET_MS(tcp_ts_clock(conn->sk.core) + conn->out.ts_off - seg->opts.ts_ecr);
	conn->stats.last_ack_rcvd = tcp_now(conn);
	conn->err_soft = 0;
	if (seq_lt(seg->ack, snd->una)) {
		/* Old, but its SACK blocks may be news. */
		apply_sack(conn, seg, &info);
		if (info.sacked_segs || info.dsack) {
			info.has_data = true; /* not a duplicate of the current ACK */
			after_ack(conn, seg, &info);
		}
		return TCP_ACK_OLD;
	}
	update_window(conn, seg, &info);
	if (conn->ecn.acc && !(seg->hdr.flags & TCP_FLAG_SYN))
		conn->stats.new_marks += ecn_ace_received(&conn->ecn, ecn_ace(seg->hdr.flags));
	if (seq_gt(seg->ack, snd->una))
		ack_advance(conn, seg, &info);
	apply_sack(conn, seg, &info);
	if (info.acked_segs || info.sacked_segs) {
		sample_rtt(conn, seg, &info);
		sample_rate(conn, &info);
	}
	note_probes(conn);
	/* Without anything out there is nothing to recover, but window probes were answered. */
	if (snd->board.out_segs || info.una_advanced)
		after_ack(conn, seg, &info);
	else
		tcp_timers_update(conn, false);
	if (info.una_advanced) {
		ip_path_confirm(conn->tcp->ip, &conn->path);
		tcp_write_space(conn);
		tcp_chrono(conn);
	}
	if (tcp_has_unsent(conn))
		tcp_out_mark(conn);
	return TCP_ACK_OK;
}
