/* SPDX-License-Identifier: Apache-2.0 */
/* The queues of a listener. Private to tcp/. */
#pragma once

#include "tcp/conn.h"

struct tcp_listener {
	struct tcp_conn *conn;
	struct list queue; /* accept queue: struct tcp_conn */
	uint32_t nqueue;
	struct list reqs; /* SYN queue: struct tcp_req */
	uint32_t nreqs;
	uint32_t backlog;
	struct list fastopen; /* children in SYN-RECEIVED: tcp_conn.tfo.link */
	uint32_t nfastopen;
	bool cookies_sent;
	net_time last_cookie;
};

/* A half-open connection. */
struct tcp_req {
	struct demux_node node;
	struct list in_listener;
	struct list in_tcp; /* also the free list */
	struct timer timer;
	struct tcp *tcp;
	struct tcp_listener *listener;
	struct ip_path path;
	struct seq irs, iss;
	struct paws paws;
	uint32_t snd_wnd, rcv_wnd;
	uint32_t ts_off, cookie_ts;
	uint16_t peer_mss, adv_mss;
	uint8_t snd_wscale, rcv_wscale;
	uint8_t timeouts;
	bool ts_on, sack_ok, wscale_ok, cookie, ecn_ok;
	bool acc_ecn;	 /* AccECN */
	uint8_t syn_ecn; /* ECN field of the SYN */
	bool acked;	    /* the handshake is complete but was not accepted yet */
	bool retransmitted; /* no round-trip sample (Karn) */
	net_time sent;
	net_time last_ack;  /* rate limit */
	uint8_t *saved_syn; /* TCP_SAVE_SYN */
	uint32_t saved_syn_len;
};
