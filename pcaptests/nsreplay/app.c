/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets by name. What cannot be done yet (a write to a connection that is not there, or whose
 * buffer is full) waits and is done when the stack says so. */
#include "app.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "dissect.h"
#include "util/bytes.h"

#define READ_MAX 65536

enum app_kind { APP_FUTURE, APP_LISTENER, APP_CONN, APP_UDP, APP_PING };

struct app_sock {
	char name[SCRIPT_NAME];
	net_sock_id id; /* 0: none (yet, or any more) */
	enum app_kind kind;
	bool connecting, drain, serving, eof, shut, gone;
	enum serve serve;
	uint8_t *out; /* not yet taken by the stack */
	size_t out_len, out_cap;
	bool want_shutdown, want_close;
	int how;
	struct net_endpoint from; /* FUTURE: whose connection this will be */
	uint16_t port;		  /* local */
	uint32_t told[5];	  /* of TCP_INFO */
	struct app_sock *next;
};

void story_tell(struct story *story, char mark, const char *fmt, ...)
{
	va_list args;

	if (!story->to)
		return;
	fprintf(story->to, "%10.6f %c ", (double)(story->now - story->start) / 1e9, mark);
	va_start(args, fmt);
	vfprintf(story->to, fmt, args);
	va_end(args);
	fputc('\n', story->to);
}

static struct app_sock *sock_find(struct app *app, const char *name)
{
	for (struct app_sock *s = app->socks; s; s = s->next)
		if (!s->gone && !strcmp(s->name, name))
			return s;
	return NULL;
}

static struct app_sock *sock_add(struct app *app, const char *name, enum app_kind kind)
{
	struct app_sock *s = calloc(1, sizeof(*s)), **at = &app->socks;

	if (!s)
		return NULL;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->kind = kind;
	s->drain = true;
	while (*at)
		at = &(*at)->next;
	*at = s;
	return s;
}

void app_fini(struct app *app)
{
	struct app_sock *s;

	while ((s = app->socks)) {
		app->socks = s->next;
		free(s->out);
		free(s);
	}
}

static socklen_t to_sockaddr(struct sockaddr_storage *ret, const struct net_addr *addr,
			     uint16_t port)
{
	memset(ret, 0, sizeof(*ret));
	if (addr->family == AF_INET) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ret;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, addr->bytes, 4);
		return sizeof(*sin);
	}

	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	sin6->sin6_scope_id = addr->v6[0] == 0xfe || addr->v6[0] == 0xff ? 2 : 0;
	memcpy(&sin6->sin6_addr, addr->bytes, 16);
	return sizeof(*sin6);
}

/* Mapped IPv4 addresses come out as IPv4. */
static struct net_endpoint from_sockaddr(const struct sockaddr_storage *from)
{
	struct net_endpoint end = {0};

	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)from;

		end.addr.family = AF_INET;
		memcpy(end.addr.bytes, &sin->sin_addr, 4);
		end.port = ntohs(sin->sin_port);
	} else if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)from;

		end.port = ntohs(sin6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
			end.addr.family = AF_INET;
			memcpy(end.addr.bytes, sin6->sin6_addr.s6_addr + 12, 4);
		} else {
			end.addr.family = AF_INET6;
			memcpy(end.addr.bytes, &sin6->sin6_addr, 16);
		}
	}
	return end;
}

static const char *end_text(const struct net_endpoint *end, char *to, size_t size)
{
	char addr[INET6_ADDRSTRLEN];

	dis_addr(addr, sizeof(addr), end->addr.bytes, end->addr.family == AF_INET ? 4 : 16);
	snprintf(to, size, end->addr.family == AF_INET ? "%s:%u" : "[%s]:%u", addr, end->port);
	return to;
}

static void tell_result(struct app *app, const struct app_sock *s, const char *call, int64_t r)
{
	if (r < 0)
		story_tell(app->story, ':', "%s %s: %s", s->name, call,
			   strerrorname_np((int)-r) ? strerrorname_np((int)-r) : "?");
	else
		story_tell(app->story, ':', "%s %s", s->name, call);
}

static void sock_close(struct app *app, struct app_sock *s, const char *why)
{
	if (s->id)
		tell_result(app, s, why, net_sock_close(app->stack, s->id));
	s->id = 0;
	s->gone = true;
}

/* The port of the stack stands for a port of the capture. */
static void sock_alias(struct app *app, const struct app_sock *s, const struct action *a)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	struct net_endpoint end;

	if (!a->captured_port ||
	    net_sock_getsockname(app->stack, s->id, (struct sockaddr *)&addr, &len) < 0)
		return;
	end = from_sockaddr(&addr);
	if (end.port && end.port != a->captured_port)
		flow_alias_add(app->flows, s->kind == APP_CONN ? IPPROTO_TCP : IPPROTO_UDP,
			       a->captured_port, end.port);
}

static const char *preview(const uint8_t *bytes, size_t len, char *to, size_t size)
{
	size_t n = 0;

	for (; n < len && n + 1 < size; n++)
		to[n] = (char)(isprint(bytes[n]) && bytes[n] != '"' && bytes[n] != '\\' ? bytes[n]
											: '.');
	to[n] = '\0';
	return to;
}

static int queue_out(struct app_sock *s, const uint8_t *bytes, size_t len)
{
	if (s->out_len + len > s->out_cap) {
		size_t cap = 2 * (s->out_len + len);
		uint8_t *more = realloc(s->out, cap);

		if (!more)
			return -ENOMEM;
		s->out = more;
		s->out_cap = cap;
	}
	if (len)
		memcpy(s->out + s->out_len, bytes, len);
	s->out_len += len;
	return 0;
}

/* Sends what waits, then ends the connection if that was asked for. */
static void sock_flush(struct app *app, struct app_sock *s)
{
	if (!s->id || s->connecting || s->kind != APP_CONN)
		return;
	while (s->out_len) {
		struct iovec iov = {.iov_base = s->out, .iov_len = s->out_len};
		struct net_msg msg = {.iov = &iov, .iov_len = 1};
		ssize_t n = net_sock_send(app->stack, s->id, &msg, 0);

		if (n == -EAGAIN)
			return;
		if (n < 0) {
			tell_result(app, s, "write", n);
			s->out_len = 0;
			break;
		}
		memmove(s->out, s->out + n, s->out_len - (size_t)n);
		s->out_len -= (size_t)n;
	}
	if (s->want_shutdown && !s->shut) {
		s->shut = true;
		tell_result(app, s,
			    s->how == SHUT_WR	? "shutdown wr"
			    : s->how == SHUT_RD ? "shutdown rd"
						: "shutdown rdwr",
			    net_sock_shutdown(app->stack, s->id, s->how));
	}
	if (s->want_close || (s->eof && s->shut) || (s->eof && s->serving))
		sock_close(app, s, "close");
}

static ssize_t sock_recv(struct app *app, struct app_sock *s, uint8_t *to, size_t len,
			 struct sockaddr_storage *from)
{
	struct iovec iov = {.iov_base = to, .iov_len = len};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};

	memset(from, 0, sizeof(*from));
	if (s->kind != APP_CONN) {
		msg.name = (struct sockaddr *)from;
		msg.name_len = sizeof(*from);
	}
	return net_sock_recv(app->stack, s->id, &msg, 0);
}

static void echo_back(struct app *app, struct app_sock *s, const uint8_t *bytes, size_t len,
		      const struct sockaddr_storage *to)
{
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = len};
	struct net_msg msg = {
		.iov = &iov,
		.iov_len = 1,
		.name = (struct sockaddr *)to,
		.name_len = to->ss_family == AF_INET ? sizeof(struct sockaddr_in)
						     : sizeof(struct sockaddr_in6),
	};

	if (!s->serving || s->serve != SERVE_ECHO)
		return;
	if (s->kind == APP_CONN)
		(void)queue_out(s, bytes, len);
	else
		tell_result(app, s, "echo", net_sock_send(app->stack, s->id, &msg, 0));
}

/* Reads at most @max bytes (0: all there is) and tells so, once for a stream. */
static void sock_read(struct app *app, struct app_sock *s, size_t max)
{
	static const size_t chunk = READ_MAX;
	uint8_t *bytes = malloc(chunk);
	struct sockaddr_storage from;
	char text[32] = "", end[64];
	size_t total = 0;
	ssize_t n = 0;

	while (bytes && s->id && (!max || total < max)) {
		n = sock_recv(app, s, bytes, max ? MIN(max - total, chunk) : chunk, &from);
		if (n < 0 || (n == 0 && s->kind == APP_CONN))
			break;
		echo_back(app, s, bytes, (size_t)n, &from);
		if (s->kind != APP_CONN) {
			struct net_endpoint peer = from_sockaddr(&from);

			story_tell(app->story, ':', "%s received %zd from %s \"%s\"", s->name, n,
				   end_text(&peer, end, sizeof(end)),
				   preview(bytes, (size_t)n, text, sizeof(text)));
			continue;
		}
		if (!total)
			preview(bytes, (size_t)n, text, sizeof(text));
		total += (size_t)n;
	}
	if (total)
		story_tell(app->story, ':', "%s read %zu \"%s\"", s->name, total, text);
	free(bytes);
	if (n < 0 && n != -EAGAIN) {
		tell_result(app, s, "read", n);
		if (s->kind == APP_CONN && n != -ENOTCONN)
			sock_close(app, s, "close");
	} else if (n == 0 && s->kind == APP_CONN && !s->eof && (!max || total < max)) {
		s->eof = true;
		story_tell(app->story, ':', "%s read: end of the stream", s->name);
	}
}

static void sock_accept(struct app *app, struct app_sock *listener)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	net_sock_id id;

	while (net_sock_accept(app->stack, listener->id, &id, (struct sockaddr *)&addr, &len) ==
	       0) {
		struct net_endpoint from = from_sockaddr(&addr);
		struct app_sock *s;
		char name[SCRIPT_NAME], text[64];

		app->accepted++;
		snprintf(name, sizeof(name), "%.16s.%u", listener->name, app->accepted);
		for (s = app->socks; s; s = s->next)
			if (s->kind == APP_FUTURE && !s->gone &&
			    ((s->port == listener->port && s->from.port == from.port &&
			      !memcmp(s->from.addr.bytes, from.addr.bytes, 16)) ||
			     (!s->port && !strcmp(s->name, name))))
				break;
		if (!s)
			s = sock_add(app, name, APP_FUTURE);
		len = sizeof(addr);
		if (!s) {
			net_sock_close(app->stack, id);
			continue;
		}
		s->kind = APP_CONN;
		s->id = id;
		s->drain = listener->drain;
		s->serving |= listener->serving;
		s->serve = listener->serve;
		story_tell(app->story, ':', "%s accepts %s as %s", listener->name,
			   end_text(&from, text, sizeof(text)), s->name);
		if (s->drain)
			sock_read(app, s, 0);
		sock_flush(app, s);
	}
}

/* The end of an attempt to connect. */
static void sock_connected(struct app *app, struct app_sock *s, uint32_t ready)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (!(ready & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return;
	s->connecting = false;
	(void)net_sock_getopt(app->stack, s->id, SOL_SOCKET, SO_ERROR, &error, &len);
	tell_result(app, s, error ? "connect" : "is connected", -error);
	if (error)
		sock_close(app, s, "close");
}

bool app_events(struct app *app)
{
	struct net_event event;
	bool any = false;

	while (net_stack_next_event(app->stack, &event)) {
		struct app_sock *s = app->socks;

		any = true;
		while (s && s->id != event.sock)
			s = s->next;
		if (!s)
			continue;
		if (s->kind == APP_LISTENER) {
			sock_accept(app, s);
			continue;
		}
		if (s->connecting)
			sock_connected(app, s, event.ready);
		if (s->id && !s->connecting && s->drain &&
		    (event.ready & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)))
			sock_read(app, s, 0);
		sock_flush(app, s);
	}
	return any;
}

static int open_socket(struct app *app, struct app_sock *s, const struct action *a)
{
	struct net_addr local = a->local;
	struct sockaddr_storage addr;
	socklen_t len;
	bool ping = a->act == ACT_PING;
	int one = 1, r;
	int family = a->act == ACT_CONNECT ? a->peer.addr.family
		     : local.family	   ? local.family
					   : AF_INET6;

	r = net_sock_open(app->stack, &s->id, family,
			  a->act == ACT_UDP || ping ? SOCK_DGRAM : SOCK_STREAM,
			  !ping		      ? 0
			  : family == AF_INET ? IPPROTO_ICMP
					      : IPPROTO_ICMPV6);
	if (r < 0)
		return r;
	if (!local.family)
		local.family = (uint16_t)family;
	if (s->kind == APP_LISTENER)
		(void)net_sock_setopt(app->stack, s->id, SOL_SOCKET, SO_REUSEADDR, &one,
				      sizeof(one), 0);
	/* A UDP socket without a port binds too: its port is to be known before it sends. */
	if (a->act != ACT_CONNECT || a->port) {
		len = to_sockaddr(&addr, &local, a->port);
		r = net_sock_bind(app->stack, s->id, (struct sockaddr *)&addr, len);
	}
	if (r >= 0 && a->act == ACT_LISTEN)
		r = net_sock_listen(app->stack, s->id, a->value);
	if (r >= 0 && a->act == ACT_CONNECT) {
		len = to_sockaddr(&addr, &a->peer.addr, a->peer.port);
		r = net_sock_connect(app->stack, s->id, (struct sockaddr *)&addr, len);
		s->connecting = r == -EINPROGRESS;
		if (s->connecting)
			r = 0;
	}
	if (r >= 0)
		sock_alias(app, s, a);
	return r;
}

static int act_open(struct app *app, const struct action *a)
{
	struct app_sock *s = sock_add(app, a->sock,
				      a->act == ACT_LISTEN    ? APP_LISTENER
				      : a->act == ACT_CONNECT ? APP_CONN
				      : a->act == ACT_UDP     ? APP_UDP
							      : APP_PING);
	char text[64], call[96];
	int r;

	if (!s)
		return -ENOMEM;
	s->port = a->port;
	r = open_socket(app, s, a);
	if (a->act == ACT_CONNECT)
		snprintf(call, sizeof(call), "connects to %s",
			 end_text(&a->peer, text, sizeof(text)));
	else
		snprintf(call, sizeof(call), "%s %u",
			 a->act == ACT_LISTEN ? "listens at port"
			 : a->act == ACT_UDP  ? "is a UDP socket at port"
					      : "is a ping socket with id",
			 a->port);
	tell_result(app, s, call, r);
	if (r < 0)
		sock_close(app, s, "close");
	return 0;
}

static void act_send(struct app *app, struct app_sock *s, const struct action *a)
{
	struct sockaddr_storage addr;
	struct iovec iov = {.iov_base = a->data, .iov_len = a->len};
	struct net_msg msg = {
		.iov = &iov,
		.iov_len = 1,
		.name = (struct sockaddr *)&addr,
		.name_len = to_sockaddr(&addr, &a->peer.addr, a->peer.port),
	};
	char call[96], text[64];

	snprintf(call, sizeof(call), "sends %zu to %s", a->len,
		 end_text(&a->peer, text, sizeof(text)));
	tell_result(app, s, call, net_sock_send(app->stack, s->id, &msg, 0));
}

static void act_group(struct app *app, struct app_sock *s, const struct action *a)
{
	struct ip_mreqn m4 = {.imr_ifindex = 2};
	struct ipv6_mreq m6 = {.ipv6mr_interface = 2};
	bool join = a->act == ACT_JOIN;
	int r;

	if (a->peer.addr.family == AF_INET) {
		memcpy(&m4.imr_multiaddr, a->peer.addr.bytes, 4);
		r = net_sock_setopt(app->stack, s->id, IPPROTO_IP,
				    join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &m4, sizeof(m4),
				    0);
	} else {
		memcpy(&m6.ipv6mr_multiaddr, a->peer.addr.bytes, 16);
		r = net_sock_setopt(app->stack, s->id, IPPROTO_IPV6,
				    join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &m6, sizeof(m6), 0);
	}
	tell_result(app, s, join ? "joins the group" : "leaves the group", r);
}

static void act_abort(struct app *app, struct app_sock *s)
{
	struct linger linger = {.l_onoff = 1};

	if (s->id)
		(void)net_sock_setopt(app->stack, s->id, SOL_SOCKET, SO_LINGER, &linger,
				      sizeof(linger), 0);
	s->out_len = 0;
	sock_close(app, s, "abort");
}

/* Actions on a socket that exists, or will. */
static int act_on(struct app *app, struct app_sock *s, const struct action *a)
{
	int r = 0;

	switch (a->act) {
	case ACT_WRITE:
		story_tell(app->story, ':', "%s write %zu", s->name, a->len);
		r = queue_out(s, a->data, a->len);
		break;
	case ACT_SEND:
		act_send(app, s, a);
		break;
	case ACT_READ:
		sock_read(app, s, a->len);
		break;
	case ACT_DRAIN:
		s->drain = a->value;
		if (s->drain && s->id && s->kind != APP_LISTENER && !s->connecting)
			sock_read(app, s, 0);
		break;
	case ACT_SHUTDOWN:
		s->want_shutdown = true;
		s->how = a->value;
		break;
	case ACT_CLOSE:
		s->want_close = true;
		if (s->kind != APP_CONN || s->connecting)
			sock_close(app, s, "close");
		break;
	case ACT_ABORT:
		act_abort(app, s);
		break;
	case ACT_OPTION:
		tell_result(app, s, "option",
			    net_sock_setopt(app->stack, s->id, a->level, a->name, &a->value,
					    sizeof(a->value), NET_CAP_ADMIN | NET_CAP_RAW));
		break;
	case ACT_JOIN:
	case ACT_LEAVE:
		act_group(app, s, a);
		break;
	case ACT_SERVE:
		s->serving = true;
		s->serve = a->serve;
		break;
	default:
		break;
	}
	if (r >= 0)
		sock_flush(app, s);
	return r;
}

int app_act(struct app *app, const struct action *action, struct problem *problem)
{
	struct app_sock *s;

	if (action->act <= ACT_PING)
		return act_open(app, action);
	s = sock_find(app, action->sock);
	if (action->act == ACT_ACCEPT) {
		s = sock_add(app, action->sock, APP_FUTURE);
		if (!s)
			return -ENOMEM;
		s->from = action->peer;
		s->port = action->port;
		return 0;
	}
	if (s)
		return act_on(app, s, action);
	/* "web.1" is the first connection of the listener "web": it may come later. */
	if (!strchr(action->sock, '.')) {
		/* One that ended early: what the script has left for it is void. */
		for (s = app->socks; s; s = s->next)
			if (!strcmp(s->name, action->sock))
				return 0;
		return problem_set(problem, -EINVAL, "script line %u: %s: no such socket",
				   action->line, action->sock);
	}
	for (s = app->socks; s; s = s->next)
		if (!strcmp(s->name, action->sock))
			return 0;
	s = sock_add(app, action->sock, APP_FUTURE);
	return s ? act_on(app, s, action) : -ENOMEM;
}

static const char *state_name(uint32_t state)
{
	static const char *const names[] = {
		"?",	      "ESTABLISHED", "SYN-SENT",  "SYN-RECEIVED",
		"FIN-WAIT-1", "FIN-WAIT-2",  "TIME-WAIT", "CLOSED",
		"CLOSE-WAIT", "LAST-ACK",    "LISTEN",	  "CLOSING"};

	return state < ARRAY_LEN(names) ? names[state] : "?";
}

static const char *phase_name(uint32_t ca_state)
{
	static const char *const names[] = {"open", "disorder", "cwr", "recovery", "loss"};

	return ca_state < ARRAY_LEN(names) ? names[ca_state] : "?";
}

void app_report(struct app *app)
{
	for (struct app_sock *s = app->socks; s; s = s->next) {
		struct tcp_info info = {0};
		socklen_t len = sizeof(info);
		char ssthresh[16] = "none";

		if (s->kind != APP_CONN || !s->id ||
		    net_sock_getopt(app->stack, s->id, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
			continue;

		uint32_t now[5] = {info.tcpi_state, info.tcpi_ca_state, info.tcpi_snd_ssthresh,
				   info.tcpi_backoff, info.tcpi_probes};

		if (!memcmp(now, s->told, sizeof(now)))
			continue;
		memcpy(s->told, now, sizeof(now));
		if (info.tcpi_snd_ssthresh < INT32_MAX)
			snprintf(ssthresh, sizeof(ssthresh), "%u", info.tcpi_snd_ssthresh);
		story_tell(app->story, '=', "%s %s %s cwnd %u ssthresh %s backoff %u probes %u",
			   s->name, state_name(info.tcpi_state), phase_name(info.tcpi_ca_state),
			   info.tcpi_snd_cwnd, ssthresh, info.tcpi_backoff, info.tcpi_probes);
	}
}
