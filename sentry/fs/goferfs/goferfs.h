/* SPDX-License-Identifier: Apache-2.0 */
/* Files served by a gofer process over 9P2000.L with the netsentry extension. */
#pragma once

#include <stdbool.h>

struct super;

/* Mounts the tree behind a connected socket. Takes @fd, also on failure. The root may be a file.
 * @shared: others change the tree too, so attributes and names are asked for again; else the sandbox is
 * the only writer and everything is cached.
 * -EPROTO when the server does not speak the extension, -EIO when it is gone. */
int goferfs_new(struct super **ret, int fd, bool shared);
