/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings of files: sharing, private copies, truncation, aliases. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

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

static uint64_t map_file(struct mm *mm, struct file *f, uint64_t len, int prot, int flags)
{
	uint64_t at;

	cr_assert_eq(mm_mmap(mm, 0, len, prot, flags, f, 0, NULL, &at), 0);
	return at;
}

static char get(struct mm *mm, uint64_t at)
{
	char c = 0;

	cr_assert_eq(mm_copy_in(mm, &c, at, 1), 0);
	return c;
}

Test(mm_file, text_maps_the_host_file_itself)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(4 * PAGE_SIZE, O_RDONLY);
	uint64_t a = map_file(mm, f, 4 * PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE), off;
	int fd;

	cr_assert(fake_stub_backing(mm->space, a + PAGE_SIZE, &fd, &off));
	cr_assert_eq(fd, fake_file_fd(f));
	cr_assert_eq(off, PAGE_SIZE);
	cr_assert_eq(get(mm, a + 3 * PAGE_SIZE), 'D');
	fake_check(mm);
	file_put(f);
	mm_unref(mm);
}

Test(mm_file, small_writable_private_areas_are_copied_at_once)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(2 * PAGE_SIZE + 100, O_RDONLY);
	uint64_t a = map_file(mm, f, 3 * PAGE_SIZE, RW, MAP_PRIVATE);

	cr_assert_eq(fake_stub_prot(mm->space, a), RW);
	cr_assert_eq(get(mm, a + 2 * PAGE_SIZE + 99), 'C');
	cr_assert_eq(get(mm, a + 2 * PAGE_SIZE + 100), 0);
	fake_check(mm);
	file_put(f);
	mm_unref(mm);
}

Test(mm_file, large_private_areas_are_copied_piece_by_piece)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(100 * PAGE_SIZE, O_RDONLY);
	uint64_t a = map_file(mm, f, 100 * PAGE_SIZE, RW, MAP_PRIVATE);
	char c;

	cr_assert_eq(fake_stub_prot(mm->space, a), PROT_READ);
	cr_assert_eq(fault(mm, a + 40 * PAGE_SIZE, true, NULL), 0);
	cr_assert_eq(fake_stub_prot(mm->space, a + 40 * PAGE_SIZE), RW);
	cr_assert_eq(fake_stub_prot(mm->space, a + 80 * PAGE_SIZE), PROT_READ);
	cr_assert_eq(mm_copy_out(mm, a + 40 * PAGE_SIZE, "!", 1), 0);
	cr_assert_eq(pread(fake_file_fd(f), &c, 1, 40 * PAGE_SIZE), 1);
	cr_assert_eq(c, 'A' + 40);
	fake_check(mm);
	file_put(f);
	mm_unref(mm);
}

Test(mm_file, shared_writes_reach_the_file_after_the_backing_was_asked_for_writing)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(2 * PAGE_SIZE, O_RDWR);
	uint64_t a = map_file(mm, f, 2 * PAGE_SIZE, PROT_READ, MAP_SHARED);
	char c = 0;

	cr_assert_eq(mm_mprotect(mm, a, 2 * PAGE_SIZE, RW), 0);
	cr_assert_eq(fake_stub_prot(mm->space, a), PROT_READ, "opened for reading so far");
	cr_assert_eq(fault(mm, a, true, NULL), 0);
	cr_assert_eq(fake_stub_prot(mm->space, a), RW);
	cr_assert_eq(mm_copy_out(mm, a + 5, "w", 1), 0);
	cr_assert_eq(pread(fake_file_fd(f), &c, 1, 5), 1);
	cr_assert_eq(c, 'w');
	fake_check(mm);
	file_put(f);
	mm_unref(mm);
}

Test(mm_file, beyond_the_end_is_a_bus_error)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(PAGE_SIZE + 10, O_RDONLY);
	uint64_t a = map_file(mm, f, 4 * PAGE_SIZE, PROT_READ, MAP_PRIVATE);
	char buf[8];
	int code;

	cr_assert_eq(fault(mm, a + 2 * PAGE_SIZE, false, &code), SIGBUS);
	cr_assert_eq(code, BUS_ADRERR);
	cr_assert_eq(mm_copy_in(mm, buf, a + 2 * PAGE_SIZE, 1), -EFAULT);
	cr_assert_eq(get(mm, a + PAGE_SIZE), 'B');
	fake_check(mm);
	file_put(f);
	mm_unref(mm);
}

Test(mm_file, truncation_withdraws_shared_pages_and_spares_private_copies)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(100 * PAGE_SIZE, O_RDWR);
	uint64_t s = map_file(mm, f, 100 * PAGE_SIZE, RW, MAP_SHARED);
	uint64_t p = map_file(mm, f, 100 * PAGE_SIZE, RW, MAP_PRIVATE);
	int code;

	cr_assert_eq(mm_copy_out(mm, p + 50 * PAGE_SIZE, "k", 1), 0);
	fake_truncate(f, 10 * PAGE_SIZE);
	cr_assert_eq(fault(mm, s + 20 * PAGE_SIZE, false, &code), SIGBUS);
	cr_assert_eq(fault(mm, p + 20 * PAGE_SIZE, false, &code), SIGBUS);
	cr_assert_eq(get(mm, p + 50 * PAGE_SIZE), 'k');
	cr_assert_eq(get(mm, s + 9 * PAGE_SIZE), 'J');
	fake_check(mm);
	fake_truncate(f, 100 * PAGE_SIZE);
	cr_assert_eq(get(mm, s + 20 * PAGE_SIZE), 0, "growing makes it accessible again");
	fake_check(mm);
	file_put(f);
	mm_unref(mm);
}

Test(mm_file, a_file_that_shrinks_behind_our_back_is_an_error_not_a_crash)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(4 * PAGE_SIZE, O_RDWR);
	uint64_t a = map_file(mm, f, 4 * PAGE_SIZE, PROT_READ, MAP_SHARED);
	char buf[16];

	cr_assert_eq(get(mm, a + 3 * PAGE_SIZE), 'D');
	cr_assert_eq(ftruncate(fake_file_fd(f), PAGE_SIZE), 0);
	cr_assert_eq(mm_copy_in(mm, buf, a + 3 * PAGE_SIZE, 16), -EFAULT);
	cr_assert_eq(mm_copy_in_some(mm, buf, a + PAGE_SIZE - 8, 16), 8);
	file_put(f);
	mm_unref(mm);
}

Test(mm_file, a_fault_without_a_cause_ends_in_a_bus_error)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(PAGE_SIZE, O_RDWR);
	uint64_t a = map_file(mm, f, PAGE_SIZE, PROT_READ, MAP_SHARED);
	int signo = 0;

	for (int i = 0; i < 20 && !signo; i++)
		signo = fault(mm, a, false, NULL);
	cr_assert_eq(signo, SIGBUS);
	file_put(f);
	mm_unref(mm);
}

Test(mm_file, mappings_keep_the_file_alive)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(PAGE_SIZE, O_RDONLY);
	uint64_t a = map_file(mm, f, PAGE_SIZE, PROT_READ, MAP_PRIVATE);

	file_put(f);
	cr_assert_eq(get(mm, a), 'A');
	cr_assert_eq(mm_munmap(mm, a, PAGE_SIZE), 0);
	mm_unref(mm);
}

Test(mm_file, a_library_is_told_to_the_stub_with_its_last_segment)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(20 * PAGE_SIZE, O_RDONLY);
	int lib = MAP_PRIVATE | MAP_DENYWRITE, fixed = lib | MAP_FIXED;
	uint64_t a = map_file(mm, f, 24 * PAGE_SIZE, PROT_READ, lib), at;

	cr_assert_eq(mm_mmap(mm, a + 4 * PAGE_SIZE, 8 * PAGE_SIZE, PROT_READ | PROT_EXEC, fixed, f,
			     4 * PAGE_SIZE, NULL, &at),
		     0);
	cr_assert_eq(mm_mmap(mm, a + 16 * PAGE_SIZE, 4 * PAGE_SIZE, RW, fixed, f, 16 * PAGE_SIZE,
			     NULL, &at),
		     0);
	cr_assert_eq(mm->space->maps + mm->space->unmaps, 0);
	fake_check(mm);
	cr_assert_eq(map_at(mm, a + 20 * PAGE_SIZE, 4 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED), 0);
	cr_assert_eq(mm->space->flushes, 0);
	cr_assert_eq(fake_stub_prot(mm->space, a + 5 * PAGE_SIZE), PROT_READ | PROT_EXEC);
	cr_assert_eq(fake_stub_prot(mm->space, a + 17 * PAGE_SIZE), RW);
	fake_check(mm);
	file_put(f);
	mm_unref(mm);
}

Test(mm_file, a_library_is_told_to_the_stub_at_the_first_fault)
{
	struct mm *mm = fresh();
	struct file *f = fake_file(20 * PAGE_SIZE, O_RDONLY);
	uint64_t a = map_file(mm, f, 20 * PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_DENYWRITE);

	cr_assert_eq(mm_mprotect(mm, a, PAGE_SIZE, PROT_NONE), 0);
	cr_assert_eq(fake_stub_prot(mm->space, a + PAGE_SIZE), -1);
	cr_assert_eq(get(mm, a + PAGE_SIZE), 'B');
	cr_assert_eq(fault(mm, a + 2 * PAGE_SIZE, false, NULL), 0);
	cr_assert_eq(fake_stub_prot(mm->space, a + 2 * PAGE_SIZE), PROT_READ);
	fake_check(mm);
	file_put(f);
	mm_unref(mm);
}
