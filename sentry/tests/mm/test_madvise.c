/* SPDX-License-Identifier: Apache-2.0 */
/* mm/madvise: dropping pages, fork flags, msync and mincore. */
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

static char get(struct mm *mm, uint64_t at)
{
	char c = 0x7f;

	cr_assert_eq(mm_copy_in(mm, &c, at, 1), 0);
	return c;
}

Test(mm_madvise, dontneed_gives_zeros_and_keeps_the_mapping)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW);

	cr_assert_eq(mm_copy_out(mm, a, "abc", 3), 0);
	cr_assert_eq(mm_copy_out(mm, a + 2 * PAGE_SIZE, "k", 1), 0);
	cr_assert_eq(mm_madvise(mm, a, 2 * PAGE_SIZE, MADV_DONTNEED), 0);
	cr_assert_eq(get(mm, a), 0);
	cr_assert_eq(get(mm, a + 2 * PAGE_SIZE), 'k');
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_madvise, dontneed_of_shared_memory_after_fork_leaves_the_other_side)
{
	struct mm *mm = fresh(), *child;
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW);

	cr_assert_eq(mm_copy_out(mm, a, "abc", 3), 0);
	cr_assert_eq(mm_fork(&child, mm, 0), 0);
	fake_live(child);
	cr_assert_eq(mm_madvise(mm, a, PAGE_SIZE, MADV_DONTNEED), 0);
	cr_assert_eq(get(mm, a), 0);
	cr_assert_eq(get(child, a), 'a');
	fake_check(mm);
	fake_check(child);
	mm_unref(child);
	mm_unref(mm);
}

Test(mm_madvise, dontneed_of_a_private_file_shows_the_file_again)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(4 * PAGE_SIZE, 0);
	uint64_t a;

	cr_assert_eq(mm_mmap(mm, 0, 4 * PAGE_SIZE, RW, MAP_PRIVATE, f, 0, NULL, &a), 0);
	cr_assert_eq(mm_copy_out(mm, a + PAGE_SIZE, "z", 1), 0);
	cr_assert_eq(get(mm, a + PAGE_SIZE), 'z');
	cr_assert_eq(mm_madvise(mm, a, 4 * PAGE_SIZE, MADV_DONTNEED), 0);
	cr_assert_eq(get(mm, a + PAGE_SIZE), 'B');
	fake_check(mm);
	file_put(f);
	mm_unref(mm);
}

Test(mm_madvise, fork_flags)
{
	struct mm *mm = fresh(), *child;
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW);
	char c;

	cr_assert_eq(mm_copy_out(mm, a, "1", 1), 0);
	cr_assert_eq(mm_copy_out(mm, a + PAGE_SIZE, "2", 1), 0);
	cr_assert_eq(mm_madvise(mm, a, PAGE_SIZE, MADV_WIPEONFORK), 0);
	cr_assert_eq(mm_madvise(mm, a + PAGE_SIZE, PAGE_SIZE, MADV_DONTFORK), 0);
	cr_assert_eq(mm_fork(&child, mm, 0), 0);
	cr_assert_eq(get(child, a), 0);
	cr_assert_eq(mm_copy_in(child, &c, a + PAGE_SIZE, 1), -EFAULT);
	cr_assert_eq(get(mm, a), '1');
	cr_assert_eq(mm_madvise(mm, a, 2 * PAGE_SIZE, MADV_KEEPONFORK), 0);
	cr_assert_eq(mm_madvise(mm, a, 2 * PAGE_SIZE, MADV_DOFORK), 0);
	cr_assert_eq(count_areas(mm), 1);
	mm_unref(child);
	mm_unref(mm);
}

Test(mm_madvise, errnos)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW), s;

	cr_assert_eq(mm_madvise(mm, a + 1, PAGE_SIZE, MADV_NORMAL), -EINVAL);
	cr_assert_eq(mm_madvise(mm, a, PAGE_SIZE, 77), -EINVAL);
	cr_assert_eq(mm_madvise(mm, a, 0, MADV_NORMAL), 0);
	cr_assert_eq(mm_munmap(mm, a + PAGE_SIZE, PAGE_SIZE), 0);
	cr_assert_eq(mm_madvise(mm, a, 4 * PAGE_SIZE, MADV_DONTNEED), -ENOMEM);
	cr_assert_eq(mm_madvise(mm, a, PAGE_SIZE, MADV_REMOVE), -EINVAL);
	cr_assert_eq(mm_mmap(mm, 0, PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0, NULL, &s),
		     0);
	cr_assert_eq(mm_madvise(mm, s, PAGE_SIZE, MADV_FREE), -EINVAL);
	cr_assert_eq(mm_msync(mm, NULL, a, PAGE_SIZE, MS_SYNC | MS_ASYNC), -EINVAL);
	cr_assert_eq(mm_msync(mm, NULL, 0x20000, 4 * PAGE_SIZE, MS_SYNC), -ENOMEM);
	cr_assert_eq(mm_msync(mm, NULL, a, PAGE_SIZE, MS_SYNC), 0);
	mm_unref(mm);
}

Test(mm_madvise, mincore_tells_touched_from_untouched)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 256 * PAGE_SIZE, RW), vec = map_anon(mm, PAGE_SIZE, RW);
	unsigned char got[4];

	cr_assert_eq(mm_copy_out(mm, a + PAGE_SIZE, "x", 1), 0);
	cr_assert_eq(mm_mincore(mm, a, 4 * PAGE_SIZE, vec), 0);
	cr_assert_eq(mm_copy_in(mm, got, vec, 4), 0);
	cr_assert_eq(memcmp(got, "\0\1\0\0", 4), 0);
	cr_assert_eq(mm_mincore(mm, a + 1, PAGE_SIZE, vec), -EINVAL);
	cr_assert_eq(mm_mincore(mm, 0x20000, PAGE_SIZE, vec), -ENOMEM);
	cr_assert_eq(mm_mincore(mm, a, PAGE_SIZE, 0x20000), -EFAULT);
	mm_unref(mm);
}
