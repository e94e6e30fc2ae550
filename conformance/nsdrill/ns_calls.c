/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of a process whose sockets are netstack's. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "nsdrill/ns_priv.h"

struct nsfd *ns_fd(struct nst *t, int fd)
{
	int i = fd - NS_FD_FIRST;

	return i >= 0 && i < NS_FDS && t->fds[i].kind != NSFD_FREE ? &t->fds[i] : NULL;
}

static int fd_new(struct nst *t, enum nsfd_kind kind)
{
	for (int i = 0; i < NS_FDS; i++) {
		if (t->fds[i].kind == NSFD_FREE) {
			t->fds[i] = (struct nsfd){.kind = kind, .host = -1};
			return i + NS_FD_FIRST;
		}
	}
	return -EMFILE;
}

static int sock_fd_new(struct nst *t, net_sock_id id, int family, int type)
{
	int fd = fd_new(t, NSFD_SOCK);

	if (fd < 0) {
		(void)net_sock_close(t->stack, id);
		return fd;
	}
	ns_fd(t, fd)->id = id;
	ns_fd(t, fd)->family = family;
	ns_fd(t, fd)->type = type & 15;
	ns_fd(t, fd)->flags = O_RDWR | (type & SOCK_NONBLOCK ? O_NONBLOCK : 0);
	(void)net_sock_set_cookie(t->stack, id, (uint64_t)fd);
	return fd;
}

static void fd_close(struct nst *t, struct nsfd *f)
{
	int fd = (int)(f - t->fds) + NS_FD_FIRST;

	for (int i = 0; i < NS_FDS; i++) {
		for (int j = 0; t->fds[i].kind == NSFD_EPOLL && j < NS_EPOLL_ITEMS; j++) {
			if (t->fds[i].items[j].fd == fd)
				t->fds[i].items[j].fd = 0;
		}
	}
	if (f->kind == NSFD_SOCK)
		(void)net_sock_close(t->stack, f->id);
	if (f->kind == NSFD_FILE)
		close(f->host);
	if (f->kind == NSFD_PIPE && --f->pipe->refs == 0)
		free(f->pipe);
	f->kind = NSFD_FREE;
}

void ns_fds_close(struct nst *t)
{
	for (int i = 0; i < NS_FDS; i++) {
		if (t->fds[i].kind != NSFD_FREE)
			fd_close(t, &t->fds[i]);
	}
}

static int64_t now_us(const struct nst *t)
{
	return t->now / 1000;
}

/* Whether the call may sleep on @f, and has not slept too long. */
static bool may_block(struct nst *t, const struct nsfd *f, const struct request *req, bool receive)
{
	int64_t limit = receive ? f->rcvtimeo_us : f->sndtimeo_us;

	if (f->flags & O_NONBLOCK)
		return false;
	if ((req->sys == SYS_RECVMSG || req->sys == SYS_SENDMSG) && req->a[0] & MSG_DONTWAIT)
		return false;
	return !limit || now_us(t) - req->begin_us < limit;
}

static uint32_t fd_ready(struct nst *t, const struct nsfd *f)
{
	if (f->kind == NSFD_SOCK)
		return net_sock_poll(t->stack, f->id);
	if (f->kind == NSFD_PIPE)
		return (f->pipe->len ? EPOLLIN : 0) | (f->pipe->len < NS_PIPE_BYTES ? EPOLLOUT : 0);
	return EPOLLIN | EPOLLOUT;
}

static int64_t do_socket(struct nst *t, struct request *req)
{
	int type = (int)req->a[1];
	net_sock_id id;
	int r = net_sock_open(t->stack, &id, (int)req->a[0], type & 15, (int)req->a[2]);

	return r < 0 ? r : sock_fd_new(t, id, (int)req->a[0], type);
}

static int64_t do_accept(struct nst *t, struct nsfd *f, struct request *req)
{
	net_sock_id id;
	int family = f->family;

	req->addr_len = sizeof(req->addr);

	int r = net_sock_accept(t->stack, f->id, &id, (struct sockaddr *)&req->addr,
				&req->addr_len);

	if (r == -EAGAIN && may_block(t, f, req, true))
		return NS_BLOCK;
	return r < 0 ? r : sock_fd_new(t, id, family, SOCK_STREAM);
}

/* The result of a connection attempt that goes on: what SO_ERROR says once it is writable. */
static int64_t connect_wait(struct nst *t, struct nsfd *f, struct request *req)
{
	int32_t err = 0;
	socklen_t len = sizeof(err);

	if (!(net_sock_poll(t->stack, f->id) & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return may_block(t, f, req, false) ? NS_BLOCK : -EINPROGRESS;
	(void)net_sock_getopt(t->stack, f->id, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err)
		return -err;
	if (!req->addr_len) /* the first data of a deferred fast open */
		return 0;

	int r = net_sock_connect(t->stack, f->id, (const struct sockaddr *)&req->addr,
				 req->addr_len);

	return r == -EISCONN ? 0 : r;
}

static int64_t do_connect(struct nst *t, struct nsfd *f, struct request *req)
{
	if (req->started)
		return connect_wait(t, f, req);

	int r = net_sock_connect(t->stack, f->id, (const struct sockaddr *)&req->addr,
				 req->addr_len);

	if (r != -EINPROGRESS || !may_block(t, f, req, false))
		return r;
	req->started = true;
	return NS_BLOCK;
}

/* The part of an iovec list behind the first @skip bytes. */
static size_t iov_rest(const struct msghdr *msg, size_t skip, struct iovec *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < msg->msg_iovlen && n < max; i++) {
		struct iovec v = msg->msg_iov[i];

		if (skip >= v.iov_len) {
			skip -= v.iov_len;
			continue;
		}
		out[n++] = (struct iovec){(char *)v.iov_base + skip, v.iov_len - skip};
		skip = 0;
	}
	return n;
}

static size_t iov_total(const struct msghdr *msg)
{
	size_t sum = 0;

	for (size_t i = 0; i < msg->msg_iovlen; i++)
		sum += msg->msg_iov[i].iov_len;
	return sum;
}

static bool is_connecting(struct nst *t, const struct nsfd *f)
{
	uint8_t info[256] = {0};
	socklen_t len = sizeof(info);

	return f->type == SOCK_STREAM &&
	       net_sock_getopt(t->stack, f->id, IPPROTO_TCP, TCP_INFO, info, &len) == 0 &&
	       info[0] == TCP_SYN_SENT;
}

/* A send that became a connect(): what it will be asked again with. */
static void put_peer(struct request *req)
{
	if (req->msg.msg_name && req->msg.msg_name != (void *)&req->addr)
		memcpy(&req->addr, req->msg.msg_name, req->msg.msg_namelen);
	if (req->msg.msg_name)
		req->addr_len = req->msg.msg_namelen;
	req->started = true;
}

static int64_t do_send(struct nst *t, struct nsfd *f, struct request *req)
{
	struct iovec iov[64];
	size_t total = iov_total(&req->msg);
	int flags = req->sys == SYS_SENDMSG ? (int)req->a[0] : 0;

	for (size_t i = 0; i < req->msg.msg_iovlen; i++) {
		if (!req->msg.msg_iov[i].iov_base && req->msg.msg_iov[i].iov_len)
			return -EFAULT;
	}
	for (;;) {
		struct net_msg m = {.iov = iov};

		if (req->started) { /* a fast open that became an ordinary connect() */
			int64_t r = connect_wait(t, f, req);

			if (r < 0)
				return r;
			req->started = false;
			flags &= ~MSG_FASTOPEN;
			if (total && req->progress >= total)
				return (int64_t)req->progress;
		}
		m.iov_len = iov_rest(&req->msg, req->progress, iov, 64);
		if (req->msg.msg_name && (flags & MSG_FASTOPEN || f->type != SOCK_STREAM)) {
			m.name = req->msg.msg_name;
			m.name_len = req->msg.msg_namelen;
		}
		ns_control_get(&req->msg, &m.ctl);

		ssize_t r = net_sock_send(t->stack, f->id, &m, flags);

		if (r == -EINPROGRESS && may_block(t, f, req, false)) {
			put_peer(req);
			return NS_BLOCK;
		}
		if (r == -EAGAIN && may_block(t, f, req, false))
			return NS_BLOCK;
		if (r < 0)
			return req->progress ? (int64_t)req->progress : r;
		req->progress += (size_t)r;
		/* Data on a SYN: the call still waits for the connection. */
		if (is_connecting(t, f) && may_block(t, f, req, false)) {
			put_peer(req);
			return NS_BLOCK;
		}
		if (f->type != SOCK_STREAM || req->progress >= total ||
		    !may_block(t, f, req, false) || r == 0)
			return (int64_t)req->progress;
	}
}

static int64_t do_recv(struct nst *t, struct nsfd *f, struct request *req)
{
	struct iovec iov[64];
	size_t total = iov_total(&req->msg);
	int flags = req->sys == SYS_RECVMSG ? (int)req->a[0] : 0;

	for (size_t i = 0; i < req->msg.msg_iovlen; i++) {
		if (req->msg.msg_iov[i].iov_base || !req->msg.msg_iov[i].iov_len)
			continue;
		if (net_sock_poll(t->stack, f->id) & EPOLLIN)
			return -EFAULT;
		return may_block(t, f, req, true) ? NS_BLOCK : -EAGAIN;
	}
	for (;;) {
		struct net_msg m = {.iov = iov};
		struct sockaddr_storage from;

		m.name = (struct sockaddr *)&from;
		m.name_len = sizeof(from);
		m.iov_len = iov_rest(&req->msg, req->progress, iov, 64);

		ssize_t r = net_sock_recv(t->stack, f->id, &m, flags);

		if (r == -EAGAIN && may_block(t, f, req, true) && !(flags & MSG_ERRQUEUE))
			return NS_BLOCK;
		if (r < 0)
			return req->progress ? (int64_t)req->progress : r;
		req->progress += (size_t)r;
		req->msg.msg_flags = m.flags;
		if (req->msg.msg_control)
			ns_control_put(&req->msg, &m.ctl, f->family);
		if (!(flags & MSG_WAITALL) || f->type != SOCK_STREAM || r == 0 ||
		    req->progress >= total)
			return (int64_t)req->progress;
	}
}

static int64_t do_fcntl(struct nsfd *f, const struct request *req)
{
	switch (req->a[0]) {
	case F_GETFL:
		return f->flags;
	case F_SETFL:
		f->flags = (f->flags & ~O_NONBLOCK) | ((int)req->a[1] & O_NONBLOCK);
		return 0;
	case F_GETFD:
	case F_SETFD:
		return 0;
	default:
		return -EINVAL;
	}
}

static int64_t do_ioctl(struct nst *t, struct nsfd *f, struct request *req)
{
	enum net_count what;

	switch (req->a[0]) {
	case FIONREAD:
		what = NET_COUNT_INQ;
		break;
	case SIOCOUTQ:
		what = NET_COUNT_OUTQ;
		break;
	case SIOCOUTQNSD:
		what = NET_COUNT_OUTQ_NSD;
		break;
	case SIOCATMARK:
		what = NET_COUNT_ATMARK;
		break;
	default:
		return -ENOTTY;
	}

	int64_t r = net_sock_count(t->stack, f->id, what);

	if (r < 0)
		return r;
	req->value = (int32_t)r;
	return 0;
}

/* Timeouts belong to whoever blocks: to us. */
static int64_t do_setsockopt(struct nst *t, struct nsfd *f, struct request *req)
{
	if (req->a[0] == SOL_SOCKET && (req->a[1] == SO_RCVTIMEO || req->a[1] == SO_SNDTIMEO)) {
		struct timeval tv;

		if (req->len < sizeof(tv))
			return -EINVAL;
		memcpy(&tv, req->buf, sizeof(tv));
		*(req->a[1] == SO_RCVTIMEO ? &f->rcvtimeo_us : &f->sndtimeo_us) =
			tv.tv_sec * 1000000 + tv.tv_usec;
		return 0;
	}
	return net_sock_setopt(t->stack, f->id, (int)req->a[0], (int)req->a[1], req->buf,
			       (socklen_t)req->len, NET_CAP_ADMIN | NET_CAP_RAW);
}

static int64_t do_getsockopt(struct nst *t, struct nsfd *f, struct request *req)
{
	socklen_t len = (socklen_t)req->len;
	int r = net_sock_getopt(t->stack, f->id, (int)req->a[0], (int)req->a[1], req->buf, &len);

	if (r == 0)
		req->len = len;
	return r;
}

static bool timed_out(struct nst *t, const struct request *req, int64_t timeout_ms)
{
	return timeout_ms >= 0 && now_us(t) - req->begin_us >= timeout_ms * 1000;
}

static int64_t do_poll(struct nst *t, struct request *req)
{
	int64_t n = 0;

	for (size_t i = 0; i < req->npollfds; i++) {
		struct pollfd *p = &req->pollfds[i];
		struct nsfd *f = ns_fd(t, p->fd);
		uint32_t ready = f ? fd_ready(t, f) : POLLNVAL;

		p->revents = (short)(ready & ((uint32_t)p->events | POLLERR | POLLHUP | POLLNVAL));
		n += p->revents != 0;
	}
	return n || timed_out(t, req, req->a[0]) ? n : NS_BLOCK;
}

void ns_fd_woke(struct nst *t, uint64_t cookie, uint32_t woke)
{
	for (int i = 0; i < NS_FDS; i++) {
		for (int j = 0; t->fds[i].kind == NSFD_EPOLL && j < NS_EPOLL_ITEMS; j++) {
			struct epoll_item *item = &t->fds[i].items[j];

			if (item->fd && (uint64_t)item->fd == cookie &&
			    woke & (item->events | EPOLLERR | EPOLLHUP))
				item->fresh = true;
		}
	}
}

static int64_t do_epoll_ctl(struct nst *t, struct nsfd *f, struct request *req)
{
	struct epoll_item *item = NULL, *empty = NULL;

	if (!ns_fd(t, req->fd2))
		return -EBADF;
	for (int j = 0; j < NS_EPOLL_ITEMS; j++) {
		if (f->items[j].fd == req->fd2)
			item = &f->items[j];
		else if (!f->items[j].fd && !empty)
			empty = &f->items[j];
	}
	if (req->a[0] == EPOLL_CTL_ADD) {
		if (item)
			return -EEXIST;
		item = empty;
	}
	if (!item)
		return req->a[0] == EPOLL_CTL_ADD ? -ENOSPC : -ENOENT;
	*item = (struct epoll_item){0};
	if (req->a[0] != EPOLL_CTL_DEL)
		*item = (struct epoll_item){req->fd2, req->events[0].events,
					    req->events[0].data.u64, true, false};
	return 0;
}

static int64_t do_epoll_wait(struct nst *t, struct nsfd *f, struct request *req)
{
	int64_t n = 0;

	if (req->a[0] <= 0)
		return -EINVAL;
	for (int j = 0; j < NS_EPOLL_ITEMS && n < req->a[0] && n < REQ_EVENTS_MAX; j++) {
		struct epoll_item *item = &f->items[j];
		struct nsfd *target = item->fd ? ns_fd(t, item->fd) : NULL;

		if (!target || item->spent)
			continue;

		uint32_t ready = fd_ready(t, target) & (item->events | EPOLLERR | EPOLLHUP);

		if (!ready || (item->events & EPOLLET && !item->fresh))
			continue;
		item->fresh = false;
		item->spent = item->events & EPOLLONESHOT;
		req->events[n].events = ready;
		req->events[n].data.u64 = item->data;
		n++;
	}
	return n || timed_out(t, req, req->a[1]) ? n : NS_BLOCK;
}

static int64_t do_open(struct nst *t, const struct request *req)
{
	int host = open(req->path, (int)req->a[0] | O_CLOEXEC);
	int fd = host < 0 ? -errno : fd_new(t, NSFD_FILE);

	if (fd >= 0)
		ns_fd(t, fd)->host = host;
	else if (host >= 0)
		close(host);
	return fd;
}

static int64_t do_pipe(struct nst *t, struct request *req)
{
	struct ns_pipe *pipe = calloc(1, sizeof(*pipe));

	for (int i = 0; pipe && i < 2; i++) {
		req->fds[i] = fd_new(t, NSFD_PIPE);
		if (req->fds[i] < 0)
			return req->fds[i];
		ns_fd(t, req->fds[i])->pipe = pipe;
		pipe->refs++;
	}
	return pipe ? 0 : -ENOMEM;
}

static int64_t move_to_socket(struct nst *t, struct nsfd *out, const void *data, size_t len,
			      int flags)
{
	struct iovec iov = {(void *)data, len};
	struct net_msg m = {.iov = &iov, .iov_len = 1};

	return net_sock_send(t->stack, out->id, &m, flags);
}

static int64_t do_sendfile(struct nst *t, struct nsfd *out, struct request *req)
{
	struct nsfd *in = ns_fd(t, req->fd2);
	static uint8_t buf[65536];

	if (!in || in->kind != NSFD_FILE || out->kind != NSFD_SOCK)
		return -EBADF;
	while (req->progress < req->len) {
		size_t want = req->len - req->progress;
		ssize_t n = pread(in->host, buf, want < sizeof(buf) ? want : sizeof(buf),
				  req->off + (off_t)req->progress);

		if (n <= 0)
			break;

		int more = (size_t)n < want ? MSG_MORE : 0;
		int64_t r = move_to_socket(t, out, buf, (size_t)n, more);

		if (r == -EAGAIN && may_block(t, out, req, false))
			return NS_BLOCK;
		if (r < 0)
			return req->progress ? (int64_t)req->progress : r;
		req->progress += (size_t)r;
	}
	return (int64_t)req->progress;
}

static int64_t do_splice(struct nst *t, struct nsfd *in, struct request *req)
{
	struct nsfd *out = ns_fd(t, req->fd2);
	int64_t r;

	if (!out)
		return -EBADF;
	if (in->kind == NSFD_PIPE && out->kind == NSFD_SOCK) {
		size_t len = req->len < in->pipe->len ? req->len : in->pipe->len;

		if (len == 0)
			return in->pipe->refs < 2 ? 0 : NS_BLOCK;
		r = move_to_socket(t, out, in->pipe->data, len, 0);
		if (r > 0) {
			in->pipe->len -= (size_t)r;
			memmove(in->pipe->data, in->pipe->data + r, in->pipe->len);
		}
		return r == -EAGAIN && may_block(t, out, req, false) ? NS_BLOCK : r;
	}
	if (in->kind != NSFD_SOCK || out->kind != NSFD_PIPE)
		return -EINVAL;

	size_t room = NS_PIPE_BYTES - out->pipe->len;
	struct iovec iov = {out->pipe->data + out->pipe->len, req->len < room ? req->len : room};
	struct net_msg m = {.iov = &iov, .iov_len = 1};

	r = net_sock_recv(t->stack, in->id, &m, 0);
	if (r > 0)
		out->pipe->len += (size_t)r;
	return r == -EAGAIN && may_block(t, in, req, true) ? NS_BLOCK : r;
}

static int64_t with_socket(struct nst *t, struct nsfd *f, struct request *req)
{
	if (f->kind != NSFD_SOCK)
		return -ENOTSOCK;
	switch (req->sys) {
	case SYS_BIND:
		return net_sock_bind(t->stack, f->id, (struct sockaddr *)&req->addr, req->addr_len);
	case SYS_LISTEN:
		return net_sock_listen(t->stack, f->id, (int)req->a[0]);
	case SYS_ACCEPT:
		return do_accept(t, f, req);
	case SYS_CONNECT:
		return do_connect(t, f, req);
	case SYS_READ:
	case SYS_RECVMSG:
		return do_recv(t, f, req);
	case SYS_WRITE:
	case SYS_SENDMSG:
		return do_send(t, f, req);
	case SYS_SHUTDOWN:
		return net_sock_shutdown(t->stack, f->id, (int)req->a[0]);
	case SYS_GETSOCKOPT:
		return do_getsockopt(t, f, req);
	case SYS_SETSOCKOPT:
		return do_setsockopt(t, f, req);
	case SYS_IOCTL:
		return do_ioctl(t, f, req);
	default:
		return -ENOSYS;
	}
}

int64_t ns_attempt(struct nst *t, struct request *req)
{
	struct nsfd *f = ns_fd(t, req->fd);
	int fd;

	net_stack_clock(t->stack, t->now);
	switch (req->sys) {
	case SYS_SOCKET:
		return do_socket(t, req);
	case SYS_POLL:
		return do_poll(t, req);
	case SYS_OPEN:
		return do_open(t, req);
	case SYS_PIPE:
		return do_pipe(t, req);
	case SYS_EPOLL_CREATE:
		fd = fd_new(t, NSFD_EPOLL);
		return fd;
	default:
		break;
	}
	if (!f)
		return -EBADF;
	switch (req->sys) {
	case SYS_CLOSE:
		fd_close(t, f);
		return 0;
	case SYS_FCNTL:
		return do_fcntl(f, req);
	case SYS_EPOLL_CTL:
		return f->kind == NSFD_EPOLL ? do_epoll_ctl(t, f, req) : -EINVAL;
	case SYS_EPOLL_WAIT:
		return f->kind == NSFD_EPOLL ? do_epoll_wait(t, f, req) : -EINVAL;
	case SYS_SENDFILE:
		return do_sendfile(t, f, req);
	case SYS_SPLICE:
		return do_splice(t, f, req);
	default:
		return with_socket(t, f, req);
	}
}

net_time ns_call_deadline(struct nst *t, const struct request *req)
{
	const struct nsfd *f = ns_fd(t, req->fd);
	int64_t limit = 0;

	if (req->sys == SYS_POLL)
		limit = req->a[0] * 1000;
	else if (req->sys == SYS_EPOLL_WAIT)
		limit = req->a[1] * 1000;
	else if (f && (req->sys == SYS_READ || req->sys == SYS_RECVMSG || req->sys == SYS_ACCEPT))
		limit = f->rcvtimeo_us;
	else if (f)
		limit = f->sndtimeo_us;
	return limit > 0 ? (req->begin_us + limit) * 1000 : NET_TIME_NEVER;
}
