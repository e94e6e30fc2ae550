/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP header and its options as host-order values (RFC 9293 3.1, RFC 7323, 2018, 7413, 2385).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "netstack/drop.h"
#include "util/bytes.h"

#define TCP_HDR_LEN 20
#define TCP_HDR_MAX 60
#define TCP_OPT_MAX 40
#define TCP_CSUM_OFFSET 16
#define TCP_SACK_MAX 4

enum tcp_flag {
	TCP_FLAG_FIN = 0x001,
	TCP_FLAG_SYN = 0x002,
	TCP_FLAG_RST = 0x004,
	TCP_FLAG_PSH = 0x008,
	TCP_FLAG_ACK = 0x010,
	TCP_FLAG_URG = 0x020,
	TCP_FLAG_ECE = 0x040,
	TCP_FLAG_CWR = 0x080,
	TCP_FLAG_AE = 0x100,
};

struct tcp_hdr {
	uint16_t sport;
	uint16_t dport;
	uint32_t seq;
	uint32_t ack;
	uint16_t flags;	  /* enum tcp_flag */
	uint8_t hdr_len;  /* bytes, options included */
	uint8_t reserved; /* the three reserved bits as received; sent as zero */
	uint16_t wnd;	  /* as on the wire, not scaled */
	uint16_t sum;
	uint16_t urg;
};

struct tcp_sack_block {
	uint32_t start;
	uint32_t end;
};

enum tcp_opt_has {
	TCP_HAS_MSS = 1 << 0,
	TCP_HAS_WSCALE = 1 << 1,
	TCP_HAS_SACK_OK = 1 << 2,
	TCP_HAS_SACK = 1 << 3,
	TCP_HAS_TS = 1 << 4,
	TCP_HAS_FASTOPEN = 1 << 5,
	TCP_HAS_MD5 = 1 << 6,
	TCP_HAS_UNKNOWN = 1 << 7,
};

struct tcp_opts {
	uint32_t has; /* enum tcp_opt_has */
	uint16_t mss;
	uint8_t wscale; /* as received: may exceed 14 */
	uint8_t sack_count;
	uint32_t ts_val;
	uint32_t ts_ecr;
	struct tcp_sack_block sack[TCP_SACK_MAX];
	uint8_t fastopen_len; /* 0 = a request */
	bool fastopen_exp;    /* in the experimental form: kind 254, magic 0xf989 */
	uint8_t fastopen[16];
	uint8_t md5[16]; /* RFC 2385; emit leaves it zero to be filled by the signer */
};

/* Reads the fixed header; @in is left at the options. DROP_TCP_TRUNCATED, DROP_TCP_HDR_LEN. */
enum drop tcp_parse(struct tcp_hdr *ret, struct rd *in);

/* Reads hdr_len - 20 bytes of options. An option of wrong length ends the walk (what was read
 * before it holds) and gives DROP_TCP_OPTIONS; the caller may ignore that, as RFC 9293 MUST-7 only
 * asks not to crash. */
enum drop tcp_parse_opts(struct tcp_opts *ret, struct rd *in);

/* Length of the options as tcp_emit() would write them, padded to a multiple of 4 (at most 40). As
 * many SACK blocks as fit are counted. */
unsigned tcp_opts_len(const struct tcp_opts *opts);

/* Writes header and options (NULL: none); hdr_len is computed, sum is written as given. @out must
 * have room for TCP_HDR_LEN + tcp_opts_len(). Returns the header's length. */
unsigned tcp_emit(struct wr *out, const struct tcp_hdr *hdr, const struct tcp_opts *opts);
