/* SPDX-License-Identifier: Apache-2.0 */
/* The mount namespace of a container, built from the boot configuration. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "boot/kernel.h"
#include "fs/cgroupfs/cgroupfs.h"
#include "fs/goferfs/goferfs.h"
#include "fs/hostfs/hostfs.h"
#include "fs/overlay/overlay.h"
#include "fs/tmpfs/tmpfs.h"
#include "sentry/boot.h"
#include "task/cred.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/fstype.h"
#include "vfs/namespace.h"


/* What boot code acts as: everything is allowed. */
struct boot_ctx {
	struct mount_ns *ns;
	struct walk_ctx walk;
	struct mount *null_mount; /* its root is a null device: masked files */
};

/* The root file system is the sandbox's own; what else comes from the host may change there. */
static int new_super(struct super **ret, const struct sentry_mount *m, bool root)
{
	switch (m->type) {
	case SENTRY_MOUNT_GOFER:
		return goferfs_new(ret, m->fd, !root && !m->overlay);
	case SENTRY_MOUNT_TMPFS:
		return fstype_mount(ret, "tmpfs", m->options);
	case SENTRY_MOUNT_PROC:
		return fstype_mount(ret, "proc", NULL);
	case SENTRY_MOUNT_SYSFS:
		return fstype_mount(ret, "sysfs", NULL);
	case SENTRY_MOUNT_DEV:
		return fstype_mount(ret, "devtmpfs", NULL);
	case SENTRY_MOUNT_DEVPTS:
		return fstype_mount(ret, "devpts", m->options);
	case SENTRY_MOUNT_MQUEUE:
		return fstype_mount(ret, "mqueue", NULL);
	case SENTRY_MOUNT_CGROUP:
		return fstype_mount(ret, "cgroup2", NULL);
	}
	return -ENODEV;
}

/* With a memory layer over it when the config asks for one. */
static int mount_super(struct super **ret, const struct sentry_mount *m, bool root)
{
	struct super *lower = NULL;
	int r = new_super(&lower, m, root);

	if (r < 0)
		return r;
	if (!m->overlay) {
		*ret = lower;
		return 0;
	}
	r = overlay_new(ret, lower);
	super_put(lower);
	return r;
}

static int make_entry(struct boot_ctx *b, struct path *dir, const char *name, size_t len, bool file)
{
	struct inode_init init = { .mode = file ? S_IFREG | 0644 : S_IFDIR | 0755 };
	struct fname fn = { name, len };
	struct dentry *d = NULL;

	rwlock_wrlock(&dir->dentry->inode->rw);
	int r = vfs_create_locked(NULL, b->walk.cred, dir, &fn, &init, &d);

	rwlock_unlock(&dir->dentry->inode->rw);
	dentry_put(d);
	return r == -EEXIST ? 0 : r;
}

/* The place @target, made with all its parents when it is missing. */
static int ensure(struct boot_ctx *b, const char *target, bool file, struct path *ret)
{
	char part[PATH_LEN_MAX];
	size_t len = strlen(target);

	if (len >= sizeof(part))
		return -ENAMETOOLONG;
	int r = walk_lookup(&b->walk, target, 0, ret);

	if (r != -ENOENT)
		return r;
	for (size_t i = 1; i <= len; i++) {
		if (target[i] != '/' && target[i] != 0)
			continue;
		if (target[i - 1] == '/')
			continue;
		memcpy(part, target, i);
		part[i] = 0;

		struct path here = { 0 };

		r = walk_lookup(&b->walk, part, 0, &here);
		path_put(&here);
		if (r == 0)
			continue;
		if (r != -ENOENT)
			return r;

		char *slash = strrchr(part, '/');
		bool last = target[i + strspn(target + i, "/")] == 0;

		*slash = 0;
		r = walk_lookup(&b->walk, slash == part ? "/" : part, WALK_DIRECTORY, &here);
		if (r == 0)
			r = make_entry(b, &here, slash + 1, strlen(slash + 1), file && last);
		path_put(&here);
		if (r < 0)
			return r;
	}
	return walk_lookup(&b->walk, target, 0, ret);
}

static int add_mount(struct boot_ctx *b, const struct sentry_mount *m)
{
	struct super *sb = NULL;
	struct path at = { 0 };
	int r = mount_super(&sb, m, false);

	if (r < 0)
		return r;
	r = ensure(b, m->target, !inode_is_dir(sb->root->inode), &at);
	if (r == 0)
		r = mount_add(b->ns, sb, NULL, &at, m->source, m->flags, NULL);
	path_put(&at);
	super_put(sb);
	return r;
}

static int add_root(struct kernel *k, struct boot_ctx *b, const struct sentry_mount *m)
{
	struct super *sb = NULL;
	int r = mount_super(&sb, m, true);

	if (r < 0)
		return r;
	/* Mount points may have to be made: read-only comes last. */
	r = mount_ns_new(&b->ns, sb, m->source, m->flags & ~MNT_RDONLY);
	super_put(sb);
	if (r < 0)
		return r;
	k->mounts = b->ns;
	k->root = (struct path){ mount_get(b->ns->root), dentry_get(b->ns->root->root) };
	b->walk.root = b->walk.cwd = k->root;
	return 0;
}

/* A file system whose root is a null device. */
static int make_null_mount(struct boot_ctx *b)
{
	struct super *dev = NULL;
	struct dentry *d = NULL;
	int r = fstype_mount(&dev, "devtmpfs", NULL);

	if (r < 0)
		return r;
	r = dentry_lookup(dev->root, &(struct fname){ "null", 4 }, &d);
	if (r == 0)
		r = mount_internal(&b->null_mount, dev);
	if (r == 0) {
		dentry_put(b->null_mount->root);
		b->null_mount->root = dentry_get(d);
	}
	dentry_put(d);
	super_put(dev);
	return r;
}

static int mask_path(struct boot_ctx *b, const char *name)
{
	struct path at = { 0 };
	int r = walk_lookup(&b->walk, name, 0, &at);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return r;
	if (inode_is_dir(at.dentry->inode)) {
		struct super *sb = NULL;

		r = fstype_mount(&sb, "tmpfs", "mode=555");
		if (r == 0)
			r = mount_add(b->ns, sb, NULL, &at, "tmpfs", MNT_RDONLY, NULL);
		super_put(sb);
	} else {
		r = b->null_mount ? 0 : make_null_mount(b);
		if (r == 0)
			r = mount_add(b->ns, b->null_mount->sb, b->null_mount->root, &at, "null", 0,
				      NULL);
	}
	path_put(&at);
	return r;
}

static int protect_path(struct boot_ctx *b, const char *name)
{
	struct path at = { 0 };
	int r = walk_lookup(&b->walk, name, 0, &at);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == 0)
		r = mount_bind(b->ns, &at, &at, true, MNT_RDONLY);
	path_put(&at);
	return r;
}

static int add_device(struct boot_ctx *b, const struct sentry_device *dev)
{
	struct path at = { 0 };
	char dir[PATH_LEN_MAX];
	const char *slash = strrchr(dev->path, '/');
	size_t len = (size_t)(slash - dev->path);
	int r;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, dev->path, len);
	dir[len] = 0;
	r = ensure(b, len ? dir : "/", false, &at);
	if (r < 0)
		return r;

	struct inode_init init = { .mode = dev->mode };
	struct fname name = { slash + 1, strlen(slash + 1) };
	struct dentry *d = NULL;

	if ((dev->mode & S_IFMT) != S_IFIFO)
		init.rdev = makedev(dev->major, dev->minor);
	rwlock_wrlock(&at.dentry->inode->rw);
	r = vfs_create_locked(NULL, b->walk.cred, &at, &name, &init, &d);
	rwlock_unlock(&at.dentry->inode->rw);
	if (r == 0) {
		struct iattr owner = { .valid = ATTR_UID | ATTR_GID, .uid = dev->uid, .gid = dev->gid };

		r = inode_setattr(d->inode, &owner);
	}
	dentry_put(d);
	path_put(&at);
	return r == -EEXIST ? 0 : r;
}

static int add_devices(struct boot_ctx *b, const struct sentry_config *cfg, char *why, size_t why_size)
{
	for (size_t i = 0; i < cfg->n_devices; i++) {
		int r = add_device(b, &cfg->devices[i]);

		if (r < 0) {
			snprintf(why, why_size, "device %.150s: %s", cfg->devices[i].path, strerror(-r));
			return r;
		}
	}
	return 0;
}

static int for_paths(struct boot_ctx *b, const char *const *paths, const char *what, char *why,
		     size_t why_size, int (*fn)(struct boot_ctx *b, const char *name))
{
	for (size_t i = 0; paths && paths[i]; i++) {
		int r = fn(b, paths[i]);

		if (r < 0) {
			snprintf(why, why_size, "%s %.150s: %s", what, paths[i], strerror(-r));
			return r;
		}
	}
	return 0;
}

static int build(struct kernel *k, struct boot_ctx *b, const struct sentry_config *cfg, char *why,
		 size_t why_size)
{
	for (size_t i = 0; i < cfg->n_mounts; i++) {
		const struct sentry_mount *m = &cfg->mounts[i];
		int r = i == 0 ? add_root(k, b, m) : add_mount(b, m);

		if (r < 0) {
			snprintf(why, why_size, "mount %.150s: %s", m->target, strerror(-r));
			return r;
		}
	}
	int r = add_devices(b, cfg, why, why_size);

	if (r < 0)
		return r;
	r = for_paths(b, cfg->masked_paths, "masked path", why, why_size, mask_path);

	if (r == 0)
		r = for_paths(b, cfg->readonly_paths, "read-only path", why, why_size, protect_path);
	if (r < 0)
		return r;
	if (cfg->root_readonly || (cfg->mounts[0].flags & MNT_RDONLY))
		atomic_fetch_or(&b->ns->root->flags, MNT_RDONLY);
	return 0;
}

int vfs_boot(struct kernel *k, const struct sentry_config *cfg, char *why, size_t why_size)
{
	struct boot_ctx b = { 0 };
	struct cred *cred = cred_new();

	if (!cred) {
		snprintf(why, why_size, "mounts: out of memory");
		return -ENOMEM;
	}
	if (cfg->n_mounts == 0) {
		snprintf(why, why_size, "mounts: no root file system");
		cred_put(cred);
		return -EINVAL;
	}
	cred->cap_effective = UINT64_MAX;
	b.walk.cred = cred;
	int r = cgroup_view_set(cfg->cgroup_files, cfg->n_cgroup_files);

	if (r < 0) {
		snprintf(why, why_size, "cgroup view: %s", strerror(-r));
		cred_put(cred);
		return r;
	}
	r = build(k, &b, cfg, why, why_size);

	mount_put(b.null_mount);
	cred_put(cred);
	return r;
}

static int open_null(struct kernel *k, struct file **ret)
{
	struct super *dev = NULL;
	struct dentry *d = NULL;
	struct mount *mnt = NULL;
	int r = fstype_mount(&dev, "devtmpfs", NULL);

	(void)k;
	if (r < 0)
		return r;
	dev->flags |= SB_KERNMOUNT;
	r = dentry_lookup(dev->root, &(struct fname){ "null", 4 }, &d);
	if (r == 0)
		r = mount_internal(&mnt, dev);
	if (r == 0)
		r = file_new(ret, NULL, NULL, O_RDWR);
	super_put(dev);
	if (r < 0) {
		dentry_put(d);
		mount_put(mnt);
		return r;
	}
	(*ret)->path = (struct path){ mnt, d };
	(*ret)->inode = d->inode;
	return chrdev_open(d->inode, NULL, *ret);
}

int vfs_open_host_fd(struct kernel *k, int fd, struct file **ret)
{
	return fd < 0 ? open_null(k, ret) : hostfs_open_fd(ret, fd);
}

int vfs_start_threads(void)
{
	return poller_start();
}
