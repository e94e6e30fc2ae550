/* SPDX-License-Identifier: Apache-2.0 */
/* SOL_SOCKET, and dispatch of the other levels. Nothing is accepted that does not work: an option
 * that is not here is -ENOPROTOOPT.
 */
#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "ip/ip.h"
#include "sock/filter.h"
#include "sock/opt_table.h"
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
	OPT_ATTACH_REUSEPORT_CBPF = 51,
	OPT_ATTACH_REUSEPORT_EBPF = 52,
	OPT_PEERGROUPS = 59,
	OPT_ZEROCOPY = 60,
	OPT_TXTIME = 61,
	OPT_TIMESTAMPING_NEW = 65,
	OPT_DETACH_REUSEPORT_BPF = 68,
	OPT_PREFER_BUSY_POLL = 69,
	OPT_BUSY_POLL_BUDGET = 70,
	OPT_NETNS_COOKIE = 71,
	OPT_BUF_LOCK = 72,
	OPT_RESERVE_MEM = 73,
	OPT_TXREHASH = 74,
	OPT_RCVMARK = 75,
	OPT_PASSPIDFD = 76,
	OPT_PEERPIDFD = 77,
	OPT_DEVMEM_DONTNEED = 80,
	OPT_RCVPRIORITY = 82,
	OPT_PASSRIGHTS = 83,
};

/* What a kernel of this age knows (<linux/net_tstamp.h> of the build may be older). */
#define STAMP_MASK ((1 << 19) - 1)
#define STAMP_OPT_ID_TCP (1 << 16)

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

static const struct opt_flag flags[] = {
	OPT_FLAG(SO_DONTROUTE, dont_route, 0),
	OPT_FLAG(SO_BROADCAST, broadcast, 0),
	OPT_FLAG(SO_KEEPALIVE, keepalive, 0),
	OPT_FLAG(SO_OOBINLINE, oob_inline, 0),
	OPT_FLAG(SO_NO_CHECK, no_check, 0),
	OPT_FLAG(SO_RXQ_OVFL, rxq_ovfl, 0),
	OPT_FLAG(SO_WIFI_STATUS, wifi_status, 0), /* no link here is a radio: never a message */
	OPT_FLAG(SO_NOFCS, nofcs, 0),		  /* links add no frame check sequence anyway */
	OPT_FLAG(OPT_SELECT_ERR_QUEUE, select_err_queue, 0),
	OPT_FLAG(OPT_PREFER_BUSY_POLL, prefer_busy_poll, OPT_PRIV),
	OPT_FLAG(OPT_RCVMARK, rcv_mark, 0),
	OPT_FLAG(OPT_RCVPRIORITY, rcv_priority, 0),
};

static const struct opt_flag *find_flag(int name)
{
	return opt_flag_find(flags, ARRAY_LEN(flags), name);
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
	sk->node.bound = id; /* one that does not exist (yet) is fine */
	return 0;
}

static int set_bind_device(struct sock *sk, const void *value, socklen_t len, unsigned caps)
{
	char name[16] = {0};
	struct link *link;

	memcpy(name, value, MIN((size_t)len, sizeof(name) - 1));
	if (!name[0])
		return bind_link(sk, 0, caps);
	list_for_each_entry(link, &sk->ip->links->all, all)
	{
		if (!strcmp(link->name, name))
			return bind_link(sk, link->id, caps);
	}
	return -ENODEV;
}

static int set_reuse_port(struct sock *sk, int v)
{
	sk->opt.reuse_port = sk->node.reuse_port = v != 0;
	return 0;
}

/* SO_PEEK_OFF: streams and datagrams, not ping sockets. */
static bool has_peek_off(const struct sock *sk)
{
	return sk->type == SOCK_STREAM ||
	       (sk->type == SOCK_DGRAM &&
		(sk->protocol == IPPROTO_UDP || sk->protocol == IPPROTO_UDPLITE));
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
	sk->charge.pacing_rate = rate == UINT64_MAX ? 0 : rate; /* what fq lets us have */
	return 0;
}

static void set_stamp(struct sock *sk, bool new, bool ns, int v)
{
	sk->opt.timestamp = v != 0;
	sk->opt.timestamp_ns = v != 0 && ns;
	if (v)
		sk->opt.timestamp_new = new;
}

static int set_stamping(struct sock *sk, bool new, const void *value, socklen_t len)
{
	int v[2] = {0}; /* flags, bind_phc */

	memcpy(v, value, len == sizeof(v) ? sizeof(v) : sizeof(v[0]));
	if (v[0] & ~STAMP_MASK)
		return -EINVAL;
	if ((v[0] & STAMP_OPT_ID_TCP) && !(v[0] & SOF_TIMESTAMPING_OPT_ID))
		return -EINVAL;
	if ((v[0] & SOF_TIMESTAMPING_OPT_STATS) && !(v[0] & SOF_TIMESTAMPING_OPT_TSONLY))
		return -EINVAL;
	if (v[0] & SOF_TIMESTAMPING_BIND_PHC)
		return -EOPNOTSUPP; /* no link has a clock of its own */
	if ((v[0] & SOF_TIMESTAMPING_OPT_ID) && !(sk->opt.stamping & SOF_TIMESTAMPING_OPT_ID)) {
		if (sk->type == SOCK_STREAM && !sk->node.remote.port)
			return -EINVAL;
		sk->stamp_id = 0;
	}
	sk->opt.stamping = (uint32_t)v[0];
	sk->opt.timestamp_new = new;
	return 0;
}

static int set_txtime(struct sock *sk, const void *value, socklen_t len, unsigned caps)
{
	struct {
		int32_t clock;
		uint32_t flags;
	} v;

	if (len != sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	if (v.flags & ~3u)
		return -EINVAL;
	if (v.clock != CLOCK_MONOTONIC && !(caps & NET_CAP_ADMIN))
		return -EPERM;
	sk->opt.txtime = true;
	sk->opt.txtime_clock = v.clock;
	sk->opt.txtime_flags = v.flags;
	return 0;
}

static int set_zerocopy(struct sock *sk, int v)
{
	if (sk->protocol != IPPROTO_TCP && !(sk->protocol == IPPROTO_UDP && sk->type == SOCK_DGRAM))
		return -EOPNOTSUPP;
	if (v != 0 && v != 1)
		return -EINVAL;
	sk->opt.zerocopy = v;
	return 0;
}

/* Which hash a flow of TCP takes after trouble on the path: -1 is the default, on. */
static int set_txrehash(struct sock *sk, int v)
{
	if (sk->type != SOCK_STREAM)
		return -EOPNOTSUPP;
	if (v < -1 || v > 1)
		return -EINVAL;
	sk->opt.no_txrehash = v == 0;
	return 0;
}

static int set_busy_poll(struct sock *sk, int name, int v, unsigned caps)
{
	bool admin = caps & NET_CAP_ADMIN;

	if (name == OPT_BUSY_POLL_BUDGET) {
		if (v > 8 && !admin)
			return -EPERM;
		return v < 0 || v > UINT16_MAX ? -EINVAL : 0;
	}
	if (v < 0)
		return -EINVAL;
	if (v > sk->opt.busy_poll && !admin)
		return -EPERM;
	sk->opt.busy_poll = v;
	return 0;
}

static int set_lowat(struct sock *sk, int v)
{
	int cap = INT32_MAX;

	if (sk->type == SOCK_STREAM)
		cap = (sk->opt.rcvbuf_locked ? sk->opt.rcvbuf : sk->core->tun.tcp_rmem[2]) / 2;
	v = v < 0 ? INT32_MAX : v ? v : 1;
	sk->opt.rcvlowat = MIN(v, cap);
	return 0;
}

/* Options of one int that are more than a flag. */
static int set_value(struct sock *sk, int name, int v, unsigned caps)
{
	bool admin = caps & NET_CAP_ADMIN;

	switch (name) {
	case SO_BSDCOMPAT: /* Linux has not acted on it for decades, and reads it as 0 */
	case OPT_CNX_ADVICE:
		return 0;
	case SO_DETACH_FILTER:
		return filter_detach(sk);
	case SO_LOCK_FILTER:
		if (sk->opt.lock_filter && !v)
			return -EPERM;
		sk->opt.lock_filter = v != 0;
		return 0;
	case OPT_DETACH_REUSEPORT_BPF:
		return filter_detach_reuseport(sk);
	case SO_DEBUG:
		if (v && !admin)
			return -EACCES;
		sk->opt.debug = v != 0;
		return 0;
	case SO_REUSEADDR:
		sk->opt.reuse_addr = sk->node.reuse_addr = v != 0;
		return 0;
	case SO_REUSEPORT:
		if (v && sk->family == AF_PACKET)
			return -EOPNOTSUPP;
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
		return set_lowat(sk, v);
	case SO_TIMESTAMP:
	case OPT_TIMESTAMP_NEW:
		set_stamp(sk, name == OPT_TIMESTAMP_NEW, false, v);
		return 0;
	case SO_TIMESTAMPNS:
	case OPT_TIMESTAMPNS_NEW:
		set_stamp(sk, name == OPT_TIMESTAMPNS_NEW, true, v);
		return 0;
	case SO_MARK:
		if (!(caps & (NET_CAP_ADMIN | NET_CAP_RAW)))
			return -EPERM;
		sk->opt.mark = (uint32_t)v;
		return 0;
	case SO_PEEK_OFF:
		if (!has_peek_off(sk))
			return -EOPNOTSUPP;
		sk->opt.peek_off = v;
		return 0;
	case OPT_BUSY_POLL:
	case OPT_BUSY_POLL_BUDGET:
		return set_busy_poll(sk, name, v, caps);
	case OPT_INCOMING_CPU:
		sk->opt.incoming_cpu = v;
		return 0;
	case OPT_ZEROCOPY:
		return set_zerocopy(sk, v);
	case OPT_TXREHASH:
		return set_txrehash(sk, v);
	case OPT_RESERVE_MEM: /* as where sockets are not charged to a memory cgroup */
		return v < 0 ? -EINVAL : -EOPNOTSUPP;
	case SO_PASSCRED:
	case SO_PASSSEC:
	case OPT_PASSPIDFD:
	case OPT_PASSRIGHTS:
		return -EOPNOTSUPP; /* of AF_UNIX and AF_NETLINK */
	case OPT_BINDTOIFINDEX:
		return v < 0 ? -EINVAL : bind_link(sk, v, caps);
	case OPT_BUF_LOCK:
		if (v & ~3)
			return -EINVAL;
		sk->opt.sndbuf_locked = v & 1;
		sk->opt.rcvbuf_locked = v & 2;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* TCP memory of devices: nothing of it was ever given out, so nothing comes back. */
static int devmem_dontneed(const struct sock *sk, socklen_t len)
{
	if (sk->type != SOCK_STREAM)
		return -EBADF;
	return len % 8 ? -EINVAL : 0;
}

static int set_socket(struct sock *sk, int name, const void *value, socklen_t len, unsigned caps)
{
	const struct opt_flag *flag = find_flag(name);
	int v, r;

	if (name == SO_BINDTODEVICE)
		return set_bind_device(sk, value, len, caps);
	if (name == SO_ATTACH_FILTER)
		return filter_attach(sk, value, len);
	if (name == OPT_ATTACH_REUSEPORT_CBPF)
		return filter_attach_reuseport(sk, value, len);
	r = opt_get_int(value, len, &v);
	if (r < 0)
		return r;
	if (name == SO_LINGER)
		r = set_linger(sk, value, len);
	else if (name == OPT_MAX_PACING_RATE)
		r = set_pacing(sk, value, len);
	else if (name == SO_TIMESTAMPING || name == OPT_TIMESTAMPING_NEW)
		r = set_stamping(sk, name == OPT_TIMESTAMPING_NEW, value, len);
	else if (name == OPT_TXTIME)
		r = set_txtime(sk, value, len, caps);
	else if (name == OPT_DEVMEM_DONTNEED)
		r = devmem_dontneed(sk, len);
	else if (name == SO_ATTACH_BPF || name == OPT_ATTACH_REUSEPORT_EBPF)
		r = -EINVAL; /* there are no descriptors of extended BPF programs */
	else if (flag)
		r = opt_flag_set(sk, flag, v, caps);
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
	if (level == IPPROTO_IP && sk->family != AF_PACKET) {
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
	case SO_TIMESTAMPNS:
	case OPT_TIMESTAMPNS_NEW:
		*v = name == sock_stamp_name(sk);
		break;
	case SO_ACCEPTCONN:
		*v = sk->node.listening;
		break;
	case SO_MARK:
		*v = (int)sk->opt.mark;
		break;
	case SO_PEEK_OFF:
		if (!has_peek_off(sk))
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
		*v = sk->opt.incoming_cpu;
		break;
	case SO_LOCK_FILTER:
		*v = sk->opt.lock_filter;
		break;
	case OPT_ZEROCOPY:
		*v = sk->opt.zerocopy;
		break;
	case OPT_TXREHASH:
		if (sk->type != SOCK_STREAM)
			return -EOPNOTSUPP;
		*v = !sk->opt.no_txrehash;
		break;
	case OPT_PEERGROUPS:
	case OPT_PEERPIDFD:
		return -ENODATA;
	case SO_PASSCRED:
	case SO_PASSSEC:
	case OPT_PASSPIDFD:
	case OPT_PASSRIGHTS:
		return -EOPNOTSUPP;
	case OPT_RESERVE_MEM:
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

int sock_stamp_name(const struct sock *sk)
{
	if (!sk->opt.timestamp)
		return 0;
	if (sk->opt.timestamp_ns)
		return sk->opt.timestamp_new ? OPT_TIMESTAMPNS_NEW : SO_TIMESTAMPNS;
	return sk->opt.timestamp_new ? OPT_TIMESTAMP_NEW : SO_TIMESTAMP;
}

static int get_stamping(struct sock *sk, int name, void *value, socklen_t *len)
{
	int v[2] = {0};

	if (name == SO_TIMESTAMPING || sk->opt.timestamp_new)
		v[0] = (int)sk->opt.stamping;
	return opt_put(value, len, v, sizeof(v));
}

static int get_txtime(struct sock *sk, void *value, socklen_t *len)
{
	uint32_t v[2] = {(uint32_t)sk->opt.txtime_clock, sk->opt.txtime_flags};

	return opt_put(value, len, v, sizeof(v));
}

/* No process is behind the peer of a connection: struct ucred of nobody. */
static int get_peercred(void *value, socklen_t *len)
{
	int v[3] = {0, -1, -1};

	return opt_put(value, len, v, sizeof(v));
}

static int get_peername(struct sock *sk, void *value, socklen_t *len)
{
	struct net_endpoint peer = sk->node.remote;
	socklen_t room = *len;

	if (!peer.port)
		return -ENOTCONN;
	sock_put_name(sk, &peer, value, len);
	if (*len < room)
		return 0;
	if (*len > room)
		return -EINVAL;
	return 0;
}

static int get_socket(struct sock *sk, int name, void *value, socklen_t *len)
{
	const struct opt_flag *flag = find_flag(name);
	uint64_t cookie;
	int v, r;

	if (flag)
		return opt_put_int(value, len, *opt_flag_at(sk, flag));
	switch (name) {
	case SO_GET_FILTER:
		return filter_get(sk, value, len);
	case SO_TIMESTAMPING:
	case OPT_TIMESTAMPING_NEW:
		return get_stamping(sk, name, value, len);
	case OPT_TXTIME:
		return get_txtime(sk, value, len);
	case SO_PEERCRED:
		return get_peercred(value, len);
	case SO_LINGER:
		return get_linger(sk, value, len);
	case SO_BINDTODEVICE:
		return get_bind_device(sk, value, len);
	case OPT_MAX_PACING_RATE:
		return get_pacing(sk, value, len);
	case OPT_MEMINFO:
		return get_meminfo(sk, value, len);
	case SO_PEERNAME:
		return get_peername(sk, value, len);
	case OPT_COOKIE:
	case OPT_NETNS_COOKIE:
		if (*len < sizeof(cookie) || (name == OPT_NETNS_COOKIE && *len != sizeof(cookie)))
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

	if (r == -ENOPROTOOPT && sk->family == AF_INET && level != own &&
	    !(level == IPPROTO_UDP && own == IPPROTO_UDPLITE) &&
	    !(level == IPPROTO_UDPLITE && own == IPPROTO_UDP))
		return -EOPNOTSUPP;
	return r;
}

int sock_getopt(struct sock *sk, int level, int name, void *value, socklen_t *len)
{
	/* Only IPPROTO_IPV6 reads a negative length as a large one; levels that are not there do not
	 * look at it. */
	bool negative = *len > INT32_MAX;

	if (level == SOL_SOCKET)
		return negative ? -EINVAL : get_socket(sk, name, value, len);
	if (sk->family == AF_PACKET)
		return get_transport(sk, level, name, value, len);
	if (level == IPPROTO_IP) {
		if (sk->family == AF_INET6 && sk->type == SOCK_RAW)
			return -ENOPROTOOPT;
		return negative ? -EINVAL : ip_getopt(sk, name, value, len);
	}
	if (level == IPPROTO_IPV6 && sk->family == AF_INET6) {
		int r = ip6_getopt(sk, name, value, len);

		if (r != -ENOPROTOOPT || !sk->ops->getopt)
			return r;
	}
	return get_transport(sk, level, name, value, len);
}
