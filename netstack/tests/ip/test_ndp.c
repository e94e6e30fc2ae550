/* SPDX-License-Identifier: Apache-2.0 */
/* ndp.c, slaac.c: RFC 4861, RFC 4862. */
#include "support/lab.h"

static struct frame f;

static void solicit(struct lab *lab, const char *src, const char *target, uint8_t hops, bool lla)
{
	struct net_addr t = ip(target);

	f_ip(&f, src, "ff02::1:ff00:1", 58, (struct ipopt){.ttl = hops});
	ndp_emit(&f.w, ICMP6_NS, 0, &t, 1, lla ? peer_mac : NULL);
	lab_send(lab, &f);
}

Test(ndp, a_solicitation_for_us_is_answered)
{
	struct lab *lab = lab_new();

	solicit(lab, "fd00::2", "fd00::1", 255, true);
	lab_expect(lab,
		   "IP6 fd00::1 > fd00::2 hlim 255 icmp6 type 136 code 0 rest 0x60000000 len 32");
	cr_assert_arr_eq(lab->frame, peer_mac, 6);
	lab_quiet(lab);
	lab_free(lab);
}

/* RFC 4861 7.1.1: never from beyond a router. */
Test(ndp, a_hop_limit_other_than_255_is_a_drop)
{
	struct lab *lab = lab_new();

	solicit(lab, "fd00::2", "fd00::1", 254, true);
	lab_quiet(lab);
	cr_assert_eq(lab_drops(lab, DROP_NDP_HOP_LIMIT), 1);
	lab_free(lab);
}

/* RFC 4861 7.2.4: an answer to "::" goes to all nodes, not solicited. */
Test(ndp, somebody_elses_duplicate_detection_is_answered_to_all_nodes)
{
	struct lab *lab = lab_new();

	solicit(lab, "::", "fd00::1", 255, false);
	lab_expect(lab,
		   "IP6 fd00::1 > ff02::1 hlim 255 icmp6 type 136 code 0 rest 0x20000000 len 32");
	solicit(lab, "::", "fd00::1", 255, true);
	lab_quiet(lab);
	cr_assert_eq(lab_drops(lab, DROP_NDP_MALFORMED), 1);
	solicit(lab, "fd00::2", "fd00::9", 255, true);
	cr_assert_eq(lab_drops(lab, DROP_NDP_NOT_US), 1);
	lab_free(lab);
}

static struct net_ifaddr with_dad(struct lab *lab)
{
	return (struct net_ifaddr){
		.link = lab->link, .addr = ip("fd00::77"), .prefix_len = 64, .dad = 1};
}

static struct net_ifaddr find(struct lab *lab, const char *addr)
{
	struct net_ifaddr all[16];
	struct net_addr a = ip(addr);
	size_t n = net_info_addrs(lab->stack, all, 16);

	for (size_t i = 0; i < n; i++)
		if (!memcmp(all[i].addr.v6, a.v6, 16))
			return all[i];
	return (struct net_ifaddr){0};
}

static void skip_reports(struct lab *lab)
{
	do
		cr_assert(lab_tx(lab));
	while (strstr(lab->text, "ff02::16"));
}

Test(slaac, an_address_is_tentative_until_nobody_objects)
{
	struct lab *lab = lab_new();
	struct net_ifaddr a = with_dad(lab);

	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	skip_reports(lab);
	cr_assert_str_eq(lab->text,
			 "IP6 :: > ff02::1:ff00:77 hlim 255 icmp6 type 135 code 0 rest 0x0 len 32",
			 "with a nonce (RFC 7527)");
	cr_assert(find(lab, "fd00::77").tentative);
	lab_after(lab, NET_SEC(1));
	cr_assert(!find(lab, "fd00::77").tentative);
	lab_flush(lab);
	lab_free(lab);
}

Test(slaac, an_objection_makes_it_a_duplicate)
{
	struct lab *lab = lab_new();
	struct net_ifaddr a = with_dad(lab);

	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	lab_flush(lab);
	f_ip(&f, "fd00::77", "ff02::1", 58, (struct ipopt){.ttl = 255});
	ndp_emit(&f.w, ICMP6_NA, NDP_NA_OVERRIDE, &a.addr, 2, peer_mac);
	lab_send(lab, &f);
	cr_assert(find(lab, "fd00::77").duplicate);
	lab_after(lab, NET_SEC(5));
	cr_assert(find(lab, "fd00::77").duplicate);
	lab_flush(lab);
	lab_free(lab);
}

static void advertise(struct lab *lab, uint16_t lifetime, uint32_t valid, uint32_t preferred)
{
	f_ip(&f, "fe80::99", "ff02::1", 58, (struct ipopt){.ttl = 255});
	f_icmp(&f, ICMP6_RA, 0, 64u << 24 | lifetime);
	wr_be32(&f.w, 0);
	wr_be32(&f.w, 0);
	wr_u8(&f.w, 3);
	wr_u8(&f.w, 4);
	wr_u8(&f.w, 64);
	wr_u8(&f.w, 0xc0);
	wr_be32(&f.w, valid);
	wr_be32(&f.w, preferred);
	wr_be32(&f.w, 0);
	wr_bytes(&f.w, ip("2001:db8:5::").v6, 16);
	lab_send(lab, &f);
}

static struct lab *auto_lab(void)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct net_link_config lc = {
		.kind = NET_LINK_ETHER, .name = "eth0", .mtu = 1500, .autoconf = true};
	struct net_config cfg;

	net_config_init(&cfg);
	cr_assert_eq(net_stack_new(&lab->stack, &cfg), 0);
	memcpy(lc.mac, lab_mac, 6);
	cr_assert_eq(net_link_attach(lab->stack, &lab->link, &lc), 0);
	return lab;
}

Test(slaac, a_link_gets_its_own_address_a_router_and_a_prefix)
{
	struct lab *lab = auto_lab();
	struct net_addr dst = ip("2001:db8:9::1"), src;
	struct net_route r;
	bool asked = false;

	lab_flush(lab);
	cr_assert(find(lab, "fe80::ff:fe00:1").tentative);
	for (int i = 0; i < 3; i++) {
		lab_after(lab, NET_SEC(1));
		while (lab_tx(lab))
			asked |= strstr(lab->text, "> ff02::2 hlim 255 icmp6 type 133") != NULL;
	}
	cr_assert(asked, "routers are solicited");
	advertise(lab, 1800, 3600, 1800);
	lab_flush(lab);
	lab_after(lab, NET_SEC(2));
	lab_flush(lab);
	cr_assert(find(lab, "2001:db8:5:0:0:ff:fe00:1").dynamic);
	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &r, &src), 0);
	cr_assert_eq(r.origin, NET_ROUTE_ORIGIN_RA);
	cr_assert_arr_eq(src.v6, find(lab, "2001:db8:5:0:0:ff:fe00:1").addr.v6, 16);
	/* Deprecated, then gone; so is the router. */
	lab_after(lab, NET_SEC(1800));
	cr_assert(find(lab, "2001:db8:5:0:0:ff:fe00:1").deprecated);
	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &r, &src), -ENETUNREACH);
	lab_after(lab, NET_SEC(1800));
	cr_assert_eq(find(lab, "2001:db8:5:0:0:ff:fe00:1").link, 0);
	lab_free(lab);
}

/* RFC 4862 5.5.3 (e): a forged advertisement cannot end an address sooner than in two hours. */
Test(slaac, a_short_lifetime_leaves_two_hours)
{
	struct lab *lab = auto_lab();
	const char *addr = "2001:db8:5:0:0:ff:fe00:1";

	lab_after(lab, NET_SEC(3));
	lab_flush(lab);
	advertise(lab, 1800, 36000, 36000);
	lab_after(lab, NET_SEC(2));
	lab_flush(lab);
	advertise(lab, 1800, 10, 10);
	lab_after(lab, NET_SEC(7100));
	lab_flush(lab);
	cr_assert_neq(find(lab, addr).link, 0, "still there");
	cr_assert(find(lab, addr).deprecated);
	lab_after(lab, NET_SEC(101));
	lab_flush(lab);
	cr_assert_eq(find(lab, addr).link, 0);
	lab_free(lab);
}

Test(slaac, links_without_autoconf_ignore_advertisements)
{
	struct lab *lab = lab_new();

	advertise(lab, 1800, 3600, 1800);
	lab_quiet(lab);
	cr_assert_eq(lab_drops(lab, DROP_NDP_NOT_US), 1);
	lab_free(lab);
}
