/* SPDX-License-Identifier: Apache-2.0 */
/* A command that stays with its container: signals and window sizes are passed on, the end is
 * awaited. */
#pragma once

#include "container/container.h"

/* Blocks the signals that are to be passed on. Before the container's processes are made (they
 * reset their masks). */
void attach_begin(void);
/* Waits for the sandbox, our child. Returns the status to exit with. */
int attach_wait(struct container *c);
/* Waits on a connection in CONTROL_WAIT for process @pid of the container. */
int attach_wait_exec(struct container *c, int wait_fd, int32_t pid);
