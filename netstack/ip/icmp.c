/* SPDX-License-Identifier: Apache-2.0 */
/* What ICMP and ICMPv6 share: rate limits, quoting the offending packet, reports to transports. */
#include "ip/ip.h"

#include <errno.h>
#include <netinet/in.h>

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

bool icmp_limit_ok(struct ip *ip, const struct net_addr *peer)
{
	bool v4 = peer->family == AF_INET;

	if (ip_is_local(ip, peer, NULL))
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
