/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that the operator starts: see process.h. */
#include "boot/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "sentry/boot.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/mount.h"
#include "vfs/namespace.h"
#include "vfs/walk.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Limits of a process that config.json says nothing about: those of a fresh Linux system. */
static void default_limits(struct rlimit lim[RLIM_NLIMITS])
{
	for (int i = 0; i < RLIM_NLIMITS; i++)
		lim[i] = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	lim[RLIMIT_STACK].rlim_cur = 8 << 20;
	lim[RLIMIT_CORE].rlim_cur = 0;
	lim[RLIMIT_NOFILE] = (struct rlimit){ 1024, 1048576 };
	lim[RLIMIT_NPROC] = (struct rlimit){ 32768, 32768 };
	lim[RLIMIT_MEMLOCK] = (struct rlimit){ 8 << 20, 8 << 20 };
	lim[RLIMIT_SIGPENDING] = (struct rlimit){ 65536, 65536 };
	lim[RLIMIT_MSGQUEUE] = (struct rlimit){ 819200, 819200 };
	lim[RLIMIT_NICE] = (struct rlimit){ 0, 0 };
	lim[RLIMIT_RTPRIO] = (struct rlimit){ 0, 0 };
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static struct cred *make_cred(const struct sentry_process *p)
{
	struct cred *c = cred_new();

	if (!c)
		return NULL;
	c->uid = c->euid = c->suid = c->fsuid = p->uid;
	c->gid = c->egid = c->sgid = c->fsgid = p->gid;
	c->cap_bounding = p->cap_bounding;
	c->cap_permitted = p->cap_permitted;
	c->cap_effective = p->cap_effective;
	c->cap_inheritable = p->cap_inheritable;
	c->cap_ambient = p->cap_ambient;
	c->no_new_privs = p->no_new_privs;
	if (p->n_gids > 0) {
		c->groups = malloc(p->n_gids * sizeof(*c->groups));
		if (!c->groups) {
			cred_put(c);
			return NULL;
		}
		memcpy(c->groups, p->gids, p->n_gids * sizeof(*c->groups));
		qsort(c->groups, p->n_gids, sizeof(*c->groups), compare_u32);
		c->n_groups = (uint32_t)p->n_gids;
	}
	return c;
}

/* Who sets the process up: root, so that a missing working directory can be made. */
static struct cred *setup_cred(void)
{
	struct cred *c = cred_new();

	if (c)
		c->cap_effective = c->cap_permitted = c->cap_bounding = (UINT64_C(1) << 41) - 1;
	return c;
}

static int make_task(struct task **ret, struct kernel *k, const struct sentry_process *p, bool init)
{
	struct rlimit limits[RLIM_NLIMITS];
	struct task_config cfg = { .net = k->net, .limits = limits, .new_session = true,
				   .container_exec = !init, .oom_score_adj = p->oom_score_adj };
	int r;

	default_limits(limits);
	for (size_t i = 0; i < p->n_rlimits; i++) {
		if (p->rlimits[i].resource < 0 || p->rlimits[i].resource >= RLIM_NLIMITS)
			return -EINVAL;
		limits[p->rlimits[i].resource] = p->rlimits[i].limit;
	}
	cfg.cred = setup_cred();
	if (!cfg.cred)
		return -ENOMEM;
	r = fdtable_new(&cfg.files);
	if (r == 0)
		r = fs_ctx_new(&cfg.fs, &k->root, &k->root,
			       p->umask == UINT32_MAX ? 0022 : p->umask & 0777);
	if (r == 0)
		return task_new_init(ret, k, &cfg);
	if (cfg.files)
		fdtable_unref(cfg.files, NULL);
	cred_put(cfg.cred);
	return r;
}

/* A terminal that was donated is /dev/console inside: ttyname(3) finds it by that name. A container
 * without the node keeps the nameless descriptor. */
static struct file *by_name(struct task *t, struct file *f)
{
	struct open_how how = { .flags = O_RDWR | O_NOCTTY };
	struct file *named;

	if (vfs_openat(t, AT_FDCWD, "/dev/console", &how, &named) < 0)
		return f;
	file_put(f);
	return named;
}

static int install_stdio(struct task *t, struct kernel *k, const struct sentry_process *p, char *why,
			 size_t why_size)
{
	for (size_t i = 0; i < 3 + p->n_extra_fds; i++) {
		int host = i < 3 ? p->fds[i] : p->extra_fds[i - 3];
		struct file *f;
		int r = vfs_open_host_fd(k, host, &f);

		if (r == 0 && i < 3 && host >= 0 && p->terminal)
			f = by_name(t, f);
		if (r == 0) {
			r = fd_install_at(t, f, (int)i, false);
			if (r < 0)
				file_put(f);
		}
		if (r < 0) {
			snprintf(why, why_size, "descriptor %zu: %s", i, strerror(-r));
			return r;
		}
	}
	return 0;
}

/* mkdir -p, as runc does for process.cwd. */
static int make_dirs(struct task *t, const char *name)
{
	char path[PATH_MAX];
	int r = 0;

	if (strlen(name) >= sizeof(path))
		return -ENAMETOOLONG;
	strcpy(path, name);
	for (char *p = path + 1; r == 0 || r == -EEXIST; p++) {
		if (*p != '/' && *p != '\0')
			continue;

		char c = *p;

		*p = '\0';
		r = vfs_mkdir(t, AT_FDCWD, path, 0755);
		*p = c;
		if (c == '\0')
			break;
	}
	return r == -EEXIST ? 0 : r;
}

/* A missing one is made for the container's init only: an exec says what it expects to find. */
static int enter_cwd(struct task *t, const char *cwd, bool make, char *why, size_t why_size)
{
	struct path place = { 0 };
	int r;

	if (!cwd || !*cwd || strcmp(cwd, "/") == 0)
		return 0;
	if (cwd[0] != '/') {
		snprintf(why, why_size, "process.cwd %.100s: not an absolute path", cwd);
		return -EINVAL;
	}
	r = path_lookup(t, AT_FDCWD, cwd, WALK_DIRECTORY, &place);
	if (r == -ENOENT && make) {
		r = make_dirs(t, cwd);
		if (r == 0)
			r = path_lookup(t, AT_FDCWD, cwd, WALK_DIRECTORY, &place);
	}
	if (r < 0) {
		snprintf(why, why_size, "process.cwd %.100s: %s", cwd, strerror(-r));
		return r;
	}
	mutex_lock(&t->fs->mu);
	struct path old = t->fs->cwd;

	t->fs->cwd = place;
	mutex_unlock(&t->fs->mu);
	path_put(&old);
	return 0;
}

static const char *search_path(const char *const *envp)
{
	for (size_t i = 0; envp && envp[i]; i++) {
		if (strncmp(envp[i], "PATH=", 5) == 0)
			return envp[i] + 5;
	}
	return DEFAULT_PATH;
}

/* execvp(3)'s search. @name is PATH_MAX bytes and gets what was found. */
static int find_program(struct task *t, const char *arg0, const char *const *envp, char *name,
			struct file **ret)
{
	const char *dirs = search_path(envp);
	int best = -ENOENT;

	if (strchr(arg0, '/')) {
		if (strlen(arg0) >= PATH_MAX)
			return -ENAMETOOLONG;
		strcpy(name, arg0);
		return vfs_open_exec(t, AT_FDCWD, name, 0, ret);
	}
	while (dirs) {
		const char *end = strchr(dirs, ':');
		int len = end ? (int)(end - dirs) : (int)strlen(dirs);
		int n = snprintf(name, PATH_MAX, "%.*s%s%s", len, dirs, len ? "/" : "", arg0);
		int r = n < PATH_MAX ? vfs_open_exec(t, AT_FDCWD, name, 0, ret) : -ENAMETOOLONG;

		if (r == 0)
			return 0;
		if (r == -EACCES)
			best = r;
		dirs = end ? end + 1 : NULL;
	}
	return best;
}

static int load(struct task *t, const struct sentry_process *p, char *why, size_t why_size)
{
	struct exec_args args = { .argv = p->argv, .envp = p->envp };
	char name[PATH_MAX];
	struct file *file;
	int r;

	if (!p->argv || !p->argv[0]) {
		snprintf(why, why_size, "process.args: empty");
		return -EINVAL;
	}
	r = find_program(t, p->argv[0], p->envp, name, &file);
	if (r == -ENOENT && !strchr(p->argv[0], '/')) {
		snprintf(why, why_size, "exec: \"%.100s\": executable file not found in $PATH", p->argv[0]);
		return r;
	}
	if (r == 0) {
		r = task_exec(t, file, name, &args);
		file_put(file);
	}
	if (r < 0)
		snprintf(why, why_size, "exec: \"%.100s\": %s", p->argv[0], strerror(-r));
	return r;
}

int process_new(struct task **ret, struct kernel *k, const struct sentry_process *p, bool init,
		char *why, size_t why_size)
{
	struct task *t;
	int r = make_task(&t, k, p, init);

	if (r < 0) {
		snprintf(why, why_size, "process: %s", strerror(-r));
		return r;
	}
	r = install_stdio(t, k, p, why, why_size);
	if (r == 0)
		r = enter_cwd(t, p->cwd, init, why, why_size);
	if (r == 0) {
		struct cred *cred = make_cred(p);
		const struct cred *old = t->cred;

		if (!cred)
			r = -ENOMEM;
		else
			t->cred = cred;
		if (cred)
			cred_put(old);
	}
	if (r == 0)
		r = load(t, p, why, why_size);
	if (r < 0) {
		task_abandon(t);
		return r;
	}
	*ret = t;
	return 0;
}
