/* SPDX-License-Identifier: Apache-2.0 */
#include "support/lab.h"

static net_sock_id member(struct lab *lab)
{
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name any = name("0.0.0.0", 5000);
	int on = 1, off = 0;

	cr_assert_eq(net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_REUSEADDR, &on, 4, 0), 0);
	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_MULTICAST_ALL, &off, 4, 0), 0);
	cr_assert_eq(net_sock_bind(lab->stack, s, SA(any), any.len), 0);
	return s;
}

static int source_op(struct lab *lab, net_sock_id s, int op, const char *source)
{
	struct ip_mreq_source m = {0};

	inet_pton(AF_INET, "232.1.1.1", &m.imr_multiaddr);
	inet_pton(AF_INET, source, &m.imr_sourceaddr);
	inet_pton(AF_INET, "10.0.0.1", &m.imr_interface);
	return net_sock_setopt(lab->stack, s, IPPROTO_IP, op, &m, sizeof(m), 0);
}

/* Type and sources of the next report. */
static void expect_report(struct lab *lab, uint8_t type, unsigned n)
{
	const uint8_t *rec = lab->frame + 14 + 24 + 8;

	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "224.0.0.22"), "%s", lab->text);
	cr_assert_eq(rec[0], type, "type %u", rec[0]);
	cr_assert_eq(load_be16(rec + 2), n, "%u sources", load_be16(rec + 2));
}

/* Past the repetitions of a report. */
static void settle(struct lab *lab)
{
	lab_flush(lab);
	lab_after(lab, NET_SEC(3));
	lab_flush(lab);
}

static ssize_t heard(struct lab *lab, net_sock_id s, const char *from)
{
	char buf[8];

	lab_udp(lab, from, 1, "232.1.1.1", 5000, "x");
	return recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0);
}

Test(ssm, a_source_is_joined_and_others_stay_out)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = member(lab);

	cr_assert_eq(source_op(lab, s, IP_ADD_SOURCE_MEMBERSHIP, "10.0.0.2"), 0);
	expect_report(lab, MCAST_ALLOW, 1);
	cr_assert_eq(heard(lab, s, "10.0.0.2"), 1);
	cr_assert_eq(heard(lab, s, "10.0.0.3"), -EAGAIN);
	cr_assert_eq(lab_drops(lab, DROP_MCAST_SOURCE), 1);
	settle(lab);
	cr_assert_eq(source_op(lab, s, IP_ADD_SOURCE_MEMBERSHIP, "10.0.0.3"), 0);
	expect_report(lab, MCAST_ALLOW, 1);
	cr_assert_eq(heard(lab, s, "10.0.0.3"), 1);
	settle(lab);
	cr_assert_eq(source_op(lab, s, IP_DROP_SOURCE_MEMBERSHIP, "10.0.0.2"), 0);
	expect_report(lab, MCAST_BLOCK, 1);
	cr_assert_eq(heard(lab, s, "10.0.0.2"), -EAGAIN);
	lab_free(lab);
}

Test(ssm, any_source_beside_it_makes_the_link_exclude_nothing)
{
	struct lab *lab = lab_new_known();
	net_sock_id a = member(lab), b = member(lab);
	struct ip_mreqn m = {.imr_ifindex = lab->link};

	cr_assert_eq(source_op(lab, a, IP_ADD_SOURCE_MEMBERSHIP, "10.0.0.2"), 0);
	lab_flush(lab);
	inet_pton(AF_INET, "232.1.1.1", &m.imr_multiaddr);
	cr_assert_eq(net_sock_setopt(lab->stack, b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m), 0), 0);
	expect_report(lab, MCAST_TO_EXCLUDE, 0);
	cr_assert_eq(heard(lab, b, "10.0.0.3"), 1);
	cr_assert_eq(heard(lab, a, "10.0.0.3"), -EAGAIN, "its own filter stays");
	lab_flush(lab);
	net_sock_close(lab->stack, b);
	net_stack_poll(lab->stack, lab->now);
	expect_report(lab, MCAST_TO_INCLUDE, 1);
	lab_free(lab);
}

Test(ssm, a_blocked_source_is_told_and_not_heard)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = member(lab);
	struct ip_mreqn m = {.imr_ifindex = lab->link};

	inet_pton(AF_INET, "232.1.1.1", &m.imr_multiaddr);
	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m), 0), 0);
	lab_flush(lab);
	cr_assert_eq(source_op(lab, s, IP_BLOCK_SOURCE, "10.0.0.3"), 0);
	lab_after(lab, NET_SEC(3));
	lab_flush(lab);
	cr_assert_eq(heard(lab, s, "10.0.0.3"), -EAGAIN);
	cr_assert_eq(heard(lab, s, "10.0.0.2"), 1);
	cr_assert_eq(source_op(lab, s, IP_UNBLOCK_SOURCE, "10.0.0.3"), 0);
	cr_assert_eq(heard(lab, s, "10.0.0.3"), 1);
	lab_free(lab);
}

Test(ssm, a_query_for_sources_is_answered_with_those_wanted)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = member(lab);
	static struct frame f;
	uint8_t q[20] = {0x11, 10, 0, 0, 232, 1, 1, 1, 2, 125, 0, 2, 10, 0, 0, 2, 10, 0, 0, 9};

	cr_assert_eq(source_op(lab, s, IP_ADD_SOURCE_MEMBERSHIP, "10.0.0.2"), 0);
	settle(lab);
	store_be16(q + 2, csum_fold(csum_add(0, q, sizeof(q))));
	f_ip(&f, "10.0.0.254", "232.1.1.1", 2, (struct ipopt){.ttl = 1});
	f_bytes(&f, q, sizeof(q));
	lab_send(lab, &f);
	lab_after(lab, NET_SEC(1));
	expect_report(lab, MCAST_IS_INCLUDE, 1);
	lab_free(lab);
}

Test(ssm, the_filters_of_a_link_are_shown)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = member(lab);
	struct net_mcast_source_info info[4];
	struct net_maddr_info maddr[16];
	size_t n;
	bool seen = false;

	cr_assert_eq(source_op(lab, s, IP_ADD_SOURCE_MEMBERSHIP, "10.0.0.2"), 0);
	cr_assert_eq(net_info_mcast_sources(lab->stack, info, 4), 1);
	cr_assert_eq(info[0].inc, 1);
	cr_assert_eq(info[0].exc, 0);
	n = net_info_maddrs(lab->stack, maddr, 16);
	for (size_t i = 0; i < n; i++)
		seen |= !memcmp(maddr[i].mac, (uint8_t[]){1, 0, 0x5e, 1, 1, 1}, 6);
	cr_assert(seen);
	lab_free(lab);
}

Test(maddr, frames_to_other_groups_stay_out_unless_all_are_wanted)
{
	struct lab *lab = lab_new_known();
	static struct frame f;
	size_t len;

	f_ip(&f, "10.0.0.2", "239.9.9.9", 17, (struct ipopt){0});
	f_udp(&f, 1, 2, 0);
	len = f_done(&f);
	memcpy(f.b, (uint8_t[]){1, 0, 0x5e, 9, 9, 9}, 6);
	lab_rx(lab, f.b, len);
	cr_assert_eq(lab_drops(lab, DROP_ETH_MULTICAST), 1);
	cr_assert_eq(net_link_set_allmulti(lab->stack, lab->link, true), 0);
	lab_rx(lab, f.b, len);
	cr_assert_eq(lab_drops(lab, DROP_MCAST_NOT_JOINED), 1);
	lab_free(lab);
}
