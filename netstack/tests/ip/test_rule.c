/* SPDX-License-Identifier: Apache-2.0 */
#include "support/lab.h"

static void add_route(struct lab *lab, const char *dst, uint8_t len, const char *via, uint32_t table,
		      uint8_t type)
{
	struct net_route r = {.dst = ip(dst), .prefix_len = len, .table = table, .type = type};

	if (via)
		r.gateway = ip(via);
	cr_assert_eq(net_route_change(lab->stack, &r, NET_ROUTE_CREATE | NET_ROUTE_EXCL), 0);
}

static struct net_rule rule(uint32_t priority, uint32_t table)
{
	return (struct net_rule){.family = AF_INET,
				 .has_priority = 1,
				 .priority = priority,
				 .action = NET_RULE_TABLE,
				 .table = table,
				 .suppress_prefix_len = -1};
}

/* Gateway of 192.0.2.1 for a query; NULL: error. */
static const char *via(struct lab *lab, struct net_route_query q)
{
	static char text[INET6_ADDRSTRLEN];
	struct net_route r;
	struct net_addr src;

	q.dst = ip("192.0.2.1");
	if (net_route_get(lab->stack, &q, &r, &src) < 0)
		return NULL;
	return inet_ntop(AF_INET, r.gateway.v4, text, sizeof(text));
}

Test(rule, a_mark_chooses_the_table)
{
	struct lab *lab = lab_new();
	struct net_rule r = rule(100, 42);

	add_route(lab, "0.0.0.0", 0, "10.0.0.9", 42, NET_ROUTE_UNICAST);
	r.mark = 7;
	cr_assert_eq(net_rule_add(lab->stack, &r), 0);
	cr_assert_str_eq(via(lab, (struct net_route_query){0}), "10.0.0.254");
	cr_assert_str_eq(via(lab, (struct net_route_query){.mark = 7}), "10.0.0.9");
	cr_assert_eq(net_rule_del(lab->stack, &r), 0);
	cr_assert_eq(net_rule_del(lab->stack, &r), -ENOENT);
	cr_assert_str_eq(via(lab, (struct net_route_query){.mark = 7}), "10.0.0.254");
	lab_free(lab);
}

Test(rule, the_mark_of_a_socket_counts)
{
	struct lab *lab = lab_new();
	struct net_rule r = rule(100, 42);
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("192.0.2.1", 9);
	int mark = 7;

	lab_neigh(lab, "10.0.0.9", peer_mac);
	add_route(lab, "0.0.0.0", 0, "10.0.0.9", 42, NET_ROUTE_UNICAST);
	r.mark = 7;
	cr_assert_eq(net_rule_add(lab->stack, &r), 0);
	cr_assert_eq(net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_MARK, &mark, sizeof(mark),
				     NET_CAP_ADMIN), 0);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), 1);
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "192.0.2.1"), "not an ARP request for 10.0.0.254: %s", lab->text);
	lab_free(lab);
}

Test(rule, source_prefix_ports_protocol_and_user_select)
{
	struct lab *lab = lab_new();
	struct net_rule r = rule(100, 42);

	add_route(lab, "0.0.0.0", 0, "10.0.0.9", 42, NET_ROUTE_UNICAST);
	r.src = ip("10.0.0.0");
	r.src_len = 8;
	r.dport[0] = 80;
	r.dport[1] = 90;
	r.ip_proto = 6;
	r.has_uid = 1;
	r.uid[1] = 1000;
	cr_assert_eq(net_rule_add(lab->stack, &r), 0);

	struct net_route_query q = {.src = ip("10.0.0.1"), .dport = 85, .proto = 6, .uid = 1000};

	cr_assert_str_eq(via(lab, q), "10.0.0.9");
	q.dport = 91;
	cr_assert_str_eq(via(lab, q), "10.0.0.254");
	q.dport = 80;
	q.uid = 1001;
	cr_assert_str_eq(via(lab, q), "10.0.0.254");
	q.uid = 0;
	q.proto = 17;
	cr_assert_str_eq(via(lab, q), "10.0.0.254");
	lab_free(lab);
}

Test(rule, actions_refuse_with_their_errnos)
{
	struct lab *lab = lab_new();
	static const struct {
		uint8_t action;
		int err;
	} cases[] = {{NET_RULE_BLACKHOLE, -EINVAL}, {NET_RULE_UNREACHABLE, -ENETUNREACH},
		     {NET_RULE_PROHIBIT, -EACCES}};
	struct net_route_query q = {.dst = ip("192.0.2.1")};
	struct net_route rt;
	struct net_addr src;

	for (size_t i = 0; i < 3; i++) {
		struct net_rule r = rule(100, 0);

		r.action = cases[i].action;
		cr_assert_eq(net_rule_add(lab->stack, &r), 0);
		cr_assert_eq(net_route_get(lab->stack, &q, &rt, &src), cases[i].err);
		cr_assert_eq(net_rule_del(lab->stack, &r), 0);
	}
	lab_free(lab);
}

Test(rule, throw_goes_on_with_the_next_rule_and_goto_passes_over)
{
	struct lab *lab = lab_new();
	struct net_rule to42 = rule(100, 42), jump = rule(50, 0);

	add_route(lab, "192.0.2.0", 24, NULL, 42, NET_ROUTE_THROW);
	add_route(lab, "0.0.0.0", 0, "10.0.0.9", 42, NET_ROUTE_UNICAST);
	cr_assert_eq(net_rule_add(lab->stack, &to42), 0);
	cr_assert_str_eq(via(lab, (struct net_route_query){0}), "10.0.0.254");

	struct net_route r = {.dst = ip("192.0.2.0"), .prefix_len = 24, .table = 42};

	cr_assert_eq(net_route_del(lab->stack, &r), 0);
	cr_assert_str_eq(via(lab, (struct net_route_query){0}), "10.0.0.9");
	jump.action = NET_RULE_GOTO;
	jump.target = 200;
	cr_assert_eq(net_rule_add(lab->stack, &jump), 0);
	cr_assert_str_eq(via(lab, (struct net_route_query){0}), "10.0.0.254");
	lab_free(lab);
}

Test(rule, suppressing_the_default_route_lets_specific_ones_through)
{
	struct lab *lab = lab_new();
	struct net_rule main_specific = rule(100, NET_TABLE_MAIN), to42 = rule(101, 42);

	add_route(lab, "0.0.0.0", 0, "10.0.0.9", 42, NET_ROUTE_UNICAST);
	main_specific.suppress_prefix_len = 0;
	cr_assert_eq(net_rule_add(lab->stack, &main_specific), 0);
	cr_assert_eq(net_rule_add(lab->stack, &to42), 0);
	cr_assert_str_eq(via(lab, (struct net_route_query){0}), "10.0.0.9");
	add_route(lab, "192.0.2.0", 24, "10.0.0.8", 0, NET_ROUTE_UNICAST);
	cr_assert_str_eq(via(lab, (struct net_route_query){0}), "10.0.0.8");
	lab_free(lab);
}

Test(rule, each_family_starts_with_linuxs)
{
	struct lab *lab = lab_new();
	struct net_rule r[8];

	cr_assert_eq(net_info_rules(lab->stack, AF_INET, r, 8), 3);
	cr_assert_eq(r[0].table, NET_TABLE_LOCAL);
	cr_assert_eq(r[1].priority, 32766);
	cr_assert_eq(r[2].table, NET_TABLE_DEFAULT);
	cr_assert_eq(net_info_rules(lab->stack, AF_INET6, r, 8), 2);
	lab_free(lab);
}

Test(rule, without_a_priority_it_comes_before_the_second)
{
	struct lab *lab = lab_new();
	struct net_rule r = rule(0, 42), all[8];

	r.has_priority = 0;
	r.mark = 1;
	cr_assert_eq(net_rule_add(lab->stack, &r), 0);
	cr_assert_eq(net_info_rules(lab->stack, AF_INET, all, 8), 4);
	cr_assert_eq(all[1].priority, 32765);
	cr_assert_eq(all[1].mark_mask, UINT32_MAX);
	lab_free(lab);
}

Test(rule, a_local_route_makes_a_prefix_ours)
{
	struct lab *lab = lab_new_known();
	struct net_route r = {.dst = ip("198.51.100.0"), .prefix_len = 24, .type = NET_ROUTE_LOCAL};
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name any = name("0.0.0.0", 9);
	char buf[8];

	cr_assert_eq(net_sock_bind(lab->stack, s, SA(any), any.len), 0);
	lab_udp(lab, "10.0.0.2", 1, "198.51.100.7", 9, "a");
	cr_assert_eq(recv_from(lab->stack, s, buf, 8, NULL, 0), -EAGAIN);
	cr_assert_eq(net_route_add(lab->stack, &r), 0);
	lab_udp(lab, "10.0.0.2", 1, "198.51.100.7", 9, "b");
	cr_assert_eq(recv_from(lab->stack, s, buf, 8, NULL, 0), 1);
	lab_free(lab);
}
