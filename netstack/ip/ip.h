/* SPDX-License-Identifier: Apache-2.0 */
/* The IP layer, private to ip/ and stack/. Transports see path.h and proto.h only. */
#pragma once

#include <sys/socket.h>

#include "core/core.h"
#include "ip/addr.h"
#include "ip/hook.h"
#include "ip/fib.h"
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

struct ip {
	struct net_core *core;
	struct links *links;
	struct ip_proto protos[256];
	struct hash locals; /* struct ifaddr by address, and by IPv4 broadcast address */
	uint32_t naddrs;
	struct list tables[2];		  /* struct fib_table; 0: IPv4, 1: IPv6 */
	struct fib_table *main_table[2]; /* NULL while it has no routes */
	struct list rules[2];		  /* struct rule by priority */
	bool custom_rules[2];		  /* a user changed them */
	struct list all_routes;
	uint32_t nroutes;
	uint32_t nlocal_routes; /* of type LOCAL */
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
	struct ip_hooks hooks; /* netfilter */
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
	bool optimistic; /* tentative, but of use (RFC 4429) */
	uint8_t dad_left;
	uint8_t nonce[6];	       /* RFC 7527: of our probes */
	uint8_t retry;		       /* RFC 7217 DAD_Counter, RFC 8981 regenerations */
	struct timer timer;		       /* DAD, then lifetimes */
	net_time valid_until, preferred_until; /* 0 = for ever */
	struct net_ifaddr info; /* what is only kept: label, scope, metric, flags ... */
	struct ifaddr *temp_of; /* TEMPORARY: the address of the prefix that it was made with */
	bool temp_renewed;	/* TEMPORARY: its successor was made */
};

int ifaddr_add(struct ip *ip, struct link *link, const struct net_ifaddr *from);
/* The same, or changes the one that is there. */
int ifaddr_set(struct ip *ip, struct link *link, const struct net_ifaddr *from);
void ifaddr_arm(struct ifaddr *ia);
void ifaddr_notify(const struct ifaddr *ia, bool gone);
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

/* srcsel.c: RFC 6724 for IPv6, Linux's rule for IPv4. NULL: none. */
struct ifaddr *src_select(struct ip *ip, const struct net_addr *dst,
			  const struct net_addr *next_hop, struct link *out, uint32_t prefer);

/* pmtu.c: what ICMP taught about one destination. */
uint32_t pmtu_get(struct ip *ip, const struct net_addr *dst, bool *locked); /* 0 = nothing learned */
bool pmtu_learn(struct ip *ip, const struct net_addr *dst, uint32_t mtu);
void pmtu_forget(struct ip *ip, const struct net_addr *dst);
void pmtu_flush(struct ip *ip);
/* A router's redirect: next hop of @dst over @link. False: none. */
bool redirect_get(struct ip *ip, const struct net_addr *dst, const struct link *link,
		  struct net_addr *ret);
void redirect_learn(struct ip *ip, const struct net_addr *dst, const struct net_addr *gateway,
		    const struct link *link);
/* redirect.c: whether to obey one, and sending them. @target: the better next hop. */
enum drop redirect_input4(struct ip *ip, struct link *link, const struct net_addr *from,
			  const struct net_addr *dst, const struct net_addr *target);
enum drop redirect_input6(struct ip *ip, struct link *link, struct pkt *pkt, struct rd *in);
void redirect_maybe(struct ip *ip, struct link *in, struct pkt *pkt, const struct ip_path *path);

/* rpf.c: whether the source of a packet that came over @link may have come from there (rp_filter,
 * martians). DROP_NONE or why not. */
enum drop rpf_check4(struct ip *ip, struct link *link, const struct pkt *pkt);

/* opts4.c: options of a received packet: what they say is done to, in place. @forward: for somebody
 * else. */
enum drop opts4_input(struct ip *ip, struct link *link, struct pkt *pkt, unsigned hdr_len);
void opts4_stamp(struct ip *ip, struct pkt *pkt, const struct net_addr *out);

/* What IP keeps per link; NULL: no memory. */
struct link_ip {
	struct link *link;
	struct ip *ip;
	bool was_up;
	/* Older queriers: their protocol is spoken until then (RFC 3376 7.2, RFC 3810 8.2). */
	net_time igmp_v1_until, igmp_v2_until, mld_v1_until;
	uint8_t igmp_qrv, mld_qrv;
	/* Router solicitations (RFC 7559). */
	struct timer rs_timer;
	int32_t rs_sent;
	net_dur rs_interval;
	net_dur desync; /* RFC 8981 3.8 */
	uint32_t slaac_addrs;
	uint32_t ra_rx; /* router advertisements obeyed */
};
struct link_ip *link_ip(struct ip *ip, struct link *link);

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

/* How a packet that is not for an address of ours is to be treated: 0 local after all (a LOCAL route). */
bool ip_route_local(struct ip *ip, struct link *link, const struct pkt *pkt);

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
/* Whether a message of @type to @peer may be sent now; counts it. */
bool icmp_limit_ok(struct ip *ip, const struct net_addr *peer, uint8_t type);
/* Puts header and checksum in front of the body in @pkt and sends it. Takes @pkt. */
void icmp_send(struct ip *ip, struct pkt *pkt, struct icmp_hdr *hdr, struct ip_path *path);
/* The way back to the source of @pkt, from @src (NULL: choose), with its mark where that is reflected. */
MUST_CHECK int icmp_answer_path(struct ip *ip, struct ip_path *path, const struct pkt *pkt,
				const struct net_addr *src);
/* The error @given about @pkt, which may be reported; quotes at most @quote_max bytes. Whether it was sent. */
bool icmp_error(struct ip *ip, struct pkt *pkt, const struct icmp_hdr *given, size_t quote_max, uint8_t tos);
/* Answers an echo request with @reply_type, from @src (NULL: choose). */
enum drop icmp_echo(struct ip *ip, struct pkt *pkt, const struct icmp_hdr *hdr, uint8_t reply_type,
		    const struct net_addr *src);
/* Makes @pkt's view start at its IP header again, in a clone. NULL: not possible. */
struct pkt *icmp_original(struct pkt *pkt, size_t max);
/* Gives an error about a packet of ours to its transport. */
void icmp_report(struct ip *ip, struct ip_error *err);
/* Neighbour resolution failed for a packet of ours or a forwarded one. Takes @pkt. */
void icmp_neigh_failed(struct ip *ip, struct link *link, struct pkt *pkt);

/* forward.c: a packet for somebody else, view at its IP header. Takes @pkt. */
void ip4_forward(struct ip *ip, struct link *link, struct pkt *pkt);
void ip6_forward(struct ip *ip, struct link *link, struct pkt *pkt);

/* mcast.c: memberships of links with their source filters; igmp.c and mld.c speak for them. */
struct mcast_filter {
	bool exclude;
	uint32_t n;
	struct net_addr *sources; /* n of them */
};

/* One user of a group: a socket, or the stack (EXCLUDE nothing). */
struct mcast_claim {
	struct list list; /* in group->claims */
	bool anonymous;	  /* of mcast_join() */
	struct mcast_filter filter;
};

/* A source that a report has still to tell of. */
struct mcast_pending {
	struct net_addr source;
	uint8_t allow, block; /* reports left */
};

struct mcast_group {
	struct list link_list; /* in link->groups */
	struct ip *ip;
	struct link *link;
	struct net_addr group;
	uint32_t users;
	struct list claims;
	struct mcast_filter now; /* of all claims together (RFC 3376 3.2) */
	struct mcast_pending *pending;
	uint32_t npending;
	uint8_t reports_left; /* of a change of mode */
	bool last_reporter;   /* of older versions: send a leave */
	bool answer;	      /* a query waits for the timer */
	uint32_t nasked;      /* ... for these sources; 0 = all */
	struct net_addr *asked;
	struct timer timer;
};

/* Joins with EXCLUDE nothing, as the stack itself does. */
int mcast_join(struct ip *ip, struct link *link, const struct net_addr *group);
void mcast_leave(struct ip *ip, struct link *link, const struct net_addr *group);
/* With a filter; the claim is the caller's and stays where it is until mcast_unclaim(). @claim->filter may be
 * changed if mcast_reclaim() is called after it. 0, -ENOMEM. */
int mcast_claim(struct ip *ip, struct link *link, const struct net_addr *group,
		struct mcast_claim *claim);
int mcast_reclaim(struct ip *ip, struct link *link, const struct net_addr *group);
void mcast_unclaim(struct ip *ip, struct link *link, const struct net_addr *group,
		   struct mcast_claim *claim);
struct mcast_group *mcast_find(struct link *link, const struct net_addr *group);
bool mcast_filter_passes(const struct mcast_filter *f, const struct net_addr *source);
void mcast_link_gone(struct ip *ip, struct link *link);
void mcast_link_up(struct ip *ip, struct link *link);
/* Answers a query: arms the timers of the groups it names. */
void mcast_query(struct ip *ip, struct link *link, const struct mcast_query *q, uint16_t family);
void mcast_heard(struct link *link, const struct net_addr *group);
/* Version to speak on a link: 1..3 (IGMP), 1..2 (MLD). */
unsigned igmp_version(struct ip *ip, struct link *link);
unsigned mld_version(struct ip *ip, struct link *link);
/* Sends one record (newest version), or the older message for it. */
void igmp_send(struct mcast_group *g, uint8_t type, const struct net_addr *sources, uint32_t n);
void mld_send(struct mcast_group *g, uint8_t type, const struct net_addr *sources, uint32_t n);
void igmp_input(void *ctx, struct pkt *pkt);
void mld_input(struct ip *ip, struct link *link, struct pkt *pkt, const struct icmp_hdr *hdr);

/* ndp.c */
void ndp_input(struct ip *ip, struct link *link, struct pkt *pkt, const struct icmp_hdr *hdr);
void ndp_solicit(void *ctx, struct link *link, const struct net_addr *target, const uint8_t *mac);
/* @nonce: 6 bytes or NULL (RFC 7527). */
void ndp_solicit_from(struct ip *ip, struct link *link, const struct net_addr *src,
		      const struct net_addr *target, const uint8_t *mac, const uint8_t *nonce);
void ndp_announce(struct ip *ip, struct ifaddr *ia);
void ndp_router_solicit(struct ip *ip, struct link *link);
void ndp_redirect(struct ip *ip, struct link *link, struct pkt *pkt, const struct net_addr *target,
		  const struct net_addr *dst);
/* dad.c: RFC 4862 5.4, RFC 7527, RFC 4429. */
void dad_start(struct ifaddr *ia);
void dad_fire(struct ifaddr *ia);
/* A probe or an answer for an address of ours came; @nonce: 6 bytes or NULL. */
void dad_heard(struct ifaddr *ia, const uint8_t *nonce);
void dad_conflict(struct ifaddr *ia);
/* slaac.c: what a router advertisement changes. */
void slaac_ra(struct ip *ip, struct link *link, const struct net_addr *router,
	      const struct ndp_ra *ra, const struct ndp_opts *opts);
/* Router advertisements are listened to, and the link-local address is made, from here on. */
int slaac_start(struct ip *ip, struct link *link);
void slaac_stop(struct ip *ip, struct link *link);
/* Detection ended well: solicit routers, make a temporary address. */
void slaac_dad_done(struct ifaddr *ia);
/* Tries another identifier after a conflict (RFC 7217 6). */
void slaac_dad_failed(struct ifaddr *ia);
/* iid.c: the interface identifier of a prefix (EUI-64, stable-opaque or none), by addr_gen_mode. False:
 * none is to be made. */
bool iid_make(struct link *link, const struct net_addr *prefix, uint8_t retry, uint8_t v6[16],
	      bool *stable);
void iid_random(struct ip *ip, uint8_t v6[16]);
/* tempaddr.c: RFC 8981. */
void temp_addr_make(struct ifaddr *ia);
/* Arms the timer for the successor; whether it did. */
net_time temp_addr_next(const struct ifaddr *ia);
void temp_addr_renew(struct ifaddr *ia);
/* ra_route.c: RFC 4191 and default routers. rdnss.c: RFC 8106. */
void ra_default_router(struct ip *ip, struct link *link, const struct net_addr *router,
		       const struct ndp_ra *ra);
void ra_routes(struct ip *ip, struct link *link, const struct net_addr *router,
	       const struct ndp_opts *opts);
void ra_dns(struct ip *ip, struct link *link, const struct net_addr *router, const struct ndp_ra *ra,
	    const struct ndp_opts *opts);
