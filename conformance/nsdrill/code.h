/* SPDX-License-Identifier: Apache-2.0 */
/* The %{ }% assertions: one python3 for all scripts of a run of the program. */
#pragma once

#include "nsdrill/script.h"

struct code;

/* Starts nothing yet: python3 is started by the first assertion. */
struct code *code_new(void);
struct code *code_free(struct code *code);
DEFINE_CLEANUP(struct code *, code_free)

/* Forgets the variables of the script before. */
void code_reset(struct code *code);

/* Runs a text with the values of @info (@len bytes of it are valid) as variables; @extra is more
 * assignments, or NULL. 0, -EINVAL with the exception in @diag, or another errno. */
int code_run(struct code *code, const char *text, struct loc at, const void *info, size_t len,
	     const char *extra, struct diag *diag);
