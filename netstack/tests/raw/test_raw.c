/* SPDX-License-Identifier: Apache-2.0 */
/* SOCK_RAW over IP. */
#include "support/lab.h"

static struct frame f;

Test(raw, an_ipv4_reader_sees_the_header_and_the_stack_still_answers)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_RAW, IPPROTO_ICMP);
	uint8_t buf[64];
	struct name from;

	f_ip(&f, "10.0.0.2", "10.0.0.1", 1, (struct ipopt){0});
	f_icmp(&f, 8, 0, 1);
	lab_send(lab, &f);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), &from, 0), 28);
	cr_assert_eq(buf[0], 0x45);
	cr_assert_eq(buf[20], 8);
	cr_assert_eq(((struct sockaddr_in *)&from.ss)->sin_port, 0);
	cr_assert(lab_tx(lab));
	lab_free(lab);
}

Test(raw, an_ipv6_reader_sees_the_payload_and_icmp_sums_are_made)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	uint8_t echo[8] = {128}, buf[64];
	struct net_addr a = ip("fd00::1"), b = ip("fd00::2");
	struct name to = name("fd00::2", 0);

	cr_assert_eq(send_to(lab->stack, s, echo, 8, &to, 0), 8);
	cr_assert(lab_tx(lab));
	cr_assert_eq(csum_fold(csum_add(csum_pseudo(&a, &b, 58, 8), lab->frame + 54, 8)), 0);
	f_ip(&f, "fd00::2", "fd00::1", 58, (struct ipopt){0});
	f_icmp(&f, 129, 0, 1);
	lab_send(lab, &f);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), 8);
	cr_assert_eq(buf[0], 129);
	lab_free(lab);
}

Test(raw, filters_keep_types_away)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_RAW, IPPROTO_ICMP);
	uint32_t filter = ~(1u << 0);
	uint8_t buf[64];

	cr_assert_eq(net_sock_setopt(lab->stack, s, 255, 1, &filter, 4, 0), 0);
	f_ip(&f, "10.0.0.2", "10.0.0.1", 1, (struct ipopt){0});
	f_icmp(&f, 8, 0, 1);
	lab_send(lab, &f);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), -EAGAIN);
	f_ip(&f, "10.0.0.2", "10.0.0.1", 1, (struct ipopt){0});
	f_icmp(&f, 0, 0, 1);
	lab_send(lab, &f);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), 28);
	lab_free(lab);
}

Test(raw, a_protocol_with_a_reader_is_not_unreachable)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_RAW, 200);
	uint8_t buf[64];

	f_ip(&f, "10.0.0.2", "10.0.0.1", 200, (struct ipopt){0});
	f_text(&f, "12345678");
	lab_send(lab, &f);
	lab_quiet(lab);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), 28);
	lab_free(lab);
}

Test(raw, hdrincl_sends_the_users_header_with_the_gaps_filled)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_RAW, IPPROTO_RAW);
	uint8_t pkt[28] = {0x45, 7, 0, 28, 0, 0, 0, 0, 9, 200};
	struct name to = name("10.0.0.2", 0);

	memcpy(pkt + 16, ip("10.0.0.2").v4, 4);
	cr_assert_eq(send_to(lab->stack, s, pkt, 28, &to, 0), 28);
	lab_expect(lab, "IP 10.0.0.1 > 10.0.0.2 tos 7 ttl 9 proto 200 len 8");
	cr_assert(ip4_sum_ok(lab->frame + 14, 20));
	cr_assert_eq(send_to(lab->stack, s, pkt, 10, &to, 0), -EINVAL);
	lab_free(lab);
}

Test(ping_sock, only_echo_requests_may_be_sent_and_errors_come_back)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	uint8_t reply[8] = {0}, echo[8] = {8}, buf[64];
	struct name to = name("10.0.0.2", 0);
	struct iovec iov = {buf, sizeof(buf)};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	int one = 1;

	cr_assert_eq(send_to(lab->stack, s, reply, 8, &to, 0), -EINVAL);
	cr_assert_eq(send_to(lab->stack, s, echo, 7, &to, 0), -EINVAL);
	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_RECVERR, &one, 4, 0);
	cr_assert_eq(send_to(lab->stack, s, echo, 8, &to, 0), 8);
	cr_assert(lab_tx(lab));
	f_ip(&f, "10.0.0.254", "10.0.0.1", 1, (struct ipopt){0});
	f_icmp(&f, 11, 0, 0);
	f_bytes(&f, lab->frame + 14, 28);
	lab_send(lab, &f);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, MSG_ERRQUEUE), 8);
	cr_assert_eq(msg.ctl.error.type, 11);
	cr_assert_eq(msg.ctl.error.err, EHOSTUNREACH);
	lab_free(lab);
}

/* RFC 3542 3.1: ICMPv6 has its sum always. Linux refuses the option at the level IPPROTO_IPV6 only. */
Test(raw, the_checksum_option_of_icmpv6_is_refused_at_the_ipv6_level)
{
	struct lab *lab = lab_new();
	net_sock_id s = open_sock(lab->stack, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	int off = 2, odd = 3;
	socklen_t len = sizeof(off);

	cr_assert_eq(net_sock_setopt(lab->stack, s, 255, 7, &off, 4, 0), 0);
	cr_assert_eq(net_sock_setopt(lab->stack, s, 255, 7, &odd, 4, 0), -EINVAL);
	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_IPV6, 7, &off, 4, 0), -EINVAL);
	cr_assert_eq(net_sock_getopt(lab->stack, s, IPPROTO_IPV6, 7, &odd, &len), 0);
	cr_assert_eq(odd, 2);
	lab_free(lab);
}
