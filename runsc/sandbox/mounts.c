/* SPDX-License-Identifier: Apache-2.0 */
/* Opens what the container's mounts need on the host. Paths are resolved here, once, by the
 * operator's privileges; the sandbox gets sockets to a file server that holds the opened roots. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/log.h"
#include "sandbox/sandbox.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* A detached copy of the mount, so that it stays usable in another mount namespace. */
static int open_source(const char *path, bool recursive)
{
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path,
			      OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0));

	/* Not a mount that can be copied (or not allowed to): the plain path does. */
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != EACCES && errno != ELOOP)
		fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Takes @fd. */
static int serve(struct mount_set *set, struct sentry_mount *m, int fd, bool readonly)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0) {
		close(fd);
		return -errno;
	}
	set->served[set->n_served++] =
		(struct gofer_mount){.sock_fd = sv[0], .root_fd = fd, .readonly = readonly};
	m->type = SENTRY_MOUNT_GOFER;
	m->fd = sv[1];
	return 0;
}

static void absolute(char *buf, size_t size, const char *bundle, const char *path)
{
	if (path[0] == '/')
		snprintf(buf, size, "%s", path);
	else
		snprintf(buf, size, "%s/%s", bundle, path);
}

static int open_root(struct mount_set *set, const struct oci_spec *spec, const char *bundle,
		     bool overlay, struct cause *cause)
{
	struct sentry_mount *m = &set->mounts[set->n_mounts++];
	char path[PATH_MAX];
	struct stat st;
	int fd, r;

	absolute(path, sizeof(path), bundle, spec->root_path);
	fd = open_source(path, true);
	if (fd < 0)
		return cause_errno(cause, fd, "config.json: /root/path: %s", path);
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)) {
		close(fd);
		return cause_errno(cause, -ENOTDIR, "config.json: /root/path: %s", path);
	}
	*m = (struct sentry_mount){.target = "/",
				   .source = "rootfs",
				   .options = "",
				   .flags = spec->root_readonly ? MS_RDONLY : 0,
				   .overlay = overlay && !spec->root_readonly};
	/* Under a memory overlay nothing may reach the files below. */
	r = serve(set, m, fd, overlay || spec->root_readonly);
	if (r < 0)
		return cause_errno(cause, r, "connection to the file server");
	set->root_fd = fd;
	return 0;
}

static int open_bind(struct mount_set *set, const struct oci_mount *from, size_t index,
		     const char *bundle, bool overlay, struct cause *cause)
{
	struct sentry_mount *m = &set->mounts[set->n_mounts];
	char path[PATH_MAX];
	struct stat st;
	int fd, r;

	absolute(path, sizeof(path), bundle, from->source);
	fd = open_source(path, from->recursive || !strcmp(from->type, "rbind"));
	if (fd < 0)
		return cause_errno(cause, fd, "config.json: /mounts/%zu/source: %s", index, path);
	if (fstat(fd, &st) < 0) {
		r = -errno;
		close(fd);
		return cause_errno(cause, r, "config.json: /mounts/%zu/source: %s", index, path);
	}
	m->is_file = !S_ISDIR(st.st_mode);
	m->overlay = overlay && !m->is_file && !(from->flags & MS_RDONLY);
	r = serve(set, m, fd, overlay || (from->flags & MS_RDONLY));
	return r < 0 ? cause_errno(cause, r, "connection to the file server") : 0;
}

static enum sentry_mount_type sentry_type(enum oci_mount_kind kind)
{
	switch (kind) {
	case OCI_MOUNT_PROC:
		return SENTRY_MOUNT_PROC;
	case OCI_MOUNT_SYSFS:
		return SENTRY_MOUNT_SYSFS;
	case OCI_MOUNT_DEV:
		return SENTRY_MOUNT_DEV;
	case OCI_MOUNT_DEVPTS:
		return SENTRY_MOUNT_DEVPTS;
	case OCI_MOUNT_MQUEUE:
		return SENTRY_MOUNT_MQUEUE;
	case OCI_MOUNT_CGROUP:
		return SENTRY_MOUNT_CGROUP;
	case OCI_MOUNT_BIND:
	case OCI_MOUNT_TMPFS:
	case OCI_MOUNT_UNKNOWN:
		break;
	}
	return SENTRY_MOUNT_TMPFS;
}

static int add_mount(struct mount_set *set, const struct oci_spec *spec, size_t index,
		     const char *bundle, bool overlay, struct cause *cause)
{
	const struct oci_mount *from = &spec->mounts[index];
	int r = 0;

	if (from->kind == OCI_MOUNT_UNKNOWN)
		return 0;
	set->mounts[set->n_mounts] = (struct sentry_mount){
		.type = sentry_type(from->kind),
		.target = from->destination,
		.source = from->source[0] ? from->source : from->type,
		.options = from->data,
		.flags = from->flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME),
		.fd = -1,
	};
	if (from->kind == OCI_MOUNT_BIND)
		r = open_bind(set, from, index, bundle, overlay, cause);
	if (r >= 0)
		set->n_mounts++;
	return r;
}

/* Makes one missing component of a path in the root; an existing one is fine. */
static void make_component(int root_fd, const char *parent, const char *name, bool file)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT};
	int dir = (int)syscall(SYS_openat2, root_fd, parent, &how, sizeof(how)), fd;

	if (dir < 0)
		return;
	if (!file) {
		(void)mkdirat(dir, name, 0755);
	} else {
		fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd >= 0)
			close(fd);
	}
	close(dir);
}

static void make_target(int root_fd, const char *target, bool file)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	int fd = (int)syscall(SYS_openat2, root_fd, target, &how, sizeof(how));
	char parent[PATH_MAX];
	const char *at = target;

	if (fd >= 0 || strlen(target) >= sizeof(parent)) {
		close(fd);
		return;
	}
	while (*(at += strspn(at, "/"))) {
		size_t len = strcspn(at, "/");
		bool last = !at[len + strspn(at + len, "/")];
		char name[NAME_MAX + 1];

		if (len > NAME_MAX)
			return;
		memcpy(name, at, len);
		name[len] = 0;
		memcpy(parent, target, (size_t)(at - target));
		parent[at - target] = 0;
		if (strcmp(name, "..") && strcmp(name, "."))
			make_component(root_fd, parent[0] ? parent : "/", name, file && last);
		at += len;
	}
}

/* Is @target inside a mount that comes before it? Then its place is not in the root. */
static bool below_another(const struct mount_set *set, size_t index)
{
	const char *target = set->mounts[index].target;

	for (size_t i = 1; i < index; i++) {
		size_t len = strlen(set->mounts[i].target);

		if (!strncmp(target, set->mounts[i].target, len) &&
		    (target[len] == '/' || !target[len]))
			return true;
	}
	return false;
}

/* Mount points that are missing in a root the sandbox may not write to. */
static void make_mount_points(const struct mount_set *set)
{
	for (size_t i = 1; i < set->n_mounts; i++) {
		if (!below_another(set, i))
			make_target(set->root_fd, set->mounts[i].target, set->mounts[i].is_file);
	}
}

int mounts_open(struct mount_set *ret, const struct oci_spec *spec, const char *bundle,
		bool overlay_root, bool overlay_binds, struct cause *cause)
{
	struct mount_set set = {.root_fd = -1};
	bool has_dev = false;
	int r;

	/* One more for the root, one for a /dev that nobody asked for. */
	set.mounts = calloc(spec->n_mounts + 2, sizeof(*set.mounts));
	set.served = calloc(spec->n_mounts + 2, sizeof(*set.served));
	r = set.mounts && set.served ? open_root(&set, spec, bundle, overlay_root, cause)
				     : cause_errno(cause, -ENOMEM, "mounts");
	for (size_t i = 0; r >= 0 && i < spec->n_mounts; i++) {
		r = add_mount(&set, spec, i, bundle, overlay_binds, cause);
		has_dev |= !strcmp(spec->mounts[i].destination, "/dev");
	}
	if (r < 0) {
		mounts_close(&set);
		return r;
	}
	/* A container always has its devices; runc makes them in the root file system. */
	if (!has_dev) {
		memmove(&set.mounts[2], &set.mounts[1], (set.n_mounts - 1) * sizeof(*set.mounts));
		set.mounts[1] = (struct sentry_mount){.type = SENTRY_MOUNT_DEV,
						      .target = "/dev",
						      .source = "tmpfs",
						      .options = "mode=755",
						      .flags = MS_NOSUID,
						      .fd = -1};
		set.n_mounts++;
	}
	if (spec->root_readonly && !overlay_root) {
		make_mount_points(&set);
		/* So is a working directory that is missing. */
		if (spec->process.cwd && spec->process.cwd[0] == '/')
			make_target(set.root_fd, spec->process.cwd, false);
	}
	*ret = set;
	return 0;
}

void mounts_close(struct mount_set *set)
{
	for (size_t i = 0; i < set->n_served; i++) {
		close(set->served[i].sock_fd);
		close(set->served[i].root_fd);
	}
	for (size_t i = 0; i < set->n_mounts; i++) {
		if (set->mounts[i].type == SENTRY_MOUNT_GOFER)
			close(set->mounts[i].fd);
	}
	free(set->mounts);
	free(set->served);
	*set = (struct mount_set){.root_fd = -1};
}

/* -ENOENT, -EACCES, or 0. */
static int try_program(int root_fd, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	struct stat st;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		r = -EACCES;
	close(fd);
	return r;
}

static int search_path(const struct oci_process *p, int root_fd, const char *name)
{
	const char *path = NULL;
	char buf[PATH_MAX];
	int r = -ENOENT;

	for (size_t i = 0; i < p->n_env; i++) {
		if (!strncmp(p->env[i], "PATH=", 5))
			path = p->env[i] + 5;
	}
	while (path && *path) {
		size_t len = strcspn(path, ":");
		int one;

		snprintf(buf, sizeof(buf), "%.*s/%s", (int)len, path, name);
		one = try_program(root_fd, buf);
		if (one == 0)
			return 0;
		if (one == -EACCES)
			r = one;
		path += len + (path[len] == ':');
	}
	return r;
}

int program_check(const struct oci_spec *spec, const struct mount_set *set, struct cause *cause)
{
	const struct oci_process *p = &spec->process;
	const char *name = p->args[0];
	char path[PATH_MAX];
	int r;

	/* The program may come from a bind mount; then only the sandbox can tell. */
	for (size_t i = 1; i < set->n_mounts; i++) {
		if (set->mounts[i].type == SENTRY_MOUNT_GOFER &&
		    (!set->mounts[i].is_file || strncmp(set->mounts[i].target, "/etc/", 5)))
			return 0;
	}
	if (!strchr(name, '/')) {
		r = search_path(p, set->root_fd, name);
		if (r == -ENOENT)
			return cause_set(cause, r,
					 "exec: \"%s\": executable file not found in $PATH", name);
	} else {
		absolute(path, sizeof(path), p->cwd, name);
		r = try_program(set->root_fd, path);
	}
	if (r == -ENOENT || r == -ENOTDIR)
		return cause_set(cause, r, "exec: \"%s\": stat %s: no such file or directory", name,
				 name);
	if (r == -EACCES)
		return cause_set(cause, r, "exec: \"%s\": permission denied", name);
	return 0;
}
