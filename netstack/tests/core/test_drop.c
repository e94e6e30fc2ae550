/* SPDX-License-Identifier: Apache-2.0 */
#include "support/lab.h"

/* What a capture of the discard holds behind the Ethernet header that it has or gets. */
static void next(struct lab *lab, struct net_drop_info *d)
{
	cr_assert(net_drops_next(lab->stack, d));
	cr_assert_gt(d->snap_len, 0);
}

Test(drop, an_arp_discard_says_that_its_frame_header_is_gone)
{
	struct lab *lab = lab_new();
	struct net_drop_info d;
	static struct frame f;
	struct arp_pkt arp = {.op = ARP_REQUEST, .spa = ip("10.0.0.2"), .tpa = ip("10.0.0.77")};

	net_drops_watch(lab->stack, true);
	memcpy(arp.sha, peer_mac, 6);
	f_start(&f, (uint8_t[]){255, 255, 255, 255, 255, 255}, peer_mac, ETH_TYPE_ARP);
	arp_emit(&f.w, &arp);
	lab_rx(lab, f.b, wr_len(&f.w));
	next(lab, &d);
	cr_assert_eq(d.why, DROP_ARP_NOT_US);
	cr_assert_eq(d.ethertype, ETH_TYPE_ARP);
	cr_assert_eq(d.len, 28);
	cr_assert_eq(load_be16(d.snap + 2), 0x0800, "protocol type of the ARP packet");
	lab_free(lab);
}

Test(drop, an_ip_discard_starts_at_its_header_however_deep_it_was_found)
{
	struct lab *lab = lab_new_known();
	struct net_drop_info d;

	net_drops_watch(lab->stack, true);
	lab_udp(lab, "10.0.0.2", 1, "10.0.0.1", 9, "x"); /* no socket: found behind the UDP header */
	next(lab, &d);
	cr_assert_eq(d.why, DROP_UDP_NO_SOCKET);
	cr_assert_eq(d.ethertype, ETH_TYPE_IP4);
	cr_assert_eq(d.snap[0], 0x45);
	cr_assert_eq(d.len, 29);
	lab_free(lab);
}

Test(drop, a_frame_for_others_is_kept_whole)
{
	struct lab *lab = lab_new_known();
	struct net_drop_info d;
	static struct frame f;
	size_t len;

	net_drops_watch(lab->stack, true);
	f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){0});
	f_udp(&f, 1, 2, 0);
	len = f_done(&f);
	f.b[5] = 99;
	lab_rx(lab, f.b, len);
	next(lab, &d);
	cr_assert_eq(d.why, DROP_ETH_OTHER_HOST);
	cr_assert_eq(d.ethertype, 0);
	cr_assert_eq(d.snap[5], 99);
	cr_assert_eq(d.len, len);
	lab_free(lab);
}

Test(drop, a_payload_that_never_became_a_packet_is_counted_and_not_shown)
{
	struct lab *lab = lab_new_known();
	struct net_drop_info d;
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name to = name("10.0.0.2", 9);

	cr_assert_eq(net_sock_connect(lab->stack, s, SA(to), to.len), 0);
	net_drops_watch(lab->stack, true);
	cr_assert_eq(net_addr_del(lab->stack, lab->link, &(struct net_addr){.family = AF_INET,
		     .v4 = {10, 0, 0, 1}}, 24), 0);
	(void)send_to(lab->stack, s, "x", 1, NULL, 0);
	while (net_drops_next(lab->stack, &d))
		cr_assert_neq(d.why, DROP_IP_NO_ROUTE);
	net_stack_free(lab->stack);
	free(lab);
}
