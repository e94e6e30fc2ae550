/* SPDX-License-Identifier: Apache-2.0 */
/* Streams the frames of a running sandbox as pcapng, until interrupted or until it ends.
 *
 * The sandbox writes into a pipe that we drain, so that it never holds the file itself and a slow
 * disk does not matter to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "cli/log.h"
#include "cmd/cmd.h"
#include "container/control.h"

struct capture_options {
	const char *file, *snaplen, *link;
};

static const struct option_def options[] = {
	{"write", 'w', OPTION_STRING, offsetof(struct capture_options, file), "FILE|-",
	 "where the capture goes (-: stdout)"},
	{"snaplen", 's', OPTION_STRING, offsetof(struct capture_options, snaplen), "N",
	 "bytes kept of each frame (all)"},
	{"link", 'i', OPTION_STRING, offsetof(struct capture_options, link), "N",
	 "only this link, by number (all)"},
	{0},
};

/* The operands joined by spaces: the filter expression. */
static char *join(char **words, size_t n)
{
	size_t size = 1;
	char *text;

	for (size_t i = 0; i < n; i++)
		size += strlen(words[i]) + 1;
	text = calloc(1, size);
	for (size_t i = 0; text && i < n; i++) {
		if (i)
			strcat(text, " ");
		strcat(text, words[i]);
	}
	return text;
}

/* A struct control_capture and the compiled program, to be freed. */
static int build_request(struct cmd_call *call, void **ret, size_t *ret_len)
{
	const struct capture_options *o = call->values;
	struct control_capture head = {
		.link = o->link ? (uint32_t)strtoul(o->link, NULL, 10) : UINT32_MAX,
		.snaplen = o->snaplen ? (uint32_t)strtoul(o->snaplen, NULL, 10) : 0,
	};
	char *text = join(call->args + 1, call->n_args - 1);
	struct bpf_program prog = {0};
	pcap_t *pcap = NULL;
	char *buf;
	int r = 0;

	if (text && text[0]) {
		pcap = pcap_open_dead(DLT_EN10MB, 262144);
		if (!pcap || pcap_compile(pcap, &prog, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
			r = cause_set(call->cause, -EINVAL, "filter \"%.200s\": %s", text,
				      pcap ? pcap_geterr(pcap) : "out of memory");
	}
	head.n_insns = prog.bf_len;
	buf = malloc(sizeof(head) + prog.bf_len * sizeof(struct control_filter_insn));
	if (r >= 0 && buf) {
		memcpy(buf, &head, sizeof(head));
		for (unsigned i = 0; i < prog.bf_len; i++) {
			struct control_filter_insn insn = {prog.bf_insns[i].code,
							   prog.bf_insns[i].jt, prog.bf_insns[i].jf,
							   prog.bf_insns[i].k};

			memcpy(buf + sizeof(head) + i * sizeof(insn), &insn, sizeof(insn));
		}
		*ret = TAKE(buf);
		*ret_len = sizeof(head) + prog.bf_len * sizeof(struct control_filter_insn);
	}
	free(buf);
	free(text);
	if (pcap) {
		pcap_freecode(&prog);
		pcap_close(pcap);
	}
	return r;
}

static int write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static int copy_some(int from, int to)
{
	static char buf[1 << 16];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -errno;
	if (n == 0)
		return 0;

	int r = write_all(to, buf, (size_t)n);

	return r < 0 ? r : 1;
}

/* Until the pipe ends, the output fails, or we are told to stop; then the rest of the pipe. */
static int pump(int ctl_fd, int pipe_fd, int out_fd)
{
	sigset_t set;
	bool stopping = false;
	int sfd, r = 1;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sfd = signalfd(-1, &set, SFD_CLOEXEC);
	while (r > 0) {
		struct pollfd p[4] = {{pipe_fd, POLLIN, 0},
				      {stopping ? -1 : sfd, POLLIN, 0},
				      {stopping ? -1 : ctl_fd, POLLIN, 0},
				      {out_fd, POLLERR, 0}};

		if (poll(p, 4, stopping ? 1000 : -1) == 0)
			break;
		if (p[0].revents)
			r = copy_some(pipe_fd, out_fd);
		else if (p[3].revents & POLLERR)
			break;
		if (p[1].revents || p[2].revents) {
			/* Hanging up makes the sandbox write the last blocks and close its end. */
			stopping = true;
			(void)shutdown(ctl_fd, SHUT_RDWR);
		}
	}
	close(sfd);
	return r == -EPIPE ? 0 : r < 0 ? r : 0;
}

static int stream(struct cmd_call *call, struct container *c, int out_fd)
{
	struct control_call ctl = {.req.op = CONTROL_CAPTURE, .n_fds = 1, .timeout_ms = 10000};
	struct control_reply reply;
	void *payload = NULL;
	int p[2], fd, r = build_request(call, &payload, &ctl.payload_len);

	if (r < 0)
		return r;
	ctl.payload = payload;
	if (pipe2(p, O_CLOEXEC) < 0) {
		free(payload);
		return cause_errno(call->cause, -errno, "pipe");
	}
	(void)fcntl(p[1], F_SETFL, O_NONBLOCK);
	(void)fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
	ctl.fds = &p[1];
	fd = control_connect(c, call->cause);
	r = fd < 0 ? fd : control_exchange(fd, &ctl, &reply, NULL, call->cause);
	close(p[1]);
	free(payload);
	if (r >= 0) {
		r = pump(fd, p[0], out_fd);
		if (r < 0)
			cause_errno(call->cause, r, "writing the capture");
	}
	close(p[0]);
	if (fd >= 0)
		close(fd);
	return r;
}

static int run(struct cmd_call *call)
{
	CLEANUP(container_closep) struct container *c = NULL;
	const struct capture_options *o = call->values;
	int fd, r = container_open(&c, call->g->root, call->args[0], false, call->cause);

	if (r < 0)
		return r;
	if (c->status == CONTAINER_STOPPED)
		return cause_set(call->cause, -ESRCH, "container not running");
	(void)signal(SIGPIPE, SIG_IGN);
	if (!o->file || !strcmp(o->file, "-")) {
		if (isatty(STDOUT_FILENO))
			return cause_set(call->cause, -EINVAL,
					 "a capture is not text: use -w FILE, or -w - into a pipe");
		return stream(call, c, STDOUT_FILENO);
	}
	fd = open(o->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return cause_errno(call->cause, -errno, "--write: %s", o->file);
	r = stream(call, c, fd);
	close(fd);
	return r;
}

const struct cmd cmd_capture = {
	.name = "capture",
	.usage = "CONTAINER [FILTER...]",
	.help = "write the frames of a running container as pcapng",
	.run = run,
	.options = options,
	.values_size = sizeof(struct capture_options),
	.min_args = 1,
	.max_args = SIZE_MAX,
};
