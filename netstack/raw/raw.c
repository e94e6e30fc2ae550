/* SPDX-License-Identifier: Apache-2.0 */
/* SOCK_RAW over IP: a copy of every packet of a protocol in, packets with or without header out. */
#include "raw/raw.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "ip/ip.h"
#include "pkt/iov.h"
#include "sock/filter.h"
#include "sock/mcast.h"
#include "wire/checksum.h"
#include "wire/wire.h"

enum {
	OPT_ICMP_FILTER = 1,   /* level SOL_RAW */
	OPT_ICMP6_FILTER = 1,  /* level IPPROTO_ICMPV6 */
	OPT_IPV6_HDRINCL = 36, /* levels IPPROTO_IPV6, SOL_RAW */
	OPT_IPV6_CHECKSUM = 7, /* levels IPPROTO_IPV6, SOL_RAW */
	LEVEL_RAW = 255,
};

static struct raw_sock *raw_of(struct sock *sk)
{
	return container_of(sk, struct raw_sock, dg.sk);
}

static int raw_open(struct sock *sk)
{
	struct raw_sock *rs = raw_of(sk);

	rs->checksum_off =
		sk->family == AF_INET6 && sk->protocol == IPPROTO_ICMPV6 ? ICMP_CSUM_OFFSET : -1;
	sk->opt.hdrincl = sk->family == AF_INET && sk->protocol == IPPROTO_RAW;
	sk->opt.hdrincl6 = sk->family == AF_INET6 && sk->protocol == IPPROTO_RAW;
	list_push_back(&sk->socks->raw->all, &rs->all);
	return dgram_open(sk);
}

static void raw_close(struct sock *sk)
{
	list_remove(&raw_of(sk)->all);
	dgram_close(sk);
}

static int raw_bind(struct sock *sk, uint16_t port)
{
	(void)sk;
	(void)port;
	return 0;
}

static int raw_connect(struct sock *sk, const struct net_endpoint *peer)
{
	struct dgram *dg = dgram_of(sk);

	dg->connected = false;
	dg->path_ok = false;
	sk->node.remote = (struct net_endpoint){0};
	if (!sk->user_addr)
		sk->node.local.addr = (struct net_addr){.family = (uint16_t)sk->family};
	if (!peer->addr.family)
		return 0;
	if (peer->addr.family != sk->family)
		return -EAFNOSUPPORT;
	return dgram_set_peer(sk, peer);
}

/* Whether the socket wants this packet. */
static bool wants(struct raw_sock *rs, const struct pkt *pkt, uint8_t icmp_type)
{
	struct sock *sk = &rs->dg.sk;
	const struct net_addr *local = &sk->node.local.addr;

	if (sk->family != pkt->ip.src.family || sk->protocol != pkt->ip.proto ||
	    !sock_link_ok(sk, pkt->ip.link))
		return false;
	if (!addr_is_any(local) && !addr_eq(local, &pkt->ip.dst))
		return false;
	if (rs->dg.connected && !addr_eq(&sk->node.remote.addr, &pkt->ip.src))
		return false;
	if (pkt->ip.multicast && !mcast_sock_wants(sk, &pkt->ip.dst, &pkt->ip.src, pkt->ip.link))
		return false;
	if (sk->protocol == IPPROTO_ICMP && sk->family == AF_INET)
		return icmp_type >= 32 || !(rs->icmp4_filter >> icmp_type & 1);
	if (sk->protocol == IPPROTO_ICMPV6)
		return !(rs->icmp6_filter[icmp_type / 32] >> icmp_type % 32 & 1);
	return true;
}

/* The user of an IPv4 raw socket reads the header too. */
static bool restore_header(struct pkt *pkt)
{
	uint32_t back = pkt->off - pkt->l3_off;
	uint8_t header[IP4_HDR_MAX];
	uint8_t *at;

	if (!pkt->l3_off || pkt->l3_off > pkt->off || back > sizeof(header))
		return false;
	memcpy(header, pkt->base + pkt->l3_off, back);
	at = pkt_push(pkt, back);
	if (!at)
		return false;
	memcpy(at, header, back);
	return true;
}

static bool raw_input(void *ctx, struct pkt *pkt)
{
	struct raw *raw = ctx;
	struct raw_sock *rs;
	uint8_t type = 0;
	bool taken = false;

	if (list_empty(&raw->all))
		return false;
	pkt_read(pkt, 0, &type, 1);
	list_for_each_entry(rs, &raw->all, all)
	{
		struct pkt *copy;

		if (!wants(rs, pkt, type))
			continue;
		taken = true;
		copy = pkt_clone(pkt);
		if (!copy)
			continue;
		if (pkt->ip.src.family == AF_INET && !restore_header(copy)) {
			core_drop(raw->socks->core, copy, DROP_NO_MEMORY);
			continue;
		}
		if (!filter_packet(&rs->dg.sk, copy, 0)) {
			rs->dg.sk.drops++;
			core_drop(raw->socks->core, copy, DROP_SOCK_FILTER);
			continue;
		}
		dgram_deliver(&rs->dg.sk, copy);
	}
	return taken;
}

/* ICMP errors for raw sockets that asked for them, then for ping sockets. */
static void raw_error(void *ctx, const struct ip_error *err)
{
	struct raw *raw = ctx;
	struct raw_sock *rs;

	list_for_each_entry(rs, &raw->all, all)
	{
		struct sock *sk = &rs->dg.sk;

		if (sk->protocol != err->proto || (sk->family == AF_INET6) != err->v6 ||
		    (rs->dg.connected && !addr_eq(&sk->node.remote.addr, &err->remote)))
			continue;
		dgram_error(sk, err, &(struct net_endpoint){.addr = err->remote});
	}
	ping_error(ctx, err);
}

/* A packet whose IPv4 header the user wrote: the fields that Linux fills are filled. */
static int send_hdrincl(struct sock *sk, struct dgram_tx *tx, struct pkt *pkt)
{
	struct ip4_hdr hdr;
	uint8_t opts[40];
	struct rd in;
	struct wr out;
	int r;

	if (!pkt_pullup(pkt, MIN(pkt->len, (uint32_t)IP4_HDR_MAX)) || !pkt_make_writable(pkt))
		goto bad;
	pkt_rd(pkt, &in);
	if (pkt->len < IP4_HDR_LEN || ip4_parse(&hdr, &in) != DROP_NONE)
		goto bad;
	if (pkt->len > tx->path->link_mtu) {
		pkt_free(pkt);
		return -EMSGSIZE;
	}
	memcpy(opts, pkt_data(pkt) + IP4_HDR_LEN, hdr.hdr_len - IP4_HDR_LEN);
	hdr.total_len = (uint16_t)pkt->len;
	if (addr_is_any(&hdr.src))
		hdr.src = tx->path->src;
	if (!hdr.id)
		hdr.id = (uint16_t)ip_next_id(sk->ip, &hdr.src, &hdr.dst);
	wr_init(&out, pkt_data(pkt), hdr.hdr_len);
	ip4_emit(&out, &hdr, hdr.hdr_len > IP4_HDR_LEN ? opts : NULL);
	MIB_INC(sk->core, Ip_OutRequests);
	r = ip_xmit(sk->ip, tx->path, pkt);
	return r == -ENOBUFS && !sk->opt.recv_err ? 0 : r;
bad:
	pkt_free(pkt);
	return -EINVAL;
}

/* A packet with its IPv6 header, as the user wrote it. Takes @pkt. */
static int send_hdrincl6(struct sock *sk, struct dgram_tx *tx, struct pkt *pkt)
{
	int r;

	if (pkt->len < IP6_HDR_LEN || pkt->len > tx->path->link_mtu) {
		r = pkt->len < IP6_HDR_LEN ? -EINVAL : -EMSGSIZE;
		pkt_free(pkt);
		return r;
	}
	MIB_INC(sk->core, Ip6_OutRequests);
	r = ip_xmit(sk->ip, tx->path, pkt);
	return r == -ENOBUFS && !sk->opt.recv_err6 ? 0 : r;
}

/* IPV6_CHECKSUM, and ICMPv6 always (RFC 3542 3.1). */
static int put_checksum6(struct sock *sk, const struct dgram_tx *tx, struct pkt *pkt)
{
	int32_t off = raw_of(sk)->checksum_off;
	uint8_t proto = (uint8_t)sk->protocol;
	uint64_t sum;

	if (off < 0)
		return 0;
	if (off + 2 > (int32_t)pkt->len)
		return -EINVAL;
	if (!pkt_pullup(pkt, (size_t)off + 2) || !pkt_make_writable(pkt))
		return -EINVAL;
	wire_put16(pkt_data(pkt) + off, 0);
	sum = csum_pseudo(&tx->path->src, &tx->path->dst, proto, pkt->len);
	wire_put16(pkt_data(pkt) + off, csum_fold(csum_join(sum, pkt_csum(pkt, 0, pkt->len))));
	return 0;
}

static ssize_t raw_send(struct sock *sk, const struct net_msg *msg, const struct net_endpoint *dst,
			int flags)
{
	size_t len = iov_total(msg->iov, msg->iov_len);
	struct iov it = iov_start(msg->iov, msg->iov_len);
	struct dgram_tx tx;
	struct pkt *pkt;
	int r;

	if (len > 65535)
		return -EMSGSIZE;
	if (dst && dst->addr.family != sk->family)
		return -EAFNOSUPPORT;
	r = dgram_send_start(sk, &tx, msg, dst, flags);
	if (r < 0)
		return r;
	r = dgram_build(sk, &pkt, &it, len);
	if (r < 0)
		return r;
	if (sk->family == AF_INET && sk->opt.hdrincl) {
		r = send_hdrincl(sk, &tx, pkt);
		return r < 0 ? r : (ssize_t)len;
	}
	if (sk->family == AF_INET6 && sk->opt.hdrincl6) {
		r = send_hdrincl6(sk, &tx, pkt);
		return r < 0 ? r : (ssize_t)len;
	}
	r = sk->family == AF_INET6 ? put_checksum6(sk, &tx, pkt) : 0;
	if (r < 0) {
		pkt_free(pkt);
		return r;
	}
	r = dgram_xmit(sk, &tx, pkt, (uint8_t)sk->protocol);
	if (r == 0)
		dgram_note(sk, msg, flags);
	return r < 0 ? r : (ssize_t)len;
}

static ssize_t raw_recv(struct sock *sk, struct net_msg *msg, int flags)
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

/* IPV6_CHECKSUM. RFC 3542 3.1: ICMPv6 has its sum always; Linux refuses to change it at the level
 * IPPROTO_IPV6 only. */
static int set_checksum(struct sock *sk, int level, int v)
{
	if (level == IPPROTO_IPV6 && sk->protocol == IPPROTO_ICMPV6)
		return -EINVAL;
	if (v > 0 && (v & 1))
		return -EINVAL;
	raw_of(sk)->checksum_off = v < 0 ? -1 : v;
	return 0;
}

static int raw6_setopt(struct sock *sk, int level, int name, const void *value, socklen_t len)
{
	struct raw_sock *rs = raw_of(sk);
	int v, r;

	if (level == IPPROTO_ICMPV6) {
		if (sk->protocol != IPPROTO_ICMPV6)
			return -EOPNOTSUPP;
		if (name != OPT_ICMP6_FILTER)
			return -ENOPROTOOPT;
		memcpy(rs->icmp6_filter, value, MIN((size_t)len, sizeof(rs->icmp6_filter)));
		return 0;
	}
	if (level != LEVEL_RAW && (level != IPPROTO_IPV6 || name != OPT_IPV6_CHECKSUM))
		return -ENOPROTOOPT;
	r = opt_get_int(value, len, &v);
	if (r < 0)
		return r;
	switch (name) {
	case OPT_IPV6_CHECKSUM:
		return set_checksum(sk, level, v);
	case OPT_IPV6_HDRINCL:
		sk->opt.hdrincl6 = v != 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int raw_setopt(struct sock *sk, int level, int name, const void *value, socklen_t len,
		      unsigned caps)
{
	struct raw_sock *rs = raw_of(sk);

	(void)caps;
	if (sk->family == AF_INET6)
		return raw6_setopt(sk, level, name, value, len);
	if (level != LEVEL_RAW || name != OPT_ICMP_FILTER)
		return -ENOPROTOOPT;
	if (sk->protocol != IPPROTO_ICMP)
		return -EOPNOTSUPP;
	memcpy(&rs->icmp4_filter, value, MIN((size_t)len, sizeof(rs->icmp4_filter)));
	return 0;
}

static int raw6_getopt(struct sock *sk, int level, int name, void *value, socklen_t *len)
{
	struct raw_sock *rs = raw_of(sk);

	if (level == IPPROTO_ICMPV6) {
		if (sk->protocol != IPPROTO_ICMPV6)
			return -EOPNOTSUPP;
		if (name != OPT_ICMP6_FILTER)
			return -ENOPROTOOPT;
		if (*len > INT32_MAX)
			return -EINVAL;
		return opt_put(value, len, rs->icmp6_filter, sizeof(rs->icmp6_filter));
	}
	if ((level == LEVEL_RAW || level == IPPROTO_IPV6) && name == OPT_IPV6_CHECKSUM)
		return opt_put_int(value, len, rs->checksum_off);
	if (level == LEVEL_RAW && name == OPT_IPV6_HDRINCL)
		return opt_put_int(value, len, sk->opt.hdrincl6);
	return -ENOPROTOOPT;
}

static int raw_getopt(struct sock *sk, int level, int name, void *value, socklen_t *len)
{
	struct raw_sock *rs = raw_of(sk);

	if (sk->family == AF_INET6)
		return raw6_getopt(sk, level, name, value, len);
	if (level != LEVEL_RAW || name != OPT_ICMP_FILTER)
		return -ENOPROTOOPT;
	if (sk->protocol != IPPROTO_ICMP)
		return -EOPNOTSUPP;
	if (*len > INT32_MAX)
		return -EINVAL;
	return opt_put(value, len, &rs->icmp4_filter, sizeof(rs->icmp4_filter));
}

int raw_init(struct raw **ret, struct socks *socks)
{
	struct raw *raw = calloc(1, sizeof(*raw));

	if (!raw)
		return -ENOMEM;
	raw->socks = socks;
	list_init(&raw->all);
	socks->ip->raw_ctx = raw;
	socks->ip->raw_input = raw_input;
	socks->ip->ping_input = ping_input;
	socks->ip->ping_error = raw_error;
	*ret = raw;
	return 0;
}

struct raw *raw_free(struct raw *raw)
{
	free(raw);
	return NULL;
}

const struct sock_ops raw_sock_ops = {
	.name = "RAW",
	.size = sizeof(struct raw_sock),
	.open = raw_open,
	.close = raw_close,
	.bind = raw_bind,
	.connect = raw_connect,
	.send = raw_send,
	.recv = raw_recv,
	.shutdown = dgram_shutdown,
	.setopt = raw_setopt,
	.getopt = raw_getopt,
	.opt_changed = dgram_opt_changed,
	.poll = dgram_poll,
	.count = dgram_count,
	.info = dgram_info,
	.charge_released = dgram_charge_released,
	.connected = dgram_connected,
};
