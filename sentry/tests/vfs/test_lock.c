/* SPDX-License-Identifier: Apache-2.0 */
/* Advisory locks: fcntl_locking(2), flock(2). */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "env.h"
#include "vfs/lock.h"

static int posix(struct task *t, struct file *f, int cmd, short type, int64_t start, int64_t len)
{
	struct flock lk = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return lock_fcntl(f, t, cmd, &lk);
}

/* A second process: another descriptor table. */
static struct task other_process(const struct task *t)
{
	static struct fdtable *volatile kept; /* reachable at exit */
	struct task o = *t;

	cr_assert_eq(fdtable_new(&o.files), 0);
	kept = o.files;
	(void)kept;
	return o;
}

static struct file *open_f(struct task *t)
{
	int fd = env_open(t, "/f", O_CREAT | O_RDWR, 0600);

	return fd_get(t, fd);
}

Test(lock, write_lock_excludes_others_and_not_oneself)
{
	struct task *t = env_new();
	struct task o = other_process(t);
	struct file *f = open_f(t);

	cr_assert_eq(posix(t, f, F_SETLK, F_WRLCK, 0, 10), 0);
	cr_assert_eq(posix(t, f, F_SETLK, F_WRLCK, 5, 10), 0);
	cr_assert_eq(posix(&o, f, F_SETLK, F_RDLCK, 9, 1), -EAGAIN);
	cr_assert_eq(posix(&o, f, F_SETLK, F_WRLCK, 15, 1), 0);
}

Test(lock, unlocking_the_middle_splits_the_lock)
{
	struct task *t = env_new();
	struct task o = other_process(t);
	struct file *f = open_f(t);

	cr_assert_eq(posix(t, f, F_SETLK, F_WRLCK, 0, 0), 0);
	cr_assert_eq(posix(t, f, F_SETLK, F_UNLCK, 10, 5), 0);
	cr_assert_eq(posix(&o, f, F_SETLK, F_WRLCK, 10, 5), 0);
	cr_assert_eq(posix(&o, f, F_SETLK, F_WRLCK, 9, 1), -EAGAIN);
	cr_assert_eq(posix(&o, f, F_SETLK, F_WRLCK, 15, 1), -EAGAIN);
}

Test(lock, closing_any_descriptor_drops_the_record_locks)
{
	struct task *t = env_new();
	struct task o = other_process(t);
	struct file *f = open_f(t);
	int fd = env_open(t, "/f", O_RDONLY, 0);

	cr_assert_eq(posix(t, f, F_SETLK, F_WRLCK, 0, 0), 0);
	fd_close(t, fd);
	cr_assert_eq(posix(&o, f, F_SETLK, F_WRLCK, 0, 0), 0);
}

Test(lock, flock_belongs_to_the_description)
{
	struct task *t = env_new();
	struct file *a = open_f(t);
	int fd = env_open(t, "/f", O_RDWR, 0);
	struct file *b = fd_get(t, fd);

	cr_assert_eq(lock_flock(a, t, LOCK_EX), 0);
	cr_assert_eq(lock_flock(b, t, LOCK_SH | LOCK_NB), -EWOULDBLOCK);
	cr_assert_eq(lock_flock(a, t, LOCK_SH), 0);
	cr_assert_eq(lock_flock(b, t, LOCK_SH | LOCK_NB), 0);
	cr_assert_eq(posix(t, a, F_SETLK, F_WRLCK, 0, 0), 0, "another kind");
}

Test(lock, getlk_names_the_first_conflict)
{
	struct task *t = env_new();
	struct task o = other_process(t);
	struct file *f = open_f(t);
	struct flock lk = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	cr_assert_eq(posix(t, f, F_SETLK, F_WRLCK, 100, 50), 0);
	cr_assert_eq(lock_fcntl(f, &o, F_GETLK, &lk), 0);
	cr_assert_eq(lk.l_type, F_WRLCK);
	cr_assert_eq(lk.l_start, 100);
	cr_assert_eq(lk.l_len, 50);
	lk = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 100 };
	cr_assert_eq(lock_fcntl(f, &o, F_GETLK, &lk), 0);
	cr_assert_eq(lk.l_type, F_UNLCK);
}

Test(lock, ranges_that_make_no_sense_are_refused)
{
	struct task *t = env_new();
	struct file *f = open_f(t);

	cr_assert_eq(posix(t, f, F_SETLK, F_WRLCK, -1, 1), -EINVAL);
	cr_assert_eq(posix(t, f, F_SETLK, F_WRLCK, 5, -6), -EINVAL);
	cr_assert_eq(posix(t, f, F_SETLK, F_WRLCK, 5, -5), 0);
	cr_assert_eq(posix(t, f, F_SETLK, F_WRLCK, INT64_MAX, 2), -EOVERFLOW);
	cr_assert_eq(posix(t, f, F_SETLK, 9, 0, 1), -EINVAL);
}
