/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends in one stack, over its loopback: the socket calls as a program uses them. */
#include <criterion/criterion.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>

#include "netstack/info.h"
#include "netstack/socket.h"
#include "netstack/stack.h"

static struct net_stack *stack;
static net_time now;

static void setup(void)
{
	struct net_config cfg;

	net_config_init(&cfg);
	cfg.seed[0] = 3;
	now = cfg.now = NET_SEC(5);
	cr_assert_eq(net_stack_new(&stack, &cfg), 0);
}

static void teardown(void)
{
	net_stack_free(stack);
}

static void run(net_dur len)
{
	net_time until = now + len;
	struct net_event event;

	for (int i = 0; i < 100000; i++) {
		net_time next = net_stack_deadline(stack);

		if (next > until)
			break;
		if (next > now)
			now = next;
		net_stack_poll(stack, now);
		while (net_stack_next_event(stack, &event))
			;
	}
	now = until;
	net_stack_poll(stack, now);
}

static struct sockaddr_in addr4(uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = __builtin_bswap16(port)};

	sin.sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK);
	return sin;
}

static net_sock_id tcp_socket(int family)
{
	net_sock_id sock = 0;

	cr_assert_eq(net_sock_open(stack, &sock, family, SOCK_STREAM, 0), 0);
	return sock;
}

static net_sock_id listener(uint16_t port, int backlog)
{
	struct sockaddr_in sin = addr4(port);
	net_sock_id sock = tcp_socket(AF_INET);

	cr_assert_eq(net_sock_bind(stack, sock, (struct sockaddr *)&sin, sizeof(sin)), 0);
	cr_assert_eq(net_sock_listen(stack, sock, backlog), 0);
	return sock;
}

static net_sock_id connect_to(uint16_t port)
{
	struct sockaddr_in sin = addr4(port);
	net_sock_id sock = tcp_socket(AF_INET);

	cr_assert_eq(net_sock_connect(stack, sock, (struct sockaddr *)&sin, sizeof(sin)),
		     -EINPROGRESS);
	return sock;
}

static ssize_t put(net_sock_id sock, const void *data, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)data, len};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};

	return net_sock_send(stack, sock, &msg, 0);
}

static ssize_t get(net_sock_id sock, void *data, size_t len)
{
	struct iovec iov = {data, len};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};

	return net_sock_recv(stack, sock, &msg, 0);
}

TestSuite(tcp_loopback, .init = setup, .fini = teardown);

Test(tcp_loopback, request_and_response)
{
	net_sock_id lst = listener(80, 5), client = connect_to(80), server = 0;
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	char buf[64];

	run(0);
	cr_assert_eq(net_sock_accept(stack, lst, &server, (struct sockaddr *)&peer, &len), 0);
	cr_assert_eq(peer.sin_family, AF_INET);
	cr_assert_eq(put(client, "ping", 4), 4);
	run(0);
	cr_assert_eq(get(server, buf, sizeof(buf)), 4);
	cr_assert_eq(put(server, "pong!", 5), 5);
	run(0);
	cr_assert_eq(get(client, buf, sizeof(buf)), 5);
	cr_assert_eq(net_sock_close(stack, client), 0);
	run(0);
	cr_assert_eq(get(server, buf, sizeof(buf)), 0);
	cr_assert_eq(net_sock_close(stack, server), 0);
	run(NET_SEC(120));
}

Test(tcp_loopback, nobody_listens)
{
	net_sock_id sock = connect_to(81);
	int err = 0;
	socklen_t len = sizeof(err);

	run(0);
	cr_assert_eq(net_sock_getopt(stack, sock, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	cr_assert_eq(err, ECONNREFUSED);
}

Test(tcp_loopback, a_megabyte_arrives_intact)
{
	net_sock_id lst = listener(80, 5), client = connect_to(80), server = 0;
	static uint8_t out[1 << 20], in[1 << 20];
	size_t sent = 0, got = 0;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 131 >> 3);
	run(0);
	cr_assert_eq(net_sock_accept(stack, lst, &server, NULL, NULL), 0);
	for (int i = 0; i < 1000 && got < sizeof(in); i++) {
		ssize_t n = put(client, out + sent, sizeof(out) - sent);

		if (n > 0)
			sent += (size_t)n;
		run(NET_MS(1));
		while ((n = get(server, in + got, sizeof(in) - got)) > 0)
			got += (size_t)n;
	}
	cr_assert_eq(got, sizeof(in));
	cr_assert_eq(memcmp(in, out, sizeof(in)), 0);
}

Test(tcp_loopback, a_dual_stack_listener_takes_both_families)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = __builtin_bswap16(90)};
	struct sockaddr_in6 peer;
	net_sock_id lst = tcp_socket(AF_INET6), client, server = 0;
	socklen_t len = sizeof(peer);

	cr_assert_eq(net_sock_bind(stack, lst, (struct sockaddr *)&any, sizeof(any)), 0);
	cr_assert_eq(net_sock_listen(stack, lst, 5), 0);
	client = connect_to(90);
	run(0);
	cr_assert_eq(net_sock_accept(stack, lst, &server, (struct sockaddr *)&peer, &len), 0);
	cr_assert_eq(peer.sin6_family, AF_INET6);
	cr_assert(IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr));
	any.sin6_addr = in6addr_loopback;
	client = tcp_socket(AF_INET6);
	cr_assert_eq(net_sock_connect(stack, client, (struct sockaddr *)&any, sizeof(any)),
		     -EINPROGRESS);
	run(0);
	cr_assert_eq(net_sock_accept(stack, lst, &server, NULL, NULL), 0);
}

/* RFC 9293 3.5: the simultaneous open with oneself. */
Test(tcp_loopback, a_socket_may_connect_to_itself)
{
	struct sockaddr_in sin = addr4(7777);
	net_sock_id sock = tcp_socket(AF_INET);
	char buf[8];

	cr_assert_eq(net_sock_bind(stack, sock, (struct sockaddr *)&sin, sizeof(sin)), 0);
	cr_assert_eq(net_sock_connect(stack, sock, (struct sockaddr *)&sin, sizeof(sin)),
		     -EINPROGRESS);
	run(0);
	cr_assert(net_sock_poll(stack, sock) & EPOLLOUT);
	cr_assert_eq(put(sock, "self", 4), 4);
	run(NET_MS(50));
	cr_assert_eq(get(sock, buf, sizeof(buf)), 4);
}

/* tcp_tw_reuse = 2 */
Test(tcp_loopback, a_port_in_time_wait_can_be_connected_from_again_after_a_second)
{
	struct sockaddr_in from = addr4(5555), to = addr4(80);
	net_sock_id lst = listener(80, 5), client, server = 0;
	int one = 1;

	for (int i = 0; i < 3; i++) {
		client = tcp_socket(AF_INET);
		cr_assert_eq(net_sock_setopt(stack, client, SOL_SOCKET, SO_REUSEADDR, &one,
					     sizeof(one), 0),
			     0);
		cr_assert_eq(net_sock_bind(stack, client, (struct sockaddr *)&from, sizeof(from)),
			     0);
		cr_assert_eq(net_sock_connect(stack, client, (struct sockaddr *)&to, sizeof(to)),
			     i == 1 ? -EADDRNOTAVAIL : -EINPROGRESS, "round %d", i);
		run(0);
		if (i == 1) {
			net_sock_close(stack, client);
			run(NET_MS(1500));
			continue;
		}
		cr_assert_eq(net_sock_accept(stack, lst, &server, NULL, NULL), 0);
		net_sock_close(stack, client);
		run(0);
		net_sock_close(stack, server);
		run(0);
	}
}

Test(tcp_loopback, thousands_of_short_connections_leave_nothing_behind)
{
	net_sock_id lst = listener(80, 100), client, server = 0;
	struct net_memory_info mem;
	char c;

	for (int i = 0; i < 3000; i++) {
		client = connect_to(80);
		run(0);
		cr_assert_eq(net_sock_accept(stack, lst, &server, NULL, NULL), 0);
		cr_assert_eq(put(client, "x", 1), 1);
		net_sock_close(stack, client);
		run(0);
		cr_assert_eq(get(server, &c, 1), 1);
		net_sock_close(stack, server);
		run(NET_MS(10));
	}
	run(NET_SEC(130));
	net_info_memory(stack, &mem);
	cr_assert_eq(mem.sockets, 1, "%u", mem.sockets);
	cr_assert_eq(mem.tcp_orphans, 0);
	cr_assert_eq(mem.tcp_timewait, 0);
	cr_assert_eq(mem.pkt_bytes, 0, "%llu", (unsigned long long)mem.pkt_bytes);
}

Test(tcp_loopback, a_writer_is_held_back_by_a_reader_that_does_not_read)
{
	net_sock_id lst = listener(80, 5), client = connect_to(80), server = 0;
	static uint8_t chunk[65536];
	size_t sent = 0, got = 0;
	ssize_t n;

	run(0);
	cr_assert_eq(net_sock_accept(stack, lst, &server, NULL, NULL), 0);
	for (int i = 0; i < 2000; i++) {
		while ((n = put(client, chunk, sizeof(chunk))) > 0)
			sent += (size_t)n;
		run(NET_MS(10));
	}
	cr_assert_lt(sent, 8u << 20);
	for (int i = 0; i < 2000 && got < sent; i++) {
		while ((n = get(server, chunk, sizeof(chunk))) > 0)
			got += (size_t)n;
		run(NET_MS(10));
	}
	cr_assert_eq(got, sent);
}
