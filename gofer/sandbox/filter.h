/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp allow-list of the gofer. */
#pragma once

#include <stddef.h>

#include "fs/host.h"
#include "util/cleanup.h"

/* Every HOST_SYSCALL() linked into this program; *ret_n of them. */
const struct host_syscall *filter_calls(size_t *ret_n);

/* Sets no_new_privs and installs the filter: what is not declared kills the process. 0 or -errno.
 */
MUST_CHECK int filter_install(void);
