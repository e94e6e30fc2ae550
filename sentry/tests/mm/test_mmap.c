/* SPDX-License-Identifier: Apache-2.0 */
/* mm/mmap, fault: areas, limits, errnos, brk, stack growth. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "fake.h"

#define RW (PROT_READ | PROT_WRITE)
#define PRIV (MAP_PRIVATE | MAP_ANONYMOUS)

static const struct mm_limits no_limits = {RLIM_INFINITY, RLIM_INFINITY, 8 << 20, RLIM_INFINITY};

static struct mm *fresh(void)
{
	struct mm *mm;

	fake_init();
	cr_assert_eq(mm_new(&mm), 0);
	fake_live(mm);
	return mm;
}

static int try_mmap(struct mm *mm, uint64_t addr, uint64_t len, int prot, int flags, struct file *f,
		    uint64_t off, const struct mm_limits *lim)
{
	uint64_t at;

	return mm_mmap(mm, addr, len, prot, flags, f, off, lim, &at);
}

Test(mm_mmap, a_new_area_is_mapped_whole_in_the_stub)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 64 << 10, RW);

	cr_assert_eq(mm->space->maps, 1);
	cr_assert_eq(fake_stub_prot(mm->space, a + 60000), RW);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mmap, adjacent_equal_areas_become_one)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 8192, RW);

	cr_assert_eq(map_at(mm, a + 8192, 8192, RW, MAP_PRIVATE | MAP_FIXED), 0);
	cr_assert_eq(count_areas(mm), 1);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mmap, munmap_in_the_middle_splits)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 5 * PAGE_SIZE, RW);
	int code;

	cr_assert_eq(mm_munmap(mm, a + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	cr_assert_eq(count_areas(mm), 2);
	cr_assert_eq(fake_stub_prot(mm->space, a + 2 * PAGE_SIZE), -1);
	cr_assert_eq(fault(mm, a + 2 * PAGE_SIZE, false, &code), SIGSEGV);
	cr_assert_eq(code, SEGV_MAPERR);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mmap, memory_is_released_only_after_the_stub_was_flushed)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 5 * PAGE_SIZE, RW);
	unsigned before = mm->space->flushes;

	cr_assert_eq(mm_munmap(mm, a, 5 * PAGE_SIZE), 0);
	cr_assert_eq(mm->space->flushes, before + 1);
	mm_unref(mm);
}

Test(mm_mmap, a_huge_reservation_costs_nothing)
{
	struct mm *mm = fresh();
	uint64_t used = memfile_used_bytes(), a = map_anon(mm, 256UL << 30, PROT_NONE);

	cr_assert_eq(mm->space->maps, 0);
	cr_assert_eq(mm_mprotect(mm, a + (1 << 30), 1 << 20, RW), 0);
	cr_assert_eq(mm->space->maps, 1);
	cr_assert_eq(memfile_used_bytes(), used);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mmap, a_huge_writable_area_is_backed_in_windows)
{
	struct mm *mm = fresh();
	uint64_t at;

	cr_assert_eq(mm_mmap(mm, 0, 64UL << 30, RW, PRIV | MAP_NORESERVE, NULL, 0, NULL, &at), 0);
	cr_assert_eq(mm->space->maps, 0);
	cr_assert_eq(fault(mm, at + (5UL << 30), true, NULL), 0);
	cr_assert_eq(fake_stub_prot(mm->space, at + (5UL << 30)), RW);
	cr_assert_eq(fault(mm, at + (9UL << 30), false, NULL), 0);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mmap, errnos_of_bad_arguments)
{
	struct mm *mm = fresh();
	struct file *ro = fake_file(8192, 0 /* O_RDONLY */),
		    *wo = fake_file(8192, 1 /* O_WRONLY */);
	uint64_t a = map_anon(mm, 8192, RW);

	cr_assert_eq(try_mmap(mm, 0, 0, RW, PRIV, NULL, 0, NULL), -EINVAL);
	cr_assert_eq(try_mmap(mm, 0, UINT64_MAX, RW, PRIV, NULL, 0, NULL), -ENOMEM);
	cr_assert_eq(try_mmap(mm, 0, 4096, RW, MAP_ANONYMOUS, NULL, 0, NULL), -EINVAL);
	cr_assert_eq(try_mmap(mm, 0, 4096, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, NULL, 0, NULL),
		     -EINVAL);
	cr_assert_eq(try_mmap(mm, a + 1, 4096, RW, PRIV | MAP_FIXED, NULL, 0, NULL), -EINVAL);
	cr_assert_eq(try_mmap(mm, 1UL << 60, 4096, RW, PRIV | MAP_FIXED, NULL, 0, NULL), -ENOMEM);
	cr_assert_eq(try_mmap(mm, 0, 4096, RW, PRIV | MAP_FIXED, NULL, 0, NULL), -EPERM);
	cr_assert_eq(try_mmap(mm, a, 4096, RW, PRIV | MAP_FIXED_NOREPLACE, NULL, 0, NULL), -EEXIST);
	cr_assert_eq(try_mmap(mm, 0, 4096, RW, MAP_SHARED, ro, 0, NULL), -EACCES);
	cr_assert_eq(try_mmap(mm, 0, 4096, PROT_READ, MAP_PRIVATE, wo, 0, NULL), -EACCES);
	cr_assert_eq(try_mmap(mm, 0, 4096, RW, MAP_PRIVATE | MAP_GROWSDOWN, ro, 0, NULL), -EINVAL);
	cr_assert_eq(try_mmap(mm, 0, 4096, RW, MAP_SHARED_VALIDATE | 0x80000, ro, 0, NULL),
		     -EOPNOTSUPP);
	cr_assert_eq(try_mmap(mm, 0, 8192, RW, MAP_PRIVATE, ro, UINT64_MAX & PAGE_MASK, NULL),
		     -EOVERFLOW);
	cr_assert_eq(try_mmap(mm, 0, 4096, RW, PRIV | MAP_HUGETLB, NULL, 0, NULL), -ENOMEM);
	cr_assert_eq(mm_munmap(mm, a, 0), -EINVAL);
	cr_assert_eq(mm_munmap(mm, a + 1, 4096), -EINVAL);
	cr_assert_eq(mm_munmap(mm, 1UL << 60, 4096), -EINVAL);
	cr_assert_eq(mm_munmap(mm, 0x20000, 4096), 0, "nothing there is fine");
	file_put(ro);
	file_put(wo);
	mm_unref(mm);
}

Test(mm_mmap, limits_are_honoured)
{
	struct mm *mm = fresh();
	struct mm_limits lim = no_limits;

	lim.as = 1 << 20;
	cr_assert_eq(try_mmap(mm, 0, 2 << 20, PROT_NONE, PRIV, NULL, 0, &lim), -ENOMEM);
	cr_assert_eq(try_mmap(mm, 0, 1 << 20, PROT_NONE, PRIV, NULL, 0, &lim), 0);
	cr_assert_eq(try_mmap(mm, 0, 4096, PROT_NONE, PRIV, NULL, 0, &lim), -ENOMEM);
	lim = no_limits;
	lim.data = 1 << 20;
	cr_assert_eq(try_mmap(mm, 0, 2 << 20, RW, PRIV, NULL, 0, &lim), -ENOMEM);
	cr_assert_eq(try_mmap(mm, 0, 2 << 20, PROT_READ, PRIV, NULL, 0, &lim), 0);
	lim = no_limits;
	lim.memlock = 8192;
	cr_assert_eq(try_mmap(mm, 0, 1 << 20, RW, PRIV | MAP_LOCKED, NULL, 0, &lim), -EAGAIN);
	mm_unref(mm);
}

Test(mm_mmap, more_than_all_memory_at_once_is_refused)
{
	struct mm *mm = fresh();
	uint64_t all = memfile_total_bytes() + (1 << 20);

	mm_set_brk(mm, 0x555555600000);
	cr_assert_eq(try_mmap(mm, 0, all, RW, PRIV, NULL, 0, NULL), -ENOMEM);
	cr_assert_eq(try_mmap(mm, 0, all, RW, PRIV | MAP_NORESERVE, NULL, 0, NULL), 0);
	cr_assert_eq(try_mmap(mm, 0, all, PROT_NONE, PRIV, NULL, 0, NULL), 0);
	cr_assert_eq(mm_brk(mm, 0x555555600000 + all, &no_limits), 0x555555600000);
	mm_unref(mm);
}

Test(mm_mmap, a_hint_is_taken_when_free)
{
	struct mm *mm = fresh();
	uint64_t at;

	cr_assert_eq(mm_mmap(mm, 0x10000000, 4096, RW, PRIV, NULL, 0, NULL, &at), 0);
	cr_assert_eq(at, 0x10000000);
	cr_assert_eq(mm_mmap(mm, 0x10000000, 4096, RW, PRIV, NULL, 0, NULL, &at), 0);
	cr_assert_neq(at, 0x10000000);
	cr_assert_eq(mm_mmap(mm, 0, 4096, RW, PRIV | MAP_32BIT, NULL, 0, NULL, &at), 0);
	cr_assert_lt(at, 1UL << 31);
	mm_unref(mm);
}

Test(mm_mmap, brk_grows_shrinks_and_refuses)
{
	struct mm *mm = fresh();
	struct mm_limits lim = no_limits;

	mm_set_brk(mm, 0x555555600123);
	cr_assert_eq(mm_brk(mm, 0, &lim), 0x555555600123);
	cr_assert_eq(mm_brk(mm, 0x555555700000, &lim), 0x555555700000);
	cr_assert_eq(mm_brk(mm, 0x555555800000, &lim), 0x555555800000);
	cr_assert_eq(count_areas(mm), 1);
	cr_assert_eq(mm_copy_out(mm, 0x5555557fff00, "x", 1), 0);
	fake_check(mm);
	cr_assert_eq(mm_brk(mm, 0x555555601000, &lim), 0x555555601000);
	cr_assert_eq(mm_brk(mm, 0x555555800000, &lim), 0x555555800000);
	lim.data = 1 << 20;
	cr_assert_eq(mm_brk(mm, 0x555555a00000, &lim), 0x555555800000);
	cr_assert_eq(map_at(mm, 0x555555900000, 4096, RW, MAP_PRIVATE | MAP_FIXED), 0);
	cr_assert_eq(mm_brk(mm, 0x555555a00000, &no_limits), 0x555555800000);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mmap, the_stack_grows_to_its_limit_and_keeps_its_gap)
{
	struct mm *mm = fresh();
	uint64_t top = 0x7effff000000;
	int code;

	mm_set_stack_limit(mm, 1 << 20);
	cr_assert_eq(mm_map_stack(mm, top - 32768, top, RW), 0);
	cr_assert_eq(fault(mm, top - 40000, true, NULL), 0);
	cr_assert_eq(fake_stub_prot(mm->space, top - 40000), RW);
	cr_assert_eq(fault(mm, top - (1 << 20) + 8, true, NULL), 0);
	cr_assert_eq(fault(mm, top - (1 << 20) - 8, true, &code), SIGSEGV);
	cr_assert_eq(code, SEGV_MAPERR);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mmap, a_stack_does_not_grow_into_its_neighbour)
{
	struct mm *mm = fresh();
	uint64_t top = 0x7effff000000;

	cr_assert_eq(mm_map_stack(mm, top - 32768, top, RW), 0);
	cr_assert_eq(map_at(mm, top - (2 << 20), 4096, RW, MAP_PRIVATE | MAP_FIXED), 0);
	cr_assert_eq(fault(mm, top - (2 << 20) + 8192, true, NULL), SIGSEGV);
	mm_unref(mm);
}

Test(mm_mmap, trampolines_are_out_of_reach)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 1 << 20, RW), t;

	cr_assert_eq(mm_munmap(mm, a, 1 << 20), 0);
	cr_assert_eq(mm_reserve_trampolines(mm, a, a + (1 << 20), 4096, &t), 0);
	cr_assert_eq(map_at(mm, t, 4096, RW, MAP_PRIVATE | MAP_FIXED), -ENOMEM);
	cr_assert_eq(mm_munmap(mm, a, 1 << 20), 0);
	cr_assert_eq(count_areas(mm), 1);
	cr_assert_eq(mm_mprotect(mm, t, 4096, RW), -EACCES);
	mm_unref(mm);
}

Test(mm_mmap, sealed_areas_stay)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 3 * PAGE_SIZE, RW), moved;

	cr_assert_eq(mm_mseal(mm, a + PAGE_SIZE, PAGE_SIZE), 0);
	cr_assert_eq(mm_munmap(mm, a, 3 * PAGE_SIZE), -EPERM);
	cr_assert_eq(mm_mprotect(mm, a + PAGE_SIZE, PAGE_SIZE, PROT_READ), -EPERM);
	cr_assert_eq(map_at(mm, a, 3 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED), -EPERM);
	cr_assert_eq(mm_mremap(mm, a + PAGE_SIZE, PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE, 0, NULL,
			       &moved),
		     -EPERM);
	cr_assert_eq(mm_munmap(mm, a, PAGE_SIZE), 0);
	mm_unref(mm);
}
