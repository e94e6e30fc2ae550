/* SPDX-License-Identifier: Apache-2.0 */
/* The reachability machine, RFC 4861 7.3. */
#include "support/lab.h"

static void answer(struct lab *lab, const char *target, uint32_t flags, const uint8_t *mac)
{
	static struct frame f;
	struct net_addr t = ip(target);

	f_ip(&f, target, "fd00::1", 58, (struct ipopt){.ttl = 255});
	ndp_emit(&f.w, ICMP6_NA, flags, &t, 2, mac);
	lab_send(lab, &f);
}

static uint8_t state_of(struct lab *lab, const char *addr)
{
	struct net_neigh n[16];
	struct net_addr a = ip(addr);
	size_t count = net_info_neighs(lab->stack, n, 16);

	for (size_t i = 0; i < count; i++)
		if (!memcmp(n[i].addr.v6, a.v6, 16))
			return n[i].state;
	return NET_NEIGH_NONE;
}

static net_sock_id udp6(struct lab *lab)
{
	net_sock_id s = open_sock(lab->stack, AF_INET6, SOCK_DGRAM, 0);
	struct name to = name("fd00::2", 9);

	cr_assert_eq(send_to(lab->stack, s, "x", 1, &to, 0), 1);
	return s;
}

#define NS "IP6 fd00::1 > ff02::1:ff00:2 hlim 255 icmp6 type 135 code 0 rest 0x0 len 32"
#define NS_UNICAST "IP6 fd00::1 > fd00::2 hlim 255 icmp6 type 135 code 0 rest 0x0 len 32"
#define DATA "IP6 fd00::1 > fd00::2 hlim 64 udp"

static void expect_data(struct lab *lab)
{
	cr_assert(lab_tx(lab));
	cr_assert(!strncmp(lab->text, DATA, strlen(DATA)), "%s", lab->text);
}

Test(neigh, solicited_answer_makes_it_reachable)
{
	struct lab *lab = lab_new();

	udp6(lab);
	lab_expect(lab, NS);
	cr_assert_eq(state_of(lab, "fd00::2"), NET_NEIGH_INCOMPLETE);
	answer(lab, "fd00::2", NDP_NA_SOLICITED | NDP_NA_OVERRIDE, peer_mac);
	cr_assert_eq(state_of(lab, "fd00::2"), NET_NEIGH_REACHABLE);
	expect_data(lab);
	lab_quiet(lab);
	lab_free(lab);
}

Test(neigh, stale_entry_is_used_at_once_and_probed_after_five_seconds)
{
	struct lab *lab = lab_new();
	struct name to = name("fd00::2", 9);
	net_sock_id s = udp6(lab);

	lab_expect(lab, NS);
	answer(lab, "fd00::2", NDP_NA_SOLICITED | NDP_NA_OVERRIDE, peer_mac);
	expect_data(lab);
	lab_after(lab, NET_SEC(46)); /* more than 1.5 times 30 s */
	cr_assert_eq(state_of(lab, "fd00::2"), NET_NEIGH_STALE);
	cr_assert_eq(net_stack_deadline(lab->stack), NET_TIME_NEVER, "an idle stack sleeps");
	send_to(lab->stack, s, "x", 1, &to, 0);
	expect_data(lab);
	cr_assert_eq(state_of(lab, "fd00::2"), NET_NEIGH_DELAY);
	lab_after(lab, NET_SEC(5));
	lab_expect(lab, NS_UNICAST);
	cr_assert_eq(state_of(lab, "fd00::2"), NET_NEIGH_PROBE);
	answer(lab, "fd00::2", NDP_NA_SOLICITED, NULL);
	cr_assert_eq(state_of(lab, "fd00::2"), NET_NEIGH_REACHABLE);
	lab_quiet(lab);
	lab_free(lab);
}

Test(neigh, unanswered_probes_fail_the_entry)
{
	struct lab *lab = lab_new();
	struct name to = name("fd00::2", 9);
	net_sock_id s = udp6(lab);

	lab_expect(lab, NS);
	answer(lab, "fd00::2", 0, peer_mac); /* unsolicited: STALE */
	cr_assert_eq(state_of(lab, "fd00::2"), NET_NEIGH_STALE);
	expect_data(lab);
	send_to(lab->stack, s, "x", 1, &to, 0);
	expect_data(lab);
	lab_after(lab, NET_SEC(5));
	for (int i = 0; i < 3; i++) {
		lab_expect(lab, NS_UNICAST);
		lab_after(lab, NET_SEC(1));
	}
	cr_assert_eq(state_of(lab, "fd00::2"), NET_NEIGH_FAILED);
	lab_quiet(lab);
	lab_free(lab);
}

/* RFC 4861 7.2.5: without the override flag another address only makes it STALE. */
Test(neigh, another_address_without_override_is_not_taken)
{
	static const uint8_t other[6] = {2, 0, 0, 0, 0, 99};
	struct lab *lab = lab_new();

	udp6(lab);
	lab_expect(lab, NS);
	answer(lab, "fd00::2", NDP_NA_SOLICITED | NDP_NA_OVERRIDE, peer_mac);
	expect_data(lab);
	answer(lab, "fd00::2", 0, other);
	cr_assert_eq(state_of(lab, "fd00::2"), NET_NEIGH_STALE);
	udp6(lab);
	expect_data(lab);
	cr_assert_arr_eq(lab->frame, peer_mac, 6);
	answer(lab, "fd00::2", NDP_NA_OVERRIDE, other);
	udp6(lab);
	expect_data(lab);
	cr_assert_arr_eq(lab->frame, other, 6);
	lab_free(lab);
}

Test(neigh, an_answer_nobody_asked_for_makes_no_entry)
{
	struct lab *lab = lab_new();

	answer(lab, "fd00::9", NDP_NA_SOLICITED | NDP_NA_OVERRIDE, peer_mac);
	cr_assert_eq(state_of(lab, "fd00::9"), NET_NEIGH_NONE);
	lab_free(lab);
}

Test(neigh, the_table_is_bounded_and_the_oldest_goes)
{
	struct net_config cfg;
	struct lab *lab;
	char addr[32];

	net_config_init(&cfg);
	cfg.limits.neighbours = 8;
	lab = lab_new_cfg(&cfg, 0);
	for (int i = 0; i < 50; i++) {
		struct net_neigh n = {.link = lab->link, .state = NET_NEIGH_STALE};

		snprintf(addr, sizeof(addr), "10.0.0.%d", i + 10);
		n.addr = ip(addr);
		memcpy(n.mac, peer_mac, 6);
		cr_assert_eq(net_neigh_set(lab->stack, &n), 0);
	}
	cr_assert_eq(net_info_neighs(lab->stack, NULL, 0), 8);
	lab_free(lab);
}

Test(neigh, the_queue_of_one_neighbour_is_bounded)
{
	struct net_config cfg;
	struct lab *lab;
	struct name to = name("10.0.0.2", 9);
	net_sock_id s;

	net_config_init(&cfg);
	cfg.limits.neigh_pending = 3;
	lab = lab_new_cfg(&cfg, 0);
	s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < 5; i++)
		send_to(lab->stack, s, "x", 1, &to, 0);
	cr_assert_eq(lab_drops(lab, DROP_NEIGH_QUEUE_FULL), 2);
	lab_free(lab);
}
