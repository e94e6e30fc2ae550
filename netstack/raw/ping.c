/* SPDX-License-Identifier: Apache-2.0 */
/* SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6: echo requests out, replies in. The identifier of
 * the messages is the socket's port, so the port table finds the receiver.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include "ip/addr.h"
#include "pkt/iov.h"
#include "sock/filter.h"
#include "raw/raw.h"
#include "wire/checksum.h"
#include "wire/wire.h"

static int ping_bind(struct sock *sk, uint16_t port)
{
	int r = demux_bind(&sk->socks->demux, &sk->node, port);

	return r < 0 ? r : demux_listen(&sk->socks->demux, &sk->node);
}

static int autobind(struct sock *sk)
{
	return sk->node.bucket ? 0 : ping_bind(sk, 0);
}

static int ping_connect(struct sock *sk, const struct net_endpoint *peer)
{
	struct dgram *dg = dgram_of(sk);
	int r;

	dg->connected = false;
	dg->path_ok = false;
	sk->node.remote = (struct net_endpoint){0};
	if (!sk->user_addr)
		sk->node.local.addr = (struct net_addr){.family = (uint16_t)sk->family};
	if (!peer->addr.family)
		return 0;
	if (peer->addr.family != sk->family)
		return -EINVAL;
	r = autobind(sk);
	return r < 0 ? r : dgram_set_peer(sk, peer);
}

static bool is_echo(const struct sock *sk, const struct icmp_hdr *hdr)
{
	return hdr->code == 0 && hdr->type == (sk->family == AF_INET ? ICMP4_ECHO : ICMP6_ECHO);
}

/* Replaces identifier and checksum of the message that the user wrote. */
static int finish(struct sock *sk, const struct dgram_tx *tx, struct pkt *pkt)
{
	struct icmp_hdr hdr;
	struct rd in;
	struct wr out;
	uint64_t sum = 0;

	if (!pkt_pullup(pkt, ICMP_HDR_LEN))
		return -ENOBUFS;
	pkt_rd(pkt, &in);
	if (icmp_parse(&hdr, &in) != DROP_NONE || !is_echo(sk, &hdr))
		return -EINVAL;
	hdr.echo.id = sk->node.local.port;
	hdr.sum = 0;
	wr_init(&out, pkt_data(pkt), ICMP_HDR_LEN);
	icmp_emit(&out, &hdr);
	if (sk->family == AF_INET6)
		sum = csum_pseudo(&tx->path->src, &tx->path->dst, IPPROTO_ICMPV6, pkt->len);
	wire_put16(pkt_data(pkt) + ICMP_CSUM_OFFSET,
		   csum_fold(csum_join(sum, pkt_csum(pkt, 0, pkt->len))));
	return 0;
}

static ssize_t ping_send(struct sock *sk, const struct net_msg *msg, const struct net_endpoint *dst,
			 int flags)
{
	size_t len = iov_total(msg->iov, msg->iov_len);
	struct iov it = iov_start(msg->iov, msg->iov_len);
	uint8_t proto = sk->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	struct dgram_tx tx;
	struct pkt *pkt;
	int r;

	if (len > 65535 - 20)
		return -EMSGSIZE;
	if (len < ICMP_HDR_LEN)
		return -EINVAL;
	if (dst && dst->addr.family != sk->family)
		return -EINVAL;
	r = dgram_send_start(sk, &tx, msg, dst, flags);
	if (r < 0)
		return r;
	r = autobind(sk);
	if (r < 0)
		return r;
	r = dgram_build(sk, &pkt, &it, len);
	if (r < 0)
		return r;
	r = finish(sk, &tx, pkt);
	if (r < 0) {
		pkt_free(pkt);
		return r;
	}
	if (proto == IPPROTO_ICMP) {
		MIB_INC(sk->core, Icmp_OutMsgs);
		MIB_INC(sk->core, Icmp_OutEchos);
	} else {
		MIB_INC(sk->core, Icmp6_OutMsgs);
	}
	r = dgram_xmit(sk, &tx, pkt, proto);
	if (r == 0)
		dgram_note(sk, msg, flags);
	return r < 0 ? r : (ssize_t)len;
}

static ssize_t ping_recv(struct sock *sk, struct net_msg *msg, int flags)
{
	struct iov it = iov_start(msg->iov, msg->iov_len);
	ssize_t r = 0;
	struct pkt *pkt = dgram_recv_start(sk, msg, flags, &r);
	size_t len, n;

	if (!pkt)
		return r;
	len = pkt->len;
	n = pkt_to_iov(pkt, 0, len, &it);
	if (n < len)
		msg->flags |= MSG_TRUNC;

	struct net_endpoint from = {.addr = pkt->ip.src};

	sock_put_name(sk, &from, msg->name, &msg->name_len);
	sock_put_ctl(sk, pkt, msg);
	if (!(flags & MSG_PEEK))
		dgram_consume(sk, pkt);
	return (ssize_t)(flags & MSG_TRUNC ? len : n);
}

static struct sock *find(struct raw *raw, uint8_t proto, const struct net_addr *local,
			 const struct net_addr *remote, uint16_t id, net_link_id link)
{
	struct net_endpoint to = {*local, id}, from = {.addr = *remote};
	struct demux_node *n = demux_find_bound(&raw->socks->demux, proto, &to, &from, link);

	return n ? container_of(n, struct sock, node) : NULL;
}

bool ping_input(void *ctx, struct pkt *pkt)
{
	struct raw *raw = ctx;
	struct icmp_hdr hdr;
	struct sock *sk;
	struct pkt *copy;
	struct rd in;

	pkt_rd(pkt, &in);
	if (icmp_parse(&hdr, &in) != DROP_NONE)
		return false;
	sk = find(raw, pkt->ip.proto, &pkt->ip.dst, &pkt->ip.src, hdr.echo.id, pkt->ip.link);
	if (!sk || (dgram_connected(sk) && !addr_is_multicast(&sk->node.remote.addr) &&
		    memcmp(sk->node.remote.addr.bytes, pkt->ip.src.bytes, 16)))
		return false;
	copy = pkt_clone(pkt);
	if (copy && !filter_packet(sk, copy, 0)) {
		sk->drops++;
		core_drop(raw->socks->core, copy, DROP_SOCK_FILTER);
	} else if (copy) {
		dgram_deliver(sk, copy);
	}
	return true;
}

void ping_error(void *ctx, const struct ip_error *err)
{
	struct raw *raw = ctx;
	struct icmp_hdr hdr;
	struct sock *sk;
	struct rd in;

	if (err->proto != IPPROTO_ICMP && err->proto != IPPROTO_ICMPV6)
		return;
	rd_init(&in, err->payload, err->payload_len);
	if (icmp_parse(&hdr, &in) != DROP_NONE)
		return;
	if (hdr.type != (err->v6 ? ICMP6_ECHO : ICMP4_ECHO))
		return;
	sk = find(raw, err->proto, &err->local, &err->remote, hdr.echo.id, err->link);
	if (sk)
		dgram_error(sk, err, &(struct net_endpoint){.addr = err->remote});
}

const struct sock_ops ping_sock_ops = {
	.name = "PING",
	.size = sizeof(struct dgram),
	.open = dgram_open,
	.close = dgram_close,
	.bind = ping_bind,
	.connect = ping_connect,
	.send = ping_send,
	.recv = ping_recv,
	.shutdown = dgram_shutdown,
	.opt_changed = dgram_opt_changed,
	.poll = dgram_poll,
	.count = dgram_count,
	.info = dgram_info,
	.charge_released = dgram_charge_released,
	.connected = dgram_connected,
};
