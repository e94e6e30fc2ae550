/* SPDX-License-Identifier: Apache-2.0 */
/* The language of scripts: one statement a line; a line that begins with a number is an action at
 * that instant (seconds), any other is a setting. */
#include "script.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 16
#define DATA_MAX (16u << 20)
#define SCRIPT_MAX (1u << 20)

struct line {
	struct script *script;
	struct problem *problem;
	const char *file;
	unsigned number;
	char *word[WORDS_MAX + 1]; /* NULL behind the last */
	unsigned n;
};

void script_init(struct script *script)
{
	memset(script, 0, sizeof(*script));
	net_config_init(&script->net);
	script->net.now = NET_SEC(1000);
	script->link.kind = NET_LINK_ETHER;
	memcpy(script->link.name, "eth0", 5);
	script->link.mtu = 1500;
	memcpy(script->link.mac, "\x02\0\0\0\0\x01", 6);
	script->tolerance = -1;
	script->hold = NET_SEC(3);
	script->until = NET_SEC(1);
	script->derive = true;
}

void script_fini(struct script *script)
{
	for (size_t i = 0; i < script->n; i++)
		free(script->actions[i].data);
	for (size_t i = 0; i < script->nmask; i++)
		free(script->mask[i]);
	for (size_t i = 0; i < script->nalso; i++)
		free(script->also[i]);
	for (size_t i = 0; i < script->nignore; i++)
		free(script->ignore[i]);
	free(script->actions);
	memset(script, 0, sizeof(*script));
}

struct action *script_add(struct script *script, enum act act, net_time at, const char *sock)
{
	struct action *action;

	if (script->n == script->cap) {
		size_t cap = script->cap ? 2 * script->cap : 32;
		struct action *more = realloc(script->actions, cap * sizeof(*more));

		if (!more)
			return NULL;
		script->actions = more;
		script->cap = cap;
	}
	action = &script->actions[script->n++];
	memset(action, 0, sizeof(*action));
	action->act = act;
	action->at = at;
	action->before = SIZE_MAX;
	snprintf(action->sock, sizeof(action->sock), "%s", sock);
	return action;
}

void script_sort(struct script *script)
{
	/* Insertion: stable, and the list is nearly in order. */
	for (size_t i = 1; i < script->n; i++) {
		struct action moved = script->actions[i];
		size_t k = i;

		for (; k && script->actions[k - 1].at > moved.at; k--)
			script->actions[k] = script->actions[k - 1];
		script->actions[k] = moved;
	}
}

bool script_plays(const struct script *script, const struct net_addr *addr)
{
	for (size_t i = 0; i < script->nplay; i++)
		if (script->play[i].family == addr->family &&
		    !memcmp(script->play[i].bytes, addr->bytes, 16))
			return true;
	return false;
}

bool script_addr(struct net_addr *ret, const char *text)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, ret->bytes) == 1)
		ret->family = AF_INET;
	else if (inet_pton(AF_INET6, text, ret->bytes) == 1)
		ret->family = AF_INET6;
	return ret->family;
}

int script_names(char **list, size_t *n, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, ",");

		if (*n == SCRIPT_MASKS)
			return -ENOSPC;
		list[*n] = strndup(text, len);
		if (!list[*n])
			return -ENOMEM;
		(*n)++;
		text += len + (text[len] == ',');
	}
	return 0;
}

static int bad(const struct line *l, const char *what, const char *word)
{
	return problem_set(l->problem, -EINVAL, "%s:%u: %s: %s", l->file, l->number,
			   word ? word : l->word[0], what);
}

/* A number in [0, max]. */
static bool number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	if (!text || !isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	return !errno && !*end && *ret <= max;
}

/* Seconds with a fraction. */
static bool seconds(const char *text, net_dur *ret)
{
	char *end;
	double v;

	if (!text || !isdigit((unsigned char)*text))
		return false;
	v = strtod(text, &end);
	if (*end || !(v >= 0 && v < 1e6))
		return false;
	*ret = (net_dur)(v * 1e9 + 0.5);
	return true;
}

/* "ADDR/LEN". */
static bool prefix(char *text, struct net_addr *ret, uint8_t *len)
{
	char *slash = text ? strchr(text, '/') : NULL;
	uint64_t v = 0;

	if (!slash)
		return false;
	*slash = '\0';
	if (!script_addr(ret, text) || !number(slash + 1, ret->family == AF_INET ? 32 : 128, &v))
		return false;
	*len = (uint8_t)v;
	return true;
}

/* "ADDR:PORT", "[ADDR]:PORT", or "PORT" alone (then the family is 0). */
static bool endpoint(char *text, struct net_endpoint *ret)
{
	char *colon = text ? strrchr(text, ':') : NULL;
	uint64_t port;

	memset(ret, 0, sizeof(*ret));
	if (!text || !number(colon ? colon + 1 : text, 65535, &port))
		return false;
	ret->port = (uint16_t)port;
	if (!colon)
		return true;
	*colon = '\0';
	if (*text == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		text++;
	}
	return script_addr(&ret->addr, text);
}

static bool mac(const char *text, uint8_t ret[6])
{
	unsigned m[6];
	int end = 0;

	if (!text ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5],
		   &end) != 6 ||
	    text[end])
		return false;
	for (int i = 0; i < 6; i++)
		ret[i] = (uint8_t)m[i];
	return true;
}

/* Settings. */

#define TUNABLES(X)                                                                                \
	X(ip_forward)                                                                              \
	X(ip6_forwarding) X(ip_default_ttl) X(ip6_hop_limit) X(ip_no_pmtu_disc) X(                 \
		icmp_echo_ignore_all) X(icmp_echo_ignore_broadcasts) X(icmp_ratelimit_ms)          \
		X(ip6_accept_ra) X(ip6_autoconf) X(ip6_dad_transmits) X(ipfrag_time_s) X(          \
			ip6frag_time_s) X(neigh_retrans_ms) X(neigh_mcast_solicit)                 \
			X(neigh_ucast_solicit) X(tcp_sack) X(tcp_dsack) X(tcp_timestamps) X(       \
				tcp_window_scaling) X(tcp_ecn) X(tcp_syncookies) X(tcp_recovery)   \
				X(tcp_early_retrans) X(tcp_syn_retries) X(tcp_synack_retries) X(   \
					tcp_max_syn_backlog) X(tcp_fin_timeout_s) X(tcp_init_cwnd) \
					X(tcp_fastopen) X(tcp_frto) X(tcp_moderate_rcvbuf)         \
						X(tcp_abort_on_overflow)                           \
							X(tcp_slow_start_after_idle) X(somaxconn)

static int set_tunable(struct line *l)
{
	static const struct {
		const char *name;
		size_t at;
	} list[] = {
#define TUNABLE_(field) {#field, offsetof(struct net_tunables, field)},
		TUNABLES(TUNABLE_)
#undef TUNABLE_
	};
	struct net_tunables *t = &l->script->net.tunables;
	int32_t value;
	uint64_t v;

	if (l->n == 3 && !strcmp(l->word[1], "tcp_congestion")) {
		snprintf(t->tcp_congestion, sizeof(t->tcp_congestion), "%s", l->word[2]);
		return 0;
	}
	if (l->n != 3 || !number(l->word[2], INT32_MAX, &v))
		return bad(l, "wants a name and a number", NULL);
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		if (strcmp(list[i].name, l->word[1]))
			continue;
		value = (int32_t)v;
		memcpy((char *)t + list[i].at, &value, sizeof(value));
		return 0;
	}
	return bad(l, "no such tunable", l->word[1]);
}

static int set_addr(struct line *l)
{
	struct script *s = l->script;
	struct net_ifaddr *addr = &s->addrs[s->naddrs];

	if (s->naddrs == SCRIPT_ADDRS || s->nplay == SCRIPT_ADDRS)
		return bad(l, "too many addresses", NULL);
	memset(addr, 0, sizeof(*addr));
	if (l->n < 2 || !prefix(l->word[1], &addr->addr, &addr->prefix_len))
		return bad(l, "wants ADDRESS/LENGTH", NULL);
	addr->dad = l->n > 2 && !strcmp(l->word[2], "dad");
	s->play[s->nplay++] = addr->addr;
	s->naddrs++;
	return 0;
}

static int set_play(struct line *l)
{
	for (unsigned i = 1; i < l->n; i++) {
		if (l->script->nplay == SCRIPT_ADDRS)
			return bad(l, "too many addresses", NULL);
		if (!script_addr(&l->script->play[l->script->nplay], l->word[i]))
			return bad(l, "not an address", l->word[i]);
		l->script->nplay++;
	}
	return 0;
}

static int set_route(struct line *l)
{
	struct script *s = l->script;
	struct net_route *route = &s->routes[s->nroutes];

	if (s->nroutes == SCRIPT_ADDRS)
		return bad(l, "too many routes", NULL);
	memset(route, 0, sizeof(*route));
	if (l->n < 2 || !prefix(l->word[1], &route->dst, &route->prefix_len))
		return bad(l, "wants PREFIX/LENGTH [via ADDRESS]", NULL);
	if (l->n == 4 && !strcmp(l->word[2], "via") && !script_addr(&route->gateway, l->word[3]))
		return bad(l, "not an address", l->word[3]);
	s->nroutes++;
	return 0;
}

static int set_neigh(struct line *l)
{
	struct script *s = l->script;
	struct net_neigh *neigh = &s->neighs[s->nneighs];

	if (s->nneighs == ARRAY_LEN(s->neighs))
		return bad(l, "too many neighbours", NULL);
	memset(neigh, 0, sizeof(*neigh));
	neigh->state = NET_NEIGH_PERMANENT;
	if (l->n != 3 || !script_addr(&neigh->addr, l->word[1]) || !mac(l->word[2], neigh->mac))
		return bad(l, "wants ADDRESS MAC", NULL);
	s->nneighs++;
	return 0;
}

static int set_link(struct line *l)
{
	if (l->n == 2 && !strcmp(l->word[1], "ip"))
		l->script->link.kind = NET_LINK_IP;
	else if (l->n == 2 && !strcmp(l->word[1], "ethernet"))
		l->script->link.kind = NET_LINK_ETHER;
	else
		return bad(l, "ethernet or ip", NULL);
	return 0;
}

static int set_mac(struct line *l)
{
	if (l->n != 2 || !mac(l->word[1], l->script->link.mac))
		return bad(l, "wants a MAC address", NULL);
	l->script->has_mac = true;
	return 0;
}

static int set_number(struct line *l)
{
	struct script *s = l->script;
	uint64_t v;
	net_dur dur;

	if (!strcmp(l->word[0], "mtu")) {
		if (!number(l->word[1], 65535, &v) || v < 68)
			return bad(l, "68 to 65535", NULL);
		s->link.mtu = (uint32_t)v;
	} else if (!strcmp(l->word[0], "seed")) {
		if (!number(l->word[1], UINT64_MAX, &v))
			return bad(l, "wants a number", NULL);
		memcpy(s->net.seed, &v, sizeof(v));
	} else {
		if (!seconds(l->word[1], &dur))
			return bad(l, "wants seconds", NULL);
		if (!strcmp(l->word[0], "hold"))
			s->hold = dur;
		else if (!strcmp(l->word[0], "until"))
			s->until = dur;
		else
			s->tolerance = dur;
	}
	return 0;
}

static int set_names(struct line *l)
{
	struct script *s = l->script;
	bool mask = !strcmp(l->word[0], "mask"), ignore = !strcmp(l->word[0], "ignore");

	for (unsigned i = 1; i < l->n; i++)
		if (script_names(mask	  ? s->mask
				 : ignore ? s->ignore
					  : s->also,
				 mask	  ? &s->nmask
				 : ignore ? &s->nignore
					  : &s->nalso,
				 l->word[i]))
			return bad(l, "too many names", NULL);
	return 0;
}

static int set_flag(struct line *l)
{
	if (!strcmp(l->word[0], "autoconf"))
		l->script->link.autoconf = true;
	else
		l->script->derive = false;
	return 0;
}

/* Actions. */

/* LEN, or "text" with C escapes. */
static int put_data(struct line *l, struct action *a, const char *word)
{
	uint64_t len;

	if (!word)
		return bad(l, "wants a length or a text", NULL);
	if (*word == '"') {
		a->data = (uint8_t *)strdup(word + 1);
		if (!a->data)
			return -ENOMEM;
		a->len = strlen(word + 1);
		return 0;
	}
	if (!number(word, DATA_MAX, &len))
		return bad(l, "not a length", word);
	a->data = malloc(len ? len : 1);
	if (!a->data)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++)
		a->data[i] = (uint8_t)('a' + i % 26);
	a->len = len;
	return 0;
}

static int act_socket(struct line *l, struct action *a)
{
	struct net_endpoint end = {0};
	uint64_t v;
	char *word = l->word[3];

	if (a->act == ACT_CONNECT) {
		if (!endpoint(word, &a->peer) || !a->peer.addr.family)
			return bad(l, "wants ADDRESS:PORT", NULL);
		if (l->n > 5 && !strcmp(l->word[4], "from")) {
			if (!number(l->word[5], 65535, &v))
				return bad(l, "not a port", l->word[5]);
			a->port = (uint16_t)v;
		} else if (l->n > 5 && !strcmp(l->word[4], "as")) {
			if (!number(l->word[5], 65535, &v))
				return bad(l, "not a port", l->word[5]);
			a->captured_port = (uint16_t)v;
		}
		return 0;
	}
	if (a->act == ACT_PING && number(word, 65535, &v)) {
		a->port = (uint16_t)v;
		a->local.family = AF_INET;
		if (l->n > 4 && !strcmp(l->word[4], "ipv6"))
			a->local.family = AF_INET6;
		return 0;
	}
	if (!endpoint(word, &end))
		return bad(l, "wants [ADDRESS:]PORT", NULL);
	a->local = end.addr;
	a->port = end.port;
	a->value = 128;
	if (l->n > 5 && !strcmp(l->word[4], "backlog") && number(l->word[5], 65535, &v))
		a->value = (int)v;
	return 0;
}

static int act_option(struct line *l, struct action *a)
{
	static const struct {
		const char *text;
		int level, name;
	} list[] = {
		{"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF},
		{"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF},
		{"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},
		{"SO_BROADCAST", SOL_SOCKET, SO_BROADCAST},
		{"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT},
		{"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE},
		{"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY},
		{"TCP_CORK", IPPROTO_TCP, TCP_CORK},
		{"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK},
		{"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG},
		{"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE},
		{"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL},
		{"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT},
		{"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT},
		{"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT},
		{"TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP},
		{"TCP_FASTOPEN", IPPROTO_TCP, TCP_FASTOPEN},
		{"IP_TTL", IPPROTO_IP, IP_TTL},
		{"IP_TOS", IPPROTO_IP, IP_TOS},
		{"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER},
		{"IP_RECVERR", IPPROTO_IP, IP_RECVERR},
		{"IPV6_UNICAST_HOPS", IPPROTO_IPV6, IPV6_UNICAST_HOPS},
		{"IPV6_TCLASS", IPPROTO_IPV6, IPV6_TCLASS},
		{"IPV6_MTU_DISCOVER", IPPROTO_IPV6, IPV6_MTU_DISCOVER},
	};
	uint64_t v;

	if (l->n != 5 || !number(l->word[4], INT32_MAX, &v))
		return bad(l, "wants SOCKET NAME NUMBER", NULL);
	a->value = (int)v;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		if (strcmp(list[i].text, l->word[3]))
			continue;
		a->level = list[i].level;
		a->name = list[i].name;
		return 0;
	}
	return bad(l, "no such option", l->word[3]);
}

static int act_other(struct line *l, struct action *a)
{
	uint64_t v;

	switch (a->act) {
	case ACT_WRITE:
		return put_data(l, a, l->word[3]);
	case ACT_SEND:
		if (!endpoint(l->word[3], &a->peer))
			return bad(l, "wants ADDRESS:PORT", NULL);
		return put_data(l, a, l->n > 4 ? l->word[4] : NULL);
	case ACT_READ:
		if (l->n > 3 && !number(l->word[3], DATA_MAX, &v))
			return bad(l, "not a length", l->word[3]);
		a->len = l->n > 3 ? v : 0;
		return 0;
	case ACT_DRAIN:
		if (l->n != 4 || (strcmp(l->word[3], "on") && strcmp(l->word[3], "off")))
			return bad(l, "on or off", NULL);
		a->value = !strcmp(l->word[3], "on");
		return 0;
	case ACT_SHUTDOWN:
		a->value = l->n < 4		       ? SHUT_RDWR
			   : !strcmp(l->word[3], "rd") ? SHUT_RD
			   : !strcmp(l->word[3], "wr") ? SHUT_WR
						       : SHUT_RDWR;
		return 0;
	case ACT_JOIN:
	case ACT_LEAVE:
		if (l->n != 4 || !script_addr(&a->peer.addr, l->word[3]))
			return bad(l, "wants a group address", NULL);
		return 0;
	case ACT_SERVE:
		a->serve = l->n > 3 && !strcmp(l->word[3], "echo") ? SERVE_ECHO : SERVE_SINK;
		return 0;
	case ACT_MTU:
		if (!number(l->word[2], 65535, &v) || v < 68)
			return bad(l, "68 to 65535", NULL);
		a->value = (int)v;
		return 0;
	case ACT_OPTION:
		return act_option(l, a);
	default:
		return 0;
	}
}

static int parse_action(struct line *l)
{
	static const struct {
		const char *name;
		enum act act;
	} list[] = {
		{"listen", ACT_LISTEN}, {"connect", ACT_CONNECT}, {"udp", ACT_UDP},
		{"ping", ACT_PING},	{"write", ACT_WRITE},	  {"send", ACT_SEND},
		{"read", ACT_READ},	{"drain", ACT_DRAIN},	  {"shutdown", ACT_SHUTDOWN},
		{"close", ACT_CLOSE},	{"abort", ACT_ABORT},	  {"option", ACT_OPTION},
		{"join", ACT_JOIN},	{"leave", ACT_LEAVE},	  {"serve", ACT_SERVE},
		{"mtu", ACT_MTU},
	};
	struct action *a;
	net_dur at;

	if (!seconds(l->word[0], &at))
		return bad(l, "not an instant", NULL);
	if (l->n < 3)
		return bad(l, "wants INSTANT ACTION SOCKET ...", NULL);
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		if (strcmp(list[i].name, l->word[1]))
			continue;
		if (strlen(l->word[2]) >= SCRIPT_NAME)
			return bad(l, "the name is too long", l->word[2]);
		a = script_add(l->script, list[i].act, at, l->word[2]);
		if (!a)
			return -ENOMEM;
		a->line = l->number;
		return a->act <= ACT_PING ? act_socket(l, a) : act_other(l, a);
	}
	return bad(l, "no such action", l->word[1]);
}

/* Cuts a line into words; "..." is one word that keeps its first quote, with C escapes undone. */
static int split(struct line *l, char *at)
{
	l->n = 0;
	memset(l->word, 0, sizeof(l->word));
	for (;;) {
		char *to;

		at += strspn(at, " \t\r");
		if (!*at || *at == '#')
			return 0;
		if (l->n == WORDS_MAX)
			return problem_set(l->problem, -EINVAL, "%s:%u: too many words", l->file,
					   l->number);
		l->word[l->n++] = at;
		if (*at != '"') {
			at += strcspn(at, " \t\r");
			if (*at)
				*at++ = '\0';
			continue;
		}
		for (to = ++at; *at != '"'; at++) {
			if (!*at)
				return problem_set(l->problem, -EINVAL,
						   "%s:%u: the text has no end", l->file,
						   l->number);
			if (*at == '\\' && at[1]) {
				at++;
				*to++ = *at == 'n'   ? '\n'
					: *at == 'r' ? '\r'
					: *at == 't' ? '\t'
						     : *at;
			} else {
				*to++ = *at;
			}
		}
		*to = '\0';
		at++;
	}
}

static int parse_line(struct line *l)
{
	static const struct {
		const char *name;
		int (*fn)(struct line *);
	} list[] = {
		{"addr", set_addr},	{"play", set_play},    {"route", set_route},
		{"neigh", set_neigh},	{"link", set_link},    {"mac", set_mac},
		{"mtu", set_number},	{"seed", set_number},  {"hold", set_number},
		{"until", set_number},	{"time", set_number},  {"mask", set_names},
		{"compare", set_names}, {"ignore", set_names}, {"set", set_tunable},
		{"autoconf", set_flag}, {"manual", set_flag},
	};

	if (!l->n)
		return 0;
	if (isdigit((unsigned char)*l->word[0]))
		return parse_action(l);
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (!strcmp(list[i].name, l->word[0]))
			return list[i].fn(l);
	return bad(l, "no such setting", NULL);
}

int script_parse(struct script *script, const char *text, size_t len, const char *name,
		 struct problem *problem)
{
	struct line l = {.script = script, .problem = problem, .file = name};
	char *copy = strndup(text, len), *rest = copy, *line;
	int r = copy ? 0 : -ENOMEM;

	while (!r && (line = strsep(&rest, "\n"))) {
		l.number++;
		r = split(&l, line);
		if (!r)
			r = parse_line(&l);
	}
	free(copy);
	return r;
}

int script_read(struct script *script, const char *path, struct problem *problem)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t len;
	int r;

	if (!file)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	text = malloc(SCRIPT_MAX);
	len = text ? fread(text, 1, SCRIPT_MAX, file) : 0;
	fclose(file);
	if (!text)
		return -ENOMEM;
	r = len < SCRIPT_MAX ? script_parse(script, text, len, path, problem)
			     : problem_set(problem, -EFBIG, "%s: too long", path);
	free(text);
	return r;
}
