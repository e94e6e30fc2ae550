/* SPDX-License-Identifier: Apache-2.0 */
/* The receive window.
 *
 * Implements RFC 9293 3.8.6 (window management, silly window avoidance of the receiver), RFC 7323 2
 * (scaling) and dynamic right-sizing of the buffer with Linux's parameters. Pure: reads no clock,
 * allocates nothing. Invariant: the offered right edge wup + wnd never moves left.
 */
#include "tcp/window.h"

#define GROW_MIN_LEN 128u

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t align_up(uint32_t v, uint8_t shift)
{
	uint32_t unit = 1u << shift;

	return (v + unit - 1) & ~(unit - 1);
}

void window_init(struct rcv_window *win, uint32_t buf, uint32_t buf_max, uint16_t mss, bool scaling,
		 bool locked)
{
	uint32_t space = window_from_buf(buf);
	uint32_t largest;

	*win = (struct rcv_window){.buf = buf, .buf_locked = locked, .mss = 536, .adv_mss = mss};
	win->clamp = space;
	if (mss && space > mss)
		space -= space % mss;
	win->wnd = min_u32(space, WINDOW_UNSCALED_MAX);
	if (scaling) {
		/* The scale cannot be renegotiated: it must do for the largest buffer there may be.
		 */
		largest = locked ? buf : max_u32(buf, buf_max);
		while (win->wscale < WINDOW_SCALE_MAX &&
		       (largest >> win->wscale) > WINDOW_UNSCALED_MAX)
			win->wscale++;
	}
	win->clamp = min_u32(win->clamp, WINDOW_UNSCALED_MAX << win->wscale);
	win->ssthresh = win->wnd;
}

uint32_t window_left(const struct rcv_window *win, struct seq nxt)
{
	int32_t left = seq_diff(seq_add(win->wup, win->wnd), nxt);

	return left > 0 ? (uint32_t)left : 0;
}

uint32_t window_space(const struct rcv_window *win, uint32_t used)
{
	uint32_t full = window_from_buf(win->buf);

	return full > used ? full - used : 0;
}

uint32_t window_candidate(const struct rcv_window *win, uint32_t used)
{
	uint32_t allowed = window_from_buf(win->buf);
	uint32_t full = min_u32(win->clamp, allowed);
	uint32_t mss = win->mss;
	uint32_t free = window_space(win, used);
	uint32_t wnd;

	if (mss > full)
		mss = full;
	if (!mss)
		return 0;
	if (free < full / 2) {
		free &= ~((1u << win->wscale) - 1);
		/* RFC 1122 4.2.3.3: an opening smaller than a segment and a sixteenth is silly. */
		if (free < allowed / 16 || free < mss)
			return 0;
	}
	free = min_u32(free, win->ssthresh);
	if (win->wscale)
		return align_up(free, win->wscale);
	/* Without scaling, steps of whole segments. */
	wnd = win->wnd;
	if (free < mss)
		return mss == full ? free : 0;
	if (wnd <= free - mss || wnd > free)
		wnd = free - free % mss;
	else if (mss == full && free > wnd + full / 2)
		wnd = free;
	return wnd;
}

uint16_t window_select(struct rcv_window *win, struct seq nxt, uint32_t used)
{
	uint32_t cur = window_left(win, nxt);
	uint32_t wnd = window_candidate(win, used);

	if (wnd < cur)
		wnd = align_up(cur, win->wscale);
	wnd = min_u32(wnd, WINDOW_UNSCALED_MAX << win->wscale);
	win->wnd = wnd;
	win->wup = nxt;
	return (uint16_t)(wnd >> win->wscale);
}

void window_grow(struct rcv_window *win, uint32_t len, uint32_t used)
{
	uint32_t room = min_u32(win->clamp, window_space(win, used));

	if (len < GROW_MIN_LEN || win->ssthresh >= room)
		return;
	/* Like slow start: two segments more for each that arrived; a super-segment counts in full.
	 */
	win->ssthresh = min_u32(room, win->ssthresh + max_u32(2u * win->adv_mss, len));
}

void window_measure_mss(struct rcv_window *win, uint32_t len)
{
	if (len >= win->mss) {
		win->mss = (uint16_t)min_u32(len, win->adv_mss ? win->adv_mss : 536);
		if (win->mss == 0)
			win->mss = 1;
	}
}

static void rtt_update(struct rcv_window *win, net_dur sample, bool by_window)
{
	if (sample <= 0)
		sample = 1;
	if (!win->rtt)
		win->rtt = sample;
	else if (by_window)
		win->rtt = sample < win->rtt ? sample : win->rtt; /* an upper bound only */
	else
		win->rtt += (sample - win->rtt) / 8;
}

void window_rtt_by_data(struct rcv_window *win, struct seq nxt, net_time now)
{
	if (win->rtt_since && seq_lt(nxt, win->rtt_seq))
		return;
	if (win->rtt_since)
		rtt_update(win, now - win->rtt_since, true);
	win->rtt_seq = seq_add(nxt, win->wnd);
	win->rtt_since = now ? now : 1;
}

void window_rtt_by_ts(struct rcv_window *win, net_dur sample)
{
	rtt_update(win, sample, false);
}

void window_adjust_space(struct rcv_window *win, struct seq copied, uint32_t buf_max, bool moderate,
			 net_time now)
{
	uint32_t took;
	uint64_t want;

	if (!win->rtt || now - win->space_since < win->rtt)
		return;
	took = seq_len(win->space_seq, copied);
	if (took > win->space) {
		if (moderate && !win->buf_locked) {
			/* Twice what was taken in a round trip, and as much again as it grew: the
			 * sender may be in slow start. */
			want = 2 * (uint64_t)took + 16 * win->adv_mss;
			want += 2 * (want * (took - win->space) / (win->space ? win->space : 1));
			want *= 2; /* memory is twice the window */
			if (want > buf_max)
				want = buf_max;
			if (want > win->buf) {
				win->buf = (uint32_t)want;
				win->clamp = min_u32(window_from_buf(win->buf),
						     WINDOW_UNSCALED_MAX << win->wscale);
			}
		}
		win->space = took;
	}
	win->space_seq = copied;
	win->space_since = now;
}

uint32_t window_sndbuf(uint32_t mss, uint32_t cwnd_segs, uint32_t reordering_segs)
{
	uint32_t per = 256;
	uint32_t segs = cwnd_segs > 10 ? cwnd_segs : 10;

	/* A segment costs its payload and header room, rounded up to a power of two. */
	while (per < mss + 640)
		per *= 2;
	per += 256;
	if (segs < reordering_segs + 1)
		segs = reordering_segs + 1;
	if (segs > 0x40000000u / per)
		return 0x7fffffffu;
	return 2 * segs * per;
}
