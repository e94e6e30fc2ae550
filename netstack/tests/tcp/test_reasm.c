/* SPDX-License-Identifier: Apache-2.0 */
/* The out-of-order queue and SACK generation: RFC 2018 4, RFC 2883. */
#include <criterion/criterion.h>

#include "tcp/reasm.h"

static struct pkt_pool pool;
static struct reasm reasm;

static void setup(void)
{
	pkt_pool_init(&pool, 64 << 20, 64 << 20);
	reasm_init(&reasm);
}

static void teardown(void)
{
	reasm_purge(&reasm);
	pkt_pool_fini(&pool);
}

static struct pkt *segment(uint32_t from, uint32_t to)
{
	struct pkt *pkt = pkt_new(&pool, PKT_HEADROOM);
	uint8_t bytes[4096];

	for (uint32_t i = from; i < to; i++)
		bytes[i - from] = (uint8_t)(i * 3);
	cr_assert(pkt_append_copy(pkt, bytes, to - from));
	*tcp_cb(pkt) = (struct tcp_cb){.seq = SEQ(from), .end = SEQ(to), .truesize = to - from};
	return pkt;
}

static enum reasm_result insert(uint32_t from, uint32_t to)
{
	struct pkt *pkt = segment(from, to);
	enum reasm_result r = reasm_insert(&reasm, pkt);

	if (r == REASM_DUPLICATE)
		pkt_free(pkt);
	return r;
}

/* Takes everything that is contiguous at @nxt, checks the bytes; returns where it ends. */
static uint32_t drain(uint32_t nxt)
{
	struct pkt *pkt;
	uint8_t b;

	while ((pkt = reasm_pop(&reasm, SEQ(nxt)))) {
		cr_assert_eq(tcp_cb(pkt)->seq.v, nxt);
		cr_assert_eq(pkt->len, tcp_cb(pkt)->end.v - nxt);
		for (uint32_t i = 0; i < pkt->len; i++) {
			cr_assert_eq(pkt_read(pkt, i, &b, 1), 1);
			cr_assert_eq(b, (uint8_t)((nxt + i) * 3));
		}
		nxt = tcp_cb(pkt)->end.v;
		pkt_free(pkt);
	}
	return nxt;
}

TestSuite(tcp_reasm, .init = setup, .fini = teardown);

Test(tcp_reasm, overlapping_segments_give_each_byte_once)
{
	insert(200, 300);
	insert(100, 250);
	insert(280, 400);
	insert(500, 600);
	insert(90, 700);
	cr_assert_eq(drain(95), 700);
	cr_assert(reasm_empty(&reasm));
}

Test(tcp_reasm, a_segment_that_is_covered_is_a_duplicate)
{
	insert(200, 400);
	cr_assert_eq(insert(250, 300), REASM_DUPLICATE);
	cr_assert(reasm.has_dsack);
	cr_assert_eq(reasm.dsack.start.v, 250);
	cr_assert_eq(reasm.dsack.end.v, 300);
}

/* RFC 2018 4: the block that contains the newest segment comes first. */
Test(tcp_reasm, the_newest_block_is_reported_first)
{
	struct sack_block b[4];

	insert(200, 300);
	insert(600, 700);
	insert(400, 500);
	cr_assert_eq(reasm_blocks(&reasm, SEQ(100), b, 4), 3);
	cr_assert_eq(b[0].start.v, 400);
	cr_assert_eq(b[1].start.v, 600);
	cr_assert_eq(b[2].start.v, 200);
}

Test(tcp_reasm, blocks_that_touch_become_one)
{
	struct sack_block b[4];

	insert(200, 300);
	insert(400, 500);
	insert(300, 400);
	cr_assert_eq(reasm_blocks(&reasm, SEQ(100), b, 4), 1);
	cr_assert_eq(b[0].start.v, 200);
	cr_assert_eq(b[0].end.v, 500);
}

/* RFC 2883 4: once, and first. */
Test(tcp_reasm, a_duplicate_is_reported_once_and_first)
{
	struct sack_block b[4];

	insert(200, 300);
	reasm_set_dsack(&reasm, SEQ(50), SEQ(60));
	cr_assert_eq(reasm_blocks(&reasm, SEQ(100), b, 4), 2);
	cr_assert_eq(b[0].start.v, 50);
	cr_assert_eq(reasm_blocks(&reasm, SEQ(100), b, 4), 1);
	cr_assert_eq(b[0].start.v, 200);
}

Test(tcp_reasm, pruning_drops_the_far_end_first)
{
	insert(200, 300);
	insert(400, 500);
	insert(600, 700);
	cr_assert(reasm_prune(&reasm, 250));
	cr_assert_eq(reasm.count, 2);
	cr_assert_eq(drain(200), 300);
	cr_assert_eq(drain(400), 500);
}

Test(tcp_reasm, random_segments_reassemble)
{
	uint32_t r = 12345, nxt = 0;

	for (int i = 0; i < 3000; i++) {
		r = r * 1103515245u + 12345u;
		uint32_t from = nxt + (r >> 8) % 4000, len = 1 + (r >> 20) % 1400;

		if (from > nxt)
			insert(from, from + len);
		else
			nxt = from + len;
		if (i % 50 == 0)
			insert(nxt + 1, nxt + 1000), nxt++;
		nxt = drain(nxt);
	}
	cr_assert_gt(nxt, 10000);
}

Test(tcp_reasm, a_queue_that_is_filled_backwards_is_complete)
{
	for (uint32_t i = 3000; i > 0; i--)
		insert(i * 10, i * 10 + 10);
	cr_assert_eq(reasm.nrecent, 1);
	cr_assert_eq(drain(10), 30010);
}

Test(tcp_reasm, shuffled_segments_reassemble)
{
	for (uint32_t step = 0; step < 7; step++) {
		for (uint32_t i = step; i < 700; i += 7)
			insert(1 + i * 10, 11 + i * 10);
	}
	cr_assert_eq(drain(1), 7001);
}
