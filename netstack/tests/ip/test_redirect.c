/* SPDX-License-Identifier: Apache-2.0 */
#include "netstack/conf.h"
#include "support/lab.h"

static struct frame f;

/* An ICMP redirect from @from: 192.0.2.1 is better reached by @target. */
static void redirect4(struct lab *lab, const char *from, const char *target)
{
	struct ip4_hdr inner = {.hdr_len = 20, .total_len = 28, .ttl = 64, .proto = 17,
				.src = ip("10.0.0.1"), .dst = ip("192.0.2.1")};
	struct net_addr t = ip(target);

	f_ip(&f, from, "10.0.0.1", 1, (struct ipopt){0});
	f_icmp(&f, ICMP4_REDIRECT, 1, load_be32(t.v4));
	ip4_emit(&f.w, &inner, NULL);
	f_udp(&f, 1, 9, 0);
	lab_send(lab, &f);
}

static struct net_addr hop(struct lab *lab, const char *dst)
{
	struct net_route r;
	struct net_addr src, d = ip(dst);

	cr_assert_eq(net_route_lookup(lab->stack, &d, NULL, 0, &r, &src), 0);
	return r.gateway;
}

Test(redirect, of_the_router_in_use_is_obeyed_and_expires_when_flushed)
{
	struct lab *lab = lab_new_known();

	redirect4(lab, "10.0.0.254", "10.0.0.9");
	cr_assert_eq(hop(lab, "192.0.2.1").v4[3], 9);
	cr_assert_eq(hop(lab, "192.0.2.2").v4[3], 254, "other destinations are not");
	net_route_flush_cache(lab->stack);
	cr_assert_eq(hop(lab, "192.0.2.1").v4[3], 254);
	lab_free(lab);
}

Test(redirect, of_others_or_to_elsewhere_is_not)
{
	struct lab *lab = lab_new_known();

	redirect4(lab, "10.0.0.2", "10.0.0.9");
	redirect4(lab, "10.0.0.254", "10.9.0.9");
	redirect4(lab, "10.0.0.254", "10.0.0.1");
	cr_assert_eq(hop(lab, "192.0.2.1").v4[3], 254);
	cr_assert_eq(lab_drops(lab, DROP_ICMP_REDIRECT), 3);
	lab_free(lab);
}

Test(redirect, accept_redirects_0_says_no)
{
	struct lab *lab = lab_new_known();

	cr_assert_eq(net_conf_set(lab->stack, NET_CONF_ALL, NET_CONF_IP4, NET_CONF4_accept_redirects, 0),
		     0);
	cr_assert_eq(net_conf_set(lab->stack, lab->link, NET_CONF_IP4, NET_CONF4_accept_redirects, 0), 0);
	redirect4(lab, "10.0.0.254", "10.0.0.9");
	cr_assert_eq(hop(lab, "192.0.2.1").v4[3], 254);
	lab_free(lab);
}

Test(redirect, a_neighbour_discovery_redirect_is_obeyed)
{
	struct lab *lab = lab_new();
	struct net_route r = {.dst = ip("2001:db8::"), .prefix_len = 32, .gateway = ip("fe80::fe"),
			      .link = lab->link};
	struct net_addr target = ip("fe80::fd"), dst = ip("2001:db8::1");

	cr_assert_eq(net_route_add(lab->stack, &r), 0);
	lab_addr(lab, "fe80::1", 64);
	f_ip(&f, "fe80::fe", "fd00::1", 58, (struct ipopt){.ttl = 255});
	ndp_emit_redirect(&f.w, &target, &dst, peer_mac);
	lab_send(lab, &f);
	cr_assert_eq(hop(lab, "2001:db8::1").v6[15], 0xfd);
	f_ip(&f, "fe80::fe", "fd00::1", 58, (struct ipopt){.ttl = 254});
	ndp_emit_redirect(&f.w, &target, &dst, peer_mac);
	lab_send(lab, &f);
	cr_assert_eq(lab_drops(lab, DROP_NDP_HOP_LIMIT), 1);
	lab_free(lab);
}

static net_link_id second_link(struct lab *lab)
{
	struct net_link_config lc = {.kind = NET_LINK_ETHER, .name = "eth1", .mtu = 1400,
				     .mac = {2, 0, 0, 0, 1, 1}};
	struct net_ifaddr a = {.addr = ip("10.1.0.1"), .prefix_len = 24};

	cr_assert_eq(net_link_attach(lab->stack, &a.link, &lc), 0);
	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	return a.link;
}

static uint64_t arrives(struct lab *lab, const char *src)
{
	uint64_t before = lab_mib(lab, MIB_Udp_NoPorts);

	lab_udp(lab, src, 1, "10.0.0.1", 9, "x");
	return lab_mib(lab, MIB_Udp_NoPorts) - before;
}

Test(rp_filter, strict_asks_for_the_same_link_loose_for_any)
{
	struct lab *lab = lab_new_known();
	struct net_route def = {.dst = ip("0.0.0.0")};

	second_link(lab);
	cr_assert_eq(net_route_del(lab->stack, &def), 0);
	cr_assert_eq(arrives(lab, "10.1.0.7"), 1, "off by default");
	cr_assert_eq(net_conf_set(lab->stack, lab->link, NET_CONF_IP4, NET_CONF4_rp_filter, 1), 0);
	cr_assert_eq(arrives(lab, "10.1.0.7"), 0, "reached over eth1");
	cr_assert_eq(arrives(lab, "10.0.0.2"), 1);
	cr_assert_eq(net_conf_set(lab->stack, lab->link, NET_CONF_IP4, NET_CONF4_rp_filter, 2), 0);
	cr_assert_eq(arrives(lab, "10.1.0.7"), 1);
	cr_assert_eq(arrives(lab, "172.16.0.1"), 0, "no route at all");
	cr_assert_eq(lab_drops(lab, DROP_IP_RP_FILTER), 2);
	lab_free(lab);
}

Test(rp_filter, this_network_is_no_source)
{
	struct lab *lab = lab_new_known();

	cr_assert_eq(arrives(lab, "0.0.0.5"), 0);
	cr_assert_eq(lab_drops(lab, DROP_IP4_SRC_ADDR), 1);
	lab_free(lab);
}

Test(forward, follows_rules_and_tells_why_not)
{
	struct lab *lab = lab_new_known();
	struct net_route r = {.dst = ip("192.0.2.0"), .prefix_len = 24, .type = NET_ROUTE_PROHIBIT};

	cr_assert_eq(net_conf_set(lab->stack, NET_CONF_ALL, NET_CONF_IP4, NET_CONF4_forwarding, 1), 0);
	cr_assert_eq(net_route_add(lab->stack, &r), 0);
	lab_udp(lab, "10.0.0.2", 1, "192.0.2.1", 9, "x");
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "icmp type 3 code 13"), "%s", lab->text);
	cr_assert_eq(net_route_del(lab->stack, &r), 0);
	r.type = NET_ROUTE_BLACKHOLE;
	cr_assert_eq(net_route_add(lab->stack, &r), 0);
	lab_udp(lab, "10.0.0.2", 1, "192.0.2.1", 9, "x");
	lab_quiet(lab);
	cr_assert_eq(lab_drops(lab, DROP_IP_BLACKHOLE), 1);
	lab_free(lab);
}

Test(forward, only_over_links_that_are_set_to)
{
	struct lab *lab = lab_new_known();
	int32_t all;

	cr_assert_eq(net_conf_set(lab->stack, NET_CONF_ALL, NET_CONF_IP4, NET_CONF4_forwarding, 1), 0);
	cr_assert_eq(net_conf_set(lab->stack, lab->link, NET_CONF_IP4, NET_CONF4_forwarding, 0), 0);
	lab_udp(lab, "10.0.0.2", 1, "192.0.2.1", 9, "x");
	lab_quiet(lab);
	cr_assert_eq(net_conf_get(lab->stack, NET_CONF_ALL, NET_CONF_IP4, NET_CONF4_forwarding, &all), 0);
	cr_assert_eq(all, 1);
	lab_free(lab);
}
