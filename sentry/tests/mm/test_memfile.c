/* SPDX-License-Identifier: Apache-2.0 */
/* mm/memfile: extents, references and reuse on a real memfd. */
#include <criterion/criterion.h>
#include <string.h>

#include "fake.h"

static bool all_zero(uint64_t off, size_t len)
{
	const uint8_t *p = memfile_ptr(off);

	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

Test(mm_memfile, a_freed_extent_comes_back_zeroed, .init = fake_init)
{
	uint64_t a, b;
	bool resident;

	cr_assert_eq(memfile_alloc(64 << 10, &a), 0);
	memset(memfile_ptr(a), 0x55, 64 << 10);
	memfile_unref(a, 64 << 10);
	cr_assert_eq(memfile_alloc_near(64 << 10, 0, &b, &resident), 0);
	cr_assert_eq(a, b);
	cr_assert(resident);
	cr_assert(all_zero(b, 64 << 10));
}

Test(mm_memfile, a_partly_touched_extent_comes_back_zeroed_and_not_resident, .init = fake_init)
{
	uint64_t a, b;
	bool resident;

	cr_assert_eq(memfile_alloc(64 << 10, &a), 0);
	memset((uint8_t *)memfile_ptr(a) + 8192, 1, 100);
	memfile_unref(a, 64 << 10);
	cr_assert_eq(memfile_alloc_near(64 << 10, 0, &b, &resident), 0);
	cr_assert_not(resident);
	cr_assert(all_zero(b, 64 << 10));
}

Test(mm_memfile, a_large_freed_extent_gives_its_memory_back, .init = fake_init)
{
	uint64_t used = memfile_used_bytes(), a;

	cr_assert_eq(memfile_alloc(8 << 20, &a), 0);
	cr_assert_eq(a % (2 << 20), 0);
	memset(memfile_ptr(a), 1, 8 << 20);
	cr_assert_geq(memfile_used_bytes(), used + (8 << 20));
	memfile_unref(a, 8 << 20);
	cr_assert_leq(memfile_used_bytes(), used + (1 << 20));
}

Test(mm_memfile, references_are_counted_per_range, .init = fake_init)
{
	uint64_t a;

	cr_assert_eq(memfile_alloc(16 * PAGE_SIZE, &a), 0);
	memset(memfile_ptr(a), 7, 16 * PAGE_SIZE);
	memfile_ref(a + 4 * PAGE_SIZE, 4 * PAGE_SIZE);
	cr_assert_not(memfile_exclusive(a, 16 * PAGE_SIZE));
	cr_assert(memfile_exclusive(a, 4 * PAGE_SIZE));
	memfile_unref(a, 16 * PAGE_SIZE);
	cr_assert_eq(((uint8_t *)memfile_ptr(a + 4 * PAGE_SIZE))[0], 7);
	cr_assert(memfile_exclusive(a + 4 * PAGE_SIZE, 4 * PAGE_SIZE));
	memfile_unref(a + 4 * PAGE_SIZE, 4 * PAGE_SIZE);
}

Test(mm_memfile, an_extent_can_be_continued_where_it_ends, .init = fake_init)
{
	uint64_t a, b;
	bool resident;

	cr_assert_eq(memfile_alloc_growing(1 << 20, &a), 0);
	cr_assert_eq(memfile_alloc_near(1 << 20, a + (1 << 20), &b, &resident), 0);
	cr_assert_eq(b, a + (1 << 20));
	memfile_unref(a, 2 << 20);
}

Test(mm_memfile, zap_leaves_zeros, .init = fake_init)
{
	uint64_t a;

	cr_assert_eq(memfile_alloc(4 << 20, &a), 0);
	memset(memfile_ptr(a), 3, 4 << 20);
	memfile_zap(a, 4 << 20);
	cr_assert(all_zero(a, 4 << 20));
	memfile_unref(a, 4 << 20);
	memfile_trim();
}
