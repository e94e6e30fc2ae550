/* SPDX-License-Identifier: Apache-2.0 */
/* A path: the cached answer to "how do packets of this flow leave", and sending along it.
 *
 * The only thing a transport needs to know about IP. A path holds no references: it is valid while
 * its generation is current, and every function here checks that and looks again if it is not.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "netstack/types.h"
#include "util/cleanup.h"

#include "ip/flow.h"

struct ip;
struct link;
struct neigh;
struct pkt;
struct route;

/* Linux's IP_PMTUDISC_* numbers. */
enum ip_pmtudisc {
	IP_PMTU_DONT = 0,
	IP_PMTU_WANT = 1,
	IP_PMTU_DO = 2,
	IP_PMTU_PROBE = 3,
	IP_PMTU_INTERFACE = 4,
	IP_PMTU_OMIT = 5,
};

struct ip_path {
	/* What was asked for. */
	struct net_addr dst;
	struct net_addr src; /* chosen, or as asked */
	net_link_id bound;   /* SO_BINDTODEVICE and the like; 0 = any */
	net_link_id iif;     /* forwarded: where it came in */
	bool src_fixed;	     /* src was asked for: keep it */
	bool nonlocal_src;   /* src need not be ours (IP_FREEBIND, IP_TRANSPARENT) */
	bool dont_route;     /* SO_DONTROUTE: only on-link */
	bool mcast_loop;     /* our own copy of multicast */
	uint8_t proto;	     /* for rules and the choice among several ways, as the ports */
	uint16_t sport, dport;
	uint32_t mark, uid;
	uint32_t prefer; /* IPV6_PREFER_SRC_* */
	/* What the caller may set at any time. */
	uint8_t hop_limit;   /* 0 = default */
	uint8_t tos;	     /* DSCP and ECN */
	uint8_t pmtudisc;    /* enum ip_pmtudisc */
	uint8_t prio;	     /* TC_PRIO_*: SO_PRIORITY or by TOS */
	uint8_t opts_len;    /* IPv4 options for every packet, a multiple of 4 */
	const uint8_t *opts; /* borrowed from the socket */
	uint32_t flow_label; /* IPv6 */
	/* What was found. */
	uint8_t type; /* enum ip_dst_type */
	bool local;   /* to ourselves: over the loopback */
	struct net_addr next_hop;
	struct link *link;
	struct neigh *neigh; /* cached; NULL = look it up */
	const struct route *route; /* while @gen is current; NULL = none was needed */
	bool mtu_locked;	   /* the route's MTU, or one too small to believe: no path MTU discovery */
	uint32_t link_mtu;
	uint32_t route_mtu; /* of link and route */
	uint32_t mtu;	    /* path MTU: ip_path_mtu() keeps it current */
	uint32_t gen, neigh_gen, pmtu_gen;
	uint32_t id_base; /* where this pair's IP ids begin */
	uint8_t id_slot;
	int error; /* of the last lookup */
};

enum ip_dst_type {
	IP_DST_UNICAST = 0,
	IP_DST_LOCAL,
	IP_DST_BROADCAST,
	IP_DST_MULTICAST,
};

/* Looks up @dst from @src (NULL or family 0: choose one) over @bound (0: any). Fills all of @path;
 * hop_limit, tos and flow_label are 0, pmtudisc is IP_PMTU_WANT.
 * Returns 0, -ENETUNREACH, -EHOSTUNREACH, -EACCES, -EINVAL, -ENODEV, -EADDRNOTAVAIL. */
MUST_CHECK int ip_path_init(struct ip *ip, struct ip_path *path, const struct net_addr *dst,
			    const struct net_addr *src, net_link_id bound);

/* The same for all that routing looks at: @want->oif is the bound link. */
struct ip_path_want {
	struct ip_flow flow;
	bool dont_route, nonlocal_src;
	uint32_t prefer; /* IPV6_PREFER_SRC_* */
};
MUST_CHECK int ip_path_init_flow(struct ip *ip, struct ip_path *path, const struct ip_path_want *want);

/* For somebody else's packet: the way from @flow->iif; the source stays, whoever it is. */
MUST_CHECK int ip_path_forward(struct ip *ip, struct ip_path *path, const struct ip_flow *flow);

/* A metric of the route (RTAX_* number), 0 if there is none or the path is not current. */
uint32_t ip_path_metric(struct ip *ip, const struct ip_path *path, unsigned which);

/* Looks again if routes or addresses changed since. 0 or the error of the lookup. */
MUST_CHECK int ip_path_check(struct ip *ip, struct ip_path *path);

/* Length of the IP header: 20 and options, or 40. */
static inline unsigned ip_path_hdr_len(const struct ip_path *path)
{
	return path->dst.family == 2 /* AF_INET */ ? 20u + path->opts_len : 40;
}

/* The path MTU now (IP header included), with what ICMP said (RFC 1191, RFC 8201). */
uint32_t ip_path_mtu(struct ip *ip, struct ip_path *path);

/* Largest IP packet that may be handed over as a super-segment: TCP may send gso packets of up to
 * this many bytes; the edge of the link cuts them if the link cannot. */
static inline uint32_t ip_path_gso_max(const struct ip_path *path)
{
	(void)path;
	return 65535;
}

/* Tells that the peer answers (RFC 4861 7.3.1), so that its neighbour entry stays reachable. */
void ip_path_confirm(struct ip *ip, struct ip_path *path);
/* Tells that the path seems dead: the neighbour is probed and the learned MTU forgotten. */
void ip_path_suspect(struct ip *ip, struct ip_path *path);

/* Sends a transport packet. Takes @pkt, also on failure. The view starts at the transport header;
 * pkt->offload says NEEDS_CSUM with csum_start = 0 and the pseudo-header sum already in the field
 * (or flags 0 with a complete checksum), and gso_type/gso_size for a super-segment. Fragments or
 * refuses (-EMSGSIZE) what is longer than the path MTU and is no super-segment.
 * Returns 0, -EMSGSIZE, -ENOBUFS, or the error of a new lookup. */
int ip_output(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto);

/* One more or one fewer socket wants received UDP datagrams merged (UDP_GRO). */
void ip_udp_gro(struct ip *ip, int delta);

/* Packets waiting at the path's link (0 for local): for senders that limit what they queue. */
size_t ip_path_queued(const struct ip_path *path);
