/* SPDX-License-Identifier: Apache-2.0 */
/* Test-only: serves a directory (or a single file) to any 9P2000.L client.
 *
 *   gofer-serve [-r] [-s] [-1] DIR SOCKET-PATH | DIR PORT | DIR fd:N
 *
 * PORT listens on 127.0.0.1 only; fd:N serves the one connection that is open already. -r
 * read-only, -s inside the gofer's sandbox, -1 exits after the first connection. One process per
 * connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gofer/gofer.h"

struct options {
	bool readonly;
	bool sandbox;
	bool once;
	int root;
};

static int listen_unix(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		return -1;
	strcpy(addr.sun_path, path);
	if (sock < 0 || bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -1;
	return sock;
}

static int listen_tcp(uint16_t port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons(port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -1;
	return sock;
}

static int serve(const struct options *opt, int sock)
{
	struct gofer_mount mount = {
		.sock_fd = sock, .root_fd = opt->root, .readonly = opt->readonly};
	struct gofer_config cfg = {.mounts = &mount,
				   .n_mounts = 1,
				   .shutdown_fd = -1,
				   .log_fd = STDERR_FILENO,
				   .proc_fd = -1};

	if (opt->sandbox) {
		int keep[] = {sock, opt->root, STDERR_FILENO};
		const char *stage = "?";
		struct gofer_sandbox sandbox = {
			.keep_fds = keep, .n_keep_fds = 3, .ret_stage = &stage};

		cfg.proc_fd = gofer_enter(&sandbox);
		if (cfg.proc_fd < 0) {
			fprintf(stderr, "gofer-serve: stage %s: %s\n", stage,
				strerror(-cfg.proc_fd));
			return 1;
		}
	}

	int r = gofer_serve(&cfg);

	if (r < 0)
		fprintf(stderr, "gofer-serve: %s\n", strerror(-r));
	return r < 0;
}

static int accept_loop(const struct options *opt, int listener)
{
	if (listen(listener, 16) < 0) {
		perror("gofer-serve: listen");
		return 1;
	}
	(void)signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (sock < 0) {
			perror("gofer-serve: accept");
			return 1;
		}
		if (opt->once)
			return serve(opt, sock);
		if (fork() == 0) {
			close(listener);
			_exit(serve(opt, sock));
		}
		close(sock);
	}
}

int main(int argc, char **argv)
{
	struct options opt = {0};
	int c;

	while ((c = getopt(argc, argv, "rs1")) != -1) {
		opt.readonly |= c == 'r';
		opt.sandbox |= c == 's';
		opt.once |= c == '1';
		if (c == '?')
			return 2;
	}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: gofer-serve [-r] [-s] [-1] DIR SOCKET-PATH|PORT|fd:N\n");
		return 2;
	}
	opt.root = open(argv[optind], O_PATH | O_CLOEXEC);
	if (opt.root < 0) {
		fprintf(stderr, "gofer-serve: %s: %s\n", argv[optind], strerror(errno));
		return 1;
	}

	const char *where = argv[optind + 1];
	int port = atoi(where);

	if (strncmp(where, "fd:", 3) == 0)
		return serve(&opt, atoi(where + 3));

	int listener = port > 0 ? listen_tcp((uint16_t)port) : listen_unix(where);

	if (listener < 0) {
		fprintf(stderr, "gofer-serve: %s: %s\n", where, strerror(errno));
		return 1;
	}
	return accept_loop(&opt, listener);
}
