/* SPDX-License-Identifier: Apache-2.0 */
/* nsdrill: runs packetdrill scripts against a TCP/IP stack. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "nsdrill/pcap.h"
#include "nsdrill/report.h"
#include "nsdrill/run.h"
#include "util/cleanup.h"

#define SCRIPT_BYTES_MAX (4 << 20)
#define SETTINGS_MAX 64

/* What the command line said. */
struct settings {
	unsigned variants, targets;
	const char *names[SETTINGS_MAX], *values[SETTINGS_MAX]; /* options for every script */
	size_t count;
	bool trace, check_only;
	const char *pcap;
	struct report report;
	struct code *code;
	char **paths;
	size_t npaths;
};

enum { TARGET_NETSTACK = 1, TARGET_LINUX = 2 };

static const char usage[] =
	"usage: nsdrill [options] SCRIPT-OR-FOLDER...\n"
	"  --target=netstack|linux|both    where to run (netstack)\n"
	"  --mode=LIST                     of ipv4, ipv4-mapped, ipv6 (all)\n"
	"  --define=NAME=VALUE, -D         replaces a word of the scripts\n"
	"  --tap, --junit                  another output format\n"
	"  --quiet                         only failures and the sum\n"
	"  --pcap=FILE                     writes the conversation\n"
	"  --trace                         prints what the stack decided after each event\n"
	"  --check                         reads the scripts and runs none\n"
	"  --no_extra                      packets left over at the end fail a script\n"
	"  and the options that scripts have: --tolerance_usecs=N, --mtu=N, ...\n";

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(SCRIPT_BYTES_MAX) : NULL;

	if (text)
		*len = fread(text, 1, SCRIPT_BYTES_MAX, f);
	if (f)
		fclose(f);
	return text;
}

struct options_ctx {
	struct config *cfg;
	const struct settings *set;
};

/* The script's own options, then the command line's. */
static int options_seen(void *ctx, struct script *script, struct defines *defines,
			struct diag *diag)
{
	struct options_ctx *oc = ctx;

	for (const struct option *o = script->options; o; o = o->next) {
		int r = config_option(oc->cfg, defines, o->name, o->value);

		if (r < 0)
			return diag_set(diag, o->at,
					r == -ENOENT ? "there is no option --%s"
						     : "bad value for --%s",
					o->name);
	}
	for (size_t i = 0; i < oc->set->count; i++) {
		if (config_option(oc->cfg, defines, oc->set->names[i], oc->set->values[i]) < 0)
			return diag_set(diag, (struct loc){0},
					"bad option --%s on the command line", oc->set->names[i]);
	}
	return 0;
}

/* Returns 1 if the script is not for the variant. */
static int run_one(struct settings *set, const char *path, const char *text, size_t len,
		   enum variant v, bool linux_target, struct diag *diag)
{
	CLEANUP(script_freep) struct script *script = NULL;
	struct defines defines;
	struct config cfg;
	struct options_ctx oc = {&cfg, set};
	struct target *target;

	config_init(&cfg, v, &defines);
	cfg.trace = set->trace;

	int r = script_parse(&script, path, text, len, &defines, options_seen, &oc, diag);

	if (r < 0)
		return r;
	if (!config_variant_fits(script, path, v))
		return 1;
	if (set->check_only)
		return 0;
	r = linux_target ? target_linux_new(&target, &cfg, diag)
			 : target_netstack_new(&target, &cfg, diag);
	if (r < 0)
		return r;
	if (set->pcap)
		target = target_pcap(target, set->pcap);
	r = run_script(script, &cfg, target, set->code, diag);
	target->ops->free(target);
	return r;
}

static void run_path(struct settings *set, const char *path)
{
	static const char *const names[] = {"netstack", "linux"};
	struct diag diag = {0};
	size_t len = 0;
	char *text = read_file(path, &len);

	if (!text) {
		diag_set(&diag, (struct loc){0}, "%s", strerror(errno));
		report_result(&set->report, path, "-", "-", 0, &diag);
		return;
	}
	for (int v = 0; v < VARIANT_COUNT; v++) {
		bool ok[2];

		for (int target = 0; target < 2; target++) {
			double start = now_s();

			if (!(set->variants & 1u << v) || !(set->targets & 1u << target))
				continue;
			diag = (struct diag){0};
			int r = run_one(set, path, text, len, (enum variant)v, target == 1, &diag);

			ok[target] = r == 0;
			if (r <= 0)
				report_result(&set->report, path, names[target],
					      variant_name((enum variant)v), now_s() - start,
					      r < 0 ? &diag : NULL);
			if (r <= 0 && target == 1 && set->targets == 3 && ok[0] != ok[1])
				printf("# differs: %s passes on %s only\n", path, names[ok[1]]);
		}
	}
	free(text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_path(struct settings *set, const char *path)
{
	struct stat st;
	DIR *dir;
	struct dirent *de;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		set->paths = realloc(set->paths, (set->npaths + 1) * sizeof(char *));
		if (!set->paths)
			abort();
		set->paths[set->npaths++] = strdup(path);
		return;
	}
	dir = opendir(path);
	while (dir && (de = readdir(dir))) {
		char sub[4096];
		size_t n = strlen(de->d_name);

		snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name);
		if (de->d_name[0] != '.' && stat(sub, &st) == 0 &&
		    (S_ISDIR(st.st_mode) || (n > 4 && strcmp(de->d_name + n - 4, ".pkt") == 0)))
			add_path(set, sub);
	}
	if (dir)
		closedir(dir);
}

static int parse_modes(struct settings *set, const char *list)
{
	set->variants = 0;
	while (*list) {
		size_t len = strcspn(list, ",");
		bool found = false;

		for (int v = 0; v < VARIANT_COUNT; v++) {
			const char *name = variant_name((enum variant)v);

			if (strlen(name) == len && strncmp(name, list, len) == 0) {
				set->variants |= 1u << v;
				found = true;
			}
		}
		if (!found)
			return -EINVAL;
		list += len + (list[len] == ',');
	}
	return set->variants ? 0 : -EINVAL;
}

static int set_target(struct settings *set, const char *name)
{
	set->targets = strcmp(name, "netstack") == 0 ? TARGET_NETSTACK
		       : strcmp(name, "linux") == 0  ? TARGET_LINUX
		       : strcmp(name, "both") == 0   ? TARGET_NETSTACK | TARGET_LINUX
						     : 0;
	return set->targets ? 0 : -EINVAL;
}

/* --name or --name=value. */
static int parse_long(struct settings *set, char *arg)
{
	char *eq = strchr(arg, '='), *value = eq ? eq + 1 : NULL;

	if (eq)
		*eq = '\0';
	if (strcmp(arg, "tap") == 0)
		set->report.format = REPORT_TAP;
	else if (strcmp(arg, "junit") == 0)
		set->report.format = REPORT_JUNIT;
	else if (strcmp(arg, "quiet") == 0)
		set->report.quiet = true;
	else if (strcmp(arg, "trace") == 0)
		set->trace = true;
	else if (strcmp(arg, "check") == 0)
		set->check_only = true;
	else if (strcmp(arg, "pcap") == 0 && value)
		set->pcap = value;
	else if (strcmp(arg, "mode") == 0 && value)
		return parse_modes(set, value);
	else if (strcmp(arg, "target") == 0 && value)
		return set_target(set, value);
	else if (set->count == SETTINGS_MAX)
		return -ENOSPC;
	else {
		struct defines d = {.count = 0};
		struct config probe;

		config_init(&probe, VARIANT_IPV4, &d);
		set->names[set->count] = arg;
		set->values[set->count++] = value;
		return config_option(&probe, &d, arg, value);
	}
	return 0;
}

static int parse_args(struct settings *set, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int r = 0;

		if (strncmp(argv[i], "--", 2) == 0) {
			r = parse_long(set, argv[i] + 2);
		} else if (strcmp(argv[i], "-D") == 0 && i + 1 < argc &&
			   set->count < SETTINGS_MAX) {
			set->names[set->count] = "define";
			set->values[set->count++] = argv[++i];
		} else {
			add_path(set, argv[i]);
		}
		if (r < 0) {
			fprintf(stderr, "nsdrill: bad option %s\n%s", argv[i], usage);
			return r;
		}
	}
	return set->npaths ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct settings set = {.variants = 7, .targets = TARGET_NETSTACK};
	double start = now_s();

	if (parse_args(&set, argc, argv) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	set.code = code_new();
	if (!set.code)
		return 2;
	qsort(set.paths, set.npaths, sizeof(char *), by_name);
	report_begin(&set.report);
	for (size_t i = 0; i < set.npaths; i++) {
		run_path(&set, set.paths[i]);
		free(set.paths[i]);
	}
	free(set.paths);
	report_end(&set.report, now_s() - start);
	code_free(set.code);
	return set.report.failed ? 1 : 0;
}
