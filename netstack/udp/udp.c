/* SPDX-License-Identifier: Apache-2.0 */
/* UDP receive path (RFC 768, RFC 8200 8.1, RFC 1122 4.1) and ICMP errors to sockets. */
#include "udp/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "ip/addr.h"
#include "sock/filter.h"
#include "sock/mcast.h"
#include "wire/checksum.h"
#include "wire/wire.h"

#define COUNT(core, v4, name)                                                                      \
	do {                                                                                       \
		if (v4)                                                                            \
			MIB_INC(core, Udp_##name);                                                 \
		else                                                                               \
			MIB_INC(core, Udp6_##name);                                                \
	} while (0)

static bool sum_ok(const struct pkt *pkt)
{
	uint64_t sum = csum_pseudo(&pkt->ip.src, &pkt->ip.dst, IPPROTO_UDP, pkt->len);

	return csum_fold(csum_join(sum, pkt_csum(pkt, 0, pkt->len))) == 0;
}

/* UDP-Lite (RFC 3828 3.1): the checksum is never absent and covers what the header says. */
static enum drop parse_lite(struct net_core *core, struct pkt *pkt)
{
	struct udp_hdr hdr;
	struct rd in;
	uint64_t sum;

	(void)core;
	if (!pkt_pullup(pkt, UDP_HDR_LEN))
		return DROP_UDP_TRUNCATED;
	pkt_rd(pkt, &in);
	hdr.sport = rd_be16(&in);
	hdr.dport = rd_be16(&in);
	hdr.len = rd_be16(&in);
	hdr.sum = rd_be16(&in);
	if (!hdr.len)
		hdr.len = (uint16_t)pkt->len;
	if (hdr.len < UDP_HDR_LEN || hdr.len > pkt->len)
		return DROP_UDP_LENGTH;
	sum = csum_pseudo(&pkt->ip.src, &pkt->ip.dst, IPPROTO_UDPLITE, pkt->len);
	if (!hdr.sum || csum_fold(csum_join(sum, pkt_csum(pkt, 0, hdr.len))))
		return DROP_UDP_CHECKSUM;
	pkt->cb[0] = 0;
	pkt->cb64[1] = hdr.len;
	pkt->ip.sport = hdr.sport;
	pkt->ip.dport = hdr.dport;
	return DROP_NONE;
}

/* Reads and checks the header; leaves the view at it. */
static enum drop parse(struct net_core *core, struct pkt *pkt)
{
	bool v4 = pkt->ip.src.family == AF_INET;
	struct udp_hdr hdr;
	enum drop why;
	struct rd in;

	if (!pkt_pullup(pkt, UDP_HDR_LEN))
		return DROP_UDP_TRUNCATED;
	pkt_rd(pkt, &in);
	why = udp_parse(&hdr, &in, pkt->len - UDP_HDR_LEN);
	if (why != DROP_NONE)
		return why;
	if (!pkt->offload.gso_type)
		pkt_trim(pkt, hdr.len);
	if (!pkt->offload.flags) {
		if (hdr.sum && !sum_ok(pkt)) {
			COUNT(core, v4, InCsumErrors);
			return DROP_UDP_CHECKSUM;
		}
	}
	/* RFC 768: zero means none; RFC 8200 8.1: over IPv6 only where the socket allows it. */
	pkt->cb[0] = !hdr.sum && !v4 && !pkt->offload.flags;
	pkt->ip.sport = hdr.sport;
	pkt->ip.dport = hdr.dport;
	return DROP_NONE;
}

static bool ttl_ok(const struct sock *sk, const struct pkt *pkt)
{
	uint8_t min = pkt->ip.src.family == AF_INET ? sk->opt.min_ttl : sk->opt.min_hops;

	return pkt->ip.hop_limit >= min;
}

/* Whether enough of a UDP-Lite packet was under its checksum for this socket. */
static bool coverage_ok(const struct udp_sock *u, const struct pkt *pkt)
{
	if (!udp_is_lite(&u->dg.sk) || !u->recv_partial || pkt->cb64[1] == pkt->len)
		return true;
	return u->recv_coverage && pkt->cb64[1] >= u->recv_coverage;
}

/* UDP_ENCAP with ESP (RFC 3948 2): a keep-alive, and packets that do not begin with the marker of IKE,
 * are the kernel's; there are no associations that they could belong to. */
static bool encap_takes(const struct udp_sock *u, const struct pkt *pkt)
{
	uint8_t head[4];
	size_t len = pkt->len - UDP_HDR_LEN;

	if (u->encap != ENCAP_ESP || pkt_read(pkt, UDP_HDR_LEN, head, 4) < 1)
		return false;
	if (len == 1)
		return head[0] == 0xff;
	return len > 8 && (head[0] | head[1] | head[2] | head[3]) != 0;
}

static void deliver(struct sock *sk, struct pkt *pkt)
{
	const struct udp_sock *u = container_of(dgram_of(sk), struct udp_sock, dg);
	struct dgram *dg = dgram_of(sk);
	bool v4 = pkt->ip.src.family == AF_INET;

	if (!ttl_ok(sk, pkt) || (sk->shut & SOCK_SHUT_RD) || encap_takes(u, pkt) ||
	    !filter_packet(sk, pkt, UDP_HDR_LEN)) {
		sk->drops++;
		core_drop(sk->core, pkt, DROP_SOCK_FILTER);
		return;
	}
	if ((pkt->cb[0] && !u->no_check6_rx) || !coverage_ok(u, pkt)) {
		COUNT(sk->core, v4, InCsumErrors);
		COUNT(sk->core, v4, InErrors);
		core_drop(sk->core, pkt, DROP_UDP_CHECKSUM);
		return;
	}
	pkt_pull(pkt, UDP_HDR_LEN);
	if (dg->rx_bytes + pkt_truesize(pkt) > (uint32_t)sk->opt.rcvbuf) {
		COUNT(sk->core, v4, RcvbufErrors);
		COUNT(sk->core, v4, InErrors);
	} else {
		COUNT(sk->core, v4, InDatagrams);
	}
	dgram_deliver(sk, pkt);
}

/* A copy for each member. */
static void deliver_multi(struct udp *udp, struct pkt *pkt, const struct net_endpoint *local,
			  const struct net_endpoint *remote)
{
	struct demux *d = &udp->socks->demux;
	struct sock *last = NULL;
	struct demux_node *n = NULL;

	while ((n = demux_next_multi(d, pkt->ip.proto, local, remote, pkt->ip.link, n))) {
		struct sock *sk = container_of(n, struct sock, node);

		if (pkt->ip.multicast && !mcast_sock_wants(sk, &local->addr, &remote->addr, pkt->ip.link))
			continue;
		if (last) {
			struct pkt *copy = pkt_clone(pkt);

			if (copy)
				deliver(last, copy);
		}
		last = sk;
	}
	if (last) {
		deliver(last, pkt);
		return;
	}
	MIB_INC(udp->socks->core, Udp_IgnoredMulti);
	core_drop(udp->socks->core, pkt, DROP_UDP_NO_SOCKET);
}

static void udp_input(void *ctx, struct pkt *pkt)
{
	struct udp *udp = ctx;
	struct net_core *core = udp->socks->core;
	bool v4 = pkt->ip.src.family == AF_INET;
	bool lite = pkt->ip.proto == IPPROTO_UDPLITE;
	enum drop why = lite ? parse_lite(core, pkt) : parse(core, pkt);
	struct demux_node *n;

	if (why != DROP_NONE) {
		COUNT(core, v4, InErrors);
		core_drop(core, pkt, why);
		return;
	}

	struct net_endpoint local = {pkt->ip.dst, pkt->ip.dport};
	struct net_endpoint remote = {pkt->ip.src, pkt->ip.sport};

	if (pkt->ip.multicast || pkt->ip.broadcast) {
		deliver_multi(udp, pkt, &local, &remote);
		return;
	}
	n = demux_find_conn(&udp->socks->demux, pkt->ip.proto, &local, &remote, pkt->ip.link);
	if (!n) {
		n = demux_find_bound(&udp->socks->demux, pkt->ip.proto, &local, &remote,
				     pkt->ip.link);
		if (n && udp->socks->reuse_progs)
			n = &filter_select(container_of(n, struct sock, node), pkt, UDP_HDR_LEN)
				     ->node;
	}
	if (n) {
		deliver(container_of(n, struct sock, node), pkt);
		return;
	}
	COUNT(core, v4, NoPorts);
	ip_send_port_unreachable(udp->socks->ip, pkt);
	core_drop(core, pkt, DROP_UDP_NO_SOCKET);
}

static void udp_error(void *ctx, const struct ip_error *err)
{
	struct udp *udp = ctx;
	struct udp_hdr hdr;
	struct demux_node *n;
	struct rd in;

	rd_init(&in, err->payload, err->payload_len);
	/* The ports are at the same place in both protocols. */
	hdr.sport = rd_be16(&in);
	hdr.dport = rd_be16(&in);
	if (rd_failed(&in))
		return;

	struct net_endpoint local = {err->local, hdr.sport};
	struct net_endpoint remote = {err->remote, hdr.dport};

	n = demux_find_conn(&udp->socks->demux, err->proto, &local, &remote, 0);
	if (!n)
		n = demux_find_bound(&udp->socks->demux, err->proto, &local, &remote, err->link);
	if (n)
		dgram_error(container_of(n, struct sock, node), err, &remote);
}

int udp_init(struct udp **ret, struct socks *socks)
{
	struct udp *udp = calloc(1, sizeof(*udp));

	if (!udp)
		return -ENOMEM;
	udp->socks = socks;
	ip_set_proto(socks->ip, IPPROTO_UDP,
		     &(struct ip_proto){.ctx = udp, .input = udp_input, .error = udp_error});
	ip_set_proto(socks->ip, IPPROTO_UDPLITE,
		     &(struct ip_proto){.ctx = udp, .input = udp_input, .error = udp_error});
	*ret = udp;
	return 0;
}

struct udp *udp_free(struct udp *udp)
{
	free(udp);
	return NULL;
}
