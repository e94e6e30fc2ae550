/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: config.md "POSIX-platform Hooks". Each gets the state on stdin. */
#pragma once

#include "container/container.h"

/* Runs the hooks of one kind in order, in the runtime's namespaces (or in the network namespace
 * @netns_fd >= 0). Returns 0, or the first failure with the cause; with @keep_going failures are
 * logged and the rest still runs. */
int hooks_run(const struct oci_spec *spec, enum oci_hook_kind kind, const struct container *c,
	      int netns_fd, bool keep_going, struct cause *cause);
