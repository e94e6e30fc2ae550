/* SPDX-License-Identifier: Apache-2.0 */
/* Fast Open in the life of a connection: data on the SYN, and a child that is made by it.
 *
 * Implements RFC 7413 4.2 with the calls of Linux: sendto(MSG_FASTOPEN), TCP_FASTOPEN_CONNECT on the
 * active side, TCP_FASTOPEN and net.ipv4.tcp_fastopen on the passive one. A SYN is repeated without
 * option and data, so that a path that drops either costs one timeout (4.1.3.1).
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "tcp/listen.h"

#define OPT_SPACE 40u /* kept free on a SYN with data: middleboxes add options */

/* Why data did not go with the SYN (TCP_INFO). */
enum {
	FAIL_COOKIE_UNAVAILABLE = 1,
	FAIL_DATA_NOT_ACKED,
	FAIL_SYN_RETRANSMITTED,
};

const struct fastopen_keys *tcp_tfo_keys(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;
	const struct net_tunables *tun = &tcp->core->tun;

	if (conn->fo_keys)
		return conn->fo_keys;
	if (memcmp(tcp->fo_text, tun->tcp_fastopen_key, sizeof(tcp->fo_text))) {
		memcpy(tcp->fo_text, tun->tcp_fastopen_key, sizeof(tcp->fo_text));
		/* What the sysctl accepted parses; otherwise the old secret stays. */
		(void)fastopen_parse_keys(&tcp->fo_keys, tcp->fo_text);
	}
	return &tcp->fo_keys;
}

/* True if a SYN with data may be sent now: a cookie is known, or none is needed. */
static bool cookie_ready(struct tcp_conn *conn, uint16_t *ret_mss)
{
	struct sock *sk = &conn->sk;
	struct fastopen_cookie *cookie = &conn->tfo.cookie;

	fastopen_cache_get(&conn->tcp->fo_cache, &sk->node.local.addr, &sk->node.remote.addr,
			   ret_mss, cookie);
	if (conn->cfg.fastopen_no_cookie || sk->core->tun.tcp_fastopen & FASTOPEN_CLIENT_NO_COOKIE) {
		cookie->len = -1;
		return true;
	}
	if (cookie->len > 0)
		return true;
	conn->tfo.fail = FAIL_COOKIE_UNAVAILABLE;
	return false;
}

/* TCP_FASTOPEN_CONNECT: whether connect() succeeds now and the SYN waits for data. */
bool tcp_tfo_defer(struct tcp_conn *conn)
{
	uint16_t mss;

	conn->tfo.defer = cookie_ready(conn, &mss);
	return conn->tfo.defer;
}

/* Takes what fits the SYN from @from. */
static ssize_t take_syn_data(struct tcp_conn *conn, struct iov *from, size_t len, uint16_t mss)
{
	uint32_t space;

	conn->out.peer_mss = mss ? (uint16_t)MIN(mss, conn->out.adv_mss) : conn->out.adv_mss;
	tcp_update_mss(conn);
	space = conn->snd.mss > OPT_SPACE ? conn->snd.mss - OPT_SPACE : 0;
	len = MIN(len, (size_t)space);
	return len ? sendbuf_append(&conn->sb, from, len) : 0;
}

int tcp_tfo_open(struct tcp_conn *conn, struct iov *from, size_t len, size_t *ret_copied)
{
	uint16_t mss = 0;
	ssize_t copied = 0;
	int r;

	conn->tfo.defer = false;
	conn->tfo.pending = true;
	if (cookie_ready(conn, &mss))
		copied = take_syn_data(conn, from, len, mss);
	if (copied < 0)
		copied = 0; /* packet memory: the data follows the handshake */
	conn->tfo.asked = conn->tfo.cookie.len >= 0;
	conn->tfo.asked_exp = conn->tfo.cookie.exp;
	conn->tfo.syn_data = copied > 0;
	*ret_copied = (size_t)copied;
	r = tcp_open_syn(conn);
	conn->tfo.cookie = FASTOPEN_NONE; /* not on what is repeated */
	return r;
}

ssize_t tcp_tfo_send(struct tcp_conn *conn, const struct net_msg *msg,
		     const struct net_endpoint *dst)
{
	struct iov from = iov_start(msg->iov, msg->iov_len);
	size_t copied = 0;
	int r;

	if (!(conn->sk.core->tun.tcp_fastopen & FASTOPEN_CLIENT) || (dst && !dst->addr.family))
		return -EOPNOTSUPP;
	if (conn->tfo.pending)
		return -EALREADY;
	if (!conn->tfo.defer) {
		if (conn->connecting || conn->state != TCP_ST_CLOSED)
			return tcp_sock_connect(&conn->sk, dst);
		if (!dst)
			return -EINVAL;
		r = tcp_open_start(conn, dst);
		if (r < 0)
			return r;
	}
	r = tcp_tfo_open(conn, &from, iov_total(msg->iov, msg->iov_len), &copied);
	if (r < 0)
		return r;
	return copied ? (ssize_t)copied : -EINPROGRESS;
}

/* What was on the SYN and is not acknowledged goes out again, at once: no congestion was seen. */
static void repeat_syn_data(struct tcp_conn *conn)
{
	struct sack_range *range;

	list_for_each_entry(range, &conn->snd.board.ranges, by_seq)
		board_mark_lost(&conn->snd.board, range);
	recovery_lost_without_congestion(&conn->snd);
	MIB_INC(conn->sk.core, TcpExt_TCPFastOpenActiveFail);
	tcp_retransmit_lost(conn);
}

bool tcp_tfo_synack(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	struct tcp_tfo *tfo = &conn->tfo;
	struct fastopen_cookie cookie = FASTOPEN_NONE;
	bool repeated = conn->snd.rec.retrans_total > 0;
	uint8_t try_exp = 0;

	tfo->pending = false;
	if (tfo->asked && seg->opts.has & TCP_HAS_FASTOPEN) {
		cookie.len = (int8_t)seg->opts.fastopen_len;
		cookie.exp = seg->opts.fastopen_exp;
		memcpy(cookie.val, seg->opts.fastopen, sizeof(cookie.val));
	} else if (tfo->asked && !repeated && !tfo->syn_data) {
		try_exp = tfo->asked_exp ? 2 : 1;
	}
	fastopen_cache_set(&conn->tcp->fo_cache, &conn->sk.node.local.addr,
			   &conn->sk.node.remote.addr, conn->out.peer_mss, &cookie, try_exp);
	if (tfo->syn_data && seq_lt(conn->snd.una, conn->snd.nxt)) {
		tfo->fail = repeated ? FAIL_SYN_RETRANSMITTED : FAIL_DATA_NOT_ACKED;
		repeat_syn_data(conn);
		return true;
	}
	tfo->syn_data_acked = tfo->syn_data;
	if (tfo->syn_data_acked) {
		MIB_INC(conn->sk.core, TcpExt_TCPFastOpenActive);
		if (conn->snd.board.delivered > 1)
			conn->snd.board.delivered--; /* SYN and data were one packet */
	}
	return false;
}

/* May @seg open a connection by itself? *ret_foc: the cookie for the SYN|ACK. */
bool tcp_tfo_accepts(struct tcp_listener *lst, const struct tcp_seg *seg,
		     struct fastopen_cookie *ret_foc)
{
	struct tcp_conn *conn = lst->conn;
	struct net_core *core = conn->sk.core;
	const struct net_addr *client = &seg->pkt->ip.src, *server = &seg->pkt->ip.dst;
	const struct fastopen_keys *keys;
	struct fastopen_cookie got = FASTOPEN_NONE;
	int32_t mode = core->tun.tcp_fastopen;
	unsigned int which;

	*ret_foc = FASTOPEN_NONE;
	if (seg->opts.has & TCP_HAS_FASTOPEN) {
		got.len = (int8_t)seg->opts.fastopen_len;
		got.exp = seg->opts.fastopen_exp;
		memcpy(got.val, seg->opts.fastopen, sizeof(got.val));
	}
	if (!got.len)
		MIB_INC(core, TcpExt_TCPFastOpenCookieReqd);
	if (!(mode & FASTOPEN_SERVER) || (got.len < 0 && !seg->len) || !conn->cfg.fastopen_qlen)
		return false;
	if (lst->nfastopen >= (uint32_t)conn->cfg.fastopen_qlen) {
		MIB_INC(core, TcpExt_TCPFastOpenListenOverflow);
		return false;
	}
	if (mode & FASTOPEN_SERVER_NO_COOKIE || conn->cfg.fastopen_no_cookie)
		return true;
	if (got.len < 0)
		return false;
	keys = tcp_tfo_keys(conn);
	which = got.len ? fastopen_check_cookie(keys, &got, client, server) : 0;
	if (which != 1) {
		fastopen_make_cookie(ret_foc, &keys->key[0], client, server);
		ret_foc->exp = got.exp;
	}
	if (which == 2)
		MIB_INC(core, TcpExt_TCPFastOpenPassiveAltKey);
	else if (got.len && !which)
		MIB_INC(core, TcpExt_TCPFastOpenPassiveFail);
	return which;
}

void tcp_tfo_child(struct tcp_conn *conn, struct tcp_listener *lst, struct tcp_seg *seg,
		   const struct fastopen_cookie *foc)
{
	conn->tfo.child = true;
	conn->tfo.listener = lst;
	list_push_back(&lst->fastopen, &conn->tfo.link);
	lst->nfastopen++;
	MIB_INC(conn->sk.core, TcpExt_TCPFastOpenPassive);
	conn->rcv.segs += seg->nsegs;
	if (seg->len) {
		conn->tfo.syn_data_acked = true;
		tcp_in_syn_text(conn, seg);
	}
	conn->tfo.cookie = *foc;
	conn->rcv.win.wup = conn->rcv.nxt;
	tcp_send_syn(conn);
	conn->tfo.cookie = FASTOPEN_NONE;
	conn->timers.last_heard = tcp_now(conn);
	tcp_timers_arm_rto(conn);
}

void tcp_tfo_left(struct tcp_conn *conn)
{
	if (!conn->tfo.listener)
		return;
	list_remove(&conn->tfo.link);
	conn->tfo.listener->nfastopen--;
	conn->tfo.listener = NULL;
}

void tcp_tfo_listener_gone(struct tcp_listener *lst)
{
	struct tcp_conn *conn;

	while ((conn = list_first_entry(&lst->fastopen, struct tcp_conn, tfo.link)))
		tcp_tfo_left(conn);
}
