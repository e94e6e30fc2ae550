/* SPDX-License-Identifier: Apache-2.0 */
/* The send buffer. */
#include <criterion/criterion.h>

#include "tcp/sendbuf.h"

static struct pkt_pool pool;
static struct sendbuf sb;

static void setup(void)
{
	pkt_pool_init(&pool, 64 << 20, 64 << 20);
	sendbuf_init(&sb, &pool, SEQ(0xfffff000u));
}

static void teardown(void)
{
	sendbuf_fini(&sb);
	pkt_pool_fini(&pool);
}

/* Appends @len bytes that count on from the sequence number of each. */
static void put(size_t len)
{
	uint8_t *data = malloc(len);
	struct iovec v = {data, len};
	struct iov it = iov_start(&v, 1);

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)((sendbuf_end(&sb).v + i) * 7);
	cr_assert_eq(sendbuf_append(&sb, &it, len), (ssize_t)len);
	free(data);
}

static void check_ref(struct seq seq, uint32_t len)
{
	struct pkt *pkt = pkt_new(&pool, PKT_HEADROOM);
	uint8_t b;

	cr_assert_eq(sendbuf_ref(&sb, pkt, seq, len), len);
	cr_assert_eq(pkt->len, len);
	for (uint32_t i = 0; i < len; i += 97) {
		cr_assert_eq(pkt_read(pkt, i, &b, 1), 1);
		cr_assert_eq(b, (uint8_t)((seq.v + i) * 7));
	}
	pkt_free(pkt);
}

TestSuite(tcp_sendbuf, .init = setup, .fini = teardown);

Test(tcp_sendbuf, packets_refer_to_any_range_across_the_wrap)
{
	put(200000);
	check_ref(SEQ(0xfffff000u), 65000);
	check_ref(SEQ(0xfffff000u + 33333u), 64000);
	check_ref(SEQ(0xfffff000u + 199999u), 1);
}

Test(tcp_sendbuf, acknowledged_bytes_leave_and_the_rest_stays_in_place)
{
	put(100000);
	sendbuf_ack(&sb, seq_add(SEQ(0xfffff000u), 70001));
	cr_assert_eq(sb.bytes, 29999);
	check_ref(seq_add(SEQ(0xfffff000u), 70001), 29999);
	sendbuf_ack(&sb, SEQ(0xfffff000u));
	cr_assert_eq(sb.bytes, 29999, "an old acknowledgement changes nothing");
}

Test(tcp_sendbuf, small_writes_fill_blocks)
{
	for (int i = 0; i < 1000; i++)
		put(100);
	cr_assert_leq(sb.count, 5);
	check_ref(SEQ(0xfffff000u + 12345u), 20000);
}

Test(tcp_sendbuf, a_packet_keeps_its_bytes_after_they_were_acknowledged)
{
	struct pkt *pkt = pkt_new(&pool, PKT_HEADROOM);
	uint8_t b;

	put(50000);
	cr_assert_eq(sendbuf_ref(&sb, pkt, SEQ(0xfffff000u), 50000), 50000);
	sendbuf_ack(&sb, sendbuf_end(&sb));
	put(50000);
	cr_assert_eq(pkt_read(pkt, 40000, &b, 1), 1);
	cr_assert_eq(b, (uint8_t)((0xfffff000u + 40000u) * 7));
	pkt_free(pkt);
}

Test(tcp_sendbuf, steady_state_asks_the_heap_for_nothing)
{
	uint64_t allocs = 0;

	for (int i = 0; i < 100; i++) {
		put(100000);
		sendbuf_ack(&sb, sendbuf_end(&sb));
		if (i == 1)
			allocs = pool.allocs;
	}
	cr_assert_eq(pool.allocs, allocs);
}
