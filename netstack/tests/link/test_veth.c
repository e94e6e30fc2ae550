/* SPDX-License-Identifier: Apache-2.0 */
#include "support/lab.h"

static void pair(struct lab *lab, net_link_id ret[2])
{
	struct net_link_config cfg[2] = {{.name = "v0"}, {.name = "v1"}};

	cr_assert_eq(net_link_attach_veth(lab->stack, ret, cfg), 0);
}

static uint32_t flags(struct lab *lab, net_link_id link)
{
	struct net_link_info info;

	cr_assert_eq(net_info_link(lab->stack, link, &info), 0);
	return info.flags;
}

Test(veth, what_one_end_sends_the_other_bridges_on)
{
	struct lab *lab = lab_new();
	net_link_id v[2], br;
	struct net_link_config bc = {.type = NET_LINK_BRIDGE, .name = "br0"};
	struct net_ifaddr a = {.addr = ip("10.8.0.1"), .prefix_len = 24};
	struct name to = name("10.8.0.2", 9);
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	bool asked = false;

	pair(lab, v);
	cr_assert_eq(net_link_attach(lab->stack, &br, &bc), 0);
	cr_assert_eq(net_link_set_master(lab->stack, v[1], br), 0);
	cr_assert_eq(net_link_set_master(lab->stack, lab->link, br), 0);
	a.link = v[0];
	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), 1);
	while (lab_tx(lab))
		asked |= strstr(lab->text, "10.8.0.2") && strstr(lab->text, "10.8.0.1");
	cr_assert(asked, "the ARP request left by eth0");
	lab_free(lab);
}

Test(veth, an_end_runs_while_the_other_is_up)
{
	struct lab *lab = lab_new();
	net_link_id v[2];

	pair(lab, v);
	cr_assert(flags(lab, v[0]) & 0x40 /* IFF_RUNNING */);
	cr_assert_eq(net_link_set_up(lab->stack, v[1], false), 0);
	cr_assert(!(flags(lab, v[0]) & 0x40));
	lab_free(lab);
}

Test(veth, deleting_one_end_deletes_the_other)
{
	struct lab *lab = lab_new();
	net_link_id v[2];

	pair(lab, v);
	cr_assert_eq(net_link_detach(lab->stack, v[0]), 0);
	cr_assert_eq(net_link_by_name(lab->stack, "v1"), 0);
	lab_free(lab);
}

Test(veth, a_pair_across_stacks_is_carried)
{
	struct net_config cfg;
	struct net_stack *st[2];
	net_link_id link[2];
	net_sock_id s[2];
	struct name to = name("10.8.0.2", 9);
	char buf[8];

	net_config_init(&cfg);
	for (int i = 0; i < 2; i++) {
		struct net_link_config lc = {.kind = NET_LINK_ETHER, .name = "v", .mtu = 1500,
					     .offloads = 31, .mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)}};
		struct net_ifaddr a = {.addr = ip(i ? "10.8.0.2" : "10.8.0.1"), .prefix_len = 24};

		cr_assert_eq(net_stack_new(&st[i], &cfg), 0);
		cr_assert_eq(net_link_attach(st[i], &link[i], &lc), 0);
		a.link = link[i];
		cr_assert_eq(net_addr_add(st[i], &a), 0);
		s[i] = open_sock(st[i], AF_INET, SOCK_DGRAM, 0);
	}
	cr_assert_eq(net_sock_bind(st[1], s[1], SA(to), to.len), 0);
	cr_assert_eq(send_to(st[0], s[0], "hello", 5, &to, 0), 5);
	for (int i = 0; i < 4; i++) {
		net_stack_poll(st[0], 0);
		net_link_carry(st[0], link[0], st[1], link[1], 0, 100);
		net_stack_poll(st[1], 0);
		net_link_carry(st[1], link[1], st[0], link[0], 0, 100);
	}
	cr_assert_eq(recv_from(st[1], s[1], buf, sizeof(buf), NULL, 0), 5);
	net_stack_free(st[0]);
	net_stack_free(st[1]);
}

Test(dummy, swallows_what_is_sent)
{
	struct lab *lab = lab_new();
	struct net_link_config cfg = {.type = NET_LINK_DUMMY, .name = "dummy0"};
	struct net_ifaddr a = {.addr = ip("10.8.0.1"), .prefix_len = 24};
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("10.8.0.2", 9);
	struct net_link_info info;

	cr_assert_eq(net_link_attach(lab->stack, &a.link, &cfg), 0);
	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), 1);
	lab_quiet(lab);
	cr_assert_eq(net_info_link(lab->stack, a.link, &info), 0);
	cr_assert_eq(info.tx_packets, 1, "no ARP: nobody could answer");
	lab_free(lab);
}
