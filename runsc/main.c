/* SPDX-License-Identifier: Apache-2.0 */
/* runsc: the global flags, the choice of the command, and how errors leave the program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/globals.h"
#include "cli/inherited.h"
#include "cli/log.h"
#include "cmd/cmd.h"

#define FLAG(name_, letter_, field, help_)                                                         \
	{                                                                                          \
		.name = name_, .letter = letter_, .kind = OPTION_FLAG,                             \
		.offset = offsetof(struct globals, field), .help = help_                           \
	}
#define STRING(name_, field, arg_, help_)                                                          \
	{                                                                                          \
		.name = name_, .kind = OPTION_STRING, .offset = offsetof(struct globals, field),   \
		.arg = arg_, .help = help_                                                         \
	}
#define IGNORED(name_)                                                                             \
	{                                                                                          \
		.name = name_, .kind = OPTION_IGNORED_FLAG                                         \
	}
#define IGNORED_STRING(name_)                                                                      \
	{                                                                                          \
		.name = name_, .kind = OPTION_IGNORED_STRING                                       \
	}

static const struct option_def global_options[] = {
	STRING("root", root, "DIR", "where the state of containers is kept (/run/netsentry)"),
	STRING("log", log, "FILE", "where errors and warnings go besides stderr"),
	STRING("log-format", log_format, "text|json", "format of the log (text)"),
	FLAG("debug", 0, debug, "log what is being done"),
	STRING("debug-log", debug_log, "FILE|DIR/",
	       "log of the sandbox; %ID% %TIMESTAMP% %COMMAND%"),
	FLAG("strace", 0, strace, "log the container's system calls to the debug log"),
	STRING("platform", platform, "systrap", "how the application's code is run"),
	STRING("network", network, "sandbox|tap|none",
	       "adopt the network namespace's interfaces, use a tap device, or loopback only"),
	STRING("tap-name", tap_name, "NAME", "--network=tap: the device (a new one)"),
	STRING("tap-ip", tap_ip, "ADDR/LEN",
	       "--network=tap: the host's address (a free private one)"),
	STRING("pcap", pcap, "FILE", "write every frame of the sandbox's links as pcapng"),
	STRING("overlay", overlay, "none|memory",
	       "keep writes in memory, away from the host's files"),
	STRING("overlay2", overlay, NULL, NULL),
	STRING("rootless", rootless, "true|false|auto", "accepted for compatibility"),
	FLAG("systemd-cgroup", 0, systemd_cgroup, "cgroupsPath is slice:prefix:name"),
	FLAG("ignore-cgroups", 0, ignore_cgroups, "do not make control groups"),
	FLAG("systrap-disable-syscall-patching", 0, no_patching,
	     "leave system call sites as they are"),
	FLAG("no-user-ns", 0, no_user_ns,
	     "debugging: keep the sandbox in the host's user namespace"),
	FLAG("help", 'h', help, "this text"),
	FLAG("version", 'v', version, "print the version"),
	/* Flags of other runtimes that engines and guides pass: nothing to do for them here. */
	IGNORED_STRING("criu"),
	IGNORED_STRING("cgroup-manager"),
	IGNORED_STRING("debug-log-format"),
	IGNORED_STRING("panic-log"),
	IGNORED_STRING("file-access"),
	IGNORED_STRING("host-uds"),
	IGNORED_STRING("file-access-mounts"),
	IGNORED_STRING("user-log"),
	IGNORED_STRING("watchdog-action"),
	IGNORED_STRING("host-fifo"),
	IGNORED("net-raw"),
	IGNORED("gso"),
	IGNORED("software-gso"),
	IGNORED("tx-checksum-offload"),
	IGNORED("rx-checksum-offload"),
	IGNORED("oci-seccomp"),
	IGNORED("directfs"),
	IGNORED("allow-suid"),
	IGNORED("alsologtostderr"),
	IGNORED("cpu-num-from-quota"),
	IGNORED("TESTONLY-unsafe-nonroot"),
	IGNORED("buffer-pooling"),
	IGNORED("vfs2"),
	IGNORED("fuse"),
	IGNORED("lisafs"),
	IGNORED("cgroupfs"),
	IGNORED("save-restore-netstack"),
	{0},
};

static void print_help(FILE *to)
{
	fprintf(to,
		"NAME:\n   runsc - runs containers in a sandbox with a network stack of its own\n\n"
		"USAGE:\n   runsc [global options] command [command options] [arguments...]\n\n"
		"COMMANDS:\n");
	for (const struct cmd *const *cmd = cmd_table; *cmd; cmd++)
		fprintf(to, "   %-11s %s\n", (*cmd)->name, (*cmd)->help);
	fprintf(to, "\nGLOBAL OPTIONS:\n");
	options_print(global_options, to);
}

static const char *default_root(void)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	static char path[256];

	/* Engines set it to nothing for some calls and not for others: root has one place only. */
	if (geteuid() == 0 || !xdg || !xdg[0])
		return "/run/netsentry";
	snprintf(path, sizeof(path), "%s/netsentry", xdg);
	return path;
}

static int read_words(struct globals *g, struct cause *cause)
{
	if (!g->root || !g->root[0])
		g->root = default_root();
	if (g->log_format && strcmp(g->log_format, "text") && strcmp(g->log_format, "json"))
		return cause_set(cause, -EINVAL, "--log-format: unknown format \"%s\"",
				 g->log_format);
	if (g->platform && strcmp(g->platform, "systrap"))
		return cause_set(cause, -EINVAL, "--platform: \"%s\" is not one of systrap",
				 g->platform);
	if (!g->network || !strcmp(g->network, "sandbox"))
		g->net_mode = NET_SANDBOX;
	else if (!strcmp(g->network, "tap"))
		g->net_mode = NET_TAP;
	else if (!strcmp(g->network, "none"))
		g->net_mode = NET_NONE;
	else
		return cause_set(cause, -EINVAL,
				 "--network: \"%s\" is not one of sandbox, tap, none", g->network);
	if (g->overlay && strcmp(g->overlay, "none") && strcmp(g->overlay, "memory") &&
	    strcmp(g->overlay, "root:memory") && strcmp(g->overlay, "all:memory"))
		return cause_set(cause, -EINVAL, "--overlay: \"%s\" is not one of none, memory",
				 g->overlay);
	g->overlay_root = g->overlay && strcmp(g->overlay, "none");
	g->overlay_binds = g->overlay_root && strcmp(g->overlay, "root:memory");
	return 0;
}

static const struct cmd *find_cmd(const char *name)
{
	for (const struct cmd *const *cmd = cmd_table; *cmd; cmd++) {
		if (!strcmp((*cmd)->name, name))
			return *cmd;
	}
	return NULL;
}

static bool wants_help(int argc, char **argv, enum option_order order)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h") ||
		    !strcmp(argv[i], "-help"))
			return true;
		if (order == OPTIONS_BEFORE_FIRST && argv[i][0] != '-')
			return false;
	}
	return false;
}

static int run_cmd(const struct cmd *cmd, const struct globals *g, int argc, char **argv,
		   struct cause *cause)
{
	struct cmd_call call = {.g = g, .cause = cause};
	int r;

	if (wants_help(argc, argv, cmd->order)) {
		cmd_print_help(cmd, stdout);
		return 0;
	}
	call.values = calloc(1, cmd->values_size + 1);
	if (!call.values)
		return cause_errno(cause, -ENOMEM, "arguments");
	if (cmd->defaults)
		cmd->defaults(call.values);
	r = options_parse(cmd->options, cmd->order, argc, argv, call.values, &call.args,
			  &call.n_args, cause);
	if (r < 0)
		return r;
	if (call.n_args < cmd->min_args || call.n_args > cmd->max_args) {
		/* The text goes to the terminal only: a json log must hold nothing but its lines.
		 */
		cmd_print_help(cmd, stderr);
		if (cmd->min_args == cmd->max_args)
			return cause_set(cause, -EINVAL, "\"%s\" requires exactly %zu argument(s)",
					 cmd->name, cmd->min_args);
		return cause_set(cause, -EINVAL, "\"%s\" requires %s %zu argument(s)", cmd->name,
				 call.n_args < cmd->min_args ? "at least" : "at most",
				 call.n_args < cmd->min_args ? cmd->min_args : cmd->max_args);
	}
	return cmd->run(&call);
}

static int fail(const struct cause *cause)
{
	log_error("%s", cause->text);
	return cause->exit_code ? cause->exit_code : 1;
}

int main(int argc, char **argv)
{
	struct globals g = {0};
	struct cause cause = {0};
	const struct cmd *cmd;
	char **rest;
	size_t n;
	int r;

	inherited_init();
	r = options_parse(global_options, OPTIONS_BEFORE_FIRST, argc, argv, &g, &rest, &n, &cause);
	if (r < 0)
		return fail(&cause);
	r = log_open(g.log, g.log_format && !strcmp(g.log_format, "json"), g.debug, &cause);
	if (r >= 0)
		r = read_words(&g, &cause);
	if (r < 0)
		return fail(&cause);
	if (g.version) {
		version_print(stdout);
		return 0;
	}
	if (g.help || !n || !strcmp(rest[0], "help")) {
		cmd = n > 1 ? find_cmd(rest[1]) : NULL;
		if (cmd)
			cmd_print_help(cmd, stdout);
		else
			print_help(stdout);
		return 0;
	}
	cmd = find_cmd(rest[0]);
	if (!cmd) {
		cause_set(&cause, -EINVAL, "unknown command \"%s\"", rest[0]);
		return fail(&cause);
	}
	r = run_cmd(cmd, &g, (int)n, rest, &cause);
	if (r < 0)
		return fail(&cause);
	if (fflush(stdout) != 0) {
		cause_errno(&cause, -errno, "stdout");
		return fail(&cause);
	}
	return r;
}
