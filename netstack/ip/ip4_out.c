/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 send path: header, path MTU rules, our own copies of multicast. */
#include <errno.h>
#include <linux/rtnetlink.h>

#include "ip/ip.h"

/* Linux's reading of IP_MTU_DISCOVER. */
static bool wants_df(const struct ip_path *path, bool fits)
{
	/* A path that cannot be measured, or whose MTU is not to be trusted. */
	if (path->mtu_locked && path->pmtudisc < IP_PMTU_PROBE)
		return false;
	switch (path->pmtudisc) {
	case IP_PMTU_DO:
	case IP_PMTU_PROBE:
		return true;
	case IP_PMTU_WANT:
		return fits;
	default:
		return false;
	}
}

static bool may_fragment(const struct ip_path *path)
{
	return path->mtu_locked || path->pmtudisc < IP_PMTU_DO || path->pmtudisc == IP_PMTU_OMIT;
}

static uint32_t mtu_for(struct ip *ip, struct ip_path *path)
{
	return path->pmtudisc < IP_PMTU_PROBE ? ip_path_mtu(ip, path) : path->link_mtu;
}

/* Members on this host get their copy from the loopback queue, as if received on the link. */
static void copy_to_self(struct ip *ip, struct ip_path *path, struct pkt *pkt)
{
	struct pkt *copy;

	if (path->local)
		return;
	if (path->type == IP_DST_MULTICAST) {
		if (!path->mcast_loop || !mcast_find(path->link, &path->dst))
			return;
	} else if (path->type != IP_DST_BROADCAST) {
		return;
	}
	copy = pkt_clone(pkt);
	if (!copy)
		return;
	copy->ip.link = path->link->id;
	(void)loopback_output(ip->links->lo, copy);
}

static bool stays_here(const struct ip_path *path)
{
	/* RFC 1112 6.1: TTL 0 is restricted to this host. */
	return path->type == IP_DST_MULTICAST && path->hop_limit == 0 && path->mcast_loop;
}

/* @pkt has its header. */
static int send_whole(struct ip *ip, struct ip_path *path, struct pkt *pkt)
{
	copy_to_self(ip, path, pkt);
	if (path->type == IP_DST_MULTICAST)
		MIB_INC(ip->core, IpExt_OutMcastPkts);
	else if (path->type == IP_DST_BROADCAST)
		MIB_INC(ip->core, IpExt_OutBcastPkts);
	return ip_xmit(ip, path, pkt);
}

int ip4_send(struct ip *ip, struct ip_path *path, struct pkt *pkt, bool may_frag)
{
	uint32_t mtu = mtu_for(ip, path);

	if (!ip_hook_run(ip, IP_HOOK_POSTROUTING, NULL, path->link, pkt))
		return 0;
	MIB_ADD(ip->core, IpExt_OutOctets, pkt->len);
	if (pkt->len <= mtu || pkt->offload.gso_type)
		return send_whole(ip, path, pkt);
	if (!may_frag) {
		MIB_INC(ip->core, Ip_FragFails);
		core_drop(ip->core, pkt, DROP_IP_TOO_BIG);
		return -EMSGSIZE;
	}
	copy_to_self(ip, path, pkt);
	return ip4_fragment(ip, path, pkt, mtu);
}

static uint8_t default_ttl(struct ip *ip, const struct ip_path *path)
{
	uint32_t metric = ip_path_metric(ip, path, RTAX_HOPLIMIT);

	return (uint8_t)(metric ? metric : (uint32_t)ip->core->tun.ip_default_ttl);
}

static int output(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto,
		  const uint8_t *opts, uint8_t opts_len)
{
	uint8_t hdr_len = (uint8_t)(IP4_HDR_LEN + opts_len);
	uint32_t total = pkt->len + hdr_len;
	bool fits = total <= mtu_for(ip, path) || pkt->offload.gso_type;
	uint8_t ttl = path->hop_limit ? path->hop_limit : default_ttl(ip, path);
	struct ip_path moved;
	uint8_t *at;
	struct wr out;

	MIB_INC(ip->core, Ip_OutRequests);
	if (total > PKT_MAX_LEN) {
		core_drop(ip->core, pkt, DROP_IP_TOO_BIG);
		return -EMSGSIZE;
	}
	at = pkt_push(pkt, hdr_len);
	if (!at) {
		core_drop(ip->core, pkt, DROP_NO_MEMORY);
		return -ENOBUFS;
	}
	if (path->type == IP_DST_MULTICAST && !path->hop_limit)
		ttl = stays_here(path) ? 0 : 1;

	struct ip4_hdr hdr = {
		.hdr_len = hdr_len,
		.tos = path->tos,
		.total_len = (uint16_t)total,
		.id = (uint16_t)ip_path_next_id(ip, path),
		.flags = wants_df(path, fits) ? IP4_DF : 0,
		.ttl = ttl,
		.proto = proto,
		.src = path->src,
		.dst = path->dst,
	};

	wr_init(&out, at, hdr_len);
	ip4_emit(&out, &hdr, opts_len ? opts : NULL);
	path = ip_hook_output(ip, path, &moved, pkt);
	if (!path)
		return -EPERM;
	if (stays_here(path)) {
		copy_to_self(ip, path, pkt);
		core_drop(ip->core, pkt, DROP_NONE);
		return 0;
	}
	return ip4_send(ip, path, pkt, may_fragment(path));
}

int ip4_output(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto)
{
	return output(ip, path, pkt, proto, path->opts, path->opts_len);
}

int ip4_output_ra(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto)
{
	static const uint8_t router_alert[4] = {148, 4, 0, 0}; /* RFC 2113 */

	return output(ip, path, pkt, proto, router_alert, sizeof(router_alert));
}
