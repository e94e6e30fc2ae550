/* SPDX-License-Identifier: Apache-2.0 */
/* TCP_INFO with real values, and the lines of /proc/net/tcp. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "tcp/conn.h"

/* Linux's struct tcp_info up to 6.x; readers take the prefix that they know. */
struct info {
	uint8_t state, ca_state, retransmits, probes, backoff, options;
	uint8_t wscales; /* sender's shift in the low half, ours in the high half */
	uint8_t app_limited; /* bit 0; above it tcpi_fastopen_client_fail */
	uint32_t rto, ato, snd_mss, rcv_mss;
	uint32_t unacked, sacked, lost, retrans, fackets;
	uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
	uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
	uint32_t rcv_rtt, rcv_space, total_retrans;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
	uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd, rcv_wnd, rehash;
	uint16_t total_rto, total_rto_recoveries;
	uint32_t total_rto_time;
	uint32_t received_ce; /* packets */
	uint32_t delivered_bytes[3], received_bytes[3]; /* ECT(1), ECT(0), CE */
	uint32_t ecn_mode;				/* two bits, of which 1 is ECN and 2 AccECN */
};

#define OPT_TIMESTAMPS 1
#define OPT_SACK 2
#define OPT_WSCALE 4
#define OPT_ECN 8
#define OPT_ECN_SEEN 16
#define OPT_SYN_DATA 32
#define OPT_TFO_CHILD 128

static uint32_t us(net_dur d)
{
	return d < 0 ? 0 : (uint32_t)(d / 1000);
}

static uint32_t ms_since(const struct tcp_conn *conn, net_time t)
{
	return (uint32_t)((tcp_now(conn) - t) / 1000000);
}

static uint64_t chrono_us(const struct tcp_conn *conn, enum tcp_chrono which)
{
	net_dur sum = conn->stats.chrono_sum[which];

	if (conn->stats.chrono == which)
		sum += tcp_now(conn) - conn->stats.chrono_since;
	return (uint64_t)sum / 1000;
}

static void fill_snd(const struct tcp_conn *conn, struct info *info)
{
	const struct tcp_snd *snd = &conn->snd;
	const struct sack_board *board = &snd->board;

	info->ca_state = (uint8_t)snd->rec.state;
	info->retransmits = (uint8_t)MIN(snd->rec.timeouts, 255u);
	info->backoff = (uint8_t)MIN(snd->rec.backoff, 255u);
	info->rto = us(rto_backoff(snd->rtt.rto, snd->rec.backoff));
	info->snd_mss = snd->mss;
	info->unacked = board->out_segs;
	info->sacked = board->sacked_segs;
	info->lost = board->lost_segs;
	info->retrans = board->retrans_segs;
	info->rtt = us(snd->rtt.srtt);
	info->rttvar = us(snd->rtt.mdev);
	info->min_rtt = rtt_min(&snd->rtt) < 0 ? ~0u : us(rtt_min(&snd->rtt));
	info->snd_ssthresh = snd->cc.ssthresh;
	info->snd_cwnd = snd->cc.cwnd;
	info->reordering = board->reordering;
	info->total_retrans = (uint32_t)snd->rec.retrans_total;
	info->snd_wnd = snd->wnd;
	info->notsent_bytes = tcp_unsent(conn);
	info->delivered = (uint32_t)board->delivered;
	info->pacing_rate = tcp_pacing_rate(conn);
	info->max_pacing_rate = conn->sk.opt.max_pacing_rate;
	if (conn->stats.rate_interval > 0)
		info->delivery_rate = conn->stats.rate_segs * snd->mss * 1000000ull /
				      (uint64_t)(conn->stats.rate_interval / 1000 + 1);
	for (int i = TCP_CHRONO_BUSY; i < TCP_CHRONO_COUNT; i++)
		info->busy_time += chrono_us(conn, i);
	info->rwnd_limited = chrono_us(conn, TCP_CHRONO_RWND);
	info->sndbuf_limited = chrono_us(conn, TCP_CHRONO_SNDBUF);
	info->app_limited = conn->stats.rate_app_limited;
}

static void fill_rcv(const struct tcp_conn *conn, struct info *info)
{
	const struct tcp_rcv *rcv = &conn->rcv;

	info->ato = us(rcv->ack.ato);
	info->rcv_mss = rcv->win.mss;
	info->rcv_ssthresh = rcv->win.ssthresh;
	info->rcv_rtt = us(rcv->win.rtt);
	info->rcv_space = rcv->win.space;
	info->rcv_wnd = rcv->win.wnd;
	info->rcv_ooopack = rcv->ooo_segs;
	info->bytes_received = rcv->bytes;
	info->segs_in = (uint32_t)rcv->segs;
	info->data_segs_in = (uint32_t)rcv->data_segs;
	info->last_data_recv = ms_since(conn, rcv->ack.last_rcv);
}

int tcp_get_info(struct tcp_conn *conn, void *value, socklen_t *len)
{
	const struct tcp_stats *stats = &conn->stats;
	struct info info = {.state = (uint8_t)conn->state};

	if (conn->state == TCP_ST_LISTEN) {
		info.unacked = tcp_listen_queued(conn);
		info.sacked = tcp_listen_backlog(conn);
	} else {
		fill_snd(conn, &info);
		fill_rcv(conn, &info);
		info.probes = (uint8_t)MIN(conn->timers.probes, 255u);
		if (conn->rcv.paws.on)
			info.options |= OPT_TIMESTAMPS;
		if (conn->snd.board.sack_ok)
			info.options |= OPT_SACK;
		if (conn->snd.wscale || conn->rcv.win.wscale) {
			info.options |= OPT_WSCALE;
			info.wscales = (uint8_t)(conn->snd.wscale | conn->rcv.win.wscale << 4);
		}
		if (conn->tfo.syn_data_acked)
			info.options |= OPT_SYN_DATA;
		if (conn->tfo.child)
			info.options |= (uint8_t)OPT_TFO_CHILD;
		info.app_limited |= (uint8_t)(conn->tfo.fail << 1);
		if (conn->ecn.ok)
			info.options |= (uint8_t)(OPT_ECN | (conn->ecn.seen ? OPT_ECN_SEEN : 0));
		info.last_data_sent = ms_since(conn, stats->last_data_sent);
		info.last_ack_recv = ms_since(conn, stats->last_ack_rcvd);
		info.pmtu = conn->out.pmtu;
		info.advmss = conn->out.adv_mss;
		info.bytes_acked = stats->bytes_acked;
		info.bytes_sent = stats->bytes_sent;
		info.bytes_retrans = stats->bytes_retrans;
		info.segs_out = (uint32_t)stats->segs_out;
		info.data_segs_out = (uint32_t)stats->data_segs_out;
		info.dsack_dups = stats->dsack_dups;
		info.reord_seen = stats->reord_seen;
		info.total_rto = stats->total_rto;
		info.total_rto_recoveries = stats->rto_recoveries;
		info.total_rto_time = (uint32_t)(stats->rto_time / 1000000);
		info.delivered_ce = (uint32_t)stats->delivered_ce;
		info.rehash = stats->rehash;
		info.received_ce = stats->received_ce;
		memcpy(info.received_bytes, stats->received_bytes, sizeof(info.received_bytes));
		info.ecn_mode = conn->ecn.acc ? 2 : conn->ecn.ok ? 1 : 0;
	}
	*len = MIN(*len, (socklen_t)sizeof(info));
	memcpy(value, &info, *len);
	return 0;
}

void tcp_sock_info(const struct sock *sk, struct net_sock_info *ret)
{
	const struct tcp_conn *conn = container_of(sk, const struct tcp_conn, sk);
	const struct tcp_timers *timers = &conn->timers;

	ret->state = (uint8_t)conn->state;
	if (conn->state == TCP_ST_LISTEN) {
		ret->rx_queue = tcp_listen_queued(conn);
		ret->tx_queue = tcp_listen_backlog(conn);
	} else {
		ret->tx_queue = conn->sb.bytes;
		ret->rx_queue = tcp_inq(conn);
	}
	if (timer_armed(&timers->rexmt)) {
		ret->timer_active = timers->mode == TCP_REXMT_PERSIST ? 4 : 1;
		ret->timer_left = timers->rexmt.at - tcp_now(conn);
	} else if (timer_armed(&timers->keep)) {
		ret->timer_active = 2;
		ret->timer_left = timers->keep.at - tcp_now(conn);
	}
	ret->retransmits = conn->snd.rec.timeouts;
	ret->probes = timers->probes;
	ret->rto = rto_backoff(conn->snd.rtt.rto, conn->snd.rec.backoff);
	ret->ato = conn->rcv.ack.ato;
	ret->quick = (uint32_t)conn->rcv.ack.quick << 1 | conn->rcv.ack.pingpong;
	ret->cwnd = conn->snd.cc.cwnd;
	ret->ssthresh =
		conn->snd.cc.ssthresh >= CC_SSTHRESH_INFINITE ? -1 : (int32_t)conn->snd.cc.ssthresh;
}
