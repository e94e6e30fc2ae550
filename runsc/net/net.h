/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's network, as seen from the host: what its links, addresses and routes shall be.
 *
 * A plan is plain data without pointers: it is filled by runsc in memory that is shared with the
 * process that becomes the sentry, and only descriptors travel between them. The same bytes are
 * kept in the state directory, so that a namespace that is not ours gets its addresses back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/cause.h"

#define NET_MAX_LINKS 8
#define NET_MAX_ADDRS 32
#define NET_MAX_ROUTES 256
#define NET_MAX_NEIGHS 256

enum net_mode { NET_SANDBOX, NET_TAP, NET_NONE };

struct net_plan_addr {
	int family;
	uint8_t addr[16]; /* network byte order */
	uint8_t prefix_len;
};

struct net_plan_link {
	char name[16];
	int ifindex;
	bool tap; /* else AF_PACKET */
	uint8_t mac[6];
	uint32_t mtu, offloads;
	uint32_t n_addrs;
	struct net_plan_addr addrs[NET_MAX_ADDRS];
	bool had_ipv6; /* the host's own IPv6 was switched off by us */
};

struct net_plan_route {
	int family;
	uint8_t dst[16], dst_len;
	bool has_gateway;
	uint8_t gateway[16];
	uint32_t metric;
	uint32_t link;	  /* index into links */
	bool from_host;	  /* was in the host's table, goes back there */
	uint8_t protocol; /* who made it there */
};

struct net_plan_neigh {
	int family;
	uint8_t addr[16];
	uint8_t mac[6];
	uint32_t link;
};

struct net_plan {
	uint32_t version; /* NET_PLAN_VERSION in a file */
	uint32_t n_links, n_routes, n_neighs;
	struct net_plan_link links[NET_MAX_LINKS];
	struct net_plan_route routes[NET_MAX_ROUTES];
	struct net_plan_neigh neighs[NET_MAX_NEIGHS];
};
#define NET_PLAN_VERSION 1

/* Reads every interface that is up in the namespace (but lo), takes its addresses away from the
 * host's stack and opens it. On failure the host has its addresses back. @fds gets one descriptor
 * per link. */
int net_adopt(int netns_fd, struct net_plan *plan, int fds[NET_MAX_LINKS], struct cause *cause);
/* Gives addresses and routes back to the host's stack of that namespace. Best effort. */
void net_restore(int netns_fd, const struct net_plan *plan);

struct net_private {
	const char *link_name; /* of the host's interface */
	int lock_dir_fd;       /* choosing an address is done under a lock on this directory */
	const char *host_cidr; /* wanted host address, NULL: a free private one */
};

/* A veth between this namespace and @netns_fd, with a private /30 and /64 of its own; the host's
 * side is configured, the other one is opened for the sandbox. */
int net_private_veth(const struct net_private *cfg, int netns_fd, struct net_plan *plan,
		     int *ret_fd, struct cause *cause);
/* The same with a tap device in this namespace. */
int net_private_tap(const struct net_private *cfg, struct net_plan *plan, int *ret_fd,
		    struct cause *cause);
/* Deletes an interface of this namespace; missing is fine. */
void net_link_delete(const char *name);

/* "10.1.2.3" or "fd00::1" of the first address of a family, for display. */
bool net_plan_address(const struct net_plan *plan, int family, char *buf, size_t size);
