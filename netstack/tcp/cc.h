/* SPDX-License-Identifier: Apache-2.0 */
/* Congestion control: the window, and the vtable of the algorithm that moves it.
 *
 * Everything is counted in segments, as in RFC 5681's examples and in TCP_INFO: an application that
 * sends small messages is then limited by packets, which is what a congested queue counts too. When
 * to call what is decided in recovery.c and ack.c; an algorithm is only arithmetic. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netstack/types.h>

#include "tcp/seq.h"

#define CC_INIT_CWND 10u /* RFC 6928 */
#define CC_SSTHRESH_INFINITE 0x7fffffffu
#define CC_NAME_MAX 16
#define CC_CWND_MAX 0x3fffffffu

struct cc_ops;

/* CUBIC's memory (RFC 9438 4.1) and HyStart's. */
struct cc_cubic {
	net_time epoch_start; /* 0: no epoch */
	net_time last_time;
	net_dur delay_min; /* 0: unknown */
	net_dur round_min_rtt;
	net_time round_start;
	net_time last_ack;
	uint32_t last_cwnd;
	uint32_t last_max_cwnd; /* W_max */
	uint32_t origin_point;
	net_dur k;    /* RFC 9438's K */
	uint32_t cnt; /* segments to acknowledge per increase by one */
	uint32_t ack_cnt;
	uint32_t tcp_cwnd; /* W_est */
	struct seq round_end;
	uint8_t round_samples;
	bool found; /* HyStart left slow start */
};

/* The window and its algorithm; part of every connection. */
struct cc {
	const struct cc_ops *ops;
	uint32_t cwnd; /* segments */
	uint32_t ssthresh;
	uint32_t clamp;
	uint32_t cnt;		  /* segments acknowledged since the last linear increase */
	uint32_t prior_cwnd;	  /* cwnd when it was last reduced, for undo */
	uint32_t prior_ssthresh;  /* 0: nothing to undo to */
	uint32_t max_out;	  /* largest flight in the current round */
	uint32_t used_stamp_cwnd; /* cwnd used since the last validation (RFC 2861) */
	bool limited;		  /* the window, not the application, limited the last flight */
	union {
		struct cc_cubic cubic;
	} u;
};

/* One acknowledgement, as the algorithms see it. */
struct cc_ack {
	net_time now;
	uint32_t acked_segs; /* newly delivered */
	uint32_t in_flight;
	net_dur rtt;	     /* -1: no sample */
	struct seq una, nxt; /* SND.UNA, SND.NXT, for rounds */
};

struct cc_ops {
	const char name[CC_NAME_MAX];
	void (*init)(struct cc *cc);
	/* The slow start threshold after a loss (RFC 5681 (4)). */
	uint32_t (*ssthresh)(struct cc *cc, net_time now);
	/* Window growth on an acknowledgement in Open. */
	void (*grow)(struct cc *cc, const struct cc_ack *ack);
	/* Every RTT sample, or NULL. */
	void (*rtt)(struct cc *cc, const struct cc_ack *ack);
	/* A retransmission timeout: forget what was learnt. Or NULL. */
	void (*timeout)(struct cc *cc);
	/* Transmission starts after having been idle for @idle. Or NULL. */
	void (*restart)(struct cc *cc, net_time now, net_dur idle);
};

extern const struct cc_ops cc_reno;
extern const struct cc_ops cc_cubic;

/* The algorithm called @name (@len bytes, NUL optional), or NULL. */
const struct cc_ops *cc_find(const char *name, size_t len);

/* The n-th algorithm, NULL past the end; the default is the first. */
const struct cc_ops *cc_nth(unsigned int n);

void cc_init(struct cc *cc, const struct cc_ops *ops);

/* Changes the algorithm in mid-connection and keeps the window. */
void cc_switch(struct cc *cc, const struct cc_ops *ops);

static inline bool cc_in_slow_start(const struct cc *cc)
{
	return cc->cwnd < cc->ssthresh;
}

/* True if growth is justified: the window was the limit (RFC 7661's concern, RFC 9293 3.8.2). */
bool cc_is_limited(const struct cc *cc);

void cc_set_cwnd(struct cc *cc, uint32_t cwnd);

/* Slow start: one more segment per acknowledged segment up to ssthresh. Returns what is left of
 * @acked. */
uint32_t cc_slow_start(struct cc *cc, uint32_t acked);

/* Additive increase: one more segment per @per acknowledged. */
void cc_additive(struct cc *cc, uint32_t per, uint32_t acked);

/* RFC 2861: after @idle without sending, halve cwnd once per @rto, not below the restart window. */
void cc_restart_after_idle(struct cc *cc, net_dur idle, net_dur rto, uint32_t restart_cwnd);
