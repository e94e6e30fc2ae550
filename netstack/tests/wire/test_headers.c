/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is read back; what is cut short is refused. */
#include "wire/wire.h"

#include <criterion/criterion.h>
#include <sys/socket.h>

#include "wire/tcp.h"

#define CUT(parse, len, ...)                                                                       \
	for (size_t cut = 0; cut < (len); cut++) {                                                 \
		struct rd in_;                                                                     \
                                                                                                   \
		rd_init(&in_, buf, cut);                                                           \
		cr_assert_neq(parse(__VA_ARGS__), DROP_NONE);                                      \
	}

Test(eth, round_trip)
{
	struct eth_hdr h = {{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}, ETH_TYPE_IP6}, g;
	uint8_t buf[14];
	struct wr w;
	struct rd r;

	wr_init(&w, buf, sizeof(buf));
	eth_emit(&w, &h);
	rd_init(&r, buf, sizeof(buf));
	cr_assert_eq(eth_parse(&g, &r), DROP_NONE);
	cr_assert_arr_eq(&g, &h, sizeof(h));
	CUT(eth_parse, 14, &g, &in_)
}

Test(ip4, round_trip_with_options_and_a_right_checksum)
{
	struct ip4_hdr h = {.hdr_len = 24,
			    .tos = 3,
			    .total_len = 24,
			    .id = 77,
			    .flags = IP4_DF,
			    .ttl = 9,
			    .proto = 17,
			    .src.family = AF_INET,
			    .dst.family = AF_INET},
		       g;
	uint8_t opts[4] = {148, 4, 0, 0}, buf[24];
	uint32_t has;
	unsigned bad;
	struct wr w;
	struct rd r;

	h.src.v4[0] = 10;
	h.dst.v4[3] = 5;
	wr_init(&w, buf, sizeof(buf));
	ip4_emit(&w, &h, opts);
	cr_assert(ip4_sum_ok(buf, 24));
	rd_init(&r, buf, sizeof(buf));
	cr_assert_eq(ip4_parse(&g, &r), DROP_NONE);
	cr_assert_eq(g.hdr_len, 24);
	cr_assert_eq(g.flags, IP4_DF);
	cr_assert_eq(g.src.v4[0], 10);
	cr_assert_eq(ip4_parse_opts(&has, &bad, buf + 20, 4), DROP_NONE);
	cr_assert_eq(has, IP4_OPT_ROUTER_ALERT);
	CUT(ip4_parse, 20, &g, &in_)
}

Test(ip4, options_with_lengths_that_run_out_are_refused)
{
	uint8_t overrun[4] = {7, 9, 4, 0}, zero[4] = {7, 0, 4, 0};
	uint32_t has;
	unsigned bad;

	cr_assert_eq(ip4_parse_opts(&has, &bad, overrun, 4), DROP_IP4_OPTIONS);
	cr_assert_eq(ip4_parse_opts(&has, &bad, zero, 4), DROP_IP4_OPTIONS);
	cr_assert_eq(bad, 0);
}

/* RFC 791 3.1: the copy bit decides what later fragments carry. */
Test(ip4, only_options_with_the_copy_bit_go_into_fragments)
{
	uint8_t opts[8] = {7, 3, 4, 148, 4, 0, 0, 1}, to[40];

	cr_assert_eq(ip4_copy_opts(to, opts, 8), 4);
	cr_assert_eq(to[0], 148);
}

Test(ip6, round_trip)
{
	struct ip6_hdr_v h = {.tclass = 0xb8,
			      .flow = 0x12345,
			      .payload_len = 5,
			      .next = 58,
			      .hop_limit = 255,
			      .src.family = AF_INET6,
			      .dst.family = AF_INET6},
			 g;
	uint8_t buf[40];
	struct wr w;
	struct rd r;

	h.dst.v6[15] = 1;
	wr_init(&w, buf, sizeof(buf));
	ip6_emit(&w, &h);
	rd_init(&r, buf, sizeof(buf));
	cr_assert_eq(ip6_parse(&g, &r), DROP_NONE);
	cr_assert_eq(g.tclass, 0xb8);
	cr_assert_eq(g.flow, 0x12345);
	cr_assert_eq(g.dst.v6[15], 1);
	CUT(ip6_parse, 40, &g, &in_)
}

/* RFC 8200 4.2: the high bits of an unknown option say what to do. */
Test(ip6_ext, unknown_options_ask_for_what_their_type_says)
{
	static const enum ip6_opt_act want[4] = {IP6_OPT_OK, IP6_OPT_DROP, IP6_OPT_ICMP,
						 IP6_OPT_ICMP_UNICAST};

	for (unsigned i = 0; i < 4; i++) {
		uint8_t buf[8] = {17, 0, (uint8_t)(i << 6 | 0x1e), 4};
		struct ip6_ext ext;
		enum ip6_opt_act act;
		unsigned bad;
		int alert = -1;
		struct rd r;

		rd_init(&r, buf, sizeof(buf));
		cr_assert_eq(ip6_parse_opts(&ext, &act, &bad, &alert, &r), DROP_NONE);
		cr_assert_eq(act, want[i]);
		if (act != IP6_OPT_OK)
			cr_assert_eq(bad, 2);
	}
}

Test(arp, only_ethernet_and_ipv4_and_a_unicast_sender_are_taken)
{
	struct arp_pkt a = {.op = ARP_REQUEST, .sha = {2, 0, 0, 0, 0, 9}}, b;
	uint8_t buf[28];
	struct wr w;
	struct rd r;

	wr_init(&w, buf, sizeof(buf));
	arp_emit(&w, &a);
	rd_init(&r, buf, sizeof(buf));
	cr_assert_eq(arp_parse(&b, &r), DROP_NONE);
	CUT(arp_parse, 28, &b, &in_)
	buf[8] = 3; /* multicast sender */
	rd_init(&r, buf, sizeof(buf));
	cr_assert_eq(arp_parse(&b, &r), DROP_ARP_MALFORMED);
	buf[8] = 2;
	buf[1] = 6; /* other hardware */
	rd_init(&r, buf, sizeof(buf));
	cr_assert_eq(arp_parse(&b, &r), DROP_ARP_MALFORMED);
}

Test(udp_hdr, a_length_beyond_the_packet_or_below_the_header_is_refused)
{
	struct udp_hdr h = {1, 2, 20, 0}, g;
	uint8_t buf[8];
	struct wr w;
	struct rd r;

	wr_init(&w, buf, sizeof(buf));
	udp_emit(&w, &h);
	rd_init(&r, buf, sizeof(buf));
	cr_assert_eq(udp_parse(&g, &r, 12), DROP_NONE);
	rd_init(&r, buf, sizeof(buf));
	cr_assert_eq(udp_parse(&g, &r, 11), DROP_UDP_LENGTH);
	buf[5] = 7;
	rd_init(&r, buf, sizeof(buf));
	cr_assert_eq(udp_parse(&g, &r, 12), DROP_UDP_LENGTH);
}

Test(ndp, an_option_of_length_zero_discards_the_message)
{
	uint8_t opt[8] = {1, 0}, good[8] = {1, 1, 2, 0, 0, 0, 0, 7};
	struct ndp_opts o;
	struct rd r;

	rd_init(&r, opt, 8);
	cr_assert_eq(ndp_parse_opts(&o, &r), DROP_NDP_MALFORMED);
	rd_init(&r, good, 8);
	cr_assert_eq(ndp_parse_opts(&o, &r), DROP_NONE);
	cr_assert(o.has_slla);
	cr_assert_eq(o.slla[5], 7);
}

static unsigned emit_parse(const struct tcp_hdr *h, const struct tcp_opts *o, struct tcp_hdr *gh,
			   struct tcp_opts *go)
{
	uint8_t buf[60];
	struct wr w;
	struct rd r, opts;
	unsigned len;

	wr_init(&w, buf, sizeof(buf));
	len = tcp_emit(&w, h, o);
	cr_assert(!wr_failed(&w));
	cr_assert_eq(wr_len(&w), len);
	rd_init(&r, buf, len);
	cr_assert_eq(tcp_parse(gh, &r), DROP_NONE);
	opts = rd_sub(&r, gh->hdr_len - 20u);
	cr_assert_eq(tcp_parse_opts(go, &opts), DROP_NONE);
	return len;
}

Test(tcp_hdr, all_options_of_a_syn_round_trip)
{
	struct tcp_hdr h = {.sport = 1,
			    .dport = 2,
			    .seq = 3,
			    .ack = 4,
			    .flags = TCP_FLAG_SYN | TCP_FLAG_ECE,
			    .wnd = 5},
		       gh;
	struct tcp_opts o = {.has = TCP_HAS_MSS | TCP_HAS_WSCALE | TCP_HAS_SACK_OK | TCP_HAS_TS |
				    TCP_HAS_FASTOPEN,
			     .mss = 1460,
			     .wscale = 7,
			     .ts_val = 8,
			     .ts_ecr = 9,
			     .fastopen_len = 8},
			go;

	cr_assert_eq(emit_parse(&h, &o, &gh, &go), 20 + 4 + 12 + 4 + 12);
	cr_assert_eq(gh.flags, h.flags);
	cr_assert_eq(go.has, o.has);
	cr_assert_eq(go.mss, 1460);
	cr_assert_eq(go.wscale, 7);
	cr_assert_eq(go.ts_ecr, 9);
	cr_assert_eq(go.fastopen_len, 8);
}

Test(tcp_hdr, as_many_sack_blocks_as_fit_are_written)
{
	struct tcp_hdr h = {0}, gh;
	struct tcp_opts o = {.has = TCP_HAS_SACK | TCP_HAS_TS,
			     .sack_count = 4,
			     .sack = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}},
			go;

	emit_parse(&h, &o, &gh, &go);
	cr_assert_eq(go.sack_count, 3);
	cr_assert_eq(go.sack[2].end, 6);
	o.has = TCP_HAS_SACK;
	emit_parse(&h, &o, &gh, &go);
	cr_assert_eq(go.sack_count, 4);
}

Test(tcp_hdr, unknown_options_are_skipped_and_bad_lengths_end_the_walk)
{
	uint8_t unknown[8] = {77, 4, 0, 0, 2, 4, 5, 0xb4}, bad[4] = {2, 3, 0, 0};
	struct tcp_opts o;
	struct rd r;

	rd_init(&r, unknown, 8);
	cr_assert_eq(tcp_parse_opts(&o, &r), DROP_NONE);
	cr_assert_eq(o.mss, 1460);
	rd_init(&r, bad, 4);
	cr_assert_eq(tcp_parse_opts(&o, &r), DROP_TCP_OPTIONS);
}

Test(tcp_hdr, a_data_offset_outside_the_segment_is_refused)
{
	uint8_t buf[20] = {[12] = 0x60};
	struct tcp_hdr h;
	struct rd r;

	rd_init(&r, buf, 20);
	cr_assert_eq(tcp_parse(&h, &r), DROP_TCP_HDR_LEN);
	buf[12] = 0x40;
	rd_init(&r, buf, 20);
	cr_assert_eq(tcp_parse(&h, &r), DROP_TCP_HDR_LEN);
	rd_init(&r, buf, 19);
	cr_assert_eq(tcp_parse(&h, &r), DROP_TCP_TRUNCATED);
}
