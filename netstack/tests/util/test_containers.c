/* SPDX-License-Identifier: Apache-2.0 */
/* list.h, hash.h, heap.h, ring.h */
#include <criterion/criterion.h>

#include "util/hash.h"
#include "util/heap.h"
#include "util/list.h"
#include "util/ring.h"

struct item {
	int v;
	struct list link;
	struct hnode node;
	struct heap_node heap;
};

Test(list, keeps_order_and_survives_removal_while_walking)
{
	struct item it[4] = {{0}, {1}, {2}, {3}}, *i;
	struct list head;
	int sum = 0;

	list_init(&head);
	for (int k = 0; k < 4; k++)
		list_push_back(&head, &it[k].link);
	list_for_each_entry_safe(i, &head, link) if (i->v & 1) list_remove(&i->link);
	list_for_each_entry(i, &head, link) sum = sum * 10 + i->v;
	cr_assert_eq(sum, 2);
	cr_assert(!list_linked(&it[1].link));
	list_remove(&it[1].link);
	cr_assert_eq(list_first_entry(&head, struct item, link), &it[0]);
	cr_assert_eq(list_last_entry(&head, struct item, link), &it[2]);
}

Test(list, splice_moves_everything_in_order)
{
	struct item it[4] = {{1}, {2}, {3}, {4}}, *i;
	struct list a, b;
	int sum = 0;

	list_init(&a);
	list_init(&b);
	list_push_back(&a, &it[0].link);
	list_push_back(&a, &it[1].link);
	list_push_back(&b, &it[2].link);
	list_push_back(&b, &it[3].link);
	list_splice_back(&a, &b);
	cr_assert(list_empty(&b));
	list_for_each_entry(i, &a, link) sum = sum * 10 + i->v;
	cr_assert_eq(sum, 1234);
}

Test(hash, grows_and_finds_everything)
{
	static struct item it[1000];
	struct hash h;

	cr_assert_eq(hash_init(&h, 2), 0);
	for (int i = 0; i < 1000; i++) {
		it[i].v = i;
		hash_insert(&h, &it[i].node, hash_u64((uint64_t)i));
	}
	for (int i = 0; i < 1000; i += 3)
		hash_remove(&h, &it[i].node);
	for (int i = 0; i < 1000; i++) {
		bool found = false;

		hash_for_each_match(n, &h, hash_u64((uint64_t)i)) found |=
			hash_entry(n, struct item, node)->v == i;
		cr_assert_eq(found, i % 3 != 0);
	}
	hash_fini(&h);
}

Test(heap, pops_in_order_whatever_was_removed)
{
	static struct item it[500];
	struct heap h = {0};
	uint32_t x = 1;
	int64_t last = -1;
	int n = 0;

	for (int i = 0; i < 500; i++) {
		x = x * 1103515245 + 12345;
		heap_insert(&h, &it[i].heap, x >> 16 & 0xfff);
	}
	for (int i = 0; i < 500; i += 7)
		heap_remove(&h, &it[i].heap);
	for (struct heap_node *m; (m = heap_min(&h)); n++) {
		cr_assert_geq(m->key, last);
		last = m->key;
		heap_remove(&h, m);
	}
	cr_assert_eq(n, 500 - 72);
}

Test(ring, wraps_and_never_overfills)
{
	uint8_t mem[8], out[8];
	struct ring r;

	ring_init(&r, mem, 8);
	cr_assert_eq(ring_write(&r, "abcdef", 6), 6);
	cr_assert_eq(ring_read(&r, out, 4), 4);
	cr_assert_eq(ring_write(&r, "ghijklmn", 8), 6);
	cr_assert_eq(ring_free(&r), 0);
	cr_assert_eq(ring_read(&r, out, 8), 8);
	cr_assert_arr_eq(out, "efghijkl", 8);
}
