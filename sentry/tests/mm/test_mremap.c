/* SPDX-License-Identifier: Apache-2.0 */
/* mm/mremap. */
#include <criterion/criterion.h>
#include <errno.h>

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

static void put(struct mm *mm, uint64_t at, char c)
{
	cr_assert_eq(mm_copy_out(mm, at, &c, 1), 0);
}

static char get(struct mm *mm, uint64_t at)
{
	char c = 0;

	cr_assert_eq(mm_copy_in(mm, &c, at, 1), 0);
	return c;
}

Test(mm_mremap, shrinks_in_place)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW), to;

	cr_assert_eq(mm_mremap(mm, a, 4 * PAGE_SIZE, PAGE_SIZE, 0, 0, NULL, &to), 0);
	cr_assert_eq(to, a);
	cr_assert_eq(fake_stub_prot(mm->space, a + PAGE_SIZE), -1);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mremap, grows_in_place_when_there_is_room)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 64 * PAGE_SIZE, RW), to;

	cr_assert_eq(mm_munmap(mm, a + PAGE_SIZE, 63 * PAGE_SIZE), 0);
	put(mm, a, 'q');
	cr_assert_eq(mm_mremap(mm, a, PAGE_SIZE, 8 * PAGE_SIZE, 0, 0, NULL, &to), 0);
	cr_assert_eq(to, a);
	cr_assert_eq(get(mm, a), 'q');
	cr_assert_eq(get(mm, a + 7 * PAGE_SIZE), 0);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mremap, moves_its_memory_without_copying)
{
	struct mm *mm = fresh();
	uint64_t b = map_anon(mm, PAGE_SIZE, PROT_NONE), a = map_anon(mm, 2 * PAGE_SIZE, RW), to,
		 off, off2;
	int fd;

	(void)b;
	put(mm, a + PAGE_SIZE, 'm');
	cr_assert(fake_stub_backing(mm->space, a, &fd, &off));
	cr_assert_eq(mm_mremap(mm, a, 2 * PAGE_SIZE, 16 * PAGE_SIZE, 0, 0, NULL, &to), -ENOMEM);
	cr_assert_eq(mm_mremap(mm, a, 2 * PAGE_SIZE, 16 * PAGE_SIZE, MREMAP_MAYMOVE, 0, NULL, &to),
		     0);
	cr_assert_neq(to, a);
	cr_assert_eq(get(mm, to + PAGE_SIZE), 'm');
	cr_assert(fake_stub_backing(mm->space, to, &fd, &off2));
	cr_assert_eq(off, off2);
	cr_assert_eq(fake_stub_prot(mm->space, a), -1);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mremap, fixed_replaces_what_is_there)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 2 * PAGE_SIZE, RW), b = map_anon(mm, 8 * PAGE_SIZE, RW), to;

	put(mm, a, 'f');
	put(mm, b + PAGE_SIZE, 'g');
	cr_assert_eq(mm_mremap(mm, a, 2 * PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			       b + 2 * PAGE_SIZE, NULL, &to),
		     0);
	cr_assert_eq(get(mm, b + 2 * PAGE_SIZE), 'f');
	cr_assert_eq(get(mm, b + PAGE_SIZE), 'g');
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mremap, dontunmap_leaves_zeros_behind)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 2 * PAGE_SIZE, RW), to;

	put(mm, a, 'd');
	cr_assert_eq(mm_mremap(mm, a, 2 * PAGE_SIZE, 2 * PAGE_SIZE,
			       MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0, NULL, &to),
		     0);
	cr_assert_eq(get(mm, to), 'd');
	cr_assert_eq(get(mm, a), 0);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mremap, old_size_zero_duplicates_shared_memory_only)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, PAGE_SIZE, RW), s, to;

	cr_assert_eq(mm_mremap(mm, a, 0, PAGE_SIZE, MREMAP_MAYMOVE, 0, NULL, &to), -EINVAL);
	cr_assert_eq(mm_mmap(mm, 0, PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0, NULL, &s),
		     0);
	cr_assert_eq(mm_mremap(mm, s, 0, PAGE_SIZE, MREMAP_MAYMOVE, 0, NULL, &to), 0);
	put(mm, s + 5, 'z');
	cr_assert_eq(get(mm, to + 5), 'z');
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mremap, errnos)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW), to;

	cr_assert_eq(mm_mremap(mm, a + 1, PAGE_SIZE, PAGE_SIZE, 0, 0, NULL, &to), -EINVAL);
	cr_assert_eq(mm_mremap(mm, a, PAGE_SIZE, 0, 0, 0, NULL, &to), -EINVAL);
	cr_assert_eq(mm_mremap(mm, a, PAGE_SIZE, PAGE_SIZE, MREMAP_FIXED, a, NULL, &to), -EINVAL);
	cr_assert_eq(mm_mremap(mm, a, PAGE_SIZE, PAGE_SIZE, 0x80, 0, NULL, &to), -EINVAL);
	cr_assert_eq(mm_mremap(mm, a, 2 * PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			       a + PAGE_SIZE, NULL, &to),
		     -EINVAL);
	cr_assert_eq(mm_mremap(mm, 0x20000, PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE, 0, NULL, &to),
		     -EFAULT);
	cr_assert_eq(mm_mremap(mm, a, 8 * PAGE_SIZE, 9 * PAGE_SIZE, MREMAP_MAYMOVE, 0, NULL, &to),
		     -EFAULT);
	cr_assert_eq(mm_mremap(mm, a, PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE,
			       0, NULL, &to),
		     -EINVAL);
	mm_unref(mm);
}
