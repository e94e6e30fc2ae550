/* SPDX-License-Identifier: Apache-2.0 */
/* A writable memory layer over a file system that is not written to. */
#pragma once

struct super;

/* Takes a reference on @lower. */
int overlay_new(struct super **ret, struct super *lower);
