/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of scripts that set up the stack, done without a shell. */
#pragma once

#include "nsdrill/target.h"

/* defaults.sh, set_sysctls.py, sysctl -q a=b, echo n > /proc/sys/...: as settings of the target.
 * What remains is given to the target, or ignored where it is about the host (tc, ip tcp_metrics).
 * 0, or -EINVAL with @diag. */
int command_run(struct target *t, const char *text, struct loc at, struct diag *diag);
