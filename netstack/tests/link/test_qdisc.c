/* SPDX-License-Identifier: Apache-2.0 */
#include "netstack/qdisc.h"
#include "support/lab.h"

static struct name dst;

static net_sock_id sender(struct lab *lab)
{
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);

	dst = name("10.0.0.2", 9);
	return s;
}

static void set(struct lab *lab, struct net_qdisc q)
{
	q.link = lab->link;
	cr_assert_eq(net_qdisc_set(lab->stack, &q), 0);
}

/* Sends @n datagrams of @len bytes. */
static void burst(struct lab *lab, net_sock_id s, int n, size_t len)
{
	static uint8_t data[60000];

	for (int i = 0; i < n; i++)
		cr_assert_eq(send_to(lab->stack, s, data, len, &dst, 0), (ssize_t)len);
}

static int take_all(struct lab *lab)
{
	int n = 0;

	while (lab_tx(lab))
		n++;
	return n;
}

static struct net_qdisc_stats stats(struct lab *lab)
{
	struct net_qdisc q;

	cr_assert_eq(net_qdisc_get(lab->stack, lab->link, &q), 0);
	return q.stats;
}

Test(qdisc, the_default_is_pfifo_fast_and_cannot_be_deleted)
{
	struct lab *lab = lab_new_known();
	struct net_qdisc q;

	cr_assert_eq(net_qdisc_get(lab->stack, lab->link, &q), 0);
	cr_assert_eq(q.kind, NET_QDISC_PFIFO_FAST);
	cr_assert_eq(q.handle, 0);
	cr_assert_eq(net_qdisc_del(lab->stack, lab->link), -ENOENT);
	set(lab, (struct net_qdisc){.kind = NET_QDISC_FQ});
	cr_assert_eq(net_qdisc_del(lab->stack, lab->link), 0);
	cr_assert_eq(net_qdisc_get(lab->stack, lab->link, &q), 0);
	cr_assert_eq(q.kind, NET_QDISC_PFIFO_FAST);
	lab_free(lab);
}

Test(qdisc, pfifo_fast_sends_interactive_packets_first)
{
	struct lab *lab = lab_new_known();
	net_sock_id bulk = sender(lab), fast = sender(lab);
	int tos = 0x10; /* low delay */

	cr_assert_eq(net_sock_setopt(lab->stack, fast, IPPROTO_IP, IP_TOS, &tos, sizeof(tos), 0), 0);
	burst(lab, bulk, 2, 100);
	burst(lab, fast, 1, 10);
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "tos 16"), "%s", lab->text);
	cr_assert_eq(take_all(lab), 2);
	lab_free(lab);
}

Test(qdisc, bfifo_counts_bytes)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = sender(lab);

	set(lab, (struct net_qdisc){.kind = NET_QDISC_BFIFO, .limit = 3 * (42 + 100)});
	burst(lab, s, 5, 100);
	cr_assert_eq(stats(lab).backlog, 3 * 142);
	cr_assert_eq(take_all(lab), 3);
	cr_assert_eq(stats(lab).drops, 2);
	lab_free(lab);
}

Test(qdisc, tbf_sends_the_burst_and_then_at_the_rate)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = sender(lab);
	net_time start;

	set(lab, (struct net_qdisc){.kind = NET_QDISC_TBF,
				    .tbf = {.rate = 100000, .burst = 2000, .limit = 100000}});
	burst(lab, s, 6, 958); /* 1000 bytes each on the wire */
	start = lab->now;
	cr_assert_eq(take_all(lab), 2);
	cr_assert_eq(net_link_output_len(lab->stack, lab->link), 0, "nothing is due");
	for (int i = 1; i <= 4; i++) {
		net_time at = net_stack_deadline(lab->stack);

		cr_assert_eq(at, start + i * NET_MS(10), "1000 bytes at 100 000 bytes per second");
		lab_at(lab, at);
		cr_assert_eq(take_all(lab), 1);
	}
	lab_free(lab);
}

Test(qdisc, tbf_cuts_super_segments_that_no_bucket_could_hold)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = sender(lab);
	uint16_t seg = 500;
	int v = seg;

	cr_assert_eq(net_sock_setopt(lab->stack, s, IPPROTO_UDP, 103 /* UDP_SEGMENT */, &v, sizeof(v), 0),
		     0);
	set(lab, (struct net_qdisc){.kind = NET_QDISC_TBF,
				    .tbf = {.rate = 1000000, .burst = 1600, .limit = 100000}});
	burst(lab, s, 1, 2000);
	cr_assert_eq(take_all(lab), 2);
	lab_after(lab, NET_MS(10));
	cr_assert_eq(take_all(lab), 2);
	lab_free(lab);
}

Test(qdisc, fq_keeps_to_the_rate_of_a_socket)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = sender(lab), other = sender(lab);
	uint32_t rate = 100000;

	set(lab, (struct net_qdisc){.kind = NET_QDISC_FQ});
	cr_assert_eq(net_sock_setopt(lab->stack, s, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, 4, 0), 0);
	burst(lab, s, 3, 958);
	burst(lab, other, 3, 958);
	cr_assert_eq(take_all(lab), 4, "one of the paced flow, all of the other");
	cr_assert_eq(stats(lab).throttled, 1);
	lab_after(lab, NET_MS(9));
	cr_assert_eq(take_all(lab), 0);
	lab_after(lab, NET_MS(1));
	cr_assert_eq(take_all(lab), 1);
	lab_after(lab, NET_MS(10));
	cr_assert_eq(take_all(lab), 1);
	cr_assert_eq(net_stack_deadline(lab->stack), NET_TIME_NEVER);
	lab_free(lab);
}

Test(qdisc, fq_gives_flows_their_turns)
{
	struct lab *lab = lab_new_known();
	net_sock_id a = sender(lab), b = sender(lab);
	struct name from_a = name("10.0.0.1", 1001), from_b = name("10.0.0.1", 1002);
	int first[2] = {0};

	cr_assert_eq(net_sock_bind(lab->stack, a, SA(from_a), from_a.len), 0);
	cr_assert_eq(net_sock_bind(lab->stack, b, SA(from_b), from_b.len), 0);
	set(lab, (struct net_qdisc){.kind = NET_QDISC_FQ,
				    .fq = {.quantum = 1000, .initial_quantum = 1000}});
	burst(lab, a, 20, 900);
	burst(lab, b, 20, 900);
	for (int i = 0; i < 10; i++) {
		cr_assert(lab_tx(lab));
		first[strstr(lab->text, "udp 1002") != NULL]++;
	}
	cr_assert_geq(first[0], 4);
	cr_assert_geq(first[1], 4);
	cr_assert_eq(take_all(lab), 30);
	lab_free(lab);
}

Test(qdisc, fq_codel_drops_what_waits_too_long)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = sender(lab);
	int sent = 0;

	set(lab, (struct net_qdisc){.kind = NET_QDISC_FQ_CODEL});
	burst(lab, s, 60, 1000);
	for (int i = 0; i < 40; i++) { /* a driver that takes one frame in 10 ms */
		lab_after(lab, NET_MS(10));
		sent += lab_tx(lab);
	}
	sent += take_all(lab);
	cr_assert_gt(stats(lab).drops, 0);
	cr_assert_eq(sent + (int)stats(lab).drops, 60);
	cr_assert_eq(lab_drops(lab, DROP_QDISC_CODEL), stats(lab).drops);
	lab_free(lab);
}

Test(qdisc, netem_delays)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = sender(lab);
	net_time start = lab->now;

	set(lab, (struct net_qdisc){.kind = NET_QDISC_NETEM, .netem = {.latency = NET_MS(100)}});
	burst(lab, s, 2, 10);
	cr_assert_eq(take_all(lab), 0);
	cr_assert_eq(net_stack_deadline(lab->stack), start + NET_MS(100));
	lab_at(lab, start + NET_MS(100));
	cr_assert_eq(take_all(lab), 2);
	lab_free(lab);
}

Test(qdisc, netem_loses_and_duplicates_as_often_as_told)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = sender(lab);
	int n = 0;

	set(lab, (struct net_qdisc){.kind = NET_QDISC_NETEM, .netem = {.loss = UINT32_MAX / 4}});
	for (int i = 0; i < 400; i++) {
		burst(lab, s, 1, 10);
		n += take_all(lab);
	}
	cr_assert(n > 250 && n < 350, "%d of 400", n);
	set(lab, (struct net_qdisc){.kind = NET_QDISC_NETEM, .netem = {.duplicate = UINT32_MAX}});
	burst(lab, s, 1, 10);
	cr_assert_eq(take_all(lab), 2);
	lab_free(lab);
}

Test(qdisc, what_waits_moves_to_a_new_discipline)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = sender(lab);

	burst(lab, s, 3, 10);
	net_stack_poll(lab->stack, lab->now);
	set(lab, (struct net_qdisc){.kind = NET_QDISC_FQ});
	cr_assert_eq(take_all(lab), 3);
	lab_free(lab);
}

Test(qdisc, bad_parameters_are_refused)
{
	struct lab *lab = lab_new_known();
	struct net_qdisc q = {.link = lab->link, .kind = NET_QDISC_TBF};

	cr_assert_eq(net_qdisc_set(lab->stack, &q), -EINVAL, "no rate");
	q.kind = NET_QDISC_NOQUEUE;
	cr_assert_eq(net_qdisc_set(lab->stack, &q), -EINVAL, "the driver needs a queue");
	q.link = 99;
	cr_assert_eq(net_qdisc_set(lab->stack, &q), -EBADF);
	lab_free(lab);
}
