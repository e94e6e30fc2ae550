/* SPDX-License-Identifier: Apache-2.0 */
/* The server: one epoll loop over all connections, until the last has ended. */
#include "gofer/gofer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fs/host.h"
#include "server/server.h"

#define EVENTS 16
#define DEFAULT_FIDS (1U << 18)
#define DEFAULT_LOCKS 4096U
#define DEFAULT_XATTR_SIZE (1U << 16)
#define DEFAULT_XATTR_HELD (16U << 20)

HOST_SYSCALL(write);
void server_log(const struct server *server, const char *fmt, ...)
{
	static const char prefix[] = "gofer: ";
	char line[512];
	size_t len = sizeof(prefix) - 1;
	va_list args;

	if (server->log_fd < 0)
		return;
	memcpy(line, prefix, len);
	va_start(args, fmt);

	int n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, args);

	va_end(args);
	if (n < 0)
		return;
	len = MIN(len + (size_t)n, sizeof(line) - 2);
	line[len] = '\n';
	(void)!write(server->log_fd, line, len + 1);
}

static void set_default(uint32_t *value, uint32_t otherwise)
{
	if (!*value)
		*value = otherwise;
}

HOST_SYSCALL(prlimit64);
static void server_limits(struct gofer_limits *limits)
{
	struct rlimit nofile = {.rlim_cur = 1024};

	(void)getrlimit(RLIMIT_NOFILE, &nofile);
	set_default(&limits->msize, P9_MSIZE_MAX);
	limits->msize = MIN(MAX(limits->msize, P9_MSIZE_MIN), P9_MSIZE_MAX);
	set_default(&limits->fids, DEFAULT_FIDS);
	set_default(&limits->fds, (uint32_t)MIN(nofile.rlim_cur / 4 * 3, (rlim_t)UINT32_MAX / 2));
	set_default(&limits->locks, DEFAULT_LOCKS);
	set_default(&limits->xattr_size, DEFAULT_XATTR_SIZE);
	set_default(&limits->xattr_held, DEFAULT_XATTR_HELD);
}

HOST_SYSCALL(epoll_create1);
static int server_init(struct server *server, const struct gofer_config *cfg)
{
	int r;

	*server = (struct server){.epoll_fd = -1,
				  .proc_fd = cfg->proc_fd,
				  .log_fd = cfg->log_fd,
				  .limits = cfg->limits};
	server_limits(&server->limits);
	if (server->proc_fd < 0) {
		server->proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (server->proc_fd < 0)
			return -errno;
		server->own_proc_fd = true;
	}
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll_fd < 0)
		return -errno;
	server->conns = calloc(cfg->n_mounts + 1, sizeof(*server->conns));
	if (!server->conns || hash_init(&server->locks, 4) < 0)
		return -ENOMEM;
	if (cfg->shutdown_fd >= 0) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

		if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, cfg->shutdown_fd, &event) < 0)
			return -errno;
	}
	for (size_t i = 0; i < cfg->n_mounts; i++) {
		r = conn_init(&server->conns[i], server, i, &cfg->mounts[i]);
		if (r < 0)
			return r;
		server->n_conns++;
	}
	return 0;
}

static void server_fini(struct server *server)
{
	for (size_t i = 0; i < server->n_conns; i++)
		conn_end(&server->conns[i]);
	free(server->conns);
	hash_fini(&server->locks);
	host_close(server->epoll_fd);
	if (server->own_proc_fd)
		host_close(server->proc_fd);
}

/* Gives a turn to each connection with frames left over. Whether there are still any. */
static bool server_backlog(struct server *server)
{
	bool more = false;

	for (size_t i = 0; i < server->n_conns; i++) {
		struct conn *conn = &server->conns[i];

		if (conn->sock >= 0 && conn->backlog)
			conn_ready(conn, false);
		more |= conn->sock >= 0 && conn->backlog;
	}
	return more;
}

HOST_SYSCALL(epoll_wait);
static int server_loop(struct server *server)
{
	struct epoll_event events[EVENTS];

	while (server->n_open) {
		int timeout = server_backlog(server) ? 0 : -1;
		int n = server->n_open ? epoll_wait(server->epoll_fd, events, EVENTS, timeout) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (int i = 0; i < n; i++) {
			struct conn *conn = events[i].data.ptr;

			if (!conn)
				return 0; /* told to stop */
			if (conn->sock >= 0)
				conn_ready(conn, !conn_wants_write(conn));
		}
	}
	return 0;
}

int gofer_serve(const struct gofer_config *cfg)
{
	struct server server;
	int r;

	r = server_init(&server, cfg);
	if (r == 0)
		r = server_loop(&server);
	server_fini(&server);
	return r;
}
