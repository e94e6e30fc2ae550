/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks on the way through IP: see hook.h. */
#include "ip/hook.h"

#include "ip/ip.h"

/* Source and destination as the header has them now. */
static void read_addrs(struct pkt *pkt, struct net_addr *src, struct net_addr *dst)
{
	struct rd in;

	pkt_rd(pkt, &in);
	if (src->family == AF_INET) {
		rd_skip(&in, 12);
		rd_copy(&in, src->v4, 4);
		rd_copy(&in, dst->v4, 4);
	} else {
		rd_skip(&in, 8);
		rd_copy(&in, src->v6, 16);
		rd_copy(&in, dst->v6, 16);
	}
}

bool ip_hook_run(struct ip *ip, enum ip_hook hook, struct link *in, struct link *out, struct pkt *pkt)
{
	if (__builtin_expect(!ip->hooks.run, 1))
		return true;
	if (!ip->hooks.run(ip->hooks.ctx, hook, in, out, pkt))
		return false;
	if (hook == IP_HOOK_PREROUTING || hook == IP_HOOK_INPUT) {
		pkt->l3_off = pkt->off;
		read_addrs(pkt, &pkt->ip.src, &pkt->ip.dst);
	}
	if (hook == IP_HOOK_INPUT)
		pkt_forget_ct(pkt); /* a queue of a socket must not hold connections */
	return true;
}

struct ip_path *ip_hook_output(struct ip *ip, struct ip_path *path, struct ip_path *moved, struct pkt *pkt)
{
	struct net_addr src = path->src, dst = path->dst;

	if (__builtin_expect(!ip->hooks.run, 1))
		return path;
	pkt->mark = path->mark;
	pkt->uid = path->uid;
	pkt->has_uid = pkt->charge != NULL;
	if (!ip->hooks.run(ip->hooks.ctx, IP_HOOK_OUTPUT, NULL, path->link, pkt))
		return NULL;
	read_addrs(pkt, &src, &dst);
	if (addr_eq(&dst, &path->dst))
		return path;
	if (ip_path_init(ip, moved, &dst, NULL, path->bound) < 0) {
		core_drop(ip->core, pkt, DROP_IP_NO_ROUTE);
		return NULL;
	}
	moved->hop_limit = path->hop_limit;
	moved->tos = path->tos;
	moved->pmtudisc = path->pmtudisc;
	moved->src = src;
	return moved;
}

/* Puts a header without fragments in front again. */
static bool push_header(struct pkt *pkt, uint8_t proto)
{
	bool v4 = pkt->ip.src.family == AF_INET;
	size_t len = v4 ? IP4_HDR_LEN : IP6_HDR_LEN;
	uint32_t payload = pkt->len;
	uint8_t *at = pkt_push(pkt, len);
	struct wr out;

	if (!at || payload + len > PKT_MAX_LEN)
		return false;
	wr_init(&out, at, len);
	if (v4) {
		struct ip4_hdr hdr = { .hdr_len = IP4_HDR_LEN, .tos = pkt->ip.tos,
				       .total_len = (uint16_t)(payload + len),
				       .ttl = pkt->ip.hop_limit, .proto = proto, .src = pkt->ip.src,
				       .dst = pkt->ip.dst };

		ip4_emit(&out, &hdr, NULL);
	} else {
		struct ip6_hdr_v hdr = { .tclass = pkt->ip.tos, .payload_len = (uint16_t)payload,
					 .next = proto, .hop_limit = pkt->ip.hop_limit, .src = pkt->ip.src,
					 .dst = pkt->ip.dst };

		ip6_emit(&out, &hdr);
	}
	pkt->ip.hdr_len = (uint16_t)len;
	return true;
}

bool ip_hook_reassembled(struct ip *ip, struct link *in, struct pkt *pkt, uint8_t proto)
{
	if (__builtin_expect(!ip->hooks.run, 1))
		return true;
	if (!push_header(pkt, proto)) {
		core_drop(ip->core, pkt, DROP_NO_MEMORY);
		return false;
	}
	if (!ip_hook_run(ip, IP_HOOK_PREROUTING, in, NULL, pkt) ||
	    !ip_hook_run(ip, IP_HOOK_INPUT, in, NULL, pkt))
		return false;
	pkt_pull(pkt, pkt->ip.hdr_len);
	return true;
}
