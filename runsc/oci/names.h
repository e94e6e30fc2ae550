/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the OCI documents and the numbers that Linux gives them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* "CAP_CHOWN" (any case, prefix optional) -> 0..40, or -EINVAL. */
int cap_from_name(const char *name);
const char *cap_name(unsigned cap);
#define CAP_LAST 40

/* "RLIMIT_NOFILE" -> RLIMIT_NOFILE, or -EINVAL. */
int rlimit_from_name(const char *name);

/* "TERM", "SIGTERM", "15", "SIGRTMIN+3", "rtmax-1" -> 1..64, or -EINVAL. */
int signal_from_name(const char *name);
