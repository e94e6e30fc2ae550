/* SPDX-License-Identifier: Apache-2.0 */
/* A 9P2000.L client that is not ours: diodls and diodcat of diod. Skipped where they are missing.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gofer/gofer.h"

struct stock {
	char dir[64];
	char sock[80];
	pid_t pid;
};

static const char *find_tool(const char *name)
{
	static const char *const dirs[] = {"/usr/sbin", "/usr/bin", "/usr/local/sbin"};
	static char path[80];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

/* Accepts and serves one connection after the other, inside the gofer's sandbox each. */
static void serve(int listener, int root)
{
	for (;;) {
		int sock = accept(listener, NULL, NULL);
		int status;

		if (sock < 0)
			_exit(0);
		if (fork() == 0) {
			int keep[] = {sock, root};
			struct gofer_sandbox sandbox = {.keep_fds = keep, .n_keep_fds = 2};
			struct gofer_mount mount = {.sock_fd = sock, .root_fd = root};
			struct gofer_config cfg = {
				.mounts = &mount, .n_mounts = 1, .shutdown_fd = -1, .log_fd = -1};

			cfg.proc_fd = gofer_enter(&sandbox);
			_exit(cfg.proc_fd < 0 || gofer_serve(&cfg) < 0);
		}
		close(sock);
		(void)wait(&status);
	}
}

static void put_file(const struct stock *st, const char *name, size_t lines)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", st->dir, name);
	f = fopen(path, "we");
	cr_assert_not_null(f);
	for (size_t i = 0; i < lines; i++)
		fprintf(f, "line %zu\n", i);
	fclose(f);
}

static struct stock *stock_new(void)
{
	struct stock *st = calloc(1, sizeof(*st));
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(st->dir, "/tmp/gofer-stock-XXXXXX");
	cr_assert_not_null(mkdtemp(st->dir));
	snprintf(st->sock, sizeof(st->sock), "%s.sock", st->dir);
	strcpy(addr.sun_path, st->sock);
	cr_assert_eq(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(listener, 4), 0);
	put_file(st, "small", 1);
	put_file(st, "large", 200000);
	st->pid = fork();
	if (!st->pid)
		serve(listener, open(st->dir, O_PATH | O_CLOEXEC));
	close(listener);
	return st;
}

static void stock_free(struct stock *st)
{
	char cmd[256];

	kill(st->pid, SIGKILL);
	waitpid(st->pid, NULL, 0);
	snprintf(cmd, sizeof(cmd), "rm -rf %s %s", st->dir, st->sock);
	(void)!system(cmd);
	free(st);
}

/* Runs the tool on @arg; its output, as far as it fits. Returns the length of all of it. */
static size_t run(const char *tool, const struct stock *st, const char *arg, char *buf, size_t size)
{
	char cmd[512];
	size_t total = 0;
	char scrap[4096];
	size_t n;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "timeout 20 %s -s %s -a / %s", tool, st->sock, arg);
	f = popen(cmd, "r");
	cr_assert_not_null(f);
	n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	total = n;
	while ((n = fread(scrap, 1, sizeof(scrap), f)) > 0)
		total += n;
	cr_assert_eq(pclose(f), 0);
	return total;
}

Test(stock, diodls_lists_the_directory, .timeout = 60)
{
	const char *tool = find_tool("diodls");
	char out[4096];

	if (!tool)
		cr_skip_test("diodls is not installed");

	struct stock *st = stock_new();

	run(tool, st, "-l", out, sizeof(out));
	cr_assert_not_null(strstr(out, "small"));
	cr_assert_not_null(strstr(out, "large"));
	stock_free(st);
}

Test(stock, diodcat_reads_a_large_file_whole, .timeout = 60)
{
	const char *tool = find_tool("diodcat");
	char path[128];
	struct stat file;
	char out[64];

	if (!tool)
		cr_skip_test("diodcat is not installed");

	struct stock *st = stock_new();

	snprintf(path, sizeof(path), "%s/large", st->dir);
	cr_assert_eq(stat(path, &file), 0);
	cr_assert_eq(run(tool, st, "large", out, sizeof(out)), (size_t)file.st_size);
	cr_assert_eq(strncmp(out, "line 0\nline 1\n", 14), 0);
	stock_free(st);
}
