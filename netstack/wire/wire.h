/* SPDX-License-Identifier: Apache-2.0 */
/* Every other header as host-order values. Only this folder touches packet bytes.
 *
 * X_parse() reads from a cursor and leaves it behind what it read; it returns DROP_NONE or why the
 * packet is to be discarded. X_emit() writes to a cursor with room enough. Checksums are parsed and
 * written as they stand; whoever has the whole packet verifies and computes them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstack/drop.h"
#include "netstack/types.h"
#include "util/bytes.h"
#include "util/siphash.h"

/* Ethernet II (RFC 894, 2464) and 802.1Q. */
#define ETH_HDR_LEN 14
#define ETH_TYPE_IP4 0x0800
#define ETH_TYPE_ARP 0x0806
#define ETH_TYPE_VLAN 0x8100
#define ETH_TYPE_IP6 0x86dd
#define ETH_TYPE_QINQ 0x88a8

struct eth_hdr {
	uint8_t dst[6];
	uint8_t src[6];
	uint16_t type;
};

enum drop eth_parse(struct eth_hdr *ret, struct rd *in);
void eth_emit(struct wr *out, const struct eth_hdr *hdr);

static inline bool eth_is_multi(const uint8_t mac[6])
{
	return mac[0] & 1;
}

bool eth_is_broadcast(const uint8_t mac[6]);
bool eth_is_zero(const uint8_t mac[6]);
/* The group address of an IP multicast address (RFC 1112 6.4, RFC 2464 7). */
void eth_mcast_mac(uint8_t ret[6], const struct net_addr *group);

/* ARP for IPv4 over Ethernet (RFC 826). */
#define ARP_LEN 28
#define ARP_REQUEST 1
#define ARP_REPLY 2

struct arp_pkt {
	uint16_t op;
	uint8_t sha[6];
	struct net_addr spa;
	uint8_t tha[6];
	struct net_addr tpa;
};

enum drop arp_parse(struct arp_pkt *ret, struct rd *in);
void arp_emit(struct wr *out, const struct arp_pkt *arp);

/* IPv4 (RFC 791). */
#define IP4_HDR_LEN 20
#define IP4_HDR_MAX 60
#define IP4_DF 0x4000
#define IP4_MF 0x2000

struct ip4_hdr {
	uint8_t hdr_len; /* bytes, with options */
	uint8_t tos;
	uint16_t total_len;
	uint16_t id;
	uint16_t flags;	   /* IP4_DF, IP4_MF */
	uint16_t frag_off; /* bytes */
	uint8_t ttl;
	uint8_t proto;
	uint16_t sum;
	struct net_addr src;
	struct net_addr dst;
};

/* Reads 20 bytes; options stay in @in. Checks version, lengths against @in, not the checksum. */
enum drop ip4_parse(struct ip4_hdr *ret, struct rd *in);
/* Writes the header; @opts (NULL: none) is hdr->hdr_len - 20 bytes. The checksum is computed. */
void ip4_emit(struct wr *out, const struct ip4_hdr *hdr, const uint8_t *opts);
/* Whether the header of @hdr_len bytes at @bytes has a right checksum. */
bool ip4_sum_ok(const uint8_t *bytes, size_t hdr_len);

enum ip4_opts_has {
	IP4_OPT_ROUTER_ALERT = 1,
	IP4_OPT_SOURCE_ROUTE = 2,
	IP4_OPT_RECORD_ROUTE = 4,
	IP4_OPT_TIMESTAMP = 8,
	IP4_OPT_OTHER = 16,
};

/* Walks the options. @bad_at: offset in the options of what is wrong, for a parameter problem. */
enum drop ip4_parse_opts(uint32_t *has, unsigned *bad_at, const uint8_t *opts, size_t len);
/* Fills the next free place of record route and time stamp options with @addr and @ms (milliseconds since
 * midnight); a full time stamp counts an overflow. The checksum is made right. The options were parsed. */
void ip4_stamp_opts(uint8_t *hdr, size_t hdr_len, const struct net_addr *addr, uint32_t ms);
/* Copies for a fragment other than the first: options with the copy bit, padded (RFC 791 3.1).
 * Returns the length. @to has room for 40. */
size_t ip4_copy_opts(uint8_t *to, const uint8_t *opts, size_t len);

/* IPv6 (RFC 8200). */
#define IP6_HDR_LEN 40

struct ip6_hdr_v { /* (ip6_hdr is a name of the system headers) */
	uint8_t tclass;
	uint32_t flow;
	uint16_t payload_len;
	uint8_t next;
	uint8_t hop_limit;
	struct net_addr src;
	struct net_addr dst;
};

enum drop ip6_parse(struct ip6_hdr_v *ret, struct rd *in);
void ip6_emit(struct wr *out, const struct ip6_hdr_v *hdr);

/* Extension headers. */
#define IP6_EXT_HOPOPTS 0
#define IP6_EXT_ROUTING 43
#define IP6_EXT_FRAGMENT 44
#define IP6_EXT_NONE 59
#define IP6_EXT_DSTOPTS 60
#define IP6_EXT_MAX 8

#define IP6_FRAG_LEN 8

struct ip6_ext {
	uint8_t next;
	uint16_t len; /* whole header, bytes */
};

struct ip6_frag {
	uint8_t next;
	uint16_t off; /* bytes */
	bool more;
	uint32_t id;
};

struct ip6_routing {
	uint8_t next;
	uint16_t len;
	uint8_t type;
	uint8_t segments_left;
};

/* What an unknown option asks for, in the terms of RFC 8200 4.2. */
enum ip6_opt_act {
	IP6_OPT_OK = 0,
	IP6_OPT_DROP,	      /* 01 */
	IP6_OPT_ICMP,	      /* 10 */
	IP6_OPT_ICMP_UNICAST, /* 11 */
	IP6_OPT_BAD,	      /* malformed */
};

/* A hop-by-hop or destination options header. @act and @bad_at (offset in this header) for the
 * first option that is not to be skipped; @router_alert: value, or -1. */
enum drop ip6_parse_opts(struct ip6_ext *ret, enum ip6_opt_act *act, unsigned *bad_at,
			 int *router_alert, struct rd *in);
enum drop ip6_parse_routing(struct ip6_routing *ret, struct rd *in);
enum drop ip6_parse_frag(struct ip6_frag *ret, struct rd *in);
void ip6_emit_frag(struct wr *out, const struct ip6_frag *frag);
/* Hop-by-hop header of 8 bytes with a router alert (RFC 2711), for MLD. */
void ip6_emit_router_alert(struct wr *out, uint8_t next);

/* UDP (RFC 768). */
#define UDP_HDR_LEN 8
#define UDP_CSUM_OFFSET 6

struct udp_hdr {
	uint16_t sport;
	uint16_t dport;
	uint16_t len;
	uint16_t sum;
};

/* Reads the header; @left: bytes of the datagram behind it (may exceed the linear part). */
enum drop udp_parse(struct udp_hdr *ret, struct rd *in, size_t left);
void udp_emit(struct wr *out, const struct udp_hdr *hdr);

/* ICMP and ICMPv6 share their shape: type, code, checksum, four bytes (RFC 792, RFC 4443). */
#define ICMP_HDR_LEN 8
#define ICMP_CSUM_OFFSET 2

struct icmp_hdr {
	uint8_t type;
	uint8_t code;
	uint16_t sum;
	union {
		uint32_t rest; /* as one number, host order */
		struct {
			uint16_t seq; /* little endian halves of rest */
			uint16_t id;
		} echo;
	};
};

enum icmp4_type {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACH = 3,
	ICMP4_QUENCH = 4,
	ICMP4_REDIRECT = 5,
	ICMP4_ECHO = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAM = 12,
	ICMP4_TIMESTAMP = 13,
	ICMP4_TIMESTAMP_REPLY = 14,
};

enum icmp4_code {
	ICMP4_NET_UNREACH = 0,
	ICMP4_HOST_UNREACH = 1,
	ICMP4_PROTO_UNREACH = 2,
	ICMP4_PORT_UNREACH = 3,
	ICMP4_FRAG_NEEDED = 4,
	ICMP4_SR_FAILED = 5,
	ICMP4_ADMIN = 13,
};

enum icmp6_type {
	ICMP6_UNREACH = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED_ = 3,
	ICMP6_PARAM = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY_ = 129,
	ICMP6_MLD_QUERY = 130,
	ICMP6_MLD_REPORT = 131,
	ICMP6_MLD_DONE = 132,
	ICMP6_RS = 133,
	ICMP6_RA = 134,
	ICMP6_NS = 135,
	ICMP6_NA = 136,
	ICMP6_REDIRECT = 137,
	ICMP6_MLD2_REPORT = 143,
};

enum drop icmp_parse(struct icmp_hdr *ret, struct rd *in);
void icmp_emit(struct wr *out, const struct icmp_hdr *hdr);

/* Neighbour discovery (RFC 4861): bodies after the eight bytes of struct icmp_hdr. */
#define NDP_NA_ROUTER 0x80000000u /* in icmp_hdr.rest */
#define NDP_NA_SOLICITED 0x40000000u
#define NDP_NA_OVERRIDE 0x20000000u
#define NDP_PREFIX_MAX 8
#define NDP_RDNSS_MAX 8
#define NDP_ROUTE_MAX 8
#define NDP_SEARCH_MAX 256
#define NDP_NONCE_LEN 6

struct ndp_prefix {
	struct net_addr prefix;
	uint8_t len;
	bool on_link, autonomous;
	uint32_t valid_s, preferred_s;
};

/* RFC 4191 2.3. */
struct ndp_route {
	struct net_addr prefix;
	uint8_t len;
	uint8_t pref; /* 0 medium, 1 high, 3 low */
	uint32_t lifetime_s;
};

struct ndp_opts {
	bool has_slla, has_tlla, has_mtu;
	uint8_t slla[6], tlla[6];
	uint32_t mtu;
	unsigned nprefix;
	struct ndp_prefix prefix[NDP_PREFIX_MAX];
	bool has_nonce; /* of NDP_NONCE_LEN bytes (RFC 3971 5.3.2) */
	uint8_t nonce[NDP_NONCE_LEN];
	unsigned nroute;
	struct ndp_route route[NDP_ROUTE_MAX];
	/* RFC 8106 */
	unsigned nserver;
	struct net_addr server[NDP_RDNSS_MAX];
	uint32_t server_lifetime_s;
	bool has_search;
	char search[NDP_SEARCH_MAX]; /* names, space between */
	uint32_t search_lifetime_s;
};

struct ndp_ra {
	uint8_t hop_limit;
	bool managed, other;
	uint8_t pref; /* RFC 4191 2.2, as ndp_route.pref */
	uint16_t lifetime_s;
	uint32_t reachable_ms, retrans_ms;
};

/* NS, NA: one target address. Redirect: target and destination. */
enum drop ndp_parse_target(struct net_addr *ret, struct rd *in);
/* RA: @rest of the header, then eight bytes. */
enum drop ndp_parse_ra(struct ndp_ra *ret, uint32_t rest, struct rd *in);
/* All that is left are options. */
enum drop ndp_parse_opts(struct ndp_opts *ret, struct rd *in);
/* Header, target and one link-layer option (@lla may be NULL; @opt 1 source, 2 target). */
void ndp_emit(struct wr *out, uint8_t type, uint32_t rest, const struct net_addr *target,
	      uint8_t opt, const uint8_t *lla);
/* An option of eight bytes with a nonce. */
void ndp_emit_nonce(struct wr *out, const uint8_t nonce[NDP_NONCE_LEN]);
/* Redirect (RFC 4861 4.5): target, destination, and the target's address if known. */
void ndp_emit_redirect(struct wr *out, const struct net_addr *target, const struct net_addr *dst,
		       const uint8_t *lla);

/* IGMP (RFC 2236, 3376) and MLD (RFC 2710, 3810), what a host needs. */
#define IGMP_QUERY 0x11
#define IGMP_V1_REPORT 0x12
#define IGMP_V2_REPORT 0x16
#define IGMP_LEAVE 0x17
#define IGMP_V3_REPORT 0x22

struct mcast_query {
	uint8_t version; /* 1..3 IGMP, 1..2 MLD */
	net_dur max_resp;
	struct net_addr group; /* family 0: general */
	uint8_t qrv;	       /* robustness of the querier; 0 = does not say */
	unsigned nsources;     /* in @sources (the first MCAST_QUERY_SOURCES) */
#define MCAST_QUERY_SOURCES 64
	struct net_addr sources[MCAST_QUERY_SOURCES];
};

struct mcast_record {
	uint8_t type; /* enum mcast_record_type */
	struct net_addr group;
	const struct net_addr *sources;
	uint32_t nsources;
};

/* RFC 3376 4.2.12, RFC 3810 5.2.12. */
enum mcast_record_type {
	MCAST_IS_INCLUDE = 1,
	MCAST_IS_EXCLUDE = 2,
	MCAST_TO_INCLUDE = 3,
	MCAST_TO_EXCLUDE = 4,
	MCAST_ALLOW = 5,
	MCAST_BLOCK = 6,
};

enum drop igmp_parse(uint8_t *type, struct mcast_query *ret, struct net_addr *group, struct rd *in);
/* Version 2 message, 8 bytes. */
void igmp_emit2(struct wr *out, uint8_t type, const struct net_addr *group);
/* Version 3 report. */
void igmp_emit3(struct wr *out, const struct mcast_record *rec, unsigned n);
/* @in after the four bytes type, code, checksum. */
enum drop mld_parse_query(struct mcast_query *ret, struct rd *in);
void mld_emit1(struct wr *out, uint8_t type, const struct net_addr *group);
void mld_emit2(struct wr *out, const struct mcast_record *rec, unsigned n);

/* Writes a 16-bit field of a header that was emitted before (checksums). */
static inline void wire_put16(uint8_t *at, uint16_t v)
{
	store_be16(at, v);
}

static inline void wire_put8(uint8_t *at, uint8_t v)
{
	*at = v;
}

static inline uint16_t wire_get16(const uint8_t *at)
{
	return load_be16(at);
}

/* The header edits that segmentation needs (RFC 9293, RFC 768); offsets count from the IP header.
 */
struct wire_gso {
	bool v6, udp;
	uint16_t l3, l4, payload; /* offsets in the frame of IP, transport and data */
};

/* Adjusts the headers of one piece of a super-segment: lengths, IP id, TCP sequence and flags, IP
 * and transport checksum field (with the pseudo-header sum, to be completed from l4 on). @hdr: copy
 * of all headers. @off, @len: the piece in the data. @ecn: CWR only on the first. */
void wire_gso_fix(uint8_t *hdr, const struct wire_gso *g, uint32_t index, uint32_t off,
		  uint32_t len, bool last);

/* Finds the transport header in an Ethernet or IP frame, for the edge and for offload checks: fills
 * @ret. False: not TCP or UDP over IP without fragments. @l3: offset of the IP header. */
bool wire_find_l4(struct wire_gso *ret, const uint8_t *frame, size_t len, size_t l3, bool v6);

/* Hash of the flow of a frame: addresses, protocol and, where they are in sight, ports. */
uint64_t wire_flow_hash(const struct siphash_key *key, const uint8_t *frame, size_t len, size_t l3,
			bool v6);
/* Sets CE in an IP header that says ECT (RFC 3168 5), with the checksum. False: not ECT, nothing done. */
bool wire_mark_ce(uint8_t *frame, size_t len, size_t l3, bool v6);

/* What receive merging looks at in a frame (TCP or UDP over IP, complete headers in @frame). */
struct wire_gro {
	bool v6, udp;
	uint16_t l4, payload; /* offsets in the frame */
	uint32_t data;	      /* bytes of payload, by the IP length */
	uint32_t total;	      /* bytes of the frame, by the IP length */
	uint32_t seq;
	uint8_t flags; /* of TCP */
	uint16_t ip_id;
	bool df;
};

/* False: not to be merged (fragments, options of IP, SYN, URG ..., other protocols). */
bool wire_gro_parse(struct wire_gro *ret, const uint8_t *frame, size_t len);
/* Whether the frame @b is of the flow of @a, with the same headers but for what counts along. */
bool wire_gro_same(const uint8_t *a, const struct wire_gro *ga, const uint8_t *b,
		   const struct wire_gro *gb);
/* Makes the headers of @frame those of a super-segment of @data bytes: lengths, flags of the last piece
 * (PSH), IP checksum, and the sum of the pseudo-header in the transport's field. */
void wire_gro_finish(uint8_t *frame, const struct wire_gro *g, uint32_t data, uint8_t flags);

/* One line of text per frame, for traces: like "IP 10.0.0.1.5 > 10.0.0.2.80: tcp S seq 1 win 2".
 * @ethertype 0: an Ethernet frame. Returns the length written, at most size - 1. */
size_t wire_print(char *to, size_t size, const uint8_t *frame, size_t len, uint16_t ethertype);
/* Text of an address. @to has room for 46. */
size_t wire_print_addr(char *to, size_t size, const struct net_addr *addr);
