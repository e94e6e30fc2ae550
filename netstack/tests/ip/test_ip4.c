/* SPDX-License-Identifier: Apache-2.0 */
/* ip4_in.c, ip4_out.c: RFC 791, RFC 1122 3.2. */
#include "support/lab.h"

static struct frame f;

static void udp(struct lab *lab, const char *src, const char *dst)
{
	f_ip(&f, src, dst, 17, (struct ipopt){0});
	f_udp(&f, 1, 9, 1);
	f_text(&f, "x");
	lab_send(lab, &f);
}

Test(ip4_in, sources_that_cannot_be_are_refused)
{
	struct lab *lab = lab_new();

	udp(lab, "127.0.0.1", "10.0.0.1");
	udp(lab, "224.0.0.1", "10.0.0.1");
	udp(lab, "255.255.255.255", "10.0.0.1");
	udp(lab, "10.0.0.255", "10.0.0.1");
	cr_assert_eq(lab_drops(lab, DROP_IP4_SRC_ADDR), 4);
	udp(lab, "10.0.0.1", "10.0.0.1");
	cr_assert_eq(lab_drops(lab, DROP_IP_LOOP), 1);
	lab_quiet(lab);
	lab_free(lab);
}

Test(ip4_in, destinations_that_are_not_ours_are_refused)
{
	struct lab *lab = lab_new();

	udp(lab, "10.0.0.2", "10.0.0.3");
	cr_assert_eq(lab_drops(lab, DROP_IP_NOT_US), 1);
	udp(lab, "10.0.0.2", "127.0.0.1");
	udp(lab, "10.0.0.2", "0.0.0.0");
	cr_assert_eq(lab_drops(lab, DROP_IP4_DST_ADDR), 2);
	udp(lab, "10.0.0.2", "224.1.2.3");
	cr_assert_eq(lab_drops(lab, DROP_MCAST_NOT_JOINED), 1);
	lab_quiet(lab);
	lab_free(lab);
}

static void broken(struct lab *lab, size_t at, uint8_t value, bool fix_sum, size_t cut)
{
	size_t len;

	f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){0});
	f_udp(&f, 1, 9, 10);
	f_text(&f, "0123456789");
	len = f_done(&f);
	f.b[14 + at] = value;
	if (fix_sum) {
		store_be16(f.b + 24, 0);
		store_be16(f.b + 24, csum_fold(csum_add(0, f.b + 14, 20)));
	}
	lab_rx(lab, f.b, cut ? cut : len);
}

Test(ip4_in, broken_headers_are_counted_drops)
{
	struct lab *lab = lab_new();

	broken(lab, 8, 63, false, 0);
	cr_assert_eq(lab_drops(lab, DROP_IP4_CHECKSUM), 1);
	broken(lab, 0, 0x55, true, 0);
	cr_assert_eq(lab_drops(lab, DROP_IP4_VERSION), 1);
	broken(lab, 0, 0x44, true, 0);
	cr_assert_eq(lab_drops(lab, DROP_IP4_HDR_LEN), 1);
	broken(lab, 3, 19, true, 0);
	broken(lab, 3, 200, true, 0);
	cr_assert_eq(lab_drops(lab, DROP_IP4_TOTAL_LEN), 2);
	broken(lab, 0, 0x45, true, 14 + 19);
	cr_assert_eq(lab_drops(lab, DROP_IP4_TRUNCATED), 1);
	cr_assert_eq(lab_mib(lab, MIB_Ip_InHdrErrors), 6);
	lab_free(lab);
}

Test(ip4_in, padding_behind_the_packet_is_cut)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name me = name("0.0.0.0", 9);
	char buf[64];
	size_t len;

	net_sock_bind(lab->stack, s, SA(me), me.len);
	f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){0});
	f_udp(&f, 1, 9, 1);
	f_text(&f, "x");
	len = f_done(&f);
	lab_rx(lab, f.b, len + 17);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), 1);
	lab_free(lab);
}

/* RFC 1122 3.2.2.2. */
Test(ip4_in, an_unknown_protocol_draws_protocol_unreachable)
{
	struct lab *lab = lab_new_known();

	f_ip(&f, "10.0.0.2", "10.0.0.1", 200, (struct ipopt){0});
	f_text(&f, "12345678");
	lab_send(lab, &f);
	lab_expect(lab, "IP 10.0.0.1 > 10.0.0.2 tos 192 ttl 64 icmp type 3 code 2 rest 0x0 len 36");
	cr_assert_eq(lab_drops(lab, DROP_IP_NO_PROTO), 1);
	lab_free(lab);
}

Test(ip4_in, source_routes_are_refused)
{
	struct lab *lab = lab_new();
	uint8_t opts[8] = {131, 7, 4, 10, 0, 0, 9, 0};
	struct ip4_hdr h = {.hdr_len = 28,
			    .total_len = 28,
			    .ttl = 64,
			    .proto = 17,
			    .src = ip("10.0.0.2"),
			    .dst = ip("10.0.0.1")};

	f_start(&f, lab_mac, peer_mac, ETH_TYPE_IP4);
	ip4_emit(&f.w, &h, opts);
	lab_rx(lab, f.b, wr_len(&f.w));
	cr_assert_eq(lab_drops(lab, DROP_IP4_SOURCE_ROUTE), 1);
	lab_free(lab);
}

static net_sock_id sock_disc(struct lab *lab, int disc)
{
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);

	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_MTU_DISCOVER, &disc, 4, 0), 0);
	return s;
}

static bool df(const struct lab *lab)
{
	return lab->frame[20] & 0x40;
}

Test(ip4_out, dont_fragment_follows_ip_mtu_discover)
{
	struct lab *lab = lab_new_known();
	struct name to = name("10.0.0.2", 9);
	static uint8_t big[2000];

	send_to(lab->stack, sock_disc(lab, IP_PMTUDISC_WANT), "x", 1, &to, 0);
	cr_assert(lab_tx(lab) && df(lab));
	send_to(lab->stack, sock_disc(lab, IP_PMTUDISC_DONT), "x", 1, &to, 0);
	cr_assert(lab_tx(lab) && !df(lab));
	cr_assert_eq(send_to(lab->stack, sock_disc(lab, IP_PMTUDISC_DO), big, 1473, &to, 0),
		     -EMSGSIZE);
	cr_assert_eq(send_to(lab->stack, sock_disc(lab, IP_PMTUDISC_DO), big, 1472, &to, 0), 1472);
	lab_flush(lab);
	cr_assert_eq(send_to(lab->stack, sock_disc(lab, IP_PMTUDISC_WANT), big, 2000, &to, 0),
		     2000);
	cr_assert(lab_tx(lab) && !df(lab));
	lab_free(lab);
}

Test(ip4_out, ttl_and_tos_follow_the_options)
{
	struct lab *lab = lab_new_known();
	struct name to = name("10.0.0.2", 9);
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	int ttl = 7, tos = 0x10;

	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_TTL, &ttl, 4, 0);
	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_TOS, &tos, 4, 0);
	send_to(lab->stack, s, "x", 1, &to, 0);
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "tos 16 ttl 7"), "%s", lab->text);
	lab_free(lab);
}

Test(forward, off_by_default_and_decrements_when_on)
{
	struct lab *lab = lab_new_known();
	struct net_tunables tun;

	udp(lab, "10.0.0.2", "192.0.2.1");
	cr_assert_eq(lab_drops(lab, DROP_IP_NOT_US), 1);
	net_stack_get_tunables(lab->stack, &tun);
	tun.ip_forward = 1;
	cr_assert_eq(net_stack_set_tunables(lab->stack, &tun), 0);
	udp(lab, "10.0.0.2", "192.0.2.1");
	/* RFC 1812 5.2.7.2: the sender could have asked the next hop itself. */
	lab_expect(lab, "IP 10.0.0.1 > 10.0.0.2 tos 192 ttl 64 icmp type 5 code 1 rest 0xa0000fe "
			"len 37");
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "IP 10.0.0.2 > 192.0.2.1 ttl 63"), "%s", lab->text);
	cr_assert(ip4_sum_ok(lab->frame + 14, 20));
	f_ip(&f, "10.0.0.2", "192.0.2.1", 17, (struct ipopt){.ttl = 1});
	f_udp(&f, 1, 9, 0);
	lab_send(lab, &f);
	lab_expect(lab,
		   "IP 10.0.0.1 > 10.0.0.2 tos 192 ttl 64 icmp type 11 code 0 rest 0x0 len 36");
	lab_free(lab);
}
