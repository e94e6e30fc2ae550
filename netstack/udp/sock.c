/* SPDX-License-Identifier: Apache-2.0 */
/* UDP sockets: sending, corking, segmentation, receiving, options. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "ip/addr.h"
#include "pkt/iov.h"
#include "udp/udp.h"
#include "wire/checksum.h"
#include "wire/wire.h"

#define UDP_MAX_DATA 65507 /* 65535 - 20 - 8, for both families as Linux */
#define UDP_MAX_SEGMENTS 128

/* Numbers that older system headers may lack. */
enum {
	OPT_CORK = 1,
	OPT_SEND_COVERAGE = 10, /* level IPPROTO_UDPLITE, in effect UDP's too */
	OPT_RECV_COVERAGE = 11,
	OPT_ENCAP = 100,
	OPT_NO_CHECK6_TX = 101,
	OPT_NO_CHECK6_RX = 102,
	OPT_SEGMENT = 103,
	OPT_GRO = 104,
};

static struct udp_sock *udp_of(struct sock *sk)
{
	return container_of(sk, struct udp_sock, dg.sk);
}

static void udp_close(struct sock *sk)
{
	struct udp_sock *u = udp_of(sk);

	u->corked = pkt_free(u->corked);
	if (u->gro)
		ip_udp_gro(sk->ip, -1);
	dgram_close(sk);
}

/* A port, if the socket has none yet. */
static int autobind(struct sock *sk)
{
	int r;

	if (sk->node.bucket)
		return 0;
	r = demux_bind(&sk->socks->demux, &sk->node, 0);
	if (r < 0)
		return r == -EADDRINUSE ? -EAGAIN : r;
	return demux_listen(&sk->socks->demux, &sk->node);
}

static int disconnect(struct sock *sk)
{
	struct udp_sock *u = udp_of(sk);
	struct demux *d = &sk->socks->demux;

	if (!u->dg.connected)
		return 0;
	u->dg.connected = false;
	u->dg.path_ok = false;
	demux_disconnect(d, &sk->node);
	sk->node.remote = (struct net_endpoint){0};
	if (!sk->user_addr)
		sk->node.local.addr = (struct net_addr){.family = (uint16_t)sk->family};
	return demux_listen(d, &sk->node);
}

static int udp_connect(struct sock *sk, const struct net_endpoint *peer)
{
	struct demux *d = &sk->socks->demux;
	int r;

	r = disconnect(sk);
	if (r < 0 || !peer->addr.family)
		return r;
	r = autobind(sk);
	if (r < 0)
		return r;
	r = dgram_set_peer(sk, peer);
	if (r < 0)
		return r;
	demux_unlisten(d, &sk->node);
	demux_connect_shared(d, &sk->node);
	return 0;
}

/* Checks a super-datagram and marks the packet. */
static int set_segment(struct sock *sk, const struct dgram_tx *tx, struct pkt *pkt, uint16_t size,
		       bool no_sum)
{
	uint32_t hdr = ip_path_hdr_len(tx->path) + UDP_HDR_LEN;
	uint32_t data = pkt->len - UDP_HDR_LEN;

	if (!size || data <= size)
		return 0;
	if (hdr + size > ip_path_mtu(sk->ip, tx->path))
		return -EMSGSIZE;
	if (data > (uint32_t)size * UDP_MAX_SEGMENTS)
		return -EINVAL;
	if (no_sum)
		return -EINVAL;
	pkt->offload.gso_type = NET_GSO_UDP_L4;
	pkt->offload.gso_size = size;
	return 0;
}

/* The header and checksum of UDP-Lite (RFC 3828 3.1): the length's place says how much is summed. */
static void emit_lite(struct sock *sk, const struct dgram_tx *tx, struct pkt *pkt, uint8_t *at)
{
	struct udp_hdr hdr = {.sport = sk->node.local.port, .dport = tx->dst.port};
	uint32_t cover = udp_of(sk)->send_coverage;
	struct wr out;
	uint64_t sum;
	uint16_t folded;

	if (cover >= pkt->len)
		cover = 0;
	hdr.len = (uint16_t)cover;
	wr_init(&out, at, UDP_HDR_LEN);
	udp_emit(&out, &hdr);
	sum = csum_pseudo(&tx->path->src, &tx->path->dst, IPPROTO_UDPLITE, pkt->len);
	folded = csum_fold(csum_join(sum, pkt_csum(pkt, 0, cover ? cover : pkt->len)));
	wire_put16(at + UDP_CSUM_OFFSET, folded ? folded : 0xffff);
}

/* Header, checksum state, and out. Takes @pkt. */
static int xmit(struct sock *sk, struct dgram_tx *tx, struct pkt *pkt, uint16_t segment)
{
	struct udp_sock *u = udp_of(sk);
	bool v4 = tx->dst.addr.family == AF_INET;
	bool no_sum = v4 ? sk->opt.no_check : u->no_check6_tx;
	struct udp_hdr hdr = {.sport = sk->node.local.port, .dport = tx->dst.port};
	uint8_t *at = pkt_push(pkt, UDP_HDR_LEN);
	struct wr out;
	int r;

	if (!at) {
		pkt_free(pkt);
		return -ENOBUFS;
	}
	if (udp_is_lite(sk)) {
		emit_lite(sk, tx, pkt, at);
		return dgram_xmit(sk, tx, pkt, IPPROTO_UDPLITE);
	}
	r = set_segment(sk, tx, pkt, segment, no_sum);
	if (r < 0) {
		pkt_free(pkt);
		return r;
	}
	hdr.len = (uint16_t)pkt->len;
	if (!no_sum) {
		hdr.sum = csum_partial(
			csum_pseudo(&tx->path->src, &tx->path->dst, IPPROTO_UDP, pkt->len));
		pkt->offload.flags = NET_OFFLOAD_NEEDS_CSUM;
		pkt->offload.csum_start = 0;
		pkt->offload.csum_offset = UDP_CSUM_OFFSET;
	}
	wr_init(&out, at, UDP_HDR_LEN);
	udp_emit(&out, &hdr);
	if (v4)
		MIB_INC(sk->core, Udp_OutDatagrams);
	else
		MIB_INC(sk->core, Udp6_OutDatagrams);
	return dgram_xmit(sk, tx, pkt, IPPROTO_UDP);
}

/* Sends what was corked. */
static int uncork(struct sock *sk)
{
	struct udp_sock *u = udp_of(sk);
	struct pkt *pkt = u->corked;

	if (!pkt)
		return 0;
	u->corked = NULL;
	if (u->cork_tx.path != &u->cork_tx.own)
		u->cork_tx.path = &u->dg.path;
	return xmit(sk, &u->cork_tx, pkt, u->cork_tx.segment);
}

/* MSG_MORE and UDP_CORK: appends; the first call fixed the destination. */
static ssize_t send_more(struct sock *sk, struct iov *it, size_t len, bool more)
{
	struct udp_sock *u = udp_of(sk);
	struct pkt *add;
	int r;

	if (u->corked->len + len > UDP_MAX_DATA)
		return -EMSGSIZE;
	r = dgram_build(sk, &add, it, len);
	if (r < 0)
		return r;
	pkt_uncharge(add);
	if (add->len == 0) {
		pkt_free(add);
	} else if (!pkt_join(u->corked, add)) {
		/* Many small pieces: pack them. */
		struct pkt *packed = pkt_new(&sk->core->pool, PKT_HEADROOM);
		uint8_t *buf = malloc(u->corked->len + add->len);
		size_t n = 0;

		if (buf) {
			n = pkt_read(u->corked, 0, buf, u->corked->len);
			n += pkt_read(add, 0, buf + n, add->len);
		}
		pkt_free(add);
		if (!packed || !buf || !pkt_append_copy(packed, buf, n)) {
			pkt_free(packed);
			free(buf);
			return -ENOBUFS;
		}
		free(buf);
		pkt_free(u->corked);
		u->corked = packed;
	}
	pkt_set_charge(u->corked, &sk->charge);
	if (!more) {
		r = uncork(sk);
		if (r < 0)
			return r;
	}
	return (ssize_t)len;
}

static ssize_t udp_send(struct sock *sk, const struct net_msg *msg, const struct net_endpoint *dst,
			int flags)
{
	struct udp_sock *u = udp_of(sk);
	size_t len = iov_total(msg->iov, msg->iov_len);
	struct iov it = iov_start(msg->iov, msg->iov_len);
	bool more = (flags & MSG_MORE) || u->cork;
	struct dgram_tx tx;
	struct pkt *pkt;
	int r;

	if (len > UDP_MAX_DATA)
		return -EMSGSIZE;
	if (u->corked && !(flags & MSG_OOB))
		return send_more(sk, &it, len, more);
	if (dst && !dst->port)
		return -EINVAL;
	r = dgram_send_start(sk, &tx, msg, dst, flags);
	if (r < 0)
		return r;
	r = autobind(sk);
	if (r < 0)
		return r;
	r = dgram_build(sk, &pkt, &it, len);
	if (r < 0) {
		MIB_INC(sk->core, Udp_SndbufErrors);
		return r;
	}
	if (!(msg->ctl.has & NET_CTL_SEGMENT))
		tx.segment = u->segment;
	if (more) {
		u->corked = pkt;
		u->cork_tx = tx;
		/* The path may be needed after the socket's own cache moved on. */
		u->cork_tx.own = *tx.path;
		u->cork_tx.path = &u->cork_tx.own;
		return (ssize_t)len;
	}
	r = xmit(sk, &tx, pkt, tx.segment);
	if (r == 0)
		dgram_note(sk, msg, flags);
	return r < 0 ? r : (ssize_t)len;
}

static ssize_t udp_recv(struct sock *sk, struct net_msg *msg, int flags)
{
	struct udp_sock *u = udp_of(sk);
	struct iov it = iov_start(msg->iov, msg->iov_len);
	ssize_t r = 0;
	struct pkt *pkt = dgram_recv_start(sk, msg, flags, &r);
	size_t len, n, off = 0;

	if (!pkt)
		return r;

	bool super = pkt->offload.gso_type && pkt->offload.gso_size;

	len = pkt->len;
	if (super && !u->gro)
		len = MIN(len, (size_t)pkt->offload.gso_size);
	if ((flags & MSG_PEEK) && sk->opt.peek_off >= 0)
		off = MIN((size_t)sk->opt.peek_off, len);
	n = pkt_to_iov(pkt, off, len - off, &it);
	if (n < len - off)
		msg->flags |= MSG_TRUNC;
	struct net_endpoint from = {pkt->ip.src, pkt->ip.sport};

	sock_put_name(sk, &from, msg->name, &msg->name_len);
	sock_put_ctl(sk, pkt, msg);
	if (super && u->gro) {
		msg->ctl.has |= NET_CTL_SEGMENT;
		msg->ctl.segment_size = pkt->offload.gso_size;
	}
	if (flags & MSG_PEEK) {
		if (sk->opt.peek_off >= 0)
			sk->opt.peek_off += (int32_t)n;
	} else {
		if (sk->opt.peek_off > 0)
			sk->opt.peek_off = MAX(sk->opt.peek_off - (int)n, 0);
		if (len < pkt->len)
			pkt_pull(pkt, len);
		else
			dgram_consume(sk, pkt);
	}
	return (ssize_t)(flags & MSG_TRUNC ? len : n);
}

/* Coverage: the header at least; UDP has none to choose. */
static int set_coverage(struct sock *sk, int name, int v)
{
	struct udp_sock *u = udp_of(sk);

	if (!udp_is_lite(sk))
		return -ENOPROTOOPT;
	if (v != 0 && v < UDP_HDR_LEN)
		v = UDP_HDR_LEN;
	v = MIN(v, UINT16_MAX);
	if (name == OPT_SEND_COVERAGE) {
		u->send_coverage = (uint16_t)v;
	} else {
		u->recv_coverage = (uint16_t)v;
		u->recv_partial = true;
	}
	return 0;
}

static int udp_setopt(struct sock *sk, int level, int name, const void *value, socklen_t len,
		      unsigned caps)
{
	struct udp_sock *u = udp_of(sk);
	int v, r;

	(void)caps;
	if (level != IPPROTO_UDP && level != IPPROTO_UDPLITE)
		return -ENOPROTOOPT;
	r = opt_get_int(value, len, &v);
	if (r < 0)
		return r;
	switch (name) {
	case OPT_CORK:
		u->cork = v != 0;
		return v ? 0 : uncork(sk);
	case OPT_SEND_COVERAGE:
	case OPT_RECV_COVERAGE:
		return set_coverage(sk, name, v);
	case OPT_ENCAP:
		if (v != 0 && v != ENCAP_ESP && v != ENCAP_L2TP)
			return -ENOPROTOOPT;
		u->encap = (uint8_t)v;
		return 0;
	case OPT_NO_CHECK6_TX:
		u->no_check6_tx = v != 0;
		return 0;
	case OPT_NO_CHECK6_RX:
		u->no_check6_rx = v != 0;
		return 0;
	case OPT_SEGMENT:
		if (v < 0 || v > 65535)
			return -EINVAL;
		u->segment = (uint16_t)v;
		return 0;
	case OPT_GRO:
		ip_udp_gro(sk->ip, (v != 0) - u->gro);
		u->gro = v != 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int udp_getopt(struct sock *sk, int level, int name, void *value, socklen_t *len)
{
	struct udp_sock *u = udp_of(sk);

	if (level != IPPROTO_UDP && level != IPPROTO_UDPLITE)
		return -ENOPROTOOPT;
	if (*len > INT32_MAX)
		return -EINVAL;
	switch (name) {
	case OPT_CORK:
		return opt_put_int(value, len, u->cork);
	case OPT_SEND_COVERAGE:
		return opt_put_int(value, len, u->send_coverage);
	case OPT_RECV_COVERAGE:
		return opt_put_int(value, len, u->recv_coverage);
	case OPT_ENCAP:
		return opt_put_int(value, len, u->encap);
	case OPT_NO_CHECK6_TX:
		return opt_put_int(value, len, u->no_check6_tx);
	case OPT_NO_CHECK6_RX:
		return opt_put_int(value, len, u->no_check6_rx);
	case OPT_SEGMENT:
		return opt_put_int(value, len, u->segment);
	case OPT_GRO:
		return opt_put_int(value, len, u->gro);
	default:
		return -ENOPROTOOPT;
	}
}

const struct sock_ops udp_sock_ops = {
	.name = "UDP",
	.size = sizeof(struct udp_sock),
	.open = dgram_open,
	.close = udp_close,
	.connect = udp_connect,
	.send = udp_send,
	.recv = udp_recv,
	.shutdown = dgram_shutdown,
	.setopt = udp_setopt,
	.getopt = udp_getopt,
	.opt_changed = dgram_opt_changed,
	.poll = dgram_poll,
	.count = dgram_count,
	.info = dgram_info,
	.charge_released = dgram_charge_released,
	.connected = dgram_connected,
};
