/* SPDX-License-Identifier: Apache-2.0 */
/* The control loop: the main thread of a running sentry (protocol: include/sentry/control.h). */
#pragma once

struct kernel;
struct sentry_config;
struct task;

/* Serves control requests until the container's init has exited or the sandbox is dying. @init is
 * started by CONTROL_START unless cfg->start_now. */
void control_loop(struct kernel *k, const struct sentry_config *cfg, struct task *init);
