/* SPDX-License-Identifier: Apache-2.0 */
/* What to send now: segmentation, Nagle, sender's silly window avoidance, retransmission.
 *
 * Implements RFC 9293 3.8.6.2.1 (SWS, Nagle with Minshall's refinement), 3.8.1 (retransmission),
 * RFC 5681 (within cwnd), RFC 2018 (SACK on ACKs), RFC 7323 (timestamps on every segment). New data
 * goes out as super-segments of up to 64 KiB, by reference into the send buffer.
 */
#include "tcp/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "util/assert.h"

#define CAN_SEND (ST(ESTABLISHED) | ST(CLOSE_WAIT) | ST(FIN_WAIT_1) | ST(CLOSING) | ST(LAST_ACK))
#define SYNCHRONIZED (CAN_SEND | ST(FIN_WAIT_2) | ST(TIME_WAIT))

bool tcp_has_unsent(const struct tcp_conn *conn)
{
	return seq_lt(conn->snd.nxt, tcp_write_end(conn));
}

void tcp_out_mark(struct tcp_conn *conn)
{
	work_mark(&conn->sk.core->works, &conn->out.work);
}

/* The window to announce. On a SYN it is not scaled (RFC 7323 2.2). */
static uint16_t announce_window(struct tcp_conn *conn, bool syn)
{
	struct rcv_window *win = &conn->rcv.win;
	uint32_t before = win->wnd;
	uint16_t wnd;

	if (syn)
		return (uint16_t)MIN(win->wnd, WINDOW_UNSCALED_MAX);
	wnd = window_select(win, conn->rcv.nxt, tcp_rcv_used(conn));
	if (!win->wnd && before)
		MIB_INC(conn->sk.core, TcpExt_TCPToZeroWindowAdv);
	else if (win->wnd && !before)
		MIB_INC(conn->sk.core, TcpExt_TCPFromZeroWindowAdv);
	return wnd;
}

static void fill_opts(struct tcp_conn *conn, struct tcp_opts *opts, bool allow_sack)
{
	struct sack_block blocks[SACK_BLOCKS_MAX];
	unsigned int n;

	opts->has = 0;
	if (conn->rcv.paws.on) {
		opts->has |= TCP_HAS_TS;
		opts->ts_val = tcp_ts_clock(conn->sk.core) + conn->out.ts_off;
		opts->ts_ecr = conn->rcv.paws.recent;
	}
	if (!allow_sack || !conn->snd.board.sack_ok ||
	    (reasm_empty(&conn->rcv.reasm) && !conn->rcv.reasm.has_dsack))
		return;
	n = reasm_blocks(&conn->rcv.reasm, conn->rcv.nxt, blocks,
			 conn->rcv.paws.on ? SACK_BLOCKS_MAX - 1 : SACK_BLOCKS_MAX);
	if (!n)
		return;
	opts->has |= TCP_HAS_SACK;
	opts->sack_count = (uint8_t)n;
	for (unsigned int i = 0; i < n; i++) {
		opts->sack[i].start = blocks[i].start.v;
		opts->sack[i].end = blocks[i].end.v;
	}
}

static void fill_urgent(const struct tcp_conn *conn, struct tcp_hdr *hdr)
{
	const struct tcp_snd *snd = &conn->snd;
	uint32_t ahead = seq_len(SEQ(hdr->seq), snd->up);

	if (!snd->up_ok || seq_le(snd->up, SEQ(hdr->seq)))
		return;
	/* The pointer is the sequence number after the urgent byte (as in practice, RFC 6093 3.1).
	 */
	hdr->flags |= TCP_FLAG_URG;
	hdr->urg = ahead > 0xffff ? 0xffff : (uint16_t)ahead;
}

static bool is_paced(const struct tcp_conn *conn)
{
	return (conn->sk.opt.max_pacing_rate && conn->sk.opt.max_pacing_rate != ~0ull) ||
	       conn->snd.cc.ops->flags & CC_PACES;
}

uint64_t tcp_pacing_rate(const struct tcp_conn *conn)
{
	uint64_t max = conn->sk.opt.max_pacing_rate;

	return max && max < conn->snd.cc.pacing_rate ? max : conn->snd.cc.pacing_rate;
}

/* SO_MAX_PACING_RATE: too early? Then the timer continues. */
static bool pacing_waits(struct tcp_conn *conn)
{
	if (!is_paced(conn) || tcp_now(conn) >= conn->out.pace_next)
		return false;
	tcp_timers_pace(conn, conn->out.pace_next);
	return true;
}

static void pace(struct tcp_conn *conn, uint32_t len)
{
	if (!is_paced(conn))
		return;
	/* The first ten segments of a connection go as one: nothing is known of the path yet. */
	if (tcp_pacing_rate(conn) == CC_NOT_PACED || conn->stats.data_segs_out < CC_INIT_CWND)
		return;
	if (conn->out.pace_next < tcp_now(conn))
		conn->out.pace_next = tcp_now(conn);
	conn->out.pace_next +=
		(net_dur)(len * 1000000000ull / MAX(tcp_pacing_rate(conn), (uint64_t)1));
}

/* Everything that goes out of a synchronized connection passes here. Takes @pkt (the payload). */
static int transmit(struct tcp_conn *conn, struct pkt *pkt, struct seq seq, uint16_t flags,
		    const struct tcp_opts *opts, uint32_t mss)
{
	/* RFC 3168 6.1.2, 6.1.4, 6.1.5: only new data is ECT, and only it may carry CWR. */
	bool fresh = pkt->len && conn->ecn.ok && (conn->ecn.acc || seq_ge(seq, conn->snd.nxt));
	struct tcp_hdr hdr = {
		.sport = conn->sk.node.local.port,
		.dport = conn->sk.node.remote.port,
		.seq = seq.v,
		.ack = conn->rcv.nxt.v,
		.flags = flags | TCP_FLAG_ACK,
	};
	uint32_t len = pkt->len;
	uint32_t segs = len > mss ? (len + mss - 1) / mss : 1;

	conn->path.tos = (uint8_t)((conn->path.tos & ~3u) | (fresh ? ECN_ECT0 : ECN_NOT_ECT));
	if (conn->ecn.acc) {
		hdr.flags |= ecn_ace_flags(ecn_next_ace(&conn->ecn));
		conn->ecn.first = false;
	} else if (conn->ecn.echo) {
		hdr.flags |= TCP_FLAG_ECE;
	}
	if (fresh && conn->ecn.cwr) {
		hdr.flags |= TCP_FLAG_CWR;
		conn->ecn.cwr = false;
	}
	/* As Linux: a super-segment asks to be handed on, so that the receiver's merging ends with it. */
	if (segs > 1)
		hdr.flags |= TCP_FLAG_PSH;
	hdr.wnd = announce_window(conn, false);
	fill_urgent(conn, &hdr);
	conn->rcv.last_ack_sent = conn->rcv.nxt;
	conn->out.need_ack = false;
	conn->stats.segs_out += segs;
	if (len) {
		conn->stats.data_segs_out += segs;
		conn->stats.bytes_sent += len;
		conn->stats.last_data_sent = tcp_now(conn);
		pkt_set_charge(pkt, &conn->sk.charge);
		pace(conn, len);
	}
	tcp_timers_ack_sent(conn, segs);
	return tcp_emit_segment(conn->tcp, &conn->path, pkt, &hdr, opts, mss, tcp_md5_key(conn));
}

void tcp_send_ack(struct tcp_conn *conn)
{
	struct tcp_opts opts;
	struct pkt *pkt;

	if (!tcp_in(conn, SYNCHRONIZED | ST(SYN_RCVD)))
		return;
	pkt = pkt_new(&conn->sk.core->pool, PKT_HEADROOM);
	if (!pkt) {
		/* No memory: try again like a delayed ACK would. */
		conn->rcv.ack.scheduled = true;
		conn->rcv.ack.ato = TCP_DELACK_MIN;
		tcp_timers_delack(conn);
		return;
	}
	fill_opts(conn, &opts, true);
	transmit(conn, pkt, conn->snd.nxt, 0, &opts, conn->snd.mss);
}

void tcp_send_probe(struct tcp_conn *conn, bool urgent)
{
	struct pkt *pkt = pkt_new(&conn->sk.core->pool, PKT_HEADROOM);
	struct tcp_opts opts;

	if (!pkt)
		return;
	fill_opts(conn, &opts, true);
	/* One before the window: it must be answered (RFC 9293 3.8.4). */
	transmit(conn, pkt, urgent ? conn->snd.una : seq_sub(conn->snd.una, 1), 0, &opts,
		 conn->snd.mss);
}

void tcp_send_rst(struct tcp_conn *conn)
{
	struct tcp_reply reply = {
		.flags = TCP_FLAG_RST | TCP_FLAG_ACK,
		.seq = conn->snd.nxt,
		.ack = conn->rcv.nxt,
		.key = tcp_md5_key(conn),
	};

	struct tcp_opts opts = {.has = 0};

	if (conn->state == TCP_ST_SYN_SENT)
		return; /* nobody to tell: RFC 9293 3.10.5 */
	fill_opts(conn, &opts, false);
	reply.opts = &opts;
	tcp_send_reply(conn->tcp, &conn->path, &conn->sk.node.local, &conn->sk.node.remote, &reply);
}

/* RFC 7413: the first SYN carries what was taken for it. */
static void add_syn_data(struct tcp_conn *conn, struct pkt *pkt)
{
	uint32_t len = sendbuf_ref(&conn->sb, pkt, seq_add(conn->snd.iss, 1), conn->sb.bytes);

	conn->stats.data_segs_out++;
	conn->stats.bytes_sent += len;
	conn->stats.last_data_sent = tcp_now(conn);
	MIB_INC(conn->sk.core, TcpExt_TCPOrigDataSent);
}

void tcp_send_syn(struct tcp_conn *conn)
{
	struct net_core *core = conn->sk.core;
	struct pkt *pkt = pkt_new(&core->pool, PKT_HEADROOM);
	struct tcp_hdr hdr = {
		.sport = conn->sk.node.local.port,
		.dport = conn->sk.node.remote.port,
		.seq = conn->snd.iss.v,
		.flags = TCP_FLAG_SYN,
	};
	struct tcp_opts opts = {.has = TCP_HAS_MSS, .mss = conn->out.adv_mss};
	bool synack = conn->state == TCP_ST_SYN_RCVD;

	if (!pkt)
		return; /* the timer tries again */
	if (synack) {
		hdr.flags |= TCP_FLAG_ACK;
		hdr.ack = conn->rcv.nxt.v;
	} else {
		/* RFC 3168 6.1.1.1: what is lost may have been lost to the question. */
		if (tcp_asks_ecn(conn) && !conn->snd.rec.timeouts)
			hdr.flags |= TCP_FLAG_ECE | TCP_FLAG_CWR |
				     (ecn_asks_acc(core->tun.tcp_ecn) ? TCP_FLAG_AE : 0);
	}
	if (core->tun.tcp_timestamps && (!synack || conn->rcv.paws.on)) {
		opts.has |= TCP_HAS_TS;
		opts.ts_val = tcp_ts_clock(core) + conn->out.ts_off;
		opts.ts_ecr = synack ? conn->rcv.paws.recent : 0;
	}
	if (core->tun.tcp_sack && (!synack || conn->snd.board.sack_ok))
		opts.has |= TCP_HAS_SACK_OK;
	if (core->tun.tcp_window_scaling && (!synack || conn->out.wscale_ok)) {
		opts.has |= TCP_HAS_WSCALE;
		opts.wscale = conn->rcv.win.wscale;
	}
	if (conn->tfo.cookie.len >= 0) {
		opts.has |= TCP_HAS_FASTOPEN;
		opts.fastopen_len = (uint8_t)conn->tfo.cookie.len;
		opts.fastopen_exp = conn->tfo.cookie.exp;
		memcpy(opts.fastopen, conn->tfo.cookie.val, sizeof(opts.fastopen));
	}
	if (!synack && conn->sb.bytes && !conn->snd.rec.retrans_total)
		add_syn_data(conn, pkt);
	hdr.wnd = announce_window(conn, true);
	conn->rcv.last_ack_sent = conn->rcv.nxt;
	conn->stats.segs_out++;
	if (synack)
		tcp_timers_ack_sent(conn, 1);
	tcp_emit_segment(conn->tcp, &conn->path, pkt, &hdr, &opts, 0, tcp_md5_key(conn));
}

/* Payload that one segment may carry now: a SACK option takes some of it. */
static uint32_t current_mss(const struct tcp_conn *conn, const struct tcp_opts *opts)
{
	uint32_t mss = conn->snd.mss;
	uint32_t sack = opts->has & TCP_HAS_SACK ? 4 + 8u * opts->sack_count : 0;

	return mss > sack + 32 ? mss - sack : mss;
}

/* Segments for one super-segment, by Linux's rules: about a millisecond of the rate, more on short
 * paths, and at least tcp_min_tso_segs; but half of the window, so that two are on the way. */
static uint32_t autosize(const struct tcp_conn *conn, uint32_t mss)
{
	const struct net_tunables *tun = &conn->sk.core->tun;
	const struct tcp_snd *snd = &conn->snd;
	uint64_t bytes = tcp_pacing_rate(conn) >> 10;
	net_dur min = rtt_min(&snd->rtt);
	uint64_t far = min < 0 ? ~0ull : (uint64_t)min / 1000 >> tun->tcp_tso_rtt_log;
	uint64_t segs;

	/* A rate that is kept is kept in small steps, however short the path is. */
	if (far < 17 && !is_paced(conn))
		bytes += 65536u >> far;
	segs = MIN(bytes, (uint64_t)65536) / mss;
	segs = MAX(segs, (uint64_t)tun->tcp_min_tso_segs);
	segs = MIN(segs, (uint64_t)MAX(snd->cc.cwnd / 2, 1u));
	return (uint32_t)segs;
}

static uint32_t gso_limit(const struct tcp_conn *conn, uint32_t mss)
{
	uint32_t room = ip_path_gso_max(&conn->path) - ip_path_hdr_len(&conn->path) - TCP_HDR_MAX;

	/* Each segment is signed by itself. */
	if (conn->md5)
		return mss;
	/* Who cuts a super-segment takes CWR off all parts but the first (RFC 3168). */
	if (conn->ecn.acc && ecn_ace_flags(ecn_next_ace(&conn->ecn)) & TCP_FLAG_CWR)
		return mss;
	return MIN(room > mss ? room - room % mss : mss, autosize(conn, mss) * mss);
}

/* Sends [seq, seq+len) and, with @fin, the FIN after it. For first and repeated transmission.
 * Returns the bytes that went out, or a negative errno. */
static ssize_t send_range(struct tcp_conn *conn, struct seq seq, uint32_t len, bool fin,
			  uint32_t mss, const struct tcp_opts *opts)
{
	struct pkt *pkt = pkt_new(&conn->sk.core->pool, PKT_HEADROOM);
	uint16_t flags = 0;
	uint32_t got;
	int r;

	if (!pkt)
		return -ENOBUFS;
	got = sendbuf_ref(&conn->sb, pkt, seq, len);
	if (len && !got) {
		pkt_free(pkt);
		return -ENOBUFS;
	}
	if (got < len)
		fin = false;
	if (got && (seq_eq(seq_add(seq, got), sendbuf_end(&conn->sb)) ||
		    (conn->sb.eors && seq_eq(seq_add(seq, got),
					     sendbuf_record_end(&conn->sb, seq_add(seq, got - 1))))))
		flags |= TCP_FLAG_PSH;
	if (fin)
		flags |= TCP_FLAG_FIN;
	r = transmit(conn, pkt, seq, flags, opts, mss);
	/* A full queue here is a loss like any other on the way: the data counts as sent. */
	if (r < 0 && r != -ENOBUFS && r != -EMSGSIZE && r != -ENETUNREACH && r != -EHOSTUNREACH)
		return r;
	return got;
}

/* RFC 9293 3.7.4: may a segment that is not full be sent now? */
static bool nagle_allows(const struct tcp_conn *conn)
{
	const struct tcp_snd *snd = &conn->snd;

	if (conn->out.work_push || snd->up_ok || conn->out.fin_queued)
		return true;
	if (conn->cfg.cork || conn->out.more)
		return false;
	if (conn->cfg.nodelay || !snd->board.out_segs)
		return true;
	/* Minshall: only a small segment that is still out holds the next one back. */
	return !(seq_gt(snd->sml, snd->una) && seq_le(snd->sml, snd->nxt));
}

/* Wait for more room rather than send a small part of a super-segment now? ACKs that are under way
 * will bring it; small super-segments would cost more in each queue and never grow again. */
static bool tso_defer(const struct tcp_conn *conn, uint32_t len, uint32_t avail, uint32_t mss,
		      uint32_t max)
{
	const struct tcp_snd *snd = &conn->snd;
	const struct sack_range *first = board_first(&snd->board);
	uint64_t cwnd_bytes = (uint64_t)snd->cc.cwnd * mss;
	uint64_t chunk = MIN((uint64_t)snd->wnd, cwnd_bytes) / 3;

	if (!first || snd->rec.state >= CA_RECOVERY || conn->out.fin_queued || snd->up_ok)
		return false;
	if (len >= avail || len >= max || len >= chunk)
		return false;
	/* Only in the middle of a burst, and only if the next ACK is near: no ACK clock, no
	 * waiting. */
	if (tcp_now(conn) - snd->last_sent > NET_MS(1))
		return false;
	return tcp_now(conn) - first->sent >= snd->rtt.srtt / 2;
}

/* How many bytes of new data to send next; 0: none now. */
static uint32_t next_len(struct tcp_conn *conn, uint32_t mss, bool *ret_fin)
{
	struct tcp_snd *snd = &conn->snd;
	uint32_t avail = tcp_unsent(conn);
	uint32_t flight = board_in_flight(&snd->board);
	int32_t wnd = seq_diff(snd_wnd_end(snd), snd->nxt);
	uint32_t max = gso_limit(conn, mss);
	uint32_t len;
	bool fin = conn->out.fin_queued;
	bool record = false;

	*ret_fin = false;
	if (snd->cc.cwnd <= flight) {
		/* The last FIN need not wait for congestion control. */
		if (!fin || avail > mss) {
			conn->out.cwnd_limited = true;
			return 0;
		}
		len = MIN(avail, mss);
	} else {
		uint64_t quota = (uint64_t)(snd->cc.cwnd - flight) * mss;

		len = MIN(avail, max);
		if (quota < len) {
			len = (uint32_t)quota;
			conn->out.cwnd_limited = true;
		}
	}
	if (!avail) {
		*ret_fin = fin && wnd > 0;
		return 0;
	}
	/* MSG_EOR: a segment ends with the record, and what lies behind it is no reason to wait. */
	if (conn->sb.eors) {
		uint32_t left = seq_len(snd->nxt, sendbuf_record_end(&conn->sb, snd->nxt));

		if (left < avail) {
			record = left <= len && left <= (uint32_t)MAX(wnd, 0);
			len = MIN(len, left);
		}
	}
	if (record)
		return len;
	/* RFC 9293 3.8.6.2.1: a segment must fit whole; the persist timer is the override. */
	if (wnd < (int32_t)MIN(avail, mss)) {
		conn->out.wnd_limited = true;
		return 0;
	}
	len = MIN(len, (uint32_t)wnd);
	if (len < avail || (uint32_t)wnd < avail) {
		if (len > mss)
			len -= len % mss;
		if (tso_defer(conn, len, avail, mss, max))
			return 0;
	} else if (len % mss && !nagle_allows(conn)) {
		len -= len % mss;
	}
	*ret_fin = fin && len == avail && (uint32_t)wnd > len;
	return len;
}

static void data_sent(struct tcp_conn *conn, struct seq end, uint32_t len, uint32_t mss)
{
	struct tcp_snd *snd = &conn->snd;
	net_time now = tcp_now(conn);

	snd->nxt = end;
	snd->last_sent = now;
	if (conn->notes.count)
		tcp_note_sent(conn, end);
	if (len % mss)
		snd->sml = end;
	/* Data soon after data: a conversation, let ACKs ride along. */
	if (now - conn->rcv.ack.last_rcv < conn->rcv.ack.ato)
		conn->rcv.ack.pingpong = true;
	if (snd->cc.max_out < snd->board.out_segs || seq_gt(snd->una, conn->out.max_cwnd_end)) {
		snd->cc.max_out = snd->board.out_segs;
		snd->cc.limited = conn->out.cwnd_limited;
		conn->out.max_cwnd_end = snd->nxt;
	}
	if (recovery_reducing(&snd->rec))
		snd->rec.prr_out += len > mss ? (len + mss - 1) / mss : 1;
}

/* RFC 5681 4.1 / RFC 2861 */
static void restart_after_idle(struct tcp_conn *conn)
{
	struct tcp_snd *snd = &conn->snd;
	net_dur idle = tcp_now(conn) - snd->last_sent;

	if (snd->board.out_segs || !snd->last_sent)
		return;
	if (snd->cc.ops->restart)
		snd->cc.ops->restart(&snd->cc, tcp_now(conn), idle);
	if (conn->sk.core->tun.tcp_slow_start_after_idle && idle > snd->rtt.rto)
		cc_restart_after_idle(&snd->cc, idle, snd->rtt.rto, CC_INIT_CWND);
}

static bool queue_limited(const struct tcp_conn *conn)
{
	uint32_t limit = (uint32_t)conn->sk.core->tun.tcp_limit_output_bytes;

	return limit && conn->sk.charge.used > limit;
}

/* RFC 4821: sends a probe if it is time for one. */
static void send_probe_segment(struct tcp_conn *conn)
{
	struct tcp_snd *snd = &conn->snd;
	uint32_t len = tcp_probe_len(conn);
	struct seq start = snd->nxt;
	struct tcp_opts opts;

	if (!len || board_sent(&snd->board, start, seq_add(start, len), len, 0, tcp_now(conn),
			       false) < 0)
		return;
	fill_opts(conn, &opts, false);
	send_range(conn, start, len, false, len, &opts);
	tcp_probe_sent(conn, start, len);
	data_sent(conn, seq_add(start, len), len, len);
}

/* Sends one piece of new data. False: nothing was sent. */
static bool send_next(struct tcp_conn *conn)
{
	struct tcp_snd *snd = &conn->snd;
	struct seq seq = snd->nxt;
	struct tcp_opts opts;
	uint32_t mss, len;
	bool fin;
	ssize_t sent;
	struct seq end;

	/* SACK blocks belong on data only if data goes out, so that a DSACK is not used up here. */
	opts.has = 0;
	mss = snd->mss;
	if (!reasm_empty(&conn->rcv.reasm) || conn->rcv.reasm.has_dsack) {
		opts.has = TCP_HAS_SACK;
		opts.sack_count = SACK_BLOCKS_MAX - 1;
		mss = current_mss(conn, &opts);
	}
	len = next_len(conn, mss, &fin);
	if (!len && !fin)
		return false;
	end = seq_add(seq, len + fin);
	if (board_sent(&snd->board, seq, end, mss, fin ? SACK_FIN : 0, tcp_now(conn),
		       conn->out.app_limited) < 0)
		return false;
	fill_opts(conn, &opts, true);
	sent = send_range(conn, seq, len, fin, mss, &opts);
	if (sent < 0 || (uint32_t)sent < len) {
		/* Not all of it: the range stands for what was meant; loss recovery sends the rest.
		 */
		if (sent < 0)
			sent = 0;
	}
	if (fin)
		conn->out.fin_sent = true;
	MIB_ADD(conn->sk.core, TcpExt_TCPOrigDataSent, board_last(&snd->board)->segs);
	data_sent(conn, end, len, mss);
	return true;
}

void tcp_chrono(struct tcp_conn *conn)
{
	struct tcp_stats *stats = &conn->stats;
	enum tcp_chrono now = TCP_CHRONO_BUSY;

	if (!conn->sb.bytes)
		now = TCP_CHRONO_NONE;
	else if (conn->out.wnd_limited)
		now = TCP_CHRONO_RWND;
	else if (conn->out.nospace && !tcp_unsent(conn))
		now = TCP_CHRONO_SNDBUF;
	if (now == stats->chrono)
		return;
	stats->chrono_sum[stats->chrono] += tcp_now(conn) - stats->chrono_since;
	stats->chrono = now;
	stats->chrono_since = tcp_now(conn);
}

void tcp_output(struct tcp_conn *conn)
{
	bool sent = false;

	if (conn->repair.on)
		return;

	if (tcp_in(conn, CAN_SEND) || (conn->state == TCP_ST_SYN_RCVD && conn->tfo.child)) {
		conn->out.cwnd_limited = conn->out.wnd_limited = false;
		if (tcp_has_unsent(conn))
			restart_after_idle(conn);
		if (ip_path_check(conn->tcp->ip, &conn->path) == 0 &&
		    ip_path_mtu(conn->tcp->ip, &conn->path) != conn->out.pmtu)
			tcp_update_mss(conn);
		send_probe_segment(conn);
		while (tcp_has_unsent(conn) && !queue_limited(conn) && !pacing_waits(conn) &&
		       send_next(conn))
			sent = true;
		conn->out.work_push = false;
		conn->out.app_limited = !tcp_has_unsent(conn);
		if (conn->out.cwnd_limited)
			conn->snd.cc.limited = true;
		if (sent || tcp_has_unsent(conn))
			tcp_timers_update(conn, false);
		tcp_chrono(conn);
	}
	if (conn->out.need_ack)
		tcp_send_ack(conn);
}

void tcp_out_run(struct work *work)
{
	struct tcp_conn *conn = container_of(work, struct tcp_conn, out.work);

	tcp_output(conn);
}

/* Repeats @range, at most @max_segs of it; a loss probe begins no episode. 0 or errno. */
static int retransmit(struct tcp_conn *conn, struct sack_range *range, uint32_t max_segs,
		      bool probe)
{
	struct tcp_snd *snd = &conn->snd;
	struct tcp_opts opts;
	uint32_t mss = snd->mss, len;
	bool fin;
	ssize_t sent;
	int r;

	if (ip_path_check(conn->tcp->ip, &conn->path) < 0)
		return -EHOSTUNREACH;
	fill_opts(conn, &opts, false);
	/* A probe that is repeated proves nothing. */
	if (snd->probing && seq_eq(range->start, snd->probe_start)) {
		snd->probing = false;
		conn->mtup.probe = 0;
	}
	max_segs = MIN(max_segs, gso_limit(conn, mss) / mss);
	/* The path may carry less than when it was sent first. */
	len = seq_len(range->start, range->end);
	if (len > max_segs * mss && len - (range->flags & SACK_FIN ? 1 : 0) > max_segs * mss) {
		r = board_split(&snd->board, range, seq_add(range->start, max_segs * mss));
		if (r < 0)
			return r;
	}
	if (range->mss != mss) {
		uint32_t segs = MAX(1u, (seq_len(range->start, range->end) + mss - 1) / mss);

		if (segs != range->segs)
			board_resize(&snd->board, range, mss, segs);
	}
	fin = range->flags & SACK_FIN;
	len = seq_len(range->start, range->end) - fin;
	sent = send_range(conn, range->start, len, fin, mss, &opts);
	if (sent < 0)
		return (int)sent;
	board_retransmitted(&snd->board, range, tcp_now(conn));
	if (probe)
		snd->rec.retrans_total += range->segs;
	else
		recovery_retransmitted(snd, range, tcp_now(conn));
	conn->stats.bytes_retrans += len;
	MIB_ADD(conn->sk.core, Tcp_RetransSegs, range->segs);
	if (snd->rec.state == CA_LOSS)
		MIB_INC(conn->sk.core, TcpExt_TCPSlowStartRetrans);
	else if (snd->rec.state == CA_RECOVERY)
		MIB_INC(conn->sk.core, TcpExt_TCPFastRetrans);
	return 0;
}

int tcp_retransmit_first(struct tcp_conn *conn)
{
	struct sack_range *first = board_first(&conn->snd.board);

	if (!first)
		return -ENOENT;
	return retransmit(conn, first, 1, false);
}

void tcp_retransmit_lost(struct tcp_conn *conn)
{
	struct tcp_snd *snd = &conn->snd;
	struct sack_range *range = board_first(&snd->board);
	bool any = false;

	for (; range && snd->board.lost_segs > 0; range = board_next(&snd->board, range)) {
		uint32_t flight = board_in_flight(&snd->board);

		if (!(range->flags & SACK_LOST) || (range->flags & SACK_RETRANS))
			continue;
		if (flight >= snd->cc.cwnd || queue_limited(conn) || pacing_waits(conn))
			break;
		if (retransmit(conn, range, snd->cc.cwnd - flight, false) < 0)
			break;
		any = true;
	}
	if (any)
		tcp_timers_update(conn, false);
}

bool tcp_send_tlp(struct tcp_conn *conn)
{
	struct tcp_snd *snd = &conn->snd;
	struct sack_range *last = board_last(&snd->board);
	uint32_t avail = tcp_unsent(conn);
	uint32_t len = MIN(avail, snd->mss);
	struct tcp_opts opts;

	if (!last || snd->rec.tlp_pending)
		return false;
	MIB_INC(conn->sk.core, TcpExt_TCPLossProbes);
	/* RFC 8985 7.3: new data if there is any and the peer's window allows, else the last
	 * segment. */
	if (len && seq_le(seq_add(snd->nxt, len), snd_wnd_end(snd))) {
		struct seq end = seq_add(snd->nxt, len);

		if (board_sent(&snd->board, snd->nxt, end, snd->mss, SACK_PROBE, tcp_now(conn),
			       false) < 0)
			return false;
		fill_opts(conn, &opts, false);
		send_range(conn, snd->nxt, len, false, snd->mss, &opts);
		data_sent(conn, end, len, snd->mss);
		recovery_tlp_sent(snd, false);
		return true;
	}
	if (last->segs > 1) {
		uint32_t tail = seq_len(last->start, last->end) % last->mss;

		if (board_split(&snd->board, last, seq_sub(last->end, tail ? tail : last->mss)) < 0)
			return false;
		last = board_last(&snd->board);
	}
	if (last->flags & SACK_SACKED || retransmit(conn, last, 1, true) < 0)
		return false;
	last->flags |= SACK_PROBE;
	recovery_tlp_sent(snd, true);
	return true;
}

void tcp_write_wakeup(struct tcp_conn *conn)
{
	struct tcp_snd *snd = &conn->snd;
	int32_t wnd = seq_diff(snd_wnd_end(snd), snd->nxt);
	uint32_t avail = tcp_unsent(conn);
	struct tcp_opts opts;
	uint32_t len;
	bool fin;
	struct seq end;

	if (tcp_in(conn, CAN_SEND) && tcp_has_unsent(conn) && wnd > 0) {
		len = MIN(avail, (uint32_t)wnd);
		len = MIN(len, snd->mss);
		fin = conn->out.fin_queued && len == avail && (uint32_t)wnd > len;
		end = seq_add(snd->nxt, len + fin);
		if (board_sent(&snd->board, snd->nxt, end, snd->mss, fin ? SACK_FIN : 0,
			       tcp_now(conn), false) < 0)
			return;
		fill_opts(conn, &opts, true);
		send_range(conn, snd->nxt, len, fin, snd->mss, &opts);
		if (fin)
			conn->out.fin_sent = true;
		data_sent(conn, end, len, snd->mss);
		return;
	}
	if (snd->up_ok)
		tcp_send_probe(conn, true);
	tcp_send_probe(conn, false);
}
