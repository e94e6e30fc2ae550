/* SPDX-License-Identifier: Apache-2.0 */
/* How the sentry gives up its privileges, step by step. The namespaces are made by who starts it;
 *here is what it does to itself. Each stage can be called alone, returns 0 or a negative errno, and
 *is checked by a test that reads /proc.
 *
 *	stage_fds	  nothing is open but what was given
 *	stage_root	  the file system is an empty, read-only tmpfs
 *	stage_limits	  no core dumps, no tracing by peers (dumpable 0)
 *	stage_caps	  no capabilities: bounding, ambient, inheritable, permitted, effective;
 *locked stage_nnp	  no_new_privs stage_filter	  the system calls of host/ only
 */
#pragma once

#include <stddef.h>

/* Closes every descriptor but @keep (any order, negative entries ignored). Before anything is
 * opened. */
int stage_fds(const int *keep, size_t n);
struct sentry_config;
/* The same with the descriptors of @cfg, and 0 to 2. */
int stage_fds_config(const struct sentry_config *cfg);
/* Moves into a mount namespace of its own whose root is empty. Needs CAP_SYS_ADMIN in the user
 * namespace. */
int stage_root(void);
int stage_limits(void);
int stage_caps(void);
int stage_nnp(void);
int stage_filter(void);

/* All of them but stage_fds, in order. The process has one thread. */
int stages_lock_down(void);
