/* SPDX-License-Identifier: Apache-2.0 */
/* Options of scripts and of the command line. */
#include "nsdrill/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/cleanup.h"

/* The addresses that the public test suites assume: cookies in their scripts depend on them. */
struct variant_info {
	const char *name, *alias;
	int socket_family, wire_family;
	const char *local, *remote, *gateway;
	int local_prefix;
	uint32_t mtu;
	struct define defines[4];
};

static const struct variant_info variants[VARIANT_COUNT] = {
	[VARIANT_IPV4] =
		{
			"ipv4",
			"ipv4",
			AF_INET,
			AF_INET,
			"192.168.0.1",
			"192.0.2.1",
			"192.168.0.1",
			16,
			1500,
			{{"TFO_COOKIE", "3021b9d889017eeb"},
			 {"CODE", "host_unreachable"},
			 {"CMSG_LEVEL_IP", "SOL_IP"},
			 {"CMSG_TYPE_RECVERR", "IP_RECVERR"}},
		},
	[VARIANT_MAPPED] =
		{
			"ipv4-mapped",
			"ipv4-mapped-ipv6",
			AF_INET6,
			AF_INET,
			"192.168.0.1",
			"192.0.2.1",
			"192.168.0.1",
			16,
			1500,
			{{"TFO_COOKIE", "3021b9d889017eeb"},
			 {"CODE", "host_unreachable"},
			 {"CMSG_LEVEL_IP", "SOL_IPV6"},
			 {"CMSG_TYPE_RECVERR", "IPV6_RECVERR"}},
		},
	[VARIANT_IPV6] =
		{
			"ipv6",
			"ipv6",
			AF_INET6,
			AF_INET6,
			"fd3d:0a0b:17d6::1",
			"fd3d:fa7b:d17d::1",
			"fd3d:0a0b:17d6:8888::1",
			48,
			1520,
			{{"TFO_COOKIE", "c1d1e9742a47a9bc"},
			 {"CODE", "address_unreachable"},
			 {"CMSG_LEVEL_IP", "SOL_IPV6"},
			 {"CMSG_TYPE_RECVERR", "IPV6_RECVERR"}},
		},
};

const char *variant_name(enum variant v)
{
	return variants[v].name;
}

void config_init(struct config *cfg, enum variant v, struct defines *defines)
{
	const struct variant_info *info = &variants[v];

	*cfg = (struct config){
		.variant = v,
		.socket_family = info->socket_family,
		.wire_family = info->wire_family,
		.bind_port = 8080,
		.connect_port = 8080,
		.tolerance_us = 4000,
		.tolerance_percent = 12.5,
		.mtu = info->mtu,
	};
	inet_pton(info->wire_family, info->local, cfg->local.bytes);
	inet_pton(info->wire_family, info->remote, cfg->remote.bytes);
	inet_pton(info->wire_family, info->gateway, cfg->gateway.bytes);
	cfg->local.prefix_len = info->local_prefix;
	cfg->remote.prefix_len = info->wire_family == AF_INET ? 24 : 48;
	defines->count = 0;
	for (size_t i = 0; i < ARRAY_LEN(info->defines); i++)
		defines_set(defines, info->defines[i].name, info->defines[i].value);
}

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

bool config_variant_fits(const struct script *script, const char *path, enum variant v)
{
	/* A name that ends so is for one family. */
	if (ends_with(path, "v6.pkt") && v != VARIANT_IPV6)
		return false;
	if (ends_with(path, "v4.pkt") && v == VARIANT_IPV6)
		return false;
	for (const struct option *o = script->options; o; o = o->next) {
		if (strcmp(o->name, "ip_version") == 0 && o->value &&
		    strcmp(o->value, variants[v].alias) != 0 &&
		    strcmp(o->value, variants[v].name) != 0)
			return false;
	}
	return true;
}

/* An address of the other family is for another variant, and ignored. */
static int set_addr(struct config_addr *addr, int family, const char *value)
{
	char text[64];
	const char *slash = strchr(value, '/');
	uint8_t bytes[16] = {0};

	if (slash) {
		snprintf(text, sizeof(text), "%.*s", (int)(slash - value), value);
		addr->prefix_len = atoi(slash + 1);
		value = text;
	}
	if (inet_pton(family, value, bytes) != 1)
		return inet_pton(family == AF_INET ? AF_INET6 : AF_INET, value, bytes) == 1
			       ? 0
			       : -EINVAL;
	memcpy(addr->bytes, bytes, 16);
	return 0;
}

static int set_netmask(struct config *cfg, const char *value)
{
	struct in_addr mask;

	if (inet_pton(AF_INET, value, &mask) != 1)
		return -EINVAL;
	if (cfg->wire_family == AF_INET)
		cfg->local.prefix_len = __builtin_popcount(mask.s_addr);
	return 0;
}

static int set_number(const char *value, double min, double max, double *ret)
{
	char *end;

	*ret = strtod(value, &end);
	return *value && *end == '\0' && *ret >= min && *ret <= max ? 0 : -EINVAL;
}

static int set_define(struct defines *defines, const char *value)
{
	const char *eq = strchr(value, '=');

	if (!eq || eq == value)
		return -EINVAL;

	/* Defined for the whole run of the program: a few bytes a script. */
	char *name = strndup(value, (size_t)(eq - value)), *text = strdup(eq + 1);

	if (!name || !text) {
		free(name);
		free(text);
		return -ENOMEM;
	}
	return defines_set(defines, name, text);
}

enum option_kind { OPT_NUMBER, OPT_FLAG, OPT_ADDR, OPT_IGNORED };

struct option_info {
	const char *name;
	enum option_kind kind;
	double min, max;
};

/* Ignored: what makes no sense away from Google's own process model. */
static const struct option_info known[] = {
	{"tolerance_usecs", OPT_NUMBER, 0, 1e9},
	{"tolerance_percent", OPT_NUMBER, 0, 100},
	{"tcp_ts_tick_usecs", OPT_NUMBER, 0, 1e9},
	{"mtu", OPT_NUMBER, 68, 65535},
	{"mss", OPT_NUMBER, 1, 65535},
	{"bind_port", OPT_NUMBER, 1, 65535},
	{"connect_port", OPT_NUMBER, 1, 65535},
	{"tcp_ts_ecr_scaled", OPT_FLAG, 0, 0},
	{"strict_segments", OPT_FLAG, 0, 0},
	{"no_extra", OPT_FLAG, 0, 0},
	{"verbose", OPT_FLAG, 0, 0},
	{"local_ip", OPT_ADDR, 0, 0},
	{"remote_ip", OPT_ADDR, 0, 0},
	{"gateway_ip", OPT_ADDR, 0, 0},
	{"ip_version", OPT_IGNORED, 0, 0},
	{"send_omit_free", OPT_IGNORED, 0, 0},
	{"is_anyip", OPT_IGNORED, 0, 0},
	{"speed", OPT_IGNORED, 0, 0},
	{"code_command", OPT_IGNORED, 0, 0},
	{"code_format", OPT_IGNORED, 0, 0},
	{"code_sockopt", OPT_IGNORED, 0, 0},
	{"init_scripts", OPT_IGNORED, 0, 0},
	{"non_fatal", OPT_IGNORED, 0, 0},
	{"psp_udp_port", OPT_IGNORED, 0, 0},
	{"debug", OPT_IGNORED, 0, 0},
	{"dry_run", OPT_IGNORED, 0, 0},
};

static void apply(struct config *cfg, const char *name, double n)
{
	if (strcmp(name, "tolerance_usecs") == 0)
		cfg->tolerance_us = (int64_t)n;
	else if (strcmp(name, "tolerance_percent") == 0)
		cfg->tolerance_percent = n;
	else if (strcmp(name, "tcp_ts_tick_usecs") == 0)
		cfg->ts_tick_us = (int64_t)n;
	else if (strcmp(name, "mtu") == 0)
		cfg->mtu = (uint32_t)n;
	else if (strcmp(name, "mss") == 0)
		cfg->mss = (uint16_t)n;
	else if (strcmp(name, "bind_port") == 0)
		cfg->bind_port = (uint16_t)n;
	else if (strcmp(name, "connect_port") == 0)
		cfg->connect_port = (uint16_t)n;
	else if (strcmp(name, "tcp_ts_ecr_scaled") == 0)
		cfg->ts_ecr_scaled = true;
	else if (strcmp(name, "strict_segments") == 0)
		cfg->strict_segments = true;
	else if (strcmp(name, "no_extra") == 0)
		cfg->no_extra = true;
	else if (strcmp(name, "verbose") == 0)
		cfg->verbose = true;
}

int config_option(struct config *cfg, struct defines *defines, const char *name, const char *value)
{
	if (strcmp(name, "define") == 0)
		return value ? set_define(defines, value) : -EINVAL;
	if (strcmp(name, "netmask_ip") == 0)
		return value ? set_netmask(cfg, value) : -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const struct option_info *o = &known[i];
		double n = 0;
		int r;

		if (strcmp(o->name, name) != 0)
			continue;
		if (o->kind == OPT_IGNORED)
			return 0;
		if (o->kind != OPT_FLAG && !value)
			return -EINVAL;
		if (o->kind == OPT_ADDR)
			return set_addr(name[0] == 'l'	 ? &cfg->local
					: name[0] == 'r' ? &cfg->remote
							 : &cfg->gateway,
					cfg->wire_family, value);
		r = o->kind == OPT_NUMBER ? set_number(value, o->min, o->max, &n) : 0;
		if (r == 0)
			apply(cfg, name, n);
		return r;
	}
	return -ENOENT;
}
