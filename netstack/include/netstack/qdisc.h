/* SPDX-License-Identifier: Apache-2.0 */
/* Queueing disciplines: what happens between a link's senders and the driver ("tc qdisc").
 *
 * Every link has one root discipline. The default is pfifo_fast (noqueue for software links and the
 * loopback): three bands by priority, first come first served. In the default a packet that is charged
 * to a socket is never dropped: the socket's send buffer is the limit, and the socket waits. A
 * discipline that a user configures keeps its limits and drops, as Linux's do.
 *
 * Rates are bytes per second. Times are nanoseconds.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "netstack/types.h"
#include "util/cleanup.h"

enum net_qdisc_kind {
	NET_QDISC_NOQUEUE = 0,
	NET_QDISC_PFIFO_FAST = 1,
	NET_QDISC_PFIFO = 2,
	NET_QDISC_BFIFO = 3,
	NET_QDISC_FQ = 4,	/* fair queueing with pacing */
	NET_QDISC_TBF = 5,	/* token bucket */
	NET_QDISC_NETEM = 6,	/* impairment */
	NET_QDISC_FQ_CODEL = 7, /* RFC 8290 */
	NET_QDISC_PRIO = 8,	/* strict bands */
};

/* Correlations are not modelled: Linux's *_corr must be 0. Probabilities are of 2^32. */
struct net_netem {
	uint32_t limit; /* packets; 0 = 1000 */
	net_dur latency, jitter;
	uint32_t loss, duplicate, reorder, corrupt;
	uint32_t gap;	/* every gap-th packet is sent at once, with @reorder; 0 = none */
	uint64_t rate;	/* 0 = any */
};

struct net_fq {
	uint32_t limit;		  /* packets; 0 = 10000 */
	uint32_t flow_limit;	  /* packets of one flow; 0 = 100 */
	uint32_t quantum;	  /* bytes a round; 0 = 2 MTU */
	uint32_t initial_quantum; /* 0 = 10 MTU */
	uint64_t flow_max_rate;	  /* 0 = any */
	bool no_pacing;		  /* do not obey the sockets' rates */
	net_dur horizon;	  /* 0 = 10 s: later departures are cut (or dropped) */
	bool horizon_drop;
};

struct net_tbf {
	uint64_t rate;	   /* must not be 0 */
	uint64_t peak_rate; /* 0 = none */
	uint32_t burst;	   /* bytes; must hold one frame */
	uint32_t mtu;	   /* bytes of the peak bucket */
	uint32_t limit;	   /* bytes that may wait */
};

struct net_fq_codel {
	uint32_t limit;	 /* packets; 0 = 10240 */
	uint32_t flows;	 /* 0 = 1024 */
	uint32_t quantum; /* bytes; 0 = MTU + 14 */
	net_dur target;	 /* 0 = 5 ms */
	net_dur interval; /* 0 = 100 ms */
	bool ecn;	 /* mark instead of dropping */
};

struct net_qdisc_stats {
	uint64_t bytes, packets; /* that left */
	uint64_t drops, overlimits, requeues;
	uint32_t qlen, backlog; /* packets and bytes that wait */
	/* Of fq and fq_codel. */
	uint32_t flows, throttled, ecn_marks;
};

struct net_qdisc {
	net_link_id link;
	enum net_qdisc_kind kind;
	uint32_t handle; /* major << 16; 0: chosen (the default's stays 0) */
	uint32_t limit;	 /* PFIFO: packets, BFIFO: bytes; 0 = txqueuelen, or that many MTU */
	uint8_t bands;	 /* PRIO: 2..16; 0 = 3 */
	uint8_t prio_map[16]; /* PRIO, PFIFO_FAST (out): band of a priority; all 0: Linux's */
	union {
		struct net_netem netem;
		struct net_fq fq;
		struct net_tbf tbf;
		struct net_fq_codel fq_codel;
	};
	struct net_qdisc_stats stats; /* out */
};

/* Makes @q the root discipline of its link; what waits is kept as far as the new limits allow.
 * 0, -EBADF, -EINVAL, -ENOMEM. */
MUST_CHECK int net_qdisc_set(struct net_stack *stack, const struct net_qdisc *q);
/* Back to the default. 0, -EBADF, -ENOENT (it is the default). */
int net_qdisc_del(struct net_stack *stack, net_link_id link);
/* 0 or -EBADF. */
int net_qdisc_get(const struct net_stack *stack, net_link_id link, struct net_qdisc *ret);
