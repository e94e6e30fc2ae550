/* SPDX-License-Identifier: Apache-2.0 */
#include "netstack/change.h"
#include "netstack/conf.h"
#include "support/lab.h"

static const uint8_t router_mac[6] = {2, 0, 0, 0, 0, 0xfe};

/* A stack whose link obeys routers, past its own detection. */
static struct lab *host(void (*tune)(struct lab *lab, net_link_id link))
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct net_config cfg;
	struct net_link_config lc = {.kind = NET_LINK_ETHER, .name = "eth0", .mtu = 1500,
				     .autoconf = true, .down = true};

	net_config_init(&cfg);
	cr_assert_eq(net_stack_new(&lab->stack, &cfg), 0);
	memcpy(lc.mac, lab_mac, 6);
	cr_assert_eq(net_link_attach(lab->stack, &lab->link, &lc), 0);
	if (tune)
		tune(lab, lab->link);
	cr_assert_eq(net_link_set_up(lab->stack, lab->link, true), 0);
	lab_flush(lab);
	lab_after(lab, NET_SEC(1));
	lab_flush(lab);
	return lab;
}

struct ra {
	uint32_t flags; /* of the header: managed 0x800000, preference bits ... */
	uint16_t lifetime;
	const uint8_t *opts;
	size_t opts_len;
	const char *from;
};

static void rx_ra(struct lab *lab, struct ra ra)
{
	static struct frame f;

	f_ip(&f, ra.from ? ra.from : "fe80::fe", "ff02::1", 58, (struct ipopt){.ttl = 255});
	memcpy(f.b, (uint8_t[]){0x33, 0x33, 0, 0, 0, 1}, 6);
	f_icmp(&f, ICMP6_RA, 0, 64u << 24 | ra.flags | ra.lifetime);
	wr_be32(&f.w, 0);
	wr_be32(&f.w, 0);
	wr_u8(&f.w, 1);
	wr_u8(&f.w, 1);
	wr_bytes(&f.w, router_mac, 6);
	f_bytes(&f, ra.opts, ra.opts_len);
	lab_send(lab, &f);
}

/* 2001:db8:1::/64, on link and autonomous. */
static void rx_prefix(struct lab *lab, uint32_t valid, uint32_t preferred)
{
	uint8_t o[32] = {3, 4, 64, 0xc0};
	struct net_addr p = ip("2001:db8:1::");

	store_be32(o + 4, valid);
	store_be32(o + 8, preferred);
	memcpy(o + 16, p.v6, 16);
	rx_ra(lab, (struct ra){.lifetime = 1800, .opts = o, .opts_len = sizeof(o)});
}

static size_t addrs(struct lab *lab, struct net_ifaddr *ret, bool temporary)
{
	struct net_ifaddr all[32];
	size_t n = net_info_addrs(lab->stack, all, 32), k = 0;

	for (size_t i = 0; i < n; i++)
		if (all[i].addr.family == AF_INET6 && all[i].dynamic && all[i].temporary == temporary)
			ret[k++] = all[i];
	return k;
}

static void use_tempaddr(struct lab *lab, net_link_id link)
{
	cr_assert_eq(net_conf_set(lab->stack, link, NET_CONF_IP6, NET_CONF6_use_tempaddr, 2), 0);
	cr_assert_eq(net_conf_set(lab->stack, link, NET_CONF_IP6, NET_CONF6_max_desync_factor, 0), 0);
}

Test(temp_addr, is_made_beside_the_public_one_and_preferred)
{
	struct lab *lab = host(use_tempaddr);
	struct net_ifaddr a[8], t[8];
	struct net_route r;
	struct net_addr src, dst = ip("2001:db8:2::1");

	rx_prefix(lab, 86400 * 30, 86400 * 20);
	lab_after(lab, NET_SEC(2));
	lab_flush(lab);
	lab_after(lab, NET_SEC(2));
	lab_flush(lab);
	cr_assert_eq(addrs(lab, a, false), 1);
	cr_assert_eq(addrs(lab, t, true), 1);
	cr_assert_neq(memcmp(a[0].addr.v6 + 8, t[0].addr.v6 + 8, 8), 0);
	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &r, &src), 0);
	cr_assert_eq(memcmp(src.v6, t[0].addr.v6, 16), 0, "use_tempaddr 2");
	net_stack_free(lab->stack);
	free(lab);
}

Test(temp_addr, has_a_successor_before_its_preferred_time_ends)
{
	struct lab *lab = host(use_tempaddr);
	struct net_ifaddr t[8];

	rx_prefix(lab, UINT32_MAX, UINT32_MAX);
	lab_after(lab, NET_SEC(2));
	lab_flush(lab);
	cr_assert_eq(addrs(lab, t, true), 1);
	for (net_time end = lab->now + NET_SEC(86400); lab->now < end;) {
		net_time at = net_stack_deadline(lab->stack);

		lab_at(lab, at < end ? at : end);
		lab_flush(lab);
	}
	cr_assert_eq(addrs(lab, t, true), 2);
	cr_assert(t[0].deprecated != t[1].deprecated);
	net_stack_free(lab->stack);
	free(lab);
}

Test(temp_addr, is_not_made_unless_asked_for)
{
	struct lab *lab = host(NULL);
	struct net_ifaddr t[8];

	rx_prefix(lab, 86400, 86400);
	lab_after(lab, NET_SEC(3));
	lab_flush(lab);
	cr_assert_eq(addrs(lab, t, false), 1);
	cr_assert_eq(t[0].addr.v6[11], 0xff, "EUI-64");
	cr_assert_eq(addrs(lab, t, true), 0);
	net_stack_free(lab->stack);
	free(lab);
}

static void stable_secret(struct lab *lab, net_link_id link)
{
	static const uint8_t secret[16] = {1, 2, 3};

	cr_assert_eq(net_conf_set_stable_secret(lab->stack, link, secret), 0);
}

static struct net_addr link_local(struct lab *lab)
{
	struct net_ifaddr all[8];
	size_t n = net_info_addrs(lab->stack, all, 8);

	for (size_t i = 0; i < n; i++)
		if (all[i].addr.v6[0] == 0xfe && all[i].addr.family == AF_INET6)
			return all[i].addr;
	cr_assert_fail("no link-local address");
	return (struct net_addr){0};
}

Test(stable_iid, is_the_same_each_time_and_tells_nothing)
{
	struct net_addr a[2];

	for (int i = 0; i < 2; i++) {
		struct lab *lab = host(stable_secret);

		a[i] = link_local(lab);
		net_stack_free(lab->stack);
		free(lab);
	}
	cr_assert_eq(memcmp(a[0].v6, a[1].v6, 16), 0);
	cr_assert_neq(a[0].v6[11], 0xff);
}

Test(stable_iid, a_conflict_makes_another)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct net_config cfg;
	struct net_link_config lc = {.kind = NET_LINK_ETHER, .name = "eth0", .mtu = 1500,
				     .autoconf = true, .down = true};
	static struct frame f;
	struct net_addr first, second, all = ip("ff02::1");
	char text[INET6_ADDRSTRLEN];

	net_config_init(&cfg);
	cr_assert_eq(net_stack_new(&lab->stack, &cfg), 0);
	memcpy(lc.mac, lab_mac, 6);
	cr_assert_eq(net_link_attach(lab->stack, &lab->link, &lc), 0);
	stable_secret(lab, lab->link);
	cr_assert_eq(net_link_set_up(lab->stack, lab->link, true), 0);
	lab_flush(lab);
	first = link_local(lab);
	inet_ntop(AF_INET6, first.v6, text, sizeof(text));
	f_ip(&f, text, "ff02::1", 58, (struct ipopt){.ttl = 255});
	memcpy(f.b, (uint8_t[]){0x33, 0x33, 0, 0, 0, 1}, 6);
	ndp_emit(&f.w, ICMP6_NA, NDP_NA_OVERRIDE, &first, 2, peer_mac);
	lab_send(lab, &f);
	second = link_local(lab);
	cr_assert_neq(memcmp(first.v6, second.v6, 16), 0);
	(void)all;
	net_stack_free(lab->stack);
	free(lab);
}

Test(dad, our_own_probe_that_comes_back_is_no_conflict)
{
	struct lab *lab = lab_new();
	struct net_ifaddr a = {.link = lab->link, .addr = ip("fd00::77"), .prefix_len = 64, .dad = 1};
	struct net_ifaddr all[16];
	uint8_t probe[128];
	size_t len, n;
	bool seen = false;

	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	do
		cr_assert(lab_tx(lab));
	while (!strstr(lab->text, "type 135"));
	len = lab->frame_len;
	memcpy(probe, lab->frame, len);
	lab_flush(lab);
	lab_rx(lab, probe, len);
	n = net_info_addrs(lab->stack, all, 16);
	for (size_t i = 0; i < n; i++)
		if (all[i].addr.v6[15] == 0x77) {
			seen = true;
			cr_assert(!all[i].duplicate, "RFC 7527");
			cr_assert(all[i].tentative);
		}
	cr_assert(seen);
	probe[len - 1] ^= 1; /* another nonce: somebody else probes */
	store_be16(probe + 14 + 40 + 2, (uint16_t)(load_be16(probe + 56) + (probe[len - 1] & 1 ? -1 : 1)));
	lab_rx(lab, probe, len);
	n = net_info_addrs(lab->stack, all, 16);
	for (size_t i = 0; i < n; i++)
		if (all[i].addr.v6[15] == 0x77)
			cr_assert(all[i].duplicate);
	lab_free(lab);
}

Test(ra_route, more_specific_routes_are_taken_within_the_limit)
{
	struct lab *lab = host(NULL);
	/* 2001:db8:5::/48, high preference, 600 s */
	uint8_t o[16] = {24, 2, 48, 0x08, 0, 0, 2, 0x58, 0x20, 0x01, 0x0d, 0xb8, 0, 5, 0, 0};
	struct ra ra = {.lifetime = 0, .opts = o, .opts_len = sizeof(o)};
	struct net_addr src, dst = ip("2001:db8:5::1"), me = ip("2001:db8:9::1");
	struct net_ifaddr a = {.link = lab->link, .addr = me, .prefix_len = 128};
	struct net_route r;

	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	rx_ra(lab, ra);
	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &r, &src), -ENETUNREACH,
		     "accept_ra_rt_info_max_plen is 0");
	cr_assert_eq(net_conf_set(lab->stack, lab->link, NET_CONF_IP6,
				  NET_CONF6_accept_ra_rt_info_max_plen, 64), 0);
	rx_ra(lab, ra);
	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &r, &src), 0);
	cr_assert_eq(r.prefix_len, 48);
	cr_assert_eq(r.pref, 1);
	lab_after(lab, NET_SEC(601));
	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &r, &src), -ENETUNREACH);
	net_stack_free(lab->stack);
	free(lab);
}

Test(ra_route, the_preferred_router_is_used)
{
	struct lab *lab = host(NULL);
	struct net_addr src, dst = ip("2001:db8:7::1");
	struct net_ifaddr a = {.link = lab->link, .addr = ip("2001:db8:9::1"), .prefix_len = 128};
	struct net_route r;

	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	rx_ra(lab, (struct ra){.lifetime = 1800, .from = "fe80::fe", .flags = 3u << 19});
	rx_ra(lab, (struct ra){.lifetime = 1800, .from = "fe80::fd", .flags = 1u << 19});
	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &r, &src), 0);
	cr_assert_eq(r.gateway.v6[15], 0xfd, "high before low");
	rx_ra(lab, (struct ra){.lifetime = 0, .from = "fe80::fd"});
	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &r, &src), 0);
	cr_assert_eq(r.gateway.v6[15], 0xfe);
	net_stack_free(lab->stack);
	free(lab);
}

Test(rdnss, is_told_to_who_watches)
{
	struct lab *lab = host(NULL);
	uint8_t o[24 + 24] = {25, 3, 0, 0, 0, 0, 0, 100, 0x20, 0x01, 0x0d, 0xb8, [23] = 0x53,
			      [24] = 31, 3, 0, 0, 0, 0, 0, 100, 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e',
			      3, 'o', 'r', 'g', 0};
	struct net_change c;
	int servers = 0, search = 0;

	cr_assert_eq(net_changes_watch(lab->stack, true), 0);
	rx_ra(lab, (struct ra){.lifetime = 1800, .opts = o, .opts_len = sizeof(o), .flags = 0x400000});
	while (net_changes_next(lab->stack, &c)) {
		if (c.kind != NET_CHANGE_RDNSS)
			continue;
		cr_assert(c.rdnss.other);
		cr_assert_eq(c.rdnss.lifetime_s, 100);
		if (c.rdnss.nservers) {
			cr_assert_eq(c.rdnss.servers[0].v6[15], 0x53);
			servers++;
		} else {
			cr_assert_str_eq(c.rdnss.search, "example.org");
			search++;
		}
	}
	cr_assert_eq(servers, 1);
	cr_assert_eq(search, 1);
	net_stack_free(lab->stack);
	free(lab);
}

Test(router_solicitation, is_repeated_with_growing_intervals_until_answered)
{
	struct lab *lab = host(NULL);
	int n = 0;

	for (net_time end = lab->now + NET_SEC(60); lab->now < end;) {
		net_time at = net_stack_deadline(lab->stack);

		lab_at(lab, at < end ? at : end);
		while (lab_tx(lab))
			n += strstr(lab->text, "type 133") != NULL;
	}
	cr_assert(n >= 3 && n <= 5, "%d", n);
	rx_ra(lab, (struct ra){.lifetime = 1800});
	lab_flush(lab);
	lab_after(lab, NET_SEC(600));
	while (lab_tx(lab))
		cr_assert(!strstr(lab->text, "type 133"));
	net_stack_free(lab->stack);
	free(lab);
}

Test(conf6, disable_ipv6_removes_addresses_and_refuses_packets)
{
	struct lab *lab = lab_new();
	struct net_ifaddr all[8];

	cr_assert_eq(net_conf_set(lab->stack, NET_CONF_ALL, NET_CONF_IP6, NET_CONF6_disable_ipv6, 1), 0);
	size_t n = net_info_addrs(lab->stack, all, 8);

	for (size_t i = 0; i < n; i++)
		cr_assert_neq(all[i].addr.family, AF_INET6);
	lab_udp(lab, "fd00::2", 1, "fd00::1", 9, "x");
	cr_assert_eq(lab_drops(lab, DROP_IP_DISABLED), 1);
	net_stack_free(lab->stack);
	free(lab);
}

Test(conf, names_and_defaults_are_linuxs)
{
	struct lab *lab = lab_new();
	int32_t v;

	cr_assert_str_eq(net_conf_name(NET_CONF_IP4, NET_CONF4_rp_filter), "rp_filter");
	cr_assert_str_eq(net_conf_name(NET_CONF_IP6, NET_CONF6_temp_prefered_lft), "temp_prefered_lft");
	cr_assert_str_eq(net_conf_name(NET_CONF_NEIGH6, NET_NEIGH_CONF_gc_stale_time), "gc_stale_time");
	cr_assert_null(net_conf_name(NET_CONF_IP4, NET_CONF4_COUNT));
	cr_assert_eq(net_conf_get(lab->stack, NET_CONF_ALL, NET_CONF_NEIGH4, 0, &v), -EBADF);
	cr_assert_eq(net_conf_get(lab->stack, NET_CONF_DEFAULT, NET_CONF_NEIGH4,
				  NET_NEIGH_CONF_mcast_solicit, &v), 0);
	cr_assert_eq(v, 3);
	cr_assert_eq(net_conf_set(lab->stack, lab->link, NET_CONF_IP6, NET_CONF6_hop_limit, 256), -EINVAL);
	lab_free(lab);
}

Test(conf, neigh_settings_are_those_of_the_link)
{
	struct lab *lab = lab_new();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("10.0.0.7", 9);
	int asked = 0;

	cr_assert_eq(net_conf_set(lab->stack, lab->link, NET_CONF_NEIGH4, NET_NEIGH_CONF_mcast_solicit, 5),
		     0);
	cr_assert_eq(net_conf_set(lab->stack, lab->link, NET_CONF_NEIGH4, NET_NEIGH_CONF_retrans_time_ms,
				  100), 0);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), 1);
	for (int i = 0; i < 10; i++) {
		while (lab_tx(lab))
			asked++;
		lab_after(lab, NET_MS(100));
	}
	cr_assert_eq(asked, 5);
	lab_free(lab);
}
