/* SPDX-License-Identifier: Apache-2.0 */
/* SOL_SOCKET, and dispatch of the other levels. Nothing is accepted that does not work: an option
 * that is not here is -ENOPROTOOPT.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "ip/ip.h"
#include "sock/socks.h"

/* Numbers that older system headers may lack. */
enum {
	OPT_SELECT_ERR_QUEUE = 45,
	OPT_BUSY_POLL = 46,
	OPT_MAX_PACING_RATE = 47,
	OPT_BPF_EXTENSIONS = 48,
	OPT_INCOMING_CPU = 49,
	OPT_CNX_ADVICE = 53,
	OPT_MEMINFO = 55,
	OPT_INCOMING_NAPI_ID = 56,
	OPT_COOKIE = 57,
	OPT_BINDTOIFINDEX = 62,
	OPT_TIMESTAMP_NEW = 63,
	OPT_TIMESTAMPNS_NEW = 64,
	OPT_NETNS_COOKIE = 71,
	OPT_BUF_LOCK = 72,
};

#define SNDBUF_MIN 4608 /* Linux's SOCK_MIN_SNDBUF and SOCK_MIN_RCVBUF */
#define RCVBUF_MIN 2304

int opt_get_int(const void *value, socklen_t len, int *ret)
{
	if (len < sizeof(int))
		return -EINVAL;
	memcpy(ret, value, sizeof(int));
	return 0;
}

int opt_put(void *value, socklen_t *len, const void *from, size_t n)
{
	if (*len > n)
		*len = (socklen_t)n;
	memcpy(value, from, *len);
	return 0;
}

int opt_put_int(void *value, socklen_t *len, int v)
{
	return opt_put(value, len, &v, sizeof(v));
}

/* Options that are one flag. */
struct flag {
	int name;
	size_t off;
};

#define FLAG(n, member)                                                                            \
	{                                                                                          \
		n, offsetof(struct sock_opts, member)                                              \
	}

static const struct flag flags[] = {
	FLAG(SO_DONTROUTE, dont_route),
	FLAG(SO_BROADCAST, broadcast),
	FLAG(SO_KEEPALIVE, keepalive),
	FLAG(SO_OOBINLINE, oob_inline),
	FLAG(SO_NO_CHECK, no_check),
	FLAG(SO_RXQ_OVFL, rxq_ovfl),
	FLAG(OPT_SELECT_ERR_QUEUE, select_err_queue),
};

static bool *flag_of(struct sock *sk, int name)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (flags[i].name == name)
			return (bool *)((char *)&sk->opt + flags[i].off);
	return NULL;
}

static void changed(struct sock *sk, int level, int name)
{
	if (sk->ops->opt_changed)
		sk->ops->opt_changed(sk, level, name);
}

static void set_sndbuf(struct sock *sk, int v, bool force)
{
	int max = sk->core->tun.wmem_max;

	v = MAX(v, 0);
	if (!force)
		v = MIN(v, max);
	v = MIN(v, INT32_MAX / 2);
	sk->opt.sndbuf = MAX(v * 2, SNDBUF_MIN);
	sk->opt.sndbuf_locked = true;
}

static void set_rcvbuf(struct sock *sk, int v, bool force)
{
	int max = sk->core->tun.rmem_max;

	v = MAX(v, 0);
	if (!force)
		v = MIN(v, max);
	v = MIN(v, INT32_MAX / 2);
	sk->opt.rcvbuf = MAX(v * 2, RCVBUF_MIN);
	sk->opt.rcvbuf_locked = true;
}

static int set_linger(struct sock *sk, const void *value, socklen_t len)
{
	struct linger l;

	if (len < sizeof(l))
		return -EINVAL;
	memcpy(&l, value, sizeof(l));
	sk->opt.linger_on = l.l_onoff != 0;
	if (l.l_onoff)
		sk->opt.linger_s = l.l_linger < 0 ? INT32_MAX : l.l_linger;
	return 0;
}

static int bind_link(struct sock *sk, net_link_id id, unsigned caps)
{
	if (sk->node.bound && !(caps & NET_CAP_RAW))
		return -EPERM;
	if (id && !link_find(sk->ip->links, id))
		return -ENODEV;
	sk->node.bound = id;
	return 0;
}

static int set_bind_device(struct sock *sk, const void *value, socklen_t len, unsigned caps)
{
	char name[16] = {0};
	struct link *link;

	memcpy(name, value, MIN((size_t)len, sizeof(name) - 1));
	if (!name[0])
		return bind_link(sk, 0, caps);
	list_for_each_entry(link, &sk->ip->links->all,
			    all) if (!strcmp(link->name, name)) return bind_link(sk, link->id,
										 caps);
	return -ENODEV;
}

static int set_reuse_port(struct sock *sk, int v)
{
	sk->opt.reuse_port = sk->node.reuse_port = v != 0;
	return 0;
}

static int set_peek_off(struct sock *sk, int v)
{
	if (sk->type != SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (v < -1 || v > INT16_MAX)
		return -EINVAL;
	sk->opt.peek_off = (int16_t)v;
	return 0;
}

static int set_pacing(struct sock *sk, const void *value, socklen_t len)
{
	uint64_t rate;
	uint32_t rate32;

	if (len == sizeof(rate)) {
		memcpy(&rate, value, sizeof(rate));
	} else {
		memcpy(&rate32, value, sizeof(rate32));
		rate = rate32 == UINT32_MAX ? UINT64_MAX : rate32;
	}
	sk->opt.max_pacing_rate = rate;
	return 0;
}

static int set_stamp(struct sock *sk, bool ns, int v)
{
	sk->opt.timestamp = v != 0 && !ns;
	sk->opt.timestamp_ns = v != 0 && ns;
	return 0;
}

/* Options of one int that are more than a flag. */
static int set_value(struct sock *sk, int name, int v, unsigned caps)
{
	bool admin = caps & NET_CAP_ADMIN;

	switch (name) {
	case SO_BSDCOMPAT: /* Linux has not acted on it for decades, and reads it as 0 */
		return 0;
	case SO_DETACH_FILTER:
		return -ENOENT;
	case SO_DEBUG:
		if (v && !admin)
			return -EACCES;
		sk->opt.debug = v != 0;
		return 0;
	case SO_REUSEADDR:
		sk->opt.reuse_addr = sk->node.reuse_addr = v != 0;
		return 0;
	case SO_REUSEPORT:
		return set_reuse_port(sk, v);
	case SO_SNDBUF:
		set_sndbuf(sk, v, false);
		return 0;
	case SO_RCVBUF:
		set_rcvbuf(sk, v, false);
		return 0;
	case SO_SNDBUFFORCE:
		if (!admin)
			return -EPERM;
		set_sndbuf(sk, v, true);
		return 0;
	case SO_RCVBUFFORCE:
		if (!admin)
			return -EPERM;
		set_rcvbuf(sk, v, true);
		return 0;
	case SO_PRIORITY:
		if ((v < 0 || v > 6) && !(caps & (NET_CAP_ADMIN | NET_CAP_RAW)))
			return -EPERM;
		sk->opt.priority = v;
		return 0;
	case SO_RCVLOWAT:
		if (v < 0)
			v = INT32_MAX;
		sk->opt.rcvlowat = v ? v : 1;
		return 0;
	case SO_TIMESTAMP:
	case OPT_TIMESTAMP_NEW:
		return set_stamp(sk, false, v);
	case SO_TIMESTAMPNS:
	case OPT_TIMESTAMPNS_NEW:
		return set_stamp(sk, true, v);
	case SO_MARK:
		if (!(caps & (NET_CAP_ADMIN | NET_CAP_RAW)))
			return -EPERM;
		sk->opt.mark = (uint32_t)v;
		return 0;
	case SO_PEEK_OFF:
		return set_peek_off(sk, v);
	case OPT_BUSY_POLL:
		if (v < 0)
			return -EINVAL;
		if (v > sk->opt.busy_poll && !admin)
			return -EPERM;
		sk->opt.busy_poll = v;
		return 0;
	case OPT_BINDTOIFINDEX:
		return v < 0 ? -EINVAL : bind_link(sk, v, caps);
	case OPT_BUF_LOCK:
		if (v & ~3)
			return -EINVAL;
		sk->opt.sndbuf_locked = v & 1;
		sk->opt.rcvbuf_locked = v & 2;
		return 0;
	case OPT_CNX_ADVICE:
		return v == 1 ? 0 : -EINVAL;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_socket(struct sock *sk, int name, const void *value, socklen_t len, unsigned caps)
{
	bool *flag = flag_of(sk, name);
	int v, r;

	if (name == SO_BINDTODEVICE)
		return set_bind_device(sk, value, len, caps);
	r = opt_get_int(value, len, &v);
	if (r < 0)
		return r;
	if (name == SO_LINGER)
		r = set_linger(sk, value, len);
	else if (name == OPT_MAX_PACING_RATE)
		r = set_pacing(sk, value, len);
	else if (flag)
		*flag = v != 0;
	else
		r = set_value(sk, name, v, caps);
	if (r == 0)
		changed(sk, SOL_SOCKET, name);
	return r;
}

int sock_setopt(struct sock *sk, int level, int name, const void *value, socklen_t len,
		unsigned caps)
{
	int r;

	if (level == SOL_SOCKET)
		return set_socket(sk, name, value, len, caps);
	if (level == IPPROTO_IP) {
		if (sk->family == AF_INET6 && sk->type == SOCK_RAW)
			return -ENOPROTOOPT;
		r = ip_setopt(sk, name, value, len, caps);
	} else if (level == IPPROTO_IPV6 && sk->family == AF_INET6) {
		r = ip6_setopt(sk, name, value, len, caps);
		if (r == -ENOPROTOOPT && sk->ops->setopt)
			r = sk->ops->setopt(sk, level, name, value, len, caps);
	} else {
		return sk->ops->setopt ? sk->ops->setopt(sk, level, name, value, len, caps)
				       : -ENOPROTOOPT;
	}
	if (r == 0)
		changed(sk, level, name);
	return r;
}

static int get_linger(struct sock *sk, void *value, socklen_t *len)
{
	struct linger l = {sk->opt.linger_on, sk->opt.linger_s};

	return opt_put(value, len, &l, sizeof(l));
}

static int get_bind_device(struct sock *sk, void *value, socklen_t *len)
{
	struct link *link = link_find(sk->ip->links, sk->node.bound);

	if (!link) {
		*len = 0;
		return 0;
	}
	if (*len < 16)
		return -EINVAL;
	*len = (socklen_t)strlen(link->name) + 1;
	memcpy(value, link->name, *len);
	return 0;
}

static int get_pacing(struct sock *sk, void *value, socklen_t *len)
{
	uint64_t rate = sk->opt.max_pacing_rate;
	uint32_t rate32 = (uint32_t)MIN(rate, (uint64_t)UINT32_MAX);

	if (*len >= sizeof(rate))
		return opt_put(value, len, &rate, sizeof(rate));
	return opt_put(value, len, &rate32, sizeof(rate32));
}

static int get_meminfo(struct sock *sk, void *value, socklen_t *len)
{
	/* SK_MEMINFO_*: rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem,
	 * backlog, drops. */
	uint32_t m[9] = {0, (uint32_t)sk->opt.rcvbuf, sk->charge.used, (uint32_t)sk->opt.sndbuf};

	if (sk->ops->count) {
		int64_t in = sk->ops->count(sk, NET_COUNT_INQ);

		m[0] = in > 0 ? (uint32_t)in : 0;
	}
	m[8] = sk->drops;
	return opt_put(value, len, m, sizeof(m));
}

static int get_number(struct sock *sk, int name, int *v)
{
	switch (name) {
	case SO_DEBUG:
		*v = sk->opt.debug;
		break;
	case SO_REUSEADDR:
		*v = sk->opt.reuse_addr;
		break;
	case SO_REUSEPORT:
		*v = sk->opt.reuse_port;
		break;
	case SO_TYPE:
		*v = sk->type;
		break;
	case SO_DOMAIN:
		*v = sk->family;
		break;
	case SO_PROTOCOL:
		*v = sk->protocol;
		break;
	case SO_ERROR:
		*v = sock_take_error(sk);
		break;
	case SO_SNDBUF:
		*v = sk->opt.sndbuf;
		break;
	case SO_RCVBUF:
		*v = sk->opt.rcvbuf;
		break;
	case SO_PRIORITY:
		*v = sk->opt.priority;
		break;
	case SO_RCVLOWAT:
		*v = sk->opt.rcvlowat;
		break;
	case SO_SNDLOWAT:
		*v = 1;
		break;
	case SO_TIMESTAMP:
	case OPT_TIMESTAMP_NEW:
		*v = sk->opt.timestamp;
		break;
	case SO_TIMESTAMPNS:
	case OPT_TIMESTAMPNS_NEW:
		*v = sk->opt.timestamp_ns;
		break;
	case SO_ACCEPTCONN:
		*v = sk->node.listening;
		break;
	case SO_MARK:
		*v = (int)sk->opt.mark;
		break;
	case SO_PEEK_OFF:
		if (sk->type != SOCK_DGRAM)
			return -EOPNOTSUPP;
		*v = sk->opt.peek_off;
		break;
	case OPT_BUSY_POLL:
		*v = sk->opt.busy_poll;
		break;
	case OPT_BPF_EXTENSIONS:
		*v = 64;
		break;
	case OPT_INCOMING_CPU:
		*v = -1;
		break;
	case OPT_INCOMING_NAPI_ID:
	case SO_BSDCOMPAT:
		*v = 0;
		break;
	case OPT_BINDTOIFINDEX:
		*v = sk->node.bound;
		break;
	case OPT_BUF_LOCK:
		*v = (sk->opt.sndbuf_locked ? 1 : 0) | (sk->opt.rcvbuf_locked ? 2 : 0);
		break;
	default:
		return -ENOPROTOOPT;
	}
	return 0;
}

static int get_socket(struct sock *sk, int name, void *value, socklen_t *len)
{
	bool *flag = flag_of(sk, name);
	struct net_endpoint peer = sk->node.remote;
	uint64_t cookie;
	int v, r;

	if (flag)
		return opt_put_int(value, len, *flag);
	switch (name) {
	case SO_LINGER:
		return get_linger(sk, value, len);
	case SO_BINDTODEVICE:
		return get_bind_device(sk, value, len);
	case OPT_MAX_PACING_RATE:
		return get_pacing(sk, value, len);
	case OPT_MEMINFO:
		return get_meminfo(sk, value, len);
	case SO_PEERNAME:
		if (!peer.port)
			return -ENOTCONN;
		sock_put_name(sk, &peer, value, len);
		return 0;
	case OPT_COOKIE:
	case OPT_NETNS_COOKIE:
		if (*len < sizeof(cookie))
			return -EINVAL;
		cookie = name == OPT_COOKIE ? sk->id : 1;
		return opt_put(value, len, &cookie, sizeof(cookie));
	default:
		r = get_number(sk, name, &v);
		return r < 0 ? r : opt_put_int(value, len, v);
	}
}

/* Linux answers a level that an IPv4 socket does not have with -EOPNOTSUPP, to getsockopt() only.
 */
static int get_transport(struct sock *sk, int level, int name, void *value, socklen_t *len)
{
	int own = sk->type == SOCK_RAW ? SOL_RAW : sk->protocol;
	int r = sk->ops->getopt ? sk->ops->getopt(sk, level, name, value, len) : -ENOPROTOOPT;

	if (r == -ENOPROTOOPT && sk->family == AF_INET && level != own)
		return -EOPNOTSUPP;
	return r;
}

int sock_getopt(struct sock *sk, int level, int name, void *value, socklen_t *len)
{
	if (level == SOL_SOCKET)
		return get_socket(sk, name, value, len);
	if (level == IPPROTO_IP) {
		if (sk->family == AF_INET6 && sk->type == SOCK_RAW)
			return -ENOPROTOOPT;
		return ip_getopt(sk, name, value, len);
	}
	if (level == IPPROTO_IPV6 && sk->family == AF_INET6) {
		int r = ip6_getopt(sk, name, value, len);

		if (r != -ENOPROTOOPT || !sk->ops->getopt)
			return r;
	}
	return get_transport(sk, level, name, value, len);
}
