/* SPDX-License-Identifier: Apache-2.0 */
#include "env.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "boot/kernel.h"
#include "mm/memfile.h"
#include "mm/mm.h"
#include "sentry/boot.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/namespace.h"

struct task *env_task;

struct task *env_boot(const struct sentry_mount *mounts, size_t n)
{
	static struct sentry_config cfg = { .log_fd = -1 };
	struct kernel *k = &kernel_global;
	struct tgroup *g = calloc(1, sizeof(*g));
	struct task *t = calloc(1, sizeof(*t));
	struct cred *cred = cred_new();
	char why[256] = "";

	cfg.mounts = mounts;
	cfg.n_mounts = n;
	k->cfg = &cfg;
	k->log_fd = -1;
	cr_assert_eq(memfile_init(0), 0);
	cr_assert_eq(vfs_boot(k, &cfg, why, sizeof(why)), 0, "%s", why);

	cred->cap_effective = cred->cap_permitted = UINT64_MAX;
	mutex_init(&g->limits_mu, RANK_LEAF);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		g->limits[i] = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	g->limits[RLIMIT_NOFILE] = (struct rlimit){ 1024, 1024 };
	ref_init(&t->ref);
	t->group = g;
	t->kernel = k;
	t->cred = cred;
	mutex_init(&t->mu, RANK_TASK);
	cr_assert_eq(fdtable_new(&t->files), 0);
	cr_assert_eq(fs_ctx_new(&t->fs, &k->root, &k->root, 022), 0);
	env_task = t;
	return t;
}

struct task *env_new(void)
{
	static struct sentry_mount mounts[] = {
		{ .type = SENTRY_MOUNT_TMPFS, .target = "/", .source = "tmpfs", .options = "mode=755",
		  .fd = -1 },
		{ .type = SENTRY_MOUNT_DEV, .target = "/dev", .source = "dev", .fd = -1 },
	};

	return env_boot(mounts, ARRAY_LEN(mounts));
}

void env_set_user(struct task *t, uint32_t uid, uint32_t gid)
{
	struct cred *c = cred_new();

	cred_put(t->cred);
	c->uid = c->euid = c->suid = c->fsuid = uid;
	c->gid = c->egid = c->sgid = c->fsgid = gid;
	t->cred = c;
}

int env_open(struct task *t, const char *name, int flags, uint32_t mode)
{
	struct open_how how = { .flags = (uint32_t)flags, .mode = mode };
	struct file *f = NULL;
	int r = vfs_openat(t, AT_FDCWD, name, &how, &f);

	if (r < 0)
		return r;
	r = fd_install(t, f, 0, (flags & O_CLOEXEC) != 0);
	if (r < 0)
		file_put(f);
	return r;
}

typedef ssize_t (*io_fn)(struct file *f, struct task *t, struct iov_iter *it, int64_t *pos, int flags);

static ssize_t io(struct task *t, int fd, const void *buf, size_t len, int64_t *pos, io_fn fn)
{
	struct file *f = fd_get(t, fd);
	struct iovec one;
	struct iov_iter it;

	if (!f)
		return -EBADF;
	iov_iter_kernel(&it, &one, (void *)buf, len);
	ssize_t r = fn(f, t, &it, pos, 0);

	fd_put(t, f);
	return r;
}

ssize_t env_read(struct task *t, int fd, void *buf, size_t len)
{
	return io(t, fd, buf, len, NULL, file_read);
}

ssize_t env_write(struct task *t, int fd, const void *buf, size_t len)
{
	return io(t, fd, buf, len, NULL, file_write);
}

ssize_t env_pread(struct task *t, int fd, void *buf, size_t len, int64_t pos)
{
	return io(t, fd, buf, len, &pos, file_read);
}

ssize_t env_pwrite(struct task *t, int fd, const void *buf, size_t len, int64_t pos)
{
	return io(t, fd, buf, len, &pos, file_write);
}

int env_put(struct task *t, const char *name, const char *text)
{
	int fd = env_open(t, name, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	if (fd < 0)
		return fd;
	ssize_t n = env_write(t, fd, text, strlen(text));

	fd_close(t, fd);
	return n < 0 ? (int)n : 0;
}

const char *env_text(struct task *t, const char *name)
{
	static char buf[4096];
	int fd = env_open(t, name, O_RDONLY, 0);

	if (fd < 0)
		return NULL;
	ssize_t n = env_read(t, fd, buf, sizeof(buf) - 1);

	fd_close(t, fd);
	if (n < 0)
		return NULL;
	buf[n] = 0;
	return buf;
}

int env_stat(struct task *t, const char *name, struct kstat *st)
{
	struct path p = { 0 };
	int r = path_lookup(t, AT_FDCWD, name, WALK_NOFOLLOW, &p);

	if (r < 0)
		return r;
	r = inode_getattr(p.dentry->inode, st);
	path_put(&p);
	return r;
}

struct names {
	struct dir_sink sink;
	char *v[512];
	size_t n;
};

static bool take_name(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, uint8_t type,
		      int64_t next)
{
	struct names *ns = container_of(sink, struct names, sink);

	(void)ino;
	(void)type;
	(void)next;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return true;
	ns->v[ns->n++] = strndup(name, len);
	return true;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *env_list(struct task *t, const char *name)
{
	static char buf[8192];
	struct names ns = { .sink = { take_name } };
	int fd = env_open(t, name, O_RDONLY | O_DIRECTORY, 0);
	int64_t pos = 0;

	if (fd < 0)
		return strerrorname_np(-fd);
	struct file *f = fd_get(t, fd);

	cr_assert_eq(f->ops->readdir(f, t, &ns.sink, &pos), 0);
	fd_put(t, f);
	fd_close(t, fd);
	qsort(ns.v, ns.n, sizeof(*ns.v), compare);
	buf[0] = 0;
	for (size_t i = 0; i < ns.n; i++) {
		if (i > 0)
			strcat(buf, " ");
		strcat(buf, ns.v[i]);
		free(ns.v[i]);
	}
	return buf;
}
