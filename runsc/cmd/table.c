/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/cmd.h"

const struct cmd *const cmd_table[] = {
	&cmd_capture, &cmd_create, &cmd_delete, &cmd_do,   &cmd_events, &cmd_exec, &cmd_features,
	&cmd_kill,    &cmd_list,   &cmd_pause,	&cmd_ps,   &cmd_resume, &cmd_run,  &cmd_spec,
	&cmd_start,   &cmd_state,  &cmd_update, &cmd_wait, NULL,
};

void cmd_print_help(const struct cmd *cmd, void *to)
{
	fprintf(to, "NAME:\n   runsc %s - %s\n\nUSAGE:\n   runsc %s%s%s%s\n", cmd->name, cmd->help,
		cmd->name, cmd->options->name ? " [command options]" : "", cmd->usage[0] ? " " : "",
		cmd->usage);
	if (cmd->options->name) {
		fprintf(to, "\nOPTIONS:\n");
		options_print(cmd->options, to);
	}
}

void version_print(void *to)
{
	fprintf(to, "runsc version %s\nspec: %s\n", RUNSC_VERSION, RUNSC_SPEC_VERSION);
}
