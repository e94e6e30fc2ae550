/* SPDX-License-Identifier: Apache-2.0 */
/* mm/usercopy, pin, iov_iter, safecopy. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "mm/safecopy.h"

#define RW (PROT_READ | PROT_WRITE)

static struct mm *fresh(void)
{
	struct mm *mm;

	fake_init();
	cr_assert_eq(mm_new(&mm), 0);
	return mm;
}

Test(mm_safecopy, stops_at_the_exact_byte_for_every_length, .init = fake_init)
{
	uint8_t *p = mmap(NULL, 8192, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), buf[600];

	cr_assert_eq(mprotect(p + 4096, 4096, PROT_NONE), 0);
	memset(p, 9, 4096);
	for (size_t len = 0; len < sizeof(buf); len++)
		for (size_t good = 0; good <= len; good += len > 64 ? 7 : 1) {
			memset(buf, 0, sizeof(buf));
			cr_assert_eq(safecopy(buf, p + 4096 - good, len), good);
			for (size_t i = 0; i < len; i++)
				cr_assert_eq(buf[i], i < good ? 9 : 0);
			cr_assert_eq(safecopy(p + 4096 - good, buf, len), good);
			memset(p, 9, 4096);
			cr_assert_eq(safezero(p + 4096 - good, len), good);
			memset(p, 9, 4096);
		}
}

Test(mm_safecopy, copies_every_length_right, .init = fake_init)
{
	uint8_t src[700], dst[700];

	for (size_t i = 0; i < sizeof(src); i++)
		src[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len < sizeof(src); len++) {
		memset(dst, 0xff, sizeof(dst));
		cr_assert_eq(safecopy(dst, src, len), len);
		cr_assert_eq(memcmp(dst, src, len), 0);
		cr_assert(len == sizeof(dst) || dst[len] == 0xff);
	}
}

Test(mm_safecopy, words_fault_without_harm, .init = fake_init)
{
	uint32_t *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), v = 5,
		 seen = 0;

	cr_assert_not(safe_load_u32(p, &v));
	cr_assert_not(safe_cmpxchg_u32(p, 0, 1, &seen));
	cr_assert(safe_cmpxchg_u32(&v, 5, 6, &seen));
	cr_assert_eq(seen, 5);
	cr_assert_eq(v, 6);
	cr_assert(safe_cmpxchg_u32(&v, 5, 7, &seen));
	cr_assert_eq(seen, 6);
	cr_assert_eq(v, 6);
}

Test(mm_usercopy, crosses_areas_and_reports_the_short_count)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW);
	static char buf[5 * PAGE_SIZE];

	cr_assert_eq(mm_mprotect(mm, a + PAGE_SIZE, PAGE_SIZE, PROT_READ), 0);
	memset(buf, 'c', sizeof(buf));
	cr_assert_eq(mm_copy_out_some(mm, a + 10, buf, sizeof(buf)), PAGE_SIZE - 10);
	cr_assert_eq(mm_copy_in_some(mm, buf, a, sizeof(buf)), 4 * PAGE_SIZE);
	cr_assert_eq(mm_copy_in(mm, buf, a, sizeof(buf)), -EFAULT);
	cr_assert_eq(mm_copy_in(mm, buf, UINT64_MAX - 3, 8), -EFAULT);
	cr_assert_eq(mm_copy_in(mm, buf, mm->task_size - 3, 8), -EFAULT);
	cr_assert_eq(mm_copy_out(mm, 0, buf, 1), -EFAULT);
	cr_assert_eq(mm_copy_out(mm, 0, buf, 0), 0);
	mm_unref(mm);
}

Test(mm_usercopy, strings_end_at_nul_at_the_page_end_or_not_at_all)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 2 * PAGE_SIZE, RW);
	char buf[300];

	cr_assert_eq(mm_munmap(mm, a + PAGE_SIZE, PAGE_SIZE), 0);
	cr_assert_eq(mm_copy_out(mm, a + PAGE_SIZE - 4, "abc", 4), 0);
	cr_assert_eq(mm_copy_str(mm, buf, a + PAGE_SIZE - 4, sizeof(buf)), 3);
	cr_assert_str_eq(buf, "abc");
	cr_assert_eq(mm_copy_out(mm, a + PAGE_SIZE - 4, "abcd", 4), 0);
	cr_assert_eq(mm_copy_str(mm, buf, a + PAGE_SIZE - 4, sizeof(buf)), -EFAULT);
	cr_assert_eq(mm_copy_str(mm, buf, a + PAGE_SIZE - 4, 4), -ENAMETOOLONG);
	mm_unref(mm);
}

Test(mm_usercopy, futex_words)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, PAGE_SIZE, RW);
	uint32_t v, seen;

	cr_assert_eq(mm_cmpxchg_u32(mm, a + 8, 0, 42, &seen), 0);
	cr_assert_eq(seen, 0);
	cr_assert_eq(mm_load_u32(mm, a + 8, &v), 0);
	cr_assert_eq(v, 42);
	cr_assert_eq(mm_load_u32(mm, a + 2, &v), -EINVAL);
	cr_assert_eq(mm_load_u32(mm, 0, &v), -EFAULT);
	cr_assert_eq(mm_mprotect(mm, a, PAGE_SIZE, PROT_READ), 0);
	cr_assert_eq(mm_cmpxchg_u32(mm, a + 8, 42, 1, &seen), -EFAULT);
	mm_unref(mm);
}

Test(mm_usercopy, a_pin_outlives_the_mapping)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW), used;
	struct mm_pin pin;

	cr_assert_eq(mm_pin(mm, a + 100, 2 * PAGE_SIZE, true, &pin), 2 * PAGE_SIZE);
	cr_assert_eq(pin.n, 1);
	cr_assert_eq(mm_munmap(mm, a, 4 * PAGE_SIZE), 0);
	used = memfile_used_bytes();
	memset(pin.iov[0].iov_base, 1, pin.iov[0].iov_len);
	cr_assert_geq(memfile_used_bytes(), used);
	mm_unpin(&pin);
	cr_assert_eq(mm_pin(mm, a, 10, false, &pin), -EFAULT);
	mm_unref(mm);
}

Test(mm_usercopy, a_write_pin_breaks_copy_on_write)
{
	struct mm *mm = fresh(), *child;
	uint64_t a = map_anon(mm, PAGE_SIZE, RW);
	struct mm_pin pin;
	char c = 1;

	cr_assert_eq(mm_copy_out(mm, a, "o", 1), 0);
	cr_assert_eq(mm_fork(&child, mm, 0), 0);
	cr_assert_eq(mm_pin(child, a, 1, true, &pin), 1);
	*(char *)pin.iov[0].iov_base = 'n';
	mm_unpin(&pin);
	cr_assert_eq(mm_copy_in(mm, &c, a, 1), 0);
	cr_assert_eq(c, 'o');
	cr_assert_eq(mm_copy_in(child, &c, a, 1), 0);
	cr_assert_eq(c, 'n');
	mm_unref(child);
	mm_unref(mm);
}

Test(mm_usercopy, iterators_walk_guest_iovecs)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 2 * PAGE_SIZE, RW);
	struct iovec in[4] = {{(void *)(a + 1000), 3},
			      {NULL, 0},
			      {(void *)(a + 2000), 5},
			      {(void *)(a + PAGE_SIZE), 100}};
	struct iov_iter it, saved;
	struct iovec *iov;
	char buf[16] = {0};

	cr_assert_eq(mm_copy_out(mm, a, in, sizeof(in)), 0);
	cr_assert_eq(iov_iter_import(&it, mm, a, 4, &iov), 0);
	cr_assert_eq(it.count, 108);
	saved = it;
	cr_assert_eq(iov_iter_copy_to(&it, "abcdefgh12", 10), 10);
	cr_assert_eq(it.count, 98);
	iov_iter_revert(&it, &saved);
	iov_iter_advance(&it, 2);
	cr_assert_eq(iov_iter_copy_from(&it, buf, 8), 8);
	cr_assert_str_eq(buf, "cdefgh12");
	cr_assert_eq(iov_iter_zero(&it, 1000), 98);
	cr_assert_eq(it.count, 0);
	free(iov);
	cr_assert_eq(iov_iter_import(&it, mm, a, 1025, &iov), -EINVAL);
	cr_assert_eq(iov_iter_import(&it, mm, 0, 2, &iov), -EFAULT);
	in[0].iov_len = (size_t)-1;
	cr_assert_eq(mm_copy_out(mm, a, in, sizeof(in)), 0);
	cr_assert_eq(iov_iter_import(&it, mm, a, 4, &iov), -EINVAL);
	mm_unref(mm);
}

Test(mm_usercopy, a_fork_leaves_pages_pinned_for_writing_to_the_parent)
{
	struct mm *mm = fresh(), *child;
	uint64_t a = map_anon(mm, 64 * PAGE_SIZE, RW);
	struct mm_pin pin;
	char c[2] = "";

	cr_assert_eq(mm_zero_out(mm, a, 64 * PAGE_SIZE), 0);
	cr_assert_eq(mm_pin(mm, a + 20 * PAGE_SIZE + 100, PAGE_SIZE, true, &pin), PAGE_SIZE);
	cr_assert_eq(mm_fork(&child, mm, 0), 0);
	cr_assert_eq(mm_copy_out(mm, a + 20 * PAGE_SIZE, "p", 1), 0);
	*(char *)pin.iov[0].iov_base = 'd';
	mm_unpin(&pin);
	cr_assert_eq(mm_copy_in(mm, &c[0], a + 20 * PAGE_SIZE, 1), 0);
	cr_assert_eq(mm_copy_in(mm, &c[1], a + 20 * PAGE_SIZE + 100, 1), 0);
	cr_assert_eq(memcmp(c, "pd", 2), 0);
	cr_assert_eq(mm_copy_in(child, &c[1], a + 20 * PAGE_SIZE + 100, 1), 0);
	cr_assert_eq(c[1], 0);
	mm_unref(child);
	mm_unref(mm);
}

Test(mm_usercopy, a_pin_covers_several_iovecs)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, PAGE_SIZE, RW);
	struct iovec v[3] = {{(void *)(a + 1), 10}, {(void *)(a + 100), 0}, {(void *)(a + 50), 20}};
	struct iov_iter it = {.mm = mm, .iov = v, .n = 3, .count = 25};
	struct mm_pin pin;

	iov_iter_advance(&it, 4);
	cr_assert_eq(iov_iter_pin(&it, true, &pin), 21);
	cr_assert_eq(pin.n, 2);
	cr_assert_eq(pin.iov[0].iov_len, 6);
	cr_assert_eq(pin.iov[1].iov_len, 15);
	mm_unpin(&pin);
	cr_assert_eq(it.count, 21);
	mm_unref(mm);
}

Test(mm_usercopy, iterators_stop_at_a_fault)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, PAGE_SIZE, RW);
	struct iovec one;
	struct iov_iter it;
	char buf[200] = {0};

	iov_iter_user(&it, mm, &one, a + PAGE_SIZE - 50, 200);
	cr_assert_eq(iov_iter_copy_to(&it, buf, 200), 50);
	cr_assert_eq(it.count, 150);
	iov_iter_kernel(&it, &one, buf, sizeof(buf));
	cr_assert_eq(iov_iter_copy_to(&it, "xyz", 3), 3);
	cr_assert_str_eq(buf, "xyz");
	mm_unref(mm);
}
