/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots by value: what ioctl(SIOCGIF*), /proc/net and rtnetlink show.
 *
 * Dump functions fill at most @max entries of @ret and return how many there are in all, so that a
 * caller can size its array and ask again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "netstack/drop.h"
#include "netstack/link.h"
#include "netstack/mib.h"
#include "netstack/route.h"
#include "netstack/types.h"

struct net_link_info {
	net_link_id link;
	enum net_link_kind kind;
	char name[16];
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t flags; /* IFF_UP, IFF_LOOPBACK, IFF_BROADCAST, IFF_RUNNING, IFF_MULTICAST ... */
	uint32_t tx_queue_len;
	uint32_t offloads;
	uint64_t rx_packets, rx_bytes, rx_dropped, rx_errors, rx_multicast;
	uint64_t tx_packets, tx_bytes, tx_dropped, tx_errors;
	uint64_t collisions, rx_nohandler;
	enum net_link_type type;
	net_link_id lower;  /* VLAN: the link below; VETH: the peer; else 0 */
	net_link_id master; /* bridge that it is a port of, or 0 */
	uint16_t vlan_id, vlan_proto;
	uint32_t promiscuity, allmulti; /* how many ask for it */
	uint8_t port_state;		/* of a bridge: BR_STATE_* */
	uint32_t min_mtu, max_mtu;
};

size_t net_info_links(const struct net_stack *stack, struct net_link_info *ret, size_t max);
/* 0 or -ENODEV. */
int net_info_link(const struct net_stack *stack, net_link_id link, struct net_link_info *ret);
size_t net_info_addrs(const struct net_stack *stack, struct net_ifaddr *ret, size_t max);
size_t net_info_routes(const struct net_stack *stack, struct net_route *ret, size_t max);
size_t net_info_neighs(const struct net_stack *stack, struct net_neigh *ret, size_t max);

/* A multicast membership of a link. */
struct net_mcast_info {
	net_link_id link;
	struct net_addr group;
	uint32_t users;
	bool exclude; /* filter mode (RFC 3376 3.2) */
	uint32_t nsources;
};

size_t net_info_mcast(const struct net_stack *stack, struct net_mcast_info *ret, size_t max);

/* A line of /proc/net/{tcp,udp,icmp,raw}[6]. */
struct net_sock_info {
	net_sock_id sock; /* 0: no longer anyone's (TIME_WAIT, orphans, half-open) */
	uint64_t cookie;
	int32_t family; /* of the socket: AF_INET6 may hold IPv4 endpoints, unmapped */
	int32_t type;
	int32_t protocol;
	struct net_endpoint local, remote;
	uint8_t state; /* Linux's TCP_* numbers; UDP: 1 connected, 7 not */
	uint32_t tx_queue, rx_queue;
	uint8_t timer_active; /* 0 none 1 rexmit 2 keepalive 3 timewait 4 probe */
	net_dur timer_left;
	uint32_t retransmits, probes;
	uint32_t uid;
	uint64_t inode;
	uint32_t refs;
	net_dur rto, ato;
	uint32_t quick, cwnd;
	int32_t ssthresh; /* -1: still in initial slow start */
	uint32_t drops;
};

size_t net_info_socks(const struct net_stack *stack, int protocol, struct net_sock_info *ret,
		      size_t max);

/* Counters of /proc/net/snmp, snmp6 and netstat (see mib.h), and discards by reason. */
void net_info_mib(const struct net_stack *stack, uint64_t ret[NET_MIB_COUNT]);
void net_info_drops(const struct net_stack *stack, uint64_t ret[DROP_COUNT]);
/* "UDP_CHECKSUM", and the sentence. */
const char *net_drop_name(enum drop why);
const char *net_drop_text(enum drop why);

/* A source of a group's filter on a link: /proc/net/mcfilter[6]. @inc, @exc: how many sockets. */
struct net_mcast_source_info {
	net_link_id link;
	struct net_addr group, source;
	uint32_t inc, exc;
};

size_t net_info_mcast_sources(const struct net_stack *stack, struct net_mcast_source_info *ret,
			      size_t max);

/* Link-level group addresses that a link listens to: /proc/net/dev_mcast, "ip maddr". */
struct net_maddr_info {
	net_link_id link;
	uint8_t mac[6];
	uint32_t users;
};

size_t net_info_maddrs(const struct net_stack *stack, struct net_maddr_info *ret, size_t max);

/* A discarded packet, for captures. The stack keeps the last few; each is given once. */
struct net_drop_info {
	net_time when;
	enum drop why;
	net_link_id link;   /* 0 = not known */
	uint16_t ethertype; /* of the bytes kept, behind an Ethernet header that is not there any more; 0
			     * = they are a whole frame of the link */
	uint32_t len;	    /* of the packet (or frame) */
	uint16_t snap_len;
	uint8_t snap[128];
};

/* Starts or stops keeping discards (off at first). */
void net_drops_watch(struct net_stack *stack, bool on);
bool net_drops_next(struct net_stack *stack, struct net_drop_info *ret);

struct net_memory_info {
	uint64_t pkt_bytes;	 /* in use */
	uint64_t pkt_idle_bytes; /* kept for reuse */
	uint64_t pkt_allocs;	 /* times the pool asked the heap: constant in steady state */
	uint32_t sockets, tcp_orphans, tcp_timewait, neighbours;
	uint32_t reasm_bytes;
};

void net_info_memory(const struct net_stack *stack, struct net_memory_info *ret);
