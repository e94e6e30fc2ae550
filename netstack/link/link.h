/* SPDX-License-Identifier: Apache-2.0 */
/* Links and neighbours, private to the stack.
 *
 * The way up is struct link_upper, filled by ip/. Nothing here sends by itself: frames are queued
 * at the link, the loopback's are delivered by its work item in net_stack_poll().
 */
#pragma once

#include "core/core.h"
#include "netstack/bridge.h"
#include "netstack/info.h"
#include "netstack/link.h"
#include "netstack/qdisc.h"
#include "pkt/pktq.h"
#include "util/hash.h"
#include "wire/wire.h"

struct link;
struct links;
struct neigh;

struct link_upper {
	void *ctx;
	/* An IP packet, view at its header. Takes @pkt. */
	void (*input)(void *ctx, struct link *link, struct pkt *pkt, uint16_t ethertype);
	/* What to do about an ARP request from @spa for @tpa: see enum arp_answer. */
	enum arp_answer (*answer4)(void *ctx, struct link *link, const struct net_addr *spa,
				   const struct net_addr *tpa);
	/* Whether @addr is ours on any link (IPv4). */
	bool (*owns4)(void *ctx, struct link *link, const struct net_addr *addr);
	/* Our address to ask for @target with; @want: the source of the packet that waits, or NULL. */
	bool (*src4)(void *ctx, struct link *link, const struct net_addr *target,
		     const struct net_addr *want, struct net_addr *ret);
	/* Sends a neighbour solicitation; @mac NULL: to the solicited-node group. */
	void (*solicit6)(void *ctx, struct link *link, const struct net_addr *target,
			 const uint8_t *mac);
	/* Resolution failed: @pkt is one that waited, view at its IP header. Takes it. */
	void (*unreachable)(void *ctx, struct link *link, struct pkt *pkt);
	/* The link is going away or down: forget what belongs to it. */
	void (*link_gone)(void *ctx, struct link *link, bool detached);
	void (*link_changed)(void *ctx, struct link *link);
	/* The link-layer address changed: tell the neighbours (arp_notify, ndisc_notify). */
	void (*link_readdressed)(void *ctx, struct link *link);
	/* Packet sockets: sees every frame, view at its first byte. Borrows @pkt. Asked while *taps
	 * is not 0; NULL: never. */
	void (*tap)(void *ctx, struct link *link, struct pkt *pkt, bool out);
	void *tap_ctx;
	const uint32_t *taps;
};

enum arp_answer {
	ARP_IGNORE = 0, /* not for us */
	ARP_OURS,	/* answer */
	ARP_PROXY,	/* answer for somebody else */
	ARP_SILENT,	/* ours, but arp_ignore or arp_filter says no */
};

/* A link-level group address that the link listens to. */
struct link_maddr {
	struct list list;
	uint8_t mac[6];
	uint32_t users;
};

/* A super-segment that is being cut. */
struct gso_cut {
	struct pkt *whole;
	uint32_t off, index;
	struct wire_gso info;
};

struct bridge;
struct bridge_port;
struct qdisc;

struct link {
	struct list all;   /* in links->all */
	struct list ready; /* in links->ready: the driver may take output */
	struct links *links;
	net_link_id id;
	enum net_link_kind kind;
	enum net_link_type type;
	char name[16];
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t offloads;
	bool up;
	bool autoconf;
	bool noarp;
	bool mtu_set, mac_set; /* by the user: a bridge follows its ports no more */
	uint32_t promisc, allmulti; /* how many ask for it */
	bool user_promisc, user_allmulti;
	struct list maddrs; /* struct link_maddr */
	struct conf conf;
	/* Software links. */
	struct link *lower;	   /* VLAN */
	struct list uppers;	   /* VLANs over this link, by their upper_list */
	struct list upper_list;
	uint16_t vlan_id, vlan_proto;
	struct link *peer;	   /* VETH */
	struct pktq rx;		   /* VETH: from the peer, until the poll */
	struct work rx_work;
	struct bridge *bridge;	   /* BRIDGE */
	struct bridge_port *port;  /* of a bridge, whatever the type */
	/* Output. */
	uint32_t tx_queue_len;
	struct qdisc *qdisc;	   /* NULL: noqueue */
	struct timer tx_timer;	   /* what the discipline holds back becomes due */
	struct work tx_work;	   /* software links: drains the discipline */
	struct pktq tx;		   /* LOOPBACK only */
	struct gso_cut gso;	   /* super-segment being cut at the edge */
	struct list addrs;	    /* ip/: struct ifaddr */
	struct list groups;	    /* ip/: struct mcast_group */
	struct link_ip *ip;	    /* ip/: what it keeps per link */
	uint32_t ra_hop_limit;	    /* ip/: from router advertisements; 0 = none */
	uint32_t ip6_mtu;	    /* ip/: from router advertisements; 0 = of the link */
	net_dur reachable, retrans; /* ND parameters; 0 = conf */
	struct net_link_info stats; /* counters only */
};

struct links {
	struct net_core *core;
	struct list all;
	struct list ready;
	uint32_t count;
	net_link_id next_id;
	struct link *lo;
	struct link_upper up;
	struct work loop_work;
	struct hash neighs;
	struct list neigh_lru; /* least recently used first */
	struct list proxies;   /* struct neigh_proxy */
	uint32_t neigh_count;
	uint32_t neigh_gen; /* grows when a struct neigh is freed */
	uint32_t depth;	    /* of software links that hand a frame on */
	uint32_t udp_gro;   /* sockets that want UDP_GRO */

};

static inline void link_tap(struct link *link, struct pkt *pkt, bool out)
{
	const struct link_upper *up = &link->links->up;

	if (up->taps && *up->taps)
		up->tap(up->tap_ctx, link, pkt, out);
}

int links_init(struct links *ls, struct net_core *core);
void links_fini(struct links *ls);

/* Makes a link; loopback only from the stack itself. */
MUST_CHECK int link_new(struct links *ls, struct link **ret, const struct net_link_config *cfg);
void link_free(struct link *link);
struct link *link_find(const struct links *ls, net_link_id id);
void link_set_up(struct link *link, bool up);
/* 0 or -EINVAL. */
int link_set_mtu(struct link *link, uint32_t mtu);
int link_set_mac(struct link *link, const uint8_t mac[6]);
int link_set_name(struct link *link, const char *name);
/* Whether the other side is there: what IFF_RUNNING says of a link that is up. */
bool link_carrier(const struct link *link);
/* Tells watchers of changes. */
void link_notify(struct link *link, bool gone);
/* Counted: one more or one fewer asks for all frames. */
void link_promisc(struct link *link, int delta);
void link_allmulti(struct link *link, int delta);
/* maddr.c: counted too. 0, -ENOMEM; -ENOENT. */
int link_maddr_add(struct link *link, const uint8_t mac[6]);
int link_maddr_del(struct link *link, const uint8_t mac[6]);
bool link_maddr_has(const struct link *link, const uint8_t mac[6]);
void link_maddr_flush(struct link *link);

static inline int32_t conf4_or(const struct link *link, enum net_conf4 which)
{
	return link->links->core->confs.all.v4[which] || link->conf.v4[which];
}

static inline int32_t conf4_and(const struct link *link, enum net_conf4 which)
{
	return link->links->core->confs.all.v4[which] && link->conf.v4[which];
}

static inline int32_t conf4_max(const struct link *link, enum net_conf4 which)
{
	int32_t all = link->links->core->confs.all.v4[which];

	return MAX(all, link->conf.v4[which]);
}

uint32_t link_flags(const struct link *link);
void link_info(const struct link *link, struct net_link_info *ret);

/* A frame from the driver. Takes @pkt. */
void link_input(struct link *link, struct pkt *pkt);
/* An IP packet of our own, from the loopback queue. Takes @pkt. */
void link_input_local(struct link *link, struct pkt *pkt);

/* Queues a complete frame. Takes @pkt. 0, -ENOBUFS, -ENETDOWN. */
int link_output(struct link *link, struct pkt *pkt);
/* A frame that the discipline let go, of a software link: hands it on. Takes @pkt. */
void link_xmit(struct link *link, struct pkt *pkt);
/* Packets waiting, and whether the driver would get one now. */
size_t link_queued(const struct link *link);
bool link_ready(const struct link *link);

/* The edge: the next frame as the far side can take it, or NULL. */
struct pkt *link_take_output(struct link *link);
/* Makes a discipline the link's own, keeping what waits. */
int link_set_qdisc(struct link *link, const struct net_qdisc *cfg);

/* ether.c: frames an IP packet and queues it. Takes @pkt. */
int ether_output(struct link *link, struct pkt *pkt, const uint8_t dst[6], uint16_t type);
/* A frame for @link, view at its Ethernet header. Takes @pkt. */
void ether_input(struct link *link, struct pkt *pkt);
/* The same behind the bridge: for ourselves. */
void ether_input_local(struct link *link, struct pkt *pkt);
/* Offset of the network header in the frame, past VLAN tags. */
size_t ether_l3(const struct link *link, struct pkt *pkt, uint16_t *type);

/* vlan.c */
struct link *vlan_find(const struct link *lower, uint16_t proto, uint16_t id);
int vlan_check(struct link *lower, const struct net_link_config *cfg);
void vlan_xmit(struct link *link, struct pkt *pkt);

/* veth.c */
void veth_xmit(struct link *link, struct pkt *pkt);
void veth_run(struct work *work);

/* bridge.c. Input: a frame from a port; false: it is for the port itself (not taken). */
int bridge_new(struct link *link);
void bridge_free(struct link *link);
bool bridge_input(struct bridge_port *port, struct pkt *pkt);
void bridge_xmit(struct link *link, struct pkt *pkt);
int bridge_add_port(struct link *bridge, struct link *link);
void bridge_del_port(struct link *link);
void bridge_port_changed(struct link *link);
struct link *bridge_of_port(const struct bridge_port *port);
uint8_t bridge_port_state(const struct link *link);
bool bridge_carrier(const struct bridge *br);
int bridge_get(const struct link *link, struct net_bridge *ret);
int bridge_set(struct link *link, const struct net_bridge *set);
int bridge_port_get(const struct link *link, struct net_bridge_port *ret);
int bridge_port_set(struct link *link, const struct net_bridge_port *set);
/* fdb.c */
int bridge_fdb_set(struct link *bridge, struct link *port, const struct net_fdb *entry);
int bridge_fdb_del(struct link *bridge, const uint8_t mac[6]);
size_t bridge_fdb_dump(const struct link *bridge, struct net_fdb *ret, size_t max, size_t n);

/* gro.c: merges what belongs together; what goes up goes by link_input(). Takes all. */
void gro_input(struct link *link, struct pkt *const *pkts, size_t n);

/* loopback.c: queues for our own input, as if received on link pkt->ip.link (0: the loopback).
 * Takes @pkt. */
int loopback_output(struct link *link, struct pkt *pkt);
void loopback_run(struct work *work);

/* gso.c: starts cutting the super-segment @pkt; gso_next() gives the pieces. False: dropped. */
bool gso_start(struct link *link, struct gso_cut *cut, struct pkt *pkt);
struct pkt *gso_next(struct link *link, struct gso_cut *cut);

/* arp.c */
void arp_input(struct link *link, struct pkt *pkt);
/* @want: the source of the packet that waits, or NULL; @mac: NULL = broadcast. */
void arp_solicit(struct link *link, const struct net_addr *target, const struct net_addr *want,
		 const uint8_t *mac);
/* A gratuitous request for an address of ours. */
void arp_announce(struct link *link, const struct net_addr *addr);

/* neigh.c: RFC 4861 7.3, for ARP as well. */
struct neigh {
	struct hnode node;
	struct list lru;
	struct link *link;
	struct net_addr addr;
	uint8_t mac[6];
	uint8_t state; /* enum net_neigh_state */
	bool router;
	uint8_t probes;
	uint8_t protocol;
	net_time updated;
	net_time confirmed;
	net_dur reachable; /* this entry's randomised time */
	net_time used;
	struct timer timer;
	struct pktq pending;
	struct net_addr want; /* source of the packet that is being resolved for (arp_announce) */
};

enum neigh_update {
	NEIGH_SOLICITED = 1,
	NEIGH_OVERRIDE = 2,
	NEIGH_IS_ROUTER = 4,
	NEIGH_HAS_ROUTER = 8, /* the message says whether it is a router */
	NEIGH_CREATE = 16,
};

struct neigh *neigh_find(struct links *ls, struct link *link, const struct net_addr *addr);
/* The entry, made if need be; NULL: table full. */
struct neigh *neigh_get(struct links *ls, struct link *link, const struct net_addr *addr);
/* Sends an IP packet to the neighbour, resolving it first. Takes @pkt. 0, -ENOBUFS, ... */
int neigh_output(struct neigh *n, struct pkt *pkt, uint16_t type);
/* What an ARP or ND message says about a neighbour (@mac may be NULL). */
void neigh_update(struct links *ls, struct link *link, const struct net_addr *addr,
		  const uint8_t *mac, unsigned how);
/* The upper layer saw progress. */
void neigh_confirm(struct neigh *n);
/* The upper layer sees none: probe at the next use. */
void neigh_suspect(struct neigh *n);
int neigh_set(struct links *ls, struct link *link, const struct net_neigh *from);
void neigh_free(struct links *ls, struct neigh *n);
void neigh_flush(struct links *ls, struct link *link, bool permanent_too);
void neigh_info(const struct neigh *n, struct net_neigh *ret);
int neigh_probe_now(struct links *ls, struct link *link, const struct net_addr *addr);

/* proxy.c: addresses that we answer for. */
struct neigh_proxy {
	struct list list;
	struct link *link;
	struct net_addr addr;
};
struct neigh_proxy *proxy_find(const struct links *ls, const struct link *link,
			       const struct net_addr *addr);
int proxy_add(struct links *ls, struct link *link, const struct net_addr *addr);
int proxy_del(struct links *ls, struct link *link, const struct net_addr *addr);
void proxy_flush(struct links *ls, struct link *link);
