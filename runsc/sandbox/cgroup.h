/* SPDX-License-Identifier: Apache-2.0 */
/* The container's control group: v1, v2 and hybrid layouts, whatever of them is mounted.
 *
 * A set is a JSON array of the directories that were made. What the host does not allow is a
 * warning: the sandbox enforces the container's limits itself, the group is the second fence. Host
 * limits get head-room for the sandbox's own memory and threads.
 */
#pragma once

#include "container/container.h"

/* Whether this host has the unified hierarchy only. */
bool cgroup_host_is_v2(void);
/* The controllers of version 1 that are used, NULL-terminated. */
extern const char *const cgroup_v1_controllers[];
/* cpu.shares (2..262144, others are brought into it) to cpu.weight, as every runtime converts it. */
int64_t cgroup_weight(int64_t shares);

/* Makes the directories. @systemd: the path is slice:prefix:name. */
json_t *cgroup_create(const char *path, const char *id, bool systemd);
void cgroup_join(const json_t *dirs, pid_t pid);
/* What the host does not permit is a warning; a value that it refuses is an error. */
int cgroup_apply(const json_t *dirs, const struct oci_resources *r, struct cause *cause);
/* Freezer; 0, or -EOPNOTSUPP without one. */
int cgroup_freeze(const json_t *dirs, bool frozen);
/* Kills what is left in it, thaws, and removes the directories. */
void cgroup_remove(const json_t *dirs);
/* Pids in it, sorted. Returns how many; the array is to be freed. */
size_t cgroup_pids(const json_t *dirs, pid_t **ret);
/* One counter of the first directory that has the file; false when none has. */
bool cgroup_read(const json_t *dirs, const char *file, char *buf, size_t size);
