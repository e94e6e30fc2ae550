/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 send path (RFC 8200). */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "ip/ip.h"

static uint32_t mtu_for(struct ip *ip, struct ip_path *path)
{
	return path->pmtudisc < IP_PMTU_PROBE ? ip_path_mtu(ip, path) : path->link_mtu;
}

static void copy_to_self(struct ip *ip, struct ip_path *path, struct pkt *pkt)
{
	struct pkt *copy;

	if (path->local || path->type != IP_DST_MULTICAST || !path->mcast_loop ||
	    !mcast_find(path->link, &path->dst))
		return;
	copy = pkt_clone(pkt);
	if (!copy)
		return;
	copy->ip.link = path->link->id;
	(void)loopback_output(ip->links->lo, copy);
}

int ip6_send(struct ip *ip, struct ip_path *path, struct pkt *pkt)
{
	uint32_t mtu = mtu_for(ip, path);

	if (!ip_hook_run(ip, IP_HOOK_POSTROUTING, NULL, path->link, pkt))
		return 0;
	MIB_ADD(ip->core, Ip6_OutOctets, pkt->len);
	if (path->type == IP_DST_MULTICAST)
		MIB_INC(ip->core, Ip6_OutMcastPkts);
	copy_to_self(ip, path, pkt);
	/* RFC 4291 2.7: interface-local scope does not leave the host. */
	if (path->type == IP_DST_MULTICAST && !path->local && addr_mcast_scope6(&path->dst) <= 1) {
		core_drop(ip->core, pkt, DROP_NONE);
		return 0;
	}
	if (pkt->len <= mtu || pkt->offload.gso_type)
		return ip_xmit(ip, path, pkt);
	if (path->pmtudisc >= IP_PMTU_DO && path->pmtudisc != IP_PMTU_OMIT) {
		MIB_INC(ip->core, Ip6_FragFails);
		core_drop(ip->core, pkt, DROP_IP_TOO_BIG);
		return -EMSGSIZE;
	}
	return ip6_fragment(ip, path, pkt, mtu);
}

static uint8_t hop_limit_for(struct ip *ip, const struct ip_path *path)
{
	uint32_t metric;

	if (path->hop_limit)
		return path->hop_limit;
	if (path->type == IP_DST_MULTICAST)
		return 1;
	metric = ip_path_metric(ip, path, RTAX_HOPLIMIT);
	if (metric)
		return (uint8_t)metric;
	if (path->link->ra_hop_limit)
		return (uint8_t)path->link->ra_hop_limit;
	return (uint8_t)path->link->conf.v6[NET_CONF6_hop_limit];
}

static int output(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto)
{
	uint32_t payload = pkt->len;
	struct ip_path moved;
	uint8_t *at;
	struct wr out;

	MIB_INC(ip->core, Ip6_OutRequests);
	if (payload > PKT_MAX_LEN) {
		core_drop(ip->core, pkt, DROP_IP_TOO_BIG);
		return -EMSGSIZE;
	}
	at = pkt_push(pkt, IP6_HDR_LEN);
	if (!at) {
		core_drop(ip->core, pkt, DROP_NO_MEMORY);
		return -ENOBUFS;
	}

	struct ip6_hdr_v hdr = {
		.tclass = path->tos,
		.flow = path->flow_label,
		.payload_len = (uint16_t)payload,
		.next = proto,
		.hop_limit = hop_limit_for(ip, path),
		.src = path->src,
		.dst = path->dst,
	};

	wr_init(&out, at, IP6_HDR_LEN);
	ip6_emit(&out, &hdr);
	path = ip_hook_output(ip, path, &moved, pkt);
	return path ? ip6_send(ip, path, pkt) : -EPERM;
}

int ip6_output(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto)
{
	return output(ip, path, pkt, proto);
}

int ip6_output_ra(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto)
{
	uint8_t *at = pkt_push(pkt, 8);
	struct wr out;

	if (!at) {
		core_drop(ip->core, pkt, DROP_NO_MEMORY);
		return -ENOBUFS;
	}
	wr_init(&out, at, 8);
	ip6_emit_router_alert(&out, proto);
	return output(ip, path, pkt, IP6_EXT_HOPOPTS);
}
