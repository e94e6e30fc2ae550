/* SPDX-License-Identifier: Apache-2.0 */
/* Why something failed, in one line for a human: the object, then the cause. Functions return a
 * negative errno and put the line here, once, where it is known best. */
#pragma once

#include <stdarg.h>

#include "util/cleanup.h"

struct cause {
	char text[1024];
	int exit_code; /* what runsc should exit with, 0: 1 */
};

/* Both return @r. cause_errno() adds ": " and the words of errno @r. */
int cause_set(struct cause *c, int r, const char *fmt, ...) PRINTF_LIKE(3, 4);
int cause_errno(struct cause *c, int r, const char *fmt, ...) PRINTF_LIKE(3, 4);
