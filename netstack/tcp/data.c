/* SPDX-License-Identifier: Apache-2.0 */
/* The text, urgent pointer and FIN of a segment, and when to acknowledge them.
 *
 * Implements RFC 9293 3.10.7.4 sixth to eighth, 3.8.5 with RFC 6093 (urgent data), 3.8.6.3 and RFC
 * 5681 4.2 (delayed acknowledgements, with the quick start that Linux made common). Received
 * packets are queued as they are; the copy to the user is the only one. Small ones are merged into
 * the tail, so that a peer that sends bytes cannot make us keep a buffer for each.
 */
#include "tcp/conn.h"

#include <string.h>
#include <sys/epoll.h>

#define MERGE_MAX 512u

uint32_t tcp_rcv_used(const struct tcp_conn *conn)
{
	const struct tcp_rcv *rcv = &conn->rcv;
	uint32_t payload = seq_len(rcv->copied, rcv->nxt) - rcv->fin;
	uint32_t mem = rcv->mem / 2; /* buffers that are badly filled count more */

	/* What is out of order lies inside the window that is offered: it takes no further room. */
	return MAX(payload, mem);
}

void tcp_quickack(struct tcp_conn *conn, uint8_t max)
{
	struct tcp_ack_state *ack = &conn->rcv.ack;
	uint32_t mss = conn->rcv.win.mss ? conn->rcv.win.mss : 536;
	uint32_t quick = conn->rcv.win.wnd / (2 * mss);

	quick = quick ? quick : 2;
	if (quick > max)
		quick = max;
	if (quick > ack->quick)
		ack->quick = (uint8_t)quick;
	ack->pingpong = false;
	ack->ato = TCP_DELACK_MIN;
}

/* RFC 5681 4.2, with the estimate of how fast data arrives. */
static void data_received(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	struct tcp_ack_state *ack = &conn->rcv.ack;
	struct rcv_window *win = &conn->rcv.win;
	net_time now = tcp_now(conn);
	net_dur gap = now - ack->last_rcv;

	ack->scheduled = true;
	if (seg->seg_size >= win->mss) {
		window_measure_mss(win, seg->seg_size);
	} else {
		if (ack->pushed)
			ack->pushed2 = true;
		ack->pushed = true;
	}
	if (!ack->ato) {
		tcp_quickack(conn, TCP_QUICKACKS_MAX);
		ack->ato = TCP_DELACK_MIN;
	} else if (gap <= TCP_DELACK_MIN / 2) {
		ack->ato = ack->ato / 2 + TCP_DELACK_MIN / 2;
	} else if (gap < ack->ato) {
		ack->ato = MIN(ack->ato / 2 + gap, conn->snd.rtt.rto);
	} else if (gap > conn->snd.rtt.rto) {
		tcp_quickack(conn, TCP_QUICKACKS_MAX);
	}
	ack->last_rcv = now;
	if (conn->rcv.paws.on && seg->ts && seg->opts.ts_ecr &&
	    seg->opts.ts_ecr != conn->rcv.rcv_tsecr && seg->seg_size >= win->mss) {
		uint32_t delta = tcp_ts_clock(conn->sk.core) + conn->out.ts_off - seg->opts.ts_ecr;

		conn->rcv.rcv_tsecr = seg->opts.ts_ecr;
		if (delta < 0x7fffffffu / 1000)
			window_rtt_by_ts(win, NET_MS(delta ? delta : 1));
	} else if (!conn->rcv.paws.on) {
		window_rtt_by_data(win, conn->rcv.nxt, now);
	}
	window_grow(win, seg->len, tcp_rcv_used(conn));
}

static void wake_reader(struct tcp_conn *conn)
{
	sock_wake(&conn->sk, EPOLLIN | EPOLLRDNORM);
}

/* Appends bytes behind the last fragment, if nobody else refers to its block. */
static bool extend_tail(struct pkt *pkt, const uint8_t *bytes, uint32_t len)
{
	struct pkt_frag *frag = pkt->nfrags ? &pkt->frag[pkt->nfrags - 1] : NULL;

	if (!frag || frag->block->refs != 1 || frag->block->cap - frag->off - frag->len < len)
		return false;
	memcpy(frag->block->data + frag->off + frag->len, bytes, len);
	frag->len += len;
	pkt->len += len;
	return true;
}

/* Appends small text to the last packet of the queue if that has room of its own. */
static bool merge_small(struct tcp_conn *conn, struct pkt *pkt)
{
	struct pkt *last = list_last_entry(&conn->rcv.queue, struct pkt, link);
	uint8_t bytes[MERGE_MAX];
	struct tcp_cb *cb;
	uint32_t before;

	if (!last || pkt->len > MERGE_MAX || last->len > 16384 || last->nfrags >= PKT_FRAGS - 2)
		return false;
	cb = tcp_cb(last);
	if (!seq_eq(cb->end, tcp_cb(pkt)->seq))
		return false;
	pkt_read(pkt, 0, bytes, pkt->len);
	before = last->len;
	if (!extend_tail(last, bytes, pkt->len) && !pkt_append_copy(last, bytes, pkt->len)) {
		pkt_trim(last, before);
		return false;
	}
	conn->rcv.mem -= cb->truesize;
	cb->truesize = pkt_truesize(last);
	conn->rcv.mem += cb->truesize;
	cb->end = tcp_cb(pkt)->end;
	MIB_INC(conn->sk.core, TcpExt_TCPRcvCoalesce);
	return true;
}

void tcp_queue_text(struct tcp_conn *conn, struct pkt *pkt)
{
	struct tcp_rcv *rcv = &conn->rcv;
	struct tcp_cb *cb = tcp_cb(pkt);
	struct seq end = seq_sub(cb->end, cb->fin);

	rcv->bytes += seq_len(rcv->nxt, end);
	rcv->nxt = end;
	if (cb->fin)
		rcv->fin = true;
	cb->end = end;
	if (!pkt->len || merge_small(conn, pkt)) {
		pkt_free(pkt);
		return;
	}
	rcv->mem += cb->truesize;
	list_push_back(&rcv->queue, &pkt->link);
}

/* Eighth: the peer will send no more. */
static void fin_received(struct tcp_conn *conn)
{
	struct tcp_rcv *rcv = &conn->rcv;

	rcv->nxt = seq_add(rcv->nxt, 1);
	rcv->ack.scheduled = true;
	rcv->ack.now = true;
	conn->sk.shut |= SOCK_SHUT_RD;
	reasm_purge(&rcv->reasm);
	switch (conn->state) {
	case TCP_ST_SYN_RCVD:
	case TCP_ST_ESTABLISHED:
		tcp_set_state(conn, TCP_ST_CLOSE_WAIT);
		rcv->ack.pingpong = true;
		break;
	case TCP_ST_FIN_WAIT_1:
		tcp_set_state(conn, TCP_ST_CLOSING);
		break;
	case TCP_ST_FIN_WAIT_2:
		tcp_send_ack(conn);
		tcp_enter_time_wait(conn);
		return; /* an orphan is gone */
	case TCP_ST_CLOSE_WAIT:
	case TCP_ST_CLOSING:
	case TCP_ST_LAST_ACK:
	case TCP_ST_TIME_WAIT:
	case TCP_ST_CLOSED:
	case TCP_ST_LISTEN:
	case TCP_ST_SYN_SENT:
		break;
	}
	sock_wake(&conn->sk,
		  EPOLLIN | EPOLLRDNORM | EPOLLRDHUP |
			  (conn->sk.shut == (SOCK_SHUT_RD | SOCK_SHUT_WR) ? EPOLLHUP : 0));
}

/* In-order text: queue it and whatever it makes contiguous. */
static void in_order(struct tcp_conn *conn, struct pkt *pkt)
{
	struct tcp_rcv *rcv = &conn->rcv;
	bool filled = !reasm_empty(&rcv->reasm);

	tcp_queue_text(conn, pkt);
	while (!rcv->fin && (pkt = reasm_pop(&rcv->reasm, rcv->nxt)))
		tcp_queue_text(conn, pkt);
	/* RFC 5681 4.2: an ACK at once when a hole was filled. */
	if (filled)
		rcv->ack.now = true;
	if (rcv->reasm.nrecent && reasm_empty(&rcv->reasm))
		rcv->reasm.nrecent = 0;
}

/* True if @pkt may be queued: memory is left, perhaps after dropping what is least useful. */
static bool have_memory(struct tcp_conn *conn, const struct pkt *pkt)
{
	struct tcp_rcv *rcv = &conn->rcv;
	uint32_t need = tcp_cb((struct pkt *)(uintptr_t)pkt)->truesize;
	uint64_t limit = 2ull * rcv->win.buf;

	if ((uint64_t)rcv->mem + rcv->reasm.mem + need <= limit)
		return true;
	MIB_INC(conn->sk.core, TcpExt_PruneCalled);
	if (!reasm_empty(&rcv->reasm) &&
	    seq_eq(tcp_cb((struct pkt *)(uintptr_t)pkt)->seq, rcv->nxt)) {
		reasm_prune(&rcv->reasm, 0);
		MIB_INC(conn->sk.core, TcpExt_OfoPruned);
	}
	return (uint64_t)rcv->mem + rcv->reasm.mem + need <= limit;
}

static enum drop out_of_window(struct tcp_conn *conn, enum drop why)
{
	tcp_quickack(conn, TCP_QUICKACKS_MAX);
	conn->rcv.ack.scheduled = true;
	conn->rcv.ack.now = true;
	return why;
}

/* Beyond RCV.NXT: keep it for later, and say at once what is missing (RFC 5681 4.2). */
static enum drop out_of_order(struct tcp_conn *conn, struct tcp_seg *seg)
{
	struct tcp_rcv *rcv = &conn->rcv;

	rcv->ack.scheduled = true;
	rcv->ack.now = true;
	rcv->ooo_segs++;
	MIB_INC(conn->sk.core, TcpExt_TCPOFOQueue);
	if (!have_memory(conn, seg->pkt)) {
		MIB_INC(conn->sk.core, TcpExt_TCPOFODrop);
		return DROP_TCP_OOO_LIMIT;
	}
	if (reasm_insert(&rcv->reasm, seg->pkt) == REASM_DUPLICATE) {
		MIB_INC(conn->sk.core, TcpExt_TCPDSACKOfoSent);
		return DROP_TCP_OLD_DATA;
	}
	seg->pkt = NULL;
	if (!conn->snd.board.sack_ok || !conn->sk.core->tun.tcp_dsack)
		rcv->reasm.has_dsack = false;
	return DROP_NONE;
}

/* Cuts @pkt to what the window allows; what was there already is cut off in front. */
static void fit_window(struct tcp_conn *conn, struct tcp_seg *seg, struct seq edge)
{
	struct tcp_cb *cb = tcp_cb(seg->pkt);

	if (seq_gt(seq_sub(cb->end, cb->fin), edge)) {
		pkt_trim(seg->pkt, seq_len(cb->seq, edge));
		cb->end = edge;
		cb->fin = false;
	}
	if (seq_lt(cb->seq, conn->rcv.nxt)) {
		uint32_t old = seq_len(cb->seq, conn->rcv.nxt);

		if (conn->snd.board.sack_ok && conn->sk.core->tun.tcp_dsack)
			reasm_set_dsack(&conn->rcv.reasm, cb->seq, conn->rcv.nxt);
		pkt_pull(seg->pkt, MIN(old, seg->pkt->len));
		cb->seq = conn->rcv.nxt;
		tcp_quickack(conn, TCP_QUICKACKS_MAX);
	}
}

/* Seventh and eighth. */
enum drop tcp_in_text(struct tcp_conn *conn, struct tcp_seg *seg)
{
	struct tcp_rcv *rcv = &conn->rcv;
	struct seq start = seq_add(seg->seq, !!(seg->hdr.flags & TCP_FLAG_SYN));
	struct seq edge = seq_add(rcv->nxt, window_left(&rcv->win, rcv->nxt));
	bool fin = seg->hdr.flags & TCP_FLAG_FIN;
	struct tcp_cb *cb;

	if (!seg->len && !fin)
		return DROP_NONE;
	if (!tcp_in(conn, ST(ESTABLISHED) | ST(FIN_WAIT_1) | ST(FIN_WAIT_2)))
		return seq_lt(start, rcv->nxt) ? out_of_window(conn, DROP_TCP_OLD_DATA)
					       : DROP_TCP_CLOSED;
	if (seq_le(seg->end, rcv->nxt)) {
		if (conn->snd.board.sack_ok && conn->sk.core->tun.tcp_dsack) {
			reasm_set_dsack(&rcv->reasm, start, seg->end);
			MIB_INC(conn->sk.core, TcpExt_TCPDSACKOldSent);
		}
		return out_of_window(conn, DROP_TCP_OLD_DATA);
	}
	/* A FIN alone is welcome even when no window is left. */
	if (!seq_lt(start, edge) && !(fin && !seg->len && seq_eq(start, rcv->nxt))) {
		MIB_INC(conn->sk.core, TcpExt_TCPZeroWindowDrop);
		return out_of_window(conn, DROP_TCP_OUT_OF_WINDOW);
	}
	cb = tcp_cb(seg->pkt);
	*cb = (struct tcp_cb){.seq = start, .end = seg->end, .fin = fin};
	fit_window(conn, seg, edge);
	cb->truesize = pkt_truesize(seg->pkt);
	if (seg->len) {
		rcv->data_segs += seg->nsegs;
		data_received(conn, seg);
		if (seg->ecn != ECN_NOT_ECT && conn->ecn.ok) {
			conn->stats.received_bytes[seg->ecn - 1] += seg->len;
			conn->stats.received_ce += seg->ecn == ECN_CE ? seg->nsegs : 0;
		}
		/* RFC 8257 3.2: what came before the change is acknowledged as it was. */
		if (conn->ecn.exact && conn->ecn.ok && !conn->ecn.acc &&
		    conn->ecn.echo != (seg->ecn == ECN_CE) &&
		    !seq_eq(rcv->win.wup, rcv->nxt))
			tcp_send_ack(conn);
		if (ecn_received(&conn->ecn, seg->ecn, seg->hdr.flags & TCP_FLAG_CWR))
			rcv->ack.now = true;
	}
	if (seq_gt(cb->seq, rcv->nxt))
		return out_of_order(conn, seg);
	if (!have_memory(conn, seg->pkt)) {
		MIB_INC(conn->sk.core, TcpExt_TCPRcvQDrop);
		return out_of_window(conn, DROP_TCP_RCVBUF);
	}
	in_order(conn, TAKE(seg->pkt));
	if (rcv->fin)
		fin_received(conn);
	else
		wake_reader(conn);
	return DROP_NONE;
}

void tcp_in_syn_text(struct tcp_conn *conn, struct tcp_seg *seg)
{
	struct tcp_cb *cb = tcp_cb(seg->pkt);
	bool fin = seg->hdr.flags & TCP_FLAG_FIN;
	struct seq edge = seq_add(conn->rcv.nxt, window_left(&conn->rcv.win, conn->rcv.nxt));

	*cb = (struct tcp_cb){.seq = conn->rcv.nxt, .end = seg->end, .fin = fin};
	fit_window(conn, seg, edge);
	cb->truesize = pkt_truesize(seg->pkt);
	conn->rcv.data_segs += seg->nsegs;
	data_received(conn, seg);
	in_order(conn, TAKE(seg->pkt));
	if (conn->rcv.fin)
		fin_received(conn);
}

/* Sixth: URG. The pointer is taken as the number after the urgent byte (RFC 6093 3.1). */
void tcp_in_urgent(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	struct tcp_rcv *rcv = &conn->rcv;
	struct seq up;
	uint32_t off;

	if (seg->hdr.flags & TCP_FLAG_URG && seg->hdr.urg &&
	    tcp_in(conn, ST(ESTABLISHED) | ST(FIN_WAIT_1) | ST(FIN_WAIT_2))) {
		/* tcp_stdurg: the pointer is the byte itself (RFC 1122 4.2.2.4). */
		up = seq_add(seg->seq, conn->sk.core->tun.tcp_stdurg ? seg->hdr.urg
								     : seg->hdr.urg - 1u);
		/* Not one that was read, and not an older one than is known. */
		if (seq_ge(up, rcv->copied) && seq_ge(up, rcv->nxt) &&
		    (rcv->urg == TCP_URG_NONE || seq_gt(up, rcv->up))) {
			rcv->up = up;
			rcv->urg = TCP_URG_NOTYET;
			sock_wake(&conn->sk, EPOLLPRI);
		}
	}
	if (rcv->urg != TCP_URG_NOTYET || !seg->len)
		return;
	off = seq_len(seq_add(seg->seq, !!(seg->hdr.flags & TCP_FLAG_SYN)), rcv->up);
	if (off < seg->len && pkt_read(seg->pkt, off, &rcv->urg_byte, 1) == 1) {
		rcv->urg = TCP_URG_VALID;
		sock_wake(&conn->sk, EPOLLPRI);
	}
}

/* Whether and when what arrived is acknowledged. */
void tcp_ack_check(struct tcp_conn *conn)
{
	struct tcp_rcv *rcv = &conn->rcv;
	struct tcp_ack_state *ack = &rcv->ack;
	uint32_t unacked = seq_len(rcv->win.wup, rcv->nxt);

	if (!ack->scheduled)
		return;
	if (!reasm_empty(&rcv->reasm) || rcv->reasm.has_dsack) {
		tcp_send_ack(conn); /* each one counts for the peer's recovery */
		return;
	}
	if (ack->now || (ack->quick && !ack->pingpong) ||
	    (unacked > rcv->win.mss &&
	     (seq_len(rcv->copied, rcv->nxt) < (uint32_t)conn->sk.opt.rcvlowat ||
	      window_candidate(&rcv->win, tcp_rcv_used(conn)) >=
		      window_left(&rcv->win, rcv->nxt)))) {
		/* With the data that may be ready, and once for all that arrives in this instant.
		 */
		conn->out.need_ack = true;
		tcp_out_mark(conn);
		return;
	}
	tcp_timers_delack(conn);
}
