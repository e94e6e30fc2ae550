/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fs/hostfs/hostfs.h"
#include "util/list.h"
#include "vfs/inode.h"

struct host_inode {
	struct inode inode;
	struct host_watch watch;
	int fd;		 /* [I] owned */
	uint32_t access; /* [I] O_ACCMODE of the host description */
	bool stream;	 /* [I] no offset: pipe, socket, terminal */
	bool tty;	 /* [I] */
	/* Terminals, tty.c. */
	struct list tty_link;
	_Atomic int32_t fg_pgrp; /* what TIOCSPGRP said; 0: the first process that asked */
	_Atomic int32_t sid;	 /* session it controls; 0: not known yet */
};

int host_inode_open(struct host_inode *hi, struct file *f);

void tty_add(struct host_inode *hi);
void tty_remove(struct host_inode *hi);
long tty_ioctl(struct host_inode *hi, struct task *t, unsigned long cmd, uint64_t arg);
