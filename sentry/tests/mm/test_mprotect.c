/* SPDX-License-Identifier: Apache-2.0 */
/* mm/mprotect: protection and locking of areas. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

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

Test(mm_mprotect, is_one_host_mprotect_and_splits_and_merges)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 8 * PAGE_SIZE, RW);
	int code;

	cr_assert_eq(mm_mprotect(mm, a + PAGE_SIZE, PAGE_SIZE, PROT_READ), 0);
	cr_assert_eq(count_areas(mm), 3);
	cr_assert_eq(mm->space->protects, 1);
	cr_assert_eq(mm->space->maps, 1);
	cr_assert_eq(fault(mm, a + PAGE_SIZE, true, &code), SIGSEGV);
	cr_assert_eq(code, SEGV_ACCERR);
	fake_check(mm);
	cr_assert_eq(mm_mprotect(mm, a, 8 * PAGE_SIZE, RW), 0);
	cr_assert_eq(count_areas(mm), 1);
	fake_check(mm);
	mm_unref(mm);
}

/* Rights on top of others reach the stub with the first access that needs them; after such an access
 * they are given at once for a while. */
Test(mm_mprotect, adds_rights_when_they_are_needed)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW);
	int code;

	for (int i = 0; i < 3; i++) {
		cr_assert_eq(mm_mprotect(mm, a, PAGE_SIZE, PROT_READ), 0);
		cr_assert_eq(mm_mprotect(mm, a, PAGE_SIZE, RW), 0);
	}
	cr_assert_eq(mm->space->protects, 1);
	cr_assert_eq(fake_stub_prot(mm->space, a), PROT_READ);
	cr_assert_eq(fault(mm, a, true, &code), 0);
	cr_assert_eq(fake_stub_prot(mm->space, a), RW);
	fake_check(mm);
	cr_assert_eq(mm_mprotect(mm, a, PAGE_SIZE, PROT_READ), 0);
	cr_assert_eq(fake_stub_prot(mm->space, a), PROT_READ);
	cr_assert_eq(mm_mprotect(mm, a, PAGE_SIZE, RW), 0);
	cr_assert_eq(fake_stub_prot(mm->space, a), RW, "somebody writes here: at once");
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mprotect, contents_survive_none_and_back)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, PAGE_SIZE, RW);
	char c = 'x';

	cr_assert_eq(mm_copy_out(mm, a, &c, 1), 0);
	cr_assert_eq(mm_mprotect(mm, a, PAGE_SIZE, PROT_NONE), 0);
	cr_assert_eq(mm_copy_in(mm, &c, a, 1), -EFAULT);
	cr_assert_eq(mm_copy_out(mm, a, &c, 1), -EFAULT);
	cr_assert_eq(mm_mprotect(mm, a, PAGE_SIZE, PROT_READ), 0);
	c = 0;
	cr_assert_eq(mm_copy_in(mm, &c, a, 1), 0);
	cr_assert_eq(c, 'x');
	cr_assert_eq(mm_copy_out(mm, a, &c, 1), -EFAULT);
	mm_unref(mm);
}

Test(mm_mprotect, errnos)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW), at;
	struct file *ro = fake_file(8192, 0);

	cr_assert_eq(mm_mprotect(mm, a + 1, PAGE_SIZE, RW), -EINVAL);
	cr_assert_eq(mm_mprotect(mm, a, PAGE_SIZE, 0x40), -EINVAL);
	cr_assert_eq(mm_mprotect(mm, a, 0, RW), 0);
	cr_assert_eq(mm_mprotect(mm, a, UINT64_MAX - 8191, RW), -ENOMEM);
	cr_assert_eq(mm_munmap(mm, a + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	cr_assert_eq(mm_mprotect(mm, a, 4 * PAGE_SIZE, PROT_READ), -ENOMEM);
	cr_assert_eq(fake_stub_prot(mm->space, a), PROT_READ, "what precedes the hole is done");
	cr_assert_eq(mm_mmap(mm, 0, 8192, PROT_READ, MAP_SHARED, ro, 0, NULL, &at), 0);
	cr_assert_eq(mm_mprotect(mm, at, 8192, RW), -EACCES);
	cr_assert_eq(mm_mprotect(mm, a, PAGE_SIZE, RW | PROT_GROWSDOWN), -EINVAL);
	file_put(ro);
	fake_check(mm);
	mm_unref(mm);
}

Test(mm_mprotect, locking_respects_its_limit_and_holes)
{
	struct mm *mm = fresh();
	uint64_t a = map_anon(mm, 4 * PAGE_SIZE, RW);
	struct mm_limits lim = {RLIM_INFINITY, RLIM_INFINITY, RLIM_INFINITY, 2 * PAGE_SIZE};

	cr_assert_eq(mm_mlock(mm, a, 4 * PAGE_SIZE, true, &lim), -ENOMEM);
	cr_assert_eq(mm_mlock(mm, a, 2 * PAGE_SIZE, true, &lim), 0);
	cr_assert_eq(mm->locked, 2 * PAGE_SIZE);
	cr_assert_eq(mm_mlock(mm, a, 2 * PAGE_SIZE, true, &lim), 0, "twice counts once");
	cr_assert_eq(mm_madvise(mm, a, PAGE_SIZE, MADV_DONTNEED), -EINVAL);
	cr_assert_eq(mm_mlock(mm, a, 4 * PAGE_SIZE, false, NULL), 0);
	cr_assert_eq(mm->locked, 0);
	cr_assert_eq(mm_mlock(mm, a + 8 * PAGE_SIZE, PAGE_SIZE, true, &lim), -ENOMEM);
	cr_assert_eq(mm_mlockall(mm, true, true, NULL), 0);
	cr_assert_eq(mm->locked, 4 * PAGE_SIZE);
	cr_assert_eq(count_areas(mm), 1);
	mm_unref(mm);
}
