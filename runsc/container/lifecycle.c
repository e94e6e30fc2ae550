/* SPDX-License-Identifier: Apache-2.0 */
/* start, kill, delete: what happens to a container that exists. */
#include "container/lifecycle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/log.h"
#include "container/control.h"
#include "container/process.h"
#include "oci/hooks.h"
#include "sandbox/cgroup.h"

#define CONTROL_TIMEOUT_MS 10000

/* Feeds the state to a program that runs inside the container, and waits for it. */
static int run_inside(struct container *c, const struct oci_hook *hook, size_t index,
		      const struct oci_spec *spec, const char *state, struct cause *cause)
{
	const char *argv0[] = {hook->path, NULL};
	static const char *const no_env[] = {NULL};
	struct oci_process p = {.umask = UINT32_MAX, .cwd = "/", .caps = spec->process.caps};
	struct control_reply reply;
	void *payload;
	size_t len;
	int in[2], null, r, status;

	p.args = hook->args && hook->args[0] ? hook->args : argv0;
	r = process_to_control(&p, hook->env ? hook->env : no_env, &payload, &len, cause);
	if (r < 0)
		return r;
	if (pipe2(in, O_CLOEXEC) < 0) {
		free(payload);
		return cause_errno(cause, -errno, "startContainer hook");
	}
	/* The state is shorter than a pipe's buffer. */
	(void)!write(in[1], state, strlen(state));
	close(in[1]);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);

	struct control_call call = {.req.op = CONTROL_EXEC,
				    .payload = payload,
				    .payload_len = len,
				    .fds = (int[]){in[0], null, null},
				    .n_fds = 3,
				    .timeout_ms = CONTROL_TIMEOUT_MS};

	r = control_once(c, &call, &reply, NULL, cause);
	free(payload);
	close(in[0]);
	close(null);
	if (r >= 0) {
		struct control_call wait = {.req = {.op = CONTROL_WAIT, .u.pid = reply.value},
					    .timeout_ms = hook->timeout_s * 1000};

		r = control_once(c, &wait, &reply, NULL, cause);
	}
	status = r < 0 ? 0 : reply.value;
	if (r < 0 || status) {
		char why[sizeof(cause->text)];

		memcpy(why, cause->text, sizeof(why));
		return r < 0 ? cause_set(cause, r, "startContainer hook #%zu (%s): %s", index,
					 hook->path, why)
			     : cause_set(cause, -ECANCELED,
					 "startContainer hook #%zu (%s): exit status %d", index,
					 hook->path, status);
	}
	return 0;
}

static int start_container_hooks(struct container *c, const struct oci_spec *spec,
				 struct cause *cause)
{
	const struct oci_hook_list *list = &spec->hooks[OCI_HOOK_START_CONTAINER];
	json_t *o;
	char *state;
	int r = 0;

	if (!list->n)
		return 0;
	o = container_state_json(c);
	state = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (!state)
		return cause_errno(cause, -ENOMEM, "startContainer hooks");
	for (size_t i = 0; r >= 0 && i < list->n; i++)
		r = run_inside(c, &list->items[i], i, spec, state, cause);
	free(state);
	return r;
}

/* Ends a process of ours and collects it when it is our child. */
static void end_process(const struct proc_id *id)
{
	if (proc_alive(id)) {
		(void)proc_signal(id, SIGKILL);
		if (!proc_wait(id, 10000))
			log_warn("process %d does not end", (int)id->pid);
	}
	if (id->pid > 0)
		(void)waitpid(id->pid, NULL, WNOHANG);
}

int container_start(struct container *c, struct cause *cause)
{
	struct control_call call = {.req.op = CONTROL_START, .timeout_ms = CONTROL_TIMEOUT_MS};
	struct oci_spec spec;
	int r;

	if (c->status == CONTAINER_STOPPED)
		return cause_set(cause, -EINVAL, "cannot start a container that has stopped");
	if (c->status != CONTAINER_CREATED)
		return cause_set(cause, -EINVAL, "cannot start an already running container");
	r = container_spec(c, &spec, cause);
	if (r < 0)
		return r;
	r = start_container_hooks(c, &spec, cause);
	if (r >= 0)
		r = control_once(c, &call, NULL, NULL, cause);
	if (r >= 0) {
		c->status = CONTAINER_RUNNING;
		r = container_save(c, cause);
	}
	if (r >= 0) {
		r = hooks_run(&spec, OCI_HOOK_POSTSTART, c, -1, false, cause);
		/* The specification (1.2, lifecycle): the container is stopped, and step 12 follows. */
		if (r < 0)
			end_process(&c->sandbox);
	}
	oci_spec_fini(&spec);
	return r;
}

/* A program that has not started has no handlers: a signal ends it, or does nothing. */
static bool ends_by_default(int signo)
{
	switch (signo) {
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return false;
	default:
		return true;
	}
}

static int kill_sandbox(struct container *c, struct cause *cause)
{
	int r = proc_signal(&c->sandbox, SIGKILL);

	/* What is frozen does not even die. */
	(void)cgroup_freeze(c->cgroups, false);
	if (r == -ESRCH)
		return cause_set(cause, r, "container not running");
	return r < 0 ? cause_errno(cause, r, "container %s: kill", c->id) : 0;
}

int container_kill(struct container *c, int signo, bool all, struct cause *cause)
{
	struct control_call call = {
		.req = {.op = CONTROL_SIGNAL,
			.u.signal = {.pid = all ? 0 : 1, .signo = signo, .all = all}},
		.timeout_ms = CONTROL_TIMEOUT_MS,
	};
	int r;

	if (c->status == CONTAINER_STOPPED)
		return cause_set(cause, -ESRCH, "container not running");
	if (!signo)
		return 0;
	if (c->status == CONTAINER_CREATED)
		return ends_by_default(signo) ? kill_sandbox(c, cause) : 0;
	if (c->status == CONTAINER_PAUSED && signo == SIGKILL)
		return kill_sandbox(c, cause);
	if (c->status == CONTAINER_PAUSED)
		return cause_set(cause, -EBUSY, "container is paused: only KILL reaches it");
	r = control_once(c, &call, NULL, NULL, cause);
	if (r == -ESRCH)
		return cause_set(cause, r, "container not running");
	/* KILL ends the sandbox, whatever state it is in: from inside if it can (captures are completed
	 * then), from outside if it does not answer or does not end. */
	if (signo == SIGKILL && (r < 0 || !proc_wait(&c->sandbox, 2000)))
		return kill_sandbox(c, cause);
	return r;
}

static void restore_network(struct container *c)
{
	struct net_plan *plan = malloc(sizeof(*plan));
	int fd = openat(c->dir_fd, "net.plan", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int ns = c->netns ? open(c->netns, O_RDONLY | O_CLOEXEC) : -1;

	if (plan && fd >= 0 && ns >= 0 && read(fd, plan, sizeof(*plan)) == (ssize_t)sizeof(*plan) &&
	    plan->version == NET_PLAN_VERSION && plan->n_links <= NET_MAX_LINKS &&
	    plan->n_routes <= NET_MAX_ROUTES)
		net_restore(ns, plan);
	if (fd >= 0)
		close(fd);
	if (ns >= 0)
		close(ns);
	free(plan);
}

int container_destroy(struct container *c, struct cause *cause)
{
	struct oci_spec spec;
	struct cause ignored;
	bool has_spec = container_spec(c, &spec, &ignored) >= 0;
	int r;

	if (c->status == CONTAINER_PAUSED)
		(void)cgroup_freeze(c->cgroups, false);
	end_process(&c->sandbox);
	/* It ends by itself when the sandbox's connections close; do not rely on it. */
	if (c->gofer.pid && !proc_wait(&c->gofer, 1000))
		end_process(&c->gofer);
	if (c->gofer.pid > 0)
		(void)waitpid(c->gofer.pid, NULL, WNOHANG);
	if (c->netns)
		restore_network(c);
	if (c->host_link)
		net_link_delete(c->host_link);
	cgroup_remove(c->cgroups);
	c->status = CONTAINER_STOPPED;
	if (has_spec)
		(void)hooks_run(&spec, OCI_HOOK_POSTSTOP, c, -1, true, &ignored);
	r = container_remove(c, cause);
	if (has_spec)
		oci_spec_fini(&spec);
	return r;
}

int container_wait_child(struct container *c)
{
	int status;

	while (waitpid(c->sandbox.pid, &status, 0) < 0) {
		if (errno != EINTR)
			return 1;
	}
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}
