/* SPDX-License-Identifier: Apache-2.0 */
/* route.c, path.c, srcsel.c, addr.c */
#include "support/lab.h"

static int add(struct lab *lab, const char *dst, uint8_t len, const char *via, uint32_t metric,
	       uint8_t type)
{
	struct net_route r = {.dst = ip(dst), .prefix_len = len, .metric = metric, .type = type};

	if (via)
		r.gateway = ip(via);
	else
		r.link = lab->link;
	return net_route_add(lab->stack, &r);
}

/* "gateway source" of a destination, or the errno. */
static const char *via(struct lab *lab, const char *dst)
{
	static char text[128];
	struct net_addr d = ip(dst), src;
	struct net_route r;
	int e = net_route_lookup(lab->stack, &d, NULL, 0, &r, &src);
	size_t n = 0;

	if (e < 0) {
		snprintf(text, sizeof(text), "%d", e);
		return text;
	}
	if (r.gateway.family)
		n = wire_print_addr(text, sizeof(text), &r.gateway);
	else
		n = (size_t)snprintf(text, sizeof(text), "link");
	text[n++] = ' ';
	wire_print_addr(text + n, sizeof(text) - n, &src);
	return text;
}

Test(route, the_longest_prefix_wins)
{
	struct lab *lab = lab_new();

	cr_assert_eq(add(lab, "192.0.0.0", 8, "10.0.0.8", 0, 0), 0);
	cr_assert_eq(add(lab, "192.0.2.0", 24, "10.0.0.24", 0, 0), 0);
	cr_assert_eq(add(lab, "192.0.2.7", 32, "10.0.0.32", 0, 0), 0);
	cr_assert_str_eq(via(lab, "192.0.2.7"), "10.0.0.32 10.0.0.1");
	cr_assert_str_eq(via(lab, "192.0.2.8"), "10.0.0.24 10.0.0.1");
	cr_assert_str_eq(via(lab, "192.1.2.8"), "10.0.0.8 10.0.0.1");
	cr_assert_str_eq(via(lab, "8.8.8.8"), "10.0.0.254 10.0.0.1");
	cr_assert_str_eq(via(lab, "10.0.0.9"), "link 10.0.0.1");
	cr_assert_eq(add(lab, "2001:db8::", 32, "fd00::32", 0, 0), 0);
	cr_assert_str_eq(via(lab, "2001:db8::1"), "fd00::32 fd00::1");
	cr_assert_str_eq(via(lab, "2001:db9::1"), "fd00::fe fd00::1");
	lab_free(lab);
}

Test(route, the_smallest_metric_wins_and_the_next_takes_over)
{
	struct lab *lab = lab_new();
	struct net_route r = {.dst = ip("192.0.2.0"), .prefix_len = 24, .gateway = ip("10.0.0.10")};

	cr_assert_eq(add(lab, "192.0.2.0", 24, "10.0.0.20", 20, 0), 0);
	cr_assert_eq(add(lab, "192.0.2.0", 24, "10.0.0.10", 10, 0), 0);
	cr_assert_eq(add(lab, "192.0.2.0", 24, "10.0.0.30", 30, 0), 0);
	cr_assert_eq(add(lab, "192.0.2.0", 24, "10.0.0.30", 30, 0), -EEXIST);
	cr_assert_str_eq(via(lab, "192.0.2.1"), "10.0.0.10 10.0.0.1");
	cr_assert_eq(net_route_del(lab->stack, &r), 0);
	cr_assert_str_eq(via(lab, "192.0.2.1"), "10.0.0.20 10.0.0.1");
	r.gateway = (struct net_addr){0};
	cr_assert_eq(net_route_del(lab->stack, &r), 0);
	cr_assert_str_eq(via(lab, "192.0.2.1"), "10.0.0.30 10.0.0.1");
	cr_assert_eq(net_route_del(lab->stack, &r), 0);
	cr_assert_eq(net_route_del(lab->stack, &r), -ESRCH);
	lab_free(lab);
}

Test(route, special_routes_give_their_errno)
{
	struct lab *lab = lab_new();

	cr_assert_eq(add(lab, "192.0.2.1", 32, NULL, 0, NET_ROUTE_UNREACHABLE), 0);
	cr_assert_eq(add(lab, "192.0.2.2", 32, NULL, 0, NET_ROUTE_BLACKHOLE), 0);
	cr_assert_eq(add(lab, "192.0.2.3", 32, NULL, 0, NET_ROUTE_PROHIBIT), 0);
	cr_assert_eq(atoi(via(lab, "192.0.2.1")), -EHOSTUNREACH);
	cr_assert_eq(atoi(via(lab, "192.0.2.2")), -EINVAL);
	cr_assert_eq(atoi(via(lab, "192.0.2.3")), -EACCES);
	lab_free(lab);
}

Test(route, a_gateway_must_be_on_link)
{
	struct lab *lab = lab_new();

	cr_assert_eq(add(lab, "192.0.2.0", 24, "172.16.0.1", 0, 0), -ENETUNREACH);
	lab_free(lab);
}

Test(route, routes_are_limited)
{
	struct net_config cfg;
	struct lab *lab;

	net_config_init(&cfg);
	cfg.limits.routes = 5;
	lab = lab_new_cfg(&cfg, 0); /* has four */
	cr_assert_eq(add(lab, "192.0.2.0", 24, "10.0.0.9", 0, 0), 0);
	cr_assert_eq(add(lab, "192.0.3.0", 24, "10.0.0.9", 0, 0), -ENOSPC);
	lab_free(lab);
}

Test(addr, an_address_brings_its_route_and_takes_it_away)
{
	struct lab *lab = lab_new();
	struct net_addr a = ip("172.16.0.1");

	lab_addr(lab, "172.16.0.1", 16);
	cr_assert_str_eq(via(lab, "172.16.9.9"), "link 172.16.0.1");
	cr_assert_eq(net_addr_del(lab->stack, lab->link, &a, 16), 0);
	cr_assert_str_eq(via(lab, "172.16.9.9"), "10.0.0.254 10.0.0.1");
	cr_assert_eq(net_addr_del(lab->stack, lab->link, &a, 16), -EADDRNOTAVAIL);
	lab_free(lab);
}

Test(addr, nonsense_and_duplicates_are_refused)
{
	struct lab *lab = lab_new();
	struct net_ifaddr a = {.link = lab->link, .addr = ip("10.0.0.1"), .prefix_len = 24};

	cr_assert_eq(net_addr_add(lab->stack, &a), -EEXIST);
	a.addr = ip("224.0.0.1");
	cr_assert_eq(net_addr_add(lab->stack, &a), -EINVAL);
	a.addr = ip("10.0.0.9");
	a.prefix_len = 33;
	cr_assert_eq(net_addr_add(lab->stack, &a), -EINVAL);
	a.link = 99;
	cr_assert_eq(net_addr_add(lab->stack, &a), -EBADF);
	lab_free(lab);
}

/* RFC 6724 5: rule 2 (scope), rule 8 (longest match), rule 3 (deprecated). */
Test(srcsel, ipv6_sources_follow_the_rules)
{
	struct lab *lab = lab_new();
	struct net_ifaddr old = {
		.link = lab->link, .addr = ip("2001:db8:1::9"), .prefix_len = 64, .deprecated = 1};

	lab_addr(lab, "fe80::1", 64);
	lab_addr(lab, "2001:db8:1::1", 64);
	lab_addr(lab, "2001:db8:2::1", 64);
	cr_assert_eq(net_addr_add(lab->stack, &old), 0);
	cr_assert_str_eq(via(lab, "2001:db8:1::77"), "link 2001:db8:1::1");
	cr_assert_str_eq(via(lab, "2001:db8:2::77"), "link 2001:db8:2::1");
	cr_assert_str_eq(via(lab, "fe80::77"), "link fe80::1");
	cr_assert_str_eq(via(lab, "fd00::77"), "link fd00::1");
	cr_assert_str_eq(via(lab, "2001:db8:1::9"), "link 2001:db8:1::9");
	lab_flush(lab);
	lab_free(lab);
}

Test(srcsel, ipv4_uses_the_address_in_the_next_hops_prefix)
{
	struct lab *lab = lab_new();

	lab_addr(lab, "172.16.0.1", 16);
	cr_assert_eq(add(lab, "192.0.2.0", 24, "172.16.0.9", 0, 0), 0);
	cr_assert_str_eq(via(lab, "192.0.2.1"), "172.16.0.9 172.16.0.1");
	cr_assert_str_eq(via(lab, "8.8.8.8"), "10.0.0.254 10.0.0.1");
	cr_assert_str_eq(via(lab, "172.16.0.1"), "link 172.16.0.1");
	lab_free(lab);
}
