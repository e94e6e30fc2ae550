/* SPDX-License-Identifier: Apache-2.0 */
/* SOCK_DGRAM ICMP sockets. */
#include "support/lab.h"

#include "sim/sim.h"

static void ping(int family, uint8_t request, uint8_t reply)
{
	struct sim *sim = sim_new(1);
	int a = sim_add_stack(sim, NULL), b = sim_add_stack(sim, NULL);
	struct sim_link_config lc = {.kind = NET_LINK_ETHER, .delay = NET_MS(1)};
	int link = sim_connect(sim, a, b, &lc);
	struct net_stack *sa = sim_stack(sim, a);
	net_sock_id s = open_sock(sa, family, SOCK_DGRAM,
				  family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	uint8_t msg[12] = {request, 0, 0, 0, 0, 0, 0, 7, 'd', 'a', 't', 'a'}, got[64];
	struct name to, from;

	to.len = sim_addr(sim, link, 1, family, 0, &to.ss);
	cr_assert_eq(send_to(sa, s, msg, sizeof(msg), &to, 0), 12);
	sim_run_for(sim, NET_MS(100));
	cr_assert_eq(recv_from(sa, s, got, sizeof(got), &from, 0), 12);
	cr_assert_eq(got[0], reply);
	cr_assert_eq(got[7], 7);
	cr_assert_arr_eq(got + 8, "data", 4);
	sim_free(sim);
}

Test(ping, an_echo_request_is_answered_over_ipv4)
{
	ping(AF_INET, 8, 0);
}

Test(ping, an_echo_request_is_answered_over_ipv6)
{
	ping(AF_INET6, 128, 129);
}
