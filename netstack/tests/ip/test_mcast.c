/* SPDX-License-Identifier: Apache-2.0 */
/* mcast.c, igmp.c, mld.c and the memberships of sockets. */
#include "support/lab.h"

static struct frame f;

static net_sock_id member(struct lab *lab, const char *group, uint16_t port)
{
	struct net_addr g = ip(group);
	net_sock_id s = open_sock(lab->stack, g.family, SOCK_DGRAM, 0);
	struct name me = name(g.family == AF_INET ? "0.0.0.0" : "::", port);
	struct ip_mreqn m4 = {.imr_ifindex = lab->link};
	struct ipv6_mreq m6 = {.ipv6mr_interface = (unsigned)lab->link};
	int one = 1;

	net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_REUSEADDR, &one, 4, 0);
	cr_assert_eq(net_sock_bind(lab->stack, s, SA(me), me.len), 0);
	if (g.family == AF_INET) {
		memcpy(&m4.imr_multiaddr, g.v4, 4);
		cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m4,
					     sizeof(m4), 0),
			     0);
		cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m4,
					     sizeof(m4), 0),
			     -EADDRINUSE);
	} else {
		memcpy(&m6.ipv6mr_multiaddr, g.v6, 16);
		cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m6,
					     sizeof(m6), 0),
			     0);
	}
	return s;
}

Test(igmp, a_join_is_reported_twice_and_a_leave_once)
{
	struct lab *lab = lab_new();
	net_sock_id s = member(lab, "239.1.1.1", 5000);

	lab_expect(lab, "IP 10.0.0.1 > 224.0.0.22 tos 192 ttl 1 proto 2 len 16");
	cr_assert_eq(lab->frame[14 + 24], IGMP_V3_REPORT);
	cr_assert_eq(lab->frame[14 + 24 + 8], 4, "CHANGE_TO_EXCLUDE");
	lab_quiet(lab);
	lab_after(lab, NET_SEC(1));
	lab_expect(lab, "IP 10.0.0.1 > 224.0.0.22 tos 192 ttl 1 proto 2 len 16");
	net_sock_close(lab->stack, s);
	lab_expect(lab, "IP 10.0.0.1 > 224.0.0.22 tos 192 ttl 1 proto 2 len 16");
	cr_assert_eq(lab->frame[14 + 24 + 8], 3, "CHANGE_TO_INCLUDE");
	lab_quiet(lab);
	cr_assert_eq(net_stack_deadline(lab->stack), NET_TIME_NEVER);
	lab_free(lab);
}

Test(igmp, a_query_is_answered_within_its_time)
{
	struct lab *lab = lab_new();
	uint8_t q[8] = {IGMP_QUERY, 100};

	member(lab, "239.1.1.1", 5000);
	lab_flush(lab);
	lab_after(lab, NET_SEC(1));
	lab_flush(lab);
	store_be16(q + 2, csum_fold(csum_add(0, q, 8)));
	f_ip(&f, "10.0.0.254", "224.0.0.1", 2, (struct ipopt){.ttl = 1});
	f_bytes(&f, q, 8);
	lab_send(lab, &f);
	lab_quiet(lab);
	lab_after(lab, NET_SEC(10));
	/* The querier speaks version 2: so do we (RFC 3376 7.2.1). */
	lab_expect(lab, "IP 10.0.0.1 > 239.1.1.1 tos 192 ttl 1 proto 2 len 8");
	cr_assert_eq(lab->frame[14 + 24], IGMP_V2_REPORT);
	lab_free(lab);
}

Test(mld, a_join_is_reported)
{
	struct lab *lab = lab_new();

	lab_addr(lab, "fe80::1", 64);
	lab_flush(lab);
	lab_after(lab, NET_SEC(2));
	lab_flush(lab);
	member(lab, "ff05::77", 5000);
	lab_expect(lab, "IP6 fe80::1 > ff02::16 hlim 1 proto 0 len 36");
	lab_flush(lab);
	lab_free(lab);
}

Test(mcast, every_member_gets_a_copy_and_others_none)
{
	struct lab *lab = lab_new_known();
	net_sock_id a = member(lab, "239.1.1.1", 5000), b = member(lab, "239.1.1.1", 5000);
	net_sock_id c = member(lab, "239.1.1.2", 5000);
	char buf[8];
	int off = 0;

	lab_udp(lab, "10.0.0.2", 1, "239.1.1.1", 5000, "hey");
	cr_assert_eq(recv_from(lab->stack, a, buf, 8, NULL, 0), 3);
	cr_assert_eq(recv_from(lab->stack, b, buf, 8, NULL, 0), 3);
	cr_assert_eq(recv_from(lab->stack, c, buf, 8, NULL, 0), 3, "IP_MULTICAST_ALL");
	net_sock_setopt(lab->stack, c, IPPROTO_IP, IP_MULTICAST_ALL, &off, 4, 0);
	lab_udp(lab, "10.0.0.2", 1, "239.1.1.1", 5000, "hey");
	cr_assert_eq(recv_from(lab->stack, c, buf, 8, NULL, 0), -EAGAIN);
	lab_udp(lab, "10.0.0.2", 1, "239.1.1.9", 5000, "hey");
	cr_assert_eq(lab_drops(lab, DROP_MCAST_NOT_JOINED), 1);
	lab_free(lab);
}

Test(mcast, our_own_packets_loop_back_unless_switched_off)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = member(lab, "239.1.1.1", 5000);
	struct name to = name("239.1.1.1", 5000);
	uint8_t off = 0;
	char buf[8];

	lab_flush(lab);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), 1);
	lab_expect(lab, "IP 10.0.0.1 > 239.1.1.1 ttl 1 udp 5000 > 5000 len 9");
	cr_assert_eq(lab->frame[0], 0x01);
	cr_assert_eq(lab->frame[5], 0x01);
	cr_assert_eq(recv_from(lab->stack, s, buf, 8, NULL, 0), 1);
	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_MULTICAST_LOOP, &off, 1, 0), 0);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), 1);
	lab_flush(lab);
	cr_assert_eq(recv_from(lab->stack, s, buf, 8, NULL, 0), -EAGAIN);
	lab_free(lab);
}

Test(mcast, memberships_of_a_socket_are_limited)
{
	struct lab *lab = lab_new();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct ip_mreqn m = {.imr_ifindex = lab->link};
	int n = 0;

	for (;; n++) {
		struct net_addr g = ip("239.0.0.1");

		g.v4[2] = (uint8_t)n;
		memcpy(&m.imr_multiaddr, g.v4, 4);
		if (net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m), 0))
			break;
	}
	cr_assert_eq(n, 20);
	lab_free(lab);
}
