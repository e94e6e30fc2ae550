/* SPDX-License-Identifier: Apache-2.0 */
/* The socket calls of netstack/socket.h: id lookup, entry guard, dispatch. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>

#include "packet/packet.h"
#include "stack/stack_priv.h"

static struct sock *find(struct net_stack *stack, net_sock_id id)
{
	return socks_find(&stack->socks, id);
}

/* Which transport serves (type, protocol); 0 or Linux's errno. */
static int choose(const struct socks *ss, const struct sock_ops **ret, int family, int type,
		  int *protocol)
{
	int icmp = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	switch (type) {
	case SOCK_STREAM:
		if (*protocol && *protocol != IPPROTO_TCP)
			return -EPROTONOSUPPORT;
		*protocol = IPPROTO_TCP;
		*ret = ss->tcp_ops;
		break;
	case SOCK_DGRAM:
		if (*protocol == icmp) {
			*ret = ss->ping_ops;
			break;
		}
		if (*protocol && *protocol != IPPROTO_UDP && *protocol != IPPROTO_UDPLITE)
			return -EPROTONOSUPPORT;
		*protocol = *protocol ? *protocol : IPPROTO_UDP;
		*ret = ss->udp_ops;
		break;
	case SOCK_RAW:
		if (!*protocol)
			return -EPROTONOSUPPORT;
		*ret = ss->raw_ops;
		break;
	default:
		return -ESOCKTNOSUPPORT;
	}
	return *ret ? 0 : -EPROTONOSUPPORT;
}

int net_sock_open(struct net_stack *stack, net_sock_id *ret, int family, int type, int protocol)
{
	const struct sock_ops *ops;
	struct sock *sk;
	int r;

	if (family == AF_PACKET) {
		if (type != SOCK_RAW && type != SOCK_DGRAM)
			return -ESOCKTNOSUPPORT;
		ops = stack->socks.packet_ops;
		protocol &= 0xffff;
	} else if (family != AF_INET && family != AF_INET6) {
		return -EAFNOSUPPORT;
	} else {
		if (protocol < 0 || protocol > 255)
			return -EINVAL;
		r = choose(&stack->socks, &ops, family, type, &protocol);
		if (r < 0)
			return r;
	}
	stack_enter(stack);
	r = sock_new(&stack->socks, &sk, ops, family, type, protocol);
	if (r == 0) {
		r = sock_publish(sk);
		if (r < 0)
			ops->close(sk);
		else
			*ret = sk->id;
	}
	stack_leave(stack);
	return r;
}

int net_sock_close(struct net_stack *stack, net_sock_id id)
{
	struct sock *sk = find(stack, id);

	if (!sk)
		return -EBADF;
	stack_enter(stack);
	sock_unpublish(sk);
	sk->ops->close(sk);
	stack_leave(stack);
	return 0;
}

int net_sock_set_cookie(struct net_stack *stack, net_sock_id id, uint64_t cookie)
{
	struct sock *sk = find(stack, id);

	if (!sk)
		return -EBADF;
	sk->cookie = cookie;
	return 0;
}

int net_sock_set_owner(struct net_stack *stack, net_sock_id id, uint32_t uid, uint64_t inode)
{
	struct sock *sk = find(stack, id);

	if (!sk)
		return -EBADF;
	sk->node.uid = uid;
	sk->inode = inode;
	return 0;
}

int net_sock_bind(struct net_stack *stack, net_sock_id id, const struct sockaddr *addr,
		  socklen_t len)
{
	struct sock *sk = find(stack, id);
	int r;

	if (!sk)
		return -EBADF;
	stack_enter(stack);
	r = sk->ops->bind_name ? sk->ops->bind_name(sk, addr, len) : sock_bind(sk, addr, len);
	stack_leave(stack);
	return r;
}

int net_sock_connect(struct net_stack *stack, net_sock_id id, const struct sockaddr *addr,
		     socklen_t len)
{
	struct sock *sk = find(stack, id);
	struct net_endpoint peer;
	int r;

	if (!sk)
		return -EBADF;
	if (sk->ops->bind_name)
		return -EOPNOTSUPP;
	r = sock_get_name(sk, &peer, addr, len);
	if (r < 0)
		return r;
	stack_enter(stack);
	r = sk->ops->connect(sk, &peer);
	stack_leave(stack);
	return r;
}

int net_sock_listen(struct net_stack *stack, net_sock_id id, int backlog)
{
	struct sock *sk = find(stack, id);
	int r;

	if (!sk)
		return -EBADF;
	if (!sk->ops->listen)
		return -EOPNOTSUPP;
	stack_enter(stack);
	r = sk->ops->listen(sk, backlog);
	stack_leave(stack);
	return r;
}

int net_sock_accept(struct net_stack *stack, net_sock_id id, net_sock_id *ret,
		    struct sockaddr *addr, socklen_t *len)
{
	struct sock *sk = find(stack, id);
	struct sock *child = NULL;
	int r;

	if (!sk)
		return -EBADF;
	if (!sk->ops->accept)
		return -EOPNOTSUPP;
	stack_enter(stack);
	r = sk->ops->accept(sk, &child);
	if (r == 0) {
		r = sock_publish(child);
		if (r < 0) {
			child->ops->close(child);
		} else {
			*ret = child->id;
			if (len)
				sock_put_name(child, &child->node.remote, addr, len);
		}
	}
	stack_leave(stack);
	return r;
}

ssize_t net_sock_send(struct net_stack *stack, net_sock_id id, const struct net_msg *msg, int flags)
{
	struct sock *sk = find(stack, id);
	struct net_endpoint dst, *to = NULL;
	ssize_t r;

	if (!sk)
		return -EBADF;
	if (msg->name && sk->type != SOCK_STREAM && !sk->ops->bind_name) {
		r = sock_get_name(sk, &dst, msg->name, msg->name_len);
		if (r < 0)
			return r;
		if (!dst.addr.family) {
			/* AF_UNSPEC: IPv4 sockets read it as AF_INET, IPv6 ones as no address. */
			struct sockaddr_in sin;

			if (sk->family == AF_INET) {
				memcpy(&sin, msg->name, sizeof(sin));
				sin.sin_family = AF_INET;
				r = sock_get_name(sk, &dst, (struct sockaddr *)&sin, sizeof(sin));
				if (r < 0)
					return r;
				to = &dst;
			}
		} else {
			to = &dst;
		}
	} else if (msg->name && (flags & MSG_FASTOPEN)) {
		r = sock_get_name(sk, &dst, msg->name, msg->name_len);
		if (r < 0)
			return r;
		to = &dst;
	}
	stack_enter(stack);
	r = sk->ops->send(sk, msg, to, flags);
	stack_leave(stack);
	return r;
}

ssize_t net_sock_recv(struct net_stack *stack, net_sock_id id, struct net_msg *msg, int flags)
{
	struct sock *sk = find(stack, id);
	ssize_t r;

	if (!sk)
		return -EBADF;
	msg->flags = 0;
	msg->ctl.has = 0;
	stack_enter(stack);
	r = sk->ops->recv(sk, msg, flags);
	stack_leave(stack);
	/* Nothing was written to the name: no address. */
	if (r < 0 || (sk->type == SOCK_STREAM && !(flags & MSG_ERRQUEUE)))
		msg->name_len = 0;
	return r;
}

int net_sock_shutdown(struct net_stack *stack, net_sock_id id, int how)
{
	struct sock *sk = find(stack, id);
	int r;

	if (!sk)
		return -EBADF;
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	stack_enter(stack);
	r = sk->ops->shutdown(sk, (enum sock_shut)(how + 1));
	stack_leave(stack);
	return r;
}

int net_sock_getsockname(struct net_stack *stack, net_sock_id id, struct sockaddr *addr,
			 socklen_t *len)
{
	struct sock *sk = find(stack, id);

	if (!sk)
		return -EBADF;
	if (sk->ops->get_name)
		return sk->ops->get_name(sk, false, addr, len);
	sock_put_name(sk, &sk->node.local, addr, len);
	return 0;
}

int net_sock_getpeername(struct net_stack *stack, net_sock_id id, struct sockaddr *addr,
			 socklen_t *len)
{
	struct sock *sk = find(stack, id);
	bool connected;

	if (!sk)
		return -EBADF;
	if (sk->ops->get_name)
		return sk->ops->get_name(sk, true, addr, len);
	connected = sk->ops->connected ? sk->ops->connected(sk) : sk->node.remote.port != 0;
	if (!connected)
		return -ENOTCONN;
	sock_put_name(sk, &sk->node.remote, addr, len);
	return 0;
}

int net_sock_setopt(struct net_stack *stack, net_sock_id id, int level, int name, const void *value,
		    socklen_t len, unsigned caps)
{
	struct sock *sk = find(stack, id);
	int r;

	if (!sk)
		return -EBADF;
	if (len > INT32_MAX)
		return -EINVAL;
	stack_enter(stack);
	r = sock_setopt(sk, level, name, value, len, caps);
	stack_leave(stack);
	return r;
}

int net_sock_getopt(struct net_stack *stack, net_sock_id id, int level, int name, void *value,
		    socklen_t *len)
{
	struct sock *sk = find(stack, id);
	int r;

	if (!sk)
		return -EBADF;
	stack_enter(stack);
	r = sock_getopt(sk, level, name, value, len);
	stack_leave(stack);
	return r;
}

uint32_t net_sock_poll(struct net_stack *stack, net_sock_id id)
{
	struct sock *sk = find(stack, id);

	return sk ? sk->ops->poll(sk) : 0x20 /* POLLNVAL */ | EPOLLERR;
}

int64_t net_sock_count(struct net_stack *stack, net_sock_id id, enum net_count what)
{
	struct sock *sk = find(stack, id);

	if (!sk)
		return -EBADF;
	return sk->ops->count ? sk->ops->count(sk, what) : -EINVAL;
}

int net_sock_stamp(struct net_stack *stack, net_sock_id id, net_time *ret)
{
	struct sock *sk = find(stack, id);

	if (!sk)
		return -EBADF;
	if (!sk->stamp)
		return -ENOENT;
	*ret = sk->stamp + stack->core.wall_offset;
	return 0;
}

size_t net_packet_ring_bytes(struct net_stack *stack, net_sock_id id)
{
	struct sock *sk = find(stack, id);

	return sk && sk->family == AF_PACKET ? packet_ring_bytes(packet_of(sk)) : 0;
}

void net_packet_ring_memory(struct net_stack *stack, net_sock_id id, void *mem)
{
	struct sock *sk = find(stack, id);

	if (sk && sk->family == AF_PACKET)
		packet_ring_memory(packet_of(sk), mem);
}

bool net_sock_lingering(struct net_stack *stack, net_sock_id id)
{
	struct sock *sk = find(stack, id);

	return sk && sk->ops->lingering && sk->ops->lingering(sk);
}
