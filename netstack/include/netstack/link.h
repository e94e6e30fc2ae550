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

struct net_link_config {
	enum net_link_kind kind;
	char name[16];	   /* "eth0"; unique, not empty, no '/', no whitespace */
	uint8_t mac[6];	   /* unicast; ETHER only */
	uint32_t mtu;	   /* IP packet size: 68..65535; IPv6 works from 1280 */
	uint32_t offloads; /* enum net_link_offload */
	uint32_t tx_queue; /* frames that may wait for net_link_take_output(); 0 = 1000 */
	bool autoconf;	   /* IPv6: make a link-local address, solicit and obey routers */
};

/* Adds a link, up, without addresses. Returns 0; -EINVAL, -EEXIST for the name, -ENOSPC, -ENOMEM.
 */
MUST_CHECK int net_link_attach(struct net_stack *stack, net_link_id *ret,
			       const struct net_link_config *cfg);

/* Removes a link with its addresses, routes, neighbours and queued frames. 0, -EBADF, -EPERM (lo).
 */
int net_link_detach(struct net_stack *stack, net_link_id link);

/* Up or down; down flushes queue and neighbours, addresses and static routes stay. 0 or -EBADF. */
int net_link_set_up(struct net_stack *stack, net_link_id link, bool up);
/* 0, -EBADF, -EINVAL. */
int net_link_set_mtu(struct net_stack *stack, net_link_id link, uint32_t mtu);
int net_link_set_mac(struct net_stack *stack, net_link_id link, const uint8_t mac[6]);
/* Receives frames for every destination when on. 0 or -EBADF. */
int net_link_set_promisc(struct net_stack *stack, net_link_id link, bool on);

/* Delivers one frame. Takes @pkt, also on failure. Emits nothing: replies wait for
 * net_link_take_output(). Returns 0, or -EBADF for a stale @link. A malformed frame is a counted
 * drop, not an error. */
int net_link_input(struct net_stack *stack, net_link_id link, net_time now, struct pkt *pkt);

/* The next frame to send, in order; the caller owns it and frees it. NULL if there is none. */
struct pkt *net_link_take_output(struct net_stack *stack, net_link_id link);

/* Frames that wait. */
size_t net_link_output_len(const struct net_stack *stack, net_link_id link);

/* The next link that has frames waiting, round robin, or 0: drivers with several links need no
 * scan. */
net_link_id net_link_next_output(struct net_stack *stack);

/* Interface index of a name, or 0. */
net_link_id net_link_by_name(const struct net_stack *stack, const char *name);
