/* SPDX-License-Identifier: Apache-2.0 */
/* /dev: a tmpfs with the usual device nodes and links in it. */
#pragma once

struct super;

int devfs_new(struct super **ret);
