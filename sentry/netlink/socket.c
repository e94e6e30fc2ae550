/* SPDX-License-Identifier: Apache-2.0 */
/* AF_NETLINK sockets (netlink(7)): ports, groups, queues, options. */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "net/netns.h"
#include "netlink/internal.h"
#include "netlink/table.h"
#include "task/task.h"

#define RMEM_DEFAULT 212992
#define RMEM_MAX (4 << 20)

static const struct socket_ops netlink_ops;

static struct nl_sock *nl(struct socket *s)
{
	return container_of(s, struct nl_sock, base);
}

/* Messages between processes, with no kernel side. */
static int user_request(struct nl_req *rq)
{
	(void)rq;
	return -ECONNREFUSED;
}

static const struct nl_proto nl_user = { .number = NETLINK_USERSOCK, .groups = 32,
					 .user_send = true, .user_recv = true,
					 .request = user_request };
/* Nothing is plugged in by the kernel itself, but device managers talk over its groups. */
static const struct nl_proto nl_uevent = { .number = NETLINK_KOBJECT_UEVENT, .groups = 32,
					   .user_recv = true, .request = user_request };

static const struct nl_proto *const protos[] = { &nl_route, &nl_user, &nl_diag, &nl_netfilter,
						 &nl_uevent, &nl_generic };

int netlink_socket_new(struct socket **ret, struct task *t, int type, int protocol)
{
	const struct nl_proto *proto = NULL;
	struct nl_sock *n;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol < 0 || protocol >= 32)
		return -EPROTONOSUPPORT;
	for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
		if (protos[i]->number == protocol)
			proto = protos[i];
	}
	if (!proto)
		return -EPROTONOSUPPORT;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	socket_init(&n->base, &netlink_ops, AF_NETLINK, type, protocol, t);
	mutex_init(&n->mu, RANK_OBJECT);
	list_init(&n->queue);
	n->proto = proto;
	n->ns = netns_get(t->net);
	n->rcvbuf = n->sndbuf = RMEM_DEFAULT;
	mutex_lock(&nl_table.mu);
	list_push_back(&nl_table.socks, &n->all);
	mutex_unlock(&nl_table.mu);
	*ret = &n->base;
	return 0;
}

static void netlink_release(struct socket *s)
{
	struct nl_sock *n = nl(s);
	struct list *node;

	mutex_lock(&nl_table.mu);
	list_remove(&n->all);
	mutex_unlock(&nl_table.mu);
	if (n->proto->released)
		n->proto->released(n);
	if (n->proto->members && (n->groups[0] || n->groups[1]))
		n->proto->members(n->ns);
	while ((node = list_pop_front(&n->queue)) != NULL)
		free(list_entry(node, struct nl_msg, link));
	netns_put(n->ns);
	mutex_fini(&n->mu);
	socket_fini(s);
	free(n);
}

/* --- names ---------------------------------------------------------------------------------------- */

static bool port_used(const struct nl_sock *n, uint32_t port)
{
	struct nl_sock *s;

	list_for_each_entry(s, &nl_table.socks, all)
	{
		if (s->ns == n->ns && s->proto == n->proto && s->port == port)
			return true;
	}
	return false;
}

/* With the table locked. The process's id where it is free, then numbers from the top. */
static void autobind_locked(struct nl_sock *n, struct task *t)
{
	uint32_t port = (uint32_t)t->group->pid;

	if (n->port)
		return;
	for (uint32_t next = (uint32_t)-4097; port_used(n, port); next--)
		port = next;
	n->port = port;
}

static int may_join(struct nl_sock *n, struct task *t)
{
	return n->proto->user_recv || task_has_cap(t, CAP_NET_ADMIN) ? 0 : -EPERM;
}

static int bind_locked(struct nl_sock *n, struct task *t, const struct sockaddr_nl *a)
{
	if (n->port && n->port != a->nl_pid && a->nl_pid)
		return -EINVAL;
	if (n->port && !a->nl_pid && !a->nl_groups && !n->groups[0])
		return 0;
	if (!n->port && a->nl_pid) {
		if (port_used(n, a->nl_pid))
			return -EADDRINUSE;
		n->port = a->nl_pid;
	}
	autobind_locked(n, t);
	n->groups[0] = a->nl_groups;
	return 0;
}

static int netlink_bind(struct socket *s, struct task *t, const struct sockaddr *addr, socklen_t len)
{
	struct nl_sock *n = nl(s);
	struct sockaddr_nl a;
	int r = 0;

	if (len < sizeof(a) || addr->sa_family != AF_NETLINK)
		return -EINVAL;
	memcpy(&a, addr, sizeof(a));
	if (a.nl_groups)
		r = may_join(n, t);
	if (n->proto->groups < 32)
		a.nl_groups &= (1u << n->proto->groups) - 1;
	if (r < 0)
		return r;
	mutex_lock(&nl_table.mu);
	r = bind_locked(n, t, &a);
	mutex_unlock(&nl_table.mu);
	if (r == 0 && n->proto->members)
		n->proto->members(n->ns);
	return r;
}

static int netlink_connect(struct socket *s, struct task *t, const struct sockaddr *addr, socklen_t len)
{
	struct nl_sock *n = nl(s);
	struct sockaddr_nl a = { 0 };

	if (len < sizeof(sa_family_t))
		return -EINVAL;
	if (addr->sa_family != AF_UNSPEC) {
		if (len < sizeof(a) || addr->sa_family != AF_NETLINK)
			return -EINVAL;
		memcpy(&a, addr, sizeof(a));
		if ((a.nl_pid || a.nl_groups) && !n->proto->user_send &&
		    !task_has_cap(t, CAP_NET_ADMIN))
			return -EPERM;
		mutex_lock(&nl_table.mu);
		autobind_locked(n, t);
		mutex_unlock(&nl_table.mu);
	}
	mutex_lock(&n->mu);
	n->peer = a.nl_pid;
	n->peer_groups = a.nl_groups;
	mutex_unlock(&n->mu);
	return 0;
}

static int netlink_getname(struct socket *s, bool peer, struct sockaddr_storage *addr, socklen_t *len)
{
	struct nl_sock *n = nl(s);
	struct sockaddr_nl a = { .nl_family = AF_NETLINK };

	mutex_lock(&nl_table.mu);
	a.nl_pid = peer ? n->peer : n->port;
	a.nl_groups = peer ? n->peer_groups : n->groups[0];
	mutex_unlock(&nl_table.mu);
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, &a, sizeof(a));
	*len = sizeof(a);
	return 0;
}

/* --- messages ------------------------------------------------------------------------------------- */

static void to_kernel(struct nl_sock *n, struct task *t, const uint8_t *buf, size_t len)
{
	if (n->proto->datagram && n->proto->datagram(n, t, buf, len))
		return;
	for (size_t pos = 0; len - pos >= sizeof(struct nlmsghdr);) {
		struct nlmsghdr h;

		memcpy(&h, buf + pos, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - pos)
			return;
		nl_handle(n, t, buf + pos, h.nlmsg_len);
		pos += MIN((size_t)NLMSG_ALIGN(h.nlmsg_len), len - pos);
	}
}

static ssize_t deliver(struct nl_sock *n, struct task *t, const struct sockaddr_nl *to,
		       const uint8_t *buf, size_t len)
{
	uint32_t group = to->nl_groups ? (uint32_t)__builtin_ctz(to->nl_groups) + 1 : 0;
	int r = 0;

	if ((to->nl_pid || group) && !n->proto->user_send && !task_has_cap(t, CAP_NET_ADMIN))
		return -EPERM;
	if (group)
		(void)nl_send_user(n, 0, group, buf, len);
	if (to->nl_pid)
		r = nl_send_user(n, to->nl_pid, 0, buf, len);
	else if (n->proto->request == user_request)
		r = group ? 0 : -ECONNREFUSED;
	else
		to_kernel(n, t, buf, len);
	return r < 0 ? r : (ssize_t)len;
}

static ssize_t netlink_sendmsg(struct socket *s, struct task *t, struct sock_msg *m, int flags)
{
	struct nl_sock *n = nl(s);
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = n->peer,
				  .nl_groups = n->peer_groups };
	size_t len = m->iter.count;
	ssize_t r;
	uint8_t *buf;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (len == 0)
		return -ENODATA;
	if (m->name_len) {
		if (m->name_len < sizeof(to) || m->name.ss_family != AF_NETLINK)
			return -EINVAL;
		memcpy(&to, &m->name, sizeof(to));
	}
	if (len > n->sndbuf - 32)
		return -EMSGSIZE;
	buf = malloc(len);
	if (!buf)
		return -ENOBUFS;
	mutex_lock(&nl_table.mu);
	autobind_locked(n, t);
	mutex_unlock(&nl_table.mu);
	r = iov_iter_copy_from(&m->iter, buf, len) == len ? deliver(n, t, &to, buf, len) : -EFAULT;
	free(buf);
	return r;
}

static ssize_t recv_locked(struct nl_sock *n, struct sock_msg *m, int flags)
{
	struct list *node = list_first(&n->queue);
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };

	if (n->overrun) {
		n->overrun = false;
		return -ENOBUFS;
	}
	if (!node)
		return -EAGAIN;

	struct nl_msg *msg = list_entry(node, struct nl_msg, link);
	size_t want = MIN(msg->len, m->iter.count);
	size_t got = iov_iter_copy_to(&m->iter, msg->data, want);
	ssize_t r = got < want ? -EFAULT : (ssize_t)(flags & MSG_TRUNC ? msg->len : got);

	if (msg->len > want)
		m->flags |= MSG_TRUNC;
	from.nl_pid = msg->from;
	from.nl_groups = msg->group && msg->group <= 32 ? 1u << (msg->group - 1) : 0;
	memcpy(&m->name, &from, sizeof(from));
	m->name_len = sizeof(from);
	if (n->pktinfo) {
		struct nl_pktinfo info = { .group = msg->group };

		cmsg_put(&m->out, SOL_NETLINK, NETLINK_PKTINFO, &info, sizeof(info));
	}
	if (!(flags & MSG_PEEK)) {
		list_remove(node);
		n->queued -= msg->len;
		free(msg);
	}
	return r;
}

static ssize_t netlink_recvmsg(struct socket *s, struct task *t, struct sock_msg *m, int flags)
{
	struct nl_sock *n = nl(s);
	ssize_t r;

	(void)t;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	mutex_lock(&n->mu);
	r = recv_locked(n, m, flags);
	mutex_unlock(&n->mu);
	return r;
}

static uint32_t netlink_poll(struct socket *s, struct waiter *w)
{
	struct nl_sock *n = nl(s);
	uint32_t ready = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

	if (w)
		waitq_add(&s->waitq, w, w->mask);
	mutex_lock(&n->mu);
	if (!list_empty(&n->queue))
		ready |= EPOLLIN | EPOLLRDNORM;
	if (n->overrun)
		ready |= EPOLLERR;
	mutex_unlock(&n->mu);
	return ready;
}

/* --- options -------------------------------------------------------------------------------------- */

static int membership(struct nl_sock *n, struct task *t, uint32_t group, bool add)
{
	int r = may_join(n, t);

	if (r < 0)
		return r;
	if (group == 0 || group > n->proto->groups)
		return -EINVAL;
	mutex_lock(&nl_table.mu);
	if (add)
		n->groups[(group - 1) / 32] |= 1u << ((group - 1) % 32);
	else
		n->groups[(group - 1) / 32] &= ~(1u << ((group - 1) % 32));
	mutex_unlock(&nl_table.mu);
	if (n->proto->members)
		n->proto->members(n->ns);
	return 0;
}

static bool *flag_of(struct nl_sock *n, int name)
{
	switch (name) {
	case NETLINK_PKTINFO:
		return &n->pktinfo;
	case NETLINK_BROADCAST_ERROR:
		return &n->broadcast_error;
	case NETLINK_NO_ENOBUFS:
		return &n->no_enobufs;
	case NETLINK_CAP_ACK:
		return &n->cap_ack;
	case NETLINK_EXT_ACK:
		return &n->ext_ack;
	case NETLINK_GET_STRICT_CHK:
		return &n->strict;
	case NETLINK_LISTEN_ALL_NSID:
		return &n->all_nsid;
	default:
		return NULL;
	}
}

static int set_netlink(struct nl_sock *n, struct task *t, int name, const void *val, socklen_t len)
{
	bool *flag = flag_of(n, name);
	int v = 0;

	if (len >= sizeof(v))
		memcpy(&v, val, sizeof(v));
	else if (name != NETLINK_LISTEN_ALL_NSID || len)
		return -EINVAL;
	if (name == NETLINK_ADD_MEMBERSHIP || name == NETLINK_DROP_MEMBERSHIP)
		return membership(n, t, (uint32_t)v, name == NETLINK_ADD_MEMBERSHIP);
	if (!flag)
		return -ENOPROTOOPT;
	if (name == NETLINK_LISTEN_ALL_NSID && !task_has_cap(t, CAP_NET_BROADCAST))
		return -EPERM;
	mutex_lock(&n->mu);
	*flag = v != 0;
	mutex_unlock(&n->mu);
	return 0;
}

static int set_buf(struct nl_sock *n, struct task *t, int name, int v)
{
	bool force = name == SO_RCVBUFFORCE || name == SO_SNDBUFFORCE;
	bool rcv = name == SO_RCVBUF || name == SO_RCVBUFFORCE;

	if (force && !task_has_cap(t, CAP_NET_ADMIN))
		return -EPERM;

	uint32_t size = (uint32_t)MAX(v, 0);

	size = MIN(size, (uint32_t)(force ? RMEM_MAX * 4 : RMEM_MAX)) * 2;
	mutex_lock(&n->mu);
	if (rcv)
		n->rcvbuf = MAX(size, 2304u);
	else
		n->sndbuf = MAX(size, 4608u);
	mutex_unlock(&n->mu);
	return 0;
}

static int netlink_setsockopt(struct socket *s, struct task *t, int level, int name, const void *val,
			      socklen_t len)
{
	int v;

	if (level == SOL_NETLINK)
		return set_netlink(nl(s), t, name, val, len);
	if (level != SOL_SOCKET)
		return -ENOPROTOOPT;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	switch (name) {
	case SO_SNDBUF:
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
	case SO_SNDBUFFORCE:
		return set_buf(nl(s), t, name, v);
	case SO_PASSCRED:
	case SO_REUSEADDR:
	case SO_PRIORITY:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_netlink(struct nl_sock *n, int name, void *val, socklen_t *len)
{
	const bool *flag = flag_of(n, name);
	int v;

	if (name == NETLINK_LIST_MEMBERSHIPS) {
		size_t need = (n->proto->groups + 31) / 32 * 4;

		mutex_lock(&nl_table.mu);
		memcpy(val, n->groups, MIN((size_t)*len & ~3u, sizeof(n->groups)));
		mutex_unlock(&nl_table.mu);
		*len = (socklen_t)need;
		return 0;
	}
	if (!flag)
		return -ENOPROTOOPT;
	if (*len < sizeof(v))
		return -EINVAL;
	v = *flag;
	memcpy(val, &v, sizeof(v));
	*len = sizeof(v);
	return 0;
}

static int netlink_getsockopt(struct socket *s, struct task *t, int level, int name, void *val,
			      socklen_t *len)
{
	struct nl_sock *n = nl(s);
	int v = 0;

	(void)t;
	if (level == SOL_NETLINK)
		return get_netlink(n, name, val, len);
	if (level != SOL_SOCKET)
		return -ENOPROTOOPT;
	switch (name) {
	case SO_SNDBUF:
		v = (int)n->sndbuf;
		break;
	case SO_RCVBUF:
		v = (int)n->rcvbuf;
		break;
	case SO_ERROR:
	case SO_ACCEPTCONN:
	case SO_REUSEADDR:
	case SO_PASSCRED:
	case SO_PRIORITY:
		break;
	default:
		return -ENOPROTOOPT;
	}
	*len = MIN(*len, (socklen_t)sizeof(v));
	memcpy(val, &v, *len);
	return 0;
}

static long netlink_ioctl(struct socket *s, struct task *t, unsigned long cmd, uint64_t arg)
{
	(void)s;
	return netdev_ioctl(t, cmd, arg);
}

static const struct socket_ops netlink_ops = {
	.bind = netlink_bind,
	.connect = netlink_connect,
	.getname = netlink_getname,
	.setsockopt = netlink_setsockopt,
	.getsockopt = netlink_getsockopt,
	.sendmsg = netlink_sendmsg,
	.recvmsg = netlink_recvmsg,
	.poll = netlink_poll,
	.ioctl = netlink_ioctl,
	.release = netlink_release,
};
