/* SPDX-License-Identifier: Apache-2.0 */
/* demux.c, ports.c, bind.c: who receives, who may bind. */
#include "support/lab.h"

static int bind_to(struct lab *lab, net_sock_id s, const char *addr, uint16_t port)
{
	struct name n = name(addr, port);

	return net_sock_bind(lab->stack, s, SA(n), n.len);
}

static net_sock_id udp(struct lab *lab, int family)
{
	return open_sock(lab->stack, family, SOCK_DGRAM, 0);
}

static void set(struct lab *lab, net_sock_id s, int level, int opt, int v)
{
	cr_assert_eq(net_sock_setopt(lab->stack, s, level, opt, &v, 4, NET_CAP_RAW), 0);
}

static uint16_t port_of(struct lab *lab, net_sock_id s)
{
	struct sockaddr_in6 sin6;
	socklen_t len = sizeof(sin6);

	cr_assert_eq(net_sock_getsockname(lab->stack, s, (struct sockaddr *)&sin6, &len), 0);
	return ntohs(sin6.sin6_port); /* same place in both families */
}

Test(ports, the_same_address_and_port_is_in_use)
{
	struct lab *lab = lab_new();

	cr_assert_eq(bind_to(lab, udp(lab, AF_INET), "10.0.0.1", 53), 0);
	cr_assert_eq(bind_to(lab, udp(lab, AF_INET), "10.0.0.1", 53), -EADDRINUSE);
	cr_assert_eq(bind_to(lab, udp(lab, AF_INET), "0.0.0.0", 53), -EADDRINUSE);
	cr_assert_eq(bind_to(lab, udp(lab, AF_INET6), "::", 53), -EADDRINUSE);
	cr_assert_eq(bind_to(lab, udp(lab, AF_INET), "127.0.0.1", 53), 0);
	cr_assert_eq(bind_to(lab, udp(lab, AF_INET6), "fd00::1", 53), 0);
	lab_free(lab);
}

Test(ports, v6only_wildcards_do_not_meet_ipv4)
{
	struct lab *lab = lab_new();
	net_sock_id s = udp(lab, AF_INET6);

	cr_assert_eq(bind_to(lab, udp(lab, AF_INET), "0.0.0.0", 53), 0);
	set(lab, s, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	cr_assert_eq(bind_to(lab, s, "::", 53), 0);
	lab_free(lab);
}

Test(ports, reuse_needs_both_and_reuseport_the_same_user)
{
	struct lab *lab = lab_new();
	net_sock_id a = udp(lab, AF_INET), b = udp(lab, AF_INET), c = udp(lab, AF_INET);

	set(lab, a, SOL_SOCKET, SO_REUSEPORT, 1);
	set(lab, b, SOL_SOCKET, SO_REUSEPORT, 1);
	set(lab, c, SOL_SOCKET, SO_REUSEPORT, 1);
	cr_assert_eq(net_sock_set_owner(lab->stack, c, 1000, 1), 0);
	cr_assert_eq(bind_to(lab, a, "0.0.0.0", 53), 0);
	cr_assert_eq(bind_to(lab, b, "0.0.0.0", 53), 0);
	cr_assert_eq(bind_to(lab, c, "0.0.0.0", 53), -EADDRINUSE);
	cr_assert_eq(bind_to(lab, udp(lab, AF_INET), "0.0.0.0", 53), -EADDRINUSE);
	lab_free(lab);
}

Test(ports, a_listener_is_not_shared_through_reuseaddr)
{
	struct lab *lab = lab_new();
	net_sock_id a = open_sock(lab->stack, AF_INET, SOCK_STREAM, 0);
	net_sock_id b = open_sock(lab->stack, AF_INET, SOCK_STREAM, 0);

	set(lab, a, SOL_SOCKET, SO_REUSEADDR, 1);
	set(lab, b, SOL_SOCKET, SO_REUSEADDR, 1);
	cr_assert_eq(bind_to(lab, a, "0.0.0.0", 80), 0);
	cr_assert_eq(bind_to(lab, b, "0.0.0.0", 80), 0);
	cr_assert_eq(net_sock_listen(lab->stack, a, 5), 0);
	cr_assert_eq(net_sock_listen(lab->stack, b, 5), -EADDRINUSE);
	lab_free(lab);
}

Test(ports, chosen_ports_are_in_the_range_and_run_out)
{
	struct net_config cfg;
	struct lab *lab;
	uint32_t seen = 0;

	net_config_init(&cfg);
	cfg.tunables.ip_local_port_range[0] = 40000;
	cfg.tunables.ip_local_port_range[1] = 40007;
	lab = lab_new_cfg(&cfg, 0);
	for (int i = 0; i < 8; i++) {
		net_sock_id s = udp(lab, AF_INET);

		cr_assert_eq(bind_to(lab, s, "0.0.0.0", 0), 0);
		seen |= 1u << (port_of(lab, s) - 40000);
	}
	cr_assert_eq(seen, 0xff);
	cr_assert_eq(bind_to(lab, udp(lab, AF_INET), "0.0.0.0", 0), -EADDRINUSE);
	lab_free(lab);
}

Test(ports, closing_frees_the_port)
{
	struct lab *lab = lab_new();
	net_sock_id s = udp(lab, AF_INET);

	cr_assert_eq(bind_to(lab, s, "0.0.0.0", 53), 0);
	cr_assert_eq(net_sock_close(lab->stack, s), 0);
	cr_assert_eq(net_sock_close(lab->stack, s), -EBADF);
	cr_assert_eq(bind_to(lab, udp(lab, AF_INET), "0.0.0.0", 53), 0);
	lab_free(lab);
}

Test(bind, refuses_what_is_not_ours_or_makes_no_sense)
{
	struct lab *lab = lab_new();
	net_sock_id s = udp(lab, AF_INET), s6 = udp(lab, AF_INET6);
	struct name n6 = name("::1", 5), n4 = name("127.0.0.1", 5);

	cr_assert_eq(bind_to(lab, s, "10.0.0.9", 53), -EADDRNOTAVAIL);
	cr_assert_eq(bind_to(lab, s6, "fd00::9", 53), -EADDRNOTAVAIL);
	cr_assert_eq(bind_to(lab, s6, "fe80::1", 53), -EINVAL, "no scope");
	cr_assert_eq(net_sock_bind(lab->stack, s, SA(n4), 7), -EINVAL);
	cr_assert_eq(net_sock_bind(lab->stack, s, SA(n6), n6.len), -EAFNOSUPPORT);
	cr_assert_eq(net_sock_bind(lab->stack, s6, SA(n4), n4.len), -EINVAL);
	cr_assert_eq(bind_to(lab, s, "127.0.0.1", 53), 0);
	cr_assert_eq(bind_to(lab, s, "127.0.0.1", 54), -EINVAL, "bound already");
	lab_free(lab);
}

Test(demux, the_most_specific_receiver_wins)
{
	struct lab *lab = lab_new_known();
	net_sock_id any = udp(lab, AF_INET), addr = udp(lab, AF_INET), conn = udp(lab, AF_INET);
	net_sock_id six = udp(lab, AF_INET6);
	struct name peer = name("10.0.0.2", 7);
	char c;

	set(lab, any, SOL_SOCKET, SO_REUSEADDR, 1);
	set(lab, addr, SOL_SOCKET, SO_REUSEADDR, 1);
	set(lab, conn, SOL_SOCKET, SO_REUSEADDR, 1);
	set(lab, six, SOL_SOCKET, SO_REUSEADDR, 1);
	cr_assert_eq(bind_to(lab, six, "::", 53), 0);
	lab_udp(lab, "10.0.0.2", 7, "10.0.0.1", 53, "x");
	cr_assert_eq(recv_from(lab->stack, six, &c, 1, NULL, 0), 1, "dual stack");
	cr_assert_eq(bind_to(lab, any, "0.0.0.0", 53), 0);
	lab_udp(lab, "10.0.0.2", 7, "10.0.0.1", 53, "x");
	cr_assert_eq(recv_from(lab->stack, any, &c, 1, NULL, 0), 1);
	cr_assert_eq(bind_to(lab, addr, "10.0.0.1", 53), 0);
	lab_udp(lab, "10.0.0.2", 7, "10.0.0.1", 53, "x");
	cr_assert_eq(recv_from(lab->stack, addr, &c, 1, NULL, 0), 1);
	cr_assert_eq(bind_to(lab, conn, "10.0.0.1", 53), 0);
	cr_assert_eq(net_sock_connect(lab->stack, conn, SA(peer), peer.len), 0);
	lab_udp(lab, "10.0.0.2", 7, "10.0.0.1", 53, "x");
	cr_assert_eq(recv_from(lab->stack, conn, &c, 1, NULL, 0), 1);
	lab_udp(lab, "10.0.0.2", 8, "10.0.0.1", 53, "x");
	cr_assert_eq(recv_from(lab->stack, addr, &c, 1, NULL, 0), 1);
	lab_free(lab);
}

Test(demux, a_bound_device_takes_nothing_from_other_links)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = udp(lab, AF_INET);
	struct name to = name("127.0.0.1", 53);
	char c;

	cr_assert_eq(net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5, 0), 0);
	cr_assert_eq(bind_to(lab, s, "0.0.0.0", 53), 0);
	send_to(lab->stack, udp(lab, AF_INET), "x", 1, &to, 0);
	lab_flush(lab);
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), -EAGAIN);
	lab_udp(lab, "10.0.0.2", 7, "10.0.0.1", 53, "x");
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), 1);
	cr_assert_eq(net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_BINDTODEVICE, "eth9", 5, 3),
		     -ENODEV);
	lab_free(lab);
}

Test(demux, a_reuseport_group_shares_flows_and_keeps_each)
{
	struct lab *lab = lab_new_known();
	net_sock_id s[4];
	int count[4] = {0};
	char c;

	for (int i = 0; i < 4; i++) {
		s[i] = udp(lab, AF_INET);
		set(lab, s[i], SOL_SOCKET, SO_REUSEPORT, 1);
		cr_assert_eq(bind_to(lab, s[i], "0.0.0.0", 53), 0);
	}
	for (uint16_t port = 1000; port < 1200; port++) {
		int first = -1;

		for (int twice = 0; twice < 2; twice++) {
			lab_udp(lab, "10.0.0.2", port, "10.0.0.1", 53, "x");
			for (int i = 0; i < 4; i++) {
				if (recv_from(lab->stack, s[i], &c, 1, NULL, 0) != 1)
					continue;
				count[i]++;
				cr_assert(first < 0 || first == i, "a flow stays with its socket");
				first = i;
			}
		}
	}
	for (int i = 0; i < 4; i++)
		cr_assert(count[i] > 40 && count[i] < 180, "%d", count[i]);
	lab_free(lab);
}
