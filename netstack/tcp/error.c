/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors about segments that we sent.
 *
 * Implements RFC 9293 3.9.2.2 (MUST-54..56: soft errors do not end a connection) and RFC
 * 1122 4.2.3.9, RFC 5927 (the sequence number must be of data in flight), RFC 1191 / RFC 8201 (path
 * MTU).
 */
#include <errno.h>
#include <netinet/in.h>

#include "tcp/conn.h"
#include "util/bytes.h"

/* The path carries less: cut what is out again, smaller. */
static void mtu_reduced(struct tcp_conn *conn)
{
	uint32_t before = conn->snd.mss;

	if (tcp_in(conn, ST(LISTEN) | ST(CLOSED) | ST(SYN_RCVD)))
		return;
	if (ip_path_check(conn->tcp->ip, &conn->path) < 0)
		return;
	if (conn->state == TCP_ST_SYN_SENT) {
		/* Too much data on the SYN: it goes alone now, and the data after the handshake. */
		if (conn->tfo.syn_data && !conn->snd.rec.retrans_total) {
			conn->snd.rec.retrans_total++;
			conn->out.adv_mss = tcp_adv_mss(conn, &conn->path);
			tcp_send_syn(conn);
		}
		return;
	}
	tcp_update_mss(conn);
	if (conn->snd.mss >= before)
		return;
	tcp_resize_lost(conn);
}

static void conn_error(struct tcp_conn *conn, const struct ip_error *err, struct seq seq)
{
	struct sock *sk = &conn->sk;
	struct net_endpoint dst = sk->node.remote;

	if (conn->state == TCP_ST_LISTEN || conn->state == TCP_ST_CLOSED)
		return;
	/* RFC 5927 4.1 */
	if (!seq_within(seq, conn->snd.una, conn->snd.nxt)) {
		MIB_INC(sk->core, TcpExt_OutOfWindowIcmps);
		return;
	}
	if (err->err == EMSGSIZE) {
		ip_learn_mtu(conn->tcp->ip, err);
		mtu_reduced(conn);
		return;
	}
	/* A child of Fast Open that was accepted is an established connection to its user. */
	if (conn->state == TCP_ST_SYN_SENT ||
	    (conn->state == TCP_ST_SYN_RCVD && (!conn->tfo.child || conn->parent))) {
		/* Deviates: MUST-54 has an unreachable host as a soft error here too; Linux lets
		 * every error end an attempt, and programs rely on hearing of it at once (RFC
		 * 5461). */
		sock_queue_error(sk, err, &dst);
		tcp_done(conn, err->err);
		return;
	}
	/* Established: only a user that asked for it hears of it at once. */
	if (sock_queue_error(sk, err, &dst))
		sock_set_error(sk, err->err);
	else
		conn->err_soft = err->err;
}

void tcp_error(void *ctx, const struct ip_error *err)
{
	struct tcp *tcp = ctx;
	struct net_endpoint local = {err->local, 0}, remote = {err->remote, 0};
	struct demux_node *node;
	struct seq seq;
	struct rd in;

	rd_init(&in, err->payload, err->payload_len);
	local.port = rd_be16(&in);
	remote.port = rd_be16(&in);
	seq = SEQ(rd_be32(&in));
	if (rd_failed(&in))
		return;
	node = demux_find_conn(&tcp->ss->demux, IPPROTO_TCP, &local, &remote, err->link);
	if (!node)
		return;
	switch ((enum demux_kind)node->kind) {
	case DEMUX_TIMEWAIT:
		break; /* nothing to tell anybody */
	case DEMUX_REQUEST:
		tcp_req_error(node, tcp, err, seq);
		break;
	case DEMUX_SOCK:
		conn_error(tcp_conn_of(container_of(node, struct sock, node)), err, seq);
		break;
	}
}
