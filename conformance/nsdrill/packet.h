/* SPDX-License-Identifier: Apache-2.0 */
/* A packet as the language describes it: what a line of a script says, and what bytes were found
 * to say. Both sides of a comparison are this struct, so that a mismatch prints in the script's
 * own words.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_BYTES_MAX 65535
#define PACKET_ENCAP_MAX 4
#define PACKET_MPLS_MAX 8
#define TCP_OPTIONS_MAX 40

/* Which bits of the TOS byte an expected packet speaks of. */
enum tos_check { TOS_ANY, TOS_ECN, TOS_ECT01, TOS_BYTE };

struct ip_info {
	enum tos_check tos_check;
	uint8_t tos;
	uint8_t ttl;	     /* 0: not said */
	uint32_t flow_label; /* 0: not said */
	/* A fragment (our extension; tcpdump's notation): frag ID:SIZE@OFFSET[+]. */
	bool is_frag, frag_more;
	uint32_t frag_id;
	uint16_t frag_size, frag_off;
};

enum encap_kind { ENCAP_IPV4, ENCAP_IPV6, ENCAP_GRE, ENCAP_MPLS };

/* An outer header. */
struct encap {
	enum encap_kind kind;
	struct ip_info ip;
	uint8_t src[16], dst[16]; /* network order; IPv4 in the first four bytes */
	uint16_t gre_flags;
	uint16_t gre_sum, gre_off;
	uint32_t gre_key, gre_seq;
	uint32_t mpls[PACKET_MPLS_MAX]; /* whole label stack entries */
	int nmpls;
};

enum {
	FLAG_FIN = 0x01,
	FLAG_SYN = 0x02,
	FLAG_RST = 0x04,
	FLAG_PSH = 0x08,
	FLAG_ACK = 0x10,
	FLAG_URG = 0x20,
	FLAG_ECE = 0x40,
	FLAG_CWR = 0x80,
	FLAG_AE = 0x100, /* RFC 9768; was NS */
};

struct packet {
	bool outbound;
	struct encap encap[PACKET_ENCAP_MAX];
	int nencap;
	struct ip_info ip;
	int family;	       /* of a decoded packet */
	int protocol;	       /* IPPROTO_TCP, UDP, ICMP (also for ICMPv6 in a script) */
	uint16_t sport, dport; /* 0: of the socket under test */

	/* TCP */
	uint16_t flags;
	bool has_ace;	  /* the three ECN bits are a counter (AccECN): in flags all the same */
	uint8_t reserved; /* bits that must be zero */
	uint32_t seq, ack;
	int32_t window; /* -1: not said */
	uint16_t urgent;
	bool options_any; /* <...> */
	uint8_t options[TCP_OPTIONS_MAX];
	uint8_t options_len;

	/* ICMP */
	const char *icmp_type_name, *icmp_code_name; /* NULL: not said */
	uint8_t icmp_type, icmp_code;
	int32_t icmp_mtu; /* -1: not said */
	uint16_t icmp_id;
	bool echoed_implied; /* a line that describes no quoted packet: TCP, sequence number 0 */
	int echoed_protocol; /* of the quoted packet: IPPROTO_TCP, UDP, IPPROTO_RAW; 0: none */
	uint32_t echoed_seq;
	uint16_t echoed_len;

	uint32_t payload_len;

	/* Decoded packets only. */
	uint8_t src[16], dst[16]; /* of the innermost IP header, network order */
	uint16_t ip_len;	  /* of the innermost IP packet */
	bool payload_is_zero;
	bool ip4_df;
	int64_t us;
	const char *malformed; /* NULL, or what is wrong with it (checksums, lengths) */
};

/* Addresses that a packet line does not say. Network order, IPv4 in the first four bytes; ports in
 * host order. */
struct packet_path {
	int family; /* AF_INET, AF_INET6: of the wire */
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
};

/* Writes the packet into @buf of PACKET_BYTES_MAX bytes, with right checksums. For ICMP errors the
 * quoted packet is one from @path's dst to its src. Returns the length, or -EMSGSIZE. */
int packet_encode(const struct packet *p, const struct packet_path *path, uint8_t *buf);

/* Reads what is on the wire; never fails: @ret->malformed says what is wrong. Returns 0, or
 * -EPROTONOSUPPORT for what is neither IPv4 nor IPv6. */
int packet_decode(const uint8_t *buf, size_t len, struct packet *ret);

/* Resolves icmp_type_name and icmp_code_name. 0 or -EINVAL. */
int packet_icmp_names(struct packet *p, int family);

/* In the script's notation; @out is NUL-terminated. */
void packet_print(const struct packet *p, char *out, size_t size);

/* Options one after the other. @ret: kind, length with kind and length bytes, data. False at the
 * end or at a malformed one. */
struct tcp_opt {
	uint8_t kind, len;
	const uint8_t *data;
};
bool tcp_opt_next(const uint8_t *opts, size_t len, size_t *pos, struct tcp_opt *ret);

/* Field by field. @ret_why names the first field that differs. */
bool packet_same(const struct packet *want, const struct packet *got, char *why, size_t size);

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}
