/* SPDX-License-Identifier: Apache-2.0 */
/* System calls with structures: options, messages, poll and epoll. */
#include <arpa/inet.h>
#include <errno.h>
#include <time.h>

#include <linux/errqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "nsdrill/call.h"

#define CONTROL_MAX 512

static int field(struct call_ctx *cc, const struct expr *e, const char *name, int64_t *ret)
{
	const struct expr *f = expr_field(e, name);

	if (!f)
		return diag_set(cc->run->diag, e->at, "%s= is missing", name);
	return eval_int(f, ret, cc->run->diag);
}

/* An option's value as bytes: [n], a string, {onoff=, linger=}, an address. */
static int option_value(struct call_ctx *cc, const struct expr *e, uint8_t buf[256], size_t *len)
{
	int64_t v;

	memset(buf, 0, 256);
	if (e->kind == EXPR_STRING) {
		*len = e->len < 255 ? e->len : 255;
		memcpy(buf, e->text, *len);
		return 0;
	}
	if (e->kind == EXPR_STRUCT && expr_field(e, "onoff")) {
		int64_t onoff, secs;

		if (field(cc, e, "onoff", &onoff) < 0 || field(cc, e, "linger", &secs) < 0)
			return -EINVAL;

		struct linger l = {(int)onoff, (int)secs};

		memcpy(buf, &l, sizeof(l));
		*len = sizeof(l);
		return 0;
	}
	if (e->kind == EXPR_CALL && e->count == 1 && e->items[0]->kind == EXPR_STRING) {
		bool v6 = strcmp(e->text, "inet6_addr") == 0;

		*len = v6 ? 16 : 4;
		if (inet_pton(v6 ? AF_INET6 : AF_INET, e->items[0]->text, buf) == 1)
			return 0;
		return diag_set(cc->run->diag, e->at, "%s is not an address", e->items[0]->text);
	}
	if (e->kind == EXPR_ELLIPSIS) {
		*len = 0;
		return 0;
	}
	if (eval_int(e, &v, cc->run->diag) < 0)
		return -EINVAL;

	int32_t v32 = (int32_t)v;

	memcpy(buf, &v32, 4);
	*len = 4;
	return 0;
}

int call_prep_setsockopt(struct call_ctx *cc)
{
	int64_t len;
	size_t have;

	cc->req->buf = call_alloc(cc, 256);
	if (call_int(cc, 1, &cc->req->a[0]) < 0 || call_int(cc, 2, &cc->req->a[1]) < 0 ||
	    option_value(cc, cc->call->args[3], cc->req->buf, &have) < 0 ||
	    call_int(cc, 4, &len) < 0)
		return -EINVAL;
	if (len < 0 || len > 256)
		return run_fail(cc->run, "option length is out of range");
	cc->req->len = (size_t)len;
	return 0;
}

int call_prep_getsockopt(struct call_ctx *cc)
{
	int64_t len;

	if (call_int(cc, 1, &cc->req->a[0]) < 0 || call_int(cc, 2, &cc->req->a[1]) < 0 ||
	    call_int(cc, 4, &len) < 0)
		return -EINVAL;
	if (len < 0 || len > 4096)
		return run_fail(cc->run, "option length is out of range");
	cc->req->buf = call_alloc(cc, (size_t)len + 256);
	cc->req->len = (size_t)len;
	return 0;
}

static int check_getsockopt(struct call_ctx *cc)
{
	const struct expr *want = cc->call->args[3];
	uint8_t buf[256];
	int64_t len;
	size_t have;

	if (cc->req->result < 0 || want->kind == EXPR_ELLIPSIS)
		return 0;
	if (option_value(cc, want, buf, &have) < 0 || call_int(cc, 4, &len) < 0)
		return -EINVAL;
	if ((size_t)len != cc->req->len)
		return run_fail(cc->run, "option is %zu bytes long, expected %lld", cc->req->len,
				(long long)len);
	if (memcmp(buf, cc->req->buf, have < (size_t)len ? have : (size_t)len) == 0)
		return 0;
	if (len == 4) {
		int32_t a, b;

		memcpy(&a, buf, 4);
		memcpy(&b, cc->req->buf, 4);
		return run_fail(cc->run, "option is %d, expected %d", b, a);
	}
	return run_fail(cc->run, "option differs from the expected %zu bytes", have);
}

int call_prep_ioctl(struct call_ctx *cc)
{
	return call_int(cc, 1, &cc->req->a[0]);
}

static int put_cmsg(struct call_ctx *cc, struct cmsghdr *cm, const struct expr *e, size_t room)
{
	const struct expr *data = expr_field(e, "cmsg_data");
	int64_t level, type, v;
	size_t len = 0;
	uint8_t *to = CMSG_DATA(cm);

	if (room < CMSG_SPACE(128))
		return diag_set(cc->run->diag, e->at, "too many control messages");
	if (!data || field(cc, e, "cmsg_level", &level) < 0 || field(cc, e, "cmsg_type", &type) < 0)
		return -EINVAL;
	if (data->kind == EXPR_STRUCT && expr_field(data, "ee_errno")) {
		static const char *const names[] = {"ee_errno", "ee_origin", "ee_type",
						    "ee_code",	"ee_info",   "ee_data"};
		int64_t f[6];

		for (int i = 0; i < 6; i++) {
			if (field(cc, data, names[i], &f[i]) < 0)
				return -EINVAL;
		}

		struct sock_extended_err ee = {
			.ee_errno = (uint32_t)f[0],
			.ee_origin = (uint8_t)f[1],
			.ee_type = (uint8_t)f[2],
			.ee_code = (uint8_t)f[3],
			.ee_info = (uint32_t)f[4],
			.ee_data = (uint32_t)f[5],
		};

		memcpy(to, &ee, sizeof(ee));
		len = sizeof(ee) +
		      (level == SOL_IP ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	} else if (data->kind == EXPR_STRUCT && expr_field(data, "scm_sec")) {
		struct scm_timestamping ts = {0};
		int64_t sec, nsec;

		if (field(cc, data, "scm_sec", &sec) < 0 || field(cc, data, "scm_nsec", &nsec) < 0)
			return -EINVAL;
		ts.ts[0].tv_sec = sec;
		ts.ts[0].tv_nsec = nsec;
		memcpy(to, &ts, sizeof(ts));
		len = sizeof(ts);
	} else {
		if (eval_int(data, &v, cc->run->diag) < 0)
			return -EINVAL;

		int32_t v32 = (int32_t)v;

		memcpy(to, &v32, 4);
		len = 4;
	}
	cm->cmsg_level = (int)level;
	cm->cmsg_type = (int)type;
	cm->cmsg_len = CMSG_LEN(len);
	return (int)CMSG_SPACE(len);
}

/* The control messages that the script writes down, as bytes in @buf. Returns the length. */
static int put_control(struct call_ctx *cc, const struct expr *list, uint8_t *buf)
{
	size_t len = 0;

	memset(buf, 0, CONTROL_MAX);
	for (size_t i = 0; list && i < list->count; i++) {
		int n = put_cmsg(cc, (struct cmsghdr *)(buf + len), list->items[i],
				 CONTROL_MAX - len);

		if (n < 0)
			return n;
		len += (size_t)n;
	}
	return (int)len;
}

int call_prep_msg(struct call_ctx *cc)
{
	const struct expr *m = cc->call->args[1];
	const struct expr *iov = expr_field(m, "msg_iov");
	struct conn *c = run_conn_by_fd(cc->run, cc->script_fd);

	if (!iov)
		return diag_set(cc->run->diag, m->at, "msg_iov(n)=[...] is missing");
	if (call_iov(cc, iov) < 0 || call_int(cc, 2, &cc->req->a[0]) < 0)
		return -EINVAL;
	cc->req->msg.msg_control = call_alloc(cc, CONTROL_MAX);
	if (cc->req->sys == SYS_RECVMSG) {
		cc->req->msg.msg_controllen = CONTROL_MAX;
		return 0;
	}

	int n = put_control(cc, expr_field(m, "msg_control"), cc->req->msg.msg_control);

	if (n < 0)
		return n;
	cc->req->msg.msg_controllen = (size_t)n;
	if (!c || c->state == CONN_NEW || c->protocol != IPPROTO_TCP) {
		struct call peer = {.nargs = 0};
		struct call_ctx inner = *cc;

		inner.call = &peer;
		call_peer(&inner);
		cc->req->msg.msg_name = &cc->req->addr;
		cc->req->msg.msg_namelen = cc->req->addr_len;
	}
	return 0;
}

static int same_cmsg(struct call_ctx *cc, const struct cmsghdr *want, const struct cmsghdr *got,
		     int i)
{
	size_t len = want->cmsg_len - CMSG_LEN(0);
	const uint8_t *a = CMSG_DATA(want), *b = CMSG_DATA(got);

	if (want->cmsg_level != got->cmsg_level || want->cmsg_type != got->cmsg_type ||
	    want->cmsg_len != got->cmsg_len)
		return run_fail(
			cc->run,
			"control message %d is level %d type %d length %zu, expected %d %d %zu", i,
			got->cmsg_level, got->cmsg_type, got->cmsg_len, want->cmsg_level,
			want->cmsg_type, want->cmsg_len);
	if (want->cmsg_level == SOL_SOCKET && want->cmsg_type == SCM_TIMESTAMPING) {
		struct scm_timestamping ts, have;

		memcpy(&ts, a, sizeof(ts));
		memcpy(&have, b, sizeof(have));

		int64_t us = ts.ts[0].tv_sec * 1000000 + ts.ts[0].tv_nsec / 1000;
		int64_t got_us = have.ts[0].tv_sec * 1000000 + have.ts[0].tv_nsec / 1000;

		if (us && !cc->run->target->ops->real_time &&
		    (us - got_us > cc->run->cfg->tolerance_us ||
		     got_us - us > cc->run->cfg->tolerance_us))
			return run_fail(cc->run, "timestamp is %lld us, expected %lld",
					(long long)got_us, (long long)us);
		return 0;
	}
	if (len > sizeof(struct sock_extended_err) + 8)
		len = sizeof(struct sock_extended_err); /* the address is not written down */
	if (memcmp(a, b, len) == 0)
		return 0;
	if (len == sizeof(struct sock_extended_err)) {
		struct sock_extended_err w, g;

		memcpy(&w, a, len);
		memcpy(&g, b, len);
		return run_fail(cc->run,
				"error is errno %u origin %u type %u code %u info %u data %u, "
				"expected %u %u %u %u %u %u",
				g.ee_errno, g.ee_origin, g.ee_type, g.ee_code, g.ee_info, g.ee_data,
				w.ee_errno, w.ee_origin, w.ee_type, w.ee_code, w.ee_info,
				w.ee_data);
	}
	if (len == 4)
		return run_fail(cc->run, "control message %d is %u, expected %u", i,
				*(const uint32_t *)b, *(const uint32_t *)a);
	return run_fail(cc->run, "data of control message %d differ", i);
}

static int check_recvmsg(struct call_ctx *cc)
{
	const struct expr *m = cc->call->args[1];
	_Alignas(struct cmsghdr) uint8_t buf[CONTROL_MAX];
	int64_t flags;

	if (m->kind != EXPR_STRUCT || cc->req->result < 0)
		return 0;
	if (expr_field(m, "msg_flags")) {
		if (field(cc, m, "msg_flags", &flags) < 0)
			return -EINVAL;
		if (flags != cc->req->msg.msg_flags)
			return run_fail(cc->run, "msg_flags are 0x%x, expected 0x%x",
					cc->req->msg.msg_flags, (unsigned)flags);
	}
	if (!expr_field(m, "msg_control"))
		return 0;

	int len = put_control(cc, expr_field(m, "msg_control"), buf);

	if (len < 0)
		return len;

	struct msghdr want = {.msg_control = buf, .msg_controllen = (size_t)len};
	struct cmsghdr *w = CMSG_FIRSTHDR(&want), *g = CMSG_FIRSTHDR(&cc->req->msg);
	int r = 0;

	for (int i = 1; w && g && r == 0; i++) {
		r = same_cmsg(cc, w, g, i);
		w = CMSG_NXTHDR(&want, w);
		g = CMSG_NXTHDR(&cc->req->msg, g);
	}
	if (r == 0 && (w || g))
		return run_fail(cc->run, "there are %s control messages than expected",
				w ? "fewer" : "more");
	return r;
}

int call_prep_poll(struct call_ctx *cc)
{
	const struct expr *list = cc->call->args[0];

	if (list->kind != EXPR_LIST || list->count > REQ_POLLFDS_MAX)
		return run_fail(cc->run, "poll() wants a list of {fd=, events=, revents=}");
	for (size_t i = 0; i < list->count; i++) {
		const struct expr *fd = expr_field(list->items[i], "fd");
		int64_t events;

		if (!fd || run_live_fd(cc->run, fd, &cc->req->pollfds[i].fd) < 0 ||
		    field(cc, list->items[i], "events", &events) < 0)
			return -EINVAL;
		cc->req->pollfds[i].events = (short)events;
	}
	cc->req->npollfds = list->count;
	return call_int(cc, 2, &cc->req->a[0]);
}

static int check_poll(struct call_ctx *cc)
{
	const struct expr *list = cc->call->args[0];

	for (size_t i = 0; i < list->count; i++) {
		int64_t want = 0;

		if (expr_field(list->items[i], "revents") &&
		    field(cc, list->items[i], "revents", &want) < 0)
			return -EINVAL;
		if ((short)want != cc->req->pollfds[i].revents)
			return run_fail(cc->run, "revents is 0x%x, expected 0x%x",
					(unsigned)cc->req->pollfds[i].revents, (unsigned)want);
	}
	return 0;
}

static int epoll_event(struct call_ctx *cc, const struct expr *e, struct epoll_event *ev)
{
	static const char *const names[] = {"ptr", "u32", "u64"};
	const struct expr *fd = expr_field(e, "fd");
	int64_t events, v = 0;
	int live;

	memset(ev, 0, sizeof(*ev));
	if (e->kind == EXPR_ELLIPSIS)
		return 0;
	if (field(cc, e, "events", &events) < 0)
		return -EINVAL;
	ev->events = (uint32_t)events;
	if (fd) {
		if (run_live_fd(cc->run, fd, &live) < 0)
			return -EINVAL;
		ev->data.fd = live;
		return 0;
	}
	for (int i = 0; i < 3; i++) {
		if (expr_field(e, names[i]) && field(cc, e, names[i], &v) < 0)
			return -EINVAL;
	}
	ev->data.u64 = (uint64_t)v;
	return 0;
}

int call_prep_epoll_ctl(struct call_ctx *cc)
{
	if (call_int(cc, 1, &cc->req->a[0]) < 0 ||
	    run_live_fd(cc->run, cc->call->args[2], &cc->req->fd2) < 0)
		return -EINVAL;
	return epoll_event(cc, cc->call->args[3], &cc->req->events[0]);
}

int call_prep_epoll_wait(struct call_ctx *cc)
{
	return call_int(cc, 2, &cc->req->a[0]) < 0 ? -EINVAL : call_int(cc, 3, &cc->req->a[1]);
}

static int check_epoll(struct call_ctx *cc)
{
	struct epoll_event want;
	const struct epoll_event *got = &cc->req->events[0];

	if (cc->req->result <= 0 || cc->call->args[1]->kind == EXPR_ELLIPSIS)
		return 0;
	if (epoll_event(cc, cc->call->args[1], &want) < 0)
		return -EINVAL;
	if (want.events != got->events)
		return run_fail(cc->run, "events is 0x%x, expected 0x%x", got->events, want.events);
	if (want.data.u64 != got->data.u64)
		return run_fail(cc->run, "data is %llu, expected %llu",
				(unsigned long long)got->data.u64,
				(unsigned long long)want.data.u64);
	return 0;
}

int call_check_output(struct call_ctx *cc)
{
	int64_t want;

	switch (cc->req->sys) {
	case SYS_GETSOCKOPT:
		return check_getsockopt(cc);
	case SYS_RECVMSG:
		return check_recvmsg(cc);
	case SYS_POLL:
		return check_poll(cc);
	case SYS_EPOLL_WAIT:
		return check_epoll(cc);
	case SYS_IOCTL:
		if (cc->call->nargs < 3 || cc->req->result < 0)
			return 0;
		if (call_int(cc, 2, &want) < 0)
			return -EINVAL;
		if (want != cc->req->value)
			return run_fail(cc->run, "value is %d, expected %lld", cc->req->value,
					(long long)want);
		return 0;
	default:
		return 0;
	}
}
