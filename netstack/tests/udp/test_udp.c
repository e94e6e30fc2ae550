/* SPDX-License-Identifier: Apache-2.0 */
/* UDP receive path: RFC 768, RFC 1122 4.1. */
#include "support/lab.h"

#include "sim/sim.h"

static void echo_between_stacks(int family, enum net_link_kind kind)
{
	struct sim *sim = sim_new(1);
	int a = sim_add_stack(sim, NULL), b = sim_add_stack(sim, NULL);
	struct sim_link_config lc = {.kind = kind, .delay = NET_MS(1)};
	int link = sim_connect(sim, a, b, &lc);
	struct net_stack *sa = sim_stack(sim, a), *sb = sim_stack(sim, b);
	net_sock_id ca = open_sock(sa, family, SOCK_DGRAM, 0);
	net_sock_id cb = open_sock(sb, family, SOCK_DGRAM, 0);
	struct name to, from;
	char buf[64];

	to.len = sim_addr(sim, link, 1, family, 7, &to.ss);
	cr_assert_eq(net_sock_bind(sb, cb, SA(to), to.len), 0);
	cr_assert_eq(send_to(sa, ca, "hello", 5, &to, 0), 5);
	sim_run_for(sim, NET_MS(100));
	cr_assert_eq(recv_from(sb, cb, buf, sizeof(buf), &from, 0), 5);
	cr_assert_arr_eq(buf, "hello", 5);
	cr_assert_eq(send_to(sb, cb, "world!", 6, &from, 0), 6);
	sim_run_for(sim, NET_MS(100));
	cr_assert_eq(recv_from(sa, ca, buf, sizeof(buf), &from, 0), 6);
	cr_assert_arr_eq(buf, "world!", 6);
	sim_free(sim);
}

Test(udp, two_stacks_echo_over_ipv4_and_ethernet)
{
	echo_between_stacks(AF_INET, NET_LINK_ETHER);
}

Test(udp, two_stacks_echo_over_ipv6_and_ethernet)
{
	echo_between_stacks(AF_INET6, NET_LINK_ETHER);
}

Test(udp, two_stacks_echo_over_a_tunnel)
{
	echo_between_stacks(AF_INET, NET_LINK_IP);
	echo_between_stacks(AF_INET6, NET_LINK_IP);
}

Test(udp, a_closed_port_draws_port_unreachable)
{
	struct lab *lab = lab_new_known();

	lab_udp(lab, "10.0.0.2", 5, "10.0.0.1", 9, "x");
	lab_expect(lab, "IP 10.0.0.1 > 10.0.0.2 tos 192 ttl 64 icmp type 3 code 3 rest 0x0 len 37");
	lab_quiet(lab);
	lab_udp(lab, "fd00::2", 5, "fd00::1", 9, "x");
	lab_expect(lab, "IP6 fd00::1 > fd00::2 hlim 64 icmp6 type 1 code 4 rest 0x0 len 57");
	lab_quiet(lab);
	cr_assert_eq(lab_drops(lab, DROP_UDP_NO_SOCKET), 2);
	cr_assert_eq(lab_mib(lab, MIB_Udp_NoPorts), 1);
	lab_free(lab);
}
