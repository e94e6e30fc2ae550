/* SPDX-License-Identifier: Apache-2.0 */
/* ioctl(2) of both sides of a pseudo terminal: tty_ioctl(4), ioctl_tty(2). On the master they mean
 * the slave, with the few exceptions that pty(7) names. */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "boot/kernel.h"
#include "mm/mm.h"
#include "task/task.h"
#include "tty/tty_internal.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/walk.h"

#define TERMIO_NCC 8

struct termio_k { /* asm-generic/termios.h; glibc has another of the name */
	uint16_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[TERMIO_NCC];
	uint8_t pad;
};

#define TERMIOS_SIZE 36 /* struct termios of the kernel: without speeds */
#define TERMIOS2_SIZE 44

/* ---- termios ---- */

static uint32_t speed_of(uint32_t cbaud, uint32_t otherwise)
{
	static const uint32_t low[] = {0,   50,	  75,	110,  134,  150,  200,	 300,
				       600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
	static const uint32_t high[] = {0,	 57600,	  115200,  230400,  460800,  500000,
					576000,	 921600,  1000000, 1152000, 1500000, 2000000,
					2500000, 3000000, 3500000, 4000000};

	if ((cbaud & CBAUD) == BOTHER)
		return otherwise;
	return cbaud & CBAUDEX ? high[cbaud & 017] : low[cbaud & 017];
}

static long get_termios(struct pty *p, struct task *t, uint64_t arg, size_t size)
{
	mutex_lock(&p->mu);
	struct tty_termios tio = p->ld.tio;

	mutex_unlock(&p->mu);
	return copy_out(t, arg, &tio, size);
}

static long get_termio(struct pty *p, struct task *t, uint64_t arg)
{
	mutex_lock(&p->mu);
	struct tty_termios tio = p->ld.tio;

	mutex_unlock(&p->mu);
	struct termio_k out = {
		.iflag = (uint16_t)tio.iflag,
		.oflag = (uint16_t)tio.oflag,
		.cflag = (uint16_t)tio.cflag,
		.lflag = (uint16_t)tio.lflag,
		.line = tio.line,
	};

	memcpy(out.cc, tio.cc, TERMIO_NCC);
	return copy_out(t, arg, &out, offsetof(struct termio_k, pad) + 1);
}

/* Reads new settings over the present ones, in the form that @cmd has. */
static int read_termios(struct tty_termios *tio, struct task *t, unsigned long cmd, uint64_t arg)
{
	struct termio_k old;
	int r;

	switch (cmd) {
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		r = copy_in(t, &old, arg, offsetof(struct termio_k, pad) + 1);
		if (r < 0)
			return r;
		tio->iflag = (tio->iflag & 0xffff0000U) | old.iflag;
		tio->oflag = (tio->oflag & 0xffff0000U) | old.oflag;
		tio->cflag = (tio->cflag & 0xffff0000U) | old.cflag;
		tio->lflag = (tio->lflag & 0xffff0000U) | old.lflag;
		memcpy(tio->cc, old.cc, TERMIO_NCC);
		break;
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		r = copy_in(t, tio, arg, TERMIOS2_SIZE);
		if (r < 0)
			return r;
		break;
	default:
		r = copy_in(t, tio, arg, TERMIOS_SIZE);
		if (r < 0)
			return r;
		break;
	}
	tio->ospeed = speed_of(tio->cflag, tio->ospeed);
	tio->ispeed = (tio->cflag >> IBSHIFT) & CBAUD ? speed_of(tio->cflag >> IBSHIFT, tio->ispeed)
						      : tio->ospeed;
	return 0;
}

/* tcdrain(3): until the master has read everything. Linux's pty driver counts what it has handed
 * over as sent, so there is nothing to wait for. */
static long set_termios(struct pty *p, struct task *t, unsigned long cmd, uint64_t arg)
{
	struct tty_termios tio;
	int r = tty_check_change(p, t);

	if (r < 0)
		return r;
	mutex_lock(&p->mu);
	tio = p->ld.tio;
	mutex_unlock(&p->mu);
	r = read_termios(&tio, t, cmd, arg);
	if (r < 0)
		return r;
	mutex_lock(&p->mu);
	if (cmd == TCSETSF || cmd == TCSETAF || cmd == TCSETSF2)
		ldisc_flush_input(&p->ld);
	ldisc_set_termios(&p->ld, &tio);
	pty_unlock(p);
	return 0;
}

/* ---- queues and flow ---- */

static long flush(struct tty_file *tf, struct task *t, uint64_t arg)
{
	struct pty *p = tf->pty;
	int r = tty_check_change(p, t);

	if (r < 0)
		return r;
	if (arg > TCIOFLUSH)
		return -EINVAL;
	/* The master's input is the slave's output. */
	bool in = arg == TCIFLUSH || arg == TCIOFLUSH;
	bool out = arg == TCOFLUSH || arg == TCIOFLUSH;

	if (tf->master) {
		bool swap = in;

		in = out;
		out = swap;
	}
	mutex_lock(&p->mu);
	if (in)
		ldisc_flush_input(&p->ld);
	if (out)
		ldisc_flush_output(&p->ld);
	pty_unlock(p);
	return 0;
}

static long flow(struct pty *p, struct task *t, uint64_t arg)
{
	int r = tty_check_change(p, t);

	if (r < 0)
		return r;
	if (arg > TCION)
		return -EINVAL;
	mutex_lock(&p->mu);
	if (arg == TCOOFF)
		ldisc_stop(&p->ld);
	else if (arg == TCOON)
		ldisc_start(&p->ld);
	else if (p->ld.tio.cc[arg == TCIOFF ? VSTOP : VSTART])
		ldisc_put_raw(&p->ld, p->ld.tio.cc[arg == TCIOFF ? VSTOP : VSTART]);
	pty_unlock(p);
	return 0;
}

static long put_int(struct task *t, uint64_t arg, int value)
{
	return copy_out(t, arg, &value, sizeof(value));
}

static long inq(struct tty_file *tf, struct task *t, uint64_t arg)
{
	struct pty *p = tf->pty;

	mutex_lock(&p->mu);
	size_t n = tf->master ? ldisc_outq(&p->ld) : ldisc_inq(&p->ld);

	mutex_unlock(&p->mu);
	return put_int(t, arg, (int)n);
}

/* TIOCSTI: as if the byte had been typed. */
static long fake_input(struct pty *p, struct task *t, uint64_t arg)
{
	uint32_t dev;
	int32_t fg;
	uint8_t c;

	rwlock_rdlock(&t->kernel->tasks);
	tty_of_session(t->group->pgrp->session, &dev, &fg);
	bool own = t->group->pgrp->session->tty == (struct tty *)p;

	rwlock_unlock(&t->kernel->tasks);
	if (!own && !task_has_cap(t, CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_in(t, &c, arg, 1) < 0)
		return -EFAULT;
	mutex_lock(&p->mu);
	(void)ldisc_receive(&p->ld, &c, 1);
	pty_unlock(p);
	return 0;
}

/* ---- size ---- */

static long set_winsize(struct pty *p, struct task *t, uint64_t arg)
{
	uint16_t ws[4];

	if (copy_in(t, ws, arg, sizeof(ws)) < 0)
		return -EFAULT;
	mutex_lock(&p->mu);
	bool changed = memcmp(ws, p->winsize, sizeof(ws)) != 0;

	memcpy(p->winsize, ws, sizeof(ws));
	mutex_unlock(&p->mu);
	if (changed)
		pty_signal_fg(p, SIGWINCH);
	return 0;
}

static long get_winsize(struct pty *p, struct task *t, uint64_t arg)
{
	uint16_t ws[4];

	mutex_lock(&p->mu);
	memcpy(ws, p->winsize, sizeof(ws));
	mutex_unlock(&p->mu);
	return copy_out(t, arg, ws, sizeof(ws));
}

/* ---- the master's own ---- */

static long open_peer(struct file *f, struct pty *p, struct task *t, uint64_t flags)
{
	struct file *peer = NULL;
	struct path at = {0};
	char name[16];
	int n = snprintf(name, sizeof(name), "%u", p->index);
	struct fname fn = {name, (size_t)n};
	int r;

	if (f->inode->sb != p->devpts->sb)
		return -EIO; /* opened through a node elsewhere: no mount to open it on */
	r = dentry_lookup(f->path.mnt->sb->root, &fn, &at.dentry);
	if (r < 0)
		return r;
	if (!at.dentry->inode) {
		dentry_put(at.dentry);
		return -EIO;
	}
	at.mnt = mount_get(f->path.mnt);
	r = vfs_open_path(t, &at, (uint32_t)flags & ~(uint32_t)O_CLOEXEC, &peer);
	path_put(&at);
	if (r < 0)
		return r;
	r = fd_install(t, peer, 0, (flags & O_CLOEXEC) != 0);
	if (r < 0)
		file_put(peer);
	return r;
}

static long set_packet(struct pty *p, struct task *t, uint64_t arg)
{
	int on;

	if (copy_in(t, &on, arg, sizeof(on)) < 0)
		return -EFAULT;
	mutex_lock(&p->mu);
	if (on && !p->ld.packet)
		p->ld.pkt_status = 0;
	p->ld.packet = on != 0;
	mutex_unlock(&p->mu);
	return 0;
}

static long set_lock(struct pty *p, struct task *t, uint64_t arg)
{
	int on;

	if (copy_in(t, &on, arg, sizeof(on)) < 0)
		return -EFAULT;
	mutex_lock(&p->mu);
	p->locked = on != 0;
	mutex_unlock(&p->mu);
	return 0;
}

static long send_signal(struct pty *p, uint64_t signo)
{
	if (signo != SIGINT && signo != SIGQUIT && signo != SIGTSTP)
		return -EINVAL;
	pty_signal_fg(p, (int)signo);
	return 0;
}

static long master_ioctl(struct file *f, struct pty *p, struct task *t, unsigned long cmd,
			 uint64_t arg)
{
	switch (cmd) {
	case TIOCGPTN:
		return put_int(t, arg, (int)p->index);
	case TIOCSPTLCK:
		return set_lock(p, t, arg);
	case TIOCGPTLCK:
		return put_int(t, arg, p->locked);
	case TIOCPKT:
		return set_packet(p, t, arg);
	case TIOCGPKT:
		return put_int(t, arg, p->ld.packet);
	case TIOCGPTPEER:
		return open_peer(f, p, t, arg);
	case TIOCSIG:
		return send_signal(p, arg);
	default:
		return -ENOTTY;
	}
}

/* ---- the rest ---- */

static long set_exclusive(struct pty *p, bool on)
{
	mutex_lock(&p->mu);
	p->exclusive = on;
	mutex_unlock(&p->mu);
	return 0;
}

static long set_discipline(struct task *t, uint64_t arg)
{
	int which;

	if (copy_in(t, &which, arg, sizeof(which)) < 0)
		return -EFAULT;
	return which == 0 ? 0 : -EINVAL; /* N_TTY is all there is */
}

static long line_ioctl(struct tty_file *tf, struct task *t, unsigned long cmd, uint64_t arg)
{
	struct pty *p = tf->pty;

	switch (cmd) {
	case TIOCGWINSZ:
		return get_winsize(p, t, arg);
	case TIOCSWINSZ:
		return set_winsize(p, t, arg);
	case TCFLSH:
		return flush(tf, t, arg);
	case TCXONC:
		return flow(p, t, arg);
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
		return tty_check_change(p, t); /* no line to break */
	case FIONREAD:
		return inq(tf, t, arg);
	case TIOCOUTQ:
		return put_int(t, arg, 0); /* the driver hands everything over at once */
	case TIOCSTI:
		return fake_input(p, t, arg);
	case TIOCEXCL:
		return set_exclusive(p, true);
	case TIOCNXCL:
		return set_exclusive(p, false);
	case TIOCGEXCL:
		return put_int(t, arg, p->exclusive);
	case TIOCGETD:
		return put_int(t, arg, 0);
	case TIOCSETD:
		return set_discipline(t, arg);
	case TIOCVHANGUP:
		if (!task_has_cap(t, CAP_SYS_ADMIN))
			return -EPERM;
		tty_hangup(p);
		return 0;
	default:
		return -ENOTTY;
	}
}

long tty_ioctl_pty(struct file *f, struct task *t, unsigned long cmd, uint64_t arg)
{
	struct tty_file *tf = f->priv;
	struct pty *p = tf->pty;

	mutex_lock(&p->mu);
	bool hung = tty_file_hung(tf);

	mutex_unlock(&p->mu);
	if (hung)
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;

	long r = tty_job_ioctl(tf, f, t, cmd, arg);

	if (r != -ENOIOCTLCMD_TTY)
		return r;
	switch (cmd) {
	case TCGETS:
		return get_termios(p, t, arg, TERMIOS_SIZE);
	case TCGETS2:
		return get_termios(p, t, arg, TERMIOS2_SIZE);
	case TCGETA:
		return get_termio(p, t, arg);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		return set_termios(p, t, cmd, arg);
	default:
		r = line_ioctl(tf, t, cmd, arg);
		return r == -ENOTTY && tf->master ? master_ioctl(f, p, t, cmd, arg) : r;
	}
}
