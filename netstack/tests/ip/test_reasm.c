/* SPDX-License-Identifier: Apache-2.0 */
/* reasm.c, frag.c: RFC 791 3.2, RFC 5722, RFC 8200 4.5. */
#include "support/lab.h"

static struct frame f;
static uint8_t whole[60000]; /* a UDP datagram */

static void make_datagram(bool v6, size_t data)
{
	struct net_addr s = ip(v6 ? "fd00::2" : "10.0.0.2"), d = ip(v6 ? "fd00::1" : "10.0.0.1");
	struct wr w;

	wr_init(&w, whole, sizeof(whole));
	udp_emit(&w, &(struct udp_hdr){1, 9, (uint16_t)(data + 8), 0});
	for (size_t i = 0; i < data; i++)
		wr_u8(&w, (uint8_t)(i * 3));
	store_be16(whole + 6, csum_fold(csum_add(csum_pseudo(&s, &d, 17, (uint32_t)(data + 8)),
						 whole, data + 8)));
}

static void piece(struct lab *lab, bool v6, uint32_t id, uint16_t off, uint16_t len, bool more)
{
	struct ip6_frag fr = {17, off, more, id};

	if (v6) {
		f_ip(&f, "fd00::2", "fd00::1", 44, (struct ipopt){0});
		ip6_emit_frag(&f.w, &fr);
	} else {
		f_ip(&f, "10.0.0.2", "10.0.0.1", 17,
		     (struct ipopt){
			     .id = (uint16_t)id, .flags = more ? IP4_MF : 0, .frag_off = off});
	}
	f.proto = 0; /* the checksum is the datagram's own */
	f_bytes(&f, whole + off, len);
	lab_send(lab, &f);
}

static net_sock_id receiver(struct lab *lab, bool v6)
{
	net_sock_id s = open_sock(lab->stack, v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	struct name me = name(v6 ? "::" : "0.0.0.0", 9);

	cr_assert_eq(net_sock_bind(lab->stack, s, SA(me), me.len), 0);
	return s;
}

static void expect_data(struct lab *lab, net_sock_id s, size_t data)
{
	static uint8_t buf[60000];

	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), (ssize_t)data);
	for (size_t i = 0; i < data; i++)
		cr_assert_eq(buf[i], (uint8_t)(i * 3));
}

static void in_any_order(bool v6)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = receiver(lab, v6);

	make_datagram(v6, 3000 - 8);
	piece(lab, v6, 7, 2000, 1000, false);
	piece(lab, v6, 7, 0, 1000, true);
	cr_assert_eq(recv_from(lab->stack, s, whole, 1, NULL, 0), -EAGAIN);
	piece(lab, v6, 7, 1000, 1000, true);
	expect_data(lab, s, 2992);
	/* More pieces than a packet has slots. */
	make_datagram(v6, 59000 - 8);
	for (int i = 58; i >= 0; i--)
		piece(lab, v6, 8, (uint16_t)(i * 1000), 1000, i != 58);
	expect_data(lab, s, 58992);
	lab_free(lab);
}

Test(reasm, fragments_in_any_order_make_the_packet)
{
	in_any_order(false);
	in_any_order(true);
}

static void overlap(bool v6)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = receiver(lab, v6);

	make_datagram(v6, 2000 - 8);
	piece(lab, v6, 7, 0, 1000, true);
	piece(lab, v6, 7, 992, 1008, false);
	cr_assert_eq(lab_drops(lab, DROP_FRAG_OVERLAP), 2);
	/* Nothing is left of it: the missing piece starts a new one. */
	piece(lab, v6, 7, 1000, 1000, false);
	cr_assert_eq(recv_from(lab->stack, s, whole, 1, NULL, 0), -EAGAIN);
	lab_free(lab);
}

/* RFC 5722 4. */
Test(reasm, an_overlap_discards_the_whole_packet)
{
	overlap(false);
	overlap(true);
}

Test(reasm, an_exact_duplicate_is_only_dropped)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = receiver(lab, false);

	make_datagram(false, 2000 - 8);
	piece(lab, false, 7, 0, 1000, true);
	piece(lab, false, 7, 0, 1000, true);
	cr_assert_eq(lab_drops(lab, DROP_FRAG_DUPLICATE), 1);
	piece(lab, false, 7, 1000, 1000, false);
	expect_data(lab, s, 1992);
	lab_free(lab);
}

Test(reasm, what_is_too_long_or_not_a_multiple_of_eight_is_discarded)
{
	struct lab *lab = lab_new_known();

	make_datagram(false, 2000);
	piece(lab, false, 7, 0, 999, true);
	cr_assert_eq(lab_drops(lab, DROP_FRAG_MALFORMED), 1);
	f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){.id = 9, .frag_off = 65528});
	f.proto = 0;
	f_text(&f, "0123456789012345");
	lab_send(lab, &f);
	cr_assert_eq(lab_drops(lab, DROP_FRAG_TOO_LONG), 1);
	lab_free(lab);
}

/* RFC 792, RFC 4443 3.3: time exceeded code 1, if the first fragment came. */
Test(reasm, a_packet_that_stays_incomplete_times_out)
{
	struct lab *lab = lab_new_known();
	struct net_memory_info mem;

	make_datagram(false, 2000);
	piece(lab, false, 7, 0, 1000, true);
	cr_assert_eq(net_stack_deadline(lab->stack), lab->now + NET_SEC(30));
	lab_after(lab, NET_SEC(30));
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "icmp type 11 code 1"), "%s", lab->text);
	cr_assert_eq(lab_drops(lab, DROP_FRAG_TIMEOUT), 1);
	piece(lab, false, 8, 1000, 1000, false); /* not the first: silence */
	lab_after(lab, NET_SEC(30));
	lab_quiet(lab);
	make_datagram(true, 2000);
	piece(lab, true, 7, 0, 1000, true);
	lab_after(lab, NET_SEC(60));
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "icmp6 type 3 code 1"), "%s", lab->text);
	net_info_memory(lab->stack, &mem);
	cr_assert_eq(mem.reasm_bytes, 0);
	lab_free(lab);
}

Test(reasm, memory_packets_and_fragments_are_limited)
{
	struct net_config cfg;
	struct net_memory_info mem;
	struct lab *lab;

	net_config_init(&cfg);
	cfg.limits.reasm_bytes = 50000;
	cfg.limits.reasm_packets = 10;
	cfg.limits.reasm_frags = 5;
	lab = lab_new_cfg(&cfg, 0);
	make_datagram(false, 20000);
	for (uint32_t id = 0; id < 30; id++)
		piece(lab, false, id, 0, 1000, true);
	net_info_memory(lab->stack, &mem);
	cr_assert_leq(mem.reasm_bytes, 50000);
	cr_assert_geq(lab_drops(lab, DROP_FRAG_LIMIT), 20);

	uint64_t before = lab_drops(lab, DROP_FRAG_LIMIT);

	for (uint16_t i = 0; i < 6; i++)
		piece(lab, false, 99, (uint16_t)(i * 8), 8, true);
	cr_assert_geq(lab_drops(lab, DROP_FRAG_LIMIT), before + 6);
	lab_free(lab);
}

/* RFC 3168 5.3. */
Test(reasm, a_congestion_mark_on_any_fragment_marks_the_packet)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = receiver(lab, false);
	struct iovec iov = {whole, 10};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	int one = 1;

	net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_RECVTOS, &one, 4, 0);
	make_datagram(false, 1600 - 8);
	for (uint16_t off = 0; off < 1600; off = (uint16_t)(off + 800)) {
		f_ip(&f, "10.0.0.2", "10.0.0.1", 17,
		     (struct ipopt){.id = 5,
				    .flags = off ? 0 : IP4_MF,
				    .frag_off = off,
				    .tos = off ? 3 : 2});
		f.proto = 0;
		f_bytes(&f, whole + off, 800);
		lab_send(lab, &f);
	}
	cr_assert_eq(net_sock_recv(lab->stack, s, &msg, 0), 10);
	cr_assert_eq(msg.ctl.tos, 3);
	lab_free(lab);
}

static void there_and_back(int family)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = open_sock(lab->stack, family, SOCK_DGRAM, 0);
	struct name to = name(family == AF_INET ? "10.0.0.2" : "fd00::2", 9);
	static uint8_t data[5000];
	int n = 0, disc = 0;

	if (family == AF_INET)
		net_sock_setopt(lab->stack, s, IPPROTO_IP, IP_MTU_DISCOVER, &disc, 4, 0);
	cr_assert_eq(send_to(lab->stack, s, data, 5000, &to, 0), 5000);
	while (lab_tx(lab)) {
		cr_assert_leq(lab->frame_len, 1514);
		if (family == AF_INET)
			cr_assert(ip4_sum_ok(lab->frame + 14, 20));
		n++;
	}
	cr_assert_eq(n, 4);
	lab_free(lab);
}

Test(frag, a_long_datagram_leaves_in_pieces_that_fit)
{
	there_and_back(AF_INET);
	there_and_back(AF_INET6);
}
