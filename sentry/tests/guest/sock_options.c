/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the option names 0 to 121 of every level over every kind of socket, with several lengths and
 * values, setting and getting; prints what came of it. Equal neighbours are printed once.
 *
 * Left out, each because the answer depends on the machine and not on the system: see leave_out() and
 * hide_value().
 */
#include <stdarg.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "guest.h"

#define NAMES 122
#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

struct kind {
	const char *name;
	int family, type, protocol;
};

static const struct kind kinds[] = {
	{"tcp4", AF_INET, SOCK_STREAM, 0},
	{"tcp6", AF_INET6, SOCK_STREAM, 0},
	{"udp4", AF_INET, SOCK_DGRAM, 0},
	{"udp6", AF_INET6, SOCK_DGRAM, 0},
	{"udplite4", AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE},
	{"udplite6", AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE},
	{"ping4", AF_INET, SOCK_DGRAM, IPPROTO_ICMP},
	{"ping6", AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6},
	{"raw4icmp", AF_INET, SOCK_RAW, IPPROTO_ICMP},
	{"raw4udp", AF_INET, SOCK_RAW, IPPROTO_UDP},
	{"raw4raw", AF_INET, SOCK_RAW, IPPROTO_RAW},
	{"raw6icmp", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
	{"raw6udp", AF_INET6, SOCK_RAW, IPPROTO_UDP},
	{"raw6raw", AF_INET6, SOCK_RAW, IPPROTO_RAW},
	{"packet", AF_PACKET, SOCK_RAW, 0},
	{"packetd", AF_PACKET, SOCK_DGRAM, 0},
};

static const struct {
	const char *name;
	int level;
} levels[] = {
	{"SOCKET", SOL_SOCKET}, {"IP", IPPROTO_IP},	   {"IPV6", IPPROTO_IPV6},
	{"TCP", IPPROTO_TCP},	{"UDP", IPPROTO_UDP},	   {"UDPLITE", IPPROTO_UDPLITE},
	{"ICMPV6", IPPROTO_ICMPV6}, {"RAW", SOL_RAW},	   {"PACKET", SOL_PACKET},
	{"NETLINK", SOL_NETLINK}, {"999", 999},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool leave_out(int level, int name)
{
	/* Tables of netfilter: modules of the machine. */
	if ((level == IPPROTO_IP || level == IPPROTO_IPV6) && name >= 64 && name <= 101 &&
	    !(level == IPPROTO_IPV6 && name != 64 && name != 65 && name != 68 && name != 69 &&
	      name <= 79))
		return true;
	/* IPsec policies: needs a kernel with XFRM. */
	if ((level == IPPROTO_IP && (name == 16 || name == 17)) ||
	    (level == IPPROTO_IPV6 && (name == 34 || name == 35)))
		return true;
	/* The label that a security module gives to the peer. */
	if (level == SOL_SOCKET && name == SO_PEERSEC)
		return true;
	/* Protocols on top of TCP, TCP-MD5 and TCP-AO: modules of the machine. */
	if (level == IPPROTO_TCP && (name == 31 || name == 14 || name == 32 || (name >= 38 && name <= 42)))
		return true;
	/* Not as Linux's yet: netstack/README.md says what TCP lacks. */
	if (level == IPPROTO_TCP && (name == 10 || name == 12 || name == 17 || name == 27 ||
				     name == 35 || name == 37 || (name >= 44 && name <= 46)))
		return true;
	/* What the machine's congestion control has to say, and its key of TCP Fast Open. */
	if (level == IPPROTO_TCP && (name == 26 || name == 33))
		return true;
	/* Leaving a group that was never joined: which link is meant depends on the routes. */
	return level == IPPROTO_IP && name == IP_DROP_MEMBERSHIP;
}

/* Options whose value is a clock, an identity, or a setting of the machine. */
static bool hide_value(int level, int name)
{
	switch (level) {
	case SOL_SOCKET:
		return name == 57 /* COOKIE */ || name == 71 /* NETNS_COOKIE */ || name == SO_PEERCRED ||
		       name == 56 /* NAPI_ID */ || name == 48 /* BPF_EXTENSIONS: of the version */ ||
		       name == 77 /* PEERPIDFD */;
	case IPPROTO_TCP:
		return name == 11 /* INFO */ || name == 13 /* CONGESTION */ || name == 24 /* TIMESTAMP */ ||
		       name == 26 /* CC_INFO */;
	case SOL_PACKET:
		return name == 22; /* ROLLOVER_STATS */
	default:
		return false;
	}
}

/* Large values meet limits that are settings of the machine; small ones name links of the machine. */
static bool skip_value(int level, int name, int v)
{
	if (level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF || name == SO_RCVLOWAT))
		return v < 0 || v > 65536;
	if (level == IPPROTO_IPV6 && name == IPV6_MULTICAST_IF)
		return v > 1 && v < 16;
	return false;
}

static char row[4096], last[4096];
static int last_from, last_to;
static char prefix[64];

static void flush_row(void)
{
	if (last[0]) {
		if (last_from == last_to)
			printf("%s %d:%s\n", prefix, last_from, last);
		else
			printf("%s %d-%d:%s\n", prefix, last_from, last_to, last);
	}
	last[0] = '\0';
}

static void end_row(int name)
{
	if (last[0] && strcmp(row, last) == 0 && last_to == name - 1) {
		last_to = name;
		return;
	}
	flush_row();
	strcpy(last, row);
	last_from = last_to = name;
}

static void add(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row + strlen(row), sizeof(row) - strlen(row), fmt, ap);
	va_end(ap);
}

static const char *result(int r)
{
	return r == 0 ? "0" : strerrorname_np(errno) ?: "?";
}

static int open_kind(const struct kind *k)
{
	int fd = socket(k->family, k->type, k->protocol);

	if (fd < 0) {
		printf("%s: %s\n", k->name, strerrorname_np(errno));
		return -1;
	}
	return fd;
}

static void show_bytes(const unsigned char *buf, socklen_t len)
{
	add("/%u", (unsigned)len);
	for (socklen_t i = 0; i < len && i < 16; i++)
		add("%s%02x", i ? "" : "=", buf[i]);
}

static void get_one(int fd, int level, int name, socklen_t len)
{
	unsigned char buf[256];
	socklen_t got = len;

	memset(buf, 0, sizeof(buf));
	int r = getsockopt(fd, level, name, buf, &got);

	add(" %d:%s", (int)len, result(r));
	if (r == 0 && hide_value(level, name))
		add("/%u", (unsigned)got);
	else if (r == 0)
		show_bytes(buf, got);
}

static void walk(const struct kind *k, int level, int *fd, int name)
{
	static const socklen_t lens[] = {0, 1, 3, 4, 8, 16, 64, (socklen_t)-1};
	static const int values[] = {0, -1, 2, 3, 7, 255, 256, 65536, INT32_MAX, INT32_MIN};
	unsigned char buf[256] = {0};

	add(" get");
	for (size_t i = 0; i < COUNT(lens); i++)
		get_one(*fd, level, name, lens[i]);
	add(" set");
	for (size_t i = 0; i < COUNT(lens) + COUNT(values); i++) {
		bool val = i >= COUNT(lens);
		int v = val ? values[i - COUNT(lens)] : 1;
		socklen_t len = val ? 4 : lens[i];

		if (val && skip_value(level, name, v))
			continue;
		memcpy(buf, &v, sizeof(v));

		int r = setsockopt(*fd, level, name, buf, len);

		if (val)
			add(" =%d:%s", v, result(r));
		else
			add(" %d:%s", (int)len, result(r));
		if (r == 0) {
			get_one(*fd, level, name, 16);
			close(*fd);
			*fd = open_kind(k);
		}
	}
}

int main(int argc, char **argv)
{
	/* Options start with the values of a fresh namespace. */
	if (unshare(CLONE_NEWNET) == 0) {
		int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY);

		if (write(fd, "0 2147483647", 12) < 0)
			printf("ping_group_range: %s\n", strerrorname_np(errno));
		close(fd);
	}
	for (size_t i = 0; i < COUNT(kinds); i++) {
		const struct kind *k = &kinds[i];
		int fd;

		if (argc > 1 && strcmp(argv[1], k->name) != 0)
			continue;
		fd = open_kind(k);
		if (fd < 0)
			continue;
		for (size_t j = 0; j < COUNT(levels); j++) {
			snprintf(prefix, sizeof(prefix), "%s %s", k->name, levels[j].name);
			for (int name = 0; name < NAMES; name++) {
				if (leave_out(levels[j].level, name))
					continue;
				row[0] = '\0';
				walk(k, levels[j].level, &fd, name);
				end_row(name);
			}
			flush_row();
		}
		close(fd);
	}
	return 0;
}
