/* SPDX-License-Identifier: Apache-2.0 */
/* Socket calls: addresses, message headers and options copied in and out, and the blocking that every
 * family shares (socket.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>

#include "socket/socket.h"
#include "sys/table.h"
#include "task/task.h"
#include "util/cleanup.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/net.def"
#undef SYSCALL

#define CONTROL_MAX 20480 /* net.core.optmem_max */
#define OPT_MAX 4096
#define IOV_FAST 8

/* A socket looked up by descriptor, with its file. */
struct sock_ref {
	struct task *task;
	struct file *file;
	struct socket *sock;
};

static int sock_get(struct task *t, uint64_t fd, struct sock_ref *ret)
{
	ret->task = t;
	ret->file = fd_get(t, (int)fd);
	if (!ret->file)
		return -EBADF;
	ret->sock = socket_of(ret->file);
	if (!ret->sock) {
		fd_put(t, ret->file);
		return -ENOTSOCK;
	}
	return 0;
}

static void sock_put(struct sock_ref *r)
{
	fd_put(r->task, r->file);
}

static int64_t timeout_deadline(int64_t timeo)
{
	return timeo ? clock_mono_ns() + timeo : WAIT_FOREVER;
}

/* sock_intr_errno(): a call with a time-out is not restarted. */
static long interrupted(long r, int64_t timeo)
{
	return r == -ERESTARTSYS && timeo ? -EINTR : r;
}

/* Sleeps once until one of @bits. 0, -EAGAIN at the deadline, -ERESTARTSYS. */
static int sock_sleep(struct socket *s, struct task *t, struct task_waiter *w, uint32_t bits,
		      int64_t deadline)
{
	int r;

	if (!w->task) {
		/* First time: queue, then let the caller try once more before the sleep. */
		task_waiter_init(w, t);
		w->waiter.mask = bits | EPOLLERR | EPOLLHUP;
		task_wait_begin(t);
		(void)s->ops->poll(s, &w->waiter);
		return 0;
	}
	r = task_wait(t, deadline);
	if (r == 0)
		task_wait_begin(t);
	return r == -ETIMEDOUT ? -EAGAIN : r;
}

/* --- addresses ------------------------------------------------------------------------------------- */

static int addr_in(struct task *t, uint64_t uaddr, uint64_t ulen, struct sockaddr_storage *ret,
		   socklen_t *len)
{
	if ((int)ulen < 0 || ulen > sizeof(*ret))
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	*len = (socklen_t)ulen;
	return ulen == 0 ? 0 : copy_in(t, ret, uaddr, ulen);
}

/* Writes an address with value-result length at @ulen. */
static int addr_out(struct task *t, const struct sockaddr_storage *addr, socklen_t len, uint64_t uaddr,
		    uint64_t ulen)
{
	int room;

	if (copy_in(t, &room, ulen, sizeof(room)) < 0)
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (room > 0 && len > 0 &&
	    copy_out(t, uaddr, addr, MIN((size_t)room, MIN((size_t)len, sizeof(*addr)))) < 0)
		return -EFAULT;
	return copy_out(t, ulen, &len, sizeof(len));
}

/* --- creation ---------------------------------------------------------------------------------------- */

static int family_new(struct socket **ret, struct task *t, int family, int type, int protocol)
{
	switch (family) {
	case AF_INET:
	case AF_INET6:
	case AF_PACKET:
		return inet_socket_new(ret, t, family, type, protocol);
	case AF_UNIX:
		return unix_socket_new(ret, t, type, protocol);
	case AF_NETLINK:
		return netlink_socket_new(ret, t, type, protocol);
	default:
		return -EAFNOSUPPORT;
	}
}

static int install_socket(struct task *t, struct socket *s, int flags)
{
	struct file *f;
	int r = socket_file(&f, s, flags & SOCK_NONBLOCK ? O_NONBLOCK : 0);

	if (r < 0) {
		s->ops->release(s);
		return r;
	}
	r = fd_install(t, f, 0, flags & SOCK_CLOEXEC);
	if (r < 0)
		file_put(f);
	return r;
}

static int split_type(uint64_t arg, int *type, int *flags)
{
	*type = (int)arg & 0xf;
	*flags = (int)arg & ~0xf;
	if (*flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	return 0;
}

long sys_socket(struct task *t, const struct sysargs *a)
{
	struct socket *s;
	int type, flags;
	int r = split_type(a->a[1], &type, &flags);

	if (r == 0 && ((int)a->a[0] < 0 || (int)a->a[0] > 45))
		r = -EAFNOSUPPORT;
	if (r == 0 && (type < 0 || type > SOCK_PACKET))
		r = -EINVAL;
	if (r == 0)
		r = family_new(&s, t, (int)a->a[0], type, (int)a->a[2]);
	return r < 0 ? r : install_socket(t, s, flags);
}

long sys_socketpair(struct task *t, const struct sysargs *a)
{
	struct socket *s[2];
	int type, flags, fds[2];
	int r = split_type(a->a[1], &type, &flags);

	if (r == 0)
		r = family_new(&s[0], t, (int)a->a[0], type, (int)a->a[2]);
	if (r < 0)
		return r;
	r = family_new(&s[1], t, (int)a->a[0], type, (int)a->a[2]);
	if (r < 0) {
		s[0]->ops->release(s[0]);
		return r;
	}
	r = s[0]->ops->pair ? s[0]->ops->pair(s[0], s[1]) : -EOPNOTSUPP;
	if (r < 0) {
		s[0]->ops->release(s[0]);
		s[1]->ops->release(s[1]);
		return r;
	}
	fds[0] = install_socket(t, s[0], flags);
	if (fds[0] < 0) {
		s[1]->ops->release(s[1]);
		return fds[0];
	}
	fds[1] = install_socket(t, s[1], flags);
	if (fds[1] < 0) {
		fd_close(t, fds[0]);
		return fds[1];
	}
	if (copy_out(t, a->a[3], fds, sizeof(fds)) < 0) {
		fd_close(t, fds[0]);
		fd_close(t, fds[1]);
		return -EFAULT;
	}
	return 0;
}

/* --- bind, connect, listen, accept ------------------------------------------------------------------- */

long sys_bind(struct task *t, const struct sysargs *a)
{
	struct sockaddr_storage addr;
	struct sock_ref ref;
	socklen_t len;
	int r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;
	r = addr_in(t, a->a[1], a->a[2], &addr, &len);
	if (r == 0)
		r = ref.sock->ops->bind(ref.sock, t, (struct sockaddr *)&addr, len);
	sock_put(&ref);
	return r;
}

static long connect_wait(struct socket *s, struct task *t)
{
	int64_t timeo = atomic_load(&s->sndtimeo);
	int64_t deadline = timeout_deadline(timeo);
	struct task_waiter w = { 0 };
	int r;

	for (;;) {
		r = s->ops->connect_result(s);
		if (r != -EINPROGRESS)
			break;
		r = sock_sleep(s, t, &w, EPOLLOUT, deadline);
		if (r == -EAGAIN)
			r = -EINPROGRESS; /* SO_SNDTIMEO ran out: the attempt goes on */
		if (r < 0)
			break;
	}
	waitq_del(&w.waiter);
	return interrupted(r, timeo);
}

long sys_connect(struct task *t, const struct sysargs *a)
{
	struct sockaddr_storage addr;
	struct sock_ref ref;
	socklen_t len;
	long r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;

	struct socket *s = ref.sock;

	r = addr_in(t, a->a[1], a->a[2], &addr, &len);
	if (r == 0)
		r = s->ops->connect(s, t, (struct sockaddr *)&addr, len);
	if ((r == -EINPROGRESS || r == -EALREADY) && !file_nonblock(ref.file)) {
		r = connect_wait(s, t);
		if (r == 0) {
			/* The stack gives success once to whoever asks. */
			r = s->ops->connect(s, t, (struct sockaddr *)&addr, len);
			if (r == -EISCONN)
				r = 0;
		}
	} else if (r == -EAGAIN && !file_nonblock(ref.file) && s->family == AF_UNIX) {
		/* A full backlog of a unix listener (unix(7)). */
		int64_t timeo = atomic_load(&s->sndtimeo);
		int64_t deadline = timeout_deadline(timeo);
		struct task_waiter w = { 0 };

		while (r == -EAGAIN) {
			r = sock_sleep(s, t, &w, EPOLLOUT, deadline);
			if (r == 0)
				r = s->ops->connect(s, t, (struct sockaddr *)&addr, len);
			else
				break;
		}
		waitq_del(&w.waiter);
		r = interrupted(r, timeo);
	}
	sock_put(&ref);
	return r;
}

long sys_listen(struct task *t, const struct sysargs *a)
{
	struct sock_ref ref;
	int r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;
	r = ref.sock->ops->listen ? ref.sock->ops->listen(ref.sock, t, (int)a->a[1]) : -EOPNOTSUPP;
	sock_put(&ref);
	return r;
}

static long accept_wait(struct socket *s, struct task *t, bool nonblock, struct socket **ret)
{
	int64_t timeo = atomic_load(&s->rcvtimeo);
	int64_t deadline = timeout_deadline(timeo);
	struct task_waiter w;
	long r = s->ops->accept(s, t, ret);

	if (r != -EAGAIN || nonblock)
		return r;
	/* One connection wakes one accept(2). */
	task_waiter_init(&w, t);
	waitq_add_exclusive(&s->waitq, &w.waiter, EPOLLIN);
	for (;;) {
		task_wait_begin(t);
		r = s->ops->accept(s, t, ret);
		if (r != -EAGAIN)
			break;
		r = task_wait(t, deadline);
		if (r < 0) {
			if (r == -ETIMEDOUT)
				r = -EAGAIN;
			break;
		}
	}
	waitq_del(&w.waiter);
	return interrupted(r, timeo);
}

static long do_accept(struct task *t, const struct sysargs *a, int flags)
{
	struct socket *child;
	struct sock_ref ref;
	long r;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	r = sock_get(t, a->a[0], &ref);
	if (r < 0)
		return r;
	r = ref.sock->ops->accept ? accept_wait(ref.sock, t, file_nonblock(ref.file), &child)
				  : -EOPNOTSUPP;
	sock_put(&ref);
	if (r < 0)
		return r;

	struct sockaddr_storage addr;
	socklen_t len = 0;

	if (a->a[1]) {
		r = child->ops->getname(child, true, &addr, &len);
		if (r == -ENOTCONN) /* reset meanwhile */
			r = -ECONNABORTED;
		if (r == 0)
			r = addr_out(t, &addr, len, a->a[1], a->a[2]);
		if (r < 0) {
			child->ops->release(child);
			return r;
		}
	}
	return install_socket(t, child, flags);
}

long sys_accept(struct task *t, const struct sysargs *a)
{
	return do_accept(t, a, 0);
}

long sys_accept4(struct task *t, const struct sysargs *a)
{
	return do_accept(t, a, (int)a->a[3]);
}

static long do_getname(struct task *t, const struct sysargs *a, bool peer)
{
	struct sockaddr_storage addr;
	struct sock_ref ref;
	socklen_t len = 0;
	long r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;
	r = ref.sock->ops->getname(ref.sock, peer, &addr, &len);
	if (r == 0)
		r = addr_out(t, &addr, len, a->a[1], a->a[2]);
	sock_put(&ref);
	return r;
}

long sys_getsockname(struct task *t, const struct sysargs *a)
{
	return do_getname(t, a, false);
}

long sys_getpeername(struct task *t, const struct sysargs *a)
{
	return do_getname(t, a, true);
}

long sys_shutdown(struct task *t, const struct sysargs *a)
{
	struct sock_ref ref;
	int how = (int)a->a[1];
	long r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;
	r = how < SHUT_RD || how > SHUT_RDWR ? -EINVAL
	    : ref.sock->ops->shutdown	     ? ref.sock->ops->shutdown(ref.sock, how)
					     : -EOPNOTSUPP;
	sock_put(&ref);
	return r;
}

/* --- sending ----------------------------------------------------------------------------------------- */

/* Sends all of a stream's data, or one datagram. */
static long do_send(struct sock_ref *ref, struct task *t, struct sock_msg *m, int flags)
{
	struct socket *s = ref->sock;
	bool nonblock = file_nonblock(ref->file) || (flags & MSG_DONTWAIT);
	int64_t timeo = atomic_load(&s->sndtimeo);
	int64_t deadline = 0;
	struct task_waiter w = { 0 };
	long done = 0;
	long r;

	for (;;) {
		r = s->ops->sendmsg(s, t, m, flags);
		if (r > 0)
			done += r;
		if (r == 0 || (r > 0 && (s->type != SOCK_STREAM || m->iter.count == 0)))
			break;
		if (r > 0)
			continue;
		if (r != -EAGAIN || nonblock)
			break;
		if (!w.task)
			deadline = timeout_deadline(timeo);
		r = sock_sleep(s, t, &w, EPOLLOUT, deadline);
		if (r < 0)
			break;
	}
	waitq_del(&w.waiter);
	if (done > 0 || (r >= 0 && s->type == SOCK_STREAM))
		return done;
	if (r == -EPIPE && s->type != SOCK_DGRAM && !(flags & MSG_NOSIGNAL))
		signal_self(t, SIGPIPE);
	return interrupted(r, timeo);
}

long sys_sendto(struct task *t, const struct sysargs *a)
{
	struct sock_msg m = { 0 };
	struct sock_ref ref;
	struct iovec iov;
	long r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;
	if (a->a[4])
		r = addr_in(t, a->a[4], a->a[5], &m.name, &m.name_len);
	if (r == 0) {
		iov_iter_user(&m.iter, t->mm, &iov, a->a[1], MIN(a->a[2], (uint64_t)INT32_MAX));
		r = do_send(&ref, t, &m, (int)a->a[3]);
	}
	sock_put(&ref);
	return r;
}

/* What a user's msghdr needs while a call works on it. */
struct msg_copy {
	struct msghdr hdr;
	struct sock_msg msg;
	struct iovec *iov;
	uint8_t *control;
};

static void msg_end(struct msg_copy *c)
{
	free(c->iov);
	free(c->control);
}

static int msg_begin(struct task *t, uint64_t umsg, struct msg_copy *c)
{
	memset(c, 0, offsetof(struct msg_copy, iov));
	c->iov = NULL;
	c->control = NULL;
	if (copy_in(t, &c->hdr, umsg, sizeof(c->hdr)) < 0)
		return -EFAULT;
	if (c->hdr.msg_iovlen > 1024)
		return -EMSGSIZE;
	return iov_iter_import(&c->msg.iter, t->mm, (uint64_t)(uintptr_t)c->hdr.msg_iov,
			       c->hdr.msg_iovlen, &c->iov);
}

static long send_one(struct sock_ref *ref, struct task *t, uint64_t umsg, int flags)
{
	struct msg_copy c;
	long r = msg_begin(t, umsg, &c);

	if (r == 0 && c.hdr.msg_name && c.hdr.msg_namelen) {
		if ((int)c.hdr.msg_namelen < 0)
			r = -EINVAL;
		else
			r = addr_in(t, (uint64_t)(uintptr_t)c.hdr.msg_name,
				    MIN((size_t)c.hdr.msg_namelen, sizeof(c.msg.name)), &c.msg.name,
				    &c.msg.name_len);
	}
	if (r == 0 && c.hdr.msg_controllen > 0) {
		if (c.hdr.msg_controllen > CONTROL_MAX) {
			r = -ENOBUFS;
		} else {
			c.control = malloc(c.hdr.msg_controllen);
			r = !c.control ? -ENOMEM
				       : copy_in(t, c.control,
						 (uint64_t)(uintptr_t)c.hdr.msg_control,
						 c.hdr.msg_controllen);
			c.msg.control = c.control;
			c.msg.control_len = c.hdr.msg_controllen;
		}
	}
	if (r == 0)
		r = do_send(ref, t, &c.msg, flags);
	msg_end(&c);
	return r;
}

long sys_sendmsg(struct task *t, const struct sysargs *a)
{
	struct sock_ref ref;
	long r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;
	r = send_one(&ref, t, a->a[1], (int)a->a[2]);
	sock_put(&ref);
	return r;
}

long sys_sendmmsg(struct task *t, const struct sysargs *a)
{
	uint64_t n = MIN((uint64_t)(unsigned)a->a[2], UINT64_C(1024));
	struct sock_ref ref;
	uint64_t i;
	long r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		uint64_t uvec = a->a[1] + i * sizeof(struct mmsghdr);
		uint32_t len;

		r = send_one(&ref, t, uvec, (int)a->a[3]);
		if (r < 0)
			break;
		len = (uint32_t)r;
		r = copy_out(t, uvec + offsetof(struct mmsghdr, msg_len), &len, sizeof(len));
		if (r < 0)
			break;
	}
	sock_put(&ref);
	return i > 0 ? (long)i : r;
}

/* --- receiving ----------------------------------------------------------------------------------------- */

/* @deadline: WAIT_FOREVER unless recvmmsg(2) gave one. */
static long do_recv(struct sock_ref *ref, struct task *t, struct sock_msg *m, int flags)
{
	struct socket *s = ref->sock;
	bool nonblock = file_nonblock(ref->file) || (flags & MSG_DONTWAIT);
	bool all = (flags & MSG_WAITALL) && s->type == SOCK_STREAM && !(flags & MSG_PEEK);
	int64_t timeo = atomic_load(&s->rcvtimeo);
	int64_t deadline = 0;
	struct task_waiter w = { 0 };
	uint32_t bits = flags & MSG_ERRQUEUE ? EPOLLERR : EPOLLIN | EPOLLRDHUP;
	long done = 0;
	long r;

	for (;;) {
		r = s->ops->recvmsg(s, t, m, flags);
		if (r > 0)
			done += r;
		if (r >= 0 && (!all || r == 0 || m->iter.count == 0))
			break;
		if (r >= 0)
			continue;
		if (r != -EAGAIN || nonblock || (flags & MSG_ERRQUEUE))
			break;
		if (!w.task)
			deadline = timeout_deadline(timeo);
		r = sock_sleep(s, t, &w, bits, deadline);
		if (r < 0)
			break;
	}
	waitq_del(&w.waiter);
	if (done > 0 || r >= 0)
		return done;
	return interrupted(r, timeo);
}

long sys_recvfrom(struct task *t, const struct sysargs *a)
{
	struct sock_msg m = { 0 };
	struct sock_ref ref;
	struct iovec iov;
	long r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;
	iov_iter_user(&m.iter, t->mm, &iov, a->a[1], MIN(a->a[2], (uint64_t)INT32_MAX));
	r = do_recv(&ref, t, &m, (int)a->a[3]);
	if (r >= 0 && a->a[4]) {
		int e = addr_out(t, &m.name, m.name_len, a->a[4], a->a[5]);

		if (e < 0)
			r = e;
	}
	sock_put(&ref);
	return r;
}

/* Writes name, control and flags of a received message back. */
static int msg_return(struct task *t, uint64_t umsg, struct msg_copy *c, int flags)
{
	int out_flags = c->msg.flags;
	size_t used = c->msg.out.used;
	int r = 0;

	if (c->hdr.msg_name) {
		socklen_t n = MIN(c->msg.name_len, c->hdr.msg_namelen);

		if (n > 0)
			r = copy_out(t, (uint64_t)(uintptr_t)c->hdr.msg_name, &c->msg.name, n);
		if (r == 0)
			r = copy_out(t, umsg + offsetof(struct msghdr, msg_namelen),
				     &c->msg.name_len, sizeof(c->msg.name_len));
	}
	if (r == 0 && used > 0)
		r = copy_out(t, (uint64_t)(uintptr_t)c->hdr.msg_control, c->msg.out.buf, used);
	if (c->msg.out.truncated)
		out_flags |= MSG_CTRUNC;
	out_flags |= flags & MSG_CMSG_CLOEXEC;
	if (r == 0)
		r = copy_out(t, umsg + offsetof(struct msghdr, msg_flags), &out_flags,
			     sizeof(out_flags));
	if (r == 0)
		r = copy_out(t, umsg + offsetof(struct msghdr, msg_controllen), &used, sizeof(used));
	return r;
}

static long recv_one(struct sock_ref *ref, struct task *t, uint64_t umsg, int flags)
{
	struct msg_copy c;
	long r = msg_begin(t, umsg, &c);

	if (r == 0 && (int)c.hdr.msg_namelen < 0 && c.hdr.msg_name)
		r = -EINVAL;
	if (r == 0 && c.hdr.msg_control && c.hdr.msg_controllen > 0) {
		c.msg.out.size = MIN(c.hdr.msg_controllen, (size_t)65536);
		c.control = malloc(c.msg.out.size);
		c.msg.out.buf = c.control;
		if (!c.control)
			r = -ENOMEM;
	}
	if (r == 0) {
		r = do_recv(ref, t, &c.msg, flags);
		if (r >= 0) {
			int e = msg_return(t, umsg, &c, flags);

			if (e < 0)
				r = e;
		}
	}
	msg_end(&c);
	return r;
}

long sys_recvmsg(struct task *t, const struct sysargs *a)
{
	struct sock_ref ref;
	long r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;
	r = recv_one(&ref, t, a->a[1], (int)a->a[2]);
	sock_put(&ref);
	return r;
}

long sys_recvmmsg(struct task *t, const struct sysargs *a)
{
	uint64_t n = MIN((uint64_t)(unsigned)a->a[2], UINT64_C(1024));
	int flags = (int)a->a[3];
	int64_t deadline = WAIT_FOREVER;
	struct sock_ref ref;
	uint64_t i;
	long r;

	if (a->a[4]) {
		struct timespec ts;

		if (copy_in(t, &ts, a->a[4], sizeof(ts)) < 0)
			return -EFAULT;
		if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NS_PER_SEC)
			return -EINVAL;
		if (ts.tv_sec < INT64_MAX / NS_PER_SEC / 2)
			deadline = clock_mono_ns() + (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
	}
	r = sock_get(t, a->a[0], &ref);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		uint64_t uvec = a->a[1] + i * sizeof(struct mmsghdr);
		uint32_t len;

		r = recv_one(&ref, t, uvec, flags & ~MSG_WAITFORONE);
		if (r < 0)
			break;
		len = (uint32_t)r;
		r = copy_out(t, uvec + offsetof(struct mmsghdr, msg_len), &len, sizeof(len));
		if (r < 0)
			break;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		/* As Linux: the time is looked at after each message only (recvmmsg(2), BUGS). */
		if (deadline != WAIT_FOREVER && clock_mono_ns() >= deadline) {
			i++;
			break;
		}
	}
	sock_put(&ref);
	return i > 0 ? (long)i : r;
}

/* --- options ---------------------------------------------------------------------------------------------- */

static int get_timeval(const void *val, socklen_t len, int64_t *ret)
{
	struct timeval tv;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, val, sizeof(tv));
	if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	if (tv.tv_sec < 0)
		*ret = 1; /* Linux: a negative time is the shortest */
	else if (tv.tv_sec >= INT64_MAX / NS_PER_SEC / 2)
		*ret = 0;
	else
		*ret = (int64_t)tv.tv_sec * NS_PER_SEC + (int64_t)tv.tv_usec * 1000;
	return 0;
}

/* The numbers of the _NEW variants, which headers hide behind time64 macros. */
enum { OPT_RCVTIMEO_NEW = 66, OPT_SNDTIMEO_NEW = 67, OPT_ATTACH_REUSEPORT_CBPF = 51,
       OPT_ATTACH_REUSEPORT_EBPF = 52 };

#define FILTER_INSN 8 /* sizeof(struct sock_filter) */
#define FILTER_INSNS_MAX 4096

/* Options of the blocking layer. Returns 1 when it is none of ours. */
static int set_own(struct socket *s, int name, const void *val, socklen_t len)
{
	int64_t ns;
	int r;

	switch (name) {
	case SO_RCVTIMEO:
	case OPT_RCVTIMEO_NEW:
		r = get_timeval(val, len, &ns);
		if (r == 0)
			atomic_store(&s->rcvtimeo, ns);
		return r;
	case SO_SNDTIMEO:
	case OPT_SNDTIMEO_NEW:
		r = get_timeval(val, len, &ns);
		if (r == 0)
			atomic_store(&s->sndtimeo, ns);
		return r;
	default:
		return 1;
	}
}

static int get_own(struct socket *s, int name, void *val, socklen_t *len)
{
	struct timeval tv;
	int64_t ns;
	int v;

	switch (name) {
	case SO_RCVTIMEO:
	case OPT_RCVTIMEO_NEW:
	case SO_SNDTIMEO:
	case OPT_SNDTIMEO_NEW:
		ns = name == SO_RCVTIMEO || name == OPT_RCVTIMEO_NEW ? atomic_load(&s->rcvtimeo)
								      : atomic_load(&s->sndtimeo);
		tv = (struct timeval){ .tv_sec = ns / NS_PER_SEC,
				       .tv_usec = ns % NS_PER_SEC / 1000 };
		*len = MIN(*len, (socklen_t)sizeof(tv));
		memcpy(val, &tv, *len);
		return 0;
	case SO_DOMAIN:
		v = s->family;
		break;
	case SO_TYPE:
		v = s->type;
		break;
	case SO_PROTOCOL:
		v = s->protocol;
		break;
	default:
		return 1;
	}
	*len = MIN(*len, (socklen_t)sizeof(v));
	memcpy(val, &v, *len);
	return 0;
}

/* A descriptor, but never one of an extended BPF program: there are none. */
static long no_program(struct task *t, const void *val, socklen_t len)
{
	struct file *f;
	int fd;

	if (len != sizeof(fd))
		return -EINVAL;
	memcpy(&fd, val, sizeof(fd));
	f = fd_get(t, fd);
	if (!f)
		return -EBADF;
	fd_put(t, f);
	return -EINVAL;
}

/* struct sock_fprog names its instructions by address: a family gets the instructions themselves.
 * Returns 1 for other options. */
static long set_filter(struct sock_ref *ref, int name, const void *val, socklen_t len)
{
	struct task *t = ref->task;
	struct {
		uint16_t n;
		uint16_t pad[3];
		uint64_t insns;
	} prog;
	long r;

	if (name == SO_ATTACH_BPF || name == OPT_ATTACH_REUSEPORT_EBPF)
		return no_program(t, val, len);
	if (name != SO_ATTACH_FILTER && name != OPT_ATTACH_REUSEPORT_CBPF)
		return 1;
	if (len != sizeof(prog))
		return -EINVAL;
	memcpy(&prog, val, sizeof(prog));
	if (!prog.insns || !prog.n || prog.n > FILTER_INSNS_MAX)
		return -EINVAL;

	void *insns = malloc(prog.n * FILTER_INSN);

	if (!insns)
		return -ENOMEM;
	r = copy_in(t, insns, prog.insns, prog.n * FILTER_INSN);
	if (r == 0)
		r = ref->sock->ops->setsockopt(ref->sock, t, SOL_SOCKET, name, insns,
					       (socklen_t)(prog.n * FILTER_INSN));
	free(insns);
	return r;
}

/* SO_GET_FILTER counts instructions, not bytes. */
static long get_filter(struct sock_ref *ref, uint64_t uval, int room, uint64_t ulen)
{
	struct task *t = ref->task;
	socklen_t len = (socklen_t)MIN(room, FILTER_INSNS_MAX);
	void *insns = malloc(len * FILTER_INSN + 1);
	long r;

	if (!insns)
		return -ENOMEM;
	r = ref->sock->ops->getsockopt(ref->sock, t, SOL_SOCKET, SO_GET_FILTER, insns, &len);
	if (r == 0 && room > 0 && len > 0)
		r = copy_out(t, uval, insns, len * FILTER_INSN);
	if (r == 0)
		r = copy_out(t, ulen, &len, sizeof(len));
	free(insns);
	return r;
}

long sys_setsockopt(struct task *t, const struct sysargs *a)
{
	uint8_t val[OPT_MAX] = { 0 };
	int level = (int)a->a[1];
	int name = (int)a->a[2];
	struct sock_ref ref;
	long r;

	if ((int)a->a[4] < 0)
		return -EINVAL;
	r = sock_get(t, a->a[0], &ref);
	if (r < 0)
		return r;

	socklen_t len = (socklen_t)MIN(a->a[4], (uint64_t)sizeof(val));

	r = len > 0 ? copy_in(t, val, a->a[3], len) : 0;
	if (r == 0)
		r = level == SOL_SOCKET ? set_own(ref.sock, name, val, len) : 1;
	if (r == 1 && level == SOL_SOCKET)
		r = set_filter(&ref, name, val, len);
	if (r == 1)
		r = ref.sock->ops->setsockopt(ref.sock, t, level, name, val, len);
	sock_put(&ref);
	return r;
}

long sys_getsockopt(struct task *t, const struct sysargs *a)
{
	uint8_t val[OPT_MAX] = { 0 };
	int level = (int)a->a[1];
	int name = (int)a->a[2];
	struct sock_ref ref;
	int ulen;
	long r = sock_get(t, a->a[0], &ref);

	if (r < 0)
		return r;
	r = copy_in(t, &ulen, a->a[4], sizeof(ulen));
	if (r == 0 && ulen < 0 && level == SOL_SOCKET)
		r = -EINVAL;
	if (r == 0 && level == SOL_SOCKET && name == SO_GET_FILTER) {
		r = get_filter(&ref, a->a[3], ulen, a->a[4]);
	} else if (r == 0) {
		/* What a negative length means depends on the level. No option is larger than val. */
		socklen_t len = ulen < 0 ? (socklen_t)ulen
					 : (socklen_t)MIN((size_t)ulen, sizeof(val));

		/* Some options read their value first (IP_MTU_DISCOVER does not; SO_PEERPIDFD does). */
		if (len > 0)
			(void)mm_copy_in_some(t->mm, val, a->a[3], MIN((size_t)len, sizeof(val)));
		r = level == SOL_SOCKET ? get_own(ref.sock, name, val, &len) : 1;
		if (r == 1)
			r = ref.sock->ops->getsockopt(ref.sock, t, level, name, val, &len);
		if (r == 0 && len > 0)
			r = copy_out(t, a->a[3], val, MIN((size_t)len, (size_t)(unsigned)ulen));
		if (r == 0)
			r = copy_out(t, a->a[4], &len, sizeof(len));
	}
	sock_put(&ref);
	return r;
}
