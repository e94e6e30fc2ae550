/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in for the sentry that speaks the control protocol and "runs" a few programs:
 *   echo WORDS...   writes them to stdout        exit N      ends with N
 *   sleep           stays                        links       prints its links and addresses
 *   env NAME        prints a variable            fail        cannot boot
 * One thread, one loop. For tests of the command line only. */
#include <errno.h>
#include <poll.h>
#include <sentry/boot.h>
#include <sentry/control.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "util/cleanup.h"

#define MAX_CONNS 64
#define MAX_PROCS 64

struct fake_proc {
	bool used, ended;
	int status;
};

struct conn {
	int fd;
	int wait_pid; /* 0: none */
	int capture_fd;
};

/* A command that ends frees nothing; that is no leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static struct {
	const struct sentry_config *cfg;
	struct conn conns[MAX_CONNS];
	struct fake_proc procs[MAX_PROCS]; /* by pid */
	bool started, paused;
} fake;

static void say(int fd, const char *text)
{
	(void)!write(fd, text, strlen(text));
}

static void print_links(int fd)
{
	char buf[256], addr[64];

	for (size_t i = 0; i < fake.cfg->n_links; i++) {
		const struct sentry_link *l = &fake.cfg->links[i];

		for (size_t j = 0; j < l->n_addrs; j++) {
			inet_ntop(l->addrs[j].family, l->addrs[j].addr, addr, sizeof(addr));
			snprintf(buf, sizeof(buf), "%s mtu %u %s/%u\n", l->name, l->mtu, addr,
				 l->addrs[j].prefix_len);
			say(fd, buf);
		}
	}
	for (size_t i = 0; i < fake.cfg->n_routes; i++) {
		const struct sentry_route *r = &fake.cfg->routes[i];

		inet_ntop(r->family, r->gateway, addr, sizeof(addr));
		snprintf(buf, sizeof(buf), "route /%u via %s\n", r->dst_len, addr);
		say(fd, buf);
	}
}

static void print_env(int fd, const char *const *envp, const char *name)
{
	for (; *envp; envp++) {
		if (!strncmp(*envp, name, strlen(name)) && (*envp)[strlen(name)] == '=')
			say(fd, *envp), say(fd, "\n");
	}
}

static void end_proc(int pid, int status)
{
	fake.procs[pid].ended = true;
	fake.procs[pid].status = status;
	for (int i = 0; i < MAX_CONNS; i++) {
		struct control_reply reply = {.value = status};

		if (fake.conns[i].fd < 0 || fake.conns[i].wait_pid != pid)
			continue;
		(void)!write(fake.conns[i].fd, &reply, sizeof(reply));
		fake.conns[i].wait_pid = 0;
	}
}

static void run_program(int pid, const char *const *argv, const char *const *envp, int out)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];

	if (!strcmp(name, "sleep"))
		return;
	for (int i = 1; !strcmp(name, "echo") && argv[i]; i++)
		say(out, argv[i]), say(out, argv[i + 1] ? " " : "\n");
	if (!strcmp(name, "links"))
		print_links(out);
	if (!strcmp(name, "env") && argv[1])
		print_env(out, envp, argv[1]);
	end_proc(pid, !strcmp(name, "exit") && argv[1] ? atoi(argv[1]) : 0);
}

static void reply_to(int fd, int error, int value, const char *text)
{
	struct control_reply reply = {.error = error, .value = value};
	struct iovec iov[2] = {{&reply, sizeof(reply)}, {(void *)text, text ? strlen(text) : 0}};

	reply.len = (uint32_t)iov[1].iov_len;
	(void)!writev(fd, iov, 2);
}

static void do_exec(int fd, const char *payload, const int *fds, size_t n_fds)
{
	struct control_exec exec;
	const char *argv[64] = {0}, *envp[256] = {0}, *at = payload + sizeof(exec);
	int pid = 2;

	memcpy(&exec, payload, sizeof(exec));
	for (uint32_t i = 0; i < exec.n_argv && i < 63; i++, at += strlen(at) + 1)
		argv[i] = at;
	for (uint32_t i = 0; i < exec.n_envp && i < 255; i++, at += strlen(at) + 1)
		envp[i] = at;
	while (pid < MAX_PROCS && fake.procs[pid].used)
		pid++;
	if (pid == MAX_PROCS || n_fds < 3) {
		reply_to(fd, -EAGAIN, 0, NULL);
		return;
	}
	fake.procs[pid].used = true;
	reply_to(fd, 0, pid, NULL);
	run_program(pid, argv, envp, fds[1]);
}

static void do_signal(int fd, const struct control_signal *sig)
{
	int first = sig->all ? 1 : sig->pid, last = sig->all ? MAX_PROCS - 1 : sig->pid;
	bool found = false;

	for (int pid = last; pid >= first; pid--) {
		if (pid <= 0 || pid >= MAX_PROCS || !fake.procs[pid].used || fake.procs[pid].ended)
			continue;
		found = true;
		end_proc(pid, 128 + sig->signo);
	}
	reply_to(fd, found ? 0 : -ESRCH, 0, NULL);
}

static void handle(struct conn *c, const struct control_request *req, const char *payload,
		   const int *fds, size_t n_fds)
{
	/* A pcapng section header: enough for who reads the stream. */
	static const uint32_t section[] = {0x0A0D0D0A, 28, 0x1A2B3C4D, 1, ~0u, ~0u, 28};

	switch (req->op) {
	case CONTROL_START:
		reply_to(c->fd, fake.started ? -EINVAL : 0, 0, NULL);
		fake.started = true;
		run_program(1, fake.cfg->init.argv, fake.cfg->init.envp, fake.cfg->init.fds[1]);
		return;
	case CONTROL_SIGNAL:
		do_signal(c->fd, &req->u.signal);
		return;
	case CONTROL_PS:
		reply_to(c->fd, 0, 0, "1 0 0 S 1500 sleep\n2 1 1000 R 3 echo a b\n");
		return;
	case CONTROL_EXEC:
		do_exec(c->fd, payload, fds, n_fds);
		return;
	case CONTROL_WAIT:
		if (req->u.pid <= 0 || req->u.pid >= MAX_PROCS || !fake.procs[req->u.pid].used)
			reply_to(c->fd, -ESRCH, 0, NULL);
		else if (fake.procs[req->u.pid].ended)
			reply_to(c->fd, 0, fake.procs[req->u.pid].status, NULL);
		else
			c->wait_pid = req->u.pid;
		return;
	case CONTROL_CAPTURE:
		reply_to(c->fd, 0, 0, NULL);
		c->capture_fd = dup(fds[0]);
		(void)!write(c->capture_fd, section, sizeof(section));
		return;
	case CONTROL_STATS:
		reply_to(c->fd, 0, 0, "tcp.segs_in 42\n");
		return;
	case CONTROL_PAUSE:
	case CONTROL_RESUME:
		fake.paused = req->op == CONTROL_PAUSE;
		reply_to(c->fd, 0, 0, NULL);
		return;
	default:
		reply_to(c->fd, 0, 0, NULL);
	}
}

static void drop(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	c->wait_pid = 0;
	if (c->capture_fd >= 0)
		close(c->capture_fd);
	c->capture_fd = -1;
}

static void receive(struct conn *c)
{
	static char payload[CONTROL_MAX_MSG + 1];
	union {
		char buf[CMSG_SPACE(sizeof(int) * CONTROL_MAX_FDS)];
		struct cmsghdr align;
	} ctl;
	struct control_request req;
	struct iovec iov[2] = {{&req, sizeof(req)}, {payload, CONTROL_MAX_MSG}};
	struct msghdr msg = {.msg_iov = iov,
			     .msg_iovlen = 2,
			     .msg_control = ctl.buf,
			     .msg_controllen = sizeof(ctl.buf)};
	ssize_t n = recvmsg(c->fd, &msg, 0);
	int fds[CONTROL_MAX_FDS];
	size_t n_fds = 0;

	if (n < (ssize_t)sizeof(req)) {
		drop(c);
		return;
	}
	payload[(size_t)n - sizeof(req)] = 0;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&msg); h; h = CMSG_NXTHDR(&msg, h)) {
		n_fds = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(h), n_fds * sizeof(int));
	}
	handle(c, &req, payload, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
}

static void serve_once(void)
{
	struct pollfd p[MAX_CONNS + 1] = {{fake.cfg->control_fd, POLLIN, 0}};

	for (int i = 0; i < MAX_CONNS; i++)
		p[i + 1] = (struct pollfd){fake.conns[i].fd, POLLIN, 0};
	(void)poll(p, MAX_CONNS + 1, -1);
	for (int i = 0; i < MAX_CONNS; i++) {
		if (fake.conns[i].fd >= 0 && p[i + 1].revents)
			receive(&fake.conns[i]);
	}
	for (int i = 0; p[0].revents && i < MAX_CONNS; i++) {
		if (fake.conns[i].fd >= 0)
			continue;
		fake.conns[i].fd = accept(fake.cfg->control_fd, NULL, NULL);
		break;
	}
}

int sentry_boot(const struct sentry_config *cfg)
{
	struct sentry_ready ready = {0};

	fake.cfg = cfg;
	for (int i = 0; i < MAX_CONNS; i++)
		fake.conns[i] = (struct conn){-1, 0, -1};
	fake.procs[1].used = true;
	if (!strcmp(cfg->init.argv[0], "/fail")) {
		ready.error = -ENOEXEC;
		snprintf(ready.message, sizeof(ready.message), "exec: \"/fail\": not a program");
	}
	(void)!write(cfg->ready_fd, &ready, sizeof(ready));
	close(cfg->ready_fd);
	if (ready.error)
		return 1;
	while (!fake.procs[1].ended)
		serve_once();
	return fake.procs[1].status;
}
