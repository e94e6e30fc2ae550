/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/log.h"

extern char **environ;

static NORETURN void hook_child(const struct oci_hook *hook, int in_fd, int err_fd, int netns_fd)
{
	const char *argv0[] = {hook->path, NULL};

	if (netns_fd >= 0 && setns(netns_fd, CLONE_NEWNET) < 0)
		_exit(126);
	signal(SIGPIPE, SIG_DFL);
	dup2(in_fd, 0);
	dup2(err_fd, 2);
	if (chdir("/") < 0)
		_exit(126);
	execve(hook->path, (char *const *)(hook->args && hook->args[0] ? hook->args : argv0),
	       hook->env ? (char *const *)hook->env : environ);
	dprintf(2, "%s", strerror(errno));
	_exit(127);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct running_hook {
	pid_t pid;
	int pidfd, in, err;
	const char *input;
	size_t left;
	char text[256]; /* the first words of its stderr */
	size_t n_text;
	int64_t deadline; /* 0: none */
};

static void feed(struct running_hook *h)
{
	ssize_t n = write(h->in, h->input, h->left);

	if (n > 0) {
		h->input += n;
		h->left -= (size_t)n;
	}
	if (!h->left || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(h->in);
		h->in = -1;
	}
}

static void drain(struct running_hook *h)
{
	char buf[512];
	ssize_t n = read(h->err, buf, sizeof(buf));

	if (n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR))) {
		close(h->err);
		h->err = -1;
	}
	for (ssize_t i = 0; i < n && h->n_text + 1 < sizeof(h->text); i++)
		h->text[h->n_text++] = buf[i] == '\n' ? ' ' : buf[i];
}

/* Returns the wait status, or -ETIMEDOUT after killing it. */
static int attend(struct running_hook *h)
{
	int status;

	for (;;) {
		struct pollfd p[3] = {
			{h->pidfd, POLLIN, 0}, {h->in, POLLOUT, 0}, {h->err, POLLIN, 0}};
		int wait = -1;

		if (h->deadline) {
			int64_t left = h->deadline - now_ms();

			wait = left > 0 ? (int)left : 0;
		}
		int r = poll(p, 3, wait);

		if (r == 0) {
			kill(h->pid, SIGKILL);
			waitpid(h->pid, &status, 0);
			return -ETIMEDOUT;
		}
		if (r > 0 && p[1].revents)
			feed(h);
		if (r > 0 && p[2].revents)
			drain(h);
		if (r > 0 && p[0].revents) {
			while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
				;
			/* What it wrote last is still in the pipe; its children may hold it open.
			 */
			if (h->err >= 0)
				drain(h);
			return status;
		}
	}
}

static int start_hook(struct running_hook *h, const struct oci_hook *hook, int netns_fd)
{
	int in[2], err[2];

	if (pipe2(in, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0) {
		close(in[0]);
		close(in[1]);
		return -errno;
	}
	/* The hook's own end blocks as a plain pipe does. */
	(void)fcntl(in[0], F_SETFL, 0);
	(void)fcntl(err[1], F_SETFL, 0);
	h->pid = fork();
	if (h->pid == 0)
		hook_child(hook, in[0], err[1], netns_fd);
	close(in[0]);
	close(err[1]);
	h->in = in[1];
	h->err = err[0];
	if (h->pid < 0)
		return -errno;
	h->pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	h->deadline = hook->timeout_s ? now_ms() + (int64_t)hook->timeout_s * 1000 : 0;
	return 0;
}

static int run_one(const struct oci_hook *hook, const char *name, size_t index, const char *state,
		   int netns_fd, struct cause *cause)
{
	struct running_hook h = {.in = -1, .err = -1, .pidfd = -1, .input = state};
	int status, r;

	h.left = strlen(state);
	r = start_hook(&h, hook, netns_fd);
	status = r < 0 ? r : attend(&h);
	if (h.in >= 0)
		close(h.in);
	if (h.err >= 0)
		close(h.err);
	if (h.pidfd >= 0)
		close(h.pidfd);
	if (status == -ETIMEDOUT)
		return cause_set(cause, status, "%s hook #%zu (%s): did not end within %d s", name,
				 index, hook->path, hook->timeout_s);
	if (status < 0)
		return cause_errno(cause, status, "%s hook #%zu (%s)", name, index, hook->path);
	if (WIFSIGNALED(status))
		return cause_set(cause, -ECANCELED, "%s hook #%zu (%s): killed by signal %d", name,
				 index, hook->path, WTERMSIG(status));
	if (WEXITSTATUS(status) == 127 && h.n_text)
		return cause_set(cause, -ENOENT, "%s hook #%zu (%s): %s", name, index, hook->path,
				 h.text);
	if (WEXITSTATUS(status))
		return cause_set(cause, -ECANCELED, "%s hook #%zu (%s): exit status %d%s%s", name,
				 index, hook->path, WEXITSTATUS(status), h.n_text ? ": " : "",
				 h.text);
	return 0;
}

int hooks_run(const struct oci_spec *spec, enum oci_hook_kind kind, const struct container *c,
	      int netns_fd, bool keep_going, struct cause *cause)
{
	const struct oci_hook_list *list = &spec->hooks[kind];
	json_t *o;
	char *state;
	int r = 0;

	if (!list->n)
		return 0;
	o = container_state_json(c);
	state = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (!state)
		return cause_errno(cause, -ENOMEM, "%s hooks", oci_hook_name(kind));
	/* A hook that does not read its stdin must not kill us. */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < list->n; i++) {
		r = run_one(&list->items[i], oci_hook_name(kind), i, state, netns_fd, cause);
		if (r < 0 && !keep_going)
			break;
		if (r < 0)
			log_warn("%s", cause->text);
	}
	free(state);
	return keep_going ? 0 : r;
}
