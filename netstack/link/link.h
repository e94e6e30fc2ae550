/* SPDX-License-Identifier: Apache-2.0 */
/* Links and neighbours, private to the stack.
 *
 * The way up is struct link_upper, filled by ip/. Nothing here sends by itself: frames are queued
 * at the link, the loopback's are delivered by its work item in net_stack_poll().
 */
#pragma once

#include "core/core.h"
#include "netstack/info.h"
#include "netstack/link.h"
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
	/* Whether @addr is ours on any link (IPv4): ARP answers for it. */
	bool (*owns4)(void *ctx, struct link *link, const struct net_addr *addr);
	/* Our address to ask for @target with. */
	bool (*src4)(void *ctx, struct link *link, const struct net_addr *target,
		     struct net_addr *ret);
	/* Sends a neighbour solicitation; @mac NULL: to the solicited-node group. */
	void (*solicit6)(void *ctx, struct link *link, const struct net_addr *target,
			 const uint8_t *mac);
	/* Resolution failed: @pkt is one that waited, view at its IP header. Takes it. */
	void (*unreachable)(void *ctx, struct link *link, struct pkt *pkt);
	/* The link is going away or down: forget what belongs to it. */
	void (*link_gone)(void *ctx, struct link *link, bool detached);
	void (*link_changed)(void *ctx, struct link *link);
};

struct link {
	struct list all;   /* in links->all */
	struct list ready; /* in links->ready: has output */
	struct links *links;
	net_link_id id;
	enum net_link_kind kind;
	char name[16];
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t offloads;
	bool up;
	bool promisc;
	bool autoconf;
	struct pktq tx;
	struct pkt *gso; /* super-segment being cut at the edge */
	uint32_t gso_off, gso_index;
	struct wire_gso gso_info;
	struct list addrs;	    /* ip/: struct ifaddr */
	struct list groups;	    /* ip/: struct mcast_group */
	uint32_t ra_hop_limit;	    /* ip/: from router advertisements; 0 = none */
	uint32_t ip6_mtu;	    /* ip/: from router advertisements; 0 = of the link */
	net_dur reachable, retrans; /* ND parameters; 0 = tunables */
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
	uint32_t neigh_count;
	uint32_t neigh_gen; /* grows when a struct neigh is freed */
};

int links_init(struct links *ls, struct net_core *core);
void links_fini(struct links *ls);

/* Makes a link; loopback only from the stack itself. */
MUST_CHECK int link_new(struct links *ls, struct link **ret, const struct net_link_config *cfg);
void link_free(struct link *link);
struct link *link_find(const struct links *ls, net_link_id id);
void link_set_up(struct link *link, bool up);
uint32_t link_flags(const struct link *link);
void link_info(const struct link *link, struct net_link_info *ret);

/* A frame from the driver. Takes @pkt. */
void link_input(struct link *link, struct pkt *pkt);
/* An IP packet of our own, from the loopback queue. Takes @pkt. */
void link_input_local(struct link *link, struct pkt *pkt);

/* Queues a complete frame. Takes @pkt. 0, -ENOBUFS, -ENETDOWN. */
int link_output(struct link *link, struct pkt *pkt);

/* The edge: the next frame as the far side can take it, or NULL. */
struct pkt *link_take_output(struct link *link);

/* ether.c: frames an IP packet and queues it. Takes @pkt. */
int ether_output(struct link *link, struct pkt *pkt, const uint8_t dst[6], uint16_t type);
void ether_input(struct link *link, struct pkt *pkt);

/* loopback.c: queues for our own input, as if received on link pkt->ip.link (0: the loopback).
 * Takes @pkt. */
int loopback_output(struct link *link, struct pkt *pkt);
void loopback_run(struct work *work);

/* gso.c: starts cutting the super-segment @pkt; gso_next() gives the pieces. False: dropped. */
bool gso_start(struct link *link, struct pkt *pkt);
struct pkt *gso_next(struct link *link);

/* arp.c */
void arp_input(struct link *link, struct pkt *pkt);
void arp_solicit(struct link *link, const struct net_addr *target, const uint8_t *mac);
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
	net_time confirmed;
	net_dur reachable; /* this entry's randomised time */
	net_time used;
	struct timer timer;
	struct pktq pending;
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
