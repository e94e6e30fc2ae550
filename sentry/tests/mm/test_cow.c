/* SPDX-License-Identifier: Apache-2.0 */
/* mm/fork, cow: sharing and un-sharing. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "fake.h"

#define RW (PROT_READ | PROT_WRITE)

static struct mm *fresh(void)
{
	struct mm *mm;

	fake_init();
	cr_assert_eq(mm_new(&mm), 0);
	fake_live(mm);
	return mm;
}

static struct mm *forked(struct mm *mm)
{
	struct mm *child;

	cr_assert_eq(mm_fork(&child, mm, 0), 0);
	fake_live(child);
	return child;
}

static uint64_t backing(struct mm *mm, uint64_t at)
{
	uint64_t off = 0;
	int fd;

	cr_assert(fake_stub_backing(mm->space, at, &fd, &off));
	return off;
}

Test(mm_cow, both_sides_share_read_only_until_one_writes)
{
	struct mm *mm = fresh(), *child;
	uint64_t a = map_anon(mm, 64 * PAGE_SIZE, RW);
	char c;

	cr_assert_eq(mm_zero_out(mm, a, 64 * PAGE_SIZE), 0);
	cr_assert_eq(mm_copy_out(mm, a, "p", 1), 0);
	child = forked(mm);
	cr_assert_eq(fake_stub_prot(mm->space, a), PROT_READ);
	cr_assert_eq(fake_stub_prot(child->space, a), PROT_READ);
	cr_assert_eq(backing(mm, a), backing(child, a));
	fake_check(mm);
	fake_check(child);

	cr_assert_eq(fault(child, a, true, NULL), 0);
	cr_assert_neq(backing(mm, a), backing(child, a));
	cr_assert_eq(backing(mm, a + PAGE_SIZE), backing(child, a + PAGE_SIZE),
		     "a unit of one page");
	cr_assert_eq(mm_copy_out(child, a, "c", 1), 0);
	cr_assert_eq(mm_copy_in(mm, &c, a, 1), 0);
	cr_assert_eq(c, 'p');
	fake_check(mm);
	fake_check(child);
	mm_unref(child);
	mm_unref(mm);
}

Test(mm_cow, memory_that_nobody_wrote_is_not_copied)
{
	struct mm *mm = fresh(), *child;
	uint64_t a = map_anon(mm, 64 << 20, RW), used;

	cr_assert_eq(mm_copy_out(mm, a + (32 << 20), "x", 1), 0);
	child = forked(mm);
	used = memfile_used_bytes();
	cr_assert_eq(fault(child, a + (1 << 20), true, NULL), 0);
	cr_assert_eq(fake_stub_prot(child->space, a + (31 << 20)), RW,
		     "the rest of the hole at once");
	cr_assert_eq(fake_stub_prot(child->space, a + (32 << 20)), PROT_READ);
	cr_assert_eq(memfile_used_bytes(), used);
	fake_check(child);
	mm_unref(child);
	mm_unref(mm);
}

Test(mm_cow, sequential_writes_copy_in_growing_units)
{
	struct mm *mm = fresh(), *child;
	uint64_t a = map_anon(mm, 1 << 20, RW), at;
	int faults = 0;

	cr_assert_eq(mm_zero_out(mm, a, 1 << 20), 0);
	child = forked(mm);
	for (at = a; at < a + (1 << 20); at += PAGE_SIZE)
		if (fake_stub_prot(child->space, at) != RW) {
			cr_assert_eq(fault(child, at, true, NULL), 0);
			faults++;
		}
	cr_assert_leq(faults, 24);
	fake_check(child);
	mm_unref(child);
	mm_unref(mm);
}

Test(mm_cow, the_last_owner_takes_everything_back_after_a_few_faults)
{
	struct mm *mm = fresh(), *child;
	uint64_t a[6], off;

	for (int i = 0; i < 6; i++) {
		a[i] = map_anon(mm, 4 * PAGE_SIZE, RW);
		cr_assert_eq(mm_zero_out(mm, a[i], 4 * PAGE_SIZE), 0);
		map_anon(mm, PAGE_SIZE, PROT_NONE); /* keeps them apart */
	}
	off = backing(mm, a[0]);
	child = forked(mm);
	mm_unref(child);
	cr_assert_eq(fault(mm, a[0], true, NULL), 0);
	cr_assert_eq(backing(mm, a[0]), off, "not copied");
	cr_assert_eq(fake_stub_prot(mm->space, a[0] + 3 * PAGE_SIZE), RW, "the whole run");
	cr_assert_eq(fake_stub_prot(mm->space, a[1]), PROT_READ, "no more than needed");
	for (int i = 1; i < 4; i++)
		cr_assert_eq(fault(mm, a[i], true, NULL), 0);
	cr_assert_eq(fake_stub_prot(mm->space, a[5]), RW, "a process that goes on alone");
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_cow, grandchildren_see_what_was_there_at_their_fork)
{
	struct mm *mm = fresh(), *child, *grandchild;
	uint64_t a = map_anon(mm, 2 * PAGE_SIZE, RW);
	char c[3];

	cr_assert_eq(mm_copy_out(mm, a, "1", 1), 0);
	child = forked(mm);
	cr_assert_eq(mm_copy_out(mm, a, "2", 1), 0);
	grandchild = forked(child);
	cr_assert_eq(mm_copy_out(child, a, "3", 1), 0);
	cr_assert_eq(mm_copy_in(mm, &c[0], a, 1), 0);
	cr_assert_eq(mm_copy_in(child, &c[1], a, 1), 0);
	cr_assert_eq(mm_copy_in(grandchild, &c[2], a, 1), 0);
	cr_assert_eq(memcmp(c, "231", 3), 0);
	fake_check(mm);
	fake_check(child);
	fake_check(grandchild);
	mm_unref(child);
	mm_unref(mm);
	cr_assert_eq(mm_copy_in(grandchild, &c[2], a, 1), 0);
	cr_assert_eq(c[2], '1');
	mm_unref(grandchild);
}

Test(mm_cow, shared_memory_stays_shared)
{
	struct mm *mm = fresh(), *child;
	uint64_t s, key[2], key2[2];
	char c = 0;

	cr_assert_eq(mm_mmap(mm, 0, PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0, NULL, &s),
		     0);
	child = forked(mm);
	cr_assert_eq(fake_stub_prot(child->space, s), RW);
	cr_assert_eq(mm_copy_out(child, s, "s", 1), 0);
	cr_assert_eq(mm_copy_in(mm, &c, s, 1), 0);
	cr_assert_eq(c, 's');
	cr_assert_eq(mm_futex_key(mm, s, true, key), 0);
	cr_assert_eq(mm_futex_key(child, s, true, key2), 0);
	cr_assert_eq(memcmp(key, key2, sizeof(key)), 0);
	cr_assert_eq(mm_futex_key(child, s, false, key2), 0);
	cr_assert_neq(memcmp(key, key2, sizeof(key)), 0);
	mm_unref(child);
	mm_unref(mm);
}

Test(mm_cow, pages_written_after_a_fork_are_copied_by_the_next_one)
{
	struct mm *mm = fresh(), *child;
	uint64_t a = map_anon(mm, 64 * PAGE_SIZE, RW);

	cr_assert_eq(mm_zero_out(mm, a, 64 * PAGE_SIZE), 0);
	child = forked(mm);
	cr_assert_eq(mm_copy_out(child, a + 8 * PAGE_SIZE, "h", 1), 0);
	mm_unref(child);
	child = forked(mm);
	cr_assert_eq(fake_stub_prot(child->space, a + 8 * PAGE_SIZE), RW);
	cr_assert_eq(fake_stub_prot(mm->space, a + 8 * PAGE_SIZE), RW, "the parent keeps its own");
	cr_assert_neq(backing(mm, a + 8 * PAGE_SIZE), backing(child, a + 8 * PAGE_SIZE));
	cr_assert_eq(fake_stub_prot(child->space, a + 9 * PAGE_SIZE), -1, "not needed soon");
	fake_check(mm);
	fake_check(child);
	mm_unref(child);
	mm_unref(mm);
}

Test(mm_cow, children_map_at_once_what_their_elders_touched)
{
	struct mm *mm = fresh(), *child;
	uint64_t a = map_anon(mm, 64 * PAGE_SIZE, RW), b;

	cr_assert_eq(mm_zero_out(mm, a, 64 * PAGE_SIZE), 0);
	cr_assert_eq(map_at(mm, a - (1 << 21), 64 * PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED),
		     0);
	b = a - (1 << 21);
	mm_unref(forked(mm));
	child = forked(mm);
	cr_assert_eq(fake_stub_prot(child->space, a), -1);
	cr_assert_eq(fault(child, a + PAGE_SIZE, false, NULL), 0);
	cr_assert_eq(fake_stub_prot(child->space, a), PROT_READ);
	cr_assert_eq(mm_mprotect(child, b, PAGE_SIZE, PROT_NONE), 0, "of what is not mapped yet");
	fake_check(child);
	mm_unref(child);
	child = forked(mm);
	cr_assert_eq(fake_stub_prot(child->space, a), PROT_READ);
	cr_assert_eq(fake_stub_prot(child->space, b), -1);
	fake_check(child);
	mm_unref(child);
	mm_unref(mm);
}

Test(mm_cow, a_patched_text_page_is_private_and_inherited)
{
	struct mm *mm = fresh(), *child;
	struct file *f = fake_file(4 * PAGE_SIZE, 0);
	uint8_t *p, c;
	uint64_t a;

	cr_assert_eq(
		mm_mmap(mm, 0, 4 * PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, f, 0, NULL, &a),
		0);
	p = mm_patch_page(mm, a + PAGE_SIZE + 5);
	cr_assert_not_null(p);
	p[7] = 0xe9;
	child = forked(mm);
	cr_assert_eq(mm_copy_in(child, &c, a + PAGE_SIZE + 7, 1), 0);
	cr_assert_eq(c, 0xe9);
	p = mm_patch_page(child, a + PAGE_SIZE);
	p[8] = 0xe8;
	cr_assert_eq(mm_copy_in(mm, &c, a + PAGE_SIZE + 8, 1), 0);
	cr_assert_eq(c, 'B');
	cr_assert_null(mm_patch_page(mm, 0x20000));
	fake_check(mm);
	fake_check(child);
	mm_unref(child);
	mm_unref(mm);
	file_put(f);
}

Test(mm_cow, a_storm_of_forks_and_writes_keeps_every_history_apart)
{
	enum { N = 6, PAGES = 40, ROUNDS = 3000 };
	struct mm *mm[N] = {fresh()};
	static uint8_t model[N][PAGES];
	uint64_t a = map_anon(mm[0], PAGES * PAGE_SIZE, RW);

	srand(7);
	for (int i = 0; i < ROUNDS; i++) {
		int k = rand() % N, j = rand() % N, page = rand() % PAGES;

		if (!mm[k])
			continue;
		if (rand() % 8 == 0 && !mm[j]) {
			mm[j] = forked(mm[k]);
			memcpy(model[j], model[k], PAGES);
		} else if (rand() % 12 == 0 && j != k && mm[j]) {
			mm_unref(mm[j]);
			mm[j] = NULL;
		} else if (rand() % 10 == 0) {
			cr_assert_eq(mm_madvise(mm[k], a + (uint64_t)page * PAGE_SIZE, PAGE_SIZE,
						MADV_DONTNEED),
				     0);
			model[k][page] = 0;
		} else {
			uint8_t v = (uint8_t)rand();

			cr_assert_eq(mm_copy_out(mm[k], a + (uint64_t)page * PAGE_SIZE + 9, &v, 1),
				     0);
			model[k][page] = v;
		}
		for (int p = 0; p < PAGES && i % 50 == 0; p++) {
			uint8_t v;

			cr_assert_eq(mm_copy_in(mm[k], &v, a + (uint64_t)p * PAGE_SIZE + 9, 1), 0);
			cr_assert_eq(v, model[k][p]);
		}
		if (mm[k] && i % 50 == 0)
			fake_check(mm[k]);
	}
	for (int k = 0; k < N; k++)
		mm_unref(mm[k]);
}
