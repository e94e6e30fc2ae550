/* SPDX-License-Identifier: Apache-2.0 */
/* The send half of a connection: RFC 9293's SND variables and the machinery that loss recovery
 * needs. ack.c moves una and wnd, out.c moves nxt, recovery.c moves the rest. */
#pragma once

#include <stdbool.h>

#include "tcp/cc.h"
#include "tcp/rack.h"
#include "tcp/rtt.h"
#include "tcp/sack.h"
#include "tcp/seq.h"

/* Congestion states, with the numbers that TCP_INFO shows. */
enum ca_state {
	CA_OPEN = 0,
	CA_DISORDER = 1, /* duplicates or SACKs, cause not known yet */
	CA_CWR = 2,	 /* the window is being reduced without loss */
	CA_RECOVERY = 3, /* fast retransmit */
	CA_LOSS = 4,	 /* after a retransmission timeout */
};

struct recovery {
	enum ca_state state;
	struct seq high; /* the episode ends when this is acknowledged */
	bool undo_ok;	 /* the reduction can still be undone */
	struct seq undo_marker;
	int32_t undo_retrans;	/* retransmissions not proven unnecessary; -1: none were made */
	uint32_t prr_delivered; /* RFC 6937 */
	uint32_t prr_out;
	bool frto;		/* RFC 5682: the timeout may have been spurious */
	net_time retrans_stamp; /* the first retransmission of the episode; 0: none */
	bool tlp_pending;
	bool tlp_retrans; /* the probe was a retransmission, not new data */
	struct seq tlp_high;
	uint32_t timeouts; /* consecutive, since data was last acknowledged */
	uint32_t backoff;
	uint64_t retrans_total; /* segments ever retransmitted */
	uint64_t lost_total;
};

struct tcp_snd {
	struct seq iss, una, nxt;
	struct seq up; /* end of urgent data, if up_ok */
	bool up_ok;
	struct seq wl1, wl2;
	uint32_t wnd;	    /* as the peer last said, scaled */
	uint32_t max_wnd;   /* MAX.SND.WND */
	uint8_t wscale;	    /* what the peer's window values are shifted by */
	uint32_t mss;	    /* payload of a full segment with our options */
	bool probing;	    /* a probe of the path MTU is on the way: [probe_start, probe_end) */
	struct seq probe_start, probe_end;
	struct seq sml;	    /* end of the last segment sent that was not full (Minshall) */
	net_time last_sent; /* data, for restart after idle */
	struct sack_board board;
	struct rack rack;
	struct rtt rtt;
	struct cc cc;
	struct recovery rec;
};

static inline struct seq snd_wnd_end(const struct tcp_snd *snd)
{
	return seq_add(snd->una, snd->wnd);
}
