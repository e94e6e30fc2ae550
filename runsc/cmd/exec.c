/* SPDX-License-Identifier: Apache-2.0 */
/* A further process in a container that exists.
 *
 * Attached, this process waits and exits with its status. Detached, a child stays to do that: its
 * number goes to --pid-file, and engines wait for it as for the process itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/inherited.h"
#include "cli/log.h"
#include "cmd/attach.h"
#include "cmd/cmd.h"
#include "container/console.h"
#include "container/control.h"
#include "container/lifecycle.h"
#include "container/process.h"
#include "oci/names.h"
#include "sandbox/sandbox.h"

struct exec_options {
	const char *process, *pid_file, *console_socket, *cwd, *user, *preserve_fds;
	struct string_list env, caps, gids;
	bool detach, tty, no_new_privs;
};

#define OPT(name_, letter_, kind_, field, arg_, help_)                                             \
	{                                                                                          \
		name_, letter_, kind_, offsetof(struct exec_options, field), arg_, help_           \
	}

static const struct option_def options[] = {
	OPT("process", 'p', OPTION_STRING, process, "FILE", "a process object of config.json"),
	OPT("pid-file", 0, OPTION_STRING, pid_file, "FILE", "gets the number of the host process"),
	OPT("console-socket", 0, OPTION_STRING, console_socket, "PATH", "receives the terminal"),
	OPT("cwd", 0, OPTION_STRING, cwd, "DIR", "where it starts"),
	OPT("user", 'u', OPTION_STRING, user, "UID[:GID]", "who it is"),
	OPT("env", 'e', OPTION_LIST, env, "NAME=VALUE", "add to its environment"),
	OPT("cap", 'c', OPTION_LIST, caps, "CAP", "give it a capability"),
	OPT("additional-gids", 'g', OPTION_LIST, gids, "GID", "add a group"),
	OPT("detach", 'd', OPTION_FLAG, detach, NULL, "do not wait for its end"),
	OPT("tty", 't', OPTION_FLAG, tty, NULL, "give it a terminal"),
	OPT("no-new-privs", 0, OPTION_FLAG, no_new_privs, NULL, "no privileges by exec"),
	OPT("preserve-fds", 0, OPTION_STRING, preserve_fds, "N", "pass descriptors 3 to 3+N-1 on"),
	{.name = "apparmor", .kind = OPTION_IGNORED_STRING},
	{.name = "process-label", .kind = OPTION_IGNORED_STRING},
	{.name = "cgroup", .kind = OPTION_IGNORED_STRING},
	{.name = "ignore-paused", .kind = OPTION_IGNORED_FLAG},
	{.name = "pidfd-socket", .kind = OPTION_IGNORED_STRING},
	{.name = "internal-pid-file", .kind = OPTION_IGNORED_STRING},
	{0},
};

struct execution {
	struct cmd_call *call;
	const struct exec_options *o;
	struct container *c;
	struct oci_spec spec;	 /* of the container */
	struct json_doc process; /* of --process */
	struct oci_process p;
	const char *const *env;
	int fds[CONTROL_MAX_FDS];
	size_t n_fds;
};

static int read_process_file(struct execution *x)
{
	struct json_at at = {.doc = &x->process};
	int r = json_doc_load(&x->process, "process.json", x->o->process, x->call->cause);

	if (r < 0)
		return r;
	at.v = x->process.root;
	r = oci_process_read(&at, &x->p);
	return r < 0 ? r : oci_process_validate(&at, &x->p);
}

static int add_caps(struct execution *x)
{
	for (size_t i = 0; i < x->o->caps.n; i++) {
		int cap = cap_from_name(x->o->caps.items[i]);

		if (cap < 0)
			return cause_set(x->call->cause, -EINVAL,
					 "--cap: unknown capability \"%s\"", x->o->caps.items[i]);
		x->p.caps.bounding |= 1ull << cap;
		x->p.caps.effective |= 1ull << cap;
		x->p.caps.permitted |= 1ull << cap;
	}
	return 0;
}

static int add_gids(struct execution *x)
{
	size_t n = x->o->gids.n;
	uint32_t *gids = json_alloc(&x->spec.doc, x->p.n_gids + n, sizeof(*gids));

	if (!gids)
		return cause_errno(x->call->cause, -ENOMEM, "--additional-gids");
	if (x->p.n_gids)
		memcpy(gids, x->p.gids, x->p.n_gids * sizeof(*gids));
	for (size_t i = 0; i < n; i++) {
		char *end;
		unsigned long v = strtoul(x->o->gids.items[i], &end, 10);

		if (*end || end == x->o->gids.items[i] || v > UINT32_MAX)
			return cause_set(x->call->cause, -EINVAL,
					 "--additional-gids: \"%s\" is not a group id",
					 x->o->gids.items[i]);
		gids[x->p.n_gids++] = (uint32_t)v;
	}
	x->p.gids = gids;
	return 0;
}

/* The container's own process, changed by the options: what runc does. */
static int process_from_options(struct execution *x, int root_fd)
{
	const struct exec_options *o = x->o;
	const char **env;
	int r;

	x->p = x->spec.process;
	x->p.terminal = o->tty;
	x->p.args = (const char *const *)x->call->args + 1;
	x->p.n_args = x->call->n_args - 1;
	if (!x->p.n_args)
		return cause_set(x->call->cause, -EINVAL, "exec: no program is given");
	if (o->cwd && o->cwd[0] != '/')
		return cause_set(x->call->cause, -EINVAL, "--cwd: \"%s\" is not an absolute path",
				 o->cwd);
	if (o->cwd)
		x->p.cwd = o->cwd;
	x->p.no_new_privs |= o->no_new_privs;
	if (o->user && (r = process_user(o->user, root_fd, &x->p, x->call->cause)) < 0)
		return r;
	env = json_alloc(&x->spec.doc, x->p.n_env + o->env.n + 1, sizeof(*env));
	if (!env)
		return cause_errno(x->call->cause, -ENOMEM, "environment");
	for (size_t i = 0; i < x->p.n_env; i++)
		env[i] = x->p.env[i];
	for (size_t i = 0; i < o->env.n; i++)
		env[x->p.n_env++] = o->env.items[i];
	x->p.env = env;
	r = add_caps(x);
	return r < 0 ? r : add_gids(x);
}

static int prepare(struct execution *x)
{
	int root_fd = x->c->rootfs ? open(x->c->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	int r = x->o->process ? read_process_file(x) : process_from_options(x, root_fd);

	if (r >= 0 && x->o->process)
		x->p.terminal |= x->o->tty;
	if (r >= 0)
		r = process_env(&x->spec.doc, &x->p, root_fd, NULL, &x->env, x->call->cause);
	if (root_fd >= 0)
		close(root_fd);
	return r;
}

static int open_stdio(struct execution *x)
{
	struct cause *cause = x->call->cause;
	unsigned long extra = x->o->preserve_fds ? strtoul(x->o->preserve_fds, NULL, 10) : 0;

	if (x->p.terminal && x->o->console_socket) {
		int slave = console_send(x->o->console_socket, x->p.rows, x->p.cols, cause);

		if (slave < 0)
			return slave;
		for (int i = 0; i < 3; i++)
			x->fds[x->n_fds++] = i ? fcntl(slave, F_DUPFD_CLOEXEC, 3) : slave;
	} else {
		if (x->p.terminal && x->o->detach)
			return cause_set(cause, -EINVAL,
					 "a terminal needs --console-socket when detached");
		for (int i = 0; i < 3; i++)
			x->fds[x->n_fds++] = fcntl(i, F_DUPFD_CLOEXEC, 3);
		if (x->p.terminal) {
			(void)console_size(STDIN_FILENO, &x->p.rows, &x->p.cols);
			console_save(STDIN_FILENO);
		}
	}
	if (extra > CONTROL_MAX_FDS - 3)
		return cause_set(cause, -EINVAL, "--preserve-fds: at most %d", CONTROL_MAX_FDS - 3);
	for (unsigned long i = 0; i < extra; i++) {
		if (!inherited_fd(3 + (int)i))
			return cause_set(cause, -EBADF,
					 "--preserve-fds: descriptor %lu is not open", 3 + i);
		x->fds[x->n_fds++] = 3 + (int)i;
	}
	return 0;
}

/* Starts it; returns its number in the container. */
static int start(struct execution *x)
{
	struct control_call ctl = {
		.req.op = CONTROL_EXEC, .fds = x->fds, .n_fds = x->n_fds, .timeout_ms = 30000};
	struct control_reply reply;
	void *payload;
	int r = process_to_control(&x->p, x->env, &payload, &ctl.payload_len, x->call->cause);

	if (r < 0)
		return r;
	ctl.payload = payload;
	r = control_once(x->c, &ctl, &reply, NULL, x->call->cause);
	free(payload);
	return r < 0 ? r : reply.value;
}

static int begin_wait(struct execution *x, int32_t pid)
{
	struct control_request req = {.op = CONTROL_WAIT, .u.pid = pid};
	int fd = control_connect(x->c, x->call->cause);

	if (fd >= 0 && write(fd, &req, sizeof(req)) != (ssize_t)sizeof(req)) {
		close(fd);
		return cause_errno(x->call->cause, -errno, "request to the sandbox");
	}
	return fd;
}

static int run_attached(struct execution *x)
{
	int pid, fd;

	attach_begin();
	pid = start(x);
	if (pid < 0)
		return pid;
	for (size_t i = 0; i < 3; i++)
		close(x->fds[i]);
	fd = begin_wait(x, pid);
	return fd < 0 ? fd : attach_wait_exec(x->c, fd, pid);
}

struct start_report {
	int32_t error;
	char text[508];
};

/* The process that stands for the one in the container. It keeps nothing of the caller's but a
 * terminal, whose window sizes it passes on. */
static NORETURN void stand_in(struct execution *x, int report_fd)
{
	struct start_report report = {0};
	int pid, fd = -1, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	(void)prctl(PR_SET_NAME, "runsc-exec");
	attach_begin();
	pid = start(x);
	if (pid >= 0)
		fd = begin_wait(x, pid);
	if (pid < 0 || fd < 0) {
		report.error = pid < 0 ? pid : fd;
		snprintf(report.text, sizeof(report.text), "%.500s", x->call->cause->text);
	}
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	if (x->p.terminal) {
		dup2(x->fds[0], STDIN_FILENO);
		(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	}
	(void)!write(report_fd, &report, sizeof(report));
	if (report.error)
		_exit(1);
	int keep[] = {fd, x->c->dir_fd};

	close_all_but(keep, 2);
	_exit(attach_wait_exec(x->c, fd, pid));
}

static int run_detached(struct execution *x)
{
	struct start_report report;
	int p[2];
	pid_t pid;
	ssize_t n;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cause_errno(x->call->cause, -errno, "pipe");
	pid = fork();
	if (pid < 0)
		return cause_errno(x->call->cause, -errno, "fork");
	if (pid == 0)
		stand_in(x, p[1]);
	close(p[1]);
	n = read(p[0], &report, sizeof(report));
	close(p[0]);
	if (n != (ssize_t)sizeof(report))
		return cause_set(x->call->cause, -ECHILD, "exec: the helper process ended");
	report.text[sizeof(report.text) - 1] = 0;
	if (report.error)
		return cause_set(x->call->cause, report.error, "%s", report.text);
	return x->o->pid_file ? write_pid_file(x->o->pid_file, pid, x->call->cause) : 0;
}

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	struct execution x = {.call = call, .o = call->values};
	int r = container_open(&c, call->g->root, call->args[0], false, call->cause);

	if (r < 0)
		return r;
	x.c = c;
	if (c->status == CONTAINER_STOPPED)
		return cause_set(call->cause, -ESRCH, "cannot exec in a stopped container");
	if (c->status == CONTAINER_PAUSED)
		return cause_set(call->cause, -EBUSY, "cannot exec in a paused container");
	r = container_spec(c, &x.spec, call->cause);
	if (r < 0)
		return r;
	r = prepare(&x);
	if (r >= 0)
		r = open_stdio(&x);
	if (r >= 0)
		r = x.o->detach ? run_detached(&x) : run_attached(&x);
	if (r >= 0 && !x.o->detach && x.o->pid_file)
		(void)write_pid_file(x.o->pid_file, getpid(), call->cause);
	json_doc_fini(&x.process);
	oci_spec_fini(&x.spec);
	return r;
}

const struct cmd cmd_exec = {
	.name = "exec",
	.usage = "CONTAINER COMMAND [ARGS...]",
	.help = "run a further program in a container",
	.run = run,
	.options = options,
	.values_size = sizeof(struct exec_options),
	.order = OPTIONS_BEFORE_FIRST,
	.min_args = 1,
	.max_args = SIZE_MAX,
};
