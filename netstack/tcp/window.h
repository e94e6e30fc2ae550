/* SPDX-License-Identifier: Apache-2.0 */
/* The receive window: what to offer, and how buffers grow. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netstack/types.h>

#include "tcp/seq.h"

#define WINDOW_SCALE_MAX 14u /* RFC 7323 2.3 */
#define WINDOW_UNSCALED_MAX 65535u

/* The receive half of a connection's flow control. */
struct rcv_window {
	uint32_t buf;	   /* SO_RCVBUF: memory, twice what is offered */
	bool buf_locked;   /* set by the user: no autotuning */
	uint32_t clamp;	   /* never offer more (TCP_WINDOW_CLAMP, or half of the largest buffer) */
	uint32_t ssthresh; /* what is offered now at most; grows as data arrives */
	uint32_t wnd;	   /* RCV.WND as last advertised */
	struct seq wup;	   /* RCV.NXT when it was */
	uint8_t wscale;
	uint16_t mss;	  /* estimate of the peer's segment size */
	uint16_t adv_mss; /* what we announced */
	/* Dynamic right-sizing: what the application took in the last round trip. */
	struct seq space_seq;
	uint32_t space;
	net_time space_since;
	net_dur rtt; /* receiver-side estimate, 0 = none */
	struct seq rtt_seq;
	net_time rtt_since;
};

/* The part of @buf bytes of memory that is offered as window; the rest is for overhead. */
static inline uint32_t window_from_buf(uint32_t buf)
{
	return buf / 2;
}

/* Chooses the first window and the scale for a buffer of @buf that may grow to @buf_max. */
void window_init(struct rcv_window *win, uint32_t buf, uint32_t buf_max, uint16_t mss, bool scaling,
		 bool locked);

/* The right edge offered so far minus @nxt: what the peer may still send. */
uint32_t window_left(const struct rcv_window *win, struct seq nxt);

/* What the buffer would allow to offer with @used bytes of it occupied (payload). */
uint32_t window_space(const struct rcv_window *win, uint32_t used);

/* The window to offer (RFC 9293 3.8.6.2.2), never taking back what was (MUST-34: no shrinking).
 * Updates wnd and wup. Returns the value for the header field. */
uint16_t window_select(struct rcv_window *win, struct seq nxt, uint32_t used);

/* The same without committing, in bytes. */
uint32_t window_candidate(const struct rcv_window *win, uint32_t used);

/* In-order data of @len bytes arrived with @used in the buffer: open the slow-start threshold. */
void window_grow(struct rcv_window *win, uint32_t len, uint32_t used);

/* Learns the peer's segment size from a segment of @len bytes. */
void window_measure_mss(struct rcv_window *win, uint32_t len);

/* Receiver-side RTT without timestamps: the time to receive one window. */
void window_rtt_by_data(struct rcv_window *win, struct seq nxt, net_time now);
/* ... and with them. */
void window_rtt_by_ts(struct rcv_window *win, net_dur sample);

/* The application copied up to @copied; grows the buffer up to @buf_max. */
void window_adjust_space(struct rcv_window *win, struct seq copied, uint32_t buf_max, bool moderate,
			 net_time now);

/* The send buffer that @segs segments in flight need, twice (tcp_wmem autotuning). */
uint32_t window_sndbuf(uint32_t mss, uint32_t cwnd_segs, uint32_t reordering_segs);
