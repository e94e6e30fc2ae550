/* SPDX-License-Identifier: Apache-2.0 */
/* The scoreboard of unacknowledged data.
 *
 * Implements the sender's half of RFC 2018 (SACK), RFC 2883 (DSACK) and RFC 6675 (pipe), and the
 * transmission-order list that RFC 8985 needs.
 * Invariants: the ranges are contiguous and ordered; out, sacked, lost and retrans count the
 * segments of the ranges with that mark; SACKED excludes LOST and RETRANS; by_time holds exactly
 * the ranges that are neither SACKED nor (LOST without RETRANS). What the peer controls: the
 * blocks. Any block outside of what was sent is ignored.
 */
#include "tcp/sack.h"

#include <stdlib.h>
#include <string.h>

#include "tcp/rack.h"
#include "util/assert.h"

#define ENOMEM 12
#define POOL_SPARE_MAX 65536u

void sack_pool_init(struct sack_pool *pool)
{
	list_init(&pool->free);
	pool->spare = 0;
}

void sack_pool_fini(struct sack_pool *pool)
{
	struct sack_range *range;

	while ((range = list_pop_entry(&pool->free, struct sack_range, by_seq)))
		free(range);
	pool->spare = 0;
}

static struct sack_range *range_new(struct sack_board *board)
{
	struct sack_range *range = list_pop_entry(&board->pool->free, struct sack_range, by_seq);

	if (range)
		board->pool->spare--;
	else
		range = malloc(sizeof(*range));
	if (!range)
		return NULL;
	memset(range, 0, sizeof(*range));
	board->ranges_cnt++;
	return range;
}

static void range_free(struct sack_board *board, struct sack_range *range)
{
	if (board->hint == range)
		board->hint = NULL;
	list_remove(&range->by_seq);
	list_remove(&range->by_time);
	board->ranges_cnt--;
	if (board->pool->spare >= POOL_SPARE_MAX) {
		free(range);
		return;
	}
	list_push_front(&board->pool->free, &range->by_seq);
	board->pool->spare++;
}

static uint32_t segs_of(uint32_t len, uint32_t mss)
{
	return len > mss ? (len + mss - 1) / mss : 1;
}

void ack_info_init(struct ack_info *info, net_time now)
{
	memset(info, 0, sizeof(*info));
	info->now = now;
	info->first_sent = info->last_sent = info->sack_first_sent = info->rtt_sent = -1;
	info->echo = -1;
	info->rtt = -1;
	info->prior_delivered_at = -1;
}

void board_init(struct sack_board *board, struct sack_pool *pool)
{
	memset(board, 0, sizeof(*board));
	list_init(&board->ranges);
	list_init(&board->by_time);
	board->pool = pool;
	board->reordering = SACK_DUPTHRESH;
	board->max_reordering = SACK_MAX_REORDERING;
}

void board_fini(struct sack_board *board)
{
	struct sack_range *range;

	if (!board->ranges.next)
		return;
	while ((range = board_first(board)))
		range_free(board, range);
	board->out_segs = board->sacked_segs = board->lost_segs = board->retrans_segs = 0;
	board->has_fack = false;
}

int board_sent(struct sack_board *board, struct seq start, struct seq end, uint32_t mss,
	       uint8_t flags, net_time now, bool app_limited)
{
	struct sack_range *range = range_new(board);

	if (!range)
		return -ENOMEM;
	range->start = start;
	range->end = end;
	range->mss = mss;
	range->segs = segs_of(seq_len(start, end), mss);
	range->flags = flags;
	range->sent = now;
	if (!board->out_segs)
		board->delivered_at = board->first_sent = now; /* idle time is no delivery time */
	range->delivered = board->delivered;
	range->delivered_at = board->delivered_at;
	range->first_sent = board->first_sent;
	range->app_limited = app_limited;
	list_push_back(&board->ranges, &range->by_seq);
	list_push_back(&board->by_time, &range->by_time);
	board->out_segs += range->segs;
	return 0;
}

void board_retransmitted(struct sack_board *board, struct sack_range *range, net_time now)
{
	if (!(range->flags & SACK_RETRANS))
		board->retrans_segs += range->segs;
	range->flags |= SACK_RETRANS | SACK_EVER;
	range->flags &= (uint8_t)~SACK_PROBE;
	range->sent = now;
	range->delivered = board->delivered;
	range->delivered_at = board->delivered_at;
	range->first_sent = board->first_sent;
	list_remove(&range->by_time);
	list_push_back(&board->by_time, &range->by_time);
}

/* Adjusts every count that @range is part of by @delta segments. */
static void count(struct sack_board *board, const struct sack_range *range, int32_t delta)
{
	board->out_segs += (uint32_t)delta;
	if (range->flags & SACK_SACKED)
		board->sacked_segs += (uint32_t)delta;
	if (range->flags & SACK_LOST)
		board->lost_segs += (uint32_t)delta;
	if (range->flags & SACK_RETRANS)
		board->retrans_segs += (uint32_t)delta;
}

int board_split(struct sack_board *board, struct sack_range *range, struct seq at)
{
	ASSERT(seq_gt(at, range->start) && seq_lt(at, range->end));

	struct sack_range *rest = range_new(board);

	if (!rest)
		return -ENOMEM;
	count(board, range, -(int32_t)range->segs);
	rest->start = at;
	rest->end = range->end;
	rest->mss = range->mss;
	rest->sent = range->sent;
	rest->delivered = range->delivered;
	rest->delivered_at = range->delivered_at;
	rest->first_sent = range->first_sent;
	rest->app_limited = range->app_limited;
	rest->flags = range->flags & (uint8_t)~SACK_SYN;
	range->flags &= (uint8_t)~SACK_FIN;
	range->end = at;
	range->segs = segs_of(seq_len(range->start, at), range->mss);
	rest->segs = segs_of(seq_len(at, rest->end), rest->mss);
	list_insert_after(&range->by_seq, &rest->by_seq);
	if (list_linked(&range->by_time))
		list_insert_after(&range->by_time, &rest->by_time);
	count(board, range, (int32_t)range->segs);
	count(board, rest, (int32_t)rest->segs);
	return 0;
}

void board_resize(struct sack_board *board, struct sack_range *range, uint32_t mss, uint32_t segs)
{
	count(board, range, -(int32_t)range->segs);
	range->mss = mss;
	range->segs = segs;
	count(board, range, (int32_t)segs);
}

void board_reordering(struct sack_board *board, uint32_t segs)
{
	board->reord_seen = true;
	if (segs > board->reordering)
		board->reordering = segs < board->max_reordering ? segs : board->max_reordering;
}

/* Something that was sent once and is below the highest SACK arrives now: the network reorders. */
static void check_reordering(struct sack_board *board, const struct sack_range *range)
{
	if (!board->has_fack || (range->flags & SACK_EVER) || !seq_lt(range->start, board->fack))
		return;
	board_reordering(board, (seq_len(range->start, board->fack) + range->mss - 1) / range->mss);
}

static void rate_sample(struct sack_board *board, const struct sack_range *range,
			struct ack_info *info)
{
	if (info->prior_delivered_at >= 0 && range->delivered < info->prior_delivered)
		return;
	info->prior_delivered = range->delivered;
	info->prior_delivered_at = range->delivered_at;
	info->rate_app_limited = range->app_limited;
	info->send_interval = range->sent - range->first_sent;
	board->first_sent = range->sent;
}

/* Common to both ways of delivery, for a range that was not SACKed before. */
static void delivered(struct sack_board *board, struct rack *rack, const struct sack_range *range,
		      struct seq high, net_dur min_rtt, struct ack_info *info)
{
	if (range->flags & SACK_EVER) {
		info->retrans_acked = true;
	} else if (seq_le(range->end, high)) {
		info->orig_acked = true;
	}
	rate_sample(board, range, info);
	/* RFC 8985 6.2 step 2: an echo from before the retransmission is of the original. */
	if (!(range->flags & SACK_EVER) || info->echo < 0 ||
	    info->echo >= range->sent - range->sent % 1000000)
		rack_delivered(rack, range, min_rtt, info->now);
	if (range->sent > info->rtt_sent)
		info->rtt_sent = range->sent;
	board->delivered += range->segs;
	board->delivered_at = info->now;
}

static void drop_front(struct sack_board *board, struct rack *rack, struct sack_range *range,
		       struct seq high, net_dur min_rtt, struct ack_info *info)
{
	if (!(range->flags & SACK_SACKED)) {
		delivered(board, rack, range, high, min_rtt, info);
		info->acked_segs += range->segs;
		if (!(range->flags & SACK_EVER)) {
			if (info->first_sent < 0)
				info->first_sent = range->sent;
			info->last_sent = range->sent;
			if (board->sack_ok)
				check_reordering(board, range);
		}
	}
	if (range->flags & SACK_SYN)
		info->syn_acked = true;
	if (range->flags & SACK_FIN)
		info->fin_acked = true;
	count(board, range, -(int32_t)range->segs);
	range_free(board, range);
}

/* The acknowledgement ends inside @range: keep what is left, in whole segments. */
static void trim_front(struct sack_board *board, struct rack *rack, struct sack_range *range,
		       struct seq una, struct seq high, net_dur min_rtt, struct ack_info *info)
{
	uint32_t left = segs_of(seq_len(una, range->end), range->mss);
	uint32_t gone = range->segs > left ? range->segs - left : 0;

	if (gone && !(range->flags & SACK_SACKED)) {
		struct sack_range part = *range;

		part.segs = gone;
		part.end = una;
		delivered(board, rack, &part, high, min_rtt, info);
		info->acked_segs += gone;
		if (!(range->flags & SACK_EVER)) {
			if (info->first_sent < 0)
				info->first_sent = range->sent;
			info->last_sent = range->sent;
		}
	}
	if (range->flags & SACK_SYN) {
		info->syn_acked = true;
		range->flags &= (uint8_t)~SACK_SYN;
	}
	count(board, range, -(int32_t)range->segs);
	range->start = una;
	range->segs = left;
	count(board, range, (int32_t)left);
}

void board_ack(struct sack_board *board, struct rack *rack, struct seq una, struct seq high,
	       net_dur min_rtt, struct ack_info *info)
{
	struct sack_range *range;

	while ((range = board_first(board)) && seq_lt(range->start, una)) {
		if (seq_gt(range->end, una)) {
			trim_front(board, rack, range, una, high, min_rtt, info);
			break;
		}
		drop_front(board, rack, range, high, min_rtt, info);
	}
	if (board->has_fack && seq_le(board->fack, una))
		board->has_fack = false;
	if (!board->sack_ok && info->acked_segs)
		board_reno_acked(board, info->acked_segs);
}

static void mark_sacked(struct sack_board *board, struct rack *rack, struct sack_range *range,
			struct seq high, net_dur min_rtt, struct ack_info *info)
{
	delivered(board, rack, range, high, min_rtt, info);
	if (!(range->flags & SACK_EVER)) {
		if (info->sack_first_sent < 0)
			info->sack_first_sent = range->sent;
		check_reordering(board, range);
	}
	count(board, range, -(int32_t)range->segs);
	range->flags &= (uint8_t) ~(SACK_LOST | SACK_RETRANS);
	range->flags |= SACK_SACKED;
	count(board, range, (int32_t)range->segs);
	info->sacked_segs += range->segs;
	list_remove(&range->by_time);
}

/* The first range that ends beyond @at, searched from the hint. */
static struct sack_range *find(const struct sack_board *board, struct seq at)
{
	struct sack_range *range = board->hint ? board->hint : board_first(board);
	struct list *prev;

	while (range && seq_le(range->end, at))
		range = board_next(board, range);
	while (range && (prev = list_prev(&board->ranges, &range->by_seq))) {
		struct sack_range *before = list_entry(prev, struct sack_range, by_seq);

		if (seq_le(before->end, at))
			break;
		range = before;
	}
	return range;
}

/* Where to cut a partly covered range so that both halves are whole segments: the peer may only
 * have received whole ones, and a cut elsewhere would multiply ranges. @up rounds towards the end.
 */
static struct seq seg_boundary(const struct sack_range *range, struct seq at, bool up)
{
	uint32_t off = seq_len(range->start, at);
	uint32_t rem = off % range->mss;

	if (!rem)
		return at;
	return up ? seq_add(at, range->mss - rem) : seq_sub(at, rem);
}

static void sack_one(struct sack_board *board, struct rack *rack, const struct sack_block *block,
		     struct seq high, net_dur min_rtt, struct ack_info *info)
{
	struct sack_range *range = find(board, block->start);

	for (; range && seq_lt(range->start, block->end); range = board_next(board, range)) {
		board->hint = range;
		if (range->flags & SACK_SACKED)
			continue;
		if (seq_lt(range->start, block->start)) {
			struct seq cut = seg_boundary(range, block->start, true);

			if (seq_ge(cut, range->end) || seq_ge(cut, block->end))
				continue;
			if (board_split(board, range, cut) < 0)
				return;
			continue; /* the second half comes next */
		}
		if (seq_gt(range->end, block->end)) {
			struct seq cut = seg_boundary(range, block->end, false);

			if (seq_le(cut, range->start))
				return;
			if (board_split(board, range, cut) < 0)
				return;
		}
		mark_sacked(board, rack, range, high, min_rtt, info);
	}
}

/* RFC 2883 4: the first block repeats data below the cumulative ACK or inside the second block. */
static bool is_dsack(const struct sack_block *blocks, unsigned int n, struct seq una)
{
	if (seq_lt(blocks[0].start, una))
		return seq_le(blocks[0].end, una);
	return n > 1 && seq_le(blocks[0].end, blocks[1].end) &&
	       seq_ge(blocks[0].start, blocks[1].start);
}

void board_sack(struct sack_board *board, struct rack *rack, const struct sack_block *blocks,
		unsigned int n, struct seq una, struct seq nxt, struct seq high, uint32_t max_wnd,
		net_dur min_rtt, struct ack_info *info)
{
	unsigned int i = 0;

	if (!n || !board->sack_ok)
		return;
	if (is_dsack(blocks, n, una) && seq_lt(blocks[0].start, blocks[0].end) &&
	    seq_gt(seq_add(blocks[0].start, max_wnd), una)) {
		struct sack_range *first = board_first(board);
		uint32_t len = seq_len(blocks[0].start, blocks[0].end);

		info->dsack = true;
		info->dsack_segs = segs_of(len, first ? first->mss : 1448);
		i = 1;
	}
	for (; i < n; i++) {
		if (!seq_lt(blocks[i].start, blocks[i].end) || seq_gt(blocks[i].end, nxt) ||
		    seq_lt(blocks[i].start, una))
			continue;
		sack_one(board, rack, &blocks[i], high, min_rtt, info);
		if (!board->has_fack || seq_gt(blocks[i].end, board->fack)) {
			board->fack = blocks[i].end;
			board->has_fack = true;
		}
	}
}

void board_mark_lost(struct sack_board *board, struct sack_range *range)
{
	if (range->flags & SACK_SACKED)
		return;
	if (range->flags & SACK_RETRANS) {
		range->flags &= (uint8_t)~SACK_RETRANS;
		board->retrans_segs -= range->segs;
	}
	if (!(range->flags & SACK_LOST)) {
		range->flags |= SACK_LOST;
		board->lost_segs += range->segs;
	}
	list_remove(&range->by_time);
}

void board_mark_all_lost(struct sack_board *board, bool forget)
{
	struct sack_range *range;

	if (forget || !board->sack_ok) {
		board->sacked_segs = 0;
		board->has_fack = false;
	}
	list_for_each_entry(range, &board->ranges, by_seq)
	{
		if (forget)
			range->flags &= (uint8_t)~SACK_SACKED;
		board_mark_lost(board, range);
	}
}

void board_clear_lost(struct sack_board *board)
{
	struct sack_range *range;

	list_for_each_entry(range, &board->ranges, by_seq)
	{
		if (range->flags & SACK_SACKED)
			continue;
		range->flags &= (uint8_t)~SACK_LOST;
		if (!list_linked(&range->by_time))
			list_push_back(&board->by_time, &range->by_time);
	}
	board->lost_segs = 0;
}

void board_reno_acked(struct sack_board *board, uint32_t acked)
{
	/* One of the acknowledged segments was the hole; the others had caused duplicate ACKs. */
	if (acked - 1 >= board->sacked_segs)
		board->sacked_segs = 0;
	else
		board->sacked_segs -= acked - 1;
	if (board->sacked_segs + board->lost_segs > board->out_segs)
		board->sacked_segs =
			board->out_segs > board->lost_segs ? board->out_segs - board->lost_segs : 0;
}

void board_reno_reset(struct sack_board *board)
{
	board->sacked_segs = 0;
}

void board_reno_dupack(struct sack_board *board, uint32_t n)
{
	uint32_t holes = board->lost_segs ? board->lost_segs : 1;

	board->sacked_segs += n;
	board->delivered += n;
	if (board->sacked_segs + holes > board->out_segs) {
		/* More duplicates than segments: the network duplicates or reorders. */
		board->sacked_segs = board->out_segs > holes ? board->out_segs - holes : 0;
	}
}
