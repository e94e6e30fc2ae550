/* SPDX-License-Identifier: Apache-2.0 */
/* Which descriptors our caller gave us: --preserve-fds must not pass on what we opened ourselves.
 */
#pragma once

#include <stdbool.h>

/* At the very start: opens /dev/null for missing stdio, and remembers. */
void inherited_init(void);
bool inherited_fd(int fd);
