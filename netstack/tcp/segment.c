/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a segment on its way: checksum, offload metadata, and the segments that belong to no one.
 *
 * Implements RFC 9293 3.10.7.1 (the answer to a segment for a connection that does not exist)
 * and 3.5.2 (resets).
 */
#include <errno.h>
#include <netinet/in.h>

#include "tcp/conn.h"
#include "wire/checksum.h"

int tcp_emit_segment(struct tcp *tcp, struct ip_path *path, struct pkt *pkt, struct tcp_hdr *hdr,
		     const struct tcp_opts *opts, uint32_t gso_size, const struct md5sig_key *key)
{
	struct tcp_opts signed_opts;


	if (key) {
		signed_opts = opts ? *opts : (struct tcp_opts){0};
		signed_opts.has |= TCP_HAS_MD5;
		opts = &signed_opts;
	}

	uint32_t hdr_len = TCP_HDR_LEN + (opts ? tcp_opts_len(opts) : 0);
	uint32_t payload = pkt->len;
	bool gso = gso_size && payload > gso_size;
	struct wr out;
	uint8_t *at = pkt_push(pkt, hdr_len);

	if (!at) {
		pkt_free(pkt);
		return -ENOBUFS;
	}
	hdr->sum =
		csum_partial(csum_pseudo(&path->src, &path->dst, IPPROTO_TCP, hdr_len + payload));
	wr_init(&out, at, hdr_len);
	tcp_emit(&out, hdr, opts);
	if (key)
		md5sig_digest(key, &path->src, &path->dst, at, hdr_len + payload, pkt, hdr_len,
			      at + TCP_HDR_LEN + 4);
	pkt->offload = (struct net_offload){
		.flags = NET_OFFLOAD_NEEDS_CSUM,
		.csum_offset = TCP_CSUM_OFFSET,
	};
	if (gso) {
		pkt->offload.gso_type = path->dst.family == AF_INET ? NET_GSO_TCP4 : NET_GSO_TCP6;
		pkt->offload.gso_size = (uint16_t)gso_size;
		if ((hdr->flags & (TCP_FLAG_CWR | TCP_FLAG_AE)) == TCP_FLAG_CWR)
			pkt->offload.gso_type |= NET_GSO_ECN;
	}
	MIB_ADD(tcp->core, Tcp_OutSegs, gso ? (payload + gso_size - 1) / gso_size : 1);
	return ip_output(tcp->ip, path, pkt, IPPROTO_TCP);
}

void tcp_send_reply(struct tcp *tcp, struct ip_path *path, const struct net_endpoint *local,
		    const struct net_endpoint *remote, const struct tcp_reply *reply)
{
	struct pkt *pkt = pkt_new(&tcp->core->pool, PKT_HEADROOM);
	struct tcp_hdr hdr = {
		.sport = local->port,
		.dport = remote->port,
		.seq = reply->seq.v,
		.ack = reply->ack.v,
		.flags = reply->flags,
		.wnd = (uint16_t)MIN(reply->wnd, 65535u),
	};

	if (!pkt)
		return;
	if (reply->flags & TCP_FLAG_RST)
		MIB_INC(tcp->core, Tcp_OutRsts);
	tcp_emit_segment(tcp, path, pkt, &hdr, reply->opts, 0, reply->key);
}

void tcp_send_rst_for(struct tcp *tcp, const struct tcp_seg *seg, const struct sock *sk)
{
	const struct pkt *pkt = seg->pkt;
	struct net_endpoint local = {pkt->ip.dst, seg->hdr.dport};
	struct net_endpoint remote = {pkt->ip.src, seg->hdr.sport};
	struct tcp_reply reply = {.flags = TCP_FLAG_RST};
	struct ip_path path;

	if (seg->hdr.flags & TCP_FLAG_RST)
		return; /* never a RST for a RST */
	if (pkt->ip.multicast || pkt->ip.broadcast)
		return;
	if (seg->hdr.flags & TCP_FLAG_ACK) {
		reply.seq = seg->ack;
	} else {
		reply.flags |= TCP_FLAG_ACK;
		reply.ack = seg->end;
	}
	if (ip_path_init(tcp->ip, &path, &remote.addr, &local.addr, sk ? sk->node.bound : 0) < 0)
		return;
	if (sk)
		sock_path_opts(sk, &path);
	if (sk)
		reply.key = md5sig_find(container_of(sk, const struct tcp_conn, sk)->md5,
					&remote.addr, sk->node.bound);
	tcp_send_reply(tcp, &path, &local, &remote, &reply);
}
