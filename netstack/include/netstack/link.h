/* SPDX-License-Identifier: Apache-2.0 */
/* Links: where frames come in and go out. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "netstack/types.h"
#include "util/cleanup.h"

enum net_link_kind {
	NET_LINK_LOOPBACK = 0, /* made by the stack itself, one per stack; never attached */
	NET_LINK_ETHER = 1,    /* Ethernet frames */
	NET_LINK_IP = 2,       /* bare IPv4 and IPv6 packets, point to point (tun) */
};

/* What the far side of the link accepts from us. Without a bit the stack does that work at the
 * edge. On input all offload metadata is honoured, whatever is set here. */
enum net_link_offload {
	NET_LINK_CSUM = 1, /* NEEDS_CSUM frames */
	NET_LINK_TSO4 = 2, /* TCP super-segments over IPv4 (needs CSUM) */
	NET_LINK_TSO6 = 4,
	NET_LINK_USO = 8,      /* UDP super-segments (needs CSUM) */
	NET_LINK_TSO_ECN = 16, /* super-segments with CWR */
};

/* Where the frames of a link go. All but NET_LINK_PORT are made of software and are ETHER. */
enum net_link_type {
	NET_LINK_PORT = 0,   /* the driver takes and gives frames */
	NET_LINK_DUMMY = 1,  /* swallows what is sent */
	NET_LINK_VLAN = 2,   /* 802.1Q over another link */
	NET_LINK_BRIDGE = 3, /* 802.1D over its ports: netstack/bridge.h */
	NET_LINK_VETH = 4,   /* one end of a pair */
};

struct net_link_config {
	enum net_link_kind kind;
	enum net_link_type type;
	char name[16];	   /* "eth0"; unique, not empty, no '/', no whitespace */
	uint8_t mac[6];	   /* unicast; ETHER only; zero on a software link: made up (VLAN: of lower) */
	uint32_t mtu;	   /* IP packet size: 68..65535; IPv6 works from 1280; 0: 1500 or lower's */
	uint32_t offloads; /* enum net_link_offload; of a software link: decided by the stack */
	uint32_t tx_queue; /* frames that may wait for net_link_take_output(); 0 = 1000 */
	bool autoconf;	   /* IPv6: make a link-local address, solicit and obey routers */
	bool down;	   /* start down, as links that a user adds do */
	net_link_id lower; /* VLAN */
	uint16_t vlan_id;    /* VLAN: 0..4094 */
	uint16_t vlan_proto; /* VLAN: 0x8100 (0 means it) or 0x88a8 */
};

/* Adds a link without addresses. Returns 0; -EINVAL, -EEXIST for the name (or the VLAN), -ENOSPC,
 * -ENOMEM, -EBADF (lower). A VLAN goes when its lower link does.
 */
MUST_CHECK int net_link_attach(struct net_stack *stack, net_link_id *ret,
			       const struct net_link_config *cfg);

/* A pair of links in one stack: what one sends, the other receives in net_stack_poll(). Their peers are
 * each other; detaching one detaches the other. Errors as net_link_attach(). */
MUST_CHECK int net_link_attach_veth(struct net_stack *stack, net_link_id ret[2],
				    const struct net_link_config cfg[2]);

/* A pair across two stacks is two links of type PORT with all offloads, carried by whoever owns both:
 * moves at most @max frames that wait at @link of @from into @to_link of @to (copies; offload metadata
 * survives). Returns how many. The stacks must differ. */
size_t net_link_carry(struct net_stack *from, net_link_id link, struct net_stack *to,
		      net_link_id to_link, net_time now, size_t max);

/* Removes a link with its addresses, routes, neighbours and queued frames. 0, -EBADF, -EPERM (lo).
 */
int net_link_detach(struct net_stack *stack, net_link_id link);

/* Up or down; down flushes queue and neighbours, addresses and static routes stay. 0 or -EBADF. */
int net_link_set_up(struct net_stack *stack, net_link_id link, bool up);
/* 0, -EBADF, -EINVAL. */
int net_link_set_mtu(struct net_stack *stack, net_link_id link, uint32_t mtu);
int net_link_set_mac(struct net_stack *stack, net_link_id link, const uint8_t mac[6]);
/* Receives frames for every destination when on (they reach packet sockets and bridges, not IP).
 * 0 or -EBADF. */
int net_link_set_promisc(struct net_stack *stack, net_link_id link, bool on);
/* Receives every multicast frame when on; else those of joined groups. 0 or -EBADF. */
int net_link_set_allmulti(struct net_stack *stack, net_link_id link, bool on);
/* IFF_NOARP: neighbours are not resolved, frames go to the link's own address. 0 or -EBADF. */
int net_link_set_noarp(struct net_stack *stack, net_link_id link, bool on);
/* 0, -EBADF, -EINVAL, -EEXIST, -EBUSY (up, as Linux until 6.x for some; here only for lo). */
int net_link_set_name(struct net_stack *stack, net_link_id link, const char *name);
/* txqueuelen: limit of the default queue and of new pfifo queues. 0, -EBADF. */
int net_link_set_tx_queue(struct net_stack *stack, net_link_id link, uint32_t len);
/* Makes the link a port of a bridge (0: of none). 0, -EBADF, -EINVAL (not a bridge, lo, not
 * Ethernet), -ELOOP (bridge in bridge), -EBUSY. */
int net_link_set_master(struct net_stack *stack, net_link_id link, net_link_id bridge);

/* Delivers one frame. Takes @pkt, also on failure. Emits nothing: replies wait for
 * net_link_take_output(). Returns 0, or -EBADF for a stale @link. A malformed frame is a counted
 * drop, not an error. */
int net_link_input(struct net_stack *stack, net_link_id link, net_time now, struct pkt *pkt);

/* The same for frames that arrived together: TCP (and, where a socket asked for UDP_GRO, UDP) segments
 * of one flow are merged before they go up. Takes all of @pkts, in order. */
int net_link_input_batch(struct net_stack *stack, net_link_id link, net_time now,
			 struct pkt *const *pkts, size_t n);

/* The next frame to send, in order; the caller owns it and frees it. NULL if there is none. */
struct pkt *net_link_take_output(struct net_stack *stack, net_link_id link);

/* Frames that can be taken now; what the queueing discipline holds back for later does not count. */
size_t net_link_output_len(const struct net_stack *stack, net_link_id link);

/* The next link that has frames waiting, round robin, or 0: drivers with several links need no
 * scan. */
net_link_id net_link_next_output(struct net_stack *stack);

/* Interface index of a name, or 0. */
net_link_id net_link_by_name(const struct net_stack *stack, const char *name);
