/* SPDX-License-Identifier: Apache-2.0 */
/* TCP_REPAIR, for checkpoint and restore of connections (CRIU's interface to Linux).
 *
 * While it is on, nothing is sent: connect() and close() only change the state, send() fills the
 * chosen queue, recv() may only look. Only the privileged may turn it on.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "tcp/conn.h"

#define OPT_REPAIR_WINDOW 29

/* struct tcp_repair_window */
struct user_window {
	uint32_t snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup;
};

/* struct tcp_repair_opt */
struct user_opt {
	uint32_t code, val;
};

static int set_mode(struct tcp_conn *conn, int val, bool allowed)
{
	struct repair *repair = &conn->repair;

	if (!allowed || conn->state == TCP_ST_LISTEN)
		return -EPERM;
	switch (val) {
	case 1:
		*repair = (struct repair){.on = true,
					  .snd_seq = repair->snd_seq,
					  .rcv_seq = repair->rcv_seq};
		conn->sk.node.reuse_addr = true;
		return 0;
	case 0:
		repair->on = false;
		conn->sk.node.reuse_addr = conn->sk.opt.reuse_addr;
		/* A probe makes the peer say where it is. */
		if (conn->state == TCP_ST_ESTABLISHED)
			tcp_send_probe(conn, false);
		return 0;
	case -1:
		repair->on = false;
		conn->sk.node.reuse_addr = conn->sk.opt.reuse_addr;
		return 0;
	}
	return -EINVAL;
}

static int set_seq(struct tcp_conn *conn, uint32_t val)
{
	if (conn->state != TCP_ST_CLOSED)
		return -EPERM;
	if (conn->repair.queue == REPAIR_SEND_QUEUE)
		conn->repair.snd_seq = SEQ(val);
	else if (conn->repair.queue == REPAIR_RECV_QUEUE)
		conn->repair.rcv_seq = SEQ(val);
	else
		return -EINVAL;
	return 0;
}

int tcp_repair_set(struct tcp_conn *conn, int name, int val, bool allowed)
{
	struct repair *repair = &conn->repair;

	switch (name) {
	case TCP_REPAIR:
		return set_mode(conn, val, allowed);
	case TCP_REPAIR_QUEUE:
		if (!repair->on)
			return -EPERM;
		if (val < 0 || val > REPAIR_SEND_QUEUE)
			return -EINVAL;
		repair->queue = (uint8_t)val;
		return 0;
	case TCP_QUEUE_SEQ:
		return set_seq(conn, (uint32_t)val);
	case TCP_TIMESTAMP:
		if (!repair->on)
			return -EPERM;
		conn->out.ts_off = (uint32_t)val - tcp_ts_clock(conn->sk.core);
		return 0;
	}
	return -ENOPROTOOPT;
}

int tcp_repair_get(const struct tcp_conn *conn, int name, int *ret)
{
	const struct repair *repair = &conn->repair;

	switch (name) {
	case TCP_REPAIR:
		*ret = repair->on;
		return 0;
	case TCP_REPAIR_QUEUE:
		*ret = repair->queue;
		return repair->on ? 0 : -EINVAL;
	case TCP_QUEUE_SEQ:
		if (repair->queue == REPAIR_SEND_QUEUE)
			*ret = (int)(conn->state == TCP_ST_CLOSED ? repair->snd_seq
								   : sendbuf_end(&conn->sb))
				       .v;
		else if (repair->queue == REPAIR_RECV_QUEUE)
			*ret = (int)(conn->state == TCP_ST_CLOSED ? repair->rcv_seq : conn->rcv.nxt)
				       .v;
		else
			return -EINVAL;
		return 0;
	}
	return -ENOPROTOOPT;
}

static int set_option(struct tcp_conn *conn, const struct user_opt *opt)
{
	switch (opt->code) {
	case 2: /* MSS */
		conn->out.peer_mss = (uint16_t)MIN(opt->val, 65535u);
		break;
	case 3: /* window scale: ours in the upper half */
		if ((opt->val & 0xffff) > WINDOW_SCALE_MAX || opt->val >> 16 > WINDOW_SCALE_MAX)
			return -EFBIG;
		conn->snd.wscale = (uint8_t)opt->val;
		conn->rcv.win.wscale = (uint8_t)(opt->val >> 16);
		conn->out.wscale_ok = true;
		break;
	case 4: /* SACK permitted */
		if (opt->val)
			return -EINVAL;
		conn->snd.board.sack_ok = true;
		break;
	case 8: /* timestamps */
		if (opt->val)
			return -EINVAL;
		conn->rcv.paws.on = true;
		break;
	}
	return 0;
}

int tcp_repair_set_options(struct tcp_conn *conn, const void *value, socklen_t len)
{
	struct user_opt opt;
	int r;

	if (!conn->repair.on)
		return -EINVAL;
	if (conn->state != TCP_ST_ESTABLISHED || conn->stats.bytes_sent)
		return -EPERM;
	for (socklen_t at = 0; at + sizeof(opt) <= len; at += sizeof(opt)) {
		memcpy(&opt, (const uint8_t *)value + at, sizeof(opt));
		r = set_option(conn, &opt);
		if (r < 0)
			return r;
	}
	tcp_update_mss(conn);
	return 0;
}

int tcp_repair_set_window(struct tcp_conn *conn, const void *value, socklen_t len)
{
	struct user_window win;

	if (!conn->repair.on)
		return -EPERM;
	if (len != sizeof(win))
		return -EINVAL;
	memcpy(&win, value, sizeof(win));
	if (win.max_window < win.snd_wnd)
		return -EINVAL;
	if (seq_gt(SEQ(win.snd_wl1), seq_add(conn->rcv.nxt, win.rcv_wnd)) ||
	    seq_gt(SEQ(win.rcv_wup), conn->rcv.nxt))
		return -EINVAL;
	conn->snd.wl1 = SEQ(win.snd_wl1);
	conn->snd.wnd = win.snd_wnd;
	conn->snd.max_wnd = win.max_window;
	conn->rcv.win.wnd = win.rcv_wnd;
	conn->rcv.win.wup = SEQ(win.rcv_wup);
	return 0;
}

int tcp_repair_get_window(const struct tcp_conn *conn, void *value, socklen_t *len)
{
	struct user_window win = {
		.snd_wl1 = conn->snd.wl1.v,
		.snd_wnd = conn->snd.wnd,
		.max_window = conn->snd.max_wnd,
		.rcv_wnd = conn->rcv.win.wnd,
		.rcv_wup = conn->rcv.win.wup.v,
	};

	if (*len != sizeof(win))
		return -EINVAL;
	if (!conn->repair.on)
		return -EPERM;
	memcpy(value, &win, sizeof(win));
	return 0;
}

void tcp_repair_connected(struct tcp_conn *conn)
{
	struct tcp_snd *snd = &conn->snd;
	struct tcp_rcv *rcv = &conn->rcv;

	snd->iss = seq_sub(conn->repair.snd_seq, 1);
	snd->una = snd->nxt = snd->wl2 = snd->sml = conn->repair.snd_seq;
	sendbuf_reset(&conn->sb, snd->nxt);
	rcv->irs = seq_sub(conn->repair.rcv_seq, 1);
	rcv->nxt = rcv->copied = rcv->last_ack_sent = conn->repair.rcv_seq;
	rcv->win.wup = rcv->win.space_seq = rcv->nxt;
	snd->wl1 = rcv->nxt;
	conn->connecting = false;
	tcp_set_state(conn, TCP_ST_ESTABLISHED);
	tcp_conn_init_transfer(conn);
}

static ssize_t fill_recv_queue(struct tcp_conn *conn, struct iov *from, size_t len)
{
	struct pkt_block *block;
	struct pkt *pkt;
	uint32_t n;

	pkt = pkt_new(&conn->sk.core->pool, PKT_HEADROOM);
	if (!pkt)
		return -ENOMEM;
	block = pkt_block_new(&conn->sk.core->pool, PKT_BLOCK_LARGE);
	if (!block) {
		pkt_free(pkt);
		return -ENOMEM;
	}
	n = (uint32_t)iov_gather(from, block->data, MIN(len, (size_t)block->cap));
	pkt_append(pkt, block, 0, n);
	pkt_block_unref(block);
	*tcp_cb(pkt) = (struct tcp_cb){.seq = conn->rcv.nxt,
				       .end = seq_add(conn->rcv.nxt, n),
				       .truesize = pkt_truesize(pkt)};
	tcp_queue_text(conn, pkt);
	return (ssize_t)n;
}

/* What is in the send queue was sent before: only the acknowledgement is missing. */
static ssize_t fill_send_queue(struct tcp_conn *conn, struct iov *from, size_t len)
{
	struct tcp_snd *snd = &conn->snd;
	ssize_t done = sendbuf_append(&conn->sb, from, len);
	struct seq end;

	if (done <= 0)
		return done;
	end = seq_add(snd->nxt, (uint32_t)done);
	if (board_sent(&snd->board, snd->nxt, end, snd->mss, 0, tcp_now(conn), false) < 0)
		return -ENOMEM;
	snd->nxt = end;
	tcp_timers_update(conn, false);
	return done;
}

ssize_t tcp_repair_send(struct tcp_conn *conn, const struct net_msg *msg)
{
	struct iov from = iov_start(msg->iov, msg->iov_len);
	size_t len = iov_total(msg->iov, msg->iov_len);

	if (conn->repair.queue == REPAIR_RECV_QUEUE)
		return fill_recv_queue(conn, &from, len);
	if (conn->repair.queue == REPAIR_SEND_QUEUE)
		return fill_send_queue(conn, &from, len);
	return -EINVAL;
}

ssize_t tcp_repair_peek(struct tcp_conn *conn, struct net_msg *msg)
{
	struct iov to = iov_start(msg->iov, msg->iov_len);
	uint32_t len = (uint32_t)MIN(iov_total(msg->iov, msg->iov_len), (size_t)conn->sb.bytes);
	uint32_t done = 0;

	while (done < len) {
		struct pkt *pkt = pkt_new(&conn->sk.core->pool, PKT_HEADROOM);
		uint32_t n;

		if (!pkt)
			return done ? (ssize_t)done : -ENOMEM;
		n = sendbuf_ref(&conn->sb, pkt, seq_add(conn->sb.start, done), len - done);
		n = (uint32_t)pkt_to_iov(pkt, 0, n, &to);
		pkt_free(pkt);
		if (!n)
			break;
		done += n;
	}
	return (ssize_t)done;
}
