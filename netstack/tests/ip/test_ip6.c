/* SPDX-License-Identifier: Apache-2.0 */
/* ip6_in.c, ip6_out.c: RFC 8200. */
#include "support/lab.h"

static struct frame f;

static void start(uint8_t next)
{
	f_ip(&f, "fd00::2", "fd00::1", next, (struct ipopt){0});
	f.proto = 0;
}

static void udp_tail(void)
{
	uint8_t body[9] = {0, 1, 0, 9, 0, 9, 0, 0, 'x'};
	struct net_addr s = ip("fd00::2"), d = ip("fd00::1");

	store_be16(body + 6, csum_fold(csum_add(csum_pseudo(&s, &d, 17, 9), body, 9)));
	f_bytes(&f, body, 9);
}

static net_sock_id receiver(struct lab *lab)
{
	net_sock_id s = open_sock(lab->stack, AF_INET6, SOCK_DGRAM, 0);
	struct name me = name("::", 9);

	cr_assert_eq(net_sock_bind(lab->stack, s, SA(me), me.len), 0);
	return s;
}

static int got(struct lab *lab, net_sock_id s)
{
	char c;

	return (int)recv_from(lab->stack, s, &c, 1, NULL, 0);
}

Test(ip6_in, extension_headers_are_walked)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = receiver(lab);
	uint8_t hop[8] = {43, 0, 1, 4}, route[8] = {60, 0, 4, 0}, dst[8] = {17, 0, 1, 4};

	start(0);
	f_bytes(&f, hop, 8);
	f_bytes(&f, route, 8);
	f_bytes(&f, dst, 8);
	udp_tail();
	lab_send(lab, &f);
	cr_assert_eq(got(lab, s), 1);
	lab_free(lab);
}

Test(ip6_in, a_hop_by_hop_header_elsewhere_is_a_parameter_problem)
{
	struct lab *lab = lab_new_known();
	uint8_t dst[8] = {0, 0, 1, 4}, hop[8] = {17, 0, 1, 4};

	start(60);
	f_bytes(&f, dst, 8);
	f_bytes(&f, hop, 8);
	udp_tail();
	lab_send(lab, &f);
	lab_expect(lab, "IP6 fd00::1 > fd00::2 hlim 64 icmp6 type 4 code 1 rest 0x28 len 73");
	cr_assert_eq(lab_drops(lab, DROP_IP6_EXT_ORDER), 1);
	lab_free(lab);
}

Test(ip6_in, an_unknown_option_is_answered_as_its_type_asks)
{
	struct lab *lab = lab_new_known();
	uint8_t opt[8] = {17, 0, 0x80 | 0x1e, 4};

	start(60);
	f_bytes(&f, opt, 8);
	udp_tail();
	lab_send(lab, &f);
	lab_expect(lab, "IP6 fd00::1 > fd00::2 hlim 64 icmp6 type 4 code 2 rest 0x2a len 65");
	opt[2] = 0x40 | 0x1e;
	start(60);
	f_bytes(&f, opt, 8);
	udp_tail();
	lab_send(lab, &f);
	lab_quiet(lab);
	cr_assert_eq(lab_drops(lab, DROP_IP6_OPTION), 2);
	lab_free(lab);
}

/* RFC 5095. */
Test(ip6_in, a_routing_header_with_segments_left_is_refused)
{
	struct lab *lab = lab_new_known();
	uint8_t route[8] = {17, 0, 0, 1};

	start(43);
	f_bytes(&f, route, 8);
	udp_tail();
	lab_send(lab, &f);
	lab_expect(lab, "IP6 fd00::1 > fd00::2 hlim 64 icmp6 type 4 code 0 rest 0x2a len 65");
	cr_assert_eq(lab_drops(lab, DROP_IP6_ROUTING), 1);
	lab_free(lab);
}

Test(ip6_in, an_unknown_next_header_points_at_the_field)
{
	struct lab *lab = lab_new_known();

	start(200);
	f_text(&f, "12345678");
	lab_send(lab, &f);
	lab_expect(lab, "IP6 fd00::1 > fd00::2 hlim 64 icmp6 type 4 code 1 rest 0x6 len 56");
	start(59);
	f_text(&f, "12345678");
	lab_send(lab, &f);
	lab_quiet(lab);
	lab_free(lab);
}

Test(ip6_in, addresses_that_cannot_be_are_refused)
{
	struct lab *lab = lab_new();

	lab_udp(lab, "::1", 1, "fd00::1", 9, "x");
	lab_udp(lab, "ff02::5", 1, "fd00::1", 9, "x");
	lab_udp(lab, "::ffff:1.2.3.4", 1, "fd00::1", 9, "x");
	cr_assert_eq(lab_drops(lab, DROP_IP6_SRC_ADDR), 3);
	lab_udp(lab, "fd00::2", 1, "::1", 9, "x");
	cr_assert_eq(lab_drops(lab, DROP_IP6_DST_ADDR), 1);
	lab_quiet(lab);
	lab_free(lab);
}

Test(ip6_in, too_many_headers_and_short_ones_are_drops)
{
	struct lab *lab = lab_new();
	uint8_t dst[8] = {60, 0, 1, 4}, cut[8] = {17, 3, 1, 4};

	start(60);
	for (int i = 0; i < 12; i++)
		f_bytes(&f, dst, 8);
	lab_send(lab, &f);
	cr_assert_eq(lab_drops(lab, DROP_IP6_EXT_LIMIT), 1);
	start(60);
	f_bytes(&f, cut, 8);
	lab_send(lab, &f);
	cr_assert_eq(lab_drops(lab, DROP_IP6_EXT_TRUNCATED), 1);
	lab_free(lab);
}

Test(ip6_in, a_payload_length_beyond_the_frame_is_a_drop)
{
	struct lab *lab = lab_new();
	size_t len;

	start(17);
	udp_tail();
	len = f_done(&f);
	lab_rx(lab, f.b, len - 1);
	cr_assert_eq(lab_drops(lab, DROP_IP6_PAYLOAD_LEN), 1);
	lab_rx(lab, f.b, 14 + 39);
	cr_assert_eq(lab_drops(lab, DROP_IP6_TRUNCATED), 1);
	lab_free(lab);
}

/* RFC 6946. */
Test(ip6_in, an_atomic_fragment_is_a_whole_packet)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = receiver(lab);
	struct ip6_frag fr = {.next = 17, .id = 5};

	start(44);
	ip6_emit_frag(&f.w, &fr);
	udp_tail();
	lab_send(lab, &f);
	cr_assert_eq(got(lab, s), 1);
	lab_free(lab);
}
