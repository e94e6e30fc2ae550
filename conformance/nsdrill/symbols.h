/* SPDX-License-Identifier: Apache-2.0 */
/* Names of constants, and what expressions are worth. */
#pragma once

#include "nsdrill/script.h"

bool symbol_value(const char *name, int64_t *ret);
/* "EAGAIN"; for an unknown one a text that the next call overwrites. */
const char *symbol_errno(int err);

/* Numbers, symbols, a|b, htons(), and [n]. 0, or -EINVAL with @diag filled. */
int eval_int(const struct expr *e, int64_t *ret, struct diag *diag);
