/* SPDX-License-Identifier: Apache-2.0 */
/* Options of level IPPROTO_TCP.
 *
 * Each works, or returns the errno that Linux returns (of a kernel without that feature compiled in
 * where a feature is not here: TX_DELAY, ZEROCOPY_RECEIVE). None is accepted and ignored.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "tcp/conn.h"

/* Newer than the C library's header. */
#define OPT_NOTSENT_LOWAT 25
#define OPT_CC_INFO 26
#define OPT_SAVE_SYN 27
#define OPT_SAVED_SYN 28
#define OPT_REPAIR_WINDOW 29
#define OPT_FASTOPEN_CONNECT 30
#define OPT_ULP 31
#define OPT_MD5SIG_EXT 32
#define OPT_FASTOPEN_KEY 33
#define OPT_FASTOPEN_NO_COOKIE 34
#define OPT_ZEROCOPY_RECEIVE 35
#define OPT_INQ 36
#define OPT_TX_DELAY 37
#define OPT_IS_MPTCP 43

#define KEEP_SECONDS_MAX 32767
#define KEEPCNT_MAX 127
#define SYNCNT_MAX 127
#define MSS_USER_MIN 88
#define MSS_USER_MAX 32767
#define LINGER2_MAX 120
#define CLAMP_MIN 1152

void tcp_cfg_init(struct tcp_cfg *cfg, const struct net_tunables *tun)
{
	*cfg = (struct tcp_cfg){0};
	cfg->ka.idle = NET_SEC(tun->tcp_keepalive_time_s);
	cfg->ka.intvl = NET_SEC(tun->tcp_keepalive_intvl_s);
	cfg->ka.cnt = (unsigned int)tun->tcp_keepalive_probes;
	cfg->cc = cc_find(tun->tcp_congestion, sizeof(tun->tcp_congestion));
	if (!cfg->cc)
		cfg->cc = cc_nth(0);
	if (tun->tcp_thin_linear_timeouts)
		cfg->thin |= TCP_CFG_THIN_LINEAR;
}

/* TCP_DEFER_ACCEPT counts SYN|ACK timeouts: how many of them make up @seconds. */
static uint8_t seconds_to_timeouts(int seconds)
{
	uint8_t n = 0;
	int period = 1, timeout = 1;

	if (seconds <= 0)
		return 0;
	for (n = 1; seconds > period && n < 255; n++) {
		timeout = timeout * 2 > 120 ? 120 : timeout * 2;
		period += timeout;
	}
	return n;
}

static int timeouts_to_seconds(uint8_t n)
{
	int period = 0, timeout = 1;

	for (; n > 0; n--) {
		period += timeout;
		timeout = timeout * 2 > 120 ? 120 : timeout * 2;
	}
	return period;
}

static void push(struct tcp_conn *conn)
{
	conn->out.work_push = true;
	tcp_out_mark(conn);
}

static int set_congestion(struct tcp_conn *conn, const void *value, socklen_t len)
{
	const struct cc_ops *cc;

	if (len < 1)
		return -EINVAL;
	cc = cc_find(value, MIN((size_t)len, (size_t)CC_NAME_MAX - 1));
	if (!cc)
		return -ENOENT;
	conn->cfg.cc = cc;
	cc_switch(&conn->snd.cc, cc);
	return 0;
}

static int set_quickack(struct tcp_conn *conn, int val)
{
	struct tcp_ack_state *ack = &conn->rcv.ack;

	if (!val) {
		ack->pingpong = true;
		return 0;
	}
	ack->pingpong = false;
	if (tcp_in(conn, ST(ESTABLISHED) | ST(CLOSE_WAIT)) && ack->scheduled) {
		conn->out.need_ack = true;
		tcp_out_mark(conn);
	}
	if (!(val & 1)) /* even: once */
		ack->pingpong = true;
	return 0;
}

static int set_clamp(struct tcp_conn *conn, int val)
{
	struct rcv_window *win = &conn->rcv.win;

	if (val < 0)
		return -EINVAL;
	if (!val) {
		if (conn->state != TCP_ST_CLOSED)
			return -EINVAL;
		conn->cfg.window_clamp = 0;
		return 0;
	}
	conn->cfg.window_clamp = (uint32_t)MAX(val, CLAMP_MIN);
	win->clamp = conn->cfg.window_clamp;
	if (win->ssthresh > win->clamp)
		win->ssthresh = win->clamp;
	return 0;
}

static int set_keep(struct tcp_conn *conn, int name, int val)
{
	struct keepalive_config *ka = &conn->cfg.ka;

	if (val < 1 || val > (name == TCP_KEEPCNT ? KEEPCNT_MAX : KEEP_SECONDS_MAX))
		return -EINVAL;
	if (name == TCP_KEEPCNT) {
		ka->cnt = (unsigned int)val;
	} else if (name == TCP_KEEPINTVL) {
		ka->intvl = NET_SEC(val);
	} else {
		ka->idle = NET_SEC(val);
		/* The clock is running: the new time counts from the last segment. */
		if (conn->sk.opt.keepalive && !tcp_in(conn, ST(CLOSED) | ST(LISTEN)))
			tcp_timers_keepalive(conn, true);
	}
	return 0;
}

static int set_bool(bool *ret, int val)
{
	if (val < 0 || val > 1)
		return -EINVAL;
	*ret = val;
	return 0;
}

static int set_thin(struct tcp_conn *conn, uint32_t bit, int val)
{
	if (val < 0 || val > 1)
		return -EINVAL;
	conn->cfg.thin = val ? conn->cfg.thin | bit : conn->cfg.thin & ~bit;
	return 0;
}

static int set_fastopen(struct tcp_conn *conn, int name, int val)
{
	bool idle = tcp_in(conn, ST(CLOSED) | ST(LISTEN));

	switch (name) {
	case TCP_FASTOPEN:
		if (val < 0 || !idle)
			return -EINVAL;
		conn->cfg.fastopen_qlen = MIN(val, conn->sk.core->tun.somaxconn);
		return 0;
	case OPT_FASTOPEN_CONNECT:
		if (val < 0 || val > 1)
			return -EINVAL;
		if (!(conn->sk.core->tun.tcp_fastopen & 1))
			return -EOPNOTSUPP;
		if (conn->state != TCP_ST_CLOSED)
			return -EINVAL;
		conn->cfg.fastopen_connect = val;
		return 0;
	case OPT_FASTOPEN_NO_COOKIE:
		if (val < 0 || val > 1 || !idle)
			return -EINVAL;
		conn->cfg.fastopen_no_cookie = val;
		return 0;
	}
	return -ENOPROTOOPT;
}

static int set_fastopen_key(struct tcp_conn *conn, const void *value, socklen_t len)
{
	struct fastopen_keys keys;
	int r;

	r = fastopen_set_keys(&keys, value, len);
	if (r < 0)
		return r;
	if (!conn->fo_keys)
		conn->fo_keys = malloc(sizeof(*conn->fo_keys));
	if (!conn->fo_keys)
		return -ENOMEM;
	*conn->fo_keys = keys;
	return 0;
}

static int get_fastopen_key(struct tcp_conn *conn, void *value, socklen_t *len)
{
	uint8_t bytes[FASTOPEN_KEYS * FASTOPEN_KEY_LEN];

	*len = MIN(*len, (socklen_t)fastopen_get_keys(tcp_tfo_keys(conn), bytes));
	memcpy(value, bytes, *len);
	return 0;
}

static int set_value(struct tcp_conn *conn, int name, int val, const void *value, socklen_t len,
		     unsigned caps)
{
	switch (name) {
	case TCP_NODELAY:
		conn->cfg.nodelay = val;
		/* Weaker than TCP_CORK but for what is queued now. */
		if (val)
			push(conn);
		return 0;
	case TCP_MAXSEG:
		if (val && (val < MSS_USER_MIN || val > MSS_USER_MAX))
			return -EINVAL;
		conn->cfg.user_mss = (uint16_t)val;
		return 0;
	case TCP_CORK:
		conn->cfg.cork = val;
		if (!val) {
			conn->out.more = false;
			push(conn);
		}
		return 0;
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
		return set_keep(conn, name, val);
	case TCP_SYNCNT:
		if (val < 1 || val > SYNCNT_MAX)
			return -EINVAL;
		conn->cfg.syn_retries = (uint8_t)val;
		return 0;
	case TCP_LINGER2:
		conn->cfg.linger2_s = val < 0 ? -1 : MIN(val, LINGER2_MAX);
		return 0;
	case TCP_DEFER_ACCEPT:
		conn->cfg.defer_accept = seconds_to_timeouts(val);
		return 0;
	case TCP_WINDOW_CLAMP:
		return set_clamp(conn, val);
	case TCP_QUICKACK:
		return set_quickack(conn, val);
	case TCP_USER_TIMEOUT:
		if (val < 0)
			return -EINVAL;
		conn->cfg.ka.user_timeout = NET_MS(val);
		return 0;
	case TCP_THIN_LINEAR_TIMEOUTS:
		return set_thin(conn, TCP_CFG_THIN_LINEAR, val);
	case TCP_THIN_DUPACK:
		return set_thin(conn, TCP_CFG_THIN_DUPACK, val);
	case OPT_NOTSENT_LOWAT:
		conn->cfg.notsent_lowat = (uint32_t)val;
		tcp_write_space(conn);
		return 0;
	case OPT_INQ:
		return set_bool(&conn->cfg.inq, val);
	case OPT_SAVE_SYN:
		if (val < 0 || val > 1) /* 2 asks for the link header, which is not kept */
			return -EINVAL;
		conn->cfg.save_syn = (uint8_t)val;
		return 0;
	case TCP_FASTOPEN:
	case OPT_FASTOPEN_CONNECT:
	case OPT_FASTOPEN_NO_COOKIE:
		return set_fastopen(conn, name, val);
	case TCP_REPAIR:
	case TCP_REPAIR_QUEUE:
	case TCP_TIMESTAMP:
	case TCP_QUEUE_SEQ:
		return tcp_repair_set(conn, name, val, caps & NET_CAP_ADMIN);
	case TCP_REPAIR_OPTIONS:
		return tcp_repair_set_options(conn, value, len);
	case OPT_REPAIR_WINDOW:
		return tcp_repair_set_window(conn, value, len);
	}
	return -ENOPROTOOPT;
}

int tcp_sock_setopt(struct sock *sk, int level, int name, const void *value, socklen_t len,
		    unsigned caps)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	int val, r;

	if (level != IPPROTO_TCP)
		return -ENOPROTOOPT;
	switch (name) {
	case TCP_CONGESTION:
		return set_congestion(conn, value, len);
	case OPT_FASTOPEN_KEY:
		return set_fastopen_key(conn, value, len);
	case TCP_MD5SIG:
	case OPT_MD5SIG_EXT:
		return md5sig_set(&conn->md5, sk->family, value, len, name == OPT_MD5SIG_EXT);
	case OPT_ULP:
		return len < 1 ? -EINVAL : -ENOENT; /* no such protocol is loaded */
	}
	r = opt_get_int(value, len, &val);
	if (r < 0 || len < sizeof(int))
		return -EINVAL;
	return set_value(conn, name, val, value, len, caps);
}

static int get_mss(const struct tcp_conn *conn)
{
	if (tcp_in(conn, ST(CLOSED) | ST(LISTEN))) {
		if (conn->cfg.user_mss)
			return conn->cfg.user_mss;
		return conn->snd.mss ? (int)conn->snd.mss : (int)TCP_PEER_MSS_DEFAULT;
	}
	return (int)conn->snd.mss;
}

static int get_value(struct tcp_conn *conn, int name, int *ret)
{
	const struct net_tunables *tun = &conn->sk.core->tun;

	switch (name) {
	case TCP_NODELAY:
		*ret = conn->cfg.nodelay;
		return 0;
	case TCP_MAXSEG:
		*ret = get_mss(conn);
		return 0;
	case TCP_CORK:
		*ret = conn->cfg.cork;
		return 0;
	case TCP_KEEPIDLE:
		*ret = (int)(conn->cfg.ka.idle / NET_SEC(1));
		return 0;
	case TCP_KEEPINTVL:
		*ret = (int)(conn->cfg.ka.intvl / NET_SEC(1));
		return 0;
	case TCP_KEEPCNT:
		*ret = (int)conn->cfg.ka.cnt;
		return 0;
	case TCP_SYNCNT:
		*ret = conn->cfg.syn_retries ? conn->cfg.syn_retries : tun->tcp_syn_retries;
		return 0;
	case TCP_LINGER2:
		*ret = conn->cfg.linger2_s ? conn->cfg.linger2_s : tun->tcp_fin_timeout_s;
		return 0;
	case TCP_DEFER_ACCEPT:
		*ret = timeouts_to_seconds(conn->cfg.defer_accept);
		return 0;
	case TCP_WINDOW_CLAMP:
		*ret = (int)(tcp_in(conn, ST(CLOSED) | ST(LISTEN)) ? conn->cfg.window_clamp
								   : conn->rcv.win.clamp);
		return 0;
	case TCP_QUICKACK:
		*ret = !conn->rcv.ack.pingpong;
		return 0;
	case TCP_USER_TIMEOUT:
		*ret = (int)(conn->cfg.ka.user_timeout / NET_MS(1));
		return 0;
	case TCP_THIN_LINEAR_TIMEOUTS:
		*ret = !!(conn->cfg.thin & TCP_CFG_THIN_LINEAR);
		return 0;
	case TCP_THIN_DUPACK:
		*ret = !!(conn->cfg.thin & TCP_CFG_THIN_DUPACK);
		return 0;
	case OPT_NOTSENT_LOWAT:
		*ret = (int)conn->cfg.notsent_lowat;
		return 0;
	case OPT_INQ:
		*ret = conn->cfg.inq;
		return 0;
	case TCP_FASTOPEN:
		*ret = conn->cfg.fastopen_qlen;
		return 0;
	case TCP_TIMESTAMP:
		*ret = (int)(tcp_ts_clock(conn->sk.core) + conn->out.ts_off);
		return 0;
	case OPT_FASTOPEN_CONNECT:
		*ret = conn->cfg.fastopen_connect;
		return 0;
	case OPT_SAVE_SYN:
		*ret = conn->cfg.save_syn;
		return 0;
	case OPT_FASTOPEN_NO_COOKIE:
		*ret = conn->cfg.fastopen_no_cookie;
		return 0;
	case OPT_IS_MPTCP:
		*ret = 0;
		return 0;
	case TCP_REPAIR:
	case TCP_REPAIR_QUEUE:
	case TCP_QUEUE_SEQ:
		return tcp_repair_get(conn, name, ret);
	}
	return -ENOPROTOOPT;
}

/* The headers of the SYN, once. Too little room: says how much, and keeps them. */
static int get_saved_syn(struct tcp_conn *conn, void *value, socklen_t *len)
{
	if (!conn->saved_syn) {
		*len = 0;
		return 0;
	}
	if (*len < conn->saved_syn_len) {
		*len = conn->saved_syn_len;
		return -EINVAL;
	}
	*len = conn->saved_syn_len;
	memcpy(value, conn->saved_syn, conn->saved_syn_len);
	free(conn->saved_syn);
	conn->saved_syn = NULL;
	conn->saved_syn_len = 0;
	return 0;
}

static int get_cc_info(const struct tcp_conn *conn, void *value, socklen_t *len)
{
	const struct cc *cc = &conn->snd.cc;
	uint8_t info[CC_INFO_MAX];
	size_t n = cc->ops->info ? cc->ops->info(cc, conn->snd.mss, info) : 0;

	*len = MIN(*len, (socklen_t)n);
	memcpy(value, info, *len);
	return 0;
}

int tcp_sock_getopt(struct sock *sk, int level, int name, void *value, socklen_t *len)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	int val, r;

	if (level != IPPROTO_TCP)
		return -ENOPROTOOPT;
	if (*len > INT32_MAX)
		return -EINVAL;
	switch (name) {
	case TCP_INFO:
		return tcp_get_info(conn, value, len);
	case TCP_CONGESTION:
		*len = MIN(*len, (socklen_t)CC_NAME_MAX);
		memcpy(value, conn->cfg.cc->name, *len);
		return 0;
	case OPT_FASTOPEN_KEY:
		return get_fastopen_key(conn, value, len);
	case OPT_SAVED_SYN:
		return get_saved_syn(conn, value, len);
	case OPT_REPAIR_WINDOW:
		return tcp_repair_get_window(conn, value, len);
	case OPT_CC_INFO:
		return get_cc_info(conn, value, len);
	case OPT_ULP:
		*len = 0; /* none */
		return 0;
	}
	r = get_value(conn, name, &val);
	if (r < 0)
		return r;
	*len = MIN(*len, (socklen_t)sizeof(val));
	memcpy(value, &val, *len);
	return 0;
}

void tcp_sock_opt_changed(struct sock *sk, int level, int name)
{
	struct tcp_conn *conn = tcp_conn_of(sk);
	struct rcv_window *win = &conn->rcv.win;

	if (level != SOL_SOCKET) {
		tcp_conn_sync_opts(conn);
		return;
	}
	switch (name) {
	case SO_TIMESTAMPING:
	case 65: /* SO_TIMESTAMPING_NEW */
		tcp_note_options(conn);
		break;
	case SO_KEEPALIVE:
		tcp_timers_keepalive(conn, sk->opt.keepalive);
		break;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		win->buf = (uint32_t)sk->opt.rcvbuf;
		win->buf_locked = true;
		if (!tcp_in(conn, ST(CLOSED) | ST(LISTEN) | ST(SYN_SENT)))
			win->clamp =
				MIN(window_from_buf(win->buf), WINDOW_UNSCALED_MAX << win->wscale);
		break;
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		conn->out.buf = (uint32_t)sk->opt.sndbuf;
		tcp_write_space(conn);
		break;
	case SO_RCVLOWAT:
		/* A larger mark than the buffer would never be reached. */
		if (!win->buf_locked && sk->opt.rcvlowat > 0) {
			uint64_t want = 4ull * (uint32_t)sk->opt.rcvlowat;
			uint32_t max = (uint32_t)sk->core->tun.tcp_rmem[2];

			if (want > win->buf && !tcp_in(conn, ST(CLOSED) | ST(LISTEN))) {
				win->buf = want < max ? (uint32_t)want : max;
				win->clamp = MIN(window_from_buf(win->buf),
						 WINDOW_UNSCALED_MAX << win->wscale);
			}
		}
		sock_wake(sk, EPOLLIN | EPOLLRDNORM);
		break;
	case SO_PRIORITY:
	case SO_MARK:
	case SO_BINDTODEVICE:
	case SO_DONTROUTE:
		tcp_conn_sync_opts(conn);
		break;
	}
}
