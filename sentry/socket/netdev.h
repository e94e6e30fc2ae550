/* SPDX-License-Identifier: Apache-2.0 */
/* netdevice(7) ioctls: shared between their files. */
#pragma once

#include <stdint.h>

struct task;

/* SIOCSIF*, SIOCADDRT, SIOCDELRT, SIOCSARP, SIOCDARP, SIOCGARP: -ENOTTY for others. */
long netdev_set_ioctl(struct task *t, unsigned long cmd, uint64_t arg);
/* SIOCETHTOOL (ethtool(8) without netlink). */
long netdev_ethtool(struct task *t, uint64_t arg);
