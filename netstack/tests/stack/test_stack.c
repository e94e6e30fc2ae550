/* SPDX-License-Identifier: Apache-2.0 */
/* stack.c, poll.c, info.c: determinism, memory, snapshots. */
#include "support/lab.h"

#include "sim/sim.h"

Test(stack, a_new_stack_has_its_loopback_and_sleeps)
{
	struct net_config cfg;
	struct net_stack *stack;
	struct net_link_info link;
	struct net_ifaddr addrs[4];

	net_config_init(&cfg);
	cr_assert_eq(net_stack_new(&stack, &cfg), 0);
	cr_assert_eq(net_info_links(stack, &link, 1), 1);
	cr_assert_str_eq(link.name, "lo");
	cr_assert_eq(link.mtu, 65536);
	cr_assert_eq(net_info_addrs(stack, addrs, 4), 2);
	cr_assert_eq(net_stack_deadline(stack), NET_TIME_NEVER);
	net_stack_free(stack);
	net_stack_free(NULL);
}

Test(stack, a_config_out_of_range_is_refused)
{
	struct net_config cfg;
	struct net_stack *stack;

	net_config_init(&cfg);
	cfg.limits.sockets = 0;
	cr_assert_eq(net_stack_new(&stack, &cfg), -EINVAL);
	net_config_init(&cfg);
	cfg.tunables.ip_default_ttl = 0;
	cr_assert_eq(net_stack_new(&stack, &cfg), -EINVAL);
}

Test(stack, time_never_goes_back)
{
	struct lab *lab = lab_new();

	net_stack_clock(lab->stack, lab->now + NET_SEC(10));
	net_stack_poll(lab->stack, lab->now);
	cr_assert_eq(net_stack_deadline(lab->stack), NET_TIME_NEVER);
	lab_free(lab);
}

/* Sends @n datagrams each way through loss and reordering; returns the hash of all frames. */
static uint64_t run(uint64_t seed)
{
	struct sim *sim = sim_new(seed);
	int a = sim_add_stack(sim, NULL), b = sim_add_stack(sim, NULL);
	struct sim_link_config lc = {.kind = NET_LINK_ETHER,
				     .delay = NET_MS(3),
				     .loss_ppm = 100000,
				     .jitter = NET_MS(5)};
	int link = sim_connect(sim, a, b, &lc);
	net_sock_id s = open_sock(sim_stack(sim, a), AF_INET, SOCK_DGRAM, 0);
	struct name to;
	uint64_t hash;

	to.len = sim_addr(sim, link, 1, AF_INET, 7, &to.ss);
	for (int i = 0; i < 50; i++) {
		send_to(sim_stack(sim, a), s, &i, sizeof(i), &to, 0);
		sim_run_for(sim, NET_MS(1));
	}
	sim_run_for(sim, NET_SEC(5));
	hash = sim_hash(sim);
	sim_free(sim);
	return hash;
}

Test(stack, the_same_seed_gives_the_same_frames_at_the_same_instants)
{
	cr_assert_eq(run(7), run(7));
	cr_assert_neq(run(7), run(8));
}

Test(stack, steady_state_allocates_nothing_per_packet)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name me = name("0.0.0.0", 9), to = name("10.0.0.2", 9), self = name("127.0.0.1", 9);
	struct net_memory_info before, after;
	static uint8_t data[9000];

	net_sock_bind(lab->stack, s, SA(me), me.len);
	for (int round = 0; round < 200; round++) {
		if (round == 20)
			net_info_memory(lab->stack, &before);
		lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "0123456789");
		recv_from(lab->stack, s, data, sizeof(data), NULL, 0);
		send_to(lab->stack, s, data, 1400, &to, 0);
		send_to(lab->stack, s, data, 9000, &to, 0);
		send_to(lab->stack, s, data, 9000, &self, 0);
		lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 10, "nobody");
		lab_flush(lab);
		cr_assert_eq(recv_from(lab->stack, s, data, sizeof(data), NULL, 0), 9000);
	}
	net_info_memory(lab->stack, &after);
	cr_assert_eq(after.pkt_allocs, before.pkt_allocs);
	cr_assert_eq(after.pkt_bytes, before.pkt_bytes);
	lab_free(lab);
}

Test(stack, packet_memory_is_limited_and_exhaustion_is_survived)
{
	struct net_config cfg;
	struct lab *lab;
	net_sock_id s;
	struct name to = name("10.0.0.2", 9);
	static uint8_t data[60000];
	int big = 1 << 22;
	ssize_t r;

	net_config_init(&cfg);
	cfg.limits.pkt_bytes = 1 << 20;
	lab = lab_new_cfg(&cfg, 0);
	lab_neigh(lab, "10.0.0.2", peer_mac);
	s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_SNDBUF, &big, 4, 0);
	for (int i = 0; i < 100; i++) {
		r = send_to(lab->stack, s, data, sizeof(data), &to, 0);
		cr_assert(r == 60000 || r == -ENOBUFS, "%zd", r);
	}
	cr_assert_eq(r, -ENOBUFS);
	cr_assert_null(net_pkt_new(lab->stack, 65000));
	lab_flush(lab);
	cr_assert_eq(send_to(lab->stack, s, data, 1000, &to, 0), 1000);
	lab_free(lab);
}

Test(stack, discards_are_kept_for_captures_while_watched)
{
	struct lab *lab = lab_new_known();
	struct net_drop_info d;

	lab_udp(lab, "10.0.0.2", 5, "10.0.0.1", 9, "x");
	cr_assert(!net_drops_next(lab->stack, &d));
	net_drops_watch(lab->stack, true);
	lab_udp(lab, "10.0.0.2", 5, "10.0.0.1", 9, "x");
	cr_assert(net_drops_next(lab->stack, &d));
	cr_assert_eq(d.why, DROP_UDP_NO_SOCKET);
	cr_assert_eq(d.link, lab->link);
	cr_assert_eq(d.ethertype, 0x0800);
	cr_assert_eq(d.len, 29);
	cr_assert_eq(d.snap[0], 0x45);
	cr_assert_eq(d.snap[28], 'x');
	cr_assert(!net_drops_next(lab->stack, &d));
	for (int i = 0; i < 200; i++)
		lab_udp(lab, "10.0.0.2", 5, "10.0.0.1", 9, "x");
	int n = 0;
	while (net_drops_next(lab->stack, &d))
		n++;
	cr_assert_eq(n, 64, "bounded: the oldest go");
	lab_free(lab);
}

Test(info, sockets_and_counters_are_listed)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET6, SOCK_DGRAM, 0);
	struct name me = name("::", 9);
	struct net_sock_info info;

	cr_assert_eq(net_info_socks(lab->stack, IPPROTO_UDP, &info, 1), 0, "unbound");
	net_sock_bind(lab->stack, s, SA(me), me.len);
	net_sock_set_owner(lab->stack, s, 33, 44);
	lab_udp(lab, "10.0.0.2", 5, "10.0.0.1", 9, "x");
	cr_assert_eq(net_info_socks(lab->stack, IPPROTO_UDP, &info, 1), 1);
	cr_assert_eq(info.local.port, 9);
	cr_assert_eq(info.state, 7);
	cr_assert_eq(info.uid, 33);
	cr_assert_eq(info.inode, 44);
	cr_assert_gt(info.rx_queue, 0);
	cr_assert_eq(net_info_socks(lab->stack, IPPROTO_TCP, NULL, 0), 0);
	cr_assert_eq(lab_mib(lab, MIB_Udp_InDatagrams), 1);
	cr_assert_eq(lab_mib(lab, MIB_Ip_DefaultTTL), 64);
	lab_free(lab);
}

Test(stack, many_links_are_found_by_the_output_ring)
{
	struct lab *lab = lab_new_known();
	struct net_link_config lc = {.kind = NET_LINK_IP, .name = "tun0", .mtu = 1500};
	struct net_ifaddr a = {.addr = ip("10.7.0.1"), .prefix_len = 24};
	struct name one = name("10.0.0.2", 9), two = name("10.7.0.2", 9);
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	net_link_id first, second;

	cr_assert_eq(net_link_attach(lab->stack, &a.link, &lc), 0);
	cr_assert_eq(net_addr_add(lab->stack, &a), 0);
	cr_assert_eq(net_link_next_output(lab->stack), 0);
	send_to(lab->stack, s, "x", 1, &one, 0);
	send_to(lab->stack, s, "x", 1, &two, 0);
	first = net_link_next_output(lab->stack);
	second = net_link_next_output(lab->stack);
	cr_assert(first && second && first != second);
	net_pkt_free(net_link_take_output(lab->stack, first));
	net_pkt_free(net_link_take_output(lab->stack, second));
	cr_assert_null(net_link_take_output(lab->stack, first));
	cr_assert_null(net_link_take_output(lab->stack, second));
	cr_assert_eq(net_link_next_output(lab->stack), 0);
	lab_free(lab);
}

Test(stack, links_addresses_and_learned_mtus_are_limited)
{
	struct net_config cfg;
	struct net_link_config lc = {.kind = NET_LINK_IP, .name = "tun0", .mtu = 1500};
	struct net_ifaddr a = {.addr = ip("10.0.0.9"), .prefix_len = 24};
	struct lab *lab;
	net_link_id id;

	net_config_init(&cfg);
	cfg.limits.links = 2;
	cfg.limits.addresses = 4;
	lab = lab_new_cfg(&cfg, 0);
	cr_assert_eq(net_link_attach(lab->stack, &id, &lc), -ENOSPC);
	a.link = lab->link;
	cr_assert_eq(net_addr_add(lab->stack, &a), -ENOSPC);
	lab_free(lab);
}

Test(stack, one_poll_keeps_its_budget_and_asks_to_be_called_again)
{
	struct net_config cfg;
	struct lab *lab;
	struct name me = name("127.0.0.1", 9);
	net_sock_id s;
	char c;
	int got = 0;

	net_config_init(&cfg);
	cfg.limits.poll_budget = 1;
	lab = lab_new_cfg(&cfg, 0);
	s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	net_sock_bind(lab->stack, s, SA(me), me.len);
	for (int i = 0; i < 65; i++)
		cr_assert_eq(send_to(lab->stack, s, "x", 1, &me, 0), 1);
	net_stack_poll(lab->stack, lab->now);
	cr_assert_eq(net_stack_deadline(lab->stack), lab->now);
	while (recv_from(lab->stack, s, &c, 1, NULL, 0) == 1)
		got++;
	cr_assert_eq(got, 64);
	net_stack_poll(lab->stack, lab->now);
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), 1);
	lab_free(lab);
}

Test(stack, sending_and_freeing_a_frame_leaves_nothing_to_do)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("10.0.0.2", 9);

	send_to(lab->stack, s, "x", 1, &to, 0);
	net_pkt_free(net_link_take_output(lab->stack, lab->link));
	cr_assert_eq(net_stack_deadline(lab->stack), NET_TIME_NEVER);
	lab_free(lab);
}
