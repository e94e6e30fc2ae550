/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of scripts that set up the stack. */
#include "nsdrill/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

/* What the public suites' defaults.sh amounts to. */
static const char *const defaults[][2] = {
	{"net.ipv4.tcp_rmem", "4096 540000 15728640"},
	{"net.ipv4.tcp_wmem", "4096 262144 4194304"},
	{"net.ipv4.tcp_timestamps", "1"},
	{"net.ipv4.tcp_syn_retries", "5"},
	{"net.ipv4.tcp_synack_retries", "5"},
	{"net.ipv4.tcp_frto", "2"},
	{"net.ipv4.tcp_sack", "1"},
	{"net.ipv4.tcp_dsack", "1"},
	{"net.ipv4.tcp_reordering", "3"},
	{"net.ipv4.tcp_congestion_control", "cubic"},
	{"net.ipv4.tcp_slow_start_after_idle", "0"},
	{"net.ipv4.tcp_early_retrans", "4"},
	{"net.ipv4.tcp_recovery", "1"},
	{"net.ipv4.tcp_ecn", "0"},
	{"net.ipv4.tcp_pacing_ss_ratio", "200"},
	{"net.ipv4.tcp_pacing_ca_ratio", "120"},
	{"net.ipv4.tcp_notsent_lowat", "4294967295"},
	{"net.ipv4.tcp_fastopen", "0x70403"},
	{"net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"},
	{"net.ipv4.tcp_syncookies", "1"},
};

static int set(struct target *t, const char *name, const char *value, struct loc at,
	       struct diag *diag)
{
	int r = t->ops->sysctl(t, name, value);

	if (r == -EINVAL)
		return diag_set(diag, at, "%s cannot be %s", name, value);
	/* A setting that the stack does not have: what depends on it will tell. */
	return 0;
}

static int set_defaults(struct target *t, struct loc at, struct diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(defaults) && r == 0; i++)
		r = set(t, defaults[i][0], defaults[i][1], at, diag);
	return r;
}

/* One word of a command line; quotes removed. Returns the rest, or NULL at the end. */
static const char *next_word(const char *p, char *out, size_t size)
{
	size_t n = 0;
	char quote = 0;

	p += strspn(p, " \t");
	if (!*p)
		return NULL;
	for (; *p && (quote || !strchr(" \t", *p)); p++) {
		if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = quote ? 0 : *p;
		else if (n < size - 1)
			out[n++] = *p;
	}
	out[n] = '\0';
	return p;
}

/* /proc/sys/net/ipv4/tcp_sack -> net.ipv4.tcp_sack */
static void dotted(char *name)
{
	if (strncmp(name, "/proc/sys/", 10) == 0)
		memmove(name, name + 10, strlen(name) - 9);
	for (char *c = name; *c; c++) {
		if (*c == '/')
			*c = '.';
	}
}

/* name=value words after the command. */
static int set_words(struct target *t, const char *p, struct loc at, struct diag *diag)
{
	char word[256];
	int r = 0;

	while (r == 0 && (p = next_word(p, word, sizeof(word)))) {
		char *eq = strchr(word, '=');

		if (word[0] == '>' || word[0] == '#')
			break;
		if (!eq)
			continue; /* -q, -w */
		*eq = '\0';
		dotted(word);
		r = set(t, word, eq + 1, at, diag);
	}
	return r;
}

/* echo VALUE > /proc/sys/NAME */
static int set_echo(struct target *t, const char *p, struct loc at, struct diag *diag)
{
	char value[128], name[256];
	const char *to = strstr(p, "/proc/sys/");

	if (!to || !next_word(p, value, sizeof(value)) || !next_word(to, name, sizeof(name)))
		return 0; /* a parameter of a kernel module */
	dotted(name);
	return set(t, name, value, at, diag);
}

static bool has_name(const char *word, const char *name)
{
	size_t n = strlen(word), m = strlen(name);

	return n >= m && strcmp(word + n - m, name) == 0;
}

static int one_line(struct target *t, const char *line, struct loc at, struct diag *diag)
{
	char word[256];
	const char *rest = next_word(line, word, sizeof(word));

	if (!rest || word[0] == '#')
		return 0;
	if (has_name(word, "defaults.sh"))
		return set_defaults(t, at, diag);
	if (has_name(word, "set_sysctls.py") || strcmp(word, "sysctl") == 0)
		return set_words(t, rest, at, diag);
	if (strcmp(word, "echo") == 0)
		return set_echo(t, rest, at, diag);
	if (strstr(word, "sysctl_restore_")) /* every script has its own stack */
		return 0;

	int r = t->ops->command(t, line, diag);

	if (r < 0)
		diag->at = at;
	return r;
}

int command_run(struct target *t, const char *text, struct loc at, struct diag *diag)
{
	char line[1024];
	int r = 0;

	while (*text && r == 0) {
		size_t len = 0;

		for (; *text && *text != '\n' && *text != ';'; text++) {
			if (text[0] == '\\' && text[1] == '\n') /* the line goes on */
				text++;
			else if (len < sizeof(line) - 1)
				line[len++] = *text;
		}
		line[len] = '\0';
		text += *text != '\0';
		r = one_line(t, line, at, diag);
	}
	return r;
}
