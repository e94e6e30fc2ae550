/* SPDX-License-Identifier: Apache-2.0 */
/* Advisory locks: flock(2), POSIX record locks (owner: descriptor table), open file description locks
 * (owner: file). One mutex for all of them (RANK_OBJECT). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vfs/inode.h"

struct flock;
struct seq;

int lock_flock(struct file *f, struct task *t, int op);
/* F_GETLK F_SETLK F_SETLKW and F_OFD_*: @lk in and out, l_whence already checked. */
int lock_fcntl(struct file *f, struct task *t, int cmd, struct flock *lk);
/* close(2) of any descriptor of the inode drops the POSIX locks of its table. */
void lock_close_posix(struct inode *inode, const void *owner);
void lock_release_file(struct file *f); /* the description is gone: flock and OFD locks */
void lock_ctx_free(struct inode *inode);
/* For /proc/locks. */
void lock_show(struct seq *s);
