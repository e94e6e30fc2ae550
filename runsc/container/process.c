/* SPDX-License-Identifier: Apache-2.0 */
#include "container/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <sentry/control.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/bytes.h"

static size_t strings_size(const char *const *list, size_t *n)
{
	size_t size = 0;

	for (*n = 0; list && list[*n]; (*n)++)
		size += strlen(list[*n]) + 1;
	return size;
}

static void put_strings(struct wr *w, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wr_bytes(w, list[i], strlen(list[i]) + 1);
}

int process_to_control(const struct oci_process *p, const char *const *env, void **ret,
		       size_t *ret_len, struct cause *cause)
{
	size_t n_argv, n_env;
	size_t blob = strings_size(p->args, &n_argv) + strings_size(env, &n_env) + strlen(p->cwd) +
		      1 + p->n_gids * 4 + p->n_rlimits * 20;
	struct control_exec exec = {
		.n_argv = (uint32_t)n_argv,
		.n_envp = (uint32_t)n_env,
		.n_gids = (uint32_t)p->n_gids,
		.n_rlimits = (uint32_t)p->n_rlimits,
		.uid = p->uid,
		.gid = p->gid,
		.umask = p->umask,
		.terminal = p->terminal,
		.no_new_privs = p->no_new_privs,
		.rows = p->rows,
		.cols = p->cols,
		.cap_bounding = p->caps.bounding,
		.cap_effective = p->caps.effective,
		.cap_inheritable = p->caps.inheritable,
		.cap_permitted = p->caps.permitted,
		.cap_ambient = p->caps.ambient,
		.blob_len = (uint32_t)blob,
	};
	void *buf;
	struct wr w;

	if (blob > CONTROL_MAX_MSG - sizeof(exec) - sizeof(struct control_request))
		return cause_set(cause, -E2BIG, "exec: arguments and environment are too long");
	buf = malloc(sizeof(exec) + blob);
	if (!buf)
		return cause_errno(cause, -ENOMEM, "exec");
	wr_init(&w, buf, sizeof(exec) + blob);
	wr_bytes(&w, &exec, sizeof(exec));
	put_strings(&w, p->args, n_argv);
	put_strings(&w, env, n_env);
	wr_bytes(&w, p->cwd, strlen(p->cwd) + 1);
	wr_bytes(&w, p->gids, p->n_gids * 4);
	for (size_t i = 0; i < p->n_rlimits; i++) {
		wr_le32(&w, (uint32_t)p->rlimits[i].resource);
		wr_le64(&w, p->rlimits[i].soft);
		wr_le64(&w, p->rlimits[i].hard);
	}
	*ret = buf;
	*ret_len = wr_len(&w);
	return 0;
}

int process_to_sentry(struct json_doc *arena, const struct oci_process *p, const char *const *env,
		      struct sentry_process *ret, struct cause *cause)
{
	struct sentry_rlimit *limits = json_alloc(arena, p->n_rlimits, sizeof(*limits));

	if (!limits)
		return cause_errno(cause, -ENOMEM, "process");
	for (size_t i = 0; i < p->n_rlimits; i++)
		limits[i] = (struct sentry_rlimit){p->rlimits[i].resource,
						   {p->rlimits[i].soft, p->rlimits[i].hard}};
	*ret = (struct sentry_process){
		.argv = p->args,
		.envp = env,
		.cwd = p->cwd,
		.uid = p->uid,
		.gid = p->gid,
		.gids = p->gids,
		.n_gids = p->n_gids,
		.umask = p->umask,
		.cap_bounding = p->caps.bounding,
		.cap_effective = p->caps.effective,
		.cap_inheritable = p->caps.inheritable,
		.cap_permitted = p->caps.permitted,
		.cap_ambient = p->caps.ambient,
		.no_new_privs = p->no_new_privs,
		.rlimits = limits,
		.n_rlimits = p->n_rlimits,
		.terminal = p->terminal,
		.rows = p->rows,
		.cols = p->cols,
		.fds = {-1, -1, -1},
		.oom_score_adj = p->oom_score_adj,
	};
	return 0;
}

/* A file of the container, never leaving its root. */
static FILE *open_in_root(int root_fd, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = root_fd < 0 ? -1 : (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	FILE *f = fd < 0 ? NULL : fdopen(fd, "re");

	if (!f && fd >= 0)
		close(fd);
	return f;
}

static char *home_of(struct json_doc *arena, int root_fd, uint32_t uid)
{
	FILE *f = open_in_root(root_fd, "/etc/passwd");
	struct passwd pw, *found;
	char buf[4096];
	char *home = NULL;

	/* The container's file is not trusted: a bound on its lines, nothing else is taken from it.
	 */
	for (int i = 0; f && i < 10000 && !fgetpwent_r(f, &pw, buf, sizeof(buf), &found); i++) {
		if (found->pw_uid != uid || !found->pw_dir[0])
			continue;
		home = json_alloc(arena, strlen(found->pw_dir) + 6, 1);
		if (home)
			sprintf(home, "HOME=%s", found->pw_dir);
		break;
	}
	if (f)
		fclose(f);
	return home;
}

int process_env(struct json_doc *arena, const struct oci_process *p, int root_fd,
		const char *const *extra, const char *const **ret, struct cause *cause)
{
	size_t n = 0, n_extra = 0;
	const char **env;
	bool has_home = false;

	while (extra && extra[n_extra])
		n_extra++;
	env = json_alloc(arena, p->n_env + n_extra + 2, sizeof(*env));
	if (!env)
		return cause_errno(cause, -ENOMEM, "environment");
	for (size_t i = 0; i < p->n_env; i++) {
		env[n++] = p->env[i];
		has_home |= !strncmp(p->env[i], "HOME=", 5);
	}
	for (size_t i = 0; i < n_extra; i++)
		env[n++] = extra[i];
	if (!has_home) {
		const char *home = home_of(arena, root_fd, p->uid);

		env[n++] = home ? home : "HOME=/";
	}
	*ret = env;
	return 0;
}

static bool all_digits(const char *text, size_t len)
{
	return len && strspn(text, "0123456789") >= len;
}

static int user_by_name(const char *name, size_t len, int root_fd, struct oci_process *p)
{
	FILE *f = open_in_root(root_fd, "/etc/passwd");
	struct passwd pw, *found;
	char buf[4096];
	int r = -ENOENT;

	for (int i = 0; f && i < 10000 && !fgetpwent_r(f, &pw, buf, sizeof(buf), &found); i++) {
		if (strlen(found->pw_name) != len || memcmp(found->pw_name, name, len))
			continue;
		p->uid = found->pw_uid;
		p->gid = found->pw_gid;
		r = 0;
		break;
	}
	if (f)
		fclose(f);
	return r;
}

static int group_by_name(const char *name, int root_fd, struct oci_process *p)
{
	FILE *f = open_in_root(root_fd, "/etc/group");
	struct group gr, *found;
	char buf[8192];
	int r = -ENOENT;

	for (int i = 0; f && i < 10000 && !fgetgrent_r(f, &gr, buf, sizeof(buf), &found); i++) {
		if (strcmp(found->gr_name, name))
			continue;
		p->gid = found->gr_gid;
		r = 0;
		break;
	}
	if (f)
		fclose(f);
	return r;
}

int process_user(const char *text, int root_fd, struct oci_process *p, struct cause *cause)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (all_digits(text, len)) {
		p->uid = (uint32_t)strtoul(text, NULL, 10);
		p->gid = 0;
	} else if (user_by_name(text, len, root_fd, p) < 0) {
		return cause_set(cause, -ENOENT, "--user: unable to find user %.*s", (int)len,
				 text);
	}
	if (!colon)
		return 0;
	if (all_digits(colon + 1, strlen(colon + 1)))
		p->gid = (uint32_t)strtoul(colon + 1, NULL, 10);
	else if (group_by_name(colon + 1, root_fd, p) < 0)
		return cause_set(cause, -ENOENT, "--user: unable to find group %s", colon + 1);
	return 0;
}
