/* SPDX-License-Identifier: Apache-2.0 */
#include "netstack/bridge.h"
#include "support/lab.h"

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa}, mac_b[6] = {2, 0, 0, 0, 0, 0xb};
static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct br {
	struct net_stack *stack;
	net_link_id br, port[3];
	net_time now;
};

static struct br *br_new(void)
{
	struct br *b = calloc(1, sizeof(*b));
	struct net_config cfg;
	struct net_link_config lc = {.type = NET_LINK_BRIDGE, .name = "br0"};

	net_config_init(&cfg);
	cr_assert_eq(net_stack_new(&b->stack, &cfg), 0);
	cr_assert_eq(net_link_attach(b->stack, &b->br, &lc), 0);
	for (int i = 0; i < 3; i++) {
		struct net_link_config pc = {.kind = NET_LINK_ETHER, .mtu = 1500};

		snprintf(pc.name, sizeof(pc.name), "p%d", i);
		memcpy(pc.mac, (uint8_t[]){2, 0, 0, 0, 1, (uint8_t)i}, 6);
		cr_assert_eq(net_link_attach(b->stack, &b->port[i], &pc), 0);
		cr_assert_eq(net_link_set_master(b->stack, b->port[i], b->br), 0);
	}
	return b;
}

static void br_free(struct br *b)
{
	net_stack_free(b->stack);
	free(b);
}

static void rx(struct br *b, int port, const uint8_t dst[6], const uint8_t src[6])
{
	uint8_t frame[60] = {0};
	struct pkt *pkt = net_pkt_new(b->stack, sizeof(frame));

	memcpy(frame, dst, 6);
	memcpy(frame + 6, src, 6);
	store_be16(frame + 12, 0x88b5); /* local experimental */
	cr_assert_eq(net_pkt_fill(pkt, frame, sizeof(frame)), 0);
	cr_assert_eq(net_link_input(b->stack, b->port[port], b->now, pkt), 0);
	net_stack_poll(b->stack, b->now);
}

/* Bit per port that has a frame. */
static unsigned out(struct br *b)
{
	unsigned mask = 0;
	struct pkt *pkt;

	for (int i = 0; i < 3; i++)
		while ((pkt = net_link_take_output(b->stack, b->port[i]))) {
			mask |= 1u << i;
			net_pkt_free(pkt);
		}
	return mask;
}

Test(bridge, floods_what_it_does_not_know_and_learns)
{
	struct br *b = br_new();

	rx(b, 0, mac_b, mac_a);
	cr_assert_eq(out(b), 6);
	rx(b, 1, mac_a, mac_b);
	cr_assert_eq(out(b), 1, "a is behind port 0");
	rx(b, 0, mac_b, mac_a);
	cr_assert_eq(out(b), 2);
	rx(b, 2, all, mac_b);
	cr_assert_eq(out(b), 3);
	rx(b, 0, mac_b, mac_a);
	cr_assert_eq(out(b), 4, "b moved to port 2");
	br_free(b);
}

Test(bridge, entries_age)
{
	struct br *b = br_new();

	rx(b, 0, all, mac_a);
	out(b);
	b->now += NET_SEC(299);
	rx(b, 1, mac_a, mac_b);
	cr_assert_eq(out(b), 1);
	b->now += NET_SEC(2);
	rx(b, 1, mac_a, mac_b);
	cr_assert_eq(out(b), 5, "flooded again");
	cr_assert_eq(net_stack_deadline(b->stack), NET_TIME_NEVER, "no timer for it");
	br_free(b);
}

Test(bridge, link_constrained_frames_are_not_forwarded)
{
	struct br *b = br_new();
	static const uint8_t stp[6] = {0x01, 0x80, 0xc2, 0, 0, 0};

	rx(b, 0, stp, mac_a);
	cr_assert_eq(out(b), 0);
	br_free(b);
}

Test(bridge, permanent_entries_stay_and_isolated_ports_do_not_talk)
{
	struct br *b = br_new();
	struct net_fdb e = {.bridge = b->br, .port = b->port[2], .permanent = true}, dump[8];
	struct net_bridge_port p;

	memcpy(e.mac, mac_a, 6);
	cr_assert_eq(net_fdb_set(b->stack, &e), 0);
	rx(b, 0, all, mac_a);
	out(b);
	rx(b, 1, mac_a, mac_b);
	cr_assert_eq(out(b), 4, "the permanent entry did not move");
	cr_assert_eq(net_info_fdb(b->stack, b->br, dump, 8), 2);
	for (int i = 1; i < 3; i++) {
		cr_assert_eq(net_bridge_port_get(b->stack, b->port[i], &p), 0);
		p.isolated = true;
		cr_assert_eq(net_bridge_port_set(b->stack, b->port[i], &p), 0);
	}
	rx(b, 1, all, mac_b);
	cr_assert_eq(out(b), 1);
	cr_assert_eq(net_fdb_del(b->stack, b->br, mac_a), 0);
	cr_assert_eq(net_fdb_del(b->stack, b->br, mac_a), -ENOENT);
	br_free(b);
}

Test(bridge, has_the_lowest_address_of_its_ports)
{
	struct br *b = br_new();
	struct net_link_info info;

	cr_assert_eq(net_info_link(b->stack, b->br, &info), 0);
	cr_assert_eq(info.mac[4], 1);
	cr_assert_eq(info.mac[5], 0);
	cr_assert_eq(net_link_detach(b->stack, b->port[0]), 0);
	cr_assert_eq(net_info_link(b->stack, b->br, &info), 0);
	cr_assert_eq(info.mac[5], 1);
	br_free(b);
}

Test(bridge, a_host_behind_it_is_answered)
{
	struct br *b = br_new();
	struct net_ifaddr a = {.link = b->br, .addr = ip("10.5.0.1"), .prefix_len = 24};
	uint8_t frame[42];
	struct arp_pkt arp = {.op = ARP_REQUEST, .spa = ip("10.5.0.2"), .tpa = ip("10.5.0.1")};
	struct eth_hdr eth = {.type = ETH_TYPE_ARP};
	struct pkt *pkt = net_pkt_new(b->stack, sizeof(frame));
	struct wr w;

	cr_assert_eq(net_addr_add(b->stack, &a), 0);
	memcpy(arp.sha, mac_a, 6);
	memcpy(eth.dst, all, 6);
	memcpy(eth.src, mac_a, 6);
	wr_init(&w, frame, sizeof(frame));
	eth_emit(&w, &eth);
	arp_emit(&w, &arp);
	cr_assert_eq(net_pkt_fill(pkt, frame, sizeof(frame)), 0);
	cr_assert_eq(net_link_input(b->stack, b->port[1], b->now, pkt), 0);
	cr_assert_eq(out(b), 7, "flooded to 0 and 2, answered on 1");
	br_free(b);
}

Test(bridge, loops_of_links_are_refused)
{
	struct br *b = br_new();
	struct net_link_config lc = {.type = NET_LINK_BRIDGE, .name = "br1"};
	struct net_link_config vc = {.type = NET_LINK_VLAN, .name = "br0.5", .lower = b->br, .vlan_id = 5};
	net_link_id br1, vlan;

	cr_assert_eq(net_link_attach(b->stack, &br1, &lc), 0);
	cr_assert_eq(net_link_set_master(b->stack, br1, b->br), -ELOOP);
	cr_assert_eq(net_link_attach(b->stack, &vlan, &vc), 0);
	cr_assert_eq(net_link_set_master(b->stack, vlan, b->br), -ELOOP);
	cr_assert_eq(net_link_set_master(b->stack, b->port[0], br1), -EBUSY);
	cr_assert_eq(net_link_set_master(b->stack, 1, b->br), -EINVAL, "lo");
	br_free(b);
}
