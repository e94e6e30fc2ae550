/* SPDX-License-Identifier: Apache-2.0 */
#include "netstack/change.h"
#include "support/lab.h"

static net_link_id add_vlan(struct lab *lab, const char *name, uint16_t id)
{
	struct net_link_config cfg = {.type = NET_LINK_VLAN, .lower = lab->link, .vlan_id = id};
	net_link_id link;

	strcpy(cfg.name, name);
	cr_assert_eq(net_link_attach(lab->stack, &link, &cfg), 0);
	return link;
}

/* A tagged UDP datagram to 10.7.0.1. */
static void rx_tagged(struct lab *lab, uint16_t id, const char *dst)
{
	static struct frame f;
	uint8_t tagged[2048];
	size_t len;

	f_ip(&f, "10.7.0.2", dst, 17, (struct ipopt){0});
	f_udp(&f, 5, 9, 2);
	f_text(&f, "hi");
	len = f_done(&f);
	memcpy(tagged, f.b, 12);
	store_be16(tagged + 12, 0x8100);
	store_be16(tagged + 14, id);
	memcpy(tagged + 16, f.b + 12, len - 12);
	lab_rx(lab, tagged, len + 4);
}

Test(vlan, frames_are_tagged_and_untagged)
{
	struct lab *lab = lab_new();
	net_link_id vlan = add_vlan(lab, "eth0.7", 7);
	struct net_ifaddr a = {.link = vlan, .addr = ip("10.7.0.1"), .prefix_len = 24};
	struct net_neigh n = {.link = vlan, .addr = ip("10.7.0.2"), .state = NET_NEIGH_PERMANENT};
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name me = name("10.7.0.1", 9), peer = name("10.7.0.2", 5);
	char buf[8];

	memcpy(n.mac, peer_mac, 6);
	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	cr_assert_eq(net_neigh_set(lab->stack, &n), 0);
	cr_assert_eq(net_sock_bind(lab->stack, s, SA(me), me.len), 0);
	rx_tagged(lab, 7, "10.7.0.1");
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), 2);
	lab_flush(lab);
	cr_assert_eq(send_to(lab->stack, s, "yo", 2, &peer, 0), 2);
	cr_assert(lab_tx(lab));
	cr_assert_eq(load_be16(lab->frame + 12), 0x8100);
	cr_assert_eq(load_be16(lab->frame + 14) & 0xfff, 7);
	cr_assert_eq(load_be16(lab->frame + 16), 0x0800);
	lab_free(lab);
}

Test(vlan, an_unknown_id_is_dropped_whole)
{
	struct lab *lab = lab_new();
	struct net_drop_info d;

	net_drops_watch(lab->stack, true);
	rx_tagged(lab, 9, "10.0.0.1");
	cr_assert_eq(lab_drops(lab, DROP_ETH_VLAN), 1);
	cr_assert(net_drops_next(lab->stack, &d));
	cr_assert_eq(d.ethertype, 0);
	cr_assert_eq(load_be16(d.snap + 12), 0x8100, "the tag is in the capture");
	lab_free(lab);
}

Test(vlan, super_segments_are_cut_behind_the_tag)
{
	struct lab *lab = lab_new();
	net_link_id vlan = add_vlan(lab, "eth0.7", 7);
	struct net_ifaddr a = {.link = vlan, .addr = ip("10.7.0.1"), .prefix_len = 24};
	struct net_neigh n = {.link = vlan, .addr = ip("10.7.0.2"), .state = NET_NEIGH_PERMANENT};
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name peer = name("10.7.0.2", 5);
	static uint8_t data[2500];
	int seg = 1000, n_frames = 0;

	memcpy(n.mac, peer_mac, 6);
	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	cr_assert_eq(net_neigh_set(lab->stack, &n), 0);
	lab_flush(lab);
	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_UDP, 103, &seg, sizeof(seg), 0), 0);
	cr_assert_eq(send_to(lab->stack, s, data, sizeof(data), &peer, 0), 2500);
	while (lab_tx(lab)) {
		cr_assert_eq(load_be16(lab->frame + 12), 0x8100);
		cr_assert_eq(lab->frame_len, n_frames < 2 ? 1046 : 546);
		n_frames++;
	}
	cr_assert_eq(n_frames, 3);
	lab_free(lab);
}

Test(vlan, it_goes_with_its_lower_link_and_the_changes_say_so)
{
	struct lab *lab = lab_new();
	net_link_id vlan = add_vlan(lab, "eth0.7", 7);
	struct net_change c;
	int gone = 0;

	cr_assert_eq(net_changes_watch(lab->stack, true), 0);
	cr_assert_eq(net_link_detach(lab->stack, lab->link), 0);
	cr_assert_eq(net_link_by_name(lab->stack, "eth0.7"), 0);
	while (net_changes_next(lab->stack, &c))
		gone += c.kind == NET_CHANGE_LINK && c.gone &&
			(c.link.link == vlan || c.link.link == lab->link);
	cr_assert_eq(gone, 2);
	net_stack_free(lab->stack);
	free(lab);
}

Test(vlan, a_second_of_the_same_id_exists)
{
	struct lab *lab = lab_new();
	struct net_link_config cfg = {.type = NET_LINK_VLAN, .lower = lab->link, .vlan_id = 7, .name = "b"};
	net_link_id link;

	add_vlan(lab, "a", 7);
	cr_assert_eq(net_link_attach(lab->stack, &link, &cfg), -EEXIST);
	cfg.vlan_id = 4095;
	cr_assert_eq(net_link_attach(lab->stack, &link, &cfg), -EINVAL);
	lab_free(lab);
}

Test(vlan, the_mtu_is_no_larger_than_below)
{
	struct lab *lab = lab_new();
	net_link_id vlan = add_vlan(lab, "a", 7);
	struct net_link_info info;

	cr_assert_eq(net_link_set_mtu(lab->stack, vlan, 9000), -EINVAL);
	cr_assert_eq(net_link_set_mtu(lab->stack, lab->link, 1400), 0);
	cr_assert_eq(net_info_link(lab->stack, vlan, &info), 0);
	cr_assert_eq(info.mtu, 1400);
	lab_free(lab);
}
