/* SPDX-License-Identifier: Apache-2.0 */
/* ether.c, link.c */
#include "netstack/qdisc.h"
#include "support/lab.h"

static void rx_type(struct lab *lab, const uint8_t dst[6], uint16_t type)
{
	static struct frame f;

	f_start(&f, dst, peer_mac, type);
	f_text(&f, "0123456789012345678901234567890123456789");
	lab_rx(lab, f.b, wr_len(&f.w));
}

Test(ether, frames_for_others_and_unknown_types_are_counted_drops)
{
	static const uint8_t other[6] = {2, 0, 0, 0, 0, 77};
	struct lab *lab = lab_new();

	rx_type(lab, other, ETH_TYPE_IP4);
	cr_assert_eq(lab_drops(lab, DROP_ETH_OTHER_HOST), 1);
	rx_type(lab, lab_mac, 0x1234);
	cr_assert_eq(lab_drops(lab, DROP_ETH_TYPE), 1);
	lab_rx(lab, "short", 5);
	cr_assert_eq(lab_drops(lab, DROP_ETH_TRUNCATED), 1);
	lab_free(lab);
}

/* 802.1Q: VLAN 0 is a priority tag, others are not ours. */
Test(ether, a_priority_tag_is_skipped_and_a_vlan_refused)
{
	struct lab *lab = lab_new();
	static struct frame f, t;
	size_t len;

	f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){0});
	f_udp(&f, 1, 9, 1);
	f_text(&f, "x");
	len = f_done(&f);
	for (uint16_t vid = 0; vid < 2; vid++) {
		f_start(&t, lab_mac, peer_mac, ETH_TYPE_VLAN);
		wr_be16(&t.w, (uint16_t)(0xe000 | vid));
		wr_be16(&t.w, ETH_TYPE_IP4);
		f_bytes(&t, f.b + 14, len - 14);
		lab_rx(lab, t.b, wr_len(&t.w));
	}
	cr_assert_eq(lab_drops(lab, DROP_ETH_VLAN), 1);
	cr_assert_eq(lab_drops(lab, DROP_UDP_NO_SOCKET), 1);
	lab_free(lab);
}

Test(link, a_stale_id_is_ebadf)
{
	struct lab *lab = lab_new();
	struct pkt *pkt = net_pkt_new(lab->stack, 10);

	cr_assert_eq(net_link_detach(lab->stack, lab->link), 0);
	cr_assert_eq(net_link_input(lab->stack, lab->link, 0, pkt), -EBADF);
	cr_assert_eq(net_link_detach(lab->stack, lab->link), -EBADF);
	cr_assert_null(net_link_take_output(lab->stack, lab->link));
	cr_assert_eq(net_link_detach(lab->stack, NET_LINK_LOOPBACK_ID), -EPERM);
	lab_free(lab);
}

Test(link, detaching_takes_addresses_and_routes_with_it)
{
	struct lab *lab = lab_new();
	struct net_route r;
	struct net_addr dst = ip("192.0.2.1"), src;

	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &r, &src), 0);
	net_link_detach(lab->stack, lab->link);
	cr_assert_eq(net_route_lookup(lab->stack, &dst, NULL, 0, &r, &src), -ENETUNREACH);
	cr_assert_eq(net_info_routes(lab->stack, NULL, 0), 0);
	cr_assert_eq(net_info_addrs(lab->stack, NULL, 0), 2);
	lab_free(lab);
}

Test(link, a_link_that_is_down_takes_and_gives_nothing)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("10.0.0.2", 9);

	net_link_set_up(lab->stack, lab->link, false);
	lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "x");
	cr_assert_eq(lab_drops(lab, DROP_LINK_DOWN), 1);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), -ENETUNREACH);
	net_link_set_up(lab->stack, lab->link, true);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), 1);
	lab_free(lab);
}

Test(link, configuration_that_makes_no_sense_is_refused)
{
	struct lab *lab = lab_new();
	struct net_link_config lc = {
		.kind = NET_LINK_ETHER, .name = "eth0", .mtu = 1500, .mac = {2}};
	net_link_id id;

	cr_assert_eq(net_link_attach(lab->stack, &id, &lc), -EEXIST);
	strcpy(lc.name, "a b");
	cr_assert_eq(net_link_attach(lab->stack, &id, &lc), -EINVAL);
	strcpy(lc.name, "eth1");
	lc.mac[0] = 1;
	cr_assert_eq(net_link_attach(lab->stack, &id, &lc), -EINVAL);
	lc.mac[0] = 2;
	lc.mtu = 67;
	cr_assert_eq(net_link_attach(lab->stack, &id, &lc), -EINVAL);
	lab_free(lab);
}

Test(link, metadata_that_does_not_fit_the_frame_is_a_drop)
{
	struct lab *lab = lab_new();
	uint8_t b[60] = {2, 0, 0, 0, 0, 1};
	struct net_offload o = {
		.flags = NET_OFFLOAD_NEEDS_CSUM, .csum_start = 50, .csum_offset = 16};

	lab_rx_off(lab, b, sizeof(b), &o);
	o = (struct net_offload){.gso_type = NET_GSO_UDP, .gso_size = 8};
	lab_rx_off(lab, b, sizeof(b), &o);
	o = (struct net_offload){.gso_type = NET_GSO_TCP4};
	lab_rx_off(lab, b, sizeof(b), &o);
	cr_assert_eq(lab_drops(lab, DROP_LINK_OFFLOAD), 3);
	lab_free(lab);
}

Test(link, the_transmit_queue_is_bounded)
{
	struct net_config cfg;
	struct net_link_config lc = {
		.kind = NET_LINK_IP, .name = "tun0", .mtu = 1500, .tx_queue = 4};
	struct net_stack *stack;
	struct net_ifaddr a = {.addr = ip("10.9.0.1"), .prefix_len = 24};
	struct name to = name("10.9.0.2", 9);
	uint64_t drops[DROP_COUNT];
	struct pkt *pkt;
	net_sock_id s;
	int n = 0;

	net_config_init(&cfg);
	cr_assert_eq(net_stack_new(&stack, &cfg), 0);
	cr_assert_eq(net_link_attach(stack, &a.link, &lc), 0);
	cr_assert_eq(net_addr_add(stack, &a), 0);
	s = open_sock(stack, AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < 6; i++)
		send_to(stack, s, "x", 1, &to, 0);
	while ((pkt = net_link_take_output(stack, a.link))) {
		net_pkt_free(pkt);
		n++;
	}
	cr_assert_eq(n, 6, "what a socket pays for is never dropped at our own edge");
	cr_assert_eq(net_qdisc_set(stack, &(struct net_qdisc){.link = a.link,
							      .kind = NET_QDISC_PFIFO,
							      .limit = 4}), 0);
	for (int i = 0; i < 6; i++)
		send_to(stack, s, "x", 1, &to, 0);
	for (n = 0; (pkt = net_link_take_output(stack, a.link)); n++)
		net_pkt_free(pkt);
	cr_assert_eq(n, 4, "a configured limit is one");
	net_info_drops(stack, drops);
	cr_assert_eq(drops[DROP_QDISC_LIMIT], 2);
	net_stack_free(stack);
}
