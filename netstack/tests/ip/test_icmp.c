/* SPDX-License-Identifier: Apache-2.0 */
/* icmp.c, icmp4.c, icmp6.c: RFC 792, RFC 1122 3.2.2, RFC 4443. */
#include "support/lab.h"

static struct frame f;

static void echo(struct lab *lab, const char *src, const char *dst, uint8_t type)
{
	f_ip(&f, src, dst, type == 8 ? 1 : 58, (struct ipopt){0});
	f_icmp(&f, type, 0, 0x00070001);
	f_text(&f, "payload");
	lab_send(lab, &f);
}

Test(icmp, echo_is_answered_with_its_own_data)
{
	struct lab *lab = lab_new_known();

	echo(lab, "10.0.0.2", "10.0.0.1", 8);
	lab_expect(lab, "IP 10.0.0.1 > 10.0.0.2 ttl 64 icmp type 0 code 0 rest 0x70001 len 15");
	cr_assert_arr_eq(lab->frame + 42, "payload", 7);
	cr_assert_eq(csum_fold(csum_add(0, lab->frame + 34, 15)), 0);
	echo(lab, "fd00::2", "fd00::1", 128);
	lab_expect(lab, "IP6 fd00::1 > fd00::2 hlim 64 icmp6 type 129 code 0 rest 0x70001 len 15");
	lab_free(lab);
}

Test(icmp, echo_to_broadcast_is_ignored)
{
	struct lab *lab = lab_new_known();

	echo(lab, "10.0.0.2", "10.0.0.255", 8);
	lab_quiet(lab);
	cr_assert_eq(lab_drops(lab, DROP_ICMP_BROADCAST_ECHO), 1);
	lab_free(lab);
}

Test(icmp, a_wrong_checksum_is_a_drop)
{
	struct lab *lab = lab_new_known();
	size_t len;

	f_ip(&f, "10.0.0.2", "10.0.0.1", 1, (struct ipopt){0});
	f_icmp(&f, 8, 0, 1);
	len = f_done(&f);
	f.b[len - 1] ^= 1;
	lab_rx(lab, f.b, len);
	lab_quiet(lab);
	cr_assert_eq(lab_drops(lab, DROP_ICMP_CHECKSUM), 1);
	lab_free(lab);
}

/* RFC 1122 3.2.2: never about an error, a broadcast, a fragment other than the first. */
Test(icmp, no_error_is_sent_about_an_error_or_a_broadcast)
{
	struct lab *lab = lab_new_known();

	lab_udp(lab, "10.0.0.2", 1, "10.0.0.255", 9, "x");
	lab_quiet(lab);
	f_ip(&f, "10.0.0.2", "10.0.0.1", 1, (struct ipopt){0});
	f_icmp(&f, 3, 1, 0);
	f_text(&f, "0123456789012345678901234567");
	lab_send(lab, &f);
	lab_quiet(lab);
	lab_free(lab);
}

Test(icmp, errors_to_one_peer_are_limited_to_a_burst_and_then_one_per_second)
{
	struct lab *lab = lab_new_known();
	int sent = 0;

	for (int i = 0; i < 20; i++)
		lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "x");
	while (lab_tx(lab))
		sent++;
	cr_assert_eq(sent, 6);
	cr_assert_eq(lab_drops(lab, DROP_ICMP_RATE_LIMIT), 14);
	lab_after(lab, NET_SEC(1));
	lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "x");
	lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "x");
	sent = 0;
	while (lab_tx(lab))
		sent++;
	cr_assert_eq(sent, 1);
	lab_free(lab);
}

/* The quote begins with the packet's own header and is no longer than 576 bytes in all. */
Test(icmp, the_offending_packet_is_quoted)
{
	struct lab *lab = lab_new_known();
	static uint8_t big[1000];

	f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){0});
	f_udp(&f, 1, 9, 1000);
	f_bytes(&f, big, 1000);
	lab_send(lab, &f);
	cr_assert(lab_tx(lab));
	cr_assert_eq(lab->frame_len, 14 + 576);
	cr_assert_arr_eq(lab->frame + 42, f.b + 14, 28);
	lab_free(lab);
}

static net_sock_id connected(struct lab *lab, const char *dst)
{
	net_sock_id s = open_sock(lab->stack, ip(dst).family, SOCK_DGRAM, 0);
	struct name to = name(dst, 9);

	cr_assert_eq(net_sock_connect(lab->stack, s, SA(to), to.len), 0);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, NULL, 0), 1);
	cr_assert(lab_tx(lab));
	return s;
}

/* An error that quotes the frame that was sent last. */
static void error_about_last(struct lab *lab, const char *from, uint8_t type, uint8_t code,
			     uint32_t rest)
{
	bool v6 = ip(from).family == AF_INET6;

	f_ip(&f, from, v6 ? "fd00::1" : "10.0.0.1", v6 ? 58 : 1, (struct ipopt){0});
	f_icmp(&f, type, code, rest);
	f_bytes(&f, lab->frame + 14, MIN(lab->frame_len - 14, (size_t)548));
	lab_send(lab, &f);
}

Test(icmp, port_unreachable_reaches_the_connected_socket)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = connected(lab, "10.0.0.2");
	char c;

	error_about_last(lab, "10.0.0.2", 3, 3, 0);
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), -ECONNREFUSED);
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), -EAGAIN);
	s = connected(lab, "fd00::2");
	error_about_last(lab, "fd00::2", 1, 4, 0);
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), -ECONNREFUSED);
	lab_free(lab);
}

Test(icmp, an_error_about_a_packet_we_did_not_send_is_ignored)
{
	struct lab *lab = lab_new_known();

	connected(lab, "10.0.0.2");
	lab->frame[14 + 15] = 99; /* its source */
	store_be16(lab->frame + 24, 0);
	store_be16(lab->frame + 24, csum_fold(csum_add(0, lab->frame + 14, 20)));
	error_about_last(lab, "10.0.0.2", 3, 3, 0);
	cr_assert_eq(lab_drops(lab, DROP_ICMP_NO_SOCKET), 1);
	lab_free(lab);
}

/* RFC 1191: the new MTU is learned, and later packets keep to it. */
Test(pmtu, fragmentation_needed_lowers_the_path_mtu)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("192.0.2.1", 9);
	static uint8_t big[1400];
	int v, one = 1;
	socklen_t len = 4;

	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_RECVERR, &one, 4, 0);
	cr_assert_eq(net_sock_connect(lab->stack, s, SA(to), to.len), 0);
	cr_assert_eq(net_sock_getopt(lab->stack, s, IPPROTO_IP, IP_MTU, &v, &len), 0);
	cr_assert_eq(v, 1500);
	send_to(lab->stack, s, big, 1400, NULL, 0);
	cr_assert(lab_tx(lab));
	error_about_last(lab, "10.0.0.254", 3, 4, 1000);
	cr_assert_eq(net_sock_getopt(lab->stack, s, IPPROTO_IP, IP_MTU, &v, &len), 0);
	cr_assert_eq(v, 1000);
	cr_assert_eq(send_to(lab->stack, s, big, 1400, NULL, 0), -EMSGSIZE, "SO_ERROR comes first");
	cr_assert_eq(send_to(lab->stack, s, big, 1400, NULL, 0), 1400);
	cr_assert(lab_tx(lab));
	cr_assert_leq(lab->frame_len, 14 + 1000);
	lab_flush(lab);
	/* Forgotten after ten minutes. */
	lab_after(lab, NET_SEC(601));
	cr_assert_eq(net_sock_connect(lab->stack, s, SA(to), to.len), 0);
	cr_assert_eq(net_sock_getopt(lab->stack, s, IPPROTO_IP, IP_MTU, &v, &len), 0);
	cr_assert_eq(v, 1500);
	lab_free(lab);
}

Test(pmtu, an_mtu_that_is_not_smaller_than_the_packet_is_nonsense)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = connected(lab, "192.0.2.1");
	int v;
	socklen_t len = 4;

	error_about_last(lab, "10.0.0.254", 3, 4, 1000);
	cr_assert_eq(net_sock_getopt(lab->stack, s, IPPROTO_IP, IP_MTU, &v, &len), 0);
	cr_assert_eq(v, 1500);
	lab_free(lab);
}

/* RFC 8201 4: below 1280 is not believed. */
Test(pmtu, packet_too_big_lowers_the_ipv6_path_mtu_but_not_below_1280)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET6, SOCK_DGRAM, 0);
	struct name to = name("2001:db8::1", 9);
	static uint8_t big[1400];
	int v;
	socklen_t len = 4;

	cr_assert_eq(net_sock_connect(lab->stack, s, SA(to), to.len), 0);
	send_to(lab->stack, s, big, 1400, NULL, 0);
	cr_assert(lab_tx(lab));
	error_about_last(lab, "fd00::fe", 2, 0, 600);
	cr_assert_eq(net_sock_getopt(lab->stack, s, IPPROTO_IPV6, IPV6_MTU, &v, &len), 0);
	cr_assert_eq(v, 1500);
	send_to(lab->stack, s, big, 1400, NULL, 0);
	cr_assert(lab_tx(lab));
	error_about_last(lab, "fd00::fe", 2, 0, 1300);
	cr_assert_eq(net_sock_getopt(lab->stack, s, IPPROTO_IPV6, IPV6_MTU, &v, &len), 0);
	cr_assert_eq(v, 1300);
	lab_free(lab);
}

/* RFC 5927: a report about a flow that we do not have teaches nothing. */
Test(pmtu, a_report_about_no_socket_is_not_believed)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("192.0.2.1", 9);
	static uint8_t big[1400];
	int v;
	socklen_t len = 4;

	cr_assert_eq(send_to(lab->stack, s, big, 1400, &to, 0), 1400);
	cr_assert(lab_tx(lab));
	net_sock_close(lab->stack, s);
	error_about_last(lab, "10.0.0.254", 3, 4, 1000);
	s = connected(lab, "192.0.2.1");
	cr_assert_eq(net_sock_getopt(lab->stack, s, IPPROTO_IP, IP_MTU, &v, &len), 0);
	cr_assert_eq(v, 1500);
	lab_free(lab);
}
