/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 826. */
#include "support/lab.h"

static void rx_arp(struct lab *lab, uint16_t op, const uint8_t sha[6], const char *spa,
		   const char *tpa, bool broadcast)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct arp_pkt a = {.op = op, .spa = ip(spa), .tpa = ip(tpa)};
	static struct frame f;

	memcpy(a.sha, sha, 6);
	f_start(&f, broadcast ? all : lab_mac, sha, ETH_TYPE_ARP);
	arp_emit(&f.w, &a);
	lab_rx(lab, f.b, wr_len(&f.w));
}

static net_sock_id udp_to(struct lab *lab, const char *dst, const char *text)
{
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name(dst, 9);

	cr_assert_eq(send_to(lab->stack, s, text, strlen(text), &to, 0), (ssize_t)strlen(text));
	return s;
}

Test(arp, a_request_for_us_is_answered)
{
	struct lab *lab = lab_new();

	rx_arp(lab, ARP_REQUEST, peer_mac, "10.0.0.2", "10.0.0.1", true);
	lab_expect(lab, "ARP 10.0.0.1 is-at 02:00:00:00:00:01");
	cr_assert_arr_eq(lab->frame, peer_mac, 6);
	lab_quiet(lab);
	lab_free(lab);
}

Test(arp, a_request_for_somebody_else_is_not)
{
	struct lab *lab = lab_new();

	rx_arp(lab, ARP_REQUEST, peer_mac, "10.0.0.2", "10.0.0.3", true);
	lab_quiet(lab);
	cr_assert_eq(lab_drops(lab, DROP_ARP_NOT_US), 1);
	lab_free(lab);
}

Test(arp, loopback_addresses_are_never_answered_for)
{
	struct lab *lab = lab_new();

	rx_arp(lab, ARP_REQUEST, peer_mac, "10.0.0.2", "127.0.0.1", true);
	lab_quiet(lab);
	lab_free(lab);
}

Test(arp, packets_wait_for_the_answer_and_leave_in_order)
{
	struct lab *lab = lab_new();

	udp_to(lab, "10.0.0.2", "a");
	udp_to(lab, "10.0.0.2", "bb");
	lab_expect(lab, "ARP who-has 10.0.0.2 tell 10.0.0.1");
	lab_quiet(lab);
	rx_arp(lab, ARP_REPLY, peer_mac, "10.0.0.2", "10.0.0.1", false);
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "len 9"), "%s", lab->text);
	cr_assert_arr_eq(lab->frame, peer_mac, 6);
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "len 10"), "%s", lab->text);
	lab_quiet(lab);
	lab_free(lab);
}

Test(arp, the_gateway_is_asked_for_what_is_not_on_link)
{
	struct lab *lab = lab_new();

	udp_to(lab, "192.0.2.1", "x");
	lab_expect(lab, "ARP who-has 10.0.0.254 tell 10.0.0.1");
	lab_free(lab);
}

Test(arp, three_unanswered_requests_fail_and_the_socket_hears_of_it)
{
	struct lab *lab = lab_new();
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("10.0.0.2", 9);
	int one = 1;
	char c;

	cr_assert_eq(net_sock_connect(lab->stack, s, SA(to), to.len), 0);
	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_RECVERR, &one, 4, 0), 0);
	cr_assert_eq(send_to(lab->stack, s, "x", 1, NULL, 0), 1);
	lab_expect(lab, "ARP who-has 10.0.0.2 tell 10.0.0.1");
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(net_stack_deadline(lab->stack), lab->now + NET_SEC(1));
		lab_after(lab, NET_SEC(1));
		lab_expect(lab, "ARP who-has 10.0.0.2 tell 10.0.0.1");
	}
	lab_after(lab, NET_SEC(1));
	lab_quiet(lab);
	cr_assert_eq(lab_drops(lab, DROP_NEIGH_FAILED), 1);
	cr_assert(net_sock_poll(lab->stack, s) & EPOLLERR);
	cr_assert_eq(recv_from(lab->stack, s, &c, 1, NULL, 0), -EHOSTUNREACH);
	/* The next packet begins anew. */
	cr_assert_eq(send_to(lab->stack, s, "x", 1, NULL, 0), 1);
	lab_expect(lab, "ARP who-has 10.0.0.2 tell 10.0.0.1");
	lab_free(lab);
}

Test(arp, our_own_address_from_elsewhere_is_not_learned)
{
	struct lab *lab = lab_new();
	struct net_neigh n[8];

	rx_arp(lab, ARP_REQUEST, peer_mac, "10.0.0.1", "10.0.0.1", true);
	lab_quiet(lab);
	cr_assert_eq(net_info_neighs(lab->stack, n, 8), 0);
	lab_free(lab);
}

Test(arp, a_truncated_packet_is_a_counted_drop)
{
	struct lab *lab = lab_new();
	static struct frame f;

	f_start(&f, lab_mac, peer_mac, ETH_TYPE_ARP);
	f_text(&f, "short");
	lab_rx(lab, f.b, wr_len(&f.w));
	cr_assert_eq(lab_drops(lab, DROP_ARP_TRUNCATED), 1);
	lab_free(lab);
}
