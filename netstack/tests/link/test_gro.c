/* SPDX-License-Identifier: Apache-2.0 */
#include "support/lab.h"

#define N 4

/* Datagrams of one flow in one batch. */
static void batch(struct lab *lab, const size_t *len, const uint16_t *port, int n)
{
	static struct frame f;
	struct pkt *pkts[16];

	for (int i = 0; i < n; i++) {
		f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){.flags = IP4_DF});
		f_udp(&f, port[i], 9, len[i]);
		for (size_t j = 0; j < len[i]; j++)
			wr_u8(&f.w, (uint8_t)('a' + i));
		size_t total = f_done(&f);

		pkts[i] = net_pkt_new(lab->stack, total);
		cr_assert_eq(net_pkt_fill(pkts[i], f.b, total), 0);
	}
	cr_assert_eq(net_link_input_batch(lab->stack, lab->link, lab->now, pkts, (size_t)n), 0);
}

static net_sock_id receiver(struct lab *lab, int gro)
{
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name me = name("10.0.0.1", 9);

	cr_assert_eq(net_sock_bind(lab->stack, s, SA(me), me.len), 0);
	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_UDP, 104 /* UDP_GRO */, &gro, sizeof(gro), 0),
		     0);
	return s;
}

Test(gro, datagrams_of_a_flow_arrive_as_one_for_who_asked)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = receiver(lab, 1);
	const size_t len[N] = {500, 500, 500, 100};
	const uint16_t port[N] = {5, 5, 5, 5};
	static char buf[4000];

	batch(lab, len, port, N);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), 1600);
	cr_assert_eq(buf[0], 'a');
	cr_assert_eq(buf[500], 'b');
	cr_assert_eq(buf[1599], 'd');
	lab_free(lab);
}

Test(gro, flows_are_kept_apart_and_longer_ones_begin_anew)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = receiver(lab, 1);
	const size_t len[N] = {100, 100, 200, 100};
	const uint16_t port[N] = {5, 6, 5, 6};
	static char buf[4000];
	size_t total = 0;
	int n = 0;
	ssize_t r;

	batch(lab, len, port, N);
	while ((r = recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0)) > 0) {
		total += (size_t)r;
		n++;
	}
	cr_assert_eq(total, 500);
	cr_assert_eq(n, 3, "port 5 twice (the second is longer), port 6 merged");
	lab_free(lab);
}

Test(gro, without_a_socket_that_asks_datagrams_stay_apart)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = receiver(lab, 0);
	const size_t len[N] = {500, 500, 500, 100};
	const uint16_t port[N] = {5, 5, 5, 5};
	static char buf[4000];

	batch(lab, len, port, N);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), 500);
	lab_free(lab);
}

Test(gro, a_bad_checksum_is_not_hidden)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = receiver(lab, 1);
	static struct frame f;
	struct pkt *pkts[2];
	static char buf[4000];

	for (int i = 0; i < 2; i++) {
		f_ip(&f, "10.0.0.2", "10.0.0.1", 17, (struct ipopt){.flags = IP4_DF});
		f_udp(&f, 5, 9, 100);
		for (int j = 0; j < 100; j++)
			wr_u8(&f.w, 'x');
		size_t total = f_done(&f);

		if (i)
			f.b[total - 1] ^= 1;
		pkts[i] = net_pkt_new(lab->stack, total);
		cr_assert_eq(net_pkt_fill(pkts[i], f.b, total), 0);
	}
	cr_assert_eq(net_link_input_batch(lab->stack, lab->link, lab->now, pkts, 2), 0);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), 100);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0), -EAGAIN);
	cr_assert_eq(lab_drops(lab, DROP_UDP_CHECKSUM), 1);
	lab_free(lab);
}
