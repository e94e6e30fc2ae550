/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions by python3, over a pair of pipes: a request is "N\n" and N bytes of text, an answer is
 * "0\n", or "N\n" and N bytes of what went wrong. A text that starts with a form feed forgets the
 * variables. */
#include "nsdrill/code.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nsdrill/tcp_info.h"
#include "util/cleanup.h"

struct code {
	pid_t pid;
	FILE *to, *from;
	char *vars;
	size_t vars_len, vars_room;
};

static const char server[] = "import sys, traceback\n"
			     "inp, out = sys.stdin.buffer, sys.stdout.buffer\n"
			     "sys.stdout = sys.stderr\n"
			     "env = {}\n"
			     "while True:\n"
			     "    line = inp.readline()\n"
			     "    if not line: break\n"
			     "    text = inp.read(int(line)).decode()\n"
			     "    msg = b''\n"
			     "    if text.startswith('\\f'):\n"
			     "        env = {}\n"
			     "    try:\n"
			     "        exec(text, env)\n"
			     "    except BaseException:\n"
			     "        kind, value, _ = sys.exc_info()\n"
			     "        msg = ('%s: %s' % (kind.__name__, value)).encode()\n"
			     "    out.write(b'%d\\n' % len(msg) + msg)\n"
			     "    out.flush()\n";

struct code *code_new(void)
{
	return calloc(1, sizeof(struct code));
}

struct code *code_free(struct code *code)
{
	if (!code)
		return NULL;
	if (code->to)
		fclose(code->to);
	if (code->from)
		fclose(code->from);
	if (code->pid > 0)
		waitpid(code->pid, NULL, 0);
	free(code->vars);
	free(code);
	return NULL;
}

static int start(struct code *code)
{
	int in[2], out[2];

	if (code->pid > 0)
		return 0;
	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0) {
		close(in[0]);
		close(in[1]);
		return -errno;
	}
	signal(SIGPIPE, SIG_IGN);
	fflush(NULL);
	code->pid = fork();
	if (code->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execlp("python3", "python3", "-I", "-S", "-c", server, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	code->to = fdopen(in[1], "w");
	code->from = fdopen(out[0], "r");
	return code->pid > 0 && code->to && code->from ? 0 : -EIO;
}

/* Sends one text; the answer's message is written to @msg. Returns its length, 0 being success. */
static ssize_t ask(struct code *code, const char *text, size_t len, char *msg, size_t size)
{
	char line[32];

	fprintf(code->to, "%zu\n", len);
	fwrite(text, 1, len, code->to);
	fflush(code->to);
	if (!fgets(line, sizeof(line), code->from))
		return -EIO;

	size_t n = strtoul(line, NULL, 10), keep = n < size - 1 ? n : size - 1;

	if (fread(msg, 1, keep, code->from) != keep)
		return -EIO;
	msg[keep] = '\0';
	for (size_t i = keep; i < n; i++)
		fgetc(code->from);
	return (ssize_t)n;
}

void code_reset(struct code *code)
{
	char msg[64];

	if (code->pid > 0)
		(void)ask(code, "\f", 1, msg, sizeof(msg));
}

static void put(struct code *code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct code *code, const char *fmt, ...)
{
	va_list ap;

	for (;;) {
		size_t left = code->vars_room - code->vars_len;

		va_start(ap, fmt);
		int n = vsnprintf(code->vars ? code->vars + code->vars_len : NULL, left, fmt, ap);
		va_end(ap);
		if (n < 0)
			return;
		if ((size_t)n < left) {
			code->vars_len += (size_t)n;
			return;
		}
		code->vars_room = (code->vars_room + (size_t)n) * 2 + 4096;
		code->vars = realloc(code->vars, code->vars_room);
		if (!code->vars)
			abort();
	}
}

int code_run(struct code *code, const char *text, struct loc at, const void *info, size_t len,
	     const char *extra, struct diag *diag)
{
	char msg[1500];
	int r = start(code);

	if (r < 0)
		return diag_set(diag, at, "cannot start python3: %s", strerror(-r));
	code->vars_len = 0;
	tcp_info_python(info, len, text, (tcp_info_put_fn *)put, code);
	put(code, "%s\n%s\n\n", extra ? extra : "", text);

	ssize_t n = ask(code, code->vars, code->vars_len, msg, sizeof(msg));

	if (n < 0)
		return diag_set(diag, at, "python3 went away");
	if (n > 0)
		return diag_set(diag, at, "assertion failed: %s\n    in: %.400s", msg, text);
	return 0;
}
