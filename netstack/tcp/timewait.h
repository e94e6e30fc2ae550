/* SPDX-License-Identifier: Apache-2.0 */
/* What a segment means to a connection in TIME_WAIT or a detached FIN_WAIT_2. Pure. */
#pragma once

#include <stdbool.h>

#include <netstack/types.h>

#include "tcp/paws.h"
#include "tcp/seq.h"

#define TIMEWAIT_LEN ((net_dur)60 * 1000 * 1000 * 1000)	 /* 2 MSL, fixed as in Linux */

/* The state kept of a closed connection. */
struct timewait {
	struct seq rcv_nxt;
	struct seq snd_nxt;
	uint32_t rcv_wnd;
	struct paws paws;
	net_time since;
};

/* The parts of a segment that matter here. */
struct timewait_seg {
	struct seq seq, end;
	bool syn, ack, rst, fin;
	bool has_ts;
	uint32_t tsval;
};

enum timewait_verdict {
	TIMEWAIT_DROP,
	TIMEWAIT_ACK,	   /* answer with an ACK and restart the 2 MSL wait */
	TIMEWAIT_ACK_ONLY, /* answer with an ACK, the wait goes on */
	TIMEWAIT_KILL,	   /* the connection is gone (RST) */
	TIMEWAIT_REOPEN,   /* a new incarnation: hand the SYN to a listener, start at *ret_isn */
};

enum timewait_verdict timewait_segment(struct timewait *tw, const struct timewait_seg *seg,
				       net_time now, struct seq *ret_isn);

/* True if connect() may take the tuple over (tcp_tw_reuse): the timestamp clock has ticked. */
bool timewait_reusable(const struct timewait *tw, net_time now, net_dur age);

/* The initial sequence number of an incarnation that takes over: beyond the old one's window. */
struct seq timewait_next_isn(const struct timewait *tw);
