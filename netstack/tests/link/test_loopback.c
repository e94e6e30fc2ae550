/* SPDX-License-Identifier: Apache-2.0 */
#include "support/lab.h"

static void exchange(const char *addr, int family)
{
	struct lab *lab = lab_new();
	net_sock_id a = open_sock(lab->stack, family, SOCK_DGRAM, 0);
	net_sock_id b = open_sock(lab->stack, family, SOCK_DGRAM, 0);
	struct name to = name(addr, 53), from;
	struct net_event ev;
	char buf[10];

	cr_assert_eq(net_sock_set_cookie(lab->stack, b, 77), 0);
	cr_assert_eq(net_sock_bind(lab->stack, b, SA(to), to.len), 0);
	cr_assert_eq(send_to(lab->stack, a, "hi", 2, &to, 0), 2);
	cr_assert_eq(recv_from(lab->stack, b, buf, 10, NULL, 0), -EAGAIN,
		     "nothing is delivered inside the sender's call");
	cr_assert_leq(net_stack_deadline(lab->stack), lab->now);
	net_stack_poll(lab->stack, lab->now);
	bool found = false;
	while (net_stack_next_event(lab->stack, &ev))
		found |= ev.cookie == 77 && (ev.ready & EPOLLIN);
	cr_assert(found);
	cr_assert_eq(recv_from(lab->stack, b, buf, 10, &from, 0), 2);
	cr_assert_eq(send_to(lab->stack, b, "yo", 2, &from, 0), 2);
	lab_quiet(lab);
	cr_assert_eq(recv_from(lab->stack, a, buf, 10, NULL, 0), 2);
	lab_free(lab);
}

Test(loopback, packets_to_ourselves_arrive_with_the_next_poll)
{
	exchange("127.0.0.1", AF_INET);
	exchange("127.9.9.9", AF_INET);
	exchange("::1", AF_INET6);
	exchange("10.0.0.1", AF_INET);
	exchange("fd00::1", AF_INET6);
}

Test(loopback, the_queue_is_bounded)
{
	struct net_config cfg;
	struct lab *lab;
	struct name to = name("127.0.0.1", 9);
	net_sock_id s;

	net_config_init(&cfg);
	cfg.limits.loopback_pkts = 3;
	lab = lab_new_cfg(&cfg, 0);
	s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), 1);
	cr_assert_eq(lab_drops(lab, DROP_LINK_RX_FULL), 2);
	lab_free(lab);
}

Test(loopback, the_wildcard_as_destination_means_this_host)
{
	struct lab *lab = lab_new();
	net_sock_id a = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("0.0.0.0", 53);
	char c;

	cr_assert_eq(net_sock_bind(lab->stack, a, SA(to), to.len), 0);
	cr_assert_eq(send_to(lab->stack, a, "x", 1, &to, 0), 1);
	lab_quiet(lab);
	cr_assert_eq(recv_from(lab->stack, a, &c, 1, NULL, 0), 1);
	lab_free(lab);
}
