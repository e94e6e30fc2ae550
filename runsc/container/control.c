/* SPDX-License-Identifier: Apache-2.0 */
#include "container/control.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* The path of a socket address is short, the state directory's may be long: go through the fd. */
static struct sockaddr_un address(const struct container *c)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/control.sock", c->dir_fd);
	return sa;
}

int control_listen(const struct container *c, struct cause *cause)
{
	struct sockaddr_un sa = address(c);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return cause_errno(cause, -errno, "control socket");
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 64) < 0) {
		int r = cause_errno(cause, -errno, "control socket of container %s", c->id);

		close(fd);
		return r;
	}
	return fd;
}

int control_connect(const struct container *c, struct cause *cause)
{
	struct sockaddr_un sa = address(c);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return cause_errno(cause, -errno, "control socket");
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int r = -errno;

		close(fd);
		if (r == -ECONNREFUSED || r == -ENOENT)
			return cause_set(cause, r, "container not running");
		return cause_errno(cause, r, "control socket of container %s", c->id);
	}
	return fd;
}

static int send_request(int fd, const struct control_call *call)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * CONTROL_MAX_FDS)];
		struct cmsghdr align;
	} ctl = {0};
	struct control_request req = call->req;
	struct iovec iov[2] = {{&req, sizeof(req)}, {(void *)call->payload, call->payload_len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = call->payload_len ? 2 : 1};

	if (call->payload_len + sizeof(req) > CONTROL_MAX_MSG || call->n_fds > CONTROL_MAX_FDS)
		return -E2BIG;
	req.len = (uint32_t)call->payload_len;
	if (call->n_fds) {
		struct cmsghdr *c;

		msg.msg_control = ctl.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * call->n_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * call->n_fds);
		memcpy(CMSG_DATA(c), call->fds, sizeof(int) * call->n_fds);
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* What a hostile sandbox says must not reach the terminal as it is. */
static void make_printable(char *text, bool lines)
{
	for (; *text; text++) {
		unsigned char ch = (unsigned char)*text;

		if (iscntrl(ch) && !(lines && (ch == '\n' || ch == '\t')))
			*text = '?';
	}
}

int control_read_reply(int fd, struct control_reply *ret, char **ret_text, int timeout_ms,
		       struct cause *cause)
{
	struct pollfd p = {fd, POLLIN, 0};
	char *text = calloc(1, CONTROL_MAX_MSG + 1);
	struct iovec iov[2] = {{ret, sizeof(*ret)}, {text, CONTROL_MAX_MSG}};
	ssize_t n;
	int r;

	if (!text)
		return cause_errno(cause, -ENOMEM, "control reply");
	do {
		r = poll(&p, 1, timeout_ms ? timeout_ms : -1);
	} while (r < 0 && errno == EINTR && !timeout_ms);
	n = r > 0 ? readv(fd, iov, 2) : r;
	if (n < 0 || r == 0) {
		r = r == 0 ? -ETIMEDOUT : -errno;
		free(text);
		return cause_errno(cause, r, "sandbox does not answer");
	}
	if ((size_t)n < sizeof(*ret)) {
		free(text);
		return n ? cause_set(cause, -EPROTO, "sandbox sent a malformed reply")
			 : cause_set(cause, -ECONNRESET, "container not running");
	}
	ret->message[sizeof(ret->message) - 1] = 0;
	make_printable(ret->message, false);
	text[(size_t)n - sizeof(*ret)] = 0;
	make_printable(text, true);
	if (ret_text)
		*ret_text = TAKE(text);
	free(text);
	if (ret->error < 0 && ret->message[0])
		return cause_set(cause, ret->error, "%s", ret->message);
	if (ret->error < 0)
		return cause_set(cause, ret->error, "%s", strerror(-ret->error));
	return 0;
}

int control_exchange(int fd, const struct control_call *call, struct control_reply *ret,
		     char **ret_text, struct cause *cause)
{
	int r = send_request(fd, call);

	if (r == -EPIPE || r == -ECONNRESET)
		return cause_set(cause, r, "container not running");
	if (r < 0)
		return cause_errno(cause, r, "request to the sandbox");
	return control_read_reply(fd, ret, ret_text, call->timeout_ms, cause);
}

int control_once(const struct container *c, const struct control_call *call,
		 struct control_reply *ret, char **ret_text, struct cause *cause)
{
	struct control_reply reply;
	int fd = control_connect(c, cause);
	int r;

	if (fd < 0)
		return fd;
	r = control_exchange(fd, call, ret ? ret : &reply, ret_text, cause);
	close(fd);
	return r;
}
