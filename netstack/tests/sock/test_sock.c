/* SPDX-License-Identifier: Apache-2.0 */
/* sock.c, name.c, errq.c, ctl.c, dgram.c */
#include "support/lab.h"

static struct frame f;

Test(sock, ids_are_tagged_with_a_generation)
{
	struct lab *lab = lab_new();
	net_sock_id a = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0), b;

	net_sock_close(lab->stack, a);
	b = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	cr_assert_neq(a, b);
	cr_assert_eq(net_sock_listen(lab->stack, a, 1), -EBADF);
	cr_assert_eq(net_sock_poll(lab->stack, a), 0x20 | EPOLLERR);
	cr_assert_eq(net_sock_listen(lab->stack, 0, 1), -EBADF);
	lab_free(lab);
}

Test(sock, sockets_are_limited)
{
	struct net_config cfg;
	struct lab *lab;
	net_sock_id id;

	net_config_init(&cfg);
	cfg.limits.sockets = 2;
	lab = lab_new_cfg(&cfg, 0);
	open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	open_sock(lab->stack, AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(net_sock_open(lab->stack, &id, AF_INET, SOCK_DGRAM, 0), -ENFILE);
	lab_free(lab);
}

Test(sock, families_types_and_protocols_that_do_not_exist_are_refused)
{
	struct lab *lab = lab_new();
	net_sock_id id;

	cr_assert_eq(net_sock_open(lab->stack, &id, AF_UNIX, SOCK_DGRAM, 0), -EAFNOSUPPORT);
	cr_assert_eq(net_sock_open(lab->stack, &id, AF_INET, SOCK_SEQPACKET, 0), -ESOCKTNOSUPPORT);
	cr_assert_eq(net_sock_open(lab->stack, &id, AF_INET, SOCK_STREAM, IPPROTO_UDP),
		     -EPROTONOSUPPORT);
	cr_assert_eq(net_sock_open(lab->stack, &id, AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6),
		     -EPROTONOSUPPORT);
	cr_assert_eq(net_sock_open(lab->stack, &id, AF_INET, SOCK_RAW, 0), -EPROTONOSUPPORT);
	cr_assert_eq(net_sock_open(lab->stack, &id, AF_INET, SOCK_DGRAM, 256), -EINVAL);
	lab_free(lab);
}

Test(event, many_packets_are_one_event_with_level_and_edge)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name me = name("0.0.0.0", 9);
	struct net_event ev;
	char c;

	net_sock_set_cookie(lab->stack, s, 42);
	net_sock_bind(lab->stack, s, SA(me), me.len);
	for (int i = 0; i < 5; i++)
		lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "x");
	cr_assert(net_stack_next_event(lab->stack, &ev));
	cr_assert_eq(ev.sock, s);
	cr_assert_eq(ev.cookie, 42);
	cr_assert(ev.ready & EPOLLIN);
	cr_assert(ev.woke & EPOLLIN);
	cr_assert(!net_stack_next_event(lab->stack, &ev));
	recv_from(lab->stack, s, &c, 1, NULL, 0);
	cr_assert(net_sock_poll(lab->stack, s) & EPOLLIN);
	lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "x");
	cr_assert(net_stack_next_event(lab->stack, &ev), "an edge, though the level held");
	net_sock_close(lab->stack, s);
	cr_assert(!net_stack_next_event(lab->stack, &ev));
	lab_free(lab);
}

Test(name, ipv4_on_a_dual_stack_socket_is_mapped)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET6, SOCK_DGRAM, 0);
	struct name me = name("::", 9), from;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&from.ss;
	char c, text[64];

	net_sock_bind(lab->stack, s, SA(me), me.len);
	lab_udp(lab, "10.0.0.2", 77, "10.0.0.1", 9, "x");
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, &from, 0), 1);
	cr_assert_eq(from.len, sizeof(*sin6));
	cr_assert_eq(ntohs(sin6->sin6_port), 77);
	inet_ntop(AF_INET6, &sin6->sin6_addr, text, sizeof(text));
	cr_assert_str_eq(text, "::ffff:10.0.0.2");
	cr_assert_eq(send_to(lab->stack, s, "y", 1, &from, 0), 1);
	cr_assert(lab_tx(lab));
	cr_assert(!strncmp(lab->text, "IP 10.0.0.1 > 10.0.0.2", 22), "%s", lab->text);
	lab_free(lab);
}

Test(name, v6only_sockets_do_not_speak_ipv4)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET6, SOCK_DGRAM, 0);
	struct name me = name("::", 9), to = name("::ffff:10.0.0.2", 9);
	int one = 1;
	char c;

	net_sock_setopt(lab->stack, s, IPPROTO_IPV6, IPV6_V6ONLY, &one, 4, 0);
	net_sock_bind(lab->stack, s, SA(me), me.len);
	lab_udp(lab, "10.0.0.2", 77, "10.0.0.1", 9, "x");
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), -EAGAIN);
	cr_assert_eq(send_to(lab->stack, s, "y", 1, &to, 0), -ENETUNREACH);
	lab_free(lab);
}

Test(name, a_short_buffer_is_filled_and_the_full_length_told)
{
	struct lab *lab = lab_new();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in sin = {0};
	socklen_t len = 4;

	cr_assert_eq(net_sock_getsockname(lab->stack, s, (struct sockaddr *)&sin, &len), 0);
	cr_assert_eq(len, sizeof(sin));
	cr_assert_eq(sin.sin_family, AF_INET);
	len = sizeof(sin);
	cr_assert_eq(net_sock_getpeername(lab->stack, s, (struct sockaddr *)&sin, &len), -ENOTCONN);
	lab_free(lab);
}

Test(ctl, what_was_asked_for_is_given)
{
	struct net_config cfg;
	struct lab *lab;
	net_sock_id s;
	struct name me = name("0.0.0.0", 9);
	int one = 1;
	char c;
	struct iovec iov = {&c, 1};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};

	net_config_init(&cfg);
	cfg.wall_offset = NET_SEC(1000000);
	lab = lab_new_cfg(&cfg, 0);
	s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	net_sock_bind(lab->stack, s, SA(me), me.len);
	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_PKTINFO, &one, 4, 0);
	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_RECVTTL, &one, 4, 0);
	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_RECVTOS, &one, 4, 0);
	net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_TIMESTAMPNS, &one, 4, 0);
	f_ip(&f, "10.0.0.2", "10.0.0.255", 17, (struct ipopt){.ttl = 9, .tos = 4});
	f_udp(&f, 1, 9, 1);
	f_text(&f, "x");
	lab_send(lab, &f);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, 0), 1);
	cr_assert_eq(msg.ctl.has, NET_CTL_PKTINFO | NET_CTL_TTL | NET_CTL_TOS | NET_CTL_TIMESTAMP);
	cr_assert_eq(msg.ctl.ifindex, lab->link);
	cr_assert_eq(msg.ctl.dst.v4[3], 255);
	cr_assert_eq(msg.ctl.local.v4[3], 1);
	cr_assert_eq(msg.ctl.ttl, 9);
	cr_assert_eq(msg.ctl.tos, 4);
	cr_assert_eq(msg.ctl.timestamp, lab->now + NET_SEC(1000000));
	lab_free(lab);
}

Test(errq, an_icmp_error_is_queued_with_what_was_sent)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("10.0.0.2", 9), dst;
	char buf[32];
	struct iovec iov = {buf, sizeof(buf)};
	struct net_msg msg = {
		.name = SA(dst), .name_len = sizeof(dst.ss), .iov = &iov, .iov_len = 1};
	int one = 1;

	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_RECVERR, &one, 4, 0);
	cr_assert_eq(send_to(lab->stack, s, "lost", 4, &to, 0), 4);
	cr_assert(lab_tx(lab));
	f_ip(&f, "10.0.0.2", "10.0.0.1", 1, (struct ipopt){0});
	f_icmp(&f, 3, 3, 0);
	f_bytes(&f, lab->frame + 14, lab->frame_len - 14);
	lab_send(lab, &f);
	cr_assert(net_sock_poll(lab->stack, s) & EPOLLERR);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, MSG_ERRQUEUE), 4);
	cr_assert_arr_eq(buf, "lost", 4);
	cr_assert(msg.flags & MSG_ERRQUEUE);
	cr_assert(msg.ctl.has & NET_CTL_ERROR);
	cr_assert_eq(msg.ctl.error.err, ECONNREFUSED);
	cr_assert_eq(msg.ctl.error.origin, 2);
	cr_assert_eq(msg.ctl.error.type, 3);
	cr_assert_eq(msg.ctl.error.offender.v4[3], 2);
	cr_assert_eq(ntohs(((struct sockaddr_in *)&dst.ss)->sin_port), 9);
	cr_assert(!(net_sock_poll(lab->stack, s) & EPOLLERR));
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, MSG_ERRQUEUE), -EAGAIN);
	lab_free(lab);
}

Test(errq, a_datagram_too_big_to_send_is_a_local_error_with_the_mtu)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("10.0.0.2", 9);
	static char big[3000];
	struct iovec iov = {big, 10};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	int one = 1, disc = IP_PMTUDISC_DO;

	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_RECVERR, &one, 4, 0);
	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_MTU_DISCOVER, &disc, 4, 0);
	cr_assert_eq(send_to(lab->stack, s, big, 3000, &to, 0), -EMSGSIZE);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, MSG_ERRQUEUE), 0);
	cr_assert_eq(msg.ctl.error.err, EMSGSIZE);
	cr_assert_eq(msg.ctl.error.origin, 1);
	cr_assert_eq(msg.ctl.error.info, 1500);
	lab_free(lab);
}

Test(dgram, a_full_receive_buffer_drops_and_counts)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name me = name("0.0.0.0", 9);
	int small = 3000, n = 0;
	char c;

	net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_RCVBUF, &small, 4, 0);
	net_sock_bind(lab->stack, s, SA(me), me.len);
	for (int i = 0; i < 10; i++)
		lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "x");
	while (recv_from(lab->stack, s, &c, 1, NULL, 0) == 1)
		n++;
	cr_assert(n >= 1 && n < 10);
	cr_assert_eq((int)lab_drops(lab, DROP_SOCK_RCVBUF), 10 - n);
	cr_assert_eq((int)lab_mib(lab, MIB_Udp_RcvbufErrors), 10 - n);
	lab_free(lab);
}

Test(dgram, a_full_send_buffer_is_eagain_until_the_driver_frees)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("10.0.0.2", 9);
	int small = 4000, n = 0;
	struct net_event ev;
	struct pkt *pkt;

	net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_SNDBUF, &small, 4, 0);
	while (send_to(lab->stack, s, "x", 1, &to, 0) == 1)
		n++;
	cr_assert(n >= 1 && n < 50);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), -EAGAIN);
	cr_assert(!(net_sock_poll(lab->stack, s) & EPOLLOUT));
	while (net_stack_next_event(lab->stack, &ev))
		;
	while ((pkt = net_link_take_output(lab->stack, lab->link)))
		net_pkt_free(pkt);
	cr_assert(net_stack_next_event(lab->stack, &ev));
	cr_assert(ev.woke & EPOLLOUT);
	cr_assert(ev.ready & EPOLLOUT);
	cr_assert_eq(net_sock_count(lab->stack, s, NET_COUNT_OUTQ), 0);
	lab_free(lab);
}

Test(dgram, a_socket_closed_with_packets_out_is_freed_with_the_last)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("10.0.0.2", 9);
	struct net_memory_info mem;

	send_to(lab->stack, s, "x", 1, &to, 0);
	net_sock_close(lab->stack, s);
	net_info_memory(lab->stack, &mem);
	cr_assert_eq(mem.sockets, 1);
	lab_flush(lab);
	net_info_memory(lab->stack, &mem);
	cr_assert_eq(mem.sockets, 0);
	lab_free(lab);
}
