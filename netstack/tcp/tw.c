/* SPDX-License-Identifier: Apache-2.0 */
/* Connections in TIME-WAIT: a small object that holds the tuple. What a segment means is in
 * timewait.c.
 *
 * All wait equally long, so a list in order of expiry and one timer do. Limit:
 * net_limits.tcp_timewait.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "tcp/conn.h"

#define FREE_TWS_MAX 4096u

struct tcp_tw {
	struct demux_node node;
	struct list link; /* in tcp->timewaits, or the free list */
	struct tcp *tcp;
	struct timewait tw;
	net_time until;
	net_time last_ack;
	uint32_t ts_off;
	uint16_t wnd; /* as last announced, scaled */
	uint8_t tos;
};

static void tw_free(struct tcp_tw *tw)
{
	struct tcp *tcp = tw->tcp;

	demux_remove(&tcp->ss->demux, &tw->node);
	list_remove(&tw->link);
	tcp->ntimewait--;
	if (tcp->nfree_tws >= FREE_TWS_MAX) {
		free(tw);
		return;
	}
	list_push_front(&tcp->free_tws, &tw->link);
	tcp->nfree_tws++;
}

void tcp_tw_free_all(struct tcp *tcp)
{
	struct tcp_tw *tw;

	while ((tw = list_first_entry(&tcp->timewaits, struct tcp_tw, link)))
		tw_free(tw);
	while ((tw = list_pop_entry(&tcp->free_tws, struct tcp_tw, link)))
		free(tw);
	timer_cancel(&tcp->core->timers, &tcp->tw_timer);
}

static void rearm(struct tcp *tcp)
{
	struct tcp_tw *first = list_first_entry(&tcp->timewaits, struct tcp_tw, link);

	if (first)
		timer_arm(&tcp->core->timers, &tcp->tw_timer, first->until);
}

static void tw_expire(struct timer *timer)
{
	struct tcp *tcp = container_of(timer, struct tcp, tw_timer);
	struct tcp_tw *tw;

	while ((tw = list_first_entry(&tcp->timewaits, struct tcp_tw, link)) &&
	       tw->until <= tcp->core->now)
		tw_free(tw);
	rearm(tcp);
}

void tcp_tw_init(struct tcp *tcp)
{
	list_init(&tcp->timewaits);
	list_init(&tcp->free_tws);
	timer_init(&tcp->tw_timer, tw_expire);
}

static void restart(struct tcp_tw *tw)
{
	tw->until = tw->tcp->core->now + TIMEWAIT_LEN;
	list_remove(&tw->link);
	list_push_back(&tw->tcp->timewaits, &tw->link);
	rearm(tw->tcp);
}

int tcp_tw_new(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;
	struct tcp_tw *tw;

	if (tcp->ntimewait >= tcp->core->lim.tcp_timewait ||
	    tcp->ntimewait >= (uint32_t)tcp->core->tun.tcp_max_tw_buckets)
		return -ENOBUFS;
	tw = list_pop_entry(&tcp->free_tws, struct tcp_tw, link);
	if (tw)
		tcp->nfree_tws--;
	else
		tw = malloc(sizeof(*tw));
	if (!tw)
		return -ENOMEM;
	*tw = (struct tcp_tw){
		.tcp = tcp,
		.tos = conn->path.tos & (uint8_t)~3u,
		.ts_off = conn->out.ts_off,
		.wnd = (uint16_t)MIN(conn->rcv.win.wnd >> conn->rcv.win.wscale, 65535u),
		.tw =
			{
				.rcv_nxt = conn->rcv.nxt,
				.snd_nxt = conn->snd.nxt,
				.rcv_wnd = conn->rcv.win.wnd,
				.paws = conn->rcv.paws,
				.since = tcp->core->now,
			},
	};
	tw->node.kind = DEMUX_TIMEWAIT;
	tw->node.proto = IPPROTO_TCP;
	demux_replace(&tcp->ss->demux, &conn->sk.node, &tw->node);
	tw->node.kind = DEMUX_TIMEWAIT;
	tcp->ntimewait++;
	MIB_INC(tcp->core, TcpExt_TW);
	restart(tw);
	return 0;
}

static void send_ack(struct tcp_tw *tw)
{
	struct net_core *core = tw->tcp->core;
	struct tcp_opts opts = {.has = tw->tw.paws.on ? TCP_HAS_TS : 0};
	struct tcp_reply reply = {
		.flags = TCP_FLAG_ACK,
		.seq = tw->tw.snd_nxt,
		.ack = tw->tw.rcv_nxt,
		.wnd = tw->wnd,
		.opts = &opts,
	};

	struct ip_path path;

	/* Answers are rare: a way is looked for when it is needed, not kept. */
	if (ip_path_init(tw->tcp->ip, &path, &tw->node.remote.addr, &tw->node.local.addr,
			 tw->node.bound) < 0)
		return;
	path.tos = tw->tos;
	opts.ts_val = tcp_ts_clock(core) + tw->ts_off;
	opts.ts_ecr = tw->tw.paws.recent;
	tcp_send_reply(tw->tcp, &path, &tw->node.local, &tw->node.remote, &reply);
}

enum drop tcp_tw_segment(struct demux_node *node, struct tcp *tcp, struct tcp_seg *seg)
{
	struct tcp_tw *tw = container_of(node, struct tcp_tw, node);
	struct timewait_seg in = {
		.seq = seg->seq,
		.end = seg->end,
		.syn = seg->hdr.flags & TCP_FLAG_SYN,
		.ack = seg->hdr.flags & TCP_FLAG_ACK,
		.rst = seg->hdr.flags & TCP_FLAG_RST,
		.fin = seg->hdr.flags & TCP_FLAG_FIN,
		.has_ts = seg->ts && tw->tw.paws.on,
		.tsval = seg->opts.ts_val,
	};
	struct net_endpoint local = tw->node.local, remote = tw->node.remote;
	net_time since = tw->tw.since;
	struct demux_node *listener;
	struct seq isn;

	switch (timewait_segment(&tw->tw, &in, tcp->core->now, &isn)) {
	case TIMEWAIT_DROP:
		if (tw->tw.since != since)
			restart(tw);
		break;
	case TIMEWAIT_ACK:
		restart(tw);
		send_ack(tw);
		break;
	case TIMEWAIT_ACK_ONLY:
		if (!tw->last_ack || tcp->core->now - tw->last_ack >= tcp_ratelimit(tcp->core)) {
			tw->last_ack = tcp->core->now;
			send_ack(tw);
		} else {
			MIB_INC(tcp->core, TcpExt_TCPACKSkippedTimeWait);
		}
		break;
	case TIMEWAIT_KILL:
		if (tcp->core->tun.tcp_rfc1337)
			break;
		tw_free(tw);
		return DROP_TCP_RESET;
	case TIMEWAIT_REOPEN:
		listener = demux_find_bound(&tcp->ss->demux, IPPROTO_TCP, &local, &remote,
					    seg->pkt->ip.link);
		if (!listener)
			break;
		tw_free(tw);
		MIB_INC(tcp->core, TcpExt_TWRecycled);
		return tcp_listen_segment(tcp_conn_of(container_of(listener, struct sock, node)),
					  seg, &isn);
	}
	return DROP_TCP_TIMEWAIT;
}

/* connect() wants the tuple (tcp_tw_reuse: 1 always, 2 loopback only). Frees the old one if it may.
 */
bool tcp_tw_reuse(struct demux_node *node, void *arg)
{
	struct tcp_tw *tw = container_of(node, struct tcp_tw, node);
	struct tcp_conn *conn = arg;
	int mode = tw->tcp->core->tun.tcp_tw_reuse;

	if (!mode || (mode == 2 && !conn->path.local))
		return false;
	if (!tw->tw.paws.on || !timewait_reusable(&tw->tw, tw->tcp->core->now,
						      NET_MS(tw->tcp->core->tun.tcp_tw_reuse_delay_ms)))
		return false;
	conn->out.reuse_isn = timewait_next_isn(&tw->tw);
	conn->out.reuse_isn_ok = true;
	tw_free(tw);
	MIB_INC(conn->sk.core, TcpExt_TWRecycled);
	return true;
}

size_t tcp_tw_info(const struct tcp *tcp, struct net_sock_info *ret, size_t max)
{
	struct tcp_tw *tw;
	size_t n = 0;

	list_for_each_entry(tw, &tcp->timewaits, link)
	{
		if (n < max) {
			ret[n] = (struct net_sock_info){
				.family = tw->node.local.addr.family,
				.type = SOCK_STREAM,
				.protocol = IPPROTO_TCP,
				.local = tw->node.local,
				.remote = tw->node.remote,
				.state = TCP_ST_TIME_WAIT,
				.timer_active = 3,
				.timer_left = tw->until - tcp->core->now,
			};
		}
		n++;
	}
	return n;
}
