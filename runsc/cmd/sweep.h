/* SPDX-License-Identifier: Apache-2.0 */
/* Containers of "runsc do" belong to a process; when that was killed, nobody deletes them. */
#pragma once

/* The annotation that marks them. */
#define SWEEP_ANNOTATION "netsentry.do"

/* Removes those below @root whose sandbox has ended. Best effort. */
void sweep(const char *root);
