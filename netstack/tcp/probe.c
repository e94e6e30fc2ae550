/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of the path MTU in the life of a connection.
 *
 * Implements RFC 4821 with tcp_mtu_probing: 1 begins when a black hole is suspected, 2 at once. A
 * probe is new data in one large segment, with enough behind it that its loss is noticed by SACKs.
 */
#include "tcp/conn.h"

#define PROBE_CWND 11u /* not in the middle of small windows */

static uint32_t hdrs_len(const struct tcp_conn *conn)
{
	return ip_path_hdr_len(&conn->path) + TCP_HDR_LEN;
}

static uint32_t opts_len(const struct tcp_conn *conn)
{
	return (conn->rcv.paws.on ? TCP_TS_OPT_LEN : 0) + (conn->md5 ? MD5SIG_OPT_LEN : 0);
}

static void start(struct tcp_conn *conn)
{
	uint32_t hdrs = hdrs_len(conn);
	uint32_t high = MIN(ip_path_mtu(conn->tcp->ip, &conn->path), conn->out.peer_mss + hdrs);

	mtup_start(&conn->mtup, (uint32_t)conn->sk.core->tun.tcp_base_mss + hdrs, high,
		   tcp_now(conn));
	tcp_update_mss(conn);
}

void tcp_probe_init(struct tcp_conn *conn)
{
	if (conn->sk.core->tun.tcp_mtu_probing > 1)
		start(conn);
}

/* What was found may be out of date after tcp_probe_interval: paths change. */
static void check_again(struct tcp_conn *conn)
{
	struct mtup *mtup = &conn->mtup;

	if (tcp_now(conn) - mtup->since < NET_SEC(conn->sk.core->tun.tcp_probe_interval_s))
		return;
	mtup->high = MIN(ip_path_mtu(conn->tcp->ip, &conn->path),
			 conn->out.peer_mss + hdrs_len(conn));
	mtup->since = tcp_now(conn);
}

uint32_t tcp_probe_len(struct tcp_conn *conn)
{
	const struct tcp_snd *snd = &conn->snd;
	uint32_t size, len, needed;

	if (!conn->mtup.on || snd->rec.state != CA_OPEN || snd->cc.cwnd < PROBE_CWND ||
	    snd->board.sacked_segs || conn->sb.eors)
		return 0;
	size = mtup_next(&conn->mtup, (uint32_t)conn->sk.core->tun.tcp_probe_threshold);
	if (!size) {
		check_again(conn);
		return 0;
	}
	len = size - hdrs_len(conn) - opts_len(conn);
	needed = len + (snd->board.reordering + 1) * snd->mss;
	if (len <= snd->mss || tcp_unsent(conn) < needed ||
	    seq_diff(snd_wnd_end(snd), snd->nxt) < (int32_t)needed ||
	    board_in_flight(&snd->board) + 2 > snd->cc.cwnd)
		return 0;
	return len;
}

void tcp_probe_sent(struct tcp_conn *conn, struct seq start_seq, uint32_t len)
{
	conn->mtup.probe = len + hdrs_len(conn) + opts_len(conn);
	conn->snd.probing = true;
	conn->snd.probe_start = start_seq;
	conn->snd.probe_end = seq_add(start_seq, len);
	cc_set_cwnd(&conn->snd.cc, conn->snd.cc.cwnd - 1); /* it is as large as two */
}

void tcp_probe_acked(struct tcp_conn *conn)
{
	struct cc *cc = &conn->snd.cc;
	uint32_t before = conn->snd.mss;

	if (!conn->snd.probing || seq_lt(conn->snd.una, conn->snd.probe_end))
		return;
	conn->snd.probing = false;
	mtup_passed(&conn->mtup, tcp_now(conn));
	MIB_INC(conn->sk.core, TcpExt_TCPMTUPSuccess);
	tcp_update_mss(conn);
	/* The window stays what it was in bytes. */
	cc_set_cwnd(cc, (uint32_t)((uint64_t)cc->cwnd * before / conn->snd.mss));
}

void tcp_resize_lost(struct tcp_conn *conn)
{
	struct sack_board *board = &conn->snd.board;
	struct sack_range *range;
	uint32_t mss = conn->snd.mss;

	list_for_each_entry(range, &board->ranges, by_seq)
	{
		if ((range->flags & SACK_SACKED) || range->mss <= mss)
			continue;
		board_resize(board, range, mss,
			     (seq_len(range->start, range->end) + mss - 1) / mss);
		board_mark_lost(board, range);
	}
	if (!board->lost_segs)
		return;
	recovery_lost_without_congestion(&conn->snd);
	tcp_retransmit_lost(conn);
}

void tcp_probe_failed(struct tcp_conn *conn)
{
	conn->snd.probing = false;
	mtup_failed(&conn->mtup);
	MIB_INC(conn->sk.core, TcpExt_TCPMTUPFail);
	cc_set_cwnd(&conn->snd.cc, conn->snd.cc.cwnd + 1);
	tcp_resize_lost(conn);
}

void tcp_probe_blackhole(struct tcp_conn *conn)
{
	const struct net_tunables *tun = &conn->sk.core->tun;

	if (!tun->tcp_mtu_probing)
		return;
	if (!conn->mtup.on)
		start(conn);
	else
		mtup_blackhole(&conn->mtup, hdrs_len(conn), (uint32_t)tun->tcp_base_mss,
			       (uint32_t)MAX(tun->tcp_mtu_probe_floor, tun->tcp_min_snd_mss));
	tcp_update_mss(conn);
}
