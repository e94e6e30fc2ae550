/* SPDX-License-Identifier: Apache-2.0 */
/* AF_INET and AF_INET6 sockets: guest memory, blocking hooks and capabilities around the stack.
 *
 * Data takes one copy: large transfers let the stack copy from or to guest memory that is pinned for
 * the call; small ones go through a stack buffer, which is cheaper than a pin.
 */
#include "socket/inet.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/clock.h"
#include "task/task.h"
#include "util/cleanup.h"

/* Up to here a message goes through the sentry thread's stack. */
#define SMALL_BYTES 8192
/* Guest memory of other kinds than the memfd is copied in pieces of this size. */
#define BOUNCE_BYTES 65536
/* More than any datagram. */
#define DGRAM_MAX 65536

static struct inet_sock *inet(struct socket *s)
{
	return container_of(s, struct inet_sock, base);
}

static void inet_ready(struct netns_sock *ns_sock, uint32_t bits)
{
	struct inet_sock *s = container_of(ns_sock, struct inet_sock, ns_sock);

	waitq_wake(&s->base.waitq, bits);
}

static unsigned net_caps(struct task *t)
{
	return (task_has_cap(t, CAP_NET_ADMIN) ? NET_CAP_ADMIN : 0U) |
	       (task_has_cap(t, CAP_NET_RAW) ? NET_CAP_RAW : 0U);
}

static const struct socket_ops inet_ops;

static struct inet_sock *inet_wrap(struct task *t, struct netns *ns, int family, int type, int protocol)
{
	struct inet_sock *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	socket_init(&s->base, &inet_ops, family, type, protocol, t);
	s->ns_sock.ready = inet_ready;
	s->ns = netns_get(ns);
	return s;
}

/* Under the namespace's lock. */
static void inet_adopt(struct inet_sock *s, struct net_stack *stack, net_sock_id id)
{
	s->id = id;
	net_sock_set_cookie(stack, id, (uint64_t)(uintptr_t)&s->ns_sock);
	net_sock_set_owner(stack, id, s->base.uid, s->base.inode);
}

static int default_protocol(int type, int protocol)
{
	if (protocol != 0)
		return protocol;
	return type == SOCK_STREAM ? IPPROTO_TCP : type == SOCK_DGRAM ? IPPROTO_UDP : 0;
}

/* icmp(7): who may open a ping socket. */
static bool in_ping_group(struct task *t)
{
	struct net_stack *stack = netns_lock(t->net);
	struct net_tunables tun;

	net_stack_get_tunables(stack, &tun);
	netns_unlock_query(t->net);

	const uint32_t low = (uint32_t)tun.ping_group_range[0], high = (uint32_t)tun.ping_group_range[1];

	if (t->cred->fsgid >= low && t->cred->fsgid <= high)
		return true;
	for (uint32_t i = 0; i < t->cred->n_groups; i++) {
		if (t->cred->groups[i] >= low && t->cred->groups[i] <= high)
			return true;
	}
	return false;
}

int inet_socket_new(struct socket **ret, struct task *t, int family, int type, int protocol)
{
	net_sock_id id;

	if (type == SOCK_DGRAM && (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) &&
	    family != AF_PACKET && !in_ping_group(t))
		return -EACCES;

	if ((type == SOCK_RAW || family == AF_PACKET) && !task_has_cap(t, CAP_NET_RAW))
		return -EPERM;

	struct inet_sock *s = inet_wrap(t, t->net, family, type,
					family == AF_PACKET ? 0 : default_protocol(type, protocol));

	if (!s)
		return -ENOMEM;

	struct net_stack *stack = netns_lock(s->ns);
	int r = net_sock_open(stack, &id, family, type, protocol);

	if (r == 0)
		inet_adopt(s, stack, id);
	netns_unlock_query(s->ns);
	if (r < 0) {
		netns_put(s->ns);
		socket_fini(&s->base);
		free(s);
		return r;
	}
	*ret = &s->base;
	return 0;
}

/* SO_LINGER with a time: close(2) waits for the data to be acknowledged, at most that long. */
static void linger_wait(struct inet_sock *s)
{
	struct linger l = { 0 };
	socklen_t len = sizeof(l);
	struct net_stack *stack = netns_lock(s->ns);
	bool lingering = net_sock_lingering(stack, s->id) &&
			 net_sock_getopt(stack, s->id, SOL_SOCKET, SO_LINGER, &l, &len) == 0 &&
			 l.l_onoff && l.l_linger > 0;

	if (lingering)
		(void)net_sock_shutdown(stack, s->id, SHUT_RDWR);
	netns_unlock(s->ns);
	if (!lingering)
		return;

	struct task *t = task_current();
	int64_t deadline = clock_mono_ns() + (int64_t)l.l_linger * NS_PER_SEC;
	struct task_waiter w;

	if (!t)
		return;
	task_waiter_init(&w, t);
	waitq_add(&s->base.waitq, &w.waiter, EPOLLOUT | EPOLLIN | EPOLLRDHUP);
	for (;;) {
		task_wait_begin(t);
		stack = netns_lock(s->ns);
		lingering = net_sock_lingering(stack, s->id);
		netns_unlock(s->ns);
		if (!lingering || task_wait(t, deadline) < 0)
			break;
	}
	waitq_del(&w.waiter);
}

static void inet_release(struct socket *base)
{
	struct inet_sock *s = inet(base);

	if (base->type == SOCK_STREAM)
		linger_wait(s);

	struct net_stack *stack = netns_lock(s->ns);

	net_sock_close(stack, s->id);
	netns_unlock(s->ns);
	packet_rings_drop(s);
	netns_put(s->ns);
	socket_fini(base);
	free(s);
}

static uint16_t sockaddr_port(const struct sockaddr *addr, socklen_t len)
{
	uint16_t port = 0;

	/* sin_port and sin6_port are at the same place. */
	if (len >= offsetof(struct sockaddr_in, sin_port) + 2)
		memcpy(&port, (const uint8_t *)addr + offsetof(struct sockaddr_in, sin_port), 2);
	return ntohs(port);
}

static int inet_bind(struct socket *base, struct task *t, const struct sockaddr *addr, socklen_t len)
{
	struct inet_sock *s = inet(base);
	uint16_t port = sockaddr_port(addr, len);

	bool may_any = port == 0 || base->type == SOCK_RAW || base->family == AF_PACKET ||
		       task_has_cap(t, CAP_NET_BIND_SERVICE);
	struct net_stack *stack = netns_lock(s->ns);
	struct net_tunables tun;
	int r = 0;

	if (!may_any) {
		net_stack_get_tunables(stack, &tun);
		r = port < tun.ip_unprivileged_port_start ? -EACCES : 0;
	}
	if (r == 0)
		r = net_sock_bind(stack, s->id, addr, len);

	netns_unlock(s->ns);
	return r;
}

static int inet_connect(struct socket *base, struct task *t, const struct sockaddr *addr, socklen_t len)
{
	struct inet_sock *s = inet(base);

	(void)t;
	struct net_stack *stack = netns_lock(s->ns);
	int r = net_sock_connect(stack, s->id, addr, len);

	netns_unlock(s->ns);
	return r;
}

static int inet_connect_result(struct socket *base)
{
	struct inet_sock *s = inet(base);
	struct net_stack *stack = netns_lock(s->ns);
	uint32_t ready = net_sock_poll(stack, s->id);
	int r = -EINPROGRESS;

	if (ready & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
		int err = 0;
		socklen_t len = sizeof(err);

		r = net_sock_getopt(stack, s->id, SOL_SOCKET, SO_ERROR, &err, &len);
		if (r == 0)
			r = err ? -err : ready & EPOLLOUT ? 0 : -ECONNABORTED;
	}
	netns_unlock(s->ns);
	return r;
}

static int inet_listen(struct socket *base, struct task *t, int backlog)
{
	struct inet_sock *s = inet(base);

	(void)t;
	struct net_stack *stack = netns_lock(s->ns);
	int r = net_sock_listen(stack, s->id, backlog);

	netns_unlock(s->ns);
	return r;
}

static int inet_accept(struct socket *base, struct task *t, struct socket **ret)
{
	struct inet_sock *s = inet(base);
	struct inet_sock *child;
	net_sock_id id;

	child = inet_wrap(t, s->ns, base->family, base->type, base->protocol);
	if (!child)
		return -ENOMEM;

	struct net_stack *stack = netns_lock(s->ns);
	int r = net_sock_accept(stack, s->id, &id, NULL, NULL);

	if (r == 0)
		inet_adopt(child, stack, id);
	netns_unlock(s->ns);
	if (r < 0) {
		netns_put(child->ns);
		socket_fini(&child->base);
		free(child);
		return r;
	}
	*ret = &child->base;
	return 0;
}

static int inet_getname(struct socket *base, bool peer, struct sockaddr_storage *addr, socklen_t *len)
{
	struct inet_sock *s = inet(base);
	struct net_stack *stack = netns_lock(s->ns);

	*len = sizeof(*addr);

	int r = peer ? net_sock_getpeername(stack, s->id, (struct sockaddr *)addr, len)
		     : net_sock_getsockname(stack, s->id, (struct sockaddr *)addr, len);

	netns_unlock_query(s->ns);
	return r;
}

static int inet_shutdown(struct socket *base, int how)
{
	struct inet_sock *s = inet(base);
	struct net_stack *stack = netns_lock(s->ns);
	int r = net_sock_shutdown(stack, s->id, how);

	netns_unlock(s->ns);
	return r;
}

static int inet_setsockopt(struct socket *base, struct task *t, int level, int name, const void *val,
			   socklen_t len)
{
	struct inet_sock *s = inet(base);
	struct net_stack *stack = netns_lock(s->ns);
	int r = net_sock_setopt(stack, s->id, level, name, val, len, net_caps(t));

	if (r == 0 && base->family == AF_PACKET && packet_is_ring(level, name))
		r = packet_ring_changed(s, stack);
	netns_unlock(s->ns);
	return r;
}

static int inet_getsockopt(struct socket *base, struct task *t, int level, int name, void *val,
			   socklen_t *len)
{
	struct inet_sock *s = inet(base);

	(void)t;
	struct net_stack *stack = netns_lock(s->ns);
	bool orig = name == SO_ORIGINAL_DST && (level == IPPROTO_IP || level == IPPROTO_IPV6);
	int r = orig ? inet_original_dst(stack, s, level == IPPROTO_IP ? AF_INET : AF_INET6, val, len)
		     : net_sock_getopt(stack, s->id, level, name, val, len);

	netns_unlock_query(s->ns);
	return r;
}

static uint32_t inet_poll(struct socket *base, struct waiter *w)
{
	struct inet_sock *s = inet(base);

	if (w)
		waitq_add(&base->waitq, w, w->mask);

	struct net_stack *stack = netns_lock(s->ns);
	uint32_t ready = net_sock_poll(stack, s->id);

	netns_unlock_query(s->ns);
	return ready;
}

/* --- sending --------------------------------------------------------------------------------------- */

static ssize_t send_iov(struct inet_sock *s, struct net_msg *nm, const struct iovec *iov, size_t n,
			int flags)
{
	struct net_stack *stack = netns_lock(s->ns);

	nm->iov = iov;
	nm->iov_len = n;

	ssize_t r = net_sock_send(stack, s->id, nm, flags);

	netns_unlock(s->ns);
	return r;
}

/* Through @buf: what was not sent stays in the iterator. */
static ssize_t send_bounced(struct inet_sock *s, struct sock_msg *m, struct net_msg *nm, void *buf,
			    size_t size, int flags)
{
	struct iov_iter it = m->iter;
	size_t want = MIN(size, it.count);
	size_t n = iov_iter_copy_from(&it, buf, want);
	struct iovec iov = { buf, n };

	if (n < want && (n == 0 || s->base.type != SOCK_STREAM))
		return -EFAULT;

	ssize_t r = send_iov(s, nm, &iov, 1, flags);

	if (r > 0)
		iov_iter_advance(&m->iter, (size_t)r);
	return r;
}

static ssize_t send_large(struct inet_sock *s, struct sock_msg *m, struct net_msg *nm, int flags)
{
	bool stream = s->base.type == SOCK_STREAM;
	struct mm_pin pin;
	ssize_t covered;

	if (!stream && m->iter.count > DGRAM_MAX)
		return -EMSGSIZE;

	covered = iov_iter_pin(&m->iter, false, &pin);
	if (covered > 0) {
		bool usable = pin.stable && (stream || (size_t)covered == m->iter.count);
		ssize_t r = 0;

		if (usable)
			r = send_iov(s, nm, pin.iov, (size_t)pin.n, flags);
		mm_unpin(&pin);
		if (usable) {
			if (r > 0)
				iov_iter_advance(&m->iter, (size_t)r);
			return r;
		}
	}

	void *buf = malloc(BOUNCE_BYTES);

	if (!buf)
		return -ENOMEM;

	ssize_t r = send_bounced(s, m, nm, buf, BOUNCE_BYTES, flags);

	free(buf);
	return r;
}

static ssize_t inet_sendmsg(struct socket *base, struct task *t, struct sock_msg *m, int flags)
{
	struct inet_sock *s = inet(base);
	struct net_msg nm = { 0 };
	uint8_t small[SMALL_BYTES];

	if (m->name_len > 0) {
		nm.name = (struct sockaddr *)&m->name;
		nm.name_len = m->name_len;
	}
	if (m->control_len > 0) {
		int r = inet_ctl_from_cmsg(t, m, &nm.ctl);

		if (r < 0)
			return r;
	}
	if (m->iter.count <= sizeof(small))
		return send_bounced(s, m, &nm, small, sizeof(small), flags);
	return send_large(s, m, &nm, flags);
}

/* --- receiving --------------------------------------------------------------------------------------- */

static ssize_t recv_iov(struct inet_sock *s, struct net_stack *stack, struct net_msg *nm,
			const struct iovec *iov, size_t n, int flags)
{
	nm->iov = iov;
	nm->iov_len = n;
	return net_sock_recv(stack, s->id, nm, flags);
}

/* Through @buf. MSG_TRUNC can make the result larger than what was copied. */
static ssize_t recv_bounced(struct inet_sock *s, struct sock_msg *m, struct net_msg *nm, void *buf,
			    size_t size, int flags)
{
	size_t want = MIN(size, m->iter.count);
	struct iovec iov = { buf, want };
	struct net_stack *stack = netns_lock(s->ns);
	ssize_t r = recv_iov(s, stack, nm, &iov, 1, flags);

	netns_unlock(s->ns);
	if (r <= 0)
		return r;

	/* MSG_TRUNC on a stream discards: nothing was copied (tcp(7)). */
	if (s->base.protocol == IPPROTO_TCP && s->base.type == SOCK_STREAM && (flags & MSG_TRUNC))
		return r;

	size_t got = MIN((size_t)r, want);

	return iov_iter_copy_to(&m->iter, buf, got) == got ? r : -EFAULT;
}

static ssize_t recv_large(struct inet_sock *s, struct sock_msg *m, struct net_msg *nm, int flags)
{
	struct mm_pin pin;
	ssize_t covered = iov_iter_pin(&m->iter, true, &pin);

	if (covered < 0)
		return covered;

	bool usable = pin.stable && (s->base.type == SOCK_STREAM || (size_t)covered == m->iter.count);

	if (!usable) {
		mm_unpin(&pin);

		void *buf = malloc(BOUNCE_BYTES);

		if (!buf)
			return -ENOMEM;

		ssize_t r = recv_bounced(s, m, nm, buf, BOUNCE_BYTES, flags);

		free(buf);
		return r;
	}

	struct net_stack *stack = netns_lock(s->ns);
	ssize_t r = recv_iov(s, stack, nm, pin.iov, (size_t)pin.n, flags);

	netns_unlock(s->ns);
	mm_unpin(&pin);
	if (r > 0)
		iov_iter_advance(&m->iter, (size_t)MIN(r, covered));
	return r;
}

/* Little that waits goes through @small: pinning a large buffer for few bytes is waste. Returns -ENOSPC,
 * with nothing taken, when much waits. One lock for the question and the answer. */
static ssize_t recv_if_little(struct inet_sock *s, struct sock_msg *m, struct net_msg *nm, void *small,
			      size_t size, int flags)
{
	struct iovec iov = { small, size };
	struct net_stack *stack = netns_lock(s->ns);
	int64_t inq = net_sock_count(stack, s->id, NET_COUNT_INQ);
	ssize_t r;

	if (inq < 0 || inq > (int64_t)size) {
		netns_unlock_query(s->ns);
		return -ENOSPC;
	}
	r = recv_iov(s, stack, nm, &iov, 1, flags);
	netns_unlock(s->ns);
	if (r > 0 && iov_iter_copy_to(&m->iter, small, (size_t)r) != (size_t)r)
		return -EFAULT;
	return r;
}

static ssize_t inet_recvmsg(struct socket *base, struct task *t, struct sock_msg *m, int flags)
{
	struct inet_sock *s = inet(base);
	struct net_msg nm = { .name = (struct sockaddr *)&m->name, .name_len = sizeof(m->name) };
	uint8_t small[SMALL_BYTES];
	ssize_t r;

	(void)t;
	if (m->iter.count <= sizeof(small)) {
		r = recv_bounced(s, m, &nm, small, sizeof(small), flags);
	} else {
		r = -ENOSPC;
		if (base->type == SOCK_STREAM && !(flags & MSG_TRUNC))
			r = recv_if_little(s, m, &nm, small, sizeof(small), flags);
		if (r == -ENOSPC)
			r = recv_large(s, m, &nm, flags);
	}
	if (r < 0)
		return r;
	m->name_len = nm.name_len;
	m->flags |= nm.flags;
	if (m->out.size > 0 || nm.ctl.has)
		inet_ctl_to_cmsg(s, &nm.ctl, &m->out);
	return r;
}

static long inet_ioctl(struct socket *base, struct task *t, unsigned long cmd, uint64_t arg)
{
	struct inet_sock *s = inet(base);
	enum net_count what;

	switch (cmd) {
	case FIONREAD:
		what = NET_COUNT_INQ;
		break;
	case TIOCOUTQ:
		what = NET_COUNT_OUTQ;
		break;
	case SIOCOUTQNSD:
		what = NET_COUNT_OUTQ_NSD;
		break;
	case SIOCATMARK:
		what = NET_COUNT_ATMARK;
		break;
	default:
		return netdev_ioctl(t, cmd, arg);
	}

	struct net_stack *stack = netns_lock(s->ns);
	int64_t n = net_sock_count(stack, s->id, what);

	netns_unlock_query(s->ns);
	if (n < 0)
		return (long)n;

	int v = (int)MIN(n, (int64_t)INT32_MAX);

	return copy_out(t, arg, &v, sizeof(v));
}

static const struct socket_ops inet_ops = {
	.bind = inet_bind,
	.connect = inet_connect,
	.connect_result = inet_connect_result,
	.listen = inet_listen,
	.accept = inet_accept,
	.getname = inet_getname,
	.shutdown = inet_shutdown,
	.setsockopt = inet_setsockopt,
	.getsockopt = inet_getsockopt,
	.sendmsg = inet_sendmsg,
	.recvmsg = inet_recvmsg,
	.poll = inet_poll,
	.ioctl = inet_ioctl,
	.mmap = packet_mmap,
	.release = inet_release,
};
