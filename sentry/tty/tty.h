/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo terminals: pty(7), pts(4), tty_ioctl(4), and the controlling terminal of a session
 * (POSIX.1-2017 11.1). */
#pragma once

#include <stdint.h>

struct file;
struct inode;
struct pty;
struct session;
struct super;
struct task;
struct tgroup;

/* A devpts instance. Options: mode= gid= uid= ptmxmode= max= newinstance. */
int devpts_new(struct super **ret, const char *options);
/* open(2) of the multiplexor: a new pair, in the instance of @inode (or the first one that was
 * mounted). Sets f->ops and f->priv. -ENODEV without an instance, -ENOSPC on its limit. */
int ptmx_open(struct inode *inode, struct task *t, struct file *f);
/* open(2) of /dev/tty when the session's terminal is a pseudo terminal. -ENXIO: it is not. */
int tty_open_current(struct task *t, struct file *f);

/* The session leader @g has ended: its terminal is hung up (setpgid(2), POSIX.1-2017 exit()). No
 * locks held. */
void tty_leader_exit(struct tgroup *g);
/* vhangup(2): hangs up the caller's terminal. */
void tty_vhangup(struct task *t);
/* For /proc/PID/stat: device number of the controlling terminal and its foreground group (0, -1:
 * none). [T] held. */
void tty_of_session(const struct session *s, uint32_t *dev, int32_t *fg_pgid);
