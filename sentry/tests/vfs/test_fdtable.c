/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor tables. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "env.h"

Test(fdtable, lowest_free_descriptor_is_given)
{
	struct task *t = env_new();

	cr_assert_eq(env_open(t, "/dev/null", O_RDWR, 0), 0);
	cr_assert_eq(env_open(t, "/dev/null", O_RDWR, 0), 1);
	cr_assert_eq(env_open(t, "/dev/null", O_RDWR, 0), 2);
	cr_assert_eq(fd_close(t, 1), 0);
	cr_assert_eq(fd_close(t, 1), -EBADF);
	cr_assert_eq(env_open(t, "/dev/null", O_RDWR, 0), 1);
	cr_assert_eq(env_open(t, "/dev/null", O_RDWR, 0), 3);
}

Test(fdtable, limit_gives_emfile_and_ebadf)
{
	struct task *t = env_new();

	t->group->limits[RLIMIT_NOFILE].rlim_cur = 2;
	cr_assert_eq(env_open(t, "/dev/null", O_RDWR, 0), 0);
	cr_assert_eq(env_open(t, "/dev/null", O_RDWR, 0), 1);
	cr_assert_eq(env_open(t, "/dev/null", O_RDWR, 0), -EMFILE);
	struct file *f = fd_get(t, 0);

	cr_assert_eq(fd_install_at(t, f, 2, false), -EBADF);
	cr_assert_eq(fd_install_at(t, f, 1, false), 1);
}

Test(fdtable, table_grows_and_copies)
{
	struct task *t = env_new();
	struct fdtable *copy = NULL;

	for (int i = 0; i < 1000; i++)
		cr_assert_eq(env_open(t, "/dev/null", O_RDWR | (i % 2 ? O_CLOEXEC : 0), 0), i);
	cr_assert_eq(fdtable_copy(&copy, t->files), 0);
	fdtable_close_on_exec(t->files, t);
	for (int i = 0; i < 1000; i++) {
		struct file *f = fd_get(t, i);

		cr_assert_eq(f != NULL, i % 2 == 0);
		fd_put(t, f);
	}
	int n = 0;

	for (int fd = 0; (fd = fdtable_next(copy, fd, NULL)) >= 0; fd++)
		n++;
	cr_assert_eq(n, 1000);
	fdtable_unref(copy, t);
}

Test(fdtable, close_range_closes_or_marks)
{
	struct task *t = env_new();

	for (int i = 0; i < 10; i++)
		env_open(t, "/dev/null", O_RDWR, 0);
	cr_assert_eq(fd_close_range(t, 3, 5, 0), 0);
	cr_assert_eq(fd_get_cloexec(t, 4), -EBADF);
	cr_assert_eq(fd_close_range(t, 6, UINT32_MAX, 4), 0);
	cr_assert_eq(fd_get_cloexec(t, 6), 1);
	cr_assert_eq(fd_get_cloexec(t, 2), 0);
	cr_assert_eq(fd_close_range(t, 5, 3, 0), -EINVAL);
}

Test(fdtable, path_descriptor_is_refused_for_io)
{
	struct task *t = env_new();
	int fd = env_open(t, "/dev/null", O_PATH, 0);
	char c;

	cr_assert_null(fd_get(t, fd));
	cr_assert_eq(env_read(t, fd, &c, 1), -EBADF);
	struct file *f = fd_get_raw(t, fd);

	cr_assert_not_null(f);
	fd_put(t, f);
}

struct race {
	struct task *t;
	_Atomic bool stop;
	_Atomic int bad;
};

static void *look_up(void *arg)
{
	struct race *r = arg;

	while (!atomic_load(&r->stop)) {
		struct file *f = fd_get(r->t, 5);

		if (f && f->ops == NULL)
			atomic_fetch_add(&r->bad, 1);
		fd_put(r->t, f);
	}
	return NULL;
}

Test(fdtable, look_up_races_with_close_and_reuse)
{
	struct task *t = env_new();
	struct race r = { .t = t };
	pthread_t th[2];

	for (int i = 0; i < 5; i++)
		env_open(t, "/dev/null", O_RDWR, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&th[i], NULL, look_up, &r);
	for (int i = 0; i < 20000; i++) {
		cr_assert_eq(env_open(t, i % 2 ? "/dev/zero" : "/dev/null", O_RDWR, 0), 5);
		cr_assert_eq(fd_close(t, 5), 0);
	}
	atomic_store(&r.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	cr_assert_eq(r.bad, 0);
}
