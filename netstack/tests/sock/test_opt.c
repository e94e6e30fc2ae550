/* SPDX-License-Identifier: Apache-2.0 */
/* opt.c, opt_ip.c, opt_ip6.c: works, or Linux's errno. */
#include "support/lab.h"

static struct lab *lab;
static net_sock_id u4, u6, t4;

static void setup(void)
{
	lab = lab_new();
	u4 = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	u6 = open_sock(lab->stack, AF_INET6, SOCK_DGRAM, 0);
	t4 = open_sock(lab->stack, AF_INET, SOCK_STREAM, 0);
}

static void teardown(void)
{
	lab_free(lab);
}

TestSuite(opt, .init = setup, .fini = teardown);

static int set(net_sock_id s, int level, int name, int v)
{
	return net_sock_setopt(lab->stack, s, level, name, &v, sizeof(v), 0);
}

static int get(net_sock_id s, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);
	int r = net_sock_getopt(lab->stack, s, level, name, &v, &len);

	return r < 0 ? r : v;
}

Test(opt, flags_of_every_level_round_trip)
{
	static const struct {
		int family, level, name;
	} all[] = {
		{4, SOL_SOCKET, SO_REUSEADDR},	    {4, SOL_SOCKET, SO_REUSEPORT},
		{4, SOL_SOCKET, SO_BROADCAST},	    {4, SOL_SOCKET, SO_KEEPALIVE},
		{4, SOL_SOCKET, SO_OOBINLINE},	    {4, SOL_SOCKET, SO_DONTROUTE},
		{4, SOL_SOCKET, SO_NO_CHECK},	    {4, SOL_SOCKET, SO_TIMESTAMP},
		{4, SOL_SOCKET, SO_TIMESTAMPNS},    {4, SOL_SOCKET, SO_RXQ_OVFL},
		{4, IPPROTO_IP, IP_PKTINFO},	    {4, IPPROTO_IP, IP_RECVERR},
		{4, IPPROTO_IP, IP_RECVTTL},	    {4, IPPROTO_IP, IP_RECVTOS},
		{4, IPPROTO_IP, IP_FREEBIND},	    {4, IPPROTO_IP, IP_MULTICAST_LOOP},
		{6, IPPROTO_IPV6, IPV6_V6ONLY},	    {6, IPPROTO_IPV6, IPV6_RECVPKTINFO},
		{6, IPPROTO_IPV6, IPV6_RECVERR},    {6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
		{6, IPPROTO_IPV6, IPV6_RECVTCLASS}, {6, IPPROTO_IP, IP_RECVTOS},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		net_sock_id s = all[i].family == 4 ? u4 : u6;

		for (int v = 1; v >= 0; v--) {
			cr_assert_eq(set(s, all[i].level, all[i].name, v), 0, "%d/%d", all[i].level,
				     all[i].name);
			cr_assert_eq(get(s, all[i].level, all[i].name), v, "%d/%d", all[i].level,
				     all[i].name);
		}
	}
}

Test(opt, what_is_unknown_is_enoprotoopt_never_success)
{
	for (int name = 200; name < 300; name++) {
		cr_assert_eq(set(u4, SOL_SOCKET, name, 1), -ENOPROTOOPT);
		cr_assert_eq(get(u4, SOL_SOCKET, name), -ENOPROTOOPT);
		cr_assert_eq(set(u4, IPPROTO_IP, name, 1), -ENOPROTOOPT);
		cr_assert_eq(set(u6, IPPROTO_IPV6, name, 1), -ENOPROTOOPT);
		cr_assert_eq(set(u4, IPPROTO_UDP, name, 1), -ENOPROTOOPT);
	}
	cr_assert_eq(set(u4, IPPROTO_IPV6, IPV6_V6ONLY, 1), -ENOPROTOOPT);
	cr_assert_eq(set(u4, 777, 1, 1), -ENOPROTOOPT);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_TYPE, 1), -ENOPROTOOPT);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_ERROR, 1), -ENOPROTOOPT);
	cr_assert_eq(set(u4, IPPROTO_IP, IP_HDRINCL, 1), -ENOPROTOOPT, "raw sockets only");
}

Test(opt, buffers_are_doubled_and_bounded)
{
	cr_assert_eq(get(u4, SOL_SOCKET, SO_RCVBUF), 212992);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_RCVBUF, 10000), 0);
	cr_assert_eq(get(u4, SOL_SOCKET, SO_RCVBUF), 20000);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_RCVBUF, 1), 0);
	cr_assert_eq(get(u4, SOL_SOCKET, SO_RCVBUF), 2304);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_SNDBUF, 1), 0);
	cr_assert_eq(get(u4, SOL_SOCKET, SO_SNDBUF), 4608);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_SNDBUF, INT32_MAX), 0);
	cr_assert_eq(get(u4, SOL_SOCKET, SO_SNDBUF), 2 * 4194304);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_RCVBUFFORCE, 10000), -EPERM);
}

Test(opt, identity_is_told)
{
	cr_assert_eq(get(u6, SOL_SOCKET, SO_DOMAIN), AF_INET6);
	cr_assert_eq(get(u6, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
	cr_assert_eq(get(u6, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
	cr_assert_eq(get(t4, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	cr_assert_eq(get(t4, SOL_SOCKET, SO_ACCEPTCONN), 0);
}

Test(opt, values_out_of_range_are_einval)
{
	cr_assert_eq(set(u4, IPPROTO_IP, IP_TTL, 0), -EINVAL);
	cr_assert_eq(set(u4, IPPROTO_IP, IP_TTL, 256), -EINVAL);
	cr_assert_eq(set(u4, IPPROTO_IP, IP_TTL, -1), 0);
	cr_assert_eq(get(u4, IPPROTO_IP, IP_TTL), 64);
	cr_assert_eq(set(u4, IPPROTO_IP, IP_MTU_DISCOVER, 6), -EINVAL);
	cr_assert_eq(set(u6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 256), -EINVAL);
	cr_assert_eq(set(u6, IPPROTO_IPV6, IPV6_TCLASS, -2), -EINVAL);
	cr_assert_eq(get(u4, IPPROTO_IP, IP_MTU), -ENOTCONN);
}

Test(opt, short_values_are_refused_or_read_as_a_byte)
{
	uint8_t byte = 9;
	socklen_t len = 1;

	cr_assert_eq(net_sock_setopt(lab->stack, u4, SOL_SOCKET, SO_BROADCAST, &byte, 1, 0),
		     -EINVAL);
	cr_assert_eq(net_sock_setopt(lab->stack, u4, IPPROTO_IP, IP_TTL, &byte, 1, 0), 0);
	cr_assert_eq(get(u4, IPPROTO_IP, IP_TTL), 9);
	cr_assert_eq(net_sock_getopt(lab->stack, u4, IPPROTO_IP, IP_TTL, &byte, &len), 0);
	cr_assert_eq(byte, 9);
	cr_assert_eq(len, 1);
	cr_assert_eq(net_sock_setopt(lab->stack, u6, IPPROTO_IPV6, IPV6_TCLASS, &byte, 1, 0),
		     -EINVAL);
}

Test(opt, privileged_options_need_the_capability)
{
	int v = 1;

	cr_assert_eq(set(u4, SOL_SOCKET, SO_MARK, 1), -EPERM);
	cr_assert_eq(net_sock_setopt(lab->stack, u4, SOL_SOCKET, SO_MARK, &v, 4, NET_CAP_ADMIN), 0);
	cr_assert_eq(get(u4, SOL_SOCKET, SO_MARK), 1);
	cr_assert_eq(set(u4, IPPROTO_IP, IP_TRANSPARENT, 1), -EPERM);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_PRIORITY, 7), -EPERM);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_PRIORITY, 6), 0);
}

Test(opt, linger_round_trips)
{
	struct linger l = {1, 5}, g = {0};
	socklen_t len = sizeof(g);

	cr_assert_eq(net_sock_setopt(lab->stack, t4, SOL_SOCKET, SO_LINGER, &l, sizeof(l), 0), 0);
	cr_assert_eq(net_sock_getopt(lab->stack, t4, SOL_SOCKET, SO_LINGER, &g, &len), 0);
	cr_assert_eq(g.l_onoff, 1);
	cr_assert_eq(g.l_linger, 5);
	cr_assert_eq(net_sock_setopt(lab->stack, t4, SOL_SOCKET, SO_LINGER, &l, 4, 0), -EINVAL);
}

Test(opt, a_streams_tos_keeps_its_ecn_bits)
{
	cr_assert_eq(set(t4, IPPROTO_IP, IP_TOS, 0x13), 0);
	cr_assert_eq(get(t4, IPPROTO_IP, IP_TOS), 0x10);
	cr_assert_eq(set(u4, IPPROTO_IP, IP_TOS, 0x13), 0);
	cr_assert_eq(get(u4, IPPROTO_IP, IP_TOS), 0x13);
}

Test(opt, options_that_change_the_way_out_do)
{
	struct name far = name("192.0.2.1", 9), far6 = name("fd00::2", 9);
	static char big[2000];
	int one = 1;

	lab_neigh(lab, "10.0.0.254", peer_mac);
	lab_neigh(lab, "fd00::2", peer_mac);
	cr_assert_eq(send_to(lab->stack, u4, "x", 1, &far, 0), 1);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_DONTROUTE, 1), 0);
	cr_assert_eq(send_to(lab->stack, u4, "x", 1, &far, 0), -ENETUNREACH);
	cr_assert_eq(send_to(lab->stack, u6, big, 2000, &far6, 0), 2000);
	cr_assert_eq(set(u6, IPPROTO_IPV6, IPV6_DONTFRAG, 1), 0);
	cr_assert_eq(send_to(lab->stack, u6, big, 2000, &far6, 0), -EMSGSIZE);
	lab_flush(lab);
	cr_assert_eq(net_sock_setopt(lab->stack, u6, IPPROTO_IPV6, 70, &one, 4, 0), 0);
	cr_assert_eq(send_to(lab->stack, u6, "x", 1, &far6, 0), 1);
	cr_assert(lab_tx(lab));
	cr_assert(lab->frame[15] & 15 || lab->frame[16] || lab->frame[17], "a flow label");
	cr_assert_eq(net_sock_setopt(lab->stack, u4, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3, 0), 0);
	cr_assert_eq(set(u4, SOL_SOCKET, SO_DONTROUTE, 0), 0);
	send_to(lab->stack, u4, "x", 1, &far, 0);
	lab_quiet(lab);
}
