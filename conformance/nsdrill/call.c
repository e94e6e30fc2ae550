/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of a script: arguments into a request, and what came back against what was said. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nsdrill/call.h"
#include "util/cleanup.h"

#define BUFFER_MAX (64 << 20)

int call_int(struct call_ctx *cc, size_t i, int64_t *ret)
{
	return eval_int(cc->call->args[i], ret, cc->run->diag);
}

void *call_alloc(struct call_ctx *cc, size_t len)
{
	return arena_alloc(&cc->pending->arena, len ? len : 1);
}

static int arg_count(struct call_ctx *cc, size_t want)
{
	if (cc->call->nargs == want)
		return 0;
	return run_fail(cc->run, "%s() takes %zu arguments, not %zu", cc->call->name, want,
			cc->call->nargs);
}

static int arg_fd(struct call_ctx *cc)
{
	return run_live_fd(cc->run, cc->call->args[0], &cc->req->fd);
}

int call_iov(struct call_ctx *cc, const struct expr *list)
{
	struct msghdr *msg = &cc->req->msg;

	if (list->kind != EXPR_LIST)
		return diag_set(cc->run->diag, list->at, "a list of {..., length} is expected");
	msg->msg_iov = call_alloc(cc, list->count * sizeof(struct iovec));
	msg->msg_iovlen = list->count;
	for (size_t i = 0; i < list->count; i++) {
		const struct expr *e = list->items[i];
		int64_t len;

		if (e->kind != EXPR_GROUP || e->count != 2)
			return diag_set(cc->run->diag, e->at, "{..., length} is expected");
		if (eval_int(e->items[1], &len, cc->run->diag) < 0)
			return -EINVAL;
		if (len < 0 || len > BUFFER_MAX)
			return diag_set(cc->run->diag, e->at, "length is out of range");
		msg->msg_iov[i] = (struct iovec){call_alloc(cc, (size_t)len), (size_t)len};
	}
	return 0;
}

/* A buffer of zeros of as many bytes as argument @i says. */
static int arg_buffer(struct call_ctx *cc, size_t i)
{
	struct msghdr *msg = &cc->req->msg;
	const struct expr *what = cc->call->args[i - 1];
	int64_t len;

	if (call_int(cc, i, &len) < 0)
		return -EINVAL;
	if (len < 0 || len > BUFFER_MAX)
		return run_fail(cc->run, "length is out of range");
	msg->msg_iov = call_alloc(cc, sizeof(struct iovec));
	msg->msg_iovlen = 1;
	bool null = what->kind == EXPR_WORD || what->kind == EXPR_INT;

	msg->msg_iov[0] = (struct iovec){null ? NULL : call_alloc(cc, (size_t)len), (size_t)len};
	return 0;
}

static void put_sockaddr(struct request *req, const struct config *cfg, bool ours)
{
	const uint8_t *bytes = ours ? cfg->local.bytes : cfg->remote.bytes;
	uint16_t port = htons(ours ? cfg->bind_port : cfg->connect_port);

	if (cfg->socket_family == AF_INET) {
		struct sockaddr_in *in = (void *)&req->addr;

		*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
		memcpy(&in->sin_addr, bytes, 4);
		req->addr_len = sizeof(*in);
		return;
	}

	struct sockaddr_in6 *in6 = (void *)&req->addr;

	*in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
	if (cfg->variant == VARIANT_MAPPED) {
		memset(in6->sin6_addr.s6_addr + 10, 0xff, 2);
		memcpy(in6->sin6_addr.s6_addr + 12, bytes, 4);
	} else {
		memcpy(&in6->sin6_addr, bytes, 16);
	}
	req->addr_len = sizeof(*in6);
}

/* The peer, or an address family alone (AF_UNSPEC dissolves an association). */
static int arg_peer(struct call_ctx *cc, size_t i)
{
	struct conn *c = run_conn_by_fd(cc->run, cc->script_fd);
	int64_t family;

	if (i < cc->call->nargs && cc->call->args[i]->kind != EXPR_ELLIPSIS) {
		if (call_int(cc, i, &family) < 0)
			return -EINVAL;
		memset(&cc->req->addr, 0, sizeof(cc->req->addr));
		cc->req->addr.ss_family = (sa_family_t)family;
		cc->req->addr_len = sizeof(struct sockaddr_in);
		if (family == AF_UNSPEC && c)
			c->state = CONN_NEW;
		if (family == AF_UNSPEC)
			return 0;
	}
	put_sockaddr(cc->req, cc->run->cfg, false);
	if (c && c->state == CONN_NEW) {
		uint16_t local = c->protocol == IPPROTO_TCP ? 0 : c->local_port;

		c->state = CONN_CONNECTING;
		c->remote_port = cc->run->cfg->connect_port;
		c->local_port = local;
	}
	return 0;
}

int call_peer(struct call_ctx *cc)
{
	return arg_peer(cc, 0);
}

static int prep_socket(struct call_ctx *cc)
{
	cc->req->a[0] = cc->run->cfg->socket_family;
	if (cc->call->args[0]->kind != EXPR_ELLIPSIS && call_int(cc, 0, &cc->req->a[0]) < 0)
		return -EINVAL;
	if (call_int(cc, 1, &cc->req->a[1]) < 0)
		return -EINVAL;
	return call_int(cc, 2, &cc->req->a[2]);
}

static int prep_bind(struct call_ctx *cc)
{
	struct conn *c = run_conn_by_fd(cc->run, cc->script_fd);

	put_sockaddr(cc->req, cc->run->cfg, true);
	if (c)
		c->local_port = cc->run->cfg->bind_port;
	return 0;
}

static int prep_rw(struct call_ctx *cc)
{
	return arg_buffer(cc, 2);
}

static int prep_rwv(struct call_ctx *cc)
{
	return call_iov(cc, cc->call->args[1]);
}

static int prep_send_recv(struct call_ctx *cc)
{
	bool has_addr = cc->call->nargs == 6;

	if (arg_buffer(cc, 2) < 0 || call_int(cc, 3, &cc->req->a[0]) < 0)
		return -EINVAL;
	if (has_addr && cc->req->sys == SYS_SENDMSG) {
		if (arg_peer(cc, 4) < 0)
			return -EINVAL;
		cc->req->msg.msg_name = &cc->req->addr;
		cc->req->msg.msg_namelen = cc->req->addr_len;
	}
	return 0;
}

static int prep_ints(struct call_ctx *cc)
{
	for (size_t i = 1; i < cc->call->nargs; i++) {
		if (cc->call->args[i]->kind == EXPR_ELLIPSIS)
			continue;
		if (call_int(cc, i, &cc->req->a[i - 1]) < 0)
			return -EINVAL;
	}
	return 0;
}

static int prep_connect(struct call_ctx *cc)
{
	return arg_peer(cc, 1);
}

static int prep_open(struct call_ctx *cc)
{
	if (cc->call->args[0]->kind != EXPR_STRING)
		return run_fail(cc->run, "a file name is expected");
	cc->req->path = cc->call->args[0]->text;
	return call_int(cc, 1, &cc->req->a[0]);
}

static int prep_sendfile(struct call_ctx *cc)
{
	int64_t len;

	if (run_live_fd(cc->run, cc->call->args[1], &cc->req->fd2) < 0 ||
	    call_int(cc, 2, &cc->req->off) < 0 || call_int(cc, 3, &len) < 0)
		return -EINVAL;
	cc->req->len = (size_t)len;
	return 0;
}

static int prep_splice(struct call_ctx *cc)
{
	int64_t len;

	if (run_live_fd(cc->run, cc->call->args[2], &cc->req->fd2) < 0 || call_int(cc, 4, &len) < 0)
		return -EINVAL;
	cc->req->len = (size_t)len;
	return call_int(cc, 5, &cc->req->a[0]);
}

static int prep_epoll_create(struct call_ctx *cc)
{
	return call_int(cc, 0, &cc->req->a[0]);
}

static int prep_pipe(struct call_ctx *cc)
{
	return cc->call->args[0]->kind == EXPR_LIST && cc->call->args[0]->count == 2
		       ? 0
		       : run_fail(cc->run, "pipe([in, out]) is expected");
}

#define FD0 1 /* the first argument is a file descriptor */

static const struct {
	const char *name;
	enum sys sys;
	size_t nargs, max;
	int flags;
	int (*prep)(struct call_ctx *cc);
} table[] = {
	{"socket", SYS_SOCKET, 3, 3, 0, prep_socket},
	{"bind", SYS_BIND, 3, 3, FD0, prep_bind},
	{"listen", SYS_LISTEN, 2, 2, FD0, prep_ints},
	{"accept", SYS_ACCEPT, 3, 3, FD0, NULL},
	{"connect", SYS_CONNECT, 3, 3, FD0, prep_connect},
	{"read", SYS_READ, 3, 3, FD0, prep_rw},
	{"readv", SYS_READ, 3, 3, FD0, prep_rwv},
	{"write", SYS_WRITE, 3, 3, FD0, prep_rw},
	{"writev", SYS_WRITE, 3, 3, FD0, prep_rwv},
	{"recv", SYS_RECVMSG, 4, 4, FD0, prep_send_recv},
	{"recvfrom", SYS_RECVMSG, 6, 6, FD0, prep_send_recv},
	{"recvmsg", SYS_RECVMSG, 3, 3, FD0, call_prep_msg},
	{"send", SYS_SENDMSG, 4, 4, FD0, prep_send_recv},
	{"sendto", SYS_SENDMSG, 6, 6, FD0, prep_send_recv},
	{"sendmsg", SYS_SENDMSG, 3, 3, FD0, call_prep_msg},
	{"fcntl", SYS_FCNTL, 2, 3, FD0, prep_ints},
	{"ioctl", SYS_IOCTL, 2, 3, FD0, call_prep_ioctl},
	{"close", SYS_CLOSE, 1, 1, FD0, NULL},
	{"shutdown", SYS_SHUTDOWN, 2, 2, FD0, prep_ints},
	{"getsockopt", SYS_GETSOCKOPT, 5, 5, FD0, call_prep_getsockopt},
	{"setsockopt", SYS_SETSOCKOPT, 5, 5, FD0, call_prep_setsockopt},
	{"poll", SYS_POLL, 3, 3, 0, call_prep_poll},
	{"open", SYS_OPEN, 2, 2, 0, prep_open},
	{"sendfile", SYS_SENDFILE, 4, 4, FD0, prep_sendfile},
	{"epoll_create", SYS_EPOLL_CREATE, 1, 1, 0, prep_epoll_create},
	{"epoll_ctl", SYS_EPOLL_CTL, 4, 4, FD0, call_prep_epoll_ctl},
	{"epoll_wait", SYS_EPOLL_WAIT, 4, 4, FD0, call_prep_epoll_wait},
	{"pipe", SYS_PIPE, 1, 1, 0, prep_pipe},
	{"splice", SYS_SPLICE, 6, 6, FD0, prep_splice},
};

static int prepare(struct call_ctx *cc)
{
	const struct call *call = cc->call;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (strcmp(table[i].name, call->name) != 0)
			continue;
		if (call->nargs < table[i].nargs || call->nargs > table[i].max)
			return arg_count(cc, table[i].nargs);
		cc->req->sys = table[i].sys;
		if (table[i].flags & FD0) {
			int64_t fd;

			if (arg_fd(cc) < 0 || call_int(cc, 0, &fd) < 0)
				return -EINVAL;
			cc->script_fd = (int)fd;
		}
		return table[i].prep ? table[i].prep(cc) : 0;
	}
	return run_fail(cc->run, "there is no system call %s()", call->name);
}

static bool gives_fd(enum sys sys)
{
	return sys == SYS_SOCKET || sys == SYS_ACCEPT || sys == SYS_OPEN || sys == SYS_EPOLL_CREATE;
}

static int check_result(struct call_ctx *cc)
{
	const struct request *req = cc->req;
	int64_t want, want_err = 0;
	int r = 0;

	if (cc->call->result->kind == EXPR_ELLIPSIS)
		return 0;
	r = eval_int(cc->call->result, &want, cc->run->diag);
	if (r < 0)
		return r;

	int64_t got = req->result < 0 ? -1 : req->result;

	if (gives_fd(req->sys) && want >= 0 ? got < 0 : got != want) {
		char what[64] = "";

		if (req->result < 0)
			snprintf(what, sizeof(what), " %s", symbol_errno((int)-req->result));
		return run_fail(cc->run, "%s() returned %lld%s, expected %lld%s%s", cc->call->name,
				(long long)got, what, (long long)want, cc->call->error ? " " : "",
				cc->call->error ? cc->call->error : "");
	}
	if (!cc->call->error)
		return 0;
	if (!symbol_value(cc->call->error, &want_err))
		return run_fail(cc->run, "%s is not an errno", cc->call->error);
	if (-req->result != want_err)
		return run_fail(cc->run, "%s() failed with %s, expected %s", cc->call->name,
				req->result < 0 ? symbol_errno((int)-req->result) : "nothing",
				cc->call->error);
	return 0;
}

static int accepted(struct call_ctx *cc, int script_fd)
{
	const struct sockaddr_in *in = (const void *)&cc->req->addr;

	for (struct conn *c = cc->run->conns; c; c = c->next) {
		if (c->script_fd < 0 && c->remote_port == ntohs(in->sin_port)) {
			c->script_fd = script_fd;
			return 0;
		}
	}
	return run_fail(cc->run, "accept() gave a connection that the script knows nothing of");
}

/* What a call that returned means for the script's sockets. */
static int apply(struct call_ctx *cc)
{
	struct request *req = cc->req;
	struct run *run = cc->run;
	int64_t fd = 0;
	int r = 0;

	if (req->sys == SYS_CLOSE && req->result == 0) {
		for (size_t i = run->nfds; i-- > 0;) {
			if (run->fds[i].script == cc->script_fd) {
				run->fds[i].closed = true;
				break;
			}
		}
	}
	if (req->sys == SYS_LISTEN && req->result == 0) {
		struct conn *c = run_conn_by_fd(run, cc->script_fd);

		if (c)
			c->state = CONN_LISTENING;
	}
	if (req->sys == SYS_PIPE && req->result == 0) {
		for (int i = 0; i < 2 && r == 0; i++) {
			r = eval_int(cc->call->args[0]->items[i], &fd, run->diag);
			if (r == 0)
				r = run_fd_add(run, (int)fd, req->fds[i], false);
		}
		return r;
	}
	if (!gives_fd(req->sys) || req->result < 0)
		return 0;
	r = eval_int(cc->call->result, &fd, run->diag);
	if (r == 0)
		r = run_fd_add(run, (int)fd, (int)req->result, req->sys == SYS_ACCEPT);
	if (r == 0 && req->sys == SYS_SOCKET) {
		struct conn *c = run_conn_new(run);

		c->script_fd = (int)fd;
		c->type = (int)req->a[1];
		c->protocol = (int)req->a[2];
		if (c->protocol == IPPROTO_ICMPV6)
			c->protocol = IPPROTO_ICMP;
		if (c->protocol == 0)
			c->protocol = (c->type & 15) == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
	}
	return r == 0 && req->sys == SYS_ACCEPT ? accepted(cc, (int)fd) : r;
}

/* The call is over: everything is checked, and its memory goes. */
static int conclude(struct run *run)
{
	struct pending *p = run->pending;
	struct call_ctx cc = {run, &p->event->call, p, &p->req, -1};
	const struct event *now = run->event;
	int64_t fd = -1;

	run->pending = NULL;
	run->event = p->event;
	if (cc.call->nargs && cc.call->args[0]->kind == EXPR_INT)
		fd = cc.call->args[0]->num;
	cc.script_fd = (int)fd;

	int r = check_result(&cc);

	if (r == 0)
		r = apply(&cc);
	if (r == 0)
		r = call_check_output(&cc);
	if (r == 0 && cc.call->end_us != CALL_NOT_BLOCKING)
		r = run_check_time(run, p->event, p->end_us, p->end_us, p->begin_us, p->req.end_us,
				   "return of a blocking call");
	run->event = now;
	arena_fini(&p->arena);
	free(p);
	return r;
}

void run_call_poll(struct run *run, int *ret)
{
	if (run->pending && run->pending->req.done) {
		int r = conclude(run);

		if (*ret == 0)
			*ret = r;
	}
}

int run_call_settle(struct run *run, int64_t until_us)
{
	int r = 0;

	if (!run->pending)
		return 0;
	/* When it comes later, it is late: that is said better than that it did not come. */
	run->target->ops->await(run->target, &run->pending->req, until_us + 60 * 1000000LL);
	if (!run->pending->req.done) {
		run->event = run->pending->event;
		return run_fail(run, "%s() does not return", run->pending->event->call.name);
	}
	run_call_poll(run, &r);
	return r;
}

int run_call_event(struct run *run)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p)
		abort();

	struct call_ctx cc = {run, &run->event->call, p, &p->req, -1};
	int64_t now = run->target->ops->now(run->target);

	p->event = run->event;
	p->begin_us = now;
	p->end_us = cc.call->end_us;
	if (run->event->time == TIME_RELATIVE && p->end_us != CALL_NOT_BLOCKING)
		p->end_us += run->event_us - run->event->us;
	run->pending = p;

	int r = prepare(&cc);

	if (r < 0) {
		arena_fini(&p->arena);
		free(p);
		run->pending = NULL;
		return r;
	}
	run->target->ops->call(run->target, &p->req);
	if (p->req.done)
		return conclude(run);
	if (cc.call->end_us != CALL_NOT_BLOCKING)
		return 0;
	/* Not said to block, but it does: as a program would, the script waits for it. */
	return run_call_settle(run, now + 60 * 1000000LL);
}
