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

/* RFC 8257 */
struct cc_dctcp {
	uint32_t alpha; /* of 1024 */
	uint32_t loss_cwnd, ab_ecn, ab_tot;
	uint64_t old_delivered, old_delivered_ce;
	struct seq round_end;
	bool started;
};

struct cc_bbr_max {
	uint64_t bw;
	uint32_t round;
};

struct cc_bbr {
	struct cc_bbr_max max[3]; /* windowed maximum of the bandwidth */
	net_dur min_rtt;	  /* -1: unknown */
	net_time min_rtt_at, probe_rtt_end, cycle_at;
	uint64_t next_round; /* delivered count that ends the round */
	uint64_t full_bw;
	uint32_t rounds, prior_cwnd, pacing_gain, cwnd_gain;
	uint8_t mode, cycle, full_rounds;
	bool full, round_start, recovering, conserve;
};

/* RFC 9406 */
struct cc_hystart {
	net_dur last_min, cur_min, baseline;
	struct seq round_end;
	uint32_t samples, credit;
	uint8_t css_rounds;
	bool started, css;
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
	uint8_t hystart_mode;	  /* 0 none, 1 classic, 2 HyStart++ */
	uint64_t pacing_rate;	  /* bytes/s */
	struct cc_hystart hystart;
	union {
		struct cc_cubic cubic;
		struct cc_dctcp dctcp;
		struct cc_bbr bbr;
	} u;
};

/* One acknowledgement, as the algorithms see it. */
struct cc_ack {
	net_time now;
	uint32_t acked_segs; /* newly delivered */
	uint32_t in_flight;
	net_dur rtt;	     /* -1: no sample */
	struct seq una, nxt; /* SND.UNA, SND.NXT, for rounds */
	uint64_t delivered, delivered_ce; /* segments, ever; of those, marked */
	uint64_t prior_delivered;	  /* when the newest delivered segment was sent */
	uint32_t rate_segs;		  /* delivered since, in @interval */
	net_dur interval;		  /* <= 0: no sample */
	bool app_limited;		  /* the sample says what was offered, not what would fit */
	bool recovering;
	uint32_t losses;     /* segments judged lost by this acknowledgement */
	uint32_t flight_now; /* after it */
	uint32_t mss;
	net_dur srtt;
};

#define CC_NOT_PACED (~0ull)
#define CC_INFO_MAX 20 /* union tcp_cc_info */

enum cc_flag {
	CC_NEEDS_ECN = 1, /* asks for ECN whatever the sysctl says, echoes every mark */
	CC_PACES = 2,	  /* its pacing rate is to be kept */
};

struct cc_ops {
	const char name[CC_NAME_MAX];
	uint8_t flags; /* enum cc_flag */
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
	/* Every acknowledgement, instead of growth and of PRR. Or NULL. */
	void (*control)(struct cc *cc, const struct cc_ack *ack);
	/* Writes what TCP_CC_INFO shows (CC_INFO_MAX bytes at most), returns its length. Or NULL. */
	size_t (*info)(const struct cc *cc, uint32_t mss, uint8_t *ret);
};

extern const struct cc_ops cc_reno;
extern const struct cc_ops cc_cubic;
extern const struct cc_ops cc_dctcp;
extern const struct cc_ops cc_bbr;

/* HyStart++: an acknowledgement in slow start; and how much of @acked it may grow by. */
void cc_hystart_ack(struct cc *cc, const struct cc_ack *ack);
uint32_t cc_hystart_slow(struct cc *cc, uint32_t acked);

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
