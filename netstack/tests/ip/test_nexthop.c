/* SPDX-License-Identifier: Apache-2.0 */
#include "support/lab.h"

static net_link_id second_link(struct lab *lab)
{
	struct net_link_config lc = {.kind = NET_LINK_ETHER, .name = "eth1", .mtu = 1500,
				     .mac = {2, 0, 0, 0, 1, 1}};
	struct net_ifaddr a = {.addr = ip("10.1.0.1"), .prefix_len = 24};

	cr_assert_eq(net_link_attach(lab->stack, &a.link, &lc), 0);
	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	return a.link;
}

static void two_ways(struct lab *lab, uint16_t w0, uint16_t w1)
{
	struct net_route r = {.dst = ip("192.0.2.0"), .prefix_len = 24, .nhops = 2};

	r.hops[0] = (struct net_nexthop){.gateway = ip("10.0.0.254"), .weight = w0};
	r.hops[1] = (struct net_nexthop){.gateway = ip("10.1.0.254"), .weight = w1};
	cr_assert_eq(net_route_add(lab->stack, &r), 0);
}

/* How many of the flows to 192.0.2.1..250 go over @link. */
static int over(struct lab *lab, net_link_id link, struct net_route_query q)
{
	struct net_route r;
	struct net_addr src;
	int n = 0;

	q.dst = ip("192.0.2.0");
	for (int i = 1; i <= 250; i++) {
		q.dst.v4[3] = (uint8_t)i;
		if (net_route_get(lab->stack, &q, &r, &src) == 0)
			n += r.link == link;
	}
	return n;
}

Test(multipath, flows_spread_by_weight_and_keep_their_way)
{
	struct lab *lab = lab_new();
	net_link_id eth1 = second_link(lab);
	int n;

	two_ways(lab, 1, 3);
	n = over(lab, eth1, (struct net_route_query){0});
	cr_assert(n > 150 && n < 225, "%d of 250, three quarters expected", n);
	cr_assert_eq(over(lab, eth1, (struct net_route_query){0}), n);
	lab_free(lab);
}

Test(multipath, a_way_that_is_down_does_not_take_part)
{
	struct lab *lab = lab_new();
	net_link_id eth1 = second_link(lab);

	two_ways(lab, 1, 1);
	cr_assert_eq(net_link_set_up(lab->stack, eth1, false), 0);
	cr_assert_eq(over(lab, lab->link, (struct net_route_query){0}), 250);
	lab_free(lab);
}

Test(multipath, ports_count_with_hash_policy_1)
{
	struct lab *lab = lab_new();
	net_link_id eth1 = second_link(lab);
	struct net_tunables tun;
	struct net_route_query q = {.dst = ip("192.0.2.1"), .src = ip("10.0.0.1"), .proto = 17};
	struct net_route r;
	struct net_addr src;
	int n[2] = {0};

	two_ways(lab, 1, 1);
	net_stack_get_tunables(lab->stack, &tun);
	for (int policy = 0; policy < 2; policy++) {
		tun.ip_multipath_hash_policy = policy;
		cr_assert_eq(net_stack_set_tunables(lab->stack, &tun), 0);
		for (uint16_t port = 1; port <= 100; port++) {
			q.sport = port;
			cr_assert_eq(net_route_get(lab->stack, &q, &r, &src), 0);
			n[policy] += r.link == eth1;
		}
	}
	cr_assert(n[0] == 0 || n[0] == 100, "one flow by addresses: %d", n[0]);
	cr_assert(n[1] > 25 && n[1] < 75, "many by ports: %d", n[1]);
	lab_free(lab);
}

Test(multipath, ipv6_routes_of_one_metric_become_ways)
{
	struct lab *lab = lab_new();
	struct net_route r = {.dst = ip("2001:db8::"), .prefix_len = 32, .gateway = ip("fd00::fe")};
	struct net_route all[16];
	size_t n;
	int ways = 0;

	cr_assert_eq(net_route_change(lab->stack, &r, NET_ROUTE_CREATE | NET_ROUTE_EXCL), 0);
	r.gateway = ip("fd00::fd");
	cr_assert_eq(net_route_change(lab->stack, &r, NET_ROUTE_CREATE | NET_ROUTE_EXCL), -EEXIST);
	cr_assert_eq(net_route_change(lab->stack, &r, NET_ROUTE_CREATE | NET_ROUTE_APPEND), 0);
	n = net_info_routes(lab->stack, all, 16);
	for (size_t i = 0; i < n; i++)
		if (all[i].prefix_len == 32)
			ways = all[i].nhops;
	cr_assert_eq(ways, 2);
	cr_assert_eq(net_route_del(lab->stack, &r), 0);
	n = net_info_routes(lab->stack, all, 16);
	for (size_t i = 0; i < n; i++)
		if (all[i].prefix_len == 32)
			ways = all[i].nhops;
	cr_assert_eq(ways, 1, "the other stays");
	lab_free(lab);
}

Test(route_change, replace_and_exclusive_are_linuxs)
{
	struct lab *lab = lab_new();
	struct net_route r = {.dst = ip("192.0.2.0"), .prefix_len = 24, .gateway = ip("10.0.0.254")};
	struct net_route got;
	struct net_addr src, dst = ip("192.0.2.1");

	cr_assert_eq(net_route_change(lab->stack, &r, NET_ROUTE_REPLACE), -ENOENT);
	cr_assert_eq(net_route_change(lab->stack, &r, NET_ROUTE_CREATE | NET_ROUTE_REPLACE), 0);
	r.gateway = ip("10.0.0.9");
	cr_assert_eq(net_route_change(lab->stack, &r, NET_ROUTE_CREATE | NET_ROUTE_EXCL), -EEXIST);
	cr_assert_eq(net_route_change(lab->stack, &r, NET_ROUTE_REPLACE), 0);
	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &got, &src), 0);
	cr_assert_eq(got.gateway.v4[3], 9);
	lab_free(lab);
}

Test(route_change, metrics_reach_the_packets)
{
	struct lab *lab = lab_new_known();
	struct net_route r = {.dst = ip("192.0.2.0"), .prefix_len = 24, .gateway = ip("10.0.0.254")};
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("192.0.2.1", 9);

	r.metrics[10] = 17; /* RTAX_HOPLIMIT */
	cr_assert_eq(net_route_add(lab->stack, &r), 0);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), 1);
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "ttl 17"), "%s", lab->text);
	lab_free(lab);
}

Test(route_change, a_locked_mtu_is_not_discovered)
{
	struct lab *lab = lab_new_known();
	struct net_route r = {.dst = ip("192.0.2.0"), .prefix_len = 24, .gateway = ip("10.0.0.254")};
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("192.0.2.1", 9);
	static char data[1000];
	int n = 0;

	r.metrics[2] = 600; /* RTAX_MTU */
	r.metrics[1] = 1u << 2; /* RTAX_LOCK */
	cr_assert_eq(net_route_add(lab->stack, &r), 0);
	cr_assert_eq(send_to(lab->stack, s, data, sizeof(data), &to, 0), 1000);
	while (lab_tx(lab)) {
		cr_assert_leq(lab->frame_len, 614);
		cr_assert_eq(lab->frame[20] & 0x40, 0, "no DF");
		n++;
	}
	cr_assert_eq(n, 2);
	lab_free(lab);
}
