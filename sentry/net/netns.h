/* SPDX-License-Identifier: Apache-2.0 */
/* A network namespace: one stack, its mutex, its links, and the thread that waits for frames and
 * deadlines.
 *
 * A socket call takes the lock, does its stack work, and leaves through netns_unlock(), which runs the
 * stack's pending work, tells sleeping tasks, and sends what the stack queued: collected under the
 * lock, sent after it, one sender per link at a time, so that frames keep their order and no host call
 * happens with the lock held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ref.h"
#include "core/wait.h"
#include "netstack/stack.h"
#include "tap/tee.h"

struct sentry_config;
struct netns;

/* Who is told of a socket's readiness; the stack's cookie is its address. */
struct netns_sock {
	void (*ready)(struct netns_sock *s, uint32_t bits); /* under the namespace's lock */
};

/* Builds the namespace from the config: links, addresses, routes, neighbours, sysctls. On failure
 * @why gets a sentence. */
int netns_new(struct netns **ret, const struct sentry_config *cfg, char *why, size_t why_size);
/* Starts the pump thread. After lock-down, once. */
int netns_start(struct netns *ns);
struct netns *netns_get(struct netns *ns);
void netns_put(struct netns *ns);

/* Takes the lock and tells the stack the time. */
struct net_stack *netns_lock(struct netns *ns);
/* Leaves after calls that may have caused work. */
void netns_unlock(struct netns *ns);
/* Leaves after mere queries. */
void netns_unlock_query(struct netns *ns);

uint32_t netns_inode(const struct netns *ns); /* /proc/PID/ns/net */
struct tee_hub *netns_tee(struct netns *ns);
size_t netns_tee_links(const struct netns *ns, struct tee_link *ret, size_t max);
/* A capture was attached: drop reasons are collected while there is one. */
void netns_capture_changed(struct netns *ns);
