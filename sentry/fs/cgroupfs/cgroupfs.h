/* SPDX-License-Identifier: Apache-2.0 */
/* The container's own control group, as programs look at it (cgroups(7)): limits as the runtime says
 * them, usage as the sandbox measures it. Read-only, one group, the root of its hierarchy.
 *
 * Limits come as "controller/file=value" (version 1) or "file=value" (version 2); which of the two a
 * sandbox shows is what the first of them looks like. Files that show usage (memory.current, pids.current,
 * cpu.stat ...) need no value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets or changes files of the view. -EINVAL names no '=' or is too long, -ENOSPC: too many files; what
 * came before in the list stays set. */
int cgroup_view_set(const char *const *files, size_t n);
bool cgroup_view_is_v2(void);
/* pids.max of the view: how many tasks the container may have. INT64_MAX: as many as it likes. */
int64_t cgroup_view_pids_max(void);
/* The controllers of version 1 in the order in which they were given, "cpu" "memory" ...; NULL ends. */
const char *cgroup_view_controller(size_t i);
