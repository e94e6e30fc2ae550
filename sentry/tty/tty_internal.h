/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "core/mutex.h"
#include "core/ref.h"
#include "core/wait.h"
#include "tty/ldisc.h"
#include "tty/tty.h"
#include "vfs/inode.h"

/* The file systems' side of an instance: numbers and what new nodes look like. */
struct devpts {
	struct ref ref;
	struct mutex mu;		    /* RANK_OBJECT */
	struct pty **ptys;		    /* [mu] by number; borrowed: a pty takes itself out */
	uint32_t n, max;		    /* [mu], [I] */
	uint32_t mode, ptmx_mode, uid, gid; /* [I] */
	bool has_uid, has_gid;
	struct super *sb; /* [I] borrowed: gone before the last pty is possible */
};
void devpts_put(struct devpts *d);

/* A pair. Locks: [m] mu, [T] kernel.tasks (written exclusively), [a] atomic. */
struct pty {
	struct ref ref;	       /* files, the node's inode, the session */
	uint32_t index;	       /* [I] */
	struct devpts *devpts; /* [I] reference */
	struct mutex mu;       /* RANK_TTY */
	struct ldisc ld;       /* [m] the slave's */
	struct waitq master_q, slave_q;
	uint16_t winsize[4];	 /* [m] rows, columns, x, y */
	uint32_t slaves;	 /* [m] open files of the slave that are not hung up */
	uint32_t generation;	 /* [m] counts hang-ups: older files of the slave are dead */
	bool slave_gone;	 /* [m] the last slave was closed and none opened since */
	bool master_closed;	 /* [m] */
	bool locked;		 /* [m] TIOCSPTLCK */
	bool exclusive;		 /* [m] TIOCEXCL */
	_Atomic int32_t sid;	 /* [T] session it controls, 0: none */
	_Atomic int32_t fg_pgid; /* [T] foreground group, 0: none */
	struct inode *inode;	 /* [m] the slave's node, until the master closes; reference */
};

/* What file->priv of either side points to. */
struct tty_file {
	struct pty *pty;     /* reference */
	uint32_t generation; /* of a slave */
	bool master;
};

struct pty *pty_get(struct pty *p);
void pty_put(struct pty *p);
int pty_slave_open(struct pty *p, struct task *t, struct file *f);
bool tty_file_hung(const struct tty_file *tf); /* [m] */
/* Wakes both sides by what the line discipline did and raises its signals. Releases p->mu. */
void pty_unlock(struct pty *p);
/* Signals to the foreground process group. No locks held. */
void pty_signal_fg(struct pty *p, int signo);

/* jobctl.c. tty_check_*: 0, -EIO, or -ERESTARTSYS with the signal sent. */
int tty_check_read(struct pty *p, struct task *t);
int tty_check_change(struct pty *p, struct task *t);
void tty_adopt(struct pty *p, struct task *t, uint32_t flags); /* open(2) without O_NOCTTY */
long tty_job_ioctl(struct tty_file *tf, struct file *f, struct task *t, unsigned long cmd,
		   uint64_t arg); /* -ENOIOCTLCMD_TTY: not one of these */
void tty_hangup(struct pty *p);	  /* no locks held */
#define ENOIOCTLCMD_TTY 515

/* A new pair whose master is @f; the pair is borrowed. */
int pty_master_open(struct devpts *d, struct file *f, struct pty **ret);
long tty_ioctl_pty(struct file *f, struct task *t, unsigned long cmd, uint64_t arg);
