/* SPDX-License-Identifier: Apache-2.0 */
/* goferfs against the real file server, in a child process over a socketpair. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env.h"
#include "sentry/boot.h"
#include "vfs/dentry.h"
#include "vfs/namespace.h"

static char dir[] = "/tmp/test-goferfs-XXXXXX";
static pid_t server;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void cleanup(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void host_file(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

static const char *host_text(const char *name)
{
	static char buf[256];
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "r");

	if (!f)
		return NULL;
	buf[fread(buf, 1, sizeof(buf) - 1, f)] = 0;
	fclose(f);
	return buf;
}

static int serve(void)
{
	int sv[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(sv[1], 3);
		execl(GOFER_SERVE, GOFER_SERVE, dir, "fd:3", NULL);
		_exit(127);
	}
	close(sv[1]);
	fcntl(sv[0], F_SETFD, FD_CLOEXEC);
	return sv[0];
}

/* The tree is the sandbox's root (exclusive), or stands at /vol (shared). */
static struct task *mounted(bool shared)
{
	static struct sentry_mount mounts[2];

	cr_assert_not_null(mkdtemp(dir));
	host_file("f", "host text");
	int sock = serve();
	struct sentry_mount gofer = { .type = SENTRY_MOUNT_GOFER, .source = "g", .fd = sock };

	if (!shared) {
		gofer.target = "/";
		mounts[0] = gofer;
		return env_boot(mounts, 1);
	}
	gofer.target = "/vol";
	mounts[0] = (struct sentry_mount){ .type = SENTRY_MOUNT_TMPFS, .target = "/", .source = "t",
					   .fd = -1 };
	mounts[1] = gofer;
	return env_boot(mounts, 2);
}

Test(goferfs, reads_and_writes_reach_the_host, .fini = cleanup)
{
	struct task *t = mounted(false);

	cr_assert_str_eq(env_text(t, "/f"), "host text");
	cr_assert_eq(env_put(t, "/new", "from inside"), 0);
	cr_assert_str_eq(host_text("new"), "from inside");
	int fd = env_open(t, "/new", O_RDWR | O_APPEND, 0);

	cr_assert_eq(env_write(t, fd, "!", 1), 1);
	cr_assert_str_eq(host_text("new"), "from inside!");
}

Test(goferfs, tree_operations_reach_the_host, .fini = cleanup)
{
	struct task *t = mounted(false);

	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/d", 0755), 0);
	cr_assert_eq(vfs_rename(t, AT_FDCWD, "/f", AT_FDCWD, "/d/g", 0), 0);
	cr_assert_str_eq(host_text("d/g"), "host text");
	cr_assert_eq(vfs_link(t, AT_FDCWD, "/d/g", AT_FDCWD, "/h", 0), 0);
	cr_assert_eq(vfs_symlink(t, "d/g", AT_FDCWD, "/s"), 0);
	cr_assert_str_eq(env_text(t, "/s"), "host text");
	cr_assert_str_eq(host_text("s"), "host text");
	cr_assert_str_eq(env_list(t, "/"), "d h s");
	struct kstat st;

	env_stat(t, "/h", &st);
	cr_assert_eq(st.nlink, 2);
	cr_assert_eq(vfs_unlink(t, AT_FDCWD, "/d/g"), 0);
	env_stat(t, "/h", &st);
	cr_assert_eq(st.nlink, 1);
	cr_assert_eq(vfs_rmdir(t, AT_FDCWD, "/d"), 0);
	cr_assert_null(host_text("d/g"));
}

Test(goferfs, hard_links_share_an_inode, .fini = cleanup)
{
	struct task *t = mounted(false);
	struct path a = { 0 };
	struct path b = { 0 };

	cr_assert_eq(vfs_link(t, AT_FDCWD, "/f", AT_FDCWD, "/g", 0), 0);
	path_lookup(t, AT_FDCWD, "/", 0, &a);
	dentry_drop_children(a.dentry);
	path_put(&a);
	path_lookup(t, AT_FDCWD, "/f", 0, &a);
	path_lookup(t, AT_FDCWD, "/g", 0, &b);
	cr_assert_eq(a.dentry->inode, b.dentry->inode);
	path_put(&a);
	path_put(&b);
}

Test(goferfs, shared_mount_sees_what_the_host_changes, .fini = cleanup)
{
	struct task *t = mounted(true);
	char tmp[256];
	char to[256];

	cr_assert_str_eq(env_text(t, "/vol/f"), "host text");
	host_file("f", "longer host text");
	cr_assert_str_eq(env_text(t, "/vol/f"), "longer host text");
	cr_assert_null(env_text(t, "/vol/later"));
	host_file("later", "now");
	cr_assert_str_eq(env_text(t, "/vol/later"), "now");
	/* As editors do: a new file over the old name. */
	host_file("tmp", "replaced");
	snprintf(tmp, sizeof(tmp), "%s/tmp", dir);
	snprintf(to, sizeof(to), "%s/f", dir);
	rename(tmp, to);
	cr_assert_str_eq(env_text(t, "/vol/f"), "replaced");
}

Test(goferfs, deep_path_is_one_walk_and_errors_are_exact, .fini = cleanup)
{
	struct task *t = mounted(false);

	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/a", 0755), 0);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/a/b", 0755), 0);
	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/a/b/c", 0755), 0);
	cr_assert_eq(env_put(t, "/a/b/c/f", "deep"), 0);
	cr_assert_eq(vfs_symlink(t, "b/c", AT_FDCWD, "/a/s"), 0);
	struct path p = { 0 };

	path_lookup(t, AT_FDCWD, "/", 0, &p);
	dentry_drop_children(p.dentry);
	path_put(&p);
	cr_assert_str_eq(env_text(t, "/a/b/c/f"), "deep");
	cr_assert_str_eq(env_text(t, "/a/s/f"), "deep");
	cr_assert_eq(env_open(t, "/a/b/x/f", O_RDONLY, 0), -ENOENT);
	cr_assert_eq(env_open(t, "/a/b/c/f/g", O_RDONLY, 0), -ENOTDIR);
}

Test(goferfs, unlinked_open_file_still_works, .fini = cleanup)
{
	struct task *t = mounted(false);
	int fd = env_open(t, "/f", O_RDWR, 0);
	char buf[16] = { 0 };

	cr_assert_eq(vfs_unlink(t, AT_FDCWD, "/f"), 0);
	cr_assert_eq(env_pwrite(t, fd, "HOST", 4, 0), 4);
	cr_assert_eq(env_pread(t, fd, buf, 9, 0), 9);
	cr_assert_str_eq(buf, "HOST text");
	fd_close(t, fd);
	cr_assert_null(host_text("f"));
}

static void *hammer(void *arg)
{
	struct task mine = *(struct task *)arg;

	cr_assert_eq(fdtable_new(&mine.files), 0);
	for (int i = 0; i < 300; i++) {
		char name[64];

		snprintf(name, sizeof(name), "/t%lx-%d", (unsigned long)pthread_self(), i % 7);
		cr_assert_eq(env_put(&mine, name, "text"), 0);
		struct kstat st;

		cr_assert_eq(env_stat(&mine, name, &st), 0);
		cr_assert_eq(st.size, 4);
		cr_assert_eq(vfs_unlink(&mine, AT_FDCWD, name), 0);
		cr_assert_eq(env_stat(&mine, "/f", &st), 0);
	}
	fdtable_unref(mine.files, &mine);
	return NULL;
}

Test(goferfs, many_threads_share_the_connection, .fini = cleanup)
{
	struct task *t = mounted(false);
	pthread_t th[8];

	for (int i = 0; i < 8; i++)
		pthread_create(&th[i], NULL, hammer, t);
	for (int i = 0; i < 8; i++)
		pthread_join(th[i], NULL);
	cr_assert_str_eq(env_list(t, "/"), "f");
}

Test(goferfs, dead_gofer_is_eio, .fini = cleanup)
{
	struct task *t = mounted(false);

	cr_assert_str_eq(env_text(t, "/f"), "host text");
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	server = 0;
	cr_assert_eq(env_open(t, "/other", O_RDONLY, 0), -EIO);
}
