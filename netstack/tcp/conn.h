/* SPDX-License-Identifier: Apache-2.0 */
/* The control block of a connection, composed of parts that each belong to one file. Private to
 * tcp/.
 *
 * Who changes what: state.c the state; in.c and ack.c what segments bring; out.c what goes out;
 * recovery.c the congestion state; timers.c every timer; send.c and recv.c what the user does.
 */
#pragma once

#include "core/core.h"
#include "ip/path.h"
#include "sock/sock.h"
#include "tcp/ecn.h"
#include "tcp/fastopen.h"
#include "tcp/isn.h"
#include "tcp/keepalive.h"
#include "tcp/md5sig.h"
#include "tcp/mtup.h"
#include "tcp/note.h"
#include "tcp/paws.h"
#include "tcp/reasm.h"
#include "tcp/recovery.h"
#include "tcp/repair.h"
#include "tcp/rto.h"
#include "tcp/sendbuf.h"
#include "tcp/snd.h"
#include "tcp/tcp.h"
#include "tcp/timewait.h"
#include "tcp/window.h"
#include "wire/tcp.h"

/* Linux's numbers, which TCP_INFO and /proc/net/tcp show. */
enum tcp_state {
	TCP_ST_ESTABLISHED = 1,
	TCP_ST_SYN_SENT = 2,
	TCP_ST_SYN_RCVD = 3,
	TCP_ST_FIN_WAIT_1 = 4,
	TCP_ST_FIN_WAIT_2 = 5,
	TCP_ST_TIME_WAIT = 6,
	TCP_ST_CLOSED = 7,
	TCP_ST_CLOSE_WAIT = 8,
	TCP_ST_LAST_ACK = 9,
	TCP_ST_LISTEN = 10,
	TCP_ST_CLOSING = 11,
};

#define ST(s) (1u << TCP_ST_##s)

#define TCP_PEER_MSS_DEFAULT 536u /* RFC 9293 3.7.1 (MUST-15); IPv6 has 1220 */
#define TCP_PEER_MSS_MIN 48u	  /* tcp_min_snd_mss */
#define TCP_TS_OPT_LEN 12u
#define TCP_FIN_TIMEOUT NET_SEC(60)
#define TCP_DELACK_MIN NET_MS(40)
#define TCP_DELACK_MAX NET_MS(200)
#define TCP_QUICKACKS_MAX 16u
#define TCP_CFG_THIN_LINEAR 1u
#define TCP_CFG_THIN_DUPACK 2u /* kept, and without effect as in Linux since 4.17 */
#define TCP_THIN_LINEAR_RETRIES 6u
#define TCP_ADV_MSS_MAX 65535u

/* Options of IPPROTO_TCP as the user set them. */
struct tcp_cfg {
	bool nodelay, cork, inq, fastopen_connect, fastopen_no_cookie;
	uint8_t save_syn; /* TCP_SAVE_SYN */
	uint16_t user_mss;
	uint8_t syn_retries;  /* 0: default */
	uint8_t defer_accept; /* SYN-ACK timeouts to wait for data */
	int32_t linger2_s;    /* 0: default, < 0: none */
	uint32_t window_clamp;
	uint32_t notsent_lowat; /* 0: default */
	int32_t fastopen_qlen;
	uint32_t thin;
	struct keepalive_config ka;
	const struct cc_ops *cc;
};

/* When to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2). */
struct tcp_ack_state {
	bool scheduled; /* something arrived that wants an ACK */
	bool now;	/* ... at once */
	bool pushed, pushed2;
	bool pingpong;	   /* interactive: data will carry it */
	uint8_t quick;	   /* quick ACKs left */
	net_dur ato;	   /* estimated interval of arriving data */
	net_time last_rcv; /* last data */
	uint32_t last_seg; /* its size */
};

/* RFC 9293's RCV variables and the receive queue. */
struct tcp_rcv {
	struct seq irs, nxt;
	struct seq copied; /* first byte that the user has not taken */
	struct seq up;	   /* RCV.UP: the sequence number of the urgent byte */
	uint8_t urg;	   /* enum tcp_urg */
	uint8_t urg_byte;
	bool fin;	   /* the peer will send nothing more */
	struct list queue; /* in-order struct pkt */
	uint32_t mem;	   /* truesize of the queue */
	struct reasm reasm;
	struct rcv_window win;
	struct tcp_ack_state ack;
	struct paws paws;
	struct seq last_ack_sent;
	uint32_t rcv_tsecr; /* last echo, for receiver-side RTT */
	uint64_t bytes;	    /* in order, ever */
	uint64_t segs, data_segs;
	uint32_t ooo_segs;
};

enum tcp_urg {
	TCP_URG_NONE,
	TCP_URG_NOTYET, /* announced, not arrived */
	TCP_URG_VALID,	/* urg_byte holds it */
	TCP_URG_READ,
};

enum tcp_rexmt_mode {
	TCP_REXMT_NONE,
	TCP_REXMT_RTO,
	TCP_REXMT_PERSIST,
	TCP_REXMT_TLP,
	TCP_REXMT_REO,
};

struct tcp_timers {
	struct timer rexmt;
	struct timer delack;
	struct timer pace;
	struct timer keep; /* keep-alive, FIN-WAIT-2 of an orphan */
	enum tcp_rexmt_mode mode;
	uint32_t probes; /* unanswered: keep-alive and persist */
	uint32_t persist_backoff;
	net_time probes_since;
	net_time last_heard;	 /* any acceptable segment */
	net_time fin_wait_until; /* orphan in FIN-WAIT-2 */
	bool fin_wait;
};

/* What was negotiated and counted on the send side, and not part of loss recovery. */
struct tcp_out {
	net_time pace_next; /* SO_MAX_PACING_RATE: nothing before this */
	struct work work;
	bool work_push;	 /* a push ignores Nagle once (TCP_NODELAY set, cork removed) */
	bool more;	 /* MSG_MORE on the last write */
	bool need_ack;	 /* an ACK must be sent, with data if possible */
	bool fin_queued; /* FIN follows the last byte */
	bool fin_sent;
	bool cwnd_limited;
	bool wnd_limited;
	bool app_limited;
	bool nospace;	   /* a write found the buffer full */
	bool wscale_ok;	   /* both SYNs had the option */
	bool reuse_isn_ok; /* the tuple was taken over from a TIME-WAIT */
	struct seq reuse_isn;
	uint32_t ts_off;
	uint16_t peer_mss; /* from the SYN, or the default */
	uint16_t adv_mss;
	uint32_t pmtu; /* the path MTU that mss was computed for */
	uint32_t buf;  /* autotuned send buffer */
	net_time challenge_last;
	net_time oow_last;
	struct seq max_cwnd_end;
	net_time syn_sent;
};

/* Fast Open (RFC 7413): tfo.c. */
struct tcp_tfo {
	struct fastopen_cookie cookie; /* for the SYN or SYN|ACK that is sent next */
	bool pending;		       /* client: the SYN was not answered yet */
	bool defer;		       /* client: connect() succeeded, the SYN waits for data */
	bool asked, asked_exp;	       /* the option was on the SYN */
	bool syn_data, syn_data_acked; /* data was on the SYN; ... and arrived */
	bool child;		       /* made by a SYN: sends and receives in SYN-RECEIVED */
	uint8_t fail;
	struct tcp_listener *listener; /* that counts it while it is in SYN-RECEIVED */
	struct list link;
};

/* Why data is not all acknowledged yet: what TCP_INFO's busy times add up. */
enum tcp_chrono {
	TCP_CHRONO_NONE,
	TCP_CHRONO_BUSY,   /* the path */
	TCP_CHRONO_RWND,   /* the peer's window */
	TCP_CHRONO_SNDBUF, /* our send buffer: everything in it is out */
	TCP_CHRONO_COUNT,
};

struct tcp_stats {
	uint64_t bytes_acked, bytes_sent, bytes_retrans;
	uint64_t segs_out, data_segs_out;
	uint32_t dsack_dups, reord_seen;
	net_time last_data_sent, last_ack_rcvd;
	uint64_t rate_segs;
	net_dur rate_interval;
	bool rate_app_limited;
	enum tcp_chrono chrono; /* what the sender is busy with now */
	net_time chrono_since;
	net_dur chrono_sum[TCP_CHRONO_COUNT];
	uint16_t total_rto;
	uint64_t delivered_ce; /* acknowledged with ECE, or counted by AccECN */
	uint32_t new_marks;    /* told, not yet acted upon */
	uint32_t received_ce;  /* packets */
	uint32_t received_bytes[3]; /* of data that came as ECT(1), ECT(0), CE */
	uint16_t rto_recoveries;
	uint32_t rehash; /* times that another way was tried */
	net_time rto_since; /* 0: no episode of timeouts */
	net_dur rto_time;
};

struct tcp_listener;

struct tcp_conn {
	struct sock sk;
	struct tcp *tcp;
	enum tcp_state state;
	struct ip_path path;
	struct tcp_cfg cfg;
	struct tcp_snd snd;
	struct sendbuf sb;
	struct tcp_rcv rcv;
	struct tcp_timers timers;
	struct tcp_out out;
	struct tcp_stats stats;
	struct tcp_listener *listener; /* LISTEN only */
	struct tcp_conn *parent;       /* until accepted */
	struct list accept_link;
	int err_soft;	 /* of the last ICMP error (RFC 1122 4.2.3.9) */
	bool connecting; /* connect() has not reported its success yet */
	bool orphan;	 /* close() was called */
	bool dead;	 /* an orphan that is done: freed by the next poll */
	struct tcp_ecn ecn;
	struct tcp_tfo tfo;
	struct fastopen_keys *fo_keys; /* TCP_FASTOPEN_KEY, or NULL */
	struct md5sig *md5;	       /* TCP_MD5SIG, or NULL */
	struct repair repair;
	struct mtup mtup;
	struct tcp_notes notes;
	uint32_t saved_syn_len;
	uint8_t *saved_syn;
};

/* The context of a stack. */
struct tcp {
	struct net_core *core;
	struct socks *ss;
	struct ip *ip;
	struct sack_pool ranges;
	struct siphash_key isn_key, ts_key, cookie_key;
	struct list timewaits; /* struct tcp_tw, the next to expire first */
	struct timer tw_timer;
	uint32_t ntimewait;
	uint32_t norphans;
	struct list requests; /* struct tcp_req of all listeners */
	uint32_t nrequests;
	struct list free_reqs, free_tws; /* spare ones, so that steady state allocates nothing */
	uint32_t nfree_reqs, nfree_tws;
	struct fastopen_cache fo_cache;
	struct fastopen_keys fo_keys;
	char fo_text[sizeof(((struct net_tunables *)0)->tcp_fastopen_key)]; /* what they are of */
};

/* A parsed segment. */
struct tcp_seg {
	struct tcp_hdr hdr;
	struct tcp_opts opts;
	struct seq seq, end, ack; /* end includes SYN and FIN */
	uint32_t len;		  /* payload */
	struct pkt *pkt;	  /* view at the payload; NULL once taken */
	uint32_t seg_size;	  /* of one segment of a super-segment */
	uint32_t nsegs;
	uint8_t ecn; /* field of the IP header */
	bool ts;
};

static inline struct tcp_conn *tcp_conn_of(struct sock *sk)
{
	return container_of(sk, struct tcp_conn, sk);
}

static inline bool tcp_in(const struct tcp_conn *conn, uint32_t states)
{
	return (1u << conn->state) & states;
}

static inline net_time tcp_now(const struct tcp_conn *conn)
{
	return conn->sk.core->now;
}

/* An algorithm may need ECN whatever the sysctl says. */
static inline bool tcp_asks_ecn(const struct tcp_conn *conn)
{
	return ecn_asks(conn->sk.core->tun.tcp_ecn) || conn->snd.cc.ops->flags & CC_NEEDS_ECN;
}

/* Between two answers to segments that are not acceptable (RFC 5961 7). */
static inline net_dur tcp_ratelimit(const struct net_core *core)
{
	return NET_MS(core->tun.tcp_invalid_ratelimit_ms);
}

static inline uint32_t tcp_ts_clock(const struct net_core *core)
{
	return (uint32_t)(core->now / 1000000);
}

/* The end of everything that was or will be sent: data and FIN. */
static inline struct seq tcp_write_end(const struct tcp_conn *conn)
{
	return seq_add(sendbuf_end(&conn->sb), conn->out.fin_queued);
}

/* Bytes of data, without FIN, that were never sent. */
static inline uint32_t tcp_unsent(const struct tcp_conn *conn)
{
	int32_t n = seq_diff(sendbuf_end(&conn->sb), conn->snd.nxt);

	return n > 0 ? (uint32_t)n : 0;
}

/* state.c */
void tcp_state_init(struct tcp_conn *conn);
void tcp_set_state(struct tcp_conn *conn, enum tcp_state state);
const char *tcp_state_name(enum tcp_state state);

/* conn.c */
void tcp_conn_sync_opts(struct tcp_conn *conn);
void tcp_conn_init_transfer(struct tcp_conn *conn);
/* Ends the connection with SO_ERROR @err (0: none). An orphan is freed by the next poll. */
void tcp_done(struct tcp_conn *conn, int err);
/* Sends a RST and ends. */
void tcp_abort(struct tcp_conn *conn, int err);
void tcp_conn_destroy(struct tcp_conn *conn);
uint16_t tcp_adv_mss(const struct tcp_conn *conn, struct ip_path *path);
void tcp_update_mss(struct tcp_conn *conn);
void tcp_enter_time_wait(struct tcp_conn *conn);
void tcp_start_fin_wait2(struct tcp_conn *conn);
/* The active OPEN in two steps: all but the SYN (0 or errno), then the SYN with what is in the send
 * buffer. */
MUST_CHECK int tcp_open_start(struct tcp_conn *conn, const struct net_endpoint *peer);
MUST_CHECK int tcp_open_syn(struct tcp_conn *conn);
int tcp_sock_connect(struct sock *sk, const struct net_endpoint *peer);
int tcp_sock_shutdown(struct sock *sk, enum sock_shut how);
void tcp_sock_close(struct sock *sk);

/* in.c */
void tcp_input(void *ctx, struct pkt *pkt);
enum drop tcp_segment(struct tcp_conn *conn, struct tcp_seg *seg);
void tcp_reset_received(struct tcp_conn *conn);
void tcp_challenge_ack(struct tcp_conn *conn);
uint32_t tcp_wnd_scaled(const struct tcp_conn *conn, const struct tcp_seg *seg);
/* data.c: the text and FIN of a segment (RFC 9293 3.10.7.4, seventh and eighth) */
enum drop tcp_in_text(struct tcp_conn *conn, struct tcp_seg *seg);
/* The text of a SYN that opened a connection by itself. Takes seg->pkt. */
void tcp_in_syn_text(struct tcp_conn *conn, struct tcp_seg *seg);
/* Puts in-order @pkt (tcp_cb() filled) into the receive queue. Takes it. */
void tcp_queue_text(struct tcp_conn *conn, struct pkt *pkt);
void tcp_in_urgent(struct tcp_conn *conn, const struct tcp_seg *seg);
void tcp_ack_check(struct tcp_conn *conn);
void tcp_quickack(struct tcp_conn *conn, uint8_t max);
uint32_t tcp_rcv_used(const struct tcp_conn *conn);

/* ack.c */
enum tcp_ack_result {
	TCP_ACK_OK,
	TCP_ACK_OLD,
	TCP_ACK_STALE,	/* so old that it is an attack (RFC 5961 5) */
	TCP_ACK_FUTURE, /* of something not sent */
};
enum tcp_ack_result tcp_ack(struct tcp_conn *conn, const struct tcp_seg *seg);

/* out.c */
void tcp_out_run(struct work *work);
void tcp_out_mark(struct tcp_conn *conn);
/* Sends what may be sent now. */
void tcp_output(struct tcp_conn *conn);
void tcp_send_ack(struct tcp_conn *conn);
/* Notes what the sender waits for, after something changed. */
void tcp_chrono(struct tcp_conn *conn);
void tcp_send_syn(struct tcp_conn *conn);
void tcp_send_rst(struct tcp_conn *conn);
/* A segment at SND.UNA - 1: keep-alive and window probes. */
void tcp_send_probe(struct tcp_conn *conn, bool urgent);
/* Retransmits the first unacknowledged range, whatever the window. 0 or errno. */
int tcp_retransmit_first(struct tcp_conn *conn);
void tcp_retransmit_lost(struct tcp_conn *conn);
bool tcp_send_tlp(struct tcp_conn *conn);
bool tcp_has_unsent(const struct tcp_conn *conn);
/* Wakes up a window probe: what fits the window, or a byte. */
void tcp_write_wakeup(struct tcp_conn *conn);
/* The key of the connection's peer, or NULL. */
static inline const struct md5sig_key *tcp_md5_key(const struct tcp_conn *conn)
{
	return conn->md5 ? md5sig_find(conn->md5, &conn->sk.node.remote.addr, conn->sk.node.bound)
			 : NULL;
}

/* What the connection may send, bytes/s; CC_NOT_PACED: no limit. */
uint64_t tcp_pacing_rate(const struct tcp_conn *conn);
/* segment.c: a segment that belongs to no connection block */
struct tcp_reply {
	uint16_t flags;
	struct seq seq, ack;
	uint32_t wnd;
	const struct tcp_opts *opts;
	const struct md5sig_key *key; /* to sign with, or NULL */
};
void tcp_send_reply(struct tcp *tcp, struct ip_path *path, const struct net_endpoint *local,
		    const struct net_endpoint *remote, const struct tcp_reply *reply);
/* The RST that answers @seg, which belongs to nobody (RFC 9293 3.10.7.1). @sk may be NULL. */
void tcp_send_rst_for(struct tcp *tcp, const struct tcp_seg *seg, const struct sock *sk);
int tcp_emit_segment(struct tcp *tcp, struct ip_path *path, struct pkt *pkt, struct tcp_hdr *hdr,
		     const struct tcp_opts *opts, uint32_t gso_size, const struct md5sig_key *key);

/* A retransmission timeout, and the acknowledgement that ends the series: for TCP_INFO. */
static inline void tcp_stats_rto(struct tcp_conn *conn)
{
	if (!conn->stats.rto_since) {
		conn->stats.rto_recoveries++;
		conn->stats.rto_since = tcp_now(conn);
	}
	conn->stats.total_rto++;
}

static inline void tcp_stats_rto_over(struct tcp_conn *conn)
{
	if (conn->stats.rto_since)
		conn->stats.rto_time += tcp_now(conn) - conn->stats.rto_since;
	conn->stats.rto_since = 0;
}

/* timers.c */
void tcp_timers_init(struct tcp_conn *conn);
void tcp_timers_stop(struct tcp_conn *conn);
void tcp_timers_arm_rto(struct tcp_conn *conn);
/* After an acknowledgement or a transmission: RTO, TLP, persist or nothing, as the queue needs. */
void tcp_timers_update(struct tcp_conn *conn, bool progress);
void tcp_timers_reo(struct tcp_conn *conn, net_dur wait);
void tcp_timers_delack(struct tcp_conn *conn);
void tcp_timers_pace(struct tcp_conn *conn, net_time at);
void tcp_timers_ack_sent(struct tcp_conn *conn, uint32_t segs);
void tcp_timers_keepalive(struct tcp_conn *conn, bool on);
void tcp_timers_fin_wait(struct tcp_conn *conn, net_dur len);

/* send.c, recv.c */
ssize_t tcp_sock_send(struct sock *sk, const struct net_msg *msg, const struct net_endpoint *dst,
		      int flags);
ssize_t tcp_sock_recv(struct sock *sk, struct net_msg *msg, int flags);
uint32_t tcp_sock_poll(struct sock *sk);
int64_t tcp_sock_count(struct sock *sk, enum net_count what);
bool tcp_writable(const struct tcp_conn *conn);
void tcp_write_space(struct tcp_conn *conn);
void tcp_rcv_purge(struct tcp_conn *conn);
uint32_t tcp_snd_used(const struct tcp_conn *conn);
uint32_t tcp_inq(const struct tcp_conn *conn);

/* listen.c */
int tcp_sock_listen(struct sock *sk, int backlog);
int tcp_sock_accept(struct sock *sk, struct sock **ret);
void tcp_listen_stop(struct tcp_conn *conn);
enum drop tcp_listen_segment(struct tcp_conn *listener, struct tcp_seg *seg, const struct seq *isn);
bool tcp_listen_ready(const struct tcp_conn *conn);
uint32_t tcp_listen_queued(const struct tcp_conn *conn);
uint32_t tcp_listen_backlog(const struct tcp_conn *conn);
void tcp_accept_unlink(struct tcp_conn *child);
struct tcp_req;
enum drop tcp_req_segment(struct demux_node *node, struct tcp *tcp, struct tcp_seg *seg);
const struct tcp_conn *tcp_req_listener(const struct demux_node *node);
void tcp_req_free_all(struct tcp *tcp);
size_t tcp_req_info(const struct tcp *tcp, struct net_sock_info *ret, size_t max);
void tcp_req_error(struct demux_node *node, struct tcp *tcp, const struct ip_error *err,
		   struct seq seq);

/* tw.c */
void tcp_tw_init(struct tcp *tcp);
MUST_CHECK int tcp_tw_new(struct tcp_conn *conn);
size_t tcp_tw_info(const struct tcp *tcp, struct net_sock_info *ret, size_t max);
enum drop tcp_tw_segment(struct demux_node *node, struct tcp *tcp, struct tcp_seg *seg);
bool tcp_tw_reuse(struct demux_node *node, void *arg);
void tcp_tw_free_all(struct tcp *tcp);

/* opt.c, info.c */
int tcp_sock_setopt(struct sock *sk, int level, int name, const void *value, socklen_t len,
		    unsigned caps);
int tcp_sock_getopt(struct sock *sk, int level, int name, void *value, socklen_t *len);
void tcp_sock_opt_changed(struct sock *sk, int level, int name);
void tcp_cfg_init(struct tcp_cfg *cfg, const struct net_tunables *tun);
void tcp_sock_info(const struct sock *sk, struct net_sock_info *ret);
int tcp_get_info(struct tcp_conn *conn, void *value, socklen_t *len);

/* repair.c */
MUST_CHECK int tcp_repair_set(struct tcp_conn *conn, int name, int val, bool allowed);
MUST_CHECK int tcp_repair_get(const struct tcp_conn *conn, int name, int *ret);
MUST_CHECK int tcp_repair_set_options(struct tcp_conn *conn, const void *value, socklen_t len);
MUST_CHECK int tcp_repair_set_window(struct tcp_conn *conn, const void *value, socklen_t len);
MUST_CHECK int tcp_repair_get_window(const struct tcp_conn *conn, void *value, socklen_t *len);
/* connect() without a segment: established with the numbers that were set. */
void tcp_repair_connected(struct tcp_conn *conn);
ssize_t tcp_repair_send(struct tcp_conn *conn, const struct net_msg *msg);
/* Looks at the send queue. */
ssize_t tcp_repair_peek(struct tcp_conn *conn, struct net_msg *msg);

/* note.c */
/* Whether a MSG_ZEROCOPY write can be noted. */
bool tcp_note_room(struct tcp_conn *conn, int flags);
/* A write ended at the end of the send buffer. */
void tcp_note_write(struct tcp_conn *conn, const struct net_msg *msg, int flags);
void tcp_note_sent(struct tcp_conn *conn, struct seq nxt);
/* Before the send buffer lets go of what is acknowledged. */
void tcp_note_acked(struct tcp_conn *conn, struct seq una);
/* The connection ends: nothing more will happen to what was written. */
void tcp_note_flush(struct tcp_conn *conn);
void tcp_note_options(struct tcp_conn *conn);

/* probe.c: the path MTU without ICMP (RFC 4821) */
void tcp_probe_init(struct tcp_conn *conn);
/* The size of a probe to send now, as payload; 0: none. */
uint32_t tcp_probe_len(struct tcp_conn *conn);
void tcp_probe_sent(struct tcp_conn *conn, struct seq start, uint32_t len);
void tcp_probe_acked(struct tcp_conn *conn);
void tcp_probe_failed(struct tcp_conn *conn);
/* The retransmission timer fired again and again. */
void tcp_probe_blackhole(struct tcp_conn *conn);
/* Everything that is larger than a segment is cut and goes out again, without reduction. */
void tcp_resize_lost(struct tcp_conn *conn);

/* tfo.c */
const struct fastopen_keys *tcp_tfo_keys(struct tcp_conn *conn);
bool tcp_tfo_defer(struct tcp_conn *conn);
/* Sends the SYN with an option and what fits of @from. 0 or errno. */
MUST_CHECK int tcp_tfo_open(struct tcp_conn *conn, struct iov *from, size_t len,
			    size_t *ret_copied);
/* sendto(MSG_FASTOPEN). Bytes that went with the SYN, or errno (-EINPROGRESS: none did). */
ssize_t tcp_tfo_send(struct tcp_conn *conn, const struct net_msg *msg,
		     const struct net_endpoint *dst);
/* The SYN is answered. True if its data was not accepted and goes out again. */
bool tcp_tfo_synack(struct tcp_conn *conn, const struct tcp_seg *seg);
bool tcp_tfo_accepts(struct tcp_listener *lst, const struct tcp_seg *seg,
		     struct fastopen_cookie *ret_foc);
/* @conn was made by the SYN @seg: takes its data and answers. */
void tcp_tfo_child(struct tcp_conn *conn, struct tcp_listener *lst, struct tcp_seg *seg,
		   const struct fastopen_cookie *foc);
void tcp_tfo_left(struct tcp_conn *conn);
void tcp_tfo_listener_gone(struct tcp_listener *lst);

/* error.c */
void tcp_error(void *ctx, const struct ip_error *err);
