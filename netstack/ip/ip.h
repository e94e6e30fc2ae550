/* SPDX-License-Identifier: Apache-2.0 */
/* The IP layer, private to ip/ and stack/. Transports see path.h and proto.h only. */
#pragma once

#include <sys/socket.h>

#include "core/core.h"
#include "ip/addr.h"
#include "ip/path.h"
#include "ip/proto.h"
#include "link/link.h"
#include "netstack/route.h"

/* A token bucket for ICMP errors (RFC 1812 4.3.2.8, RFC 4443 2.4 f). */
struct icmp_limit {
	net_time last;
	uint32_t credit;
};

/* Errors to one destination are spaced too: a small table, overwritten on collision. */
#define ICMP_PEERS 256

struct icmp_peer {
	struct net_addr addr;
	net_time last;
	uint32_t tokens_ms;
};

struct reasm_table {
	struct hash table;
	struct list age; /* oldest first */
	uint32_t count;
	uint32_t bytes;
};

#define IP_PREFIX_LENS 129

struct route_table {
	struct hash hash;		  /* (prefix, length) -> struct route */
	uint32_t per_len[IP_PREFIX_LENS]; /* how many routes have that length */
};

struct ip {
	struct net_core *core;
	struct links *links;
	struct ip_proto protos[256];
	struct hash locals; /* struct ifaddr by address, and by IPv4 broadcast address */
	uint32_t naddrs;
	struct route_table routes[2]; /* 0: IPv4, 1: IPv6 */
	struct list all_routes;
	uint32_t nroutes;
	uint32_t gen;	   /* grows with every change of routes, addresses, links */
	uint32_t pmtu_gen; /* grows with every change of a learned MTU */
	struct hash pmtus;
	struct list pmtu_lru;
	uint32_t npmtus;
	struct reasm_table reasm;
	struct icmp_limit icmp_limit;
	struct icmp_peer icmp_peers[ICMP_PEERS];
	struct siphash_key id_key;
	uint32_t ip_ids[256]; /* IPv4 and fragment ids, per destination hash (RFC 7739 5.3) */
	/* Raw sockets: a copy of each packet of a protocol, before the transport. Filled by raw/.
	 */
	void *raw_ctx;
	/* Returns whether some socket took a copy. Borrows @pkt, view at the transport header. */
	bool (*raw_input)(void *ctx, struct pkt *pkt);
	/* Echo replies and the like, for ping sockets: takes nothing, returns whether one took it.
	 */
	bool (*ping_input)(void *ctx, struct pkt *pkt);
	void (*ping_error)(void *ctx, const struct ip_error *err);
};

static inline bool addr_eq(const struct net_addr *a, const struct net_addr *b)
{
	return a->family == b->family && a->quad[0] == b->quad[0] && a->quad[1] == b->quad[1];
}

int ip_init(struct ip *ip, struct net_core *core, struct links *links);
void ip_fini(struct ip *ip);

/* Something that paths depend on changed. */
static inline void ip_changed(struct ip *ip)
{
	ip->gen++;
}

/* addr.c: addresses of links. */
struct local_entry { /* in ip->locals */
	struct hnode node;
	struct ifaddr *ia;
	bool broadcast; /* of ia->broadcast, not ia->addr */
};

struct ifaddr {
	struct local_entry local;
	struct local_entry bcast;
	struct list link_list; /* in link->addrs */
	struct ip *ip;
	struct link *link;
	struct net_addr addr, peer, broadcast;
	uint8_t prefix_len;
	bool tentative, duplicate, deprecated, dynamic;
	uint8_t dad_left;
	struct timer timer;		       /* DAD, then lifetimes */
	net_time valid_until, preferred_until; /* 0 = for ever */
};

int ifaddr_add(struct ip *ip, struct link *link, const struct net_ifaddr *from);
void ifaddr_free(struct ifaddr *ia);
struct ifaddr *ifaddr_find(struct ip *ip, const struct net_addr *addr);
struct ifaddr *ifaddr_on_link(struct link *link, const struct net_addr *addr);
void ifaddr_info(const struct ifaddr *ia, struct net_ifaddr *ret);
bool ifaddr_usable(const struct ifaddr *ia);

/* What an IPv4 or IPv6 destination is to us. */
enum ip_local_type {
	IP_LOCAL_NONE = 0,
	IP_LOCAL_US,
	IP_LOCAL_BROADCAST,
};

/* @link: for which link an answer counts (IPv6 link-local); NULL: any. */
enum ip_local_type ip_local_type(struct ip *ip, const struct net_addr *addr,
				 const struct link *link);
static inline bool ip_is_local(struct ip *ip, const struct net_addr *addr, const struct link *link)
{
	return ip_local_type(ip, addr, link) == IP_LOCAL_US;
}

/* route.c */
struct route {
	struct hnode node;
	struct list all;
	struct list same; /* in the first route of the same prefix: ordered by metric */
	struct link *link;
	struct net_route r;
	struct timer timer;
	struct ip *ip;
};

int route_add(struct ip *ip, const struct net_route *from);
int route_del(struct ip *ip, const struct net_route *key);
void route_free(struct route *rt);
void routes_flush(struct ip *ip, struct link *link);
/* The best usable route, or NULL. @bound: only over this link (0: any). */
struct route *route_lookup(struct ip *ip, const struct net_addr *dst, net_link_id bound);
/* The prefix route of an address. */
void route_add_prefix(struct ip *ip, struct ifaddr *ia);
void route_del_prefix(struct ip *ip, struct ifaddr *ia);

/* srcsel.c: RFC 6724 for IPv6, Linux's rule for IPv4. NULL: none. */
struct ifaddr *src_select(struct ip *ip, const struct net_addr *dst,
			  const struct net_addr *next_hop, struct link *out);

/* pmtu.c */
uint32_t pmtu_get(struct ip *ip, const struct net_addr *dst); /* 0 = nothing learned */
bool pmtu_learn(struct ip *ip, const struct net_addr *dst, uint32_t mtu);
void pmtu_forget(struct ip *ip, const struct net_addr *dst);
void pmtu_flush(struct ip *ip);

/* reasm.c. Both take @pkt, view at the data of the fragment (behind the fragment header). Return
 * the whole packet with the view at the transport header, or NULL. */
struct reasm_in {
	struct net_addr src, dst;
	uint32_t id;
	uint8_t proto; /* key (IPv4) and next header of the first fragment (IPv6) */
	uint16_t off;
	bool more;
};
struct pkt *reasm_input(struct ip *ip, struct link *link, struct pkt *pkt,
			const struct reasm_in *in);
void reasm_flush(struct ip *ip);

/* ip*_in.c: from the link, and again from a local forward. Take @pkt. */
void ip4_input(struct ip *ip, struct link *link, struct pkt *pkt);
void ip6_input(struct ip *ip, struct link *link, struct pkt *pkt);
/* Delivery of a whole packet to raw sockets and the transport. Takes @pkt. @next_off: where in the
 * packet the protocol number stands, for parameter problems. */
void ip_deliver(struct ip *ip, struct link *link, struct pkt *pkt, uint8_t proto);

/* ip*_out.c: adds the header of one family and sends. Take @pkt. */
int ip4_output(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto);
int ip6_output(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto);
/* With IPv4 options or an IPv6 router alert in front (IGMP, MLD). */
int ip4_output_ra(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto);
int ip6_output_ra(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto);
/* A packet with its IP header, to the path's next hop: cuts it if need be. Takes @pkt. */
int ip4_send(struct ip *ip, struct ip_path *path, struct pkt *pkt, bool may_fragment);
int ip6_send(struct ip *ip, struct ip_path *path, struct pkt *pkt);
/* To the link or neighbour. Takes @pkt. */
int ip_xmit(struct ip *ip, struct ip_path *path, struct pkt *pkt);
uint32_t ip_next_id(struct ip *ip, const struct net_addr *src, const struct net_addr *dst);
/* The same for a path, which remembers its counter. */
uint32_t ip_path_next_id(struct ip *ip, const struct ip_path *path);
void ip_path_init_id(struct ip *ip, struct ip_path *path);

/* frag.c: fragments of a packet with its IP header. Take @pkt. */
int ip4_fragment(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint32_t mtu);
int ip6_fragment(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint32_t mtu);

/* Cuts a super-segment that the receiver of a path cannot have whole (raw, forwarding over a
 * smaller MTU never needs it: the edge cuts by gso_size). */

/* icmp*.c. Inputs take @pkt, view at the ICMP header. */
void icmp4_input(void *ctx, struct pkt *pkt);
void icmp6_input(void *ctx, struct pkt *pkt);
/* Sends an error about @pkt, whose IP header is at l3_off. Borrows @pkt. @rest: MTU or pointer. */
void icmp4_error(struct ip *ip, struct pkt *pkt, uint8_t type, uint8_t code, uint32_t rest);
void icmp6_error(struct ip *ip, struct pkt *pkt, uint8_t type, uint8_t code, uint32_t rest);
/* Whether an error to @peer may be sent now; counts it. */
bool icmp_limit_ok(struct ip *ip, const struct net_addr *peer);
/* Makes @pkt's view start at its IP header again, in a clone. NULL: not possible. */
struct pkt *icmp_original(struct pkt *pkt, size_t max);
/* Gives an error about a packet of ours to its transport. */
void icmp_report(struct ip *ip, struct ip_error *err);
/* Neighbour resolution failed for a packet of ours or a forwarded one. Takes @pkt. */
void icmp_neigh_failed(struct ip *ip, struct link *link, struct pkt *pkt);

/* forward.c: a packet for somebody else, view at its IP header. Takes @pkt. */
void ip4_forward(struct ip *ip, struct link *link, struct pkt *pkt);
void ip6_forward(struct ip *ip, struct link *link, struct pkt *pkt);

/* mcast.c: memberships of links; igmp.c and mld.c speak for them. */
struct mcast_group {
	struct list link_list; /* in link->groups */
	struct ip *ip;
	struct link *link;
	struct net_addr group;
	uint32_t users;
	uint8_t reports_left; /* unsolicited reports still to send */
	bool last_reporter;   /* send a leave */
	struct timer timer;
};
int mcast_join(struct ip *ip, struct link *link, const struct net_addr *group);
void mcast_leave(struct ip *ip, struct link *link, const struct net_addr *group);
struct mcast_group *mcast_find(struct link *link, const struct net_addr *group);
void mcast_link_gone(struct ip *ip, struct link *link);
/* Answers a query: arms the timers of the groups it names. */
void mcast_query(struct ip *ip, struct link *link, const struct mcast_query *q, uint16_t family);
void mcast_heard(struct link *link, const struct net_addr *group);
void igmp_report(struct mcast_group *g, bool leave);
void igmp_input(void *ctx, struct pkt *pkt);
void mld_report(struct mcast_group *g, bool leave);
void mld_input(struct ip *ip, struct link *link, struct pkt *pkt, const struct icmp_hdr *hdr);

/* ndp.c */
void ndp_input(struct ip *ip, struct link *link, struct pkt *pkt, const struct icmp_hdr *hdr);
void ndp_solicit(void *ctx, struct link *link, const struct net_addr *target, const uint8_t *mac);
void ndp_solicit_from(struct ip *ip, struct link *link, const struct net_addr *src,
		      const struct net_addr *target, const uint8_t *mac);
void ndp_announce(struct ip *ip, struct ifaddr *ia);
void ndp_router_solicit(struct ip *ip, struct link *link);
/* slaac.c: what a router advertisement changes; DAD. */
void slaac_ra(struct ip *ip, struct link *link, const struct net_addr *router,
	      const struct ndp_ra *ra, const struct ndp_opts *opts);
void slaac_dad_start(struct ifaddr *ia);
void slaac_dad_conflict(struct ifaddr *ia);
/* Router advertisements are listened to, and the link-local address is made, from here on. */
int slaac_start(struct ip *ip, struct link *link);
