/* SPDX-License-Identifier: Apache-2.0 */
/* Loss recovery.
 *
 * Implements fast retransmit and recovery (RFC 5681, RFC 6582 NewReno without SACK, RFC 6675 with
 * SACK), loss detection through RACK (RFC 8985), proportional rate reduction (RFC 6937), the
 * detection of spurious retransmissions by timestamps (RFC 3522), DSACK (RFC 3708) and F-RTO (RFC
 * 5682), and the undoing of what they caused (RFC 4015). It decides; out.c sends. Pure but for the
 * connection's send half: reads no clock, allocates nothing (a split may).
 */
#include "tcp/recovery.h"

#include <string.h>

void recovery_init(struct recovery *rec)
{
	memset(rec, 0, sizeof(*rec));
}

static bool any_retransmitted(const struct tcp_snd *snd)
{
	const struct sack_range *first = board_first(&snd->board);

	return snd->board.retrans_segs || (first && (first->flags & SACK_EVER));
}

static uint32_t left_segs(const struct tcp_snd *snd)
{
	return snd->board.sacked_segs + snd->board.lost_segs;
}

/* The threshold to return to on undo. */
static uint32_t current_ssthresh(const struct tcp_snd *snd)
{
	const struct cc *cc = &snd->cc;
	uint32_t keep = cc->cwnd / 2 + cc->cwnd / 4;

	if (recovery_reducing(&snd->rec))
		return cc->ssthresh;
	return cc->ssthresh > keep ? cc->ssthresh : keep;
}

static void init_undo(struct tcp_snd *snd)
{
	struct recovery *rec = &snd->rec;

	rec->undo_ok = true;
	rec->undo_marker = snd->una;
	rec->undo_retrans = snd->board.retrans_segs ? (int32_t)snd->board.retrans_segs : -1;
	if (rec->tlp_pending && rec->tlp_retrans)
		rec->undo_retrans = rec->undo_retrans < 0 ? 1 : rec->undo_retrans + 1;
}

static void begin_reduction(struct tcp_snd *snd, net_time now)
{
	struct recovery *rec = &snd->rec;
	struct cc *cc = &snd->cc;

	rec->high = snd->nxt;
	rec->tlp_pending = false;
	rec->prr_delivered = rec->prr_out = 0;
	cc->cnt = 0;
	cc->prior_cwnd = cc->cwnd;
	cc->ssthresh = cc->ops->ssthresh(cc, now);
}

static void end_reduction(struct tcp_snd *snd)
{
	struct cc *cc = &snd->cc;

	if (cc->ssthresh < CC_SSTHRESH_INFINITE && (snd->rec.state == CA_CWR || snd->rec.undo_ok))
		cc_set_cwnd(cc, cc->ssthresh);
}

/* Open, or Disorder while something is still missing. */
static void keep_open(struct tcp_snd *snd)
{
	bool unsettled = left_segs(snd) || any_retransmitted(snd);
	enum ca_state state = unsettled ? CA_DISORDER : CA_OPEN;

	if (snd->rec.state == state)
		return;
	snd->rec.state = state;
	snd->rec.high = snd->nxt;
}

void recovery_enter_cwr(struct tcp_snd *snd, net_time now)
{
	if (snd->rec.state >= CA_CWR)
		return;
	snd->cc.prior_ssthresh = 0;
	snd->rec.undo_ok = false;
	begin_reduction(snd, now);
	snd->rec.state = CA_CWR;
}

static void enter_recovery(struct tcp_snd *snd, net_time now)
{
	uint32_t before = current_ssthresh(snd);

	snd->cc.prior_ssthresh = 0;
	init_undo(snd);
	if (!recovery_reducing(&snd->rec)) {
		snd->cc.prior_ssthresh = before;
		begin_reduction(snd, now);
	}
	snd->rec.high = snd->nxt;
	snd->rec.state = CA_RECOVERY;
}

/* RFC 4015: restore what the spurious episode took. */
static void undo_cwnd(struct tcp_snd *snd, bool unmark)
{
	struct cc *cc = &snd->cc;

	if (unmark)
		board_clear_lost(&snd->board);
	if (cc->prior_ssthresh) {
		if (cc->prior_cwnd > cc->cwnd)
			cc_set_cwnd(cc, cc->prior_cwnd);
		if (cc->prior_ssthresh > cc->ssthresh)
			cc->ssthresh = cc->prior_ssthresh;
	}
	snd->rec.undo_ok = false;
	snd->rack.advanced = true; /* look at the marks that were taken back once more */
}

static bool may_undo(const struct tcp_snd *snd, bool tsecr_old)
{
	const struct recovery *rec = &snd->rec;

	return rec->undo_ok && (rec->undo_retrans == 0 || (rec->retrans_stamp && tsecr_old));
}

/* Recovery or Loss is complete. True if the state must be held (RFC 6582 3.2's false fast
 * retransmits: without SACK, late duplicates for SND.UNA would start another episode). */
static bool finish_recovery(struct tcp_snd *snd, bool tsecr_old)
{
	struct recovery *rec = &snd->rec;

	if (may_undo(snd, tsecr_old)) {
		undo_cwnd(snd, rec->state == CA_LOSS);
	} else if (snd->rack.reo_persist) {
		snd->rack.reo_persist--;
	}
	if (!snd->board.sack_ok && seq_eq(snd->una, rec->high)) {
		if (!any_retransmitted(snd))
			rec->retrans_stamp = 0;
		return true;
	}
	rec->state = CA_OPEN;
	return false;
}

static bool undo_loss(struct tcp_snd *snd, bool frto, bool tsecr_old)
{
	if (!frto && !may_undo(snd, tsecr_old))
		return false;
	undo_cwnd(snd, true);
	snd->rec.timeouts = 0;
	if (frto || snd->board.sack_ok)
		snd->rec.state = CA_OPEN;
	return true;
}

static bool undo_dsack(struct tcp_snd *snd)
{
	if (!snd->rec.undo_ok || snd->rec.undo_retrans != 0)
		return false;
	if (snd->rack.reo_persist < RACK_REO_PERSIST)
		snd->rack.reo_persist++;
	undo_cwnd(snd, false);
	return true;
}

/* A partial acknowledgement shows that the first retransmission was unnecessary. */
static bool undo_partial(struct tcp_snd *snd, bool tsecr_old)
{
	struct recovery *rec = &snd->rec;

	if (!rec->undo_ok || !rec->retrans_stamp || !tsecr_old)
		return false;
	board_reordering(&snd->board, snd->board.reordering + 1);
	if (snd->board.retrans_segs)
		return true; /* wait until the rest is out of the network */
	if (!any_retransmitted(snd))
		rec->retrans_stamp = 0;
	undo_cwnd(snd, true);
	keep_open(snd);
	return true;
}

/* RFC 6582: without SACK, the first segment is the lost one. */
static void newreno_mark_lost(struct tcp_snd *snd, struct ack_info *info)
{
	struct sack_board *board = &snd->board;
	struct sack_range *first = board_first(board);

	if (!first || (first->flags & SACK_LOST))
		return;
	if (snd->rec.state < CA_RECOVERY ? board->sacked_segs < board->reordering
					 : !info->una_advanced)
		return;
	if (first->segs > 1 && board_split(board, first, seq_add(first->start, first->mss)) < 0)
		return;
	info->lost_segs += first->segs;
	board_mark_lost(board, first);
}

static net_dur identify_loss(struct tcp_snd *snd, struct ack_info *info)
{
	if (!snd->board.sack_ok) {
		newreno_mark_lost(snd, info);
		return 0;
	}
	return rack_detect(&snd->rack, &snd->board, &snd->rtt, snd->rec.state >= CA_RECOVERY,
			   info->now, info);
}

/* RFC 5682: the first acknowledgements after a timeout tell whether it was spurious. */
static enum rexmit process_loss(struct tcp_snd *snd, struct ack_info *info, unsigned int dupacks,
				bool has_more, bool tsecr_old)
{
	struct recovery *rec = &snd->rec;
	bool recovered = seq_ge(snd->una, rec->high);

	if (info->una_advanced && undo_loss(snd, false, tsecr_old))
		return REXMIT_NONE;
	if (rec->frto) {
		if (info->orig_acked && undo_loss(snd, true, tsecr_old))
			return REXMIT_NONE;
		if (seq_gt(snd->nxt, rec->high)) {
			if (info->sacked_segs || dupacks)
				rec->frto = false; /* step 3.a: the loss was real */
		} else if (info->una_advanced && !recovered) {
			rec->high = snd->nxt; /* step 2.b: try new data */
			if (has_more)
				return REXMIT_NEW;
			rec->frto = false;
		}
	}
	if (recovered) {
		if (!snd->board.sack_ok)
			board_reno_reset(&snd->board);
		finish_recovery(snd, tsecr_old);
		return REXMIT_NONE;
	}
	if (!snd->board.sack_ok) {
		if (seq_gt(snd->nxt, rec->high) && dupacks)
			board_reno_dupack(&snd->board, dupacks);
		else if (info->una_advanced)
			board_reno_reset(&snd->board);
	}
	return REXMIT_LOST;
}

/* The acknowledgement that was sent for the probe (RFC 8985 7.4). */
static void tlp_ack(struct tcp_snd *snd, const struct ack_info *info, bool dupack)
{
	struct recovery *rec = &snd->rec;

	if (!rec->tlp_pending || seq_lt(snd->una, rec->tlp_high))
		return;
	if (!rec->tlp_retrans || info->dsack) {
		rec->tlp_pending = false; /* new data, or both copies arrived */
	} else if (seq_gt(snd->una, rec->tlp_high)) {
		/* The probe repaired a loss: it costs what fast recovery would have cost. */
		if (rec->state < CA_CWR) {
			snd->cc.prior_ssthresh = 0;
			rec->undo_ok = false;
			begin_reduction(snd, info->now);
			rec->state = CA_CWR;
			end_reduction(snd);
			keep_open(snd);
		}
		rec->tlp_pending = false;
	} else if (dupack) {
		rec->tlp_pending = false;
	}
}

static void account_dsack(struct tcp_snd *snd, const struct ack_info *info)
{
	struct recovery *rec = &snd->rec;

	if (!info->dsack || !rec->undo_ok || rec->undo_retrans <= 0)
		return;
	rec->undo_retrans -= (int32_t)info->dsack_segs;
	if (rec->undo_retrans < 0)
		rec->undo_retrans = 0;
}

/* The end of an episode, when the recovery point is acknowledged. False: hold the state. */
static bool leave_states(struct tcp_snd *snd, bool tsecr_old)
{
	struct recovery *rec = &snd->rec;

	if (rec->state == CA_OPEN) {
		if (!snd->board.retrans_segs)
			rec->retrans_stamp = 0;
		return true;
	}
	if (seq_lt(snd->una, rec->high))
		return true;
	if (rec->state == CA_CWR && !seq_eq(snd->una, rec->high)) {
		end_reduction(snd);
		rec->state = CA_OPEN;
	} else if (rec->state == CA_RECOVERY) {
		if (!snd->board.sack_ok)
			board_reno_reset(&snd->board);
		if (finish_recovery(snd, tsecr_old))
			return false;
		end_reduction(snd);
	}
	return true;
}

/* Open, Disorder and CWR: is there a loss? */
static enum rexmit judge(struct tcp_snd *snd, struct ack_info *info, unsigned int dupacks,
			 net_dur *ret_wait)
{
	struct recovery *rec = &snd->rec;

	if (!snd->board.sack_ok) {
		if (info->una_advanced)
			board_reno_reset(&snd->board);
		if (dupacks)
			board_reno_dupack(&snd->board, dupacks);
	}
	if (rec->state <= CA_DISORDER)
		undo_dsack(snd);
	*ret_wait = identify_loss(snd, info);
	if (!snd->board.lost_segs) {
		if (!any_retransmitted(snd))
			rec->retrans_stamp = 0;
		if (rec->state != CA_CWR)
			keep_open(snd);
		return REXMIT_NONE;
	}
	/* RFC 4821 7.2: the loss of a probe is no sign of congestion. */
	if (snd->probing && rec->state < CA_CWR && seq_eq(snd->una, snd->probe_start)) {
		info->probe_failed = true;
		return REXMIT_NONE;
	}
	enter_recovery(snd, info->now);
	return REXMIT_LOST;
}

static enum rexmit in_recovery(struct tcp_snd *snd, struct ack_info *info, unsigned int dupacks,
			       bool tsecr_old, net_dur *ret_wait)
{
	if (!info->una_advanced) {
		if (!snd->board.sack_ok && dupacks)
			board_reno_dupack(&snd->board, dupacks);
	} else if (undo_partial(snd, tsecr_old)) {
		return snd->rec.state == CA_RECOVERY ? REXMIT_NONE : REXMIT_LOST;
	}
	if (undo_dsack(snd))
		keep_open(snd);
	*ret_wait = identify_loss(snd, info);
	if (snd->rec.state != CA_RECOVERY) {
		if (!snd->board.lost_segs)
			return REXMIT_NONE;
		enter_recovery(snd, info->now); /* undone, but a loss is evident all the same */
	}
	return REXMIT_LOST;
}

enum rexmit recovery_ack(struct tcp_snd *snd, struct ack_info *info, bool has_more, bool tsecr_old,
			 net_dur *ret_reo_wait)
{
	struct recovery *rec = &snd->rec;
	bool not_dup = info->has_data || info->window_changed || info->una_advanced;
	unsigned int dupacks = !not_dup && !info->dsack && snd->board.out_segs ? 1 : 0;
	enum rexmit act;

	*ret_reo_wait = 0;
	account_dsack(snd, info);
	rack_update_reo(&snd->rack, info->dsack, snd->una, snd->nxt);
	tlp_ack(snd, info, dupacks > 0 && !info->sacked_segs);
	if (!snd->board.out_segs && !snd->board.sack_ok)
		board_reno_reset(&snd->board);
	if (not_dup && !info->sacked_segs && !info->dsack && rec->state == CA_OPEN &&
	    !snd->board.sacked_segs) {
		if (!snd->board.retrans_segs)
			rec->retrans_stamp = 0;
		return REXMIT_NONE; /* nothing unusual */
	}
	/* RFC 2018 8: the first unacknowledged data cannot have been SACKed, unless the peer
	 * reneged. */
	if (info->una_advanced && board_first(&snd->board) &&
	    (board_first(&snd->board)->flags & SACK_SACKED)) {
		board_mark_all_lost(&snd->board, true);
		rec->state = CA_LOSS;
		rec->high = snd->nxt;
		return REXMIT_LOST;
	}
	if (!leave_states(snd, tsecr_old))
		return REXMIT_NONE;
	if (rec->state == CA_RECOVERY)
		return in_recovery(snd, info, dupacks, tsecr_old, ret_reo_wait);
	if (rec->state == CA_LOSS) {
		act = process_loss(snd, info, dupacks, has_more, tsecr_old);
		if (rec->state != CA_OPEN) {
			*ret_reo_wait = identify_loss(snd, info);
			if (!info->lost_retrans)
				return act;
		} else if (act != REXMIT_NONE) {
			return act;
		}
	}
	return judge(snd, info, dupacks, ret_reo_wait);
}

/* RFC 6937: spread the reduction over the acknowledgements of one round trip. */
static void prr(struct tcp_snd *snd, const struct ack_info *info, uint32_t newly)
{
	struct recovery *rec = &snd->rec;
	struct cc *cc = &snd->cc;
	uint32_t flight = board_in_flight(&snd->board);
	int64_t delta = (int64_t)cc->ssthresh - flight;
	int64_t send;

	if (!newly || !cc->prior_cwnd)
		return;
	rec->prr_delivered += newly;
	if (delta < 0) {
		uint64_t share = (uint64_t)cc->ssthresh * rec->prr_delivered + cc->prior_cwnd - 1;

		send = (int64_t)(share / cc->prior_cwnd) - rec->prr_out;
	} else {
		send = (int64_t)rec->prr_delivered - rec->prr_out;
		if (send < newly)
			send = newly;
		if (info->una_advanced && !info->lost_segs)
			send++; /* slow start while progress is evident (PRR-SSRB) */
		if (send > delta)
			send = delta;
	}
	/* The first retransmission of the episode goes out whatever the arithmetic says. */
	if (send < (rec->prr_out ? 0 : 1))
		send = rec->prr_out ? 0 : 1;
	cc_set_cwnd(cc, (uint32_t)(flight + send));
}

/* Linux's rate for super-segments and SO_MAX_PACING_RATE: somewhat more than cwnd per SRTT. */
void recovery_pacing(struct tcp_snd *snd, uint32_t ss_ratio, uint32_t ca_ratio)
{
	struct cc *cc = &snd->cc;
	uint32_t ratio = cc->cwnd < cc->ssthresh / 2 ? ss_ratio : ca_ratio;
	uint64_t segs = cc->cwnd > snd->board.out_segs ? cc->cwnd : snd->board.out_segs;
	uint64_t us = (uint64_t)snd->rtt.srtt / 1000;

	if (cc->ops->control || !snd->rtt.seeded)
		return;
	cc->pacing_rate = segs * snd->mss * ratio * 10000 / (us ? us : 1);
}

void recovery_cwnd(struct tcp_snd *snd, const struct ack_info *info, uint64_t delivered_ce)
{
	uint32_t newly = info->acked_segs + info->sacked_segs;
	struct cc_ack ack = {
		.now = info->now,
		.acked_segs = newly,
		.in_flight = info->prior_flight,
		.rtt = info->rtt,
		.una = snd->una,
		.nxt = snd->nxt,
		.delivered = snd->board.delivered,
		.delivered_ce = delivered_ce,
		.prior_delivered = info->prior_delivered,
		.app_limited = info->rate_app_limited,
		.recovering = snd->rec.state >= CA_RECOVERY,
		.losses = info->lost_segs,
		.flight_now = board_in_flight(&snd->board),
		.mss = snd->mss,
		.srtt = snd->rtt.seeded ? snd->rtt.srtt : -1,
	};
	bool progress = snd->board.reordering > SACK_DUPTHRESH ? newly > 0 : info->acked_segs > 0;

	if (info->prior_delivered_at >= 0) {
		net_dur acked = info->now - info->prior_delivered_at;

		/* The slower of sending and acknowledging: compressed ACKs prove nothing. */
		ack.interval = acked > info->send_interval ? acked : info->send_interval;
		ack.rate_segs = (uint32_t)(snd->board.delivered - info->prior_delivered);
	}
	if (snd->cc.ops->rtt)
		snd->cc.ops->rtt(&snd->cc, &ack);
	if (snd->cc.ops->control) {
		snd->cc.ops->control(&snd->cc, &ack);
		return;
	}
	if (recovery_reducing(&snd->rec))
		prr(snd, info, newly);
	else if (progress && newly)
		snd->cc.ops->grow(&snd->cc, &ack);
}

/* RFC 6298 5.4: presume the oldest lost, and with it whatever is older than a round trip. */
static void timeout_mark_lost(struct tcp_snd *snd, net_time now)
{
	struct sack_board *board = &snd->board;
	struct sack_range *first = board_first(board);
	struct sack_range *range;

	if (first && (first->flags & SACK_SACKED)) {
		board_mark_all_lost(board, true);
		return;
	}
	if (!board->sack_ok) {
		board_mark_all_lost(board, false);
		return;
	}
	list_for_each_entry(range, &board->ranges, by_seq)
	{
		if (range != first && snd->rack.valid && range->sent + snd->rack.rtt > now)
			continue;
		board_mark_lost(board, range);
	}
}

void recovery_timeout(struct tcp_snd *snd, net_time now)
{
	struct recovery *rec = &snd->rec;
	struct cc *cc = &snd->cc;
	bool fresh = rec->state < CA_RECOVERY;
	bool many_sacked =
		rec->state <= CA_DISORDER && snd->board.sacked_segs >= snd->board.reordering;

	timeout_mark_lost(snd, now);
	if (rec->state <= CA_DISORDER || !seq_gt(rec->high, snd->una) ||
	    (rec->state == CA_LOSS && !rec->timeouts)) {
		cc->prior_ssthresh = current_ssthresh(snd);
		cc->prior_cwnd = cc->cwnd;
		cc->ssthresh = cc->ops->ssthresh(cc, now);
		if (cc->ops->timeout)
			cc->ops->timeout(cc);
		init_undo(snd);
	}
	cc_set_cwnd(cc, board_in_flight(&snd->board) + 1);
	cc->cnt = 0;
	/* Timing out in spite of many SACKs: the tolerance for reordering was too generous. */
	if (many_sacked && snd->board.reordering > SACK_DUPTHRESH)
		snd->board.reordering = SACK_DUPTHRESH;
	rec->state = CA_LOSS;
	rec->high = snd->nxt;
	rec->tlp_pending = false;
	rec->frto = fresh || rec->timeouts;
}

void recovery_lost_without_congestion(struct tcp_snd *snd)
{
	struct recovery *rec = &snd->rec;

	if (rec->state == CA_LOSS)
		return;
	rec->high = snd->nxt;
	snd->cc.ssthresh = current_ssthresh(snd);
	snd->cc.prior_ssthresh = 0;
	rec->undo_ok = false;
	rec->state = CA_LOSS;
}

enum rexmit recovery_reo_timeout(struct tcp_snd *snd, net_time now, net_dur *ret_reo_wait)
{
	struct ack_info info;

	ack_info_init(&info, now);
	*ret_reo_wait = rack_detect(&snd->rack, &snd->board, &snd->rtt,
				    snd->rec.state >= CA_RECOVERY, now, &info);
	if (!info.lost_segs)
		return REXMIT_NONE;
	if (snd->rec.state != CA_RECOVERY) {
		enter_recovery(snd, now);
		/* RFC 6937: this opens room for the first retransmission. */
		prr(snd, &info, 1);
	}
	return REXMIT_LOST;
}

void recovery_retransmitted(struct tcp_snd *snd, const struct sack_range *range, net_time now)
{
	struct recovery *rec = &snd->rec;

	if (!rec->retrans_stamp)
		rec->retrans_stamp = now ? now : 1;
	if (rec->undo_retrans < 0)
		rec->undo_retrans = 0;
	rec->undo_retrans += (int32_t)range->segs;
	rec->retrans_total += range->segs;
	if (recovery_reducing(rec))
		rec->prr_out += range->segs;
}

void recovery_tlp_sent(struct tcp_snd *snd, bool retrans)
{
	snd->rec.tlp_pending = true;
	snd->rec.tlp_retrans = retrans;
	snd->rec.tlp_high = snd->nxt;
}
