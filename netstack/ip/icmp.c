/* SPDX-License-Identifier: Apache-2.0 */
/* What ICMP and ICMPv6 share: rate limits, quoting the offending packet, reports to transports. */
#include "ip/ip.h"

#include <errno.h>
#include <netinet/in.h>

#include "wire/checksum.h"

/* One global bucket, as Linux's icmp_msgs_per_sec and icmp_msgs_burst. */
static bool global_ok(struct ip *ip)
{
	const struct net_tunables *tun = &ip->core->tun;
	struct icmp_limit *l = &ip->icmp_limit;
	net_dur since = ip->core->now - l->last;
	uint32_t burst = (uint32_t)MAX(tun->icmp_msgs_burst, 0);

	if (since >= NET_MS(20)) {
		uint64_t add = (uint64_t)MIN(since, NET_SEC(1)) *
			       (uint64_t)MAX(tun->icmp_msgs_per_sec, 0) / NET_SEC(1);

		l->credit = (uint32_t)MIN((uint64_t)burst, l->credit + add);
		l->last = ip->core->now;
	}
	if (!l->credit)
		return false;
	l->credit--;
	return true;
}

/* One error per icmp_ratelimit to each peer, with a burst of six (Linux's xrlim). */
static bool peer_ok(struct ip *ip, const struct net_addr *peer)
{
	const struct net_tunables *tun = &ip->core->tun;
	int32_t gap_ms =
		peer->family == AF_INET ? tun->icmp_ratelimit_ms : tun->icmp6_ratelimit_ms / 10;
	uint64_t h = siphash(&ip->core->key, peer->bytes, 16);
	struct icmp_peer *p = &ip->icmp_peers[h % ICMP_PEERS];
	uint32_t gap = (uint32_t)MAX(gap_ms, 0);

	if (!gap)
		return true;
	if (!addr_eq(&p->addr, peer)) {
		*p = (struct icmp_peer){.addr = *peer, .last = ip->core->now, .tokens_ms = 6 * gap};
	} else {
		net_dur since_ms = (ip->core->now - p->last) / NET_MS(1);

		p->tokens_ms = (uint32_t)MIN((net_dur)6 * gap, p->tokens_ms + since_ms);
		p->last += since_ms * NET_MS(1);
	}
	if (p->tokens_ms < gap)
		return false;
	p->tokens_ms -= gap;
	return true;
}

bool icmp_limit_ok(struct ip *ip, const struct net_addr *peer, uint8_t type)
{
	bool v4 = peer->family == AF_INET;

	if (ip_is_local(ip, peer, NULL))
		return true;
	/* net.ipv4.icmp_ratemask: types that are limited at all, but redirects always are. ICMPv6: too
	 * big never is. */
	if (v4 ? type != ICMP4_REDIRECT && (type > 31 || !(ip->core->tun.icmp_ratemask & 1 << type))
	       : type == ICMP6_TOO_BIG)
		return true;
	if (!peer_ok(ip, peer)) {
		if (v4)
			MIB_INC(ip->core, Icmp_OutRateLimitHost);
		else
			MIB_INC(ip->core, Icmp6_OutRateLimitHost);
		return false;
	}
	if (!global_ok(ip)) {
		MIB_INC(ip->core, Icmp_OutRateLimitGlobal);
		return false;
	}
	return true;
}

struct pkt *icmp_original(struct pkt *pkt, size_t max)
{
	struct pkt *copy;
	uint32_t back = pkt->off - pkt->l3_off;

	if (!pkt->l3_off || pkt->l3_off > pkt->off || back > 1024)
		return NULL;
	copy = pkt_new(pkt->pool, PKT_HEADROOM);
	if (!copy)
		return NULL;

	/* Copied, not referenced: an error is small and must not pin a receive buffer. */
	uint8_t quote[1280];
	size_t n = MIN((size_t)back, max);

	memcpy(quote, pkt->base + pkt->l3_off, n);
	n += pkt_read(pkt, 0, quote + n, max - n);

	uint8_t *at = n <= PKT_INLINE - PKT_HEADROOM ? pkt_put(copy, n) : NULL;

	if (at)
		memcpy(at, quote, n);
	else if (!pkt_append_copy(copy, quote, n))
		return pkt_free(copy);
	return copy;
}

void icmp_send(struct ip *ip, struct pkt *pkt, struct icmp_hdr *hdr, struct ip_path *path)
{
	bool v6 = path->dst.family == AF_INET6;
	uint8_t *at = pkt_push(pkt, ICMP_HDR_LEN);
	uint64_t sum = 0;
	struct wr out;

	if (!at) {
		core_drop(ip->core, pkt, DROP_NO_MEMORY);
		return;
	}
	hdr->sum = 0;
	wr_init(&out, at, ICMP_HDR_LEN);
	icmp_emit(&out, hdr);
	if (v6)
		sum = csum_pseudo(&path->src, &path->dst, IPPROTO_ICMPV6, pkt->len);
	sum = csum_join(sum, pkt_csum(pkt, 0, pkt->len));
	wire_put16(at + ICMP_CSUM_OFFSET, csum_fold(sum));
	if (v6)
		MIB_INC(ip->core, Icmp6_OutMsgs);
	else
		MIB_INC(ip->core, Icmp_OutMsgs);
	(void)ip_output(ip, path, pkt, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

int icmp_answer_path(struct ip *ip, struct ip_path *path, const struct pkt *pkt,
		     const struct net_addr *src)
{
	bool v4 = pkt->ip.src.family == AF_INET;
	const struct net_tunables *tun = &ip->core->tun;
	struct ip_path_want want = {.flow = {.dst = pkt->ip.src,
					     .proto = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6}};
	int r;

	if (src)
		want.flow.src = *src;
	if (v4 ? tun->ip_fwmark_reflect : tun->ip6_fwmark_reflect)
		want.flow.mark = pkt->mark;
	r = ip_path_init_flow(ip, path, &want);
	path->pmtudisc = IP_PMTU_DONT;
	return r;
}

/* The source of an error: the address that the packet was for; else one of the link that it came in on, if
 * net.ipv4.icmp_errors_use_inbound_ifaddr says so; else by the route back. */
static const struct net_addr *error_source(struct ip *ip, const struct pkt *pkt)
{
	struct link *link;
	struct ifaddr *ia;

	if (ip_is_local(ip, &pkt->ip.dst, NULL))
		return &pkt->ip.dst;
	link = link_find(ip->links, pkt->ip.link);
	if (pkt->ip.src.family != AF_INET || !link || !ip->core->tun.icmp_errors_use_inbound_ifaddr)
		return NULL;
	ia = src_select(ip, &pkt->ip.src, &pkt->ip.src, link, 0);
	return ia ? &ia->addr : NULL;
}

bool icmp_error(struct ip *ip, struct pkt *pkt, const struct icmp_hdr *given, size_t quote_max, uint8_t tos)
{
	struct icmp_hdr hdr = *given;
	struct ip_path path;
	struct pkt *err;

	if (!icmp_limit_ok(ip, &pkt->ip.src, hdr.type)) {
		drops_note(&ip->core->drops, DROP_ICMP_RATE_LIMIT, NULL, ip->core->now);
		return false;
	}
	if (icmp_answer_path(ip, &path, pkt, error_source(ip, pkt)) < 0)
		return false;
	path.tos = tos;
	err = icmp_original(pkt, quote_max);
	if (!err)
		return false;
	icmp_send(ip, err, &hdr, &path);
	return true;
}

enum drop icmp_echo(struct ip *ip, struct pkt *pkt, const struct icmp_hdr *hdr, uint8_t reply_type,
		    const struct net_addr *src)
{
	struct icmp_hdr reply = *hdr;
	struct ip_path path;
	struct pkt *out;

	if (icmp_answer_path(ip, &path, pkt, src) < 0)
		return DROP_IP_NO_ROUTE;
	path.tos = pkt->ip.tos & 0xfc;
	out = pkt_slice(pkt, ICMP_HDR_LEN, pkt->len - ICMP_HDR_LEN);
	if (!out)
		return DROP_NO_MEMORY;
	reply.type = reply_type;
	icmp_send(ip, out, &reply, &path);
	return DROP_NONE;
}

void icmp_report(struct ip *ip, struct ip_error *err)
{
	const struct ip_proto *p = &ip->protos[err->proto];

	if (p->error)
		p->error(p->ctx, err);
	if (ip->ping_error)
		ip->ping_error(ip->raw_ctx, err);
}

void ip_learn_mtu(struct ip *ip, const struct ip_error *err)
{
	if (err->mtu)
		pmtu_learn(ip, &err->remote, err->mtu);
}

/* The packet was ours if its source is: tell its sender, else the host that sent it. */
void icmp_neigh_failed(struct ip *ip, struct link *link, struct pkt *pkt)
{
	uint8_t version = 0;
	struct ip_error err = {.link = link->id, .err = EHOSTUNREACH, .hard = true};
	struct rd in;

	pkt_uncharge(pkt);
	pkt_read(pkt, 0, &version, 1);
	(void)pkt_pullup(pkt, MIN(pkt->len, 128u));
	pkt_rd(pkt, &in);
	pkt->l3_off = pkt->off;
	if (version >> 4 == 4) {
		struct ip4_hdr hdr;

		if (ip4_parse(&hdr, &in) != DROP_NONE)
			goto out;
		err.local = hdr.src;
		err.remote = hdr.dst;
		err.proto = hdr.proto;
		err.type = ICMP4_UNREACH;
		err.code = ICMP4_HOST_UNREACH;
		pkt->ip.src = hdr.src;
		pkt->ip.dst = hdr.dst;
		pkt->ip.hdr_len = hdr.hdr_len;
	} else {
		struct ip6_hdr_v hdr;

		if (ip6_parse(&hdr, &in) != DROP_NONE)
			goto out;
		err.local = hdr.src;
		err.remote = hdr.dst;
		err.proto = hdr.next;
		err.type = ICMP6_UNREACH;
		err.code = 3;
		err.v6 = true;
		pkt->ip.src = hdr.src;
		pkt->ip.dst = hdr.dst;
		pkt->ip.hdr_len = IP6_HDR_LEN;
	}
	if (ip_is_local(ip, &err.local, NULL)) {
		err.offender = err.local;
		pkt_pull(pkt, MIN((uint32_t)pkt->ip.hdr_len, pkt->len));
		err.payload = pkt_data(pkt);
		err.payload_len = pkt->lin_len;
		err.pkt = pkt;
		if (err.payload_len >= 8)
			icmp_report(ip, &err);
	} else if (err.v6) {
		icmp6_error(ip, pkt, err.type, err.code, 0);
	} else {
		icmp4_error(ip, pkt, err.type, err.code, 0);
	}
out:
	pkt_free(pkt); /* counted as DROP_NEIGH_FAILED by the neighbour table */
}
