/* SPDX-License-Identifier: Apache-2.0 */
/* UDP sockets: sending, corking, receiving, errors. */
#include "support/lab.h"

static struct lab *lab;
static net_sock_id s;
static struct name peer;

static void setup(void)
{
	lab = lab_new_known();
	s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	peer = name("10.0.0.2", 9);
}

static void teardown(void)
{
	lab_free(lab);
}

TestSuite(udp_sock, .init = setup, .fini = teardown);

static void bind_9(void)
{
	struct name me = name("0.0.0.0", 9);

	cr_assert_eq(net_sock_bind(lab->stack, s, SA(me), me.len), 0);
}

Test(udp_sock, send_without_a_destination_is_edestaddrreq)
{
	struct name zero = name("10.0.0.2", 0);

	cr_assert_eq(send_to(lab->stack, s, "x", 1, NULL, 0), -EDESTADDRREQ);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &zero, 0), -EINVAL);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &peer, MSG_OOB), -EOPNOTSUPP);
}

Test(udp_sock, the_largest_datagram_and_one_more)
{
	static uint8_t big[65508];

	cr_assert_eq(send_to(lab->stack, s, big, 65508, &peer, 0), -EMSGSIZE);
	cr_assert_eq(send_to(lab->stack, s, big, 65507, &peer, 0), 65507);
}

Test(udp_sock, an_empty_datagram_is_a_datagram)
{
	char c;

	bind_9();
	cr_assert_eq(send_to(lab->stack, s, "", 0, &peer, 0), 0);
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "udp 9 > 9 len 8"), "%s", lab->text);
	lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "");
	cr_assert(net_sock_poll(lab->stack, s) & EPOLLIN);
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), 0);
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), -EAGAIN);
}

Test(udp_sock, broadcast_needs_permission)
{
	struct name all = name("10.0.0.255", 9), limited = name("255.255.255.255", 9);
	int one = 1;

	cr_assert_eq(send_to(lab->stack, s, "x", 1, &all, 0), -EACCES);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &limited, 0), -EACCES);
	cr_assert_eq(net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_BROADCAST, &one, 4, 0), 0);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &all, 0), 1);
	cr_assert(lab_tx(lab));
	cr_assert(eth_is_broadcast(lab->frame));
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &limited, 0), 1);
	cr_assert(lab_tx(lab));
	cr_assert(eth_is_broadcast(lab->frame));
}

Test(udp_sock, the_checksum_is_right_and_can_be_left_out)
{
	int one = 1;
	struct net_addr a = ip("10.0.0.1"), b = ip("10.0.0.2");

	send_to(lab->stack, s, "abc", 3, &peer, 0);
	cr_assert(lab_tx(lab));
	cr_assert_eq(csum_fold(csum_add(csum_pseudo(&a, &b, 17, 11), lab->frame + 34, 11)), 0);
	net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_NO_CHECK, &one, 4, 0);
	send_to(lab->stack, s, "abc", 3, &peer, 0);
	cr_assert(lab_tx(lab));
	cr_assert_eq(wire_get16(lab->frame + 40), 0);
}

Test(udp_sock, a_wrong_checksum_is_dropped_and_zero_is_not)
{
	static struct frame f;
	size_t len;
	char c;

	bind_9();
	f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){0});
	f_udp(&f, 1, 9, 1);
	f_text(&f, "x");
	len = f_done(&f);
	f.b[len - 1] ^= 1;
	lab_rx(lab, f.b, len);
	cr_assert_eq(lab_drops(lab, DROP_UDP_CHECKSUM), 1);
	cr_assert_eq(lab_mib(lab, MIB_Udp_InCsumErrors), 1);
	wire_put16(f.b + 40, 0);
	lab_rx(lab, f.b, len);
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), 1);
}

Test(udp_sock, lengths_that_lie_are_dropped)
{
	static struct frame f;

	bind_9();
	f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){0});
	f_udp(&f, 1, 9, 5);
	f_text(&f, "x");
	lab_send(lab, &f);
	cr_assert_eq(lab_drops(lab, DROP_UDP_LENGTH), 1);
	f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){0});
	f_text(&f, "1234567");
	lab_send(lab, &f);
	cr_assert_eq(lab_drops(lab, DROP_UDP_TRUNCATED), 1);
}

Test(udp_sock, truncation_is_told_and_peek_leaves_the_datagram)
{
	char buf[8];
	struct iovec iov = {buf, 2};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};

	bind_9();
	lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "hello");
	cr_assert_eq(net_sock_count(lab->stack, s, NET_COUNT_INQ), 5);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, MSG_PEEK), 2);
	cr_assert(msg.flags & MSG_TRUNC);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, MSG_PEEK | MSG_TRUNC), 5);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, 0), 2);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, 0), -EAGAIN);
}

Test(udp_sock, a_connected_socket_hears_only_its_peer)
{
	struct sockaddr un = {.sa_family = AF_UNSPEC};
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	char c;

	bind_9();
	cr_assert_eq(net_sock_connect(lab->stack, s, SA(peer), peer.len), 0);
	cr_assert_eq(net_sock_getsockname(lab->stack, s, (struct sockaddr *)&sin, &len), 0);
	cr_assert_eq(ntohl(sin.sin_addr.s_addr), 0x0a000001);
	lab_udp(lab, "10.0.0.2", 8, "10.0.0.1", 9, "x");
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), -EAGAIN);
	lab_udp(lab, "10.0.0.2", 9, "10.0.0.1", 9, "x");
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), 1);
	cr_assert_eq(send_to(lab->stack, s, "y", 1, NULL, 0), 1);
	/* Dissolved: hears everybody again, and the address is forgotten. */
	cr_assert_eq(net_sock_connect(lab->stack, s, &un, sizeof(un)), 0);
	lab_flush(lab);
	lab_udp(lab, "10.0.0.2", 8, "10.0.0.1", 9, "x");
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), 1);
	cr_assert_eq(send_to(lab->stack, s, "y", 1, NULL, 0), -EDESTADDRREQ);
	net_sock_getsockname(lab->stack, s, (struct sockaddr *)&sin, &len);
	cr_assert_eq(sin.sin_addr.s_addr, 0);
}

Test(udp_sock, msg_more_and_cork_make_one_datagram)
{
	int on = 1, off = 0;

	cr_assert_eq(send_to(lab->stack, s, "ab", 2, &peer, MSG_MORE), 2);
	cr_assert_eq(send_to(lab->stack, s, "cd", 2, &peer, MSG_MORE), 2);
	lab_quiet(lab);
	cr_assert_eq(send_to(lab->stack, s, "e", 1, &peer, 0), 1);
	cr_assert(lab_tx(lab));
	cr_assert_arr_eq(lab->frame + 42, "abcde", 5);
	net_sock_setopt(lab->stack, s, IPPROTO_UDP, 1, &on, 4, 0);
	for (int i = 0; i < 40; i++)
		cr_assert_eq(send_to(lab->stack, s, "xy", 2, &peer, 0), 2);
	lab_quiet(lab);
	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_UDP, 1, &off, 4, 0), 0);
	cr_assert(lab_tx(lab));
	cr_assert_eq(lab->frame_len, 42 + 80);
	cr_assert_arr_eq(lab->frame + 42 + 78, "xy", 2);
	lab_quiet(lab);
}

Test(udp_sock, control_information_applies_to_one_datagram)
{
	struct iovec iov = {"x", 1};
	struct net_msg msg = {.name = SA(peer), .name_len = peer.len, .iov = &iov, .iov_len = 1};

	lab_addr(lab, "10.0.0.7", 24);
	msg.ctl.has = NET_CTL_PKTINFO | NET_CTL_TTL | NET_CTL_TOS;
	msg.ctl.local = ip("10.0.0.7");
	msg.ctl.ttl = 3;
	msg.ctl.tos = 8;
	cr_assert_eq(net_sock_send(lab->stack, s, &msg, 0), 1);
	cr_assert(lab_tx(lab));
	cr_assert(!strncmp(lab->text, "IP 10.0.0.7 > 10.0.0.2 tos 8 ttl 3 ", 35), "%s", lab->text);
	msg.ctl.has = 0;
	cr_assert_eq(net_sock_send(lab->stack, s, &msg, 0), 1);
	cr_assert(lab_tx(lab));
	cr_assert(!strncmp(lab->text, "IP 10.0.0.1 > 10.0.0.2 ttl 64 ", 30), "%s", lab->text);
	msg.ctl.has = NET_CTL_PKTINFO;
	msg.ctl.local = ip("10.0.0.8");
	cr_assert_eq(net_sock_send(lab->stack, s, &msg, 0), -EINVAL);
	msg.ctl.has = NET_CTL_TTL;
	msg.ctl.ttl = 0;
	cr_assert_eq(net_sock_send(lab->stack, s, &msg, 0), -EINVAL);
}

Test(udp_sock, a_received_super_datagram_is_read_whole_or_piece_by_piece)
{
	static struct frame f;
	struct net_offload o = {
		.flags = NET_OFFLOAD_DATA_VALID, .gso_type = NET_GSO_UDP_L4, .gso_size = 1000};
	static uint8_t data[2500];
	struct iovec iov = {data, sizeof(data)};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	size_t len;
	int one = 1;

	bind_9();
	f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){0});
	f_udp(&f, 1, 9, 2500);
	f_bytes(&f, data, 2500);
	len = f_done(&f);
	lab_rx_off(lab, f.b, len, &o);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, 0), 1000);
	cr_assert_eq(net_sock_count(lab->stack, s, NET_COUNT_INQ), 1000);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, 0), 1000);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, 0), 500);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, 0), -EAGAIN);
	net_sock_setopt(lab->stack, s, IPPROTO_UDP, 104, &one, 4, 0);
	lab_rx_off(lab, f.b, len, &o);
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, 0), 2500);
	cr_assert(msg.ctl.has & NET_CTL_SEGMENT);
	cr_assert_eq(msg.ctl.segment_size, 1000);
}

Test(udp_sock, shutdown_ends_each_direction)
{
	char c;

	cr_assert_eq(net_sock_shutdown(lab->stack, s, SHUT_RD), -ENOTCONN);
	cr_assert_eq(net_sock_connect(lab->stack, s, SA(peer), peer.len), 0);
	cr_assert_eq(net_sock_shutdown(lab->stack, s, SHUT_WR), 0);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, NULL, 0), -EPIPE);
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), 0);
	cr_assert(net_sock_poll(lab->stack, s) & EPOLLHUP);
	cr_assert_eq(net_sock_shutdown(lab->stack, s, 3), -EINVAL);
}

Test(udp_sock, streams_things_are_eopnotsupp)
{
	net_sock_id id;

	cr_assert_eq(net_sock_listen(lab->stack, s, 1), -EOPNOTSUPP);
	cr_assert_eq(net_sock_accept(lab->stack, s, &id, NULL, NULL), -EOPNOTSUPP);
}
