/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and UDP over the loopback, IPv4 and IPv6: life of a connection, options, messages, wrong use. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *err(long r)
{
	static char buf[8][32];
	static int at;
	char *b = buf[at++ & 7];

	if (r < 0)
		snprintf(b, 32, "%s", strerrorname_np(errno));
	else
		snprintf(b, 32, "%ld", r);
	return b;
}

static unsigned polled(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };

	poll(&p, 1, 0);
	return (unsigned)p.revents;
}

static socklen_t loop(int family, struct sockaddr_storage *ss, uint16_t port)
{
	memset(ss, 0, sizeof(*ss));
	if (family == AF_INET) {
		struct sockaddr_in *a = (void *)ss;

		a->sin_family = AF_INET;
		a->sin_port = htons(port);
		a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*a);
	}
	struct sockaddr_in6 *a = (void *)ss;

	a->sin6_family = AF_INET6;
	a->sin6_port = htons(port);
	a->sin6_addr = in6addr_loopback;
	return sizeof(*a);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	getsockname(fd, (void *)&ss, &len);
	return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

static int listener(int family, uint16_t *port)
{
	struct sockaddr_storage ss;
	socklen_t len = loop(family, &ss, 0);
	int l = socket(family, SOCK_STREAM, 0);

	printf("bind %s", err(bind(l, (void *)&ss, len)));
	printf(" listen %s\n", err(listen(l, 8)));
	*port = port_of(l);
	return l;
}

static void tcp(int family)
{
	struct sockaddr_storage ss;
	socklen_t len;
	uint16_t port;
	char buf[64];
	int l = listener(family, &port), c = socket(family, SOCK_STREAM, 0), s, n;

	printf("-- tcp family %d\n", family);
	len = loop(family, &ss, port);
	printf("unconnected: read %s", err(read(c, buf, 1)));
	printf(" poll %x\n", polled(c));
	printf("send %s\n", err(send(c, "x", 1, MSG_NOSIGNAL)));
	printf("connect %s", err(connect(c, (void *)&ss, len)));
	printf(" again %s\n", err(connect(c, (void *)&ss, len)));
	s = accept(l, NULL, NULL);
	printf("poll %x %x\n", polled(c), polled(s));
	printf("write %s\n", err(write(c, "hello", 5)));
	struct pollfd pf = { s, POLLIN, 0 };

	poll(&pf, 1, 1000);
	ioctl(s, FIONREAD, &n);
	printf("FIONREAD %d peek %s", n, err(recv(s, buf, 64, MSG_PEEK)));
	printf(" trunc %s", err(recv(s, buf, 3, MSG_TRUNC)));
	printf(" read %s\n", err(read(s, buf, 64)));
	printf("empty %s\n", err(recv(s, buf, 64, MSG_DONTWAIT)));
	write(c, "aa", 2);
	write(c, "bb", 2);
	printf("waitall %s\n", err(recv(s, buf, 4, MSG_WAITALL)));
	printf("shutdown %s\n", err(shutdown(c, SHUT_WR)));
	poll(&pf, 1, 1000);
	printf("eof %s", err(read(s, buf, 64)));
	printf(" poll s %x c %x\n", polled(s), polled(c));
	printf("back %s", err(write(s, "last", 4)));
	close(s);
	usleep(20000);
	printf(" read %s", err(read(c, buf, 64)));
	printf(" then %s", err(read(c, buf, 64)));
	printf(" poll %x\n", polled(c));
	close(c);

	c = socket(family, SOCK_STREAM, 0);
	connect(c, (void *)&ss, len);
	s = accept(l, NULL, NULL);
	write(c, "unread", 6);
	usleep(20000);
	close(s);
	usleep(20000);
	printf("reset: poll %x", polled(c));
	printf(" read %s", err(read(c, buf, 1)));
	printf(" write %s\n", err(send(c, "x", 1, MSG_NOSIGNAL)));
	close(c);
	close(l);
	c = socket(family, SOCK_STREAM, 0);
	printf("refused %s\n", err(connect(c, (void *)&ss, len)));
	close(c);
	c = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	printf("nonblock %s", err(connect(c, (void *)&ss, len)));
	usleep(20000);
	int e = 0;
	socklen_t el = sizeof(e);

	getsockopt(c, SOL_SOCKET, SO_ERROR, &e, &el);
	printf(" SO_ERROR %s poll %x\n", strerrorname_np(e), polled(c));
	close(c);
}

static void options(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), v, r;
	static const struct {
		int level, name, set;
		const char *text;
	} o[] = {
		{ SOL_SOCKET, SO_REUSEADDR, 1, "REUSEADDR" }, { SOL_SOCKET, SO_KEEPALIVE, 1, "KEEPALIVE" },
		{ SOL_SOCKET, SO_SNDBUF, 40000, "SNDBUF" }, { SOL_SOCKET, SO_RCVBUF, 40000, "RCVBUF" },
		{ SOL_SOCKET, SO_TYPE, -1, "TYPE" }, { SOL_SOCKET, SO_DOMAIN, -1, "DOMAIN" },
		{ SOL_SOCKET, SO_PROTOCOL, -1, "PROTOCOL" }, { SOL_SOCKET, SO_ACCEPTCONN, -1, "ACCEPTCONN" },
		{ SOL_SOCKET, SO_RCVLOWAT, 10, "RCVLOWAT" }, { SOL_SOCKET, SO_PRIORITY, 3, "PRIORITY" },
		{ SOL_SOCKET, 12345, 1, "unknown" }, { IPPROTO_TCP, TCP_NODELAY, 1, "NODELAY" },
		{ IPPROTO_TCP, TCP_CORK, 1, "CORK" }, { IPPROTO_TCP, TCP_KEEPIDLE, 30, "KEEPIDLE" },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 5, "KEEPINTVL" }, { IPPROTO_TCP, TCP_KEEPCNT, 4, "KEEPCNT" },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, "USER_TIMEOUT" }, { IPPROTO_TCP, TCP_DEFER_ACCEPT, 3, "DEFER" },
		{ IPPROTO_TCP, TCP_SYNCNT, 4, "SYNCNT" }, { IPPROTO_TCP, TCP_LINGER2, 20, "LINGER2" },
		{ IPPROTO_TCP, TCP_QUICKACK, 0, "QUICKACK" }, { IPPROTO_TCP, 999, 1, "unknown tcp" },
		{ IPPROTO_IP, IP_TTL, 33, "TTL" }, { IPPROTO_IP, IP_TOS, 16, "TOS" }, { IPPROTO_IP, IP_TTL, 256, "bad TTL" },
		{ IPPROTO_IPV6, IPV6_V6ONLY, 1, "V6ONLY on v4" }, { IPPROTO_TCP, TCP_KEEPIDLE, 0, "bad KEEPIDLE" },
	};

	for (size_t i = 0; i < sizeof(o) / sizeof(o[0]); i++) {
		socklen_t len = sizeof(v);

		printf("%s:", o[i].text);
		if (o[i].set >= 0)
			printf(" set %s", err(setsockopt(s, o[i].level, o[i].name, &o[i].set, sizeof(int))));
		v = 0;
		r = getsockopt(s, o[i].level, o[i].name, &v, &len);
		printf(" get %s", err(r));
		if (r == 0)
			printf(" = %d (%u)", v, len);
		printf("\n");
	}
	v = 1;
	printf("short %s ptr %s\n", err(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &v, 2)),
	       err(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (void *)8, 4)));
	socklen_t one = 1;

	v = -1;
	printf("get short %s", err(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &one)));
	printf(" %x len %u\n", (unsigned)v, one);
	struct linger lg = { 1, 5 }, got = { 0 };
	socklen_t ll = sizeof(got);

	setsockopt(s, SOL_SOCKET, SO_LINGER, &lg, sizeof(lg));
	getsockopt(s, SOL_SOCKET, SO_LINGER, &got, &ll);
	printf("linger %d %d\n", got.l_onoff, got.l_linger);
	lg.l_linger = 0;
	setsockopt(s, SOL_SOCKET, SO_LINGER, &lg, sizeof(lg));
	struct tcp_info ti;
	socklen_t tl = sizeof(ti);

	memset(&ti, 0xff, sizeof(ti));
	r = getsockopt(s, IPPROTO_TCP, TCP_INFO, &ti, &tl);
	printf("TCP_INFO %s state %u some %d\n", err(r), ti.tcpi_state, tl >= 104);
	char cc[32] = "";
	socklen_t cl = sizeof(cc);

	setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
	getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, cc, &cl);
	printf("cc %s bad %s\n", cc, err(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "nothing", 7)));
	close(s);
}

static void udp(int family)
{
	struct sockaddr_storage a, from;
	socklen_t len = loop(family, &a, 0), flen = sizeof(from);
	int s = socket(family, SOCK_DGRAM, 0), c = socket(family, SOCK_DGRAM, 0);
	char buf[2000];

	printf("-- udp family %d\n", family);
	printf("bind %s\n", err(bind(s, (void *)&a, len)));
	len = loop(family, &a, port_of(s));
	printf("no dest %s\n", err(send(c, "x", 1, 0)));
	printf("sendto %s", err(sendto(c, "hello", 5, 0, (void *)&a, len)));
	printf(" %s\n", err(sendto(c, "", 0, 0, (void *)&a, len)));
	printf("recv %s", err(recvfrom(s, buf, 3, 0, (void *)&from, &flen)));
	printf(" from port %d", ntohs(((struct sockaddr_in *)&from)->sin_port) == port_of(c));
	printf(" empty %s\n", err(recv(s, buf, 64, 0)));
	printf("connect %s", err(connect(c, (void *)&a, len)));
	printf(" send %s\n", err(send(c, "abcdef", 6, 0)));
	printf("trunc %s\n", err(recv(s, buf, 2, MSG_TRUNC)));
	printf("dontwait %s\n", err(recv(s, buf, 2, MSG_DONTWAIT)));
	close(s);
	printf("to nobody %s", err(send(c, "x", 1, 0)));
	usleep(20000);
	printf(" then %s\n", err(send(c, "x", 1, 0)));
	printf("huge %s\n", err(sendto(c, buf, 70000, 0, (void *)&a, len)));
	printf("peer family %s\n", err(connect(c, (void *)&a, 4)));
	struct iovec iov[2] = { { "ab", 2 }, { "cd", 2 } };
	struct mmsghdr mm[2] = { { .msg_hdr = { .msg_iov = iov, .msg_iovlen = 2 } },
				 { .msg_hdr = { .msg_iov = iov, .msg_iovlen = 1 } } };

	s = socket(family, SOCK_DGRAM, 0);
	len = loop(family, &a, 0);
	bind(s, (void *)&a, len);
	len = loop(family, &a, port_of(s));
	connect(c, (void *)&a, len);
	printf("sendmmsg %s", err(sendmmsg(c, mm, 2, 0)));
	printf(" %u %u\n", mm[0].msg_len, mm[1].msg_len);
	char b2[2][16];
	struct iovec riov[2] = { { b2[0], 16 }, { b2[1], 16 } };
	struct mmsghdr rm[2] = { { .msg_hdr = { .msg_iov = &riov[0], .msg_iovlen = 1 } },
				 { .msg_hdr = { .msg_iov = &riov[1], .msg_iovlen = 1 } } };

	printf("recvmmsg %s", err(recvmmsg(s, rm, 2, 0, NULL)));
	printf(" %u %u\n", rm[0].msg_len, rm[1].msg_len);
	close(s);
	close(c);
}

static void wrong(void)
{
	struct sockaddr_storage a;
	socklen_t len = loop(AF_INET, &a, 80);
	int s = socket(AF_INET, SOCK_STREAM, 0), f = open("/proc/self/exe", O_RDONLY);

	printf("-- wrong\n");
	printf("socket %s %s %s %s\n", err(socket(99, SOCK_STREAM, 0)), err(socket(AF_INET, 99, 0)),
	       err(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP)), err(socket(AF_INET, SOCK_STREAM | 0x100000, 0)));
	printf("not a socket %s %s\n", err(bind(f, (void *)&a, len)), err(listen(f, 1)));
	printf("bad fd %s\n", err(connect(99, (void *)&a, len)));
	printf("ptr %s short %s\n", err(bind(s, (void *)8, len)), err(bind(s, (void *)&a, 3)));
	struct sockaddr_in far = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) };

	printf("not local %s\n", err(bind(s, (void *)&far, sizeof(far))));
	printf("accept not listening %s\n", err(accept(s, NULL, NULL)));
	printf("shutdown %s", err(shutdown(s, SHUT_RDWR)));
	printf(" how %s\n", err(shutdown(s, 9)));
	printf("peername %s\n", err(getpeername(s, (void *)&a, &len)));
	printf("pair %s\n", err(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){ 0 })));
	int fl = fcntl(s, F_GETFL);

	printf("flags %x lseek %s\n", (unsigned)fl & (O_NONBLOCK | O_ACCMODE), err(lseek(s, 0, SEEK_SET)));
	close(s);
	close(f);
}

static void bulk(int family)
{
	static char big[1 << 16];
	struct sockaddr_storage ss;
	uint16_t port;
	int l = listener(family, &port), st;
	socklen_t len = loop(family, &ss, port);
	size_t total = 0;
	unsigned sum = 0;
	ssize_t n;

	if (fork() == 0) {
		int c = socket(family, SOCK_STREAM, 0);

		connect(c, (void *)&ss, len);
		for (int i = 0; i < 100; i++) {
			memset(big, i, sizeof(big));
			for (size_t off = 0; off < sizeof(big);) {
				n = write(c, big + off, sizeof(big) - off);
				if (n <= 0)
					_exit(1);
				off += (size_t)n;
			}
		}
		_exit(0);
	}
	int s = accept(l, NULL, NULL);

	while ((n = read(s, big, 10000)) > 0) {
		total += (size_t)n;
		for (ssize_t i = 0; i < n; i += 97)
			sum += (unsigned char)big[i];
	}
	wait(&st);
	printf("bulk %zu status %d\n", total, st);
	close(s);
	close(l);
}

static void dual(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 }, from;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(any);
	int l = socket(AF_INET6, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), s, on = 1;
	char text[64];

	printf("-- dual stack\n");
	bind(l, (void *)&any, len);
	listen(l, 4);
	len = loop(AF_INET, &ss, port_of(l));
	printf("v4 to v6 %s\n", err(connect(c, (void *)&ss, len)));
	len = sizeof(from);
	s = accept(l, (void *)&from, &len);
	printf("mapped %s\n", inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)));
	close(s);
	close(c);
	close(l);
	l = socket(AF_INET6, SOCK_STREAM, 0);
	setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	bind(l, (void *)&any, sizeof(any));
	listen(l, 4);
	len = loop(AF_INET, &ss, port_of(l));
	c = socket(AF_INET, SOCK_STREAM, 0);
	printf("v6only %s\n", err(connect(c, (void *)&ss, len)));
	close(c);
	close(l);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	tcp(AF_INET);
	tcp(AF_INET6);
	options();
	udp(AF_INET);
	udp(AF_INET6);
	wrong();
	bulk(AF_INET);
	bulk(AF_INET6);
	dual();
	return 0;
}
