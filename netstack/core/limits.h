/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults and checks of the budgets and tunables (netstack/stack.h has the structs). */
#pragma once

#include "netstack/stack.h"

void limits_default(struct net_limits *lim);
void tunables_default(struct net_tunables *t);
/* 0 or -EINVAL. */
MUST_CHECK int limits_check(const struct net_limits *lim);
MUST_CHECK int tunables_check(const struct net_tunables *t);
