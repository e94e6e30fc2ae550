/* SPDX-License-Identifier: Apache-2.0 */
/* The first line of a #! script. Pure. Inside of the loader only. */
#pragma once

#include <stddef.h>

#define SCRIPT_BUF 256 /* as much of the file as counts */

struct script {
	char interp[SCRIPT_BUF];
	char arg[SCRIPT_BUF]; /* "": none */
};

/* @buf: the first bytes of the file, at most SCRIPT_BUF. 0, or -ENOEXEC when it is not a script. */
int script_parse(struct script *ret, const char *buf, size_t len);
