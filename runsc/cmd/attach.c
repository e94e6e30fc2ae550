/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/attach.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container/console.h"
#include "container/control.h"
#include "container/lifecycle.h"

static const int forwarded[] = {SIGHUP,	 SIGINT,  SIGQUIT,  SIGTERM, SIGUSR1,
				SIGUSR2, SIGCONT, SIGWINCH, SIGALRM, SIGTSTP};

static sigset_t forwarded_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	return set;
}

void attach_begin(void)
{
	sigset_t set = forwarded_set();

	/* Interactive shells ignore some for background jobs; a blocked ignored signal is dropped.
	 */
	for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
		(void)signal(forwarded[i], SIG_DFL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* What the terminal sends is for its foreground group, which only the sandbox knows: the sandbox
 * gets it as if the terminal were its own. */
static bool from_terminal(const struct signalfd_siginfo *info)
{
	switch (info->ssi_signo) {
	case SIGWINCH:
		return true;
	case SIGHUP:
	case SIGINT:
	case SIGQUIT:
	case SIGTSTP:
		return info->ssi_code == SI_KERNEL;
	default:
		return false;
	}
}

static void pass_on(struct container *c, const struct signalfd_siginfo *info, int32_t pid)
{
	struct control_call call = {
		.req = {.op = CONTROL_SIGNAL,
			.u.signal = {.pid = pid, .signo = (int32_t)info->ssi_signo}},
		.timeout_ms = 2000,
	};
	struct cause ignored;

	if (from_terminal(info) && isatty(STDIN_FILENO))
		(void)proc_signal(&c->sandbox, (int)info->ssi_signo);
	else if (info->ssi_signo != SIGWINCH)
		(void)control_once(c, &call, NULL, NULL, &ignored);
}

/* Passes signals on until @fd is readable. */
static void forward_until(struct container *c, int fd, int32_t pid)
{
	sigset_t set = forwarded_set();
	int sfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	struct pollfd p[2] = {{fd, POLLIN, 0}, {sfd, POLLIN, 0}};

	for (;;) {
		struct signalfd_siginfo info;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents)
			break;
		while (p[1].revents && read(sfd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			pass_on(c, &info, pid);
	}
	close(sfd);
}

int attach_wait(struct container *c)
{
	int fd = proc_open(&c->sandbox);
	int status;

	if (fd >= 0) {
		forward_until(c, fd, 1);
		close(fd);
	}
	status = container_wait_child(c);
	console_restore();
	return status;
}

int attach_wait_exec(struct container *c, int wait_fd, int32_t pid)
{
	struct control_reply reply;
	struct cause cause;
	int r;

	forward_until(c, wait_fd, pid);
	r = control_read_reply(wait_fd, &reply, NULL, 0, &cause);
	console_restore();
	/* The sandbox ended under it: what a killed process would give. */
	return r < 0 ? 128 + SIGKILL : reply.value & 0xff;
}
