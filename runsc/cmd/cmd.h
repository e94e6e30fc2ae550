/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: one file each, one line each in the table of cmd/table.c. */
#pragma once

#include "cli/globals.h"
#include "cli/options.h"
#include "container/container.h"

/* What a command gets: its options in @values (zeroed memory of values_size, filled by the parser)
 * and its operands. Returns the exit status >= 0, or a negative errno with the cause. */
struct cmd_call {
	const struct globals *g;
	void *values;
	char **args;
	size_t n_args;
	struct cause *cause;
};

struct cmd {
	const char *name;
	const char *usage; /* operands, as shown */
	const char *help;  /* one line */
	int (*run)(struct cmd_call *call);
	const struct option_def *options;
	size_t values_size;
	enum option_order order;
	size_t min_args, max_args; /* SIZE_MAX: any number */
	void (*defaults)(void *values);
};

extern const struct cmd cmd_create, cmd_run, cmd_start, cmd_state, cmd_kill, cmd_delete, cmd_exec,
	cmd_list, cmd_ps, cmd_pause, cmd_resume, cmd_spec, cmd_features, cmd_do, cmd_capture,
	cmd_wait, cmd_events, cmd_update;

/* NULL-terminated. */
extern const struct cmd *const cmd_table[];

void cmd_print_help(const struct cmd *cmd, void *to);
void version_print(void *to);
#define RUNSC_VERSION "0.1.0"
#define RUNSC_SPEC_VERSION "1.0.2-dev"
