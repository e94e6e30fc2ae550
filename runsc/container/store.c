/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "container/container.h"

#define ID_MAX 1024

static const char *const status_names[] = {"creating", "created", "running", "paused", "stopped"};

const char *container_status_name(enum container_status status)
{
	return status_names[status];
}

bool container_id_valid(const char *id)
{
	size_t len = strlen(id);

	if (!len || len > ID_MAX || !strcmp(id, ".") || !strcmp(id, ".."))
		return false;
	for (const char *p = id; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("_+-.", *p))
			return false;
	}
	return true;
}

static int invalid_id(struct cause *cause)
{
	return cause_set(cause, -EINVAL, "invalid container ID format");
}

/* mkdir -p */
static int make_dirs(const char *path)
{
	char buf[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(buf))
		return -ENAMETOOLONG;
	memcpy(buf, path, len + 1);
	for (char *p = buf + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(buf, 0711) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(buf, 0711) < 0 && errno != EEXIST ? -errno : 0;
}

static struct container *container_alloc(const char *id)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->dir_fd = c->lock_fd = c->root_fd = -1;
	c->id = strdup(id);
	if (!c->id) {
		free(c);
		return NULL;
	}
	return c;
}

void container_close(struct container *c)
{
	if (!c)
		return;
	if (c->dir_fd >= 0)
		close(c->dir_fd);
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	if (c->root_fd >= 0)
		close(c->root_fd);
	free(c->id);
	free(c->version);
	free(c->bundle);
	free(c->rootfs);
	free(c->created);
	free(c->owner);
	free(c->netns);
	free(c->host_link);
	free(c->address);
	json_decref(c->annotations);
	json_decref(c->cgroups);
	free(c);
}

int container_lock(struct container *c, struct cause *cause)
{
	struct stat st;

	c->lock_fd = openat(c->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->lock_fd < 0)
		return cause_errno(cause, -errno, "container %s: lock", c->id);
	while (flock(c->lock_fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return cause_errno(cause, -errno, "container %s: lock", c->id);
	}
	/* Somebody may have deleted the container while we waited. */
	if (fstat(c->lock_fd, &st) < 0 || st.st_nlink == 0)
		return cause_set(cause, -ENOENT, "container does not exist");
	return 0;
}

void container_unlock(struct container *c)
{
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	c->lock_fd = -1;
}

static char *now_text(void)
{
	struct timespec ts;
	struct tm tm;
	char day[32], *text;

	clock_gettime(CLOCK_REALTIME, &ts);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", gmtime_r(&ts.tv_sec, &tm));
	return asprintf(&text, "%s.%09ldZ", day, ts.tv_nsec) < 0 ? NULL : text;
}

int container_new(struct container **ret, const char *root, const char *id, struct cause *cause)
{
	CLEANUP(container_closep) struct container *c = NULL;
	int r;

	if (!container_id_valid(id))
		return invalid_id(cause);
	r = make_dirs(root);
	if (r < 0)
		return cause_errno(cause, r, "--root: %s", root);
	c = container_alloc(id);
	if (!c)
		return cause_errno(cause, -ENOMEM, "container %s", id);
	c->root_fd = open(root, O_DIRECTORY | O_CLOEXEC);
	if (c->root_fd < 0)
		return cause_errno(cause, -errno, "--root: %s", root);
	if (mkdirat(c->root_fd, id, 0700) < 0) {
		if (errno == EEXIST)
			return cause_set(cause, -EEXIST, "container with given ID already exists");
		return cause_errno(cause, -errno, "%s/%s", root, id);
	}
	c->dir_fd = openat(c->root_fd, id, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c->dir_fd < 0)
		return cause_errno(cause, -errno, "%s/%s", root, id);
	r = container_lock(c, cause);
	if (r < 0)
		return r;
	c->status = CONTAINER_CREATING;
	c->created = now_text();
	*ret = TAKE(c);
	return 0;
}

/* json_decref in a form for CLEANUP(). */
static void json_drop(json_t **v)
{
	json_decref(*v);
}

static char *dup_member(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? strdup(text) : NULL;
}

static struct proc_id load_proc(const json_t *o, const char *key)
{
	const json_t *p = json_object_get(o, key);

	return (struct proc_id){
		.pid = (pid_t)json_integer_value(json_object_get(p, "pid")),
		.start = (uint64_t)json_integer_value(json_object_get(p, "start")),
	};
}

static int load_state(struct container *c, struct cause *cause)
{
	CLEANUP(json_drop) json_t *o = NULL;
	const char *status;
	int fd = openat(c->dir_fd, "state.json", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT) {
		/* A create that has not come that far, or was killed there. */
		c->status = CONTAINER_CREATING;
		return 0;
	}
	if (fd < 0)
		return cause_errno(cause, -errno, "container %s: state.json", c->id);
	o = json_loadfd(fd, 0, NULL);
	close(fd);
	if (!o)
		return cause_set(cause, -EINVAL, "container %s: state.json: damaged", c->id);
	status = json_string_value(json_object_get(o, "status"));
	c->status = CONTAINER_STOPPED;
	for (int i = 0; status && i <= CONTAINER_STOPPED; i++) {
		if (!strcmp(status, status_names[i]))
			c->status = (enum container_status)i;
	}
	c->version = dup_member(o, "ociVersion");
	c->bundle = dup_member(o, "bundle");
	c->rootfs = dup_member(o, "rootfs");
	c->created = dup_member(o, "created");
	c->owner = dup_member(o, "owner");
	c->netns = dup_member(o, "netns");
	c->host_link = dup_member(o, "hostLink");
	c->address = dup_member(o, "address");
	c->annotations = json_incref(json_object_get(o, "annotations"));
	c->cgroups = json_incref(json_object_get(o, "cgroups"));
	c->sandbox = load_proc(o, "sandbox");
	c->gofer = load_proc(o, "gofer");
	return 0;
}

int container_open(struct container **ret, const char *root, const char *id, bool lock,
		   struct cause *cause)
{
	CLEANUP(container_closep) struct container *c = NULL;
	int r;

	if (!container_id_valid(id))
		return invalid_id(cause);
	c = container_alloc(id);
	if (!c)
		return cause_errno(cause, -ENOMEM, "container %s", id);
	c->root_fd = open(root, O_DIRECTORY | O_CLOEXEC);
	if (c->root_fd >= 0)
		c->dir_fd = openat(c->root_fd, id, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c->dir_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return cause_set(cause, -ENOENT, "container does not exist");
	if (c->dir_fd < 0)
		return cause_errno(cause, -errno, "container %s", id);
	r = lock ? container_lock(c, cause) : 0;
	if (r < 0)
		return r;
	r = load_state(c, cause);
	if (r < 0)
		return r;
	container_refresh(c);
	*ret = TAKE(c);
	return 0;
}

void container_refresh(struct container *c)
{
	if (c->status == CONTAINER_CREATING && !c->sandbox.pid) {
		/* Still locked by its creator, or abandoned. */
		int fd = c->lock_fd >= 0 ? -1 : openat(c->dir_fd, "lock", O_RDWR | O_CLOEXEC);

		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			c->status = CONTAINER_STOPPED;
		else if (c->lock_fd >= 0)
			c->status = CONTAINER_STOPPED;
		if (fd >= 0)
			close(fd);
		return;
	}
	if (!proc_alive(&c->sandbox))
		c->status = CONTAINER_STOPPED;
}

static json_t *proc_json(const struct proc_id *id)
{
	return json_pack("{s:i, s:I}", "pid", (int)id->pid, "start", (json_int_t)id->start);
}

json_t *container_state_json(const struct container *c)
{
	bool stopped = c->status == CONTAINER_STOPPED;
	json_t *o = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "ociVersion",
			      c->version ? c->version : "1.0.2", "id", c->id, "pid",
			      stopped ? 0 : (int)c->sandbox.pid, "status", status_names[c->status],
			      "bundle", c->bundle ? c->bundle : "", "rootfs",
			      c->rootfs ? c->rootfs : "", "created", c->created ? c->created : "");

	if (o && c->annotations)
		json_object_set(o, "annotations", c->annotations);
	if (o)
		json_object_set_new(o, "owner", json_string(c->owner ? c->owner : ""));
	return o;
}

static void set_string(json_t *o, const char *key, const char *value)
{
	if (value)
		json_object_set_new(o, key, json_string(value));
}

/* Replaces @name in the state directory. */
static int write_file(struct container *c, const char *name, const json_t *o, struct cause *cause)
{
	char tmp[64];
	int fd, r;

	snprintf(tmp, sizeof(tmp), ".%s.tmp", name);
	fd = openat(c->dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return cause_errno(cause, -errno, "container %s: %s", c->id, name);
	r = json_write(fd, o, JSON_INDENT(2));
	if (close(fd) < 0)
		r = -errno;
	if (!r && renameat(c->dir_fd, tmp, c->dir_fd, name) < 0)
		r = -errno;
	return r < 0 ? cause_errno(cause, r, "container %s: %s", c->id, name) : 0;
}

int container_save(struct container *c, struct cause *cause)
{
	CLEANUP(json_drop) json_t *o = NULL;

	if (!c->owner) {
		struct passwd *pw = getpwuid(geteuid());

		c->owner = strdup(pw ? pw->pw_name : "");
	}
	o = container_state_json(c);
	if (!o)
		return cause_set(cause, -ENOMEM, "container %s: state.json: not UTF-8", c->id);
	set_string(o, "netns", c->netns);
	set_string(o, "hostLink", c->host_link);
	set_string(o, "address", c->address);
	if (c->cgroups)
		json_object_set(o, "cgroups", c->cgroups);
	json_object_set_new(o, "sandbox", proc_json(&c->sandbox));
	json_object_set_new(o, "gofer", proc_json(&c->gofer));
	return write_file(c, "state.json", o, cause);
}

int container_spec(struct container *c, struct oci_spec *ret, struct cause *cause)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/config.json", c->dir_fd);
	return oci_spec_load(ret, path, cause);
}

int container_remove(struct container *c, struct cause *cause)
{
	int fd = dup(c->dir_fd);
	DIR *dir;

	lseek(fd, 0, SEEK_SET);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return cause_errno(cause, -errno, "container %s", c->id);
	}
	/* state.json goes first: what is left then is an abandoned create. */
	(void)unlinkat(c->dir_fd, "state.json", 0);
	for (struct dirent *d; (d = readdir(dir));) {
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..") && strcmp(d->d_name, "lock"))
			(void)unlinkat(c->dir_fd, d->d_name, 0);
	}
	closedir(dir);
	(void)unlinkat(c->dir_fd, "lock", 0);
	if (unlinkat(c->root_fd, c->id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return cause_errno(cause, -errno, "container %s: state directory", c->id);
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int container_each(const char *root, int (*fn)(struct container *c, void *arg), void *arg,
		   struct cause *cause)
{
	struct dirent **names;
	int n = scandir(root, &names, NULL, by_name);
	int r = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : cause_errno(cause, -errno, "--root: %s", root);
	for (int i = 0; i < n; i++) {
		CLEANUP(container_closep) struct container *c = NULL;
		struct cause ignored;

		/* One that goes away meanwhile is simply not listed. */
		if (r >= 0 && names[i]->d_name[0] != '.' &&
		    container_open(&c, root, names[i]->d_name, false, &ignored) >= 0)
			r = fn(c, arg);
		free(names[i]);
	}
	free(names);
	return r;
}
