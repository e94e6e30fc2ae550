/* SPDX-License-Identifier: Apache-2.0 */
#include "pkt/pkt.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "pkt/iov.h"
#include "wire/checksum.h"

static struct pkt_pool pool;

static void setup(void)
{
	pkt_pool_init(&pool, 16 << 20, 4 << 20);
}

static void teardown(void)
{
	cr_assert_eq(pool.used, 0, "packet memory leaked");
	pkt_pool_fini(&pool);
}

TestSuite(pkt, .init = setup, .fini = teardown);

/* A received packet of @len bytes 0, 1, 2 ... */
static struct pkt *counted(size_t len)
{
	static uint8_t bytes[70000];
	struct pkt *pkt = pkt_new_rx(&pool, len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)i;
	cr_assert_not_null(pkt);
	cr_assert_eq(net_pkt_fill(pkt, bytes, len), 0);
	return pkt;
}

static void expect(const struct pkt *pkt, size_t off, size_t len, uint8_t first)
{
	uint8_t b[256];

	cr_assert_eq(pkt_read(pkt, off, b, len), len);
	for (size_t i = 0; i < len; i++)
		cr_assert_eq(b[i], (uint8_t)(first + i));
}

Test(pkt, a_short_frame_gives_the_large_blocks_back)
{
	struct pkt *pkt = pkt_new_rx(&pool, 65550);
	uint64_t before = pool.used;

	cr_assert_eq(net_pkt_set_len(pkt, 60), 0);
	cr_assert_lt(pool.used, before - 2 * PKT_BLOCK_LARGE + 100);
	cr_assert_eq(pkt->nfrags, 0);
	cr_assert_eq(net_pkt_set_len(pkt, 61), -EINVAL);
	pkt_free(pkt);
}

Test(pkt, pulling_crosses_from_the_linear_part_into_fragments)
{
	struct pkt *pkt = counted(40000);

	pkt_pull(pkt, 5000);
	cr_assert_eq(pkt->len, 35000);
	expect(pkt, 0, 100, (uint8_t)5000);
	pkt_pull(pkt, 35000);
	cr_assert_eq(pkt->len, 0);
	pkt_free(pkt);
}

Test(pkt, pushing_onto_a_shared_linear_part_does_not_write_into_it)
{
	struct pkt *a = counted(100), *b;

	pkt_pull(a, 20);
	b = pkt_clone(a);
	memset(pkt_push(b, 20), 0xee, 20);
	cr_assert_eq(b->len, 100);
	expect(b, 20, 80, 20);
	pkt_push(a, 20); /* the headroom still has the old bytes */
	cr_assert_eq(a->len, 100);
	expect(a, 20, 80, 20);
	pkt_free(a);
	pkt_free(b);
}

Test(pkt, offload_offsets_follow_the_view)
{
	struct pkt *pkt = counted(100);

	pkt->offload = (struct net_offload){
		.flags = NET_OFFLOAD_NEEDS_CSUM, .csum_start = 34, .hdr_len = 54};
	pkt_pull(pkt, 14);
	cr_assert_eq(pkt->offload.csum_start, 20);
	cr_assert_eq(pkt->offload.hdr_len, 40);
	pkt_push(pkt, 14);
	cr_assert_eq(pkt->offload.csum_start, 34);
	pkt_free(pkt);
}

Test(pkt, pullup_makes_headers_linear)
{
	struct pkt *pkt = pkt_new(&pool, PKT_HEADROOM);
	uint8_t bytes[200];

	for (int i = 0; i < 200; i++)
		bytes[i] = (uint8_t)i;
	for (int i = 0; i < 10; i++)
		cr_assert(pkt_append_copy(pkt, bytes + i * 20, 20));
	cr_assert(pkt_pullup(pkt, 130));
	cr_assert_eq(pkt->lin_len, 130);
	expect(pkt, 0, 200, 0);
	cr_assert(!pkt_pullup(pkt, 201));
	pkt_free(pkt);
}

Test(pkt, slices_share_and_have_the_right_bytes)
{
	struct pkt *pkt = counted(10000);
	struct pkt *s = pkt_slice(pkt, 1500, 4000);

	cr_assert_eq(s->len, 4000);
	expect(s, 0, 200, (uint8_t)1500);
	expect(s, 3800, 200, (uint8_t)5300);
	pkt_free(pkt);
	expect(s, 3800, 200, (uint8_t)5300);
	pkt_free(s);
}

Test(pkt, join_moves_the_payload)
{
	struct pkt *a = counted(100), *b = counted(100);

	pkt_pull(b, 50);
	cr_assert(pkt_join(a, b));
	cr_assert_eq(a->len, 150);
	expect(a, 0, 100, 0);
	expect(a, 100, 50, 50);
	pkt_free(a);
}

Test(pkt, checksum_over_fragments_of_odd_length_is_right)
{
	struct pkt *pkt = pkt_new(&pool, PKT_HEADROOM);
	uint8_t bytes[300];

	for (int i = 0; i < 300; i++)
		bytes[i] = (uint8_t)(i * 7);
	cr_assert(pkt_append_copy(pkt, bytes, 33));
	cr_assert(pkt_append_copy(pkt, bytes + 33, 1));
	cr_assert(pkt_append_copy(pkt, bytes + 34, 266));
	cr_assert_eq(csum_fold(pkt_csum(pkt, 0, 300)), csum_fold(csum_add(0, bytes, 300)));
	cr_assert_eq(csum_fold(pkt_csum(pkt, 5, 290)), csum_fold(csum_add(0, bytes + 5, 290)));
	pkt_free(pkt);
}

Test(pkt, an_unfinished_checksum_is_finished)
{
	struct pkt *pkt = counted(64);
	uint8_t b[64];

	pkt->offload = (struct net_offload){
		.flags = NET_OFFLOAD_NEEDS_CSUM, .csum_start = 20, .csum_offset = 16};
	cr_assert(pkt_csum_finish(pkt));
	pkt_read(pkt, 0, b, 64);
	/* The old field value (a partial sum) is part of the sum, so the whole gives all ones. */
	b[36] = (uint8_t)~b[36];
	b[37] = (uint8_t)~b[37];
	uint16_t sum = csum_partial(csum_add(0, (uint8_t[]){b[36], b[37]}, 2));
	for (int i = 0; i < 64; i++)
		b[i] = (uint8_t)i;
	cr_assert_eq(sum, csum_partial(csum_add(0, b + 20, 44)));
	pkt_free(pkt);
}

Test(pkt, the_pool_keeps_its_limit_and_reuses)
{
	struct pkt *p[64];
	unsigned n = 0;

	pool.limit = 200000;
	while (n < 64 && (p[n] = pkt_new_rx(&pool, 9000)))
		n++;
	cr_assert_lt(n, 10);
	cr_assert_leq(pool.used, 200000);
	while (n)
		pkt_free(p[--n]);

	uint64_t allocs = pool.allocs;

	for (int i = 0; i < 100; i++)
		pkt_free(pkt_new_rx(&pool, 9000));
	cr_assert_eq(pool.allocs, allocs, "steady state must not ask the heap");
}

Test(pkt, a_charge_falls_when_the_packet_goes)
{
	struct pkt_charge charge = {0};
	struct pkt *pkt = pkt_new(&pool, 0);

	pkt_set_charge(pkt, &charge);
	cr_assert_gt(charge.used, 0);
	cr_assert(list_empty(&pool.released));
	pkt_free(pkt);
	cr_assert_eq(charge.used, 0);
	cr_assert(!list_empty(&pool.released));
	list_remove(&charge.released);
}

Test(pkt, scattering_fills_every_iovec)
{
	struct pkt *pkt = counted(5000);
	uint8_t a[10], b[3000];
	struct iovec v[2] = {{a, 10}, {b, 3000}};
	struct iov it = iov_start(v, 2);

	cr_assert_eq(pkt_to_iov(pkt, 100, 4000, &it), 3010);
	cr_assert_eq(a[0], 100);
	cr_assert_eq(b[2999], (uint8_t)(100 + 3009));
	pkt_free(pkt);
}

Test(pkt, releases_below_the_mark_of_the_charge_are_not_told)
{
	struct pkt_charge charge = {.notify_above = 1 << 20};
	struct pkt *pkt = pkt_new(&pool, 0);

	pkt_set_charge(pkt, &charge);
	pkt_free(pkt);
	cr_assert_eq(charge.used, 0);
	cr_assert(list_empty(&pool.released));
}
