/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "cli/log.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
/* Tasks that the sandbox needs for itself. */
#define HEADROOM_PIDS 32

const char *const cgroup_v1_controllers[] = {"cpu",	  "cpuacct", "cpuset", "memory",  "devices",
					     "freezer", "blkio",   "pids",   "systemd", NULL};

static bool is_fs(const char *path, long magic)
{
	struct statfs fs;

	/* A directory that only looks like a hierarchy must not be used. */
	return statfs(path, &fs) == 0 && fs.f_type == magic;
}

bool cgroup_host_is_v2(void)
{
	return is_fs(CGROUP_ROOT, CGROUP2_SUPER_MAGIC);
}

static int64_t clamp_shares(int64_t shares)
{
	return shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
}

int64_t cgroup_weight(int64_t shares)
{
	return 1 + (clamp_shares(shares) - 2) * 9999 / 262142;
}

static int write_text(const char *dir, const char *file, const char *text)
{
	char path[PATH_MAX];
	int fd, r = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int read_text(const char *dir, const char *file, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	buf[n] = 0;
	while (n && buf[n - 1] == '\n')
		buf[--n] = 0;
	return 0;
}

/* cpuset of v1 starts empty, and nothing can join it like that. */
static void inherit_cpuset(const char *parent, const char *dir)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	char buf[256];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (read_text(dir, files[i], buf, sizeof(buf)) == 0 && !buf[0] &&
		    read_text(parent, files[i], buf, sizeof(buf)) == 0 && buf[0])
			(void)write_text(dir, files[i], buf);
	}
}

/* Makes every directory of @path below @top, with the controllers passed down on v2. */
static int make_path(const char *top, const char *path, bool v2)
{
	char at[PATH_MAX], parent[PATH_MAX];
	size_t base = strlen(top);

	snprintf(at, sizeof(at), "%s", top);
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len) {
			size_t have = strlen(at);

			if (have + len + 2 > sizeof(at))
				return -ENAMETOOLONG;
			memcpy(parent, at, have + 1);
			if (v2) {
				/* One by one: a controller that is missing must not stop the rest.
				 */
				(void)write_text(at, "cgroup.subtree_control", "+memory");
				(void)write_text(at, "cgroup.subtree_control", "+pids");
				(void)write_text(at, "cgroup.subtree_control", "+cpu");
				(void)write_text(at, "cgroup.subtree_control", "+cpuset");
			}
			at[have] = '/';
			memcpy(at + have + 1, path, len);
			at[have + 1 + len] = 0;
			if (mkdir(at, 0755) < 0 && errno != EEXIST)
				return -errno;
			if (!v2)
				inherit_cpuset(parent, at);
		}
		path += len;
		path += *path == '/';
	}
	return strlen(at) > base ? 0 : -EINVAL;
}

static void add_dir(json_t *dirs, const char *top, const char *path, bool v2)
{
	char full[PATH_MAX];
	int r;

	if (!is_fs(top, v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC))
		return;
	r = make_path(top, path, v2);
	if (r < 0) {
		log_warn("cgroup %s%s: %s", top, path, strerror(-r));
		return;
	}
	snprintf(full, sizeof(full), "%s%s", top, path);
	/* cpu and cpuacct are often one hierarchy under two names. */
	json_array_append_new(dirs, json_string(full));
}

/* "a-b.slice:prefix:name" as systemd lays it out: /a.slice/a-b.slice/prefix-name.scope */
static void systemd_path(const char *spec, const char *id, char *buf, size_t size)
{
	char slice[256] = "system.slice", prefix[128] = "runsc", name[256];
	char part[256] = "";
	size_t len = 0;

	snprintf(name, sizeof(name), "%s", id);
	(void)sscanf(spec, "%255[^:]:%127[^:]:%255[^:]", slice, prefix, name);
	buf[0] = 0;
	slice[strcspn(slice, ".")] = 0;
	for (char *tok = strtok(slice, "-"); tok; tok = strtok(NULL, "-")) {
		size_t n = strlen(part);

		snprintf(part + n, sizeof(part) - n, "%s%s", n ? "-" : "", tok);
		len += (size_t)snprintf(buf + len, size - len, "/%s.slice", part);
		if (len >= size)
			return;
	}
	snprintf(buf + len, size - len, "/%s-%s.scope", prefix, name);
}

json_t *cgroup_create(const char *path, const char *id, bool systemd)
{
	json_t *dirs = json_array();
	char want[PATH_MAX / 2], top[256];

	if (!dirs)
		return NULL;
	if (systemd && path && strchr(path, ':'))
		systemd_path(path, id, want, sizeof(want));
	else if (path && path[0])
		snprintf(want, sizeof(want), "%s%s", path[0] == '/' ? "" : "/", path);
	else
		snprintf(want, sizeof(want), "/netsentry/%s", id);
	add_dir(dirs, CGROUP_ROOT, want, true);
	for (const char *const *name = cgroup_v1_controllers; *name; name++) {
		struct stat st;

		snprintf(top, sizeof(top), CGROUP_ROOT "/%s", *name);
		if (stat(top, &st) == 0 && S_ISDIR(st.st_mode))
			add_dir(dirs, top, want, false);
	}
	if (!json_array_size(dirs))
		log_debug("no control group hierarchy can be used on this host");
	return dirs;
}

void cgroup_join(const json_t *dirs, pid_t pid)
{
	char text[32];
	size_t i;
	json_t *d;

	snprintf(text, sizeof(text), "%d", (int)pid);
	json_array_foreach(dirs, i, d)
	{
		int r = write_text(json_string_value(d), "cgroup.procs", text);

		if (r < 0)
			log_warn("cgroup %s: joining: %s", json_string_value(d), strerror(-r));
	}
}

/* A run over the set: the first value that the host calls wrong (not: that it does not permit). */
struct setting {
	const json_t *dirs;
	struct cause *cause;
	int error;
};

/* Tries the file in each directory of the set. */
static void set_limit(struct setting *s, const char *file, const char *text)
{
	const json_t *dirs = s->dirs;
	bool found = false;
	size_t i;
	json_t *d;
	int r = 0;

	json_array_foreach(dirs, i, d)
	{
		const char *dir = json_string_value(d);
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", dir, file);
		if (access(path, F_OK) < 0)
			continue;
		r = write_text(dir, file, text);
		found |= r == 0;
	}
	if (found || r == 0)
		return;
	if (r == -EINVAL || r == -ERANGE) {
		if (!s->error)
			s->error = cause_errno(s->cause, r, "cgroup: %s = %s", file, text);
		return;
	}
	log_warn("cgroup: %s = %s: %s", file, text, strerror(-r));
}

static void try_number(const json_t *dirs, const char *file, int64_t v)
{
	char text[32];
	size_t i;
	json_t *d;

	snprintf(text, sizeof(text), "%lld", (long long)v);
	json_array_foreach(dirs, i, d)
		(void)write_text(json_string_value(d), file, text);
}

static void set_number(struct setting *s, const char *file, int64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)v);
	set_limit(s, file, text);
}

static void apply_cpu(struct setting *s, const struct oci_resources *r)
{
	if (r->cpu_shares > 0) {
		set_number(s, "cpu.shares", clamp_shares(r->cpu_shares));
		set_number(s, "cpu.weight", cgroup_weight(r->cpu_shares));
	}
	if (r->cpu_period > 0)
		set_number(s, "cpu.cfs_period_us", r->cpu_period);
	if (r->cpu_quota != 0)
		set_number(s, "cpu.cfs_quota_us", r->cpu_quota);
	if (r->cpu_quota != 0 || r->cpu_period > 0) {
		char text[64];

		if (r->cpu_quota > 0)
			snprintf(text, sizeof(text), "%lld %lld", (long long)r->cpu_quota,
				 (long long)(r->cpu_period > 0 ? r->cpu_period : 100000));
		else
			snprintf(text, sizeof(text), "max %lld",
				 (long long)(r->cpu_period > 0 ? r->cpu_period : 100000));
		set_limit(s, "cpu.max", text);
	}
	if (r->cpuset_cpus && r->cpuset_cpus[0])
		set_limit(s, "cpuset.cpus", r->cpuset_cpus);
	if (r->cpuset_mems && r->cpuset_mems[0])
		set_limit(s, "cpuset.mems", r->cpuset_mems);
}

int cgroup_apply(const json_t *dirs, const struct oci_resources *r, struct cause *cause)
{
	struct setting set = {.dirs = dirs, .cause = cause}, *s = &set;
	const char *key;
	json_t *v;

	if (r->memory_limit > 0) {
		/* The limit may not exceed memory and swap, which may not fall below it: whichever comes
		 * first may be refused, but not both ways round. */
		if (r->memory_swap > 0)
			try_number(s->dirs, "memory.memsw.limit_in_bytes", r->memory_swap);
		set_number(s, "memory.limit_in_bytes", r->memory_limit);
		set_number(s, "memory.max", r->memory_limit);
		if (r->memory_swap > 0) {
			set_number(s, "memory.memsw.limit_in_bytes", r->memory_swap);
			set_number(s, "memory.swap.max", r->memory_swap - r->memory_limit);
		}
	}
	if (r->memory_reservation > 0) {
		set_number(s, "memory.soft_limit_in_bytes", r->memory_reservation);
		set_number(s, "memory.low", r->memory_reservation);
	}
	apply_cpu(s, r);
	/* Every thread of the container is two host threads. */
	if (r->has_pids && r->pids_limit > 0 && r->pids_limit < INT32_MAX / 2)
		set_number(s, "pids.max", r->pids_limit * 2 + HEADROOM_PIDS);
	json_object_foreach(r->unified, key, v)
	{
		if (!strchr(key, '/'))
			set_limit(s, key, json_string_value(v));
	}
	return set.error;
}

int cgroup_freeze(const json_t *dirs, bool frozen)
{
	int r = -EOPNOTSUPP;
	size_t i;
	json_t *d;

	json_array_foreach(dirs, i, d)
	{
		const char *dir = json_string_value(d);

		if (write_text(dir, "freezer.state", frozen ? "FROZEN" : "THAWED") == 0 ||
		    write_text(dir, "cgroup.freeze", frozen ? "1" : "0") == 0)
			r = 0;
	}
	return r;
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

size_t cgroup_pids(const json_t *dirs, pid_t **ret)
{
	pid_t *pids = NULL;
	size_t n = 0;
	char path[PATH_MAX];

	for (size_t i = 0; i < json_array_size(dirs) && !n; i++) {
		FILE *f;
		int pid;

		snprintf(path, sizeof(path), "%s/cgroup.procs",
			 json_string_value(json_array_get(dirs, i)));
		f = fopen(path, "re");
		while (f && fscanf(f, "%d", &pid) == 1) {
			pid_t *more = realloc(pids, (n + 1) * sizeof(*pids));

			if (!more)
				break;
			pids = more;
			pids[n++] = pid;
		}
		if (f)
			fclose(f);
	}
	if (n)
		qsort(pids, n, sizeof(*pids), by_pid);
	*ret = pids;
	return n;
}

bool cgroup_read(const json_t *dirs, const char *file, char *buf, size_t size)
{
	for (size_t i = 0; i < json_array_size(dirs); i++) {
		if (read_text(json_string_value(json_array_get(dirs, i)), file, buf, size) == 0)
			return true;
	}
	return false;
}

/* The group and the parents that it leaves empty, up to but without the hierarchy's root. */
static void remove_path(const char *dir)
{
	char path[PATH_MAX];
	struct timespec pause = {0, 1000 * 1000};
	int r = -1;

	snprintf(path, sizeof(path), "%s", dir);
	/* Busy until the last process has been reaped. */
	for (int tries = 0; tries < 3000; tries++) {
		r = rmdir(path);
		if (r == 0 || errno != EBUSY)
			break;
		nanosleep(&pause, NULL);
	}
	if (r < 0 && errno != ENOENT) {
		log_warn("cgroup %s: %s", path, strerror(errno));
		return;
	}
	/* The folder that we make for containers without a path of their own goes with the last. */
	char *slash = strrchr(path, '/');
	size_t len;

	*slash = 0;
	len = strlen(path);
	if (len > 10 && !strcmp(path + len - 10, "/netsentry"))
		(void)rmdir(path);
}

void cgroup_remove(const json_t *dirs)
{
	size_t i, n;
	json_t *d;
	pid_t *pids;

	if (!json_array_size(dirs))
		return;
	n = cgroup_pids(dirs, &pids);
	for (i = 0; i < n; i++)
		(void)kill(pids[i], SIGKILL);
	free(pids);
	/* A frozen process does not even die. */
	if (n)
		(void)cgroup_freeze(dirs, false);
	json_array_foreach(dirs, i, d) remove_path(json_string_value(d));
}
