/* SPDX-License-Identifier: Apache-2.0 */
/* What network namespaces tell rtnetlink. */
#pragma once

struct net_change;
struct net_ct_event;
struct net_stack;
struct netns;

/* Tells the multicast groups of one change. Called with the namespace's stack locked. */
void rt_changed(struct netns *ns, struct net_stack *stack, const struct net_change *c);
/* Something happened to a connection. The same. */
void conntrack_changed(struct netns *ns, const struct net_ct_event *e);
